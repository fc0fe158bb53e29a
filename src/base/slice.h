/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_SLICE_H
#define SL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Bytes that somebody else owns. Payloads are never C strings: they hold NULs and need no end mark.
 * p == NULL says "no value" where that differs from "empty" (a Kafka key, a tombstone). */
struct sl_slice {
    const char *p;
    size_t n;
};

#define SL_SLICE_LITERAL(text) ((struct sl_slice){(text), sizeof(text) - 1})

static inline struct sl_slice sl_slice(const char *p, size_t n)
{
    return (struct sl_slice){p, n};
}

static inline struct sl_slice sl_slice_str(const char *text)
{
    return (struct sl_slice){text, text ? strlen(text) : 0};
}

static inline bool sl_slice_equal(struct sl_slice a, struct sl_slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* What follows the first `mark` in the text; p is NULL where there is none. */
static inline struct sl_slice sl_slice_after(struct sl_slice text, const char *mark)
{
    size_t n = strlen(mark);
    const char *at = text.n ? (const char *)memmem(text.p, text.n, mark, n) : NULL;

    return at ? sl_slice(at + n, text.n - n - (size_t)(at - text.p)) : sl_slice(NULL, 0);
}

static inline bool sl_slice_is(struct sl_slice a, const char *text)
{
    return sl_slice_equal(a, sl_slice_str(text));
}

#endif
