/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "position/fixture.h"

static const char one[] = "111111111111aaaa", two[] = "222222222222", three[] = "333333333333";

/* next is 10, and rules `one` judge all. */
static struct sl_partition *judged(size_t sinks)
{
    struct sl_partition *p = fixture_partition(sinks, 10);

    sl_partition_cut_over(p, one, NULL);
    return p;
}

static void the_first_era_begins_at_the_least_position(void **state)
{
    struct sl_partition *p = fixture_partition(2, -1);
    int routing;

    (void)state;
    assert_null(sl_partition_era(p, 0));
    p->sinks[0].from = 9;
    fixture_detached(p, 1, 7);
    assert_int_equal(sl_partition_cut_over(p, one, &routing), 7);
    assert_int_equal(p->n_eras, 1);
    assert_string_equal(p->eras[0].rules, "111111111111");
    assert_ptr_equal(p->eras[0].routing, &routing);
    assert_ptr_equal(sl_partition_era(p, 7), &p->eras[0]);
    assert_ptr_equal(sl_partition_era(p, 3), &p->eras[0]);
    sl_partition_unref(p);
}

static void the_first_era_reaches_back_to_what_is_carried(void **state)
{
    struct sl_partition *p = fixture_partition(1, -1);

    (void)state;
    p->sinks[0].from = 9;
    fixture_carry(p, "aaaaaa", 4, 0, 0);
    assert_int_equal(sl_partition_cut_over(p, one, NULL), 4);
    sl_partition_unref(p);
}

static void the_same_rules_are_no_cut_over(void **state)
{
    struct sl_partition *p = judged(1);
    int routing;

    (void)state;
    fixture_live(p, NULL, 10, 12);
    assert_int_equal(sl_partition_cut_over(p, one, &routing), 10);
    assert_int_equal(p->n_eras, 1);
    assert_ptr_equal(p->eras[0].routing, &routing);
    sl_partition_unref(p);
}

static void rules_that_judged_nothing_leave_no_era(void **state)
{
    struct sl_partition *p = judged(1);

    (void)state;
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 10);
    assert_int_equal(p->n_eras, 1);
    assert_string_equal(p->eras[0].rules, two);
    fixture_live(p, NULL, 10, 11);
    assert_int_equal(sl_partition_cut_over(p, three, NULL), 11);
    assert_int_equal(p->n_eras, 2);
    sl_partition_unref(p);
}

/* Readings A and B: each of what was judged already holds the cut-over back. */
static void a_cut_over_lies_beyond_all_that_was_judged(void **state)
{
    struct sl_partition *p = judged(2);

    (void)state;
    fixture_live(p, NULL, 10, 12);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 12);
    sl_partition_unref(p);

    p = judged(2);
    p->sinks[1].from = 17; /* a gap */
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 17);
    sl_partition_unref(p);

    p = judged(2);
    fixture_detached(p, 1, 18); /* the side reader is ahead of the live one */
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 18);
    sl_partition_unref(p);

    p = judged(2);
    fixture_planned(p, 1, 5, 19);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 19);
    sl_partition_unref(p);

    p = judged(2);
    fixture_carry(p, "aaaaaa", 20, 0, 0);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 20);
    sl_partition_unref(p);

    p = judged(2);
    fixture_carry(p, "aaaaaa", 5, 21, 0);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 21);
    sl_partition_unref(p);

    p = judged(2);
    p->next = -1; /* at arrival */
    p->sinks[0].from = 22;
    fixture_planned(p, 1, 5, 19);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 22);
    sl_partition_unref(p);
}

/* What the side reader gave and then let go of was judged all the same. */
static void a_cut_over_lies_beyond_what_was_let_go(void **state)
{
    struct sl_partition *p = judged(1);
    struct sl_hold *h = sl_hold_new(0, false, true);

    (void)state;
    fixture_detached(p, 0, 11);
    fixture_side(p, h, 0, 11, 15);
    sl_partition_detach(p, 0);
    fixture_let_go(h);
    assert_int_equal(p->sinks[0].catch_up, 11);
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 15);
    sl_partition_unref(p);
}

static void a_cut_over_lies_not_before_the_last_one(void **state)
{
    struct sl_partition *p = judged(1);

    (void)state;
    p->sinks[0].from = 17;
    assert_int_equal(sl_partition_cut_over(p, two, NULL), 17);
    p->sinks[0].from = 10;
    assert_int_equal(sl_partition_cut_over(p, three, NULL), 17);
    assert_int_equal(p->n_eras, 2);
    assert_string_equal(p->eras[1].rules, three);
    sl_partition_unref(p);
}

static void each_offset_has_the_era_it_lies_in(void **state)
{
    struct sl_partition *p = judged(1);

    (void)state;
    fixture_live(p, NULL, 10, 12);
    sl_partition_cut_over(p, two, NULL);
    fixture_live(p, NULL, 12, 15);
    sl_partition_cut_over(p, one, NULL);
    assert_int_equal(p->n_eras, 3);
    for (int64_t offset = 8; offset < 20; offset++)
        assert_ptr_equal(sl_partition_era(p, offset), &p->eras[offset < 12   ? 0
                                                               : offset < 15 ? 1
                                                                             : 2]);
    sl_partition_unref(p);
}

static void an_era_goes_when_every_position_is_beyond_it(void **state)
{
    struct sl_partition *p = judged(2);

    (void)state;
    fixture_detached(p, 1, 10);
    fixture_live(p, NULL, 10, 12);
    sl_partition_cut_over(p, two, NULL);
    fixture_live(p, NULL, 12, 15);
    sl_partition_cut_over(p, three, NULL);
    assert_false(sl_partition_prune_eras(p));
    sl_partition_caught_skip(p, 1, 11);
    assert_false(sl_partition_prune_eras(p));
    sl_partition_caught_skip(p, 1, 12);
    assert_true(sl_partition_prune_eras(p));
    assert_int_equal(p->n_eras, 2);
    assert_string_equal(p->eras[0].rules, two);
    assert_false(sl_partition_prune_eras(p));
    sl_partition_caught_skip(p, 1, 99);
    assert_true(sl_partition_prune_eras(p));
    assert_int_equal(p->n_eras, 1);
    assert_false(sl_partition_prune_eras(p)); /* the live one stays */
    sl_partition_unref(p);
}

static void what_is_carried_keeps_its_era_for_seven_days(void **state)
{
    struct sl_partition *p = judged(1);

    (void)state;
    fixture_carry(p, "aaaaaa", 10, 0, 100);
    fixture_carry(p, "aaaaaa", 40, 0, 104);
    fixture_live(p, NULL, 10, 12);
    sl_partition_cut_over(p, two, NULL);
    fixture_live(p, NULL, 40, 50);
    sl_partition_prune_carried(p, 107);
    assert_int_equal(p->n_carried, 2);
    assert_false(sl_partition_prune_eras(p));
    sl_partition_prune_carried(p, 108);
    assert_int_equal(p->n_carried, 1);
    assert_int_equal(p->carried[0].position, 40);
    assert_true(sl_partition_prune_eras(p));
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_era_begins_at_the_least_position),
        cmocka_unit_test(the_first_era_reaches_back_to_what_is_carried),
        cmocka_unit_test(the_same_rules_are_no_cut_over),
        cmocka_unit_test(rules_that_judged_nothing_leave_no_era),
        cmocka_unit_test(a_cut_over_lies_beyond_all_that_was_judged),
        cmocka_unit_test(a_cut_over_lies_beyond_what_was_let_go),
        cmocka_unit_test(a_cut_over_lies_not_before_the_last_one),
        cmocka_unit_test(each_offset_has_the_era_it_lies_in),
        cmocka_unit_test(an_era_goes_when_every_position_is_beyond_it),
        cmocka_unit_test(what_is_carried_keeps_its_era_for_seven_days),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
