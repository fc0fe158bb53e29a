/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/catchup.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "pipeline/state.h"

/* Whose turn it is, and when a sink goes back to the live reader: see catchup.h. */

enum { RECORD_OVERHEAD = 256, LOG_MS = 30000 };

/* Something of the partition is there to be read for the sink. */
static bool reads(const struct sl_partition *at, size_t sink)
{
    const struct sl_sink_position *s = &at->sinks[sink];
    int64_t end = at->log_end > at->next ? at->log_end : at->next;

    return sl_partition_active(at) && s->catch_up >= 0 && s->catch_up < end &&
           s->catch_up < s->from;
}

/* Of the sink's partitions the one whose recorded plan is to be repeated now: the one of which a
 * part has been read already, or else the first. */
static const struct sl_partition *planned(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);
    const struct sl_partition *found = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!reads(all[i], sink) || sl_plan_repeat_end(all[i], sink) == 0)
            continue;
        if (all[i]->sinks[sink].catch_up > all[i]->sinks[sink].plan.first)
            return all[i];
        found = found ? found : all[i];
    }
    return found;
}

static bool reads_anything(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (reads(all[i], sink))
            return true;
    return false;
}

static bool may_answer(const struct sl_pipeline *p, size_t sink)
{
    return sl_sink_state(p->sinks[sink]) != SL_SINK_STALLED || sl_sink_idle(p->sinks[sink]) ||
           planned(p, sink);
}

/* Room for what the side reader has for it and could not give. What makes it may show in nothing
 * that is counted, so now and then it is tried. */
static bool has_room_apart(const struct sl_pipeline *p, size_t sink)
{
    const struct sl_sink_flow *f = &p->flows[sink];
    size_t now = sl_sink_bytes(p->sinks[sink]);

    return !f->apart || now == 0 ||
           now + f->apart <= p->config->sinks[sink].queue_bytes / 16 * 15 ||
           sl_now_ms(p->rt) - f->apart_tried_ms >= SL_CATCHUP_LOOK_MS;
}

/* The next in turn behind the one served last; n_sinks: nobody. */
static size_t next_sink(const struct sl_pipeline *p)
{
    for (size_t i = 1; i <= p->n_sinks; i++) {
        size_t sink = (p->catchup.sink + i) % p->n_sinks;

        if (p->catchup.serving && sink == p->catchup.sink)
            break;
        if (reads_anything(p, sink) && may_answer(p, sink) && has_room_apart(p, sink))
            return sink;
    }
    return p->n_sinks;
}

/* ---- hand-over ---- */

/* What so many records may take of a queue. */
static double weight(const struct sl_pipeline *p, int64_t records)
{
    double mean = p->seen ? (double)p->seen_bytes / (double)p->seen : 0;

    return records > 0 ? (double)records * (2 * mean + RECORD_OVERHEAD) : 0;
}

/* What the queue may hold already: where the live reader's cuts wait for the side reader's, half is
 * kept for these. */
static size_t most_queued(const struct sl_pipeline *p, size_t sink)
{
    bool cuts = p->sinks[sink]->type->flags & SL_SINK_CUTS;

    return p->config->sinks[sink].queue_bytes / (cuts ? 4 : 2);
}

static void hand_over(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    sl_partition_hand_over(at, sink);
    if (sl_partition_attached(at, sink)) {
        sl_sink_close_reader(p->sinks[sink], at, true);
        sl_sink_pump(p->sinks[sink]);
        sl_flow_attached(p, sink);
    } else {
        sl_flow_look(p);
    }
    if (p->catchup.sink == sink)
        p->catchup.again = true;
}

static bool left_behind(const struct sl_partition *at, size_t sink)
{
    return sl_partition_active(at) && !sl_partition_attached(at, sink) &&
           at->sinks[sink].from == INT64_MAX;
}

/* Where nobody is served the source stands still: who has come up to it goes on with it, stalled or
 * not. */
static void end_starving(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    const struct sl_sink_position *s = &at->sinks[sink];

    for (size_t i = 0; i < at->n_sinks; i++)
        if (at->sinks[i].from != INT64_MAX)
            return;
    if (at->next <= s->catch_up && s->plan.end <= s->catch_up)
        hand_over(p, at, sink);
}

/* In all its partitions at once: one that goes on with the live reader while others are far behind
 * would have its queue filled by these. */
static void look_at_hand_over(struct sl_pipeline *p, size_t sink)
{
    bool low = sl_sink_bytes(p->sinks[sink]) < most_queued(p, sink);
    double left = 0;
    size_t n, behind = 0, alone = 0;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++) {
        if (!left_behind(all[i], sink))
            continue;
        if (p->starved)
            end_starving(p, all[i], sink);
        left += weight(p, all[i]->next - all[i]->sinks[sink].catch_up);
        behind += left_behind(all[i], sink);
        alone += all[i]->sinks[sink].catch_up < all[i]->sinks[sink].alone;
    }
    if (behind == 0 || alone > 0 || sl_sink_state(p->sinks[sink]) != SL_SINK_LIVE ||
        left > (double)p->config->sinks[sink].queue_bytes / 4 ||
        (left > 0 && !sl_catchup_serves(p, sink)))
        return;
    for (size_t i = 0; i < n; i++) {
        if (!left_behind(all[i], sink))
            continue;
        if (low)
            hand_over(p, all[i], sink);
        else /* what is open is on its way before its time, so that there is room soon */
            sl_sink_close_reader(p->sinks[sink], all[i], true);
    }
    if (!low) /* also of partitions in which the live reader serves it */
        sl_sink_keep_open(p->sinks[sink], most_queued(p, sink) / 2);
}

static bool handing_over(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (sl_partition_active(all[i]) && !sl_partition_attached(all[i], sink) &&
            all[i]->sinks[sink].from != INT64_MAX)
            return true;
    return false;
}

/* The queue is full with cuts that wait for what there is no room for; or the live reader takes the
 * room that a large message would need. */
static bool stuck(const struct sl_pipeline *p)
{
    const struct sl_catchup *c = &p->catchup;
    const struct sl_sink_flow *f = &p->flows[c->sink];

    if (f->apart && (p->served >> c->sink & 1) &&
        sl_now_ms(p->rt) - f->apart_ms >= SL_CATCHUP_STUCK_MS)
        return true;
    return c->full_ms && sl_now_ms(p->rt) - c->full_ms >= SL_CATCHUP_STUCK_MS &&
           (p->sinks[c->sink]->type->flags & SL_SINK_CUTS) && handing_over(p, c->sink);
}

/* ---- slices ---- */

bool sl_catchup_serves(const struct sl_pipeline *p, size_t sink)
{
    return p->catchup.serving && p->catchup.sink == sink;
}

static void stop_serving(struct sl_pipeline *p)
{
    struct sl_catchup *c = &p->catchup;

    c->serving = c->again = c->limited = false;
    c->full_ms = 0;
}

static int read_for(struct sl_pipeline *p, size_t sink, struct sl_error *err)
{
    size_t n, chosen = 0;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);
    struct sl_partition **parts = sl_calloc(n + 1, sizeof(struct sl_partition *));
    int64_t *offsets = sl_calloc(n + 1, sizeof(*offsets));
    const struct sl_partition *only = planned(p, sink);
    int rc = SL_OK;

    for (size_t i = 0; i < n; i++) { /* also where nothing is to be read yet: there will be */
        if (!sl_partition_active(all[i]) || sl_partition_attached(all[i], sink) ||
            (only && only != all[i]))
            continue;
        parts[chosen] = all[i];
        offsets[chosen++] = all[i]->sinks[sink].catch_up;
    }
    if (chosen > 0)
        rc = sl_side_read(p->catchup.side, parts, offsets, chosen, err);
    else
        sl_side_stop(p->catchup.side);
    sl_side_resume(p->catchup.side);
    free(parts);
    free(offsets);
    return rc;
}

static void tell(struct sl_pipeline *p, size_t sink)
{
    char lag[24];

    if (p->flows[sink].told)
        return;
    p->flows[sink].told = true;
    snprintf(lag, sizeof(lag), "%llu", (unsigned long long)sl_observe_sink_lag(p, sink));
    sl_log(p->log, SL_LOG_INFO, "sink catches up", "sink", p->config->sinks[sink].name, "lag", lag,
           NULL);
}

static void serve(struct sl_pipeline *p, size_t sink)
{
    struct sl_catchup *c = &p->catchup;
    uint64_t now = sl_now_ms(p->rt);
    struct sl_error err = {0};

    stop_serving(p);
    p->flows[sink].apart_tried_ms = now;
    if (read_for(p, sink, &err) != SL_OK) {
        if (sl_log_due(&c->log_ms, now, LOG_MS))
            sl_log(p->log, SL_LOG_WARN, "what a sink lacks cannot be read again; it is tried again",
                   "sink", p->config->sinks[sink].name, "reason", err.text, NULL);
        return;
    }
    if (sink != c->sink || !c->slice_ends_ms)
        c->allowed = 0; /* the rate is the sink's own */
    c->serving = true;
    c->sink = sink;
    c->slice_ends_ms = now + SL_SLICE_MS;
    tell(p, sink);
}

/* Between two sinks the one that waits comes; a hand-over under way is completed first. */
static bool slice_is_over(const struct sl_pipeline *p)
{
    const struct sl_catchup *c = &p->catchup;

    if (!reads_anything(p, c->sink))
        return true;
    if (next_sink(p) == p->n_sinks)
        return false;
    return c->full_ms || (sl_now_ms(p->rt) >= c->slice_ends_ms && !handing_over(p, c->sink));
}

static bool has_room_again(const struct sl_pipeline *p)
{
    const struct sl_catchup *c = &p->catchup;

    /* What repeats a plan stays queued until all of it has been read: there may never be less. */
    if (planned(p, c->sink))
        return sl_now_ms(p->rt) - c->tried_ms >= SL_CATCHUP_LOOK_MS;
    if (sl_sink_state(p->sinks[c->sink]) == SL_SINK_STALLED)
        return sl_sink_idle(p->sinks[c->sink]);
    if (p->flows[c->sink].apart)
        return has_room_apart(p, c->sink);
    return !sl_flow_above(p, c->sink, SL_RESUME_SHARE);
}

static void go_on(struct sl_pipeline *p)
{
    struct sl_catchup *c = &p->catchup;
    struct sl_error err;

    if (c->again) {
        c->again = c->limited = false;
        c->full_ms = 0;
        if (read_for(p, c->sink, &err) != SL_OK)
            stop_serving(p);
    }
    if (c->full_ms && has_room_again(p)) {
        if (!planned(p, c->sink) && !p->flows[c->sink].apart)
            c->full_ms = 0; /* else it is full until something is taken */
        c->tried_ms = p->flows[c->sink].apart_tried_ms = sl_now_ms(p->rt);
        sl_side_resume(c->side);
    } else if (c->limited && !c->full_ms && sl_now_ms(p->rt) - c->second_ms >= SL_SECOND_MS) {
        c->limited = false;
        sl_side_resume(c->side);
    }
}

static bool anyone_detached(const struct sl_pipeline *p)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < p->n_sinks && sl_partition_active(all[i]); s++)
            if (!sl_partition_attached(all[i], s))
                return true;
    return false;
}

void sl_catchup_turn(struct sl_pipeline *p)
{
    struct sl_catchup *c = &p->catchup;
    size_t next;

    if (p->phase != SL_PHASE_RUNNING || !anyone_detached(p)) {
        if (c->serving)
            sl_catchup_stop(p);
        return;
    }
    for (size_t i = 0; i < p->n_sinks; i++)
        look_at_hand_over(p, i);
    if (c->serving && stuck(p)) {
        sl_flow_detach(p, c->sink);
        sl_catchup_stop(p);
    }
    if (c->serving && !slice_is_over(p)) {
        go_on(p);
    } else {
        next = next_sink(p);
        if (next < p->n_sinks)
            serve(p, next);
        else if (c->serving)
            sl_catchup_stop(p);
    }
    if (!c->timer.slot)
        sl_timer_start(p->rt, &c->timer, SL_CATCHUP_LOOK_MS);
}

static void on_timer(struct sl_timer *t)
{
    sl_flow_wake(sl_container_of(t, struct sl_pipeline, catchup.timer));
}

void sl_catchup_gone(struct sl_pipeline *p, struct sl_partition *at)
{
    sl_side_drop(p->catchup.side, at);
    p->catchup.again = p->catchup.serving; /* others may have waited for it */
}

void sl_catchup_stop(struct sl_pipeline *p)
{
    sl_side_stop(p->catchup.side);
    stop_serving(p);
}

void sl_catchup_init(struct sl_pipeline *p)
{
    p->catchup.timer.fire = on_timer;
    p->catchup.side = sl_side_new(p->loop, &p->config->source, &sl_catchup_ops, p);
}

void sl_catchup_release(struct sl_pipeline *p)
{
    sl_timer_stop(p->rt, &p->catchup.timer);
    if (p->catchup.side)
        sl_side_free(p->catchup.side);
    p->catchup.side = NULL;
}
