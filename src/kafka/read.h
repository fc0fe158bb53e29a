/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_READ_H
#define SL_KAFKA_READ_H

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"
#include "sluice/message.h"

/* Reads records for commands that look at them (explain, plan, check --sample-topic): partitions
 * are assigned, not subscribed to, so the group is not joined, and nothing is committed. It blocks.
 */
struct sl_kafka_read {
    const struct sl_config *config;
    struct sl_log *log; /* NULL: none */
    const char *topic;
    int32_t partition; /* -1: all */
    int64_t offset;    /* this record only (partition is not -1); -1: the newest `last` */
    /* Of all partitions together, spread evenly over those that have as many. Fewer come where the
     * log has less, or where compaction took some. */
    uint64_t last;
    unsigned timeout_ms; /* without any progress; 0: 10 s */
};

struct sl_kafka_record {
    const char *topic;
    int32_t partition;
    const char *cluster_id;    /* "" where no broker tells it */
    struct sl_message message; /* without `at`; borrowed for the call */
};

/* False: enough. */
typedef bool (*sl_kafka_take_fn)(void *user, const struct sl_kafka_record *r);

/* In the order of the offsets within a partition. SL_OK, or an error in an operator's words: the
 * topic, the partition or the offset is not there, no broker answers, ... */
int sl_kafka_read(const struct sl_kafka_read *what, sl_kafka_take_fn take, void *user,
                  struct sl_error *err);

#endif
