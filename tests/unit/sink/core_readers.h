/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_CORE_READERS_H
#define TESTS_SINK_CORE_READERS_H

/* core_world.h with a sink that leaves the live reader and catches up. */
#include "sink/core_world.h"

static inline void detach(struct world *w)
{
    for (int i = 0; i < PARTITIONS; i++) {
        struct sl_partition *p = w->partitions[i];

        sl_partition_detach(p, 0);
        for (int64_t o = p->sinks[0].catch_up; o < OFFSETS; o++)
            w->fate[i][o] = NOWHERE;
    }
    sl_sink_detach(w->sink);
}

static inline void caught(struct world *w, int i, int64_t plan_end)
{
    struct sl_partition *p = w->partitions[i];

    if (sl_partition_attached(p, 0) || (plan_end && p->sinks[0].catch_up >= plan_end))
        sl_sink_close_reader(w->sink, p, true);
    if (sl_partition_attached(p, 0))
        sl_sink_pump(w->sink);
}

/* The side reader's next record; false: there is none, or no room. */
static inline bool catch_up(struct world *w, int i, size_t value_n)
{
    struct sl_partition *p = w->partitions[i];
    int64_t at = p->sinks[0].catch_up, plan_end = sl_plan_repeat_end(p, 0);

    if (at < 0 || at >= p->next || at >= OFFSETS)
        return false;
    if (chosen(i, at) && !offer(w, i, at, true, value_n))
        return false;
    sl_partition_caught(p, 0, at, 0, 0);
    sl_sink_turn(w->sink);
    caught(w, i, plan_end);
    return true;
}

/* No more than `most` records from the live reader: it takes over. */
static inline void hand_over(struct world *w, int i, int64_t most)
{
    struct sl_partition *p = w->partitions[i];

    if (sl_partition_attached(p, 0) || p->next - p->sinks[0].catch_up > most)
        return;
    sl_partition_hand_over(p, 0);
    caught(w, i, 0);
}

/* Until nothing is left to read or to do. */
static inline void catch_up_all(struct world *w)
{
    for (int round = 0; round < 1000; round++) {
        bool left = false;

        for (int i = 0; i < PARTITIONS; i++) {
            while (catch_up(w, i, 10))
                ;
            hand_over(w, i, 0);
            left |= !sl_partition_attached(w->partitions[i], 0);
        }
        for (int k = 0; k < 3; k++) { /* what stands open stays so */
            while (w->fake.n_work)
                fake_run_work(&w->fake);
            while (w->sinks.n)
                reply(w, 0, true);
            while (w->n_letters)
                confirm_letter(w, 0, SL_OK);
            commit_all(w);
        }
        fake_advance(&w->fake, 1000);
        if (!left)
            return;
    }
    fail_msg("the sink does not catch up");
}

#endif
