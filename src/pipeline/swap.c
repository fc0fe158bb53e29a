/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"

/* The moment in which other rules become live: see reload.h. */

static void name_rules(struct sl_pipeline *p)
{
    p->env.rules = p->routing->version;
    p->names.rules = p->routing->decisions;
}

static void cut_over(struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (!all[i]->ended)
            sl_versions_cut_over(p, all[i]);
}

/* ---- the change itself ---- */

static void log_swap(struct sl_pipeline *p, const struct sl_routing *old)
{
    char before[24], now[24];

    snprintf(before, sizeof(before), "%zu", sl_rules_count(old->rules));
    snprintf(now, sizeof(now), "%zu", sl_rules_count(p->routing->rules));
    sl_log(p->log, SL_LOG_INFO, "rules reloaded", "hash", p->routing->version->hash, "rules", now,
           "hash_before", old->version->hash, "rules_before", before, NULL);
}

static void log_aside(struct sl_pipeline *p, unsigned rule)
{
    const struct sl_rule_info info = sl_rules_info(p->routing->rules, rule);
    char *at = sl_asprintf("%s:%u", info.file ? info.file : "", info.line);

    sl_log(p->log, SL_LOG_ERROR,
           "a rule keeps meeting its limits and is set aside until the rules are loaded again; its "
           "records go where rule_errors says",
           "rule", info.name, "at", at, "hash", p->routing->version->hash, NULL);
    free(at);
}

static bool is_aside(const struct sl_routing *r, unsigned rule)
{
    for (size_t i = 0; i < r->n_aside; i++)
        if (r->aside[i] == rule)
            return true;
    return false;
}

static void tell_aside(struct sl_pipeline *p, const struct sl_routing *old)
{
    for (size_t i = 0; i < p->routing->n_aside; i++) {
        sl_observe_aside(p, p->routing->aside[i]);
        if (!is_aside(old, p->routing->aside[i]))
            log_aside(p, p->routing->aside[i]);
    }
}

static void make_aside(struct sl_pipeline *p);

static void swap(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;
    struct sl_routing *old = p->routing;

    p->routing = r->next;
    r->next = NULL;
    p->versions.again_ms = 0;
    name_rules(p);
    cut_over(p);
    sl_rule_counts_begin(&p->routing->counts, &old->counts, p->metrics);
    sl_versions_keep(p, old);
    sl_versions_follow(p);
    sl_observe_rules(p, old);
    if (r->next_aside) {
        tell_aside(p, old);
        make_aside(p); /* of rules that have met their limits meanwhile */
        return;
    }
    sl_limits_clear(&r->limits);
    r->n_aside = 0;
    log_swap(p, old);
    if (!r->problem) /* else what was loaded since then was refused, and that is the last word */
        sl_reload_succeeded(p);
}

static void on_recorded(struct sl_pipeline *p, uint64_t token)
{
    if (p->reload.next && token == p->reload.token)
        swap(p);
}

static void drop_next(struct sl_pipeline *p)
{
    if (p->reload.next)
        sl_versions_retire(p, p->reload.next);
    p->reload.next = NULL;
}

static void take(struct sl_pipeline *p, struct sl_routing *next, bool aside)
{
    struct sl_reload *r = &p->reload;

    drop_next(p);
    r->next = next;
    r->next_aside = aside;
    r->token++;
    if (strcmp(next->decisions, p->routing->decisions) == 0 ||
        !sl_versions_record(p, next, on_recorded, r->token))
        swap(p);
}

void sl_swap_to(struct sl_pipeline *p, struct sl_routing *next)
{
    if (next)
        take(p, next, false);
    else if (!p->reload.next_aside)
        drop_next(p);
    make_aside(p);
}

/* ---- rules set aside ---- */

/* The live rules are left as they are: records of their era are judged by them. */
struct sl_making {
    struct sl_work work;
    struct sl_pipeline *p;
    struct sl_routing_config config;
    struct sl_routing *live, *made;
    unsigned *aside;
    size_t n_aside;
};

static void want_aside(struct sl_pipeline *p, unsigned rule)
{
    struct sl_reload *r = &p->reload;

    r->aside = sl_reallocarray(r->aside, r->n_aside + 1, sizeof(*r->aside));
    r->aside[r->n_aside++] = rule;
}

static void making_run(struct sl_work *w)
{
    struct sl_making *m = sl_container_of(w, struct sl_making, work);

    m->made = sl_routing_with_aside(&m->config, m->live, m->aside, m->n_aside);
}

static void making_done(struct sl_work *w)
{
    struct sl_making *m = sl_container_of(w, struct sl_making, work);
    struct sl_pipeline *p = m->p;

    p->alive--;
    p->reload.making = false;
    if (p->phase == SL_PHASE_RUNNING && m->live == p->routing && !p->reload.next) {
        take(p, m->made, true);
    } else {
        if (m->live == p->routing) /* others may come first, or be called off */
            for (size_t i = 0; i < m->n_aside; i++)
                want_aside(p, m->aside[i]);
        sl_routing_free(m->made);
    }
    free(m->aside);
    free(m);
}

static void make_aside(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;
    struct sl_making *m;

    if (r->making || r->next || r->n_aside == 0)
        return;
    m = sl_zalloc(sizeof(*m));
    *m = (struct sl_making){.work = {.run = making_run, .done = making_done},
                            .p = p,
                            .config = sl_reload_routing_config(p),
                            .live = p->routing,
                            .aside = r->aside,
                            .n_aside = r->n_aside};
    r->aside = NULL;
    r->n_aside = 0;
    r->making = true;
    p->alive++;
    sl_work_start(p->rt, &m->work);
}

static void limit_met(struct sl_pipeline *p, unsigned rule)
{
    struct sl_reload *r = &p->reload;

    if (is_aside(p->routing, rule) ||
        !sl_limits_met(&r->limits, rule, sl_rules_count(p->routing->rules)))
        return;
    want_aside(p, rule);
    make_aside(p);
}

void sl_swap_routed(struct sl_pipeline *p, unsigned error_rule)
{
    p->reload.limits.routed++;
    if (error_rule != SL_RULE_NONE)
        limit_met(p, error_rule);
}

void sl_swap_init(struct sl_pipeline *p)
{
    name_rules(p);
    sl_rule_counts_begin(&p->routing->counts, NULL, p->metrics);
}

void sl_swap_release(struct sl_pipeline *p)
{
    sl_routing_free(p->reload.next);
    p->reload.next = NULL;
    free(p->reload.aside);
    p->reload.aside = NULL;
    p->reload.n_aside = 0;
    sl_limits_clear(&p->reload.limits);
}
