/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* Epochs: what an assignment makes of partitions, and what its end does to them. */

/* A policy has stopped it: it keeps what is committed, and nothing of it is committed. One that
 * could not even be looked up has no position at all. */
static void stop_at_once(struct sl_partition *p, const struct sl_lookup_item *item)
{
    p->stopped = true;
    sl_part_of(p)->why = sl_strdup(item->why);
    if (item->committed >= 0)
        sl_partition_skip(p, item->committed);
}

static struct sl_partition *new_partition(struct sl_consumer *c, const struct sl_lookup_item *item)
{
    struct sl_known_topic *topic = sl_topics_get(c, item->topic);
    struct sl_partition *p = sl_partition_new(&topic->topic, item->number, ++c->epochs, c->n_sinks,
                                              sl_consumer_cluster_id(c));
    struct sl_part *part = sl_zalloc(sizeof(*part));

    part->p = p;
    part->base = part->expect = item->start;
    part->eof = part->still_at = -1;
    p->reader = part;
    p->compacted = topic->compacted;
    p->log_start = item->low;
    p->log_end = item->high;
    p->committed = item->committed;
    if (item->verdict == SL_READ_STOP)
        stop_at_once(p, item);
    else if (item->commit)
        p->committed = item->start;
    return p;
}

static void arrive_by_itself(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_arrivals; i++) {
        sl_partition_void(c->arrivals[i].p, c->arrivals[i].base);
        sl_partition_settle(c->arrivals[i].p);
    }
    c->arrived = true;
}

void sl_arrive_begin(struct sl_consumer *c)
{
    const struct sl_lookup *s = c->start;

    c->fresh = sl_calloc(s->n + 1, sizeof(struct sl_partition *));
    c->arrivals = sl_calloc(s->n + 1, sizeof(struct sl_arrival));
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_lookup_item *item = &s->items[i];
        struct sl_partition *p;

        if (!item->own)
            continue;
        p = new_partition(c, item);
        c->fresh[c->n_fresh++] = p;
        if (p->stopped)
            continue;
        c->arrivals[c->n_arrivals++] = (struct sl_arrival){
            .p = p,
            .base = item->start,
            .line = item->metadata && item->start == item->committed ? sl_slice_str(item->metadata)
                                                                     : sl_slice(NULL, 0)};
    }
    c->arrived = c->n_arrivals == 0;
    c->late_ms = sl_now_ms(c->rt) + SL_LATE_MS;
    if (c->arrived)
        return;
    if (c->ops->on_arriving)
        c->ops->on_arriving(c->user, c->arrivals, c->n_arrivals);
    else
        arrive_by_itself(c);
}

void sl_consumer_arrived(struct sl_consumer *c)
{
    if (c->stage != SL_ARRIVING)
        return;
    c->arrived = true;
    sl_consumer_wake(c);
}

void sl_arrive_late(struct sl_consumer *c)
{
    if (c->arrived || sl_now_ms(c->rt) < c->late_ms)
        return;
    c->late_ms = UINT64_MAX;
    for (size_t i = 0; i < c->n_arrivals; i++)
        c->arrivals[i].late = true;
    sl_log(c->log, SL_LOG_WARN, "partitions wait for their positions to be made up", NULL);
}

static void forget_fresh(struct sl_consumer *c)
{
    free(c->fresh);
    free(c->arrivals);
    c->fresh = NULL;
    c->arrivals = NULL;
    c->n_fresh = c->n_arrivals = 0;
}

static void free_part(struct sl_partition *p)
{
    struct sl_part *part = sl_part_of(p);

    p->reader = NULL;
    free(part->why);
    free(part);
    sl_partition_unref(p);
}

static void free_fresh(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_fresh; i++) {
        c->fresh[i]->draining = c->fresh[i]->ended = true;
        free_part(c->fresh[i]);
    }
    forget_fresh(c);
}

void sl_arrive_abandon(struct sl_consumer *c)
{
    struct sl_partition **told = sl_calloc(c->n_arrivals + 1, sizeof(struct sl_partition *));
    size_t n = c->n_arrivals;

    for (size_t i = 0; i < n; i++) {
        told[i] = c->arrivals[i].p;
        told[i]->draining = told[i]->ended = true;
    }
    if (n)
        c->ops->on_ended(c->user, told, n, true);
    free(told);
    free_fresh(c);
}

/* ---- the beginning ---- */

static void say_start(struct sl_consumer *c, const struct sl_lookup_item *item, int64_t next)
{
    char number[16], start[24];

    snprintf(number, sizeof(number), "%d", (int)item->number);
    snprintf(start, sizeof(start), "%lld", (long long)next);
    if (item->verdict == SL_READ_STOP)
        sl_log(c->log, SL_LOG_ERROR, "partition stopped", "topic", item->topic, "partition", number,
               "reason", item->why, NULL);
    else
        sl_log(c->log, item->gone ? SL_LOG_WARN : SL_LOG_DEBUG, "partition assigned", "topic",
               item->topic, "partition", number, "offset", start, "reason",
               item->gone ? item->why : NULL, NULL);
}

static void add_to_table(struct sl_consumer *c, struct sl_partition *p)
{
    if (c->n_partitions == c->cap_partitions) {
        c->cap_partitions = c->cap_partitions ? c->cap_partitions * 2 : 16;
        c->partitions =
            sl_reallocarray(c->partitions, c->cap_partitions, sizeof(struct sl_partition *));
    }
    c->partitions[c->n_partitions++] = p;
}

/* Where the library is to read from: what the arrival made of it. */
static void count_part(struct sl_consumer *c, const struct sl_lookup_item *item,
                       struct sl_partition *p)
{
    struct sl_part *part = sl_part_of(p);

    if (p->stopped)
        return;
    if (p->next < 0) /* -1 would mean the log's end to the library */
        sl_partition_settle(p);
    part->expect = p->next;
    part->arrived = sl_park_count(c, part);
    sl_commit_known(c, p, item->start == item->committed ? item->metadata : NULL);
}

void sl_arrive_count(struct sl_consumer *c)
{
    for (size_t i = 0, k = 0; i < c->start->n; i++) /* in the same order */
        if (c->start->items[i].own)
            count_part(c, &c->start->items[i], c->fresh[k++]);
}

/* The library has them, and reads them from somewhere else. */
static void seek_there(struct sl_consumer *c, struct sl_partition *const *parts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct sl_partition *p = parts[i];
        rd_kafka_topic_partition_t *at =
            rd_kafka_topic_partition_list_find(c->away, p->topic->name, p->number);
        bool broken = at && at->err;

        sl_part_of(p)->paused = sl_part_of(p)->rewind = true;
        rd_kafka_topic_partition_list_del(c->away, p->topic->name, p->number);
        if (broken)
            sl_assign_restart(c, sl_part_of(p));
    }
}

void sl_arrive_end(struct sl_consumer *c)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->n_fresh);
    struct sl_partition **fresh = c->fresh;
    size_t n = c->n_fresh, k = 0;
    bool again = c->now->again, taken = true;

    for (size_t i = 0; i < c->start->n; i++) {
        if (!c->start->items[i].own)
            continue;
        say_start(c, &c->start->items[i], sl_part_of(fresh[k])->expect);
        add_to_table(c, fresh[k]);
        rd_kafka_topic_partition_list_add(list, fresh[k]->topic->name, fresh[k]->number)->offset =
            sl_assign_offset(sl_part_of(fresh[k]));
        k++;
    }
    c->fresh = NULL;
    forget_fresh(c);
    sl_consumer_table_changed(c);
    c->bounds_ms = sl_now_ms(c->rt);
    if (n)
        c->ops->on_assigned(c->user, fresh, n);
    if (again)
        seek_there(c, fresh, n);
    else
        taken = sl_assign_take(c, list);
    if (taken)
        sl_pause_sync(c);
    else
        sl_epochs_end(c, fresh, n, true);
    rd_kafka_topic_partition_list_destroy(list);
    free(fresh);
    sl_range_fatal_when_all_stopped(c);
}

/* ---- the end ---- */

static void remove_part(struct sl_consumer *c, const struct sl_partition *p)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (c->partitions[i] == p) {
            c->partitions[i] = c->partitions[--c->n_partitions];
            return;
        }
}

/* The library remembers a pause past the assignment, and would keep the partition from being read
 * when it comes back. */
static void unpause(struct sl_consumer *c, struct sl_partition *const *parts, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

    for (size_t i = 0; i < n; i++)
        if (sl_part_of(parts[i])->paused)
            rd_kafka_topic_partition_list_add(list, parts[i]->topic->name, parts[i]->number);
    if (list->cnt)
        rd_kafka_resume_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void sl_epochs_end(struct sl_consumer *c, struct sl_partition **parts, size_t n, bool lost)
{
    char text[24];

    unpause(c, parts, n);
    for (size_t i = 0; i < n; i++) {
        parts[i]->draining = parts[i]->ended = true;
        sl_pause_drop_parked(c, sl_part_of(parts[i]));
        remove_part(c, parts[i]);
    }
    sl_consumer_table_changed(c);
    snprintf(text, sizeof(text), "%zu", n);
    sl_log(c->log, SL_LOG_INFO, lost ? "partitions lost" : "partitions given back", "partitions",
           text, NULL);
    c->ops->on_ended(c->user, parts, n, lost);
    for (size_t i = 0; i < n; i++)
        free_part(parts[i]);
}

void sl_epochs_release(struct sl_consumer *c)
{
    free_fresh(c);
    for (size_t i = 0; i < c->n_partitions; i++) {
        c->partitions[i]->ended = true;
        free_part(c->partitions[i]);
    }
    free(c->partitions);
    c->partitions = NULL;
    c->n_partitions = 0;
    sl_consumer_table_changed(c);
}
