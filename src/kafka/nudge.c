/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/nudge.h"

#include "base/list.h"
#include "kafka/client.h"

enum { TIMEOUT_MS = 1000, TIMESTAMP_LATEST = -1 };

static void run(struct sl_work *work)
{
    struct sl_nudge *n = sl_container_of(work, struct sl_nudge, work);

    n->err = rd_kafka_offsets_for_times(n->rk, n->list, TIMEOUT_MS);
}

static void done(struct sl_work *work)
{
    struct sl_nudge *n = sl_container_of(work, struct sl_nudge, work);
    rd_kafka_topic_partition_list_t *list = n->list;

    n->busy = false;
    n->done(n);
    rd_kafka_topic_partition_list_destroy(list); /* n may be gone */
}

bool sl_nudge_due(struct sl_nudge *n, rd_kafka_queue_t *queue, uint64_t now_ms)
{
    size_t length;

    if (sl_kafka_at_least(0x020200ff) || n->busy || now_ms - n->last_ms < SL_NUDGE_MS)
        return false;
    length = rd_kafka_queue_length(queue);
    if (length > n->peak)
        n->peak = length;
    return length <= n->peak / 2;
}

void sl_nudge_run(struct sl_nudge *n, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                  struct sl_runtime *rt)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = TIMESTAMP_LATEST;
    n->peak -= n->peak / 16; /* yesterday's peak need not be today's */
    n->rk = rk;
    n->list = list;
    n->busy = true;
    n->last_ms = sl_now_ms(rt);
    n->work = (struct sl_work){.run = run, .done = done};
    sl_work_start(rt, &n->work);
}
