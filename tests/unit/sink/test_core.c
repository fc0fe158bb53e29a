/* SPDX-License-Identifier: Apache-2.0 */
/* The sink core under random outcomes, against a model that knows every record: a position never
 * passes a record without an outcome, each record ends in exactly one, and everything adds up. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>

#include "fake_runtime.h"
#include "fake_sink.h"
#include "ops/metrics.h"

enum { PARTITIONS = 3, OFFSETS = 4000, LETTERS_MAX = 1024 };

enum fate { NOWHERE, ROUTED, DELIVERED, DEAD, GONE };

struct letter {
    void (*done)(void *user, int code);
    void *user;
    int32_t partition;
    int64_t offset;
};

struct world {
    struct fake_runtime fake;
    struct sl_metrics *metrics;
    struct sl_letters letters;
    struct sl_sink_env env;
    struct sl_sink_config config;
    struct sl_sink *sink;
    struct sl_topic topic;
    struct sl_partition *partitions[PARTITIONS];
    uint64_t epochs;
    uint8_t fate[PARTITIONS][OFFSETS];
    struct fake_sinks sinks;
    struct letter letter[LETTERS_MAX];
    size_t n_letters;
    uint64_t seed;
    bool refuse_letters;
    unsigned wakes;
};

static char topic_name[] = "logs";
static struct world *world; /* the vtables below have no other way to it */

/* ---- a dead-letter topic that confirms when the test says ---- */

static int fake_put(struct sl_letters *l, const struct sl_letter *letter)
{
    (void)l;
    if (world->refuse_letters || world->n_letters == LETTERS_MAX)
        return SL_EFULL;
    world->letter[world->n_letters++] = (struct letter){
        letter->done, letter->user, letter->source_partition, letter->source_offset};
    return SL_OK;
}

static void confirm_letter(struct world *w, size_t i, int code)
{
    struct letter l = w->letter[i];

    w->letter[i] = w->letter[--w->n_letters];
    if (code == SL_OK && w->fate[l.partition][l.offset] == ROUTED)
        w->fate[l.partition][l.offset] = DEAD;
    l.done(l.user, code);
}

static const char *rule_name(void *user, unsigned rule)
{
    (void)user;
    (void)rule;
    return "rule";
}

static void wake(void *user)
{
    (void)user;
    world->wakes++;
}

/* ---- the world ---- */

static void world_init(struct world *w, const struct sl_sink_type *type, uint64_t seed)
{
    struct sl_error err = {0};

    *w = (struct world){.seed = seed, .topic = {.name = topic_name}, .letters = {fake_put}};
    world = w;
    fake_sinks = &w->sinks;
    fake_runtime_init(&w->fake, seed);
    w->metrics = sl_metrics_new();
    w->config = (struct sl_sink_config){
        .name = "fake",
        .id = "fake",
        .queue_bytes = 1 << 20,
        .batch_bytes = 2000,
        .batch_records = 50,
        .batch_age_ms = 1000,
        .requests = 4,
        .retry_first_ms = 100,
        .retry_max_ms = 2000,
        .dead_letter = "dead",
        .dead_letter_limit = 500,
    };
    w->env = (struct sl_sink_env){.rt = &w->fake.rt,
                                  .letters = &w->letters,
                                  .metrics = w->metrics,
                                  .cluster_id = "c",
                                  .rules_hash = "r",
                                  .rule_name = rule_name,
                                  .wake = wake};
    w->sink = sl_sink_new_of(type, &w->config, 0, &w->env, &err);
    assert_non_null(w->sink);
    for (int i = 0; i < PARTITIONS; i++) {
        w->partitions[i] = sl_partition_new(&w->topic, i, ++w->epochs, 1, "c");
        w->partitions[i]->next = 0;
    }
}

static void world_release(struct world *w)
{
    sl_sink_free(w->sink);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->n_letters)
        confirm_letter(w, 0, SL_OK);
    for (int i = 0; i < PARTITIONS; i++)
        sl_partition_unref(w->partitions[i]);
    sl_metrics_free(w->metrics);
    fake_runtime_release(&w->fake);
}

static bool route(struct world *w, int partition, size_t value_n)
{
    static const char value[1 << 20] = {0};
    struct sl_partition *p = w->partitions[partition];
    struct sl_message m = {.at = p, .offset = p->next, .value = sl_slice(value, value_n)};
    struct sl_record r = {.message = &m, .time_ns = (int64_t)1700000000 * 1000000000};
    bool routed = fake_next(&w->seed) % 4 != 0;

    if (m.offset >= OFFSETS || (routed && !sl_sink_has_room(w->sink, &r)))
        return false;
    if (routed) {
        w->fate[partition][m.offset] = ROUTED;
        sl_sink_append(w->sink, &r, 0);
    }
    sl_partition_advance(p, m.offset, 0, 0);
    sl_sink_turn(w->sink);
    return true;
}

static void set_fate(struct world *w, struct sl_batch *b, size_t i, enum fate fate)
{
    struct sl_partition *p = b->hold->spans[b->items[i].span]->partition;

    if (!p->ended && w->fate[p->number][b->items[i].offset] == ROUTED)
        w->fate[p->number][b->items[i].offset] = (uint8_t)fate;
}

/* A batch without items: what it holds is read back from its body. */
static void set_fate_of_body(struct world *w, struct sl_batch *b, enum fate fate)
{
    const char *at = b->body.p;
    int64_t offset;
    int partition;

    while (fake_next_line(b, &at, &partition, &offset))
        if (!b->hold->spans[0]->partition->ended && w->fate[partition][offset] == ROUTED)
            w->fate[partition][offset] = (uint8_t)fate;
}

static void check(struct world *w)
{
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t position = sl_partition_position(w->partitions[i], 0);

        for (int64_t o = 0; o < position; o++)
            assert_int_not_equal(w->fate[i][o], ROUTED);
    }
    assert_int_equal(*w->sink->count.routed, *w->sink->count.delivered + *w->sink->count.dead +
                                                 *w->sink->count.let_go +
                                                 *w->sink->count.in_flight);
}

static struct sl_batch *take_pending(struct world *w, size_t i)
{
    (void)w;
    return fake_take(i);
}

static void reply_items(struct world *w, struct sl_batch *b, uint64_t bias)
{
    struct sl_result result = {.per_item = true, .status = 200, .reason = "why"};

    for (size_t i = 0; i < b->n_items; i++) {
        uint64_t n = fake_next(&w->seed) % 100;
        enum sl_outcome o = n < bias        ? SL_DELIVERED
                            : n < bias + 3  ? SL_REFUSED
                            : n < bias + 6  ? SL_PARK
                            : n < bias + 9  ? SL_PARK_ON
                            : n < bias + 10 ? SL_STALL
                                            : SL_AGAIN;

        b->items[i].outcome = (uint8_t)o;
        b->items[i].reason = 0;
        if (o == SL_DELIVERED)
            set_fate(w, b, i, DELIVERED);
    }
    sl_sink_done(b, &result);
}

static void reply(struct world *w, size_t i, bool well)
{
    struct sl_batch *b = take_pending(w, i);
    bool items = w->sink->type->flags & SL_SINK_ITEMS;
    uint64_t n = well ? 0 : fake_next(&w->seed) % 10;
    struct sl_result result = {.status = 200, .reason = "why"};

    if (items && !well && n < 6) {
        reply_items(w, b, 50);
        return;
    }
    result.outcome = n < 5 ? SL_DELIVERED : n == 5 ? SL_STALL : n == 6 ? SL_SPLIT : SL_AGAIN;
    result.throttled = n == 8;
    result.retry_after_ms = n == 9 ? 700 : 0;
    if (result.outcome == SL_DELIVERED && items)
        for (size_t k = 0; k < b->n_items; k++)
            set_fate(w, b, k, DELIVERED);
    else if (result.outcome == SL_DELIVERED)
        set_fate_of_body(w, b, DELIVERED);
    sl_sink_done(b, &result);
}

/* The assignment ends, and a new one begins where the group had committed. */
static void reassign(struct world *w, int i)
{
    struct sl_partition *old = w->partitions[i];
    int64_t position = sl_partition_least(old);

    old->ended = true;
    sl_sink_let_go(w->sink);
    for (int64_t o = position; o < OFFSETS; o++)
        w->fate[i][o] = NOWHERE;
    w->partitions[i] = sl_partition_new(&w->topic, i, ++w->epochs, 1, "c");
    w->partitions[i]->next = position;
    sl_partition_unref(old);
}

static void settle_everything(struct world *w)
{
    for (int i = 0; i < PARTITIONS; i++)
        sl_sink_close_open(w->sink, w->partitions[i]);
    w->refuse_letters = false;
    for (int i = 0; i < 100000 && !sl_sink_idle(w->sink); i++) {
        while (w->fake.n_work)
            fake_run_work(&w->fake);
        while (w->sinks.n)
            reply(w, 0, true);
        while (w->n_letters)
            confirm_letter(w, 0, SL_OK);
        fake_advance(&w->fake, 1000);
    }
    assert_true(sl_sink_idle(w->sink));
}

static void random_run(const struct sl_sink_type *type, uint64_t seed)
{
    struct world w;

    world_init(&w, type, seed);
    for (int step = 0; step < 3000; step++) {
        uint64_t n = fake_next(&w.seed) % 100;

        if (n < 60)
            route(&w, (int)(fake_next(&w.seed) % PARTITIONS), fake_next(&w.seed) % 300);
        else if (n < 61)
            route(&w, 0, 300000); /* more than this sink can ever take */
        else if (n < 75 && w.fake.n_work)
            fake_run_work(&w.fake);
        else if (n < 88 && w.sinks.n)
            reply(&w, fake_next(&w.seed) % w.sinks.n, false);
        else if (n < 93 && w.n_letters)
            confirm_letter(&w, fake_next(&w.seed) % w.n_letters, n == 92 ? SL_EKAFKA : SL_OK);
        else if (n < 98)
            fake_advance(&w.fake, fake_next(&w.seed) % 500);
        else if (n == 98)
            w.refuse_letters = fake_next(&w.seed) % 2;
        else if (fake_next(&w.seed) % 20 == 0)
            reassign(&w, (int)(fake_next(&w.seed) % PARTITIONS));
        check(&w);
        assert_true(w.sinks.n <= w.config.requests);
        assert_true(sl_sink_bytes(w.sink) <= w.config.queue_bytes);
    }
    settle_everything(&w);
    check(&w);
    for (int i = 0; i < PARTITIONS; i++)
        assert_int_equal(sl_partition_least(w.partitions[i]), w.partitions[i]->next);
    assert_int_equal(*w.sink->count.in_flight, 0);
    assert_int_equal(sl_sink_bytes(w.sink), 0);
    world_release(&w);
}

static void random_outcomes_with_items(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        random_run(&fake_items_type, seed);
}

static void random_outcomes_with_cuts(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        random_run(&fake_cuts_type, seed);
}

/* ---- single behaviours ---- */

static void fill(struct world *w, int partition, int n)
{
    int64_t until = w->partitions[partition]->next + n;

    while (w->partitions[partition]->next < until)
        assert_true(route(w, partition, 10));
}

static void pump(struct world *w)
{
    while (w->fake.n_work)
        fake_run_work(&w->fake);
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
    struct sl_batch *b;
    struct sl_result result = {.per_item = true, .status = 200, .reason = "why"};

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 20);
    fake_advance(&w.fake, 1000);
    pump(&w);
    b = take_pending(&w, 0);
    for (size_t i = 0; i < b->n_items; i++) {
        b->items[i].outcome = i == 3 ? SL_REFUSED : SL_DELIVERED;
        if (i != 3)
            set_fate(&w, b, i, DELIVERED);
    }
    sl_sink_done(b, &result);
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

static void refuse_all(struct world *w)
{
    while (w->sinks.n) {
        struct sl_batch *b = take_pending(w, 0);
        struct sl_result result = {.per_item = true, .status = 200, .reason = "mapping"};

        for (size_t i = 0; i < b->n_items; i++) {
            b->items[i].outcome = SL_REFUSED;
            b->items[i].reason = 0;
        }
        sl_sink_done(b, &result);
    }
}

static void a_sink_that_refuses_everything_stalls_at_its_limit(void **state)
{
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    for (int i = 0; i < 40; i++) {
        fill(&w, 0, 60);
        fake_advance(&w.fake, 1000);
        pump(&w);
        refuse_all(&w);
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
    fake_advance(&w.fake, 1000);
    pump(&w);
    refuse_all(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_int_equal(w.n_letters, 0);
    assert_true(sl_partition_least(w.partitions[0]) < w.partitions[0]->next);
    settle_everything(&w);
    assert_int_equal(*w.sink->count.dead, 0);
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
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 20);
    fake_advance(&w.fake, 1000);
    pump(&w);
    sl_sink_done(take_pending(&w, 0), &busy);
    for (int i = 0; i < 59; i++) {
        fake_advance(&w.fake, 1000);
        pump(&w);
        assert_int_equal(w.sinks.n, 0);
    }
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
    while (!w.sinks.n) {
        fake_advance(&w.fake, 1000);
        pump(&w);
    }
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
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 20);
    fake_advance(&w.fake, 1000);
    pump(&w);
    sl_sink_done(take_pending(&w, 0), &busy);
    fill(&w, 1, 20);
    for (int i = 0; i < 59; i++) {
        fake_advance(&w.fake, 1000);
        pump(&w);
        assert_int_equal(w.sinks.n, 0);
    }
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
    for (int i = 0; i < 100; i++) {
        fake_advance(&w.fake, 1000);
        pump(&w);
        assert_int_equal(w.sinks.n, 0);
    }
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
    pump(&w);
    while (w.sinks.n)
        reply(&w, 0, true);
    pump(&w);
    while (w.sinks.n)
        reply(&w, 0, true);
    assert_int_equal(sl_partition_least(w.partitions[0]), w.partitions[0]->next);
    assert_int_not_equal(sl_partition_least(w.partitions[1]), w.partitions[1]->next);
    fake_advance(&w.fake, 500);
    for (int i = 0; i < 3; i++) {
        pump(&w);
        while (w.sinks.n)
            reply(&w, 0, true);
    }
    assert_int_equal(sl_partition_least(w.partitions[1]), w.partitions[1]->next);
    world_release(&w);
}

/* A paused source goes on only when it is told. */
static void whatever_makes_room_wakes(void **state)
{
    struct sl_result result = {.per_item = true, .status = 200, .reason = "why"};
    struct sl_batch *b;
    struct world w;

    (void)state;
    world_init(&w, &fake_items_type, 7);
    fill(&w, 0, 20);
    fake_advance(&w.fake, 1000);
    pump(&w);
    b = take_pending(&w, 0);
    for (size_t i = 0; i < b->n_items; i++) {
        b->items[i].outcome = i ? SL_DELIVERED : SL_AGAIN;
        if (i)
            set_fate(&w, b, i, DELIVERED);
    }
    w.wakes = 0;
    sl_sink_done(b, &result);
    assert_true(w.wakes > 0); /* a part was delivered */
    while (!w.sinks.n) {
        fake_advance(&w.fake, 1000);
        pump(&w);
    }
    answer_items(&w, SL_REFUSED);
    w.wakes = 0;
    confirm_letter(&w, 0, SL_OK);
    assert_true(w.wakes > 0); /* the rest is in the dead-letter topic */
    assert_true(sl_sink_idle(w.sink));
    world_release(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_outcomes_with_items),
        cmocka_unit_test(random_outcomes_with_cuts),
        cmocka_unit_test(a_batch_closes_by_age),
        cmocka_unit_test(
            one_refused_record_is_a_dead_letter_and_moves_the_position_only_when_confirmed),
        cmocka_unit_test(a_sink_that_refuses_everything_stalls_at_its_limit),
        cmocka_unit_test(without_a_dead_letter_topic_a_refused_record_stalls),
        cmocka_unit_test(a_stalled_sink_probes_with_one_batch_at_a_time),
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
