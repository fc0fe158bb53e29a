/* SPDX-License-Identifier: Apache-2.0 */
#include "record/json.h"

/* How the two twins differ: `checked` is a constant in each, so the compiler makes two functions.
 */
#define INLINE static inline __attribute__((always_inline))

struct frame {
    const char *start; /* the opening bracket */
    uint32_t node;     /* of the container */
    uint32_t element;  /* arrays: index of the current element */
    bool array;
};

struct walk {
    struct sl_scan *s;
    const struct sl_node *nodes;
    const char *end;
    const char *error;
    unsigned depth;
    bool breaks;
    struct frame *frames;
};

static const char *fail(struct walk *w, const char *error)
{
    w->error = error;
    return NULL;
}

/* At the end of the value nothing is wrong but that it ends. */
static const char *fail_at(struct walk *w, const char *p, const char *error)
{
    return fail(w, p >= w->end ? "it ends too early" : error);
}

INLINE uint8_t peek(const struct walk *w, const char *p, bool checked)
{
    if (checked && p >= w->end)
        return 0;
    return (uint8_t)*p;
}

INLINE const char *spaces(struct walk *w, const char *p, bool checked)
{
    uint8_t c = peek(w, p, checked);

    while (__builtin_expect(c <= ' ', 0)) {
        if (c == '\n' || c == '\r')
            w->breaks = true;
        else if (c != ' ' && c != '\t')
            break;
        c = peek(w, ++p, checked);
    }
    return p;
}

/* ---- strings ---- */

static int hex4(const char *p)
{
    int v = 0;

    for (int i = 0; i < 4; i++) {
        int c = (uint8_t)p[i], d;

        if (c >= '0' && c <= '9')
            d = c - '0';
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            d = (c | 0x20) - 'a' + 10;
        else
            return -1;
        v = v << 4 | d;
    }
    return v;
}

/* p is at the backslash. Returns what follows the escape. */
static const char *escape(struct walk *w, const char *p)
{
    size_t left = (size_t)(w->end - p);
    int unit;

    if (left < 2)
        return fail(w, "a string without an end");
    if (p[1] != 'u')
        return memchr("\"\\/bfnrt", p[1], 8) ? p + 2 : fail(w, "an unknown escape in a string");
    unit = left < 6 ? -1 : hex4(p + 2);
    if (unit < 0)
        return fail(w, "\\u without four hexadecimal digits");
    if (unit < 0xd800 || unit > 0xdfff)
        return p + 6;
    if (unit > 0xdbff || left < 12 || p[6] != '\\' || p[7] != 'u')
        return fail(w, "half a surrogate pair in a string");
    unit = hex4(p + 8);
    if (unit < 0xdc00 || unit > 0xdfff)
        return fail(w, "half a surrogate pair in a string");
    return p + 12;
}

static const char *beyond_ascii(struct walk *w, const char *p)
{
    do {
        unsigned bad, n = sl_utf8_length(p, w->end, &bad);

        if (n == 0)
            return fail(w, "invalid UTF-8");
        p += n;
    } while (p < w->end && (uint8_t)*p >= 0x80);
    return p;
}

/* p follows the opening quote; returns the closing one. */
INLINE const char *string(struct walk *w, const char *p, bool *escaped, bool checked)
{
    *escaped = false;
    for (;;) {
        p = checked ? sl_json_plain_portable(p, w->end) : sl_json_plain(p, w->end);
        if (__builtin_expect(p == w->end, 0))
            return fail(w, "a string without an end");
        if (__builtin_expect(*p == '"', 1))
            return p;
        if (*p == '\\') {
            *escaped = true;
            p = escape(w, p);
        } else if ((uint8_t)*p >= 0x80) {
            p = beyond_ascii(w, p);
        } else {
            return fail(w, "a control character in a string");
        }
        if (!p)
            return NULL;
    }
}

/* ---- fields ---- */

/* Says that the field of a node is there; true when this spelling wins over those seen before. */
INLINE bool claim(struct walk *w, uint32_t node)
{
    const struct sl_node *at = &w->nodes[node];
    struct sl_mark *mark;

    if (at->id < 0)
        return false;
    mark = &w->s->marks[at->id];
    if (mark->stamp == w->s->stamp && mark->rank > at->rank)
        return false;
    if (mark->stamp != w->s->stamp)
        w->s->values[at->id].type = SL_VALUE_ABSENT;
    mark->stamp = w->s->stamp;
    mark->rank = at->rank;
    return true;
}

INLINE void set(struct walk *w, uint32_t node, const char *p, const char *end,
                enum sl_value_type type, bool escaped)
{
    if (node == SL_NODE_NOTHING || !claim(w, node))
        return;
    w->s->values[w->nodes[node].id] = (struct sl_value){
        .p = p, .n = (uint32_t)(end - p), .type = (uint8_t)type, .escaped = escaped};
}

static void look_below(struct walk *w, uint32_t node, const char *key, size_t n)
{
    const struct sl_watch *watches = w->s->fields->watches;

    for (uint32_t i = w->nodes[node].watch; i; i = watches[i].next)
        if (watches[i].n < n && key[watches[i].n] == '.' &&
            memcmp(watches[i].text, key, watches[i].n) == 0)
            w->s->marks[watches[i].id].below = w->s->stamp;
}

/* The node behind a key of the object at `node`. */
INLINE uint32_t enter(struct walk *w, uint32_t node, const char *key, size_t n)
{
    if (__builtin_expect((w->nodes[node].watch_firsts >> ((uint8_t)*key & 63) & 1) != 0, 0))
        look_below(w, node, key, n);
    return sl_fields_enter(w->s->fields, node, key, n);
}

static uint32_t enter_escaped(struct walk *w, uint32_t node, const char *key, size_t n)
{
    char plain[SL_JSON_KEY_ROOM];

    return enter(w, node, plain, sl_json_key(key, n, plain));
}

/* Key, colon and what is around them. Returns the first byte of the value. */
INLINE const char *member(struct walk *w, const char *p, uint32_t node, uint32_t *ret, bool checked)
{
    const char *key;
    bool escaped;
    uint32_t to;

    if (peek(w, p, checked) != '"')
        return fail_at(w, p, "a member without a name in quotes");
    key = p + 1;
    p = string(w, key, &escaped, checked);
    if (!p)
        return NULL;
    to = __builtin_expect(escaped, 0) ? enter_escaped(w, node, key, (size_t)(p - key))
                                      : enter(w, node, key, (size_t)(p - key));
    if (to != SL_NODE_NOTHING) {
        if (w->s->seen[to] == w->s->stamp)
            return fail(w, "a duplicate key");
        w->s->seen[to] = w->s->stamp;
    }
    *ret = to;
    p = spaces(w, p + 1, checked);
    if (peek(w, p, checked) != ':')
        return fail_at(w, p, "a member without a colon");
    return spaces(w, p + 1, checked);
}

/* ---- values ---- */

INLINE bool is_digit(uint8_t c)
{
    return (uint8_t)(c - '0') < 10;
}

INLINE const char *digits(const struct walk *w, const char *p, bool checked)
{
    while (is_digit(peek(w, p, checked)))
        p++;
    return p;
}

INLINE const char *number_end(const struct walk *w, const char *p, bool *integer, bool checked)
{
    *integer = true;
    p += peek(w, p, checked) == '-';
    if (!is_digit(peek(w, p, checked)))
        return NULL;
    p = *p == '0' ? p + 1 : digits(w, p, checked);
    if (peek(w, p, checked) == '.') {
        *integer = false;
        if (!is_digit(peek(w, ++p, checked)))
            return NULL;
        p = digits(w, p, checked);
    }
    if ((peek(w, p, checked) | 0x20) == 'e') {
        *integer = false;
        p++;
        p += peek(w, p, checked) == '+' || peek(w, p, checked) == '-';
        if (!is_digit(peek(w, p, checked)))
            return NULL;
        p = digits(w, p, checked);
    }
    return p;
}

const char *sl_json_number_end(const char *p, const char *end, bool *ret_integer)
{
    const struct walk w = {.end = end};

    return number_end(&w, p, ret_integer, true);
}

INLINE const char *number(struct walk *w, const char *p, uint32_t node, bool checked)
{
    bool integer;
    const char *end = number_end(w, p, &integer, checked);

    if (!end)
        return fail(w, "a malformed number");
    if (node != SL_NODE_NOTHING && w->nodes[node].id >= 0) {
        double d;
        int64_t i;
        bool is_int;
        /* Up to 18 digits always fit; only the rest is worth a conversion. */
        bool fits =
            (integer && end - p <= 18) || sl_json_number(p, (size_t)(end - p), &d, &is_int, &i);

        /* One that is too large leaves the field to a spelling of lower rank, but marks it as
         * there. */
        if (fits) {
            set(w, node, p, end, SL_VALUE_NUMBER, false);
        } else if (w->s->marks[w->nodes[node].id].stamp != w->s->stamp && claim(w, node)) {
            set(w, node, p, end, SL_VALUE_ABSENT, false);
            w->s->marks[w->nodes[node].id].rank = 0;
        }
    }
    return end;
}

static const char *literal(struct walk *w, const char *p, uint32_t node)
{
    static const struct {
        const char *text;
        size_t n;
        enum sl_value_type type;
    } all[] = {
        {"true", 4, SL_VALUE_TRUE}, {"false", 5, SL_VALUE_FALSE}, {"null", 4, SL_VALUE_NULL}};

    for (size_t i = 0; i < 3; i++) {
        if ((size_t)(w->end - p) < all[i].n || memcmp(p, all[i].text, all[i].n) != 0)
            continue;
        set(w, node, p, p + all[i].n, all[i].type, false);
        return p + all[i].n;
    }
    return fail_at(w, p, "something that is no JSON value");
}

INLINE const char *scalar(struct walk *w, const char *p, uint32_t node, bool checked)
{
    uint8_t c = peek(w, p, checked);

    if (c == '"') {
        bool escaped;
        const char *end = string(w, p + 1, &escaped, checked);

        if (!end)
            return NULL;
        set(w, node, p + 1, end, SL_VALUE_STRING, escaped);
        return end + 1;
    }
    if (is_digit(c) || c == '-')
        return number(w, p, node, checked);
    return literal(w, p, node);
}

/* ---- containers ---- */

static const char *push(struct walk *w, const char *p, uint32_t node)
{
    if (w->depth == SL_JSON_DEPTH_MAX)
        return fail(w, "more than 64 levels of nesting");
    w->frames[w->depth++] = (struct frame){.start = p, .node = node, .array = *p == '['};
    return p + 1;
}

/* p follows the closing bracket. */
INLINE void pop(struct walk *w, const char *p)
{
    const struct frame *f = &w->frames[--w->depth];

    set(w, f->node, f->start, p, f->array ? SL_VALUE_ARRAY : SL_VALUE_OBJECT, false);
}

/* After a value: closes what ends here and goes to the next value. *ret is its node. NULL also at
 * the end of the object as a whole: then depth is 0 and *ret_end is set. */
INLINE const char *onward(struct walk *w, const char *p, uint32_t *ret, const char **ret_end,
                          bool checked)
{
    for (;;) {
        struct frame *f = &w->frames[w->depth - 1];
        uint8_t c;

        p = spaces(w, p, checked);
        c = peek(w, p, checked);
        if (c == ',') {
            p = spaces(w, p + 1, checked);
            if (!f->array)
                return member(w, p, f->node, ret, checked);
            *ret = sl_fields_enter_element(w->s->fields, f->node, ++f->element);
            return p;
        }
        if (c != (f->array ? ']' : '}'))
            return fail_at(w, p,
                           f->array ? "an array without , or ] after a value"
                                    : "an object without , or } after a value");
        pop(w, ++p);
        if (w->depth == 0) {
            *ret_end = p;
            return NULL;
        }
        if (p == w->end) /* the last '}' belonged to something inside */
            return fail(w, "it ends too early");
    }
}

INLINE bool scan(struct sl_scan *s, struct sl_slice value, bool checked)
{
    struct frame frames[SL_JSON_DEPTH_MAX];
    struct walk w = {.s = s, .nodes = s->fields->nodes, .end = value.p + value.n, .frames = frames};
    const char *p = spaces(&w, value.p, true), *end = NULL, *start = p;
    uint32_t node = SL_NODE_ROOT;

    w.breaks = false; /* those before the object are not copied */
    s->empty = false;
    while (p) {
        uint8_t c = peek(&w, p, checked);

        if (c == '{' || c == '[') {
            p = push(&w, p, node);
            if (!p)
                break;
            p = spaces(&w, p, checked);
            if (peek(&w, p, checked) != (c == '{' ? '}' : ']')) {
                if (c == '{')
                    p = member(&w, p, node, &node, checked);
                else
                    node = sl_fields_enter_element(s->fields, node, 0);
                continue;
            }
            s->empty = w.depth == 1;
        } else {
            p = scalar(&w, p, node, checked);
            if (!p)
                break;
        }
        p = onward(&w, p, &node, &end, checked);
    }
    if (end && spaces(&w, end, true) != w.end)
        w.error = "something after the end of the object";
    s->error = w.error;
    s->body = sl_slice(start, end ? (size_t)(end - start) : 0);
    s->breaks = w.breaks;
    return !w.error;
}

bool sl_json_scan_portable(struct sl_scan *s, struct sl_slice value)
{
    return scan(s, value, true);
}

bool sl_json_scan(struct sl_scan *s, struct sl_slice value)
{
    size_t n = value.n;

    while (n > 0 && (value.p[n - 1] == ' ' || value.p[n - 1] == '\n' || value.p[n - 1] == '\r' ||
                     value.p[n - 1] == '\t'))
        n--;
    if (n == 0 || value.p[n - 1] != '}')
        return scan(s, value, true);
    return scan(s, sl_slice(value.p, n), false);
}
