/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/verify.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cli/json_look.h"
#include "cli/show.h"

enum { RECORD_MAX = 128 << 20, NAMES_MAX = 16 << 10 };

struct verify {
    struct sl_offline *o;
    const struct sl_expected *want;
    struct sl_mismatches *ret;
};

void sl_verify_input(const struct sl_rule_test *test, const struct sl_config *config,
                     struct sl_input_record *ret)
{
    *ret = (struct sl_input_record){
        .topic = test->topic ? test->topic : sl_input_default_topic(config),
        .cluster_id = "",
        .line = test->line,
        .message =
            {
                .timestamp_ms = test->time_ms,
                .key = test->key,
                .value = test->value,
                .headers = test->headers,
                .n_headers = test->n_headers,
            },
    };
}

/* Takes what and the two texts. */
static void add(struct verify *v, char *what, char *expected, char *got)
{
    struct sl_mismatches *m = v->ret;

    m->items = sl_reallocarray(m->items, m->n + 1, sizeof(*m->items));
    m->items[m->n++] = (struct sl_mismatch){what, expected, got};
}

void sl_mismatches_release(struct sl_mismatches *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->items[i].what);
        free(m->items[i].expected);
        free(m->items[i].got);
    }
    free(m->items);
    *m = (struct sl_mismatches){0};
}

/* ---- rule, to, dropped ---- */

static void check_rule(struct verify *v)
{
    const char *got = sl_offline_rule_name(v->o, sl_offline_decider(v->o));

    if (v->want->rule && strcmp(v->want->rule, got) != 0)
        add(v, sl_strdup("rule"), sl_strdup(v->want->rule), sl_strdup(got));
}

static char *sink_names(const struct sl_config *config, uint64_t sinks)
{
    struct sl_buf text;
    bool first = true;

    sl_buf_init(&text, NAMES_MAX);
    sl_buf_byte(&text, '[');
    for (size_t i = 0; i < config->n_sinks; i++)
        if (sinks >> i & 1) {
            sl_buf_printf(&text, "%s%s", first ? "" : ", ", config->sinks[i].name);
            first = false;
        }
    sl_buf_byte(&text, ']');
    return sl_buf_take(&text);
}

static void check_to(struct verify *v)
{
    if (v->want->has_to && v->want->to != v->o->decision.sinks)
        add(v, sl_strdup("to"), sink_names(v->o->config, v->want->to),
            sink_names(v->o->config, v->o->decision.sinks));
}

static void check_dropped(struct verify *v)
{
    const struct sl_decision *d = &v->o->decision;
    bool dropped = d->dropped_by != SL_RULE_NONE, good = true;
    const char *expected = "no";

    switch (v->want->drop) {
    case SL_EXPECT_ANYTHING:
        return;
    case SL_EXPECT_KEPT:
        good = !dropped;
        break;
    case SL_EXPECT_DROPPED:
        good = dropped;
        expected = "yes";
        break;
    case SL_EXPECT_REASON:
        good = dropped && d->drop_reason == v->want->reason;
        expected = sl_drop_reason_word(v->want->reason);
        break;
    }
    if (!good)
        add(v, sl_strdup("dropped"), sl_strdup(expected),
            sl_strdup(dropped ? sl_drop_reason_word(d->drop_reason) : "no"));
}

/* ---- what the sinks get ---- */

static const struct sl_choice *choice_of(const struct sl_decision *d, int sink)
{
    if (sink < 0)
        return d->n ? &d->chosen[0] : NULL;
    for (size_t i = 0; i < d->n; i++)
        if (d->chosen[i].sink == (unsigned)sink)
            return &d->chosen[i];
    return NULL;
}

static char *as_text(struct sl_slice json)
{
    return json.p ? sl_strndup(json.p, json.n) : sl_strdup("(missing)");
}

static void check_field(struct verify *v, const struct sl_expected_field *f, struct sl_slice record)
{
    struct sl_slice got = sl_json_find(record, sl_slice_str(f->path));
    bool missing = !got.p || sl_slice_is(got, "null"), none = sl_slice_is(f->json, "null");

    if (none ? missing : got.p && sl_json_equal(got, f->json))
        return;
    add(v, sl_asprintf("field %s", f->path), none ? sl_strdup("(missing)") : as_text(f->json),
        as_text(got));
}

static void check_fields(struct verify *v)
{
    const struct sl_choice *c = choice_of(&v->o->decision, -1);
    struct sl_buf record;

    if (v->want->n_fields == 0)
        return;
    if (!c) {
        add(v, sl_strdup("fields"), sl_strdup("a sink that gets the record"), sl_strdup("none"));
        return;
    }
    sl_buf_init(&record, RECORD_MAX);
    sl_record_json(c->record, false, sl_slice("", 0), &record, NULL);
    for (size_t i = 0; i < v->want->n_fields; i++)
        check_field(v, &v->want->fields[i], sl_buf_as_slice(&record));
    sl_buf_release(&record);
}

static size_t same_until(struct sl_slice a, struct sl_slice b)
{
    size_t n = 0;

    while (n < a.n && n < b.n && a.p[n] == b.p[n])
        n++;
    return n;
}

static void check_bytes_of(struct verify *v, const struct sl_expected_bytes *want)
{
    const struct sl_choice *c = choice_of(&v->o->decision, want->sink);
    const char *sink = want->sink >= 0 ? v->o->config->sinks[want->sink].name
                       : c             ? v->o->config->sinks[c->sink].name
                                       : "any sink";
    struct sl_slice got = {NULL, 0};
    size_t body = 0;
    struct sl_buf out;

    sl_buf_init(&out, RECORD_MAX);
    if (c && sl_offline_preview(v->o, c, &out, &body, NULL) == SL_OK) {
        got = sl_slice(out.p + body, out.n - body);
        got.n -= got.n && got.p[got.n - 1] == '\n';
    }
    if (!got.p)
        add(v, sl_asprintf("bytes for %s", sink), as_text(want->text),
            sl_strdup(c ? "(too large for the sink)" : "(it gets no record)"));
    else if (!sl_slice_equal(got, want->text))
        add(v, sl_asprintf("bytes for %s, from byte %zu on", sink, same_until(got, want->text) + 1),
            as_text(want->text), as_text(got));
    sl_buf_release(&out);
}

void sl_verify(struct sl_offline *o, const struct sl_rule_test *test, struct sl_mismatches *ret)
{
    struct verify v = {.o = o, .want = &test->expected, .ret = ret};
    struct sl_input_record in;

    sl_verify_input(test, o->config, &in);
    for (unsigned i = 0; i < test->repeat; i++)
        sl_offline_judge(o, &in);
    check_rule(&v);
    check_to(&v);
    check_dropped(&v);
    check_fields(&v);
    for (size_t i = 0; i < v.want->n_bytes; i++)
        check_bytes_of(&v, &v.want->bytes[i]);
}
