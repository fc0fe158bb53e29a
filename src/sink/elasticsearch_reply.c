/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_reply.h"

#include "base/error.h"
#include "sluice/record.h"

enum { DEPTH_MAX = 64 };

/* A place in the bytes. The first fault wins and moves the place to the end, so that every later
 * step fails too. */
struct scan {
    const char *p, *end;
    const char *why; /* NULL: no fault */
};

static bool fault(struct scan *s, const char *why)
{
    if (!s->why)
        s->why = why;
    s->p = s->end;
    return false;
}

static void blank(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r'))
        s->p++;
}

/* The next byte that is not blank, 0 at the end. */
static char peek(struct scan *s)
{
    blank(s);
    return s->p < s->end ? *s->p : '\0';
}

static bool take(struct scan *s, char c)
{
    if (peek(s) != c || s->p == s->end)
        return fault(s, "it is not the JSON expected there");
    s->p++;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape(struct scan *s)
{
    s->p++;
    if (s->p == s->end)
        return fault(s, "it ends within a string");
    if (*s->p == 'u') {
        if (s->end - s->p < 5)
            return fault(s, "it ends within a string");
        for (int i = 1; i <= 4; i++)
            if (!is_hex(s->p[i]))
                return fault(s, "an escape is not valid");
        s->p += 5;
        return true;
    }
    if (!*s->p || !strchr("\"\\/bfnrt", *s->p))
        return fault(s, "an escape is not valid");
    s->p++;
    return true;
}

static bool string(struct scan *s, struct sl_slice *ret)
{
    const char *begin;

    if (!take(s, '"'))
        return false;
    begin = s->p;
    while (s->p < s->end && *s->p != '"') {
        if ((unsigned char)*s->p < 0x20)
            return fault(s, "a string holds a control character");
        if (*s->p != '\\')
            s->p++;
        else if (!escape(s))
            return false;
    }
    if (s->p == s->end)
        return fault(s, "it ends within a string");
    *ret = sl_slice(begin, (size_t)(s->p - begin));
    s->p++;
    return true;
}

static size_t digits(struct scan *s)
{
    const char *begin = s->p;

    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return (size_t)(s->p - begin);
}

static bool number(struct scan *s)
{
    const char *begin;

    if (s->p < s->end && *s->p == '-')
        s->p++;
    begin = s->p;
    if (digits(s) == 0 || (*begin == '0' && s->p - begin > 1))
        return fault(s, "a number is not valid");
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (digits(s) == 0)
            return fault(s, "a number is not valid");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (digits(s) == 0)
            return fault(s, "a number is not valid");
    }
    return true;
}

static bool word(struct scan *s, const char *text)
{
    size_t n = strlen(text);

    if ((size_t)(s->end - s->p) < n || memcmp(s->p, text, n) != 0)
        return fault(s, "a value is not valid");
    s->p += n;
    return true;
}

static bool scalar(struct scan *s)
{
    struct sl_slice ignored;

    switch (peek(s)) {
    case '"':
        return string(s, &ignored);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s);
    }
}

/* Goes to the value of the next member: 1; 0 behind the closing brace; -1 after a fault. *first is
 * true right behind the opening brace. */
static int member(struct scan *s, bool *first, struct sl_slice *key)
{
    if (peek(s) == '}') {
        s->p++;
        return 0;
    }
    if (!*first && !take(s, ','))
        return -1;
    *first = false;
    blank(s);
    return string(s, key) && take(s, ':') ? 1 : -1;
}

/* The same for the elements of an array. */
static int element(struct scan *s, bool *first)
{
    if (peek(s) == ']') {
        s->p++;
        return 0;
    }
    if (!*first && !take(s, ','))
        return -1;
    *first = false;
    return s->why ? -1 : 1;
}

/* Steps over one value of any shape, whole and valid. `objects`: bit i says that the i-th open
 * bracket from outside is a brace. */
static bool skip(struct scan *s)
{
    uint64_t objects = 0;
    unsigned depth = 0;
    bool first = true;
    struct sl_slice key;

    do {
        char c = peek(s);

        if (c == '{' || c == '[') {
            if (depth == DEPTH_MAX)
                return fault(s, "it is nested too deeply");
            objects = objects << 1 | (c == '{');
            depth++;
            s->p++;
            first = true;
        } else if (!scalar(s)) {
            return false;
        }
        /* Behind a value or an opening bracket: close what closes, then go to the next value. */
        while (depth > 0) {
            int next = objects & 1 ? member(s, &first, &key) : element(s, &first);

            if (next < 0)
                return false;
            if (next > 0)
                break;
            objects >>= 1;
            depth--;
            first = false;
        }
    } while (depth > 0);
    return true;
}

static bool text_or_skip(struct scan *s, struct sl_slice *ret)
{
    return peek(s) == '"' ? string(s, ret) : skip(s);
}

static bool error_value(struct scan *s, struct sl_es_reply_item *item)
{
    struct sl_slice key;
    bool first = true;
    int next;

    if (peek(s) != '{')
        return text_or_skip(s, &item->reason);
    s->p++;
    while ((next = member(s, &first, &key)) > 0) {
        bool ok = sl_slice_is(key, "type")     ? text_or_skip(s, &item->type)
                  : sl_slice_is(key, "reason") ? text_or_skip(s, &item->reason)
                                               : skip(s);

        if (!ok)
            return false;
    }
    return next == 0;
}

static bool status_value(struct scan *s, struct sl_es_reply_item *item)
{
    const char *begin;

    blank(s);
    begin = s->p;
    if (digits(s) != 3 || *begin < '1' || *begin > '5')
        return fault(s, "an item's status is not an HTTP status");
    if (s->p < s->end && !strchr(" \n\t\r,}", *s->p))
        return fault(s, "an item's status is not an HTTP status");
    if (item->status)
        return fault(s, "an item has two statuses");
    item->status = (uint16_t)((begin[0] - '0') * 100 + (begin[1] - '0') * 10 + (begin[2] - '0'));
    return true;
}

/* {"create": {"status": 201, ...}}. Nearly all items are these very bytes, for filter_path asks for
 * no more. */
static bool item_value(struct scan *s, struct sl_es_reply_item *item)
{
    static const struct sl_slice created = SL_SLICE_LITERAL("{\"create\":{\"status\":201}}");
    struct sl_slice key;
    bool first = true, outer = true;
    int next;

    *item = (struct sl_es_reply_item){0};
    if ((size_t)(s->end - s->p) >= created.n && memcmp(s->p, created.p, created.n) == 0) {
        s->p += created.n;
        item->status = 201;
        return true;
    }
    if (!take(s, '{') || member(s, &outer, &key) <= 0 || !take(s, '{'))
        return fault(s, "an item is not an object with one action");
    while ((next = member(s, &first, &key)) > 0) {
        bool ok = sl_slice_is(key, "status")  ? status_value(s, item)
                  : sl_slice_is(key, "error") ? error_value(s, item)
                                              : skip(s);

        if (!ok)
            return false;
    }
    if (next < 0)
        return false;
    if (!item->status)
        return fault(s, "an item has no status");
    if (member(s, &outer, &key) != 0)
        return fault(s, "an item has more than one action");
    return true;
}

static bool items_value(struct scan *s, size_t expected,
                        void (*fn)(void *, size_t, const struct sl_es_reply_item *), void *user,
                        struct sl_es_reply *ret)
{
    struct sl_es_reply_item item;
    bool first = true;
    int next;

    if (!take(s, '['))
        return false;
    while ((next = element(s, &first)) > 0) {
        if (!item_value(s, &item))
            return false;
        if (ret->items == expected)
            return fault(s, "it has more items than were sent");
        if (item.status == 200 || item.status == 201 || item.status == 409)
            ret->good++;
        if (fn)
            fn(user, ret->items, &item);
        ret->items++;
    }
    return next == 0;
}

static bool errors_value(struct scan *s, struct sl_es_reply *ret)
{
    ret->errors = peek(s) == 't';
    return ret->errors ? word(s, "true") : word(s, "false");
}

int sl_es_reply_read(struct sl_slice body, size_t expected,
                     void (*item)(void *user, size_t index, const struct sl_es_reply_item *item),
                     void *user, struct sl_es_reply *ret, const char **ret_why)
{
    struct scan s = {body.p, body.p + body.n, NULL};
    struct sl_slice key;
    bool first = true, items = false, ok = true;
    int next = 0;

    *ret = (struct sl_es_reply){0};
    if (take(&s, '{')) {
        while (ok && (next = member(&s, &first, &key)) > 0) {
            if (sl_slice_is(key, "items")) {
                ok = !items ? items_value(&s, expected, item, user, ret)
                            : fault(&s, "it has two lists of items");
                items = true;
            } else {
                ok = sl_slice_is(key, "errors") ? errors_value(&s, ret) : skip(&s);
            }
        }
        if (peek(&s) != '\0' || s.p < s.end)
            fault(&s, "something follows the end");
    }
    if (!s.why && ret->items < expected)
        fault(&s, "it has fewer items than were sent");
    *ret_why = s.why;
    return s.why ? SL_EINVAL : SL_OK;
}

/* ---- texts ---- */

static void append_text(struct sl_slice raw, size_t end, struct sl_buf *out)
{
    struct sl_value value = {raw.p, (uint32_t)raw.n, SL_VALUE_STRING,
                             memchr(raw.p, '\\', raw.n) != NULL};
    struct sl_buf scratch;
    struct sl_slice text;
    size_t room = end > out->n ? end - out->n : 0;

    sl_buf_init(&scratch, raw.n + 4);
    text = sl_value_text(&value, &scratch);
    if (text.n > room) {
        text.n = room;
        while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80)
            text.n--;
    }
    sl_buf_slice(out, text);
    sl_buf_release(&scratch);
}

void sl_es_reply_text(const struct sl_es_reply_item *item, size_t max, struct sl_buf *out)
{
    size_t end = out->n + max;

    if (item->type.n > 0)
        append_text(item->type, end, out);
    if (item->type.n > 0 && item->reason.n > 0) {
        if (out->n + 2 >= end)
            return;
        SL_BUF_LITERAL(out, ": ");
    }
    if (item->reason.n > 0)
        append_text(item->reason, end, out);
}

bool sl_es_reply_error(struct sl_slice body, size_t max, struct sl_buf *out)
{
    struct scan s = {body.p, body.p + body.n, NULL};
    struct sl_es_reply_item item = {0};
    struct sl_slice key;
    bool first = true, ok = true;

    if (!take(&s, '{'))
        return false;
    while (ok && member(&s, &first, &key) > 0)
        ok = sl_slice_is(key, "error") ? error_value(&s, &item) : skip(&s);
    if (s.why || (item.type.n == 0 && item.reason.n == 0))
        return false;
    sl_es_reply_text(&item, max, out);
    return true;
}
