/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RUNTIME_H
#define SLUICE_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

/* Time, chance and other threads, injected. Everything between the consumer and the sinks reaches
 * them through this struct only, so the same code runs on libuv (net/loop.h) and inside the
 * simulator.
 *
 * Callback contract, here and in http.h: a call that takes a callback and returns an error never
 * calls it; otherwise it is called exactly once, on the loop thread, and never from inside the call
 * that took it. */
struct sl_runtime;
struct sl_log;

/* A timer belongs to its user, who stops it before the memory goes. Starting a started timer moves
 * it. */
struct sl_timer {
    void (*fire)(struct sl_timer *t); /* set by the user; the timer is stopped when it is called */
    uint64_t due_ms;                  /* private */
    size_t slot;                      /* private: place in the heap + 1; 0 is stopped */
};

/* A piece of computing (compression, hashing, a blocking library call) for another thread. `run` is
 * called there and must touch only what the work owns; `done` is called on the loop thread
 * afterwards. */
struct sl_work {
    void (*run)(struct sl_work *w);
    void (*done)(struct sl_work *w);
    void *impl; /* private to the runtime */
};

struct sl_runtime_ops {
    uint64_t (*now_ms)(struct sl_runtime *rt); /* monotonic; cached for one turn of the loop */
    int64_t (*wall_ms)(struct sl_runtime *rt); /* Unix time */
    uint64_t (*random)(struct sl_runtime *rt); /* 64 uniform bits */
    void (*timer_start)(struct sl_runtime *rt, struct sl_timer *t, uint64_t delay_ms);
    void (*timer_stop)(struct sl_runtime *rt, struct sl_timer *t); /* harmless when stopped */
    void (*work)(struct sl_runtime *rt, struct sl_work *w);
};

struct sl_runtime {
    const struct sl_runtime_ops *ops;
    struct sl_log *log;
};

static inline uint64_t sl_now_ms(struct sl_runtime *rt)
{
    return rt->ops->now_ms(rt);
}

static inline int64_t sl_wall_ms(struct sl_runtime *rt)
{
    return rt->ops->wall_ms(rt);
}

static inline uint64_t sl_random(struct sl_runtime *rt)
{
    return rt->ops->random(rt);
}

static inline void sl_timer_start(struct sl_runtime *rt, struct sl_timer *t, uint64_t delay_ms)
{
    rt->ops->timer_start(rt, t, delay_ms);
}

static inline void sl_timer_stop(struct sl_runtime *rt, struct sl_timer *t)
{
    rt->ops->timer_stop(rt, t);
}

static inline void sl_work_start(struct sl_runtime *rt, struct sl_work *w)
{
    rt->ops->work(rt, w);
}

#endif
