/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "sink/core.h"

/* What is kept of a message until its records have an outcome, so that a dead letter has all of it:
 * key, headers and value, but for a value that stands in the batch anyhow.
 *
 * An entry: key, value and each header's name and value, every one as a length (UINT32_MAX: null;
 * UINT32_MAX - 1: the value stands in data) and its bytes; a count goes before the headers.
 *
 * A message that holds one record has its entry in the batch (`extra`), and there it is moved and
 * copied with its item. One that holds many has one entry for all of them, wherever they go: in one
 * batch or, by limits, keys, halves and dead letters, in thousands. It is counted once against the
 * queue: among the bytes of the batch that it was made in while that needs it, and by itself
 * afterwards. */

struct sl_origin {
    struct sl_core *core;
    struct sl_batch *owner; /* it counts among its bytes; NULL: by itself */
    unsigned refs;
    uint8_t place[8]; /* which message, while that is at hand */
    int64_t offset;
    bool catch_up;
    struct sl_buf entry;
};

/* ---- entries ---- */

enum { NOT_THERE = UINT32_MAX, IN_DATA = UINT32_MAX - 1 };

static void put_number(struct sl_buf *to, uint32_t v)
{
    sl_buf_append(to, &v, sizeof(v));
}

static void put_slice(struct sl_buf *to, struct sl_slice s)
{
    put_number(to, s.p ? (uint32_t)s.n : (uint32_t)NOT_THERE);
    if (s.p)
        sl_buf_slice(to, s);
}

static uint32_t get_number(const char **at)
{
    uint32_t v;

    memcpy(&v, *at, sizeof(v));
    *at += sizeof(v);
    return v;
}

static struct sl_slice get_slice(const char **at, uint32_t n)
{
    struct sl_slice s = {NULL, 0};

    if (n != (uint32_t)NOT_THERE) {
        s = sl_slice(*at, n);
        *at += n;
    }
    return s;
}

size_t sl_batch_extra_bound(const struct sl_message *m)
{
    size_t n = SL_BATCH_ORIGINAL + m->key.n;

    for (size_t i = 0; i < m->n_headers; i++)
        n += 2 * sizeof(uint32_t) + m->headers[i].name.n + m->headers[i].value.n;
    return n;
}

static void put_entry(struct sl_buf *to, const struct sl_message *m, bool in_data)
{
    put_slice(to, m->key);
    if (in_data)
        put_number(to, (uint32_t)IN_DATA);
    else
        put_slice(to, m->value);
    put_number(to, (uint32_t)m->n_headers);
    for (size_t i = 0; i < m->n_headers; i++) {
        put_slice(to, m->headers[i].name);
        put_slice(to, m->headers[i].value);
    }
}

static size_t length_of(const char *entry)
{
    const char *at = entry;
    uint32_t n;

    get_slice(&at, get_number(&at));
    n = get_number(&at);
    if (n != (uint32_t)IN_DATA)
        get_slice(&at, n);
    n = get_number(&at);
    for (uint32_t i = 0; i < 2 * n; i++)
        get_slice(&at, get_number(&at));
    return (size_t)(at - entry);
}

/* ---- one for many ---- */

static size_t bytes_of(const struct sl_origin *o)
{
    return sizeof(*o) + o->entry.n;
}

static void unref(struct sl_origin *o, struct sl_batch *by)
{
    struct sl_core *c = o->core;

    o->refs--;
    if (o->owner == by)
        by->origin_bytes -= bytes_of(o); /* by's bytes are counted anew without it */
    if (o->owner == by && o->refs > 0) {
        o->owner = NULL;
        c->bytes += bytes_of(o);
    } else if (o->refs == 0) {
        if (!o->owner)
            c->bytes -= bytes_of(o);
        if (c->origin == o)
            c->origin = NULL;
        sl_buf_release(&o->entry);
        free(o);
    }
}

static uint32_t hold(struct sl_batch *b, struct sl_origin *o)
{
    if (b->n_origins > 0 && b->origins[b->n_origins - 1] == o)
        return (uint32_t)b->n_origins - 1;
    if (b->n_origins == b->cap_origins) {
        b->cap_origins = b->cap_origins ? 2 * b->cap_origins : 1;
        b->origins = sl_reallocarray(b->origins, b->cap_origins, sizeof(struct sl_origin *));
    }
    o->refs++;
    b->origins[b->n_origins++] = o;
    return (uint32_t)b->n_origins - 1;
}

/* Records of a message come one after the other: it is the one at hand, or a new one. */
static struct sl_origin *origin_of(struct sl_batch *b, const struct sl_message *m)
{
    struct sl_core *c = b->sink->core;
    struct sl_origin *o = c->origin;

    if (o && o->offset == m->offset && o->catch_up == m->catch_up &&
        memcmp(o->place, m->at->place, sizeof(o->place)) == 0)
        return o;
    o = sl_zalloc(sizeof(*o));
    *o = (struct sl_origin){.core = c, .owner = b, .offset = m->offset, .catch_up = m->catch_up};
    memcpy(o->place, m->at->place, sizeof(o->place));
    sl_buf_init(&o->entry, SL_BATCH_DATA_MAX);
    put_entry(&o->entry, m, false);
    sl_buf_shrink(&o->entry);
    b->origin_bytes += bytes_of(o);
    c->origin = o;
    return o;
}

size_t sl_origins_bytes(const struct sl_batch *b)
{
    return b->n_origins * sizeof(struct sl_origin *) + b->origin_bytes;
}

void sl_origins_release(struct sl_batch *b)
{
    for (size_t i = 0; i < b->n_origins; i++)
        unref(b->origins[i], b);
    free(b->origins);
    b->origins = NULL;
    b->n_origins = b->cap_origins = 0;
}

size_t sl_origin_bound(const struct sl_message *m)
{
    return sizeof(struct sl_origin) + sizeof(struct sl_origin *) + m->value.n +
           sl_batch_extra_bound(m);
}

/* ---- keeping ---- */

void sl_batch_keep_original(struct sl_batch *b, struct sl_item *item, const struct sl_message *m,
                            bool many)
{
    if (item->verbatim && !m->key.p && m->n_headers == 0)
        return;
    item->has_extra = true;
    item->shared = many && !item->verbatim;
    if (item->shared) {
        item->extra = hold(b, origin_of(b, m));
        return;
    }
    item->extra = (uint32_t)b->extra.n;
    put_entry(&b->extra, m, item->verbatim);
}

void sl_origin_move(struct sl_batch *from, const struct sl_item *item, struct sl_batch *to,
                    struct sl_item *ret)
{
    const char *entry;

    if (!item->has_extra)
        return;
    if (item->shared) {
        ret->extra = hold(to, from->origins[item->extra]);
        return;
    }
    entry = from->extra.p + item->extra;
    ret->extra = (uint32_t)to->extra.n;
    sl_buf_append(&to->extra, entry, length_of(entry));
}

/* Items stand in the order of their entries. */
void sl_origins_compact(struct sl_batch *b)
{
    size_t end = 0, n = 0, next = 0;

    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_item *item = &b->items[i];
        size_t length;

        if (!item->has_extra)
            continue;
        if (item->shared) {
            if (item->extra >= next) {
                while (next < item->extra)
                    unref(b->origins[next++], b);
                b->origins[n++] = b->origins[next++];
            }
            item->extra = (uint32_t)n - 1;
            continue;
        }
        length = length_of(b->extra.p + item->extra);
        memmove(b->extra.p + end, b->extra.p + item->extra, length);
        item->extra = (uint32_t)end;
        end += length;
    }
    while (next < b->n_origins)
        unref(b->origins[next++], b);
    b->n_origins = n;
    sl_buf_truncate(&b->extra, end);
}

/* ---- giving back ---- */

/* The bytes before the final '}' stand in data as they came; additions follow them there. */
static struct sl_slice value_in_data(const struct sl_batch *b, const struct sl_item *item,
                                     struct sl_buf *scratch)
{
    sl_buf_clear(scratch);
    sl_buf_append(scratch, b->data.p + item->body, item->value_n - 1);
    sl_buf_byte(scratch, '}');
    return sl_buf_as_slice(scratch);
}

void sl_batch_original(struct sl_batch *b, const struct sl_item *item, struct sl_letter *letter,
                       struct sl_header *headers, struct sl_buf *scratch)
{
    const char *at;
    uint32_t n;

    letter->headers = headers;
    letter->n_headers = 0;
    letter->key = (struct sl_slice){NULL, 0};
    if (!item->has_extra) {
        letter->value = value_in_data(b, item, scratch);
        return;
    }
    at = item->shared ? b->origins[item->extra]->entry.p : b->extra.p + item->extra;
    letter->key = get_slice(&at, get_number(&at));
    n = get_number(&at);
    letter->value = n == (uint32_t)IN_DATA ? value_in_data(b, item, scratch) : get_slice(&at, n);
    n = get_number(&at);
    for (uint32_t i = 0; i < n && i < SL_HEADERS_MAX; i++) {
        headers[i].name = get_slice(&at, get_number(&at));
        headers[i].value = get_slice(&at, get_number(&at));
        letter->n_headers++;
    }
}
