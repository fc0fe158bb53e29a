/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of many records, and of none, by the live reader. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/flow_single.h"

enum { A = 0, S = CUTS_SINK, RECORDS = 10, TEN_THOUSAND = 10000, KEYS = 5 };

static size_t none(const struct sl_message *m)
{
    (void)m;
    return 0;
}

static size_t some(const struct sl_message *m)
{
    (void)m;
    return RECORDS;
}

static size_t forty(const struct sl_message *m)
{
    (void)m;
    return 40;
}

/* All goes to A, which holds up the others. */
static struct world *world_of(size_t size, size_t (*many)(const struct sl_message *m))
{
    struct world *w = sl_zalloc(sizeof(*w));

    w->plain = true;
    world_init(w, 15 & ~(1 << A));
    w->all_to = 1 << A;
    w->size = size;
    w->many = many;
    return w;
}

static void deliver_all(struct world *w)
{
    turn(w);
    while (pending_of(w, A)) {
        deliver(take_of(w, A));
        turn(w);
    }
}

static void end(struct world *w)
{
    deliver_all(w);
    fake_advance(&w->fake, 2000);
    deliver_all(w);
    assert_int_equal(sl_partition_position(partition(w, 0), A), partition(w, 0)->next);
    assert_int_equal(sl_sink_bytes(w->p.sinks[A]), 0);
    check(w);
    world_release(w);
    free(w);
}

static void one_that_holds_nothing_is_counted_and_passed(void **state)
{
    struct world *w = world_of(100, none);
    struct sl_partition *p = partition(w, 0);
    uint64_t controls = 0;

    (void)state;
    w->p.count.controls = &controls;
    w->all_to = 0; /* the model expects nothing */
    for (int i = 0; i < 3; i++) {
        struct sl_message m = {.at = p, .offset = i, .value = SL_SLICE_LITERAL("hello")};

        assert_true(sl_pipeline_on_message(&w->p, &m));
        w->expect[0]++;
    }
    assert_int_equal(controls, 3);
    assert_int_equal(p->decoded, 3);
    assert_int_equal(p->dropped, 3);
    assert_int_equal(p->next, 3);
    for (size_t s = 0; s < SINKS; s++) {
        assert_int_equal(sl_partition_position(p, s), 3);
        w->checked[s][0] = 3;
    }
    end(w);
}

static bool give(struct world *w, const struct sl_header *headers, size_t n, struct sl_slice key)
{
    struct sl_partition *p = partition(w, 0);
    struct sl_message m = {.at = p,
                           .offset = w->expect[0],
                           .key = key,
                           .value = SL_SLICE_LITERAL("hello"),
                           .headers = headers,
                           .n_headers = n};
    bool taken = sl_pipeline_on_message(&w->p, &m);

    if (taken)
        set_routed(w, A, &m);
    w->expect[0] += taken;
    return taken;
}

/* Where there is plenty of room nothing is judged twice; what an envelope has beside each record
 * is a part of what they need. */
static void keys_and_headers_count_for_each_record(void **state)
{
    static const char text[1000] = {0};
    const struct sl_header header = {{"name", 4}, {text, sizeof(text)}};
    struct world *w = world_of(0, some);

    (void)state;
    assert_true(give(w, NULL, 0, (struct sl_slice){NULL, 0}));
    assert_int_equal(w->noted, 0);
    assert_true(give(w, &header, 1, (struct sl_slice){NULL, 0}));
    assert_int_equal(w->noted, 1);
    assert_true(give(w, NULL, 0, sl_slice(text, sizeof(text))));
    assert_int_equal(w->noted, 2);
    end(w);
}

/* It goes alone, through a sink that nobody may leave behind. */
static void one_that_is_more_than_the_queue(void **state)
{
    struct world *w = world_of(TEN_THOUSAND, NULL);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    assert_true(next_message(w, p));
    w->many = forty; /* 400 KB, where the queue has 160 */
    assert_false(next_message(w, p));
    assert_int_equal(p->next, 1);
    assert_true(w->paused);
    turn(w);
    assert_true(w->paused); /* the first is under way */
    assert_int_equal(pending_of(w, A), 1);
    deliver_all(w);
    assert_false(w->paused);
    assert_true(next_message(w, p));
    assert_int_equal(sl_partition_position(p, A), 1);
    assert_true(sl_sink_bytes(w->p.sinks[A]) > w->sinks[A].queue_bytes);
    end(w);
}

/* So many records, as one cut. */
static void give_cut(struct world *w, struct sl_partition *p, int records)
{
    for (int i = 0; i < records; i++)
        assert_true(next_message(w, p));
    sl_sink_close_open(w->p.sinks[S], p);
    turn(w);
}

/* In another partition the sink catches up, and there half of its queue is for what the side reader
 * brings: that is no matter of a message of this one. */
static void room_is_of_the_partition(void **state)
{
    struct world *w = world_of(1000, NULL);
    struct sl_partition *p = partition(w, 0), *behind = partition(w, 1);

    (void)state;
    w->all_to = 1 << S;
    w->sinks[A].overflow = SL_OVERFLOW_DETACH;
    w->sinks[S].overflow = SL_OVERFLOW_BLOCK;
    sl_partition_skip(behind, 10);
    sl_partition_detach(behind, S);
    behind->sinks[S].catch_up = 0;
    w->p.flows[S].detached_ms = 1;
    sl_flow_look(&w->p);
    give_cut(w, p, 15);
    give_cut(w, p, 15);
    w->many = forty;
    assert_false(next_message(w, p));
    assert_true(w->p.flows[S].wanted > w->sinks[S].queue_bytes / 2);
    assert_true(w->p.flows[S].wanted < w->sinks[S].queue_bytes / 16 * 12);
    for (int i = 0; i < KEYS; i++) { /* the first cut's */
        turn(w);
        deliver(take_of(w, S));
    }
    turn(w);
    assert_true(sl_sink_bytes(w->p.sinks[S]) > 0);
    assert_false(sl_partition_attached(behind, S));
    assert_false(w->paused);
    assert_true(next_message(w, p));
    world_release(w);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_holds_nothing_is_counted_and_passed),
        cmocka_unit_test(keys_and_headers_count_for_each_record),
        cmocka_unit_test(one_that_is_more_than_the_queue),
        cmocka_unit_test(room_is_of_the_partition),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
