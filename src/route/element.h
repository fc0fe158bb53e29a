/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_ELEMENT_H
#define SL_ROUTE_ELEMENT_H

#include "route/operator.h"
#include "route/rules.h"

/* Can one value pass these tests and none of those groups? The ground on which route/entail.h
 * reasons about records.
 *
 * The values that there are fall into a few kinds, of which it is enough to look at one each. A
 * value that equals one of a list is, for each entry, that very text, or another spelling of the
 * same number. A value that is compared with numbers is one of the numbers named, or lies between
 * two of them. On such a kind nearly every test has one answer; what it has not ("500.0" and a
 * regex) counts as open, and so does what only a solver for strings could know. "No" is therefore
 * proven, and "yes" is a guess: what is built on it may miss a finding and never invents one. */

/* One test, or one operand of it. */
struct sl_part {
    const struct sl_test *test;
    uint32_t pick; /* EQUAL: this operand only, + 1; 0: any of them */
};

/* Tests that one value has to pass together; nodes of kind TEST, of one field. */
struct sl_bundle {
    const struct sl_rule_node *tests;
    uint32_t n;
};

struct sl_logic {
    const struct sl_rules *rules;
    struct sl_effort effort; /* regex: a scratch of its own */
    uint64_t left;           /* steps; at 0 everything is possible */
};

/* Larger numbers are not compared alike by all: a 64-bit integer with an integer exactly, with any
 * other number by the nearest double. */
#define SL_PLAIN_NUMBER_MAX 9007199254740992.0
static inline bool sl_number_plain(const struct sl_number *n)
{
    return n->is && n->real < SL_PLAIN_NUMBER_MAX && n->real > -SL_PLAIN_NUMBER_MAX;
}

bool sl_element_possible(struct sl_logic *l, const struct sl_part *parts, size_t n_parts,
                         const struct sl_bundle *none, size_t n_none);

/* What a test on texts says where it is no more than this. */
enum sl_shape_kind {
    SL_SHAPE_NONE,
    SL_SHAPE_EXACT,
    SL_SHAPE_PREFIX,
    SL_SHAPE_SUFFIX,
    SL_SHAPE_PART
};
struct sl_shape {
    enum sl_shape_kind kind;
    struct sl_slice text;
    bool fold; /* letters without regard to case; text is folded */
};

/* The shape that is the whole of the test: the two hold for the same values. Of a regex without
 * special characters it is only known that the test holds where the shape does (`*ret_loose`). */
struct sl_shape sl_test_shape(const struct sl_test *t, bool *ret_loose);
/* What follows from the test: *at is 0 at first; NONE at the end. */
struct sl_shape sl_test_follows(const struct sl_test *t, unsigned *at);

#endif
