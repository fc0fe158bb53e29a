/* SPDX-License-Identifier: Apache-2.0 */
/* What single outcomes lead to: dead letters, stalls, splits, parking, back-off, cuts. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "sink/core_world.h"

/* A world in which the first batch, of n records, has reached its age and is on its way. */
static void begin(struct world *w, int n)
{
    world_init(w, &fake_items_type, 7);
    fill(w, 0, n);
    fake_advance(&w->fake, 1000);
    pump(w);
}

/* Answers every pending batch: each of its records with the outcome. */
static void answer_items(struct world *w, enum sl_outcome outcome)
{
    struct sl_result result = {.per_item = true, .status = 200, .reason = "index"};

    pump(w);
    while (w->sinks.n) {
        struct sl_batch *b = take_pending(w, 0);

        for (size_t i = 0; i < b->n_items; i++)
            b->items[i].outcome = (uint8_t)outcome;
        sl_sink_done(b, &result);
    }
}

static void answer_for(struct world *w, enum sl_outcome outcome, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        fake_advance(&w->fake, 1000);
        answer_items(w, outcome);
    }
}

/* Answers the pending batch: delivered, but for one of its records. */
static void answer_all_but(struct world *w, size_t other, enum sl_outcome outcome)
{
    struct sl_result result = {.per_item = true, .status = 200, .reason = "why"};
    struct sl_batch *b = take_pending(w, 0);

    for (size_t i = 0; i < b->n_items; i++) {
        b->items[i].outcome = (uint8_t)(i == other ? outcome : SL_DELIVERED);
        if (i != other)
            set_fate(w, b, i, DELIVERED);
    }
    sl_sink_done(b, &result);
}

static void reply_to_all(struct world *w)
{
    pump(w);
    while (w->sinks.n)
        reply(w, 0, true);
}

static void nothing_is_sent_for(struct world *w, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        fake_advance(&w->fake, 1000);
        pump(w);
        assert_int_equal(w->sinks.n, 0);
    }
}

static void wait_for_batch(struct world *w)
{
    while (!w->sinks.n) {
        fake_advance(&w->fake, 1000);
        pump(w);
    }
}

static void a_batch_closes_by_age(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 10);
    pump(&w);
    assert_int_equal(w.sinks.n, 0);
    fake_advance(&w.fake, 999);
    pump(&w);
    assert_int_equal(w.sinks.n, 0);
    fake_advance(&w.fake, 1);
    pump(&w);
    assert_int_equal(w.sinks.n, 1);
    settle_everything(&w);
    world_release(&w);
}

static void
one_refused_record_is_a_dead_letter_and_moves_the_position_only_when_confirmed(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 20);
    answer_all_but(&w, 3, SL_REFUSED);
    assert_int_equal(w.n_letters, 1);
    assert_int_not_equal(sl_partition_least(w.partitions[0]), w.partitions[0]->next);
    confirm_letter(&w, 0, SL_EKAFKA);
    assert_int_not_equal(sl_partition_least(w.partitions[0]), w.partitions[0]->next);
    assert_int_equal(*w.sink->count.dead, 0);
    fake_advance(&w.fake, 5000);
    assert_int_equal(w.n_letters, 1);
    confirm_letter(&w, 0, SL_OK);
    assert_int_equal(*w.sink->count.dead, 1);
    assert_int_equal(sl_partition_least(w.partitions[0]), w.partitions[0]->next);
    world_release(&w);
}

static void a_sink_that_refuses_everything_stalls_at_its_limit(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    for (int i = 0; i < 40; i++) {
        fill(&w, 0, 60);
        answer_for(&w, SL_REFUSED, 1);
        while (w.n_letters)
            confirm_letter(&w, 0, SL_OK);
    }
    assert_int_equal(*w.sink->count.dead, 500);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "dead_letter.limit"));
    settle_everything(&w); /* the destination takes records again: all that waited arrive */
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    assert_int_equal(*w.sink->count.dead, 500);
    check(&w);
    world_release(&w);
}

static void without_a_dead_letter_topic_a_refused_record_stalls(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.config.dead_letter = NULL;
    fill(&w, 0, 20);
    answer_for(&w, SL_REFUSED, 1);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_int_equal(w.n_letters, 0);
    assert_true(sl_partition_least(w.partitions[0]) < w.partitions[0]->next);
    settle_everything(&w);
    assert_int_equal(*w.sink->count.dead, 0);
    world_release(&w);
}

static void a_stall_names_what_stalls_and_not_a_record_refused_beside_it(void **state)
{
    const struct sl_result result = {.per_item = true, .status = 200, .reason = ""};
    struct world w;
    struct sl_batch *b;

    (void)state;
    begin(&w, 20);
    b = take_pending(&w, 0);
    for (size_t i = 0; i < b->n_items; i++) {
        b->items[i].outcome = i < 3 ? SL_REFUSED : SL_STALL;
        sl_batch_reason(b, &b->items[i], sl_slice_str(i < 3 ? "mapping" : "disk is full"));
    }
    sl_sink_done(b, &result);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_string_equal(sl_sink_reason(w.sink), "disk is full");
    settle_everything(&w);
    world_release(&w);
}

static void a_stalled_sink_probes_with_one_batch_at_a_time(void **state)
{
    struct world w;
    struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "not authorised"};

    (void)state;
    world_init(&w, &fake_items_type, 7);
    for (int i = 0; i < 10; i++)
        fill(&w, 0, 70);
    fake_advance(&w.fake, 1000);
    pump(&w);
    assert_int_equal(w.sinks.n, 4);
    while (w.sinks.n)
        sl_sink_done(take_pending(&w, 0), &denied);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    w.sinks.most = 0;
    for (int i = 0; i < 20; i++) {
        fake_advance(&w.fake, 2000);
        pump(&w);
        if (w.sinks.n)
            sl_sink_done(take_pending(&w, 0), &denied);
    }
    assert_int_equal(w.sinks.most, 1);
    assert_int_equal(*w.sink->count.delivered, 0);
    settle_everything(&w);
    check(&w);
    world_release(&w);
}

/* A destination that refuses every batch as a whole: one is taken apart at a time, so that what
 * waits does not become a small batch for each record, with more memory than the queue has. */
static void batches_are_halved_one_at_a_time(void **state)
{
    struct world w;
    size_t before, most = 0;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    for (int i = 0; i < 16; i++) {
        fill(&w, 0, 100);
        sl_sink_close_open(w.sink, NULL);
    }
    before = sl_sink_bytes(w.sink);
    for (int i = 0; i < 10000 && !sl_sink_idle(w.sink); i++) {
        pump(&w);
        while (w.sinks.n) {
            struct sl_batch *b = take_pending(&w, 0);
            struct sl_result result = {.outcome = SL_SPLIT, .status = 400, .reason = "no"};

            if (b->n_items == 1)
                result.outcome = SL_DELIVERED;
            sl_sink_done(b, &result);
            if (sl_sink_bytes(w.sink) > most)
                most = sl_sink_bytes(w.sink);
        }
        fake_advance(&w.fake, 100);
    }
    assert_true(sl_sink_idle(w.sink));
    assert_true(most <= before + before / 2);
    assert_int_equal(*w.sink->count.delivered, *w.sink->count.routed);
    world_release(&w);
}

static void a_refused_batch_is_halved_down_to_the_one_record(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 40);
    fake_advance(&w.fake, 1000);
    for (int i = 0; i < 1000 && !sl_sink_idle(w.sink); i++) {
        pump(&w);
        while (w.sinks.n) {
            struct sl_batch *b = take_pending(&w, 0);
            struct sl_result result = {.outcome = SL_DELIVERED, .status = 200, .reason = "no"};
            bool poison = false;

            for (size_t k = 0; k < b->n_items; k++)
                poison |= b->items[k].offset >= 10 && b->items[k].offset < 12;
            if (poison)
                result = (struct sl_result){.outcome = SL_SPLIT, .status = 422, .reason = "no"};
            sl_sink_done(b, &result);
        }
        while (w.n_letters) {
            assert_in_range(w.letter[0].offset, 10, 11);
            confirm_letter(&w, 0, SL_OK);
        }
        fake_advance(&w.fake, 100);
    }
    assert_true(sl_sink_idle(w.sink));
    assert_int_equal(*w.sink->count.delivered + *w.sink->count.dead, *w.sink->count.routed);
    assert_in_range(*w.sink->count.dead, 1, 2);
    world_release(&w);
}

static void retry_after_holds_the_sink(void **state)
{
    struct world w;
    struct sl_result busy = {.outcome = SL_AGAIN,
                             .status = 429,
                             .retry_after_ms = 60000,
                             .reason = "busy",
                             .throttled = true};

    (void)state;
    begin(&w, 20);
    sl_sink_done(take_pending(&w, 0), &busy);
    nothing_is_sent_for(&w, 59);
    fake_advance(&w.fake, 1100);
    pump(&w);
    fake_advance(&w.fake, 100);
    assert_int_equal(w.sinks.n, 1);
    settle_everything(&w);
    world_release(&w);
}

static void a_cut_closes_all_objects_of_its_partition_at_one_offset(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_cuts_type, 7);
    fill(&w, 0, 30);
    fill(&w, 1, 2);
    sl_sink_close_open(w.sink, w.partitions[0]);
    pump(&w);
    while (w.sinks.n < 4 || w.fake.n_work)
        pump(&w);
    for (size_t i = 0; i < w.sinks.n; i++) {
        struct sl_span *span = w.sinks.pending[i]->hold->spans[0];

        assert_ptr_equal(span->partition, w.partitions[0]);
        assert_int_equal(span->last, 29);
        assert_ptr_equal(w.sinks.pending[i]->hold, w.sinks.pending[0]->hold);
    }
    settle_everything(&w);
    world_release(&w);
}

static void parked_records_are_refused_after_five_minutes(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 4);
    answer_for(&w, SL_PARK, 299);
    assert_int_equal(w.n_letters, 0);
    answer_for(&w, SL_PARK, 5);
    assert_true(w.n_letters > 0);
    settle_everything(&w);
    world_release(&w);
}

static void an_index_that_is_away_is_tried_without_end(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 4);
    answer_for(&w, SL_PARK_ON, 1000);
    assert_int_equal(w.n_letters, 0);
    answer_for(&w, SL_PARK, 290); /* the five minutes begin with the refusals */
    assert_int_equal(w.n_letters, 0);
    answer_for(&w, SL_PARK, 20);
    assert_true(w.n_letters > 0);
    settle_everything(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    world_release(&w);
}

static void halves_of_a_parked_batch_keep_its_clock(void **state)
{
    struct sl_result split = {.outcome = SL_SPLIT, .status = 413, .reason = "too large"};
    struct world w;
    uint64_t n;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 8);
    n = *w.sink->count.routed;
    answer_for(&w, SL_PARK, 200);
    wait_for_batch(&w);
    sl_sink_done(take_pending(&w, 0), &split);
    answer_for(&w, SL_PARK, 105);
    assert_int_equal(w.n_letters, n);
    settle_everything(&w);
    world_release(&w);
}

static void retry_after_holds_other_batches_too(void **state)
{
    struct sl_result busy = {
        .outcome = SL_AGAIN, .status = 429, .retry_after_ms = 60000, .reason = "busy"};
    struct world w;

    (void)state;
    begin(&w, 20);
    sl_sink_done(take_pending(&w, 0), &busy);
    fill(&w, 1, 20);
    nothing_is_sent_for(&w, 59);
    settle_everything(&w);
    world_release(&w);
}

static void a_throttled_sink_sends_half_as_much(void **state)
{
    struct sl_result busy = {
        .outcome = SL_AGAIN, .status = 429, .throttled = true, .reason = "busy"};
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    for (int i = 0; i < 10; i++)
        fill(&w, 0, 70);
    pump(&w);
    assert_int_equal(w.sinks.n, 4);
    sl_sink_done(take_pending(&w, 0), &busy);
    fake_advance(&w.fake, 3000);
    pump(&w);
    while (w.sinks.n > 2)
        reply(&w, 0, true);
    for (int i = 0; i < 2; i++) {
        reply(&w, 0, true);
        pump(&w);
        assert_in_range(w.sinks.n, 1, 3);
    }
    settle_everything(&w);
    world_release(&w);
}

static void a_record_that_can_go_nowhere_blocks_while_its_assignment_lasts(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.config.dead_letter = NULL;
    while (*w.sink->count.routed == 0)
        assert_true(route(&w, 0, 300000));
    fill(&w, 1, 20);
    nothing_is_sent_for(&w, 100);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_true(sl_partition_least(w.partitions[0]) < w.partitions[0]->next);
    reassign(&w, 0);
    settle_everything(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    assert_int_equal(*w.sink->count.let_go, 1);
    check(&w);
    world_release(&w);
}

static void letters_of_an_ended_assignment_are_let_go(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.refuse_letters = true;
    fill(&w, 0, 20);
    answer_for(&w, SL_REFUSED, 2);
    assert_int_equal(w.n_letters, 0);
    reassign(&w, 0);
    assert_true(sl_sink_idle(w.sink));
    assert_int_equal(*w.sink->count.let_go, *w.sink->count.routed);
    world_release(&w);
}

static void each_cut_closes_at_its_own_age(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_cuts_type, 7);
    fill(&w, 0, 4);
    fake_advance(&w.fake, 500);
    fill(&w, 1, 4);
    fake_advance(&w.fake, 500);
    reply_to_all(&w);
    reply_to_all(&w);
    assert_int_equal(sl_partition_least(w.partitions[0]), w.partitions[0]->next);
    assert_int_not_equal(sl_partition_least(w.partitions[1]), w.partitions[1]->next);
    fake_advance(&w.fake, 500);
    for (int i = 0; i < 3; i++)
        reply_to_all(&w);
    assert_int_equal(sl_partition_least(w.partitions[1]), w.partitions[1]->next);
    world_release(&w);
}

/* A paused source goes on only when it is told. */
static void whatever_makes_room_wakes(void **state)
{
    struct world w;

    (void)state;
    begin(&w, 20);
    w.wakes = 0;
    answer_all_but(&w, 0, SL_AGAIN);
    assert_true(w.wakes > 0); /* a part was delivered */
    wait_for_batch(&w);
    answer_items(&w, SL_REFUSED);
    w.wakes = 0;
    confirm_letter(&w, 0, SL_OK);
    assert_true(w.wakes > 0); /* the rest is in the dead-letter topic */
    assert_true(sl_sink_idle(w.sink));
    world_release(&w);
}

static void on_gone(void *user)
{
    (void)user;
    world->gone++;
}

/* A pool thread may still have a batch: what the sink uses must stay until then. */
static void a_freed_sink_is_gone_when_its_pool_threads_are_done(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    w.env.gone = on_gone;
    fill(&w, 0, 20);
    fake_advance(&w.fake, 1000);
    assert_int_equal(w.fake.n_work, 1);
    sl_sink_free(w.sink);
    assert_int_equal(w.gone, 0);
    pump(&w);
    assert_int_equal(w.gone, 1);
    w.sink = NULL;
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_closes_by_age),
        cmocka_unit_test(
            one_refused_record_is_a_dead_letter_and_moves_the_position_only_when_confirmed),
        cmocka_unit_test(a_sink_that_refuses_everything_stalls_at_its_limit),
        cmocka_unit_test(without_a_dead_letter_topic_a_refused_record_stalls),
        cmocka_unit_test(a_stall_names_what_stalls_and_not_a_record_refused_beside_it),
        cmocka_unit_test(a_stalled_sink_probes_with_one_batch_at_a_time),
        cmocka_unit_test(batches_are_halved_one_at_a_time),
        cmocka_unit_test(a_refused_batch_is_halved_down_to_the_one_record),
        cmocka_unit_test(retry_after_holds_the_sink),
        cmocka_unit_test(a_cut_closes_all_objects_of_its_partition_at_one_offset),
        cmocka_unit_test(parked_records_are_refused_after_five_minutes),
        cmocka_unit_test(an_index_that_is_away_is_tried_without_end),
        cmocka_unit_test(halves_of_a_parked_batch_keep_its_clock),
        cmocka_unit_test(retry_after_holds_other_batches_too),
        cmocka_unit_test(a_throttled_sink_sends_half_as_much),
        cmocka_unit_test(a_record_that_can_go_nowhere_blocks_while_its_assignment_lasts),
        cmocka_unit_test(letters_of_an_ended_assignment_are_let_go),
        cmocka_unit_test(each_cut_closes_at_its_own_age),
        cmocka_unit_test(whatever_makes_room_wakes),
        cmocka_unit_test(a_freed_sink_is_gone_when_its_pool_threads_are_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
