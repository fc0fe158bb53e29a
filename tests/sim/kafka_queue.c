/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "kafka.h"

/* Queues, and the events in them. A queue writes to its descriptor only when it stops being empty.
 */

struct rd_kafka_queue_s *queue_make(struct rd_kafka_s *rk)
{
    struct rd_kafka_queue_s *q = sim_new(sizeof(*q));

    q->rk = rk;
    q->fd = -1;
    q->refs = 1;
    sl_list_init(&q->ops);
    return q;
}

static struct rd_kafka_queue_s *last(struct rd_kafka_queue_s *q)
{
    while (q->forward)
        q = q->forward;
    return q;
}

void queue_push(struct rd_kafka_queue_s *q, struct rd_kafka_op_s *op)
{
    q = last(q);
    sl_list_push(&q->ops, &op->node);
    if (q->n++ == 0 && q->fd >= 0)
        replica_signal_fd(q->rk->r, q->fd);
}

struct rd_kafka_op_s *op_new(struct rd_kafka_s *rk, rd_kafka_event_type_t type)
{
    struct rd_kafka_op_s *op = sim_new(sizeof(*op));

    op->rk = rk;
    op->type = type;
    sl_list_init(&op->node);
    return op;
}

rd_kafka_queue_t *rd_kafka_queue_new(rd_kafka_t *rk)
{
    return queue_make(rk);
}

static rd_kafka_queue_t *ref(rd_kafka_queue_t *q)
{
    q->refs++;
    return q;
}

rd_kafka_queue_t *rd_kafka_queue_get_main(rd_kafka_t *rk)
{
    return ref(rk->main);
}

rd_kafka_queue_t *rd_kafka_queue_get_consumer(rd_kafka_t *rk)
{
    return ref(rk->consumer);
}

void rd_kafka_queue_destroy(rd_kafka_queue_t *q)
{
    q->refs--; /* the world's */
}

void rd_kafka_queue_forward(rd_kafka_queue_t *from, rd_kafka_queue_t *to)
{
    from->forward = to;
    while (to && !sl_list_empty(&from->ops)) {
        struct rd_kafka_op_s *op = sl_container_of(from->ops.next, struct rd_kafka_op_s, node);

        sl_list_remove(&op->node);
        from->n--;
        queue_push(to, op);
    }
}

rd_kafka_resp_err_t rd_kafka_poll_set_consumer(rd_kafka_t *rk)
{
    rd_kafka_queue_forward(rk->main, rk->consumer);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_queue_io_event_enable(rd_kafka_queue_t *q, int fd, const void *payload, size_t size)
{
    (void)payload;
    (void)size;
    last(q)->fd = fd;
}

size_t rd_kafka_queue_length(rd_kafka_queue_t *q)
{
    return last(q)->n;
}

/* Messages fetched before a pause, a seek or the end of the assignment are thrown away here,
 * lazily. */
static bool stale(const struct rd_kafka_op_s *op)
{
    struct k_assigned *a;

    if (!op->p)
        return false;
    a = client_find(op->rk, op->p);
    return !a || a->version != op->version;
}

static rd_kafka_event_t *pop(rd_kafka_queue_t *q)
{
    q = last(q);
    while (!sl_list_empty(&q->ops)) {
        struct rd_kafka_op_s *op = sl_container_of(q->ops.next, struct rd_kafka_op_s, node);

        sl_list_remove(&op->node);
        q->n--;
        if (stale(op)) {
            rd_kafka_event_destroy(op);
            continue;
        }
        if (op->type == RD_KAFKA_EVENT_FETCH) {
            struct k_assigned *a = client_find(op->rk, op->p);

            a->delivered = op->message.offset + 1;
            fetch_kick(op->rk);
        }
        return op;
    }
    return NULL;
}

rd_kafka_event_t *rd_kafka_queue_poll(rd_kafka_queue_t *q, int timeout_ms)
{
    rd_kafka_event_t *op = pop(q);

    if (!op && timeout_ms > 0) /* a pool thread waits, in its own time */
        sim->thread_us += (uint64_t)timeout_ms * 1000;
    return op;
}

void rd_kafka_event_destroy(rd_kafka_event_t *op)
{
    if (!op)
        return;
    sim_free(op->text);
    if (op->list)
        rd_kafka_topic_partition_list_destroy(op->list);
    if (op->at)
        rd_kafka_topic_partition_destroy(op->at);
    sim_free(op->message.payload);
    sim_free(op->message.key);
    sim_free(op);
}

rd_kafka_event_type_t rd_kafka_event_type(const rd_kafka_event_t *op)
{
    return op ? op->type : RD_KAFKA_EVENT_NONE;
}

rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *op)
{
    return op->err;
}

const char *rd_kafka_event_error_string(rd_kafka_event_t *op)
{
    return op->text ? op->text : rd_kafka_err2str(op->err);
}

int rd_kafka_event_error_is_fatal(rd_kafka_event_t *op)
{
    return op->fatal;
}

void *rd_kafka_event_opaque(rd_kafka_event_t *op)
{
    return op->opaque;
}

rd_kafka_topic_partition_list_t *rd_kafka_event_topic_partition_list(rd_kafka_event_t *op)
{
    return op->list;
}

rd_kafka_topic_partition_t *rd_kafka_event_topic_partition(rd_kafka_event_t *op)
{
    rd_kafka_topic_partition_t *at;

    if (!op->at)
        return NULL;
    at = sim_new(sizeof(*at));
    *at = *op->at;
    at->topic = sim_copy(op->at->topic, strlen(op->at->topic));
    return at;
}

const rd_kafka_message_t *rd_kafka_event_message_next(rd_kafka_event_t *op)
{
    if (op->given || (op->type != RD_KAFKA_EVENT_FETCH && op->type != RD_KAFKA_EVENT_DR))
        return NULL;
    op->given = true;
    return &op->message;
}

size_t rd_kafka_event_message_count(rd_kafka_event_t *op)
{
    return op->type == RD_KAFKA_EVENT_FETCH || op->type == RD_KAFKA_EVENT_DR;
}

/* ---- messages ---- */

int64_t rd_kafka_message_timestamp(const rd_kafka_message_t *m, rd_kafka_timestamp_type_t *kind)
{
    const struct rd_kafka_op_s *op = sl_container_of(m, struct rd_kafka_op_s, message);

    *kind = RD_KAFKA_TIMESTAMP_CREATE_TIME;
    return op->record->timestamp_ms;
}

rd_kafka_resp_err_t rd_kafka_message_headers(const rd_kafka_message_t *m, rd_kafka_headers_t **ret)
{
    const struct rd_kafka_op_s *op = sl_container_of(m, struct rd_kafka_op_s, message);
    rd_kafka_headers_t *h;

    if (!op->record || op->record->n_headers == 0)
        return RD_KAFKA_RESP_ERR__NOENT;
    h = sim_new(sizeof(*h)); /* small, and the world's */
    h->items = op->record->headers;
    h->n = op->record->n_headers;
    *ret = h;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rd_kafka_message_destroy(rd_kafka_message_t *m)
{
    rd_kafka_event_destroy(sl_container_of(m, struct rd_kafka_op_s, message));
}

const char *rd_kafka_message_errstr(const rd_kafka_message_t *m)
{
    return rd_kafka_err2str(m->err);
}

/* For threads that block: messages, ends and errors come as messages. */
rd_kafka_message_t *rd_kafka_consumer_poll(rd_kafka_t *rk, int timeout_ms)
{
    struct rd_kafka_op_s *op;

    if (rk->fetch.slot) { /* the world stands still while a pool thread waits: fetch now */
        sim_cancel(&rk->fetch);
        fetch_fire(&rk->fetch);
    }
    op = rd_kafka_queue_poll(rk->consumer, timeout_ms);
    if (!op)
        return NULL;
    if (op->type == RD_KAFKA_EVENT_ERROR) {
        op->message.err = op->err;
        if (op->at) {
            op->message.partition = op->at->partition;
            op->message.offset = op->at->offset;
            op->message.rkt = client_rkt(rk, op->at->topic);
        }
    }
    return &op->message;
}
