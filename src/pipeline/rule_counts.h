/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_RULE_COUNTS_H
#define SL_PIPELINE_RULE_COUNTS_H

#include "ops/metrics.h"
#include "sluice/route.h"

/* How often rules matched and dropped: one series a label, which the rows of a table share.
 *
 * Rules come and go while the counters of the program live on, and sums over all rules must hold
 * (decoded = dropped + kept). So a set of rules takes over the series of those labels that it has
 * in common with the set before; what the others had counted goes to the label "(removed)", and
 * their series go: any number of reloads leaves no more series than the live rules have. Rules that
 * are no longer live but still judge what some sinks lack (an older era) count on the series of the
 * live ones, by label, and what those do not have on "(removed)". */

enum { SL_DROP_REASONS = SL_DROP_RATE_LIMIT + 1 };

struct sl_rule_series {
    const char *label; /* borrowed from the rules */
    uint64_t *matched;
    uint64_t *dropped[SL_DROP_REASONS]; /* NULL until the first */
};

struct sl_rule_counts {
    struct sl_rule_series
        *series;  /* by label; then that of what no rule matched, and "(removed)" */
    size_t n;     /* without the last two */
    uint32_t *of; /* by rule: its series */
    size_t n_rules;
    struct sl_rule_counts *live; /* these count on others' series; NULL: on their own */
    uint32_t *as;                /* by own series: the live one's */
};

/* Labels only; on any thread. */
void sl_rule_counts_init(struct sl_rule_counts *c, const struct sl_rules *rules);
void sl_rule_counts_release(struct sl_rule_counts *c);
/* From now on c counts, and no longer `before` (NULL: nothing did). On the loop thread. */
void sl_rule_counts_begin(struct sl_rule_counts *c, struct sl_rule_counts *before,
                          struct sl_metrics *metrics);
/* From now on c, whose rules are not live, counts on the series of `live`, which must not go first.
 */
void sl_rule_counts_follow(struct sl_rule_counts *c, struct sl_rule_counts *live,
                           struct sl_metrics *metrics);
void sl_rule_counts_drop(struct sl_rule_counts *c, unsigned rule, enum sl_drop_reason reason,
                         struct sl_metrics *metrics);

/* rule: an index, or SL_RULE_UNMATCHED. */
static inline struct sl_rule_series *sl_rule_series(const struct sl_rule_counts *c, unsigned rule)
{
    size_t i = rule < c->n_rules ? c->of[rule] : c->n;

    return c->live ? &c->live->series[c->as[i]] : &c->series[i];
}

static inline void sl_rule_counts_match(const struct sl_rule_counts *c, unsigned rule)
{
    ++*sl_rule_series(c, rule)->matched;
}

#endif
