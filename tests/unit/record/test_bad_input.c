/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* The rows of the bad-input matrix that concern records. Whatever comes: a record with its bytes
 * and a reason that rules can route, and one line of JSON for whoever takes it. */

static void expect_text(struct fixture *x, const void *p, size_t n, const char *error)
{
    struct sl_value v;
    unsigned message = field_id(x, "message");

    decode_bytes(x, p, n);
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    if (error)
        assert_string_equal(x->record.parse_error, error);
    else
        assert_null(x->record.parse_error);
    v = sl_record_value(&x->record, message);
    assert_int_equal(v.type, SL_VALUE_STRING);
    assert_int_equal(v.n, n);
    assert_memory_equal(v.p, p, n);
}

static void expect_text_str(struct fixture *x, const char *text, const char *error)
{
    expect_text(x, text, strlen(text), error);
}

static void c01_malformed_json_is_a_routable_record(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    expect_text_str(x, "{\"level\":\"error\" \"b\":1}", "an object without , or } after a value");
    assert_string_equal(field_text(x, "@parse_error"), "an object without , or } after a value");
    assert_string_equal(field_text(x, "@raw"), "{\"level\":\"error\" \"b\":1}");
    assert_null(field_text(x, "level")); /* nothing of a document that is none */
    assert_string_equal(
        record_json(x, false, ""),
        "{\"message\":\"{\\\"level\\\":\\\"error\\\" \\\"b\\\":1}\",\"kind\":\"server\"}");
    fixture_free(x);
}

static void c02_truncated_json_at_every_byte(void **state)
{
    static const char text[] =
        "{\"a\":\"b\\u00e9\xc3\xa9\",\"n\":-1.5e3,\"l\":[true,{\"x\":null}],\"message\":\"m\"}";
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t n = 1; n + 1 < sizeof(text); n++) {
        decode_bytes(x, text, n);
        assert_int_equal(x->record.form, SL_FORM_TEXT);
        assert_non_null(x->record.parse_error);
    }
    decode(x, text);
    assert_null(x->record.parse_error);
    fixture_free(x);
}

static void c03_trailing_garbage_and_two_documents(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    expect_text_str(x, "{\"a\":1}{\"a\":2}", "something after the end of the object");
    expect_text_str(x, "{\"a\":1}\n{\"a\":2}\n", "something after the end of the object");
    expect_text_str(x, "{\"a\":1} x", "something after the end of the object");
    expect_text_str(x, "{\"a\":1}}", "something after the end of the object");
    expect_text(x, "{\"a\":1}\0", 8, "something after the end of the object");
    fixture_free(x);
}

static void c04_a_scalar_at_the_top_is_text(void **state)
{
    static const char *const values[] = {"1", "\"text\"", "true", "null", "[{\"a\":1}]", " -1.5 "};
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        x->topic.decode = SL_DECODE_AUTO;
        expect_text_str(x, values[i], NULL);
        x->topic.decode = SL_DECODE_JSON;
        expect_text_str(x, values[i], "not a JSON object");
    }
    fixture_free(x);
}

static void c05_depth_64_2048_and_a_million(void **state)
{
    static const size_t depths[] = {63, 64, 2048, 1000000};
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++)
        for (int closed = 0; closed < 2; closed++) {
            size_t depth = depths[i], n = 5 + depth + (closed ? depth + 1 : 0);
            char *text = sl_alloc(n);

            memcpy(text, "{\"a\":", 5);
            memset(text + 5, '[', depth);
            if (closed) {
                memset(text + 5 + depth, ']', depth);
                text[n - 1] = '}';
            }
            if (depth > 63)
                expect_text(x, text, n, "more than 64 levels of nesting");
            else if (!closed)
                expect_text(x, text, n, "it ends too early");
            else
                assert_int_equal(decode_bytes(x, text, n)->form, SL_FORM_OBJECT);
            free(text);
        }
    fixture_free(x);
}

static void c06_a_hundred_thousand_keys_are_read_in_one_pass(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_buf text;

    (void)state;
    field_id(x, "k99999");
    sl_buf_init(&text, 16 << 20);
    sl_buf_byte(&text, '{');
    for (int i = 0; i < 100000; i++)
        sl_buf_printf(&text, "%s\"k%d\":%d", i ? "," : "", i, i);
    sl_buf_byte(&text, '}');
    decode_bytes(x, text.p, text.n);
    assert_int_equal(x->record.form, SL_FORM_OBJECT);
    assert_string_equal(field_text(x, "k99999"), "99999");
    sl_buf_release(&text);
    fixture_free(x);
}

static void c07_a_routed_key_given_twice(void **state)
{
    static const char *const twice[] = {
        "{\"user\":{\"id\":1},\"user\":{\"id\":2}}",
        "{\"user\":1,\"user\":{\"id\":2}}",
        "{\"user\":{\"id\":1,\"id\":1}}",
        "{\"user.id\":1,\"x\":0,\"user.id\":2}",
        "{\"user\":{\"id\":1,\"\\u0069d\":2}}",
        "{\"level\":\"info\",\"level\":\"error\"}",
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    field_id(x, "user.id");
    for (size_t i = 0; i < sizeof(twice) / sizeof(twice[0]); i++)
        expect_text_str(x, twice[i], "a duplicate key");
    /* Spelled in two ways it is not given twice, nor where it is another object's. */
    decode(x,
           "{\"user\":{\"id\":1},\"user.id\":2,\"x\":[{\"user\":1},{\"user\":2}],\"y\":1,\"y\":2}");
    assert_null(x->record.parse_error);
    assert_string_equal(field_text(x, "user.id"), "2");
    fixture_free(x);
}

static void c08_numbers_out_of_range_are_absent_fields(void **state)
{
    static const char *const numbers[] = {"9223372036854775808",
                                          "18446744073709551615",
                                          "18446744073709551616",
                                          "-9223372036854775809",
                                          "1e400",
                                          "-1e400",
                                          "123456789012345678901234567890"};
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    field_id(x, "n");
    field_id(x, "o.n");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char *text = sl_asprintf("{\"n\":%s,\"kind\":\"x\",\"o.n\":%s,\"o\":{\"n\":5}}", numbers[i],
                                 numbers[i]);

        decode(x, text);
        assert_null(x->record.parse_error);
        assert_int_equal(field_type(x, "n"), SL_VALUE_ABSENT);
        assert_string_equal(field_text(x, "o.n"), "5"); /* what is out of range shadows nothing */
        assert_string_equal(record_json(x, false, ""), text); /* and its bytes travel on */
        free(text);
    }
    decode(x, "{\"o\":{\"n\":5},\"n\":9223372036854775807,\"o.n\":1e400}");
    assert_string_equal(field_text(x, "n"), "9223372036854775807");
    assert_string_equal(field_text(x, "o.n"), "5");
    fixture_free(x);
}

static void c09_invalid_utf8_is_routed_by_bytes_and_kept(void **state)
{
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"caf\xe9",
         "{\"message\":\"caf\xef\xbf\xbd\",\"message_base64\":\"Y2Fm6Q==\",\"kind\":\"server\"}"},
        {"\xc0\xaf", "{\"message\":\"\xef\xbf\xbd\xef\xbf\xbd\",\"message_base64\":\"wK8=\","
                     "\"kind\":\"server\"}"},
        {"\xed\xa0\x80", "{\"message\":\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"message_base64\":"
                         "\"7aCA\",\"kind\":\"server\"}"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expect_text_str(x, rows[i].text, NULL);
        assert_string_equal(record_json(x, false, ""), rows[i].json);
    }
    expect_text_str(x, "{\"a\":\"caf\xe9\"}", "invalid UTF-8");
    expect_text_str(x, "{\"a\":\"\xed\xa0\x80\"}", "invalid UTF-8");
    expect_text_str(x, "{\"a\":\"\\ud800\"}", "half a surrogate pair in a string");
    fixture_free(x);
}

static void c10_an_empty_value_is_a_record(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    expect_text(x, "", 0, NULL);
    assert_string_equal(record_json(x, false, ""), "{\"message\":\"\",\"kind\":\"server\"}");
    expect_text_str(x, " \n", NULL);
    x->topic.decode = SL_DECODE_JSON;
    expect_text(x, "", 0, "empty value");
    fixture_free(x);
}

static void c12_no_key_and_an_empty_key_are_distinct(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    char ids[2][SL_RECORD_ID_MAX];

    (void)state;
    decode(x, "{}");
    assert_int_equal(field_type(x, "@key"), SL_VALUE_ABSENT);
    sl_record_id(&x->record, ids[0]);
    x->message.key = SL_SLICE_LITERAL("");
    decode(x, "{}");
    assert_int_equal(field_type(x, "@key"), SL_VALUE_STRING);
    assert_string_equal(field_text(x, "@key"), "");
    sl_record_id(&x->record, ids[1]);
    assert_memory_not_equal(ids[0], ids[1], 27);
    fixture_free(x);
}

static void c13_headers_duplicate_many_and_binary(void **state)
{
    static struct sl_header headers[1000];
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < 1000; i++)
        headers[i] = (struct sl_header){SL_SLICE_LITERAL("h"), SL_SLICE_LITERAL("1")};
    headers[7] = (struct sl_header){SL_SLICE_LITERAL("b"), SL_SLICE_LITERAL("\xff\n\"")};
    headers[SL_HEADERS_MAX - 1].value = SL_SLICE_LITERAL("last");
    headers[SL_HEADERS_MAX].name = SL_SLICE_LITERAL("beyond");
    x->message.headers = headers;
    x->message.n_headers = 1000;
    decode(x, "{}");
    assert_string_equal(field_text(x, "@headers.h"), "last");
    assert_string_equal(field_text(x, "@headers.b"), "\xff\n\"");
    assert_null(field_text(x, "@headers.beyond"));
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c01_malformed_json_is_a_routable_record),
        cmocka_unit_test(c02_truncated_json_at_every_byte),
        cmocka_unit_test(c03_trailing_garbage_and_two_documents),
        cmocka_unit_test(c04_a_scalar_at_the_top_is_text),
        cmocka_unit_test(c05_depth_64_2048_and_a_million),
        cmocka_unit_test(c06_a_hundred_thousand_keys_are_read_in_one_pass),
        cmocka_unit_test(c07_a_routed_key_given_twice),
        cmocka_unit_test(c08_numbers_out_of_range_are_absent_fields),
        cmocka_unit_test(c09_invalid_utf8_is_routed_by_bytes_and_kept),
        cmocka_unit_test(c10_an_empty_value_is_a_record),
        cmocka_unit_test(c12_no_key_and_an_empty_key_are_distinct),
        cmocka_unit_test(c13_headers_duplicate_many_and_binary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
