/* SPDX-License-Identifier: Apache-2.0 */
#include "record/cursor.h"
#include "record/forms.h"
#include "record/json.h"
#include "record/levels.h"

/* time=2026-01-31T12:34:56Z level=info msg="a \"quoted\" text" status=200
 *
 * Values are texts, as they are with other programs that read logfmt: one that is a number in this
 * line (an id of digits alone) is none in the next, and a field of a search index has one type. */

enum { KEY_MAX = 128 };

static bool key_char(char c)
{
    return (unsigned char)c > ' ' && c != '=' && c != '"' && c != 0x7f;
}

static struct sl_slice take_key(struct sl_cursor *c)
{
    const char *begin = c->p;

    while (c->p < c->end && key_char(*c->p))
        c->p++;
    return sl_slice(begin, (size_t)(c->p - begin));
}

static bool is_one_of(struct sl_slice key, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sl_slice_is(key, words[i]))
            return true;
    return false;
}

/* What the record itself is called stays its own: `message` is the whole line, and names that begin
 * with @ are made. */
static void pair(const struct sl_form_context *c, struct sl_parsed *ret, struct sl_slice key,
                 struct sl_slice value, bool escaped)
{
    static const char *const times[] = {"time", "ts", "timestamp", "@timestamp", "t"};
    static const char *const levels[] = {"level", "lvl", "severity", "log.level", "loglevel"};

    if (is_one_of(key, times, sizeof(times) / sizeof(times[0])) && sl_form_moment(c, value, ret))
        return;
    if (!ret->level && is_one_of(key, levels, sizeof(levels) / sizeof(levels[0])))
        ret->level = sl_level_of_field(value);
    if (sl_slice_is(key, "message"))
        key = SL_SLICE_LITERAL("msg");
    if (key.p[0] == '@' || sl_slice_is(key, "message_base64") || !sl_utf8_valid(key))
        return;
    if (escaped)
        sl_form_unescaped(ret, key, value, SL_ESCAPES_C);
    else
        sl_form_string(ret, key, value);
}

/* key="value": the quote that ends it, which a blank or the end follows. */
static bool take_quoted(struct sl_cursor *c, struct sl_slice *ret)
{
    const char *begin = c->p, *quote = begin;

    while ((quote = sl_form_quote(begin, quote, c->end)))
        if (quote + 1 == c->end || (unsigned char)quote[1] <= ' ')
            break;
        else
            quote++;
    if (!quote)
        return false;
    *ret = sl_slice(begin, (size_t)(quote - begin));
    c->p = quote + 1;
    return true;
}

size_t sl_form_pairs(const struct sl_form_context *context, struct sl_slice text,
                     struct sl_parsed *ret, size_t *ret_bare)
{
    struct sl_cursor c = sl_cursor(text);
    size_t n = 0;

    *ret_bare = 0;
    for (;;) {
        struct sl_slice key, value;
        bool quoted;

        while (c.p < c.end && (unsigned char)*c.p <= ' ')
            c.p++;
        if (c.p == c.end)
            return n;
        key = take_key(&c);
        if (key.n == 0 || key.n > KEY_MAX || !sl_take(&c, '=')) {
            while (c.p < c.end && (unsigned char)*c.p > ' ')
                c.p++;
            ++*ret_bare;
            continue;
        }
        quoted = sl_take(&c, '"');
        if (quoted) {
            if (!take_quoted(&c, &value))
                return SIZE_MAX;
        } else {
            const char *begin = c.p;

            while (c.p < c.end && (unsigned char)*c.p > ' ')
                c.p++;
            value = sl_slice(begin, (size_t)(c.p - begin));
        }
        pair(context, ret, key, value, quoted);
        n++;
    }
}

/* A word, and = behind it. One pair on the first of several lines is a journal's export, or
 * properties. */
static bool looks(struct sl_slice text)
{
    struct sl_cursor c = sl_cursor(text);
    struct sl_slice key;

    if (c.end - c.p > KEY_MAX)
        c.end = c.p + KEY_MAX;
    if (!sl_is_letter(sl_peek(&c, 0)) && sl_peek(&c, 0) != '@' && sl_peek(&c, 0) != '_')
        return false;
    key = take_key(&c);
    for (size_t i = 0; i < key.n; i++)
        if (!sl_is_letter(key.p[i]) && !sl_is_digit(key.p[i]) && !memchr("._-@/", key.p[i], 5))
            return false;
    if (!sl_take(&c, '='))
        return false;
    c.end = text.p + text.n;
    if (sl_peek(&c, 0) == '"')
        return true;
    while (c.p < c.end && (unsigned char)*c.p > ' ')
        c.p++;
    return c.end - c.p <= 2 || (*c.p != '\n' && *c.p != '\r');
}

static bool parse(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret)
{
    size_t bare, n = sl_form_pairs(c, text, ret, &bare);

    if (n == SIZE_MAX)
        return sl_form_not(ret, "a quote that does not end");
    if (n == 0)
        return sl_form_not(ret, "no key=value");
    return bare <= n || sl_form_not(ret, "more bare words than key=value");
}

const struct sl_text_form sl_form_logfmt = {"logfmt", looks, parse};
