/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include "base/alloc.h"
#include "base/hash.h"

enum { FEW = 16 };

/* ---- which batch ---- */

static void put_in_slot(struct sl_cut *cut, size_t i)
{
    size_t at = cut->keys[i] & (cut->n_slots - 1);

    while (cut->slots[at])
        at = (at + 1) & (cut->n_slots - 1);
    cut->slots[at] = (uint32_t)i + 1;
}

/* One message may hold records of very many keys, and each is looked for. */
static void note_last(struct sl_cut *cut)
{
    if (cut->n < FEW)
        return;
    if (2 * cut->n <= cut->n_slots) {
        put_in_slot(cut, cut->n - 1);
        return;
    }
    free(cut->slots);
    cut->n_slots = cut->n_slots ? 2 * cut->n_slots : (size_t)4 * FEW;
    cut->slots = sl_calloc(cut->n_slots, sizeof(*cut->slots));
    for (size_t i = 0; i < cut->n; i++)
        put_in_slot(cut, i);
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
    note_last(cut);
    c->open_batches++;
    return b;
}

/* Keys come from records: a collision made on purpose shall not mix objects. */
static bool same_key(const struct sl_batch *b, const struct sl_buf *key)
{
    return !b->key || sl_slice_is(sl_buf_as_slice(key), b->key);
}

static bool is_of(const struct sl_cut *cut, size_t i, uint64_t hash, const struct sl_buf *key)
{
    return cut->keys[i] == hash && same_key(cut->batches[i], key);
}

/* cut->n: there is none. */
static size_t find_batch(const struct sl_cut *cut, uint64_t hash, const struct sl_buf *key)
{
    size_t i = 0;

    if (cut->n_slots == 0) {
        while (i < cut->n && !is_of(cut, i, hash, key))
            i++;
        return i;
    }
    for (size_t at = hash & (cut->n_slots - 1); cut->slots[at];
         at = (at + 1) & (cut->n_slots - 1)) {
        i = cut->slots[at] - 1;
        if (is_of(cut, i, hash, key))
            return i;
    }
    return cut->n;
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
    if (cut->recent < cut->n && is_of(cut, cut->recent, hash, &c->scratch))
        return cut->batches[cut->recent];
    cut->recent = find_batch(cut, hash, &c->scratch);
    return cut->recent < cut->n ? cut->batches[cut->recent] : add_batch(s, cut, hash);
}

/* A record that this sink can never take: straight to the dead letters, with its value where that
 * is not too large as well. Where a hold is a range of the log it is a part of that range, so that
 * the cut is done when its letters are, too. Elsewhere it has its own. */
static void append_refused(struct sl_sink *s, const struct sl_record *r, struct sl_item *item,
                           const char *why)
{
    const struct sl_message *m = r->message, some = sl_origin_kept(s, m);
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
    sl_batch_keep_original(b, item, &some, false);
    sl_batch_push_item(b, item);
    sl_batch_reason(b, &b->items[0], sl_slice_str(why));
    sl_hold_unref(hold);
    sl_letters_start(b, sl_policy_admit(s));
}

static bool reached(const struct sl_sink *s, const struct sl_batch *b)
{
    const struct sl_sink_config *c = s->config;

    return (double)b->data.n * s->core->sent_ratio >= (double)c->batch_bytes ||
           b->data.n >= sl_batch_limit(s) || b->extra.n + b->origin_bytes >= sl_batch_limit(s) ||
           b->notes.n >= sl_batch_limit(s) || (c->batch_records && b->records >= c->batch_records);
}

static void keep_item(struct sl_sink *s, struct sl_batch *b, struct sl_item *item, size_t begin,
                      const struct sl_record *r)
{
    item->begin = (uint32_t)begin;
    item->end = (uint32_t)b->data.n;
    if (r->many) {
        const struct sl_message some = sl_origin_kept(s, r->message);

        sl_batch_keep_original(b, item, &some, true);
    } else {
        sl_batch_keep_original(b, item, r->message, false);
    }
    sl_batch_push_item(b, item);
}

/* Where positions alone matter, limits hold within a message as well: what covers it are several
 * holds then, and it is done when the last of them is. A cut never ends there. */
static struct sl_cut *cut_for(struct sl_sink *s, const struct sl_record *r)
{
    struct sl_cut *cut;

    if (r->many && !(s->type->flags & SL_SINK_CUTS) && (cut = sl_cut_find(s, r->message)) &&
        cut->due)
        sl_cut_close(s, cut);
    return sl_cut_open(s, r->message);
}

void sl_sink_append(struct sl_sink *s, const struct sl_record *r, unsigned rule)
{
    const struct sl_message *m = r->message;
    const char *why = sl_sink_refuses(s, r, s->type->bound(s, r));
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
    if (why) {
        append_refused(s, r, &item, why);
        return;
    }
    cut = cut_for(s, r);
    b = open_batch(s, cut, r);
    begin = b->data.n;
    if (s->type->encode(s, b, r, &item) != SL_OK || b->data.full) {
        sl_buf_truncate(&b->data, begin);
        append_refused(s, r, &item, "the record is too large for this sink's queue");
        return;
    }
    item.span = (uint16_t)sl_hold_cover(cut->hold, m->at, m->offset);
    if (s->type->flags & SL_SINK_ITEMS)
        keep_item(s, b, &item, begin, r);
    else
        sl_batch_note_time(b, item.time_ms);
    b->records++;
    sl_batch_charge(b);
    if (reached(s, b))
        cut->due = c->due = true;
}
