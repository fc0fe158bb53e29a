/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/consumer.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kafka/client.h"
#include "kafka/consumer_private.h"

static void on_readable(uv_poll_t *poll, int status, int events);
static void on_idle(uv_idle_t *idle);
static void on_tick(struct sl_timer *t);

/* ---- life ---- */

static void copy_excluded(struct sl_consumer *c, const struct sl_consumer_config *config)
{
    c->excluded = sl_calloc(config->n_excluded + 1, sizeof(char *));
    for (size_t i = 0; i < config->n_excluded; i++)
        if (config->excluded_topics[i])
            c->excluded[c->n_excluded++] = sl_strdup(config->excluded_topics[i]);
}

/* The library writes to the descriptor when its queue stops being empty. */
static int watch(struct sl_consumer *c, struct sl_error *err)
{
    const uint64_t one = 1;
    rd_kafka_queue_t *group;

    c->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->fd < 0)
        return sl_fail(err, SL_EIO, "eventfd: %s", strerror(errno));
    rd_kafka_poll_set_consumer(c->rk);
    /* A queue of our own: closing forwards the group's queue to it, which cannot be forwarded to
     * itself. */
    c->queue = rd_kafka_queue_new(c->rk);
    group = rd_kafka_queue_get_consumer(c->rk);
    rd_kafka_queue_forward(group, c->queue);
    rd_kafka_queue_destroy(group);
    rd_kafka_queue_io_event_enable(c->queue, c->fd, &one, sizeof(one));
    uv_poll_init(&c->loop->uv, &c->poll, c->fd);
    uv_idle_init(&c->loop->uv, &c->idle);
    c->poll.data = c->idle.data = c;
    c->open_handles = 2;
    return SL_OK;
}

struct sl_consumer *sl_consumer_new(struct sl_loop *loop, const struct sl_consumer_config *config,
                                    struct sl_error *err)
{
    struct sl_consumer *c = sl_zalloc(sizeof(*c));
    rd_kafka_conf_t *conf;
    char text[256];

    c->loop = loop;
    c->rt = &loop->rt;
    c->log = loop->rt.log;
    c->source = config->source;
    c->ops = config->ops;
    c->user = config->user;
    c->n_sinks = config->n_sinks;
    c->names = config->names;
    c->fd = -1;
    c->tick.fire = on_tick;
    sl_list_init(&c->rebalances);
    copy_excluded(c, config);
    conf = sl_kafka_conf(c->source, SL_KAFKA_CONSUMER, c->log, err);
    if (!conf)
        goto fail;
    if (sl_topics_hide(c, conf, err)) {
        rd_kafka_conf_destroy(conf);
        goto fail;
    }
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_FETCH | RD_KAFKA_EVENT_REBALANCE |
                                       RD_KAFKA_EVENT_ERROR);
    c->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    if (!c->rk) {
        rd_kafka_conf_destroy(conf);
        sl_fail(err, SL_ECONFIG, "Kafka: %s", text);
        goto fail;
    }
    if (watch(c, err))
        goto fail;
    return c;
fail:
    sl_consumer_free(c);
    return NULL;
}

int sl_consumer_start(struct sl_consumer *c, struct sl_error *err)
{
    rd_kafka_topic_partition_list_t *topics = sl_topics_subscription(c);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(c->rk, topics);

    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return sl_fail(err, SL_ECONFIG, "source.kafka.topics: %s", rd_kafka_err2str(code));
    uv_poll_start(&c->poll, UV_READABLE, on_readable);
    sl_timer_start(c->rt, &c->tick, SL_TICK_MS);
    sl_consumer_wake(c); /* the queue may have filled before anybody watched */
    return SL_OK;
}

const char *sl_consumer_cluster_id(const struct sl_consumer *c)
{
    return c->cluster_id ? c->cluster_id : "";
}

struct sl_partition *const *sl_consumer_partitions(const struct sl_consumer *c, size_t *ret_n)
{
    *ret_n = c->n_partitions;
    return c->partitions;
}

struct sl_partition *sl_consumer_find(const struct sl_consumer *c, const char *topic,
                                      int32_t number)
{
    for (size_t i = 0; i < c->n_partitions; i++)
        if (c->partitions[i]->number == number && strcmp(c->partitions[i]->topic->name, topic) == 0)
            return c->partitions[i];
    return NULL;
}

void sl_consumer_fatal(struct sl_consumer *c, const char *reason)
{
    if (c->fatal)
        return;
    c->fatal = true;
    snprintf(c->trouble, sizeof(c->trouble), "%s", reason);
    sl_log(c->log, SL_LOG_ERROR, "the consumer cannot go on", "reason", reason, NULL);
    c->ops->on_fatal(c->user, reason);
}

void sl_consumer_close(struct sl_consumer *c)
{
    if (c->close_stage != SL_OPEN)
        return;
    c->close_stage = SL_CLOSING;
    sl_pause_drop_parked(c, NULL);
    sl_pause_sync(c);
    sl_rebalance_close(c);
}

/* ---- turns ---- */

static void event(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_FETCH:
        if (sl_message_take(c, ev))
            return; /* parked */
        break;
    case RD_KAFKA_EVENT_REBALANCE:
        sl_rebalance_event(c, ev);
        break;
    case RD_KAFKA_EVENT_OFFSET_COMMIT:
        sl_commit_answer(c, ev);
        break;
    case RD_KAFKA_EVENT_ERROR:
        sl_health_event(c, ev);
        break;
    default:
        break;
    }
    rd_kafka_event_destroy(ev);
}

/* True when the queue was emptied: only then does its descriptor speak again. */
static bool drain(struct sl_consumer *c)
{
    for (unsigned i = 0; i < SL_TURN_EVENTS; i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(c->queue, 0);

        if (!ev)
            return true;
        event(c, ev);
    }
    return false;
}

static void leave(struct sl_consumer *c)
{
    rd_kafka_error_t *error;

    if (c->close_stage == SL_CLOSING && sl_rebalance_idle(c) && c->n_partitions == 0) {
        c->close_stage = SL_LEAVING;
        error = rd_kafka_consumer_close_queue(c->rk, c->queue);
        if (error) {
            sl_log(c->log, SL_LOG_WARN, "close failed", "reason", rd_kafka_error_string(error),
                   NULL);
            rd_kafka_error_destroy(error);
            c->close_stage = SL_CLOSED;
        }
    }
    if (c->close_stage == SL_LEAVING && rd_kafka_consumer_closed(c->rk))
        c->close_stage = SL_CLOSED;
    if (c->close_stage == SL_CLOSED && !c->said_closed) {
        c->said_closed = true;
        c->ops->on_closed(c->user);
    }
}

static void commit(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);
    bool may = c->stage == SL_STEADY || c->stage == SL_DRAINING || c->stage == SL_RESOLVING ||
               c->stage == SL_BACKOFF;

    if (!may || c->commit.in_flight || now - c->commit_ms < SL_TICK_MS ||
        rd_kafka_assignment_lost(c->rk))
        return;
    c->commit_ms = now;
    sl_commit_send(c, c->partitions, c->n_partitions);
}

/* Ends of the logs as the last fetch answers told them: no question is asked. */
static void freshen_lag(struct sl_consumer *c)
{
    if (sl_now_ms(c->rt) - c->lag_ms < SL_LAG_MS)
        return;
    c->lag_ms = sl_now_ms(c->rt);
    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_partition *p = c->partitions[i];
        int64_t low = -1, high = -1;

        if (!rd_kafka_get_watermark_offsets(c->rk, p->topic->name, p->number, &low, &high) &&
            high > p->log_end)
            p->log_end = high;
    }
}

static void turn(struct sl_consumer *c)
{
    bool empty;

    if (c->freed || c->close_stage == SL_CLOSED)
        return;
    sl_pause_offer(c);
    if (!c->paused && c->close_stage == SL_OPEN && !c->parked)
        sl_pause_sync(c);
    empty = drain(c);
    sl_rebalance_turn(c);
    sl_range_turn(c);
    sl_nudge_turn(c);
    leave(c);
    if (!empty)
        sl_consumer_wake(c);
    if (!c->freed && c->close_stage != SL_CLOSED &&
        (c->stage != SL_STEADY || c->close_stage != SL_OPEN))
        sl_timer_start(c->rt, &c->tick, SL_TICK_FAST_MS);
}

void sl_consumer_wake(struct sl_consumer *c)
{
    if (!c->freed)
        uv_idle_start(&c->idle, on_idle);
}

static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    turn(idle->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct sl_consumer *c = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(c->fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        sl_log(c->log, SL_LOG_ERROR, "eventfd", "reason", strerror(errno), NULL);
    turn(c);
}

static void on_tick(struct sl_timer *t)
{
    struct sl_consumer *c = sl_container_of(t, struct sl_consumer, tick);

    if (c->close_stage == SL_CLOSED)
        return;
    sl_timer_start(c->rt, t, SL_TICK_MS);
    commit(c);
    freshen_lag(c);
    turn(c);
}

/* ---- the end ---- */

static void release(struct sl_consumer *c)
{
    if (c->open_handles || c->start_running || c->check_running || c->nudging)
        return;
    sl_commit_release(c);
    sl_rebalance_release(c);
    if (c->queue)
        rd_kafka_queue_destroy(c->queue);
    if (c->rk) /* after a close there is nothing left to leave; without one the group finds out by
                  itself */
        rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    if (c->fd >= 0)
        close(c->fd);
    sl_topics_release(c);
    free(c->cluster_id);
    free(c);
}

void sl_consumer_job_done(struct sl_consumer *c)
{
    if (c->freed)
        release(c);
    else
        sl_consumer_wake(c);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct sl_consumer *c = handle->data;

    c->open_handles--;
    release(c);
}

void sl_consumer_free(struct sl_consumer *c)
{
    if (!c || c->freed)
        return;
    c->freed = true;
    sl_timer_stop(c->rt, &c->tick);
    sl_pause_drop_parked(c, NULL); /* a held message would block rd_kafka_destroy() */
    sl_assign_release(c);
    if (c->start)
        atomic_store(&c->start->cancel, true);
    if (c->queue)
        rd_kafka_queue_io_event_enable(c->queue, -1, NULL, 0);
    if (c->open_handles) {
        uv_close((uv_handle_t *)&c->poll, on_handle_closed);
        uv_close((uv_handle_t *)&c->idle, on_handle_closed);
    } else {
        release(c);
    }
}
