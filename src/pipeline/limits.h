/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_LIMITS_H
#define SL_PIPELINE_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which rules keep meeting their limits.
 *
 * A rule is to be set aside when it met limits for SL_LIMITS_MOST records among SL_LIMITS_WINDOW
 * routed ones. Counted are records and never time, so that the same stream gives the same answer.
 * The window slides: it remembers every such record in it, which are at most as many as it is long,
 * and costs nothing while there are none. */

enum { SL_LIMITS_WINDOW = 100000, SL_LIMITS_MOST = 100 };

struct sl_limit {
    uint64_t at; /* the record's number */
    uint32_t rule;
};

struct sl_limits {
    uint64_t routed;       /* records so far; the user counts */
    struct sl_limit *ring; /* those that met a limit, within the window */
    size_t first, n, cap;
    uint32_t *counts; /* by rule: how many of them are its own */
    size_t n_rules;
};

/* The record that was counted last met a limit of the rule. True when that has become too often. */
bool sl_limits_met(struct sl_limits *l, unsigned rule, size_t n_rules);
void sl_limits_clear(struct sl_limits *l); /* other rules: nothing is known of them */

#endif
