/* SPDX-License-Identifier: Apache-2.0 */
/* Who is left behind and who holds up the others, how a sink catches up, what an arrival does with
 * positions, what retention takes, and the books. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/flow_single.h"

enum { A = 0, S = CUTS_SINK, B = 2, A_AND_B = 1 << A | 1 << B };

/* overflow: block for the sinks of this set. */
static struct world *world_of(unsigned all_to, size_t size, uint64_t blocking)
{
    struct world *w = sl_zalloc(sizeof(*w));

    w->plain = true;
    world_init(w, 15 & ~blocking);
    w->all_to = all_to;
    w->size = size;
    return w;
}

static void end(struct world *w)
{
    check(w);
    world_release(w);
    free(w);
}

static void deliver_all(struct world *w, size_t sink)
{
    turn(w);
    while (pending_of(w, sink)) {
        deliver(take_of(w, sink));
        turn(w);
    }
}

/* A answers nothing, B everything. */
static void feed(struct world *w, struct sl_partition *p, int records)
{
    for (int i = 0; i < records && !w->paused; i++) {
        next_message(w, p);
        deliver_all(w, B);
    }
}

/* As a sink stands that has let go of everything: after a hand-over that could not be, or when it
 * arrives behind. */
static void take_back(struct world *w, struct sl_partition *p, size_t sink)
{
    sl_partition_detach(p, sink);
    sl_sink_detach(w->p.sinks[sink]);
    sl_flow_look(&w->p);
}

static uint64_t detaches(const struct world *w, size_t sink)
{
    return w->sunk[DETACHES][sink];
}

static char *entry(size_t sink, const char *rest)
{
    char id[7];

    sl_metadata_short_id(position_ids[sink], id);
    return sl_asprintf(";s%s=%s", id, rest);
}

static struct sl_partition *arrive(struct world *w, int64_t base, const char *a, const char *s,
                                   const char *b)
{
    char *at = a ? entry(A, a) : sl_strdup(""), *st = s ? entry(S, s) : sl_strdup(""),
         *bt = b ? entry(B, b) : sl_strdup(""), *line = sl_asprintf("%s%s%s", at, st, bt);
    struct sl_partition *p = begin_anew(w, 0, base, line);

    free(at);
    free(st);
    free(bt);
    free(line);
    return p;
}

/* ---- detach ---- */

static void a_full_sink_is_left_behind_and_the_others_go_on(void **state)
{
    struct world *w = world_of(A_AND_B, 1000, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 400);
    assert_false(w->paused);
    assert_int_equal(p->next, 400);
    assert_true(detaches(w, A) >= 1);
    assert_int_equal(detaches(w, B), 0);
    assert_int_equal(sl_partition_position(p, A), 0);
    assert_true(sl_partition_position(p, B) > 390);
    assert_int_equal(sl_flow_state(&w->p, A), SL_SINK_CATCHING_UP);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_false(sl_partition_attached(partition(w, i), A));
    end(w);
}

static void one_that_blocks_holds_up_all(void **state)
{
    struct world *w = world_of(A_AND_B, 1000, 1 << A);

    (void)state;
    feed(w, partition(w, 0), 400);
    assert_true(w->paused);
    assert_int_equal(detaches(w, A), 0);
    deliver_all(w, A);
    fake_advance(&w->fake, 0);
    assert_false(w->paused);
    end(w);
}

static void the_only_one_blocks(void **state)
{
    struct world *w = world_of(1 << A, 1000, 0);
    struct sl_partition *p = arrive(w, 0, "rs", "0!", "0!");

    (void)state;
    feed(w, p, 400);
    assert_true(w->paused);
    assert_int_equal(detaches(w, A), 0);
    end(w);
}

static void of_a_compacted_topic_nobody_is_left_behind(void **state)
{
    struct world *w = world_of(A_AND_B, 1000, 0);

    (void)state;
    partition(w, 1)->compacted = true;
    sl_flow_look(&w->p);
    feed(w, partition(w, 0), 400);
    assert_true(w->paused);
    assert_int_equal(detaches(w, A), 0);
    end(w);
}

static void when_all_are_full_the_source_pauses(void **state)
{
    struct world *w = world_of(A_AND_B | 1 << S, 1000, 0);

    (void)state;
    w->sinks[S].queue_bytes = 95000; /* it keeps no originals */
    while (!w->paused)
        next_message(w, partition(w, 0));
    for (size_t i = 0; i < SINKS; i++) {
        assert_int_equal(detaches(w, i), 0);
        assert_true(sl_flow_above(&w->p, i, SL_HIGH_SHARE));
    }
    deliver_all(w, B); /* there is one with room now */
    fake_advance(&w->fake, 0);
    assert_false(w->paused);
    end(w);
}

static void above_three_quarters_for_too_long(void **state)
{
    struct world *w = world_of(A_AND_B, 1000, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    while (!sl_flow_above(&w->p, A, SL_HIGH_SHARE))
        feed(w, p, 1);
    fake_advance(&w->fake, 999);
    feed(w, p, 1);
    assert_int_equal(detaches(w, A), 0);
    fake_advance(&w->fake, 1000);
    fake_advance(&w->fake, 1000);
    assert_int_equal(detaches(w, A), 1);
    end(w);
}

/* ---- catching up ---- */

static void a_sink_catches_up_and_the_hand_over_is_exact(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 50);
    sl_flow_detach(&w->p, A);
    feed(w, p, 50);
    assert_int_equal(sl_partition_position(p, A), 0);
    for (int i = 0; i < 300 && !sl_partition_attached(p, A); i++) {
        for (int k = 0; k < 8; k++)
            side_message(w);
        deliver_all(w, A);
        feed(w, p, 1);
        fake_advance(&w->fake, 10);
    }
    assert_true(sl_partition_attached(p, A));
    assert_int_equal(sl_flow_state(&w->p, A), SL_SINK_LIVE);
    fake_advance(&w->fake, 1000);
    deliver_all(w, A);
    assert_int_equal(sl_partition_position(p, A), p->next);
    assert_int_equal(*w->p.sinks[A]->count.delivered, *w->p.sinks[A]->count.routed);
    assert_int_equal(*w->p.sinks[A]->count.let_go, 0); /* what it had it kept */
    assert_int_equal(p->sinks[A].delivered, p->next);  /* none twice, none missing */
    end(w);
}

static void a_stalled_sink_gets_one_batch(void **state)
{
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "denied"};
    struct world *w = world_of(A_AND_B, 1000, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 20);
    fake_advance(&w->fake, 1000);
    turn(w);
    while (pending_of(w, A))
        sl_sink_done(take_of(w, A), &denied);
    feed(w, p, 400);
    assert_true(detaches(w, A) >= 1);
    assert_int_equal(sl_flow_state(&w->p, A), SL_SINK_DETACHED);
    take_back(w, p, A);
    turn(w);
    for (int i = 0; i < 100; i++) {
        side_message(w);
        turn(w);
    }
    assert_true(sl_sink_bytes(w->p.sinks[A]) > 0);
    assert_true(sl_sink_bytes(w->p.sinks[A]) < 3 * w->sinks[A].batch_bytes);
    fake_advance(&w->fake, 5000); /* the probe is sent */
    turn(w);
    assert_int_equal(pending_of(w, A), 1);
    deliver_all(w, A);
    assert_int_equal(sl_sink_state(w->p.sinks[A]), SL_SINK_LIVE);
    fake_advance(&w->fake, 1000);
    assert_true(side_message(w)); /* and it goes on */
    end(w);
}

static void the_rate_is_kept(void **state)
{
    struct world *w = world_of(A_AND_B, 10, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    w->sinks[A].catch_up_rate = 7;
    w->sinks[A].queue_bytes = 8000; /* so that it is far behind for long */
    feed(w, p, 200);
    sl_flow_detach(&w->p, A);
    turn(w);
    for (int second = 0; second < 5; second++) {
        uint64_t before = w->sunk[READ_AGAIN][A];

        for (int i = 0; i < 20; i++)
            side_message(w);
        if (second > 0)
            assert_int_equal(w->sunk[READ_AGAIN][A] - before, 7);
        deliver_all(w, A);
        fake_advance(&w->fake, 1000);
        fake_advance(&w->fake, 0);
    }
    end(w);
}

static void two_that_are_behind_take_turns(void **state)
{
    struct world *w = world_of(A_AND_B | 1 << S, 100, 0);
    struct sl_partition *p = partition(w, 0);
    bool served[SINKS] = {false};

    (void)state;
    w->sinks[A].queue_bytes = w->sinks[B].queue_bytes = 16000;
    for (int i = 0; i < 1000; i++) {
        next_message(w, p);
        turn(w);
        while (pending_of(w, S))
            deliver(take_of(w, S));
    }
    assert_false(sl_partition_attached(p, A) || sl_partition_attached(p, B));
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 30; k++) /* so few that neither is done */
            side_message(w);
        deliver_all(w, A);
        deliver_all(w, B);
        for (size_t s = 0; s < SINKS; s++)
            served[s] |= sl_catchup_serves(&w->p, s);
        fake_advance(&w->fake, 1000);
    }
    assert_true(served[A] && served[B]);
    end(w);
}

/* It stands further back than what the side reader has sent already. */
static void what_comes_before_it_is_asked_for_anew_is_void(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = arrive(w, 0, "0!", "rs", "rs");

    (void)state;
    turn(w);
    while (w->sunk[READ_AGAIN][A] < 5)
        side_message(w);
    take_back(w, p, A);
    w->p.catchup.again = true;
    assert_int_equal(p->sinks[A].catch_up, 0);
    side_message(w);
    side_message(w);
    assert_int_equal(w->sunk[READ_AGAIN][A], 5);
    assert_int_equal(p->sinks[A].catch_up, 0);
    turn(w);
    side_message(w);
    assert_int_equal(w->sunk[READ_AGAIN][A], 6);
    end(w);
}

/* The source stands still where nobody is served, and goes on with who comes up to it first. */
static void a_partition_that_nobody_is_served_from_waits(void **state)
{
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "denied"};
    struct world *w = world_of(1 << A, 100, 0);
    struct sl_partition *p = arrive(w, 0, "rs", "0!", "0!");

    (void)state;
    next_message(w, p);
    fake_advance(&w->fake, 1000);
    turn(w);
    sl_sink_done(take_of(w, A), &denied);
    take_back(w, p, A);
    fake_advance(&w->fake, 0);
    assert_true(w->p.starved && w->paused);
    for (int i = 0; i < 5000 && w->p.starved; i++) {
        side_message(w);
        turn(w);
        fake_advance(&w->fake, 20);
        while (pending_of(w, A))
            sl_sink_done(take_of(w, A), &denied);
    }
    assert_false(w->p.starved);
    fake_advance(&w->fake, 0);
    assert_false(w->paused);
    end(w);
}

/* Cuts of the live reader wait for what is still to be read again, and a drain does not. */
static void a_drain_does_not_wait_for_what_waits_itself(void **state)
{
    struct world *w = world_of(1 << S, 100, 0);
    struct sl_partition *p = arrive(w, 0, "rs", "0!", "rs");

    (void)state;
    sl_partition_hand_over(p, S);
    next_message(w, p);
    assert_false(sl_list_empty(&p->sinks[S].spans));
    begin_revoke(w, true);
    turn(w);
    assert_true(w->drained);
    end_revoke(w, false);
    end(w);
}

/* ---- positions of an arrival ---- */

static void a_new_sink_begins_where_start_says(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p;

    (void)state;
    w->sinks[S].start = SL_START_EARLIEST;
    w->sinks[B].start = SL_START_LATEST;
    p = arrive(w, 40, "2", NULL, NULL);
    assert_int_equal(p->sinks[A].from, 42);
    assert_int_equal(p->sinks[S].catch_up, 0);
    assert_int_equal(p->sinks[B].from, OFFSETS);
    assert_int_equal(p->next, 42);
    w->sinks[S].start = w->sinks[B].start = SL_START_COMMITTED;
    p = arrive(w, 40, "2", NULL, NULL);
    assert_int_equal(p->sinks[S].from, 40);
    assert_int_equal(p->sinks[B].from, 40);
    assert_int_equal(p->next, 40);
    end(w);
}

static void who_is_behind_begins_by_catching_up(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = arrive(w, 0, "5", "0!", "9");

    (void)state;
    assert_int_equal(p->next, 5);
    assert_int_equal(p->sinks[S].catch_up, 0);
    assert_int_equal(p->sinks[B].from, 9);
    assert_int_equal(sl_partition_least(p), 0);
    end(w);
}

static void somebody_goes_on_with_the_live_reader(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = arrive(w, 0, "5!", "0!+3", "9!");

    (void)state;
    assert_int_equal(p->next, 9);
    assert_true(sl_partition_attached(p, B));
    assert_int_equal(p->sinks[A].catch_up, 5);
    p = arrive(w, 0, "0!", "4!+8", "0!"); /* the plan ends foremost */
    assert_int_equal(p->next, 12);
    assert_int_equal(p->sinks[S].from, 12);
    assert_int_equal(p->sinks[S].catch_up, 4);
    end(w);
}

/* ---- retention ---- */

static void what_retention_takes_is_expired(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 50);
    take_back(w, p, A);
    w->checked[A][0] = 30; /* nobody can have what is gone */
    p->log_start = 30;
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(w->sunk[EXPIRED][A], 30);
    assert_int_equal(p->sinks[A].catch_up, 30);
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(w->sunk[EXPIRED][A], 30);
    sl_pipeline_consumer_ops.on_overtaken(&w->p, p, 50, 60);
    assert_int_equal(w->sunk[EXPIRED][A], 30);
    assert_int_equal(w->sunk[EXPIRED][B], 10);
    end(w);
}

static void what_it_took_before_an_arrival_is_expired(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p;

    (void)state;
    w->log_start = w->committed[1] = w->committed[2] = 5;
    p = arrive(w, 0, "0!", "9", "2");
    assert_int_equal(w->sunk[EXPIRED][A], 5);
    assert_int_equal(w->sunk[EXPIRED][B], 3);
    assert_int_equal(w->sunk[EXPIRED][S], 0);
    assert_int_equal(sl_partition_position(p, A), 5);
    assert_int_equal(sl_partition_position(p, B), 5);
    assert_int_equal(p->next, 5);
    world_release(w); /* nobody has had what is gone */
    free(w);
}

static void headroom_is_told_at_its_marks(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 200);
    take_back(w, p, A);
    p->sinks[A].catch_up = 150;
    p->log_start = 100;
    p->log_end = 200;
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(p->sinks[A].warned, 50);
    assert_int_equal(p->sinks[B].warned, 0);
    p->sinks[A].catch_up = 104;
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(p->sinks[A].warned, 95);
    p->sinks[A].catch_up = 199;
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(p->sinks[A].warned, 0); /* it has recovered */
    p->log_start = 0;
    p->sinks[A].catch_up = 0;
    sl_pipeline_consumer_ops.on_bounds(&w->p);
    assert_int_equal(p->sinks[A].warned, 0); /* nothing was ever removed */
    w->checked[A][0] = 0;
    end(w);
}

/* ---- the books ---- */

static void books_that_do_not_balance_end_the_program_with_1(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    feed(w, p, 10);
    fake_advance(&w->fake, 6000);
    assert_int_equal(w->breaches, 0);
    p->sinks[A].routed++; /* a record that is nowhere */
    for (int i = 0; i < 6; i++)
        fake_advance(&w->fake, 1000);
    assert_true(w->breaches > 0);
    p->sinks[A].routed--;
    w->p.phase = SL_PHASE_DRAINING;
    sl_pipeline_consumer_ops.on_closed(&w->p);
    assert_int_equal(w->p.exit_status, 1);
    w->breaches = 0;
    end(w);
}

static void the_books_of_what_ends_are_looked_at_before_it_goes(void **state)
{
    struct world *w = world_of(A_AND_B, 100, 0);

    (void)state;
    feed(w, partition(w, 0), 10);
    partition(w, 0)->decoded++;
    begin_revoke(w, true);
    end_revoke(w, true);
    assert_int_equal(w->breaches, 1);
    w->breaches = 0;
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_sink_is_left_behind_and_the_others_go_on),
        cmocka_unit_test(one_that_blocks_holds_up_all),
        cmocka_unit_test(the_only_one_blocks),
        cmocka_unit_test(of_a_compacted_topic_nobody_is_left_behind),
        cmocka_unit_test(when_all_are_full_the_source_pauses),
        cmocka_unit_test(above_three_quarters_for_too_long),
        cmocka_unit_test(a_sink_catches_up_and_the_hand_over_is_exact),
        cmocka_unit_test(a_stalled_sink_gets_one_batch),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(two_that_are_behind_take_turns),
        cmocka_unit_test(what_comes_before_it_is_asked_for_anew_is_void),
        cmocka_unit_test(a_partition_that_nobody_is_served_from_waits),
        cmocka_unit_test(a_drain_does_not_wait_for_what_waits_itself),
        cmocka_unit_test(a_new_sink_begins_where_start_says),
        cmocka_unit_test(who_is_behind_begins_by_catching_up),
        cmocka_unit_test(somebody_goes_on_with_the_live_reader),
        cmocka_unit_test(what_retention_takes_is_expired),
        cmocka_unit_test(what_it_took_before_an_arrival_is_expired),
        cmocka_unit_test(headroom_is_told_at_its_marks),
        cmocka_unit_test(books_that_do_not_balance_end_the_program_with_1),
        cmocka_unit_test(the_books_of_what_ends_are_looked_at_before_it_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
