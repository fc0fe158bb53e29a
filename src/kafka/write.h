/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_WRITE_H
#define SL_KAFKA_WRITE_H

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"
#include "sluice/message.h"

/* Writes records for commands, without a loop: acks=all, idempotent, bounded. A record counts when
 * its done() says so. */
struct sl_kafka_writer;

struct sl_kafka_write {
    const char *topic;
    int32_t partition; /* -1: by the key */
    struct sl_slice key, value;
    const struct sl_header *headers;
    size_t n_headers;
    int64_t timestamp_ms; /* -1: now */
    /* Once, from within sl_kafka_writer_poll() or _free(): why is NULL when the record is in Kafka
     * on all replicas. */
    void (*done)(void *user, const char *why);
    void *user;
};

/* Connects. NULL with err. */
struct sl_kafka_writer *sl_kafka_writer_new(const struct sl_config *config, struct sl_log *log,
                                            struct sl_error *err);
/* What is unconfirmed is done with a failure. NULL is fine. */
void sl_kafka_writer_free(struct sl_kafka_writer *w);
/* Copies what it takes. SL_EFULL: poll first. Others, with err: this record cannot be written;
 * done() is not called. */
int sl_kafka_writer_put(struct sl_kafka_writer *w, const struct sl_kafka_write *what,
                        struct sl_error *err);
/* Waits so long at most for confirmations; returns how many are still awaited. */
size_t sl_kafka_writer_poll(struct sl_kafka_writer *w, unsigned timeout_ms);
/* How many partitions the topic had when the writer was made; 0: it was not there. */
int sl_kafka_writer_partitions(const struct sl_kafka_writer *w, const char *topic);

#endif
