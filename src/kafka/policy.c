/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/policy.h"

#include <string.h>

#include "base/alloc.h"

enum { GRACE_MS = 500 }; /* the library's own timeout comes first */

enum sl_policy sl_kafka_policy(const char *cleanup_policy)
{
    return strstr(cleanup_policy, "compact") ? SL_POLICY_COMPACT : SL_POLICY_DELETE;
}

static enum sl_policy policy_of(const rd_kafka_ConfigResource_t *topic)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries = rd_kafka_ConfigResource_configs(topic, &n);

    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value && strcmp(rd_kafka_ConfigEntry_name(entries[i]), "cleanup.policy") == 0)
            return sl_kafka_policy(value);
    }
    return SL_POLICY_UNKNOWN;
}

static void take(const rd_kafka_event_t *ev, const char *const *topics, size_t n,
                 enum sl_policy *ret)
{
    const rd_kafka_DescribeConfigs_result_t *result =
        rd_kafka_event_DescribeConfigs_result((rd_kafka_event_t *)ev);
    const rd_kafka_ConfigResource_t **got;
    size_t n_got = 0;

    got = result ? rd_kafka_DescribeConfigs_result_resources(result, &n_got) : NULL;
    for (size_t i = 0; i < n_got; i++)
        for (size_t k = 0; !rd_kafka_ConfigResource_error(got[i]) && k < n; k++)
            if (strcmp(topics[k], rd_kafka_ConfigResource_name(got[i])) == 0)
                ret[k] = policy_of(got[i]);
}

void sl_kafka_ask_policies(rd_kafka_t *rk, const char *const *topics, size_t n, int timeout_ms,
                           enum sl_policy *ret)
{
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_ConfigResource_t **asked = sl_calloc(n, sizeof(*asked));
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_event_t *ev;
    char text[256];

    for (size_t i = 0; i < n; i++)
        asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topics[i]);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    rd_kafka_DescribeConfigs(rk, asked, n, options, queue);
    ev = rd_kafka_queue_poll(queue, timeout_ms + GRACE_MS);
    if (ev && !rd_kafka_event_error(ev))
        take(ev, topics, n, ret);
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy_array(asked, n);
    free(asked);
    rd_kafka_AdminOptions_destroy(options);
}
