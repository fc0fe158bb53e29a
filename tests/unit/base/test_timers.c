/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/timers.h"

enum { TIMERS = 200, FIRED_MAX = 4096 };

/* The naive model: a timer is started or not, with a due time and the count of starts at its own.
 */
struct entry {
    struct sl_timer timer;
    bool started;
    uint64_t due, order;
    unsigned restart_ms; /* started again from its own callback */
};

static struct {
    struct sl_timers heap;
    struct entry entries[TIMERS];
    uint64_t starts, now;
    size_t fired[FIRED_MAX], n_fired;
} world;

static void start(struct entry *e, uint64_t due)
{
    sl_timers_start(&world.heap, &e->timer, due);
    e->started = true;
    e->due = due;
    e->order = world.starts++;
}

static void on_fire(struct sl_timer *t)
{
    struct entry *e = sl_container_of(t, struct entry, timer);

    assert_true(world.n_fired < FIRED_MAX);
    assert_int_equal(t->slot, 0); /* stopped when it is called */
    world.fired[world.n_fired++] = (size_t)(e - world.entries);
    if (e->restart_ms)
        start(e, world.now + e->restart_ms - 1);
}

static void begin(void)
{
    memset(&world, 0, sizeof(world));
    sl_timers_init(&world.heap);
    for (size_t i = 0; i < TIMERS; i++)
        world.entries[i].timer.fire = on_fire;
}

/* The next that the model would fire of those started before `limit`; TIMERS: none. */
static size_t model_next(uint64_t now, uint64_t limit)
{
    size_t best = TIMERS;

    for (size_t i = 0; i < TIMERS; i++) {
        const struct entry *e = &world.entries[i], *b = &world.entries[best % TIMERS];

        if (!e->started || e->due > now || e->order >= limit)
            continue;
        if (best == TIMERS || e->due < b->due || (e->due == b->due && e->order < b->order))
            best = i;
    }
    return best;
}

static void check_next(void)
{
    uint64_t least = UINT64_MAX, due;
    bool any = false;

    for (size_t i = 0; i < TIMERS; i++) {
        if (world.entries[i].started && world.entries[i].due < least)
            least = world.entries[i].due;
        any = any || world.entries[i].started;
    }
    assert_int_equal(sl_timers_next(&world.heap, &due), any);
    if (any)
        assert_int_equal(due, least);
}

/* Fires with the heap, and compares with the order in which the model would. */
static void run(uint64_t now)
{
    size_t expected[TIMERS], n = 0, next;
    uint64_t limit = world.starts;

    world.now = now;
    while ((next = model_next(now, limit)) < TIMERS) {
        world.entries[next].started = false;
        expected[n++] = next;
    }
    world.n_fired = 0;
    sl_timers_run(&world.heap, now);
    assert_int_equal(world.n_fired, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(world.fired[i], expected[i]);
}

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void behaves_as_the_model(void **state)
{
    uint32_t seed = 7;
    uint64_t now = 1000;

    (void)state;
    begin();
    for (unsigned step = 0; step < 50000; step++) {
        struct entry *e = &world.entries[chance(&seed) % TIMERS];
        uint32_t what = chance(&seed) % 16;

        if (what < 9) {
            start(e, now + chance(&seed) % 50);
            e->restart_ms = chance(&seed) % 8 ? 0 : chance(&seed) % 10;
        } else if (what < 13) {
            sl_timers_stop(&world.heap, &e->timer);
            e->started = false;
        } else {
            now += chance(&seed) % 20;
            run(now);
        }
        assert_int_equal(e->timer.slot != 0, e->started);
        check_next();
    }
    sl_timers_release(&world.heap);
    for (size_t i = 0; i < TIMERS; i++)
        assert_int_equal(world.entries[i].timer.slot, 0);
}

static void equal_times_fire_in_the_order_of_their_starts(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < 50; i++)
        start(&world.entries[49 - i], 10);
    start(&world.entries[49], 10); /* moved to the end by its second start */
    world.now = 10;
    sl_timers_run(&world.heap, 10);
    assert_int_equal(world.n_fired, 50);
    for (size_t i = 0; i < 49; i++)
        assert_int_equal(world.fired[i], 48 - i);
    assert_int_equal(world.fired[49], 49);
    sl_timers_release(&world.heap);
}

static void what_a_callback_starts_waits_for_the_next_run(void **state)
{
    (void)state;
    begin();
    world.entries[0].restart_ms = 1; /* due at once */
    start(&world.entries[0], 5);
    world.now = 5;
    sl_timers_run(&world.heap, 5);
    assert_int_equal(world.n_fired, 1);
    sl_timers_run(&world.heap, 5);
    assert_int_equal(world.n_fired, 2);
    sl_timers_release(&world.heap);
}

static void stop_is_harmless_when_stopped(void **state)
{
    uint64_t due;

    (void)state;
    begin();
    sl_timers_stop(&world.heap, &world.entries[0].timer);
    start(&world.entries[0], 1);
    sl_timers_stop(&world.heap, &world.entries[0].timer);
    sl_timers_stop(&world.heap, &world.entries[0].timer);
    assert_false(sl_timers_next(&world.heap, &due));
    sl_timers_run(&world.heap, 100);
    assert_int_equal(world.n_fired, 0);
    sl_timers_release(&world.heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_the_model),
        cmocka_unit_test(equal_times_fire_in_the_order_of_their_starts),
        cmocka_unit_test(what_a_callback_starts_waits_for_the_next_run),
        cmocka_unit_test(stop_is_harmless_when_stopped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
