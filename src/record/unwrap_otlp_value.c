/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "record/unwrap_private.h"

/* OTLP's values as plain JSON: {"intValue":"17"} is 17, a list of {"key","value"} is an object.
 *
 * Nothing keeps a sender from giving a key twice, and an object must not have one twice: the first
 * stands. The names of all objects of a list are in one table, told apart by a number that each
 * object has; so they are found at once, however many there are. What goes beyond the table, and
 * names that are longer than any path, are left out. Recursion is bounded: the scan took no more
 * than 64 levels of nesting. */

enum { PLACES = 2 * SL_ATTRIBUTES_MAX }; /* a power of two, never full */

struct name {
    struct sl_slice key; /* in the document */
    uint64_t hash;
    uint32_t list; /* the place holds something when it is this list's */
    uint32_t object;
    bool escaped;
};

struct sl_otlp_names {
    struct name places[PLACES];
    uint32_t list, objects, used;
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

static void begin(struct sl_otlp_names *x)
{
    if (++x->list == 0) {
        memset(x->places, 0, sizeof(x->places));
        x->list = 1;
    }
    x->objects = x->used = 0;
    x->cut = false;
}

/* ---- names ---- */

static struct sl_slice plain(struct sl_slice key, bool escaped, char room[SL_JSON_KEY_ROOM])
{
    return escaped ? sl_slice(room, sl_json_key(key.p, key.n, room)) : key;
}

/* False when the object has the name already, or it cannot be told. */
static bool is_new(struct sl_otlp_names *x, uint32_t object, const struct sl_value *key,
                   struct sl_slice text)
{
    uint64_t hash = sl_hash(text.p, text.n) ^ object * 0x9e3779b97f4a7c15u;
    size_t at = hash & (PLACES - 1);

    for (; x->places[at].list == x->list; at = (at + 1) & (PLACES - 1)) {
        const struct name *other = &x->places[at];
        char room[SL_JSON_KEY_ROOM];

        if (other->hash == hash && other->object == object &&
            sl_slice_equal(plain(other->key, other->escaped, room), text))
            return false;
    }
    if (x->used == SL_ATTRIBUTES_MAX)
        return false;
    x->used++;
    x->places[at] = (struct name){.key = sl_slice(key->p, key->n),
                                  .hash = hash,
                                  .list = x->list,
                                  .object = object,
                                  .escaped = key->escaped};
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
    text = plain(sl_slice(key->p, key->n), key->escaped, room);
    if (!is_new(x, object, key, text))
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
    begin(x);
    any_value(x, any, out);
    return !x->cut;
}

bool sl_otlp_attributes(struct sl_otlp_names *x, const struct sl_value *list, struct sl_buf *out)
{
    begin(x);
    pairs(x, list, out);
    return !x->cut;
}
