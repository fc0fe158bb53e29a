/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* The broker says that the offset to be read next is not in the log: retention overtook, or the
 * topic was made anew. The library has stopped fetching the partition. Its bounds are asked for,
 * and the same decision falls as at an assignment. */

static void restart(struct sl_consumer *c, struct sl_part *part, int64_t offset)
{
    part->expect = offset;
    part->rewind = false;
    part->check = false;
    if (!part->p->draining)
        sl_partition_skip(part->p, offset);
    sl_assign_restart(c, part);
}

static void apply(struct sl_consumer *c, const struct sl_lookup_item *item)
{
    struct sl_partition *p = sl_consumer_find(c, item->topic, item->number);
    struct sl_part *part = p ? sl_part_of(p) : NULL;

    if (!part || part->p->stopped || !part->check)
        return; /* the assignment has changed meanwhile */
    if (item->verdict == SL_READ_STOP) {
        part->check = false;
        sl_part_stop(c, part, item->why);
        return;
    }
    if (item->gone)
        sl_logf(c->log, SL_LOG_WARN, "%s-%d: %s; reading goes on at %lld", item->topic,
                (int)item->number, item->why, (long long)item->start);
    restart(c, part, item->start);
}

static void checked(struct sl_lookup *s)
{
    struct sl_consumer *c = s->user;

    c->check_running = false;
    sl_consumer_job_done(c);
}

static void finish(struct sl_consumer *c)
{
    struct sl_lookup *s = c->check;

    if (s->failed) {
        sl_health_trouble(c, "bounds of a log: %s", s->text);
        c->check_again_ms = sl_consumer_backoff(c, 4);
    }
    for (size_t i = 0; !s->failed && i < s->n; i++)
        apply(c, &s->items[i]);
    sl_lookup_free(s);
    c->check = NULL;
}

void sl_range_turn(struct sl_consumer *c)
{
    struct sl_lookup *s = NULL;

    if (c->check && !c->check_running && sl_rebalance_idle(c))
        finish(c);
    if (c->check || sl_now_ms(c->rt) < c->check_again_ms || c->close_stage != SL_OPEN)
        return;
    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_partition *p = c->partitions[i];
        struct sl_part *part = sl_part_of(p);

        /* What is parked is taken first: the position must not move past it. */
        if (!part->check || p->draining || c->parked_at == part)
            continue;
        s = s ? s : sl_lookup_new(c->rk, c->source);
        sl_lookup_add(s, p->topic->name, p->number)->committed = part->expect;
    }
    if (!s)
        return;
    s->bounds_only = true;
    s->done = checked;
    s->user = c;
    c->check = s;
    c->check_running = true;
    sl_lookup_run(s, c->rt);
}
