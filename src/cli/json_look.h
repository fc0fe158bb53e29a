/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_JSON_LOOK_H
#define SL_CLI_JSON_LOOK_H

#include "sluice/record.h"

/* Looking into valid JSON that no decoder has read: what a sink would get. */

/* The value as a record's value: a string without its quotes. p == NULL: absent. */
struct sl_value sl_json_as_value(struct sl_slice json);
/* By a path as rules write it: literal dotted keys and nesting alike, the longest literal first;
 * array elements by number. p == NULL: there is none. */
struct sl_slice sl_json_find(struct sl_slice object, struct sl_slice path);
/* The same value: numbers by their value, strings by their characters, members in any order. */
bool sl_json_equal(struct sl_slice a, struct sl_slice b);

#endif
