/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "sluice/position.h"

/* Who serves which offsets: see position.h. */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* A plan of which nothing is left to read and nothing is outstanding was made good, or held no
 * record at all. */
static void drop_empty_plan(struct sl_sink_position *s)
{
    if (s->plan.end > 0 && s->catch_up >= s->plan.end && sl_list_empty(&s->spans))
        s->plan = (struct sl_plan){0};
}

static void attach_when_caught_up(struct sl_sink_position *s)
{
    if (s->catch_up >= s->from)
        s->catch_up = -1;
}

void sl_partition_detach(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];

    s->catch_up = sl_partition_position(p, sink);
    s->from = INT64_MAX;
}

void sl_partition_hand_over(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];

    assert(s->catch_up >= 0);
    if (s->from != INT64_MAX)
        return;
    s->from = most(p->next, s->catch_up);
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
    drop_empty_plan(s);
    attach_when_caught_up(s);
}

int64_t sl_partition_expire(struct sl_partition *p, size_t sink, int64_t log_start,
                            int64_t *ret_from)
{
    struct sl_sink_position *s = &p->sinks[sink];
    int64_t gone = log_start - s->catch_up;

    *ret_from = s->catch_up;
    if (s->catch_up < 0 || gone <= 0)
        return 0;
    /* What was read already has its outcome to come; of a plan that had only begun to be repeated
     * the same object cannot be made any more. */
    if (s->plan.end > 0 && s->plan.first < log_start && s->catch_up < s->plan.end)
        s->plan = (struct sl_plan){0};
    sl_partition_caught_skip(p, sink, log_start);
    return gone;
}

void sl_partition_void(struct sl_partition *p, int64_t base)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_sink_position *s = &p->sinks[i];

        s->from = base;
        s->catch_up = -1;
        s->plan = (struct sl_plan){0};
    }
    free(p->eras);
    free(p->carried);
    p->eras = NULL;
    p->carried = NULL;
    p->n_eras = p->n_carried = 0;
}

void sl_partition_settle(struct sl_partition *p)
{
    int64_t least = INT64_MAX, greatest = 0;

    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *s = &p->sinks[i];

        if (s->catch_up < 0 && s->from < least)
            least = s->from;
        greatest = most(greatest, s->catch_up < 0 ? s->from : s->catch_up);
        greatest = most(greatest, s->plan.end);
    }
    sl_partition_skip(p, least < INT64_MAX ? least : greatest);
}
