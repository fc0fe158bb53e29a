/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_READ_H
#define SL_KAFKA_READ_H

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"
#include "sluice/message.h"

/* Reads records for commands that look at them (explain, plan, check --sample-topic, dlq):
 * partitions are assigned, not subscribed to, so the group is not joined, and nothing is committed.
 * It blocks. Memory is that of the client's prefetch (source.kafka.memory); a topic of any length
 * is read through it. */
struct sl_kafka_read {
    const struct sl_config *config;
    struct sl_log *log; /* NULL: none */
    const char *topic;
    int32_t partition; /* -1: all */
    int64_t offset;    /* this record only (partition is not -1); -1: `all`, or the newest `last` */
    bool all;          /* everything that is there when the reading begins */
    int64_t from;      /* all: but nothing below it */
    /* Of all partitions together, spread evenly over those that have as many. Fewer come where the
     * log has less, or where compaction took some. */
    uint64_t last;
    unsigned timeout_ms; /* without any progress; 0: 10 s */
    /* Told of each partition, before the first record, what the log holds of it: low <= offset <
     * high. Or NULL. An error ends the reading. */
    int (*bounds)(void *user, int32_t partition, int64_t low, int64_t high, struct sl_error *err);
    bool (*stop)(void *user); /* asked several times a second; true: enough. Or NULL */
};

struct sl_kafka_record {
    const char *topic;
    int32_t partition;
    const char *cluster_id;    /* "" where no broker tells it */
    struct sl_message message; /* without `at`; borrowed for the call */
};

/* What a dead letter has beside the headers of its record. */
enum { SL_LETTER_HEADERS_MAX = 16 };

/* False: enough. */
typedef bool (*sl_kafka_take_fn)(void *user, const struct sl_kafka_record *r);

/* In the order of the offsets within a partition. SL_OK, or an error in an operator's words: the
 * topic, the partition or the offset is not there, no broker answers, ... A message has up to
 * SL_HEADERS_MAX + SL_LETTER_HEADERS_MAX headers. */
int sl_kafka_read(const struct sl_kafka_read *what, sl_kafka_take_fn take, void *user,
                  struct sl_error *err);

/* The same more than once, by one client: config, log and timeout_ms of `what` do not count. */
struct sl_kafka_reader;

struct sl_kafka_reader *sl_kafka_reader_new(const struct sl_config *config, struct sl_log *log,
                                            unsigned timeout_ms, struct sl_error *err);
void sl_kafka_reader_free(struct sl_kafka_reader *r);                 /* NULL is fine */
const char *sl_kafka_reader_cluster(const struct sl_kafka_reader *r); /* id; "" unknown */
int sl_kafka_reader_read(struct sl_kafka_reader *r, const struct sl_kafka_read *what,
                         sl_kafka_take_fn take, void *user, struct sl_error *err);

#endif
