/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "position/fixture.h"

static void three_states_say_who_serves_what(void **state)
{
    struct sl_partition *p = fixture_partition(3, 10);

    (void)state;
    p->sinks[0].from = 4;
    fixture_detached(p, 1, 6);
    fixture_detached(p, 2, 6);
    sl_partition_hand_over(p, 2);
    assert_true(sl_partition_attached(p, 0));
    assert_false(sl_partition_attached(p, 1));
    assert_false(sl_partition_attached(p, 2));
    assert_int_equal(p->sinks[2].from, 10);
    for (int64_t offset = 10; offset < 20; offset++) {
        assert_true(sl_partition_serves(p, 0, offset));
        assert_false(sl_partition_serves(p, 1, offset));
        assert_true(sl_partition_serves(p, 2, offset));
    }
    assert_false(sl_partition_serves(p, 2, 9));
    assert_int_equal(sl_partition_position(p, 0), 10);
    assert_int_equal(sl_partition_position(p, 1), 6);
    assert_int_equal(sl_partition_position(p, 2), 6); /* what is unread is outstanding */
    assert_int_equal(sl_partition_least(p), 6);
    sl_partition_unref(p);
}

static void a_sink_in_a_gap_keeps_its_position(void **state)
{
    struct sl_partition *p = fixture_partition(1, 10);

    (void)state;
    p->sinks[0].from = 12;
    assert_false(sl_partition_serves(p, 0, 11));
    assert_int_equal(sl_partition_position(p, 0), 12);
    fixture_live(p, NULL, 10, 11);
    assert_int_equal(sl_partition_position(p, 0), 12);
    fixture_live(p, NULL, 11, 15);
    assert_int_equal(sl_partition_position(p, 0), 15);
    sl_partition_unref(p);
}

static void detach_goes_back_to_the_position(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5);
    struct sl_hold *done = sl_hold_new(0, false, false), *open = sl_hold_new(0, false, false);

    (void)state;
    fixture_live(p, done, 5, 6);
    fixture_live(p, open, 6, 8);
    sl_hold_unref(done);
    sl_partition_detach(p, 0);
    fixture_let_go(open);
    assert_int_equal(p->sinks[0].catch_up, 6);
    assert_int_equal(sl_partition_position(p, 0), 6);
    assert_false(sl_partition_serves(p, 0, 8));
    fixture_live(p, NULL, 8, 9);
    assert_int_equal(sl_partition_position(p, 0), 6);
    sl_partition_unref(p);
}

static void detach_in_a_gap_and_while_arriving_keeps_the_position(void **state)
{
    struct sl_partition *p = fixture_partition(2, 5);

    (void)state;
    p->sinks[0].from = 9;
    sl_partition_detach(p, 0);
    assert_int_equal(p->sinks[0].catch_up, 9);
    p->next = -1;
    p->sinks[1].from = 7;
    sl_partition_detach(p, 1);
    assert_int_equal(p->sinks[1].catch_up, 7);
    assert_int_equal(sl_partition_position(p, 1), 7);
    sl_partition_unref(p);
}

static void detach_undoes_a_hand_over(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5);
    struct sl_hold *side = sl_hold_new(0, false, true), *live = sl_hold_new(0, false, false);

    (void)state;
    fixture_detached(p, 0, 2);
    fixture_side(p, side, 0, 2, 3);
    sl_partition_hand_over(p, 0);
    fixture_live(p, live, 5, 7);
    sl_hold_unref(side);
    assert_int_equal(sl_partition_position(p, 0), 3);
    sl_partition_detach(p, 0);
    fixture_let_go(live);
    assert_int_equal(p->sinks[0].catch_up, 3);
    assert_int_equal(p->sinks[0].from, INT64_MAX);
    sl_partition_unref(p);
}

static void the_hand_over_leaves_no_gap_and_no_overlap(void **state)
{
    (void)state;
    for (int64_t ahead = 0; ahead < 4; ahead++)
        for (int64_t read = 0; read <= ahead; read++) {
            struct sl_partition *p = fixture_partition(1, 10 + ahead);
            int64_t given = 10;

            fixture_detached(p, 0, 10);
            fixture_side(p, NULL, 0, 10, 10 + read);
            given += read;
            sl_partition_hand_over(p, 0);
            assert_int_equal(sl_partition_attached(p, 0), read == ahead);
            for (; !sl_partition_attached(p, 0); given++) {
                assert_false(sl_partition_serves(p, 0, given));
                fixture_side(p, NULL, 0, given, given + 1);
            }
            assert_true(sl_partition_serves(p, 0, given));
            assert_int_equal(given, 10 + ahead);
            sl_partition_unref(p);
        }
}

static void a_hand_over_before_the_live_reader_makes_a_gap(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);

    (void)state;
    fixture_detached(p, 0, 4);
    sl_partition_hand_over(p, 0);
    assert_true(sl_partition_attached(p, 0));
    assert_int_equal(sl_partition_position(p, 0), 4);
    assert_false(sl_partition_serves(p, 0, 3));
    assert_true(sl_partition_serves(p, 0, 4));
    sl_partition_unref(p);
}

static void a_hand_over_never_lies_within_a_plan(void **state)
{
    struct sl_partition *p = fixture_partition(1, 0);

    (void)state;
    fixture_planned(p, 0, 0, 4);
    sl_partition_hand_over(p, 0);
    assert_false(sl_partition_attached(p, 0));
    assert_int_equal(p->sinks[0].from, 4);
    assert_int_equal(sl_plan_repeat_end(p, 0), 4);
    sl_partition_unref(p);
}

static void a_second_hand_over_changes_nothing(void **state)
{
    struct sl_partition *p = fixture_partition(1, 8);

    (void)state;
    fixture_detached(p, 0, 4);
    sl_partition_hand_over(p, 0);
    fixture_live(p, NULL, 8, 9);
    sl_partition_hand_over(p, 0);
    assert_int_equal(p->sinks[0].from, 8);
    sl_partition_unref(p);
}

static void the_side_reader_skips_forward_and_not_beyond_the_hand_over(void **state)
{
    struct sl_partition *p = fixture_partition(1, 8);

    (void)state;
    sl_partition_caught_skip(p, 0, 20); /* attached: not its matter */
    assert_int_equal(sl_partition_position(p, 0), 8);
    fixture_detached(p, 0, 4);
    sl_partition_caught_skip(p, 0, 6);
    sl_partition_caught_skip(p, 0, 5);
    assert_int_equal(sl_partition_position(p, 0), 6);
    sl_partition_hand_over(p, 0);
    sl_partition_caught_skip(p, 0, 20);
    assert_true(sl_partition_attached(p, 0));
    assert_int_equal(sl_partition_position(p, 0), 8);
    assert_int_equal(p->read, 8); /* nothing of it was judged */
    sl_partition_unref(p);
}

static void spans_of_both_readers_stand_in_order(void **state)
{
    struct sl_partition *p = fixture_partition(1, 8);
    struct sl_hold *live = sl_hold_new(0, false, false), *side = sl_hold_new(0, false, true);

    (void)state;
    fixture_detached(p, 0, 4);
    sl_partition_hand_over(p, 0);
    fixture_live(p, live, 8, 9);
    fixture_side(p, side, 0, 4, 8);
    assert_true(sl_partition_attached(p, 0));
    assert_int_equal(sl_partition_position(p, 0), 4);
    sl_hold_unref(side);
    assert_int_equal(sl_partition_position(p, 0), 8);
    sl_hold_unref(live);
    assert_int_equal(sl_partition_position(p, 0), 9);
    sl_partition_unref(p);
}

static void what_is_let_go_is_read_again(void **state)
{
    struct sl_partition *p = fixture_partition(1, 8);
    struct sl_hold *side = sl_hold_new(0, false, true), *live = sl_hold_new(0, false, false);

    (void)state;
    fixture_detached(p, 0, 4);
    fixture_side(p, side, 0, 4, 6);
    fixture_let_go(side); /* the sink stays detached: given up */
    assert_int_equal(p->sinks[0].catch_up, 4);
    assert_int_equal(p->sinks[0].from, INT64_MAX);

    side = sl_hold_new(0, false, true);
    sl_partition_hand_over(p, 0);
    fixture_side(p, side, 0, 4, 8);
    fixture_live(p, live, 8, 9);
    assert_true(sl_partition_attached(p, 0));
    fixture_let_go(side); /* attached again by then: handed over once more */
    assert_int_equal(p->sinks[0].catch_up, 4);
    assert_int_equal(p->sinks[0].from, 8);
    assert_true(sl_partition_serves(p, 0, 9));
    sl_hold_unref(live);
    assert_int_equal(sl_partition_position(p, 0), 4);
    sl_partition_unref(p);
}

static void expired_is_what_was_not_read_yet(void **state)
{
    struct sl_partition *p = fixture_partition(1, 20);
    struct sl_hold *side = sl_hold_new(0, false, true);
    int64_t from = -1;

    (void)state;
    assert_int_equal(sl_partition_expire(p, 0, 25, &from), 0); /* attached: not its matter */
    fixture_detached(p, 0, 4);
    fixture_side(p, side, 0, 4, 6);
    assert_int_equal(sl_partition_expire(p, 0, 6, &from), 0);
    assert_int_equal(sl_partition_expire(p, 0, 9, &from), 3);
    assert_int_equal(from, 6);
    assert_int_equal(p->sinks[0].catch_up, 9);
    assert_int_equal(sl_partition_position(p, 0), 4); /* what was read has its outcome to come */
    sl_hold_unref(side);
    assert_int_equal(sl_partition_position(p, 0), 9);
    sl_partition_unref(p);
}

static void what_expires_beyond_a_hand_over_is_the_live_reader_s(void **state)
{
    struct sl_partition *p = fixture_partition(1, 10);
    int64_t from;

    (void)state;
    fixture_detached(p, 0, 4);
    sl_partition_hand_over(p, 0);
    assert_int_equal(sl_partition_expire(p, 0, 15, &from), 6);
    assert_int_equal(from, 4);
    assert_true(sl_partition_attached(p, 0));
    assert_int_equal(sl_partition_position(p, 0), 10);
    sl_partition_unref(p);
}

static void an_arrival_begins_at_the_least_of_the_attached(void **state)
{
    struct sl_partition *p = fixture_partition(3, -1);

    (void)state;
    p->sinks[0].from = 9;
    p->sinks[1].from = 7;
    fixture_planned(p, 2, 5, 30);
    sl_partition_settle(p);
    assert_int_equal(p->next, 7);
    p->next = -1;
    fixture_detached(p, 0, 9);
    fixture_detached(p, 1, 7);
    sl_partition_settle(p);
    assert_int_equal(p->next, 30); /* nobody is attached: whoever comes first, comes there */
    p->next = -1;
    p->committed = 40;
    sl_partition_settle(p);
    assert_int_equal(p->next, 40);
    sl_partition_unref(p);
}

static void void_positions_lie_at_the_base(void **state)
{
    struct sl_partition *p = fixture_partition(4, -1);

    (void)state;
    p->sinks[0].from = 90;
    fixture_planned(p, 1, 60, 80);
    fixture_planned(p, 2, 20, 30); /* was away for some time: the base passed it */
    fixture_carry(p, "aaaaaa", 20, 25, 0);
    fixture_carry(p, "bbbbbb", 70, 0, 0);
    sl_partition_cut_over(p, "111111111111", NULL);
    sl_partition_void(p, 50);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(p->sinks[i].plan.end, 0);
        assert_int_equal(sl_partition_attached(p, i), i != 2);
        assert_int_equal(i == 2 ? p->sinks[i].catch_up : p->sinks[i].from, i == 2 ? 20 : 50);
    }
    assert_int_equal(p->n_eras, 0);
    assert_int_equal(p->n_carried, 2);
    assert_int_equal(p->carried[0].position, 20);
    assert_int_equal(p->carried[0].plan_end, 0);
    assert_int_equal(p->carried[1].position, 50);
    sl_partition_settle(p);
    assert_int_equal(p->next, 50);
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_states_say_who_serves_what),
        cmocka_unit_test(a_sink_in_a_gap_keeps_its_position),
        cmocka_unit_test(detach_goes_back_to_the_position),
        cmocka_unit_test(detach_in_a_gap_and_while_arriving_keeps_the_position),
        cmocka_unit_test(detach_undoes_a_hand_over),
        cmocka_unit_test(the_hand_over_leaves_no_gap_and_no_overlap),
        cmocka_unit_test(a_hand_over_before_the_live_reader_makes_a_gap),
        cmocka_unit_test(a_hand_over_never_lies_within_a_plan),
        cmocka_unit_test(a_second_hand_over_changes_nothing),
        cmocka_unit_test(the_side_reader_skips_forward_and_not_beyond_the_hand_over),
        cmocka_unit_test(spans_of_both_readers_stand_in_order),
        cmocka_unit_test(what_is_let_go_is_read_again),
        cmocka_unit_test(expired_is_what_was_not_read_yet),
        cmocka_unit_test(what_expires_beyond_a_hand_over_is_the_live_reader_s),
        cmocka_unit_test(an_arrival_begins_at_the_least_of_the_attached),
        cmocka_unit_test(void_positions_lie_at_the_base),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
