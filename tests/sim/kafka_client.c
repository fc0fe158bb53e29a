/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"
#include "scenario.h"

/* Handles of the library: configuration, assignment, pause, resume and seek, the end. */

struct rd_kafka_conf_s {
    char *group;
    bool coop;
    void *opaque;
};

rd_kafka_conf_t *rd_kafka_conf_new(void)
{
    return sim_new(sizeof(rd_kafka_conf_t));
}

void rd_kafka_conf_destroy(rd_kafka_conf_t *conf)
{
    sim_free(conf);
}

rd_kafka_conf_res_t rd_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value,
                                      char *text, size_t n)
{
    (void)text;
    (void)n;
    if (strcmp(name, "group.id") == 0)
        conf->group = sim_copy(value, strlen(value));
    else if (strcmp(name, "partition.assignment.strategy") == 0)
        conf->coop = strcmp(value, "cooperative-sticky") == 0;
    else if (strcmp(name, "fetch.queue.backoff.ms") == 0 && !sim->scenario->cooperative)
        return RD_KAFKA_CONF_UNKNOWN;
    return RD_KAFKA_CONF_OK;
}

rd_kafka_conf_res_t rd_kafka_conf_get(const rd_kafka_conf_t *conf, const char *name, char *to,
                                      size_t *n)
{
    static const char *const values[][2] = {{"message.max.bytes", "1000000"},
                                            {"receive.message.max.bytes", "100000000"},
                                            {"topic.blacklist", ""}};

    (void)conf;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (strcmp(values[i][0], name) == 0) {
            if (to)
                snprintf(to, *n, "%s", values[i][1]);
            *n = strlen(values[i][1]) + 1;
            return RD_KAFKA_CONF_OK;
        }
    return RD_KAFKA_CONF_UNKNOWN;
}

const char **rd_kafka_conf_dump(rd_kafka_conf_t *conf, size_t *n)
{
    (void)conf;
    *n = 0;
    return sim_new(sizeof(char *));
}

void rd_kafka_conf_dump_free(const char **list, size_t n)
{
    (void)n;
    sim_free(list);
}

void rd_kafka_conf_set_events(rd_kafka_conf_t *conf, int events)
{
    (void)conf;
    (void)events;
}

void rd_kafka_conf_set_opaque(rd_kafka_conf_t *conf, void *opaque)
{
    conf->opaque = opaque;
}

void rd_kafka_conf_set_log_cb(rd_kafka_conf_t *conf,
                              void (*cb)(const rd_kafka_t *, int, const char *, const char *))
{
    (void)conf;
    (void)cb;
}

/* ---- life ---- */

rd_kafka_t *rd_kafka_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, char *text, size_t n)
{
    struct rd_kafka_s *rk = sim_new(sizeof(*rk));

    (void)text;
    (void)n;
    rk->r = sim->current;
    rk->life = rk->r->life;
    rk->type = type;
    rk->group = conf->group;
    rk->coop = conf->coop;
    rk->opaque = conf->opaque;
    rk->main = queue_make(rk);
    rk->consumer = queue_make(rk);
    rk->generation = -1;
    rk->fetch.fire = fetch_fire;
    sl_list_init(&rk->topics);
    sl_list_init(&rk->mails);
    sl_list_push(&rk->r->clients, &rk->node);
    sim_free(conf);
    return rk;
}

static void drop_all(struct rd_kafka_s *rk)
{
    for (size_t i = 0; i < rk->n_assigned; i++)
        sim_free(rk->assigned[i]);
    rk->n_assigned = 0;
}

static void stop(struct rd_kafka_s *rk)
{
    sim_cancel(&rk->fetch);
    group_client_gone(rk);
    rk->left = true;
}

void client_replica_died(struct replica *r)
{
    while (!sl_list_empty(&r->clients)) {
        struct rd_kafka_s *rk = sl_container_of(r->clients.next, struct rd_kafka_s, node);

        sl_list_remove(&rk->node);
        stop(rk);
    }
}

void rd_kafka_destroy_flags(rd_kafka_t *rk, int flags)
{
    (void)flags;
    sl_list_remove(&rk->node);
    stop(rk);
    drop_all(rk);
}

void rd_kafka_destroy(rd_kafka_t *rk)
{
    rd_kafka_destroy_flags(rk, 0);
}

void *rd_kafka_opaque(const rd_kafka_t *rk)
{
    return rk->opaque;
}

struct rd_kafka_topic_s *client_rkt(struct rd_kafka_s *rk, const char *name)
{
    struct rd_kafka_topic_s *t;
    struct sl_list *at;

    sl_list_each (at, &rk->topics) {
        t = sl_container_of(at, struct rd_kafka_topic_s, node);
        if (strcmp(t->name, name) == 0)
            return t;
    }
    t = sim_new(sizeof(*t));
    t->name = sim_copy(name, strlen(name));
    sl_list_push(&rk->topics, &t->node);
    return t;
}

rd_kafka_topic_t *rd_kafka_topic_new(rd_kafka_t *rk, const char *name, rd_kafka_topic_conf_t *conf)
{
    (void)conf;
    return client_rkt(rk, name);
}

void rd_kafka_topic_destroy(rd_kafka_topic_t *t)
{
    (void)t;
}

const char *rd_kafka_topic_name(const rd_kafka_topic_t *t)
{
    return t->name;
}

/* ---- the group ---- */

rd_kafka_resp_err_t rd_kafka_subscribe(rd_kafka_t *rk,
                                       const rd_kafka_topic_partition_list_t *topics)
{
    (void)topics;
    if (rk->coop != sim->cluster->cooperative)
        sim_find("a member joins with another protocol than the group's");
    group_subscribe(rk);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

char *rd_kafka_memberid(const rd_kafka_t *rk)
{
    return rk->member ? sim_copy(rk->member->id, strlen(rk->member->id)) : NULL;
}

const char *rd_kafka_rebalance_protocol(rd_kafka_t *rk)
{
    return rk->coop ? "COOPERATIVE" : "EAGER";
}

int rd_kafka_assignment_lost(rd_kafka_t *rk)
{
    return rk->lost;
}

rd_kafka_error_t *rd_kafka_consumer_close_queue(rd_kafka_t *rk, rd_kafka_queue_t *q)
{
    (void)q;
    rk->closing = true;
    if (rk->n_assigned && !rk->owes_revoke) {
        struct rd_kafka_op_s *op = op_new(rk, RD_KAFKA_EVENT_REBALANCE);

        op->err = RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
        op->list = rd_kafka_topic_partition_list_new((int)rk->n_assigned);
        for (size_t i = 0; i < rk->n_assigned; i++)
            rd_kafka_topic_partition_list_add(op->list, rk->assigned[i]->p->topic->name,
                                              rk->assigned[i]->p->number);
        rk->owes_revoke = true;
        queue_push(rk->consumer, op);
    } else if (!rk->owes_revoke) {
        group_leave(rk);
    }
    return NULL;
}

int rd_kafka_consumer_closed(rd_kafka_t *rk)
{
    return rk->closed;
}

/* ---- what is read ---- */

struct k_assigned *client_find(struct rd_kafka_s *rk, const struct k_partition *p)
{
    for (size_t i = 0; i < rk->n_assigned; i++)
        if (rk->assigned[i]->p == p)
            return rk->assigned[i];
    return NULL;
}

static struct k_assigned *find_at(struct rd_kafka_s *rk, const rd_kafka_topic_partition_t *at)
{
    return client_find(rk, cluster_partition(at->topic, at->partition));
}

static void move(struct rd_kafka_s *rk, struct k_assigned *a, int64_t offset)
{
    a->next = a->delivered = offset;
    a->version = ++rk->versions;
    a->eof = -1;
    a->broken = false;
}

static void add(struct rd_kafka_s *rk, const rd_kafka_topic_partition_t *at)
{
    struct k_partition *p = cluster_partition(at->topic, at->partition);
    struct k_assigned *a;

    if (!p)
        return;
    if (rk->n_assigned == rk->cap_assigned) {
        size_t cap = rk->cap_assigned ? rk->cap_assigned * 2 : 8;
        struct k_assigned **list = sim_new(cap * sizeof(*list));

        if (rk->n_assigned)
            memcpy(list, rk->assigned, rk->n_assigned * sizeof(*list));
        sim_free(rk->assigned);
        rk->assigned = list;
        rk->cap_assigned = cap;
    }
    a = sim_new(sizeof(*a));
    a->p = p;
    a->rkt = client_rkt(rk, at->topic);
    a->low = a->high = -1;
    a->paused = p->topic->source && rk->paused >> p->number & 1;
    a->begin = at->offset == RD_KAFKA_OFFSET_TAIL(0) ? p->end : at->offset;
    move(rk, a, a->begin);
    rk->assigned[rk->n_assigned++] = a;
    if (a->begin < 0)
        sim_find("a partition is assigned at no offset (%lld)", (long long)at->offset);
}

static void take_out(struct rd_kafka_s *rk, const struct k_partition *p)
{
    for (size_t i = 0; i < rk->n_assigned; i++)
        if (rk->assigned[i]->p == p) {
            sim_free(rk->assigned[i]);
            rk->assigned[i] = rk->assigned[--rk->n_assigned];
            return;
        }
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
    if (rk->r->dead)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (rk->subscribed && rk->coop)
        sim_find("assign() in a cooperative group");
    drop_all(rk);
    for (int i = 0; list && i < list->cnt; i++)
        add(rk, &list->elems[i]);
    if (rk->subscribed && !list && rk->owes_revoke)
        group_answered(rk, true);
    else if (rk->subscribed && list && rk->owes_assign)
        group_answered(rk, false);
    fetch_kick(rk);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *rd_kafka_incremental_assign(rd_kafka_t *rk,
                                              const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (find_at(rk, &list->elems[i]))
            return error_new(RD_KAFKA_RESP_ERR__CONFLICT, "already assigned");
    for (int i = 0; i < list->cnt; i++)
        add(rk, &list->elems[i]);
    if (rk->owes_assign && rk->subscribed)
        group_answered(rk, false);
    fetch_kick(rk);
    return NULL;
}

rd_kafka_error_t *rd_kafka_incremental_unassign(rd_kafka_t *rk,
                                                const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (!find_at(rk, &list->elems[i]))
            return error_new(RD_KAFKA_RESP_ERR__INVALID_ARG, "not assigned");
    for (int i = 0; i < list->cnt; i++)
        take_out(rk, cluster_partition(list->elems[i].topic, list->elems[i].partition));
    if (rk->owes_revoke && rk->subscribed)
        group_answered(rk, true);
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_assignment(rd_kafka_t *rk, rd_kafka_topic_partition_list_t **ret)
{
    *ret = rd_kafka_topic_partition_list_new((int)rk->n_assigned);
    for (size_t i = 0; i < rk->n_assigned; i++)
        rd_kafka_topic_partition_list_add(*ret, rk->assigned[i]->p->topic->name,
                                          rk->assigned[i]->p->number);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void set_paused(struct rd_kafka_s *rk, struct k_assigned *a, bool paused)
{
    uint64_t bit = a->p->topic->source ? 1ull << a->p->number : 0;

    a->paused = paused;
    rk->paused = paused ? rk->paused | bit : rk->paused & ~bit;
}

/* What waits in the queue goes; it is fetched again from the message after the last that was handed
 * out. */
rd_kafka_resp_err_t rd_kafka_pause_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct k_assigned *a = find_at(rk, &list->elems[i]);

        list->elems[i].err = a ? 0 : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (a && !a->paused) {
            int64_t delivered = a->delivered;

            set_paused(rk, a, true);
            a->version = ++rk->versions;
            a->next = delivered;
            a->eof = -1;
        }
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_resume_partitions(rd_kafka_t *rk,
                                               rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        struct k_assigned *a = find_at(rk, &list->elems[i]);

        list->elems[i].err = a ? 0 : RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
        if (!a)
            continue;
        if (!a->paused) {
            /* Up to 2.3 that rewinds it. */
            sim_find("r%zu resumes %s-%d, which is not paused", rk->r->number, a->p->topic->name,
                     (int)a->p->number);
            if (!sim->scenario->cooperative)
                move(rk, a, a->begin);
        }
        set_paused(rk, a, false);
    }
    fetch_kick(rk);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *rd_kafka_seek_partitions(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                           int timeout_ms)
{
    (void)timeout_ms;
    for (int i = 0; i < list->cnt; i++) {
        struct k_assigned *a = find_at(rk, &list->elems[i]);

        if (a)
            move(rk, a, list->elems[i].offset);
        else
            list->elems[i].err = RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    }
    fetch_kick(rk);
    return NULL;
}

rd_kafka_resp_err_t rd_kafka_fatal_error(rd_kafka_t *rk, char *text, size_t n)
{
    (void)rk;
    snprintf(text, n, "simulated");
    return RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}
