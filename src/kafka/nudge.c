/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/client.h"
#include "kafka/consumer_private.h"

/* Below 2.2 a fetcher that met a full queue sleeps up to a second, however fast the queue empties,
 * and no property says otherwise. Any request to its broker wakes it, and it looks at the queue
 * again. So while there is a backlog and the queue has fallen to half of what it held, the ends of
 * the logs are asked for, which lag wants to know anyway: one small request a broker, at most one
 * each NUDGE_MS. */

enum { NUDGE_MS = 25, NUDGE_TIMEOUT_MS = 1000, TIMESTAMP_LATEST = -1 };

struct sl_nudge {
    struct sl_work work;
    struct sl_consumer *c;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;
};

static void run(struct sl_work *work)
{
    struct sl_nudge *n = sl_container_of(work, struct sl_nudge, work);

    n->err = rd_kafka_offsets_for_times(n->rk, n->list, NUDGE_TIMEOUT_MS);
}

static void done(struct sl_work *work)
{
    struct sl_nudge *n = sl_container_of(work, struct sl_nudge, work);
    struct sl_consumer *c = n->c;

    for (int i = 0; !n->err && !c->freed && i < n->list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &n->list->elems[i];
        struct sl_partition *p = sl_consumer_find(c, at->topic, at->partition);

        if (p && !at->err && at->offset > p->log_end)
            p->log_end = at->offset;
    }
    rd_kafka_topic_partition_list_destroy(n->list);
    free(n);
    c->nudging = false;
    if (c->freed)
        sl_consumer_job_done(c);
}

static bool backlog(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (c->partitions[i]->log_end > sl_part_of(c->partitions[i])->expect)
            return true;
    return false;
}

void sl_nudge_turn(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);
    struct sl_nudge *n;
    size_t length;

    if (sl_kafka_at_least(0x020200ff) || c->nudging || now - c->nudge_ms < NUDGE_MS || c->paused ||
        c->close_stage != SL_OPEN || c->stage != SL_STEADY)
        return;
    length = rd_kafka_queue_length(c->inbox.queue);
    if (length > c->queue_peak)
        c->queue_peak = length;
    if (length > c->queue_peak / 2 || !backlog(c))
        return;
    c->queue_peak -= c->queue_peak / 16; /* yesterday's peak need not be today's */
    n = sl_zalloc(sizeof(*n));
    n->work = (struct sl_work){.run = run, .done = done};
    n->c = c;
    n->rk = c->rk;
    n->list = rd_kafka_topic_partition_list_new((int)c->n_partitions);
    for (size_t i = 0; i < c->n_partitions; i++)
        rd_kafka_topic_partition_list_add(n->list, c->partitions[i]->topic->name,
                                          c->partitions[i]->number)
            ->offset = TIMESTAMP_LATEST;
    c->nudging = true;
    c->nudge_ms = now;
    sl_work_start(c->rt, &n->work);
}
