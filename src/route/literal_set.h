/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_LITERAL_SET_H
#define SL_ROUTE_LITERAL_SET_H

#include "route/literal.h"

/* Small sets of short strings: what a part of a pattern can match. */

void sl_literals_empty(struct sl_literals *s); /* the empty string alone */
void sl_literals_copy(struct sl_literals *to, const struct sl_literals *from);
void sl_literals_fold(struct sl_literals *s);
bool sl_literals_add(struct sl_literals *s, const char *p, size_t n); /* false: no room */
bool sl_literals_union(struct sl_literals *to, const struct sl_literals *from);
/* Each string of the one followed by each of the other. False, and nothing changed, when these are
 * too many or too long. */
bool sl_literals_append(struct sl_literals *to, const struct sl_literals *more);
/* How much a set rules out: long strings, and few of them. 0: nothing. */
unsigned sl_literals_worth(const struct sl_literals *s);

#endif
