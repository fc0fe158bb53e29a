/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/group.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kafka/ask.h"

enum { CONNECT_MS = 10000, CALL_MS = 10000 };

/* ---- which partitions ---- */

static bool consumes(const struct sl_config *config, const char *topic)
{
    const struct sl_strings *topics = &config->source.topics;
    bool found = false;

    for (size_t i = 0; i < topics->n && !found; i++) {
        regex_t re;

        if (topics->items[i][0] != '^') {
            found = strcmp(topics->items[i], topic) == 0;
        } else if (!regcomp(&re, topics->items[i], REG_EXTENDED | REG_NOSUB)) {
            found = !sl_kafka_own_topic(config, topic) && regexec(&re, topic, 0, NULL, 0) == 0;
            regfree(&re);
        }
    }
    return found;
}

static int by_place(const void *a, const void *b)
{
    const struct sl_group_partition *left = a, *right = b;
    int order = strcmp(left->topic, right->topic);

    return order ? order : left->number - right->number;
}

static void list_partitions(const struct sl_config *config, const struct rd_kafka_metadata *m,
                            struct sl_group *g)
{
    for (int i = 0; i < m->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *t = &m->topics[i];

        if (t->err || !consumes(config, t->topic))
            continue;
        g->parts =
            sl_reallocarray(g->parts, g->n + (size_t)t->partition_cnt + 1, sizeof(*g->parts));
        for (int j = 0; j < t->partition_cnt; j++)
            g->parts[g->n++] = (struct sl_group_partition){.topic = sl_strdup(t->topic),
                                                           .number = t->partitions[j].id,
                                                           .committed = -1,
                                                           .low = -1,
                                                           .high = -1,
                                                           .at_time = -1};
    }
    if (g->n > 0)
        qsort(g->parts, g->n, sizeof(*g->parts), by_place);
}

/* ---- questions ---- */

static void describe(rd_kafka_t *rk, const char *group, struct sl_group *g)
{
    const struct rd_kafka_group_list *groups = NULL;
    rd_kafka_resp_err_t code = rd_kafka_list_groups(rk, group, &groups, CALL_MS);
    const char *state = "unknown";

    if (!code && groups->group_cnt > 0 && !groups->groups[0].err) {
        state = groups->groups[0].state;
        g->members = groups->groups[0].member_cnt;
    } else if (!code && groups->group_cnt == 0) {
        state = "new";
    }
    if (!*state || strcmp(state, "Dead") == 0)
        state = "new";
    snprintf(g->state, sizeof(g->state), "%s", state);
    if (groups)
        rd_kafka_group_list_destroy(groups);
}

static rd_kafka_topic_partition_list_t *as_list(const struct sl_group *g, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)g->n);

    for (size_t i = 0; i < g->n; i++)
        rd_kafka_topic_partition_list_add(list, g->parts[i].topic, g->parts[i].number)->offset =
            offset;
    return list;
}

static rd_kafka_resp_err_t ask_committed(rd_kafka_t *rk, struct sl_group *g)
{
    rd_kafka_topic_partition_list_t *list = as_list(g, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(rk, list, CALL_MS);

    for (size_t i = 0; !code && i < g->n; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];

        if (at->err)
            snprintf(g->parts[i].why, sizeof(g->parts[i].why), "%s", rd_kafka_err2str(at->err));
        if (at->err || at->offset < 0)
            continue;
        g->parts[i].committed = at->offset;
        if (at->metadata_size > 0)
            g->parts[i].line = sl_strndup(at->metadata, at->metadata_size);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

static void ask_bounds(rd_kafka_t *rk, struct sl_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        struct sl_group_partition *p = &g->parts[i];
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(rk, p->topic, p->number, &p->low, &p->high, CALL_MS);

        if (code)
            snprintf(p->why, sizeof(p->why), "%s", rd_kafka_err2str(code));
    }
}

static rd_kafka_resp_err_t ask_times(rd_kafka_t *rk, int64_t time_ms, struct sl_group *g)
{
    rd_kafka_topic_partition_list_t *list = as_list(g, time_ms);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, list, CALL_MS);

    for (size_t i = 0; !code && i < g->n; i++)
        g->parts[i].at_time = list->elems[i].offset >= 0 ? list->elems[i].offset : g->parts[i].high;
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

int sl_group_read(const struct sl_config *config, struct sl_log *log, int64_t time_ms,
                  struct sl_group *ret, struct sl_error *err)
{
    rd_kafka_t *rk = sl_kafka_open(config, SL_KAFKA_CONSUMER, log, err);
    const struct rd_kafka_metadata *m = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int rc = SL_EKAFKA;

    *ret = (struct sl_group){0};
    if (!rk)
        return SL_ECONFIG;
    m = sl_kafka_connect(rk, CONNECT_MS, err);
    if (!m)
        goto out;
    list_partitions(config, m, ret);
    describe(rk, config->source.group, ret);
    if (ret->n == 0) {
        sl_fail(err, SL_EKAFKA, "none of the topics of source.kafka.topics is there");
        goto out;
    }
    code = ask_committed(rk, ret);
    if (!code) {
        ask_bounds(rk, ret);
        if (time_ms >= 0)
            code = ask_times(rk, time_ms, ret);
    }
    rc = code
             ? sl_fail(err, SL_EKAFKA, "group %s: %s", config->source.group, rd_kafka_err2str(code))
             : SL_OK;
out:
    if (m)
        rd_kafka_metadata_destroy(m);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (rc != SL_OK)
        sl_group_release(ret);
    return rc;
}

void sl_group_release(struct sl_group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->parts[i].topic);
        free(g->parts[i].line);
    }
    free(g->parts);
    *g = (struct sl_group){0};
}

/* ---- the change ---- */

static rd_kafka_topic_partition_list_t *change_list(const struct sl_group_change *changes, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *at =
            rd_kafka_topic_partition_list_add(list, changes[i].topic, changes[i].number);

        at->offset = changes[i].offset;
        if (!changes[i].line)
            continue;
        at->metadata = sl_strdup(changes[i].line); /* the list frees it */
        at->metadata_size = strlen(changes[i].line);
    }
    return list;
}

int sl_group_commit(const struct sl_config *config, struct sl_log *log,
                    const struct sl_group_change *changes, size_t n, struct sl_error *err)
{
    rd_kafka_t *rk = sl_kafka_open(config, SL_KAFKA_CONSUMER, log, err);
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_resp_err_t code;
    int rc = SL_OK;

    if (!rk)
        return SL_ECONFIG;
    list = change_list(changes, n);
    code = rd_kafka_commit(rk, list, 0);
    for (int i = 0; !code && i < list->cnt; i++)
        code = list->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID)
        rc = sl_fail(err, SL_EKAFKA, "group %s has members: stop every replica first",
                     config->source.group);
    else if (code)
        rc = sl_fail(err, SL_EKAFKA, "group %s: the commit was refused: %s", config->source.group,
                     rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    return rc;
}
