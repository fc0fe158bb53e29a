/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "audit_private.h"
#include "kafka.h"
#include "pipeline/state.h"
#include "reach.h"

/* What seeds reach: how often the program came into the situations that the design is about. Each
 * is told from the program's own state after a step, and judged by nobody: a number that is small
 * says that scenario.c has to be drawn otherwise. */

static const char *const names[REACHES] = {
    "sinks detached",
    "two detached in a partition, apart",
    "hand-overs fixed",
    "hand-overs completed",
    "kills within a hand-over",
    "plans to be repeated",
    "partitions with plans of two sinks to be repeated",
    "live readers across eras",
    "catch-ups across eras",
    "positions declared void",
    "offsets expired for a sink that is behind",
    "lines that carry ids",
    "carried ids that come back",
    "new sinks in a group",
    "commits answered with something unknown",
    "commits overtaken or late",
    "plans torn by retention",
    "topics cut off",
};

void reach(enum reach what)
{
    sim->audit->counts.reached[what]++;
}

/* What was seen last of a partition of a replica. */
struct seen {
    uint64_t epoch;
    unsigned life;
    unsigned detached, handing, repeating; /* sinks as bits */
    size_t live_era, catch_up_era[SINKS_MAX];
    bool apart, twice;
};

static size_t era_of(const struct sl_partition *p, int64_t offset)
{
    const struct sl_era *era = sl_partition_era(p, offset);

    return era ? (size_t)(era->begin + 1) : 0;
}

static bool many(unsigned bits)
{
    return bits & (bits - 1);
}

static bool apart(const struct sl_partition *p, unsigned detached)
{
    int64_t first = -1;

    for (unsigned s = 0; s < p->n_sinks; s++) {
        if (!(detached >> s & 1))
            continue;
        if (first >= 0 && p->sinks[s].catch_up != first)
            return true;
        first = p->sinks[s].catch_up;
    }
    return false;
}

static unsigned each_new(enum reach what, unsigned now, unsigned before)
{
    for (unsigned fresh = now & ~before; fresh; fresh &= fresh - 1)
        reach(what);
    return now;
}

static void crossed(enum reach what, size_t now, size_t *before)
{
    if (*before && now > *before)
        reach(what);
    *before = now;
}

static void look(const struct sl_partition *p, struct seen *seen)
{
    unsigned detached = 0, handing = 0, repeating = 0;

    for (unsigned s = 0; s < p->n_sinks && s < SINKS_MAX; s++) {
        const struct sl_sink_position *at = &p->sinks[s];

        detached |= (unsigned)(at->catch_up >= 0 && at->from == INT64_MAX) << s;
        handing |= (unsigned)(at->catch_up >= 0 && at->from != INT64_MAX) << s;
        repeating |= (unsigned)(sl_plan_repeat_end(p, s) > 0) << s;
        if (at->catch_up >= 0)
            crossed(REACH_CATCH_UP_ERA, era_of(p, at->catch_up), &seen->catch_up_era[s]);
        else
            seen->catch_up_era[s] = 0;
    }
    crossed(REACH_LIVE_ERA, era_of(p, p->next), &seen->live_era);
    each_new(REACH_COMPLETED, seen->handing & ~detached & ~handing, 0);
    seen->detached = each_new(REACH_DETACHED, detached, seen->detached);
    seen->handing = each_new(REACH_FIXED, handing, seen->handing);
    seen->repeating = each_new(REACH_REPEAT, repeating, seen->repeating);
    seen->apart = each_new(REACH_APART, many(detached) && apart(p, detached), seen->apart);
    seen->twice = each_new(REACH_REPEAT_TWO, many(repeating), seen->twice);
}

void reach_step(const struct replica *r)
{
    struct audit *a = sim->audit;
    size_t n;
    struct sl_partition *const *all;

    if (!a->seen)
        a->seen = sim_new(REPLICAS_MAX * PARTITIONS * sizeof(*a->seen));
    all = sl_consumer_partitions(r->pipeline->consumer, &n);
    for (size_t i = 0; i < n; i++) {
        struct seen *seen = &a->seen[r->number * PARTITIONS + (size_t)all[i]->number];

        if (all[i]->ended || all[i]->next < 0)
            continue;
        if (seen->life != r->life || seen->epoch != all[i]->epoch)
            *seen = (struct seen){.life = r->life, .epoch = all[i]->epoch};
        look(all[i], seen);
    }
}

void reach_death(const struct replica *r)
{
    const struct seen *seen = sim->audit->seen;

    for (size_t i = 0; seen && i < PARTITIONS; i++)
        if (seen[r->number * PARTITIONS + i].life == r->life &&
            seen[r->number * PARTITIONS + i].handing)
            reach(REACH_KILL_HANDING);
}

void reach_print(const struct counts *c)
{
    for (size_t i = 0; i < REACHES; i++)
        printf("%9.1f  %s\n", 1000.0 * (double)c->reached[i] / (double)c->seeds, names[i]);
}
