/* SPDX-License-Identifier: Apache-2.0 */
#include "rules.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "pipeline/routing.h"
#include "store.h"

static const char base_text[] =
    "source:\n"
    "  kafka: { brokers: [127.0.0.1:1], topics: [logs], group: g, start: earliest, out_of_range: "
    "earliest }\n"
    "routes: v\n"
    "unmatched: drop\n"
    "dead_letter: { topic: dead }\n"
    "state: { topic: state }\n"
    "sinks:\n"
    "  es0: { type: elasticsearch, nodes: [\"http://es0\"], index: i, compression: none }\n"
    "  es1: { type: elasticsearch, nodes: [\"http://es1\"], index: i, compression: none }\n"
    "  s3a: { type: s3, bucket: b, region: r, endpoint: \"http://s3a\", key: \"k\", compression: "
    "none,"
    " access_key: a, secret_key: s }\n"
    "  s3b: { type: s3, bucket: b, region: r, endpoint: \"http://s3b\", key: \"k={k}\", "
    "compression: none,"
    " access_key: a, secret_key: s }\n"
    "  hook0: { type: webhook, url: \"http://hook0/in\", allow_private: true, id_field: off }\n"
    "  hook1: { type: webhook, url: \"http://hook1/in\", allow_private: true, id_field: off }\n";

static struct sl_config *base;
static char folder[64];
static bool written[TABLES_MAX][1 << SINKS_MAX];
static char paths[TABLES_MAX][1 << SINKS_MAX][16];

void rules_open(void)
{
    struct sl_diags diags;

    sl_diags_init(&diags);
    base = sl_config_parse("sluice.yaml", sl_slice_str(base_text), &diags);
    if (!base) {
        sl_diags_print(&diags, stderr);
        exit(2);
    }
    sl_diags_release(&diags);
    snprintf(folder, sizeof(folder), "%s/sluice-sim-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder) || chdir(folder) != 0) {
        perror(folder);
        exit(2);
    }
}

void rules_close(void)
{
    for (unsigned t = 0; t < TABLES_MAX; t++)
        for (unsigned k = 0; k < 1 << SINKS_MAX; k++)
            if (paths[t][k][0]) {
                char file[32];

                snprintf(file, sizeof(file), "%s/rules.csv", paths[t][k]);
                unlink(file);
                rmdir(paths[t][k]);
            }
    if (chdir("/") == 0)
        rmdir(folder);
    sl_config_free(base);
}

void rules_begin(void)
{
    memset(written, 0, sizeof(written));
}

uint8_t rules_expected(unsigned table, unsigned sinks, unsigned kind)
{
    uint8_t to = sim->scenario->table[table][kind] & (uint8_t)sinks;

    /* Nobody is left of those that the table names: the first there is. */
    if (!to && sim->scenario->table[table][kind])
        to = (uint8_t)(sinks & -sinks);
    return to;
}

static void write_rules(unsigned table, unsigned sinks)
{
    char file[32];
    FILE *f;

    snprintf(paths[table][sinks], sizeof(paths[table][sinks]), "v%u-%x", table, sinks);
    mkdir(paths[table][sinks], 0700);
    snprintf(file, sizeof(file), "%s/rules.csv", paths[table][sinks]);
    f = fopen(file, "w");
    if (!f)
        abort();
    fputs("name,k,drop,to\n", f);
    for (unsigned k = 0; k < KINDS; k++) {
        uint8_t to = rules_expected(table, sinks, k);
        const char *between = "";

        fprintf(f, "k%u,%u,%s,", k, k, to ? "" : "true");
        for (unsigned s = 0; s < SINKS_MAX; s++)
            if (to >> s & 1) {
                fprintf(f, "%s%s", between, store_names[s]);
                between = " ";
            }
        fputc('\n', f);
    }
    fclose(f);
    written[table][sinks] = true;
}

void rules_point(struct replica *r)
{
    if (!written[r->rules][r->sink_set])
        write_rules(r->rules, r->sink_set);
    r->route_paths[0] = paths[r->rules][r->sink_set];
}

const char *rules_id(unsigned sink)
{
    return base->sinks[sink].id;
}

static void tune(struct sl_sink_config *c, unsigned sink)
{
    const struct scenario *s = sim->scenario;

    c->queue_bytes = s->queue_bytes[sink];
    c->batch_bytes = s->batch_bytes[sink];
    c->batch_records = s->batch_records[sink];
    c->batch_age_ms = s->batch_age_ms[sink];
    c->requests = s->requests[sink];
    c->overflow = s->blocks[sink] ? SL_OVERFLOW_BLOCK : SL_OVERFLOW_DETACH;
    c->overflow_after_ms = s->overflow_after_ms[sink];
    c->start = s->earliest >> sink & 1 ? SL_START_EARLIEST : SL_START_COMMITTED;
    c->timeout_ms = 10000;
    c->retry_max_ms = 5000;
}

static void configure(struct replica *r)
{
    size_t n = 0;

    r->config = *base;
    r->config.path = NULL;
    for (unsigned s = 0; s < SINKS_MAX; s++)
        if (r->sink_set >> s & 1) {
            r->sinks[n] = base->sinks[s];
            tune(&r->sinks[n++], s);
        }
    r->config.sinks = r->sinks;
    r->config.n_sinks = n;
    r->config.routes.items = r->route_paths;
    r->config.routes.n = 1;
    r->config.shutdown_ms = 10000;
}

void rules_configure(struct replica *r)
{
    configure(r);
    rules_point(r);
}

void rules_head(unsigned table, unsigned sinks, char ret[13])
{
    struct replica *r = sim_new(sizeof(*r)), *before = sim->current;
    struct sl_routing_config config = {.config = &r->config};
    struct sl_routing *routing;
    struct sl_error err = {0};
    struct sl_diags diags;

    sim->current = NULL; /* the auditor's own */
    r->rules = table;
    r->sink_set = sinks;
    rules_configure(r);
    sl_diags_init(&diags);
    routing = sl_routing_new(&config, &diags, &err);
    if (routing)
        snprintf(ret, 13, "%.12s", routing->decisions);
    else
        sim_find("rules cannot be loaded: %s", diags.n ? diags.items[0].text : err.text);
    sl_diags_release(&diags);
    sl_routing_free(routing);
    sim_free(r);
    sim->current = before;
}
