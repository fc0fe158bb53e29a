/* SPDX-License-Identifier: Apache-2.0 */
/* The window in which rules meet limits, beside a model that remembers everything. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "fake_runtime.h"
#include "pipeline/limits.h"

enum { RULES = 5, RECORDS = 2000000 };

/* n records, of which the last meets a limit of the rule. */
static bool met_after(struct sl_limits *l, uint64_t n, unsigned rule)
{
    l->routed += n;
    return sl_limits_met(l, rule, RULES);
}

static void a_hundred_in_the_window(void **state)
{
    struct sl_limits l = {0};

    (void)state;
    for (int i = 0; i < SL_LIMITS_MOST - 1; i++)
        assert_false(met_after(&l, SL_LIMITS_WINDOW / SL_LIMITS_MOST, 1));
    assert_false(met_after(&l, 1, 0));
    assert_true(met_after(&l, SL_LIMITS_WINDOW / SL_LIMITS_MOST - 1, 1));
    sl_limits_clear(&l);
}

static void a_hundred_in_more_than_the_window(void **state)
{
    struct sl_limits l = {0};

    (void)state;
    assert_false(met_after(&l, 1, 1));
    for (int i = 0; i < SL_LIMITS_MOST - 2; i++)
        assert_false(met_after(&l, 1, 1));
    /* The first is as far back as the window is long: it is out. */
    assert_false(met_after(&l, SL_LIMITS_WINDOW - (SL_LIMITS_MOST - 2), 1));
    assert_true(met_after(&l, 0, 1)); /* where one more makes a hundred again */
    sl_limits_clear(&l);
    assert_false(met_after(&l, 1, 1)); /* and nothing is left of them */
    sl_limits_clear(&l);
}

static void as_the_model_has_it(void **state)
{
    uint8_t *rule_of = calloc(RECORDS, 1); /* + 1 */
    struct sl_limits l = {0};
    uint64_t seed = 11, counts[RULES] = {0};
    size_t met = 0;

    (void)state;
    for (uint64_t i = 0; i < RECORDS; i++) {
        uint64_t chance = fake_next(&seed) % (i / 200000 % 3 ? 3000 : 300);

        l.routed++;
        if (i >= SL_LIMITS_WINDOW && rule_of[i - SL_LIMITS_WINDOW])
            counts[rule_of[i - SL_LIMITS_WINDOW] - 1]--;
        if (chance >= RULES)
            continue;
        rule_of[i] = (uint8_t)(chance + 1);
        counts[chance]++;
        assert_int_equal(sl_limits_met(&l, (unsigned)chance, RULES),
                         counts[chance] == SL_LIMITS_MOST);
        met += counts[chance] == SL_LIMITS_MOST;
    }
    assert_true(met > 10);
    assert_true(l.cap <= 4096);
    sl_limits_clear(&l);
    free(rule_of);
}

static void the_ring_is_never_longer_than_the_window(void **state)
{
    struct sl_limits l = {0};

    (void)state;
    for (int i = 0; i < 3 * SL_LIMITS_WINDOW; i++)
        met_after(&l, 1, (unsigned)i % RULES);
    assert_int_equal(l.n, SL_LIMITS_WINDOW);
    assert_true(l.cap <= 2 * SL_LIMITS_WINDOW);
    sl_limits_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hundred_in_the_window),
        cmocka_unit_test(a_hundred_in_more_than_the_window),
        cmocka_unit_test(as_the_model_has_it),
        cmocka_unit_test(the_ring_is_never_longer_than_the_window),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
