/* SPDX-License-Identifier: Apache-2.0 */
#include "record/forms.h"

#include "record/cursor.h"
#include "record/spellings.h"

/* In the order in which `auto` tries them: what can be told by a few bytes first, what takes nearly
 * anything last. */
static const struct sl_text_form *const forms[] = {
    &sl_form_nginx_error, &sl_form_klog,   &sl_form_combined, &sl_form_common,
    &sl_form_java,        &sl_form_python, &sl_form_syslog,   &sl_form_logfmt,
};

enum { FORMS = sizeof(forms) / sizeof(forms[0]) };

const struct sl_text_form *sl_form_by_name(struct sl_slice name)
{
    for (size_t i = 0; i < FORMS; i++)
        if (sl_slice_is(name, forms[i]->name))
            return forms[i];
    return NULL;
}

const struct sl_text_form *sl_forms_try(const struct sl_form_context *c, struct sl_slice text,
                                        struct sl_parsed *ret)
{
    struct sl_members *members = ret->members;
    struct sl_members_mark mark = sl_members_mark(members);

    for (size_t i = 0; i < FORMS; i++) {
        if (!forms[i]->looks(text))
            continue;
        *ret = (struct sl_parsed){.members = members};
        if (forms[i]->parse(c, text, ret))
            return forms[i];
        sl_members_back(members, mark);
    }
    *ret = (struct sl_parsed){.members = members};
    return NULL;
}

/* ---- for forms ---- */

struct sl_slice sl_form_line(struct sl_slice text)
{
    while (text.n &&
           (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r' || text.p[text.n - 1] == '\0'))
        text.n--;
    return text;
}

bool sl_form_digits(struct sl_parsed *ret, struct sl_slice name, struct sl_slice value)
{
    enum { DIGITS_MAX = 15 };
    bool plain = value.n > 0 && value.n <= DIGITS_MAX;

    for (size_t i = 0; plain && i < value.n; i++)
        plain = sl_is_digit(value.p[i]);
    if (plain)
        sl_members_number(ret->members, name, value);
    return plain;
}

bool sl_form_moment(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret)
{
    int64_t ns;
    size_t used;

    if (ret->has_time || !sl_time_spelled(text, c->zone, c->kafka_ns, &ns, &used) ||
        used != text.n || !sl_time_counts(ns, c->kafka_ns))
        return false;
    ret->time_ns = ns;
    ret->has_time = true;
    return true;
}

size_t sl_form_time(const struct sl_form_context *c, struct sl_slice text, struct sl_parsed *ret)
{
    size_t used = 0;
    int64_t ns;

    if (!sl_time_spelled(text, c->zone, c->kafka_ns, &ns, &used))
        return 0;
    if (sl_time_counts(ns, c->kafka_ns)) {
        ret->time_ns = ns;
        ret->has_time = true;
    }
    return used;
}

bool sl_form_looks_object(struct sl_slice text)
{
    struct sl_cursor c = sl_cursor(text);

    sl_skip_blanks(&c);
    while (c.end > c.p && (c.end[-1] == ' ' || c.end[-1] == '\n' || c.end[-1] == '\r'))
        c.end--;
    return c.end - c.p >= 2 && *c.p == '{' && c.end[-1] == '}';
}

void sl_form_message(struct sl_parsed *ret, struct sl_slice text)
{
    ret->inner = text;
    if (!sl_form_looks_object(text))
        SL_FORM_STRING(ret, "msg", text);
}

const char *sl_form_quote(const char *begin, const char *at, const char *end)
{
    while (at < end && (at = memchr(at, '"', (size_t)(end - at)))) {
        const char *slash = at;

        while (slash > begin && slash[-1] == '\\')
            slash--;
        if ((at - slash) % 2 == 0)
            return at;
        at++;
    }
    return NULL;
}

static bool is_method(struct sl_slice word)
{
    enum { METHOD_MAX = 32 };

    if (word.n == 0 || word.n > METHOD_MAX)
        return false;
    for (size_t i = 0; i < word.n; i++)
        if (!(word.p[i] >= 'A' && word.p[i] <= 'Z') && word.p[i] != '-' && word.p[i] != '_')
            return false;
    return word.n > 1 || word.p[0] != '-';
}

void sl_form_request(struct sl_parsed *ret, struct sl_slice request)
{
    struct sl_cursor c = sl_cursor(request);
    struct sl_slice method = sl_take_word(&c), protocol = {0}, target;
    const char *space, *mark;

    if (!is_method(method) || !sl_take(&c, ' ') || c.p == c.end || *c.p == ' ') {
        if (!sl_slice_is(request, "-"))
            sl_form_unescaped(ret, SL_SLICE_LITERAL("request"), request, SL_ESCAPES_C);
        return;
    }
    /* A target may hold spaces that the client did not escape. */
    space = memrchr(c.p, ' ', (size_t)(c.end - c.p));
    if (space && sl_slice_begins(sl_slice(space, (size_t)(c.end - space)), " HTTP/")) {
        protocol = sl_slice(space + 1, (size_t)(c.end - space - 1));
        c.end = space;
    }
    target = sl_cursor_rest(&c);
    mark = memchr(target.p, '?', target.n);
    SL_FORM_STRING(ret, "method", method);
    sl_form_unescaped(ret, SL_SLICE_LITERAL("path"),
                      sl_slice(target.p, mark ? (size_t)(mark - target.p) : target.n),
                      SL_ESCAPES_C);
    if (mark)
        sl_form_unescaped(ret, SL_SLICE_LITERAL("query"),
                          sl_slice(mark + 1, (size_t)(target.p + target.n - mark - 1)),
                          SL_ESCAPES_C);
    SL_FORM_STRING(ret, "protocol", protocol);
}

/* ---- escapes ---- */

static int hex(struct sl_slice s)
{
    int v = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i], low = (char)(c | 0x20);

        if (sl_is_digit(c))
            v = v * 16 + (c - '0');
        else if (low >= 'a' && low <= 'f')
            v = v * 16 + (low - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* \xhh is a byte; \uhhhh (and its pairs) a character, never longer than its escape. */
static size_t hex_escape(struct sl_cursor *c, char *to)
{
    bool unicode = sl_peek(c, 1) == 'u';
    size_t n = unicode ? 4 : 2;
    int v = c->end - c->p >= (ptrdiff_t)n + 2 ? hex(sl_slice(c->p + 2, n)) : -1, low;

    if (v < 0)
        return 0;
    if (unicode && v >= 0xd800 && v < 0xdc00 && sl_peek(c, 6) == '\\' && sl_peek(c, 7) == 'u' &&
        c->end - c->p >= 12 && (low = hex(sl_slice(c->p + 8, 4))) >= 0xdc00 && low < 0xe000) {
        v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
        n += 6;
    }
    c->p += n + 2;
    if (!unicode || v < 0x80) {
        to[0] = (char)v;
        return 1;
    }
    if (v < 0x800) {
        to[0] = (char)(0xc0 | v >> 6);
        to[1] = (char)(0x80 | (v & 63));
        return 2;
    }
    if (v < 0x10000) {
        to[0] = (char)(0xe0 | v >> 12);
        to[1] = (char)(0x80 | (v >> 6 & 63));
        to[2] = (char)(0x80 | (v & 63));
        return 3;
    }
    to[0] = (char)(0xf0 | v >> 18);
    to[1] = (char)(0x80 | (v >> 12 & 63));
    to[2] = (char)(0x80 | (v >> 6 & 63));
    to[3] = (char)(0x80 | (v & 63));
    return 4;
}

/* The escape at c; what is none is its own backslash. */
static size_t unescape(struct sl_cursor *c, enum sl_escapes how, char *to)
{
    static const char letters[] = "abfnrtv0\"'\\/e", bytes[] = "\a\b\f\n\r\t\v\0\"'\\/\x1b";
    char next = sl_peek(c, 1);
    const char *found;
    size_t n;

    if (how == SL_ESCAPES_C && (next == 'x' || next == 'u') && (n = hex_escape(c, to)) > 0)
        return n;
    if (how == SL_ESCAPES_C && next && (found = strchr(letters, next))) {
        *to = bytes[found - letters];
        c->p += 2;
        return 1;
    }
    if (how == SL_ESCAPES_SYSLOG && (next == '"' || next == '\\' || next == ']')) {
        *to = next;
        c->p += 2;
        return 1;
    }
    *to = *c->p++;
    return 1;
}

void sl_form_unescaped(struct sl_parsed *ret, struct sl_slice name, struct sl_slice value,
                       enum sl_escapes how)
{
    char plain[SL_UNESCAPED_MAX];
    struct sl_cursor c = sl_cursor(value);
    size_t n = 0;

    if (value.n > sizeof(plain) || value.n == 0 || !memchr(value.p, '\\', value.n)) {
        sl_form_string(ret, name, value);
        return;
    }
    while (c.p < c.end) {
        struct sl_slice run = sl_take_until(&c, '\\');

        memcpy(plain + n, run.p, run.n);
        n += run.n;
        if (c.p < c.end)
            n += unescape(&c, how, plain + n);
    }
    sl_form_string(ret, name, sl_slice(plain, n));
}
