/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/consumer.h"

#include "base/alloc.h"
#include "kafka/client.h"
#include "kafka/consumer_private.h"

static void on_turn(struct sl_inbox *in);
static void on_gone(struct sl_inbox *in);
static void on_tick(struct sl_timer *t);

/* ---- life ---- */

static void copy_excluded(struct sl_consumer *c, const struct sl_consumer_config *config)
{
    c->excluded = sl_calloc(config->n_excluded + 1, sizeof(char *));
    for (size_t i = 0; i < config->n_excluded; i++)
        if (config->excluded_topics[i])
            c->excluded[c->n_excluded++] = sl_strdup(config->excluded_topics[i]);
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
    c->strict = config->strict;
    c->inbox = (struct sl_inbox){.fd = -1, .turn = on_turn, .gone = on_gone};
    c->strand_ms = SL_STRAND_MS;
    c->park_ms = SL_PARK_MS;
    c->away = rd_kafka_topic_partition_list_new(0);
    c->nudge.done = sl_lag_nudged;
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
    if (sl_inbox_open(&c->inbox, loop, c->rk, err))
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
    sl_inbox_start(&c->inbox);
    sl_timer_start(c->rt, &c->tick, SL_TICK_MS);
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

const struct sl_consumer_counts *sl_consumer_counts(const struct sl_consumer *c)
{
    return &c->counts;
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

static bool event(struct sl_inbox *in, rd_kafka_event_t *ev)
{
    struct sl_consumer *c = sl_container_of(in, struct sl_consumer, inbox);

    switch (rd_kafka_event_type(ev)) {
    case RD_KAFKA_EVENT_FETCH:
        if (sl_message_take(c, ev))
            return true; /* parked */
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
    return true;
}

static void leave(struct sl_consumer *c)
{
    rd_kafka_error_t *error;

    if (c->close_stage == SL_CLOSING && sl_rebalance_idle(c) && c->n_partitions == 0) {
        c->close_stage = SL_LEAVING;
        error = rd_kafka_consumer_close_queue(c->rk, c->inbox.queue);
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

/* Each second, and at once when a plan waits for it. */
static void commit(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);
    bool may = c->stage == SL_STEADY || c->stage == SL_DRAINING || c->stage == SL_RESOLVING ||
               c->stage == SL_BACKOFF || c->stage == SL_ARRIVING;

    if (!may || c->commit.in_flight || (!c->commit.soon && now - c->commit_ms < SL_TICK_MS) ||
        rd_kafka_assignment_lost(c->rk))
        return;
    c->commit.soon = false;
    c->commit_ms = now;
    sl_commit_send(c, c->partitions, c->n_partitions);
}

void sl_consumer_commit_soon(struct sl_consumer *c)
{
    c->commit.soon = true;
    sl_consumer_wake(c);
}

/* The timer is faster while a rebalance is under way. */
static void each_second(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);

    if (now - c->second_ms < SL_TICK_MS)
        return;
    c->second_ms = now;
    for (size_t i = 0; i < c->n_partitions; i++)
        sl_partition_tick(c->partitions[i]);
    sl_strand_look(c);
}

static void turn(struct sl_consumer *c)
{
    bool empty;

    if (c->freed || c->close_stage == SL_CLOSED)
        return;
    sl_pause_offer(c);
    if (!c->paused && c->close_stage == SL_OPEN && !c->parked)
        sl_pause_sync(c);
    empty = sl_inbox_drain(&c->inbox, SL_TURN_EVENTS, event);
    sl_rebalance_turn(c);
    if (c->commit.soon)
        commit(c);
    sl_range_turn(c);
    sl_lag_turn(c);
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
        sl_inbox_wake(&c->inbox);
}

static void on_turn(struct sl_inbox *in)
{
    turn(sl_container_of(in, struct sl_consumer, inbox));
}

static void on_tick(struct sl_timer *t)
{
    struct sl_consumer *c = sl_container_of(t, struct sl_consumer, tick);

    if (c->close_stage == SL_CLOSED)
        return;
    sl_timer_start(c->rt, t, SL_TICK_MS);
    each_second(c);
    commit(c);
    turn(c);
}

/* ---- the end ---- */

static void release(struct sl_consumer *c)
{
    if (c->inbox.open_handles || c->start_running || c->check_running || c->nudge.busy)
        return;
    sl_commit_release(c);
    if (c->now && !c->now->revoke && !c->now->again)
        sl_assign_refuse(c); /* rd_kafka_destroy() waits for an answer, in some versions for ever */
    sl_rebalance_release(c);
    sl_inbox_release(&c->inbox);
    if (c->rk) /* after a close there is nothing left to leave; without one the group finds out by
                  itself */
        rd_kafka_destroy_flags(c->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
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

static void on_gone(struct sl_inbox *in)
{
    release(sl_container_of(in, struct sl_consumer, inbox));
}

void sl_consumer_free(struct sl_consumer *c)
{
    if (!c || c->freed)
        return;
    c->freed = true;
    sl_timer_stop(c->rt, &c->tick);
    sl_pause_drop_parked(c, NULL); /* a held message would block rd_kafka_destroy() */
    sl_epochs_release(c);
    if (c->start)
        atomic_store(&c->start->cancel, true);
    if (!sl_inbox_close(&c->inbox))
        release(c);
}
