/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/client.h"
#include "kafka/consumer_private.h"

/* Where the logs end, for lag: as the last fetch answers told, without a question; and on the side
 * by what wakes fetchers (nudge.h). */

static void freshen(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_partition *p = c->partitions[i];
        int64_t low = -1, high = -1;

        if (!rd_kafka_get_watermark_offsets(c->rk, p->topic->name, p->number, &low, &high) &&
            high > p->log_end)
            p->log_end = high;
    }
}

void sl_lag_nudged(struct sl_nudge *n)
{
    struct sl_consumer *c = sl_container_of(n, struct sl_consumer, nudge);

    for (int i = 0; !n->err && !c->freed && i < n->list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &n->list->elems[i];
        struct sl_partition *p = sl_consumer_find(c, at->topic, at->partition);

        if (p && !at->err && at->offset > p->log_end)
            p->log_end = at->offset;
    }
    if (c->freed)
        sl_consumer_job_done(c);
}

static bool backlog(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (!c->partitions[i]->stopped &&
            c->partitions[i]->log_end > sl_part_of(c->partitions[i])->expect)
            return true;
    return false;
}

static void nudge(struct sl_consumer *c)
{
    rd_kafka_topic_partition_list_t *list;

    if (c->paused || c->close_stage != SL_OPEN || c->stage != SL_STEADY ||
        !sl_nudge_due(&c->nudge, c->inbox.queue, sl_now_ms(c->rt)) || !backlog(c))
        return;
    list = rd_kafka_topic_partition_list_new((int)c->n_partitions);
    for (size_t i = 0; i < c->n_partitions; i++)
        rd_kafka_topic_partition_list_add(list, c->partitions[i]->topic->name,
                                          c->partitions[i]->number);
    sl_nudge_run(&c->nudge, c->rk, list, c->rt);
}

void sl_lag_turn(struct sl_consumer *c)
{
    if (sl_now_ms(c->rt) - c->lag_ms >= SL_LAG_MS) {
        c->lag_ms = sl_now_ms(c->rt);
        freshen(c);
    }
    nudge(c);
}
