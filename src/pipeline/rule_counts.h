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
 * their series go: any number of reloads leaves no more series than the live rules have. */

enum { SL_DROP_REASONS = SL_DROP_RATE_LIMIT + 1 };

struct sl_rule_series {
    const char *label; /* borrowed from the rules */
    uint64_t *matched;
    uint64_t *dropped[SL_DROP_REASONS]; /* NULL until the first */
};

struct sl_rule_counts {
    struct sl_rule_series *series; /* by label; then that of what no rule matched */
    size_t n;                      /* without the last one */
    uint32_t *of;                  /* by rule: its series */
    size_t n_rules;
};

/* Labels only; on any thread. */
void sl_rule_counts_init(struct sl_rule_counts *c, const struct sl_rules *rules);
void sl_rule_counts_release(struct sl_rule_counts *c);
/* From now on c counts, and no longer `before` (NULL: nothing did). On the loop thread. */
void sl_rule_counts_begin(struct sl_rule_counts *c, struct sl_rule_counts *before,
                          struct sl_metrics *metrics);
void sl_rule_counts_drop(struct sl_rule_counts *c, unsigned rule, enum sl_drop_reason reason,
                         struct sl_metrics *metrics);

/* rule: an index, or SL_RULE_UNMATCHED. */
static inline struct sl_rule_series *sl_rule_series(const struct sl_rule_counts *c, unsigned rule)
{
    return &c->series[rule < c->n_rules ? c->of[rule] : c->n];
}

static inline void sl_rule_counts_match(const struct sl_rule_counts *c, unsigned rule)
{
    ++*sl_rule_series(c, rule)->matched;
}

#endif
