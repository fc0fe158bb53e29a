/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/line_header.h"

/* 2026-01-31 12:34:56,789 - shop.cart - ERROR - could not add
 * Traceback (most recent call last):
 *   File "cart.py", line 12, in add
 * KeyError: 'sku' */

static const char traceback[] = "Traceback (most recent call last):";

static bool looks(struct sl_slice text)
{
    return sl_line_looks(text);
}

/* A traceback at the begin of a line, the first; *ret_last the last of a chain. */
static const char *find(struct sl_slice text, const char **ret_last)
{
    const char *first = NULL, *p = text.p, *end = text.p + text.n;

    while (p < end && (p = memmem(p, (size_t)(end - p), traceback, sizeof(traceback) - 1))) {
        if (p == text.p || p[-1] == '\n') {
            *ret_last = p;
            first = first ? first : p;
        }
        p += sizeof(traceback) - 1;
    }
    return first;
}

/* The line behind the indented ones is the exception; its message may have further lines. */
static void exception(const char *last, const char *end, struct sl_trace *t)
{
    const char *line = last;
    size_t n;

    do {
        line = memchr(line, '\n', (size_t)(end - line));
        line = line ? line + 1 : end;
    } while (line < end && (*line == ' ' || *line == '\t'));
    n = sl_trace_class(sl_slice(line, (size_t)(end - line)), false);
    t->class = sl_slice(line, n);
    if (n && line + n < end && line[n] == ':') {
        const char *begin = line + n + 1;

        begin += begin < end && *begin == ' ';
        t->message = sl_slice(begin, (size_t)(end - begin));
    }
}

static void trace(struct sl_slice text, struct sl_trace *ret)
{
    const char *last = NULL, *first = find(text, &last), *end = text.p + text.n;

    *ret = (struct sl_trace){.before = text.n};
    if (!first)
        return;
    ret->before = (size_t)(first - text.p);
    ret->text = sl_slice(first, (size_t)(end - first));
    exception(last, end, ret);
}

static bool parse(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret)
{
    struct sl_slice line = sl_form_line(text);
    struct sl_line_header h;
    struct sl_trace t;
    bool header = sl_line_header(c, line, true, &h);

    trace(line, &t);
    if (!header && (!t.text.n || t.before > 0))
        return sl_form_not(ret, "no level with a time or in one of the usual layouts");
    if (header)
        sl_line_header_add(c, &h, ret);
    else
        h.used = 0;
    sl_trace_add(&t, ret);
    if (h.used < t.before)
        sl_form_message(ret, sl_form_line(sl_slice(line.p + h.used, t.before - h.used)));
    return true;
}

const struct sl_text_form sl_form_python = {"python", looks, parse};
