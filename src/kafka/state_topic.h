/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_STATE_TOPIC_H
#define SL_KAFKA_STATE_TOPIC_H

#include <stdatomic.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/list.h"
#include "kafka/state.h"

/* The half of kafka/state.h that waits for the cluster, on pool threads. */

struct sl_state_value {
    struct sl_list node;
    char hash[SL_SHA256_HEX + 1];
    struct sl_buf bytes;
};

/* Of values with such a head, the one that came last; or NULL. */
struct sl_state_value *sl_state_value_find(const struct sl_list *values, const char *head);
void sl_state_value_free(struct sl_state_value *v);
void sl_state_values_free(struct sl_list *values);

struct sl_state_topic {
    const struct sl_config *config;
    struct sl_log *log;
    atomic_bool cancel; /* set by another thread: nobody wants it any more */
};

/* Creates the topic where it is missing. */
int sl_state_topic_ensure(struct sl_state_topic *t, struct sl_error *err);
/* The values of n heads, added to the list. SL_OK also where there is no topic. */
int sl_state_topic_read(struct sl_state_topic *t, const char (*heads)[SL_STATE_HEAD + 1], size_t n,
                        struct sl_list *values, struct sl_error *err);

#endif
