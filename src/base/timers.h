/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_TIMERS_H
#define SL_BASE_TIMERS_H

#include <stdbool.h>

#include "sluice/runtime.h"

/* The heap behind every runtime's timers: the libuv loop arms one uv_timer to the earliest, the
 * simulator moves its clock there. Equal times fire in the order they were started. */
struct sl_timers {
    struct sl_timer **heap;
    uint64_t *order; /* beside heap: start order, the tie-breaker */
    size_t n, cap;
    uint64_t starts;
};

void sl_timers_init(struct sl_timers *t);
void sl_timers_release(struct sl_timers *t);
void sl_timers_start(struct sl_timers *t, struct sl_timer *timer, uint64_t due_ms);
void sl_timers_stop(struct sl_timers *t, struct sl_timer *timer);
bool sl_timers_next(const struct sl_timers *t, uint64_t *ret_due_ms); /* false: none is started */
void sl_timers_run(struct sl_timers *t, uint64_t now_ms); /* fires all that are due, once each */

#endif
