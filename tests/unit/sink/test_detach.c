/* SPDX-License-Identifier: Apache-2.0 */
/* A sink that leaves the live reader lets go of everything, wherever it is, and late answers count
 * for nothing. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core.h"
#include "sink/core_readers.h"

static void start(struct world *w, const struct sl_sink_type *type)
{
    world_init(w, type, 7);
    w->env.commit = on_commit;
}

static void close_all(struct world *w)
{
    sl_sink_close_open(w->sink, NULL);
}

/* Detached: nothing is left, and everything that had no outcome was counted as let go. */
static void detach_empties(struct world *w)
{
    uint64_t settled = *w->sink->count.delivered + *w->sink->count.dead + *w->sink->count.let_go;
    uint64_t in_flight = *w->sink->count.in_flight;

    assert_int_equal(*w->sink->count.routed, settled + in_flight);
    assert_true(in_flight > 0);
    w->wakes = 0;
    detach(w);
    assert_true(w->wakes > 0);
    assert_true(sl_sink_idle(w->sink));
    assert_int_equal(sl_sink_bytes(w->sink), 0);
    assert_int_equal(*w->sink->count.queue_bytes, 0);
    assert_int_equal(*w->sink->count.in_flight, 0);
    assert_int_equal(w->sinks.n, 0); /* cancelled */
    for (int i = 0; i < PARTITIONS; i++)
        assert_true(sl_partition_idle(w->partitions[i]));
    check(w);
}

/* And all of it arrives, read again. */
static void catches_up(struct world *w)
{
    uint64_t n = 0;

    catch_up_all(w);
    settle_everything(w);
    check(w);
    for (int i = 0; i < PARTITIONS; i++) {
        assert_int_equal(sl_partition_least(w->partitions[i]), w->partitions[i]->next);
        for (int64_t o = 0; o < w->partitions[i]->next; o++)
            n += w->fate[i][o] == DELIVERED || w->fate[i][o] == DEAD;
    }
    assert_true(n > 0 && *w->sink->count.delivered + *w->sink->count.dead >= n);
    assert_int_equal(sl_sink_state(w->sink), SL_SINK_LIVE);
    world_release(w);
}

static void open_and_closed_batches_are_let_go(void **state)
{
    const struct sl_sink_type *const types[] = {&fake_items_type, &fake_cuts_type};
    struct world w;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        start(&w, types[t]);
        for (int i = 0; i < 4; i++) {
            fill(&w, 0, 20);
            close_all(&w); /* more than are sealed at once */
        }
        while (w.fake.n_work)
            fake_run_work(&w.fake);
        while (w.sinks.n)
            reply(&w, 0, true);
        fill(&w, 0, 20);
        fill(&w, 1, 20);
        detach_empties(&w);
        fake_advance(&w.fake, 60000);
        assert_int_equal(w.sinks.n, 0);
        catches_up(&w);
    }
}

static void gated_batches_are_let_go_and_their_plan_stays(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    fill(&w, 0, 20);
    close_all(&w);
    pump(&w);
    fill(&w, 0, 20);
    close_all(&w);
    pump(&w);
    detach_empties(&w);
    assert_int_equal(sl_plan_repeat_end(w.partitions[0], 0), 20);
    commit_all(&w); /* the plan's commit lands after all */
    assert_int_equal(w.sinks.n, 0);
    catches_up(&w);
}

/* The object may be there already: it is made again with the same bounds. */
static void requests_are_cancelled_and_made_again_alike(void **state)
{
    const struct sl_span *span;
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    fill(&w, 0, 23);
    close_all(&w);
    pump(&w);
    commit_all(&w);
    assert_true(w.sinks.n > 0);
    for (size_t i = 0; i < w.sinks.n; i++) /* it was stored, and the answer is lost */
        set_fate_of_body(&w, w.sinks.pending[i], ROUTED);
    fill(&w, 0, 40);
    detach_empties(&w);
    while (w.partitions[0]->sinks[0].catch_up < 23)
        assert_true(catch_up(&w, 0, 10));
    pump(&w);
    assert_true(w.sinks.n > 0);
    span = w.sinks.pending[0]->hold->spans[0];
    assert_int_equal(span->last, 22);
    catches_up(&w);
}

static void requests_of_items_are_cancelled(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_items_type);
    for (int i = 0; i < 8; i++)
        fill(&w, 0, 60);
    pump(&w);
    assert_int_equal(w.sinks.n, 4);
    detach_empties(&w);
    for (int i = 0; i < 8; i++) /* all of them may be used again */
        fill(&w, 1, 1);
    catches_up(&w);
}

static void what_waits_for_a_retry_is_let_go(void **state)
{
    const struct sl_result busy = {.outcome = SL_AGAIN, .status = 500, .reason = "busy"};
    struct world w;

    (void)state;
    start(&w, &fake_items_type);
    fill(&w, 0, 20);
    close_all(&w);
    pump(&w);
    sl_sink_done(take_pending(&w, 0), &busy);
    detach_empties(&w);
    fake_advance(&w.fake, 60000);
    assert_int_equal(w.sinks.n, 0);
    catches_up(&w);
}

/* A pool thread has it: its bytes are counted until the thread is done. */
static void what_a_pool_thread_has_is_let_go_afterwards(void **state)
{
    const struct sl_sink_type *const types[] = {&fake_items_type, &fake_cuts_type};
    struct world w;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        start(&w, types[t]);
        fill(&w, 0, 4);
        close_all(&w);
        assert_true(w.fake.n_work > 0);
        detach(&w);
        assert_true(sl_sink_bytes(w.sink) > 0);
        assert_false(sl_sink_idle(w.sink));
        assert_true(sl_partition_idle(w.partitions[0]));
        check(&w);
        while (w.fake.n_work)
            fake_run_work(&w.fake);
        assert_int_equal(sl_sink_bytes(w.sink), 0);
        assert_true(sl_sink_idle(w.sink));
        assert_int_equal(*w.sink->count.let_go, *w.sink->count.routed);
        assert_int_equal(w.sinks.n, 0);
        check(&w);
        catches_up(&w);
    }
}

/* They are written again; a confirmation that comes late is of no use. */
static void dead_letters_under_way_are_let_go(void **state)
{
    const struct sl_result refused = {.outcome = SL_REFUSED, .status = 400, .reason = "no"};
    struct world w;
    size_t n;

    (void)state;
    start(&w, &fake_items_type);
    fill(&w, 0, 20);
    close_all(&w);
    pump(&w);
    sl_sink_done(take_pending(&w, 0), &refused);
    n = w.n_letters;
    assert_true(n > 1);
    confirm_letter(&w, 0, SL_OK);
    assert_int_equal(*w.sink->count.dead, 1);
    detach_empties(&w);
    while (w.n_letters)
        confirm_letter(&w, 0, SL_OK);
    assert_int_equal(*w.sink->count.dead, 1);
    assert_int_equal(*w.sink->count.let_go, n - 1);
    for (int64_t o = 0; o < 20; o++)
        w.fate[0][o] = NOWHERE;
    catches_up(&w);
}

static void a_letter_of_a_cut_is_let_go_with_it(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    fill(&w, 0, 10);
    while (w.n_letters == 0)
        assert_true(route(&w, 0, 300000));
    detach_empties(&w);
    confirm_letter(&w, 0, SL_OK);
    assert_int_equal(*w.sink->count.dead, 0);
    for (int64_t o = 0; o < OFFSETS; o++)
        w.fate[0][o] = NOWHERE;
    catches_up(&w);
}

/* What stalled the sink is known, and one batch at a time asks whether it is over. */
static void a_stalled_sink_goes_on_probing(void **state)
{
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "not allowed"};
    struct world w;

    (void)state;
    start(&w, &fake_items_type);
    for (int i = 0; i < 8; i++)
        fill(&w, 0, 60);
    pump(&w);
    while (w.sinks.n)
        sl_sink_done(take_pending(&w, 0), &denied);
    while (!w.sinks.n) /* detached while the probe is under way */
        fake_advance(&w.fake, 100);
    detach_empties(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_string_equal(sl_sink_reason(w.sink), "not allowed");
    w.sinks.most = 0;
    while (catch_up(&w, 0, 10))
        ;
    close_all(&w);
    for (int i = 0; i < 20; i++) {
        fake_advance(&w.fake, 2000);
        pump(&w);
        if (w.sinks.n)
            sl_sink_done(take_pending(&w, 0), &denied);
    }
    assert_int_equal(w.sinks.most, 1);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    catches_up(&w);
}

/* A record that can go nowhere stalls the sink while it is there. */
static void what_blocks_is_let_go_too(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_items_type);
    w.config.dead_letter = NULL;
    while (*w.sink->count.routed == 0)
        assert_true(route(&w, 0, 300000));
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    detach_empties(&w);
    w.config.dead_letter = "dead";
    fill(&w, 1, 20);
    catches_up(&w);
}

static void detaching_twice_changes_nothing(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    fill(&w, 0, 20);
    detach_empties(&w);
    detach(&w);
    detach(&w);
    assert_int_equal(*w.sink->count.let_go, *w.sink->count.routed);
    catches_up(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_and_closed_batches_are_let_go),
        cmocka_unit_test(gated_batches_are_let_go_and_their_plan_stays),
        cmocka_unit_test(requests_are_cancelled_and_made_again_alike),
        cmocka_unit_test(requests_of_items_are_cancelled),
        cmocka_unit_test(what_waits_for_a_retry_is_let_go),
        cmocka_unit_test(what_a_pool_thread_has_is_let_go_afterwards),
        cmocka_unit_test(dead_letters_under_way_are_let_go),
        cmocka_unit_test(a_letter_of_a_cut_is_let_go_with_it),
        cmocka_unit_test(a_stalled_sink_goes_on_probing),
        cmocka_unit_test(what_blocks_is_let_go_too),
        cmocka_unit_test(detaching_twice_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
