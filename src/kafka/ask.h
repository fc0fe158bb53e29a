/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_ASK_H
#define SL_KAFKA_ASK_H

#include "kafka/client.h"

/* What commands that wait for the cluster's answers share (admin.c, read.c): a client, its
 * metadata, and what went wrong in the words of an operator. Everything blocks. */

/* NULL with err. Errors of the client come on its main queue. */
rd_kafka_t *sl_kafka_open(const struct sl_config *config, enum sl_kafka_role role,
                          struct sl_log *log, struct sl_error *err);
/* All topics and brokers, once one of them answers. NULL with err. The caller destroys it. */
const struct rd_kafka_metadata *sl_kafka_connect(rd_kafka_t *rk, unsigned timeout_ms,
                                                 struct sl_error *err);
const rd_kafka_metadata_topic_t *sl_kafka_find_topic(const struct rd_kafka_metadata *m,
                                                     const char *name); /* or NULL */

/* Sluice's own (dead letters, state) or Kafka's: a pattern of the source does not mean it. */
bool sl_kafka_own_topic(const struct sl_config *config, const char *topic);

/* Of all that the client complained of, what tells most. Begins as zeros. */
struct sl_kafka_trouble {
    int weight;
    char text[256];
};

void sl_kafka_collect(rd_kafka_queue_t *queue, struct sl_kafka_trouble *t);
int sl_kafka_fail(struct sl_error *err, const struct sl_kafka_trouble *t, rd_kafka_resp_err_t code);

#endif
