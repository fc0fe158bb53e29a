/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"
#include "scenario.h"

/* Blocking questions, on pool threads: the world stands still meanwhile, and the time they took is
 * added when their work ends. */

rd_kafka_resp_err_t kafka_ask(int timeout_ms)
{
    struct cluster *c = sim->cluster;
    bool down = sim->now_us < c->brokers_up_us;

    /* What fails again and again stops a partition, which is for an operator to mend. */
    if (down) {
        c->asks_well_us = c->brokers_up_us + 10 * SIM_S;
    } else if (sim->now_us > c->asks_well_us && sim->now_us < sim->scenario->heal_us &&
               sim_chance(SIM_BROKER, sim->scenario->fault.ask_fails)) {
        down = true;
        c->asks_well_us = sim->now_us + 10 * SIM_S;
    }
    if (down) {
        sim->thread_us += (uint64_t)timeout_ms * 1000;
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    sim->thread_us += sim_between(SIM_BROKER, 200, 5 * SIM_MS);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

char *rd_kafka_clusterid(rd_kafka_t *rk, int timeout_ms)
{
    static const char id[] = "simulated-cluster";

    (void)rk;
    return kafka_ask(timeout_ms) ? NULL : sim_copy(id, strlen(id));
}

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list,
                                       int timeout_ms)
{
    rd_kafka_resp_err_t err;

    if (sim->now_us < sim->cluster->coordinator_up_us) {
        sim->thread_us += (uint64_t)timeout_ms * 1000;
        sim->cluster->asks_well_us = sim->cluster->coordinator_up_us + 10 * SIM_S;
        return RD_KAFKA_RESP_ERR__TIMED_OUT;
    }
    err = kafka_ask(timeout_ms);
    if (err)
        return err;
    commit_settle(rk);
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        const struct k_partition *p = cluster_partition(at->topic, at->partition);

        at->err = p ? 0 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        at->offset = p && p->committed >= 0 ? p->committed : RD_KAFKA_OFFSET_INVALID;
        free(at->metadata);
        at->metadata = p && p->committed >= 0 && p->metadata
                           ? sim_copy(p->metadata, strlen(p->metadata))
                           : NULL;
        at->metadata_size = at->metadata ? strlen(at->metadata) : 0;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t
rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, int timeout_ms)
{
    rd_kafka_resp_err_t err = kafka_ask(timeout_ms);

    (void)rk;
    for (int i = 0; !err && i < list->cnt; i++) {
        rd_kafka_topic_partition_t *at = &list->elems[i];
        const struct k_partition *p = cluster_partition(at->topic, at->partition);

        at->err = p ? 0 : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        if (p && at->offset == -2)
            at->offset = p->start;
        else if (p && at->offset == -1)
            at->offset = p->end;
        else if (p) { /* the first at or after a time */
            int64_t time = at->offset;

            at->offset = -1;
            for (size_t k = p->first; k < p->n && at->offset < 0; k++)
                if (p->log[k]->timestamp_ms >= time)
                    at->offset = p->log[k]->offset;
        }
    }
    return err;
}

rd_kafka_resp_err_t rd_kafka_query_watermark_offsets(rd_kafka_t *rk, const char *topic,
                                                     int32_t partition, int64_t *low, int64_t *high,
                                                     int timeout_ms)
{
    const struct k_partition *p = cluster_partition(topic, partition);
    rd_kafka_resp_err_t err = kafka_ask(timeout_ms);

    (void)rk;
    if (err)
        return err;
    if (!p)
        return RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    *low = p->start;
    *high = p->end;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_get_watermark_offsets(rd_kafka_t *rk, const char *topic,
                                                   int32_t partition, int64_t *low, int64_t *high)
{
    const struct k_partition *p = cluster_partition(topic, partition);
    const struct k_assigned *a = p ? client_find(rk, p) : NULL;

    if (!a)
        return RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
    *low = a->low;
    *high = a->high;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t rd_kafka_metadata(rd_kafka_t *rk, int all, rd_kafka_topic_t *only,
                                      const struct rd_kafka_metadata **ret, int timeout_ms)
{
    struct rd_kafka_metadata *m;
    rd_kafka_resp_err_t err = kafka_ask(timeout_ms);

    (void)rk;
    (void)all;
    if (err)
        return err;
    m = sim_new(sizeof(*m));
    m->topics = sim_new((sim->cluster->n_topics + 1) * sizeof(*m->topics));
    m->brokers = sim_new(sizeof(*m->brokers));
    m->broker_cnt = 1;
    for (size_t i = 0; i < sim->cluster->n_topics; i++) {
        struct k_topic *t = &sim->cluster->topics[i];
        struct rd_kafka_metadata_topic *to = &m->topics[m->topic_cnt];

        if (only && strcmp(rd_kafka_topic_name(only), t->name) != 0)
            continue;
        m->topic_cnt++;
        to->topic = t->name;
        to->partition_cnt = t->n;
        to->partitions = sim_new((size_t)t->n * sizeof(*to->partitions));
        for (int32_t k = 0; k < t->n; k++)
            to->partitions[k] =
                (struct rd_kafka_metadata_partition){.id = k, .leader = 1, .replica_cnt = 1};
    }
    if (only && m->topic_cnt == 0) {
        m->topic_cnt = 1;
        m->topics[0].topic = (char *)rd_kafka_topic_name(only);
        m->topics[0].err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    }
    *ret = m;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_metadata_destroy(const struct rd_kafka_metadata *m)
{
    sim_free((void *)m); /* the rest is small, and the world's */
}
