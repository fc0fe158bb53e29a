/* SPDX-License-Identifier: Apache-2.0 */
#include "record/change.h"

#include <stdlib.h>

#include "base/alloc.h"

/* ---- life ---- */

struct sl_changer *sl_changer_new(struct sl_fields *fields)
{
    const struct sl_slice base64 = SL_SLICE_LITERAL("message_base64");
    struct sl_changer *c = sl_zalloc(sizeof(*c));

    c->fields = fields;
    c->timestamp_member = sl_fields_add_member(fields, "@timestamp");
    c->base64 = sl_editor_new(&base64, 1, NULL, NULL);
    sl_buf_init(&c->base, SL_CHANGED_MAX);
    sl_buf_init(&c->leaf, SL_CHANGED_MAX);
    return c;
}

void sl_changer_free(struct sl_changer *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_slots; i++) {
        sl_decoder_free(c->slots[i]->decoder);
        sl_buf_release(&c->slots[i]->body);
        free(c->slots[i]);
    }
    free(c->slots);
    sl_change_found_release(&c->found);
    sl_buf_release(&c->base);
    sl_buf_release(&c->leaf);
    sl_editor_free(c->base64);
    free(c);
}

void sl_change_shrink(struct sl_changer *c)
{
    sl_change_found_shrink(&c->found);
    sl_buf_reset(&c->base, SL_CHANGED_KEEP);
    sl_buf_reset(&c->leaf, SL_CHANGED_KEEP);
}

void sl_changer_begin(struct sl_changer *c)
{
    if (c->used == 0)
        return; /* what failed has given back itself */
    for (size_t i = 0; i < c->used; i++)
        sl_buf_reset(&c->slots[i]->body, SL_CHANGED_KEEP);
    c->used = c->bytes = 0;
}

/* ---- slots ---- */

static struct sl_change_slot *slot_new(struct sl_fields *fields)
{
    struct sl_change_slot *slot = sl_zalloc(sizeof(*slot));

    slot->decoder = sl_zalloc(sizeof(*slot->decoder));
    slot->decoder->fields = fields;
    sl_buf_init(&slot->body, SL_CHANGED_MAX);
    return slot;
}

struct sl_change_slot *sl_change_take_slot(struct sl_changer *c)
{
    struct sl_change_slot *slot;

    if (c->used == SL_CHANGED_SLOTS_MAX)
        return NULL;
    if (c->used == c->n_slots) {
        if (c->n_slots == c->cap_slots) {
            c->cap_slots = c->cap_slots ? 2 * c->cap_slots : 4;
            c->slots = sl_reallocarray(c->slots, c->cap_slots, sizeof(struct sl_change_slot *));
        }
        c->slots[c->n_slots++] = slot_new(c->fields);
    }
    slot = c->slots[c->used++];
    sl_buf_clear(&slot->body);
    return slot;
}

void sl_change_give_back(struct sl_changer *c)
{
    sl_buf_reset(&c->slots[--c->used]->body, SL_CHANGED_KEEP);
}

size_t sl_changer_mark(const struct sl_changer *c)
{
    return c->used;
}

void sl_changer_keep(struct sl_changer *c, size_t mark, const struct sl_record *keep)
{
    for (size_t i = mark; i < c->used; i++) {
        struct sl_change_slot *slot = c->slots[i];

        if (&slot->record != keep)
            continue;
        c->slots[i] = c->slots[mark];
        c->slots[mark++] = slot;
        break;
    }
    while (c->used > mark) {
        c->bytes -= c->slots[c->used - 1]->body.n;
        sl_change_give_back(c);
    }
}

/* ---- before and after a change ---- */

bool sl_change_base64(const struct sl_record *r)
{
    if (r->changed)
        return r->base64;
    return r->form == SL_FORM_TEXT && !sl_utf8_valid(r->text);
}

struct sl_slice sl_change_base(struct sl_changer *c, const struct sl_record *r)
{
    if (r->form == SL_FORM_OBJECT && r->added.n == 0 && !r->breaks && r->body.n <= SL_CHANGED_MAX)
        return r->body;
    sl_buf_clear(&c->base);
    sl_record_json(r, false, sl_slice("", 0), &c->base, NULL);
    return c->base.full ? sl_slice(NULL, 0) : sl_buf_as_slice(&c->base);
}

static int scan(struct sl_changer *c, struct sl_change_slot *slot, struct sl_error *err)
{
    struct sl_decoder *d = slot->decoder;

    if (slot->body.full)
        return sl_fail(err, SL_ELIMIT, "the changed record is larger than %d MiB",
                       SL_CHANGED_MAX >> 20);
    if (c->bytes + slot->body.n > SL_CHANGED_ALL_MAX)
        return sl_fail(err, SL_ELIMIT, "all changes of one record are larger than %d MiB",
                       SL_CHANGED_ALL_MAX >> 20);
    sl_decoder_begin(d);
    if (!sl_json_scan(&d->scan, sl_buf_as_slice(&slot->body)))
        return sl_fail(err, SL_ELIMIT, "the changed record cannot be read: %s", d->scan.error);
    return SL_OK;
}

const struct sl_record *sl_change_finish(struct sl_changer *c, struct sl_change_slot *slot,
                                         const struct sl_record *r, struct sl_change_kind kind,
                                         struct sl_error *err)
{
    static const struct sl_new_value gone = {.what = SL_REMOVE};
    struct sl_record *n = &slot->record;
    struct sl_decoder *d = slot->decoder;

    if (scan(c, slot, err) != SL_OK) {
        sl_change_give_back(c);
        return NULL;
    }
    c->bytes += slot->body.n;
    *n = *r;
    n->form = SL_FORM_OBJECT;
    n->changed = true;
    n->decoder = d;
    n->values = d->scan.values;
    n->body = d->scan.body;
    n->breaks = d->scan.breaks;
    n->empty = d->scan.empty;
    n->has_timestamp = sl_decoder_has(d, c->timestamp_member);
    n->added = sl_slice("", 0);
    n->base64 = kind.base64;
    n->lost = r->lost || kind.lost;
    return kind.base64 && kind.touched ? sl_record_edit(c, c->base64, n, &gone, err) : n;
}

/* ---- members by path ---- */

static bool touches(const struct sl_editor *e, size_t path, const struct sl_new_value *values)
{
    return path < e->n && values[path].what != SL_KEEP;
}

const struct sl_record *sl_record_edit(struct sl_changer *c, const struct sl_editor *e,
                                       const struct sl_record *r, const struct sl_new_value *values,
                                       struct sl_error *err)
{
    struct sl_change_kind kind = {.touched = touches(e, e->message, values)};
    const struct sl_record *result = NULL;
    struct sl_change_slot *slot;
    struct sl_slice body;
    bool any = false;

    for (size_t i = 0; i < e->n; i++)
        any |= values[i].what != SL_KEEP;
    if (!any)
        return r;
    kind.base64 = sl_change_base64(r) && !touches(e, e->base64, values);
    body = sl_change_base(c, r);
    slot = body.p ? sl_change_take_slot(c) : NULL;
    if (slot)
        sl_change_find(&c->found, e, body);
    if (!slot || c->found.full) {
        sl_fail(err, SL_ELIMIT, "the record is too large to be changed");
        if (slot)
            sl_change_give_back(c);
    } else if (sl_change_splice(&c->found, e, body, values, &slot->body)) {
        kind.lost = c->found.changes;
        result = sl_change_finish(c, slot, r, kind, err);
    } else if (kind.base64 && kind.touched) { /* the same text again, but now a rule has made it */
        sl_buf_slice(&slot->body, body);
        result = sl_change_finish(c, slot, r, kind, err);
    } else {
        sl_change_give_back(c);
        result = r;
    }
    sl_change_shrink(c);
    return result;
}
