/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/forms.h"

/* [vhost[:port] ]client ident user [time] "request" status bytes["referer" "agent"["forwarded"]]...
 *
 * Apache and nginx escape quotes in what clients send (\" or \x22), others do not. So a quote ends
 * a request only where a status follows, and a referer only where another quoted text does. */

enum { HEAD_MAX = 512 }; /* for `auto`: how far a time is looked for */

/* The '[' of the time: a blank before it and a digit behind. */
static const char *time_bracket(struct sl_slice text)
{
    const char *p = text.p, *end = text.p + text.n;

    for (; text.n && (p = memchr(p, '[', (size_t)(end - p))); p++)
        if (p > text.p && p[-1] == ' ' && end - p > 1 && sl_is_digit(p[1]))
            return p;
    return NULL;
}

static bool looks(struct sl_slice text)
{
    const char *bracket;

    if (text.n == 0 || text.p[0] == '{' || text.p[0] == '<')
        return false;
    bracket = time_bracket(sl_slice(text.p, text.n < HEAD_MAX ? text.n : HEAD_MAX));
    return bracket && text.p + text.n - bracket > 24 && (bracket[3] == '/' || bracket[5] == '-');
}

static bool is_dash(struct sl_slice s)
{
    return s.n == 1 && s.p[0] == '-';
}

static void text_member(struct sl_parsed *ret, struct sl_slice name, struct sl_slice value)
{
    if (!is_dash(value))
        sl_form_unescaped(ret, name, value, SL_ESCAPES_C);
}

static void vhost(struct sl_parsed *ret, struct sl_slice word)
{
    const char *colon = memrchr(word.p, ':', word.n);
    struct sl_slice port = {0};

    if (colon && colon > word.p && colon[-1] != ':') {
        port = sl_slice(colon + 1, (size_t)(word.p + word.n - colon - 1));
        for (size_t i = 0; i < port.n; i++)
            if (!sl_is_digit(port.p[i]))
                port.n = 0;
    }
    if (port.n)
        word.n -= port.n + 1;
    SL_FORM_STRING(ret, "vhost", word);
    sl_form_digits(ret, SL_SLICE_LITERAL("port"), port);
}

/* What stands before the time. The second word, ident, is a dash but in museums: that tells whether
 * a vhost stands before the client. Users may have blanks in their names. */
static bool who(struct sl_parsed *ret, struct sl_slice head)
{
    struct sl_cursor c = sl_cursor(head), second;
    struct sl_slice first = sl_take_word(&c), ident;

    if (first.n == 0 || !sl_take(&c, ' '))
        return false;
    second = c;
    ident = sl_take_word(&c);
    if (!is_dash(ident) && sl_take(&c, ' ')) {
        struct sl_slice third = sl_take_word(&c);

        if (is_dash(third) && sl_peek(&c, 0) == ' ') {
            vhost(ret, first);
            first = ident;
            ident = third;
        } else {
            c = second;
            sl_take_word(&c);
        }
    }
    SL_FORM_STRING(ret, "client", first);
    text_member(ret, SL_SLICE_LITERAL("ident"), ident);
    if (sl_take(&c, ' '))
        text_member(ret, SL_SLICE_LITERAL("user"), sl_cursor_rest(&c));
    return true;
}

/* Three digits or a dash, as a status has, and the end or a blank. */
static bool status_at(const char *p, const char *end)
{
    const char *begin = p;

    if (p < end && *p == '-') {
        p++;
    } else {
        while (p < end && p - begin < 3 && sl_is_digit(*p))
            p++;
        if (p - begin < 3)
            return false;
    }
    return p == end || *p == ' ';
}

static bool request(struct sl_parsed *ret, struct sl_cursor *c)
{
    const char *begin, *quote;

    if (!sl_take(c, '"'))
        return sl_form_not(ret, "no quoted request after the time");
    begin = c->p;
    for (quote = begin; (quote = sl_form_quote(begin, quote, c->end)); quote++)
        if (c->end - quote > 2 && quote[1] == ' ' && status_at(quote + 2, c->end))
            break;
    if (!quote)
        return sl_form_not(ret, "no quote and status after the request");
    sl_form_request(ret, sl_slice(begin, (size_t)(quote - begin)));
    c->p = quote + 2;
    return true;
}

static bool number_or_dash(struct sl_parsed *ret, struct sl_slice name, struct sl_slice word)
{
    if (is_dash(word))
        return true;
    for (size_t i = 0; i < word.n; i++)
        if (!sl_is_digit(word.p[i]))
            return false;
    sl_form_digits(ret, name, word);
    return word.n > 0;
}

/* "text" with a blank or the end behind it, or a quote where `another` must follow. */
static bool quoted(struct sl_parsed *ret, struct sl_cursor *c, struct sl_slice name, bool another)
{
    const char *begin, *quote, *slash;

    if (!sl_take(c, '"'))
        return false;
    begin = c->p;
    for (quote = begin; (quote = sl_form_quote(begin, quote, c->end)); quote++) {
        slash = quote + 1;
        if ((slash == c->end && !another) ||
            (slash < c->end && *slash == ' ' &&
             (!another || (c->end - slash > 1 && slash[1] == '"'))))
            break;
    }
    if (!quote)
        return false;
    text_member(ret, name, sl_slice(begin, (size_t)(quote - begin)));
    c->p = quote + 1;
    sl_take(c, ' ');
    return true;
}

static bool parse(const struct sl_form_context *context, struct sl_slice text,
                  struct sl_parsed *ret, bool combined)
{
    struct sl_slice line = sl_form_line(text), time;
    const char *bracket = time_bracket(line);
    struct sl_cursor c;

    if (!bracket)
        return sl_form_not(ret, "no time in brackets");
    c = (struct sl_cursor){bracket + 1, line.p + line.n};
    time = sl_take_until(&c, ']');
    if (sl_form_time(context, time, ret) != time.n)
        return sl_form_not(ret, "what is in brackets is no time");
    if (!who(ret, sl_slice(line.p, (size_t)(bracket - line.p) - 1)))
        return sl_form_not(ret, "no client before the time");
    if (!sl_take(&c, ']') || !sl_take(&c, ' '))
        return sl_form_not(ret, "nothing behind the time");
    if (!request(ret, &c))
        return false;
    if (!number_or_dash(ret, SL_SLICE_LITERAL("status"), sl_take_word(&c)) || !sl_take(&c, ' ') ||
        !number_or_dash(ret, SL_SLICE_LITERAL("bytes"), sl_take_word(&c)))
        return sl_form_not(ret, "no number of bytes after the status");
    sl_take(&c, ' ');
    if (combined) {
        if (!quoted(ret, &c, SL_SLICE_LITERAL("referer"), true) ||
            !quoted(ret, &c, SL_SLICE_LITERAL("user_agent"), false))
            return sl_form_not(ret, "no quoted referer and user agent");
        quoted(ret, &c, SL_SLICE_LITERAL("forwarded_for"), false);
    }
    SL_FORM_STRING(ret, "rest", sl_cursor_rest(&c));
    return true;
}

static bool parse_common(const struct sl_form_context *c, struct sl_slice text,
                         struct sl_parsed *ret)
{
    return parse(c, text, ret, false);
}

static bool parse_combined(const struct sl_form_context *c, struct sl_slice text,
                           struct sl_parsed *ret)
{
    return parse(c, text, ret, true);
}

const struct sl_text_form sl_form_common = {"common", looks, parse_common};
const struct sl_text_form sl_form_combined = {"combined", looks, parse_combined};
