/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/archive_line.h"
#include "sluice/config.h"

/* Times that lines of text spell, in an archive of format json. The records around them are of
 * 2026-01-31, from 12:00 to 13:00. */

#define AT_12 INT64_C(1769860800000000000)
#define HOUR INT64_C(3600000000000)

struct state {
    struct sl_config config;
    struct sl_archive_decoder *decoder;
    struct sl_archive_object object;
    int64_t least_ns, greatest_ns;
};

static void setup(struct state *s, const char *zone)
{
    struct sl_error err = {0};

    *s = (struct state){.object = {.name = {.topic = SL_SLICE_LITERAL("logs")}},
                        .least_ns = AT_12,
                        .greatest_ns = AT_12 + HOUR};
    s->config.source.timezone = zone;
    s->decoder = sl_archive_decoder_new(&s->config, &err);
    assert_non_null(s->decoder);
}

/* An object without an index. */
static void unbounded(struct state *s)
{
    s->least_ns = INT64_MIN;
    s->greatest_ns = INT64_MAX;
}

/* -1: the line has no time. */
static int64_t time_of(struct state *s, const char *json)
{
    struct sl_archive_line line = {.object = &s->object,
                                   .format = SL_ARCHIVE_JSON,
                                   .text = sl_slice_str(json),
                                   .offset = 7,
                                   .least_ns = s->least_ns,
                                   .greatest_ns = s->greatest_ns};
    struct sl_archived a;

    assert_true(sl_archive_decode(s->decoder, &line, &a));
    return a.timed ? a.record.time_ns : -1;
}

static const char klog[] =
    "{\"message\":\"I0131 12:30:00.5 1 a.go:1] x\",\"time\":\"0131 12:30:00.5\"}";

static void a_time_without_a_year(void **unused)
{
    struct state s;

    (void)unused;
    setup(&s, NULL);
    assert_int_equal(time_of(&s, klog), AT_12 + HOUR / 2 + 500000000);
    unbounded(&s); /* nothing tells the year */
    assert_int_equal(time_of(&s, klog), -1);
    sl_archive_decoder_free(s.decoder);
}

static void a_time_of_an_access_log(void **unused)
{
    static const char line[] =
        "{\"message\":\"h - - [31/Jan/2026:12:30:00 +0000] \\\"GET / HTTP/1.1\\\" "
        "200 1\",\"time\":\"31/Jan/2026:12:30:00 +0000\"}";
    struct state s;

    (void)unused;
    setup(&s, NULL);
    assert_int_equal(time_of(&s, line), AT_12 + HOUR / 2);
    unbounded(&s); /* it has its year */
    assert_int_equal(time_of(&s, line), AT_12 + HOUR / 2);
    sl_archive_decoder_free(s.decoder);
}

static void a_time_around_an_object(void **unused)
{
    struct state s;

    (void)unused;
    setup(&s, "+02:00");
    assert_int_equal(time_of(&s, "{\"msg\":\"paid\",\"time\":\"Jan 31 14:30:00\","
                                 "\"wrapper\":\"<14>Jan 31 14:30:00 h app: \"}"),
                     AT_12 + HOUR / 2);
    sl_archive_decoder_free(s.decoder);
}

static void what_is_no_time_of_a_line(void **unused)
{
    struct state s;

    (void)unused;
    setup(&s, NULL);
    /* A JSON logger's own field, which routing did not take for a time either. */
    assert_int_equal(time_of(&s, "{\"message\":\"x\",\"time\":\"Jan 31 12:30:00\"}"), -1);
    assert_int_equal(time_of(&s, "{\"time\":\"Jan 31 12:30:00\"}"), -1);
    assert_int_equal(time_of(&s, "{\"message\":\"\",\"time\":\"\"}"), -1);
    /* Routing took Kafka's time: the line's is not between those around it. */
    assert_int_equal(time_of(&s, "{\"message\":\"I0203 12:30:00.5 1 a.go:1] x\","
                                 "\"time\":\"0203 12:30:00.5\"}"),
                     -1);
    /* Only a part of it is one. */
    assert_int_equal(
        time_of(&s, "{\"message\":\"0131 12:30:00 or so\",\"time\":\"0131 12:30:00 or so\"}"), -1);
    /* Its own comes first. */
    assert_int_equal(time_of(&s, "{\"message\":\"0131 12:30:00\",\"time\":\"0131 12:30:00\","
                                 "\"@timestamp\":\"2026-01-31T12:00:00Z\"}"),
                     AT_12);
    sl_archive_decoder_free(s.decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_without_a_year),
        cmocka_unit_test(a_time_of_an_access_log),
        cmocka_unit_test(a_time_around_an_object),
        cmocka_unit_test(what_is_no_time_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
