/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#include "fake_runtime.h"
#include "sluice/position.h"

enum { SINKS = 3 };

static char topic_name[] = "logs";
static struct sl_topic topic = {.name = topic_name};
static const char *const ids[SINKS] = {"search", "archive", "alerts"};
static const char rules[] = "0123456789abcdef0123456789abcdef";
static const struct sl_position_names names = {ids, rules};

static struct sl_partition *partition(int64_t next)
{
    struct sl_partition *p = sl_partition_new(&topic, 0, 1, SINKS, "cluster");

    p->next = next;
    return p;
}

/* search has records from 100 on outstanding, archive from 150, alerts nothing; 200 is next. */
static struct sl_partition *uneven(struct sl_hold *holds[2])
{
    struct sl_partition *p = partition(100);

    holds[0] = sl_hold_new(0, false);
    holds[1] = sl_hold_new(1, false);
    sl_hold_cover(holds[0], p, 100);
    sl_partition_advance(p, 100, 0, 0);
    sl_partition_skip(p, 150);
    sl_hold_cover(holds[1], p, 150);
    sl_partition_advance(p, 150, 0, 0);
    sl_partition_skip(p, 200);
    return p;
}

static size_t write_uneven(char ret[SL_METADATA_MAX])
{
    struct sl_hold *holds[2];
    struct sl_partition *p = uneven(holds);
    size_t n = sl_metadata_write(p, &names, ret);

    sl_hold_unref(holds[0]);
    sl_hold_unref(holds[1]);
    sl_partition_unref(p);
    return n;
}

static void each_sink_goes_on_at_its_own_position(void **state)
{
    char line[SL_METADATA_MAX];
    size_t n = write_uneven(line);
    struct sl_partition *p = partition(100);

    (void)state;
    assert_true(n > 0);
    assert_true(sl_metadata_read(p, &names, 100, sl_slice(line, n)));
    assert_int_equal(sl_partition_position(p, 0), 100);
    assert_int_equal(sl_partition_position(p, 1), 150);
    assert_int_equal(sl_partition_position(p, 2), 200);
    assert_int_equal(sl_partition_least(p), 100);
    sl_partition_skip(p, 170); /* the reader has passed one of them */
    assert_int_equal(sl_partition_position(p, 0), 170);
    assert_int_equal(sl_partition_position(p, 1), 170);
    assert_int_equal(sl_partition_position(p, 2), 200);
    sl_partition_unref(p);
}

static void a_sink_that_is_ahead_holds_nothing_back(void **state)
{
    struct sl_partition *p = partition(10);

    (void)state;
    for (size_t i = 0; i < SINKS; i++)
        p->sinks[i].from = 15;
    assert_int_equal(sl_partition_least(p), 15);
    sl_partition_unref(p);
}

static void nothing_is_said_when_no_sink_is_ahead(void **state)
{
    struct sl_partition *p = partition(7);
    char line[SL_METADATA_MAX];

    (void)state;
    assert_int_equal(sl_metadata_write(p, &names, line), 0);
    sl_partition_unref(p);
}

static void nothing_is_said_below_a_cut_over(void **state)
{
    struct sl_hold *holds[2];
    struct sl_partition *p = uneven(holds);
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    sl_partition_cut_over(p);
    assert_int_equal(p->cut_over, 200);
    assert_int_equal(sl_metadata_write(p, &names, line), 0);
    sl_hold_unref(holds[0]);
    assert_int_equal(sl_partition_least(p), 150);
    assert_int_equal(sl_metadata_write(p, &names, line), 0);
    holds[0] = sl_hold_new(0, false); /* judged by the new rules */
    sl_hold_cover(holds[0], p, 200);
    sl_partition_advance(p, 200, 0, 0);
    assert_int_equal(sl_metadata_write(p, &names, line), 0); /* 150 is outstanding yet */
    sl_hold_unref(holds[1]);
    assert_int_equal(sl_partition_least(p), 200);
    n = sl_metadata_write(p, &names, line);
    assert_true(n > 0);
    sl_hold_unref(holds[0]);
    sl_partition_unref(p);
}

static void a_cut_over_is_beyond_every_position(void **state)
{
    struct sl_partition *p = partition(10);

    (void)state;
    assert_false(sl_partition_has_gap(p));
    p->sinks[1].from = 10;
    assert_false(sl_partition_has_gap(p));
    p->sinks[1].from = 15;
    p->sinks[2].from = 30;
    assert_true(sl_partition_has_gap(p));
    sl_partition_cut_over(p);
    assert_int_equal(p->cut_over, 30);
    sl_partition_skip(p, 29);
    assert_true(sl_partition_has_gap(p));
    sl_partition_skip(p, 30);
    assert_false(sl_partition_has_gap(p));
    sl_partition_unref(p);
    p = partition(-1); /* not known yet */
    assert_false(sl_partition_has_gap(p));
    sl_partition_cut_over(p);
    assert_int_equal(p->cut_over, 0);
    sl_partition_unref(p);
}

static void ignored(struct sl_slice line, int64_t committed, const struct sl_position_names *with)
{
    struct sl_partition *p = partition(committed);

    assert_false(sl_metadata_read(p, with, committed, line));
    for (size_t i = 0; i < SINKS; i++)
        assert_int_equal(sl_partition_position(p, i), committed);
    sl_partition_unref(p);
}

static void another_base_or_other_rules_void_it(void **state)
{
    char line[SL_METADATA_MAX];
    size_t n = write_uneven(line);
    const struct sl_position_names others = {ids, "ffffffffffffffff"};

    (void)state;
    ignored(sl_slice(line, n), 99, &names); /* an operator has reset the offset */
    ignored(sl_slice(line, n), 101, &names);
    ignored(sl_slice(line, n), 100, &others);
}

static void what_is_not_ours_is_ignored(void **state)
{
    static const char *const lines[] = {
        "",
        "1",
        "1;",
        "2;b=100;r=0123456789ab",
        "1;b=100",
        "1;b=100;r=",
        "1;b=-5;r=0123456789ab",
        "1;b=100;r=0123456789ab;x",
        "1;b=100;r=0123456789ab;x=",
        "1;b=100;r=0123456789ab;x=!",
        "1;b=100;r=0123456789ab;x=zzzzzzzzzzzzzzzzzzzzzz",
        "1;b=100;r=0123456789ab;x=1y2p0ij32e8e7", /* 2^63 - 1: past the end together with the base
                                                   */
        "{\"connect\":\"metadata\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ignored(sl_slice_str(lines[i]), 100, &names);
    ignored((struct sl_slice){NULL, 0}, 100, &names);
}

static void a_cut_line_never_moves_a_sink_too_far(void **state)
{
    char line[SL_METADATA_MAX];
    size_t n = write_uneven(line);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        struct sl_partition *p = partition(100);

        sl_metadata_read(p, &names, 100, sl_slice(line, i));
        assert_int_equal(sl_partition_position(p, 0), 100);
        assert_true(sl_partition_position(p, 1) <= 150);
        assert_true(sl_partition_position(p, 2) <= 200);
        sl_partition_unref(p);
    }
}

static void a_sink_that_is_new_or_gone_changes_nothing_for_the_others(void **state)
{
    static const char *const renamed[SINKS] = {"search", "elsewhere", "alerts"};
    const struct sl_position_names other = {renamed, rules};
    char line[SL_METADATA_MAX];
    size_t n = write_uneven(line);
    struct sl_partition *p = partition(100);

    (void)state;
    assert_true(sl_metadata_read(p, &other, 100, sl_slice(line, n)));
    assert_int_equal(sl_partition_position(p, 1), 100);
    assert_int_equal(sl_partition_position(p, 2), 200);
    sl_partition_unref(p);
}

static void as_many_sinks_as_there_can_be_stay_in_bounds(void **state)
{
    struct sl_partition *p = sl_partition_new(&topic, 0, 1, SL_SINKS_MAX, "cluster");
    const char *many[SL_SINKS_MAX];
    const struct sl_position_names with = {many, rules};
    char text[SL_SINKS_MAX][16], line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    p->next = 1;
    for (size_t i = 0; i < SL_SINKS_MAX; i++) {
        snprintf(text[i], sizeof(text[i]), "sink-%zu", i);
        many[i] = text[i];
        p->sinks[i].from = i ? (int64_t)1 << 61 : 1;
    }
    n = sl_metadata_write(p, &with, line);
    assert_in_range(n, 1, SL_METADATA_MAX - 1);
    assert_int_equal(strlen(line), n);
    for (size_t i = 0; i < n; i++)
        assert_in_range(line[i], ' ', '~');
    for (size_t i = 0; i < SL_SINKS_MAX; i++)
        p->sinks[i].from = 0;
    assert_true(sl_metadata_read(p, &with, 1, sl_slice(line, n)));
    assert_int_equal(p->sinks[SL_SINKS_MAX - 1].from, (int64_t)1 << 61);
    sl_partition_unref(p);
}

static void random_bytes_are_survived(void **state)
{
    char line[64];
    uint64_t seed = 5;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        struct sl_partition *p = partition(100);
        size_t n = fake_next(&seed) % sizeof(line);
        size_t kept = (size_t)snprintf(line, sizeof(line), "1;b=100;r=0123456789ab;");

        for (size_t k = fake_next(&seed) % kept; k < n; k++)
            line[k] = ";=019azAZ-\0"[fake_next(&seed) % 11];
        sl_metadata_read(p, &names, 100, sl_slice(line, n));
        for (size_t s = 0; s < SINKS; s++)
            assert_true(sl_partition_position(p, s) >= 100);
        sl_partition_unref(p);
    }
}

static void the_fingerprint_follows_every_position(void **state)
{
    struct sl_hold *holds[2];
    struct sl_partition *p = uneven(holds);
    uint64_t before = sl_partition_fingerprint(p), middle;

    (void)state;
    sl_hold_unref(holds[1]);
    middle = sl_partition_fingerprint(p);
    assert_int_not_equal(before, middle);
    assert_int_equal(sl_partition_least(p), 100); /* though what is committed stays */
    sl_hold_unref(holds[0]);
    assert_int_not_equal(middle, sl_partition_fingerprint(p));
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_sink_goes_on_at_its_own_position),
        cmocka_unit_test(a_sink_that_is_ahead_holds_nothing_back),
        cmocka_unit_test(nothing_is_said_when_no_sink_is_ahead),
        cmocka_unit_test(nothing_is_said_below_a_cut_over),
        cmocka_unit_test(a_cut_over_is_beyond_every_position),
        cmocka_unit_test(another_base_or_other_rules_void_it),
        cmocka_unit_test(what_is_not_ours_is_ignored),
        cmocka_unit_test(a_cut_line_never_moves_a_sink_too_far),
        cmocka_unit_test(a_sink_that_is_new_or_gone_changes_nothing_for_the_others),
        cmocka_unit_test(as_many_sinks_as_there_can_be_stay_in_bounds),
        cmocka_unit_test(random_bytes_are_survived),
        cmocka_unit_test(the_fingerprint_follows_every_position),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
