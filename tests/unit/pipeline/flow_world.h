/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_PIPELINE_FLOW_WORLD_H
#define TESTS_PIPELINE_FLOW_WORLD_H

/* The pipeline's flow and the sinks' core together, without Kafka: a consumer that assigns,
 * revokes, loses, pauses and commits as the real one does, three sinks that share its partitions,
 * and a model that knows every record. Included after cmocka, by one program. */
#include "fake_rules.h"
#include "fake_runtime.h"
#include "fake_sink.h"
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
    uint64_t *left_out[SINKS];
    struct sl_rule_series unmatched; /* there are no others */
    uint64_t repeated;               /* records that a sink was spared */
    uint8_t fate[SINKS][PARTITIONS][OFFSETS + 8];
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
    bool paused, closing, draining, drained;
    int parked; /* partition, or -1 */

    /* single behaviours: where every record goes, and its size; 0: as the offset has it */
    unsigned all_to;
    bool may_be_overdue;
    size_t size;
};

static char topic_name[] = "logs";
static struct world *world;

/* ---- what stands in for the consumer ---- */

#include "fake_consumer.h"

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

/* ---- what stands in for decoding and rules: the offset decides ---- */

struct sl_decoder *sl_decoder_new(const struct sl_decoder_config *config, struct sl_error *err)
{
    (void)config;
    (void)err;
    return NULL;
}

void sl_decoder_free(struct sl_decoder *d)
{
    (void)d;
}

void sl_decode(struct sl_decoder *d, const struct sl_message *m, struct sl_record *ret)
{
    (void)d;
    *ret = (struct sl_record){.message = m, .time_ns = (int64_t)1700000000 * 1000000000};
}

struct sl_value sl_record_value(const struct sl_record *r, unsigned id)
{
    (void)r;
    (void)id;
    return (struct sl_value){0};
}

struct sl_matcher *sl_matcher_new(const struct sl_rules *r, const struct sl_matcher_config *config)
{
    (void)r;
    (void)config;
    return NULL;
}

void sl_matcher_free(struct sl_matcher *m)
{
    (void)m;
}

const unsigned *sl_matcher_matched(const struct sl_matcher *m, size_t *ret_n)
{
    (void)m;
    *ret_n = 0;
    return NULL;
}

static inline uint64_t hash_of(const struct sl_message *m)
{
    uint64_t at = (uint64_t)m->offset * PARTITIONS + (uint64_t)m->at->number + 1;

    return fake_next(&at);
}

void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret)
{
    uint64_t h = hash_of(record->message);

    (void)m;
    ret->n = 0;
    ret->error_rule = ret->dropped_by = SL_RULE_NONE;
    for (unsigned i = 0; i < SINKS; i++)
        if (world->all_to ? world->all_to >> i & 1 : h >> 8 * i & 1)
            ret->chosen[ret->n++] = (struct sl_choice){i, SL_RULE_UNMATCHED, record};
    if (ret->n == 0) {
        ret->dropped_by = SL_RULE_UNMATCHED;
        ret->drop_reason = SL_DROP_UNMATCHED;
    }
}

void sl_route_undo(struct sl_matcher *m)
{
    (void)m;
}

void sl_route_set_aside(struct sl_matcher *m, unsigned rule)
{
    (void)m;
    (void)rule;
}

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
static const struct sl_position_names position_names = {position_ids, "r"};

/* What is committed, for each sink: no record below its position is without an outcome. */
static inline void check_position(struct world *w, const struct sl_partition *p)
{
    for (size_t s = 0; s < SINKS; s++)
        for (int64_t o = w->committed[p->number]; o < sl_partition_position(p, s); o++)
            assert_int_not_equal(w->fate[s][p->number][o], ROUTED);
}

static inline bool is_control(int32_t partition, int64_t offset)
{
    uint64_t at = (uint64_t)offset * PARTITIONS + (uint64_t)partition + 77;

    return fake_next(&at) % 20 == 0;
}

static inline void commit(struct world *w)
{
    for (size_t i = 0; i < w->n_assigned; i++) {
        int32_t number = w->assigned[i]->number;

        check_position(w, w->assigned[i]);
        w->committed[number] = sl_partition_least(w->assigned[i]);
        w->line_n[number] = sl_metadata_write(w->assigned[i], &position_names, w->line[number]);
    }
}

static inline void assign(struct world *w, int32_t number)
{
    struct sl_partition *p = sl_partition_new(&w->topic, number, ++w->epochs, SINKS, "cluster");

    sl_partition_skip(p, w->committed[number]);
    w->expect[number] = p->next;
    if (chance(w, 4)) /* now and then the line is lost, and everything is read again */
        sl_metadata_read(p, &position_names, p->next, sl_slice(w->line[number], w->line_n[number]));
    for (size_t s = 0; s < SINKS; s++) {
        int64_t from = p->sinks[s].from > p->next ? p->sinks[s].from : p->next;

        for (int64_t o = p->next; o < from; o++)
            assert_int_not_equal(w->fate[s][number][o], ROUTED);
        for (int64_t o = from; o < OFFSETS; o++)
            w->fate[s][number][o] = NOWHERE;
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

static inline bool hand_over(struct world *w, struct sl_partition *p)
{
    static const char value[1 << 16] = {0};
    struct sl_message m = {.at = p, .offset = w->expect[p->number]};
    struct sl_decision d;
    struct sl_record r = {.message = &m};
    bool taken;

    m.value = sl_slice(value, value_size(&m));
    if (!w->all_to && hash_of(&m) % 100 == 0)
        m.value = (struct sl_slice){NULL, 0};
    sl_route(NULL, &r, &d);
    for (size_t i = 0; m.value.p && i < d.n; i++) {
        if (m.offset >= p->sinks[d.chosen[i].sink].from)
            w->fate[d.chosen[i].sink][p->number][m.offset] = ROUTED;
        else
            w->repeated++;
    }
    taken = sl_pipeline_on_message(&w->p, &m);
    if (taken) {
        w->expect[p->number]++;
        assert_int_equal(p->next, m.offset + 1);
    } else {
        for (size_t s = 0; s < SINKS; s++)
            if (m.offset >= p->sinks[s].from)
                w->fate[s][p->number][m.offset] = NOWHERE;
        w->parked = p->number;
        w->paused = true;
    }
    return taken;
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
    while (is_control(p->number, w->expect[p->number]))
        sl_partition_skip(p, ++w->expect[p->number]);
    if (w->expect[p->number] >= OFFSETS)
        return false;
    return hand_over(w, p);
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
        };
        w->p.sinks[i] = sl_sink_new_of(types[i], &w->sinks[i], i, &w->p.env, &err);
        assert_non_null(w->p.sinks[i]);
    }
    w->p.n_sinks = SINKS;
}

static inline void world_init(struct world *w, uint64_t seed)
{
    memset(w, 0, sizeof(*w));
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
    w->p.count.tombstones = w->p.count.kept = &w->counters[3];
    w->p.count.left_out = w->left_out;
    for (size_t i = 0; i < SINKS; i++)
        w->left_out[i] = &w->counters[3];
    w->p.routing = sl_zalloc(sizeof(struct sl_routing));
    w->p.routing->counts.series = &w->unmatched;
    w->unmatched.matched = w->unmatched.dropped[SL_DROP_UNMATCHED] = &w->counters[3];
    w->p.env = (struct sl_sink_env){.rt = &w->fake.rt,
                                    .letters = &w->letters,
                                    .metrics = w->p.metrics,
                                    .cluster_id = "c",
                                    .rules = fake_rules("r", "rule"),
                                    .wake = sl_flow_wake,
                                    .user = &w->p};
    sl_flow_init(&w->p);
    make_sinks(w);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assign(w, i);
}

static inline void world_release(struct world *w)
{
    sl_flow_release(&w->p);
    sl_timer_stop(&w->fake.rt, &w->p.overdue_timer);
    for (size_t i = 0; i < SINKS; i++)
        sl_sink_free(w->p.sinks[i]);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->n_letters)
        confirm_letter(0, SL_OK);
    for (size_t i = 0; i < w->n_assigned; i++)
        sl_partition_unref(w->assigned[i]);
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
    for (size_t i = 0; i < SINKS; i++) {
        const struct sl_sink_counters *c = &w->p.sinks[i]->count;

        assert_int_equal(*c->routed, *c->delivered + *c->dead + *c->let_go + *c->in_flight);
        assert_true(sl_sink_bytes(w->p.sinks[i]) <= w->sinks[i].queue_bytes);
    }
    if (w->draining && w->drained)
        end_revoke(w, chance(w, 8) == 0);
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
    fake_advance(&w->fake, 1000);
    fake_advance(&w->fake, 0);
    check(w);
}

#endif
