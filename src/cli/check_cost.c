/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json_text.h"
#include "cli/check_rules.h"

/* What the rules cost that no index can rule out: each is asked about every record of the sample,
 * by itself. */

enum {
    MEASURED_MAX = 1000,     /* rules */
    QUESTIONS_MAX = 2000000, /* rules times records */
    RECORDS_MIN = 10,
    SHOWN_MAX = 10,
    CALIBRATION = 1000,
    TYPICAL_ROUNDS = 100,
};

/* Without a sample: what logs mostly look like. */
static const char *const typical[] = {
    "{\"timestamp\":\"2026-01-31T12:00:00.123Z\",\"level\":\"info\",\"service\":\"tile-server\","
    "\"message\":\"served /tiles/12/2200/1343.png in 18 ms\",\"status\":200,\"bytes\":48211}",
    "{\"time\":\"2026-01-31T12:00:01Z\",\"level\":\"error\",\"service\":\"download-server\","
    "\"message\":\"upstream timed out after 30000 ms\",\"path\":\"/v1/scenes/17\",\"status\":504,"
    "\"request_id\":\"5f2c9b1e-0d3a-4f7c-9c55-0b1f2e3d4c5b\",\"user\":{\"id\":\"u-2231\"}}",
    "{\"name\":\"image_downloaded\",\"value\":1,\"fields\":{\"image_size\":1048576,\"scene\":"
    "\"S2A\"},"
    "\"service\":\"worker\",\"stage\":\"prod\"}",
    "{\"level\":\"debug\",\"logger\":\"cache\",\"message\":\"hit ratio 0.93 over 1000 look-ups\"}",
    "Jan 31 12:00:02 host-7 sshd[4211]: Accepted publickey for deploy from 10.4.3.2 port 51122",
    "10.1.2.3 - - [31/Jan/2026:12:00:03 +0000] \"GET /health HTTP/1.1\" 200 2 \"-\" \"kube-probe\"",
    "{\"level\":\"warn\",\"service\":\"billing\",\"message\":\"retrying payment 8812 (attempt 2)\","
    "\"labels\":[\"payment\",\"retry\"],\"duration\":1.25}",
    "java.lang.IllegalStateException: Queue full at com.example.Worker.run(Worker.java:42)",
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* What asking for the time costs itself. */
static double clock_cost(void)
{
    const uint64_t begin = now_ns();

    for (unsigned i = 0; i < CALIBRATION; i++)
        (void)now_ns();
    return (double)(now_ns() - begin) / CALIBRATION;
}

static size_t gather(const struct sl_rules *r, unsigned *rules, size_t *ret_n)
{
    size_t always = 0;

    *ret_n = 0;
    for (unsigned i = 0; i < sl_rules_count(r); i++) {
        if (!sl_rules_always_tried(r, i) || sl_rule_is_unconditional(r, i))
            continue;
        always++;
        if (*ret_n < MEASURED_MAX)
            rules[(*ret_n)++] = i;
    }
    return always;
}

/* Every record of the sample `rounds` times. */
static size_t measure(struct sl_rule_check *c, const struct sl_sample *sample, size_t rounds,
                      const unsigned *rules, size_t n, double *ns)
{
    struct sl_rules_probe *probe = sl_rules_probe_new(c->offline->routing->rules);
    const double clock = clock_cost();
    size_t most = QUESTIONS_MAX / n, records = 0;

    most = most < RECORDS_MIN ? RECORDS_MIN : most;
    for (size_t i = 0; i < rounds * sample->n && records < most; i++) {
        if (!sl_offline_decode(c->offline, &sample->items[i % sample->n]))
            continue;
        records++;
        for (size_t k = 0; k < n; k++) {
            uint64_t begin;

            sl_rules_probe_begin(probe, &c->offline->record);
            begin = now_ns();
            (void)sl_rules_probe_ask(probe, rules[k]);
            ns[k] += (double)(now_ns() - begin) - clock;
        }
    }
    for (size_t k = 0; k < n && records; k++)
        ns[k] = ns[k] > 0 ? ns[k] / (double)records : 0;
    sl_rules_probe_free(probe);
    return records;
}

static int dearest_first(const void *a, const void *b)
{
    const struct sl_costly_rule *x = a, *y = b;

    return x->ns > y->ns ? -1 : x->ns < y->ns;
}

void sl_check_cost(struct sl_rule_check *c)
{
    const struct sl_rules *r = c->offline->routing->rules;
    struct sl_rule_findings *f = c->findings;
    unsigned rules[MEASURED_MAX];
    double ns[MEASURED_MAX] = {0};
    struct sl_sample made = {0};

    f->n_always = gather(r, rules, &f->n_costly);
    if (f->n_costly == 0)
        return;
    f->typical = !c->sample || c->sample->n == 0;
    if (f->typical)
        sl_sample_lines(typical, SL_LENGTH(typical), "logs", &made);
    f->cost_records = measure(c, f->typical ? &made : c->sample, f->typical ? TYPICAL_ROUNDS : 1,
                              rules, f->n_costly, ns);
    if (f->typical)
        f->cost_records = made.n;
    f->costly = sl_calloc(f->n_costly, sizeof(*f->costly));
    for (size_t i = 0; i < f->n_costly; i++) {
        const struct sl_rule_info info = sl_rules_info(r, rules[i]);

        f->costly[i] = (struct sl_costly_rule){
            .name = sl_strdup(info.name),
            .file = sl_strdup(info.file),
            .line = info.line,
            .why = sl_rules_always_tried(r, rules[i]),
            .ns = ns[i],
        };
    }
    qsort(f->costly, f->n_costly, sizeof(*f->costly), dearest_first);
    sl_sample_release(&made);
}

/* ---- telling ---- */

void sl_rule_findings_print(const struct sl_rule_findings *f, FILE *to)
{
    double total = 0;

    for (size_t i = 0; i < f->n_notes; i++) {
        fputs("note: ", to);
        sl_print_line(f->notes[i], to);
    }
    if (f->n_costly == 0)
        return;
    for (size_t i = 0; i < f->n_costly; i++)
        total += f->costly[i].ns;
    fprintf(to,
            "note: %zu rule%s tried for every record that comes to %s: no index can rule %s out\n",
            f->n_always, f->n_always == 1 ? " is" : "s are", f->n_always == 1 ? "it" : "them",
            f->n_always == 1 ? "it" : "them");
    for (size_t i = 0; i < f->n_costly && i < SHOWN_MAX; i++) {
        const struct sl_costly_rule *one = &f->costly[i];
        char *line = sl_asprintf("  %7.0f ns  %s:%u: `%s`: %s", one->ns, one->file, one->line,
                                 one->name, one->why);

        sl_print_line(line, to);
        free(line);
    }
    if (f->n_costly > SHOWN_MAX)
        fprintf(to, "  ... %zu more\n", f->n_always - SHOWN_MAX);
    fprintf(to, "  %7.0f ns  a record in all, over %zu %s\n", total, f->cost_records,
            f->typical ? "made-up log lines (--sample FILE for your own)"
                       : "records of the sample");
}

void sl_rule_findings_json(const struct sl_rule_findings *f, struct sl_buf *out)
{
    for (size_t i = 0; i < f->n_notes; i++) {
        sl_buf_text(out, i ? ",\"" : ",\"notes\":[\"");
        sl_json_escape(sl_slice_str(f->notes[i]), out);
        sl_buf_byte(out, '"');
    }
    if (f->n_notes)
        sl_buf_byte(out, ']');
    for (size_t i = 0; i < f->n_costly; i++) {
        const struct sl_costly_rule *one = &f->costly[i];

        sl_buf_text(out, i ? ",{\"rule\":\"" : ",\"always_tried\":[{\"rule\":\"");
        sl_json_escape(sl_slice_str(one->name), out);
        SL_BUF_LITERAL(out, "\",\"file\":\"");
        sl_json_escape(sl_slice_str(one->file), out);
        sl_buf_printf(out, "\",\"line\":%u,\"why\":", one->line);
        sl_json_text(out, one->why);
        sl_buf_printf(out, ",\"ns\":%.1f}", one->ns);
    }
    if (f->n_costly)
        sl_buf_printf(out, "],\"always_tried_rules\":%zu,\"measured_records\":%zu", f->n_always,
                      f->cost_records);
}
