/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_CURSOR_H
#define SL_RECORD_CURSOR_H

#include "base/slice.h"

/* Reading a text from left to right, as the text forms do. What does not match moves nothing. */
struct sl_cursor {
    const char *p, *end;
};

static inline struct sl_cursor sl_cursor(struct sl_slice text)
{
    return (struct sl_cursor){text.p, text.n ? text.p + text.n : text.p};
}

static inline struct sl_slice sl_cursor_rest(const struct sl_cursor *c)
{
    return sl_slice(c->p, (size_t)(c->end - c->p));
}

static inline bool sl_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool sl_is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The byte `ahead`, or NUL past the end. */
static inline char sl_peek(const struct sl_cursor *c, size_t ahead)
{
    return (size_t)(c->end - c->p) > ahead ? c->p[ahead] : '\0';
}

static inline bool sl_take(struct sl_cursor *c, char want)
{
    if (c->p == c->end || *c->p != want)
        return false;
    c->p++;
    return true;
}

static inline bool sl_take_text(struct sl_cursor *c, const char *want)
{
    size_t n = strlen(want);

    if ((size_t)(c->end - c->p) < n || memcmp(c->p, want, n) != 0)
        return false;
    c->p += n;
    return true;
}

static inline void sl_skip_blanks(struct sl_cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
        c->p++;
}

/* What stands before the next `stop`, which is not taken; all of the rest where there is none. */
static inline struct sl_slice sl_take_until(struct sl_cursor *c, char stop)
{
    const char *begin = c->p, *found = memchr(begin, stop, (size_t)(c->end - begin));

    c->p = found ? found : c->end;
    return sl_slice(begin, (size_t)(c->p - begin));
}

/* Words are short; no call is worth it. */
static inline struct sl_slice sl_take_word(struct sl_cursor *c)
{
    const char *begin = c->p;

    while (c->p < c->end && *c->p != ' ')
        c->p++;
    return sl_slice(begin, (size_t)(c->p - begin));
}

static inline bool sl_slice_begins(struct sl_slice text, const char *with)
{
    size_t n = strlen(with);

    return text.n >= n && memcmp(text.p, with, n) == 0;
}

#endif
