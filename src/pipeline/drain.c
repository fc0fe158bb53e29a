/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include "base/alloc.h"

/* What the consumer says: partitions come and go; how it ends.
 *
 * Draining (a revoke, or the stop): every open batch is closed at the last routed offset and sent;
 * the drain is over when nothing of those partitions is outstanding, when all that is outstanding
 * cannot be delivered in time (its sink is stalled, or what would have to be delivered before it is
 * still to be read again), or at the deadline. What is then committed is the least position,
 * whatever was reached, with each sink's own beside it; what was not delivered is read again by
 * whoever comes next. */

enum {
    REVOKE_DRAIN_MS = 5000, /* far below max.poll.interval.ms, which bounds the whole rebalance */
    CLOSE_RESERVE_MS = 3000 /* of `shutdown`: the last commit and leaving the group */
};

/* ---- draining ---- */

static bool deliverable(const struct sl_pipeline *p, const struct sl_partition *at, size_t sink)
{
    const struct sl_sink_position *s = &at->sinks[sink];

    if (sl_list_empty(&s->spans) || sl_sink_state(p->sinks[sink]) == SL_SINK_STALLED)
        return false;
    /* Cuts go in order: those of the live reader wait for what the side reader no longer reads. */
    return !(p->sinks[sink]->type->flags & SL_SINK_CUTS) ||
           sl_container_of(s->spans.next, struct sl_span, node)->first ==
               sl_partition_position(at, sink);
}

static bool drained(const struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++) {
        if (!all[i]->draining)
            continue;
        for (size_t s = 0; s < p->n_sinks; s++)
            if (deliverable(p, all[i], s))
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

void sl_drain_look(struct sl_pipeline *p)
{
    if (p->revoking && drained(p))
        finish_drain(p);
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

/* ---- what the consumer says ---- */

static void on_arriving(void *user, struct sl_arrival *arrivals, size_t n)
{
    sl_arriving_begin(user, arrivals, n);
}

static void on_assigned(void *user, struct sl_partition *const *partitions, size_t n)
{
    struct sl_pipeline *p = user;

    if (!p->cluster_id) {
        p->cluster_id = sl_strdup(sl_consumer_cluster_id(p->consumer));
        p->env.cluster_id = p->cluster_id;
    }
    sl_logf(p->log, SL_LOG_INFO, "assigned %zu partitions", n);
    sl_arriving_assigned(p);
    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < p->n_sinks; s++)
            if (!sl_partition_attached(partitions[i], s) && !p->flows[s].detached_ms)
                p->flows[s].detached_ms = sl_now_ms(p->rt);
    p->catchup.again = p->catchup.serving; /* perhaps these are to be caught up with, too */
    sl_flow_look(p);
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
    for (size_t i = 0; i < n; i++) {
        sl_catchup_gone(p, partitions[i]);
        for (size_t s = 0; s < p->n_sinks; s++)
            sl_sink_close_open(p->sinks[s], partitions[i]);
    }
    p->revoking = true;
    sl_timer_start(p->rt, &p->drain_timer, limit);
    sl_flow_look(p);
}

static void on_ended(void *user, struct sl_partition *const *partitions, size_t n, bool lost)
{
    struct sl_pipeline *p = user;

    sl_ledger_ended(p, partitions, n);
    for (size_t i = 0; i < n; i++) {
        sl_catchup_gone(p, partitions[i]);
        sl_observe_ended(p, partitions[i]);
    }
    sl_arriving_ended(p);
    for (size_t s = 0; s < p->n_sinks; s++)
        sl_sink_let_go(p->sinks[s]);
    sl_flow_ended(p);
    (void)lost; /* the consumer has said so */
}

static void on_committed(void *user)
{
    struct sl_pipeline *p = user;

    for (size_t s = 0; s < p->n_sinks; s++)
        if (p->sinks[s]->type->flags & SL_SINK_CUTS)
            sl_sink_pump(p->sinks[s]);
}

static void on_bounds(void *user)
{
    sl_headroom_look(user);
}

static void on_overtaken(void *user, struct sl_partition *at, int64_t from, int64_t to)
{
    struct sl_pipeline *p = user;

    for (size_t s = 0; s < p->n_sinks; s++) {
        int64_t first = at->sinks[s].from > from ? at->sinks[s].from : from;

        if (first < to)
            sl_headroom_expired(p, at, s, first, to - first);
    }
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
    sl_timer_stop(p->rt, &p->second_timer);
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
    .on_arriving = on_arriving,
    .on_assigned = on_assigned,
    .on_revoking = on_revoking,
    .on_ended = on_ended,
    .on_committed = on_committed,
    .on_bounds = on_bounds,
    .on_overtaken = on_overtaken,
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
    sl_catchup_stop(p);
    sl_consumer_close(p->consumer);
}

void sl_drain_init(struct sl_pipeline *p)
{
    p->drain_timer.fire = on_drain_deadline;
    p->overdue_timer.fire = on_overdue;
}

void sl_drain_release(struct sl_pipeline *p)
{
    sl_timer_stop(p->rt, &p->drain_timer);
    p->phase = SL_PHASE_CLOSED;
}
