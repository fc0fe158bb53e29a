/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { REASON_MAX = 512, REASONS_MAX = 4 << 20 };

struct sl_batch *sl_batch_new(struct sl_sink *s, struct sl_hold *hold,
                              struct sl_rules_version *rules)
{
    struct sl_batch *b = sl_zalloc(sizeof(*b));

    sl_list_init(&b->node);
    sl_list_init(&b->letters);
    b->state = SL_BATCH_CLOSED;
    b->sink = s;
    b->hold = sl_hold_ref(hold);
    b->rules = sl_rules_version_ref(rules);
    sl_buf_init(&b->data, SL_BATCH_DATA_MAX);
    sl_buf_init(&b->wire, SL_BATCH_DATA_MAX);
    sl_buf_init(&b->notes, SL_BATCH_DATA_MAX);
    sl_buf_init(&b->extra, SL_BATCH_DATA_MAX);
    sl_buf_init(&b->reasons, REASONS_MAX);
    sl_batch_charge(b);
    return b;
}

void sl_batch_free(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;

    if (b->blocks)
        s->core->blocked--;
    sl_list_remove(&b->node);
    sl_timer_stop(s->env->rt, &b->timer);
    sl_letters_drop(b);
    if (s->type->drop)
        s->type->drop(s, b);
    sl_origins_release(b);
    s->core->bytes -= b->charged;
    if (b->state == SL_BATCH_OPEN)
        s->core->open_bytes -= b->charged;
    *s->count.queue_bytes = s->core->bytes;
    sl_hold_unref(b->hold);
    sl_rules_version_unref(b->rules);
    sl_buf_release(&b->data);
    sl_buf_release(&b->wire);
    sl_buf_release(&b->notes);
    sl_buf_release(&b->extra);
    sl_buf_release(&b->reasons);
    free(b->items);
    free(b->runs);
    free(b->key);
    free(b);
}

/* A part of a cut that repeats a plan, of which more is to come. */
static bool repeating(const struct sl_batch *b)
{
    const struct sl_hold *h = b->hold;

    return h->crc && h->catch_up && h->n > 0 &&
           sl_plan_repeat_end(h->spans[0]->partition, h->sink) > 0;
}

/* Counted is what is used, not what is reserved: a large buffer's unused tail has never been
 * touched and so is not memory. A body that is still to be made is counted from the start at the
 * size that it is expected to have, so that closing batches never passes the bound. A cut that
 * repeats a plan has no choice of its size, and fits as it has fitted before: there a guess that is
 * too large would only keep its last records out. */
void sl_batch_charge(struct sl_batch *b)
{
    struct sl_core *c = b->sink->core;
    size_t now = SL_BATCH_OVERHEAD + b->data.n + b->notes.n + b->extra.n + b->wire.n +
                 b->reasons.n + b->n_items * sizeof(*b->items) + b->cap_runs * sizeof(*b->runs) +
                 sl_origins_bytes(b);

    if (b->state <= SL_BATCH_SEALING && b->sink->type->seal && !repeating(b))
        now += (size_t)((double)b->data.n * c->wire_ratio);
    c->bytes = c->bytes - b->charged + now;
    if (b->state == SL_BATCH_OPEN)
        c->open_bytes = c->open_bytes - b->charged + now;
    b->charged = now;
    *b->sink->count.queue_bytes = c->bytes;
}

void sl_batch_push_item(struct sl_batch *b, const struct sl_item *item)
{
    if (b->n_items == b->cap_items) {
        b->cap_items = b->cap_items ? b->cap_items + b->cap_items / 2 : 16;
        b->items = sl_reallocarray(b->items, b->cap_items, sizeof(*b->items));
    }
    b->items[b->n_items++] = *item;
}

void sl_batch_note_time(struct sl_batch *b, int64_t time_ms)
{
    int64_t rounded = time_ms - time_ms % 10;

    if (b->n_runs > 0 &&
        (b->runs[b->n_runs - 1].time_ms == rounded || b->n_runs == SL_DELAY_RUNS_MAX)) {
        b->runs[b->n_runs - 1].records++;
        return;
    }
    if (b->n_runs == b->cap_runs) {
        b->cap_runs = b->cap_runs ? 4 * b->cap_runs : 4;
        b->runs = sl_reallocarray(b->runs, b->cap_runs, sizeof(*b->runs));
    }
    b->runs[b->n_runs++] = (struct sl_delay_run){rounded, 1};
}

/* ---- reasons ---- */

void sl_batch_reason(struct sl_batch *b, struct sl_item *item, struct sl_slice reason)
{
    size_t at = b->reasons.n;

    if (reason.n > REASON_MAX)
        reason.n = REASON_MAX;
    /* A text that many items share (one mapping conflict) is kept once. */
    if (item > b->items && item[-1].reason) {
        const char *last = b->reasons.p + item[-1].reason - 1;

        if (strlen(last) == reason.n && memcmp(last, reason.p, reason.n) == 0) {
            item->reason = item[-1].reason;
            return;
        }
    }
    sl_buf_slice(&b->reasons, reason);
    sl_buf_byte(&b->reasons, '\0');
    if (b->reasons.full)
        sl_buf_truncate(&b->reasons, at);
    else
        item->reason = (uint32_t)at + 1;
}

/* ---- taking apart ---- */

static void give_back(struct sl_batch *b)
{
    sl_buf_shrink(&b->data);
    sl_buf_shrink(&b->extra);
    if (b->n_items > 0) {
        b->items = sl_reallocarray(b->items, b->n_items, sizeof(*b->items));
        b->cap_items = b->n_items;
    }
}

void sl_batch_compact(struct sl_batch *b)
{
    size_t n = 0, end = 0;

    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_item item = b->items[i];
        size_t length = item.end - item.begin;

        if (item.gone)
            continue;
        if (item.begin != end)
            memmove(b->data.p + end, b->data.p + item.begin, length);
        item.body = item.body - item.begin + (uint32_t)end;
        item.begin = (uint32_t)end;
        end += length;
        item.end = (uint32_t)end;
        b->items[n++] = item;
    }
    if (n < b->n_items) { /* else what was sealed can be sent again as it is */
        b->n_items = n;
        b->records = (unsigned)n;
        sl_buf_truncate(&b->data, end);
        sl_origins_compact(b);
        sl_buf_release(&b->wire);
        b->body = (struct sl_slice){NULL, 0};
        if (end < b->data.cap / 2) /* what is no longer counted is no longer held */
            give_back(b);
    }
    sl_batch_charge(b);
}

static void move_item(struct sl_batch *from, struct sl_item *item, struct sl_batch *to)
{
    struct sl_item copy = *item;
    size_t begin = to->data.n;

    sl_buf_append(&to->data, from->data.p + item->begin, item->end - item->begin);
    copy.body = item->body - item->begin + (uint32_t)begin;
    copy.begin = (uint32_t)begin;
    copy.end = (uint32_t)to->data.n;
    sl_origin_move(from, item, to, &copy);
    sl_batch_push_item(to, &copy);
    if (item->reason) {
        struct sl_item *new = &to->items[to->n_items - 1];

        new->reason = 0;
        sl_batch_reason(to, new, sl_slice_str(from->reasons.p + item->reason - 1));
    }
    to->records++;
    item->gone = true;
}

struct sl_batch *sl_batch_extract(struct sl_batch *b, enum sl_outcome outcome)
{
    struct sl_batch *part = sl_batch_new(b->sink, b->hold, b->rules);

    sl_list_push(&b->sink->core->busy, &part->node);
    part->attempts = b->attempts;
    for (size_t i = 0; i < b->n_items; i++)
        if (!b->items[i].gone && b->items[i].outcome == (uint8_t)outcome)
            move_item(b, &b->items[i], part);
    sl_batch_charge(part);
    return part;
}

struct sl_batch *sl_batch_halve(struct sl_batch *b)
{
    struct sl_batch *part = sl_batch_new(b->sink, b->hold, b->rules);

    sl_list_push(&b->sink->core->busy, &part->node);
    part->attempts = b->attempts;
    part->parked = b->parked;
    part->parked_ms = b->parked_ms;
    for (size_t i = b->n_items / 2; i < b->n_items; i++)
        move_item(b, &b->items[i], part);
    sl_batch_charge(part);
    sl_batch_compact(b);
    return part;
}

bool sl_hold_any_over(const struct sl_hold *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (sl_span_over(h->spans[i]))
            return true;
    return false;
}

bool sl_hold_all_over(const struct sl_hold *h)
{
    for (size_t i = 0; i < h->n; i++)
        if (!sl_span_over(h->spans[i]))
            return false;
    return true;
}
