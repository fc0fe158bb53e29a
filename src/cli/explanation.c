/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explanation.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "config/arena.h"

enum { RECORD_MAX = 128 << 20 };

struct sl_explanation *sl_explanation_new(struct sl_offline *o)
{
    struct sl_explanation *e = sl_zalloc(sizeof(*e));

    e->o = o;
    e->arena = sl_zalloc(sizeof(struct sl_arena));
    sl_arena_init(e->arena);
    sl_buf_init(&e->before, RECORD_MAX);
    sl_buf_init(&e->after, RECORD_MAX);
    sl_buf_init(&e->preview, RECORD_MAX);
    return e;
}

void sl_explanation_free(struct sl_explanation *e)
{
    if (!e)
        return;
    sl_arena_release(e->arena);
    free(e->arena);
    sl_buf_release(&e->before);
    sl_buf_release(&e->after);
    sl_buf_release(&e->preview);
    free(e->rules);
    free(e->conditions);
    free(e);
}

/* ---- collecting ---- */

static void add_rule(void *user, unsigned rule, enum sl_explained verdict)
{
    struct sl_explanation *e = user;

    if (e->n_rules == e->cap_rules) {
        e->cap_rules = e->cap_rules ? 2 * e->cap_rules : 16;
        e->rules = sl_reallocarray(e->rules, e->cap_rules, sizeof(*e->rules));
    }
    e->rules[e->n_rules++] =
        (struct sl_explained_rule){.rule = rule, .verdict = verdict, .first = e->n_conditions};
}

static void add_condition(void *user, const struct sl_explained_condition *c)
{
    struct sl_explanation *e = user;
    struct sl_explained_condition *to;

    if (e->n_conditions == e->cap_conditions) {
        e->cap_conditions = e->cap_conditions ? 2 * e->cap_conditions : 64;
        e->conditions = sl_reallocarray(e->conditions, e->cap_conditions, sizeof(*e->conditions));
    }
    to = &e->conditions[e->n_conditions++];
    *to = *c;
    /* Operands and the texts that @names stand for are gone after the call. */
    to->wanted.p = sl_arena_strndup(e->arena, c->wanted.p ? c->wanted.p : "", c->wanted.n);
    to->value.p = sl_arena_strndup(e->arena, c->value.p ? c->value.p : "", c->value.n);
    e->rules[e->n_rules - 1].n++;
}

bool sl_explanation_make(struct sl_explanation *e, const struct sl_input_record *in, unsigned only,
                         unsigned also)
{
    static const struct sl_explain_ops ops = {.rule = add_rule, .condition = add_condition};
    struct sl_offline *o = e->o;

    e->n_rules = e->n_conditions = 0;
    sl_arena_release(e->arena);
    sl_arena_init(e->arena);
    e->only = only;
    if (!sl_offline_decode(o, in))
        return false;
    sl_route_explain(o->routing->matcher, &o->record, also, &ops, e, &o->decision, &e->passed);
    e->decider = sl_offline_decider(o);
    if (only != SL_RULE_NONE) {
        e->n_rules = e->n_conditions = e->passed = 0;
        sl_rule_explain(o->routing->matcher, &o->record, only, &ops, e);
    }
    return true;
}

/* ---- asking ---- */

bool sl_explanation_matched(const struct sl_explanation *e, unsigned rule)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(e->o->routing->matcher, &n);

    for (size_t i = 0; i < n; i++)
        if (matched[i] == rule)
            return true;
    return false;
}

size_t sl_explanation_changes(const struct sl_explanation *e, struct sl_explained_change *ret)
{
    const struct sl_decision *d = &e->o->decision;
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++) {
        const struct sl_choice *c = &d->chosen[i];
        size_t k = 0;

        if (c->record == &e->o->record)
            continue;
        while (k < n && ret[k].record != c->record)
            k++;
        if (k == n)
            ret[n++] = (struct sl_explained_change){.record = c->record};
        ret[k].sinks |= 1ULL << c->sink;
    }
    return n;
}

void sl_explanation_record(struct sl_buf *to, const struct sl_record *r)
{
    sl_buf_clear(to);
    sl_record_json(r, false, sl_slice("", 0), to, NULL);
}

void sl_explanation_output(struct sl_explanation *e, const struct sl_choice *choice,
                           struct sl_explained_output *ret)
{
    size_t body = 0;

    *ret = (struct sl_explained_output){0};
    sl_buf_clear(&e->preview);
    if (sl_offline_preview(e->o, choice, &e->preview, &body, &ret->key) != SL_OK) {
        ret->too_large = true;
        return;
    }
    ret->bytes = e->preview.n;
    if (e->o->config->sinks[choice->sink].kind == SL_SINK_ELASTICSEARCH && body > 0)
        ret->action = sl_slice(e->preview.p, body - 1); /* without its line end */
}

const char *sl_explanation_did(const struct sl_explanation *e, unsigned rule)
{
    const struct sl_decision *d = &e->o->decision;
    struct sl_rule_outline does = sl_rule_outline(e->o->routing->rules, rule);
    bool chose = false, others = true;

    if (rule == d->error_rule)
        return "met a limit";
    if (rule == d->dropped_by && d->drop_reason == SL_DROP_SAMPLE)
        return "matched, and its sample held the record back";
    if (rule == d->dropped_by && d->drop_reason == SL_DROP_RATE_LIMIT)
        return "matched, and its rate_limit held the record back";
    if (does.drop)
        return d->n ? "matched and ended the walk (drop)" : "matched and dropped it";
    for (size_t i = 0; i < d->n; i++)
        chose |= d->chosen[i].rule == rule;
    others = does.to && (does.to & ~d->sinks) == 0;
    if (does.to && !chose)
        return others ? "matched; its sinks had been chosen before"
                      : "matched; its sample or rate_limit held the record back";
    return does.go_on ? "matched; the walk went on" : "matched and decided";
}

void sl_explanation_sinks(const struct sl_explanation *e, uint64_t sinks, struct sl_buf *out)
{
    bool first = true;

    for (size_t i = 0; i < e->o->config->n_sinks; i++)
        if (sinks >> i & 1) {
            sl_buf_printf(out, "%s%s", first ? "" : ", ", e->o->config->sinks[i].name);
            first = false;
        }
}
