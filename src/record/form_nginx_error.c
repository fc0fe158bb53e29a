/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/forms.h"
#include "record/levels.h"

/* 2026/01/31 12:34:56 [error] 1234#5678: *90 open() "/x" failed (2: No such file or directory),
 * client: 192.0.2.1, server: example.com, request: "GET /x HTTP/1.1", host: "example.com" */

static bool looks(struct sl_slice text)
{
    return text.n > 22 && text.p[4] == '/' && text.p[7] == '/' && text.p[10] == ' ' &&
           text.p[19] == ' ' && text.p[20] == '[';
}

/* Where what follows the message begins: the first `, client: ` outside quotes, for a message
 * quotes what the client asked for; nginx does not escape, so else the first at all. */
static const char *context_begin(struct sl_slice msg)
{
    static const char mark[] = ", client: ";
    const char *p = msg.p, *end = msg.p + msg.n;
    bool in_quotes = false;

    for (; end - p >= (ptrdiff_t)sizeof(mark) - 1; p++) {
        if (*p == '"')
            in_quotes = !in_quotes;
        else if (*p == ',' && !in_quotes && memcmp(p, mark, sizeof(mark) - 1) == 0)
            return p;
    }
    p = msg.n ? memmem(msg.p, msg.n, mark, sizeof(mark) - 1) : NULL;
    return p ? p : end;
}

static void one(struct sl_parsed *ret, struct sl_slice key, struct sl_slice value)
{
    static const struct {
        struct sl_slice key, name;
    } known[] = {
#define SAME(text)                                                                                 \
    {                                                                                              \
        {text, sizeof(text) - 1},                                                                  \
        {                                                                                          \
            text, sizeof(text) - 1                                                                 \
        }                                                                                          \
    }
        SAME("client"),
        SAME("server"),
        SAME("subrequest"),
        SAME("upstream"),
        SAME("host"),
        SAME("login"),
        {{"referrer", sizeof("referrer") - 1}, {"referer", sizeof("referer") - 1}},
#undef SAME
    };

    if (sl_slice_is(key, "request")) {
        sl_form_request(ret, value);
        return;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (sl_slice_equal(known[i].key, key))
            sl_form_string(ret, known[i].name, value);
}

/* The end of a value: of a quoted one the quote before `, ` or the end. */
static struct sl_slice take_value(struct sl_cursor *c)
{
    const char *begin, *p;
    struct sl_slice value;

    if (!sl_take(c, '"')) {
        begin = c->p;
        for (p = begin; p < c->end && !(*p == ',' && c->end - p > 1 && p[1] == ' '); p++)
            ;
        c->p = p;
        return sl_slice(begin, (size_t)(p - begin));
    }
    begin = c->p;
    for (p = begin; (p = memchr(p, '"', (size_t)(c->end - p))); p++)
        if (c->end - p == 1 || (c->end - p > 2 && p[1] == ',' && p[2] == ' '))
            break;
    value = sl_slice(begin, (size_t)((p ? p : c->end) - begin));
    c->p = p ? p + 1 : c->end;
    return value;
}

static void context(struct sl_parsed *ret, struct sl_cursor c)
{
    while (sl_take_text(&c, ", ")) {
        struct sl_slice key = sl_take_until(&c, ':');

        if (!sl_take_text(&c, ": "))
            return;
        one(ret, key, take_value(&c));
    }
}

static struct sl_slice digits(struct sl_cursor *c)
{
    const char *begin = c->p;

    while (c->p < c->end && sl_is_digit(*c->p))
        c->p++;
    return sl_slice(begin, (size_t)(c->p - begin));
}

static bool parse(const struct sl_form_context *at, struct sl_slice text, struct sl_parsed *ret)
{
    struct sl_slice line = sl_form_line(text), level, pid, tid, msg;
    struct sl_cursor c = sl_cursor(line), number;
    size_t used;

    if (!looks(line) || (used = sl_form_time(at, line, ret)) == 0)
        return sl_form_not(ret, "no time such as 2026/01/31 12:34:56 and level in brackets");
    c.p += used;
    if (!sl_take_text(&c, " ["))
        return sl_form_not(ret, "no level in brackets after the time");
    level = sl_take_until(&c, ']');
    ret->level = sl_level_of_word(level);
    if (!ret->level || !sl_take_text(&c, "] "))
        return sl_form_not(ret, "no known level in brackets after the time");
    pid = digits(&c);
    if (!sl_take(&c, '#'))
        return sl_form_not(ret, "no process and thread after the level");
    tid = digits(&c);
    if (!pid.n || !tid.n || !sl_take_text(&c, ": "))
        return sl_form_not(ret, "no process and thread after the level");
    SL_FORM_STRING(ret, "level", level);
    sl_form_digits(ret, SL_SLICE_LITERAL("pid"), pid);
    sl_form_digits(ret, SL_SLICE_LITERAL("tid"), tid);
    number = c;
    if (sl_take(&number, '*') && sl_is_digit(sl_peek(&number, 0))) {
        struct sl_slice connection = digits(&number);

        if (sl_take(&number, ' ')) {
            sl_form_digits(ret, SL_SLICE_LITERAL("connection"), connection);
            c = number;
        }
    }
    msg = sl_cursor_rest(&c);
    c.p = context_begin(msg);
    msg.n = (size_t)(c.p - msg.p);
    context(ret, c);
    sl_form_message(ret, msg);
    return true;
}

const struct sl_text_form sl_form_nginx_error = {"nginx-error", looks, parse};
