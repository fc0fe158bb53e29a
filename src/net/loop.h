/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_LOOP_H
#define SL_NET_LOOP_H

#include <uv.h>

#include "base/error.h"
#include "base/timers.h"
#include "sluice/runtime.h"

/* The real runtime: one libuv loop. Timers are base/timers.h behind one uv_timer, work goes to
 * libuv's thread pool, random bits come from the system. */
struct sl_loop {
    struct sl_runtime rt; /* hand &loop.rt to everybody else */
    uv_loop_t uv;
    uv_timer_t timer;
    uv_idle_t idle; /* for what is due at once */
    struct sl_timers timers;
    uint64_t armed_ms; /* when uv_timer fires, while it is active */
    uint64_t random_state[4];
};

int sl_loop_init(struct sl_loop *l, struct sl_log *log, struct sl_error *err);
void sl_loop_release(struct sl_loop *l); /* every other handle must be closed or closing */

#endif
