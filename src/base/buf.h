/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* A growing run of bytes with a hard maximum that every user must name.
 *
 * An append that would pass the maximum changes nothing but `full`, which stays set until
 * sl_buf_truncate() or sl_buf_clear(): a writer appends freely and looks once at the end
 * (`if (out->full)`), then takes back what it began with sl_buf_truncate(). */
struct sl_buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    bool full;
};

void sl_buf_init(struct sl_buf *b, size_t max);
void sl_buf_release(struct sl_buf *b); /* frees the bytes; init again before use */
void sl_buf_clear(struct sl_buf *b);   /* n = 0, keeps the memory */
/* Empties it; memory beyond `keep`, which a giant made it take, is given back. */
void sl_buf_reset(struct sl_buf *b, size_t keep);
void sl_buf_truncate(struct sl_buf *b, size_t n); /* back to n bytes, no longer full */
char *sl_buf_take(struct sl_buf *b);  /* the bytes, NUL-ended, now the caller's; b is empty */
void sl_buf_shrink(struct sl_buf *b); /* gives back the memory past n */
char *sl_buf_reserve(struct sl_buf *b, size_t n); /* room for n more at the end, or NULL and full */
void sl_buf_append_slowly(struct sl_buf *b, const void *p, size_t n); /* grows first */
void sl_buf_printf(struct sl_buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *sl_buf_str(struct sl_buf *b); /* NUL-ended, the buffer's */

static inline void sl_buf_append(struct sl_buf *b, const void *p, size_t n)
{
    if (n - 1 < b->cap - b->n && n <= b->max - b->n &&
        !b->full) { /* no n of 0, which may have no p */
        memcpy(b->p + b->n, p, n);
        b->n += n;
    } else {
        sl_buf_append_slowly(b, p, n);
    }
}

static inline void sl_buf_slice(struct sl_buf *b, struct sl_slice s)
{
    sl_buf_append(b, s.p, s.n);
}

static inline void sl_buf_text(struct sl_buf *b, const char *text)
{
    sl_buf_append(b, text, strlen(text));
}

static inline void sl_buf_byte(struct sl_buf *b, char c)
{
    if (b->n < b->cap && b->n < b->max && !b->full)
        b->p[b->n++] = c;
    else
        sl_buf_append(b, &c, 1);
}

static inline struct sl_slice sl_buf_as_slice(const struct sl_buf *b)
{
    return sl_slice(b->p, b->n);
}

#define SL_BUF_LITERAL(b, text) sl_buf_append((b), (text), sizeof(text) - 1)

#endif
