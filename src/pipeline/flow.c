/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Flow: when the source pauses, and when a sink is left behind instead (design, section 5).
 *
 * A sink whose queue is full, or above three quarters for `overflow.after`, is detached while
 * another has room: it is given nothing more, and is caught up with later (catchup.h). Where none
 * can be left behind the source pauses: all are above three quarters; the sink is the only one that
 * the live reader serves in some partition; it asks for `overflow: block`; or the topic is
 * compacted, so that what is read again is not what was there. The source goes on when one that
 * paused it, and each that cannot be detached, is below SL_RESUME_SHARE of its queue. */

bool sl_flow_above(const struct sl_pipeline *p, size_t sink, unsigned share)
{
    return sl_sink_bytes(p->sinks[sink]) > p->config->sinks[sink].queue_bytes / 16 * share;
}

static bool serves(const struct sl_pipeline *p, size_t sink)
{
    return p->served >> sink & 1;
}

void sl_flow_look(struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    p->served = 0;
    p->starved = p->compacted = false;
    for (size_t i = 0; i < n; i++) {
        uint64_t here = 0;

        if (!sl_partition_active(all[i]))
            continue;
        for (size_t s = 0; s < p->n_sinks; s++)
            if (all[i]->sinks[s].from != INT64_MAX)
                here |= UINT64_C(1) << s;
        p->served |= here;
        p->starved |= here == 0;
        p->compacted |= all[i]->compacted;
    }
    sl_flow_wake(p);
}

/* ---- who can be left behind ---- */

static bool another_has_room(const struct sl_pipeline *p, size_t sink)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (i != sink && serves(p, i) && !sl_flow_above(p, i, SL_HIGH_SHARE))
            return true;
    return false;
}

static bool only_one_somewhere(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++) {
        bool another = !sl_partition_active(all[i]);

        for (size_t s = 0; s < p->n_sinks && !another; s++)
            another = s != sink && all[i]->sinks[s].from != INT64_MAX;
        if (!another)
            return true;
    }
    return false;
}

static bool can_detach(const struct sl_pipeline *p, size_t sink)
{
    return p->config->sinks[sink].overflow == SL_OVERFLOW_DETACH && !p->compacted &&
           another_has_room(p, sink) && !only_one_somewhere(p, sink);
}

/* ---- pause ---- */

static void pause_source(struct sl_pipeline *p)
{
    /* Anything that settles after this wakes us, so a pause always ends: what presses is not open,
     * or is closed here. */
    if (!sl_consumer_paused(p->consumer)) {
        p->pauses++;
        sl_consumer_pause(p->consumer);
    }
    for (size_t i = 0; i < p->n_sinks; i++)
        if (sl_flow_above(p, i, SL_RESUME_SHARE))
            sl_sink_relieve(p->sinks[i]);
    sl_flow_wake(p);
}

static bool must_pause(const struct sl_pipeline *p)
{
    bool all_high = true;

    for (size_t i = 0; i < p->n_sinks; i++) {
        if (!serves(p, i))
            continue;
        if (sl_flow_above(p, i, SL_PAUSE_SHARE) && !can_detach(p, i))
            return true;
        all_high &= sl_flow_above(p, i, SL_HIGH_SHARE);
    }
    return all_high;
}

static bool has_what_is_wanted(const struct sl_pipeline *p, size_t sink)
{
    const struct sl_sink_flow *f = &p->flows[sink];
    size_t now = sl_sink_bytes(p->sinks[sink]);

    return !f->wanted || now == 0 || now + f->wanted <= f->wanted_most;
}

static bool may_resume(const struct sl_pipeline *p)
{
    bool room = false;

    if (p->starved)
        return false;
    for (size_t i = 0; i < p->n_sinks; i++) {
        if (!serves(p, i))
            continue;
        if (!has_what_is_wanted(p, i))
            return false;
        if (!sl_flow_above(p, i, SL_RESUME_SHARE))
            room = true;
        else if (!can_detach(p, i))
            return false;
    }
    return room || p->served == 0;
}

/* ---- detach ---- */

/* What the live reader gave it lies behind what is still to be read for it. */
static bool in_hand_over(struct sl_partition *const *all, size_t n, size_t sink)
{
    for (size_t i = 0; i < n; i++)
        if (!all[i]->ended && !sl_partition_attached(all[i], sink) &&
            all[i]->sinks[sink].from != INT64_MAX)
            return true;
    return false;
}

/* The sink keeps what it has and delivers it while it can: nothing in flight is cancelled, nothing
 * arrives twice for it, and the side reader goes on where its queue ends, once that has room. (The
 * design lets go of the queue. It is counted in the memory budget anyway.) Only within a hand-over
 * the queue has to go: it holds what comes after the records that are missing, and may be the very
 * thing that keeps those out. */
static void leave(struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);
    bool let_go = in_hand_over(all, n, sink);

    if (!let_go)
        sl_sink_close_open(p->sinks[sink], NULL);
    for (size_t i = 0; i < n; i++) {
        if (all[i]->ended)
            continue;
        if (let_go)
            sl_partition_detach(all[i], sink);
        else if (sl_partition_attached(all[i], sink))
            sl_partition_leave(all[i], sink);
    }
    if (let_go)
        sl_sink_detach(p->sinks[sink]);
}

void sl_flow_detach(struct sl_pipeline *p, size_t sink)
{
    const char *reason = sl_sink_reason(p->sinks[sink]);
    char lag[24];

    leave(p, sink);
    if (sl_catchup_serves(p, sink)) /* in other partitions: it stands further back now */
        p->catchup.again = true;
    ++*p->count.detaches[sink];
    p->flows[sink] = (struct sl_sink_flow){.detached_ms = sl_now_ms(p->rt)};
    snprintf(lag, sizeof(lag), "%llu", (unsigned long long)sl_observe_sink_lag(p, sink));
    sl_log(
        p->log, SL_LOG_WARN,
        *reason ? "sink detached: it does not answer and its queue is full; the others go on, "
                  "and it catches up from its own position once it answers"
                : "sink detached: it is slower than the stream and its queue is full; the others "
                  "go on, and it catches up from its own position",
        "sink", p->config->sinks[sink].name, "reason", *reason ? reason : NULL, "lag", lag, NULL);
    sl_flow_look(p);
}

bool sl_flow_full(struct sl_pipeline *p, size_t sink, const struct sl_record *r)
{
    if (can_detach(p, sink)) {
        sl_flow_detach(p, sink);
        return true;
    }
    sl_sink_make_room(p->sinks[sink], r);
    pause_source(p);
    return false;
}

static bool out_of_patience(const struct sl_pipeline *p, size_t sink, uint64_t since_ms)
{
    return sl_now_ms(p->rt) - since_ms >= p->config->sinks[sink].overflow_after_ms;
}

bool sl_flow_full_for(struct sl_pipeline *p, size_t sink, const struct sl_message *m,
                      const struct sl_sink_need *need)
{
    struct sl_sink_flow *f = &p->flows[sink];
    bool is_full = need->bytes <= p->config->sinks[sink].queue_bytes / 4 ||
                   sl_flow_above(p, sink, SL_HIGH_SHARE);

    if (!f->wanted)
        f->wanted_ms = sl_now_ms(p->rt);
    f->wanted = need->bytes;
    f->wanted_most = sl_sink_room(p->sinks[sink], m);
    if (can_detach(p, sink) && (is_full || out_of_patience(p, sink, f->wanted_ms))) {
        sl_flow_detach(p, sink);
        return true;
    }
    sl_sink_make_room_for(p->sinks[sink], m, need);
    pause_source(p);
    return false;
}

/* Sinks that have been above three quarters for too long, or too full for what they are to take. */
static void look_at_queues(struct sl_pipeline *p)
{
    uint64_t now = sl_now_ms(p->rt);

    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_sink_flow *f = &p->flows[i];

        if (serves(p, i) && f->wanted && out_of_patience(p, i, f->wanted_ms) && can_detach(p, i))
            sl_flow_detach(p, i);
        else if (!serves(p, i) || f->detached_ms || !sl_flow_above(p, i, SL_HIGH_SHARE))
            f->over_ms = 0;
        else if (!f->over_ms)
            f->over_ms = now;
        else if (out_of_patience(p, i, f->over_ms) && can_detach(p, i))
            sl_flow_detach(p, i);
    }
}

void sl_flow_press(struct sl_pipeline *p)
{
    look_at_queues(p);
    if (must_pause(p))
        pause_source(p);
}

/* ---- back again ---- */

static bool detached_somewhere(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (sl_partition_active(all[i]) && !sl_partition_attached(all[i], sink))
            return true;
    return false;
}

static void nothing_is_wanted(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        p->flows[i].wanted = p->flows[i].apart = 0;
}

void sl_flow_ended(struct sl_pipeline *p)
{
    nothing_is_wanted(p);
    for (size_t i = 0; i < p->n_sinks; i++) /* others catch up now */
        if (!detached_somewhere(p, i))
            p->flows[i] = (struct sl_sink_flow){.over_ms = p->flows[i].over_ms};
    sl_flow_look(p);
}

void sl_flow_attached(struct sl_pipeline *p, size_t sink)
{
    struct sl_sink_flow *f = &p->flows[sink];
    char seconds[24], records[24];

    sl_flow_look(p);
    if (!f->detached_ms || detached_somewhere(p, sink))
        return;
    snprintf(seconds, sizeof(seconds), "%.1f", (double)(sl_now_ms(p->rt) - f->detached_ms) / 1000);
    snprintf(records, sizeof(records), "%llu", (unsigned long long)f->caught);
    if (f->told)
        sl_log(p->log, SL_LOG_INFO, "sink has caught up", "sink", p->config->sinks[sink].name,
               "seconds", seconds, "records", records, NULL);
    *f = (struct sl_sink_flow){0};
}

enum sl_sink_state sl_flow_state(const struct sl_pipeline *p, size_t sink)
{
    enum sl_sink_state own = sl_sink_state(p->sinks[sink]);

    if (detached_somewhere(p, sink))
        return own == SL_SINK_STALLED ? SL_SINK_DETACHED : SL_SINK_CATCHING_UP;
    return own;
}

/* ---- one look, soon; and one a second ---- */

static void on_flow(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, flow_timer);
    bool paused;

    if (p->phase == SL_PHASE_CLOSED)
        return;
    sl_drain_look(p);
    sl_catchup_turn(p);
    if (p->phase != SL_PHASE_RUNNING)
        return;
    paused = sl_consumer_paused(p->consumer);
    if (!paused && p->starved)
        sl_consumer_pause(p->consumer);
    else if (paused && may_resume(p)) { /* after a drain, too: what ended it may be the last */
        for (size_t i = 0; i < p->n_sinks; i++)
            p->flows[i].wanted = 0; /* until it is offered again */
        sl_consumer_resume(p->consumer);
    }
}

void sl_flow_wake(void *user)
{
    struct sl_pipeline *p = user;

    if (!p->flow_timer.slot)
        sl_timer_start(p->rt, &p->flow_timer, 0);
}

static void on_second(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, second_timer);

    p->names.day = sl_wall_ms(p->rt) / (24 * 60 * 60 * 1000);
    if (p->phase == SL_PHASE_RUNNING) {
        look_at_queues(p);
        sl_versions_tick(p);
    }
    sl_ledger_tick(p);
    sl_timer_start(p->rt, t, SL_SECOND_MS);
}

void sl_flow_init(struct sl_pipeline *p)
{
    p->flow_timer.fire = on_flow;
    p->second_timer.fire = on_second;
    p->flows = sl_calloc(p->config->n_sinks, sizeof(*p->flows));
    sl_timer_start(p->rt, &p->second_timer, SL_SECOND_MS);
}

void sl_flow_release(struct sl_pipeline *p)
{
    sl_timer_stop(p->rt, &p->flow_timer);
    sl_timer_stop(p->rt, &p->second_timer);
    free(p->flows);
    p->flows = NULL;
}
