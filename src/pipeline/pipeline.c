/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

/* ---- what both readers share ---- */

/* Batches have one version of the rules each; a cut has to have one era as well, for what makes two
 * eras is more than what names a version. */
void sl_way_cross(struct sl_pipeline *p, struct sl_partition *at, int64_t before, int64_t offset,
                  bool catch_up)
{
    const struct sl_era *era = sl_partition_era(at, offset);

    if (!era || era->begin < before)
        return;
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i]->type->flags & SL_SINK_CUTS)
            sl_sink_close_reader(p->sinks[i], at, catch_up);
}

void sl_way_open(struct sl_pipeline *p, const struct sl_message *m, struct sl_way *ret)
{
    const struct sl_era *era = sl_partition_era(m->at, m->offset);

    ret->routing = era && era->routing ? era->routing : p->routing;
    ret->n = ret->routing == p->routing ? sl_decode_open(ret->routing->decoder, m)
                                        : sl_versions_open(p, ret->routing, m);
    p->seen++;
    p->seen_bytes += m->key.n + m->value.n;
}

void sl_way_judge(struct sl_way *w, size_t i)
{
    sl_decode_at(w->routing->decoder, i, &w->record);
    sl_route(w->routing->matcher, &w->record, &w->decision);
}

void sl_way_append(struct sl_pipeline *p, const struct sl_way *w, const struct sl_choice *choice)
{
    p->env.rules = w->routing->version;
    sl_sink_append(p->sinks[choice->sink], choice->record, choice->rule);
}

/* ---- the live reader ---- */

/* The live reader gives the record to this sink. One that was ahead when the assignment began has
 * had it; one that is detached gets it from the side reader; one that only an older version of the
 * rules knows is no more. */
static bool gives(const struct sl_pipeline *p, const struct sl_message *m, unsigned sink)
{
    return sink < p->n_sinks && sl_partition_serves(m->at, sink, m->offset);
}

/* All chosen sinks take the record or none does: where there is no room in one that cannot be left
 * behind, the consumer offers it again. */
static bool room_for(struct sl_pipeline *p, const struct sl_decision *d, const struct sl_message *m)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct sl_choice *choice = &d->chosen[i];

        if (gives(p, m, choice->sink) &&
            !sl_sink_has_room(p->sinks[choice->sink], choice->record) &&
            !sl_flow_full(p, choice->sink, choice->record))
            return false;
    }
    return true;
}

static void count_rules(struct sl_pipeline *p, const struct sl_way *w)
{
    const struct sl_decision *d = &w->decision;
    struct sl_rule_counts *counts = &w->routing->counts;
    const unsigned *matched;
    size_t n;

    matched = sl_matcher_matched(w->routing->matcher, &n);
    for (size_t i = 0; i < n; i++)
        sl_rule_counts_match(counts, matched[i]);
    if (d->dropped_by == SL_RULE_UNMATCHED || (d->n > 0 && d->chosen[0].rule == SL_RULE_UNMATCHED))
        sl_rule_counts_match(counts, SL_RULE_UNMATCHED);
    if (d->error_rule != SL_RULE_NONE)
        ++*p->count.limits;
    if (d->dropped_by != SL_RULE_NONE)
        sl_rule_counts_drop(counts, d->dropped_by, d->drop_reason, p->metrics);
}

void sl_way_count_message(struct sl_pipeline *p, const struct sl_message *m)
{
    struct sl_topic *topic = m->at->topic;

    ++*topic->consumed_records;
    *topic->consumed_bytes += m->value.n + m->key.n;
    p->consumed++;
}

static void count_record(struct sl_pipeline *p, const struct sl_message *m, bool dropped)
{
    ++*m->at->topic->decoded_records;
    m->at->decoded++;
    if (dropped) {
        m->at->dropped++;
    } else {
        m->at->kept++;
        ++*p->count.kept;
    }
}

void sl_way_count_dropped(struct sl_pipeline *p, const struct sl_message *m)
{
    sl_way_count_message(p, m);
    count_record(p, m, true);
}

static bool take_tombstone(struct sl_pipeline *p, const struct sl_message *m)
{
    sl_way_count_dropped(p, m);
    ++*p->count.tombstones;
    sl_partition_advance(m->at, m->offset, m->timestamp_ms, 0);
    return true;
}

uint64_t sl_way_hand_out(struct sl_pipeline *p, const struct sl_message *m, const struct sl_way *w)
{
    uint64_t took = 0;

    count_record(p, m, w->decision.dropped_by != SL_RULE_NONE);
    count_rules(p, w);
    for (size_t i = 0; i < w->decision.n; i++) {
        const struct sl_choice *choice = &w->decision.chosen[i];

        if (gives(p, m, choice->sink)) {
            sl_way_append(p, w, choice);
            took |= UINT64_C(1) << choice->sink;
        } else if (choice->sink < p->n_sinks && sl_partition_attached(m->at, choice->sink)) {
            ++*p->count.left_out[choice->sink];
        }
    }
    if (w->routing == p->routing) /* what comes of it comes later */
        sl_swap_routed(p, w->decision.error_rule);
    return took;
}

static void turn_sinks(struct sl_pipeline *p, uint64_t took)
{
    bool presses = false;

    for (; took; took &= took - 1) {
        size_t sink = (size_t)__builtin_ctzll(took);

        sl_sink_turn(p->sinks[sink]);
        presses |= sl_flow_above(p, sink, SL_HIGH_SHARE);
    }
    if (presses)
        sl_flow_press(p);
}

static bool take_one(struct sl_pipeline *p, const struct sl_message *m, struct sl_way *w,
                     struct sl_taken *ret)
{
    sl_way_judge(w, 0);
    if (!room_for(p, &w->decision, m)) {
        sl_route_undo(w->routing->matcher);
        return false;
    }
    sl_way_count_message(p, m);
    ret->sinks = sl_way_hand_out(p, m, w);
    ret->value_crc = w->record.value_crc;
    return true;
}

/* One message: decode, decide, hand to every chosen sink. */
bool sl_pipeline_on_message(void *user, const struct sl_message *m)
{
    struct sl_pipeline *p = user;
    struct sl_taken taken;
    struct sl_way way;

    if (p->phase != SL_PHASE_RUNNING)
        return false;
    sl_way_cross(p, m->at, m->at->next, m->offset, false);
    if (!m->value.p)
        return take_tombstone(p, m);
    sl_way_open(p, m, &way);
    if (way.n == 1 ? !take_one(p, m, &way, &taken) : !sl_many_take(p, m, &way, &taken))
        return false;
    sl_partition_advance(m->at, m->offset, m->timestamp_ms, taken.value_crc);
    turn_sinks(p, taken.sinks);
    return true;
}
