/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Flow: when the source pauses, what happens when partitions are taken away, how it ends.
 *
 * Draining (a revoke, or the stop): every open batch is closed at the last routed offset and sent;
 * the drain is over when nothing of those partitions is outstanding, when all that is outstanding
 * belongs to stalled sinks (they will not deliver in time, and the others of the group wait for
 * this member), or at the deadline. What is then committed is the least position, whatever was
 * reached; what was not delivered is read again by whoever comes next. */

enum {
    REVOKE_DRAIN_MS = 5000, /* far below max.poll.interval.ms, which bounds the whole rebalance */
    CLOSE_RESERVE_MS = 3000 /* of `shutdown`: the last commit and leaving the group */
};

/* ---- back pressure ---- */

static bool above(const struct sl_pipeline *p, size_t sink, unsigned share)
{
    return sl_sink_bytes(p->sinks[sink]) > p->config->sinks[sink].queue_bytes / 16 * share;
}

bool sl_flow_pressed(const struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (above(p, i, SL_PAUSE_SHARE))
            return true;
    return false;
}

void sl_flow_pause(struct sl_pipeline *p)
{
    /* Anything that settles after this wakes us, so a pause always ends: what presses is not open,
     * or is closed here. */
    if (!sl_consumer_paused(p->consumer)) {
        p->pauses++;
        sl_consumer_pause(p->consumer);
    }
    for (size_t i = 0; i < p->n_sinks; i++)
        if (above(p, i, SL_RESUME_SHARE))
            sl_sink_relieve(p->sinks[i]);
}

static void maybe_resume(struct sl_pipeline *p)
{
    if (p->phase != SL_PHASE_RUNNING || !sl_consumer_paused(p->consumer))
        return;
    for (size_t i = 0; i < p->n_sinks; i++)
        if (above(p, i, SL_RESUME_SHARE))
            return;
    sl_consumer_resume(p->consumer);
}

/* ---- draining ---- */

static bool outstanding(const struct sl_partition *partition, size_t sink)
{
    return !sl_list_empty(&partition->sinks[sink].spans);
}

static bool drained(const struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++) {
        if (!all[i]->draining)
            continue;
        for (size_t s = 0; s < p->n_sinks; s++)
            if (outstanding(all[i], s) && sl_sink_state(p->sinks[s]) != SL_SINK_STALLED)
                return false;
    }
    return true;
}

static void finish_drain(struct sl_pipeline *p)
{
    p->revoking = false;
    sl_timer_stop(p->rt, &p->drain_timer);
    sl_consumer_revoked(p->consumer);
}

static void on_drain_deadline(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, drain_timer);

    sl_log(p->log, SL_LOG_WARN,
           "the drain took too long: what is not delivered stays uncommitted and is read again",
           NULL);
    if (p->revoking)
        finish_drain(p);
}

static void on_flow(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, flow_timer);

    if (p->phase == SL_PHASE_CLOSED)
        return;
    if (p->revoking && drained(p))
        finish_drain(p);
    maybe_resume(p); /* also after a drain: what ended it may have been the last to wake us */
}

void sl_flow_wake(void *user)
{
    struct sl_pipeline *p = user;

    if (!p->flow_timer.slot)
        sl_timer_start(p->rt, &p->flow_timer, 0);
}

/* ---- what the consumer says ---- */

static void on_assigned(void *user, struct sl_partition *const *partitions, size_t n)
{
    struct sl_pipeline *p = user;

    if (!p->cluster_id) {
        p->cluster_id = sl_strdup(sl_consumer_cluster_id(p->consumer));
        p->env.cluster_id = p->cluster_id;
    }
    (void)partitions;
    sl_logf(p->log, SL_LOG_INFO, "assigned %zu partitions", n);
}

/* A revoke that was under way when the stop was asked for has used up a part of the time. */
static uint64_t drain_left(const struct sl_pipeline *p)
{
    uint64_t all = p->config->shutdown_ms, past = sl_now_ms(p->rt) - p->stop_ms;

    all = all > 2 * CLOSE_RESERVE_MS ? all - CLOSE_RESERVE_MS : all / 2;
    return all > past ? all - past : 0;
}

static void on_revoking(void *user, struct sl_partition *const *partitions, size_t n)
{
    struct sl_pipeline *p = user;
    uint64_t limit = REVOKE_DRAIN_MS;

    if (p->phase == SL_PHASE_DRAINING)
        limit = drain_left(p);
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < p->n_sinks; s++)
            sl_sink_close_open(p->sinks[s], partitions[i]);
    p->revoking = true;
    sl_timer_start(p->rt, &p->drain_timer, limit);
    sl_flow_wake(p);
}

static void on_ended(void *user, struct sl_partition *const *partitions, size_t n, bool lost)
{
    struct sl_pipeline *p = user;

    for (size_t i = 0; i < n; i++)
        sl_observe_ended(p, partitions[i]);
    for (size_t s = 0; s < p->n_sinks; s++)
        sl_sink_let_go(p->sinks[s]);
    (void)lost; /* the consumer has said so */
}

static void on_fatal(void *user, const char *reason)
{
    struct sl_pipeline *p = user;

    sl_log(p->log, SL_LOG_ERROR, "the source cannot go on", "reason", reason, NULL);
    p->exit_status = 1;
    sl_pipeline_stop(p);
}

static void on_topic(void *user, struct sl_topic *topic)
{
    sl_observe_topic(user, topic);
}

static void on_closed(void *user)
{
    struct sl_pipeline *p = user;

    p->phase = SL_PHASE_CLOSED;
    sl_timer_stop(p->rt, &p->drain_timer);
    sl_timer_stop(p->rt, &p->flow_timer);
    p->stopped(p->user, p->exit_status, false);
}

/* Past `shutdown` the process ends whatever still hangs: what was not confirmed is not committed,
 * and the next start reads it again. */
static void on_overdue(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, overdue_timer);

    p->stopped(p->user, p->exit_status, true);
}

const struct sl_consumer_ops sl_pipeline_consumer_ops = {
    .on_message = sl_pipeline_on_message,
    .on_assigned = on_assigned,
    .on_revoking = on_revoking,
    .on_ended = on_ended,
    .on_fatal = on_fatal,
    .on_topic = on_topic,
    .on_closed = on_closed,
};

void sl_pipeline_stop(struct sl_pipeline *p)
{
    if (p->phase != SL_PHASE_RUNNING)
        return;
    p->phase = SL_PHASE_DRAINING;
    p->stop_ms = sl_now_ms(p->rt);
    sl_timer_start(p->rt, &p->overdue_timer, p->config->shutdown_ms);
    sl_log(p->log, SL_LOG_INFO, "stopping: flush, commit, leave the group", NULL);
    sl_consumer_close(p->consumer);
}

void sl_flow_init(struct sl_pipeline *p)
{
    p->flow_timer.fire = on_flow;
    p->drain_timer.fire = on_drain_deadline;
    p->overdue_timer.fire = on_overdue;
}

void sl_flow_release(struct sl_pipeline *p)
{
    sl_timer_stop(p->rt, &p->flow_timer);
    sl_timer_stop(p->rt, &p->drain_timer);
    p->phase = SL_PHASE_CLOSED;
}
