/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_ENTAIL_H
#define SL_ROUTE_ENTAIL_H

#include "route/element.h"

/* What follows from what is known of a record.
 *
 * A fact says that some value of a field passes a bundle of tests, or that none does. An array may
 * hold a value for each fact of the first kind, so two of them never contradict each other: `a: 1`
 * and `a: 2` hold together for [1, 2]. Only the names that begin with @ have one value at most. A
 * fact of the second kind is about every value. Fields are taken to be independent of each other,
 * which allows more records than there are, and so errs on the safe side. */

struct sl_fact {
    struct sl_bundle bundle;
    uint32_t field;
    uint32_t pick; /* of its EQUAL test this operand only, + 1 */
    uint32_t node; /* that it comes from */
    bool holds;
    unsigned rule; /* that it was learned from; SL_RULE_NONE: it was given */
};

struct sl_facts {
    struct sl_logic logic;
    struct sl_fact *items; /* owned */
    size_t n, cap;
    bool impossible; /* no record is like this */
    bool *single;    /* owned; by field: it has one value at most */
    struct sl_part *parts;
    struct sl_bundle *none;
    size_t cap_parts, cap_none;
};

enum sl_known { SL_KNOWN_NO, SL_KNOWN_YES, SL_KNOWN_OPEN };

void sl_facts_init(struct sl_facts *f, const struct sl_rules *r, struct sl_fields *fields,
                   uint64_t steps);
void sl_facts_release(struct sl_facts *f);
void sl_facts_cut(struct sl_facts *f, size_t n); /* back to the first n, which were possible */
/* A node of kind TEST or GROUP holds or does not. */
void sl_facts_add(struct sl_facts *f, uint32_t node, bool holds, unsigned rule);
/* What the facts say of any node. */
enum sl_known sl_facts_judge(struct sl_facts *f, uint32_t node);
/* The node holds or does not: adds what that says of single bundles. What cannot be said without
 * an `or` is left out. Returns how many facts were added. */
size_t sl_facts_assume(struct sl_facts *f, uint32_t node, bool holds, unsigned rule);
/* The fact whose EQUAL test has the fewest operands, but more than one, of which none is picked;
 * -1: none has. */
int64_t sl_facts_choice(const struct sl_facts *f, uint32_t *ret_operands);
/* Of this fact this operand only (+ 1; 0: any). */
void sl_facts_pick(struct sl_facts *f, size_t fact, uint32_t operand);

#endif
