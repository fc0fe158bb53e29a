/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a sink back: its share of refused records, and its destination's latency. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core.h"
#include "sink/core_world.h"

/* ---- records that are too large for the queue ---- */

static void route_large(struct world *w)
{
    uint64_t routed = *w->sink->count.routed;

    while (*w->sink->count.routed == routed)
        assert_true(route(w, 0, 300000));
}

static void confirm_all(struct world *w)
{
    while (w->n_letters)
        confirm_letter(w, 0, SL_OK);
}

static void c14_records_that_are_too_large_count_against_the_limit(void **state)
{
    const struct sl_sink_type *const types[] = {&fake_items_type, &fake_cuts_type};
    struct world w;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        world_init(&w, types[t], 7);
        w.config.dead_letter_limit = 3;
        for (int i = 0; i < 3; i++) {
            route_large(&w);
            confirm_all(&w);
        }
        assert_int_equal(*w.sink->count.dead, 3);
        assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
        route_large(&w);
        assert_int_equal(w.n_letters, 0);
        assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
        assert_non_null(strstr(sl_sink_reason(w.sink), "too large"));
        assert_non_null(strstr(sl_sink_reason(w.sink), "dead_letter.limit"));
        fill(&w, 1, 40);
        sl_sink_close_open(w.sink, NULL);
        for (int i = 0; i < 100; i++) { /* it holds the position, and the sink */
            fake_advance(&w.fake, 10000);
            pump(&w);
            assert_int_equal(w.sinks.n, 0);
        }
        assert_true(sl_partition_position(w.partitions[0], 0) < w.partitions[0]->next);
        check(&w);
        reassign(&w, 0); /* who reads it next decides anew */
        settle_everything(&w);
        assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
        world_release(&w);
    }
}

/* The share is of the last 1,000 records: what was delivered meanwhile makes way for refusals. */
static void deliveries_make_way_for_further_refusals(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.config.dead_letter_limit = 1;
    for (int i = 1; i < PARTITIONS; i++) {
        route_large(&w);
        confirm_all(&w);
        assert_int_equal(*w.sink->count.dead, i);
        for (int k = 0; k < 40; k++) {
            fill(&w, i, 50);
            pump(&w);
            while (w.sinks.n > 0)
                reply(&w, 0, true);
        }
    }
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    settle_everything(&w);
    world_release(&w);
}

/* ---- latency ---- */

/* Answers all that is under way after so long, again and again. */
static void serve(struct world *w, int rounds, uint64_t ms)
{
    for (int i = 0; i < rounds; i++) {
        while (w->sinks.n < w->config.requests && w->partitions[0]->next < OFFSETS - 100 &&
               sl_sink_bytes(w->sink) < w->config.queue_bytes / 2) {
            fill(w, 0, 70);
            pump(w);
        }
        fake_advance(&w->fake, ms);
        for (size_t n = w->sinks.n; n > 0; n--)
            reply(w, 0, true);
        pump(w);
    }
}

static void a_destination_that_slows_down_gets_less(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.config.queue_bytes = 64 << 10;
    serve(&w, 5, 400);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    serve(&w, 1, 1590); /* not four times as long */
    assert_int_equal((int)w.sink->core->concurrency, 4);
    serve(&w, 6, 5000);
    assert_true(w.sink->core->concurrency < 3);
    serve(&w, 12, 400);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    settle_everything(&w);
    world_release(&w);
}

static void what_always_took_long_is_not_slow(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.config.queue_bytes = 64 << 10;
    serve(&w, 6, 3000);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    settle_everything(&w);
    world_release(&w);

    world_init(&w, &fake_items_type, 7); /* nor what is below a second */
    w.config.queue_bytes = 64 << 10;
    serve(&w, 3, 10);
    serve(&w, 6, 900);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    settle_everything(&w);
    world_release(&w);
}

/* What was quick long ago is no measure any more. */
static void the_best_is_of_the_last_minutes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    sl_retry_pace(w.sink, 100, 1000, true);
    sl_retry_pace(w.sink, 1500, 1000, true);
    assert_true(w.sink->core->concurrency < 4);
    w.sink->core->concurrency = 4;
    fake_advance(&w.fake, 130 * 1000);
    sl_retry_pace(w.sink, 1500, 1000, true);
    assert_true(w.sink->core->concurrency < 4);
    w.sink->core->concurrency = 4;
    fake_advance(&w.fake, 130 * 1000);
    sl_retry_pace(w.sink, 1500, 1000, true);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    fake_advance(&w.fake, 600 * 1000);
    sl_retry_pace(w.sink, 9000, 1000, true);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    world_release(&w);
}

/* A large object may take its time, and a failure shows no pace. */
static void larger_requests_may_take_longer(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    sl_retry_pace(w.sink, 100, 1000, true);
    sl_retry_pace(w.sink, 30000, 100000, true);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    sl_retry_pace(w.sink, 50000, 100000, true);
    assert_true(w.sink->core->concurrency < 4);
    world_release(&w);

    world_init(&w, &fake_items_type, 7);
    sl_retry_pace(w.sink, 1, 1000, false); /* refused at the door */
    sl_retry_pace(w.sink, 1500, 1000, true);
    assert_int_equal((int)w.sink->core->concurrency, 4);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c14_records_that_are_too_large_count_against_the_limit),
        cmocka_unit_test(deliveries_make_way_for_further_refusals),
        cmocka_unit_test(a_destination_that_slows_down_gets_less),
        cmocka_unit_test(what_always_took_long_is_not_slow),
        cmocka_unit_test(the_best_is_of_the_last_minutes),
        cmocka_unit_test(larger_requests_may_take_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
