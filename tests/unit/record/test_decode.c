/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "record/decode.h"

static void a_value_is_json_text_or_neither(void **state)
{
    static const struct {
        const char *value;
        enum sl_decode_form decode;
        enum sl_form form;
        const char *error;
    } rows[] = {
        {" {\"a\":1}\r\n", SL_DECODE_AUTO, SL_FORM_OBJECT, NULL},
        {"{\"a\":1}", SL_DECODE_JSON, SL_FORM_OBJECT, NULL},
        {"{\"a\":1}", SL_DECODE_TEXT, SL_FORM_TEXT, NULL},
        {"GET / 200", SL_DECODE_AUTO, SL_FORM_TEXT, NULL},
        {"GET / 200", SL_DECODE_JSON, SL_FORM_TEXT, "not a JSON object"},
        {"[1]", SL_DECODE_AUTO, SL_FORM_TEXT, NULL},
        {"[1]", SL_DECODE_JSON, SL_FORM_TEXT, "not a JSON object"},
        {"{\"a\"}", SL_DECODE_AUTO, SL_FORM_TEXT, "a member without a colon"},
        {"{\"a\"}", SL_DECODE_JSON, SL_FORM_TEXT, "a member without a colon"},
        {"{\"a\"}", SL_DECODE_TEXT, SL_FORM_TEXT, NULL},
        {"", SL_DECODE_AUTO, SL_FORM_TEXT, NULL},
        {"", SL_DECODE_JSON, SL_FORM_TEXT, "empty value"},
        {"\xef\xbb\xbf{}", SL_DECODE_AUTO, SL_FORM_TEXT, NULL},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        x->topic.decode = rows[i].decode;
        decode(x, rows[i].value);
        assert_int_equal(x->record.form, rows[i].form);
        if (rows[i].error)
            assert_string_equal(x->record.parse_error, rows[i].error);
        else
            assert_null(x->record.parse_error);
        if (x->record.form == SL_FORM_TEXT) {
            assert_string_equal(field_text(x, "message"), rows[i].value);
            assert_null(field_text(x, "a"));
        }
    }
    fixture_free(x);
}

static void at_names_tell_of_the_message(void **state)
{
    struct sl_header headers[] = {{SL_SLICE_LITERAL("trace.id"), SL_SLICE_LITERAL("first")},
                                  {SL_SLICE_LITERAL("none"), {NULL, 0}},
                                  {SL_SLICE_LITERAL("trace.id"), SL_SLICE_LITERAL("last")}};
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    x->message.key = SL_SLICE_LITERAL("k\"1");
    x->message.headers = headers;
    x->message.n_headers = 3;
    x->message.offset = INT64_MAX;
    decode(x, "{\"level\":\"Warning\",");
    assert_string_equal(field_text(x, "@topic"), "logs");
    assert_string_equal(field_text(x, "@partition"), "3");
    assert_int_equal(field_type(x, "@partition"), SL_VALUE_NUMBER);
    assert_string_equal(field_text(x, "@offset"), "9223372036854775807");
    assert_string_equal(field_text(x, "@key"), "k\"1");
    assert_string_equal(field_text(x, "@timestamp"), "2026-01-31T12:34:57.000Z");
    assert_string_equal(field_text(x, "@kind"), "server");
    assert_null(field_text(x, "@level"));
    assert_string_equal(field_text(x, "@raw"), "{\"level\":\"Warning\",");
    assert_string_equal(field_text(x, "@parse_error"), "it ends too early");
    assert_string_equal(field_text(x, "@headers.trace.id"), "last");
    assert_null(field_text(x, "@headers.none"));
    assert_null(field_text(x, "@headers.other"));
    decode(x, "{\"level\":\"Warning\",\"@kind\":\"x\"}");
    assert_string_equal(field_text(x, "@level"), "warn");
    assert_string_equal(field_text(x, "@kind"), "server");
    assert_null(field_text(x, "@parse_error"));
    fixture_free(x);
}

static void kind_by_field_then_by_shape(void **state)
{
    static const struct {
        const char *value, *kind;
    } rows[] = {
        {"{\"kind\":\"metric\"}", "metric"},
        {"{\"kind\":\"\\u006detric\"}", "metric"},
        {"{\"kind\":\"server\",\"name\":\"n\",\"value\":1}", "server"},
        {"{\"kind\":\"other\",\"name\":\"n\",\"value\":1}", "metric"},
        {"{\"name\":\"n\",\"value\":1}", "metric"},
        {"{\"name\":\"n\",\"fields\":{\"a\":1}}", "metric"},
        {"{\"name\":\"n\"}", "server"},
        {"{\"value\":1,\"fields\":2}", "server"},
        {"{\"name\":\"n\",\"value\":null}", "server"},
        {"{\"name\":\"n\",\"value\":1e400}", "metric"},
        {"text", "server"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(sl_kind_name(decode(x, rows[i].value)->kind), rows[i].kind);
    fixture_free(x);
}

static void levels_in_usual_spellings(void **state)
{
    static const struct {
        const char *value, *level;
    } rows[] = {
        {"{\"level\":\"INFO\"}", "info"},
        {"{\"level\":\"trace\"}", "trace"},
        {"{\"level\":\"\\u0057arn\"}", "warn"},
        {"{\"level\":\"Debug\"}", "debug"},
        {"{\"level\":\"notice\"}", "info"},
        {"{\"lvl\":\"WARNING\"}", "warn"},
        {"{\"log\":{\"level\":\"err\"}}", "error"},
        {"{\"log.level\":\"crit\"}", "fatal"},
        {"{\"levelname\":\"CRITICAL\"}", "fatal"},
        {"{\"loglevel\":\"panic\"}", "fatal"},
        {"{\"level_name\":\"emerg\"}", "fatal"},
        {"{\"severity\":\"ALERT\"}", "fatal"},
        {"{\"level\":10}", "trace"},
        {"{\"level\":30}", "info"},
        {"{\"level\":\"50\"}", "error"},
        {"{\"level\":60}", "fatal"},
        {"{\"level\":61}", ""},
        {"{\"level\":3}", ""},
        {"{\"severity\":0}", "fatal"},
        {"{\"severity\":3}", "error"},
        {"{\"severity\":\"4\"}", "warn"},
        {"{\"severity\":7}", "debug"},
        {"{\"severity\":8}", ""},
        {"{\"PRIORITY\":\"3\"}", "error"}, /* systemd's journal */
        {"{\"PRIORITY\":4,\"level\":\"info\"}", "info"},
        {"{\"priority\":\"3\"}", ""},
        {"{\"level\":\"SEVERE\"}", "error"},
        {"{\"level\":\"LOG\"}", "info"},
        {"{\"level\":\"Note\"}", "info"},
        {"{\"level\":\"System\"}", "info"},
        {"{\"level\":\"Verbose\"}", "trace"},
        {"{\"level\":\"dpanic\"}", "fatal"},
        {"{\"level\":\"high\",\"severity\":\"error\"}", "error"},
        {"{\"severity\":\"error\",\"level\":\"info\"}", "info"},
        {"{\"level\":null,\"lvl\":\"warn\"}", "warn"},
        {"{\"level\":30.5}", ""},
        {"{}", ""},
        {"error", ""},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(sl_level_name(decode(x, rows[i].value)->level), rows[i].level);
    fixture_free(x);
}

static void the_timestamp_is_the_first_good_one(void **state)
{
#define GOOD "\"2026-01-31T12:34:56.789Z\""
    static const struct {
        const char *value, *time;
    } rows[] = {
        {"{\"ts\":1,\"@timestamp\":" GOOD "}", "2026-01-31T12:34:56.789Z"},
        {"{\"ts\":" GOOD ",\"time\":\"2026-01-30T00:00:00Z\"}", "2026-01-30T00:00:00.000Z"},
        {"{\"ts\":" GOOD ",\"time\":\"yesterday\"}", "2026-01-31T12:34:56.789Z"},
        {"{\"timestamp\":1769862896}", "2026-01-31T12:34:56.000Z"},
        {"{\"timestamp\":1769862896.25}", "2026-01-31T12:34:56.250Z"},
        {"{\"timestamp\":1.769862896e9}", "2026-01-31T12:34:56.000Z"},
        {"{\"timestamp\":\"1769862896789\"}", "2026-01-31T12:34:56.789Z"},
        {"{\"timestamp\":1769862896789012}", "2026-01-31T12:34:56.789012Z"},
        {"{\"timestamp\":1769862896789012345}", "2026-01-31T12:34:56.789012345Z"},
        /* Within a day after Kafka's time, and since 2000; else Kafka's. */
        {"{\"timestamp\":\"2026-02-01T12:34:57Z\"}", "2026-02-01T12:34:57.000Z"},
        {"{\"timestamp\":\"2026-02-01T12:34:57.000000001Z\"}", "2026-01-31T12:34:57.000Z"},
        {"{\"timestamp\":\"2000-01-01T00:00:00Z\"}", "2000-01-01T00:00:00.000Z"},
        {"{\"timestamp\":\"1999-12-31T23:59:59.999Z\"}", "2026-01-31T12:34:57.000Z"},
        {"{\"timestamp\":0,\"time\":-1,\"ts\":12}", "2026-01-31T12:34:57.000Z"},
        {"{\"timestamp\":null,\"time\":true,\"ts\":{}}", "2026-01-31T12:34:57.000Z"},
        {"{\"timestamp\":1e400,\"ts\":99999999999999999999}", "2026-01-31T12:34:57.000Z"},
        /* System.Text.Json writes a plus so */
        {"{\"timestamp\":\"2026-01-31T12:34:56.5\\u002B01:00\"}", "2026-01-31T11:34:56.500Z"},
        {"{\"timestamp\":\"176986289\\u0036\"}", "2026-01-31T12:34:56.000Z"},
        /* too long for a time, also when only its beginning is looked at */
        {"{\"timestamp\":\"2026-01-30T00:00:00.000000000000000000000000000000000000000000000"
         "\\u0030\\u005a\"}",
         "2026-01-31T12:34:57.000Z"},
        {"2026-01-01T00:00:00Z text", "2026-01-31T12:34:57.000Z"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_string_equal(field_text(x, "@timestamp"), rows[i].time);
    }
    x->message.timestamp_ms = -1; /* Kafka knows none: no upper bound, and 1970 as a last resort */
    decode(x, "{\"time\":\"2200-01-01T00:00:00Z\"}");
    assert_string_equal(field_text(x, "@timestamp"), "2200-01-01T00:00:00.000Z");
    decode(x, "{}");
    assert_int_equal(x->record.time_ns, 0);
    x->message.timestamp_ms = INT64_MAX;
    decode(x, "{}");
    assert_int_equal(x->record.time_ns, INT64_MAX);
    fixture_free(x);
}

static void a_time_without_offset_is_of_the_zone(void **state)
{
    struct fixture *x = fixture_new(NULL, "+02:00");
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder_config config = {.fields = fields, .timezone = "Nowhere/Atall"};
    struct sl_error err = {0};

    (void)state;
    decode(x, "{\"time\":\"2026-01-31 12:34:56\"}");
    assert_string_equal(field_text(x, "@timestamp"), "2026-01-31T10:34:56.000Z");
    decode(x, "{\"time\":\"2026-01-31 12:34:56Z\"}");
    assert_string_equal(field_text(x, "@timestamp"), "2026-01-31T12:34:56.000Z");
    assert_null(sl_decoder_new(&config, &err));
    assert_int_equal(err.code, SL_ECONFIG);
    assert_non_null(strstr(err.text, "Nowhere/Atall"));
    sl_fields_free(fields);
    fixture_free(x);
}

static struct sl_property properties[] = {{.name = "service", .value = "tile\"s"},
                                          {.name = "host.name", .value = "h1"}};
static const struct sl_properties both = {properties, 2};

static void enrichment_only_where_nothing_of_it_exists(void **state)
{
    static const struct {
        const char *value, *json;
    } rows[] = {
        {"{\"a\":1}",
         "{\"a\":1,\"kind\":\"server\",\"service\":\"tile\\\"s\",\"host.name\":\"h1\"}"},
        {"{}", "{\"kind\":\"server\",\"service\":\"tile\\\"s\",\"host.name\":\"h1\"}"},
        {"{\"service\":null}", "{\"service\":null,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"service\":1e999}", "{\"service\":1e999,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"service.x\":1}", "{\"service.x\":1,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"service\\u002ex\":1}",
         "{\"service\\u002ex\":1,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"host\":{\"name\":1},\"service\":{\"name\":2}}",
         "{\"host\":{\"name\":1},\"service\":{\"name\":2},\"kind\":\"server\"}"},
        {"{\"host\":{\"name.x\":1},\"service\":2}",
         "{\"host\":{\"name.x\":1},\"service\":2,\"kind\":\"server\"}"},
        {"{\"host.name.x\":1,\"service\":2}",
         "{\"host.name.x\":1,\"service\":2,\"kind\":\"server\"}"},
        {"{\"host\":{\"ip\":1},\"service\":2}",
         "{\"host\":{\"ip\":1},\"service\":2,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        /* beside a value, "host.name" would make of `host` two types */
        {"{\"host\":\"h\",\"service\":2}", "{\"host\":\"h\",\"service\":2,\"kind\":\"server\"}"},
        {"{\"host\":1e999,\"service\":2}", "{\"host\":1e999,\"service\":2,\"kind\":\"server\"}"},
        {"{\"host\":null,\"service\":2}",
         "{\"host\":null,\"service\":2,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"host\":[{}],\"service\":2}",
         "{\"host\":[{}],\"service\":2,\"kind\":\"server\",\"host.name\":\"h1\"}"},
        {"{\"x\":{\"service\":1},\"services\":2}",
         "{\"x\":{\"service\":1},\"services\":2,\"kind\":\"server\",\"service\":\"tile\\\"s\","
         "\"host.name\":\"h1\"}"},
        {"text", "{\"message\":\"text\",\"kind\":\"server\",\"service\":\"tile\\\"s\","
                 "\"host.name\":\"h1\"}"},
    };
    struct fixture *x = fixture_new(&both, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_string_equal(record_json(x, false, ""), rows[i].json);
    }
    fixture_free(x);
}

static void rules_see_what_enrichment_adds(void **state)
{
    struct fixture *x = fixture_new(&both, NULL);

    (void)state;
    field_id(x, "host.name");
    decode(x, "{\"severity\":\"error\"}");
    assert_string_equal(field_text(x, "service"), "tile\"s");
    assert_string_equal(field_text(x, "host.name"), "h1");
    assert_string_equal(field_text(x, "kind"), "server");
    assert_string_equal(field_text(x, "level"), "error");
    decode(x, "{\"service\":\"own\",\"kind\":\"mine\",\"level\":null}");
    assert_string_equal(field_text(x, "service"), "own");
    assert_string_equal(field_text(x, "kind"), "mine");
    assert_int_equal(field_type(x, "level"), SL_VALUE_NULL);
    decode(x, "plain");
    assert_string_equal(field_text(x, "service"), "tile\"s");
    assert_string_equal(field_text(x, "message"), "plain");
    fixture_free(x);
}

static void kind_and_level_are_written_where_absent(void **state)
{
    static const struct {
        const char *value, *json;
    } rows[] = {
        {"{\"level\":\"WARN\",\"kind\":\"x\"}", "{\"level\":\"WARN\",\"kind\":\"x\"}"},
        {"{\"severity\":3}", "{\"severity\":3,\"kind\":\"server\",\"level\":\"error\"}"},
        {"{\"level\":null,\"severity\":3}", "{\"level\":null,\"severity\":3,\"kind\":\"server\"}"},
        {"{\"name\":1,\"value\":2,\"kind\":null}", "{\"name\":1,\"value\":2,\"kind\":null}"},
        {"{\"name\":1,\"value\":2}", "{\"name\":1,\"value\":2,\"kind\":\"metric\"}"},
        {"{\"level.x\":1,\"lvl\":\"info\"}",
         "{\"level.x\":1,\"lvl\":\"info\",\"kind\":\"server\"}"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_string_equal(record_json(x, false, ""), rows[i].json);
    }
    fixture_free(x);
}

static void enriched_kind_and_level_make_no_duplicates(void **state)
{
    struct sl_property p[] = {{.name = "kind", .value = "metric"},
                              {.name = "level", .value = "debug"}};
    const struct sl_properties enrich = {p, 2};
    struct fixture *x = fixture_new(&enrich, NULL);

    (void)state;
    decode(x, "{}");
    assert_string_equal(record_json(x, false, ""), "{\"kind\":\"metric\",\"level\":\"debug\"}");
    assert_int_equal(x->record.kind, SL_KIND_METRIC);
    assert_int_equal(x->record.level, SL_LEVEL_DEBUG);
    decode(x, "{\"lvl\":\"error\"}");
    assert_string_equal(record_json(x, false, ""),
                        "{\"lvl\":\"error\",\"level\":\"error\",\"kind\":\"metric\"}");
    fixture_free(x);
}

static void wrong_enrichment_is_refused(void **state)
{
    struct sl_property wrong[][2] = {
        {{.name = "a", .value = ""}, {.name = "a.b", .value = ""}},
        {{.name = "a.b", .value = ""}, {.name = "a", .value = ""}},
        {{.name = "a", .value = ""}, {.name = "a", .value = ""}},
        {{.name = "a", .value = ""}, {.name = "@topic", .value = ""}},
        {{.name = "a", .value = ""}, {.name = "b..c", .value = ""}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct sl_properties enrich = {wrong[i], 2};
        struct sl_fields *fields = sl_fields_new();
        struct sl_decoder_config config = {.fields = fields, .enrich = &enrich};
        struct sl_error err = {0};

        assert_null(sl_decoder_new(&config, &err));
        assert_true(err.code != 0 && err.text[0]);
        sl_fields_free(fields);
    }
}

static void a_failed_record_leaves_nothing_to_the_next(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (int i = 0; i < 1000; i++) {
        decode(x, "{\"level\":\"warn\",\"name\":1,\"value\":2,\"level\":1}");
        assert_string_equal(x->record.parse_error, "a duplicate key");
        assert_int_equal(x->record.level, SL_LEVEL_NONE);
        decode(x, i % 2 ? "{}" : "{\"level\":\"warn\"}");
        assert_null(x->record.parse_error);
        assert_int_equal(x->record.level, i % 2 ? SL_LEVEL_NONE : SL_LEVEL_WARN);
        assert_int_equal(x->record.kind, SL_KIND_SERVER);
    }
    fixture_free(x);
}

/* A stamp marks what was found in a record; after 2^32 records the old marks must not count again.
 */
static void stamps_wrap_around(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    decode(x, "{\"level\":\"warn\"}"); /* marked with the first stamps */
    x->decoder->scan.stamp = UINT32_MAX - 3;
    for (int i = 0; i < 10; i++) {
        decode(x, "{}");
        assert_int_equal(x->record.level, SL_LEVEL_NONE);
        assert_null(field_text(x, "level"));
    }
    decode(x, "{\"level\":\"warn\"}");
    assert_null(x->record.parse_error);
    assert_int_equal(x->record.level, SL_LEVEL_WARN);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_json_text_or_neither),
        cmocka_unit_test(at_names_tell_of_the_message),
        cmocka_unit_test(kind_by_field_then_by_shape),
        cmocka_unit_test(levels_in_usual_spellings),
        cmocka_unit_test(the_timestamp_is_the_first_good_one),
        cmocka_unit_test(a_time_without_offset_is_of_the_zone),
        cmocka_unit_test(enrichment_only_where_nothing_of_it_exists),
        cmocka_unit_test(rules_see_what_enrichment_adds),
        cmocka_unit_test(kind_and_level_are_written_where_absent),
        cmocka_unit_test(enriched_kind_and_level_make_no_duplicates),
        cmocka_unit_test(wrong_enrichment_is_refused),
        cmocka_unit_test(stamps_wrap_around),
        cmocka_unit_test(a_failed_record_leaves_nothing_to_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
