/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "position/plan.h"

/* Who serves which offsets: see position.h. */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void attach_when_caught_up(struct sl_sink_position *s)
{
    if (s->catch_up >= s->from)
        s->catch_up = -1;
}

void sl_partition_leave(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];

    assert(s->catch_up < 0);
    s->catch_up = most(p->next, s->from);
    s->from = INT64_MAX;
}

void sl_partition_detach(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];
    int64_t position = sl_partition_position(p, sink);

    s->catch_up = position < 0 ? s->from : position; /* -1: still arriving */
    s->from = INT64_MAX;
}

void sl_partition_hand_over(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];

    assert(s->catch_up >= 0);
    if (s->from != INT64_MAX)
        return;
    s->from = most(most(p->next, s->catch_up), s->plan.end);
    attach_when_caught_up(s);
}

void sl_partition_caught_skip(struct sl_partition *p, size_t sink, int64_t next)
{
    struct sl_sink_position *s = &p->sinks[sink];

    if (s->catch_up < 0)
        return;
    if (next > s->from)
        next = s->from;
    s->catch_up = most(s->catch_up, next);
    p->read = most(p->read, s->catch_up);
    sl_plan_drop_done(p, sink);
    attach_when_caught_up(s);
}

int64_t sl_partition_expire(struct sl_partition *p, size_t sink, int64_t log_start,
                            int64_t *ret_from)
{
    struct sl_sink_position *s = &p->sinks[sink];
    int64_t end = log_start < s->from ? log_start : s->from;
    int64_t gone = end - s->catch_up;

    *ret_from = s->catch_up;
    if (s->catch_up < 0 || gone <= 0)
        return 0;
    /* Of a plan that was to be read yet, or had only begun to be, the same object cannot be made
     * any more. */
    if (s->catch_up < s->plan.end)
        s->plan = (struct sl_plan){0};
    sl_partition_caught_skip(p, sink, end);
    return gone;
}

/* Who lacks records below the base goes on lacking them: the offset says nothing of those. */
void sl_partition_void(struct sl_partition *p, int64_t base)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_sink_position *s = &p->sinks[i];

        s->plan = (struct sl_plan){0};
        if (s->catch_up >= 0 && s->catch_up < base)
            continue;
        s->from = base;
        s->catch_up = -1;
    }
    for (size_t i = 0; i < p->n_carried; i++) {
        struct sl_carried *c = &p->carried[i];

        c->plan_end = 0;
        if (c->position > base)
            c->position = base;
    }
    free(p->eras);
    p->eras = NULL;
    p->n_eras = 0;
}

void sl_partition_settle(struct sl_partition *p)
{
    int64_t least = INT64_MAX, greatest = most(p->committed, 0);

    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *s = &p->sinks[i];

        if (s->catch_up < 0 && s->from < least)
            least = s->from;
        greatest = most(greatest, s->catch_up < 0 ? s->from : s->catch_up);
        greatest = most(greatest, s->plan.end);
    }
    sl_partition_skip(p, least < INT64_MAX ? least : greatest);
}
