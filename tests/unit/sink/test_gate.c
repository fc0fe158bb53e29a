/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts are uploaded when their plan is recorded, one of a partition after the other. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core_readers.h"

static void start(struct world *w)
{
    world_init(w, &fake_cuts_type, 7);
    w->env.commit = on_commit;
}

/* Reads n records of a partition and closes their cut. */
static void cut(struct world *w, int i, int n)
{
    fill(w, i, n);
    sl_sink_close_open(w->sink, w->partitions[i]);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
}

static int64_t first_of(const struct sl_batch *b)
{
    return b->hold->spans[0]->first;
}

static void all_sent_end_at(struct world *w, int64_t last)
{
    assert_true(w->sinks.n > 0);
    for (size_t i = 0; i < w->sinks.n; i++)
        assert_int_equal(w->sinks.pending[i]->hold->spans[0]->last, last);
}

static void reply_all(struct world *w)
{
    while (w->sinks.n > 0)
        reply(w, 0, true);
}

static void an_object_is_sent_only_when_its_plan_is_recorded(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    fill(&w, 0, 20);
    sl_sink_close_open(w.sink, NULL);
    assert_int_equal(w.commits, 1); /* at once, while the objects are compressed */
    pump(&w);
    assert_int_equal(w.commits, 1); /* and once for all of them */
    assert_int_equal(w.sinks.n, 0);
    fake_advance(&w.fake, 3600 * 1000);
    sl_sink_pump(w.sink);
    assert_int_equal(w.sinks.n, 0);
    assert_int_equal(w.commits, 1);
    assert_int_equal(w.partitions[0]->sinks[0].plan.end, 20);
    assert_false(sl_sink_idle(w.sink)); /* nor is it drained, or stalled */
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    assert_false(sl_partition_idle(w.partitions[0]));
    commit_all(&w);
    all_sent_end_at(&w, 19);
    reply_all(&w);
    settle_everything(&w);
    world_release(&w);
}

/* A commit that was on its way before the plan was made does not record it. */
static void a_commit_that_left_before_records_nothing(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    commit_begin(&w, 0);
    cut(&w, 0, 20);
    commit_end(&w, 0);
    assert_int_equal(w.sinks.n, 0);
    commit_all(&w);
    assert_true(w.sinks.n > 0);
    settle_everything(&w);
    world_release(&w);
}

static void cuts_of_a_partition_go_one_after_the_other(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    for (int i = 0; i < 5; i++)
        cut(&w, 0, 20);
    cut(&w, 1, 10); /* other partitions do not wait */
    assert_int_equal(w.commits, 2);
    commit_begin(&w, 1);
    commit_end(&w, 1);
    all_sent_end_at(&w, 9);
    reply_all(&w);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(w.commits, 2 + i);
        commit_all(&w);
        all_sent_end_at(&w, 20 * (i + 1) - 1);
        while (w.sinks.n > 1) /* the last object of the cut makes way for the next */
            reply(&w, 0, true);
        commit_all(&w);
        all_sent_end_at(&w, 20 * (i + 1) - 1);
        reply_all(&w);
        assert_true(sl_partition_position(w.partitions[0], 0) >= 20 * (i + 1));
    }
    assert_true(sl_sink_idle(w.sink));
    world_release(&w);
}

/* Commands that run a sink alone. */
static void where_nobody_commits_a_plan_counts_as_recorded(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    w.env.commit = NULL;
    cut(&w, 0, 20);
    cut(&w, 0, 20);
    for (int64_t last = 19; w.sinks.n > 0;) { /* but each in its turn */
        if (first_of(w.sinks.pending[0]) >= 20)
            last = 39;
        all_sent_end_at(&w, last);
        reply(&w, 0, true);
    }
    assert_true(sl_sink_idle(w.sink));
    world_release(&w);
}

/* Whoever comes next must find the cut as it was planned: a record that can only be a dead letter
 * holds it, or a restart would begin behind what was uploaded. */
static void a_dead_letter_of_a_cut_holds_it(void **state)
{
    struct world w;
    int64_t first;
    unsigned n;

    (void)state;
    start(&w);
    fill(&w, 0, 10);
    first = sl_partition_position(w.partitions[0], 0);
    while (w.n_letters == 0)
        assert_true(route(&w, 0, 300000));
    fill(&w, 0, 10);
    sl_sink_close_open(w.sink, NULL);
    pump(&w);
    commit_all(&w);
    reply_all(&w);
    assert_int_equal(sl_partition_position(w.partitions[0], 0), first);
    assert_true(w.partitions[0]->sinks[0].plan.end > 0);
    cut(&w, 0, 10);
    commit_all(&w);
    assert_int_equal(w.sinks.n, 0);
    n = w.commits;
    confirm_letter(&w, 0, SL_OK);
    assert_true(sl_partition_position(w.partitions[0], 0) > first);
    assert_int_equal(w.commits, n + 1); /* for the next cut */
    commit_all(&w);
    assert_true(w.sinks.n > 0 && first_of(w.sinks.pending[0]) > first);
    settle_everything(&w);
    check(&w);
    world_release(&w);
}

/* A cut may be done before it is closed. */
static void a_cut_of_dead_letters_alone_opens_the_gate(void **state)
{
    struct world w;
    int64_t at = 0;

    (void)state;
    start(&w);
    while (!chosen(0, at))
        at++;
    fill(&w, 0, (int)at + 1);
    detach(&w);
    sl_partition_hand_over(w.partitions[0], 0);
    cut(&w, 0, 20);
    assert_int_equal(w.commits, 0);
    while (w.partitions[0]->sinks[0].catch_up < at)
        assert_true(catch_up(&w, 0, 10));
    offer(&w, 0, at, true, 300000);
    confirm_letter(&w, 0, SL_OK);
    sl_partition_caught(w.partitions[0], 0, at, 0, 0);
    assert_true(sl_partition_attached(w.partitions[0], 0));
    assert_int_equal(w.commits, 0);
    sl_sink_close_reader(w.sink, w.partitions[0], true);
    assert_int_equal(w.commits, 1);
    settle_everything(&w);
    check(&w);
    world_release(&w);
}

/* Its plan is known to be recorded still: a retry waits for nothing but its timer. */
static void a_retry_needs_no_second_commit(void **state)
{
    const struct sl_result busy = {.outcome = SL_AGAIN, .status = 500, .reason = "busy"};
    struct world w;
    size_t n;

    (void)state;
    start(&w);
    cut(&w, 0, 20);
    commit_all(&w);
    n = w.sinks.n;
    assert_true(n > 0);
    sl_sink_done(take_pending(&w, 0), &busy);
    fake_advance(&w.fake, 5000);
    assert_int_equal(w.sinks.n, n);
    assert_int_equal(w.commits, 1);
    settle_everything(&w);
    world_release(&w);
}

/* An assignment that has ended sends nothing more, recorded or not. */
static void what_waits_goes_with_its_assignment(void **state)
{
    struct world w;

    (void)state;
    start(&w);
    cut(&w, 0, 20);
    cut(&w, 0, 20);
    commit_begin(&w, 0);
    w.partitions[0]->ended = true;
    sl_partition_noted(w.partitions[0]); /* the answer comes late */
    sl_sink_let_go(w.sink);
    sl_sink_pump(w.sink);
    assert_int_equal(w.sinks.n, 0);
    assert_true(sl_sink_idle(w.sink));
    assert_int_equal(*w.sink->count.let_go, *w.sink->count.routed);
    check_books(&w, w.partitions[0]);
    world_release(&w);
}

/* The live reader's cuts wait for all that the side reader still has to bring, whether or not any
 * of it is for this sink. */
static void a_hand_over_that_is_complete_opens_the_gate(void **state)
{
    struct world w;
    int64_t from;

    (void)state;
    start(&w);
    for (from = 10; chosen(0, from); from++)
        ;
    fill(&w, 0, (int)from + 1); /* the last one is not for it */
    detach(&w);
    sl_partition_hand_over(w.partitions[0], 0);
    cut(&w, 0, 20);
    while (w.partitions[0]->sinks[0].catch_up < from)
        assert_true(catch_up(&w, 0, 10));
    sl_sink_close_reader(w.sink, w.partitions[0], true);
    pump(&w);
    commit_all(&w);
    reply_all(&w);
    assert_int_equal(w.commits, 1);
    assert_true(catch_up(&w, 0, 10));
    assert_true(sl_partition_attached(w.partitions[0], 0));
    assert_int_equal(w.commits, 2);
    settle_everything(&w);
    check(&w);
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_sent_only_when_its_plan_is_recorded),
        cmocka_unit_test(a_commit_that_left_before_records_nothing),
        cmocka_unit_test(cuts_of_a_partition_go_one_after_the_other),
        cmocka_unit_test(where_nobody_commits_a_plan_counts_as_recorded),
        cmocka_unit_test(a_dead_letter_of_a_cut_holds_it),
        cmocka_unit_test(a_cut_of_dead_letters_alone_opens_the_gate),
        cmocka_unit_test(a_retry_needs_no_second_commit),
        cmocka_unit_test(what_waits_goes_with_its_assignment),
        cmocka_unit_test(a_hand_over_that_is_complete_opens_the_gate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
