/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_NUDGE_H
#define SL_KAFKA_NUDGE_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "sluice/runtime.h"

/* Below 2.2 a fetcher that met a full queue sleeps up to a second, however fast the queue empties,
 * and no property says otherwise. Any request to its broker wakes it, and it looks at the queue
 * again. So while there is a backlog and the queue has fallen to half of what it held, the ends of
 * the logs are asked for, which lag wants to know anyway: one small request a broker, at most one
 * each SL_NUDGE_MS. */

enum { SL_NUDGE_MS = 25 };

struct sl_nudge {
    void (*done)(struct sl_nudge *n); /* set by the user: list and err are the answer */
    bool busy;                        /* not to be released now */
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t err;
    /* private */
    struct sl_work work;
    rd_kafka_t *rk;
    uint64_t last_ms;
    size_t peak; /* most messages seen waiting in the queue, fading */
};

/* True when fetchers may sleep although there is room. */
bool sl_nudge_due(struct sl_nudge *n, rd_kafka_queue_t *queue, uint64_t now_ms);
/* Asks for the ends of these; takes the list. */
void sl_nudge_run(struct sl_nudge *n, rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                  struct sl_runtime *rt);

#endif
