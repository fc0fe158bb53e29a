/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_FOLD_H
#define SL_BASE_FOLD_H

#include <stdint.h>

#include "base/slice.h"

/* Texts without regard to the case of ASCII letters: `case: insensitive` of a rule, names of
 * headers and methods. Folded means: A to Z have become a to z, every other byte is itself, so a
 * text keeps its length and its UTF-8. */

static inline char sl_fold_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Eight bytes at once. */
static inline uint64_t sl_fold_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, low = w & 0x7f * ones;
    const uint64_t from_a = low + (0x80 - 'A') * ones, past_z = low + (0x80 - 'Z' - 1) * ones;

    return w | ((from_a & ~past_z & ~w & 0x80 * ones) >> 2);
}

void sl_fold_copy(char *to, const char *from, size_t n); /* `to` may be `from` */
bool sl_fold_equal(struct sl_slice a, struct sl_slice b);
uint64_t sl_fold_hash(const void *p, size_t n); /* as sl_hash(); texts that fold alike are equal */

/* Does the text hold `want`, which is folded and has at most SL_FOLD_FIND_MAX bytes? The cost is
 * linear in the text whatever the two look like. */
enum { SL_FOLD_FIND_MAX = 1024 };
bool sl_fold_contains(struct sl_slice text, struct sl_slice want);

#endif
