/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

/* A message that holds many records, or none.
 *
 * It has one offset, so a position or a cut cannot lie within it: all its records are taken, by
 * every sink that one of them is for, or none is. Whether there is room shows only when all have
 * been judged, and they are too many to be kept: they are judged once to add up what each sink
 * needs, and once more to be handed out. Rules decide alike both times (sl_route_note()), and what
 * is counted is counted when they are handed out. Mostly the queues have so much room that the
 * first time can be spared.
 *
 * Nothing is sent, sealed or closed in between but batches that have reached their limits in sinks
 * without cuts: the positions are moved after the last record, and until then all holds begin at
 * this message. */

enum {
    /* What a record becomes, against the bytes that it comes from: text that needs escapes, its
     * index and id, what decoders, enrichment and rules add. A sink that would hold twenty times as
     * much as that has plenty of room. Rules that make even more of it are told of. */
    PLENTY_RATIO = 20,
    PLENTY_RECORD = 4096,
};

struct needs {
    struct sl_sink_need of[SL_SINKS_MAX];
    uint64_t sinks;
};

static uint64_t served(const struct sl_pipeline *p, const struct sl_message *m)
{
    uint64_t ret = 0;

    for (size_t i = 0; i < p->n_sinks; i++)
        if (sl_partition_serves(m->at, i, m->offset))
            ret |= UINT64_C(1) << i;
    return ret;
}

static bool plenty(const struct sl_pipeline *p, const struct sl_message *m, const struct sl_way *w,
                   uint64_t sinks)
{
    size_t around = m->key.n, bytes; /* an envelope has all of it for each record */

    for (size_t i = 0; i < m->n_headers; i++)
        around += m->headers[i].name.n + m->headers[i].value.n;
    bytes = (sl_decode_bytes(w->routing->decoder) + w->n * around) * PLENTY_RATIO +
            w->n * (size_t)PLENTY_RECORD;
    for (; sinks; sinks &= sinks - 1)
        if (!sl_sink_has_plenty(p->sinks[__builtin_ctzll(sinks)], m, bytes))
            return false;
    return true;
}

/* What each of the sinks needs to take the message. */
static void add_up(struct sl_pipeline *p, struct sl_way *w, uint64_t sinks, struct needs *ret)
{
    ret->sinks = 0;
    sl_route_note(w->routing->matcher);
    for (size_t i = 0; i < w->n; i++) {
        sl_way_judge(w, i);
        for (size_t k = 0; k < w->decision.n; k++) {
            const struct sl_choice *choice = &w->decision.chosen[k];
            uint64_t bit = UINT64_C(1) << choice->sink;

            if (choice->sink >= p->n_sinks || !(sinks & bit))
                continue;
            if (!(ret->sinks & bit))
                ret->of[choice->sink] = (struct sl_sink_need){0};
            ret->sinks |= bit;
            sl_sink_need(p->sinks[choice->sink], choice->record, &ret->of[choice->sink]);
        }
    }
}

/* Where plenty of room was not enough. */
static void tell_excess(const struct sl_pipeline *p, uint64_t sinks)
{
    for (; sinks; sinks &= sinks - 1) {
        size_t i = (size_t)__builtin_ctzll(sinks);

        if (sl_sink_bytes(p->sinks[i]) > p->config->sinks[i].queue_bytes)
            sl_sink_tell_excess(p->sinks[i], sl_sink_bytes(p->sinks[i]));
    }
}

static uint32_t crc_of_nothing(const struct sl_message *m)
{
    return sl_crc32c(0, m->value.p, m->value.n);
}

/* ---- the live reader ---- */

static bool room_for(struct sl_pipeline *p, const struct sl_message *m, const struct needs *needs)
{
    for (uint64_t sinks = needs->sinks; sinks; sinks &= sinks - 1) {
        size_t i = (size_t)__builtin_ctzll(sinks);

        if (!sl_sink_has_room_for(p->sinks[i], m, &needs->of[i]) &&
            !sl_flow_full_for(p, i, m, &needs->of[i]))
            return false;
    }
    return true;
}

/* After the last record of a message. */
static void finish(struct sl_pipeline *p, const struct sl_way *w, bool twice, struct sl_taken *ret)
{
    sl_route_end(w->routing->matcher);
    ret->value_crc = w->record.value_crc;
    p->seen_bytes += sl_decode_bytes(w->routing->decoder);
    if (!twice)
        tell_excess(p, ret->sinks);
}

bool sl_many_take(struct sl_pipeline *p, const struct sl_message *m, struct sl_way *w,
                  struct sl_taken *ret)
{
    struct sl_matcher *matcher = w->routing->matcher;
    uint64_t sinks = served(p, m);
    bool twice = !plenty(p, m, w, sinks);
    struct needs needs;

    *ret = (struct sl_taken){0};
    if (w->n == 0) {
        ret->value_crc = crc_of_nothing(m);
        sl_way_count_dropped(p, m);
        ++*p->count.controls;
        return true;
    }
    if (twice) {
        add_up(p, w, sinks, &needs);
        if (!room_for(p, m, &needs)) {
            sl_route_undo(matcher);
            return false;
        }
        sl_route_repeat(matcher);
    }
    sl_way_count_message(p, m);
    for (size_t i = 0; i < w->n; i++) {
        sl_way_judge(w, i);
        ret->sinks |= sl_way_hand_out(p, m, w);
    }
    finish(p, w, twice, ret);
    return true;
}

/* ---- the side reader ---- */

/* What is more than the live reader would leave room for goes before any hand-over. */
static void no_room(struct sl_pipeline *p, const struct sl_message *m, size_t sink, size_t bytes)
{
    struct sl_sink_flow *f = &p->flows[sink];

    if (!f->apart)
        f->apart_ms = sl_now_ms(p->rt);
    f->apart = bytes;
    f->apart_tried_ms = sl_now_ms(p->rt);
    if (bytes > p->config->sinks[sink].queue_bytes / 4)
        m->at->sinks[sink].alone = m->offset + 1;
}

bool sl_many_give(struct sl_pipeline *p, const struct sl_message *m, size_t sink, struct sl_way *w,
                  struct sl_taken *ret)
{
    struct sl_matcher *matcher = w->routing->matcher;
    const uint64_t bit = UINT64_C(1) << sink;
    bool twice = !plenty(p, m, w, bit);
    struct needs needs;

    *ret = (struct sl_taken){0};
    if (w->n == 0) {
        ret->value_crc = crc_of_nothing(m);
        return true;
    }
    if (twice) {
        add_up(p, w, bit, &needs);
        if (needs.sinks && !sl_sink_has_room_for(p->sinks[sink], m, &needs.of[sink])) {
            sl_sink_make_room_for(p->sinks[sink], m, &needs.of[sink]);
            no_room(p, m, sink, needs.of[sink].bytes);
            sl_route_undo(matcher);
            return false;
        }
        sl_route_repeat(matcher);
    }
    for (size_t i = 0; i < w->n; i++) {
        const struct sl_choice *choice;

        sl_way_judge(w, i);
        choice = sl_way_choice(w, sink);
        if (choice) {
            sl_way_append(p, w, choice);
            ret->sinks = bit;
        }
    }
    finish(p, w, twice, ret);
    return true;
}
