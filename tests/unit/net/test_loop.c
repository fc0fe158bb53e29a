/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>

#include "base/list.h"
#include "net/loop.h"

struct fired {
    struct sl_timer timer;
    struct sl_loop *loop;
    int id, *order, *n;
    uint64_t at_ms;
    unsigned again; /* starts itself as often */
};

static void on_fire(struct sl_timer *t)
{
    struct fired *f = sl_container_of(t, struct fired, timer);

    assert_int_equal(t->slot, 0); /* it is stopped when it is called */
    f->at_ms = sl_now_ms(&f->loop->rt);
    f->order[(*f->n)++] = f->id;
    if (f->again > 0) {
        f->again--;
        sl_timer_start(&f->loop->rt, t, 0);
    }
}

static int setup(void **state)
{
    static struct sl_loop loop;

    *state = &loop;
    return sl_loop_init(&loop, NULL, NULL);
}

static int teardown(void **state)
{
    sl_loop_release(*state);
    return 0;
}

static void test_timers_fire_in_order_and_end_the_loop(void **state)
{
    static const unsigned delays[] = {20, 5, 10, 5, 0};
    static const int expect[] = {4, 1, 3, 2, 0};
    struct sl_loop *loop = *state;
    struct fired timers[5];
    int order[8], n = 0;
    uint64_t start;

    uv_update_time(&loop->uv);
    start = sl_now_ms(&loop->rt);
    for (int i = 0; i < 5; i++) {
        timers[i] = (struct fired){
            .timer = {.fire = on_fire}, .loop = loop, .id = i, .order = order, .n = &n};
        sl_timer_start(&loop->rt, &timers[i].timer, delays[i]);
    }
    assert_int_equal(n, 0); /* never from inside */
    assert_int_equal(uv_run(&loop->uv, UV_RUN_DEFAULT), 0);
    assert_int_equal(n, 5);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(order[i], expect[i]);
        assert_true(timers[i].at_ms >= start + delays[i]);
    }
}

static void test_timers_move_and_stop(void **state)
{
    struct sl_loop *loop = *state;
    int order[8], n = 0;
    struct fired a = {.timer = {.fire = on_fire}, .loop = loop, .id = 1, .order = order, .n = &n};
    struct fired b = a, c = a;

    b.id = 2;
    c.id = 3;
    sl_timer_start(&loop->rt, &a.timer, UINT64_MAX); /* for ever, and no wrap */
    sl_timer_start(&loop->rt, &b.timer, 1);
    sl_timer_start(&loop->rt, &c.timer, 1000000);
    sl_timer_start(&loop->rt, &c.timer, 3);
    sl_timer_stop(&loop->rt, &b.timer);
    sl_timer_stop(&loop->rt, &b.timer);
    while (n == 0)
        uv_run(&loop->uv, UV_RUN_ONCE);
    assert_int_equal(order[0], 3);
    assert_true(uv_loop_alive(&loop->uv));
    sl_timer_stop(&loop->rt, &a.timer);
    assert_false(uv_loop_alive(&loop->uv)); /* timers alone keep it, and none is left */
    assert_int_equal(n, 1);
}

static void test_a_timer_may_start_itself(void **state)
{
    struct sl_loop *loop = *state;
    int order[8], n = 0;
    struct fired a = {
        .timer = {.fire = on_fire}, .loop = loop, .order = order, .n = &n, .again = 3};

    sl_timer_start(&loop->rt, &a.timer, 0);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    assert_true(n <= 1); /* once a turn: others have theirs */
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(n, 4);
}

struct counted {
    struct sl_work work;
    struct sl_loop *loop;
    pthread_t where;
    int ran, done, again;
};

static void count_run(struct sl_work *w)
{
    struct counted *c = sl_container_of(w, struct counted, work);

    c->where = pthread_self();
    c->ran++;
}

static void count_done(struct sl_work *w)
{
    struct counted *c = sl_container_of(w, struct counted, work);

    assert_false(pthread_equal(c->where, pthread_self()));
    assert_int_equal(++c->done, c->ran);
    if (c->again-- > 0)
        sl_work_start(&c->loop->rt, w);
}

static void test_work_runs_elsewhere_and_ends_here(void **state)
{
    struct counted c = {.work = {.run = count_run, .done = count_done}, .loop = *state, .again = 2};

    sl_work_start(&c.loop->rt, &c.work);
    assert_int_equal(c.done, 0);
    uv_run(&c.loop->uv, UV_RUN_DEFAULT);
    assert_int_equal(c.ran, 3);
    assert_int_equal(c.done, 3);
}

static void test_release_waits_for_work(void **state)
{
    struct sl_loop loop;
    struct counted c = {.work = {.run = count_run, .done = count_done}, .loop = &loop};

    (void)state;
    assert_int_equal(sl_loop_init(&loop, NULL, NULL), SL_OK);
    sl_work_start(&loop.rt, &c.work);
    uv_stop(&loop.uv); /* which must not cut it short */
    sl_loop_release(&loop);
    assert_int_equal(c.done, 1);
}

static void test_random_bits_differ(void **state)
{
    struct sl_loop *loop = *state, other;
    unsigned ones[64] = {0};

    assert_int_equal(sl_loop_init(&other, NULL, NULL), SL_OK);
    assert_true(sl_random(&loop->rt) != sl_random(&other.rt));
    for (int i = 0; i < 4000; i++)
        for (uint64_t bits = sl_random(&loop->rt), k = 0; k < 64; k++)
            ones[k] += (unsigned)(bits >> k & 1);
    for (int k = 0; k < 64; k++) /* 10 standard deviations */
        assert_in_range(ones[k], 2000 - 316, 2000 + 316);
    sl_loop_release(&other);
}

static int64_t wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void test_clocks(void **state)
{
    struct sl_loop *loop = *state;
    int64_t before = wall_ms(), wall = sl_wall_ms(&loop->rt), after = wall_ms();

    assert_in_range(wall, before, after);
    assert_int_equal(sl_now_ms(&loop->rt), sl_now_ms(&loop->rt)); /* cached within a turn */
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(test_timers_fire_in_order_and_end_the_loop),
        WITH_LOOP(test_timers_move_and_stop),
        WITH_LOOP(test_a_timer_may_start_itself),
        WITH_LOOP(test_work_runs_elsewhere_and_ends_here),
        cmocka_unit_test(test_release_waits_for_work),
        WITH_LOOP(test_random_bits_differ),
        WITH_LOOP(test_clocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
