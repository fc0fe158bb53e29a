/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sluice/position.h"

/* Which rules judge an offset: see position.h. */

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What some sink, perhaps one that this replica does not know, has had or has planned: all of it
 * was judged by the rules that were live until now. */
static int64_t beyond_all(const struct sl_partition *p)
{
    int64_t at = most(most(p->next, p->read), 0);

    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *s = &p->sinks[i];

        if (s->from != INT64_MAX)
            at = most(at, s->from);
        at = most(most(at, s->catch_up), s->plan.end);
    }
    for (size_t i = 0; i < p->n_carried; i++)
        at = most(most(at, p->carried[i].position), p->carried[i].plan_end);
    return at;
}

static int64_t before_all(const struct sl_partition *p)
{
    int64_t at = INT64_MAX;

    for (size_t i = 0; i < p->n_sinks; i++) {
        int64_t position = sl_partition_position(p, i);

        if (p->next < 0 && p->sinks[i].catch_up < 0)
            position = p->sinks[i].from; /* still arriving */
        if (position < at)
            at = position;
    }
    for (size_t i = 0; i < p->n_carried; i++)
        if (p->carried[i].position < at)
            at = p->carried[i].position;
    return at == INT64_MAX ? most(p->next, 0) : at;
}

int64_t sl_partition_cut_over(struct sl_partition *p, const char *rules, void *routing)
{
    struct sl_era *last = p->n_eras ? &p->eras[p->n_eras - 1] : NULL;
    struct sl_era era = {.routing = routing};

    snprintf(era.rules, sizeof(era.rules), "%.*s", SL_RULES_HEAD, rules);
    if (last && strcmp(last->rules, era.rules) == 0) {
        last->routing = routing;
        return last->begin;
    }
    era.begin = last ? most(beyond_all(p), last->begin) : before_all(p);
    if (last && last->begin == era.begin) { /* nothing was judged by that one */
        *last = era;
        return era.begin;
    }
    p->eras = sl_reallocarray(p->eras, p->n_eras + 1, sizeof(*p->eras));
    p->eras[p->n_eras++] = era;
    return era.begin;
}

struct sl_era *sl_partition_era(const struct sl_partition *p, int64_t offset)
{
    size_t i = p->n_eras;

    while (i > 1 && p->eras[i - 1].begin > offset)
        i--;
    return i > 0 ? &p->eras[i - 1] : NULL;
}

void sl_partition_prune_carried(struct sl_partition *p, int64_t day)
{
    size_t kept = 0;

    for (size_t i = 0; i < p->n_carried; i++)
        if (day - p->carried[i].day <= SL_CARRY_DAYS)
            p->carried[kept++] = p->carried[i];
    p->n_carried = kept;
}

bool sl_partition_prune_eras(struct sl_partition *p)
{
    int64_t least = before_all(p);
    size_t gone = 0;

    while (gone + 1 < p->n_eras && p->eras[gone + 1].begin <= least)
        gone++;
    if (gone == 0)
        return false;
    p->n_eras -= gone;
    memmove(p->eras, p->eras + gone, p->n_eras * sizeof(*p->eras));
    return true;
}
