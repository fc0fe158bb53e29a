/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sanitized.h"

static void out_of_memory(void)
{
    static const char text[] =
        "sluice: out of memory; nothing is lost, the committed positions hold\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

    (void)ignored;
    _exit(70);
}

void *sl_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *sl_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);

    if (!p)
        out_of_memory();
    return p;
}

void *sl_zalloc(size_t size)
{
    return sl_calloc(1, size);
}

void *sl_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);

    if (!q)
        out_of_memory();
    return q;
}

void *sl_reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        out_of_memory();
    return sl_realloc(p, bytes);
}

char *sl_strndup(const char *p, size_t n)
{
    char *copy = sl_alloc(n + 1);

    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *sl_strdup(const char *text)
{
    return text ? sl_strndup(text, strlen(text)) : NULL;
}

char *sl_asprintf(const char *format, ...)
{
    char *text = NULL;
    va_list args;
    int n;

    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        out_of_memory();
    return text;
}

void sl_alloc_trim(void)
{
#if defined(__GLIBC__) && !SL_SANITIZED
    malloc_trim(0);
#endif
}
