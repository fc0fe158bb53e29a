/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/alloc.h"
#include "base/list.h"
#include "ops/log.h"

static struct sl_loop *of(struct sl_runtime *rt)
{
    return sl_container_of(rt, struct sl_loop, rt);
}

static uint64_t loop_now(struct sl_runtime *rt)
{
    return uv_now(&of(rt)->uv);
}

static int64_t loop_wall(struct sl_runtime *rt)
{
    struct timespec now;

    (void)rt;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

/* xoshiro256** (Blackman and Vigna): jitter and ids need speed and spread, not secrecy. */
static uint64_t loop_random(struct sl_runtime *rt)
{
    uint64_t *s = of(rt)->random_state, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

static void on_timer(uv_timer_t *timer);
static void on_idle(uv_idle_t *idle);

/* Keeps the one uv_timer at the earliest due time, and still where none is started, so that it
 * alone never keeps the loop alive. What is due already goes by uv_idle, which runs once a turn:
 * libuv 1.44 runs a timer of 0 ms that starts itself again and again without ever looking at a
 * socket. */
static void arm(struct sl_loop *l)
{
    uint64_t due, now = uv_now(&l->uv);
    bool some = sl_timers_next(&l->timers, &due);

    if (some && due <= now)
        uv_idle_start(&l->idle, on_idle);
    else
        uv_idle_stop(&l->idle);
    if (!some || due <= now) {
        uv_timer_stop(&l->timer);
        return;
    }
    if (uv_is_active((uv_handle_t *)&l->timer) && due == l->armed_ms)
        return;
    l->armed_ms = due;
    uv_timer_start(&l->timer, on_timer, due - now, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct sl_loop *l = timer->data;

    sl_timers_run(&l->timers, uv_now(&l->uv));
    arm(l);
}

static void on_idle(uv_idle_t *idle)
{
    struct sl_loop *l = idle->data;

    sl_timers_run(&l->timers, uv_now(&l->uv));
    arm(l);
}

static void loop_timer_start(struct sl_runtime *rt, struct sl_timer *t, uint64_t delay_ms)
{
    struct sl_loop *l = of(rt);
    uint64_t due;

    /* A delay without end ("never") must not wrap to a moment in the past. */
    if (__builtin_add_overflow(uv_now(&l->uv), delay_ms, &due))
        due = UINT64_MAX;
    sl_timers_start(&l->timers, t, due);
    arm(l);
}

static void loop_timer_stop(struct sl_runtime *rt, struct sl_timer *t)
{
    struct sl_loop *l = of(rt);

    if (t->slot == 0)
        return;
    sl_timers_stop(&l->timers, t);
    arm(l);
}

struct job {
    uv_work_t request;
    struct sl_work *work;
};

static void job_run(uv_work_t *request)
{
    struct job *job = sl_container_of(request, struct job, request);

    job->work->run(job->work);
}

static void job_done(uv_work_t *request, int status)
{
    struct job *job = sl_container_of(request, struct job, request);
    struct sl_work *work = job->work;

    (void)status; /* nothing here cancels work */
    free(job);
    work->impl = NULL;
    work->done(work);
}

static void loop_work(struct sl_runtime *rt, struct sl_work *w)
{
    struct job *job = sl_zalloc(sizeof(*job));

    job->work = w;
    w->impl = job;
    /* Fails only without a callback to run, which is not so here. */
    uv_queue_work(&of(rt)->uv, &job->request, job_run, job_done);
}

static const struct sl_runtime_ops loop_ops = {
    .now_ms = loop_now,
    .wall_ms = loop_wall,
    .random = loop_random,
    .timer_start = loop_timer_start,
    .timer_stop = loop_timer_stop,
    .work = loop_work,
};

static int seed(struct sl_loop *l, struct sl_error *err)
{
    ssize_t n;

    do
        n = getrandom(l->random_state, sizeof(l->random_state), 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(l->random_state))
        return sl_fail(err, SL_EIO, "the system gives no random bits: %s", strerror(errno));
    l->random_state[0] |= 1; /* all zero is the one state that never leaves itself */
    return SL_OK;
}

int sl_loop_init(struct sl_loop *l, struct sl_log *log, struct sl_error *err)
{
    int code;

    *l = (struct sl_loop){.rt = {.ops = &loop_ops, .log = log}};
    code = seed(l, err);
    if (code)
        return code;
    code = uv_loop_init(&l->uv);
    if (code)
        return sl_fail(err, SL_EIO, "the event loop cannot start: %s", uv_strerror(code));
    sl_timers_init(&l->timers);
    uv_timer_init(&l->uv, &l->timer);
    uv_idle_init(&l->uv, &l->idle);
    l->timer.data = l->idle.data = l;
    return SL_OK;
}

static void report_open(uv_handle_t *handle, void *user)
{
    struct sl_loop *l = user;

    sl_log(l->rt.log, SL_LOG_ERROR, "event loop ends with an open handle", "type",
           uv_handle_type_name(handle->type), NULL);
}

void sl_loop_release(struct sl_loop *l)
{
    uv_close((uv_handle_t *)&l->timer, NULL);
    uv_close((uv_handle_t *)&l->idle, NULL);
    /* Closing handles and work that is still on the pool end here; a uv_stop() from before does not
     * count. */
    while (uv_run(&l->uv, UV_RUN_DEFAULT))
        ;
    if (uv_loop_close(&l->uv))
        uv_walk(&l->uv, report_open, l);
    sl_timers_release(&l->timers);
}
