/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "replica.h"

/* In place of net/loop.c and of the few functions of libuv that kafka/ and pipeline/ call. Event
 * descriptors are counters in the replica; the calls of the C library on them are wrapped by the
 * linker. */

enum { FD_FIRST = 1 << 20, FD_STEP = 64 };

static struct replica *of(struct sl_runtime *rt)
{
    return sl_container_of(rt, struct sl_loop, rt)->uv.data;
}

/* ---- runtime ---- */

static uint64_t now_ms(struct sl_runtime *rt)
{
    return of(rt)->now_ms;
}

static int64_t wall_ms(struct sl_runtime *rt)
{
    return sim->wall_base_ms + (int64_t)(sim->now_us / 1000) + of(rt)->wall_shift_ms;
}

static uint64_t random_bits(struct sl_runtime *rt)
{
    (void)rt;
    return sim_random(SIM_PROGRAM);
}

static void timer_start(struct sl_runtime *rt, struct sl_timer *t, uint64_t delay_ms)
{
    struct sl_loop *l = sl_container_of(rt, struct sl_loop, rt);
    uint64_t due;

    if (__builtin_add_overflow(of(rt)->now_ms, delay_ms, &due))
        due = UINT64_MAX;
    sl_timers_start(&l->timers, t, due);
}

static void timer_stop(struct sl_runtime *rt, struct sl_timer *t)
{
    sl_timers_stop(&sl_container_of(rt, struct sl_loop, rt)->timers, t);
}

/* ---- pool threads: `run` some time later, `done` later still ---- */

struct work {
    struct replica_task task;
    struct sim_event event;
    struct replica *r;
    unsigned life;
    struct sl_work *work;
    struct sl_list node;
};

static void tell_done(struct replica_task *t)
{
    struct work *w = sl_container_of(t, struct work, task);
    struct sl_work *work = w->work;

    w->r->works--;
    sim_free(w);
    work->impl = NULL;
    work->done(work);
}

static void run_work(struct replica *r, void *arg)
{
    struct work *w = arg;

    (void)r;
    sim->in_work = true;
    sim->thread_us = 0;
    w->work->run(w->work);
    sim->in_work = false;
}

static void work_ran(struct sim_event *e)
{
    struct work *w = sl_container_of(e, struct work, event);

    if (w->r->life == w->life && w->r->state != REPLICA_DOWN)
        replica_tell(w->r, &w->task);
    else
        sim_free(w);
}

static void work_runs(struct sim_event *e)
{
    struct work *w = sl_container_of(e, struct work, event);
    struct replica *r = w->r;

    if (r->life != w->life || r->state == REPLICA_DOWN) {
        sim_free(w);
        return;
    }
    if (r->paused) { /* its threads stand still as well */
        sim_after(e, 10 * SIM_MS);
        return;
    }
    if (!replica_call(r, run_work, w)) {
        sim->in_work = false;
        sim_free(w);
        return;
    }
    w->event.fire = work_ran;
    sim_after(e, sim->thread_us + sim_between(SIM_SCHEDULE, 1, 2 * SIM_MS));
    sim->thread_us = 0;
}

static void start_work(struct sl_runtime *rt, struct sl_work *sw)
{
    struct work *w = sim_new(sizeof(*w));

    w->r = of(rt);
    w->life = w->r->life;
    w->work = sw;
    w->task.run = tell_done;
    w->event.fire = work_runs;
    w->r->works++;
    sw->impl = w;
    sim_after(&w->event,
              sim_between(SIM_SCHEDULE, 1, sim_chance(SIM_SCHEDULE, 50) ? 50 * SIM_MS : SIM_MS));
}

static const struct sl_runtime_ops ops = {
    .now_ms = now_ms,
    .wall_ms = wall_ms,
    .random = random_bits,
    .timer_start = timer_start,
    .timer_stop = timer_stop,
    .work = start_work,
};

int sl_loop_init(struct sl_loop *l, struct sl_log *log, struct sl_error *err)
{
    (void)err;
    *l = (struct sl_loop){.rt = {.ops = &ops, .log = log}};
    l->uv.data = sim->current;
    sl_timers_init(&l->timers);
    return SL_OK;
}

void sl_loop_release(struct sl_loop *l)
{
    sl_timers_release(&l->timers);
}

/* ---- libuv ---- */

static struct replica_handle *find(void *handle)
{
    struct replica *r = sim->current;

    for (size_t i = 0; i < r->n_handles; i++)
        if (r->handles[i].handle == handle)
            return &r->handles[i];
    return NULL;
}

static struct replica_handle *add(void *handle)
{
    struct replica *r = sim->current;
    struct replica_handle *h = find(handle);

    if (!h) {
        if (r->n_handles == REPLICA_HANDLES_MAX)
            abort();
        h = &r->handles[r->n_handles++];
    }
    *h = (struct replica_handle){.handle = handle};
    return h;
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *poll, int fd)
{
    struct replica_handle *h = add(poll);

    (void)loop;
    h->poll = true;
    h->fd = fd;
    return 0;
}

int uv_poll_start(uv_poll_t *poll, int events, uv_poll_cb cb)
{
    struct replica_handle *h = find(poll);

    (void)events;
    h->active = true;
    h->on_poll = cb;
    replica_wake(sim->current);
    return 0;
}

int uv_poll_stop(uv_poll_t *poll)
{
    find(poll)->active = false;
    return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
    (void)loop;
    add(idle);
    return 0;
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb cb)
{
    struct replica_handle *h = find(idle);

    h->active = true;
    h->on_idle = cb;
    replica_wake(sim->current);
    return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
    find(idle)->active = false;
    return 0;
}

void uv_close(uv_handle_t *handle, uv_close_cb cb)
{
    struct replica_handle *h = find(handle);

    h->active = false;
    h->closing = true;
    h->on_close = cb;
    replica_wake(sim->current);
}

int uv_is_active(const uv_handle_t *handle)
{
    struct replica_handle *h = find((void *)handle);

    return h && h->active;
}

int uv_is_closing(const uv_handle_t *handle)
{
    struct replica_handle *h = find((void *)handle);

    return !h || h->closing;
}

/* Only the end of a pipeline waits inside a turn, for pool threads. */
int uv_run(uv_loop_t *loop, uv_run_mode mode)
{
    struct replica *r = loop->data;

    (void)mode;
    for (size_t i = 0; i < sim->n; i++) {
        struct sim_event *e = sim->heap[i];
        struct work *w = sl_container_of(e, struct work, event);

        if ((e->fire != work_runs && e->fire != work_ran) || w->r != r || w->life != r->life)
            continue;
        sim_cancel(e);
        if (e->fire == work_runs)
            run_work(r, w);
        tell_done(&w->task);
        return 1;
    }
    if (!sl_list_empty(&r->tasks)) {
        struct replica_task *t = sl_container_of(r->tasks.next, struct replica_task, node);

        sl_list_remove(&t->node);
        t->run(t);
        return 1;
    }
    sim_find("r%zu waits in uv_run() for what will never come", r->number);
    r->dead = true;
    longjmp(r->death, 1);
}

/* ---- event descriptors ---- */

int __real_eventfd(unsigned start, int flags);
int __wrap_eventfd(unsigned start, int flags);
ssize_t __real_read(int fd, void *to, size_t n);
ssize_t __wrap_read(int fd, void *to, size_t n);
ssize_t __real_write(int fd, const void *from, size_t n);
ssize_t __wrap_write(int fd, const void *from, size_t n);
int __real_close(int fd);
int __wrap_close(int fd);
int __real_clock_gettime(clockid_t clock, struct timespec *ret);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret);

static uint64_t *counter(int fd)
{
    struct replica *r = sim->replicas[(fd - FD_FIRST) / FD_STEP];

    return &r->fds[(fd - FD_FIRST) % FD_STEP];
}

int __wrap_eventfd(unsigned start, int flags)
{
    struct replica *r = sim->current;

    (void)flags;
    for (size_t i = 0; i < REPLICA_FDS_MAX; i++)
        if (i >= r->n_fds || r->fds[i] == UINT64_MAX) {
            r->fds[i] = start;
            if (i >= r->n_fds)
                r->n_fds = i + 1;
            return FD_FIRST + (int)(r->number * FD_STEP + i);
        }
    errno = EMFILE;
    return -1;
}

ssize_t __wrap_read(int fd, void *to, size_t n)
{
    uint64_t *c;

    if (fd < FD_FIRST)
        return __real_read(fd, to, n);
    c = counter(fd);
    if (*c == 0 || *c == UINT64_MAX || n < sizeof(*c)) {
        errno = *c == UINT64_MAX ? EBADF : EAGAIN;
        return -1;
    }
    memcpy(to, c, sizeof(*c));
    *c = 0;
    return sizeof(*c);
}

ssize_t __wrap_write(int fd, const void *from, size_t n)
{
    if (fd < FD_FIRST)
        return __real_write(fd, from, n);
    *counter(fd) += 1;
    return (ssize_t)n;
}

int __wrap_close(int fd)
{
    if (fd < FD_FIRST)
        return __real_close(fd);
    *counter(fd) = UINT64_MAX;
    return 0;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *ret)
{
    uint64_t us;

    if (!sim)
        return __real_clock_gettime(clock, ret);
    us = sim->now_us + sim->thread_us;
    if (clock == CLOCK_REALTIME)
        us += (uint64_t)sim->wall_base_ms * 1000;
    *ret = (struct timespec){(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
    return 0;
}

void replica_signal_fd(struct replica *r, int fd)
{
    if (fd < FD_FIRST || *counter(fd) == UINT64_MAX)
        return;
    *counter(fd) += 1;
    replica_wake(r);
}

/* ---- a turn ---- */

void replica_loop_reset(struct replica *r)
{
    r->n_handles = r->n_fds = 0;
    sl_list_init(&r->tasks);
    r->works = 0;
}

static bool readable(const struct replica_handle *h)
{
    return h->poll && h->active && *counter(h->fd) > 0 && *counter(h->fd) != UINT64_MAX;
}

static void close_handles(struct replica *r)
{
    for (size_t i = 0; i < r->n_handles;) {
        struct replica_handle h = r->handles[i];

        if (!h.closing) {
            i++;
            continue;
        }
        r->handles[i] = r->handles[--r->n_handles];
        if (h.on_close)
            h.on_close(h.handle);
    }
}

bool replica_loop_turn(struct replica *r)
{
    size_t n = r->n_handles;

    r->now_ms = sim->now_us / 1000;
    sl_timers_run(&r->loop->timers, r->now_ms);
    for (size_t i = 0; i < n && !r->dead; i++)
        if (!r->handles[i].poll && r->handles[i].active && r->handles[i].on_idle)
            r->handles[i].on_idle((uv_idle_t *)r->handles[i].handle);
    for (size_t i = 0; i < n && !r->dead; i++)
        if (readable(&r->handles[i]))
            r->handles[i].on_poll((uv_poll_t *)r->handles[i].handle, 0, UV_READABLE);
    if (!r->dead && !sl_list_empty(&r->tasks)) {
        struct replica_task *t = sl_container_of(r->tasks.next, struct replica_task, node);

        sl_list_remove(&t->node);
        t->run(t);
    }
    close_handles(r);
    for (size_t i = 0; i < r->n_handles; i++)
        if (readable(&r->handles[i]) || (!r->handles[i].poll && r->handles[i].active) ||
            r->handles[i].closing)
            return true;
    return !sl_list_empty(&r->tasks);
}

uint64_t replica_loop_next(const struct replica *r)
{
    uint64_t due;

    return sl_timers_next(&r->loop->timers, &due) && due < UINT64_MAX / 1000 ? due * 1000
                                                                             : UINT64_MAX;
}
