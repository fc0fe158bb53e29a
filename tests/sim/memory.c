/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/alloc.h"
#include "base/sanitized.h"
#include "replica.h"
#include "world.h"

/* In place of base/alloc.c. Each replica allocates in an arena of its own, so that it can die
 * anywhere, in the middle of an allocation too, and everything it had is gone at once. free() is
 * wrapped by the linker, for the program gives back with it: what lies in an arena goes to its
 * arena, the rest (the C library's and other libraries') to the real one.
 *
 * With AddressSanitizer nothing is handed out twice, what was given back is poisoned, and so is the
 * space between allocations: a use after free in the program is found as ever. */

#if SL_ASAN
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
enum { REUSE = 0, ARENA_BYTES = 1 << 30 };
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
enum { REUSE = 1, ARENA_BYTES = 256 << 20 };
#endif

enum { ARENAS_MAX = 16, UNIT = 16, SMALL = 128, CLASSES = SMALL + 40 };

struct head { /* before each allocation */
    uint32_t class, arena;
    uint64_t size;
};

struct arena {
    char *base;
    size_t used, live, number;
    void *free[CLASSES]; /* chains through the first word */
};

static struct {
    char *base;
    struct arena arenas[ARENAS_MAX];
    bool taken[ARENAS_MAX];
} memory;

struct arena *sim_arena_new(void)
{
    if (!memory.base) {
        memory.base = mmap(NULL, (size_t)ARENAS_MAX * ARENA_BYTES, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory.base == MAP_FAILED)
            abort();
    }
    for (size_t i = 0; i < ARENAS_MAX; i++)
        if (!memory.taken[i]) {
            struct arena *a = &memory.arenas[i];

            memory.taken[i] = true;
            *a = (struct arena){.base = memory.base + i * ARENA_BYTES, .number = i};
            return a;
        }
    abort();
}

void sim_arena_reset(struct arena *a)
{
    POISON(a->base, a->used);
    a->used = a->live = 0;
    memset(a->free, 0, sizeof(a->free));
}

void sim_arena_free(struct arena *a)
{
    sim_arena_reset(a);
    memory.taken[a->number] = false;
}

size_t sim_arena_live(const struct arena *a)
{
    return a->live;
}

/* Up to SMALL units by the unit, above by powers of two. */
static unsigned class_of(size_t size, size_t *ret_bytes)
{
    size_t units = (size + UNIT - 1) / UNIT, n = SMALL;
    unsigned class = SMALL;

    if (units < SMALL) {
        *ret_bytes = (units ? units : 1) * UNIT;
        return (unsigned)(units ? units : 1);
    }
    for (; n < units; n *= 2)
        class ++;
    *ret_bytes = n * UNIT;
    return class;
}

static struct head *head_of(const void *p)
{
    return (struct head *)((char *)p - sizeof(struct head));
}

void *sim_arena_take(struct arena *a, size_t size)
{
    size_t bytes;
    unsigned class = class_of(size, &bytes);
    char *p = a->free[class];
    struct head *h;

    if (p && REUSE) {
        memcpy(&a->free[class], p, sizeof(void *));
    } else {
        if (a->used + bytes + 2 * sizeof(*h) > ARENA_BYTES) {
            fprintf(stderr, "sim: an arena is full\n");
            abort();
        }
        p = a->base + a->used + sizeof(*h);
        a->used += bytes + sizeof(*h) + (REUSE ? 0 : UNIT);
    }
    h = head_of(p);
    UNPOISON(h, sizeof(*h));
    UNPOISON(p, size);
    *h = (struct head){class, (uint32_t)a->number, size};
    POISON(h, REUSE ? 0 : sizeof(*h));
    a->live += size;
    return p;
}

void sim_arena_give(void *p)
{
    struct head *h = head_of(p);
    struct arena *a;

    UNPOISON(h, sizeof(*h));
    a = &memory.arenas[h->arena];
    a->live -= h->size;
    if (REUSE) {
        memcpy(p, &a->free[h->class], sizeof(void *));
        a->free[h->class] = p;
    } else {
        POISON(p, h->size);
        POISON(h, sizeof(*h));
    }
}

static bool ours(const void *p)
{
    return memory.base && (const char *)p >= memory.base &&
           (const char *)p < memory.base + (size_t)ARENAS_MAX * ARENA_BYTES;
}

/* ---- what the linker puts in the place of free() ---- */

void __real_free(void *p);
void __wrap_free(void *p);

void __wrap_free(void *p)
{
    if (ours(p))
        sim_arena_give(p);
    else
        __real_free(p);
}

/* ---- base/alloc.h ---- */

static void *take(size_t size)
{
    void *p;

    if (sim && sim->current) {
        replica_allocates(sim->current);
        return sim_arena_take(sim->current->arena, size ? size : 1);
    }
    p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *sl_alloc(size_t size)
{
    return memset(take(size), 0xa5, size ? size : 1); /* nobody may count on what was there */
}

void *sl_zalloc(size_t size)
{
    return memset(take(size), 0, size ? size : 1);
}

void *sl_calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
    return sl_zalloc(bytes);
}

void *sl_realloc(void *p, size_t size)
{
    size_t old;
    void *q;

    if (p && !ours(p)) {
        q = realloc(p, size ? size : 1);
        if (!q)
            abort();
        return q;
    }
    q = take(size);
    if (p) {
        UNPOISON(head_of(p), sizeof(struct head));
        old = head_of(p)->size;
        memcpy(q, p, old < size ? old : size);
        sim_arena_give(p);
    }
    return q;
}

void *sl_reallocarray(void *p, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        abort();
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
    char small[256], *text;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    text = sl_alloc((size_t)n + 1);
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return text;
}

void sl_alloc_trim(void)
{
}
