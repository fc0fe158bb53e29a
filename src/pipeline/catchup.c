/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/catchup.h"

#include "pipeline/state.h"

/* What the side reader brings: the way of a record for the one sink that is served. Who is served,
 * and when: slice.c. */

/* Where the sink stands in the partition has changed: what that leads to. */
static void moved(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    if (!sl_partition_attached(at, sink))
        return;
    sl_sink_close_reader(p->sinks[sink], at, true); /* cuts of the live reader wait for it */
    p->catchup.again = true;
    sl_flow_attached(p, sink);
    sl_sink_pump(p->sinks[sink]);
}

/* All that is to be repeated of a plan has been read. */
static void plan_read(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    sl_sink_close_reader(p->sinks[sink], at, true);
    p->catchup.again = true; /* other partitions may have waited for this */
    sl_flow_wake(p);
}

/* Nothing is left below `offset` that the sink could have. */
static void skip_to(struct sl_pipeline *p, struct sl_partition *at, size_t sink, int64_t offset)
{
    int64_t end = sl_plan_repeat_end(at, sink);

    if (end > 0 && offset >= end) {
        sl_partition_caught_skip(at, sink, end);
        plan_read(p, at, sink);
    }
    sl_partition_caught_skip(at, sink, offset);
    moved(p, at, sink);
}

void sl_catchup_skipped(struct sl_pipeline *p, struct sl_partition *at, size_t sink)
{
    sl_sink_close_reader(p->sinks[sink], at, true);
    p->catchup.again = true;
    moved(p, at, sink);
    sl_flow_wake(p);
}

/* ---- what holds a record up ---- */

/* A stalled sink gets one batch, as its probe. What repeats a plan is read to its end all the same:
 * before that it cannot be sent. */
static bool probe_is_full(const struct sl_pipeline *p, const struct sl_partition *at, size_t sink)
{
    const struct sl_sink_config *config = &p->config->sinks[sink];

    return sl_sink_state(p->sinks[sink]) == SL_SINK_STALLED && sl_plan_repeat_end(at, sink) == 0 &&
           sl_sink_bytes(p->sinks[sink]) >= config->batch_bytes;
}

static void send_open(struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        sl_sink_close_reader(p->sinks[sink], all[i], true);
}

static bool over_rate(struct sl_pipeline *p, size_t sink)
{
    struct sl_catchup *c = &p->catchup;
    double rate = p->config->sinks[sink].catch_up_rate;
    uint64_t now = sl_now_ms(p->rt);

    if (rate <= 0)
        return false;
    if (now - c->second_ms >= SL_SECOND_MS) {
        double most = rate < 1 ? 1 : rate; /* one that is due each few seconds adds up */

        c->allowed += rate * (double)(now - c->second_ms) / SL_SECOND_MS;
        if (c->allowed > most)
            c->allowed = most;
        c->second_ms = now;
    }
    return c->allowed < 1;
}

static bool full(struct sl_pipeline *p)
{
    if (!p->catchup.full_ms)
        p->catchup.full_ms = sl_now_ms(p->rt);
    sl_flow_wake(p);
    return false;
}

/* ---- the way of a record ---- */

const struct sl_choice *sl_way_choice(const struct sl_way *w, size_t sink)
{
    for (size_t i = 0; i < w->decision.n; i++)
        if (w->decision.chosen[i].sink == sink)
            return &w->decision.chosen[i];
    return NULL;
}

static void caught(struct sl_pipeline *p, const struct sl_message *m, size_t sink,
                   uint32_t value_crc)
{
    int64_t end = sl_plan_repeat_end(m->at, sink);

    ++*p->count.read_again[sink];
    p->flows[sink].caught++;
    p->flows[sink].apart = 0;
    p->catchup.allowed -= 1;
    p->catchup.full_ms = 0; /* there was room */
    sl_partition_caught(m->at, sink, m->offset, m->timestamp_ms, value_crc);
    if (end > 0 && m->offset + 1 >= end)
        plan_read(p, m->at, sink);
}

/* Where the live reader serves the sink as well, half of the queue is its own: else what the side
 * reader brings would have the sink detached. (Cuts go in order: what is brought for a hand-over is
 * what the others wait for.) */
static bool half_is_full(const struct sl_pipeline *p, const struct sl_partition *at, size_t sink)
{
    bool goes_first = (p->sinks[sink]->type->flags & SL_SINK_CUTS) &&
                      (at->sinks[sink].from != INT64_MAX || sl_plan_repeat_end(at, sink) > 0);

    return (p->served >> sink & 1) && !goes_first && sl_flow_above(p, sink, SL_HALF_SHARE);
}

static bool give_one(struct sl_pipeline *p, size_t sink, struct sl_way *w, struct sl_taken *ret)
{
    struct sl_sink *s = p->sinks[sink];
    const struct sl_choice *choice;

    sl_way_judge(w, 0);
    choice = sl_way_choice(w, sink);
    if (choice && !sl_sink_has_room(s, choice->record)) {
        sl_sink_make_room(s, choice->record);
        sl_route_undo(w->routing->matcher);
        return false;
    }
    if (choice)
        sl_way_append(p, w, choice);
    *ret = (struct sl_taken){w->record.value_crc, choice != NULL};
    return true;
}

static bool give(struct sl_pipeline *p, const struct sl_message *m, size_t sink)
{
    struct sl_taken taken;
    struct sl_way way;

    sl_way_open(p, m, &way);
    if (way.n == 1 ? !give_one(p, sink, &way, &taken) : !sl_many_give(p, m, sink, &way, &taken))
        return full(p);
    caught(p, m, sink, taken.value_crc);
    if (taken.sinks)
        sl_sink_turn(p->sinks[sink]);
    return true;
}

/* False: nobody asks for it any more, or it is asked for anew from where the sink stands now. */
static bool wanted(const struct sl_pipeline *p, const struct sl_partition *at)
{
    const struct sl_catchup *c = &p->catchup;

    return c->serving && !c->again && p->phase == SL_PHASE_RUNNING && sl_partition_active(at) &&
           !sl_partition_attached(at, c->sink);
}

static bool on_message(void *user, const struct sl_message *m)
{
    struct sl_pipeline *p = user;
    size_t sink = p->catchup.sink;
    const struct sl_sink_position *s = &m->at->sinks[sink];
    int64_t end;

    if (!wanted(p, m->at) || m->offset < s->catch_up)
        return true;
    if (m->offset >= s->from) {
        skip_to(p, m->at, sink, s->from);
        return true;
    }
    end = sl_plan_repeat_end(m->at, sink);
    if (end > 0 && m->offset >= end) { /* the plan's last offsets are gone */
        skip_to(p, m->at, sink, end);
        return true;
    }
    if (over_rate(p, sink)) {
        p->catchup.limited = true;
        return false;
    }
    if (probe_is_full(p, m->at, sink) || half_is_full(p, m->at, sink)) {
        send_open(p, sink);
        sl_sink_relieve(p->sinks[sink]); /* most of it may be what the live reader has open */
        return full(p);
    }
    sl_way_cross(p, m->at, s->catch_up, m->offset, true);
    if (!m->value.p)
        caught(p, m, sink, 0);
    else if (!give(p, m, sink))
        return false;
    moved(p, m->at, sink);
    return true;
}

static void on_eof(void *user, struct sl_partition *at, int64_t offset)
{
    struct sl_pipeline *p = user;

    if (wanted(p, at))
        skip_to(p, at, p->catchup.sink, offset);
    sl_flow_wake(p); /* whose turn is it now */
}

static void on_out_of_range(void *user, struct sl_partition *at, int64_t low)
{
    struct sl_pipeline *p = user;
    size_t sink = p->catchup.sink;
    int64_t from, n;

    if (!wanted(p, at))
        return;
    if (low > at->log_start)
        at->log_start = low;
    n = sl_partition_expire(at, sink, low, &from);
    if (n > 0)
        sl_headroom_expired(p, at, sink, from, n);
    sl_catchup_skipped(p, at, sink);
}

const struct sl_side_ops sl_catchup_ops = {
    .on_message = on_message,
    .on_eof = on_eof,
    .on_out_of_range = on_out_of_range,
};
