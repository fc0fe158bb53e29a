/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include "base/alloc.h"
#include "base/hash.h"

enum { LETTER_VALUE_MAX = 4 << 20 };

/* What one batch may hold, and one record in it: more than a quarter of the queue would let two of
 * them stop everything. */
static size_t batch_limit(const struct sl_sink *s)
{
    size_t quarter = s->config->queue_bytes / 4;

    return quarter < SL_BATCH_DATA_MAX / 2 ? quarter : SL_BATCH_DATA_MAX / 2;
}

/* Beside what is sent, types with items keep the original, of which a rule may have left little. */
bool sl_sink_too_large(const struct sl_sink *s, const struct sl_record *r, size_t bound)
{
    size_t most = batch_limit(s);

    return bound > most ||
           ((s->type->flags & SL_SINK_ITEMS) &&
            (r->message->value.n > most || sl_batch_extra_bound(r->message) > most));
}

/* What the dead letter of a record that is too large shows of it. */
static struct sl_message shortened(const struct sl_sink *s, const struct sl_message *m)
{
    size_t most = batch_limit(s) < LETTER_VALUE_MAX ? batch_limit(s) : LETTER_VALUE_MAX;
    struct sl_message some = *m;

    if (m->value.n > most)
        some.value = sl_slice("", 0);
    if (sl_batch_extra_bound(m) > most) {
        some.key = (struct sl_slice){NULL, 0};
        some.n_headers = 0;
    }
    return some;
}

/* What the record adds to the queue at most. */
static size_t cost(struct sl_sink *s, const struct sl_record *r)
{
    size_t n = s->type->bound(s, r);

    if (sl_sink_too_large(s, r, n)) {
        const struct sl_message some = shortened(s, r->message);

        n = some.value.n + sl_batch_extra_bound(&some) + sizeof(struct sl_item);
        return n + SL_BATCH_OVERHEAD;
    }
    if (s->type->seal)
        n += (size_t)((double)n * s->core->wire_ratio);
    if (s->type->flags & SL_SINK_ITEMS)
        n += r->message->value.n + sl_batch_extra_bound(r->message) + sizeof(struct sl_item);
    return n + SL_BATCH_OVERHEAD;
}

/* The last sixteenth is for what grows afterwards: the structs of split batches, reasons. While a
 * hand-over is under way, the cuts of the live reader wait for those of the side reader: half of
 * the queue is for these. */
static size_t room(const struct sl_sink *s, const struct sl_record *r)
{
    const struct sl_message *m = r->message;
    bool waits =
        (s->type->flags & SL_SINK_CUTS) && !m->catch_up && !sl_partition_attached(m->at, s->index);

    return s->config->queue_bytes / 16 * (waits ? 8 : 15);
}

/* All that is queued is the cut that this record belongs to, and it repeats a plan. That was made
 * under other limits: without the record the sink could never go on. (Cuts of the live reader that
 * wait for it are let go before: catch-up.) */
static bool must_take(struct sl_sink *s, const struct sl_record *r)
{
    struct sl_cut *cut = sl_cut_find(s, r->message);

    if (!cut || !sl_cut_repeating(cut) || s->core->bytes > sl_cut_bytes(cut))
        return false;
    if (!cut->told)
        sl_log(s->env->rt->log, SL_LOG_WARN,
               "a recorded cut is larger than the sink's queue: its memory is exceeded to make the "
               "same object again",
               "sink", s->config->name, NULL);
    cut->told = true;
    return true;
}

bool sl_sink_has_room(struct sl_sink *s, const struct sl_record *r)
{
    return s->core->bytes + cost(s, r) <= room(s, r) || s->core->bytes == 0 || must_take(s, r);
}

void sl_sink_make_room(struct sl_sink *s, const struct sl_record *r)
{
    size_t most = room(s, r), need = cost(s, r);

    sl_cut_keep_open(s, need < most ? most - need : 0);
    sl_queue_pump(s);
}

static struct sl_batch *add_batch(struct sl_sink *s, struct sl_cut *cut, uint64_t hash)
{
    struct sl_core *c = s->core;
    struct sl_batch *b = sl_batch_new(s, cut->hold, cut->rules);

    b->state = SL_BATCH_OPEN;
    c->open_bytes += b->charged;
    if (cut->n == cut->cap) {
        cut->cap = cut->cap ? 2 * cut->cap : 4;
        cut->batches = sl_reallocarray(cut->batches, cut->cap, sizeof(struct sl_batch *));
        cut->keys = sl_reallocarray(cut->keys, cut->cap, sizeof(*cut->keys));
    }
    if (s->type->flags & SL_SINK_KEYED)
        b->key = sl_strndup(c->scratch.p, c->scratch.n);
    cut->keys[cut->n] = hash;
    cut->batches[cut->n] = b;
    cut->recent = cut->n++;
    c->open_batches++;
    return b;
}

/* Keys come from records: a collision made on purpose shall not mix objects. */
static bool same_key(const struct sl_batch *b, const struct sl_buf *key)
{
    return !b->key || sl_slice_is(sl_buf_as_slice(key), b->key);
}

static struct sl_batch *open_batch(struct sl_sink *s, struct sl_cut *cut, const struct sl_record *r)
{
    struct sl_core *c = s->core;
    uint64_t hash = 0;

    if (s->type->flags & SL_SINK_KEYED) {
        sl_buf_clear(&c->scratch);
        s->type->key(s, r, &c->scratch);
        hash = sl_hash(c->scratch.p, c->scratch.n);
    }
    if (cut->recent < cut->n && cut->keys[cut->recent] == hash &&
        same_key(cut->batches[cut->recent], &c->scratch))
        return cut->batches[cut->recent];
    for (size_t i = 0; i < cut->n; i++) {
        if (cut->keys[i] == hash && same_key(cut->batches[i], &c->scratch)) {
            cut->recent = i;
            return cut->batches[i];
        }
    }
    return add_batch(s, cut, hash);
}

/* A record that this sink can never take: straight to the dead letters, with its value where that
 * is not too large as well. Where a hold is a range of the log it is a part of that range, so that
 * the cut is done when its letters are, too. Elsewhere it has its own. */
static void append_refused(struct sl_sink *s, const struct sl_record *r, struct sl_item *item)
{
    const struct sl_message *m = r->message, some = shortened(s, m);
    struct sl_hold *hold = s->type->flags & SL_SINK_CUTS
                               ? sl_hold_ref(sl_cut_open(s, m)->hold)
                               : sl_hold_new(s->index, false, m->catch_up);
    struct sl_batch *b = sl_batch_new(s, hold, s->env->rules);

    b->records = 1;
    sl_list_push(&s->core->busy, &b->node);
    item->span = (uint16_t)sl_hold_cover(hold, m->at, m->offset);
    item->begin = item->end = item->body = 0;
    item->verbatim = false;
    item->status = 413;
    item->outcome = SL_REFUSED;
    sl_batch_keep_original(b, item, &some);
    sl_batch_push_item(b, item);
    sl_batch_reason(b, &b->items[0],
                    SL_SLICE_LITERAL("the record is too large for this sink's queue"));
    sl_hold_unref(hold);
    sl_letters_start(b, sl_policy_admit(s));
}

static bool reached(const struct sl_sink *s, const struct sl_batch *b)
{
    const struct sl_sink_config *c = s->config;

    return (double)b->data.n * s->core->sent_ratio >= (double)c->batch_bytes ||
           b->data.n >= batch_limit(s) || b->extra.n >= batch_limit(s) ||
           (c->batch_records && b->records >= c->batch_records);
}

void sl_sink_append(struct sl_sink *s, const struct sl_record *r, unsigned rule)
{
    const struct sl_message *m = r->message;
    struct sl_core *c = s->core;
    struct sl_item item = {.rule = rule,
                           .sub = r->sub,
                           .offset = m->offset,
                           .time_ms = r->time_ns / 1000000,
                           .source_ms = m->timestamp_ms};
    struct sl_cut *cut;
    struct sl_batch *b;
    size_t begin;

    ++m->at->sinks[s->index].routed;
    ++*s->count.routed;
    ++*s->count.in_flight;
    if (sl_sink_too_large(s, r, s->type->bound(s, r))) {
        append_refused(s, r, &item);
        return;
    }
    cut = sl_cut_open(s, m);
    b = open_batch(s, cut, r);
    begin = b->data.n;
    if (s->type->encode(s, b, r, &item) != SL_OK || b->data.full) {
        sl_buf_truncate(&b->data, begin);
        append_refused(s, r, &item);
        return;
    }
    item.span = (uint16_t)sl_hold_cover(cut->hold, m->at, m->offset);
    if (s->type->flags & SL_SINK_ITEMS) {
        item.begin = (uint32_t)begin;
        item.end = (uint32_t)b->data.n;
        sl_batch_keep_original(b, &item, m);
        sl_batch_push_item(b, &item);
    } else {
        sl_batch_note_time(b, item.time_ms);
    }
    b->records++;
    sl_batch_charge(b);
    if (reached(s, b))
        cut->due = c->due = true;
}
