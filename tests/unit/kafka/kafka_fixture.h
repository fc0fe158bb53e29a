/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KAFKA_FIXTURE_H
#define KAFKA_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/alloc.h"
#include "kafka/consumer.h"
#include "kafka/consumer_private.h"
#include "net/loop.h"

/* librdkafka's mock cluster in this process, a loop, and members of a group that write down what
 * they see. Every wait is for a condition, by turning the loop, and bounded. */

enum { WAIT_MS = 30000, PARTITIONS_MAX = 64, APIS_MAX = 16 };

/* API keys of Kafka's protocol */
enum {
    PRODUCE = 0,
    LIST_OFFSETS = 2,
    OFFSET_COMMIT = 8,
    OFFSET_FETCH = 9,
    JOIN_GROUP = 11,
    HEARTBEAT = 12,
};

struct world {
    struct sl_loop loop;
    struct sl_log *log;
    struct sl_timer beat; /* the loop turns even when nothing happens */
    rd_kafka_t *host;     /* what the mock cluster lives in */
    rd_kafka_mock_cluster_t *mock;
    rd_kafka_t *producer;
    const char *broker;
    int brokers;
    size_t watched[APIS_MAX]; /* entries for each API that watch_requests() gave the brokers */
};

struct seen {
    int64_t last; /* newest offset taken; -1 */
    uint64_t n;
    struct sl_partition *at;
    int epochs;
};

struct member {
    struct world *w;
    struct sl_source_config source;
    struct sl_property properties[8];
    const char *topic;
    struct sl_consumer *c;
    struct seen seen[PARTITIONS_MAX];
    uint64_t n, broken; /* messages; those out of order within one assignment, or after its end */
    int64_t room;       /* messages that on_message takes before it says no; -1: without end */
    uint64_t refused;
    struct sl_timer arrive;
    struct sl_hold *hold; /* while set, the next message of each partition is held by it */
    bool hold_all;
    bool many_topics; /* seen[] is by partition number only: not kept */
    bool free_when_closed;
    bool drain_later; /* on_revoking does not answer at once */
    /* Sinks' own positions: read from the line at arrival, written beside the offset. */
    bool lines;
    bool strict;
    bool arrive_later;                       /* sl_consumer_arrived() is the test's to call */
    const char *stop;                        /* on_arriving stops the first one, and why */
    void (*arrived)(struct sl_partition *p); /* before it is settled */
    struct sl_arrival *arrivals;
    size_t n_arrivals;
    bool line_read; /* of the partition that arrived last */
    int64_t base;
    uint64_t arriving, committed, bounds, overtaken;
    int64_t overtaken_from, overtaken_to;
    uint64_t assigned, revoking, ended, lost, topics;
    size_t headers;
    bool closed, fatal;
    char why[256];
};

static void beat(struct sl_timer *t)
{
    struct world *w = sl_container_of(t, struct world, beat);

    sl_timer_start(&w->loop.rt, t, 10);
}

static void quiet(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk, (void)level, (void)facility, (void)text;
}

static int world_setup_n(void **state, int brokers)
{
    struct world *w = sl_zalloc(sizeof(*w));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct sl_error err;
    char text[256];

    if (getenv("SLUICE_TEST_LOG"))
        w->log = sl_log_new(stderr, SL_LOG_DEBUG, SL_LOG_TEXT);
    assert_int_equal(sl_loop_init(&w->loop, w->log, &err), SL_OK);
    w->beat.fire = beat;
    sl_timer_start(&w->loop.rt, &w->beat, 10);
    rd_kafka_conf_set_log_cb(conf, quiet);
    w->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(w->host);
    w->mock = rd_kafka_mock_cluster_new(w->host, brokers);
    assert_non_null(w->mock);
    w->broker = rd_kafka_mock_cluster_bootstraps(w->mock);
    w->brokers = brokers;
    conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", w->broker, text, sizeof(text));
    rd_kafka_conf_set(conf, "linger.ms", "0", text, sizeof(text));
    rd_kafka_conf_set(conf, "batch.num.messages", "100", text, sizeof(text));
    rd_kafka_conf_set_log_cb(conf, quiet);
    w->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    assert_non_null(w->producer);
    *state = w;
    return 0;
}

static int world_setup(void **state)
{
    return world_setup_n(state, 3);
}

static int world_teardown(void **state)
{
    struct world *w = *state;

    rd_kafka_destroy(w->producer);
    rd_kafka_mock_cluster_destroy(w->mock);
    rd_kafka_destroy(w->host);
    sl_timer_stop(&w->loop.rt, &w->beat);
    for (int i = 0; i < 1000 && uv_run(&w->loop.uv, UV_RUN_NOWAIT); i++)
        ; /* a test that failed leaves a member behind */
    sl_loop_release(&w->loop);
    if (w->log)
        sl_log_free(w->log);
    free(w);
    return 0;
}

/* Turns the loop until the expression holds; fails the test after WAIT_MS. */
#define UNTIL(w, expression)                                                                       \
    do {                                                                                           \
        uint64_t until_ = uv_hrtime() + (uint64_t)WAIT_MS * 1000000;                               \
        while (!(expression)) {                                                                    \
            if (uv_hrtime() > until_)                                                              \
                fail_msg("never: %s", #expression);                                                \
            uv_run(&(w)->loop.uv, UV_RUN_ONCE);                                                    \
        }                                                                                          \
    } while (0)

/* The mock counts no requests, but takes one entry off a broker's stack of errors for each. Entries
 * without an error change nothing and tell by how many are left how many requests came; each
 * answer waits for `slow_ms`. From the first call on, the broker's stack hides the errors that
 * rd_kafka_mock_push_request_errors() keeps for that API. */
static inline void watch_requests(struct world *w, int16_t api, size_t n, int slow_ms)
{
    for (int32_t broker = 1; broker <= w->brokers; broker++)
        for (size_t i = 0; i < n; i++)
            assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
                                 w->mock, broker, api, 1, RD_KAFKA_RESP_ERR_NO_ERROR, slow_ms),
                             0);
    w->watched[api] += n * (size_t)w->brokers;
}

/* Requests that arrived since they are watched. */
static inline size_t requests(struct world *w, int16_t api)
{
    size_t left = 0;

    for (int32_t broker = 1; broker <= w->brokers; broker++) {
        size_t n = 0;

        assert_int_equal(rd_kafka_mock_broker_error_stack_cnt(w->mock, broker, api, &n), 0);
        left += n;
    }
    return w->watched[api] - left;
}

static inline void all_brokers_down(struct world *w)
{
    for (int32_t i = 1; i <= w->brokers; i++)
        rd_kafka_mock_broker_set_down(w->mock, i);
}

static inline void all_brokers_up(struct world *w)
{
    for (int32_t i = 1; i <= w->brokers; i++)
        rd_kafka_mock_broker_set_up(w->mock, i);
}

static inline void make_topic(struct world *w, const char *topic, int partitions)
{
    assert_int_equal(rd_kafka_mock_topic_create(w->mock, topic, partitions, 1), 0);
}

static inline void produce_bytes(struct world *w, const char *topic, int32_t partition, uint64_t n,
                                 size_t size)
{
    char *value = sl_zalloc(size + 32);

    memset(value, 'x', size);
    for (uint64_t i = 0; i < n; i++) {
        snprintf(value, 24, "%d:%llu", (int)partition, (unsigned long long)i);
        value[strlen(value)] = ' ';
        rd_kafka_resp_err_t err =
            rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_KEY("k", 1),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            rd_kafka_poll(w->producer, 10);
            i--;
            continue;
        }
        assert_int_equal(err, 0);
        rd_kafka_poll(w->producer, 0);
    }
    free(value);
}

static inline void flush(struct world *w)
{
    assert_int_equal(rd_kafka_flush(w->producer, WAIT_MS), 0);
}

static inline void produce(struct world *w, const char *topic, int32_t partition, uint64_t n)
{
    produce_bytes(w, topic, partition, n, 100);
}

/* `n` records to each partition. */
static inline void fill(struct world *w, const char *topic, int32_t partitions, uint64_t n)
{
    for (int32_t i = 0; i < partitions; i++)
        produce(w, topic, i, n);
    flush(w);
}

static inline void make_full_topic(struct world *w, const char *topic, int32_t partitions,
                                   uint64_t n)
{
    make_topic(w, topic, partitions);
    fill(w, topic, partitions, n);
}

/* ---- a member ---- */

static bool member_message(void *user, const struct sl_message *m)
{
    struct member *me = user;
    struct seen *s = &me->seen[m->at->number];

    if (me->room == 0) {
        me->refused++;
        return false;
    }
    if (me->room > 0)
        me->room--;
    if (me->many_topics)
        s->at = m->at;
    if (m->at->ended || m->at->draining || m->offset != m->at->next || s->at != m->at)
        me->broken++;
    me->headers += m->n_headers;
    if (me->hold && (me->hold_all || sl_list_empty(&m->at->sinks[0].spans)))
        sl_hold_cover(me->hold, m->at, m->offset);
    sl_partition_advance(m->at, m->offset, m->timestamp_ms, 0);
    s->last = m->offset;
    s->n++;
    me->n++;
    return true;
}

static const char *const sink_ids[] = {"one", "two"};
static const struct sl_position_names names = {
    .sink_ids = sink_ids, .rules = "0123456789abcdef", .day = 20000};

static void member_arriving(void *user, struct sl_arrival *a, size_t n)
{
    struct member *me = user;

    assert_string_not_equal(sl_consumer_cluster_id(me->c), "");
    for (size_t i = 0; i < n; i++) {
        struct sl_partition *p = a[i].p;

        assert_true(!p->ended && !p->stopped && p->next < 0);
        assert_null(sl_consumer_find(me->c, p->topic->name, p->number));
        me->base = a[i].base;
        me->line_read = me->lines && sl_metadata_read(p, &names, p->committed, a[i].line, NULL);
        if (!me->line_read)
            sl_partition_void(p, a[i].base);
        if (me->arrived)
            me->arrived(p);
        sl_partition_cut_over(p, names.rules, NULL);
        sl_partition_settle(p);
    }
    if (me->stop)
        sl_consumer_stop(me->c, a[0].p, me->stop);
    me->arriving += n;
    me->arrivals = a;
    me->n_arrivals = n;
    if (!me->arrive_later)
        sl_timer_start(&me->w->loop.rt, &me->arrive, 1); /* never from inside */
}

static void member_arrive(struct sl_timer *t)
{
    struct member *me = sl_container_of(t, struct member, arrive);

    if (me->c)
        sl_consumer_arrived(me->c);
}

static void member_committed(void *user)
{
    struct member *me = user;

    me->committed++;
}

static void member_bounds(void *user)
{
    struct member *me = user;

    me->bounds++;
}

static void member_overtaken(void *user, struct sl_partition *p, int64_t from, int64_t to)
{
    struct member *me = user;

    assert_int_equal(p->next, from);
    me->overtaken++;
    me->overtaken_from = from;
    me->overtaken_to = to;
}

static void member_assigned(void *user, struct sl_partition *const *p, size_t n)
{
    struct member *me = user;

    assert_string_not_equal(sl_consumer_cluster_id(me->c), "");
    for (size_t i = 0; i < n; i++) {
        struct seen *s = &me->seen[p[i]->number];

        assert_true(p[i]->next >= 0);
        assert_true(!s->at || me->many_topics);
        s->at = p[i];
        s->epochs++;
    }
    me->assigned += n;
}

static void member_revoking(void *user, struct sl_partition *const *p, size_t n)
{
    struct member *me = user;

    for (size_t i = 0; i < n; i++)
        assert_true(p[i]->draining && !p[i]->ended);
    me->revoking += n;
    if (!me->drain_later)
        sl_consumer_revoked(me->c);
}

static void member_ended(void *user, struct sl_partition *const *p, size_t n, bool lost)
{
    struct member *me = user;

    for (size_t i = 0; i < n; i++) {
        struct seen *s = &me->seen[p[i]->number];

        assert_true(p[i]->ended);
        assert_true(!s->at || s->at == p[i] || me->many_topics);
        me->assigned -= s->at || me->many_topics;
        s->at = NULL;
    }
    me->ended += n;
    me->lost += lost ? n : 0;
}

static void member_fatal(void *user, const char *reason)
{
    struct member *me = user;

    me->fatal = true;
    snprintf(me->why, sizeof(me->why), "%s", reason);
}

static void member_topic(void *user, struct sl_topic *topic)
{
    struct member *me = user;

    assert_non_null(topic->name);
    me->topics++;
}

static void member_closed(void *user)
{
    struct member *me = user;

    me->closed = true;
    sl_timer_stop(&me->w->loop.rt, &me->arrive);
    if (me->free_when_closed)
        sl_consumer_free(me->c);
}

static const struct sl_consumer_ops member_ops = {
    .on_message = member_message,
    .on_arriving = member_arriving,
    .on_assigned = member_assigned,
    .on_committed = member_committed,
    .on_bounds = member_bounds,
    .on_overtaken = member_overtaken,
    .on_revoking = member_revoking,
    .on_ended = member_ended,
    .on_fatal = member_fatal,
    .on_topic = member_topic,
    .on_closed = member_closed,
};

static inline void member_init(struct member *m, struct world *w, const char *topic)
{
    memset(m, 0, sizeof(*m));
    m->w = w;
    m->topic = topic;
    m->room = -1;
    m->arrive.fire = member_arrive;
    for (size_t i = 0; i < PARTITIONS_MAX; i++)
        m->seen[i].last = -1;
    m->source.brokers = (struct sl_strings){&w->broker, 1};
    m->source.topics = (struct sl_strings){&m->topic, 1};
    m->source.group = "sluice";
    m->source.start = SL_START_EARLIEST;
    m->source.out_of_range = SL_RANGE_STOP;
    m->source.memory = 64u << 20;
    m->properties[0] = (struct sl_property){"session.timeout.ms", "6000", 0, 0};
    m->properties[1] = (struct sl_property){"heartbeat.interval.ms", "200", 0, 0};
    m->properties[2] = (struct sl_property){"fetch.wait.max.ms", "50", 0, 0};
    m->properties[3] = (struct sl_property){"topic.metadata.refresh.interval.ms", "1000", 0, 0};
    m->source.consumer = (struct sl_properties){m->properties, 4};
    if (getenv("SLUICE_TEST_DEBUG"))
        m->properties[m->source.consumer.n++] =
            (struct sl_property){"debug", getenv("SLUICE_TEST_DEBUG"), 0, 0};
}

static inline void member_open(struct member *m, const char *const *excluded, size_t n)
{
    struct sl_consumer_config config = {.source = &m->source,
                                        .excluded_topics = excluded,
                                        .n_excluded = n,
                                        .n_sinks = 2,
                                        .names = m->lines ? &names : NULL,
                                        .strict = m->strict,
                                        .ops = &member_ops,
                                        .user = m};
    struct sl_error err = {.text = ""};

    m->c = sl_consumer_new(&m->w->loop, &config, &err);
    assert_string_equal(err.text, "");
    assert_non_null(m->c);
    assert_int_equal(sl_consumer_start(m->c, &err), SL_OK);
}

static inline void member_start(struct member *m, struct world *w, const char *topic)
{
    member_init(m, w, topic);
    member_open(m, NULL, 0);
}

static inline void member_close(struct member *m)
{
    sl_consumer_close(m->c);
    UNTIL(m->w, m->closed);
    assert_int_equal(m->assigned, 0);
    sl_consumer_free(m->c);
    m->c = NULL;
    for (int i = 0; i < 3; i++) /* its handles close */
        uv_run(&m->w->loop.uv, UV_RUN_NOWAIT);
}

/* ---- waiting for what must not happen ---- */

/* One more record to each partition is written and read: what comes twice comes before it. */
static inline void read_one_more(struct member *m, int32_t partitions)
{
    int64_t before[PARTITIONS_MAX];

    for (int32_t i = 0; i < partitions; i++)
        before[i] = m->seen[i].last;
    fill(m->w, m->topic, partitions, 1);
    for (int32_t i = 0; i < partitions; i++)
        UNTIL(m->w, m->seen[i].last > before[i]);
}

/* The consumer looks once more at what there is to commit, after everything that it has seen. */
static inline void look_for_commits(struct member *m)
{
    uint64_t before = m->c->commit_ms;

    UNTIL(m->w, m->c->commit_ms != before);
}

/* A consumer that is paused asks for nothing and nothing else tells that it would have had the time
 * to: four times as long as a fetch may wait at the broker. */
static inline void nothing_comes(struct member *m)
{
    uint64_t until = uv_hrtime() + 200 * 1000000, n = m->n;

    while (uv_hrtime() < until)
        uv_run(&m->w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(m->n, n);
}

/* ---- the group's committed offsets, asked by somebody outside ---- */

static inline rd_kafka_t *outsider(struct world *w, const char *group)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char text[256];
    rd_kafka_t *rk;

    rd_kafka_conf_set(conf, "bootstrap.servers", w->broker, text, sizeof(text));
    rd_kafka_conf_set(conf, "group.id", group, text, sizeof(text));
    rd_kafka_conf_set_log_cb(conf, quiet);
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    assert_non_null(rk);
    return rk;
}

static inline int64_t committed(struct world *w, const char *topic, int32_t partition)
{
    rd_kafka_t *rk = outsider(w, "sluice");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t offset;

    rd_kafka_topic_partition_list_add(list, topic, partition);
    assert_int_equal(rd_kafka_committed(rk, list, WAIT_MS), 0);
    offset = list->elems[0].offset;
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset;
}

static inline void commit_at(struct world *w, const char *topic, int32_t partition, int64_t offset)
{
    rd_kafka_t *rk = outsider(w, "sluice");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
    assert_int_equal(rd_kafka_commit(rk, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

/* ---- all tests of a program at once ---- */

/* Tests here wait (three seconds for each join of the mock's group) and hardly compute: each runs
 * in a process of its own, all side by side. SLUICE_TEST_ONLY=pattern runs what it matches in this
 * one.
 */
static inline int run_side_by_side(const char *name, const struct CMUnitTest *tests, size_t n)
{
    const char *only = getenv("SLUICE_TEST_ONLY");
    int failed = 0, status;

    if (only) {
        cmocka_set_test_filter(only);
        return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
    }
    for (size_t i = 0; i < n; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            alarm(110); /* one that failed may hang in its teardown */
            exit(_cmocka_run_group_tests(name, &tests[i], 1, NULL, NULL));
        }
        failed += pid < 0;
    }
    while (wait(&status) > 0)
        failed += !WIFEXITED(status) || WEXITSTATUS(status) != 0;
    return failed;
}

#define RUN_TESTS(name, tests) run_side_by_side(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
