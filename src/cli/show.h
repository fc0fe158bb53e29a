/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_SHOW_H
#define SL_CLI_SHOW_H

#include <stdio.h>

#include "base/buf.h"
#include "sluice/record.h"

/* Values and texts of records, for people and for machines. */

/* At most `max` bytes of it, whole characters only; what was cut off is told: `abc... (1,204
 * bytes)`. What a terminal would obey is escaped as in JSON. */
void sl_show_text(struct sl_slice text, size_t max, struct sl_buf *out);
/* The same of a value: strings stand in quotes, `(missing)` where there is none. */
void sl_show_value(const struct sl_value *value, size_t max, struct sl_buf *out);
/* The value as JSON; null where there is none. */
void sl_show_json(const struct sl_value *value, struct sl_buf *out);
void sl_show_string(struct sl_slice text, struct sl_buf *out); /* as a JSON string, in quotes */
/* "1,204" */
void sl_show_count(uint64_t n, struct sl_buf *out);
/* Spaces until the characters since `begin` are `width`, and at least two. */
void sl_show_pad(struct sl_buf *out, size_t begin, size_t width);
size_t sl_show_width(struct sl_slice text); /* in characters */
/* Prints the lines so that none of them moves the cursor, and empties the buffer. */
void sl_show_print(struct sl_buf *text, FILE *to);
/* Prints bytes as they are, for machines, and empties the buffer. */
void sl_show_write(struct sl_buf *bytes, FILE *to);

#endif
