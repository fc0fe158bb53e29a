/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "fixture.h"

static void an_object_keeps_its_bytes(void **state)
{
    static const struct {
        const char *value, *json;
        bool verbatim;
    } rows[] = {
        {"{\"kind\":1,  \"n\" : 1.50e+0 }",
         "{\"kind\":1,  \"n\" : 1.50e+0 ,\"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"m\":1}",
         true},
        {"{\"kind\":1,\r\n\t\"n\":\"a\\nb\"\n}",
         "{\"kind\":1,\t\"n\":\"a\\nb\",\"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"m\":1}",
         false},
        {" {\"kind\":1}", "{\"kind\":1,\"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"m\":1}",
         false},
        {"{\"kind\":1}\n", "{\"kind\":1,\"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"m\":1}",
         false},
        {"{\"kind\":1,\"@timestamp\":null}", "{\"kind\":1,\"@timestamp\":null,\"m\":1}", true},
        {"{ }", "{ \"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"kind\":\"server\",\"m\":1}", true},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool verbatim;

        decode(x, rows[i].value);
        sl_buf_clear(&x->out);
        sl_record_json(&x->record, true, sl_slice_str(",\"m\":1"), &x->out, &verbatim);
        assert_string_equal(sl_buf_str(&x->out), rows[i].json);
        assert_int_equal(verbatim, rows[i].verbatim);
        if (verbatim)
            assert_memory_equal(x->out.p, x->message.value.p, x->message.value.n - 1);
    }
    decode(x, "{}");
    x->record.added.n = 0;
    assert_string_equal(record_json(x, false, ",\"m\":1"), "{\"m\":1}");
    assert_string_equal(record_json(x, false, ""), "{}");
    fixture_free(x);
}

static void text_becomes_a_message(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    bool verbatim = true;

    (void)state;
    decode_bytes(x, "a\"b\\c\x01\0\n\x7f\xc3\xa9", 11);
    assert_string_equal(
        record_json(x, false, ""),
        "{\"message\":\"a\\\"b\\\\c\\u0001\\u0000\\n\x7f\xc3\xa9\",\"kind\":\"server\"}");
    decode(x, "x");
    assert_string_equal(record_json(x, true, ",\"m\":1"),
                        "{\"message\":\"x\",\"@timestamp\":\"2026-01-31T12:34:57.000Z\","
                        "\"kind\":\"server\",\"m\":1}");
    sl_record_json(&x->record, true, sl_slice_str(""), &x->out, &verbatim);
    assert_false(verbatim);
    fixture_free(x);
}

static void escaping_at_every_length(void **state)
{
    struct sl_buf out, want;

    (void)state;
    sl_buf_init(&out, 1000);
    sl_buf_init(&want, 1000);
    for (size_t n = 0; n < 70; n++)
        for (size_t at = 0; at < n; at++) {
            char text[70];

            memset(text, 'x', sizeof(text));
            text[at] = '\t';
            sl_buf_clear(&out);
            sl_buf_clear(&want);
            assert_true(sl_json_escape(sl_slice(text, n), &out));
            sl_buf_append(&want, text, at);
            SL_BUF_LITERAL(&want, "\\t");
            sl_buf_append(&want, text + at + 1, n - at - 1);
            assert_int_equal(out.n, want.n);
            assert_memory_equal(out.p, want.p, want.n);
        }
    sl_buf_release(&out);
    sl_buf_release(&want);
}

static void nothing_is_valid_text(void **state)
{
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 10);
    assert_true(sl_json_escape(sl_slice(NULL, 0), &out));
    assert_int_equal(out.n, 0);
    sl_buf_release(&out);
}

static void invalid_utf8_is_replaced_by_whole_faults(void **state)
{
    static const struct {
        const char *text, *json;
        bool valid;
    } rows[] = {
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z", true},
        {"a\xff\x62", "a\xef\xbf\xbd\x62", false},
        {"\xe2\x82", "\xef\xbf\xbd", false}, /* cut short: one fault */
        {"\xe2\x82z", "\xef\xbf\xbdz", false},
        {"\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", false}, /* overlong: a fault a byte */
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false}, /* a surrogate */
        {"\xc3\xa9\xc3", "\xc3\xa9\xef\xbf\xbd", false},
    };
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 1000);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sl_buf_clear(&out);
        assert_int_equal(sl_json_escape(sl_slice_str(rows[i].text), &out), rows[i].valid);
        assert_string_equal(sl_buf_str(&out), rows[i].json);
    }
    sl_buf_release(&out);
}

static void the_bound_holds(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    static const char fills[] = {'x', '"', '\n', '\x01', '\xff', '\xc3'};

    (void)state;
    for (size_t i = 0; i < sizeof(fills); i++)
        for (size_t n = 0; n < 5000; n = n * 2 + 1) {
            char *text = sl_alloc(n + 1);

            memset(text, fills[i], n);
            decode_bytes(x, text, n);
            sl_buf_clear(&x->out);
            sl_record_json(&x->record, true, sl_slice("", 0), &x->out, NULL);
            assert_true(x->out.n <= sl_record_json_bound(&x->record));
            x->message.key = sl_slice(text, n);
            sl_buf_clear(&x->out);
            sl_record_envelope(&x->record, &x->out);
            assert_true(x->out.n <= sl_record_envelope_bound(&x->record));
            /* Neither what is plain nor what goes in base64 is held for much more than it is. */
            if ((fills[i] == 'x' || fills[i] == '\xff') && n > 1000)
                assert_true(sl_record_envelope_bound(&x->record) < x->out.n + 400);
            x->message.key = sl_slice(NULL, 0);
            /* Long plain text is bounded closely, so that it is not refused for a size it never
             * has. */
            if (fills[i] == 'x' && n > 1000)
                assert_true(sl_record_json_bound(&x->record) < n + 200);
            free(text);
        }
    x->message.timestamp_ms = 1769862896789;
    decode(x, "{\"severity\":3,\"ts\":1769862896789012345}");
    sl_buf_clear(&x->out);
    sl_record_json(&x->record, true, sl_slice("", 0), &x->out, NULL);
    assert_true(x->out.n <= sl_record_json_bound(&x->record));
    for (size_t n = 0; n <= 40; n++) { /* headers without anything else in them, and with little */
        struct sl_header all[4];
        const struct sl_slice some = sl_slice("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", n / 4);

        for (size_t i = 0; i < 4; i++)
            all[i] = (struct sl_header){some, some};
        x->message.headers = all;
        x->message.n_headers = n % 5;
        sl_buf_clear(&x->out);
        sl_record_envelope(&x->record, &x->out);
        assert_true(x->out.n <= sl_record_envelope_bound(&x->record));
    }
    fixture_free(x);
}

static void what_does_not_fit_is_said(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_buf out;

    (void)state;
    decode(x, "{\"a\":1}");
    record_json(x, true, "");
    sl_buf_init(&out, x->out.n);
    sl_record_json(&x->record, true, sl_slice("", 0), &out, NULL);
    assert_false(out.full);
    sl_buf_release(&out);
    sl_buf_init(&out, x->out.n - 1);
    sl_record_json(&x->record, true, sl_slice("", 0), &out, NULL);
    assert_true(out.full);
    sl_buf_release(&out);
    fixture_free(x);
}

static void the_envelope(void **state)
{
    struct sl_header headers[] = {{SL_SLICE_LITERAL("h\""), SL_SLICE_LITERAL("v\n")},
                                  {SL_SLICE_LITERAL("n"), {NULL, 0}},
                                  {SL_SLICE_LITERAL("b"), SL_SLICE_LITERAL("\xff\xfe")},
                                  {SL_SLICE_LITERAL("b"), SL_SLICE_LITERAL("")}};
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    decode(x, "{\"a\":\n1}");
    sl_record_envelope(&x->record, &x->out);
    assert_string_equal(
        sl_buf_str(&x->out),
        "{\"topic\":\"logs\",\"partition\":3,\"offset\":42,\"timestamp\":1769862897000,"
        "\"key\":null,\"headers\":[],\"value\":\"{\\\"a\\\":\\n1}\"}");
    x->message.key = SL_SLICE_LITERAL("");
    x->message.headers = headers;
    x->message.n_headers = 4;
    decode(x, "\x80");
    sl_buf_clear(&x->out);
    sl_record_envelope(&x->record, &x->out);
    assert_string_equal(
        sl_buf_str(&x->out),
        "{\"topic\":\"logs\",\"partition\":3,\"offset\":42,\"timestamp\":1769862897000,"
        "\"key\":\"\",\"headers\":[[\"h\\\"\",\"v\\n\"],[\"n\",null],"
        "[\"b\",{\"base64\":\"//4=\"}],[\"b\",\"\"]],\"value\":{\"base64\":\"gA==\"}}");
    fixture_free(x);
}

/* ---- ids ---- */

static void an_id_is_for_ever(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    char id[SL_RECORD_ID_MAX];

    (void)state;
    x->message.key = SL_SLICE_LITERAL("key");
    decode(x, "{\"a\":1}");
    assert_int_equal(x->record.value_crc, sl_crc32c(0, "{\"a\":1}", 7));
    /* Changing what follows makes other documents out of records that were delivered before. */
    assert_int_equal(sl_record_id(&x->record, id), 27);
    assert_memory_equal(id, "AQIDBAUGBwgAAAAAAAAAKoEOVrc", 27);
    x->record.many = true;
    x->record.sub = 1;
    assert_int_equal(sl_record_id(&x->record, id), 32);
    assert_memory_equal(id, "AQIDBAUGBwgAAAAAAAAAKoEOVrcAAAAB", 32);
    fixture_free(x);
}

static void each_part_of_a_record_changes_its_id(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    char ids[7][SL_RECORD_ID_MAX];

    (void)state;
    decode(x, "value");
    sl_record_id(&x->record, ids[0]);
    x->message.offset++;
    sl_record_id(&x->record, ids[1]);
    x->message.timestamp_ms++;
    sl_record_id(&x->record, ids[2]);
    x->message.key = SL_SLICE_LITERAL("");
    sl_record_id(&x->record, ids[3]);
    x->message.key = SL_SLICE_LITERAL("k");
    sl_record_id(&x->record, ids[4]);
    x->partition->place[7]++;
    sl_record_id(&x->record, ids[5]);
    decode(x, "walue");
    sl_record_id(&x->record, ids[6]);
    for (int i = 0; i < 7; i++)
        for (int k = 0; k < i; k++)
            assert_memory_not_equal(ids[i], ids[k], 27);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_keeps_its_bytes),
        cmocka_unit_test(text_becomes_a_message),
        cmocka_unit_test(escaping_at_every_length),
        cmocka_unit_test(nothing_is_valid_text),
        cmocka_unit_test(invalid_utf8_is_replaced_by_whole_faults),
        cmocka_unit_test(the_bound_holds),
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(the_envelope),
        cmocka_unit_test(an_id_is_for_ever),
        cmocka_unit_test(each_part_of_a_record_changes_its_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
