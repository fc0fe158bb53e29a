/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#include "position/fixture.h"

enum { SINKS = 3, TODAY = 20000 };

static const char *const ids[SINKS] = {"search", "archive", "alerts"};
static const char rules[] = "0123456789abcdef0123456789abcdef";
static const struct sl_position_names names = {ids, rules, TODAY};

/* What gives way, and in which order, when the line would be too long. */

struct wide {
    char text[64][16];
    const char *ids[64];
    struct sl_position_names names;
};

static void widen(struct wide *w)
{
    for (int i = 0; i < 64; i++) {
        snprintf(w->text[i], sizeof(w->text[i]), "sink-%d", i);
        w->ids[i] = w->text[i];
    }
    w->names = (struct sl_position_names){w->ids, rules, TODAY};
}

static void sixty_four_sinks_and_sixteen_eras_fit(void **state)
{
    struct sl_partition *p = fixture_partition(64, 1000000000), *q = fixture_partition(64, -1);
    char line[SL_METADATA_MAX];
    struct wide w;
    size_t n;

    (void)state;
    widen(&w);
    for (size_t i = 0; i < 64; i++)
        if (i % 4 == 0)
            fixture_planned(p, i, 1000000 + (int64_t)i, 2000000);
        else
            p->sinks[i].from = 2000000000 + (int64_t)i;
    for (int i = 0; i < 16; i++) {
        char head[14];

        snprintf(head, sizeof(head), "%012d", i);
        sl_partition_skip(p, 3000000000 + i);
        sl_partition_cut_over(p, head, NULL);
    }
    n = sl_metadata_write(p, &w.names, line);
    assert_true(n > 0 && n < SL_METADATA_MAX);
    assert_true(sl_metadata_read(q, &w.names, 1000000, sl_slice(line, n), NULL));
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(q->sinks[i].plan.end, i % 4 == 0 ? 2000000 : 0);
    assert_int_equal(q->sinks[1].from, 3000000015); /* exact: there was room */
    assert_int_equal(q->n_eras, 16);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

/* More eras than the line holds: positions without a plan go to the base, and with them the eras
 * that only they needed. */
static void positions_give_way_before_plans(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 10), *q = fixture_partition(SINKS, -1);
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    fixture_planned(p, 1, 20, 3500);
    fixture_detached(p, 2, 10);
    for (int i = 0; i < 200; i++) {
        char head[14];

        snprintf(head, sizeof(head), "%012d", i);
        fixture_live(p, NULL, p->next, p->next + 1000);
        sl_partition_cut_over(p, head, NULL);
    }
    n = sl_metadata_write(p, &names, line);
    assert_true(n > 0);
    assert_true(sl_metadata_read(q, &names, 10, sl_slice(line, n), NULL));
    assert_int_equal(q->sinks[1].plan.first, 20);
    assert_int_equal(q->sinks[1].plan.end, 3500);
    assert_int_equal(q->sinks[0].from, 10);
    assert_int_equal(q->sinks[2].catch_up, 10);
    /* All that the plan covers is judged as it was, what lies beyond by whatever is live then. */
    assert_true(q->n_eras > 0 && q->n_eras < 10);
    for (int64_t offset = 10; offset < 3500; offset++)
        assert_string_equal(sl_partition_era(q, offset)->rules, sl_partition_era(p, offset)->rules);
    assert_true(sl_partition_cut_over(q, "ffffffffffff", NULL) >= 3500);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void carried_positions_give_way_last_and_plans_never(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 1000), *q = fixture_partition(SINKS, -1);
    char line[SL_METADATA_MAX];
    int64_t loose = 0, far = 0;
    size_t n, left = 0;

    (void)state;
    for (int i = 0; i < 105; i++) {
        char id[8];

        snprintf(id, sizeof(id), "c%05d", i);
        fixture_carry(p, id, i % 3 == 0 ? 500 : 1000000000000, i % 9 == 0 ? 600 : 0, TODAY);
    }
    n = sl_metadata_write(p, &names, line);
    assert_true(n > 0);
    assert_true(sl_metadata_read(q, &names, 1000, sl_slice(line, n), NULL));
    for (size_t i = 0; i < q->n_carried; i++) {
        loose += q->carried[i].position == 1000;
        far += q->carried[i].position > 1000;
        left += q->carried[i].position == 500;
    }
    assert_int_equal(left, 35);
    assert_int_equal(loose, 70); /* at the base: they have more than they are said to have */
    assert_int_equal(far, 0);
    sl_partition_unref(q);

    for (int i = 105; i < 145; i++) {
        char id[8];

        snprintf(id, sizeof(id), "c%05d", i);
        fixture_carry(p, id, 2000, 0, TODAY);
    }
    q = fixture_partition(SINKS, -1);
    n = sl_metadata_write(p, &names, line);
    assert_true(sl_metadata_read(q, &names, 1000, sl_slice(line, n), NULL));
    assert_int_equal(q->n_carried, 35);
    sl_partition_unref(q);

    for (int i = 145; i < 315; i++) {
        char id[8];

        snprintf(id, sizeof(id), "c%05d", i);
        fixture_carry(p, id, 10, 20, TODAY);
    }
    assert_int_equal(sl_metadata_write(p, &names, line), 0);
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sixty_four_sinks_and_sixteen_eras_fit),
        cmocka_unit_test(positions_give_way_before_plans),
        cmocka_unit_test(carried_positions_give_way_last_and_plans_never),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
