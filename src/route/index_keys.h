/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_INDEX_KEYS_H
#define SL_ROUTE_INDEX_KEYS_H

#include "route/operator.h"

/* From the value of one field to the tests that its whole text, its beginning, its end or its
 * number answers with yes.
 *
 * Whole texts and numbers are looked up by hash. A number equals another of the same value, however
 * it is spelled, so its hash is that of the nearest double and sl_number_compare() confirms. Of
 * beginnings there may be many of many lengths: they stand sorted, and each knows the longest other
 * key that it begins with. The greatest key that is not greater than the text, and what that begins
 * with, are then all that can be at the text's beginning: one binary search. Ends are beginnings of
 * what is written backwards. */

struct sl_index_keys;

typedef void sl_index_keys_hit(void *user, uint32_t tag);

struct sl_index_keys *sl_index_keys_new(void);
void sl_index_keys_free(struct sl_index_keys *k);
/* The operand is borrowed. fold: ASCII letters match without regard to case; the operand's own are
 * lower case. */
void sl_index_keys_add_equal(struct sl_index_keys *k, const struct sl_operand *operand, bool fold,
                             uint32_t tag);
void sl_index_keys_add_affix(struct sl_index_keys *k, struct sl_slice text, bool suffix, bool fold,
                             uint32_t tag);
void sl_index_keys_finish(struct sl_index_keys *k);
size_t
sl_index_keys_scratch(const struct sl_index_keys *k); /* bytes that sl_index_keys_find() needs */
void sl_index_keys_find(const struct sl_index_keys *k, struct sl_scalar *s, char *scratch,
                        sl_index_keys_hit *hit, void *user);

#endif
