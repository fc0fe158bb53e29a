/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/line_header.h"

size_t sl_trace_class(struct sl_slice line, bool dotted)
{
    size_t n = 0, parts = 0;

    while (n < line.n && (sl_is_letter(line.p[n]) || line.p[n] == '_')) {
        while (n < line.n && (sl_is_letter(line.p[n]) || sl_is_digit(line.p[n]) ||
                              line.p[n] == '_' || line.p[n] == '$'))
            n++;
        parts++;
        if (n + 1 >= line.n || line.p[n] != '.')
            break;
        n++;
    }
    if (parts < (dotted ? 2 : 1) || (n < line.n && line.p[n] != ':' && line.p[n] != '\n'))
        return 0;
    return n;
}

void sl_trace_add(const struct sl_trace *t, struct sl_parsed *ret)
{
    SL_FORM_STRING(ret, "exception_class", t->class);
    SL_FORM_STRING(ret, "exception_message", t->message);
    SL_FORM_STRING(ret, "stack_trace", t->text);
}
