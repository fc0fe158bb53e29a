/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_FINDER_H
#define SL_ROUTE_FINDER_H

#include "route/entail.h"

/* Which earlier rules could have a say in what some facts leave open.
 *
 * To compare each of ten thousand rules with all before it is too much. A rule takes every record
 * of the facts only if each of its required tests follows from them; so each rule stands under one
 * of its tests, the one that fewest share, and the facts ask for the tests that can follow from
 * them: for a value, under that value; for a text, under its beginnings, ends and parts. Rules
 * stand under their other values as well: together with others they may take what none takes
 * alone. */

struct sl_finder;

/* Knows no rule at first. */
struct sl_finder *sl_finder_new(const struct sl_rules *r);
void sl_finder_free(struct sl_finder *d);
void sl_finder_add(struct sl_finder *d, unsigned rule);
/* Rules added that may follow from the facts, or, `also`, complete others; in their order. Valid
 * until the next call. The look-up costs steps of the facts' logic. */
const unsigned *sl_finder_ask(struct sl_finder *d, struct sl_facts *f, bool also, size_t *ret_n);

#endif
