/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_ADMIN_H
#define SL_KAFKA_ADMIN_H

#include "base/buf.h"
#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"

/* Questions to the cluster for commands that wait (check --connect, setup); they block. */

/* Connects, and appends one line a finding: brokers, each topic of the source (how many a pattern
 * matches), the group, the dead-letter topic. Returns 0, or SL_EKAFKA with the error in the words
 * of an operator (which broker, and whether name, connection, TLS, authentication or authorisation
 * failed). */
int sl_kafka_check(const struct sl_config *config, struct sl_log *log, unsigned timeout_ms,
                   struct sl_buf *findings, struct sl_error *err);
/* Creates a topic; SL_OK also when it is there. */
int sl_kafka_create_topic(const struct sl_config *config, struct sl_log *log, const char *topic,
                          int partitions, int replication, bool compacted, struct sl_error *err);

#endif
