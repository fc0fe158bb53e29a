/* SPDX-License-Identifier: Apache-2.0 */
#include "route/glob.h"

#include <stdint.h>

#include "base/fold.h"
#include "base/utf8.h"

enum { BYTE_AS_CHARACTER = 0x200000 }; /* past Unicode: never equal to a real character */

/* The character at *at, which moves past it. */
static uint32_t next_character(struct sl_slice s, size_t *at)
{
    uint32_t c = (unsigned char)s.p[*at];
    size_t n = c < 0x80 ? 1 : sl_utf8_char(s.p + *at, s.n - *at, &c);

    if (n == 0) {
        c = BYTE_AS_CHARACTER | (unsigned char)s.p[*at];
        n = 1;
    }
    *at += n;
    return c;
}

/* The pattern's next literal character, its backslash undone. */
static uint32_t next_literal(struct sl_slice pattern, size_t *at)
{
    if (pattern.p[*at] == '\\')
        ++*at;
    return next_character(pattern, at);
}

static bool is_letter(uint32_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static uint32_t fold_character(uint32_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* The class that begins after the `[` at *at; *at moves past its `]`. */
static bool in_class(struct sl_slice pattern, size_t *at, uint32_t c, bool fold)
{
    const uint32_t other = fold && is_letter(c) ? c ^ 0x20 : c;
    bool negated = pattern.p[*at] == '!' || pattern.p[*at] == '^', found = false, first = true;

    if (negated)
        ++*at;
    while (first || pattern.p[*at] != ']') {
        uint32_t low = next_literal(pattern, at), high = low;

        first = false;
        if (pattern.p[*at] == '-' && pattern.p[*at + 1] != ']') {
            ++*at;
            high = next_literal(pattern, at);
        }
        if ((c >= low && c <= high) || (other >= low && other <= high))
            found = true;
    }
    ++*at;
    return found != negated;
}

static int check_class(struct sl_slice pattern, size_t *at, size_t *ret_offset,
                       struct sl_error *err)
{
    size_t i = *at;
    bool first = true;

    if (i < pattern.n && (pattern.p[i] == '!' || pattern.p[i] == '^'))
        i++;
    for (; i < pattern.n && (first || pattern.p[i] != ']'); first = false) {
        uint32_t low, high;
        size_t begin = i;

        if (pattern.p[i] == '\\' && i + 1 == pattern.n)
            break;
        low = next_literal(pattern, &i);
        if (i + 1 >= pattern.n || pattern.p[i] != '-' || pattern.p[i + 1] == ']')
            continue;
        i++;
        if (pattern.p[i] == '\\' && i + 1 == pattern.n)
            break;
        high = next_literal(pattern, &i);
        if (high < low) {
            *ret_offset = begin;
            return sl_fail(err, SL_EINVAL, "a range whose end comes before its begin");
        }
    }
    if (i >= pattern.n || pattern.p[i] != ']')
        return sl_fail(err, SL_EINVAL, "`[` without `]`; write `\\[` for the character itself");
    *at = i + 1;
    return SL_OK;
}

int sl_glob_check(struct sl_slice pattern, size_t *ret_offset, struct sl_error *err)
{
    size_t star = SIZE_MAX;

    *ret_offset = 0;
    if (pattern.n > SL_GLOB_MAX)
        return sl_fail(err, SL_ELIMIT, "longer than %d bytes", SL_GLOB_MAX);
    for (size_t at = 0; at < pattern.n;) {
        size_t begin = at;
        char c = pattern.p[at++];
        int code;

        if (c == '\\') {
            if (at == pattern.n) {
                *ret_offset = begin;
                return sl_fail(err, SL_EINVAL, "nothing follows the backslash");
            }
            next_character(pattern, &at);
        } else if (c == '[') {
            *ret_offset = begin;
            code = check_class(pattern, &at, ret_offset, err);
            if (code != SL_OK)
                return code;
        } else if (c == '*') {
            star = begin;
        }
        if (star != SIZE_MAX && at - star > SL_GLOB_PART_MAX + 1) {
            *ret_offset = star;
            return sl_fail(err, SL_ELIMIT,
                           "more than %d bytes behind a `*`; `suffix`, `contains` and `regex` take "
                           "them",
                           SL_GLOB_PART_MAX);
        }
    }
    return SL_OK;
}

/* One pattern element other than `*` against one character. */
static bool match_one(struct sl_slice pattern, size_t *at, struct sl_slice text, size_t *in,
                      bool fold)
{
    uint32_t c = next_character(text, in), literal;

    switch (pattern.p[*at]) {
    case '?':
        ++*at;
        return true;
    case '[':
        ++*at;
        return in_class(pattern, at, c, fold);
    default:
        literal = next_literal(pattern, at);
        return literal == c || (fold && fold_character(literal) == fold_character(c));
    }
}

/* Where what follows a star can begin, at or after `in`; past the text: nowhere. A character of the
 * pattern begins with a byte that is in no other's middle. */
static size_t next_begin(struct sl_slice pattern, size_t star, struct sl_slice text, size_t in,
                         bool fold)
{
    const char *p;

    if (fold || in >= text.n || star == pattern.n || memchr("?[\\", pattern.p[star], 3))
        return in;
    p = memchr(text.p + in, pattern.p[star], text.n - in);
    return p ? (size_t)(p - text.p) : text.n + 1;
}

/* Greedy with one point of return: when what follows the last `*` fails, that star takes one
 * character more. Earlier stars need no second look, so the cost is at most one part of the pattern
 * times the text. */
bool sl_glob_match(struct sl_slice pattern, struct sl_slice text, bool fold)
{
    size_t at = 0, in = 0, star = SIZE_MAX, star_in = 0;

    for (;;) {
        if (at < pattern.n && pattern.p[at] == '*') {
            star = ++at;
            star_in = in;
            if (at == pattern.n)
                return true;
            continue;
        }
        if (in == text.n && at == pattern.n)
            return true;
        if (in < text.n && at < pattern.n && match_one(pattern, &at, text, &in, fold))
            continue;
        if (star == SIZE_MAX || star_in == text.n)
            return false;
        next_character(text, &star_in);
        star_in = next_begin(pattern, star, text, star_in, fold);
        if (star_in > text.n)
            return false;
        in = star_in;
        at = star;
    }
}

void sl_glob_fold(char *pattern, size_t n)
{
    const struct sl_slice whole = sl_slice(pattern, n);

    for (size_t at = 0; at < n;) {
        if (pattern[at] == '[') {
            at++;
            in_class(whole, &at, BYTE_AS_CHARACTER, false); /* moves past it */
        } else {
            pattern[at] = sl_fold_char(pattern[at]);
            at++;
            /* A backslash takes the next: `\[` begins no class. */
            if (pattern[at - 1] == '\\' && at < n) {
                pattern[at] = sl_fold_char(pattern[at]);
                at++;
            }
        }
    }
}
