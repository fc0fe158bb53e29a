/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_TOPIC_H
#define SL_KAFKA_TOPIC_H

#include "kafka/ask.h"

/* Topics made and described by a client that is there already. Everything blocks. */

enum { SL_KAFKA_TOPIC_MS = 15000 }; /* how long it may take */

struct sl_kafka_setting {
    const char *name, *value;
};

struct sl_kafka_new_topic {
    const char *name;
    int partitions, replication; /* replication -1: as the brokers have it */
    struct sl_kafka_setting settings[4];
    size_t n_settings;
};

/* SL_OK also when it is there already. validate: only asks whether it could be created. */
int sl_kafka_topic_create(rd_kafka_t *rk, const struct sl_kafka_new_topic *topic, bool validate,
                          struct sl_error *err);

/* One setting of one topic, as it is in force. */
typedef void (*sl_kafka_setting_fn)(void *user, const char *topic, const char *name,
                                    const char *value);
/* Topics that may not be described are left out; a name that comes twice is an error. */
int sl_kafka_topics_describe(rd_kafka_t *rk, const char *const *names, size_t n, int timeout_ms,
                             sl_kafka_setting_fn each, void *user, struct sl_error *err);

#endif
