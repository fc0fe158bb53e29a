/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POSITION_FIXTURE_H
#define TESTS_POSITION_FIXTURE_H

#include <string.h>

#include "base/alloc.h"
#include "sluice/position.h"

static inline struct sl_partition *fixture_partition(size_t sinks, int64_t next)
{
    static char name[] = "logs";
    static struct sl_topic topic = {.name = name};
    struct sl_partition *p = sl_partition_new(&topic, 3, 1, sinks, "cluster");

    p->next = next;
    return p;
}

/* The sink is detached, at this offset. */
static inline void fixture_detached(struct sl_partition *p, size_t sink, int64_t at)
{
    p->sinks[sink].catch_up = at;
    p->sinks[sink].from = INT64_MAX;
}

/* ... and has a plan from there on that was read from the line. */
static inline void fixture_planned(struct sl_partition *p, size_t sink, int64_t at, int64_t end)
{
    fixture_detached(p, sink, at);
    p->sinks[sink].plan = (struct sl_plan){.first = at, .end = end, .confirmed = true};
}

/* The live reader reads [first, end) and gives all of it to the hold. */
static inline void fixture_live(struct sl_partition *p, struct sl_hold *h, int64_t first,
                                int64_t end)
{
    for (int64_t offset = first; offset < end; offset++) {
        if (h)
            sl_hold_cover(h, p, offset);
        sl_partition_advance(p, offset, 0, 0);
    }
}

/* The same for the side reader. */
static inline void fixture_side(struct sl_partition *p, struct sl_hold *h, size_t sink,
                                int64_t first, int64_t end)
{
    for (int64_t offset = first; offset < end; offset++) {
        if (h)
            sl_hold_cover(h, p, offset);
        sl_partition_caught(p, sink, offset, 0, 0);
    }
}

/* A closed cut of the live reader over [first, end), or of the side reader. */
static inline struct sl_hold *fixture_cut(struct sl_partition *p, size_t sink, bool side,
                                          int64_t first, int64_t end)
{
    struct sl_hold *h = sl_hold_new(sink, true, side);

    if (side)
        fixture_side(p, h, sink, first, end);
    else
        fixture_live(p, h, first, end);
    sl_hold_close(h);
    return h;
}

static inline void fixture_commit(struct sl_partition *p)
{
    sl_partition_noting(p, true);
    sl_partition_noted(p);
}

/* A sink that nobody here knows. */
static inline void fixture_carry(struct sl_partition *p, const char *id, int64_t position,
                                 int64_t plan_end, int64_t day)
{
    p->carried = sl_reallocarray(p->carried, p->n_carried + 1, sizeof(*p->carried));
    p->carried[p->n_carried] = (struct sl_carried){
        .position = position, .plan_end = plan_end, .behind = plan_end > 0, .day = day};
    memcpy(p->carried[p->n_carried++].id, id, 6);
}

/* Lets go of a batch's hold, as a detached sink does. */
static inline void fixture_let_go(struct sl_hold *h)
{
    sl_hold_let_go(h);
    sl_hold_unref(h);
}

#endif
