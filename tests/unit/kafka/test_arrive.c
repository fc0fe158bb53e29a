/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include "kafka/topic.h"

/* Between the look-up and the first message: positions are made up from the committed line. */

/* Sink one at base + 30, sink two at base + 50; 13 characters of another rules version. */
static const char *line_of(int64_t base, const char *tail)
{
    static char line[512];
    char one[7], two[7];

    sl_metadata_short_id(sink_ids[0], one);
    sl_metadata_short_id(sink_ids[1], two);
    snprintf(line, sizeof(line), "2;b=%lld;s%s=u;s%s=1e;v0=0123456789ab%s", (long long)base, one,
             two, tail);
    return line;
}

static struct sl_partition *only(struct member *m)
{
    size_t n;
    struct sl_partition *const *p = sl_consumer_partitions(m->c, &n);

    assert_int_equal(n, 1);
    return p[0];
}

/* Each sink goes on where it was, and the library reads from the least of them, although the
 * committed offset, held back by a sink that is not known here, is lower. */
static void begins_where_the_line_says(void **state)
{
    struct world *w = *state;
    struct member m;
    char line[512];

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ";uabcdef=0@fj4"));
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 60);
    assert_true(m.line_read);
    assert_int_equal(m.base, 10);
    assert_int_equal(only(&m)->sinks[0].from, 40);
    assert_int_equal(only(&m)->sinks[1].from, 60);
    assert_int_equal(only(&m)->log_start, 0);
    assert_int_equal(only(&m)->log_end, 100);
    assert_int_equal(m.broken, 0);
    UNTIL(w, only(&m)->committed == 100);
    committed_line(w, "logs", 0, line, sizeof(line));
    assert_non_null(strstr(line, "2;b=100;s"));
    assert_non_null(strstr(line, ";uabcdef="));
    member_close(&m);
}

static void ignored(struct world *w, int64_t at, const char *line)
{
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    commit_line(w, "logs", 0, at, line);
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == (uint64_t)(100 - at));
    assert_false(m.line_read);
    UNTIL(w, only(&m)->committed == 100);
    member_close(&m);
}

static void f23_garbage_metadata(void **state)
{
    ignored(*state, 10, "{\"commit\": \"by another program\"}");
}

/* An operator has reset the offset, or another line lies beside it. */
static void f23_foreign_metadata(void **state)
{
    ignored(*state, 10, line_of(20, ""));
}

/* Until it has arrived a partition is not read, not in the table, and not committed. */
static void read_only_after_the_arrival(void **state)
{
    struct world *w = *state;
    struct member m;
    size_t n;

    make_full_topic(w, "logs", 2, 100);
    member_init(&m, w, "logs");
    m.lines = m.arrive_later = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.arriving == 2);
    assert_false(m.arrivals[0].late || m.arrivals[1].late);
    nothing_comes(&m);
    look_for_commits(&m);
    sl_consumer_partitions(m.c, &n);
    assert_int_equal(n + m.assigned + m.committed, 0);
    m.c->late_ms = 0;
    UNTIL(w, m.arrivals[0].late && m.arrivals[1].late);
    sl_consumer_arrived(m.c);
    assert_int_equal(m.assigned, 0); /* never from inside */
    UNTIL(w, m.n == 200);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* The program ends before they have arrived. */
static void closed_while_arriving(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    member_init(&m, w, "logs");
    m.arrive_later = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.arriving == 2);
    sl_consumer_close(m.c);
    sl_consumer_arrived(m.c); /* too late: harmless */
    UNTIL(w, m.closed);
    assert_int_equal(m.lost, 2);
    assert_int_equal(m.revoking + m.assigned + m.n, 0);
    sl_consumer_free(m.c);
    assert_int_equal(committed(w, "logs", 0), 0);
}

static void freed_while_arriving(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    member_init(&m, w, "logs");
    m.arrive_later = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.arriving == 2);
    sl_consumer_free(m.c);
    assert_int_equal(m.ended, 0);
}

/* The user finds that it must not be read: nothing of it is committed, its line stays. */
static void stopped_while_arriving(void **state)
{
    struct world *w = *state;
    struct member m;
    char line[512], words[512];

    make_full_topic(w, "logs", 1, 100);
    make_full_topic(w, "more", 1, 100);
    commit_line(w, "logs", 0, 10, line_of(10, ""));
    member_init(&m, w, "^(logs|more)$");
    m.many_topics = m.lines = true;
    m.stop = "its rules cannot be had";
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 2 && m.n == 100);
    assert_true(sl_consumer_find(m.c, "logs", 0)->stopped);
    assert_false(sl_consumer_ready(m.c, words, sizeof(words)));
    assert_non_null(strstr(words, "1 of 2 partitions stopped, logs-0: its rules cannot be had"));
    UNTIL(w, sl_consumer_find(m.c, "more", 0)->committed == 100);
    member_close(&m);
    assert_int_equal(committed_line(w, "logs", 0, line, sizeof(line)), 10);
    assert_string_equal(line, line_of(10, ""));
}

/* One that is being read is stopped: what it has read is committed, and no more is read. */
static void stopped_while_reading(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 200);
    sl_consumer_stop(m.c, m.seen[0].at, "enough");
    sl_consumer_stop(m.c, m.seen[0].at, "twice");
    fill(w, "logs", 2, 10);
    UNTIL(w, m.seen[1].n == 110);
    assert_int_equal(m.seen[0].n, 100);
    assert_false(m.fatal);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 100);
}

/* The mock keeps 5 MiB of a partition. What a sink lacks below the log's beginning has expired for
 * it, but as long as another is past that the partition is not out of range. */
static void f28_gone_below_one_sink_only(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    produce_bytes(w, "logs", 0, 60, 100000);
    flush(w);
    commit_line(w, "logs", 0, 1, line_of(1, ""));
    member_init(&m, w, "logs");
    m.lines = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 29 && m.seen[0].last == 59);
    assert_int_equal(m.base, 1);
    assert_in_range(only(&m)->log_start, 2, 31);
    assert_false(m.fatal || only(&m)->stopped);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* Nobody is past it: the policy decides, and where that is to go on what is beside the offset still
 * counts, for what has gone of each sink and for what is carried. */
static void f28_gone_below_all(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    produce_bytes(w, "logs", 0, 200, 100000);
    flush(w);
    commit_line(w, "logs", 0, 1, line_of(1, ""));
    member_init(&m, w, "logs");
    m.lines = true;
    m.source.out_of_range = SL_RANGE_EARLIEST;
    member_open(&m, NULL, 0);
    UNTIL(w, m.seen[0].last == 199);
    assert_true(m.line_read && m.base == 1);
    assert_true(m.overtaken == 1 && m.overtaken_to > 51 && m.overtaken_to == only(&m)->log_start);
    member_close(&m);
}

static void bounds_are_kept(void **state)
{
    struct world *w = *state;
    struct member m;
    uint64_t before, asked_ms;

    make_full_topic(w, "logs", 2, 10);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 20 && m.bounds > 0);
    sl_consumer_pause(m.c);
    produce_bytes(w, "logs", 1, 100, 100000);
    flush(w);
    before = m.bounds;
    asked_ms = sl_now_ms(&w->loop.rt);
    m.c->bounds_ms = 0; /* the half minute is over */
    UNTIL(w, m.bounds > before);
    assert_int_equal(m.seen[0].at->log_start, 0);
    assert_int_equal(m.seen[0].at->log_end, 10);
    assert_in_range(m.seen[1].at->log_start, 10, 109);
    assert_int_equal(m.seen[1].at->log_end, 110);
    assert_in_range(m.c->bounds_ms, asked_ms + SL_BOUNDS_MS, sl_now_ms(&w->loop.rt) + SL_BOUNDS_MS);
    member_close(&m);
}

/* Instead of the one in kafka/topic.c, for the mock cannot be asked for a topic's settings. */
static const char *cleanup; /* NULL: no answer */
static unsigned asked;

int sl_kafka_topics_describe(rd_kafka_t *rk, const char *const *names_, size_t n, int timeout_ms,
                             sl_kafka_setting_fn each, void *user, struct sl_error *err)
{
    (void)rk;
    assert_in_range(timeout_ms, 1, 10000);
    asked += n > 0;
    if (!cleanup)
        return sl_fail(err, SL_ETIMEDOUT, "no answer");
    for (size_t i = 0; i < n; i++) {
        each(user, names_[i], "retention.ms", "compact");
        each(user, names_[i], "cleanup.policy", cleanup);
    }
    return SL_OK;
}

static void look_again(struct member *m)
{
    uint64_t before = m->bounds;

    m->c->bounds_ms = 0; /* the half minute is over */
    UNTIL(m->w, m->bounds > before);
}

/* It is asked until there is an answer, and then never again. */
static void compacted_or_not(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 3, 10);
    cleanup = NULL;
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 30 && m.bounds > 0);
    assert_false(m.seen[0].at->compacted);
    cleanup = "compact,delete";
    look_again(&m);
    for (size_t i = 0; i < 3; i++)
        assert_true(m.seen[i].at->compacted);
    cleanup = "delete";
    look_again(&m);
    assert_true(m.seen[0].at->compacted);
    assert_int_equal(asked, 2);
    member_close(&m);
    make_full_topic(w, "more", 1, 10);
    member_start(&m, w, "more");
    UNTIL(w, m.n == 10 && m.bounds > 0);
    assert_false(only(&m)->compacted);
    assert_true(sl_topics_get(m.c, "more")->asked);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(begins_where_the_line_says),  T(f23_garbage_metadata),  T(f23_foreign_metadata),
        T(read_only_after_the_arrival), T(closed_while_arriving), T(freed_while_arriving),
        T(stopped_while_arriving),      T(stopped_while_reading), T(f28_gone_below_one_sink_only),
        T(f28_gone_below_all),          T(bounds_are_kept),       T(compacted_or_not),
    };
    return RUN_TESTS("arrive", tests);
}
