/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/limits.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { RING_FIRST = 256 };

static void push(struct sl_limits *l, unsigned rule)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : RING_FIRST;
        struct sl_limit *ring = sl_calloc(cap, sizeof(*ring));

        for (size_t i = 0; i < l->n; i++)
            ring[i] = l->ring[(l->first + i) % l->cap];
        free(l->ring);
        l->ring = ring;
        l->cap = cap;
        l->first = 0;
    }
    l->ring[(l->first + l->n++) % l->cap] = (struct sl_limit){l->routed, rule};
}

bool sl_limits_met(struct sl_limits *l, unsigned rule, size_t n_rules)
{
    if (!l->counts) {
        l->counts = sl_calloc(n_rules, sizeof(*l->counts));
        l->n_rules = n_rules;
    }
    if (rule >= l->n_rules)
        return false;
    while (l->n > 0 && l->routed - l->ring[l->first].at >= SL_LIMITS_WINDOW) {
        l->counts[l->ring[l->first].rule]--;
        l->first = (l->first + 1) % l->cap;
        l->n--;
    }
    push(l, rule);
    return ++l->counts[rule] == SL_LIMITS_MOST;
}

void sl_limits_clear(struct sl_limits *l)
{
    free(l->ring);
    free(l->counts);
    *l = (struct sl_limits){.routed = l->routed};
}
