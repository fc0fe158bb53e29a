/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "kafka.h"
#include "scenario.h"

/* The producer: dead letters and rules versions. */

struct mail {
    struct sl_list node; /* in rk->mails; alone when nobody waits for it any more */
    struct sim_event event;
    struct rd_kafka_s *rk;
    struct k_topic *topic;
    struct k_message *message;
    void *opaque;
    enum { MAIL_WELL, MAIL_FAILS, MAIL_UNHEARD, MAIL_TOO_LARGE } fate;
    bool told, sent;
};

static void tell(struct mail *m, rd_kafka_resp_err_t err)
{
    struct rd_kafka_s *rk = m->rk;
    struct rd_kafka_op_s *op;

    if (m->told)
        return;
    m->told = true;
    sl_list_remove(&m->node);
    if (rk->r->life != rk->life || rk->r->state == REPLICA_DOWN || rk->left)
        return;
    op = op_new(rk, RD_KAFKA_EVENT_DR);
    op->message.err = err;
    op->message._private = m->opaque;
    op->record = m->message;
    queue_push(rk->main, op);
}

static void append(struct mail *m)
{
    struct k_partition *p = &m->topic->parts[0];

    cluster_append(p, m->message, 0);
    audit_produced(m->topic, m->message);
}

static void arrives(struct sim_event *e)
{
    struct mail *m = sl_container_of(e, struct mail, event);
    struct rd_kafka_s *rk = m->rk;

    if (rk->r->life == rk->life && rk->r->paused && rk->r->state != REPLICA_DOWN) {
        sim_after(e, 20 * SIM_MS);
        return;
    }
    if ((rk->r->life != rk->life || rk->r->state == REPLICA_DOWN) && sim_chance(SIM_BROKER, 500))
        return;
    switch (m->fate) {
    case MAIL_WELL:
        append(m);
        tell(m, 0);
        break;
    case MAIL_FAILS:
        tell(m, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        break;
    case MAIL_UNHEARD:
        append(m);
        tell(m, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT);
        break;
    case MAIL_TOO_LARGE:
        tell(m, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        break;
    }
}

static void choose(struct mail *m)
{
    const struct scenario *s = sim->scenario;

    m->fate = MAIL_WELL;
    if (strcmp(m->topic->name, "dead") == 0 && m->message->value_n > s->letter_max)
        m->fate = MAIL_TOO_LARGE;
    else if (sim->now_us > s->heal_us)
        return;
    else if (sim_chance(SIM_BROKER, s->fault.produce_fails))
        m->fate = MAIL_FAILS;
    else if (sim_chance(SIM_BROKER, s->fault.produce_unheard))
        m->fate = MAIL_UNHEARD;
}

rd_kafka_error_t *rd_kafka_produceva(rd_kafka_t *rk, const rd_kafka_vu_t *vus, size_t n)
{
    struct mail *m = sim_new(sizeof(*m));
    struct k_message *k = m->message = sim_new(sizeof(*k));
    rd_kafka_headers_t *headers = NULL;

    for (size_t i = 0; i < n; i++) {
        const rd_kafka_vu_t *v = &vus[i];

        switch ((int)v->vtype) {
        case RD_KAFKA_VTYPE_TOPIC:
            m->topic = cluster_add_topic(v->u.cstr, 1, false);
            break;
        case RD_KAFKA_VTYPE_KEY:
            k->key = sim_copy(v->u.mem.ptr, v->u.mem.size);
            k->key_n = v->u.mem.size;
            break;
        case RD_KAFKA_VTYPE_VALUE:
            k->value = sim_copy(v->u.mem.ptr, v->u.mem.size);
            k->value_n = v->u.mem.size;
            break;
        case RD_KAFKA_VTYPE_OPAQUE:
            m->opaque = v->u.ptr;
            break;
        case RD_KAFKA_VTYPE_HEADERS:
            headers = v->u.headers;
            break;
        default:
            break;
        }
    }
    if (headers) {
        k->headers = headers->items; /* taken */
        k->n_headers = headers->n;
    }
    k->timestamp_ms = sim->wall_base_ms + (int64_t)(sim->now_us / 1000);
    m->rk = rk;
    m->event.fire = arrives;
    sl_list_push(&rk->mails, &m->node);
    if (!replica_effect(rk->r))
        return NULL;
    choose(m);
    sim_after(&m->event, m->fate == MAIL_FAILS || m->fate == MAIL_UNHEARD
                             ? sim_between(SIM_BROKER, SIM_S, 5 * SIM_S)
                             : sim_between(SIM_BROKER, SIM_MS, 30 * SIM_MS));
    return NULL;
}

/* What is purged may have been written nevertheless. */
rd_kafka_resp_err_t rd_kafka_purge(rd_kafka_t *rk, int flags)
{
    (void)flags;
    while (!sl_list_empty(&rk->mails))
        tell(sl_container_of(rk->mails.next, struct mail, node), RD_KAFKA_RESP_ERR__PURGE_INFLIGHT);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
