/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/hash.h"
#include "position/fixture.h"

static char name[] = "logs";
static struct sl_topic topic = {.name = name};

static void nothing_outstanding_is_the_next_offset(void **state)
{
    struct sl_partition *p = fixture_partition(2, 100);

    (void)state;
    assert_int_equal(sl_partition_least(p), 100);
    sl_partition_advance(p, 100, 0, 0);
    assert_int_equal(sl_partition_position(p, 0), 101);
    assert_int_equal(sl_partition_least(p), 101);
    assert_true(sl_partition_idle(p));
    sl_partition_unref(p);
}

static void position_is_the_first_unsettled_offset(void **state)
{
    struct sl_partition *p = fixture_partition(2, 10);
    struct sl_hold *a = sl_hold_new(0, false, false), *b = sl_hold_new(0, false, false),
                   *c = sl_hold_new(1, false, false);

    (void)state;
    sl_hold_cover(a, p, 10);
    sl_partition_advance(p, 10, 0, 0);
    sl_hold_cover(b, p, 11);
    sl_hold_cover(c, p, 11);
    sl_partition_advance(p, 11, 0, 0);
    sl_hold_unref(b);
    assert_int_equal(sl_partition_position(p, 0), 10); /* b was later: only the prefix counts */
    sl_hold_unref(a);
    assert_int_equal(sl_partition_position(p, 0), 12);
    assert_int_equal(sl_partition_least(p), 11); /* the other sink holds it back */
    sl_hold_unref(c);
    assert_int_equal(sl_partition_least(p), 12);
    sl_partition_unref(p);
}

static void shared_hold_goes_with_its_last_user(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5);
    struct sl_hold *h = sl_hold_new(0, false, false);

    (void)state;
    sl_hold_cover(h, p, 5);
    sl_partition_advance(p, 5, 0, 0);
    sl_hold_ref(h);
    sl_hold_unref(h);
    assert_int_equal(sl_partition_least(p), 5);
    sl_hold_unref(h);
    assert_int_equal(sl_partition_least(p), 6);
    sl_partition_unref(p);
}

static void f16_late_acknowledgement_of_an_ended_assignment_touches_nothing(void **state)
{
    struct sl_partition *old = fixture_partition(1, 5), *new = fixture_partition(1, 5);
    struct sl_hold *h = sl_hold_new(0, false, false);

    (void)state;
    sl_hold_cover(h, old, 5);
    sl_partition_advance(old, 5, 0, 0);
    old->ended = true;
    sl_partition_unref(old); /* the reader forgets it; the hold still refers to it */
    assert_int_equal(sl_partition_least(new), 5);
    sl_hold_unref(h);
    assert_int_equal(sl_partition_least(new), 5);
    sl_partition_unref(new);
}

static void skip_moves_forward_only(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5);

    (void)state;
    sl_partition_skip(p, 9);
    assert_int_equal(sl_partition_least(p), 9);
    sl_partition_skip(p, 3);
    assert_int_equal(sl_partition_least(p), 9);
    sl_partition_unref(p);
}

static uint32_t sum(uint32_t crc, int64_t offset, int64_t time, uint32_t value)
{
    uint64_t words[2] = {__builtin_bswap64((uint64_t)offset), __builtin_bswap64((uint64_t)time)};
    uint32_t last = __builtin_bswap32(value);

    crc = sl_crc32c(crc, words, sizeof(words));
    return sl_crc32c(crc, &last, sizeof(last));
}

static void a_cut_sums_every_record_between_its_bounds(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5);
    struct sl_hold *h = sl_hold_new(0, true, false);
    struct sl_span *span;
    uint32_t expected;

    (void)state;
    sl_partition_advance(p, 5, 50, 500); /* before the cut */
    sl_hold_cover(h, p, 6);
    span = h->spans[0];
    sl_partition_advance(p, 6, 60, 600);
    sl_partition_advance(p, 8, 80, 800); /* not routed here, but read; 7 is a control record */
    sl_hold_close(h);
    sl_partition_advance(p, 9, 90, 900); /* after the cut */
    expected = sum(sum(0, 6, 60, 600), 8, 80, 800);
    assert_int_equal(span->first, 6);
    assert_int_equal(span->last, 8);
    assert_int_equal(span->crc, expected);
    assert_int_equal(sl_partition_least(p), 6);
    sl_hold_unref(h);
    sl_partition_unref(p);
}

static void place_depends_on_cluster_topic_and_number(void **state)
{
    struct sl_partition *a = sl_partition_new(&topic, 3, 1, 0, "one");
    struct sl_partition *b = sl_partition_new(&topic, 3, 2, 0, "two");
    struct sl_partition *c = sl_partition_new(&topic, 4, 3, 0, "one");
    struct sl_partition *d = sl_partition_new(&topic, 3, 4, 0, "one");

    (void)state;
    assert_memory_not_equal(a->place, b->place, sizeof(a->place));
    assert_memory_not_equal(a->place, c->place, sizeof(a->place));
    assert_memory_equal(a->place, d->place, sizeof(a->place));
    sl_partition_unref(a);
    sl_partition_unref(b);
    sl_partition_unref(c);
    sl_partition_unref(d);
}

static void a_cut_of_the_side_reader_sums_what_that_reads(void **state)
{
    struct sl_partition *p = fixture_partition(2, 10);
    struct sl_hold *side = sl_hold_new(0, true, true), *live = sl_hold_new(1, true, false);

    (void)state;
    fixture_detached(p, 0, 5);
    sl_hold_cover(side, p, 5);
    sl_partition_caught(p, 0, 5, 50, 500);
    sl_hold_cover(live, p, 10);
    sl_partition_advance(p, 10, 100, 1000);
    sl_partition_caught(p, 0, 6, 60, 600); /* not routed here, but read */
    sl_hold_close(side);
    sl_partition_caught(p, 0, 7, 70, 700);
    assert_int_equal(side->spans[0]->crc, sum(sum(0, 5, 50, 500), 6, 60, 600));
    assert_int_equal(side->spans[0]->last, 6);
    assert_int_equal(live->spans[0]->crc, sum(0, 10, 100, 1000));
    sl_hold_unref(side);
    sl_hold_unref(live);
    sl_partition_unref(p);
}

static void a_hold_spans_partitions_and_counts_its_records(void **state)
{
    struct sl_partition *p = fixture_partition(1, 5), *q = fixture_partition(1, 50);
    struct sl_hold *h = sl_hold_new(0, false, false);

    (void)state;
    assert_int_equal(sl_hold_cover(h, p, 5), 0);
    assert_int_equal(sl_hold_cover(h, q, 50), 1);
    assert_int_equal(sl_hold_cover(h, p, 7), 0);
    assert_int_equal(sl_hold_cover(h, q, 51), 1);
    assert_int_equal(sl_hold_cover(h, q, 53), 1);
    p->next = 8;
    q->next = 54;
    assert_int_equal(h->spans[0]->records, 2);
    assert_int_equal(h->spans[1]->records, 3);
    assert_int_equal(h->spans[1]->last, 53);
    assert_int_equal(sl_partition_least(p), 5);
    assert_int_equal(sl_partition_least(q), 50);
    sl_hold_unref(h);
    assert_int_equal(sl_partition_least(p), 8);
    assert_int_equal(sl_partition_least(q), 54);
    sl_partition_unref(p);
    sl_partition_unref(q);
}

static void what_is_let_go_counts_no_more(void **state)
{
    struct sl_partition *p = fixture_partition(2, 5);
    struct sl_hold *h = sl_hold_new(0, false, false);

    (void)state;
    fixture_live(p, h, 5, 8);
    sl_hold_ref(h); /* two batches */
    sl_partition_detach(p, 0);
    sl_hold_let_go(h);
    sl_hold_let_go(h);
    assert_true(h->spans[0]->let_go);
    assert_true(sl_partition_idle(p));
    fixture_side(p, NULL, 0, 5, 7);
    sl_hold_unref(h);
    assert_int_equal(sl_partition_position(p, 0), 7);
    sl_hold_unref(h); /* a late reply */
    assert_int_equal(sl_partition_position(p, 0), 7);
    sl_partition_unref(p);
}

/* Ten seconds later, what was next then has no outcome yet. */
static void behind_is_who_lies_back_while_another_keeps_up(void **state)
{
    struct sl_partition *p = fixture_partition(3, 0);
    struct sl_hold *slow = sl_hold_new(0, false, false), *slow_too = sl_hold_new(1, false, false);

    (void)state;
    fixture_live(p, slow, 0, 1);
    fixture_live(p, slow_too, 1, 3);
    for (int i = 0; i < SL_BEHIND_S; i++) {
        for (size_t s = 0; s < 3; s++)
            assert_false(sl_partition_behind(p, s));
        sl_partition_tick(p);
    }
    fixture_live(p, NULL, 3, 9);
    assert_true(sl_partition_behind(p, 0));
    assert_true(sl_partition_behind(p, 1));
    assert_false(sl_partition_behind(p, 2));

    fixture_detached(p, 2, 3);
    assert_true(sl_partition_behind(p, 2));
    assert_false(sl_partition_behind(p, 0)); /* now nobody keeps up: it is foremost */
    p->sinks[2].catch_up = -1;
    p->sinks[2].from = 0;
    sl_hold_unref(slow);
    assert_false(sl_partition_behind(p, 0));
    sl_hold_unref(slow_too);
    sl_partition_unref(p);
}

static void nothing_is_known_while_arriving(void **state)
{
    struct sl_partition *p = fixture_partition(2, -1);

    (void)state;
    assert_int_equal(sl_partition_position(p, 0), -1);
    fixture_detached(p, 1, 7);
    assert_int_equal(sl_partition_position(p, 1), 7);
    assert_int_equal(sl_partition_least(p), -1);
    sl_partition_unref(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outstanding_is_the_next_offset),
        cmocka_unit_test(position_is_the_first_unsettled_offset),
        cmocka_unit_test(shared_hold_goes_with_its_last_user),
        cmocka_unit_test(f16_late_acknowledgement_of_an_ended_assignment_touches_nothing),
        cmocka_unit_test(skip_moves_forward_only),
        cmocka_unit_test(a_cut_sums_every_record_between_its_bounds),
        cmocka_unit_test(place_depends_on_cluster_topic_and_number),
        cmocka_unit_test(a_cut_of_the_side_reader_sums_what_that_reads),
        cmocka_unit_test(a_hold_spans_partitions_and_counts_its_records),
        cmocka_unit_test(what_is_let_go_counts_no_more),
        cmocka_unit_test(behind_is_who_lies_back_while_another_keeps_up),
        cmocka_unit_test(nothing_is_known_while_arriving),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
