/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

/* While `stopped`, who asks for the ends of logs says so and waits. */
static atomic_bool stopped;
static sem_t asked, go;

rd_kafka_resp_err_t
rd_kafka_offsets_for_times(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *offsets, int timeout_ms)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);

    *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_offsets_for_times");
    if (atomic_exchange(&stopped, false)) {
        sem_post(&asked);
        sem_wait(&go);
    }
    return real(rk, offsets, timeout_ms);
}

static struct sl_lookup_item judge(int64_t at, int64_t low, int64_t high, bool first,
                                   enum sl_start start, enum sl_out_of_range range)
{
    struct sl_lookup_item item = {.committed = at, .low = low, .high = high, .first = first};

    sl_lookup_judge(&item, start, range, true);
    return item;
}

static struct sl_lookup_item judge_line(char *line, enum sl_out_of_range range)
{
    struct sl_lookup_item item = {.committed = 4, .low = 5, .high = 9, .metadata = line};

    sl_lookup_judge(&item, SL_START_EARLIEST, range, true);
    return item;
}

static void decisions(void **state)
{
    struct sl_lookup_item i;

    (void)state;
    i = judge(-1, 5, 9, true, SL_START_EARLIEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 5 && i.commit);
    i = judge(-1, 5, 9, true, SL_START_LATEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 9 && i.commit);
    i = judge(-1, 5, 9, true, SL_START_FAIL, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_REFUSE);
    /* A partition that was added: from its beginning, whatever `start` says. */
    i = judge(-1, 0, 9, false, SL_START_LATEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 0 && i.commit);
    i = judge(-1, 0, 9, false, SL_START_FAIL, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 0 && i.commit);
    i = judge(7, 5, 9, false, SL_START_LATEST, SL_RANGE_LATEST);
    assert_true(i.verdict == SL_READ_AT && i.start == 7 && !i.commit && !i.gone);
    i = judge(9, 5, 9, false, SL_START_LATEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 9);
    i = judge(5, 5, 9, false, SL_START_LATEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 5);
    i = judge(4, 5, 9, false, SL_START_EARLIEST, SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_STOP && i.gone && i.why[0]);
    i = judge(4, 5, 9, false, SL_START_EARLIEST, SL_RANGE_EARLIEST);
    assert_true(i.verdict == SL_READ_AT && i.start == 5 && i.gone && i.why[0]);
    i = judge(4, 5, 9, false, SL_START_EARLIEST, SL_RANGE_LATEST);
    assert_true(i.verdict == SL_READ_AT && i.start == 9 && i.gone);
    /* With a line that counts, only who would stop there or go to the end does so. */
    i = judge_line("2;b=4;sabcdef=0", SL_RANGE_EARLIEST);
    assert_true(i.verdict == SL_READ_AT && i.start == 4 && !i.gone);
    i = judge_line("2;b=4;sabcdef=0", SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_STOP);
    i = judge_line("2;b=4;sabcdef=1", SL_RANGE_STOP);
    assert_true(i.verdict == SL_READ_AT && i.start == 4 && !i.gone);
    i = judge_line("2;b=3;sabcdef=9", SL_RANGE_EARLIEST);
    assert_true(i.verdict == SL_READ_AT && i.start == 5 && i.gone);
    /* Past the end: always stopped. */
    i = judge(10, 5, 9, false, SL_START_EARLIEST, SL_RANGE_EARLIEST);
    assert_true(i.verdict == SL_READ_STOP && strstr(i.why, "recreated"));
}

/* `latest` decides for all partitions of the topic at once: the second member does not read its own
 * from the beginning. */
static void f32_latest_holds_for_the_whole_topic(void **state)
{
    struct world *w = *state;
    struct member a, b;

    make_full_topic(w, "logs", 4, 100);
    member_init(&a, w, "logs");
    a.source.start = SL_START_LATEST;
    member_open(&a, NULL, 0);
    UNTIL(w, a.assigned == 4);
    for (int32_t i = 0; i < 4; i++)
        assert_int_equal(committed(w, "logs", i), 100);
    member_init(&b, w, "logs");
    b.source.start = SL_START_LATEST;
    member_open(&b, NULL, 0);
    UNTIL(w, a.assigned == 2 && b.assigned == 2);
    fill(w, "logs", 4, 10);
    for (int32_t i = 0; i < 4; i++) {
        UNTIL(w, a.seen[i].last == 109 || b.seen[i].last == 109);
        assert_true(a.seen[i].least >= 100 && b.seen[i].least >= 100);
    }
    assert_int_equal(a.broken + b.broken, 0);
    member_close(&a);
    member_close(&b);
}

/* The one that finds nothing commits also for partitions that are not its own. */
static void latest_commits_for_others(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_lookup *s;

    make_full_topic(w, "logs", 3, 10);
    member_init(&m, w, "logs");
    m.source.start = SL_START_LATEST;
    s = sl_lookup_new(outsider(w, "sluice"), &m.source);
    s->timeout_ms = WAIT_MS;
    sl_lookup_add(s, "logs", 1);
    sl_lookup_ask(s);
    assert_false(s->failed);
    assert_int_equal(s->n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(s->items[i].own == (s->items[i].number == 1));
        assert_true(s->items[i].commit && s->items[i].start == 10);
    }
    rd_kafka_destroy(s->rk);
    sl_lookup_free(s);
}

static void *ask(void *s)
{
    sl_lookup_ask(s);
    return NULL;
}

/* Another member begins while the ends are being asked for: what it committed is left alone. */
static void latest_leaves_what_others_committed(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_lookup *s;
    pthread_t thread;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.source.start = SL_START_LATEST;
    s = sl_lookup_new(outsider(w, "sluice"), &m.source);
    s->timeout_ms = WAIT_MS;
    sl_lookup_add(s, "logs", 1);
    sem_init(&asked, 0, 0);
    sem_init(&go, 0, 0);
    atomic_store(&stopped, true);
    assert_int_equal(pthread_create(&thread, NULL, ask, s), 0);
    sem_wait(&asked);
    commit_at(w, "logs", 0, 4);
    sem_post(&go);
    pthread_join(thread, NULL);
    assert_false(s->failed);
    assert_int_equal(s->n, 2);
    assert_true(s->items[0].own && s->items[0].commit && s->items[0].start == 10);
    assert_true(!s->items[1].own && !s->items[1].commit);
    rd_kafka_destroy(s->rk);
    sl_lookup_free(s);
}

/* A partition whose bounds nobody can tell goes on where it was, once it can be read. */
static void without_a_leader(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    commit_at(w, "logs", 0, 10);
    commit_at(w, "logs", 1, 20);
    rd_kafka_mock_partition_set_leader(w->mock, "logs", 1, -1);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 2 && m.n == 90);
    assert_int_equal(m.seen[1].n, 0);
    rd_kafka_mock_partition_set_leader(w->mock, "logs", 1, 1);
    UNTIL(w, m.n == 170);
    assert_int_equal(m.seen[1].last, 99);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void f30_a_partition_without_offset_beside_others(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    commit_at(w, "logs", 0, 60);
    member_init(&m, w, "logs");
    m.source.start = SL_START_LATEST;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 140); /* 40 of the first, all of the second: it was added later */
    assert_int_equal(m.seen[1].n, 100);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void f32_fail_refuses_to_begin(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    member_init(&m, w, "logs");
    m.source.start = SL_START_FAIL;
    member_open(&m, NULL, 0);
    UNTIL(w, m.fatal);
    assert_non_null(strstr(m.why, "no committed offset"));
    assert_int_equal(m.assigned, 0);
    assert_int_equal(committed(w, "logs", 0), RD_KAFKA_OFFSET_INVALID);
    member_close(&m);
}

/* The start is committed before the first message is read, so that a crash right then does not move
 * it. */
static void f32_start_is_committed_first(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 10);
    member_init(&m, w, "logs");
    m.room = 0;
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 2,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    member_open(&m, NULL, 0);
    UNTIL(w, m.refused > 0);
    assert_int_equal(committed(w, "logs", 0), 0);
    m.room = -1;
    sl_consumer_resume(m.c);
    UNTIL(w, m.n == 10);
    member_close(&m);
}

static void f29_past_the_end_stops_that_partition(void **state)
{
    struct world *w = *state;
    struct member m;
    char words[512];

    make_full_topic(w, "logs", 2, 100);
    commit_at(w, "logs", 0, 500);
    commit_at(w, "logs", 1, 0);
    member_init(&m, w, "logs");
    m.source.out_of_range = SL_RANGE_EARLIEST;
    member_open(&m, NULL, 0);
    UNTIL(w, m.seen[1].last == 99 && m.seen[1].at && m.seen[1].at->committed == 100);
    assert_int_equal(m.seen[0].n, 0);
    assert_false(sl_consumer_ready(m.c, words, sizeof(words)));
    assert_non_null(strstr(words, "1 of 2 partitions stopped, logs-0"));
    assert_false(m.fatal);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 500); /* never touched */
    assert_int_equal(committed(w, "logs", 1), 100);
}

static void all_stopped_is_fatal(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 10);
    commit_at(w, "logs", 0, 11);
    member_start(&m, w, "logs");
    UNTIL(w, m.fatal);
    assert_non_null(strstr(m.why, "recreated or truncated"));
    assert_int_equal(m.n, 0);
    member_close(&m);
}

/* The mock keeps 5 MiB of a partition: what is older is gone, as with retention. */
static void overflow_log(struct world *w, int32_t partition)
{
    produce_bytes(w, "logs", partition, 100, 100000);
    flush(w);
}

static void f28_gone_before_the_start(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    overflow_log(w, 0);
    produce(w, "logs", 1, 10);
    flush(w);
    commit_at(w, "logs", 0, 1);
    commit_at(w, "logs", 1, 0);
    member_init(&m, w, "logs");
    m.source.out_of_range = SL_RANGE_EARLIEST;
    member_open(&m, NULL, 0);
    UNTIL(w, m.seen[0].last == 99 && m.seen[1].last == 9);
    assert_true(m.seen[0].n > 10 && m.seen[0].n < 99);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* Retention overtakes a partition that is being read, once with each policy. */
static void overtaken(struct world *w, enum sl_out_of_range policy, struct member *m)
{
    make_full_topic(w, "logs", 2, 10);
    member_init(m, w, "logs");
    m->source.out_of_range = policy;
    member_open(m, NULL, 0);
    UNTIL(w, m->n == 20);
    sl_consumer_pause(m->c);
    overflow_log(w, 0);
    sl_consumer_resume(m->c);
}

static void f28_overtaken_goes_on_at_the_beginning(void **state)
{
    struct world *w = *state;
    struct member m;

    overtaken(w, SL_RANGE_EARLIEST, &m);
    UNTIL(w, m.seen[0].last == 109);
    assert_true(m.seen[0].n < 110);
    assert_int_equal(m.overtaken, 1); /* and exactly what did not come is told */
    assert_int_equal(m.overtaken_from, 10);
    assert_int_equal(m.overtaken_to - m.overtaken_from, 110 - (int64_t)m.seen[0].n);
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.seen[1].last == 19);
    assert_int_equal(m.seen[1].n, 20); /* the other partition lost and repeated nothing */
    assert_int_equal(m.broken, 0);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 110);
}

static void f28_overtaken_stops(void **state)
{
    struct world *w = *state;
    struct member m;
    char words[512];

    overtaken(w, SL_RANGE_STOP, &m);
    UNTIL(w, m.seen[0].at->stopped);
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.seen[1].last == 19);
    assert_int_equal(m.seen[0].last, 9);
    assert_int_equal(m.overtaken, 0);
    assert_false(sl_consumer_ready(m.c, words, sizeof(words)));
    assert_non_null(strstr(words, "is gone"));
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        cmocka_unit_test(decisions),
        T(f32_latest_holds_for_the_whole_topic),
        T(latest_commits_for_others),
        T(latest_leaves_what_others_committed),
        T(without_a_leader),
        T(f30_a_partition_without_offset_beside_others),
        T(f32_fail_refuses_to_begin),
        T(f32_start_is_committed_first),
        T(f29_past_the_end_stops_that_partition),
        T(all_stopped_is_fatal),
        T(f28_gone_before_the_start),
        T(f28_overtaken_goes_on_at_the_beginning),
        T(f28_overtaken_stops),
    };
    return RUN_TESTS("start", tests);
}
