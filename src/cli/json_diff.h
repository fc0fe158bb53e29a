/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_JSON_DIFF_H
#define SL_CLI_JSON_DIFF_H

#include "base/slice.h"
#include "sluice/record.h"

/* What differs between two valid JSON objects: member by member, with the path as rules write it,
 * in the order of the first, then what only the second has. The bytes count, so that `1` and `1.0`
 * differ; the order of members and the spaces between them do not. */

/* p == NULL: the object has no such member. */
typedef void (*sl_json_diff_fn)(void *user, struct sl_slice path, struct sl_slice before,
                                struct sl_slice after);
void sl_json_diff(struct sl_slice before, struct sl_slice after, sl_json_diff_fn tell, void *user);

/* The members of a valid JSON object, in their order: *at is 0 at first; false at the end. The name
 * comes without its quotes, escapes and all; the value as it stands. */
bool sl_json_member(struct sl_slice object, size_t *at, struct sl_slice *ret_name,
                    struct sl_slice *ret_value);

#endif
