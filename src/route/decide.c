/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/match.h"

/* The rules that match a record, in their order -> where it goes. */

struct sl_matcher {
    const struct sl_rules *rules;
    const struct sl_fields *fields;
    struct sl_match *match;
    unsigned *matched;
    size_t n_matched;
    unsigned ended; /* the rule that ended the last walk, or SL_RULE_NONE */
};

struct sl_matcher *sl_matcher_new(const struct sl_rules *r, const struct sl_matcher_config *config)
{
    struct sl_matcher *m = sl_zalloc(sizeof(*m));

    m->rules = r;
    m->fields = config->fields;
    m->match = sl_match_new(r);
    m->matched = sl_calloc(r->n_rules + 1, sizeof(*m->matched));
    return m;
}

void sl_matcher_free(struct sl_matcher *m)
{
    if (!m)
        return;
    sl_match_free(m->match);
    free(m->matched);
    free(m);
}

static void choose(struct sl_decision *d, unsigned sink, unsigned rule,
                   const struct sl_record *record)
{
    if (d->sinks >> sink & 1)
        return;
    d->sinks |= 1ULL << sink;
    d->chosen[d->n++] = (struct sl_choice){sink, rule, record};
}

static void drop(struct sl_decision *d, unsigned rule, enum sl_drop_reason reason)
{
    if (d->n > 0 || d->dropped_by != SL_RULE_NONE)
        return;
    d->dropped_by = rule;
    d->drop_reason = reason;
}

static void send_to(struct sl_decision *d, const struct sl_destination *to, unsigned rule,
                    const struct sl_record *record)
{
    if (to->drop)
        drop(d, rule, rule == SL_RULE_UNMATCHED ? SL_DROP_UNMATCHED : SL_DROP_RULE);
    for (unsigned sink = 0; sink < SL_SINKS_MAX; sink++)
        if (to->sinks >> sink & 1)
            choose(d, sink, rule, record);
}

void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret)
{
    const struct sl_rules *r = m->rules;
    enum sl_verdict v;

    /* Not the array of choices: it is large, and only its first n are said to be set. */
    ret->n = 0;
    ret->sinks = 0;
    ret->dropped_by = ret->error_rule = SL_RULE_NONE;
    m->n_matched = 0;
    m->ended = SL_RULE_NONE;
    sl_match_begin(m->match, record);
    for (unsigned i = 0; (i = sl_match_next(m->match, i, &v)) != SL_RULE_NONE; i++) {
        const struct sl_rule *rule = &r->rules[i];

        if (v == SL_LIMIT) {
            ret->error_rule = m->ended = i;
            send_to(ret, &r->rule_errors, i, record);
            return;
        }
        m->matched[m->n_matched++] = i;
        for (size_t k = 0; k < rule->n_to; k++)
            choose(ret, rule->to[k], i, record);
        if (rule->drop)
            drop(ret, i, SL_DROP_RULE);
        if (!rule->go_on) {
            m->ended = i;
            break;
        }
    }
    if (ret->n == 0 && ret->dropped_by == SL_RULE_NONE)
        send_to(ret, &r->unmatched, SL_RULE_UNMATCHED, record);
}

void sl_route_undo(struct sl_matcher *m)
{
    (void)m;
}

const unsigned *sl_matcher_matched(const struct sl_matcher *m, size_t *ret_n)
{
    *ret_n = m->n_matched;
    return m->matched;
}

struct sl_matcher_parts sl_matcher_parts(const struct sl_matcher *m)
{
    return (struct sl_matcher_parts){m->rules, m->fields, m->match, m->ended};
}
