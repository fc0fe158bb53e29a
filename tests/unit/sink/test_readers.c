/* SPDX-License-Identifier: Apache-2.0 */
/* Two readers and one sink: what they bring stays apart, and cuts that were recorded are made again
 * where they were. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core.h"
#include "sink/core_readers.h"

enum { FIRST = 3, END = 203 };

static void start(struct world *w, const struct sl_sink_type *type)
{
    world_init(w, type, 7);
    w->env.commit = on_commit;
}

static void finish(struct world *w)
{
    catch_up_all(w);
    settle_everything(w);
    check(w);
    world_release(w);
}

static void route_some(struct world *w, int i, int n)
{
    while (n > 0)
        n -= route(w, i, 10);
}

/* Partition 0 arrives with a plan that somebody recorded; the live reader begins behind it. */
static void arrive_with_plan(struct world *w)
{
    start(w, &fake_cuts_type);
    for (int64_t o = 0; o < FIRST; o++)
        w->fate[0][o] = DELIVERED;
    w->committed[0] =
        (struct snapshot){true, FIRST, {.first = FIRST, .end = END, .confirmed = true}};
    reassign(w, 0);
    assert_int_equal(w->partitions[0]->next, END);
}

static void read_to(struct world *w, int64_t offset)
{
    while (w->partitions[0]->sinks[0].catch_up < offset)
        assert_true(catch_up(w, 0, 10));
}

static const struct sl_span *span_of(const struct sl_batch *b)
{
    return b->hold->spans[0];
}

/* ---- who brings what ---- */

static void what_two_readers_bring_is_never_in_one_batch(void **state)
{
    const struct sl_sink_type *const types[] = {&fake_items_type, &fake_cuts_type};
    struct world w;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        start(&w, types[t]);
        route_some(&w, 0, 20);
        detach(&w);
        sl_partition_hand_over(w.partitions[0], 0);
        route_some(&w, 0, 20); /* of the live reader, from 20 on */
        while (catch_up(&w, 0, 10))
            ;
        assert_true(sl_partition_attached(w.partitions[0], 0));
        sl_sink_close_open(w.sink, NULL);
        for (int seen = 0; !sl_sink_idle(w.sink);) {
            pump(&w);
            commit_all(&w);
            for (; w.sinks.n > 0; seen++) {
                const struct sl_batch *b = w.sinks.pending[0];

                assert_true(b->hold->catch_up ? span_of(b)->last < 20 : span_of(b)->first >= 20);
                reply(&w, 0, true);
            }
            assert_true(seen <= 20);
        }
        finish(&w);
    }
}

static void the_end_of_one_reader_closes_nothing_of_the_other(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    route_some(&w, 0, 20);
    detach(&w);
    sl_partition_hand_over(w.partitions[0], 0);
    route_some(&w, 0, 20);
    for (int i = 0; i < 10; i++)
        catch_up(&w, 0, 10);
    route_some(&w, 1, 5);
    sl_sink_close_reader(w.sink, w.partitions[0], false);
    assert_null(w.partitions[0]->sinks[0].cut[0]);
    assert_non_null(w.partitions[0]->sinks[0].cut[1]);
    sl_sink_close_reader(w.sink, w.partitions[0], true);
    assert_null(w.partitions[0]->sinks[0].cut[1]);
    finish(&w);
}

/* Each of its records: by `old` those below 20. */
static void judged_by(const struct sl_batch *b, const struct sl_rules_version *old,
                      const struct sl_rules_version *new)
{
    const char *at = b->body.p;
    int64_t offset;
    int partition;

    while (fake_next_line(b, &at, &partition, &offset))
        assert_ptr_equal(b->rules, offset < 20 ? old : new);
}

static void a_batch_has_one_version_of_the_rules(void **state)
{
    const struct sl_sink_type *const types[] = {&fake_items_type, &fake_cuts_type};
    struct world w;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct sl_rules_version *old;

        start(&w, types[t]);
        old = w.env.rules;
        route_some(&w, 0, 20);
        w.env.rules = fake_rules("other", "rule");
        route_some(&w, 0, 20);
        sl_sink_close_open(w.sink, NULL);
        while (!sl_sink_idle(w.sink)) {
            pump(&w);
            commit_all(&w);
            while (w.sinks.n > 0) {
                judged_by(w.sinks.pending[0], old, w.env.rules);
                reply(&w, 0, true);
            }
        }
        finish(&w);
        sl_rules_version_unref(old);
    }
}

/* ---- plans that are repeated ---- */

static void a_recorded_cut_is_made_again_whatever_the_limits(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    w.config.batch_records = 10;
    w.config.batch_bytes = 100;
    w.config.queue_bytes = 8000; /* three quarters of it are passed */
    w.sink->core->open_max = 2;
    read_to(&w, END - 1);
    fake_advance(&w.fake, 60000);
    sl_sink_relieve(w.sink);
    sl_sink_close_reader(w.sink, w.partitions[0], true); /* a slice has ended */
    pump(&w);
    assert_int_equal(w.sinks.n, 0);
    assert_true(sl_list_empty(&w.sink->core->gated));
    read_to(&w, END);
    pump(&w);
    assert_true(w.sinks.n > 0); /* it is recorded: at once */
    assert_int_equal(w.commits, 0);
    for (size_t i = 0; i < w.sinks.n; i++) {
        assert_int_equal(span_of(w.sinks.pending[i])->first, FIRST);
        assert_int_equal(span_of(w.sinks.pending[i])->last, END - 1);
    }
    assert_int_equal(sl_partition_position(w.partitions[0], 0), FIRST);
    finish(&w);
}

/* Its objects are as many as they were: others do not pay for them with cuts of one record. */
static void objects_of_a_repetition_crowd_out_no_others(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    w.sink->core->open_max = 5; /* each cut has five, in the end */
    read_to(&w, 100);
    while (w.sink->core->open_batches < 8)
        route_some(&w, 1, 1);
    assert_non_null(w.partitions[1]->sinks[0].cut[0]);
    assert_int_equal(w.commits, 0);
    route_some(&w, 1, 20);
    assert_true(w.commits > 0); /* and their limit holds */
    finish(&w);
}

static void what_is_behind_a_repeated_plan_is_another_cut(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    for (int i = 0; i < 50; i++)
        route(&w, 0, 10); /* for the other sinks */
    read_to(&w, END + 30);
    sl_sink_close_reader(w.sink, w.partitions[0], true);
    pump(&w);
    while (w.sinks.n > 0) {
        assert_int_equal(span_of(w.sinks.pending[0])->last, END - 1);
        reply(&w, 0, true);
    }
    assert_int_equal(w.commits, 1);
    commit_all(&w);
    assert_true(w.sinks.n > 0);
    assert_true(span_of(w.sinks.pending[0])->first >= END);
    finish(&w);
}

/* A cut that fitted once fits again, whatever its successor expects of the compression: what it has
 * not learnt yet does not count. */
static void a_recorded_cut_is_counted_as_it_is(void **state)
{
    struct world w;
    size_t bytes = 0;

    (void)state;
    arrive_with_plan(&w);
    w.sink->core->wire_ratio = 3;
    read_to(&w, END - 1);
    for (struct sl_list *at = w.sink->core->cuts.next; at != &w.sink->core->cuts; at = at->next) {
        const struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        for (size_t i = 0; i < cut->n; i++)
            bytes += cut->batches[i]->data.n;
    }
    assert_true(bytes > 0);
    assert_in_range(sl_sink_bytes(w.sink), bytes, bytes + 5 * 1024);
    read_to(&w, END);
    finish(&w);
}

static void a_recorded_cut_may_be_larger_than_the_queue(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    w.config.queue_bytes = 4000;
    read_to(&w, END);
    assert_true(sl_sink_bytes(w.sink) > w.config.queue_bytes);
    pump(&w);
    assert_int_equal(span_of(w.sinks.pending[0])->last, END - 1);
    w.config.queue_bytes = 1 << 20;
    finish(&w);
}

/* Only when nothing else could give room. */
static void a_recorded_cut_waits_for_room_that_others_will_give(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    w.config.queue_bytes = 8000;
    route_some(&w, 1, 20);
    sl_sink_close_open(w.sink, w.partitions[1]);
    while (catch_up(&w, 0, 10))
        ;
    assert_true(w.partitions[0]->sinks[0].catch_up < END);
    assert_true(sl_sink_bytes(w.sink) <= w.config.queue_bytes);
    for (int i = 0; i < 5; i++) {
        pump(&w);
        commit_all(&w);
        while (w.sinks.n > 0)
            reply(&w, 0, true);
    }
    read_to(&w, END);
    w.config.queue_bytes = 1 << 20;
    finish(&w);
}

/* Cuts of the live reader wait for it: they go (catch-up sees to that), not the bound of memory. */
static void a_recorded_cut_does_not_exceed_the_queue_for_what_waits(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    w.config.queue_bytes = 24000;
    sl_partition_hand_over(w.partitions[0], 0);
    route_some(&w, 0, 30);
    sl_sink_close_open(w.sink, NULL);
    pump(&w);
    w.config.queue_bytes = sl_sink_bytes(w.sink) + 2000;
    while (catch_up(&w, 0, 10))
        ;
    assert_in_range(w.partitions[0]->sinks[0].catch_up, FIRST + 1, END - 1);
    assert_true(sl_sink_bytes(w.sink) <= w.config.queue_bytes);
    detach(&w);
    read_to(&w, END);
    w.config.queue_bytes = 1 << 20;
    finish(&w);
}

static void an_unfinished_repetition_is_never_uploaded(void **state)
{
    struct world w;

    (void)state;
    arrive_with_plan(&w);
    read_to(&w, 100);
    sl_sink_close_open(w.sink, w.partitions[0]); /* a revoke */
    pump(&w);
    assert_true(sl_sink_idle(w.sink));
    assert_int_equal(w.sinks.n, 0);
    assert_int_equal(sl_sink_bytes(w.sink), 0);
    assert_int_equal(*w.sink->count.let_go, *w.sink->count.routed);
    assert_int_equal(w.partitions[0]->sinks[0].catch_up, FIRST);
    assert_int_equal(w.partitions[0]->sinks[0].plan.end, END);
    for (int64_t o = FIRST; o < OFFSETS; o++)
        w.fate[0][o] = NOWHERE;
    check(&w);
    read_to(&w, END); /* once more, from its begin */
    pump(&w);
    assert_int_equal(span_of(w.sinks.pending[0])->first, FIRST);
    assert_int_equal(span_of(w.sinks.pending[0])->last, END - 1);
    finish(&w);
}

/* Rules loaded again, or a newer version live: the plan's own judge its records. */
static void a_repetition_outlives_a_reload(void **state)
{
    struct world w;
    struct sl_rules_version *old;

    (void)state;
    arrive_with_plan(&w);
    old = w.env.rules;
    read_to(&w, FIRST + 2);
    w.env.rules = fake_rules("r", "rule");
    read_to(&w, END);
    pump(&w);
    for (size_t i = 0; i < w.sinks.n; i++) {
        assert_int_equal(span_of(w.sinks.pending[i])->first, FIRST);
        assert_int_equal(span_of(w.sinks.pending[i])->last, END - 1);
        assert_ptr_equal(w.sinks.pending[i]->rules, old);
    }
    sl_rules_version_unref(old);
    finish(&w);
}

/* The cuts of the live reader wait for those of the side reader: these must find room. */
static void a_hand_over_leaves_the_catch_up_half_of_the_queue(void **state)
{
    struct world w;

    (void)state;
    start(&w, &fake_cuts_type);
    w.config.queue_bytes = 40000;
    route_some(&w, 0, 100);
    detach(&w);
    sl_partition_hand_over(w.partitions[0], 0);
    while (route(&w, 0, 300))
        assert_true(w.partitions[0]->next < OFFSETS);
    assert_in_range(sl_sink_bytes(w.sink), 1, 20000);
    for (int i = 0; i < 100 && !sl_partition_attached(w.partitions[0], 0); i++) {
        pump(&w);
        commit_all(&w);
        while (w.sinks.n > 0) {
            assert_true(span_of(w.sinks.pending[0])->last < 100);
            reply(&w, 0, true);
        }
        while (catch_up(&w, 0, 300))
            ;
    }
    assert_true(sl_partition_attached(w.partitions[0], 0));
    finish(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_readers_bring_is_never_in_one_batch),
        cmocka_unit_test(the_end_of_one_reader_closes_nothing_of_the_other),
        cmocka_unit_test(a_batch_has_one_version_of_the_rules),
        cmocka_unit_test(a_recorded_cut_is_made_again_whatever_the_limits),
        cmocka_unit_test(objects_of_a_repetition_crowd_out_no_others),
        cmocka_unit_test(what_is_behind_a_repeated_plan_is_another_cut),
        cmocka_unit_test(a_recorded_cut_is_counted_as_it_is),
        cmocka_unit_test(a_recorded_cut_may_be_larger_than_the_queue),
        cmocka_unit_test(a_recorded_cut_waits_for_room_that_others_will_give),
        cmocka_unit_test(a_recorded_cut_does_not_exceed_the_queue_for_what_waits),
        cmocka_unit_test(an_unfinished_repetition_is_never_uploaded),
        cmocka_unit_test(a_repetition_outlives_a_reload),
        cmocka_unit_test(a_hand_over_leaves_the_catch_up_half_of_the_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
