/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the archive as records again: which time is theirs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cli/archive_line.h"
#include "sluice/record.h"

/* Noon of 2026-01-31, in ns. */
static const int64_t noon = INT64_C(1769860800) * 1000000000, second = 1000000000;

/* A time that does not lie between those of the records around it is none of the record's: it was
 * too far in the future to count, and Kafka's was taken, or a rule wrote it later. Nothing is left
 * out then for what it says. */
static void a_time_lies_between_those_around_it(void **state)
{
    static const struct {
        const char *line;
        bool timed;
    } rows[] = {
        {"{\"time\":\"2026-01-31T12:00:00Z\"}", true},
        {"{\"time\":\"2026-01-31T12:00:01.000000001Z\"}", false},
        {"{\"time\":\"2026-01-31T11:59:59.999Z\"}", false},
        {"{\"time\":1769860801}", true},
        {"{\"message\":\"I0131 12:00:00.5 1 a.go:1] x\",\"@timestamp\":"
         "\"2026-01-31T12:00:00.500Z\"}",
         true},
        {"{\"time\":\"2099-01-31T12:00:00Z\"}", false},
        {"{\"n\":1}", false},
    };
    const struct sl_config config = {.n_sinks = 0};
    const struct sl_archive_object object = {
        .name = {.topic = SL_SLICE_LITERAL("logs"), .partition = 3}};
    struct sl_error err = {0};
    struct sl_archive_decoder *d = sl_archive_decoder_new(&config, &err);

    (void)state;
    assert_non_null(d);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_archive_line line = {.object = &object,
                                       .format = SL_ARCHIVE_JSON,
                                       .text = sl_slice_str(rows[i].line),
                                       .offset = -1,
                                       .least_ns = noon,
                                       .greatest_ns = noon + second};
        struct sl_archived got;

        assert_true(sl_archive_decode(d, &line, &got));
        if (got.timed != rows[i].timed)
            fail_msg("%s", rows[i].line);
        line.least_ns = INT64_MIN; /* an object without an index */
        line.greatest_ns = INT64_MAX;
        assert_true(sl_archive_decode(d, &line, &got));
        assert_int_equal(got.timed, i + 1 < sizeof(rows) / sizeof(rows[0]));
    }
    sl_archive_decoder_free(d);
}

/* An id that is made is of the message's place in its cluster, of which a line knows nothing: none
 * is better than another one each time. */
static void no_id_is_made(void **state)
{
    const struct sl_config config = {.source = {.correlation = {.make = true}}};
    const struct sl_archive_object object = {.name = {.topic = SL_SLICE_LITERAL("logs")}};
    const struct sl_archive_line line = {.object = &object,
                                         .format = SL_ARCHIVE_RAW,
                                         .text = SL_SLICE_LITERAL("{\"n\":1}"),
                                         .offset = 7};
    struct sl_error err = {0};
    struct sl_archive_decoder *d = sl_archive_decoder_new(&config, &err);
    struct sl_archived got;

    (void)state;
    assert_non_null(d);
    assert_true(sl_archive_decode(d, &line, &got));
    assert_int_equal(sl_record_value(&got.record, sl_archive_decoder_correlation(d)).type,
                     SL_VALUE_ABSENT);
    sl_archive_decoder_free(d);
}

/* What a message held is told apart, though all of it has one offset. */
static void an_envelope_of_one_of_many(void **state)
{
    static const char *const lines[] = {
        "{\"topic\":\"logs\",\"partition\":3,\"offset\":9,\"index\":7,\"value\":\"{}\"}",
        "{\"topic\":\"logs\",\"partition\":3,\"offset\":9,\"value\":\"{}\"}",
    };
    const struct sl_config config = {.n_sinks = 0};
    const struct sl_archive_object object = {.name = {.topic = SL_SLICE_LITERAL("logs")}};
    struct sl_error err = {0};
    struct sl_archive_decoder *d = sl_archive_decoder_new(&config, &err);

    (void)state;
    assert_non_null(d);
    for (size_t i = 0; i < 2; i++) {
        const struct sl_archive_line line = {.object = &object,
                                             .format = SL_ARCHIVE_ENVELOPE,
                                             .text = sl_slice_str(lines[i]),
                                             .offset = -1};
        struct sl_archived got;

        assert_true(sl_archive_decode(d, &line, &got));
        assert_int_equal(got.offset, 9);
        assert_int_equal(got.many, i == 0);
        assert_int_equal(got.sub, i == 0 ? 7 : 0);
    }
    sl_archive_decoder_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_lies_between_those_around_it),
        cmocka_unit_test(no_id_is_made),
        cmocka_unit_test(an_envelope_of_one_of_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
