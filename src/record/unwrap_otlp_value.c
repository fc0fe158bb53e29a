/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "record/unwrap_private.h"

/* OTLP's values as plain JSON: {"intValue":"17"} is 17, a list of {"key","value"} is an object.
 *
 * Nothing keeps a sender from giving a key twice, or `a` and `a.b`, and an object must not have
 * both (members.h): the first stands. The names of all objects of a list, and what stands before
 * each of their dots, are in one table of hashes, told apart by a number that each object has; so
 * they are found at once, however many there are. What goes beyond the table, and names that no
 * record may have, are left out. Recursion is bounded: the scan took no more
 * than 64 levels of nesting. */

enum {
    PLACES = 4 * SL_ATTRIBUTES_MAX, /* a power of two */
    PLACES_USED = PLACES / 2,
};

struct name {
    uint64_t hash;
    uint32_t list; /* the place holds something when it is this list's */
    bool whole;    /* not only what stands before a dot */
};

struct sl_otlp_names {
    struct name places[PLACES];
    uint32_t list, objects, names, used;
    bool top; /* the first object is the record */
    bool cut; /* something was left out */
};

struct sl_otlp_names *sl_otlp_names_new(void)
{
    return sl_zalloc(sizeof(struct sl_otlp_names));
}

void sl_otlp_names_free(struct sl_otlp_names *x)
{
    free(x);
}

static void begin(struct sl_otlp_names *x, bool top)
{
    if (++x->list == 0) {
        memset(x->places, 0, sizeof(x->places));
        x->list = 1;
    }
    x->objects = x->names = x->used = 0;
    x->top = top;
    x->cut = false;
}

/* ---- names ---- */

/* Where the name is, or would be. Two of one hash are taken for the same: one is left out. */
static struct name *place(struct sl_otlp_names *x, uint32_t object, struct sl_slice text,
                          uint64_t *ret_hash)
{
    uint64_t hash = *ret_hash = sl_hash(text.p, text.n) ^ object * 0x9e3779b97f4a7c15u;
    size_t at = hash & (PLACES - 1);

    while (x->places[at].list == x->list && x->places[at].hash != hash)
        at = (at + 1) & (PLACES - 1);
    return &x->places[at];
}

/* False when the object has the name already, what stands before one of its dots, or one that it
 * stands before. */
static bool is_new(struct sl_otlp_names *x, uint32_t object, struct sl_slice text)
{
    uint64_t hash;

    if (x->names == SL_ATTRIBUTES_MAX || x->used + SL_PATH_SEGMENTS_MAX > PLACES_USED)
        return false;
    for (size_t i = 0; i <= text.n; i++) {
        const struct name *at;

        if (i < text.n && text.p[i] != '.')
            continue;
        at = place(x, object, sl_slice(text.p, i), &hash);
        if (at->list == x->list && (at->whole || i == text.n))
            return false;
    }
    for (size_t i = 0; i <= text.n; i++) {
        struct name *at;

        if (i < text.n && text.p[i] != '.')
            continue;
        at = place(x, object, sl_slice(text.p, i), &hash);
        x->used += at->list != x->list;
        *at = (struct name){.hash = hash, .list = x->list, .whole = i == text.n};
    }
    x->names++;
    return true;
}

/* "name": of a KeyValue; false, and nothing written, where it is not to be. */
static bool begin_pair(struct sl_otlp_names *x, uint32_t object, const struct sl_value *key,
                       bool first, struct sl_buf *out)
{
    char room[SL_JSON_KEY_ROOM];
    struct sl_slice text;

    if (key->type != SL_VALUE_STRING || key->n > SL_PATH_BYTES_MAX)
        return false;
    text = sl_slice(key->p, key->n);
    if (key->escaped)
        text = sl_slice(room, sl_json_key(key->p, key->n, room));
    if (!sl_member_name_fits(text, x->top && object == 1) || !is_new(x, object, text))
        return false;
    if (!first)
        sl_buf_byte(out, ',');
    sl_buf_byte(out, '"');
    if (key->escaped)
        sl_json_escape(text, out);
    else
        sl_buf_slice(out, text);
    SL_BUF_LITERAL(out, "\":");
    return true;
}

/* ---- values ---- */

static void any_value(struct sl_otlp_names *x, const struct sl_value *any, struct sl_buf *out);

static void pairs(struct sl_otlp_names *x, const struct sl_value *list, struct sl_buf *out)
{
    uint32_t object = ++x->objects;
    struct sl_value pair;
    bool first = true;
    size_t at = 0;

    sl_buf_byte(out, '{');
    while (sl_value_element(list, &at, &pair)) {
        struct sl_value key, value;

        if (pair.type != SL_VALUE_OBJECT) {
            x->cut = true;
            continue;
        }
        key = sl_object_member(sl_slice(pair.p, pair.n), "key");
        if (!begin_pair(x, object, &key, first, out)) {
            x->cut = true;
            continue;
        }
        first = false;
        value = sl_object_member(sl_slice(pair.p, pair.n), "value");
        any_value(x, &value, out);
    }
    sl_buf_byte(out, '}');
}

static void elements(struct sl_otlp_names *x, const struct sl_value *list, struct sl_buf *out)
{
    struct sl_value element;
    bool first = true;
    size_t at = 0;

    sl_buf_byte(out, '[');
    while (sl_value_element(list, &at, &element)) {
        if (!first)
            sl_buf_byte(out, ',');
        first = false;
        any_value(x, &element, out);
    }
    sl_buf_byte(out, ']');
}

/* Numbers come as strings where 64 bits would not survive JavaScript, and NaN must be one. */
static void number(const struct sl_value *v, struct sl_buf *out)
{
    bool integer;

    if (v->type == SL_VALUE_STRING && v->n > 0 && v->n <= SL_JSON_NUMBER_MAX &&
        sl_json_number_end(v->p, v->p + v->n, &integer) == v->p + v->n)
        sl_buf_append(out, v->p, v->n);
    else
        sl_buf_slice(out, sl_json_whole(v));
}

static bool is_scalar(const struct sl_value *v)
{
    return v->type != SL_VALUE_ABSENT && v->type != SL_VALUE_OBJECT && v->type != SL_VALUE_ARRAY;
}

/* The one member that it has says its kind; none, or null, is the empty value. */
static void any_value(struct sl_otlp_names *x, const struct sl_value *any, struct sl_buf *out)
{
    struct sl_object_walk w;
    struct sl_slice kind;
    struct sl_value v;

    if (is_scalar(any)) { /* against the specification, and plain what is meant */
        sl_buf_slice(out, sl_json_whole(any));
        return;
    }
    if (any->type == SL_VALUE_OBJECT)
        for (sl_object_begin(&w, sl_slice(any->p, any->n)); sl_object_next(&w, &kind, &v);) {
            bool list = sl_slice_is(kind, "arrayValue"), map = sl_slice_is(kind, "kvlistValue");

            if ((list || map) && v.type == SL_VALUE_OBJECT) {
                v = sl_object_member(sl_slice(v.p, v.n), "values");
                map ? pairs(x, &v, out) : elements(x, &v, out);
                return;
            }
            if (!is_scalar(&v) || v.type == SL_VALUE_NULL)
                continue;
            if (sl_slice_is(kind, "intValue") || sl_slice_is(kind, "doubleValue"))
                number(&v, out);
            else if (sl_slice_is(kind, "stringValue") || sl_slice_is(kind, "boolValue") ||
                     sl_slice_is(kind, "bytesValue"))
                sl_buf_slice(out, sl_json_whole(&v));
            else
                continue;
            return;
        }
    SL_BUF_LITERAL(out, "null");
}

bool sl_otlp_value(struct sl_otlp_names *x, const struct sl_value *any, struct sl_buf *out)
{
    begin(x, true);
    any_value(x, any, out);
    return !x->cut;
}

bool sl_otlp_attributes(struct sl_otlp_names *x, const struct sl_value *list, struct sl_buf *out)
{
    begin(x, false);
    pairs(x, list, out);
    return !x->cut;
}
