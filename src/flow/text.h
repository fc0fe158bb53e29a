/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_TEXT_H
#define SL_FLOW_TEXT_H

#include "base/buf.h"

/* Texts of records on a terminal. They are hostile: control characters (C0, C1), line ends, marks
 * that turn or hide text (bidi, zero width, tags) and bytes that are no UTF-8 become visible; what
 * the terminal cannot show (utf8 false) becomes `?`. */

/* Columns that are written: at most max; what is cut ends with an ellipsis. */
size_t sl_flow_cell(struct sl_slice text, size_t max, bool utf8, struct sl_buf *to);
/* And spaces until there are max. */
void sl_flow_padded(struct sl_slice text, size_t max, bool utf8, struct sl_buf *to);
size_t sl_flow_columns(struct sl_slice text, bool utf8);
/* The part of the text that fits a line of max columns, at a space where there is one. */
struct sl_slice sl_flow_line(struct sl_slice *rest, size_t max, bool utf8);
/* As part of a page: as above, and what HTML would take for its own is escaped. */
void sl_flow_html_text(struct sl_slice text, struct sl_buf *to);

/* "0 ms", "3.2 ms", "412 ms", "1.24 s", "2m 3s", "1h 12m" */
enum { SL_FLOW_SPAN_TEXT = 40 };
const char *sl_flow_span_text(int64_t ns, bool utf8, char ret[SL_FLOW_SPAN_TEXT]);

#endif
