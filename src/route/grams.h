/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_GRAMS_H
#define SL_ROUTE_GRAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* Which of many literals are in a text, found in one pass whatever their number.
 *
 * Of each literal four neighbouring bytes are chosen, the rarest in logs, and their case bit is set
 * (`| 0x20`), which unites the two cases of a letter and a few other bytes. The pass takes every
 * four bytes of the text, likewise folded, and asks a bitmap that is nearly empty; where the answer
 * is yes, a table says which literals have these bytes, and each is compared whole. Where all
 * literals have five bytes or more, two grams side by side of each are known, and only every second
 * place of the text is looked at: one of the two is there. From seven bytes on it is four and every
 * fourth while the literals are few; of many, some of the four are in every text. Literals of three
 * bytes go the same way in a table of their own, of three bytes. The cost is that of reading the
 * text, linear in its length, and of what is nearly there. A literal that many rules have is
 * compared once and mostly said once, however often the text has it. */

struct sl_grams;

/* The literal is in the text. It may be said more than once. */
typedef void sl_grams_hit(void *user, uint32_t tag);

struct sl_grams *sl_grams_new(void);
void sl_grams_free(struct sl_grams *g);
/* At least SL_GRAMS_MIN bytes, which are copied. fold: ASCII letters match without regard to case;
 * the literal's own are lower case. */
enum { SL_GRAMS_MIN = 3 };
void sl_grams_add(struct sl_grams *g, struct sl_slice literal, bool fold, uint32_t tag);
void sl_grams_finish(struct sl_grams *g); /* after the last sl_grams_add() */
void sl_grams_find(const struct sl_grams *g, struct sl_slice text, sl_grams_hit *hit, void *user);

#endif
