/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_DETECT_PRIVATE_H
#define SL_ROUTE_DETECT_PRIVATE_H

#include "route/detect.h"

/* What detect.c and detect_secret.c share. Characters are ASCII whatever the locale. */

static inline bool sl_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool sl_is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static inline bool sl_is_alnum(char c)
{
    return sl_is_digit(c) || sl_is_alpha(c);
}

static inline bool sl_is_word(char c)
{
    return sl_is_alnum(c) || c == '_';
}

static inline bool sl_is_hex(char c)
{
    return sl_is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static inline const char *sl_find_byte(struct sl_slice text, size_t from, char c)
{
    return from < text.n ? memchr(text.p + from, c, text.n - from) : NULL;
}

/* How many bytes before `at` are an escape that ends there, and nothing that a word begins with: of
 * a JSON text inside a text (\n, \u003c), of a URL (%20), a colour of a terminal. 0: none. */
size_t sl_escape_before(struct sl_slice text, size_t at);

/* Is it the middle of a word? */
static inline bool sl_is_glued(struct sl_slice text, size_t at)
{
    return at > 0 && sl_is_word(text.p[at - 1]) && !sl_escape_before(text, at);
}

bool sl_detect_aws_key(struct sl_slice text, size_t from, struct sl_found *ret);
bool sl_detect_aws_secret(struct sl_slice text, size_t from, struct sl_found *ret);
bool sl_detect_jwt(struct sl_slice text, size_t from, struct sl_found *ret);

#endif
