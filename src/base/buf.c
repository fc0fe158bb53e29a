/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { BUF_FIRST = 64 };

void sl_buf_init(struct sl_buf *b, size_t max)
{
    *b = (struct sl_buf){.max = max};
}

void sl_buf_release(struct sl_buf *b)
{
    free(b->p);
    *b = (struct sl_buf){.max = b->max};
}

void sl_buf_clear(struct sl_buf *b)
{
    b->n = 0;
    b->full = false;
}

void sl_buf_reset(struct sl_buf *b, size_t keep)
{
    sl_buf_clear(b);
    if (b->cap > keep)
        sl_buf_release(b);
}

void sl_buf_truncate(struct sl_buf *b, size_t n)
{
    if (n < b->n)
        b->n = n;
    b->full = false;
}

/* Grows by half: what is reserved and not used stays under a third, and large blocks are moved by
 * the kernel (mremap), not copied. */
static bool grow(struct sl_buf *b, size_t n)
{
    size_t need, cap;

    if (b->full || __builtin_add_overflow(b->n, n, &need) || need > b->max) {
        b->full = true;
        return false;
    }
    if (need <= b->cap)
        return true;
    cap = b->cap + b->cap / 2;
    if (cap < BUF_FIRST)
        cap = BUF_FIRST;
    if (cap < need)
        cap = need;
    if (cap > b->max)
        cap = b->max;
    b->p = sl_realloc(b->p, cap);
    b->cap = cap;
    return true;
}

char *sl_buf_reserve(struct sl_buf *b, size_t n)
{
    return grow(b, n) ? b->p + b->n : NULL;
}

void sl_buf_append_slowly(struct sl_buf *b, const void *p, size_t n)
{
    if (n == 0 || !grow(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void sl_buf_printf(struct sl_buf *b, const char *format, ...)
{
    char small[256];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n < 0)
        return;
    if ((size_t)n < sizeof(small)) {
        sl_buf_append(b, small, (size_t)n);
        return;
    }
    char *large = sl_alloc((size_t)n + 1);
    va_start(args, format);
    vsnprintf(large, (size_t)n + 1, format, args);
    va_end(args);
    sl_buf_append(b, large, (size_t)n);
    free(large);
}

const char *sl_buf_str(struct sl_buf *b)
{
    if (b->n == b->cap) {
        b->p = sl_realloc(b->p, b->cap + 1);
        b->cap++;
    }
    b->p[b->n] = '\0';
    return b->p;
}

void sl_buf_shrink(struct sl_buf *b)
{
    if (b->n == 0) {
        free(b->p);
        b->p = NULL;
    } else if (b->n < b->cap) {
        b->p = sl_realloc(b->p, b->n);
    }
    b->cap = b->n;
}

char *sl_buf_take(struct sl_buf *b)
{
    char *p = (char *)sl_buf_str(b);

    *b = (struct sl_buf){.max = b->max};
    return p;
}
