/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_XORFILTER_H
#define SL_BASE_XORFILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* A set of 64-bit hashes that answers "surely not in it" or "probably": xor8 of Graf and Lemire,
 * "Xor Filters: Faster and Smaller Than Bloom and Cuckoo Filters" (ACM JEA 25, 2020). One in 256 of
 * those that are not in it passes, for 9.8 bits a member; a Bloom filter of that rate takes 11.5.
 *
 * A member's three places lie one in each third of a table of bytes, and the bytes there, xored,
 * are its fingerprint. As bytes (all numbers little-endian):
 *
 *     u32  n      members
 *     u8   seed   which of the tables that could have been tried
 *     u8   [3 b]  the table; b = (32 + 123 n / 100) / 3
 *
 * A filter is read where it lies; nothing is built for that. */

enum { SL_XORFILTER_HEADER = 5, SL_XORFILTER_MAX = 1 << 24 }; /* most members */

/* Appends the filter of these hashes, which may hold duplicates and are overwritten. SL_OK;
 * SL_EFULL: `out`, or more than SL_XORFILTER_MAX hashes. */
int sl_xorfilter_build(uint64_t *hashes, size_t n, struct sl_buf *out);

struct sl_xorfilter {
    const uint8_t *table;
    uint32_t n, block;
    uint8_t seed;
};

/* False: these bytes are no filter, or not all of one. Borrows them. */
bool sl_xorfilter_parse(struct sl_slice bytes, struct sl_xorfilter *ret);
bool sl_xorfilter_may_have(const struct sl_xorfilter *f, uint64_t hash);

#endif
