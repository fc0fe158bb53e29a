/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/topic.h"

#include <stdlib.h>

#include "base/alloc.h"

static rd_kafka_AdminOptions_t *options_for(rd_kafka_t *rk, rd_kafka_admin_op_t op, int timeout_ms,
                                            bool validate)
{
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, op);
    char text[256];

    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, text, sizeof(text));
    if (validate)
        rd_kafka_AdminOptions_set_validate_only(options, 1, text, sizeof(text));
    return options;
}

/* ---- making one ---- */

static int refused(const char *topic, rd_kafka_resp_err_t code, const char *text,
                   struct sl_error *err)
{
    if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
        code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
        return sl_fail(err, SL_EDENIED,
                       "topic %s cannot be created: these credentials may not (CREATE on the topic "
                       "or the cluster is needed)",
                       topic);
    return sl_fail(err, SL_EKAFKA, "topic %s cannot be created: %s", topic,
                   text && text[0] ? text : rd_kafka_err2str(code));
}

static int created(rd_kafka_event_t *ev, const char *topic, struct sl_error *err)
{
    const rd_kafka_topic_result_t **results = NULL;
    size_t n = 0;
    rd_kafka_resp_err_t code = rd_kafka_event_error(ev);
    const char *text = rd_kafka_event_error_string(ev);

    if (!code)
        results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(ev), &n);
    if (n == 1) {
        code = rd_kafka_topic_result_error(results[0]);
        text = rd_kafka_topic_result_error_string(results[0]);
    }
    if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
        return SL_OK;
    return refused(topic, code, text, err);
}

int sl_kafka_topic_create(rd_kafka_t *rk, const struct sl_kafka_new_topic *topic, bool validate,
                          struct sl_error *err)
{
    char text[256];
    rd_kafka_NewTopic_t *made = rd_kafka_NewTopic_new(topic->name, topic->partitions,
                                                      topic->replication, text, sizeof(text));
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *ev;
    int code;

    if (!made)
        return sl_fail(err, SL_EINVAL, "topic %s: %s", topic->name, text);
    for (size_t i = 0; i < topic->n_settings; i++)
        rd_kafka_NewTopic_set_config(made, topic->settings[i].name, topic->settings[i].value);
    options = options_for(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS, SL_KAFKA_TOPIC_MS, validate);
    queue = rd_kafka_queue_new(rk);
    rd_kafka_CreateTopics(rk, &made, 1, options, queue);
    ev = rd_kafka_queue_poll(queue, SL_KAFKA_TOPIC_MS + 1000);
    code = ev ? created(ev, topic->name, err)
              : sl_fail(err, SL_ETIMEDOUT, "topic %s: no answer within %d s", topic->name,
                        SL_KAFKA_TOPIC_MS / 1000);
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(made);
    return code;
}

/* ---- describing ---- */

static void take_settings(const rd_kafka_ConfigResource_t *r, sl_kafka_setting_fn each, void *user)
{
    size_t n = 0;
    const rd_kafka_ConfigEntry_t **entries;

    if (rd_kafka_ConfigResource_error(r))
        return;
    entries = rd_kafka_ConfigResource_configs(r, &n);
    for (size_t i = 0; i < n; i++) {
        const char *value = rd_kafka_ConfigEntry_value(entries[i]);

        if (value)
            each(user, rd_kafka_ConfigResource_name(r), rd_kafka_ConfigEntry_name(entries[i]),
                 value);
    }
}

static int described(rd_kafka_event_t *ev, int timeout_ms, sl_kafka_setting_fn each, void *user,
                     struct sl_error *err)
{
    const rd_kafka_ConfigResource_t **resources;
    size_t n = 0;

    if (!ev)
        return sl_fail(err, SL_ETIMEDOUT, "topics could not be described: no answer within %d s",
                       timeout_ms / 1000);
    if (rd_kafka_event_error(ev))
        return sl_fail(err, SL_EKAFKA, "topics could not be described: %s",
                       rd_kafka_event_error_string(ev));
    resources =
        rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(ev), &n);
    for (size_t i = 0; i < n; i++)
        take_settings(resources[i], each, user);
    return SL_OK;
}

int sl_kafka_topics_describe(rd_kafka_t *rk, const char *const *names, size_t n, int timeout_ms,
                             sl_kafka_setting_fn each, void *user, struct sl_error *err)
{
    rd_kafka_ConfigResource_t **asked;
    rd_kafka_AdminOptions_t *options;
    rd_kafka_queue_t *queue;
    rd_kafka_event_t *ev;
    int code;

    if (n == 0)
        return SL_OK;
    asked = sl_calloc(n, sizeof(rd_kafka_ConfigResource_t *));
    for (size_t i = 0; i < n; i++)
        asked[i] = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, names[i]);
    options = options_for(rk, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout_ms, false);
    queue = rd_kafka_queue_new(rk);
    rd_kafka_DescribeConfigs(rk, asked, n, options, queue);
    ev = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    code = described(ev, timeout_ms, each, user, err);
    if (ev)
        rd_kafka_event_destroy(ev);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_ConfigResource_destroy_array(asked, n);
    free(asked);
    return code;
}
