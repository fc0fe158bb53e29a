/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "position/fixture.h"

static struct sl_partition *balanced(void)
{
    struct sl_partition *p = fixture_partition(2, 0);

    p->decoded = 10;
    p->dropped = 3;
    p->kept = 7;
    for (size_t i = 0; i < 2; i++) {
        p->sinks[i].routed = 15;
        p->sinks[i].delivered = 8;
        p->sinks[i].dead = 4;
        p->sinks[i].let_go = 2;
        p->sinks[i].walked = 1;
    }
    return p;
}

static void balanced_books_are_no_breach(void **state)
{
    struct sl_ledger_breach breach = {.what = "untouched"};
    struct sl_partition *p = balanced();

    (void)state;
    assert_true(sl_ledger_check(p, &breach));
    assert_string_equal(breach.what, "untouched");
    sl_partition_unref(p);
    p = fixture_partition(2, 0);
    assert_true(sl_ledger_check(p, &breach));
    sl_partition_unref(p);
}

static void a_record_neither_dropped_nor_kept_is_one(void **state)
{
    struct sl_ledger_breach breach;
    struct sl_partition *p = balanced();

    (void)state;
    p->dropped--;
    assert_false(sl_ledger_check(p, &breach));
    assert_string_equal(breach.what, "decoded = dropped + kept");
    assert_int_equal(breach.sink, 2);
    assert_int_equal(breach.left, 10);
    assert_int_equal(breach.right, 9);
    sl_partition_unref(p);
}

static void each_account_of_a_sink_counts(void **state)
{
    (void)state;
    for (int account = 0; account < 5; account++) {
        struct sl_ledger_breach breach;
        struct sl_partition *p = balanced();
        struct sl_sink_position *s = &p->sinks[1];
        uint64_t *accounts[] = {&s->routed, &s->delivered, &s->dead, &s->let_go, &s->walked};

        ++*accounts[account];
        assert_false(sl_ledger_check(p, &breach));
        assert_int_equal(breach.sink, 1);
        assert_int_equal(breach.left, account == 0 ? 16 : 15);
        assert_int_equal(breach.right, account == 0 ? 15 : 16);
        sl_partition_unref(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(balanced_books_are_no_breach),
        cmocka_unit_test(a_record_neither_dropped_nor_kept_is_one),
        cmocka_unit_test(each_account_of_a_sink_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
