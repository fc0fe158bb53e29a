/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "flow/fields.h"
#include "flow/parts.h"
#include "flow/text.h"

static void test_durations(void **state)
{
    static const struct {
        const char *text;
        double unit;
        int64_t ns;
    } good[] = {
        {"12", 1e6, 12000000},          {"12.5", 1e6, 12500000},
        {"0.612", 1e9, 612000000},      {"0", 1e9, 0},
        {"12ms", 1e9, 12000000},        {"12 ms", 1e9, 12000000},
        {"1.5s", 1e6, 1500000000},      {"250us", 1e6, 250000},
        {"250\xc2\xb5s", 1e6, 250000},  {"17ns", 1e6, 17},
        {"1m2.5s", 1e6, 62500000000},   {"1h 2m", 1e6, 3720000000000},
        {"3 seconds", 1e6, 3000000000}, {"2 min", 1e6, 120000000000},
        {"1e3", 1e6, 1000000000},
    };
    static const char *const bad[] = {"",
                                      "-1",
                                      "fast",
                                      "12 parsecs",
                                      "0x10",
                                      "inf",
                                      "1 2",
                                      "nan",
                                      "12ms3",
                                      "1e400",
                                      "ms",
                                      "1s ago",
                                      "9e99s",
                                      "12,5",
                                      "\xff",
                                      ("1111111111111111111111111111111"
                                       "111111111111111111")};
    int64_t ns;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        if (!sl_flow_duration(sl_slice_str(good[i].text), good[i].unit, &ns) || ns != good[i].ns)
            fail_msg("%s", good[i].text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (sl_flow_duration(sl_slice_str(bad[i]), 1e6, &ns))
            fail_msg("%s is %lld", bad[i], (long long)ns);
}

/* Which of the names counts, and in which unit. */
static void test_names(void **state)
{
    static const struct {
        const char *json, *service, *message;
        int64_t ns;
    } cases[] = {
        {"{\"service\":{\"name\":\"a\"},\"message\":\"m\",\"event\":{\"duration\":1500}}", "a", "m",
         1500},
        {"{\"service.name\":\"a\",\"app\":\"b\",\"msg\":\"m\",\"message\":\"whole\",\"took\":7}",
         "a", "m", 7000000},
        {"{\"log_group\":\"/aws/lambda/payment\",\"message\":\"m\",\"duration\":\"2s\"}",
         "/aws/lambda/payment", "m", 2000000000},
        {"{\"message\":\"1.2.3.4 - - [x] \\\"GET /p HTTP/1.1\\\" 500 "
         "1\",\"method\":\"GET\",\"path\":"
         "\"/p\",\"status\":500,\"request_time\":0.25}",
         NULL, "GET /p 500", 250000000},
        {"{\"message\":\"got it\",\"method\":\"GET\",\"path\":\"/p\"}", NULL, "got it", -1},
        {"{\"name\":\"n\",\"value\":1.50}", NULL, "n = 1.50", -1},
        {"{\"error\":{\"message\":\"broken\"}}", NULL, "broken", -1},
        {"{\"x\":[1]}", NULL, "{\"x\":[1]}", -1},
        {"{\"service\":7,\"message\":\"a\\nb\",\"latency_us\":\"12\",\"elapsed\":\"no\"}", "7",
         "a\nb", 12000},
        {"not JSON", NULL, "not JSON", -1},
    };
    struct sl_flow_reader *r = sl_flow_reader_new();

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sl_flow_read read;

        sl_flow_read(r, sl_slice_str(cases[i].json), -1, &read);
        if (!sl_slice_equal(read.service, sl_slice_str(cases[i].service)) ||
            !sl_slice_is(read.message, cases[i].message) || read.duration_ns != cases[i].ns)
            fail_msg("%s: %.*s, %.*s, %lld", cases[i].json, (int)read.service.n, read.service.p,
                     (int)read.message.n, read.message.p, (long long)read.duration_ns);
        assert_int_equal(read.failed, strstr(cases[i].json, "500,") != NULL);
    }
    sl_flow_reader_free(r);
}

static void test_parts_of_json(void **state)
{
    struct sl_slice json =
        SL_SLICE_LITERAL(" {\"a}\" : {\"x\":[1,{\"y\":\"]}\\\"\"}]} "
                         ",\"n\":-1.50e400,\"hits\":[{\"_source\":{}}, \"s\\\\\",3 ],"
                         "\"last\":null}");
    struct sl_slice v, e;
    size_t at = 0;

    (void)state;
    assert_true(sl_part_member(json, "a}", &v) && sl_slice_is(v, "{\"x\":[1,{\"y\":\"]}\\\"\"}]}"));
    assert_true(sl_part_member(json, "n", &v) && sl_slice_is(v, "-1.50e400"));
    assert_true(sl_part_member(json, "last", &v) && sl_slice_is(v, "null"));
    assert_false(sl_part_member(json, "x", &v));
    assert_true(sl_part_member(json, "hits", &v));
    assert_true(sl_part_element(v, &at, &e) && sl_slice_is(e, "{\"_source\":{}}"));
    assert_true(sl_part_element(v, &at, &e) && sl_slice_is(sl_part_string(e), "s\\\\"));
    assert_true(sl_part_element(v, &at, &e) && sl_slice_is(e, "3"));
    assert_null(sl_part_string(e).p);
    assert_false(sl_part_element(v, &at, &e));
    at = 0;
    assert_false(sl_part_element(SL_SLICE_LITERAL(" [ ] "), &at, &e));
    /* Cut anywhere, and with every byte turned into each of some: nothing outside is read. */
    for (size_t n = 0; n <= json.n; n++) {
        char *copy = sl_strndup(json.p, n), *exact = sl_alloc(n ? n : 1);

        for (size_t k = 0; k < 8 && n; k++) {
            memcpy(exact, copy, n);
            exact[n - 1] = "{}[]\",:\\"[k];
            sl_part_member(sl_slice(exact, n), "nothing", &v);
            if (sl_part_member(sl_slice(exact, n), "hits", &v))
                for (at = 0; sl_part_element(v, &at, &e);)
                    assert_true(e.p >= exact && e.p + e.n <= exact + n);
        }
        free(copy);
        free(exact);
    }
}

static void test_ids(void **state)
{
    (void)state;
    assert_int_equal(sl_flow_id_time("017F22E2-79B0-7CC3-98C4-DC0C0C07398F"), 1645557742000000000);
    assert_int_equal(sl_flow_id_time("017f22e2-79b0-4cc3-98c4-dc0c0c07398f"), -1); /* version 4 */
    assert_int_equal(sl_flow_id_time("017f22e2-79b0-7cc3-98c4-dc0c0c07398"), -1);
    assert_int_equal(sl_flow_id_time("017f22e2-79b0-7cc3-98c4-dc0c0c07398g"), -1);
    assert_int_equal(sl_flow_id_time("017f22e2-79b0-7cc3+98c4-dc0c0c07398f"), -1);
    assert_int_equal(sl_flow_id_time(""), -1);
}

static void test_spans_of_time(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "0 ms"},
        {1, "1 us"},
        {999400, "999 us"},
        {999600, "1.0 ms"},
        {9940000, "9.9 ms"},
        {412000000, "412 ms"},
        {999600000, "1.00 s"},
        {59940000000, "59.94 s"},
        {59960000000, "1m 0s"},
        {3599600000000, "1h 0m"},
        {4320000000000, "1h 12m"},
        {-180000000, "-180 ms"},
    };
    char text[SL_FLOW_SPAN_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(sl_flow_span_text(cases[i].ns, false, text), cases[i].text);
}

static void test_cells(void **state)
{
    struct sl_buf b, marks;

    (void)state;
    sl_buf_init(&b, 4096);
    sl_buf_init(&marks, 4096);
    assert_int_equal(sl_flow_cell(SL_SLICE_LITERAL("abcdef"), 6, true, &b), 6);
    assert_int_equal(sl_flow_cell(SL_SLICE_LITERAL("abcdef"), 5, true, &b), 5);
    assert_string_equal(sl_buf_str(&b), "abcdefabcd\xe2\x80\xa6");
    sl_buf_clear(&b);
    assert_int_equal(sl_flow_cell(SL_SLICE_LITERAL("\xe6\x97\xa5\xe6\x9c\xac"), 3, true, &b), 3);
    assert_int_equal(sl_flow_cell(SL_SLICE_LITERAL("\xc3\xa9"), 3, false, &b), 1);
    assert_string_equal(sl_buf_str(&b), "\xe6\x97\xa5\xe2\x80\xa6?");
    sl_buf_clear(&b);
    for (int i = 0; i < 1000; i++) /* accents on one letter */
        sl_buf_text(&marks, i ? "\xcc\x81" : "a");
    assert_int_equal(sl_flow_cell(sl_buf_as_slice(&marks), 5, true, &b), 2);
    assert_in_range(b.n, 20, 5 * 16 + 3);
    sl_buf_release(&marks);
    sl_buf_clear(&b);
    sl_flow_html_text(SL_SLICE_LITERAL("<a href='x'>&\"\x1b\xff\n"), &b);
    assert_string_equal(sl_buf_str(&b), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\\x1b\\xff\n");
    sl_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durations),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_parts_of_json), cmocka_unit_test(test_ids),
        cmocka_unit_test(test_spans_of_time), cmocka_unit_test(test_cells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
