/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/admin.h"

#include <inttypes.h>
#include <regex.h>

#include "kafka/ask.h"
#include "kafka/topic.h"

static int check_pattern(const struct sl_config *config, const struct rd_kafka_metadata *m,
                         const char *pattern, struct sl_buf *to, struct sl_error *err)
{
    regex_t re;
    int n = 0, partitions = 0;

    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return sl_fail(err, SL_ECONFIG, "source.kafka.topics: %s is no regular expression",
                       pattern);
    for (int i = 0; i < m->topic_cnt; i++)
        if (!sl_kafka_own_topic(config, m->topics[i].topic) &&
            regexec(&re, m->topics[i].topic, 0, NULL, 0) == 0) {
            n++;
            partitions += m->topics[i].partition_cnt;
        }
    regfree(&re);
    sl_buf_printf(to, "pattern %s matches %d topics with %d partitions\n", pattern, n, partitions);
    return SL_OK;
}

static int check_topic(const struct rd_kafka_metadata *m, const char *name, struct sl_buf *to,
                       struct sl_error *err)
{
    const rd_kafka_metadata_topic_t *t = sl_kafka_find_topic(m, name);

    if (!t)
        return sl_fail(err, SL_EKAFKA, "topic %s does not exist, or may not be described", name);
    if (t->err)
        return sl_fail(err, SL_EKAFKA, "topic %s: %s", name, rd_kafka_err2str(t->err));
    sl_buf_printf(to, "topic %s has %d partition(s)\n", name, t->partition_cnt);
    return SL_OK;
}

static int check_topics(const struct sl_config *config, const struct rd_kafka_metadata *m,
                        struct sl_buf *to, struct sl_error *err)
{
    int code = SL_OK;

    for (size_t i = 0; !code && i < config->source.topics.n; i++) {
        const char *name = config->source.topics.items[i];

        code = name[0] == '^' ? check_pattern(config, m, name, to, err)
                              : check_topic(m, name, to, err);
    }
    return code;
}

static int check_group(rd_kafka_t *rk, const struct sl_config *config, unsigned timeout_ms,
                       struct sl_buf *to, struct sl_error *err)
{
    const struct rd_kafka_group_list *groups = NULL;
    const char *group = config->source.group;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, group, &groups, (int)timeout_ms);

    if (!code && groups->group_cnt > 0 && groups->groups[0].err)
        code = groups->groups[0].err;
    if (code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED) {
        if (groups)
            rd_kafka_group_list_destroy(groups);
        return sl_fail(err, SL_EKAFKA, "group %s may not be described: READ on the group is needed",
                       group);
    }
    if (code) /* older brokers and proxies do not describe groups; joining may still work */
        sl_buf_printf(to, "group %s could not be described: %s\n", group, rd_kafka_err2str(code));
    else if (groups->group_cnt == 0 || !groups->groups[0].state[0] ||
             strcmp(groups->groups[0].state, "Dead") == 0)
        sl_buf_printf(to, "group %s is new\n", group);
    else
        sl_buf_printf(to, "group %s is %s with %d members\n", group, groups->groups[0].state,
                      groups->groups[0].member_cnt);
    if (groups)
        rd_kafka_group_list_destroy(groups);
    return SL_OK;
}

static void check_letters(const struct rd_kafka_metadata *m, const char *topic, struct sl_buf *to)
{
    const rd_kafka_metadata_topic_t *t = sl_kafka_find_topic(m, topic);

    if (!t || t->err)
        sl_buf_printf(to, "dead-letter topic %s does not exist yet: `sluice setup` creates it\n",
                      topic);
    else
        sl_buf_printf(to, "dead-letter topic %s has %d partition(s)\n", topic, t->partition_cnt);
}

int sl_kafka_check(const struct sl_config *config, struct sl_log *log, unsigned timeout_ms,
                   struct sl_buf *findings, struct sl_error *err)
{
    rd_kafka_t *rk = sl_kafka_open(config, SL_KAFKA_CONSUMER, log, err);
    const struct rd_kafka_metadata *m = NULL;
    int code = SL_EKAFKA;

    if (!rk)
        return err ? err->code : SL_ECONFIG;
    m = sl_kafka_connect(rk, timeout_ms, err);
    if (!m)
        goto out;
    for (int i = 0; i < m->broker_cnt; i++)
        sl_buf_printf(findings, "broker %" PRId32 " at %s:%d\n", m->brokers[i].id,
                      m->brokers[i].host, m->brokers[i].port);
    code = check_topics(config, m, findings, err);
    if (!code)
        code = check_group(rk, config, timeout_ms, findings, err);
    if (!code && config->dead_letter)
        check_letters(m, config->dead_letter, findings);
out:
    if (m)
        rd_kafka_metadata_destroy(m);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return code;
}

int sl_kafka_create_topic(const struct sl_config *config, struct sl_log *log, const char *topic,
                          int partitions, int replication, bool compacted, struct sl_error *err)
{
    const struct sl_kafka_new_topic wanted = {
        .name = topic,
        .partitions = partitions,
        .replication = replication,
        .settings = {{"cleanup.policy", "compact"}},
        .n_settings = compacted,
    };
    rd_kafka_t *rk = sl_kafka_open(config, SL_KAFKA_PRODUCER, log, err);
    int code;

    if (!rk)
        return err ? err->code : SL_ECONFIG;
    code = sl_kafka_topic_create(rk, &wanted, false, err);
    rd_kafka_destroy(rk);
    return code;
}
