/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_PARTS_H
#define SL_FLOW_PARTS_H

#include <stdbool.h>

#include "base/slice.h"

/* Parts of a JSON text as slices, byte for byte: what a cluster answers holds records, which must
 * not go through another's idea of numbers and nesting. Nothing is validated but what is needed to
 * stay inside the text; a record is, when it is decoded. */

/* False: it has no such member, or is no object. A string comes with its quotes. The name has no
 * escapes. */
bool sl_part_member(struct sl_slice object, const char *name, struct sl_slice *ret);
/* *at is 0 at first; false at the end. */
bool sl_part_element(struct sl_slice array, size_t *at, struct sl_slice *ret);
/* Without its quotes; p == NULL: it is no string. Escapes stay. */
struct sl_slice sl_part_string(struct sl_slice value);

#endif
