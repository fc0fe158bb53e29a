/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_KEYS_H
#define SL_ROUTE_KEYS_H

#include "route/operator.h"

/* Texts among which values are looked up as `equal` compares them: the same text, or both numbers
 * of equal value. Behind `in_table` (a million rows) and any-of with many operands.
 *
 * All rows stand one after the other in one block of memory: the key, then the other cells, each
 * behind its length; a row is known by where it begins. Two tables of slots
 * (open addressing, at most half full) lead there: by the hash of the folded text, so that one
 * serves exact and insensitive look-ups alike, and by the number that some keys are. A slot has 32
 * bits, 10 of which are of the hash, so most slots that are passed over cost no look at the key.
 * A row of 20 bytes thus takes some 33 to 40 bytes in all.
 *
 * Of keys that compare alike the first that was added is found. */

enum { SL_KEYS_MAX = 4000000 };

struct sl_keys;
struct sl_keys *sl_keys_new(size_t expected); /* how many keys; a guess saves time only */
void sl_keys_free(struct sl_keys *k);
/* cells[0] is the key; n is the same for all rows. false: no room (SL_KEYS_MAX, or more bytes than
 * 31 bits count). */
bool sl_keys_add(struct sl_keys *k, const struct sl_slice *cells, size_t n);
size_t sl_keys_count(const struct sl_keys *k);
/* The row, counted from 0, or -1. */
int64_t sl_keys_find(const struct sl_keys *k, struct sl_scalar *s, bool fold);
struct sl_slice sl_keys_cell(const struct sl_keys *k, size_t row, size_t cell);
size_t sl_keys_memory(const struct sl_keys *k);
void sl_keys_shrink(struct sl_keys *k); /* all are added */

#endif
