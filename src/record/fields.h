/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_FIELDS_H
#define SL_RECORD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sluice/record.h"

/* The registry of paths and what it compiles to.
 *
 * The path a.b.c may be spelled in a record as {"a.b.c"}, {"a.b":{"c"}}, {"a":{"b.c"}} or
 * {"a":{"b":{"c"}}}. Each spelling is a sequence of keys, so the table is a trie whose edges are
 * whole keys: entering the value of a key moves from node to node. Joining the keys of a node with
 * dots gives one path only, so a node stands for at most one field, with a rank that says how long
 * its literals are (one bit a dot, the first dot the highest, set where the dot lies inside a key):
 * the spelling of the highest rank wins, whatever the order in the record.
 *
 * A node is entered at most once a record, because entering it twice means that a key was given
 * twice on the way: that is the whole check for duplicates, one stamp a node.
 *
 * Most keys of a record are not in the table. Two masks a node (length, first byte) turn nearly all
 * of them away before a hash is made. Node 0 has empty masks: the scanner is in it wherever nothing
 * is looked for, and needs no branch for that. */

enum { SL_NODE_NOTHING = 0, SL_NODE_ROOT = 1 };

enum sl_special { /* what an @name is made from */
                  SL_FIELD_PATH,
                  SL_FIELD_TOPIC,
                  SL_FIELD_PARTITION,
                  SL_FIELD_OFFSET,
                  SL_FIELD_KEY,
                  SL_FIELD_TIMESTAMP,
                  SL_FIELD_KIND,
                  SL_FIELD_LEVEL,
                  SL_FIELD_RAW,
                  SL_FIELD_PARSE_ERROR,
                  SL_FIELD_HEADER,
};

struct sl_field {
    char *name;
    uint32_t n;
    uint8_t special; /* enum sl_special */
    bool member;     /* a member that is literally so named, "@timestamp": no @name */
    bool watched;    /* longer paths that begin with this one are noted too */
};

struct sl_watch {
    const char *text; /* what is left of the watched path at this node */
    uint32_t n;
    uint32_t id;
    uint32_t next; /* further watches of the node; 0: none */
};

struct sl_node {
    uint64_t lengths;      /* bit min(n, 63): a key of that length leads on */
    uint64_t firsts;       /* bit (first byte & 63) */
    uint64_t watch_firsts; /* likewise, for watches */
    int32_t id;            /* the field, or -1 */
    uint32_t indexes;      /* elements of an array that may be fields: those below this */
    uint32_t watch;        /* first watch, 0: none */
    uint8_t rank;
};

struct sl_edge {
    uint32_t from, to; /* to == 0: a free place */
    uint32_t hash;
    uint32_t n;
    const char *key;
};

struct sl_fields {
    struct sl_field *items;
    size_t n, cap;
    uint32_t *index; /* by hash of the name: id + 1, or 0 */
    size_t index_cap;
    struct sl_node *nodes;
    size_t n_nodes, cap_nodes;
    struct sl_edge *edges;
    size_t n_edges, cap_edges; /* cap is a power of two */
    struct sl_watch *watches;
    size_t n_watches, cap_watches;
    bool compiled;
    uint32_t version; /* counts compilations */
};

/* Whether one path is the other, or leads to it: then a record could not hold both. */
bool sl_fields_collide(struct sl_slice a, struct sl_slice b);
/* Whether sl_fields_add() would take the path. */
int sl_fields_check(struct sl_slice path, struct sl_error *err);
/* A member of the object by its very name, with no path and no @name in it. */
unsigned sl_fields_add_member(struct sl_fields *f, const char *name);
/* From the next compilation on, keys that lead below this path are noted (struct sl_mark.below). */
void sl_fields_watch(struct sl_fields *f, unsigned id);
/* The first watched path that a key of an object at the node leads below, or -1. */
int64_t sl_fields_below(const struct sl_fields *f, uint32_t node, const char *key, size_t n);

static inline uint64_t sl_key_bits(const char *key, size_t n)
{
    uint64_t a, b;
    uint32_t c, d;

    if (n >= 8) {
        memcpy(&a, key, 8);
        memcpy(&b, key + n - 8, 8);
        return a ^ (b << 23 | b >> 41);
    }
    if (n >= 4) {
        memcpy(&c, key, 4);
        memcpy(&d, key + n - 4, 4);
        return c | (uint64_t)d << 32;
    }
    if (n == 0)
        return 0;
    return (uint64_t)(uint8_t)key[0] | (uint64_t)(uint8_t)key[n / 2] << 8 |
           (uint64_t)(uint8_t)key[n - 1] << 16;
}

static inline uint32_t sl_key_hash(uint32_t from, const char *key, size_t n)
{
    uint64_t h = sl_key_bits(key, n) ^ (((uint64_t)from << 16) + n) * 0x9e3779b97f4a7c15u;

    h *= 0xd6e8feb86659fd93u;
    return (uint32_t)(h >> 32);
}

/* Keys are short: two loads that may overlap do for nearly all of them. */
static inline bool sl_key_equal(const char *a, const char *b, size_t n)
{
    uint64_t c[4];

    if (n > 16 || n < 4)
        return memcmp(a, b, n) == 0;
    if (n < 8)
        return sl_key_bits(a, n) == sl_key_bits(b, n); /* there nothing is mixed */
    memcpy(&c[0], a, 8);
    memcpy(&c[1], b, 8);
    memcpy(&c[2], a + n - 8, 8);
    memcpy(&c[3], b + n - 8, 8);
    return c[0] == c[1] && c[2] == c[3];
}

/* The node behind a key, or SL_NODE_NOTHING. */
static inline uint32_t sl_fields_follow(const struct sl_fields *f, uint32_t from, const char *key,
                                        size_t n)
{
    uint32_t hash = sl_key_hash(from, key, n);
    size_t at = hash & (f->cap_edges - 1);

    for (; f->edges[at].to; at = (at + 1) & (f->cap_edges - 1)) {
        const struct sl_edge *e = &f->edges[at];

        if (e->hash == hash && e->from == from && e->n == n && sl_key_equal(e->key, key, n))
            return e->to;
    }
    return SL_NODE_NOTHING;
}

/* The same for any key of an object: most keys are turned away without a hash. */
static inline uint32_t sl_fields_enter(const struct sl_fields *f, uint32_t node, const char *key,
                                       size_t n)
{
    const struct sl_node *at = &f->nodes[node];

    if (!(at->lengths >> (n < 63 ? n : 63) & 1) || !(at->firsts >> ((uint8_t)*key & 63) & 1))
        return SL_NODE_NOTHING;
    return sl_fields_follow(f, node, key, n);
}

/* The same for an element of an array. */
static inline uint32_t sl_fields_enter_element(const struct sl_fields *f, uint32_t node,
                                               uint32_t element)
{
    char digits[12];
    size_t n = sizeof(digits);

    if (element >= f->nodes[node].indexes)
        return SL_NODE_NOTHING;
    do
        digits[--n] = (char)('0' + element % 10);
    while (element /= 10);
    return sl_fields_follow(f, node, digits + n, sizeof(digits) - n);
}

#endif
