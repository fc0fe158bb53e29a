/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"
#include "scenario.h"

/* What arrives from the logs: messages, ends of partitions, errors. */

enum { QUEUE_MOST = 200 };

static bool wants(const struct k_assigned *a)
{
    if (a->paused || a->broken)
        return false;
    return a->next < a->p->start || a->next > a->p->end || a->next < a->p->end ||
           a->eof != a->p->end;
}

static bool slow(void)
{
    return sim->now_us < sim->scenario->heal_us &&
           sim_chance(SIM_BROKER, sim->scenario->fault.fetch_slow);
}

void fetch_kick(struct rd_kafka_s *rk)
{
    if (rk->fetch.slot || rk->left)
        return;
    for (size_t i = 0; i < rk->n_assigned; i++)
        if (wants(rk->assigned[i])) {
            sim_after(&rk->fetch,
                      sim_between(SIM_BROKER, 500, slow() ? 200 * SIM_MS : 10 * SIM_MS));
            return;
        }
}

void fetch_kick_all(const struct k_partition *p)
{
    for (size_t i = 0; i < sim->n_replicas; i++) {
        struct sl_list *at;

        sl_list_each (at, &sim->replicas[i]->clients) {
            struct rd_kafka_s *rk = sl_container_of(at, struct rd_kafka_s, node);

            if (client_find(rk, p))
                fetch_kick(rk);
        }
    }
}

static void push_error(struct rd_kafka_s *rk, struct k_assigned *a, rd_kafka_resp_err_t err,
                       int64_t offset)
{
    struct rd_kafka_op_s *op = op_new(rk, RD_KAFKA_EVENT_ERROR);

    op->err = err;
    op->at = sim_new(sizeof(*op->at));
    op->at->topic = sim_copy(a->p->topic->name, strlen(a->p->topic->name));
    op->at->partition = a->p->number;
    op->at->offset = offset;
    op->p = a->p;
    op->version = a->version;
    queue_push(rk->consumer, op);
}

static void push_message(struct rd_kafka_s *rk, struct k_assigned *a, const struct k_message *m)
{
    struct rd_kafka_op_s *op = op_new(rk, RD_KAFKA_EVENT_FETCH);

    op->message = (rd_kafka_message_t){.rkt = a->rkt,
                                       .partition = a->p->number,
                                       .payload = sim_copy(m->value, m->value_n),
                                       .len = m->value_n,
                                       .key = sim_copy(m->key, m->key_n),
                                       .key_len = m->key_n,
                                       .offset = m->offset};
    op->record = (struct k_message *)m;
    op->p = a->p;
    op->version = a->version;
    queue_push(rk->consumer, op);
}

static void fetch_one(struct rd_kafka_s *rk, struct k_assigned *a)
{
    size_t budget = sim_between(SIM_BROKER, 1, slow() ? 1 : 20);
    const struct k_message *m;

    if (!wants(a))
        return;
    if (a->next < a->p->start || a->next > a->p->end) {
        a->broken = true;
        push_error(rk, a, RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, a->next);
        return;
    }
    a->low = a->p->start;
    a->high = a->p->end;
    while (budget-- > 0 && (m = cluster_read(a->p, a->next))) {
        push_message(rk, a, m);
        a->next = m->offset + 1;
    }
    if (!cluster_read(a->p, a->next)) {
        a->next = a->p->end;
        a->eof = a->p->end;
        push_error(rk, a, RD_KAFKA_RESP_ERR__PARTITION_EOF, a->p->end);
    }
}

static bool full(const struct rd_kafka_s *rk)
{
    struct rd_kafka_queue_s *q = rk->consumer;

    while (q->forward)
        q = q->forward;
    return q->n > QUEUE_MOST;
}

void fetch_fire(struct sim_event *e)
{
    struct rd_kafka_s *rk = sl_container_of(e, struct rd_kafka_s, fetch);

    if (rk->r->life != rk->life || rk->r->state == REPLICA_DOWN)
        return;
    if (rk->r->paused || sim->now_us < sim->cluster->brokers_up_us || full(rk)) {
        sim_after(e, 20 * SIM_MS);
        return;
    }
    for (size_t i = 0; i < rk->n_assigned; i++)
        fetch_one(rk, rk->assigned[i]);
    fetch_kick(rk);
}
