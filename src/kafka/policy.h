/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_POLICY_H
#define SL_KAFKA_POLICY_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>

/* What a topic does with what is old. In a compacted one the versions of a key between two reads
 * vanish, so that a sink that left the live reader would never see them. */

enum sl_policy { SL_POLICY_UNKNOWN, SL_POLICY_DELETE, SL_POLICY_COMPACT };

enum sl_policy sl_kafka_policy(const char *cleanup_policy); /* the value of cleanup.policy */
/* Asks the cluster, and blocks for it; what gets no answer in time, or may not be asked, stays as
 * it is. */
void sl_kafka_ask_policies(rd_kafka_t *rk, const char *const *topics, size_t n, int timeout_ms,
                           enum sl_policy *ret);

#endif
