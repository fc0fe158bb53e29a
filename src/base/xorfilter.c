/* SPDX-License-Identifier: Apache-2.0 */
#include "base/xorfilter.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

enum { TRIES = 256 }; /* each succeeds nearly always */

struct places {
    uint32_t at[3];
    uint8_t fingerprint;
};

static uint32_t block_of(uint32_t n)
{
    return (uint32_t)((32 + (uint64_t)n * 123 / 100) / 3);
}

/* The finaliser of MurmurHash3: hashes that a seed put into a knot lie apart with the next. */
static uint64_t mix(uint64_t hash, uint8_t seed)
{
    hash += seed * 0x9e3779b97f4a7c15u;
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdu;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 33;
}

static uint32_t within(uint64_t bits, uint32_t block)
{
    return (uint32_t)((bits & UINT32_MAX) * block >> 32);
}

static struct places places_of(uint64_t mixed, uint32_t block)
{
    return (struct places){.at = {within(mixed, block),
                                  block + within(mixed << 21 | mixed >> 43, block),
                                  2 * block + within(mixed << 42 | mixed >> 22, block)},
                           .fingerprint = (uint8_t)(mixed ^ mixed >> 32)};
}

/* ---- building ---- */

/* A place that only one hash has decides that hash; taking such hashes away one after the other
 * leaves none, unless the table is in a knot. Then the bytes are set in the opposite order. */
struct cell {
    uint64_t all; /* the mixed hashes that have this place, xored */
    uint32_t count;
};

struct peeled {
    uint64_t mixed;
    uint32_t at; /* the place that it had alone */
};

static uint32_t peel(struct cell *cells, uint32_t block, struct peeled *order)
{
    /* Each place comes into the list once at most: its count falls to 1 only once. Whether it does
     * no processor can foresee, so the next one is written always, and counted then. */
    uint32_t *alone = sl_reallocarray(NULL, 3 * (size_t)block + 1, sizeof(*alone));
    uint32_t n_alone = 0, n = 0;

    for (uint32_t i = 0; i < 3 * block; i++) {
        alone[n_alone] = i;
        n_alone += cells[i].count == 1;
    }
    while (n_alone > 0) {
        uint32_t at = alone[--n_alone];
        struct places p;
        uint64_t mixed;

        if (cells[at].count != 1)
            continue;
        mixed = cells[at].all;
        order[n++] = (struct peeled){mixed, at};
        p = places_of(mixed, block);
        for (int i = 0; i < 3; i++) {
            cells[p.at[i]].all ^= mixed;
            alone[n_alone] = p.at[i];
            n_alone += --cells[p.at[i]].count == 1;
        }
    }
    free(alone);
    return n;
}

static bool try_seed(const uint64_t *hashes, uint32_t n, uint8_t seed, struct cell *cells,
                     struct peeled *order, uint8_t *table)
{
    uint32_t block = block_of(n);

    memset(cells, 0, 3 * (size_t)block * sizeof(*cells));
    for (uint32_t i = 0; i < n; i++) {
        uint64_t mixed = mix(hashes[i], seed);
        struct places p = places_of(mixed, block);

        for (int k = 0; k < 3; k++) {
            cells[p.at[k]].all ^= mixed;
            cells[p.at[k]].count++;
        }
    }
    if (peel(cells, block, order) != n)
        return false;
    memset(table, 0, 3 * (size_t)block);
    for (uint32_t i = n; i-- > 0;) {
        struct places p = places_of(order[i].mixed, block);

        table[order[i].at] =
            (uint8_t)(p.fingerprint ^ table[p.at[0]] ^ table[p.at[1]] ^ table[p.at[2]]);
    }
    return true;
}

/* Moves the different ones to the front. The table's slots hold hashes as they are, for they are
 * random already; 0 marks a free one, and so the hash 0 is kept aside. */
static uint32_t distinct(uint64_t *hashes, size_t n)
{
    size_t slots = 16;
    uint32_t kept = 0;
    bool zero = false;
    uint64_t *set;

    while (slots < 2 * n)
        slots *= 2;
    set = sl_calloc(slots, sizeof(*set));
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = hashes[i];
        size_t at = hash & (slots - 1);

        if (hash == 0 && zero)
            continue;
        while (set[at] && set[at] != hash)
            at = (at + 1) & (slots - 1);
        if (hash != 0 && set[at] == hash)
            continue;
        zero = zero || hash == 0;
        if (hash)
            set[at] = hash;
        hashes[kept++] = hash;
    }
    free(set);
    return kept;
}

int sl_xorfilter_build(uint64_t *hashes, size_t n, struct sl_buf *out)
{
    struct cell *cells;
    struct peeled *order;
    uint32_t count, block;
    size_t size;
    uint8_t *to;
    bool made = false;

    if (n > SL_XORFILTER_MAX)
        return SL_EFULL;
    count = distinct(hashes, n);
    block = block_of(count);
    size = SL_XORFILTER_HEADER + 3 * (size_t)block;
    to = (uint8_t *)sl_buf_reserve(out, size);
    if (!to)
        return SL_EFULL;
    cells = sl_reallocarray(NULL, 3 * (size_t)block, sizeof(*cells));
    order = sl_reallocarray(NULL, count + 1, sizeof(*order));
    for (unsigned seed = 0; !made && seed < TRIES; seed++) {
        made = try_seed(hashes, count, (uint8_t)seed, cells, order, to + SL_XORFILTER_HEADER);
        to[4] = (uint8_t)seed;
    }
    free(cells);
    free(order);
    if (!made)
        return SL_EFULL;
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(count >> 8 * i);
    out->n += size;
    return SL_OK;
}

/* ---- reading ---- */

bool sl_xorfilter_parse(struct sl_slice bytes, struct sl_xorfilter *ret)
{
    const uint8_t *p = (const uint8_t *)bytes.p;

    if (bytes.n < SL_XORFILTER_HEADER)
        return false;
    ret->n = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    ret->block = block_of(ret->n);
    ret->seed = p[4];
    ret->table = p + SL_XORFILTER_HEADER;
    return ret->n <= SL_XORFILTER_MAX && bytes.n - SL_XORFILTER_HEADER == 3 * (size_t)ret->block;
}

bool sl_xorfilter_may_have(const struct sl_xorfilter *f, uint64_t hash)
{
    struct places p = places_of(mix(hash, f->seed), f->block);

    return f->n > 0 && p.fingerprint == (f->table[p.at[0]] ^ f->table[p.at[1]] ^ f->table[p.at[2]]);
}
