/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAKE_RUNTIME_H
#define TESTS_FAKE_RUNTIME_H

/* A runtime whose clock moves when the test says so, whose random numbers come from a seed, and
 * whose pool threads run when the test lets them. */
#include "base/alloc.h"
#include "base/list.h"
#include "base/timers.h"

enum { FAKE_WORK_MAX = 4096 };

struct fake_runtime {
    struct sl_runtime rt;
    struct sl_timers timers;
    uint64_t now_ms;
    int64_t wall_offset_ms;
    uint64_t seed;
    struct sl_work *work[FAKE_WORK_MAX];
    size_t n_work;
};

static inline struct fake_runtime *fake_runtime_of(struct sl_runtime *rt)
{
    return sl_container_of(rt, struct fake_runtime, rt);
}

static inline uint64_t fake_now(struct sl_runtime *rt)
{
    return fake_runtime_of(rt)->now_ms;
}

static inline int64_t fake_wall(struct sl_runtime *rt)
{
    return (int64_t)fake_runtime_of(rt)->now_ms + fake_runtime_of(rt)->wall_offset_ms;
}

static inline uint64_t fake_next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static inline uint64_t fake_random(struct sl_runtime *rt)
{
    return fake_next(&fake_runtime_of(rt)->seed);
}

static inline void fake_timer_start(struct sl_runtime *rt, struct sl_timer *t, uint64_t delay_ms)
{
    sl_timers_start(&fake_runtime_of(rt)->timers, t, fake_runtime_of(rt)->now_ms + delay_ms);
}

static inline void fake_timer_stop(struct sl_runtime *rt, struct sl_timer *t)
{
    sl_timers_stop(&fake_runtime_of(rt)->timers, t);
}

static inline void fake_work(struct sl_runtime *rt, struct sl_work *w)
{
    struct fake_runtime *f = fake_runtime_of(rt);

    if (f->n_work == FAKE_WORK_MAX)
        abort();
    f->work[f->n_work++] = w;
}

static inline void fake_runtime_init(struct fake_runtime *f, uint64_t seed)
{
    static const struct sl_runtime_ops ops = {
        .now_ms = fake_now,
        .wall_ms = fake_wall,
        .random = fake_random,
        .timer_start = fake_timer_start,
        .timer_stop = fake_timer_stop,
        .work = fake_work,
    };

    *f = (struct fake_runtime){.rt = {.ops = &ops}, .seed = seed, .now_ms = 1000};
    f->wall_offset_ms = 1700000000000;
    sl_timers_init(&f->timers);
}

static inline void fake_runtime_release(struct fake_runtime *f)
{
    sl_timers_release(&f->timers);
}

/* Runs the oldest piece of work, both halves. */
static inline void fake_run_work(struct fake_runtime *f)
{
    struct sl_work *w = f->work[0];

    f->n_work--;
    memmove(f->work, f->work + 1, f->n_work * sizeof(f->work[0]));
    w->run(w);
    w->done(w);
}

static inline void fake_advance(struct fake_runtime *f, uint64_t ms)
{
    f->now_ms += ms;
    sl_timers_run(&f->timers, f->now_ms);
}

#endif
