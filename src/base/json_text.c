/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_text.h"

void sl_json_text(struct sl_buf *to, const char *text)
{
    sl_buf_byte(to, '"');
    for (const unsigned char *c = (const unsigned char *)(text ? text : ""); *c; c++) {
        if (*c < ' ') {
            sl_buf_printf(to, "\\u%04x", *c);
            continue;
        }
        if (*c == '"' || *c == '\\')
            sl_buf_byte(to, '\\');
        sl_buf_byte(to, (char)*c);
    }
    sl_buf_byte(to, '"');
}
