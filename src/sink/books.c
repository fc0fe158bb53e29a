/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

/* The ledger of a sink (design, section 3.8): what becomes of a record is entered once, for its
 * partition and in the metrics. `walked` is no outcome: it counts what is found in the batches, so
 * that a record that was lost from them shows. */

static void enter(struct sl_batch *b, size_t span, enum sl_entry entry, uint64_t n)
{
    struct sl_sink *s = b->sink;
    struct sl_sink_position *p = &b->hold->spans[span]->partition->sinks[s->index];

    switch (entry) {
    case SL_ENTRY_DELIVERED:
        p->delivered += n;
        *s->count.delivered += n;
        break;
    case SL_ENTRY_DEAD:
        p->dead += n;
        *s->count.dead += n;
        break;
    case SL_ENTRY_LET_GO:
        p->let_go += n;
        *s->count.let_go += n;
        break;
    case SL_ENTRY_WALKED:
        p->walked += n;
        return;
    }
    *s->count.in_flight -= n;
}

void sl_books_item(struct sl_batch *b, const struct sl_item *item, enum sl_entry entry)
{
    enter(b, item->span, entry, 1);
}

void sl_books_rest(struct sl_batch *b, enum sl_entry entry)
{
    unsigned flags = b->sink->type->flags;

    if ((flags & SL_SINK_ITEMS) || b->n_items > 0) {
        for (size_t i = 0; i < b->n_items; i++)
            if (!b->items[i].gone)
                sl_books_item(b, &b->items[i], entry);
    } else if (flags & SL_SINK_CUTS) {
        if (b->records > 0)
            enter(b, 0, entry, b->records);
    } else { /* the only batch of its hold */
        for (size_t i = 0; i < b->hold->n; i++)
            enter(b, i, entry, b->hold->spans[i]->records);
    }
}

size_t sl_books_let_go_over(struct sl_batch *b)
{
    size_t n = 0;

    if (!sl_hold_any_over(
            b->hold)) /* asked before every send: usually without a look at the items */
        return 0;
    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_item *item = &b->items[i];

        if (item->gone || item->letter || !sl_span_over(b->hold->spans[item->span]))
            continue;
        sl_books_item(b, item, SL_ENTRY_LET_GO);
        item->gone = true;
        n++;
    }
    return n;
}

static void walk(const struct sl_list *list)
{
    struct sl_list *at;

    sl_list_each (at, list)
        sl_books_rest(sl_container_of(at, struct sl_batch, node), SL_ENTRY_WALKED);
}

void sl_sink_walk(const struct sl_sink *s)
{
    const struct sl_core *c = s->core;
    struct sl_list *at;

    sl_list_each (at, &c->cuts) {
        const struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        for (size_t i = 0; i < cut->n; i++)
            sl_books_rest(cut->batches[i], SL_ENTRY_WALKED);
    }
    walk(&c->closed);
    walk(&c->gated);
    walk(&c->ready);
    walk(&c->busy);
}
