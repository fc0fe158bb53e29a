/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/forms.h"

/* I0131 12:34:56.789012    1234 file.go:123] msg
 * I0131 12:34:56.789012    1234 file.go:123] "msg" key="value" pod="ns/name"
 *
 * and glog with a year: I20260131 12:34:56.789012 ... */

static enum sl_level level_of(char c)
{
    switch (c) {
    case 'I':
        return SL_LEVEL_INFO;
    case 'W':
        return SL_LEVEL_WARN;
    case 'E':
        return SL_LEVEL_ERROR;
    case 'F':
        return SL_LEVEL_FATAL;
    case 'D':
        return SL_LEVEL_DEBUG;
    default:
        return SL_LEVEL_NONE;
    }
}

static bool looks(struct sl_slice text)
{
    return text.n > 20 && level_of(text.p[0]) && sl_is_digit(text.p[1]) && sl_is_digit(text.p[2]) &&
           sl_is_digit(text.p[3]) && sl_is_digit(text.p[4]) &&
           (text.p[5] == ' ' || (sl_is_digit(text.p[5]) && text.p[9] == ' '));
}

/* "msg" and pairs behind it; false where it is not so. */
static bool structured(const struct sl_form_context *at, struct sl_slice text,
                       struct sl_parsed *ret)
{
    struct sl_members_mark mark = sl_members_mark(ret->members);
    const char *begin = text.p + 1, *end = text.p + text.n, *quote;
    size_t bare, n;

    if (text.n < 2 || text.p[0] != '"')
        return false;
    quote = sl_form_quote(begin, begin, end);
    if (!quote || (quote + 1 < end && quote[1] != ' '))
        return false;
    sl_form_unescaped(ret, SL_SLICE_LITERAL("msg"), sl_slice(begin, (size_t)(quote - begin)),
                      SL_ESCAPES_C);
    n = sl_form_pairs(at, sl_slice(quote + 1, (size_t)(end - quote - 1)), ret, &bare);
    if (n != SIZE_MAX && bare == 0)
        return true;
    sl_members_back(ret->members, mark);
    return false;
}

static bool parse(const struct sl_form_context *at, struct sl_slice text, struct sl_parsed *ret)
{
    struct sl_slice line = sl_form_line(text), pid, file, msg;
    struct sl_cursor c = sl_cursor(line);
    const char *colon;
    size_t used;

    if (!looks(line))
        return sl_form_not(ret, "does not begin with a letter of level and a date");
    ret->level = level_of(*c.p++);
    used = sl_form_time(at, sl_cursor_rest(&c), ret);
    c.p += used;
    if (used == 0 || sl_peek(&c, 0) != ' ')
        return sl_form_not(ret, "no time after the letter of level");
    sl_skip_blanks(&c);
    pid = sl_take_word(&c);
    sl_skip_blanks(&c);
    file = sl_take_until(&c, ']');
    colon = file.n ? memrchr(file.p, ':', file.n) : NULL;
    if (!sl_take(&c, ']') || !colon || memchr(file.p, ' ', file.n))
        return sl_form_not(ret, "no process and place such as file.go:12] after the time");
    sl_form_digits(ret, SL_SLICE_LITERAL("pid"), pid);
    SL_FORM_STRING(ret, "file", sl_slice(file.p, (size_t)(colon - file.p)));
    sl_form_digits(ret, SL_SLICE_LITERAL("line"),
                   sl_slice(colon + 1, (size_t)(file.p + file.n - colon - 1)));
    sl_take(&c, ' ');
    msg = sl_cursor_rest(&c);
    if (!structured(at, msg, ret))
        sl_form_message(ret, msg);
    return true;
}

const struct sl_text_form sl_form_klog = {"klog", looks, parse};
