/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KAFKA_KEPT_COMMIT_H
#define KAFKA_KEPT_COMMIT_H

#include <stdbool.h>

#include <librdkafka/rdkafka.h>

/* A commit that stays under way until the test lets it go. */
static struct {
    bool wanted;
    rd_kafka_t *rk;
    rd_kafka_topic_partition_list_t *offsets; /* set: there is one */
    rd_kafka_queue_t *queue;
    void (*cb)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *);
    void *opaque;
} kept;

static inline rd_kafka_resp_err_t keep_commit(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, rd_kafka_queue_t *queue,
    void (*cb)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *),
    void *opaque)
{
    kept.wanted = false;
    kept.rk = rk;
    kept.offsets = rd_kafka_topic_partition_list_copy(offsets);
    kept.queue = queue;
    kept.cb = cb;
    kept.opaque = opaque;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

#endif
