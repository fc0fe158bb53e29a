/* SPDX-License-Identifier: Apache-2.0 */
#include "config/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { CHUNK_BYTES = 32 << 10 };

struct sl_arena_chunk {
    struct sl_arena_chunk *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

void sl_arena_init(struct sl_arena *a)
{
    a->chunks = NULL;
}

void sl_arena_release(struct sl_arena *a)
{
    while (a->chunks) {
        struct sl_arena_chunk *next = a->chunks->next;

        free(a->chunks);
        a->chunks = next;
    }
}

static void *take(struct sl_arena *a, size_t size, size_t align)
{
    struct sl_arena_chunk *c = a->chunks;
    size_t at = c ? (c->used + align - 1) / align * align : 0;

    if (!c || at > c->size || c->size - at < size) {
        size_t bytes = size > CHUNK_BYTES ? size : CHUNK_BYTES;

        c = sl_alloc(sizeof(*c) + bytes);
        *c = (struct sl_arena_chunk){.next = a->chunks, .size = bytes};
        a->chunks = c;
        at = 0;
    }
    c->used = at + size;
    return c->bytes + at;
}

void *sl_arena_zalloc(struct sl_arena *a, size_t size)
{
    return memset(take(a, size, alignof(max_align_t)), 0, size);
}

void *sl_arena_calloc(struct sl_arena *a, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        bytes = SIZE_MAX / 2; /* ends in sl_alloc */
    return sl_arena_zalloc(a, bytes);
}

char *sl_arena_strndup(struct sl_arena *a, const char *p, size_t n)
{
    char *copy = take(a, n + 1, 1);

    if (n)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return copy;
}

char *sl_arena_strdup(struct sl_arena *a, const char *text)
{
    return text ? sl_arena_strndup(a, text, strlen(text)) : NULL;
}
