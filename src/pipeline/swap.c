/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"

/* The moment in which other rules become live: see reload.h. */

static bool set_aside(const struct sl_routing *r, unsigned rule)
{
    for (size_t i = 0; i < r->n_aside; i++)
        if (r->aside[i] == rule)
            return true;
    return false;
}

static bool in_gap(const struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < all[i]->n_sinks; s++)
            if (!all[i]->draining && !all[i]->ended && !all[i]->stopped && all[i]->next >= 0 &&
                all[i]->sinks[s].from > all[i]->next)
                return true;
    return false;
}

static void cut_over(struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        sl_partition_cut_over(all[i], p->reload.next ? p->reload.next->decisions : "", NULL);
}

static void close_batches(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        sl_sink_close_open(p->sinks[i], NULL);
}

/* ---- the rules that were live ---- */

/* Ten thousand patterns and tables of a million rows are not given back in a moment: a pool thread
 * has the time. */
struct retired {
    struct sl_work work;
    struct sl_pipeline *p;
    struct sl_routing *routing;
};

static void retired_run(struct sl_work *w)
{
    sl_routing_free(sl_container_of(w, struct retired, work)->routing);
    sl_alloc_trim();
}

static void retired_done(struct sl_work *w)
{
    struct retired *r = sl_container_of(w, struct retired, work);

    r->p->alive--;
    free(r);
}

void sl_swap_retire(struct sl_pipeline *p, struct sl_routing *old)
{
    struct retired *r = sl_zalloc(sizeof(*r));

    *r = (struct retired){
        .work = {.run = retired_run, .done = retired_done}, .p = p, .routing = old};
    p->alive++;
    sl_work_start(p->rt, &r->work);
}

/* ---- the change itself ---- */

static void name_rules(struct sl_pipeline *p)
{
    p->env.rules = p->routing->version;
    p->names.rules = p->routing->decisions;
}

static void log_swap(struct sl_pipeline *p, const struct sl_routing *old)
{
    char before[24], now[24];

    snprintf(before, sizeof(before), "%zu", sl_rules_count(old->rules));
    snprintf(now, sizeof(now), "%zu", sl_rules_count(p->routing->rules));
    sl_log(p->log, SL_LOG_INFO, "rules reloaded", "hash", p->routing->version->hash, "rules", now,
           "hash_before", old->version->hash, "rules_before", before, NULL);
}

static void swap(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;
    struct sl_routing *old = p->routing;

    close_batches(p);
    if (strcmp(old->decisions, r->next->decisions) != 0)
        cut_over(p);
    p->routing = r->next;
    r->next = NULL;
    name_rules(p);
    sl_rule_counts_begin(&p->routing->counts, &old->counts, p->metrics);
    sl_observe_rules(p, old);
    log_swap(p, old);
    sl_limits_clear(&r->limits);
    r->n_aside = 0;
    if (!r->problem) /* else what was loaded since then was refused, and that is the last word */
        sl_reload_succeeded(p);
    sl_swap_retire(p, old);
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

static void swap_aside(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;

    close_batches(p);
    cut_over(p);
    for (size_t i = 0; i < r->n_aside; i++) {
        sl_observe_aside(p, r->aside[i]);
        sl_routing_set_aside(p->routing, r->aside[i]);
        name_rules(p);
        log_aside(p, r->aside[i]);
    }
    r->n_aside = 0;
    sl_observe_rules(p, p->routing);
}

/* ---- when it may be ---- */

static void wait_for_gap(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;

    if (!r->waiting)
        sl_log(p->log, SL_LOG_INFO,
               "other rules wait: records that some sinks have had already are being read again "
               "for the rest, and are judged as before (a restart would send them to all)",
               NULL);
    r->waiting = true;
    sl_timer_start(p->rt, &r->swap_timer, SL_RELOAD_WAIT_MS);
}

static void attempt(struct sl_pipeline *p)
{
    struct sl_reload *r = &p->reload;

    if (p->phase != SL_PHASE_RUNNING || (!r->next && r->n_aside == 0))
        return;
    if ((!r->next || strcmp(r->next->decisions, p->routing->decisions) != 0) && in_gap(p)) {
        wait_for_gap(p);
        return;
    }
    r->waiting = false;
    if (r->next)
        swap(p);
    else
        swap_aside(p);
}

static void on_swap(struct sl_timer *t)
{
    attempt(sl_container_of(t, struct sl_pipeline, reload.swap_timer));
}

void sl_swap_to(struct sl_pipeline *p, struct sl_routing *next)
{
    struct sl_reload *r = &p->reload;

    if (r->next)
        sl_swap_retire(p, r->next);
    r->next = next;
    r->waiting = r->waiting && next;
    attempt(p);
}

void sl_swap_limit_met(struct sl_pipeline *p, unsigned rule)
{
    struct sl_reload *r = &p->reload;

    if (set_aside(p->routing, rule) ||
        !sl_limits_met(&r->limits, rule, sl_rules_count(p->routing->rules)))
        return;
    for (size_t i = 0; i < r->n_aside; i++)
        if (r->aside[i] == rule)
            return;
    r->aside = sl_reallocarray(r->aside, r->n_aside + 1, sizeof(*r->aside));
    r->aside[r->n_aside++] = rule;
    attempt(p);
}

void sl_swap_init(struct sl_pipeline *p)
{
    p->reload.swap_timer.fire = on_swap;
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
