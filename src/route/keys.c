/* SPDX-License-Identifier: Apache-2.0 */
#include "route/keys.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "base/hash.h"

enum {
    ROW_BITS = 22, /* of a slot: the row + 1; the others are of the hash */
    TAG_SHIFT = 64 - (32 - ROW_BITS),
    BYTES_MAX = 0x7fffffff,
    SLOTS_MIN = 16,
};
_Static_assert(SL_KEYS_MAX < (1 << ROW_BITS), "a row fits a slot");

struct slots {
    uint32_t *v;
    size_t cap; /* a power of two */
    size_t n;
};

struct sl_keys {
    struct sl_buf bytes; /* of each row: its cells, each behind its length */
    uint32_t *begins;    /* by row */
    size_t n, cap;
    struct slots texts, numbers;
};

/* ---- rows ---- */

static void write_length(struct sl_buf *out, size_t n)
{
    for (; n >= 0x80; n >>= 7)
        sl_buf_byte(out, (char)(n | 0x80));
    sl_buf_byte(out, (char)n);
}

static size_t read_length(const char **p)
{
    size_t n = 0;
    unsigned shift = 0;

    for (; *(const unsigned char *)*p & 0x80; shift += 7)
        n |= (size_t)(*(const unsigned char *)(*p)++ & 0x7f) << shift;
    return n | (size_t) * (const unsigned char *)(*p)++ << shift;
}

struct sl_slice sl_keys_cell(const struct sl_keys *k, size_t row, size_t cell)
{
    const char *p = k->bytes.p + k->begins[row];
    size_t n = read_length(&p);

    for (; cell > 0; cell--) {
        p += n;
        n = read_length(&p);
    }
    return sl_slice(p, n);
}

/* ---- slots ---- */

static uint64_t hash_number(const struct sl_number *number)
{
    double real = number->real == 0 ? 0 : number->real; /* -0 equals 0 */

    return sl_hash(&real, sizeof(real));
}

static void put_slot(struct slots *s, uint64_t hash, size_t row)
{
    size_t at = (size_t)hash & (s->cap - 1);

    while (s->v[at])
        at = (at + 1) & (s->cap - 1);
    s->v[at] = (uint32_t)(hash >> TAG_SHIFT) << ROW_BITS | (uint32_t)(row + 1);
    s->n++;
}

static void make_slots(struct slots *s, size_t expected)
{
    for (s->cap = SLOTS_MIN; s->cap < 2 * expected; s->cap *= 2)
        ;
    s->v = sl_calloc(s->cap, sizeof(*s->v));
    s->n = 0;
}

static bool row_hash(const struct sl_keys *k, const struct slots *s, size_t row, uint64_t *ret)
{
    struct sl_slice key = sl_keys_cell(k, row, 0);
    struct sl_number number;

    if (s == &k->texts) {
        *ret = sl_fold_hash(key.p, key.n);
        return true;
    }
    number = sl_number_of(key);
    *ret = number.is ? hash_number(&number) : 0;
    return number.is;
}

/* In the order of the rows, so that the first of those that compare alike is met first. */
static void grow_slots(struct sl_keys *k, struct slots *s)
{
    uint64_t hash;

    free(s->v);
    make_slots(s, s->cap);
    for (size_t row = 0; row < k->n; row++)
        if (row_hash(k, s, row, &hash))
            put_slot(s, hash, row);
}

static void add_slot(struct sl_keys *k, struct slots *s, size_t row)
{
    uint64_t hash;

    if (!row_hash(k, s, row, &hash))
        return;
    if (!s->v)
        make_slots(s, s == &k->numbers ? k->cap / 2 : 0);
    if (2 * (s->n + 1) > s->cap)
        grow_slots(k, s); /* the new row among them */
    else
        put_slot(s, hash, row);
}

/* ---- the keys ---- */

struct sl_keys *sl_keys_new(size_t expected)
{
    struct sl_keys *k = sl_zalloc(sizeof(*k));

    k->cap = expected < SLOTS_MIN ? SLOTS_MIN : expected > SL_KEYS_MAX ? SL_KEYS_MAX : expected;
    k->begins = sl_calloc(k->cap, sizeof(*k->begins));
    sl_buf_init(&k->bytes, BYTES_MAX);
    make_slots(&k->texts, k->cap);
    return k;
}

void sl_keys_free(struct sl_keys *k)
{
    if (!k)
        return;
    sl_buf_release(&k->bytes);
    free(k->begins);
    free(k->texts.v);
    free(k->numbers.v);
    free(k);
}

bool sl_keys_add(struct sl_keys *k, const struct sl_slice *cells, size_t n)
{
    size_t begin = k->bytes.n;

    if (k->n == SL_KEYS_MAX)
        return false;
    for (size_t i = 0; i < n; i++) {
        write_length(&k->bytes, cells[i].n);
        sl_buf_slice(&k->bytes, cells[i]);
    }
    if (k->bytes.full) {
        sl_buf_truncate(&k->bytes, begin);
        return false;
    }
    if (k->n == k->cap) {
        k->cap *= 2;
        k->begins = sl_reallocarray(k->begins, k->cap, sizeof(*k->begins));
    }
    k->begins[k->n++] = (uint32_t)begin;
    add_slot(k, &k->texts, k->n - 1);
    add_slot(k, &k->numbers, k->n - 1);
    return true;
}

size_t sl_keys_count(const struct sl_keys *k)
{
    return k->n;
}

static bool same_text(struct sl_slice key, struct sl_slice text, bool fold)
{
    return fold ? sl_fold_equal(key, text) : sl_slice_equal(key, text);
}

static int64_t find_text(const struct sl_keys *k, struct sl_slice text, bool fold)
{
    const struct slots *s = &k->texts;
    uint64_t hash = sl_fold_hash(text.p, text.n);
    uint32_t tag = (uint32_t)(hash >> TAG_SHIFT);

    for (size_t at = (size_t)hash & (s->cap - 1); s->v[at]; at = (at + 1) & (s->cap - 1)) {
        size_t row = (s->v[at] & ((1u << ROW_BITS) - 1)) - 1;

        if (s->v[at] >> ROW_BITS == tag && same_text(sl_keys_cell(k, row, 0), text, fold))
            return (int64_t)row;
    }
    return -1;
}

static int64_t find_number(const struct sl_keys *k, const struct sl_number *number)
{
    const struct slots *s = &k->numbers;
    uint64_t hash = hash_number(number);
    uint32_t tag = (uint32_t)(hash >> TAG_SHIFT);

    for (size_t at = (size_t)hash & (s->cap - 1); s->v[at]; at = (at + 1) & (s->cap - 1)) {
        size_t row = (s->v[at] & ((1u << ROW_BITS) - 1)) - 1;
        struct sl_number other;

        if (s->v[at] >> ROW_BITS != tag)
            continue;
        other = sl_number_of(sl_keys_cell(k, row, 0));
        if (sl_number_compare(&other, number) == 0)
            return (int64_t)row;
    }
    return -1;
}

int64_t sl_keys_find(const struct sl_keys *k, struct sl_scalar *s, bool fold)
{
    int64_t row = find_text(k, s->text, fold);

    if (row < 0 && k->numbers.n && sl_scalar_number(s)->is)
        row = find_number(k, &s->number);
    return row;
}

size_t sl_keys_memory(const struct sl_keys *k)
{
    return sizeof(*k) + k->bytes.cap + k->cap * sizeof(*k->begins) +
           (k->texts.cap + k->numbers.cap) * sizeof(uint32_t);
}

void sl_keys_shrink(struct sl_keys *k)
{
    sl_buf_shrink(&k->bytes);
    k->cap = k->n ? k->n : 1;
    k->begins = sl_reallocarray(k->begins, k->cap, sizeof(*k->begins));
}
