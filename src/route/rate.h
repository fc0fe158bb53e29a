/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_RATE_H
#define SL_ROUTE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `rate_limit`: token buckets, one a key.
 *
 * Counted in whole numbers: a record costs `per_ms` units, a millisecond gives back `records` of
 * them and a bucket holds `burst` times a record, so that nothing is lost to rounding however often
 * one looks. Keys are known by their hash. Their buckets are bounded: past the bound the one used
 * longest ago goes, and its key begins with a full bucket when it comes again. Memory grows with
 * the keys seen; in a steady state nothing is allocated. */

struct sl_rate {
    uint64_t records, per_ms, burst;
};

enum {
    SL_RATE_COUNT_MAX = 1000000000,
    SL_RATE_PER_MAX = 86400000, /* ms: all of it fits 64 bits */
    SL_RATE_BUCKETS_MAX = 65536,
};

struct sl_limiter;
struct sl_limiter *sl_limiter_new(const struct sl_rate *rate, size_t max_buckets);
void sl_limiter_free(struct sl_limiter *l);
/* Whether one more record of the key fits. */
bool sl_limiter_take(struct sl_limiter *l, uint64_t key, uint64_t now_ms);
/* What the last sl_limiter_take() that said yes took is given back; once. */
void sl_limiter_give_back(struct sl_limiter *l);
/* The same for any earlier one, of this key, once each; a key that has been forgotten since begins
 * anew anyhow. */
void sl_limiter_give_back_to(struct sl_limiter *l, uint64_t key);
size_t sl_limiter_buckets(const struct sl_limiter *l);

#endif
