/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

/* A place at which the process dies: counted in the committed line, and left alone for a while. */

static const char *line_of(int64_t base, const char *tail)
{
    static char line[256];
    char one[7], two[7];

    sl_metadata_short_id(sink_ids[0], one);
    sl_metadata_short_id(sink_ids[1], two);
    snprintf(line, sizeof(line), "2;b=%lld;s%s=0;s%s=0;v0=0123456789ab%s", (long long)base, one,
             two, tail);
    return line;
}

/* As the committed line has it; 0: it has none. */
static unsigned starts(struct world *w, int32_t partition)
{
    char line[SL_METADATA_MAX];
    const char *n;

    committed_line(w, "logs", partition, line, sizeof(line));
    n = strstr(line, ";n=");
    return n ? (unsigned)strtoul(n + 3, NULL, 36) : 0;
}

/* Somebody has begun so often to read logs-0 at offset 10; there may be another partition. */
static void begin(struct world *w, struct member *m, int partitions, const char *tail)
{
    make_full_topic(w, "logs", partitions, 100);
    commit_line(w, "logs", 0, 10, line_of(10, tail));
    member_init(m, w, "logs");
    m->lines = true;
    member_open(m, NULL, 0);
}

static struct sl_part *part_of(struct member *m, int32_t number)
{
    struct sl_partition *p = sl_consumer_find(m->c, "logs", number);

    assert_non_null(p);
    return sl_part_of(p);
}

static void a_start_is_counted_before_anything_is_read(void **state)
{
    struct world *w = *state;
    struct member m;

    begin(w, &m, 1, "");
    UNTIL(w, m.assigned == 1);
    assert_int_equal(m.n, 0);
    assert_int_equal(starts(w, 0), 1);
    UNTIL(w, m.n == 90 && part_of(&m, 0)->p->committed == 100);
    UNTIL(w, starts(w, 0) == 0);
    member_close(&m);
    assert_int_equal(starts(w, 0), 0);
}

static void who_dies_leaves_its_count(void **state)
{
    struct world *w = *state;
    struct member m;

    begin(w, &m, 1, ";n=1");
    UNTIL(w, m.assigned == 1);
    sl_consumer_free(m.c); /* nothing is said to the group */
    m.c = NULL;
    assert_int_equal(starts(w, 0), 2);
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    assert_int_equal(starts(w, 0), 3);
    UNTIL(w, m.n == 90);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* What was read may be read again, and the place that kills may lie behind it. */
static void records_read_are_no_progress_yet(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ";n=1"));
    member_init(&m, w, "logs");
    m.lines = true;
    m.room = 20;
    m.hold = sl_hold_new(0, false, false);
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && m.refused > 0);
    look_for_commits(&m);
    UNTIL(w, !m.c->commit.in_flight);
    assert_int_equal(starts(w, 0), 2);
    part_of(&m, 0)->began_ms -= 60000; /* a minute is over */
    look_for_commits(&m);
    UNTIL(w, starts(w, 0) == 0);
    assert_int_equal(part_of(&m, 0)->p->committed, 10);
    sl_hold_unref(m.hold);
    member_close(&m);
}

static void one_sink_that_gets_on_is_progress(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ";n=1"));
    member_init(&m, w, "logs");
    m.lines = true;
    m.room = 20;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && part_of(&m, 0)->p->committed == 30);
    assert_int_equal(starts(w, 0), 0);
    member_close(&m);
}

static void given_back_in_order_it_is_no_start(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ";n=1"));
    member_init(&m, w, "logs");
    m.lines = true;
    m.room = 0;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    assert_int_equal(starts(w, 0), 2);
    member_close(&m);
    assert_int_equal(starts(w, 0), 0);
    assert_int_equal(committed(w, "logs", 0), 10);
}

static void c15_parked_after_three_starts_and_tried_again(void **state)
{
    struct world *w = *state;
    struct member m;
    char words[1024], line[SL_METADATA_MAX];

    begin(w, &m, 2, ";n=3");
    UNTIL(w, m.seen[1].n == 100); /* the other goes on */
    nothing_comes(&m);
    assert_int_equal(m.seen[0].n, 0);
    assert_false(sl_consumer_ready(m.c, words, sizeof(words)));
    assert_non_null(strstr(words, "1 of 2 partitions stopped, logs-0: parked for 60 s"));
    assert_non_null(strstr(words, "at offset 10 "));
    assert_non_null(strstr(words, "too large for the memory limit"));
    look_for_commits(&m);
    committed_line(w, "logs", 0, line, sizeof(line));
    assert_string_equal(line, line_of(10, ";n=3"));
    assert_in_range(part_of(&m, 0)->parked_until_ms, sl_now_ms(&w->loop.rt) + 50000,
                    sl_now_ms(&w->loop.rt) + 60000);
    produce(w, "logs", 0, 1); /* it is read from nowhere, not even from the end */
    flush(w);
    nothing_comes(&m);
    part_of(&m, 0)->parked_until_ms = 1; /* the minute is over */
    UNTIL(w, m.seen[0].epochs == 2);
    assert_int_equal(starts(w, 0), 4);
    UNTIL(w, m.seen[0].n == 91);
    assert_int_equal(m.broken, 0);
    UNTIL(w, starts(w, 0) == 0);
    assert_true(sl_consumer_ready(m.c, words, sizeof(words)));
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 101);
}

/* What lies in a partition that is not read is no backlog for which fetchers have to be woken. */
static void c15_nobody_is_woken_for_it(void **state)
{
    struct world *w = *state;
    struct member m;
    uint64_t until;

    begin(w, &m, 2, ";n=3");
    UNTIL(w, m.seen[1].n == 100 && m.bounds > 0);
    watch_requests(w, LIST_OFFSETS, 100, 0);
    until = uv_hrtime() + 500 * 1000000;
    while (uv_hrtime() < until) {
        sl_consumer_wake(m.c);
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    }
    assert_in_range(requests(w, LIST_OFFSETS), 0, 3);
    member_close(&m);
}

/* The next owner leaves it alone as well. */
static void c15_given_back_while_parked(void **state)
{
    struct world *w = *state;
    struct member m;

    begin(w, &m, 1, ";n=3");
    UNTIL(w, m.assigned == 1);
    member_close(&m);
    assert_false(m.fatal);
    assert_int_equal(m.n, 0);
    assert_int_equal(starts(w, 0), 3);
}

/* All that are parked is no reason to give up; and only one is tried at a time. */
static void c15_one_at_a_time(void **state)
{
    struct world *w = *state;
    struct member m;
    int32_t first;

    make_full_topic(w, "logs", 2, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ";n=3"));
    commit_line(w, "logs", 1, 10, line_of(10, ";n=3"));
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 2);
    nothing_comes(&m);
    assert_false(m.fatal);
    m.room = 0;
    part_of(&m, 0)->parked_until_ms = part_of(&m, 1)->parked_until_ms = 1;
    UNTIL(w, m.refused > 0);
    look_for_commits(&m);
    look_for_commits(&m);
    assert_int_equal(m.seen[0].epochs + m.seen[1].epochs, 3);
    first = m.seen[0].epochs == 2 ? 0 : 1;
    assert_int_equal(part_of(&m, first)->p->starts, 4);
    m.room = -1;
    sl_consumer_resume(m.c);
    UNTIL(w, m.seen[1 - first].epochs == 2);
    assert_int_equal(part_of(&m, first)->p->starts, 0);
    UNTIL(w, m.n == 180);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void parked_for(struct world *w, const char *tail, uint64_t ms)
{
    struct member m;

    begin(w, &m, 1, tail);
    UNTIL(w, m.assigned == 1);
    assert_in_range(part_of(&m, 0)->parked_until_ms - part_of(&m, 0)->began_ms, ms, ms + 1);
    member_close(&m);
}

static void c15_longer_each_time(void **state)
{
    parked_for(*state, ";n=5", 4 * 60 * 1000);
}

static void c15_an_hour_at_most(void **state)
{
    parked_for(*state, ";n=2r", 60 * 60 * 1000);
}

/* An operator has moved the group elsewhere. */
static void c15_not_of_another_offset(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 20, line_of(10, ";n=9"));
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 80);
    member_close(&m);
}

/* Where the count cannot be written down, reading begins all the same. */
static void not_counted_but_read(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ""));
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 90 && part_of(&m, 0)->p->committed == 100);
    assert_true(part_of(&m, 0)->plain);
    member_close(&m);
}

/* The group has gone on while the count was being committed: nothing of it is read. */
static void passed_by_while_counting(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ""));
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.lost == 1);
    assert_int_equal(m.n + m.assigned, 0);
    rd_kafka_mock_push_request_errors(w->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    UNTIL(w, m.n == 90);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(a_start_is_counted_before_anything_is_read),
        T(who_dies_leaves_its_count),
        T(records_read_are_no_progress_yet),
        T(one_sink_that_gets_on_is_progress),
        T(given_back_in_order_it_is_no_start),
        T(c15_parked_after_three_starts_and_tried_again),
        T(c15_nobody_is_woken_for_it),
        T(c15_given_back_while_parked),
        T(c15_one_at_a_time),
        T(c15_longer_each_time),
        T(c15_an_hour_at_most),
        T(c15_not_of_another_offset),
        T(not_counted_but_read),
        T(passed_by_while_counting),
    };
    return RUN_TESTS("park", tests);
}
