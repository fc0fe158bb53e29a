/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_INDEX_PLAN_H
#define SL_ROUTE_INDEX_PLAN_H

#include "route/index.h"

/* Which tests each rule is found by (index.h says what that means). */

struct sl_pick {
    uint32_t test, rule, guard;
};

struct sl_plan {
    uint8_t *kinds;        /* by test: enum sl_pass_kind that could find it */
    bool *used;            /* by test: the index must know it */
    struct sl_pick *picks; /* by rule */
    size_t n_picks;
    uint32_t *always; /* rules that nothing finds, in order */
    size_t n_always;
    uint8_t *reasons; /* by rule */
    bool plain;
};

void sl_plan_init(struct sl_plan *p, const struct sl_rules *r);
void sl_plan_release(struct sl_plan *p);

#endif
