/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/dlq_filter.h"
#include "cli/dlq_groups.h"

/* Letters, marks, filters and groups, without Kafka. */

enum { HOUR_MS = 3600000 };
#define NOON ((int64_t)1769860800000) /* 2026-01-31T12:00:00Z */

#define OWN_HEADERS                                                                                \
    "sluice-sink", "search", "sluice-reason", "failed to parse field [took]", "sluice-status",     \
        "400", "sluice-rule", "errors", "sluice-topic", "logs", "sluice-partition", "3",           \
        "sluice-offset", "8812", "sluice-index", "2", "sluice-timestamp", "1769860700123",         \
        "sluice-time", "2026-01-31T12:00:00.500Z"

struct made {
    struct sl_kafka_record record;
    struct sl_header headers[SL_HEADERS_MAX + SL_LETTER_HEADERS_MAX];
};

/* Pairs of name and value, ended by NULL. */
static struct sl_kafka_record *make(struct made *m, const char *value, ...)
{
    const char *name;
    va_list args;
    size_t n = 0;

    va_start(args, value);
    while ((name = va_arg(args, const char *))) {
        m->headers[n].name = sl_slice_str(name);
        m->headers[n++].value = sl_slice_str(va_arg(args, const char *));
    }
    va_end(args);
    m->record = (struct sl_kafka_record){
        .topic = "logs.dead",
        .partition = 1,
        .cluster_id = "",
        .message = {.offset = 17,
                    .value = sl_slice_str(value),
                    .headers = m->headers,
                    .n_headers = n},
    };
    return &m->record;
}

static struct sl_dead_letter letter_of(struct made *m)
{
    struct sl_dead_letter l = {0};

    assert_int_equal(sl_dead_letter_read(&m->record, &l), SL_LETTER_DEAD);
    return l;
}

/* ---- letters ---- */

static void a_letter_is_read(void **state)
{
    struct made m;
    struct sl_dead_letter l;
    struct sl_buf text;

    (void)state;
    make(&m, "{}", "traceparent", "00-1", OWN_HEADERS, NULL);
    l = letter_of(&m);
    assert_int_equal(l.n_headers, 1);
    assert_true(sl_slice_is(l.sink, "search"));
    assert_true(sl_slice_is(l.reason, "failed to parse field [took]"));
    assert_true(sl_slice_is(l.rule, "errors"));
    assert_int_equal(l.status, 400);
    assert_true(sl_slice_is(l.source_topic, "logs"));
    assert_int_equal(l.source_partition, 3);
    assert_int_equal(l.source_offset, 8812);
    assert_int_equal(l.source_index, 2);
    assert_int_equal(l.source_ms, 1769860700123);
    assert_int_equal(l.time_ms, NOON + 500);
    assert_null(l.truncated.p);
    sl_buf_init(&text, 1000);
    sl_dead_letter_place(&l, &text);
    sl_buf_byte(&text, ' ');
    sl_dead_letter_source(&l, &text);
    assert_string_equal(sl_buf_str(&text), "logs.dead/1/17 logs/3/8812");
    sl_buf_release(&text);
}

/* A record can bring headers of the same names: the last run is Sluice's, the rest the record's. */
static void only_the_last_headers_count(void **state)
{
    struct made m;
    struct sl_dead_letter l;

    (void)state;
    make(&m, "{}", "sluice-sink", "forged", "sluice-offset", "1", OWN_HEADERS, "sluice-truncated",
         "value", NULL);
    l = letter_of(&m);
    assert_true(sl_slice_is(l.sink, "search"));
    assert_int_equal(l.source_offset, 8812);
    assert_int_equal(l.n_headers, 2);
    assert_true(sl_slice_is(l.truncated, "value"));
    make(&m, NULL, SL_MARK_HEADER, "1/0-16", OWN_HEADERS, NULL);
    letter_of(&m); /* and no mark */
}

/* Anybody may write to the topic. */
static void hostile_letters(void **state)
{
    static const char *const topics[] = {"", "a/b", "..\n", "caf\xc3\xa9", "a b"};
    char longest[251];
    struct sl_dead_letter l;
    struct sl_buf text;
    struct made m;

    (void)state;
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        make(&m, "{}", "sluice-sink", "s", "sluice-topic", topics[i], "sluice-partition", "0",
             "sluice-offset", "1", NULL);
        assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    }
    memset(longest, 'x', 250);
    for (size_t n = 250; n >= 249; n--) {
        longest[n] = '\0';
        make(&m, "{}", "sluice-sink", "s", "sluice-topic", longest, "sluice-partition", "0",
             "sluice-offset", "9223372036854775807", "sluice-timestamp", "9223372036854775807",
             NULL);
        assert_int_equal(sl_dead_letter_read(&m.record, &l),
                         n == 249 ? SL_LETTER_DEAD : SL_LETTER_NONE);
    }
    m.headers[1].value = sl_slice("logs\0x", 6); /* C strings are made of it */
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    sl_buf_init(&text, 100);
    sl_dlq_time(1769860700123456, &text); /* in microseconds, by a producer's mistake */
    assert_string_equal(sl_buf_str(&text), "1769860700123456");
    sl_buf_release(&text);
}

static void what_is_no_letter(void **state)
{
    struct made m;
    struct sl_dead_letter l;

    (void)state;
    make(&m, "{}", NULL);
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    make(&m, "{}", "sluice-sink", "search", "other", "x", NULL);
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    make(&m, "{}", "sluice-sink", "search", "sluice-topic", "logs", NULL);
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    make(&m, "{}", "sluice-sink", "search", "sluice-topic", "logs", "sluice-partition", "1",
         "sluice-offset", "99999999999999999999", NULL);
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
    make(&m, NULL, SL_MARK_HEADER, "1/3", NULL);
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_MARK);
    make(&m, "x", SL_MARK_HEADER, "1/3", NULL); /* a mark has no value */
    assert_int_equal(sl_dead_letter_read(&m.record, &l), SL_LETTER_NONE);
}

static void places(void **state)
{
    static const char *const wrong[] = {
        "",     "logs",     "logs/1",    "logs/1/",   "logs//2",
        "/1/2", "logs/x/2", "logs/1/2x", "logs/1/-2", "logs/99999999999/2"};
    struct sl_slice topic;
    int32_t partition;
    int64_t offset;

    (void)state;
    assert_true(sl_place_parse("logs.dead/12/4711", &topic, &partition, &offset));
    assert_true(sl_slice_is(topic, "logs.dead"));
    assert_int_equal(partition, 12);
    assert_int_equal(offset, 4711);
    for (size_t i = 0; i < SL_LENGTH(wrong); i++)
        if (sl_place_parse(wrong[i], &topic, &partition, &offset))
            fail_msg("taken: %s", wrong[i]);
}

/* ---- marks ---- */

static void marked(struct sl_redriven *r, const char *text, int32_t partition, int64_t offset)
{
    struct made m;

    make(&m, NULL, SL_MARK_HEADER, text, NULL);
    m.record.partition = partition;
    m.record.message.offset = offset;
    sl_redriven_mark(r, &m.record);
}

static size_t count(const struct sl_redriven *r)
{
    size_t n = 0;

    for (int64_t i = r->low - 2; i < r->high + 2; i++)
        n += sl_redriven_has(r, i);
    return n;
}

static void marks_are_taken(void **state)
{
    struct sl_redriven r;

    (void)state;
    assert_int_equal(sl_redriven_init(&r, 1, 100, 400, NULL), SL_OK);
    assert_int_equal(count(&r), 0);
    marked(&r, "1/100,103-105,399", 1, 1000);
    assert_int_equal(count(&r), 5);
    assert_true(sl_redriven_has(&r, 100) && sl_redriven_has(&r, 104) && sl_redriven_has(&r, 399));
    assert_false(sl_redriven_has(&r, 101) || sl_redriven_has(&r, 102));
    marked(&r, "1/0-99,400-100000", 1, 1000); /* deleted by retention; not there yet */
    assert_int_equal(count(&r), 5);
    marked(&r, "1/90-110", 1, 1000);
    assert_int_equal(count(&r), 12);
    sl_redriven_release(&r);
}

/* What a mark may not do. */
static void marks_that_do_not_count(void **state)
{
    static const char *const wrong[] = {"",    "2/100", "1",      "1,100", "1/",
                                        "1/x", "1/-5",  "1/1000", "x/100", "01x100"};
    struct sl_redriven r;

    (void)state;
    assert_int_equal(sl_redriven_init(&r, 1, 0, 200, NULL), SL_OK);
    for (size_t i = 0; i < SL_LENGTH(wrong); i++)
        marked(&r, wrong[i], 1, 5000);
    marked(&r, "1/100", 0, 5000);
    assert_int_equal(count(&r), 0);
    marked(&r, "1/100-199", 1, 150); /* not itself, nor what stands behind it */
    assert_int_equal(count(&r), 50);
    assert_false(sl_redriven_has(&r, 150));
    sl_redriven_release(&r);
}

/* What was written is read back, in as many marks as it takes. */
static void marks_are_written(void **state)
{
    enum { N = 3000 };
    int64_t *offsets = sl_calloc(N, sizeof(*offsets));
    struct sl_redriven r;
    struct sl_buf text;
    size_t at = 0, marks = 0;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    sl_mark_write(7, (const int64_t[]){3, 5, 6, 7, 9}, 5, &at, &text);
    assert_string_equal(sl_buf_str(&text), "7/3,5-7,9");
    assert_int_equal(at, 5);
    for (size_t i = 0; i < N; i++)
        offsets[i] = (int64_t)(i * 3 + i % 2);
    assert_int_equal(sl_redriven_init(&r, 7, 0, 3 * N, NULL), SL_OK);
    for (at = 0; at < N; marks++) {
        sl_buf_clear(&text);
        sl_mark_write(7, offsets, N, &at, &text);
        assert_true(text.n <= SL_MARK_TEXT_MAX);
        marked(&r, sl_buf_str(&text), 7, 100000);
    }
    assert_true(marks > 1);
    assert_int_equal(count(&r), N);
    for (size_t i = 0; i < N; i++)
        assert_true(sl_redriven_has(&r, offsets[i]));
    sl_redriven_release(&r);
    sl_buf_release(&text);
    free(offsets);
}

static void too_many_offsets(void **state)
{
    struct sl_redriven r;
    struct sl_error err = {0};

    (void)state;
    assert_int_equal(sl_redriven_init(&r, 1, 0, (int64_t)1 << 40, &err), SL_ELIMIT);
    sl_redriven_release(&r);
}

/* ---- filters ---- */

static bool takes_at(struct made *m, int64_t now_ms, const char *const *values, char **operands,
                     size_t n)
{
    struct sl_dead_letter l = letter_of(m);
    struct sl_dlq_filter f;
    struct sl_error err = {0};
    bool yes;

    if (sl_dlq_filter_parse(values, operands, n, now_ms, &f, &err))
        fail_msg("%s", err.text);
    yes = sl_dlq_filter_takes(&f, &l);
    sl_dlq_filter_release(&f);
    return yes;
}

static bool takes(struct made *m, enum sl_dlq_filter_word word, const char *value)
{
    const char *values[SL_DLQ_FILTER_WORDS] = {NULL};

    values[word] = value;
    return takes_at(m, NOON + HOUR_MS, values, NULL, 0);
}

static void filters(void **state)
{
    struct made m;

    (void)state;
    make(&m, "{}", OWN_HEADERS, NULL);
    assert_true(takes(&m, SL_DLQ_SINK, "search"));
    assert_false(takes(&m, SL_DLQ_SINK, "sear"));
    assert_true(takes(&m, SL_DLQ_REASON, "PARSE field"));
    assert_false(takes(&m, SL_DLQ_REASON, "timeout"));
    assert_false(takes(&m, SL_DLQ_REASON, "failed to parse field [took] and more"));
    assert_true(takes(&m, SL_DLQ_RULE, "errors"));
    assert_false(takes(&m, SL_DLQ_RULE, "others"));
    assert_true(takes(&m, SL_DLQ_TOPIC, "logs"));
    assert_false(takes(&m, SL_DLQ_TOPIC, "logs.dead"));
}

static void times(void **state)
{
    struct made m;

    (void)state;
    make(&m, "{}", OWN_HEADERS, NULL); /* half a second past noon; it is one o'clock */
    assert_true(takes(&m, SL_DLQ_SINCE, "1h"));
    assert_false(takes(&m, SL_DLQ_SINCE, "59m"));
    assert_true(takes(&m, SL_DLQ_SINCE, "2026-01-31"));
    assert_false(takes(&m, SL_DLQ_SINCE, "2026-02-01"));
    assert_true(takes(&m, SL_DLQ_SINCE, "2026-01-31T12:00:00.5Z"));
    assert_false(takes(&m, SL_DLQ_UNTIL, "2026-01-31T12:00:00.5Z"));
    assert_true(takes(&m, SL_DLQ_UNTIL, "2026-01-31T12:00:01Z"));
    assert_false(takes(&m, SL_DLQ_UNTIL, "2026-01-31"));
    make(&m, "{}", "sluice-sink", "s", "sluice-topic", "t", "sluice-partition", "0",
         "sluice-offset", "0", NULL); /* of an unknown time */
    assert_false(takes(&m, SL_DLQ_SINCE, "1970-01-01"));
    assert_false(takes(&m, SL_DLQ_UNTIL, "1h"));
    assert_true(takes(&m, SL_DLQ_SINK, "s"));
}

static void where(void **state)
{
    struct made m;
    const char *both[SL_DLQ_FILTER_WORDS] = {NULL};

    (void)state;
    make(&m, "{}", OWN_HEADERS, NULL);
    assert_true(takes(&m, SL_DLQ_WHERE, "sink=search reason=\"to parse\", since=2h"));
    assert_true(takes(&m, SL_DLQ_WHERE, ""));
    assert_false(takes(&m, SL_DLQ_WHERE, "sink=search reason=\"to pass\""));
    assert_false(takes(&m, SL_DLQ_WHERE, "sink=search,rule=x"));
    assert_false(takes(&m, SL_DLQ_WHERE, "until=2h"));
    both[SL_DLQ_WHERE] = "sink=x"; /* an option says it last */
    both[SL_DLQ_SINK] = "search";
    assert_true(takes_at(&m, NOON, both, NULL, 0));
}

static void named_letters(void **state)
{
    const char *none[SL_DLQ_FILTER_WORDS] = {NULL};
    char this_one[] = "logs.dead/1/17", another[] = "logs.dead/1/18", topic[] = "logs/1/17";
    char *operands[] = {another, this_one, topic};
    struct made m;

    (void)state;
    make(&m, "{}", OWN_HEADERS, NULL);
    assert_true(takes_at(&m, NOON, none, operands, 2));
    assert_false(takes_at(&m, NOON, none, operands, 1));
    assert_false(takes_at(&m, NOON, none, operands + 2, 1));
}

static void wrong_filters(void **state)
{
    static const struct {
        enum sl_dlq_filter_word word;
        const char *value, *says;
    } wrong[] = {
        {SL_DLQ_SINCE, "yesterday", "--since is a time"},
        {SL_DLQ_UNTIL, "12", "--until is a time"},
        {SL_DLQ_WHERE, "sink", "there is no ="},
        {SL_DLQ_WHERE, "sink search=x", "there is no ="},
        {SL_DLQ_WHERE, "snik=search", "did you mean sink?"},
        {SL_DLQ_WHERE, "reason=\"open", "is not closed"},
        {SL_DLQ_WHERE, "since=soon", "--since is a time"},
    };
    char operand[] = "logs.dead/17", *operands[] = {operand};
    const char *none[SL_DLQ_FILTER_WORDS] = {NULL};
    struct sl_dlq_filter f;
    struct sl_error err = {0};

    (void)state;
    for (size_t i = 0; i < SL_LENGTH(wrong); i++) {
        const char *values[SL_DLQ_FILTER_WORDS] = {NULL};

        values[wrong[i].word] = wrong[i].value;
        assert_int_equal(sl_dlq_filter_parse(values, NULL, 0, NOON, &f, &err), SL_EINVAL);
        if (!strstr(err.text, wrong[i].says))
            fail_msg("%s: %s", wrong[i].value, err.text);
    }
    assert_int_equal(sl_dlq_filter_parse(none, operands, 1, NOON, &f, &err), SL_EINVAL);
    assert_non_null(strstr(err.text, "TOPIC/PARTITION/OFFSET"));
}

/* ---- groups ---- */

static void pattern_is(const char *reason, const char *pattern)
{
    struct sl_buf b;

    sl_buf_init(&b, 4096);
    sl_dlq_pattern(sl_slice_str(reason), &b);
    assert_string_equal(sl_buf_str(&b), pattern);
    sl_buf_release(&b);
}

static void patterns(void **state)
{
    (void)state;
    pattern_is("", "");
    pattern_is("timeout", "timeout");
    pattern_is("[1:61] failed to parse field [status] in document with id 'Ab-9'. Preview of "
               "field's value: 'it''s 12'",
               "[N:N] failed to parse field [status] in document with id '\u2026'. Preview of "
               "field's value: '\u2026''\u2026'");
    pattern_is("value \"12\" of 4711 bytes", "value \"\u2026\" of N bytes");
    pattern_is("an open 'quote 12", "an open 'quote N");
}

static void add(struct sl_dlq_groups *g, const char *sink, const char *reason, const char *time,
                int64_t offset)
{
    struct made m;
    struct sl_dead_letter l;

    make(&m, "{}", "sluice-sink", sink, "sluice-reason", reason, "sluice-status", "400",
         "sluice-topic", "logs", "sluice-partition", "3", "sluice-offset", "8812", "sluice-time",
         time, NULL);
    m.record.message.offset = offset;
    l = letter_of(&m);
    sl_dlq_groups_add(g, &l);
}

static void groups(void **state)
{
    struct sl_dlq_groups g;
    struct sl_buf b;

    (void)state;
    assert_int_equal(sl_dlq_groups_init(&g, NULL, NULL), SL_OK);
    add(&g, "search", "bad field 'a' at 1", "2026-01-31T12:00:00Z", 1);
    add(&g, "alerts", "gone", "2026-01-31T13:00:00Z", 2);
    add(&g, "search", "bad field 'b' at 22", "2026-01-31T11:00:00Z", 3);
    add(&g, "search", "another", "2026-01-31T12:00:00Z", 4);
    sl_dlq_groups_sort(&g);
    assert_int_equal(g.letters, 4);
    assert_int_equal(g.n, 3);
    sl_buf_init(&b, 4096);
    sl_dlq_groups_text(&g, &b);
    assert_string_equal(sl_buf_str(&b),
                        "  LETTERS  LAST                  SINK    RULE  STATUS  REASON\n"
                        "        2  2026-01-31T12:00:00Z  search  -     400     bad field "
                        "'\u2026' at N\n"
                        "        1  2026-01-31T13:00:00Z  alerts  -     400     gone\n"
                        "        1  2026-01-31T12:00:00Z  search  -     400     another\n");
    sl_buf_clear(&b);
    sl_dlq_groups_json(&g, &b);
    assert_non_null(
        strstr(sl_buf_str(&b),
               "[{\"letters\":2,\"sink\":\"search\",\"rule\":\"-\",\"status\":\"400\","
               "\"reason\":\"bad field '\u2026' at N\","
               "\"first\":\"2026-01-31T11:00:00.000Z\",\"last\":\"2026-01-31T12:00:00.000Z\","
               "\"example\":\"logs.dead/1/3\"},"));
    sl_buf_release(&b);
    sl_dlq_groups_release(&g);
}

static void grouped_by_time(void **state)
{
    struct sl_dlq_groups g;

    (void)state;
    assert_int_equal(sl_dlq_groups_init(&g, "hour", NULL), SL_OK);
    add(&g, "a", "x", "2026-01-31T12:00:00Z", 1);
    add(&g, "b", "y", "2026-01-31T12:59:59Z", 2);
    add(&g, "b", "y", "2026-01-31T13:00:00Z", 3);
    sl_dlq_groups_sort(&g);
    assert_int_equal(g.n, 2);
    assert_int_equal(g.items[0].n, 2);
    assert_string_equal(g.items[0].parts[SL_DLQ_BY_HOUR], "2026-01-31T12:00Z");
    assert_null(g.items[0].parts[SL_DLQ_BY_SINK]);
    sl_dlq_groups_release(&g);
    assert_int_equal(sl_dlq_groups_init(&g, "sink,minute", NULL), SL_EINVAL);
}

static void more_groups_than_are_kept(void **state)
{
    struct sl_dlq_groups g;
    char sink[32];

    (void)state;
    assert_int_equal(sl_dlq_groups_init(&g, "sink", NULL), SL_OK);
    for (int i = 0; i < SL_DLQ_GROUPS_MAX + 50; i++) {
        snprintf(sink, sizeof(sink), "s%d", i);
        add(&g, sink, "x", "2026-01-31T12:00:00Z", i);
    }
    assert_int_equal(g.n, SL_DLQ_GROUPS_MAX);
    assert_int_equal(g.rest.n, 50);
    assert_int_equal(g.letters, SL_DLQ_GROUPS_MAX + 50);
    sl_dlq_groups_release(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_is_read),
        cmocka_unit_test(only_the_last_headers_count),
        cmocka_unit_test(what_is_no_letter),
        cmocka_unit_test(hostile_letters),
        cmocka_unit_test(places),
        cmocka_unit_test(marks_are_taken),
        cmocka_unit_test(marks_that_do_not_count),
        cmocka_unit_test(marks_are_written),
        cmocka_unit_test(too_many_offsets),
        cmocka_unit_test(filters),
        cmocka_unit_test(times),
        cmocka_unit_test(where),
        cmocka_unit_test(named_letters),
        cmocka_unit_test(wrong_filters),
        cmocka_unit_test(patterns),
        cmocka_unit_test(groups),
        cmocka_unit_test(grouped_by_time),
        cmocka_unit_test(more_groups_than_are_kept),
    };

    return cmocka_run_group_tests_name("cli dlq", tests, NULL, NULL);
}
