/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_CLIENT_H
#define SL_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"
#include "sluice/message.h"

/* What all Kafka clients share: properties, logging, versions. */

enum sl_kafka_role { SL_KAFKA_CONSUMER, SL_KAFKA_PRODUCER };

/* client, then consumer or producer properties over it, then what Sluice owns. A property that
 * librdkafka does not know or take is an error about its name. */
rd_kafka_conf_t *sl_kafka_conf(const struct sl_source_config *source, enum sl_kafka_role role,
                               struct sl_log *log, struct sl_error *err);
/* True when the linked librdkafka is at least this version: 0x020a00ff for 2.10.0. */
bool sl_kafka_at_least(int version);
/* All properties of the configuration that librdkafka does not know or whose values it refuses. */
void sl_kafka_check_properties(const struct sl_config *config, struct sl_diags *diags);
/* How records of the topic are decoded: sets decode and rule, by its name. */
void sl_kafka_decoding(const struct sl_source_config *source, struct sl_topic *topic);
/* All of *ret but `at`, borrowed from m; headers: room for SL_HEADERS_MAX. */
void sl_kafka_message(const rd_kafka_message_t *m, struct sl_header *headers,
                      struct sl_message *ret);
/* How many headers of m there are, at most `max`; borrowed from m. */
size_t sl_kafka_headers(const rd_kafka_message_t *m, struct sl_header *ret, size_t max);
/* Messages fetched before are void from this call on. Nothing is waited for; takes the list. */
void sl_kafka_seek(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, struct sl_log *log);

#endif
