/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "position/fixture.h"

enum { SINKS = 3, TODAY = 20000 };

static const char *const ids[SINKS] = {"search", "archive", "alerts"};
static const char rules[] = "0123456789abcdef0123456789abcdef";
static const struct sl_position_names names = {ids, rules, TODAY};

/* The line of p, which is read by one that knows the same sinks, or others. */
static struct sl_partition *again(const struct sl_partition *p,
                                  const struct sl_position_names *with, size_t n_sinks,
                                  bool *new_sinks)
{
    struct sl_partition *q = fixture_partition(n_sinks, -1);
    char line[SL_METADATA_MAX];
    size_t n = sl_metadata_write(p, &names, line);

    assert_true(n > 0 && strlen(line) == n);
    assert_true(sl_metadata_read(q, with, sl_partition_least(p), sl_slice(line, n), new_sinks));
    return q;
}

static void the_line_is_as_promised(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    char line[SL_METADATA_MAX], search[7], archive[7], alerts[7], expected[SL_METADATA_MAX];

    (void)state;
    sl_metadata_short_id(ids[0], search);
    sl_metadata_short_id(ids[1], archive);
    sl_metadata_short_id(ids[2], alerts);
    p->sinks[0].from = 236;
    fixture_planned(p, 1, 150, 190);
    fixture_detached(p, 2, 100);
    sl_partition_cut_over(p, rules, NULL);
    p->eras[0].begin = 90;
    fixture_carry(p, "Ab-_z9", 99, 101, TODAY - 3);
    snprintf(expected, sizeof(expected),
             "2;b=100;s%s=3s;s%s=1e!+14;s%s=0!;v-a=0123456789ab;uAb-_z9=-1!+2@ffh", search, archive,
             alerts);
    assert_int_equal(sl_metadata_write(p, &names, line), strlen(expected));
    assert_string_equal(line, expected);
    sl_partition_unref(p);
}

static void each_sink_goes_on_at_its_own_position(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200), *q;
    bool new_sinks[SINKS];

    (void)state;
    p->sinks[0].from = 236;
    fixture_planned(p, 1, 150, 190);
    fixture_detached(p, 2, 100);
    sl_partition_cut_over(p, rules, NULL);
    q = again(p, &names, SINKS, new_sinks);
    assert_int_equal(q->next, -1);
    assert_true(sl_partition_attached(q, 0));
    assert_int_equal(q->sinks[0].from, 236);
    assert_int_equal(q->sinks[1].catch_up, 150);
    assert_int_equal(q->sinks[1].from, INT64_MAX);
    assert_int_equal(q->sinks[1].plan.first, 150);
    assert_int_equal(q->sinks[1].plan.end, 190);
    assert_true(q->sinks[1].plan.confirmed);
    assert_int_equal(q->sinks[2].catch_up, 100);
    assert_int_equal(q->sinks[2].plan.end, 0);
    for (size_t i = 0; i < SINKS; i++)
        assert_false(new_sinks[i]);
    assert_int_equal(q->n_eras, 1);
    assert_int_equal(q->eras[0].begin, 100);
    assert_string_equal(q->eras[0].rules, "0123456789ab");
    assert_null(q->eras[0].routing);
    sl_partition_settle(q);
    assert_int_equal(sl_partition_least(q), 100);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void a_new_sink_is_told_and_begins_at_the_base(void **state)
{
    static const char *const more[] = {"search", "archive", "alerts", "warehouse"};
    struct sl_partition *p = fixture_partition(SINKS, 200), *q;
    bool new_sinks[4];

    (void)state;
    p->sinks[0].from = 236;
    q = again(p, &(struct sl_position_names){more, rules, TODAY}, 4, new_sinks);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(new_sinks[i], i == 3);
    assert_true(sl_partition_attached(q, 3));
    assert_int_equal(q->sinks[3].from, 200);
    assert_int_equal(q->n_carried, 0);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void an_unknown_sink_is_carried_unchanged(void **state)
{
    static const char *const fewer[] = {"search"};
    struct sl_position_names poor = {fewer, rules, TODAY}, later = {fewer, rules, TODAY + 7},
                             too_late = {fewer, rules, TODAY + 8};
    struct sl_partition *p = fixture_partition(SINKS, 200), *q, *r;
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    fixture_planned(p, 1, 150, 190);
    p->sinks[2].from = 250;
    q = again(p, &poor, 1, NULL);
    assert_int_equal(q->n_carried, 2);
    assert_int_equal(q->carried[0].position, 150);
    assert_int_equal(q->carried[0].plan_end, 190);
    assert_int_equal(q->carried[0].day, TODAY);
    assert_int_equal(q->carried[1].position, 250);

    /* The commit goes on beyond it, and it stays where it is. */
    q->next = q->sinks[0].from = 300;
    n = sl_metadata_write(q, &later, line);
    r = fixture_partition(SINKS, -1);
    assert_true(sl_metadata_read(r, &names, 300, sl_slice(line, n), NULL));
    assert_int_equal(r->sinks[0].from, 300);
    assert_int_equal(r->sinks[1].catch_up, 150);
    assert_int_equal(r->sinks[1].plan.end, 190);
    assert_int_equal(r->sinks[2].catch_up, 250); /* the base passed it meanwhile */
    assert_int_equal(r->sinks[2].plan.end, 0);
    sl_partition_settle(r);
    assert_int_equal(sl_partition_least(r), 150);

    n = sl_metadata_write(q, &too_late, line);
    assert_null(strstr(line, ";u"));
    sl_partition_unref(p);
    sl_partition_unref(q);
    sl_partition_unref(r);
}

static void eras_are_kept_in_order(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 10), *q;

    (void)state;
    fixture_detached(p, 1, 10);
    for (int i = 0; i < 16; i++) {
        char head[14];

        snprintf(head, sizeof(head), "%012d", i);
        fixture_live(p, NULL, p->next, p->next + 1000);
        sl_partition_cut_over(p, head, NULL);
    }
    q = again(p, &names, SINKS, NULL);
    assert_int_equal(q->n_eras, 16);
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(q->eras[i].begin, p->eras[i].begin);
        assert_string_equal(q->eras[i].rules, p->eras[i].rules);
    }
    sl_partition_unref(p);
    sl_partition_unref(q);
}

/* ---- what does not count ---- */

static void ignored_of(int64_t committed, struct sl_slice line, int64_t log_end)
{
    struct sl_partition *p = fixture_partition(SINKS, 77);
    bool new_sinks[SINKS] = {false, true, false};

    p->log_end = log_end;
    fixture_planned(p, 1, 70, 75);
    assert_false(sl_metadata_read(p, &names, committed, line, new_sinks));
    assert_int_equal(p->next, 77);
    assert_int_equal(sl_partition_position(p, 0), 77);
    assert_int_equal(p->sinks[1].plan.end, 75);
    assert_int_equal(p->n_eras + p->n_carried, 0);
    assert_true(!new_sinks[0] && new_sinks[1] && !new_sinks[2]);
    sl_partition_unref(p);
}

static void ignored(const char *line)
{
    ignored_of(100, sl_slice_str(line), -1);
}

static void f23_garbage_and_foreign_metadata_is_ignored(void **state)
{
    static const char *const lines[] = {
        "",
        "2",
        "2;",
        "2;b",
        "2;b=",
        "2;b=;",
        "2;b=100x",
        "2;b=99",
        "2;b=-100",
        "2;b=+100",
        "2;b=1 00",
        "1;b=100;sAAAAAA=0",
        "3;b=100",
        "hello",
        "{\"b\":100}",
        "2;b=100;x",
        "2;b=100;n=",
        "2;b=100;n=0",
        "2;b=100;n=-1",
        "2;b=100;nA=1",
        "2;b=100;n=1!",
        "2;b=100;n=zzzzzz",
        "2;b=100;sAAAAAA",
        "2;b=100;sAAAAAA=",
        "2;b=100;sAAAAA=0",
        "2;b=100;sAAAAAAA=0",
        "2;b=100;sAAAAAA=-1",
        "2;b=100;sAAAAAA=0+",
        "2;b=100;sAAAAAA=0+0",
        "2;b=100;sAAAAAA=0+-1",
        "2;b=100;sAAAAAA=0!!",
        "2;b=100;sAAAAAA=0+1!",
        "2;b=100;sAAAAAA=0 ",
        "2;b=100;sAAAAAA=A",
        "2;b=100;sAAAAAA=1y2p0ij32e8e7",
        "2;b=100;sAAAAAA=1y2p0ij32e8e5+9",
        "2;b=100;sAAAAAA=0@1",
        "2;b=100;s,AAAAA=0",
        "2;b=100;s\001AAAAA=0",
        "2;b=100;uAAAAAA=0",
        "2;b=100;uAAAAAA=0@",
        "2;b=100;uAAAAAA=-2t@1",
        "2;b=100;uAAAAAA=0@-1",
        "2;b=100;uAAAAAA=0@zzzzzzz",
        "2;b=100;uAAAAAA=0@1!",
        "2;b=100;v0=0123456789abc",
        "2;b=100;v=0123456789ab",
        "2;b=100;v-2t=0123456789ab",
        "2;b=100;v0=01234=6789ab",
        "2;b=100;v0!=0123456789ab",
        "2;b=100;v0=0123456789ab;v0=1123456789ab",
        "2;b=100;v5=0123456789ab;v3=1123456789ab",
        "2;b=100;=0",
        "2;b=100;;",
        "2;b=100;q0=1",
        "2;b=99999999999999999999",
        "2;b=100;sAAAAAA=0;x",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        ignored(lines[i]);
    ignored_of(100, sl_slice(NULL, 0), -1);
    ignored_of(100, sl_slice("2;b=100;sAAA\0AA=0", 17), -1);
}

static void a_line_of_another_offset_is_void(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    char line[SL_METADATA_MAX];
    size_t n = sl_metadata_write(p, &names, line);

    (void)state;
    ignored_of(199, sl_slice(line, n), -1); /* an operator's reset wins */
    ignored_of(201, sl_slice(line, n), -1);
    sl_partition_unref(p);
}

static void a_line_beyond_the_log_is_void(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200), *q = fixture_partition(SINKS, -1);
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    p->sinks[0].from = 210;
    n = sl_metadata_write(p, &names, line);
    ignored_of(200, sl_slice(line, n), 209);
    q->log_end = 210;
    assert_true(sl_metadata_read(q, &names, 200, sl_slice(line, n), NULL));
    fixture_planned(p, 1, 200, 220);
    n = sl_metadata_write(p, &names, line);
    ignored_of(200, sl_slice(line, n), 219);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void every_truncation_is_read_as_less_or_not_at_all(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    fixture_planned(p, 1, 150, 190);
    sl_partition_cut_over(p, rules, NULL);
    fixture_carry(p, "zzzzzz", 3, 10, 5);
    n = sl_metadata_write(p, &names, line);
    for (size_t i = 0; i < n; i++) {
        struct sl_partition *q = fixture_partition(SINKS, -1);
        char *part = sl_strndup(line, i); /* of its own, so that reading beyond shows */

        if (sl_metadata_read(q, &names, 150, sl_slice(part, i), NULL))
            for (size_t s = 0; s < SINKS; s++)
                assert_true(q->sinks[s].catch_up <= sl_partition_position(p, s) &&
                            (q->sinks[s].from == INT64_MAX ||
                             q->sinks[s].from <= sl_partition_position(p, s)));
        free(part);
        sl_partition_unref(q);
    }
    sl_partition_unref(p);
}

static void nothing_is_written_while_nothing_is_known(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, -1);
    char line[SL_METADATA_MAX];

    (void)state;
    assert_int_equal(sl_metadata_write(p, &names, line), 0);
    assert_string_equal(line, "");
    sl_partition_unref(p);
}

/* ---- ids that look alike: nobody finds two such, so the line is made by hand ---- */

static void an_id_that_stands_twice_means_the_least_without_a_plan(void **state)
{
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct sl_partition *p = fixture_partition(SINKS, -1);
        bool new_sinks[SINKS];
        char line[200], id[7];

        sl_metadata_short_id(ids[0], id);
        snprintf(line, sizeof(line), "2;b=100;s%s=%s;s%s=%s", id, order ? "5" : "3+4", id,
                 order ? "3+4" : "5");
        assert_true(sl_metadata_read(p, &names, 100, sl_slice_str(line), new_sinks));
        assert_int_equal(p->sinks[0].catch_up, 103);
        assert_int_equal(p->sinks[0].plan.end, 0);
        assert_false(new_sinks[0]);
        assert_true(new_sinks[1] && new_sinks[2]);
        sl_partition_unref(p);
    }
}

static void two_sinks_of_one_short_id_both_begin_at_the_least(void **state)
{
    static const char *const same[] = {"search", "other", "search"};
    struct sl_position_names twins = {same, rules, TODAY};
    struct sl_partition *p = fixture_partition(SINKS, 200), *q = fixture_partition(SINKS, -1);
    bool new_sinks[SINKS];
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    p->sinks[0].from = 240;
    fixture_planned(p, 2, 220, 230);
    n = sl_metadata_write(p, &twins, line);
    assert_true(sl_metadata_read(q, &twins, 200, sl_slice(line, n), new_sinks));
    for (size_t i = 0; i < SINKS; i += 2) {
        assert_int_equal(q->sinks[i].catch_up, 220);
        assert_int_equal(q->sinks[i].plan.end, 0);
        assert_false(new_sinks[i]);
    }
    assert_int_equal(q->sinks[1].from, 200);
    assert_int_equal(q->n_carried, 0);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

/* ---- the rest ---- */

static void a_line_reaches_as_far_as_its_foremost_sink(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    char line[SL_METADATA_MAX];
    struct sl_slice text;

    (void)state;
    p->sinks[1].from = 210;
    fixture_carry(p, "zzzzzz", 300, 0, TODAY);
    text = sl_slice(line, sl_metadata_write(p, &names, line));
    assert_true(sl_metadata_reaches(text, 200, 210));
    assert_false(sl_metadata_reaches(text, 200, 211)); /* what is carried does not read here */
    assert_false(sl_metadata_reaches(text, 201, 205));
    assert_false(sl_metadata_reaches(sl_slice_str("rubbish"), 200, 0));
    sl_partition_unref(p);
}

static void count(void *user, const struct sl_metadata_entry *e)
{
    int64_t *at = user;

    at[e->kind == 's' ? 0 : e->kind == 'u' ? 1 : 2] += e->offset;
}

static void entries_are_told_with_absolute_offsets(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    int64_t at[3] = {0};
    char line[SL_METADATA_MAX];
    size_t n;

    (void)state;
    sl_partition_cut_over(p, rules, NULL);
    fixture_carry(p, "zzzzzz", 30, 0, TODAY);
    n = sl_metadata_write(p, &names, line);
    assert_true(sl_metadata_each(sl_slice(line, n), 200, count, at));
    assert_int_equal(at[0], 600);
    assert_int_equal(at[1], 30);
    assert_int_equal(at[2], 200);
    assert_false(sl_metadata_each(sl_slice(line, n), 201, NULL, NULL));
    sl_partition_unref(p);
}

static void starts_are_counted_until_there_are_none(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200), *q;
    uint64_t none = sl_partition_fingerprint(p);
    char line[SL_METADATA_MAX];

    (void)state;
    p->starts = 40;
    assert_int_not_equal(sl_partition_fingerprint(p), none);
    q = again(p, &names, SINKS, NULL);
    assert_int_equal(q->starts, 40);
    assert_true(sl_metadata_write(p, &names, line) > 0);
    assert_non_null(strstr(line, ";n=14"));
    p->starts = 0;
    assert_true(sl_metadata_write(p, &names, line) > 0);
    assert_null(strstr(line, ";n="));
    assert_true(sl_metadata_read(q, &names, 200, sl_slice_str(line), NULL));
    assert_int_equal(q->starts, 0);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void changed(const struct sl_partition *p, uint64_t *last)
{
    uint64_t now = sl_partition_fingerprint(p);

    assert_int_not_equal(now, *last);
    assert_int_equal(now, sl_partition_fingerprint(p));
    *last = now;
}

static void the_fingerprint_changes_with_all_that_the_line_says(void **state)
{
    struct sl_partition *p = fixture_partition(SINKS, 200);
    uint64_t last = 0;

    (void)state;
    changed(p, &last);
    sl_partition_skip(p, 201);
    changed(p, &last);
    sl_partition_cut_over(p, rules, NULL);
    changed(p, &last);
    sl_partition_cut_over(p, "222222222222", NULL); /* at the same offset */
    changed(p, &last);
    sl_partition_detach(p, 1);
    changed(p, &last);
    p->sinks[1].plan = (struct sl_plan){.first = 201, .end = 203};
    changed(p, &last);
    fixture_carry(p, "zzzzzz", 30, 0, TODAY - 8);
    changed(p, &last);
    sl_partition_prune_carried(p, TODAY);
    changed(p, &last);
    sl_partition_unref(p);
}

static void a_short_id_is_six_characters_of_its_own(void **state)
{
    char a[7], b[7];

    (void)state;
    sl_metadata_short_id("search", a);
    sl_metadata_short_id("search2", b);
    assert_int_equal(strlen(a), 6);
    assert_string_not_equal(a, b);
    assert_string_equal(a, "JBkykG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_as_promised),
        cmocka_unit_test(each_sink_goes_on_at_its_own_position),
        cmocka_unit_test(a_new_sink_is_told_and_begins_at_the_base),
        cmocka_unit_test(an_unknown_sink_is_carried_unchanged),
        cmocka_unit_test(eras_are_kept_in_order),
        cmocka_unit_test(f23_garbage_and_foreign_metadata_is_ignored),
        cmocka_unit_test(a_line_of_another_offset_is_void),
        cmocka_unit_test(a_line_beyond_the_log_is_void),
        cmocka_unit_test(every_truncation_is_read_as_less_or_not_at_all),
        cmocka_unit_test(nothing_is_written_while_nothing_is_known),
        cmocka_unit_test(an_id_that_stands_twice_means_the_least_without_a_plan),
        cmocka_unit_test(two_sinks_of_one_short_id_both_begin_at_the_least),
        cmocka_unit_test(a_line_reaches_as_far_as_its_foremost_sink),
        cmocka_unit_test(entries_are_told_with_absolute_offsets),
        cmocka_unit_test(starts_are_counted_until_there_are_none),
        cmocka_unit_test(the_fingerprint_changes_with_all_that_the_line_says),
        cmocka_unit_test(a_short_id_is_six_characters_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
