/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/lookup.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/list.h"
#include "kafka/topic.h"
#include "sluice/position.h"

enum { TIMESTAMP_LATEST = -1, TIMESTAMP_EARLIEST = -2 }; /* Kafka protocol, ListOffsets */

struct sl_lookup *sl_lookup_new(rd_kafka_t *rk, const struct sl_source_config *source)
{
    struct sl_lookup *s = sl_zalloc(sizeof(*s));

    s->rk = rk;
    s->policy = source->start;
    s->out_of_range = source->out_of_range;
    s->timeout_ms = 2000;
    atomic_init(&s->cancel, false);
    return s;
}

static void free_item(struct sl_lookup_item *item)
{
    free(item->topic);
    free(item->metadata);
}

void sl_lookup_free(struct sl_lookup *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free_item(&s->items[i]);
    free(s->items);
    free(s->cluster_id);
    free(s);
}

struct sl_lookup_item *sl_lookup_add(struct sl_lookup *s, const char *topic, int32_t number)
{
    struct sl_lookup_item *item;

    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 16;
        s->items = sl_reallocarray(s->items, s->cap, sizeof(s->items[0]));
    }
    item = &s->items[s->n++];
    *item = (struct sl_lookup_item){.topic = sl_strdup(topic),
                                    .number = number,
                                    .committed = -1,
                                    .low = -1,
                                    .high = -1,
                                    .own = true};
    return item;
}

void sl_lookup_judge(struct sl_lookup_item *item, enum sl_start policy,
                     enum sl_out_of_range out_of_range, bool lines)
{
    struct sl_slice line = item->metadata ? sl_slice_str(item->metadata) : sl_slice(NULL, 0);
    long long at = item->committed, low = item->low, high = item->high;
    /* Where reading goes on at the beginning anyway the line loses nothing by it: what each sink
     * lacks is told by its own position, and what is carried stays. */
    int64_t reach = out_of_range == SL_RANGE_EARLIEST ? 0 : item->low;

    item->verdict = SL_READ_AT;
    item->commit = item->gone = false;
    item->why[0] = 0;
    if (item->committed < 0) {
        if (item->first && policy == SL_START_FAIL) {
            item->verdict = SL_READ_REFUSE;
            snprintf(item->why, sizeof(item->why),
                     "no committed offset, and source.kafka.start is `fail`");
            return;
        }
        item->start = item->first && policy == SL_START_LATEST ? item->high : item->low;
        item->commit = true;
    } else if (item->committed > item->high) {
        item->verdict = SL_READ_STOP;
        item->gone = true;
        item->start = item->high;
        snprintf(item->why, sizeof(item->why),
                 "offset %lld lies past the log's end %lld: the topic was recreated or truncated",
                 at, high);
    } else if (item->committed < item->low &&
               !(lines && sl_metadata_reaches(line, item->committed, reach))) {
        item->gone = true;
        item->start = out_of_range == SL_RANGE_LATEST ? item->high : item->low;
        if (out_of_range == SL_RANGE_STOP)
            item->verdict = SL_READ_STOP;
        snprintf(item->why, sizeof(item->why), "offset %lld is gone, the log begins at %lld", at,
                 low);
    } else {
        item->start = item->committed;
    }
}

static void fail(struct sl_lookup *s, const char *what, rd_kafka_resp_err_t err)
{
    s->failed = true;
    snprintf(s->text, sizeof(s->text), "%s: %s", what, rd_kafka_err2str(err));
}

static rd_kafka_topic_partition_list_t *list_of(const struct sl_lookup *s, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)s->n);

    for (size_t i = 0; i < s->n; i++)
        rd_kafka_topic_partition_list_add(list, s->items[i].topic, s->items[i].number)->offset =
            offset;
    return list;
}

/* The answer for an item; lists keep their order through most calls, so that one look is enough. */
static const rd_kafka_topic_partition_t *answer(const rd_kafka_topic_partition_list_t *list,
                                                size_t guess, const struct sl_lookup_item *item)
{
    const rd_kafka_topic_partition_t *at;

    if (guess < (size_t)list->cnt) {
        at = &list->elems[guess];
        if (at->partition == item->number && strcmp(at->topic, item->topic) == 0)
            return at;
    }
    return rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)list, item->topic,
                                              item->number);
}

/* One ListOffsets request a broker instead of one a partition. */
static void ask_bounds(struct sl_lookup *s, int64_t which)
{
    rd_kafka_topic_partition_list_t *list = list_of(s, which);
    rd_kafka_resp_err_t err = rd_kafka_offsets_for_times(s->rk, list, s->timeout_ms);

    for (size_t i = 0; i < s->n; i++) {
        struct sl_lookup_item *item = &s->items[i];
        const rd_kafka_topic_partition_t *at = answer(list, i, item);
        rd_kafka_resp_err_t why = err ? err : at ? at->err : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;

        if (!why && at->offset < 0)
            why = RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE;
        if (why)
            item->err = why;
        else if (which == TIMESTAMP_EARLIEST)
            item->low = at->offset;
        else
            item->high = at->offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void keep_committed(struct sl_lookup_item *item, const rd_kafka_topic_partition_t *at)
{
    item->committed = at->offset >= 0 ? at->offset : -1;
    free(item->metadata);
    item->metadata = NULL;
    if (item->committed >= 0 && at->metadata_size > 0)
        item->metadata = sl_strndup(at->metadata, at->metadata_size);
}

static bool ask_committed(struct sl_lookup *s)
{
    rd_kafka_topic_partition_list_t *list = list_of(s, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t err = rd_kafka_committed(s->rk, list, s->timeout_ms);

    for (size_t i = 0; !err && i < s->n; i++) {
        const rd_kafka_topic_partition_t *at = answer(list, i, &s->items[i]);

        err = at ? at->err : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (!err)
            keep_committed(&s->items[i], at);
    }
    if (err)
        fail(s, "committed offsets", err);
    rd_kafka_topic_partition_list_destroy(list);
    return !err;
}

static int count_partitions(struct sl_lookup *s, const char *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(s->rk, topic, NULL);
    rd_kafka_resp_err_t err;
    int n = 0;

    err = rkt ? rd_kafka_metadata(s->rk, 0, rkt, &metadata, s->timeout_ms) : rd_kafka_last_error();
    if (!err && metadata && metadata->topic_cnt == 1)
        err = metadata->topics[0].err;
    if (!err && metadata && metadata->topic_cnt == 1)
        n = metadata->topics[0].partition_cnt;
    if (err || n == 0)
        fail(s, topic, err ? err : RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (rkt)
        rd_kafka_topic_destroy(rkt);
    return s->failed ? 0 : n;
}

/* Sets `first` for the topic's items, and adds its other partitions where their ends are to be
 * committed. */
static void ask_first(struct sl_lookup *s, const char *topic, size_t n_own)
{
    int n = count_partitions(s, topic);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;
    bool first = true;

    if (n == 0)
        return;
    list = rd_kafka_topic_partition_list_new(n);
    rd_kafka_topic_partition_list_add_range(list, topic, 0, n - 1);
    err = rd_kafka_committed(s->rk, list, s->timeout_ms);
    for (int i = 0; !err && i < list->cnt; i++) {
        err = list->elems[i].err;
        first = first && list->elems[i].offset < 0;
    }
    if (err) {
        fail(s, "committed offsets", err);
        goto out;
    }
    for (size_t i = 0; i < n_own; i++)
        if (strcmp(s->items[i].topic, topic) == 0) {
            s->items[i].first = first;
            rd_kafka_topic_partition_list_del(list, topic, s->items[i].number);
        }
    for (int i = 0; first && s->policy == SL_START_LATEST && i < list->cnt; i++) {
        struct sl_lookup_item *item = sl_lookup_add(s, topic, list->elems[i].partition);

        item->own = false;
        item->first = true;
    }
out:
    rd_kafka_topic_partition_list_destroy(list);
}

static bool topic_seen(const struct sl_lookup *s, size_t before)
{
    for (size_t i = 0; i < before; i++)
        if (s->items[i].committed < 0 && strcmp(s->items[i].topic, s->items[before].topic) == 0)
            return true;
    return false;
}

/* Others may have begun meanwhile: what they committed must not be moved. */
static void ask_foreign_again(struct sl_lookup *s, size_t n_own)
{
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;

    if (s->n == n_own)
        return;
    list = rd_kafka_topic_partition_list_new((int)(s->n - n_own));
    for (size_t i = n_own; i < s->n; i++)
        rd_kafka_topic_partition_list_add(list, s->items[i].topic, s->items[i].number);
    err = rd_kafka_committed(s->rk, list, s->timeout_ms);
    for (size_t i = n_own; !err && i < s->n; i++) {
        const rd_kafka_topic_partition_t *at = answer(list, i - n_own, &s->items[i]);

        err = at->err;
        s->items[i].committed = at->offset >= 0 ? at->offset : -1;
    }
    if (err)
        fail(s, "committed offsets", err);
    rd_kafka_topic_partition_list_destroy(list);
}

static void forget_foreign(struct sl_lookup *s)
{
    while (s->n && !s->items[s->n - 1].own)
        free_item(&s->items[--s->n]);
}

static void judge(struct sl_lookup *s)
{
    for (size_t i = 0; i < s->n; i++) {
        struct sl_lookup_item *item = &s->items[i];

        if (!item->err) {
            sl_lookup_judge(item, s->policy, s->out_of_range, s->lines);
        } else if (s->bounds_only) {
            continue; /* who asked sees it */
        } else if (item->committed >= 0) {
            /* A partition without a leader must hold back neither the others nor, later, itself.
             * Where it goes on is known; that this is still in the log, the first fetch tells. */
            item->verdict = SL_READ_AT;
            item->commit = item->gone = false;
            item->start = item->committed;
        } else if (!s->give_up) {
            fail(s, item->topic, item->err);
        } else { /* nor a topic that cannot be read, for good */
            item->verdict = SL_READ_STOP;
            item->start = 0;
            snprintf(item->why, sizeof(item->why), "cannot be looked up: %s",
                     rd_kafka_err2str(item->err));
        }
    }
}

static bool cancelled(const struct sl_lookup *s)
{
    return s->failed || atomic_load_explicit(&s->cancel, memory_order_relaxed);
}

static void ask_cluster_id(struct sl_lookup *s)
{
    char *id = rd_kafka_clusterid(s->rk, s->timeout_ms);

    if (!id) {
        s->failed = true;
        snprintf(s->text, sizeof(s->text), "no broker tells the id of its cluster");
        return;
    }
    s->cluster_id = sl_strdup(id);
    rd_kafka_mem_free(s->rk, id);
}

static void take_setting(void *user, const char *topic, const char *name, const char *value)
{
    struct sl_lookup *s = user;

    for (size_t i = 0; strcmp(name, "cleanup.policy") == 0 && i < s->n; i++)
        if (strcmp(s->items[i].topic, topic) == 0) {
            s->items[i].policy_known = true;
            s->items[i].compacted = strstr(value, "compact") != NULL;
        }
}

/* A topic whose policy cannot be learnt is asked about again the next time. */
static void ask_policies(struct sl_lookup *s)
{
    const char **names = sl_calloc(s->n + 1, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;

        while (k < n && strcmp(names[k], s->items[i].topic) != 0)
            k++;
        if (s->items[i].ask_policy && k == n)
            names[n++] = s->items[i].topic;
    }
    sl_kafka_topics_describe(s->rk, names, n, s->timeout_ms, take_setting, s, NULL);
    free(names);
}

void sl_lookup_ask(struct sl_lookup *s)
{
    size_t n;

    if (s->want_cluster_id && !s->cluster_id)
        ask_cluster_id(s);
    if (s->n == 0 || cancelled(s))
        return;
    if (!s->bounds_only && !ask_committed(s))
        return;
    n = s->n;
    for (size_t i = 0; !s->bounds_only && i < n && !cancelled(s); i++)
        if (s->items[i].committed < 0 && !topic_seen(s, i))
            ask_first(s, s->items[i].topic, n);
    if (!cancelled(s))
        ask_bounds(s, TIMESTAMP_EARLIEST);
    if (!cancelled(s))
        ask_bounds(s, TIMESTAMP_LATEST);
    if (!cancelled(s) && !s->bounds_only)
        ask_foreign_again(s, n);
    if (!cancelled(s))
        ask_policies(s);
    if (!cancelled(s))
        judge(s);
}

static void run(struct sl_work *work)
{
    sl_lookup_ask(sl_container_of(work, struct sl_lookup, work));
}

static void done(struct sl_work *work)
{
    struct sl_lookup *s = sl_container_of(work, struct sl_lookup, work);

    s->done(s);
}

void sl_lookup_run(struct sl_lookup *s, struct sl_runtime *rt)
{
    forget_foreign(s);
    for (size_t i = 0; i < s->n; i++) {
        s->items[i].err = RD_KAFKA_RESP_ERR_NO_ERROR;
        s->items[i].first = false;
    }
    s->failed = false;
    s->work = (struct sl_work){.run = run, .done = done};
    sl_work_start(rt, &s->work);
}
