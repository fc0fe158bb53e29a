/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/act.h"
#include "route/match.h"

/* The rules that match a record, in their order -> where it goes, and as what.
 *
 * A rule without `to` changes the record for all sinks that are chosen after it, those of
 * `unmatched` and `rule_errors` among them: what an early rule took out never comes back. A rule
 * with `to` changes it for its own sinks. */

struct sl_matcher {
    const struct sl_rules *rules;
    const struct sl_fields *fields;
    struct sl_match *match;
    struct sl_act *act; /* NULL: no rule has actions */
    bool *aside;        /* by rule; NULL: none is set aside */
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
    m->act = sl_act_new(r, m->match, config);
    m->matched = sl_calloc(r->n_rules + 1, sizeof(*m->matched));
    return m;
}

void sl_matcher_free(struct sl_matcher *m)
{
    if (!m)
        return;
    sl_act_free(m->act);
    sl_match_free(m->match);
    free(m->aside);
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

/* ---- one rule ---- */

struct walk {
    struct sl_decision *to;
    const struct sl_record *record; /* as the next rule gets it */
    unsigned held;                  /* the first rule that held it back, or SL_RULE_NONE */
    enum sl_drop_reason reason;
};

static bool takes_any(const struct sl_decision *d, const struct sl_rule *rule)
{
    for (size_t k = 0; k < rule->n_to; k++)
        if (!(d->sinks >> rule->to[k] & 1))
            return true;
    return false;
}

static void hit_limit(struct sl_matcher *m, struct walk *w, unsigned i)
{
    w->to->error_rule = i;
    send_to(w->to, &m->rules->rule_errors, i, w->record);
}

/* A rule that matched. Whether the walk goes on. */
static bool follow(struct sl_matcher *m, struct walk *w, unsigned i)
{
    const struct sl_rule *rule = &m->rules->rules[i];
    const struct sl_record *record = w->record;
    enum sl_drop_reason reason;

    if (rule->actions && sl_act_holds(m->act, rule, &reason)) {
        m->matched[m->n_matched++] = i;
        if (w->held == SL_RULE_NONE) {
            w->held = i;
            w->reason = reason;
        }
        return rule->go_on && rule->n_to > 0;
    }
    /* Changes that no sink would see are not made. */
    if (rule->actions && (rule->n_to == 0 || takes_any(w->to, rule)) &&
        sl_act_change(m->act, rule, &record) != SL_OK) {
        hit_limit(m, w, i);
        return false;
    }
    m->matched[m->n_matched++] = i;
    if (rule->n_to == 0)
        w->record = record;
    for (size_t k = 0; k < rule->n_to; k++)
        choose(w->to, rule->to[k], i, record);
    if (rule->drop)
        drop(w->to, i, SL_DROP_RULE);
    return rule->go_on;
}

/* ---- the walk ---- */

/* A rule that was set aside may still match where its conditions have no limit to meet: then it is
 * its changes that are not tried any more. */
static bool is_aside(const struct sl_matcher *m, unsigned rule)
{
    const struct sl_actions *actions = m->rules->rules[rule].actions;

    return m->aside && m->aside[rule] && actions && sl_actions_change(actions);
}

void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret)
{
    struct walk w = {ret, record, SL_RULE_NONE, SL_DROP_RULE};
    enum sl_verdict v;

    /* Not the array of choices: it is large, and only its first n are said to be set. */
    ret->n = 0;
    ret->sinks = 0;
    ret->dropped_by = ret->error_rule = SL_RULE_NONE;
    m->n_matched = 0;
    m->ended = SL_RULE_NONE;
    sl_match_begin(m->match, record);
    if (m->act)
        sl_act_begin(m->act, record);
    for (unsigned i = 0; (i = sl_match_next(m->match, i, &v)) != SL_RULE_NONE; i++) {
        if (v == SL_LIMIT || is_aside(m, i))
            hit_limit(m, &w, i);
        else if (follow(m, &w, i))
            continue;
        m->ended = i;
        break;
    }
    if (ret->error_rule != SL_RULE_NONE)
        return;
    if (w.held != SL_RULE_NONE)
        drop(ret, w.held, w.reason);
    if (ret->n == 0 && ret->dropped_by == SL_RULE_NONE)
        send_to(ret, &m->rules->unmatched, SL_RULE_UNMATCHED, w.record);
}

void sl_route_note(struct sl_matcher *m)
{
    if (m->act)
        sl_act_note(m->act);
}

void sl_route_repeat(struct sl_matcher *m)
{
    if (m->act)
        sl_act_repeat(m->act);
}

void sl_route_end(struct sl_matcher *m)
{
    if (m->act)
        sl_act_end(m->act);
}

void sl_route_undo(struct sl_matcher *m)
{
    if (m->act)
        sl_act_undo(m->act);
}

void sl_route_set_aside(struct sl_matcher *m, unsigned rule)
{
    if (!m->aside)
        m->aside = sl_calloc(m->rules->n_rules, sizeof(*m->aside));
    m->aside[rule] = true;
    sl_match_set_aside(m->match, rule);
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
