/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/hash.h"
#include "fake_runtime.h"
#include "sluice/position.h"

static char name[] = "logs";
static struct sl_topic topic = {.name = name};

static struct sl_partition *partition(size_t sinks, int64_t next)
{
    struct sl_partition *p = sl_partition_new(&topic, 3, 1, sinks, "cluster");

    p->next = next;
    return p;
}

static void nothing_outstanding_is_the_next_offset(void **state)
{
    struct sl_partition *p = partition(2, 100);

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
    struct sl_partition *p = partition(2, 10);
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
    struct sl_partition *p = partition(1, 5);
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

static void late_acknowledgement_of_an_ended_assignment_touches_nothing(void **state)
{
    struct sl_partition *old = partition(1, 5), *new = partition(1, 5);
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
    struct sl_partition *p = partition(1, 5);

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
    struct sl_partition *p = partition(1, 5);
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

/* Against a model that keeps every record: the position is the first one without an outcome. */
enum { RECORDS = 400, SINKS = 3, HOLDS = 64 };

struct model {
    uint8_t open[SINKS][RECORDS]; /* 1 + index of the hold that has it */
    struct sl_hold *holds[HOLDS];
    size_t sink_of[HOLDS];
};

static int64_t naive_position(const struct model *m, size_t sink, int64_t next)
{
    for (int64_t i = 0; i < next; i++)
        if (m->open[sink][i])
            return i;
    return next;
}

static void settle(struct model *m, size_t h)
{
    for (size_t i = 0; i < RECORDS; i++)
        if (m->open[m->sink_of[h]][i] == h + 1)
            m->open[m->sink_of[h]][i] = 0;
    sl_hold_unref(m->holds[h]);
    m->holds[h] = NULL;
}

static void route_one(struct model *m, struct sl_partition *p, size_t *current, int64_t offset,
                      uint64_t *seed)
{
    for (size_t s = 0; s < SINKS; s++) {
        if (fake_next(seed) % 2)
            continue;
        if (current[s] == HOLDS || fake_next(seed) % 8 == 0) {
            size_t h = 0;

            while (h < HOLDS && m->holds[h])
                h++;
            if (h == HOLDS)
                continue;
            m->holds[h] = sl_hold_new(s, false, false);
            m->sink_of[h] = s;
            current[s] = h;
        }
        sl_hold_cover(m->holds[current[s]], p, offset);
        m->open[s][offset] = (uint8_t)(current[s] + 1);
    }
    sl_partition_advance(p, offset, 0, 0);
}

static void agrees_with_a_naive_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct sl_partition *p = partition(SINKS, 0);
        struct model m = {0};
        size_t current[SINKS] = {HOLDS, HOLDS, HOLDS};
        uint64_t at = seed;

        for (int64_t offset = 0; offset < RECORDS; offset++) {
            size_t h = fake_next(&at) % HOLDS;

            route_one(&m, p, current, offset, &at);
            if (m.holds[h] && h != current[m.sink_of[h]])
                settle(&m, h);
            for (size_t s = 0; s < SINKS; s++)
                assert_int_equal(sl_partition_position(p, s), naive_position(&m, s, offset + 1));
        }
        for (size_t h = 0; h < HOLDS; h++)
            if (m.holds[h])
                settle(&m, h);
        assert_int_equal(sl_partition_least(p), RECORDS);
        assert_true(sl_partition_idle(p));
        sl_partition_unref(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_outstanding_is_the_next_offset),
        cmocka_unit_test(position_is_the_first_unsettled_offset),
        cmocka_unit_test(shared_hold_goes_with_its_last_user),
        cmocka_unit_test(late_acknowledgement_of_an_ended_assignment_touches_nothing),
        cmocka_unit_test(skip_moves_forward_only),
        cmocka_unit_test(a_cut_sums_every_record_between_its_bounds),
        cmocka_unit_test(place_depends_on_cluster_topic_and_number),
        cmocka_unit_test(agrees_with_a_naive_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
