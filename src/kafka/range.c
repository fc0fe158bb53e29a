/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* Where the logs begin and end: of all partitions at once when they are assigned and then every
 * 30 s, for who watches how far retention is from a sink's position (and, until it is known,
 * whether a topic is compacted: no assignment waits for that); and at once of one whose next offset
 * is not in its log, as the broker says: retention overtook, or the topic was made anew. The
 * library has stopped fetching it then, and the same decision falls as at an assignment. */

static bool all_stopped(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (!c->partitions[i]->stopped || sl_part_of(c->partitions[i])->parked_until_ms)
            return false;
    return c->n_partitions > 0;
}

void sl_range_fatal_when_all_stopped(struct sl_consumer *c)
{
    char text[512];

    if (!all_stopped(c))
        return;
    snprintf(text, sizeof(text), "every partition is stopped; %s-%d: %s",
             c->partitions[0]->topic->name, (int)c->partitions[0]->number,
             sl_part_of(c->partitions[0])->why);
    sl_consumer_fatal(c, text);
}

void sl_part_stop(struct sl_consumer *c, struct sl_part *part, const char *why)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", (int)part->p->number);
    sl_log(c->log, SL_LOG_ERROR, "partition stopped", "topic", part->p->topic->name, "partition",
           number, "reason", why, NULL);
    part->p->stopped = true;
    free(part->why);
    part->why = sl_strdup(why);
    sl_pause_drop_parked(c, part);
    sl_pause_sync(c);
    sl_range_fatal_when_all_stopped(c);
}

static void restart(struct sl_consumer *c, struct sl_part *part, int64_t offset)
{
    struct sl_partition *p = part->p;

    if (offset > p->next && c->ops->on_overtaken && !p->draining)
        c->ops->on_overtaken(c->user, p, p->next, offset);
    part->expect = offset;
    part->rewind = false;
    part->check = false;
    if (!p->draining)
        sl_partition_skip(p, offset);
    sl_assign_restart(c, part);
}

static void judge(struct sl_consumer *c, struct sl_part *part, const struct sl_lookup_item *item)
{
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

static void again_later(struct sl_consumer *c, const char *why)
{
    sl_health_trouble(c, "bounds of a log: %s", why);
    c->check_again_ms = sl_consumer_backoff(c, 4);
}

static void apply(struct sl_consumer *c, const struct sl_lookup_item *item)
{
    struct sl_partition *p = sl_consumer_find(c, item->topic, item->number);
    struct sl_part *part = p ? sl_part_of(p) : NULL;

    if (!part)
        return; /* the assignment has changed meanwhile */
    if (!item->err) {
        p->log_start = item->low;
        if (item->high > p->log_end)
            p->log_end = item->high;
    }
    if (item->policy_known) {
        sl_topics_get(c, item->topic)->asked = true;
        sl_topics_get(c, item->topic)->compacted = p->compacted = item->compacted;
    }
    if (!part->checking || p->stopped) /* else what was asked for may be older than the news */
        return;
    part->checking = false;
    if (item->err)
        again_later(c, rd_kafka_err2str(item->err));
    else
        judge(c, part, item);
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

    for (size_t i = 0; i < s->n; i++)
        apply(c, &s->items[i]);
    sl_lookup_free(s);
    c->check = NULL;
    if (c->check_all && c->ops->on_bounds)
        c->ops->on_bounds(c->user);
}

/* What is parked is taken first: the position must not move past it. */
static bool to_be_asked(const struct sl_consumer *c, const struct sl_part *part)
{
    return part->check && !part->p->draining && c->parked_at != part &&
           sl_now_ms(c->rt) >= c->check_again_ms;
}

void sl_range_turn(struct sl_consumer *c)
{
    struct sl_lookup_item *item;
    struct sl_lookup *s = NULL;
    bool all = sl_now_ms(c->rt) >= c->bounds_ms;

    if (c->check && !c->check_running && sl_rebalance_idle(c) && !c->away->cnt)
        finish(c);
    if (c->check || c->close_stage != SL_OPEN)
        return;
    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_partition *p = c->partitions[i];

        if (!all && !to_be_asked(c, sl_part_of(p)))
            continue;
        s = s ? s : sl_lookup_new(c->rk, c->source);
        item = sl_lookup_add(s, p->topic->name, p->number);
        item->committed = sl_part_of(p)->expect;
        sl_part_of(p)->checking = to_be_asked(c, sl_part_of(p));
        item->ask_policy = all && !sl_topics_get(c, p->topic->name)->asked;
    }
    if (!s)
        return;
    if (all)
        c->bounds_ms = sl_now_ms(c->rt) + SL_BOUNDS_MS;
    s->bounds_only = true;
    s->done = checked;
    s->user = c;
    c->check = s;
    c->check_all = all;
    c->check_running = true;
    sl_lookup_run(s, c->rt);
}

void sl_consumer_stop(struct sl_consumer *c, struct sl_partition *p, const char *why)
{
    if (!p->ended && sl_part_of(p) && !p->stopped)
        sl_part_stop(c, sl_part_of(p), why);
}
