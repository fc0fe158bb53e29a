/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world *sim;

/* ---- chance: splitmix64 (Steele, Lea, Flood 2014) ---- */

uint64_t sim_random(enum sim_stream s)
{
    uint64_t z = sim->random[s] += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t sim_below(enum sim_stream s, uint64_t n)
{
    return n ? sim_random(s) % n : 0;
}

uint64_t sim_between(enum sim_stream s, uint64_t least, uint64_t most)
{
    return least + sim_below(s, most - least + 1);
}

bool sim_chance(enum sim_stream s, unsigned per_thousand)
{
    return per_thousand > 0 && sim_below(s, 1000) < per_thousand;
}

/* ---- events ---- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(size_t i, struct sim_event *e)
{
    sim->heap[i] = e;
    e->slot = i + 1;
}

static void sift(size_t i)
{
    struct sim_event *e = sim->heap[i];

    for (; i > 0 && before(e, sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        put(i, sim->heap[(i - 1) / 2]);
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < sim->n && before(sim->heap[child + 1], sim->heap[child]))
            child++;
        if (child >= sim->n || !before(sim->heap[child], e))
            break;
        put(i, sim->heap[child]);
        i = child;
    }
    put(i, e);
}

void sim_at(struct sim_event *e, uint64_t us)
{
    e->at = us > sim->now_us ? us : sim->now_us;
    e->order = sim->orders++;
    if (!e->slot) {
        if (sim->n == sim->cap) {
            size_t cap = sim->cap ? 2 * sim->cap : 256;
            struct sim_event **heap = sim_new(cap * sizeof(*heap));

            if (sim->n)
                memcpy(heap, sim->heap, sim->n * sizeof(*heap));
            sim_free(sim->heap);
            sim->heap = heap;
            sim->cap = cap;
        }
        sim->heap[sim->n] = e;
        e->slot = ++sim->n;
    }
    sift(e->slot - 1);
}

void sim_after(struct sim_event *e, uint64_t us)
{
    sim_at(e, sim->now_us + us);
}

void sim_cancel(struct sim_event *e)
{
    size_t i = e->slot;

    if (!i--)
        return;
    e->slot = 0;
    if (i != --sim->n) {
        put(i, sim->heap[sim->n]);
        sift(i);
    }
}

bool sim_run_until(uint64_t us)
{
    while (!sim->finding[0] && !sim->stop && sim->n && sim->heap[0]->at <= us) {
        struct sim_event *e = sim->heap[0];

        sim->now_us = e->at;
        sim_cancel(e);
        sim->fired++;
        e->fire(e);
    }
    if (!sim->finding[0] && !sim->stop && sim->now_us < us)
        sim->now_us = us;
    return !sim->finding[0];
}

/* ---- memory of the world ---- */

void *sim_new(size_t size)
{
    void *p = sim_arena_take(sim->arena, size);

    return memset(p, 0, size);
}

void sim_free(void *p)
{
    if (p)
        sim_arena_give(p);
}

char *sim_copy(const void *p, size_t n)
{
    char *ret;

    if (!p)
        return NULL;
    ret = sim_arena_take(sim->arena, n + 1);
    memcpy(ret, p, n);
    ret[n] = '\0';
    return ret;
}

char *sim_text(const char *format, ...)
{
    char text[2048];
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    return sim_copy(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1);
}

/* ---- life ---- */

void sim_world_begin(struct world *w, const struct scenario *s, uint64_t seed)
{
    struct arena *arena = w->arena;
    bool tracing = w->tracing;

    *w = (struct world){.arena = arena, .tracing = tracing, .scenario = s, .seed = seed};
    sim = w;
    for (size_t i = 0; i < SIM_STREAMS; i++)
        w->random[i] = seed * SIM_STREAMS + i + 1;
    for (size_t i = 0; i < SIM_STREAMS; i++) /* neighbouring seeds shall not look alike */
        for (int k = 0; k < 3; k++)
            w->random[i] = sim_random((enum sim_stream)i);
    w->wall_base_ms = 1767225600000; /* 2026-01-01 */
}

void sim_world_end(struct world *w)
{
    sim_arena_reset(w->arena);
    sim = NULL;
}

void sim_trace(const char *format, ...)
{
    va_list args;

    if (!sim->tracing)
        return;
    printf("%10.3f ", (double)sim->now_us / 1000);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void sim_find(const char *format, ...)
{
    va_list args;

    if (sim->finding[0])
        return;
    va_start(args, format);
    vsnprintf(sim->finding, sizeof(sim->finding), format, args);
    va_end(args);
    sim->found_us = sim->now_us;
    sim_trace("FINDING %s", sim->finding);
}
