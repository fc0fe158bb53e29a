/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FLOW_WORLD_H
#define TESTS_PIPELINE_FLOW_WORLD_H

/* The pipeline's flow and the sinks' core together, without Kafka: a consumer that assigns,
 * revokes, loses, pauses and commits as the real one does, a side reader, three sinks that share
 * its partitions, and a model that knows every record. Included after cmocka, by one program each.
 */
#include "fake_rules.h"
#include "fake_runtime.h"
#include "fake_sink.h"
#include "pipeline/fake_kafka.h"
#include "pipeline/state.h"

enum { PARTITIONS = 3, OFFSETS = 3000, SINKS = 3, LETTERS_MAX = 4096 };
enum { CUTS_SINK = 1 };

enum fate { NOWHERE, ROUTED, DELIVERED, DEAD };

struct letter {
    struct sl_letter letter; /* done and user */
    uint64_t epoch;
    size_t sink;
    int32_t partition;
    int64_t offset;
};

struct world {
    struct fake_runtime fake;
    struct sl_pipeline p;
    struct sl_config config;
    struct sl_sink_config sinks[SINKS];
    struct sl_letters letters;
    struct sl_topic topic;
    uint64_t counters[4];
    uint64_t *by_sink[4][SINKS], sunk[4][SINKS], breaches;
    struct sl_rule_series unmatched; /* there are no others */
    uint64_t repeated;               /* records that a sink was spared */
    uint8_t fate[SINKS][PARTITIONS][OFFSETS + 8];
    int64_t checked[SINKS][PARTITIONS]; /* every record below has an outcome */
    struct fake_sinks pending;
    struct letter letter[LETTERS_MAX];
    size_t n_letters;
    bool letters_down;
    uint64_t seed, epochs;
    int stopped;

    /* the consumer */
    struct sl_partition *assigned[PARTITIONS], *going[PARTITIONS];
    size_t n_assigned, n_going;
    int64_t committed[PARTITIONS], expect[PARTITIONS];
    char line[PARTITIONS][SL_METADATA_MAX]; /* committed beside it */
    size_t line_n[PARTITIONS];
    bool closing, draining, drained;
    int parked; /* partition, or -1 */
    FAKE_KAFKA;

    /* single behaviours: where every record goes, and its size; 0: as the offset has it */
    unsigned all_to;
    size_t (*many)(const struct sl_message *m); /* records of a message; NULL: one */
    int64_t log_start;
    unsigned noted; /* messages whose records were judged to see what they need */
    bool plain;     /* no control records; a line that was committed is read */
    bool may_be_overdue;
    size_t size;
};

enum { LEFT_OUT, EXPIRED, DETACHES, READ_AGAIN };

static char topic_name[] = "logs";
static struct world *world;

/* ---- what stands in for the consumer ---- */

#include "pipeline/fake_consumer.h"
#include "pipeline/fake_side.h"
#include "pipeline/fake_state.h"

void sl_consumer_revoked(struct sl_consumer *c)
{
    (void)c;
    world->drained = true;
}

struct sl_partition *const *sl_consumer_partitions(const struct sl_consumer *c, size_t *ret_n)
{
    (void)c;
    *ret_n = world->n_assigned;
    return world->assigned;
}

void sl_consumer_close(struct sl_consumer *c)
{
    (void)c;
    world->closing = true;
}

#include "pipeline/fake_route.h"

/* ---- dead letters ---- */

static inline int put(struct sl_letters *l, const struct sl_letter *letter)
{
    size_t sink = (size_t)(letter->sink[0] - '0');
    uint64_t epoch = 0;

    (void)l;
    if (world->letters_down || world->n_letters == LETTERS_MAX)
        return fake_next(&world->seed) % 2 ? SL_EFULL : SL_EKAFKA;
    for (size_t i = 0; i < world->n_assigned; i++)
        if (world->assigned[i]->number == letter->source_partition)
            epoch = world->assigned[i]->epoch;
    world->letter[world->n_letters++] =
        (struct letter){*letter, epoch, sink, letter->source_partition, letter->source_offset};
    return SL_OK;
}

static inline void set_fate(size_t sink, const struct sl_partition *p, int64_t offset,
                            enum fate fate)
{
    if (!p->ended)
        world->fate[sink][p->number][offset] = (uint8_t)fate;
}

static inline void confirm_letter(size_t i, int code)
{
    struct letter l = world->letter[i];

    world->letter[i] = world->letter[--world->n_letters];
    for (size_t k = 0; code == SL_OK && k < world->n_assigned; k++)
        if (world->assigned[k]->number == l.partition && world->assigned[k]->epoch == l.epoch)
            set_fate(l.sink, world->assigned[k], l.offset, DEAD);
    l.letter.done(l.letter.user, code);
}

/* ---- the consumer's deeds ---- */

static inline uint64_t chance(struct world *w, uint64_t n)
{
    return fake_next(&w->seed) % n;
}

static const char *const position_ids[SINKS] = {"0", "1", "2"};

static inline bool is_control(int32_t partition, int64_t offset)
{
    uint64_t at = (uint64_t)offset * PARTITIONS + (uint64_t)partition + 77;

    return !world->plain && fake_next(&at) % 20 == 0;
}

/* The sinks that the record is for, as bits. */
static inline unsigned meant_for(const struct world *w, const struct sl_message *m)
{
    unsigned sinks = w->all_to ? w->all_to
                               : (unsigned)(hash_of(m) & 1) | (unsigned)(hash_of(m) >> 8 & 1) << 1 |
                                     (unsigned)(hash_of(m) >> 16 & 1) << 2;

    if (is_control(m->at->number, m->offset) || (!w->all_to && hash_of(m) % 100 == 0))
        return 0;
    return sinks;
}

/* No position passes a record without an outcome, and none goes back. */
static inline void check_position(struct world *w, struct sl_partition *p)
{
    for (size_t s = 0; s < SINKS; s++) {
        int64_t position = sl_partition_position(p, s), *at = &w->checked[s][p->number];
        struct sl_message m = {.at = p};

        assert_true(position >= *at);
        for (; *at < position; ++*at) {
            m.offset = *at;
            if (*at < OFFSETS && meant_for(w, &m) >> s & 1)
                assert_true(w->fate[s][p->number][*at] >= DELIVERED);
        }
    }
}

static inline void commit(struct world *w)
{
    w->commit_wanted = false;
    for (size_t i = 0; i < w->n_assigned; i++) {
        struct sl_partition *p = w->assigned[i];

        check_position(w, p);
        w->line_n[p->number] = sl_metadata_write(p, &w->p.names, w->line[p->number]);
        w->committed[p->number] = sl_partition_least(p);
        sl_partition_noting(p, true);
        sl_partition_noted(p);
    }
    sl_pipeline_consumer_ops.on_committed(&w->p);
}

static inline void assign(struct world *w, int32_t number)
{
    struct sl_partition *p = sl_partition_new(&w->topic, number, ++w->epochs, SINKS, "cluster");
    struct sl_arrival a = {.p = p, .base = w->committed[number]};

    p->log_start = w->log_start;
    p->log_end = OFFSETS;
    p->committed = a.base;
    if (w->plain || chance(w, 4)) /* now and then the line is lost, and everything is read again */
        a.line = sl_slice(w->line[number], w->line_n[number]);
    w->arrived = 0;
    sl_pipeline_consumer_ops.on_arriving(&w->p, &a, 1);
    assert_int_equal(w->arrived, 0); /* never from inside the call */
    fake_advance(&w->fake, 0);
    assert_int_equal(w->arrived, 1);
    w->expect[number] = p->next;
    for (size_t s = 0; s < SINKS; s++) {
        int64_t position = sl_partition_position(p, s);

        if (position < w->checked[s][number])
            w->checked[s][number] = position;
    }
    w->assigned[w->n_assigned++] = p;
    sl_pipeline_consumer_ops.on_assigned(&w->p, &p, 1);
}

static inline void begin_revoke(struct world *w, bool all)
{
    if (w->draining || w->n_assigned == 0)
        return;
    w->n_going = 0;
    for (size_t i = 0; i < w->n_assigned; i++) {
        if (!all && chance(w, 2))
            continue;
        w->assigned[i]->draining = true;
        if (w->parked == w->assigned[i]->number)
            w->parked = -1;
        w->going[w->n_going++] = w->assigned[i];
    }
    if (w->n_going == 0)
        return;
    w->draining = true;
    w->drained = false;
    sl_pipeline_consumer_ops.on_revoking(&w->p, w->going, w->n_going);
    assert_false(w->drained); /* never from inside the call */
}

static inline void end_revoke(struct world *w, bool lost)
{
    if (!lost)
        commit(w);
    for (size_t i = 0; i < w->n_going; i++) {
        w->going[i]->ended = true;
        for (size_t k = 0; k < w->n_assigned; k++)
            if (w->assigned[k] == w->going[i])
                w->assigned[k] = w->assigned[--w->n_assigned];
    }
    sl_pipeline_consumer_ops.on_ended(&w->p, w->going, w->n_going, lost);
    for (size_t i = 0; i < w->n_going; i++) {
        int32_t number = w->going[i]->number;

        sl_partition_unref(w->going[i]);
        if (!w->closing)
            assign(w, number);
    }
    w->n_going = 0;
    w->draining = false;
}

static inline size_t value_size(const struct sl_message *m)
{
    uint64_t h = hash_of(m) >> 32;

    if (world->size)
        return world->size;
    return h % 200 == 0 ? 30000 : h % 200 == 1 ? 60000 : h % 300;
}

static inline void fill(struct world *w, struct sl_message *m)
{
    static const char value[1 << 16] = {0};

    m->value = sl_slice(value, value_size(m));
    if (!w->all_to && hash_of(m) % 100 == 0)
        m->value = (struct sl_slice){NULL, 0};
}

/* What has had its outcome once may come again. */
static inline void set_routed(struct world *w, size_t sink, const struct sl_message *m)
{
    uint8_t *fate = &w->fate[sink][m->at->number][m->offset];

    if (*fate == NOWHERE)
        *fate = ROUTED;
}

static inline bool offer(struct world *w, struct sl_partition *p)
{
    struct sl_message m = {.at = p, .offset = w->expect[p->number]};
    bool taken;

    fill(w, &m);
    taken = sl_pipeline_on_message(&w->p, &m);
    if (!taken) {
        w->parked = p->number;
        w->paused = true;
        return false;
    }
    w->expect[p->number]++;
    assert_int_equal(p->next, m.offset + 1);
    for (size_t s = 0; s < SINKS; s++) {
        if (!(meant_for(w, &m) >> s & 1))
            continue;
        if (sl_partition_serves(p, s, m.offset))
            set_routed(w, s, &m);
        else
            w->repeated += sl_partition_attached(p, s);
    }
    return true;
}

/* The side reader brings a message, or says that there is none. */
static inline bool side_message(struct world *w)
{
    struct fake_side *side = &w->side;
    size_t i = side->n ? chance(w, side->n) : 0, sink = w->p.catchup.sink;
    struct sl_message m = {.catch_up = true};
    const struct sl_sink_position *s;
    bool asked, taken;

    if (side->n == 0 || side->paused)
        return false;
    m.at = side->parts[i];
    while (is_control(m.at->number, side->next[i]))
        side->next[i]++;
    m.offset = side->next[i];
    if (m.offset >= OFFSETS) {
        side->ops->on_eof(side->user, m.at, m.offset);
        return false;
    }
    fill(w, &m);
    s = &m.at->sinks[sink];
    asked = !m.at->ended && !m.at->draining && m.offset >= s->catch_up && m.offset < s->from;
    taken = side->ops->on_message(side->user, &m);
    side->paused |= !taken;
    for (i = 0; taken && i < side->n; i++)
        side->next[i] += side->parts[i] == m.at && side->next[i] == m.offset;
    if (taken && asked && (s->catch_up > m.offset || s->catch_up < 0) &&
        meant_for(w, &m) >> sink & 1)
        set_routed(w, sink, &m);
    return taken;
}

static inline bool next_message(struct world *w, struct sl_partition *p)
{
    while (is_control(p->number, w->expect[p->number]))
        sl_partition_skip(p, ++w->expect[p->number]);
    return w->expect[p->number] < OFFSETS && offer(w, p);
}

/* After a pause some messages still come that the library had handed over. */
static inline bool message(struct world *w, bool late)
{
    struct sl_partition *p;

    if (w->n_assigned == 0 || w->closing || (w->paused && (!late || w->parked >= 0)))
        return false;
    p = w->assigned[chance(w, w->n_assigned)];
    for (size_t i = 0; w->parked >= 0 && i < w->n_assigned; i++)
        if (w->assigned[i]->number == w->parked)
            p = w->assigned[i];
    w->parked = -1;
    if (p->draining || w->expect[p->number] >= OFFSETS)
        return false;
    return next_message(w, p);
}

/* ---- answers ---- */

static inline void answer_items(struct world *w, struct sl_batch *b, uint64_t well)
{
    struct sl_result result = {.per_item = true, .status = 200, .reason = "why"};
    enum sl_outcome odd = (enum sl_outcome)(SL_REFUSED + chance(w, 3));

    if (chance(w, 20) == 0)
        odd = SL_STALL;
    for (size_t i = 0; i < b->n_items; i++) {
        const struct sl_item *item = &b->items[i];
        uint64_t n = chance(w, 100);

        b->items[i].outcome = (uint8_t)(n < well ? SL_DELIVERED : n < well + 5 ? odd : SL_AGAIN);
        b->items[i].reason = 0;
        if (n < well)
            set_fate(b->sink->index, b->hold->spans[item->span]->partition, item->offset,
                     DELIVERED);
    }
    sl_sink_done(b, &result);
}

static inline void deliver(struct sl_batch *b)
{
    const struct sl_result result = {.outcome = SL_DELIVERED, .status = 200, .reason = ""};
    const char *at = b->body.p;
    int64_t offset;
    int number;

    for (size_t i = 0; i < b->n_items; i++)
        set_fate(b->sink->index, b->hold->spans[b->items[i].span]->partition, b->items[i].offset,
                 DELIVERED);
    while (b->n_items == 0 && fake_next_line(b, &at, &number, &offset))
        set_fate(b->sink->index, b->hold->spans[0]->partition, offset, DELIVERED);
    sl_sink_done(b, &result);
}

static inline void answer(struct world *w, size_t i)
{
    struct sl_batch *b = fake_take(i);
    uint64_t n = chance(w, 10);
    struct sl_result result = {.status = 503, .reason = "why"};

    if (n < 4) {
        deliver(b);
    } else if (n < 7 && (b->sink->type->flags & SL_SINK_ITEMS)) {
        answer_items(w, b, 40 + chance(w, 50));
    } else {
        result.outcome = n == 7 ? SL_STALL : n == 8 ? SL_SPLIT : SL_AGAIN;
        result.throttled = chance(w, 3) == 0;
        result.retry_after_ms = chance(w, 10) == 0 ? 900 : 0;
        sl_sink_done(b, &result);
    }
}

/* ---- the world ---- */

static inline void on_stopped(void *user, int exit_status, bool overdue)
{
    (void)user;
    (void)exit_status;
    assert_true(!overdue || world->may_be_overdue);
    world->stopped++;
}

static inline void make_sinks(struct world *w)
{
    static const struct sl_sink_type *const types[SINKS] = {&fake_items_type, &fake_cuts_type,
                                                            &fake_items_type};
    static const char *const names[SINKS] = {"0", "1", "2"};
    struct sl_error err = {0};

    w->p.sinks = sl_calloc(SINKS, sizeof(struct sl_sink *));
    for (size_t i = 0; i < SINKS; i++) {
        w->sinks[i] = (struct sl_sink_config){
            .name = names[i],
            .id = names[i],
            .queue_bytes = 160000,
            .batch_bytes = i == CUTS_SINK ? 20000 : 5000,
            .batch_age_ms = i == CUTS_SINK ? 3600000 : 1000,
            .requests = 3,
            .retry_first_ms = 100,
            .retry_max_ms = 2000,
            .dead_letter = "dead",
            .dead_letter_limit = 1000,
            .overflow = w->seed >> i & 1 ? SL_OVERFLOW_DETACH : SL_OVERFLOW_BLOCK,
            .overflow_after_ms = 1000,
        };
        w->p.sinks[i] = sl_sink_new_of(types[i], &w->sinks[i], i, &w->p.env, &err);
        assert_non_null(w->p.sinks[i]);
    }
    w->p.n_sinks = SINKS;
}

static void on_plan(void *user)
{
    (void)user;
    world->commit_wanted = true;
}

static inline void world_init(struct world *w, uint64_t seed)
{
    bool plain = w->plain;

    memset(w, 0, sizeof(*w));
    w->plain = plain;
    world = w;
    fake_sinks = &w->pending;
    fake_runtime_init(&w->fake, seed);
    w->seed = seed;
    w->parked = -1;
    w->letters.put = put;
    w->topic = (struct sl_topic){.name = topic_name,
                                 .consumed_records = &w->counters[0],
                                 .consumed_bytes = &w->counters[1],
                                 .decoded_records = &w->counters[2]};
    w->config.sinks = w->sinks;
    w->config.n_sinks = SINKS;
    w->config.shutdown_ms = 10000;
    w->p = (struct sl_pipeline){.rt = &w->fake.rt,
                                .config = &w->config,
                                .stopped = on_stopped,
                                .user = w,
                                .metrics = sl_metrics_new(),
                                .consumer = (struct sl_consumer *)w};
    w->p.count.tombstones = w->p.count.kept = w->p.count.voids = &w->counters[3];
    w->p.count.breaches = &w->breaches;
    for (size_t k = 0; k < 4; k++)
        for (size_t i = 0; i < SINKS; i++)
            w->by_sink[k][i] = &w->sunk[k][i];
    w->p.count.left_out = w->by_sink[LEFT_OUT];
    w->p.count.expired = w->by_sink[EXPIRED];
    w->p.count.detaches = w->by_sink[DETACHES];
    w->p.count.read_again = w->by_sink[READ_AGAIN];
    w->p.routing = sl_zalloc(sizeof(struct sl_routing));
    snprintf(w->p.routing->decisions, sizeof(w->p.routing->decisions), "%064d", 1);
    w->p.names = (struct sl_position_names){position_ids, w->p.routing->decisions, 0};
    w->p.routing->counts.series = &w->unmatched;
    w->unmatched.matched = w->unmatched.dropped[SL_DROP_UNMATCHED] = &w->counters[3];
    w->p.env = (struct sl_sink_env){.rt = &w->fake.rt,
                                    .letters = &w->letters,
                                    .metrics = w->p.metrics,
                                    .cluster_id = "c",
                                    .rules = fake_rules("r", "rule"),
                                    .wake = sl_flow_wake,
                                    .commit = on_plan,
                                    .user = &w->p};
    w->p.routing->version = w->p.env.rules;
    sl_flow_init(&w->p);
    sl_drain_init(&w->p);
    sl_arriving_init(&w->p);
    sl_catchup_init(&w->p);
    make_sinks(w);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assign(w, i);
}

static inline void world_release(struct world *w)
{
    sl_drain_release(&w->p);
    sl_arriving_release(&w->p);
    sl_catchup_release(&w->p);
    for (size_t i = 0; i < SINKS; i++)
        sl_sink_free(w->p.sinks[i]);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->n_letters)
        confirm_letter(0, SL_OK);
    for (size_t i = 0; i < w->n_assigned; i++)
        sl_partition_unref(w->assigned[i]);
    sl_flow_release(&w->p);
    sl_timer_stop(&w->fake.rt, &w->p.overdue_timer);
    free(w->p.routing);
    free(w->p.sinks);
    free(w->p.cluster_id);
    sl_metrics_free(w->p.metrics);
    fake_runtime_release(&w->fake);
    sl_rules_version_unref(w->p.env.rules);
}

static inline void check(struct world *w)
{
    for (size_t i = 0; i < w->n_assigned; i++)
        check_position(w, w->assigned[i]);
    assert_int_equal(w->breaches, 0);
    for (size_t i = 0; i < SINKS; i++) {
        const struct sl_sink_counters *c = &w->p.sinks[i]->count;

        assert_int_equal(*c->routed, *c->delivered + *c->dead + *c->let_go + *c->in_flight);
        assert_true(sl_sink_bytes(w->p.sinks[i]) <= w->sinks[i].queue_bytes);
    }
    if (w->draining && w->drained)
        end_revoke(w, !w->closing && chance(w, 8) == 0);
}

/* Every destination is well, one turn a second. */
static inline void well(struct world *w)
{
    w->letters_down = false;
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->pending.n)
        deliver(fake_take(0));
    while (w->n_letters)
        confirm_letter(0, SL_OK);
    if (w->commit_wanted)
        commit(w);
    fake_advance(&w->fake, 1000);
    fake_advance(&w->fake, 0);
    check(w);
}

#endif
