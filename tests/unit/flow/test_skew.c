/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "flow/flow.h"

/* How far clocks are off. The edge's span lasts from 12:00:00 to 12:00:02. */

#define MS INT64_C(1000000)

static struct sl_flow *flow_of(const char *const *records, size_t n)
{
    struct sl_flow *f = sl_flow_new("c1");

    for (size_t i = 0; i < n; i++) {
        struct sl_flow_input in = {.json = sl_slice_str(records[i]),
                                   .kafka_ms = -1,
                                   .sequence = i,
                                   .offset = (int64_t)i,
                                   .from_ns = INT64_MIN,
                                   .to_ns = INT64_MAX};

        assert_int_equal(sl_flow_add(f, &in), SL_OK);
    }
    sl_flow_finish(f);
    return f;
}

static const struct sl_flow_service *service(const struct sl_flow *f, const char *name)
{
    for (size_t i = 0; i < f->n_services; i++)
        if (strcmp(f->services[i].name, name) == 0)
            return &f->services[i];
    fail_msg("there is no service %s", name);
    return NULL;
}

static const char edge[] =
    "{\"time\":\"2026-01-31T12:00:02Z\",\"service\":\"edge\",\"request_time\":\"2.000\","
    "\"correlation_id\":\"c1\",\"span_id\":\"e\"}";

#define CALLEE(time, ms)                                                                           \
    "{\"time\":\"2026-01-31T" time "Z\",\"service\":\"auth\",\"duration_ms\":" #ms ","             \
    "\"correlation_id\":\"c1\",\"span_id\":\"a\",\"parent_span_id\":\"e\"}"

static void expect(const char *callee, enum sl_flow_clock clock, int64_t ahead_ms)
{
    const char *const records[] = {edge, callee};
    struct sl_flow *f = flow_of(records, 2);

    assert_int_equal(service(f, "edge")->clock, SL_CLOCK_AGREES);
    assert_int_equal(service(f, "auth")->clock, clock);
    if (clock != SL_CLOCK_AGREES)
        assert_int_equal(service(f, "auth")->ahead_ns, ahead_ms * MS);
    sl_flow_free(f);
}

/* It ran anywhere within its caller's two seconds: only the nearer bound is known. */
static void a_short_call_tells_the_least(void **unused)
{
    (void)unused;
    expect(CALLEE("11:59:59.830", 10), SL_CLOCK_AT_LEAST, -180);
    expect(CALLEE("12:00:02.090", 10), SL_CLOCK_AT_LEAST, 90);
}

/* It took nearly as long as its caller: the bounds are 40 ms apart. */
static void a_long_call_tells_about(void **unused)
{
    (void)unused;
    expect(CALLEE("12:00:01.800", 1960), SL_CLOCK_ABOUT, -180);
    expect(CALLEE("12:00:02.200", 1960), SL_CLOCK_ABOUT, 220);
}

static void a_call_within_its_caller_agrees(void **unused)
{
    (void)unused;
    expect(CALLEE("12:00:00.010", 10), SL_CLOCK_AGREES, 0);
    expect(CALLEE("12:00:02.000", 10), SL_CLOCK_AGREES, 0);
}

/* Its caller's clock agrees with the edge's: nothing is added to the doubt. */
static void a_call_of_a_call(void **unused)
{
    const char *const records[] = {
        edge, CALLEE("12:00:00.500", 400),
        "{\"time\":\"2026-01-31T12:00:00.590Z\",\"service\":\"tiles\",\"duration_ms\":380,"
        "\"correlation_id\":\"c1\",\"span_id\":\"t\",\"parent_span_id\":\"a\"}"};
    struct sl_flow *f = flow_of(records, 3);

    (void)unused;
    assert_int_equal(service(f, "auth")->clock, SL_CLOCK_AGREES);
    assert_int_equal(service(f, "tiles")->clock, SL_CLOCK_ABOUT);
    assert_int_equal(service(f, "tiles")->ahead_ns, 100 * MS);
    assert_string_equal(f->services[service(f, "tiles")->against].name, "edge");
    sl_flow_free(f);
}

#define WROTE(time, more)                                                                          \
    "{\"time\":\"2026-01-31T" time "Z\",\"service\":\"edge\",\"correlation_id\":\"c1\","           \
    "\"span_id\":\"e\"" more "}"

/* It may have written its first record when the call was over, unless it tells when it began. */
static void a_caller_that_tells_no_beginning(void **unused)
{
    static const struct {
        const char *last;
        bool doubt;
    } rows[] = {
        {WROTE("12:00:01", ""), true},
        {WROTE("12:00:01", ",\"duration_ms\":600"), false},
        {WROTE("12:00:01", ",\"duration_ms\":1"), true}, /* of something in between */
    };

    (void)unused;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const records[] = {WROTE("12:00:00.500", ""), rows[i].last,
                                       CALLEE("12:00:00.200", 10)};
        struct sl_flow *f = flow_of(records, 3);

        assert_int_equal(service(f, "auth")->clock, SL_CLOCK_AT_LEAST);
        assert_int_equal(service(f, "auth")->maybe_silent, rows[i].doubt);
        assert_false(service(f, "auth")->maybe_outlived);
        sl_flow_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_call_tells_the_least),
        cmocka_unit_test(a_long_call_tells_about),
        cmocka_unit_test(a_call_within_its_caller_agrees),
        cmocka_unit_test(a_call_of_a_call),
        cmocka_unit_test(a_caller_that_tells_no_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
