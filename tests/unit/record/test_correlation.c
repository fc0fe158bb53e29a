/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "record/correlation.h"

static const char *names[] = {"correlation_id", "request_id", "x-request-id", "trace_id",
                              "traceparent"};
static const struct sl_correlation_config usual = {.fields = {names, 5}, .headers = {names, 5}};
static const struct sl_correlation_config making = {
    .fields = {names, 5}, .headers = {names, 5}, .make = true};

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"
#define PARENT "00-" TRACE "-" SPAN "-01"

static void the_first_that_has_one_counts(void **state)
{
    static const struct {
        const char *value, *added;
    } rows[] = {
        {"{}", ""},
        {"{\"correlation_id\":\"a\",\"request_id\":\"b\"}", ""},
        {"{\"correlation_id\":null,\"request_id\":\"b\"}", ""},
        {"{\"correlation_id\":{\"x\":1},\"request_id\":\"b\"}", ""},
        {"{\"correlation_id.x\":1,\"request_id\":\"b\"}", ""},
        {"{\"request_id\":\"b\",\"trace_id\":\"c\"}", "\"correlation_id\":\"b\""},
        {"{\"trace_id\":\"c\",\"request_id\":\"\"}", "\"correlation_id\":\"c\""},
        {"{\"trace_id\":\"c\",\"request_id\":[1]}", "\"correlation_id\":\"c\""},
        {"{\"trace_id\":\"c\",\"request_id\":null}", "\"correlation_id\":\"c\""},
        {"{\"trace_id\":\"c\",\"request_id\":true}", "\"correlation_id\":\"c\""},
        {"{\"x-request-id\":17}", "\"correlation_id\":\"17\""},
        {"{\"request_id\":\"q\\\"\\u00e9\"}", "\"correlation_id\":\"q\\\"\\u00e9\""},
        {"{\"traceparent\":\"" PARENT "\"}",
         "\"correlation_id\":\"" TRACE "\",\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN "\""},
        {"{\"request_id\":\"b\",\"traceparent\":\"" PARENT "\"}",
         "\"correlation_id\":\"b\",\"trace_id\":\"" TRACE "\",\"span_id\":\"" SPAN "\""},
        {"{\"correlation_id\":\"a\",\"trace_id\":\"" TRACE "\",\"traceparent\":\"" PARENT "\"}",
         "\"span_id\":\"" SPAN "\""},
        /* of another trace: its span says nothing here */
        {"{\"correlation_id\":\"a\",\"trace_id\":\"t\",\"traceparent\":\"" PARENT "\"}", ""},
        {"{\"span_id\":\"s\",\"traceparent\":\"" PARENT "\"}",
         "\"correlation_id\":\"" TRACE "\",\"trace_id\":\"" TRACE "\""},
        {"{\"traceparent\":\"not one\"}", ""},
    };
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &usual});

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_buf expected = {.max = 4096};

        decode(x, rows[i].value);
        sl_buf_append(&expected, rows[i].value, strlen(rows[i].value) - 1);
        sl_buf_printf(&expected, "%s%s,\"kind\":\"server\"}", *rows[i].added ? "," : "",
                      rows[i].added);
        if (rows[i].value[1] == '}') /* an empty object's first member has no comma */
            assert_string_equal(record_json(x, false, ""), "{\"kind\":\"server\"}");
        else
            assert_string_equal(record_json(x, false, ""), sl_buf_str(&expected));
        sl_buf_release(&expected);
    }
    fixture_free(x);
}

static void rules_see_what_is_added(void **state)
{
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &usual});

    (void)state;
    decode(x, "{\"request_id\":\"q\\\"1\",\"traceparent\":\"" PARENT "\"}");
    assert_string_equal(field_text(x, "correlation_id"), "q\"1");
    assert_string_equal(field_text(x, "trace_id"), TRACE);
    assert_string_equal(field_text(x, "span_id"), SPAN);
    decode(x, "{}");
    assert_null(field_text(x, "correlation_id"));
    assert_null(field_text(x, "span_id"));
    fixture_free(x);
}

static void headers_come_behind_fields_of_their_place(void **state)
{
    struct sl_header headers[] = {{SL_SLICE_LITERAL("X-Request-ID"), SL_SLICE_LITERAL("first")},
                                  {SL_SLICE_LITERAL("other"), SL_SLICE_LITERAL("o")},
                                  {SL_SLICE_LITERAL("x-request-id"), SL_SLICE_LITERAL("la\"st")},
                                  {SL_SLICE_LITERAL("TraceParent"), SL_SLICE_LITERAL(PARENT)}};
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &usual});

    (void)state;
    x->message.headers = headers;
    x->message.n_headers = 3;
    decode(x, "text");
    assert_string_equal(field_text(x, "correlation_id"), "la\"st");
    assert_string_equal(
        record_json(x, false, ""),
        "{\"message\":\"text\",\"correlation_id\":\"la\\\"st\",\"kind\":\"server\"}");
    decode(x, "{\"x-request-id\":\"field\"}");
    assert_string_equal(field_text(x, "correlation_id"), "field");
    decode(x, "{\"trace_id\":\"later\"}");
    assert_string_equal(field_text(x, "correlation_id"), "la\"st");
    x->message.n_headers = 4;
    decode(x, "{}");
    assert_string_equal(field_text(x, "correlation_id"), "la\"st");
    assert_string_equal(field_text(x, "trace_id"), TRACE);
    x->message.headers = headers + 3;
    x->message.n_headers = 1;
    decode(x, "{}");
    assert_string_equal(field_text(x, "correlation_id"), TRACE);
    assert_string_equal(field_text(x, "span_id"), SPAN);
    fixture_free(x);
}

static void only_what_is_an_id(void **state)
{
    char longest[SL_CORRELATION_ID_MAX + 2];
    struct sl_header headers[] = {{SL_SLICE_LITERAL("request_id"), {NULL, 0}},
                                  {SL_SLICE_LITERAL("trace_id"), SL_SLICE_LITERAL("\xff\x01")}};
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &usual});
    struct sl_buf value = {.max = 4096};

    (void)state;
    memset(longest, 'i', sizeof(longest));
    sl_buf_printf(&value, "{\"request_id\":\"%.*s\"}", SL_CORRELATION_ID_MAX, longest);
    decode(x, sl_buf_str(&value));
    assert_int_equal(strlen(field_text(x, "correlation_id")), SL_CORRELATION_ID_MAX);
    sl_buf_clear(&value);
    sl_buf_printf(&value, "{\"request_id\":\"%.*s\"}", SL_CORRELATION_ID_MAX + 1, longest);
    decode(x, sl_buf_str(&value));
    assert_null(field_text(x, "correlation_id"));
    x->message.headers = headers;
    x->message.n_headers = 2;
    decode(x, "{}"); /* what is no text becomes one */
    assert_string_equal(record_json(x, false, ""),
                        "{\"correlation_id\":\"\xef\xbf\xbd\\u0001\",\"kind\":\"server\"}");
    assert_string_equal(field_text(x, "correlation_id"), "\xef\xbf\xbd\x01");
    sl_buf_release(&value);
    fixture_free(x);
}

static void trace_contexts(void **state)
{
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {PARENT, true},
        {"00-" TRACE "-" SPAN "-00", true},
        {"cc-" TRACE "-" SPAN "-01", true},
        {"cc-" TRACE "-" SPAN "-01-what-the-future-holds", true},
        {"cc-" TRACE "-" SPAN "-01.what", false},
        {"00-" TRACE "-" SPAN "-01-more", false},
        {"ff-" TRACE "-" SPAN "-01", false},
        {"0-" TRACE "-" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "-1", false},
        {"00-" TRACE "-" SPAN "-0g", false},
        {"00-" TRACE "-" SPAN "-", false},
        {"00-00000000000000000000000000000000-" SPAN "-01", false},
        {"00-" TRACE "-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", false},
        {"00_" TRACE "-" SPAN "-01", false},
        {"00-" TRACE "_" SPAN "-01", false},
        {"00-" TRACE "-" SPAN "_01", false},
        {"", false},
    };
    struct sl_slice trace, span;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sl_traceparent_read(sl_slice_str(rows[i].text), &trace, &span),
                         rows[i].good);
        if (!rows[i].good)
            continue;
        assert_true(sl_slice_is(trace, TRACE));
        assert_true(sl_slice_is(span, SPAN));
    }
}

static void what_is_made_is_the_same_each_time(void **state)
{
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &making}), *y;
    char first[64], other[64];

    (void)state;
    decode(x, "{\"time\":\"2026-01-31T12:34:56.789999Z\"}");
    snprintf(first, sizeof(first), "%s", field_text(x, "correlation_id"));
    /* 1769862896789 ms, version 7, variant 10 */
    assert_memory_equal(first, "019c140c-9c95-7", 15);
    assert_int_equal(strlen(first), SL_UUID_TEXT);
    assert_non_null(strchr("89ab", first[19]));
    assert_true(first[8] == '-' && first[13] == '-' && first[18] == '-' && first[23] == '-');
    assert_memory_not_equal(first + 16, first + 34, 2); /* the halves are not the same hash */
    assert_non_null(strstr(record_json(x, false, ""), first));
    y = fixture_of((struct sl_decoder_config){.correlation = &making});
    decode(y, "{\"time\":\"2026-01-31T12:34:56.789Z\",\"other\":1}");
    assert_string_equal(field_text(y, "correlation_id"), first);
    y->message.offset++;
    decode(y, "{\"time\":\"2026-01-31T12:34:56.789Z\"}");
    snprintf(other, sizeof(other), "%s", field_text(y, "correlation_id"));
    assert_memory_equal(other, first, 15);
    assert_string_not_equal(other + 15, first + 15);
    y->message.offset--;
    y->partition->place[0] ^= 1;
    decode(y, "{\"time\":\"2026-01-31T12:34:56.789Z\"}");
    assert_string_not_equal(field_text(y, "correlation_id"), first);
    decode(y, "{\"request_id\":\"b\"}");
    assert_string_equal(field_text(y, "correlation_id"), "b");
    decode(y, "{\"correlation_id\":null}");
    assert_int_equal(field_type(y, "correlation_id"), SL_VALUE_NULL);
    fixture_free(x);
    fixture_free(y);
}

static void nothing_configured_adds_nothing(void **state)
{
    static const struct sl_correlation_config none = {.make = false};
    struct fixture *x = fixture_of((struct sl_decoder_config){.correlation = &none});

    (void)state;
    decode(x, "{\"request_id\":\"b\"}");
    assert_string_equal(record_json(x, false, ""), "{\"request_id\":\"b\",\"kind\":\"server\"}");
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_has_one_counts),
        cmocka_unit_test(rules_see_what_is_added),
        cmocka_unit_test(headers_come_behind_fields_of_their_place),
        cmocka_unit_test(only_what_is_an_id),
        cmocka_unit_test(trace_contexts),
        cmocka_unit_test(what_is_made_is_the_same_each_time),
        cmocka_unit_test(nothing_configured_adds_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
