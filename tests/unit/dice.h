/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DICE_H
#define TESTS_DICE_H

#include <stdint.h>

/* Random tests: the same throws for the same seed (xorshift, Marsaglia 2003). */
static uint64_t dice = 1; /* the seed; never 0 */

static inline unsigned below(unsigned n)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return (unsigned)((dice >> 11) % n);
}

#define PICK(array) ((array)[below(sizeof(array) / sizeof(*(array)))])

#endif
