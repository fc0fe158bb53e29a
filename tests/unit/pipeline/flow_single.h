/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FLOW_SINGLE_H
#define TESTS_PIPELINE_FLOW_SINGLE_H

/* For tests of single behaviours in the world of flow_world.h. */
#include "pipeline/flow_world.h"

static inline struct sl_partition *partition(const struct world *w, int32_t number)
{
    for (size_t i = 0; i < w->n_assigned; i++)
        if (w->assigned[i]->number == number)
            return w->assigned[i];
    fail_msg("it is not assigned");
    return NULL;
}

/* The assignment is lost, and another begins from this. line: what follows the base. */
static inline struct sl_partition *begin_anew(struct world *w, int32_t number, int64_t committed,
                                              const char *line)
{
    char *text = sl_asprintf("2;b=%lld%s", (long long)committed, line);

    w->committed[number] = committed;
    w->line_n[number] = strlen(text);
    memcpy(w->line[number], text, strlen(text) + 1);
    free(text);
    begin_revoke(w, true);
    end_revoke(w, true);
    for (size_t s = 0; s < SINKS; s++) /* what the line says was so */
        w->checked[s][number] = sl_partition_position(partition(w, number), s);
    return partition(w, number);
}

static inline size_t pending_of(const struct world *w, size_t sink)
{
    size_t n = 0;

    for (size_t i = 0; i < w->pending.n; i++)
        n += w->pending.pending[i]->sink->index == sink;
    return n;
}

static inline struct sl_batch *take_of(struct world *w, size_t sink)
{
    for (size_t i = 0; i < w->pending.n; i++)
        if (w->pending.pending[i]->sink->index == sink)
            return fake_take(i);
    fail_msg("nothing was sent");
    return NULL;
}

/* Timers that are due, pool threads, plans: until nothing moves. No destination answers. */
static inline void turn(struct world *w)
{
    for (int i = 0; i < 5; i++) {
        fake_advance(&w->fake, 0);
        while (w->fake.n_work)
            fake_run_work(&w->fake);
        if (w->commit_wanted)
            commit(w);
    }
}

#endif
