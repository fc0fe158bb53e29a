/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "fixture.h"

static struct sl_value value_of(struct fixture *x, const char *json)
{
    char *text = sl_asprintf("{\"v\":%s}", json);

    field_id(x, "v");
    decode(x, text);
    free(text);
    return sl_record_value(&x->record, field_id(x, "v"));
}

static void text_of_values(void **state)
{
    static const struct {
        const char *json, *text;
    } rows[] = {
        {"\"plain\"", "plain"},
        {"\"\"", ""},
        {"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t"},
        {"\"\\u00e9\\u20AC\\ud83d\\uDE00!\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80!"},
        {"1.50", "1.50"},
        {"true", "true"},
        {"false", "false"},
        {"null", NULL},
        {"1e400", NULL},
        {"[1, 2]", "[1, 2]"},
        {"{\"a\": 1}", "{\"a\": 1}"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_value v = value_of(x, rows[i].json);
        struct sl_slice text = sl_value_text(&v, &x->scratch);

        if (!rows[i].text) {
            assert_null(text.p);
            continue;
        }
        assert_non_null(text.p);
        assert_true(sl_slice_is(text, rows[i].text));
    }
    fixture_free(x);
}

static void a_nul_escape_is_a_byte(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_value v = value_of(x, "\"a\\u0000b\"");
    struct sl_slice text = sl_value_text(&v, &x->scratch);

    (void)state;
    assert_int_equal(text.n, 3);
    assert_memory_equal(text.p, "a\0b", 3);
    fixture_free(x);
}

static void text_stays_within_the_scratch_memory(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_value v = value_of(x, "\"\\n1234567\\u20ac\"");
    struct sl_buf small;
    struct sl_slice text;

    (void)state;
    sl_buf_init(&small, 9); /* room for all but the last character, which is not cut */
    text = sl_value_text(&v, &small);
    assert_true(sl_slice_is(text, "\n1234567"));
    sl_buf_release(&small);
    fixture_free(x);
}

static void numbers(void **state)
{
    static const struct {
        const char *json;
        bool ok, is_int;
        double number;
        int64_t integer;
    } rows[] = {
        {"0", true, true, 0, 0},
        {"-0", true, true, 0, 0},
        {"500", true, true, 500, 500},
        {"\"500\"", true, true, 500, 500},
        {"\"\\u0035\"", true, true, 5, 5},
        {"9223372036854775807", true, true, 9223372036854775807.0, INT64_MAX},
        {"-9223372036854775808", true, true, -9223372036854775808.0, INT64_MIN},
        {"\"9223372036854775808\"", false, false, 0, 0},
        {"\"-9223372036854775809\"", false, false, 0, 0},
        {"1.5", true, false, 1.5, 0},
        {"-2.5e-3", true, false, -0.0025, 0},
        {"1e19", true, false, 1e19, 0},
        {"1e-400", true, false, 0, 0},
        {"\"1e400\"", false, false, 0, 0},
        {"\"\"", false, false, 0, 0},
        {"\" 5\"", false, false, 0, 0},
        {"\"5 \"", false, false, 0, 0},
        {"\"5x\"", false, false, 0, 0},
        {"\"0x10\"", false, false, 0, 0},
        {"\"007\"", false, false, 0, 0},
        {"\"-\"", false, false, 0, 0},
        {"\"nan\"", false, false, 0, 0},
        {"true", false, false, 0, 0},
        {"[5]", false, false, 0, 0},
        {"null", false, false, 0, 0},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_value v = value_of(x, rows[i].json);
        double number = -1;
        bool is_int = false;
        int64_t integer = 0;

        assert_int_equal(sl_value_number(&v, &number, &is_int, &integer), rows[i].ok);
        if (!rows[i].ok)
            continue;
        assert_int_equal(is_int, rows[i].is_int);
        assert_true(number == rows[i].number);
        if (is_int)
            assert_true(integer == rows[i].integer);
    }
    fixture_free(x);
}

static void elements_of_an_array(void **state)
{
    static const enum sl_value_type types[] = {SL_VALUE_NUMBER, SL_VALUE_STRING, SL_VALUE_NULL,
                                               SL_VALUE_ARRAY,  SL_VALUE_OBJECT, SL_VALUE_ABSENT,
                                               SL_VALUE_TRUE,   SL_VALUE_FALSE};
    static const char *const texts[] = {"1",  "a],\"", NULL,   "[ ]", "{\"x\":[1,\"}\"]}",
                                        NULL, "true",  "false"};
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_value e,
        v = value_of(x, "[ 1 ,\"a],\\\"\",null,[ ],{\"x\":[1,\"}\"]},1e999, true,false ]");
    size_t at = 0, n = 0;

    (void)state;
    for (; sl_value_element(&v, &at, &e); n++) {
        struct sl_slice text = sl_value_text(&e, &x->scratch);

        assert_true(n < 8);
        assert_int_equal(e.type, types[n]);
        if (texts[n])
            assert_true(sl_slice_is(text, texts[n]));
    }
    assert_int_equal(n, 8);
    v = value_of(x, "[]");
    at = 0;
    assert_false(sl_value_element(&v, &at, &e));
    v = value_of(x, "{\"a\":1}");
    at = 0;
    assert_false(sl_value_element(&v, &at, &e));
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_values),
        cmocka_unit_test(a_nul_escape_is_a_byte),
        cmocka_unit_test(text_stays_within_the_scratch_memory),
        cmocka_unit_test(numbers),
        cmocka_unit_test(elements_of_an_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
