/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rate.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { NOBODY = 0xffffffff, FIRST_CAP = 16 };

struct bucket {
    uint64_t key, level, filled_ms;
    uint32_t newer, older; /* by use */
    uint32_t next;         /* of those with the same head */
};

struct sl_limiter {
    struct sl_rate rate;
    uint64_t full;
    struct bucket *buckets;
    uint32_t *heads; /* by hash: a bucket, or NOBODY; as many as `cap`, a power of two */
    uint32_t n, cap, max;
    uint32_t newest, oldest;
    uint32_t taken; /* the bucket that can be given back to, or NOBODY */
};

struct sl_limiter *sl_limiter_new(const struct sl_rate *rate, size_t max_buckets)
{
    struct sl_limiter *l = sl_zalloc(sizeof(*l));

    l->rate = *rate;
    l->full = rate->burst * rate->per_ms;
    l->max = (uint32_t)max_buckets;
    l->newest = l->oldest = l->taken = NOBODY;
    return l;
}

void sl_limiter_free(struct sl_limiter *l)
{
    if (!l)
        return;
    free(l->buckets);
    free(l->heads);
    free(l);
}

size_t sl_limiter_buckets(const struct sl_limiter *l)
{
    return l->n;
}

static uint32_t *head(struct sl_limiter *l, uint64_t key)
{
    return &l->heads[key & (l->cap - 1)];
}

static void grow(struct sl_limiter *l)
{
    l->cap = l->cap ? 2 * l->cap : FIRST_CAP;
    l->buckets = sl_reallocarray(l->buckets, l->cap, sizeof(*l->buckets));
    l->heads = sl_reallocarray(l->heads, l->cap, sizeof(*l->heads));
    for (uint32_t i = 0; i < l->cap; i++)
        l->heads[i] = NOBODY;
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t *at = head(l, l->buckets[i].key);

        l->buckets[i].next = *at;
        *at = i;
    }
}

/* ---- by use ---- */

static void unlink_use(struct sl_limiter *l, uint32_t i)
{
    const struct bucket *b = &l->buckets[i];

    *(b->newer == NOBODY ? &l->newest : &l->buckets[b->newer].older) = b->older;
    *(b->older == NOBODY ? &l->oldest : &l->buckets[b->older].newer) = b->newer;
}

static void link_newest(struct sl_limiter *l, uint32_t i)
{
    struct bucket *b = &l->buckets[i];

    b->newer = NOBODY;
    b->older = l->newest;
    *(l->newest == NOBODY ? &l->oldest : &l->buckets[l->newest].newer) = i;
    l->newest = i;
}

/* ---- by key ---- */

/* A bucket that holds no key: a new one, or that of the key used longest ago. */
static uint32_t vacate(struct sl_limiter *l)
{
    uint32_t i = l->oldest, *at;

    if (l->n < l->max) {
        if (l->n == l->cap)
            grow(l);
        return l->n++;
    }
    unlink_use(l, i);
    for (at = head(l, l->buckets[i].key); *at != i; at = &l->buckets[*at].next)
        ;
    *at = l->buckets[i].next;
    return i;
}

static uint32_t find(struct sl_limiter *l, uint64_t key, uint64_t now_ms)
{
    uint32_t i = l->cap ? *head(l, key) : NOBODY, *at;

    while (i != NOBODY && l->buckets[i].key != key)
        i = l->buckets[i].next;
    if (i == NOBODY) {
        i = vacate(l);
        at = head(l, key);
        l->buckets[i] =
            (struct bucket){.key = key, .level = l->full, .filled_ms = now_ms, .next = *at};
        *at = i;
    } else if (i == l->newest) {
        return i;
    } else {
        unlink_use(l, i);
    }
    link_newest(l, i);
    return i;
}

bool sl_limiter_take(struct sl_limiter *l, uint64_t key, uint64_t now_ms)
{
    uint32_t i = find(l, key, now_ms);
    struct bucket *b = &l->buckets[i];
    uint64_t passed = now_ms > b->filled_ms ? now_ms - b->filled_ms : 0, room = l->full - b->level;

    /* The division first: a long pause would not fit 64 bits. */
    if (passed > room / l->rate.records)
        b->level = l->full;
    else
        b->level += passed * l->rate.records;
    b->filled_ms += passed;
    if (b->level < l->rate.per_ms)
        return false;
    b->level -= l->rate.per_ms;
    l->taken = i;
    return true;
}

void sl_limiter_give_back_to(struct sl_limiter *l, uint64_t key)
{
    uint32_t i = l->cap ? *head(l, key) : NOBODY;

    while (i != NOBODY && l->buckets[i].key != key)
        i = l->buckets[i].next;
    if (i == NOBODY)
        return;
    l->buckets[i].level += l->rate.per_ms;
    if (l->buckets[i].level > l->full)
        l->buckets[i].level = l->full;
    l->taken = NOBODY;
}

void sl_limiter_give_back(struct sl_limiter *l)
{
    if (l->taken == NOBODY)
        return;
    l->buckets[l->taken].level += l->rate.per_ms;
    l->taken = NOBODY;
}
