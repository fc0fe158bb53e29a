/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "record/json.h"

/* ---- text ---- */

bool sl_utf8_valid(struct sl_slice text)
{
    const char *p = text.p, *end = text.n ? text.p + text.n : p; /* p may be NULL */

    while (p < end) {
        unsigned bad, n;

        for (; end - p >= 8; p += 8) {
            uint64_t word;

            memcpy(&word, p, 8);
            if (word & 0x8080808080808080u)
                break;
        }
        if (p == end)
            break;
        n = sl_utf8_length(p, end, &bad);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

static unsigned unit_at(const char *p)
{
    unsigned v = 0;

    for (int i = 0; i < 4; i++) {
        unsigned c = (uint8_t)p[i];

        v = v << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return v;
}

static unsigned utf8_encode(unsigned code, char ret[4])
{
    if (code < 0x80) {
        ret[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        ret[0] = (char)(0xc0 | code >> 6);
        ret[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    if (code < 0x10000) {
        ret[0] = (char)(0xe0 | code >> 12);
        ret[1] = (char)(0x80 | (code >> 6 & 63));
        ret[2] = (char)(0x80 | (code & 63));
        return 3;
    }
    ret[0] = (char)(0xf0 | code >> 18);
    ret[1] = (char)(0x80 | (code >> 12 & 63));
    ret[2] = (char)(0x80 | (code >> 6 & 63));
    ret[3] = (char)(0x80 | (code & 63));
    return 4;
}

/* The code of the \\u at *p, of both halves of a surrogate pair. A half alone, which only texts
 * hold that no scan has validated (a server's words, cut off), is no character. */
static unsigned undo_unit(const char **p, const char *end)
{
    unsigned code = unit_at(*p + 2), low = 0;

    *p += 6;
    if (code < 0xd800 || code > 0xdfff)
        return code;
    if (code <= 0xdbff && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u')
        low = unit_at(*p + 2);
    if (low < 0xdc00 || low > 0xdfff)
        return 0xfffd;
    *p += 6;
    return 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
}

/* The escape at *p, which is whole. Returns how many bytes it makes. */
static unsigned undo_escape(const char **p, const char *end, char ret[4])
{

    switch ((*p)[1]) {
    case 'b':
        ret[0] = '\b';
        break;
    case 'f':
        ret[0] = '\f';
        break;
    case 'n':
        ret[0] = '\n';
        break;
    case 'r':
        ret[0] = '\r';
        break;
    case 't':
        ret[0] = '\t';
        break;
    case 'u':
        return utf8_encode(undo_unit(p, end), ret);
    default:
        ret[0] = (*p)[1];
    }
    *p += 2;
    return 1;
}

size_t sl_json_unescape(const char *p, size_t n, char *ret, size_t room)
{
    const char *end = p + n;
    size_t made = 0;

    while (p < end && made < room) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((stop ? stop : end) - p);
        char bytes[4];
        unsigned k;

        plain = plain < room - made ? plain : room - made;
        memcpy(ret + made, p, plain);
        made += plain;
        p += plain;
        if (!stop || p != stop) /* nothing is escaped, or there is no room for what is */
            continue;
        k = undo_escape(&p, end, bytes);
        if (k > room - made)
            break;
        memcpy(ret + made, bytes, k);
        made += k;
    }
    return made;
}

size_t sl_json_key(const char *key, size_t n, char ret[SL_JSON_KEY_ROOM])
{
    return sl_json_unescape(key, n, ret, SL_JSON_KEY_ROOM);
}

struct sl_slice sl_value_text(const struct sl_value *v, struct sl_buf *scratch)
{
    char *room;

    if (v->type == SL_VALUE_ABSENT || v->type == SL_VALUE_NULL)
        return sl_slice(NULL, 0);
    if (v->type != SL_VALUE_STRING || !v->escaped)
        return sl_slice(v->p, v->n);
    sl_buf_clear(scratch);
    room = sl_buf_reserve(scratch, v->n);
    if (!room) {
        /* Longer than the caller's maximum: what fits of it. */
        sl_buf_clear(scratch);
        room = sl_buf_reserve(scratch, scratch->max);
        if (!room)
            return sl_slice("", 0);
    }
    scratch->n = sl_json_unescape(v->p, v->n, room, scratch->cap);
    return sl_buf_as_slice(scratch);
}

/* ---- numbers ---- */

/* Digits with an optional '-' as an int64. */
static bool to_int(const char *p, size_t n, int64_t *ret)
{
    bool negative = *p == '-';
    int64_t v = 0;

    /* Counted downwards, where the range is wider by one. */
    for (size_t i = negative; i < n; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, p[i] - '0', &v))
            return false;
    if (!negative && v == INT64_MIN)
        return false;
    *ret = negative ? v : -v;
    return true;
}

bool sl_json_number(const char *p, size_t n, double *ret, bool *ret_is_int, int64_t *ret_int)
{
    char text[SL_JSON_NUMBER_MAX + 1];

    *ret_is_int = true;
    for (size_t i = 0; i < n && *ret_is_int; i++)
        *ret_is_int = p[i] == '-' || (p[i] >= '0' && p[i] <= '9');
    if (*ret_is_int) {
        if (!to_int(p, n, ret_int))
            return false;
        *ret = (double)*ret_int;
        return true;
    }
    if (n > SL_JSON_NUMBER_MAX)
        return false;
    memcpy(text, p, n);
    text[n] = '\0';
    *ret = strtod(text, NULL);
    return isfinite(*ret);
}

bool sl_value_number(const struct sl_value *v, double *ret, bool *ret_is_int, int64_t *ret_int)
{
    char plain[SL_JSON_NUMBER_MAX + 1];
    const char *p = v->p;
    size_t n = v->n;
    bool integer;

    if (v->type == SL_VALUE_STRING) {
        if (v->escaped) {
            n = sl_json_unescape(p, n, plain, sizeof(plain));
            p = plain;
        }
        if (n == 0 || n > SL_JSON_NUMBER_MAX || sl_json_number_end(p, p + n, &integer) != p + n)
            return false;
    } else if (v->type != SL_VALUE_NUMBER) {
        return false;
    }
    return sl_json_number(p, n, ret, ret_is_int, ret_int);
}

/* ---- walking what is valid ---- */

const char *sl_json_string_end(const char *p, const char *end, bool *escaped)
{
    for (;;) {
#ifdef __SSE2__
        const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');

        for (; end - p >= 16; p += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
            unsigned mask = (unsigned)_mm_movemask_epi8(
                _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));

            if (mask) {
                p += __builtin_ctz(mask);
                break;
            }
        }
#endif
        while (*p != '"' && *p != '\\')
            p++;
        if (*p == '"')
            return p;
        *escaped = true;
        p += 2;
    }
}

static const char *skip_container(const char *p, const char *end)
{
    bool escaped;
    size_t depth = 0;

    for (;; p++) {
        if (*p == '{' || *p == '[')
            depth++;
        else if (*p == '"')
            p = sl_json_string_end(p + 1, end, &escaped);
        else if ((*p == '}' || *p == ']') && --depth == 0)
            return p + 1;
    }
}

static bool between_values(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ']' || c == '}';
}

const char *sl_json_value(const char *p, const char *end, struct sl_value *ret)
{
    struct sl_value v = {.p = p};

    switch (*p) {
    case '"':
        v.type = SL_VALUE_STRING;
        v.p = p + 1;
        p = sl_json_string_end(p + 1, end, &v.escaped);
        v.n = (uint32_t)(p - v.p);
        *ret = v;
        return p + 1;
    case '{':
    case '[':
        v.type = *p == '{' ? SL_VALUE_OBJECT : SL_VALUE_ARRAY;
        p = skip_container(p, end);
        break;
    default:
        v.type = *p == 't'   ? SL_VALUE_TRUE
                 : *p == 'f' ? SL_VALUE_FALSE
                 : *p == 'n' ? SL_VALUE_NULL
                             : SL_VALUE_NUMBER;
        while (!between_values(*p))
            p++;
    }
    v.n = (uint32_t)(p - v.p);
    *ret = v;
    return p;
}

/* ---- arrays ---- */

bool sl_value_element(const struct sl_value *array, size_t *at, struct sl_value *ret)
{
    const char *p, *end;
    double d;
    int64_t i;
    bool is_int;

    if (array->type != SL_VALUE_ARRAY)
        return false;
    end = array->p + array->n;
    p = array->p + (*at ? *at : 1); /* 1: behind the bracket */
    while (p < end && (between_values(*p)))
        p++;
    if (p == end)
        return false;
    p = sl_json_value(p, end, ret);
    if (ret->type == SL_VALUE_NUMBER && !sl_json_number(ret->p, ret->n, &d, &is_int, &i))
        *ret = (struct sl_value){.type = SL_VALUE_ABSENT};
    *at = (size_t)(p - array->p);
    return true;
}
