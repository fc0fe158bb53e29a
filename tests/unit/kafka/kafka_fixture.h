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

#include <fnmatch.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/alloc.h"
#include "base/list.h"
#include "net/loop.h"
#include "ops/log.h"

/* librdkafka's mock cluster in this process, and a loop. Every wait is for a condition, by turning
 * the loop, and bounded: by minutes, for a busy machine may not run this process for a while. */

enum { WAIT_MS = 120000, ALARM_S = 330, APIS_MAX = 16 };

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
    bool passed;
    size_t watched[APIS_MAX]; /* entries for each API that watch_requests() gave the brokers */
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

/* What a test has freed is gone when its handles are closed and its questions on the pool answered.
 * Before that the mock must not go: a client that asks on finds another test's mock at the same
 * port some day, and librdkafka 2.0.2 never ends one whose topic has lost partitions meanwhile. */
static bool all_gone(struct world *w)
{
    struct pollfd fd = {.fd = uv_backend_fd(&w->loop.uv), .events = POLLIN};
    uint64_t until = uv_hrtime() + (uint64_t)WAIT_MS * 1000000;

    sl_timer_stop(&w->loop.rt, &w->beat);
    while (uv_run(&w->loop.uv, UV_RUN_NOWAIT)) {
        if (uv_hrtime() > until)
            return false;
        poll(&fd, 1, 10);
    }
    return true;
}

static int world_teardown(void **state)
{
    struct world *w = *state;

    if (!w->passed) /* members are left behind, on a stack that is no more: the process ends */
        return 0;
    rd_kafka_destroy(w->producer);
    if (!all_gone(w)) {
        print_error("the test leaves something behind\n");
        return -1;
    }
    rd_kafka_mock_cluster_destroy(w->mock);
    rd_kafka_destroy(w->host);
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

/* line: room for what is beside the offset, or NULL. */
static inline int64_t committed_line(struct world *w, const char *topic, int32_t partition,
                                     char *line, size_t room)
{
    rd_kafka_t *rk = outsider(w, "sluice");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    int64_t offset;

    rd_kafka_topic_partition_list_add(list, topic, partition);
    assert_int_equal(rd_kafka_committed(rk, list, WAIT_MS), 0);
    offset = list->elems[0].offset;
    if (line)
        snprintf(line, room, "%.*s", (int)list->elems[0].metadata_size,
                 list->elems[0].metadata ? (const char *)list->elems[0].metadata : "");
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
    return offset;
}

static inline int64_t committed(struct world *w, const char *topic, int32_t partition)
{
    return committed_line(w, topic, partition, NULL, 0);
}

static inline void commit_line(struct world *w, const char *topic, int32_t partition,
                               int64_t offset, const char *line)
{
    rd_kafka_t *rk = outsider(w, "sluice");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_t *at = rd_kafka_topic_partition_list_add(list, topic, partition);

    at->offset = offset;
    if (line) {
        at->metadata = sl_strdup(line); /* the list frees it */
        at->metadata_size = strlen(line);
    }
    assert_int_equal(rd_kafka_commit(rk, list, 0), 0);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(rk);
}

static inline void commit_at(struct world *w, const char *topic, int32_t partition, int64_t offset)
{
    commit_line(w, topic, partition, offset, NULL);
}

/* ---- all tests of a program at once ---- */

static CMUnitTestFunction the_test;

static inline void to_its_end(void **state)
{
    the_test(state);
    if (*state)
        ((struct world *)*state)->passed = true;
}

static inline int run_one(const char *name, const struct CMUnitTest *test)
{
    struct CMUnitTest one = *test;

    the_test = one.test_func;
    one.test_func = to_its_end;
    return _cmocka_run_group_tests(name, &one, 1, NULL, NULL);
}

/* Tests here wait (three seconds for each join of the mock's group) and hardly compute: each runs
 * in a process of its own, all side by side. SLUICE_TEST_ONLY=pattern runs what it matches in this
 * one.
 */
static inline int run_side_by_side(const char *name, const struct CMUnitTest *tests, size_t n)
{
    const char *only = getenv("SLUICE_TEST_ONLY");
    pid_t *pids = sl_calloc(n, sizeof(*pids)), pid;
    int failed = 0, status;

    fflush(NULL);
    for (size_t i = 0; i < n; i++) {
        if (only) {
            failed += fnmatch(only, tests[i].name, 0) == 0 && run_one(name, &tests[i]);
            continue;
        }
        pids[i] = fork();
        if (pids[i] == 0) {
            free(pids);
            setvbuf(stdout, NULL, _IOLBF, 0); /* what it said is not lost with it */
            alarm(ALARM_S);
            exit(run_one(name, &tests[i]));
        }
        failed += pids[i] < 0;
    }
    while ((pid = wait(&status)) > 0)
        for (size_t i = 0; i < n; i++)
            if (pids[i] == pid && status != 0) {
                failed++;
                printf("%s failed: %s %d\n", tests[i].name,
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
            }
    free(pids);
    return failed;
}

#define RUN_TESTS(name, tests) run_side_by_side(name, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
