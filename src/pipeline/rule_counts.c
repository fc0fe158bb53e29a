/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/rule_counts.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const char matched_name[] = "sluice_rule_records_total";
static const char dropped_name[] = "sluice_dropped_records_total";
static const char unmatched_label[] = "(unmatched)", removed_label[] = "(removed)";
static const char *const reasons[SL_DROP_REASONS] = {
    [SL_DROP_RULE] = "rule",
    [SL_DROP_UNMATCHED] = "unmatched",
    [SL_DROP_SAMPLE] = "sample",
    [SL_DROP_RATE_LIMIT] = "rate_limit",
};

static uint64_t *matched_counter(struct sl_metrics *m, const char *label)
{
    const struct sl_label labels[] = {{"rule", label}, {NULL, NULL}};

    return sl_metrics_counter(m, matched_name, "Records that a rule matched.", labels);
}

static uint64_t *dropped_counter(struct sl_metrics *m, const char *label, const char *reason)
{
    const struct sl_label labels[] = {{"rule", label}, {"reason", reason}, {NULL, NULL}};

    return sl_metrics_counter(m, dropped_name,
                              "Records that no sink took, by the rule that decided it.", labels);
}

/* ---- labels ---- */

struct place {
    const char *label;
    uint32_t rule; /* the first of a run of rules with this label */
};

static int by_label(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int order = strcmp(x->label, y->label);

    return order ? order : x->rule < y->rule ? -1 : x->rule > y->rule;
}

/* The rows of a table stand together and share one string: they are one place to sort. */
static size_t find_places(const struct sl_rules *rules, size_t n_rules, struct place *ret)
{
    const char *last = NULL;
    size_t n = 0;

    for (uint32_t i = 0; i < n_rules; i++) {
        const char *label = sl_rules_info(rules, i).metric;

        if (n == 0 || label != last)
            ret[n++] = (struct place){label, i};
        last = label;
    }
    return n;
}

void sl_rule_counts_init(struct sl_rule_counts *c, const struct sl_rules *rules)
{
    size_t n_rules = sl_rules_count(rules), n;
    struct place *places = sl_calloc(n_rules + 1, sizeof(*places));

    *c = (struct sl_rule_counts){.n_rules = n_rules};
    n = find_places(rules, n_rules, places);
    c->of = sl_calloc(n_rules + 1, sizeof(*c->of));
    c->series = sl_calloc(n + 2, sizeof(*c->series));
    qsort(places, n, sizeof(*places), by_label);
    for (size_t i = 0; i < n; i++) {
        if (c->n == 0 || strcmp(c->series[c->n - 1].label, places[i].label) != 0)
            c->series[c->n++].label = places[i].label;
        c->of[places[i].rule] = (uint32_t)c->n; /* + 1, so that 0 says "as the rule before" */
    }
    for (size_t i = 0; i < n_rules; i++)
        c->of[i] = c->of[i] ? c->of[i] - 1 : c->of[i - 1];
    c->series[c->n].label = unmatched_label;
    c->series[c->n + 1].label = removed_label;
    free(places);
}

void sl_rule_counts_release(struct sl_rule_counts *c)
{
    free(c->series);
    free(c->of);
    free(c->as);
    *c = (struct sl_rule_counts){0};
}

/* ---- from one set of rules to the next ---- */

static void remove_series(struct sl_rule_series *s, struct sl_metrics *m)
{
    const struct sl_label of_rule[] = {{"rule", s->label}, {NULL, NULL}};

    if (*s->matched)
        *matched_counter(m, removed_label) += *s->matched;
    sl_metrics_drop(m, matched_name, of_rule);
    for (size_t i = 0; i < SL_DROP_REASONS; i++) {
        const struct sl_label labels[] = {{"rule", s->label}, {"reason", reasons[i]}, {NULL, NULL}};

        if (!s->dropped[i])
            continue;
        *dropped_counter(m, removed_label, reasons[i]) += *s->dropped[i];
        sl_metrics_drop(m, dropped_name, labels);
    }
}

static void take_over(struct sl_rule_series *s, const struct sl_rule_series *before)
{
    s->matched = before->matched;
    memcpy(s->dropped, before->dropped, sizeof(s->dropped));
}

void sl_rule_counts_begin(struct sl_rule_counts *c, struct sl_rule_counts *before,
                          struct sl_metrics *metrics)
{
    size_t at = 0, n = before ? before->n : 0;

    for (size_t i = 0; i < c->n; i++) {
        int order = 1;

        while (at < n && (order = strcmp(before->series[at].label, c->series[i].label)) < 0)
            remove_series(&before->series[at++], metrics);
        if (at < n && order == 0)
            take_over(&c->series[i], &before->series[at++]);
        else
            c->series[i].matched = matched_counter(metrics, c->series[i].label);
    }
    while (at < n)
        remove_series(&before->series[at++], metrics);
    c->series[c->n].matched = matched_counter(metrics, unmatched_label);
    c->series[c->n].dropped[SL_DROP_UNMATCHED] =
        dropped_counter(metrics, unmatched_label, reasons[SL_DROP_UNMATCHED]);
}

void sl_rule_counts_follow(struct sl_rule_counts *c, struct sl_rule_counts *live,
                           struct sl_metrics *metrics)
{
    struct sl_rule_series *removed = &live->series[live->n + 1];
    size_t at = 0;

    if (!c->as)
        c->as = sl_calloc(c->n + 1, sizeof(*c->as));
    c->live = live;
    c->as[c->n] = (uint32_t)live->n;
    for (size_t i = 0; i < c->n; i++) {
        int order = -1;

        while (at < live->n && (order = strcmp(live->series[at].label, c->series[i].label)) < 0)
            at++;
        c->as[i] = (uint32_t)(at < live->n && order == 0 ? at : live->n + 1);
        if (c->as[i] > live->n && !removed->matched)
            removed->matched = matched_counter(metrics, removed_label);
    }
}

void sl_rule_counts_drop(struct sl_rule_counts *c, unsigned rule, enum sl_drop_reason reason,
                         struct sl_metrics *metrics)
{
    struct sl_rule_series *s = sl_rule_series(c, rule);

    if (!s->dropped[reason])
        s->dropped[reason] = dropped_counter(metrics, s->label, reasons[reason]);
    ++*s->dropped[reason];
}
