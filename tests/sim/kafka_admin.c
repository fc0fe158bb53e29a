/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"
#include "scenario.h"

/* Topics are made and described: on pool threads, answered at once. */

struct rd_kafka_AdminOptions_s {
    int timeout_ms;
    bool validate_only;
};

struct rd_kafka_NewTopic_s {
    char *name;
    int partitions;
};

struct rd_kafka_topic_result_s {
    rd_kafka_resp_err_t err;
};

struct rd_kafka_ConfigEntry_s {
    char *name;
    const char *value;
};

struct rd_kafka_ConfigResource_s {
    char *name;
    rd_kafka_resp_err_t err;
    struct rd_kafka_ConfigEntry_s entry, *list[1];
};

/* The results of an event hang on its opaque. */
struct results {
    void **items;
    size_t n;
};

rd_kafka_AdminOptions_t *rd_kafka_AdminOptions_new(rd_kafka_t *rk, rd_kafka_admin_op_t op)
{
    (void)rk;
    (void)op;
    return sim_new(sizeof(rd_kafka_AdminOptions_t));
}

void rd_kafka_AdminOptions_destroy(rd_kafka_AdminOptions_t *o)
{
    sim_free(o);
}

rd_kafka_resp_err_t rd_kafka_AdminOptions_set_request_timeout(rd_kafka_AdminOptions_t *o,
                                                              int timeout_ms, char *text, size_t n)
{
    (void)text;
    (void)n;
    o->timeout_ms = timeout_ms;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void answer(rd_kafka_t *rk, rd_kafka_queue_t *q, rd_kafka_event_type_t type,
                   struct results *results)
{
    struct rd_kafka_op_s *op = op_new(rk, type);

    op->opaque = results;
    queue_push(q, op);
}

/* ---- new topics ---- */

rd_kafka_NewTopic_t *rd_kafka_NewTopic_new(const char *topic, int partitions, int replication,
                                           char *text, size_t n)
{
    rd_kafka_NewTopic_t *t = sim_new(sizeof(*t));

    (void)replication;
    (void)text;
    (void)n;
    t->name = sim_copy(topic, strlen(topic));
    t->partitions = partitions;
    return t;
}

void rd_kafka_NewTopic_destroy(rd_kafka_NewTopic_t *t)
{
    sim_free(t->name);
    sim_free(t);
}

rd_kafka_resp_err_t rd_kafka_NewTopic_set_config(rd_kafka_NewTopic_t *t, const char *name,
                                                 const char *value)
{
    (void)t;
    (void)name;
    (void)value;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_CreateTopics(rd_kafka_t *rk, rd_kafka_NewTopic_t **topics, size_t n,
                           const rd_kafka_AdminOptions_t *o, rd_kafka_queue_t *q)
{
    struct results *results;

    if (kafka_ask(o->timeout_ms)) /* nobody answers */
        return;
    results = sim_new(sizeof(*results));
    results->items = sim_new(n * sizeof(void *));
    for (results->n = 0; results->n < n; results->n++) {
        struct rd_kafka_topic_result_s *r = sim_new(sizeof(*r));

        if (cluster_topic(topics[results->n]->name))
            r->err = RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
        else if (!o->validate_only && replica_effect(rk->r))
            cluster_add_topic(topics[results->n]->name, topics[results->n]->partitions, false);
        results->items[results->n] = r;
    }
    answer(rk, q, RD_KAFKA_EVENT_CREATETOPICS_RESULT, results);
}

const rd_kafka_CreateTopics_result_t *rd_kafka_event_CreateTopics_result(rd_kafka_event_t *op)
{
    return op->opaque;
}

const rd_kafka_topic_result_t **
rd_kafka_CreateTopics_result_topics(const rd_kafka_CreateTopics_result_t *result, size_t *n)
{
    const struct results *r = (const void *)result;

    *n = r->n;
    return (const rd_kafka_topic_result_t **)r->items;
}

rd_kafka_resp_err_t rd_kafka_topic_result_error(const rd_kafka_topic_result_t *r)
{
    return r->err;
}

const char *rd_kafka_topic_result_error_string(const rd_kafka_topic_result_t *r)
{
    return rd_kafka_err2str(r->err);
}

/* ---- descriptions ---- */

rd_kafka_ConfigResource_t *rd_kafka_ConfigResource_new(rd_kafka_ResourceType_t type,
                                                       const char *name)
{
    struct rd_kafka_ConfigResource_s *c = sim_new(sizeof(*c));

    (void)type;
    c->name = sim_copy(name, strlen(name));
    return c;
}

void rd_kafka_ConfigResource_destroy_array(rd_kafka_ConfigResource_t **list, size_t n)
{
    (void)list; /* the world's: results point to them */
    (void)n;
}

void rd_kafka_DescribeConfigs(rd_kafka_t *rk, rd_kafka_ConfigResource_t **list, size_t n,
                              const rd_kafka_AdminOptions_t *o, rd_kafka_queue_t *q)
{
    static char policy[] = "cleanup.policy";
    struct results *results;

    if (kafka_ask(o->timeout_ms))
        return;
    results = sim_new(sizeof(*results));
    results->items = sim_new(n * sizeof(void *));
    for (results->n = 0; results->n < n; results->n++) {
        struct rd_kafka_ConfigResource_s *c = list[results->n];
        const struct k_topic *t = cluster_topic(c->name);

        c->err = t ? 0 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        c->entry.name = policy;
        c->entry.value = t && (t->source ? sim->scenario->compacted : strcmp(t->name, "state") == 0)
                             ? "compact"
                             : "delete";
        c->list[0] = &c->entry;
        results->items[results->n] = c;
    }
    answer(rk, q, RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT, results);
}

const rd_kafka_DescribeConfigs_result_t *rd_kafka_event_DescribeConfigs_result(rd_kafka_event_t *op)
{
    return op->opaque;
}

const rd_kafka_ConfigResource_t **
rd_kafka_DescribeConfigs_result_resources(const rd_kafka_DescribeConfigs_result_t *result,
                                          size_t *n)
{
    const struct results *r = (const void *)result;

    *n = r->n;
    return (const rd_kafka_ConfigResource_t **)r->items;
}

rd_kafka_resp_err_t rd_kafka_ConfigResource_error(const rd_kafka_ConfigResource_t *c)
{
    return c->err;
}

const char *rd_kafka_ConfigResource_name(const rd_kafka_ConfigResource_t *c)
{
    return c->name;
}

const rd_kafka_ConfigEntry_t **rd_kafka_ConfigResource_configs(const rd_kafka_ConfigResource_t *c,
                                                               size_t *n)
{
    *n = 1;
    return (const rd_kafka_ConfigEntry_t **)c->list;
}

const char *rd_kafka_ConfigEntry_name(const rd_kafka_ConfigEntry_t *e)
{
    return e->name;
}

const char *rd_kafka_ConfigEntry_value(const rd_kafka_ConfigEntry_t *e)
{
    return e->value;
}

/* With it nothing is made. */
rd_kafka_resp_err_t rd_kafka_AdminOptions_set_validate_only(rd_kafka_AdminOptions_t *o,
                                                            int true_or_false, char *text, size_t n)
{
    (void)text;
    (void)n;
    o->validate_only = true_or_false;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- groups: a running program asks for none ---- */

rd_kafka_resp_err_t rd_kafka_list_groups(rd_kafka_t *rk, const char *group,
                                         const struct rd_kafka_group_list **ret, int timeout_ms)
{
    (void)rk;
    (void)group;
    (void)ret;
    (void)timeout_ms;
    return RD_KAFKA_RESP_ERR__TIMED_OUT;
}

void rd_kafka_group_list_destroy(const struct rd_kafka_group_list *list)
{
    (void)list;
}
