/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_CORE_WORLD_H
#define TESTS_SINK_CORE_WORLD_H

/* The sink core with a fake sink type, a dead-letter topic that confirms when the test says, and a
 * model that knows every record: a position never passes a record without an outcome, each record
 * ends in exactly one, and everything adds up. Included after cmocka. */
#include <stdio.h>

#include "fake_rules.h"
#include "fake_runtime.h"
#include "fake_sink.h"
#include "ops/metrics.h"

enum { PARTITIONS = 3, OFFSETS = 4000, LETTERS_MAX = 1024, ENDED_MAX = 64 };

enum fate { NOWHERE, ROUTED, DELIVERED, DEAD, GONE };

struct letter {
    void (*done)(void *user, int code);
    void *user;
    int32_t partition;
    int64_t offset;
};

/* What a commit says of a partition: a new assignment begins with it. */
struct snapshot {
    bool there;
    int64_t position;
    struct sl_plan plan;
};

/* The bounds of the cut that an object with this record has. */
struct bounds {
    int64_t first, last;
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
    struct sl_partition *ended[ENDED_MAX];
    size_t n_ended;
    struct snapshot committed[PARTITIONS], under_way[PARTITIONS];
    unsigned commits; /* asked for by the sink */
    uint8_t fate[PARTITIONS][OFFSETS];
    struct bounds stored[PARTITIONS][OFFSETS]; /* last 0: none; kept over assignments */
    struct fake_sinks sinks;
    struct letter letter[LETTERS_MAX];
    size_t n_letters;
    uint64_t seed;
    bool refuse_letters;
    unsigned wakes, gone;
};

static char topic_name[] = "logs";
static struct world *world; /* the vtables below have no other way to it */

/* ---- a dead-letter topic that confirms when the test says ---- */

static inline int fake_put(struct sl_letters *l, const struct sl_letter *letter)
{
    (void)l;
    if (world->refuse_letters || world->n_letters == LETTERS_MAX)
        return SL_EFULL;
    world->letter[world->n_letters++] = (struct letter){
        letter->done, letter->user, letter->source_partition, letter->source_offset};
    return SL_OK;
}

static inline void confirm_letter(struct world *w, size_t i, int code)
{
    struct letter l = w->letter[i];

    w->letter[i] = w->letter[--w->n_letters];
    if (code == SL_OK && w->fate[l.partition][l.offset] == ROUTED)
        w->fate[l.partition][l.offset] = DEAD;
    l.done(l.user, code);
}

static inline void wake(void *user)
{
    (void)user;
    world->wakes++;
}

/* ---- the world ---- */

static inline struct sl_partition *new_partition(struct world *w, int i)
{
    struct sl_partition *p = sl_partition_new(&w->topic, i, ++w->epochs, 1, "c");

    p->sinks[0].from = w->committed[i].position;
    if (w->committed[i].plan.end > 0) { /* to be repeated first */
        p->sinks[0].catch_up = p->sinks[0].from;
        p->sinks[0].from = INT64_MAX;
        p->sinks[0].plan = w->committed[i].plan;
        p->sinks[0].plan.confirmed = true;
    }
    sl_partition_settle(p);
    return p;
}

static inline void world_init(struct world *w, const struct sl_sink_type *type, uint64_t seed)
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
                                  .rules = fake_rules("r", "rule"),
                                  .wake = wake};
    w->sink = sl_sink_new_of(type, &w->config, 0, &w->env, &err);
    assert_non_null(w->sink);
    for (int i = 0; i < PARTITIONS; i++)
        w->partitions[i] = new_partition(w, i);
}

static inline void world_release(struct world *w)
{
    if (w->sink)
        sl_sink_free(w->sink);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->n_letters)
        confirm_letter(w, 0, SL_OK);
    for (int i = 0; i < PARTITIONS; i++)
        sl_partition_unref(w->partitions[i]);
    while (w->n_ended)
        sl_partition_unref(w->ended[--w->n_ended]);
    sl_metrics_free(w->metrics);
    fake_runtime_release(&w->fake);
    sl_rules_version_unref(w->env.rules);
}

/* Rules decide alike whenever a record is read. */
static inline bool chosen(int partition, int64_t offset)
{
    uint64_t at = (uint64_t)partition << 32 | (uint64_t)offset;

    return fake_next(&at) % 4 != 0;
}

static inline bool offer(struct world *w, int partition, int64_t offset, bool catch_up,
                         size_t value_n)
{
    static const char value[1 << 20] = {0};
    struct sl_message m = {.at = w->partitions[partition],
                           .catch_up = catch_up,
                           .offset = offset,
                           .value = sl_slice(value, value_n)};
    struct sl_record r = {.message = &m, .time_ns = (int64_t)1700000000 * 1000000000};

    if (!sl_sink_has_room(w->sink, &r)) {
        sl_sink_make_room(w->sink, &r);
        return false;
    }
    w->fate[partition][offset] = ROUTED;
    sl_sink_append(w->sink, &r, 0);
    return true;
}

/* The live reader's next record. */
static inline bool route(struct world *w, int partition, size_t value_n)
{
    struct sl_partition *p = w->partitions[partition];

    if (p->next >= OFFSETS || (sl_partition_serves(p, 0, p->next) && chosen(partition, p->next) &&
                               !offer(w, partition, p->next, false, value_n)))
        return false;
    sl_partition_advance(p, p->next, 0, 0);
    sl_sink_turn(w->sink);
    return true;
}

static inline void set_fate(struct world *w, struct sl_batch *b, size_t i, enum fate fate)
{
    struct sl_partition *p = b->hold->spans[b->items[i].span]->partition;

    if (!p->ended && w->fate[p->number][b->items[i].offset] == ROUTED)
        w->fate[p->number][b->items[i].offset] = (uint8_t)fate;
}

/* A batch without items: what it holds is read back from its body. */
static inline void set_fate_of_body(struct world *w, struct sl_batch *b, enum fate fate)
{
    const char *at = b->body.p;
    int64_t offset;
    int partition;

    while (fake_next_line(b, &at, &partition, &offset)) {
        const struct sl_span *span = b->hold->spans[0];
        struct bounds *stored = &w->stored[partition][offset];

        if (!span->partition->ended && w->fate[partition][offset] == ROUTED)
            w->fate[partition][offset] = (uint8_t)fate;
        if (stored->last) { /* exactly once: only ever in an object of the same bounds */
            assert_int_equal(stored->first, span->first);
            assert_int_equal(stored->last, span->last);
        }
        *stored = (struct bounds){span->first, span->last};
    }
}

static inline void check_books(struct world *w, struct sl_partition *p)
{
    struct sl_ledger_breach breach;

    p->sinks[0].walked = 0;
    sl_sink_walk(w->sink);
    if (!sl_ledger_check(p, &breach))
        fail_msg("%s: %llu, %llu", breach.what, (unsigned long long)breach.left,
                 (unsigned long long)breach.right);
}

static inline void check(struct world *w)
{
    for (int i = 0; i < PARTITIONS; i++) {
        int64_t position = sl_partition_position(w->partitions[i], 0);

        for (int64_t o = 0; o < position; o++)
            if (chosen(i, o))
                assert_true(w->fate[i][o] == DELIVERED || w->fate[i][o] == DEAD);
        check_books(w, w->partitions[i]);
    }
    for (size_t i = 0; i < w->n_ended; i++)
        check_books(w, w->ended[i]);
    assert_int_equal(*w->sink->count.routed, *w->sink->count.delivered + *w->sink->count.dead +
                                                 *w->sink->count.let_go +
                                                 *w->sink->count.in_flight);
}

static inline struct sl_batch *take_pending(struct world *w, size_t i)
{
    (void)w;
    return fake_take(i);
}

static inline void reply_items(struct world *w, struct sl_batch *b, uint64_t bias)
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

static inline void reply(struct world *w, size_t i, bool well)
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

/* ---- commits ---- */

static inline void commit_begin(struct world *w, int i)
{
    struct sl_partition *p = w->partitions[i];

    sl_partition_noting(p, true);
    w->under_way[i] = (struct snapshot){true, sl_partition_least(p), p->sinks[0].plan};
}

static inline void commit_end(struct world *w, int i)
{
    if (!w->under_way[i].there)
        return;
    w->committed[i] = w->under_way[i];
    w->under_way[i].there = false;
    sl_partition_noted(w->partitions[i]);
    sl_sink_pump(w->sink);
}

static inline void commit_all(struct world *w)
{
    for (int i = 0; i < PARTITIONS; i++) {
        commit_begin(w, i);
        commit_end(w, i);
    }
}

static inline void on_commit(void *user)
{
    (void)user;
    world->commits++;
}

/* The assignment ends, and a new one begins where the group had committed; a commit under way has
 * landed or has not. */
static inline void reassign(struct world *w, int i)
{
    struct sl_partition *old = w->partitions[i];

    if (!w->env.commit)
        commit_begin(w, i); /* as on a revoke */
    if (w->under_way[i].there && (!w->env.commit || fake_next(&w->seed) % 2))
        w->committed[i] = w->under_way[i];
    w->under_way[i].there = false;
    old->ended = true;
    sl_sink_let_go(w->sink);
    for (int64_t o = w->committed[i].position; o < OFFSETS; o++)
        w->fate[i][o] = NOWHERE;
    w->partitions[i] = new_partition(w, i);
    assert_true(w->n_ended < ENDED_MAX);
    w->ended[w->n_ended++] = old;
}

static inline void settle_everything(struct world *w)
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
        if (w->env.commit)
            commit_all(w);
        fake_advance(&w->fake, 1000);
    }
    assert_true(sl_sink_idle(w->sink));
}

static inline void fill(struct world *w, int partition, int n)
{
    int64_t until = w->partitions[partition]->next + n;

    while (w->partitions[partition]->next < until)
        assert_true(route(w, partition, 10));
}

static inline void pump(struct world *w)
{
    while (w->fake.n_work)
        fake_run_work(&w->fake);
}

#endif
