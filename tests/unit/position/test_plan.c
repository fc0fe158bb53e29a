/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "position/fixture.h"

static struct sl_plan plan_of(const struct sl_partition *p)
{
    return p->sinks[0].plan;
}

static void a_cut_goes_when_its_plan_was_committed(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 3);

    (void)state;
    assert_false(sl_plan_unconfirmed(p));
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_PROPOSED);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    assert_true(sl_plan_unconfirmed(p));
    sl_partition_noting(p, true);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT); /* sent is not confirmed */
    assert_int_equal(sl_partition_noted(p), 0);
    assert_int_equal(p->committed, 0);
    assert_false(sl_plan_unconfirmed(p));
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    assert_int_equal(plan_of(p).end, 0);
    assert_int_equal(sl_partition_position(p, 0), 3);
    sl_partition_unref(p);
}

static void a_commit_that_was_sent_before_the_plan_confirms_nothing(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 3);

    (void)state;
    sl_partition_noting(p, true);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_PROPOSED);
    sl_partition_noted(p);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    assert_true(sl_plan_unconfirmed(p));
    fixture_commit(p);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

static void a_refused_commit_confirms_nothing(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 3);

    (void)state;
    sl_plan_gate(cut);
    sl_partition_noting(p, true); /* and no answer that it was done */
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    fixture_commit(p);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

/* The same bounds, but another proposal: what is under way carried the former. */
static void a_commit_confirms_only_the_plan_that_it_carried(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 3);

    (void)state;
    sl_plan_gate(cut);
    sl_partition_noting(p, true);
    p->sinks[0].plan = (struct sl_plan){0};
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_PROPOSED);
    sl_partition_noted(p);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

static void without_a_line_a_plan_goes_unrecorded_and_is_counted(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 3);

    (void)state;
    sl_plan_gate(cut);
    sl_partition_noting(p, false);
    assert_int_equal(sl_partition_noted(p), 1);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_partition_noting(p, false);
    assert_int_equal(sl_partition_noted(p), 0); /* once */
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

static void one_plan_at_a_time_and_the_oldest_first(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *a = fixture_cut(p, 0, false, 0, 2), *b = fixture_cut(p, 0, false, 2, 4);

    (void)state;
    assert_int_equal(sl_plan_gate(b), SL_PLAN_WAIT);
    assert_int_equal(plan_of(p).end, 0);
    assert_int_equal(sl_plan_gate(a), SL_PLAN_PROPOSED);
    fixture_commit(p);
    assert_int_equal(sl_plan_gate(b), SL_PLAN_WAIT);
    assert_int_equal(plan_of(p).end, 2); /* never extended */
    sl_hold_unref(a);
    assert_int_equal(sl_plan_gate(b), SL_PLAN_PROPOSED);
    assert_int_equal(plan_of(p).first, 2);
    sl_hold_unref(b);
    sl_partition_unref(p);
}

static void partitions_and_sinks_have_plans_of_their_own(void **state)
{
    struct sl_partition *p = fixture_partition(2, 0), *q = fixture_partition(1, 0);
    struct sl_hold *a = fixture_cut(p, 0, false, 0, 2), *b = fixture_cut(q, 0, false, 0, 1);
    struct sl_hold *c = sl_hold_new(1, true, false);

    (void)state;
    p->next = 0;
    fixture_live(p, c, 0, 2);
    sl_hold_close(c);
    assert_int_equal(sl_plan_gate(a), SL_PLAN_PROPOSED);
    assert_int_equal(sl_plan_gate(b), SL_PLAN_PROPOSED);
    assert_int_equal(sl_plan_gate(c), SL_PLAN_PROPOSED);
    sl_hold_unref(a);
    sl_hold_unref(b);
    sl_hold_unref(c);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void an_ended_assignment_sends_nothing(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 2);

    (void)state;
    sl_plan_gate(cut);
    fixture_commit(p);
    p->ended = true;
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

/* Readings C and J: what was recorded is repeated as it was, also when its commit was not answered
 * yet. */
static void a_detached_sink_repeats_its_plan(void **state)
{
    (void)state;
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        struct sl_partition *p = fixture_partition(2, 0);
        struct sl_hold *cut = fixture_cut(p, 0, false, 0, 2);

        sl_plan_gate(cut);
        sl_partition_noting(p, true);
        if (confirmed)
            sl_partition_noted(p);
        fixture_live(p, NULL, 2, 5);
        sl_partition_detach(p, 0);
        fixture_let_go(cut);
        assert_int_equal(sl_plan_repeat_end(p, 0), 2);
        assert_int_equal(sl_partition_position(p, 0), 0);
        if (!confirmed)
            sl_partition_noted(p); /* it lands */
        assert_true(plan_of(p).confirmed);

        cut = fixture_cut(p, 0, true, 0, 2);
        assert_int_equal(sl_plan_repeat_end(p, 0), 0);
        assert_int_equal(cut->spans[0]->first, 0);
        assert_int_equal(cut->spans[0]->last, 1);
        assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
        sl_hold_unref(cut);
        assert_int_equal(plan_of(p).end, 0);
        assert_int_equal(sl_partition_position(p, 0), 2);
        sl_partition_unref(p);
    }
}

static void what_was_let_go_never_goes_and_ends_no_plan(void **state)
{
    struct sl_partition *p = fixture_partition(2, 0);
    struct sl_hold *cut = fixture_cut(p, 0, false, 0, 2);

    (void)state;
    sl_plan_gate(cut);
    fixture_commit(p);
    sl_partition_detach(p, 0);
    sl_hold_let_go(cut);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_WAIT);
    sl_hold_unref(cut); /* a late reply */
    assert_int_equal(plan_of(p).end, 2);
    assert_int_equal(sl_partition_position(p, 0), 0);
    sl_partition_unref(p);
}

/* Compaction has taken both ends of what was planned. */
static void a_repeated_cut_has_the_bounds_of_the_plan(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *cut = sl_hold_new(0, true, true);

    (void)state;
    fixture_planned(p, 0, 10, 16);
    sl_hold_cover(cut, p, 12);
    sl_partition_caught(p, 0, 12, 0, 0);
    assert_int_equal(sl_partition_position(p, 0), 10);
    assert_int_equal(sl_plan_repeat_end(p, 0), 16);
    sl_partition_caught_skip(p, 0, 16); /* the next record lies beyond */
    sl_hold_close(cut);
    assert_int_equal(cut->spans[0]->first, 10);
    assert_int_equal(cut->spans[0]->last, 15);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    assert_int_equal(sl_partition_position(p, 0), 16);
    sl_partition_unref(p);
}

static void a_cut_that_ends_at_the_hand_over_has_the_bounds_too(void **state)
{
    struct sl_partition *p = fixture_partition(2, 16);
    struct sl_hold *cut = sl_hold_new(0, true, true);

    (void)state;
    fixture_planned(p, 0, 10, 16);
    sl_partition_hand_over(p, 0);
    fixture_side(p, cut, 0, 10, 15);
    sl_partition_caught_skip(p, 0, 20);
    assert_true(sl_partition_attached(p, 0));
    sl_hold_close(cut);
    assert_int_equal(cut->spans[0]->last, 15);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    sl_partition_unref(p);
}

static void a_plan_is_the_position_although_its_first_record_is_not_routed_now(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);

    (void)state;
    fixture_planned(p, 0, 10, 12);
    sl_partition_caught(p, 0, 10, 0, 0);
    assert_int_equal(sl_partition_position(p, 0), 10);
    assert_int_equal(plan_of(p).end, 12);
    sl_partition_caught(p, 0, 11, 0, 0); /* nor is the other one: nothing is left of it */
    assert_int_equal(plan_of(p).end, 0);
    assert_int_equal(sl_partition_position(p, 0), 12);
    sl_partition_unref(p);
}

static void a_plan_given_up_half_way_is_begun_again(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *cut = sl_hold_new(0, true, true);

    (void)state;
    fixture_planned(p, 0, 10, 14);
    fixture_side(p, cut, 0, 10, 12);
    fixture_let_go(cut);
    assert_int_equal(p->sinks[0].catch_up, 10);
    assert_int_equal(sl_plan_repeat_end(p, 0), 14);
    sl_partition_unref(p);
}

/* A record of the plan was too large, and waits for its dead letter. */
static void a_plan_lasts_until_its_dead_letters_are_confirmed(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *letter = sl_hold_new(0, false, true), *cut = sl_hold_new(0, true, true);

    (void)state;
    fixture_planned(p, 0, 10, 12);
    fixture_side(p, cut, 0, 10, 11);
    fixture_side(p, letter, 0, 11, 12);
    sl_hold_close(cut);
    sl_hold_unref(cut);
    assert_int_equal(plan_of(p).end, 12);
    assert_int_equal(sl_partition_position(p, 0), 10);
    sl_hold_unref(letter);
    assert_int_equal(plan_of(p).end, 0);
    assert_int_equal(sl_partition_position(p, 0), 12);
    sl_partition_unref(p);
}

static void retention_voids_a_plan_that_was_not_read_to_its_end(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *cut = sl_hold_new(0, true, true);
    int64_t from;

    (void)state;
    fixture_planned(p, 0, 10, 14);
    fixture_side(p, cut, 0, 10, 12);
    assert_int_equal(sl_partition_expire(p, 0, 13, &from), 1);
    assert_int_equal(from, 12);
    assert_int_equal(plan_of(p).end, 0);
    assert_int_equal(sl_plan_repeat_end(p, 0), 0);
    sl_hold_close(cut); /* an ordinary one */
    assert_int_equal(cut->spans[0]->last, 11);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_PROPOSED);
    assert_int_equal(plan_of(p).end, 12);
    sl_hold_unref(cut);
    assert_int_equal(sl_partition_position(p, 0), 13);
    sl_partition_unref(p);
}

static void retention_leaves_a_plan_that_was_read(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *cut;
    int64_t from;

    (void)state;
    fixture_planned(p, 0, 10, 12);
    cut = fixture_cut(p, 0, true, 10, 12);
    assert_int_equal(sl_partition_expire(p, 0, 15, &from), 3);
    assert_int_equal(sl_plan_gate(cut), SL_PLAN_GO);
    sl_hold_unref(cut);
    assert_int_equal(sl_partition_position(p, 0), 15);
    sl_partition_unref(p);
}

static void new_cuts_of_the_side_reader_wait_for_the_repeated_one(void **state)
{
    struct sl_partition *p = fixture_partition(2, 20);
    struct sl_hold *old, *new;

    (void)state;
    fixture_planned(p, 0, 10, 12);
    old = fixture_cut(p, 0, true, 10, 12);
    new = fixture_cut(p, 0, true, 12, 15);
    assert_int_equal(new->spans[0]->first, 12);
    assert_int_equal(new->spans[0]->last, 14);
    assert_int_equal(sl_plan_gate(new), SL_PLAN_WAIT);
    assert_int_equal(sl_plan_gate(old), SL_PLAN_GO);
    sl_hold_unref(old);
    assert_int_equal(sl_plan_gate(new), SL_PLAN_PROPOSED);
    sl_hold_unref(new);
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_goes_when_its_plan_was_committed),
        cmocka_unit_test(a_commit_that_was_sent_before_the_plan_confirms_nothing),
        cmocka_unit_test(a_refused_commit_confirms_nothing),
        cmocka_unit_test(a_commit_confirms_only_the_plan_that_it_carried),
        cmocka_unit_test(without_a_line_a_plan_goes_unrecorded_and_is_counted),
        cmocka_unit_test(one_plan_at_a_time_and_the_oldest_first),
        cmocka_unit_test(partitions_and_sinks_have_plans_of_their_own),
        cmocka_unit_test(an_ended_assignment_sends_nothing),
        cmocka_unit_test(a_detached_sink_repeats_its_plan),
        cmocka_unit_test(what_was_let_go_never_goes_and_ends_no_plan),
        cmocka_unit_test(a_repeated_cut_has_the_bounds_of_the_plan),
        cmocka_unit_test(a_cut_that_ends_at_the_hand_over_has_the_bounds_too),
        cmocka_unit_test(a_plan_is_the_position_although_its_first_record_is_not_routed_now),
        cmocka_unit_test(a_plan_given_up_half_way_is_begun_again),
        cmocka_unit_test(a_plan_lasts_until_its_dead_letters_are_confirmed),
        cmocka_unit_test(retention_voids_a_plan_that_was_not_read_to_its_end),
        cmocka_unit_test(retention_leaves_a_plan_that_was_read),
        cmocka_unit_test(new_cuts_of_the_side_reader_wait_for_the_repeated_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
