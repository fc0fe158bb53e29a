/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

static bool cooperative(const struct sl_consumer *c)
{
    const char *protocol = rd_kafka_rebalance_protocol(c->rk);

    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void report(struct sl_consumer *c, const char *what, rd_kafka_error_t *error,
                   rd_kafka_resp_err_t err)
{
    if (error) {
        sl_log(c->log, SL_LOG_ERROR, what, "reason", rd_kafka_error_string(error), NULL);
        rd_kafka_error_destroy(error);
    } else if (err) {
        sl_log(c->log, SL_LOG_ERROR, what, "reason", rd_kafka_err2str(err), NULL);
    }
}

/* Tells the library; false when it does not take the assignment. */
static bool assign(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = NULL;
    bool ok;

    if (cooperative(c))
        error = rd_kafka_incremental_assign(c->rk, list);
    else
        err = rd_kafka_assign(c->rk, list);
    ok = !error && !err;
    report(c, "assignment not taken", error, err);
    return ok;
}

void sl_assign_refuse(struct sl_consumer *c)
{
    /* Not rd_kafka_assign(NULL), which answers a revoke: the member would stay in the group with
     * nothing, and never join again. */
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

    assign(c, none);
    rd_kafka_topic_partition_list_destroy(none);
}

/* Of what the group takes back, what the library was really given: it refuses as a whole an answer
 * that names a partition more (one of an assignment that was not taken), and then waits for ever.
 */
static rd_kafka_topic_partition_list_t *taken(struct sl_consumer *c,
                                              const rd_kafka_topic_partition_list_t *revoked)
{
    rd_kafka_topic_partition_list_t *ret = rd_kafka_topic_partition_list_new(revoked->cnt);
    rd_kafka_topic_partition_list_t *have = NULL;

    if (rd_kafka_assignment(c->rk, &have))
        return ret;
    for (int i = 0; i < revoked->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &revoked->elems[i];

        if (rd_kafka_topic_partition_list_find(have, at->topic, at->partition))
            rd_kafka_topic_partition_list_add(ret, at->topic, at->partition);
    }
    rd_kafka_topic_partition_list_destroy(have);
    return ret;
}

void sl_assign_end_answer(struct sl_consumer *c, const struct sl_rebalance *r)
{
    if (cooperative(c)) {
        rd_kafka_topic_partition_list_t *list = taken(c, r->list);

        report(c, "revoke not answered", rd_kafka_incremental_unassign(c->rk, list), 0);
        rd_kafka_topic_partition_list_destroy(list);
    } else {
        report(c, "revoke not answered", NULL, rd_kafka_assign(c->rk, NULL));
    }
}

static struct sl_partition *add_part(struct sl_consumer *c, const struct sl_lookup_item *item)
{
    struct sl_part *part = sl_zalloc(sizeof(*part));
    struct sl_partition *p = sl_partition_new(sl_topics_get(c, item->topic), item->number,
                                              ++c->epochs, c->n_sinks, sl_consumer_cluster_id(c));

    part->p = p;
    part->expect = item->start;
    part->eof = -1;
    if (item->verdict == SL_READ_STOP) {
        part->p->stopped = true;
        part->why = sl_strdup(item->why);
    }
    p->reader = part;
    p->log_end = item->high;
    p->committed = item->commit && !part->p->stopped ? item->start : item->committed;
    /* One that could not even be looked up has no position that could be committed. */
    if (!part->p->stopped || item->committed >= 0)
        sl_partition_skip(p, part->p->stopped ? item->committed : item->start);
    if (c->names && !part->p->stopped && item->start == item->committed)
        sl_metadata_read(p, c->names, item->committed, sl_slice_str(item->metadata), NULL);
    for (size_t i = 0; i < p->n_sinks; i++) { /* until there is a side reader: all are attached */
        if (p->sinks[i].catch_up >= 0)
            p->sinks[i].from = p->sinks[i].catch_up;
        p->sinks[i].catch_up = -1;
        p->sinks[i].plan = (struct sl_plan){0};
    }
    p->noted = sl_partition_fingerprint(p);
    if (c->n_partitions == c->cap_partitions) {
        c->cap_partitions = c->cap_partitions ? c->cap_partitions * 2 : 16;
        c->partitions =
            sl_reallocarray(c->partitions, c->cap_partitions, sizeof(struct sl_partition *));
    }
    c->partitions[c->n_partitions++] = p;
    return p;
}

static void say_start(struct sl_consumer *c, const struct sl_lookup_item *item)
{
    char number[16], start[24];

    snprintf(number, sizeof(number), "%d", (int)item->number);
    snprintf(start, sizeof(start), "%lld", (long long)item->start);
    if (item->verdict == SL_READ_STOP)
        sl_log(c->log, SL_LOG_ERROR, "partition stopped", "topic", item->topic, "partition", number,
               "reason", item->why, NULL);
    else
        sl_log(c->log, item->gone ? SL_LOG_WARN : SL_LOG_DEBUG, "partition assigned", "topic",
               item->topic, "partition", number, "offset", start, "reason",
               item->gone ? item->why : NULL, NULL);
}

static bool all_stopped(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (!c->partitions[i]->stopped)
            return false;
    return c->n_partitions > 0;
}

static void fatal_when_all_stopped(struct sl_consumer *c)
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
    fatal_when_all_stopped(c);
}

void sl_assign_begin(struct sl_consumer *c, const struct sl_lookup *s, const struct sl_rebalance *r)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(r->list->cnt);
    struct sl_partition **fresh;
    size_t n = 0;

    if (!cooperative(c) &&
        c->n_partitions) { /* an eager assignment replaces; its revoke was missed */
        struct sl_partition **old = sl_calloc(c->n_partitions, sizeof(struct sl_partition *));
        size_t n_old = c->n_partitions;

        memcpy(old, c->partitions, n_old * sizeof(struct sl_partition *));
        sl_assign_end(c, old, n_old, true);
        free(old);
    }
    fresh = sl_calloc(s->n + 1, sizeof(struct sl_partition *));
    for (size_t i = 0; i < s->n; i++) {
        const struct sl_lookup_item *item = &s->items[i];

        if (!item->own)
            continue;
        say_start(c, item);
        fresh[n++] = add_part(c, item);
        rd_kafka_topic_partition_list_add(list, item->topic, item->number)->offset = item->start;
    }
    sl_consumer_table_changed(c);
    if (n)
        c->ops->on_assigned(c->user, fresh, n);
    if (!assign(c, list))
        sl_assign_end(c, fresh, n, true);
    else
        sl_pause_sync(c);
    rd_kafka_topic_partition_list_destroy(list);
    free(fresh);
    fatal_when_all_stopped(c);
}

/* A partition whose fetching has ended by an error cannot be sought: it is taken out and put in
 * again. The eager protocol knows whole assignments only, so there all are put in again, each from
 * where it is. */
void sl_assign_restart(struct sl_consumer *c, struct sl_part *part)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->n_partitions);
    bool one = cooperative(c);

    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_part *at = sl_part_of(c->partitions[i]);

        if (one && at != part)
            continue;
        rd_kafka_topic_partition_list_add(list, at->p->topic->name, at->p->number)->offset =
            at->expect;
        at->rewind = false;
    }
    if (one)
        report(c, "unassign", rd_kafka_incremental_unassign(c->rk, list), 0);
    assign(c, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static void remove_part(struct sl_consumer *c, const struct sl_partition *p)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (c->partitions[i] == p) {
            c->partitions[i] = c->partitions[--c->n_partitions];
            return;
        }
}

static void free_part(struct sl_partition *p)
{
    struct sl_part *part = sl_part_of(p);

    p->reader = NULL;
    free(part->why);
    free(part);
    sl_partition_unref(p);
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

void sl_assign_end(struct sl_consumer *c, struct sl_partition **parts, size_t n, bool lost)
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

void sl_assign_release(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++) {
        c->partitions[i]->ended = true;
        free_part(c->partitions[i]);
    }
    free(c->partitions);
    c->partitions = NULL;
    c->n_partitions = 0;
    sl_consumer_table_changed(c);
}
