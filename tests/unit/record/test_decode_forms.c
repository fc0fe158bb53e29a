/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "record/decode.h"

/* Forms and wrappers as the decoder joins them; what each finds in a line is its own test's. */

#define CWL(events)                                                                                \
    "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\","    \
    "\"subscriptionFilters\":[\"f\"],\"logEvents\":[" events "]}"

/* Fields are found where they were asked for beforehand. */
static struct fixture *asking(struct fixture *x)
{
    static const char *const names[] = {
        "a",   "b",      "app", "host",      "log_group", "msg",
        "pid", "stream", "x",   "wrapper.0", "wrapper.1", "structured_data.x@1.y"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        field_id(x, names[i]);
    return x;
}

static struct fixture *with_rules(const struct sl_decode_rule *rules, size_t n)
{
    return asking(fixture_of((struct sl_decoder_config){.decode = rules, .n_decode = n}));
}

/* The record as JSON up to its kind, which is tested elsewhere. */
static const char *cut_json(struct fixture *x)
{
    char *json = (char *)record_json(x, false, ""), *kind = strstr(json, ",\"kind\":\"");

    if (kind)
        *kind = '\0';
    return json;
}

/* Lines of well-known programs that look like what they are not. */
static void auto_takes_no_line_for_another(void **state)
{
    static const struct {
        const char *value, *json;
    } rows[] = {
        {"Jan 31, 2026 12:34:56 PM hudson.WebAppMain$3 run", ""},
        {"2026-01-31 12:34:56 Alert created for user 5", ""},
        {"2026-01-31 12:34:56 success rate 7", ""},
        {"May the force be with you, always, friend", ""},
        {"Dec 12 2026 report of something", ""},
        {"https://example.com/?a=b&c=d", ""},
        {"Error: something went wrong", ""},
        {"2 123456789010 eni-1235 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1 2 ACCEPT OK", ""},
        {"10.0.0.1:33317 [31/Jan/2026:12:34:55.655] http-in static/srv1 10/0/30/69/109 200 2750",
         ""},
        {"2026-01-31T12:34:56.789Z my-elb 192.0.2.7:2817 10.0.0.1:80 0.1 0.2 0.3 200 200 0 29", ""},
        {"[2026-01-31 12:34:56] production.ERROR: Undefined variable", ""},
        {"2026-01-31 12:34:56,789 INFO [Producer clientId=p, transactionalId=t] Closing",
         ",\"level\":\"INFO\",\"msg\":\"[Producer "
         "clientId=p, transactionalId=t] Closing\",\"@timestamp\":\"2026-01-31T12:34:56.789Z\""},
        {"a=1 a.b=2", ",\"a\":\"1\""},
        {"2026-01-31 12:34:56.789 UTC [77] LOG:  checkpoint starting: time", ""},
        {"2026/01/31 12:34:56 http: TLS handshake error", ""},
        {"2026-01-31 note to self", ""},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char want[512];

        snprintf(want, sizeof(want), "{\"message\":\"%s\"%s", rows[i].value, rows[i].json);
        decode(x, rows[i].value);
        assert_null(x->record.parse_error);
        assert_string_equal(cut_json(x), want);
    }
    fixture_free(x);
}

static void auto_knows_each_form(void **state)
{
    static const struct {
        const char *value, *json;
        enum sl_form form;
    } rows[] = {
        {"{\"a\":1}", "{\"a\":1", SL_FORM_OBJECT},
        {"{\"log\":\"x\",\"stream\":\"y\"}", "{\"log\":\"x\",\"stream\":\"y\"", SL_FORM_OBJECT},
        {"{\"log\":\"x\",\"stream\":\"y\",\"time\":\"z\",\"more\":1}",
         "{\"log\":\"x\",\"stream\":\"y\",\"time\":\"z\",\"more\":1", SL_FORM_OBJECT},
        {"just text", "{\"message\":\"just text\"", SL_FORM_TEXT},
        {"level=warn msg=\"a b\" n=1",
         "{\"message\":\"level=warn msg=\\\"a b\\\" n=1\",\"level\":\"warn\",\"msg\":\"a b\","
         "\"n\":\"1\"",
         SL_FORM_TEXT},
        {"2026-01-31T10:00:00Z stdout F hello", "{\"message\":\"hello\",", SL_FORM_TEXT},
        {"2026-01-31T10:00:00Z stdout F {\"x\":1}", "{\"x\":1,", SL_FORM_OBJECT},
        {"2026-01-31T10:00:00Z stdout F level=info a=b", "{\"message\":\"level=info a=b\",",
         SL_FORM_TEXT},
        {"{\"log\":\"hello\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-31T10:00:00Z\"}",
         "{\"message\":\"hello", SL_FORM_TEXT},
        {"{\"log\":\"{\\\"x\\\":1}\\n\",\"stream\":\"stderr\",\"time\":\"2026-01-31T10:00:00Z\"}",
         "{\"x\":1,", SL_FORM_OBJECT},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_int_equal(x->record.form, rows[i].form);
        assert_null(x->record.parse_error);
        assert_memory_equal(cut_json(x), rows[i].json, strlen(rows[i].json));
        assert_false(x->record.many);
    }
    fixture_free(x);
}

static void rules_see_members(void **state)
{
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    decode(x, "<34>1 2026-01-31T09:14:15.003Z host app 12 ID47 [x@1 y=\"z\"] hello");
    assert_string_equal(field_text(x, "app"), "app");
    assert_string_equal(field_text(x, "pid"), "12");
    assert_int_equal(field_type(x, "pid"), SL_VALUE_NUMBER);
    assert_string_equal(field_text(x, "structured_data.x@1.y"), "z");
    assert_string_equal(field_text(x, "level"), "fatal");
    assert_string_equal(field_text(x, "@timestamp"), "2026-01-31T09:14:15.003Z");
    decode(x, "{}");
    assert_null(field_text(x, "app"));
    assert_null(field_text(x, "structured_data.x@1.y"));
    fixture_free(x);
}

static void an_object_inside_a_line_is_the_record(void **state)
{
#define HEAD "<34>1 2026-01-31T09:14:15.003Z host app 12 ID47 - "
    static const struct {
        const char *value, *body, *wrapper;
    } rows[] = {
        {HEAD "{\"a\":1}", "{\"a\":1}", HEAD},
        {HEAD "{\"a\":1}\n", "{\"a\":1}", HEAD "\n"},
        {HEAD "{\"a\":1,\"app\":\"own\"}", "{\"a\":1,\"app\":\"own\"}", HEAD},
        {HEAD "{\"a\":1} more", NULL, NULL},
        {HEAD "{\"a\":1", NULL, NULL},
        {HEAD "{\"wrapper\":1}", NULL, NULL},
        {HEAD "{\"wrapper.x\":1}", NULL, NULL},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_string_equal(field_text(x, "host"), "host");
        if (rows[i].body) {
            assert_int_equal(x->record.form, SL_FORM_OBJECT);
            assert_memory_equal(record_json(x, false, ""), rows[i].body, strlen(rows[i].body) - 1);
            assert_string_equal(field_text(x, "wrapper"), rows[i].wrapper);
            assert_null(field_text(x, "msg"));
        } else {
            assert_int_equal(x->record.form, SL_FORM_TEXT);
            assert_string_equal(field_text(x, "message"), rows[i].value);
            assert_string_equal(field_text(x, "msg"), strchr(rows[i].value, '{'));
        }
        assert_null(x->record.parse_error);
        assert_true(sl_slice_is(x->record.raw, rows[i].value));
    }
    decode(x, HEAD "{\"a\":1,\"app\":\"own\"}");
    assert_string_equal(field_text(x, "app"), "own"); /* nothing is overwritten */
    fixture_free(x);
}

static void a_wrapper_says_what_it_could_not_add(void **state)
{
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    decode(x, "2026-01-31T10:00:00Z stdout F {\"x\":1}");
    assert_null(field_text(x, "wrapper"));
    assert_string_equal(field_text(x, "stream"), "stdout");
    decode(x, "2026-01-31T10:00:00Z stdout F {\"x\":1,\"stream\":\"own\"}");
    assert_string_equal(field_text(x, "wrapper"), "2026-01-31T10:00:00Z stdout F ");
    assert_string_equal(field_text(x, "stream"), "own");
    decode(x, "2026-01-31T10:00:00Z stdout F {\"x\":1,\"stre\\u0061m\":\"own\"}");
    assert_string_equal(field_text(x, "wrapper"), "2026-01-31T10:00:00Z stdout F ");
    assert_string_equal(field_text(x, "stream"), "own");
    decode(x, "2026-01-31T10:00:00Z stdout F {\"x\":1,\"stream.id\":\"own\"}");
    assert_string_equal(field_text(x, "wrapper"), "2026-01-31T10:00:00Z stdout F ");
    assert_null(field_text(x, "stream"));
    /* both need one: the outermost first */
    decode(x, "2026-01-31T10:00:00Z stdout F " HEAD "{\"stream\":\"own\"}");
    assert_string_equal(field_text(x, "wrapper.0"), "2026-01-31T10:00:00Z stdout F ");
    assert_string_equal(field_text(x, "wrapper.1"), HEAD);
    assert_string_equal(field_text(x, "host"), "host");
    fixture_free(x);
}

static void each_of_many_in_any_order(void **state)
{
    static const char value[] = CWL(
        "{\"id\":\"1\",\"timestamp\":1769862890000,\"message\":\"plain\"},"
        "{\"id\":\"2\",\"timestamp\":1769862890001,\"message\":\"{\\\"level\\\":\\\"warn\\\"}\"},"
        "{\"id\":\"3\",\"timestamp\":1769862890002,\"message\":\"level=error a=b\"}");
    static const int order[] = {2, 0, 0, 1, 2, 1};
    static const char *const begins[] = {"{\"message\":\"plain\",", "{\"level\":\"warn\",",
                                         "{\"message\":\"level=error a=b\","};
    static const enum sl_level levels[] = {SL_LEVEL_NONE, SL_LEVEL_WARN, SL_LEVEL_ERROR};
    struct fixture *x = asking(fixture_new(NULL, NULL));
    char ids[3][SL_RECORD_ID_MAX];
    size_t id_n[3];

    (void)state;
    x->message.value = SL_SLICE_LITERAL(value);
    assert_int_equal(sl_decode_open(x->decoder, &x->message), 3);
    for (size_t k = 0; k < sizeof(order) / sizeof(order[0]); k++) {
        const int i = order[k];
        const struct sl_record *r = &x->record;

        sl_decode_at(x->decoder, (size_t)i, &x->record);
        assert_memory_equal(record_json(x, false, ""), begins[i], strlen(begins[i]));
        assert_int_equal(r->sub, i);
        assert_true(r->many);
        assert_int_equal(r->level, levels[i]);
        assert_int_equal(r->time_ns, 1769862890000000000 + i * 1000000);
        assert_int_equal(r->value_crc, x->decoder->value_crc);
        assert_string_equal(field_text(x, "log_group"), "g");
        assert_true(r->raw.n < 80 && r->raw.p > value && r->raw.p < value + sizeof(value));
        id_n[i] = sl_record_id(r, ids[i]);
        assert_int_equal(id_n[i], 32);
    }
    assert_memory_not_equal(ids[0], ids[1], 32);
    sl_decode(x->decoder, &x->message, &x->record);
    assert_int_equal(x->record.sub, 0);
    decode(x, "{}");
    assert_false(x->record.many);
    fixture_free(x);
}

static void a_control_message_holds_nothing(void **state)
{
    struct fixture *x = asking(fixture_new(NULL, NULL));
    static const char value[] =
        "{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"o\",\"logGroup\":\"\",\"logStream\":"
        "\"\",\"subscriptionFilters\":[],\"logEvents\":[{\"id\":\"\",\"timestamp\":1,\"message\":"
        "\"CWL CONTROL MESSAGE: Checking health of destination Firehose.\"}]}";

    (void)state;
    x->message.value = SL_SLICE_LITERAL(value);
    assert_int_equal(sl_decode_open(x->decoder, &x->message), 0);
    assert_non_null(sl_decode_nothing(x->decoder));
    decode(x, value);
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    assert_string_equal(field_text(x, "message"), value);
    decode(x, "{}");
    assert_null(sl_decode_nothing(x->decoder));
    fixture_free(x);
}

static void a_named_form_says_what_is_wrong(void **state)
{
    static const struct {
        enum sl_decode_form form;
        const char *value;
    } rows[] = {
        {SL_DECODE_COMBINED, "no access log"},
        {SL_DECODE_SYSLOG, "no syslog"},
        {SL_DECODE_KLOG, "no klog"},
        {SL_DECODE_NGINX_ERROR, "no"},
        {SL_DECODE_JAVA, "x"},
        {SL_DECODE_PYTHON, "x"},
        {SL_DECODE_COMMON, "{\"a\":1}"},
        {SL_DECODE_CRI, "no cri"},
        {SL_DECODE_DOCKER, "{\"a\":1}"},
        {SL_DECODE_CLOUDWATCH, "{\"a\":1}"},
        {SL_DECODE_OTLP_JSON, "{\"a\":1}"},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        x->topic.decode = rows[i].form;
        decode(x, rows[i].value);
        assert_int_equal(x->record.form, SL_FORM_TEXT);
        assert_non_null(x->record.parse_error);
        assert_string_equal(field_text(x, "message"), rows[i].value);
        assert_string_equal(field_text(x, "@parse_error"), x->record.parse_error);
        assert_int_equal(x->record.added.n, strlen(",\"kind\":\"server\""));
    }
    fixture_free(x);
}

static void what_stood_around_gives_way_to_what_it_says(void **state)
{
    static const struct {
        const char *value, *time;
        enum sl_level level;
    } rows[] = {
        {"2026-01-31T10:00:00Z stdout F {\"time\":\"2026-01-31T09:00:00Z\"}",
         "2026-01-31T09:00:00.000Z", SL_LEVEL_NONE},
        {"2026-01-31T10:00:00Z stdout F {\"time\":\"never\"}", "2026-01-31T10:00:00.000Z",
         SL_LEVEL_NONE},
        {HEAD "{\"severity\":\"info\"}", "2026-01-31T09:14:15.003Z", SL_LEVEL_INFO},
        {HEAD "{\"lvl\":\"info\",\"ts\":1769862896}", "2026-01-31T12:34:56.000Z", SL_LEVEL_INFO},
        {HEAD "{}", "2026-01-31T09:14:15.003Z", SL_LEVEL_FATAL},
        {"2026-01-31T10:00:00Z stdout F " HEAD "x", "2026-01-31T09:14:15.003Z", SL_LEVEL_FATAL},
        /* times that cannot be */
        {"2036-01-31T10:00:00Z stdout F x", "2026-01-31T12:34:57.000Z", SL_LEVEL_NONE},
        {"1996-01-31T10:00:00Z stdout F x", "2026-01-31T12:34:57.000Z", SL_LEVEL_NONE},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        decode(x, rows[i].value);
        assert_string_equal(field_text(x, "@timestamp"), rows[i].time);
        assert_int_equal(x->record.level, rows[i].level);
    }
    fixture_free(x);
}

/* What the index and the archive say of a record's time is the same, and only where the record does
 * not say it itself. */
static void a_time_that_was_found_is_a_member(void **state)
{
    static const struct {
        const char *value, *json;
    } rows[] = {
        {"I0131 10:00:00.000000001 7 a.go:1] x",
         "\"@timestamp\":\"2026-01-31T10:00:00.000000001Z\""},
        {HEAD "{\"a\":1}", "\"@timestamp\":\"2026-01-31T09:14:15.003Z\""},
        {"2026-01-31T10:00:00Z stdout F x", "\"@timestamp\":\"2026-01-31T10:00:00.000Z\""},
        {"2026-01-31T10:00:00Z stdout F {}", "\"@timestamp\":\"2026-01-31T10:00:00.000Z\""},
        {"ts=2026-01-31T11:00:00+01:00 a=b", "\"@timestamp\":\"2026-01-31T10:00:00.000Z\""},
        /* its own */
        {HEAD "{\"@timestamp\":\"2026-01-31T09:00:00Z\"}",
         "\"@timestamp\":\"2026-01-31T09:00:00Z\""},
        {HEAD "{\"@timestamp\":\"never\"}", "\"@timestamp\":\"never\""},
        {HEAD "{\"@timestamp\":{\"x\":1}}", "\"@timestamp\":{\"x\":1}"},
        {HEAD "{\"ts\":1769862896}", NULL},
        /* Kafka's */
        {"I0331 10:00:00.5 7 a.go:1] x", NULL},
        {"WARNING:root:Watch out!", NULL},
        {"{\"a\":1}", NULL},
    };
    struct fixture *x = asking(fixture_new(NULL, NULL));
    struct sl_buf json;

    (void)state;
    sl_buf_init(&json, 1 << 20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned index = 0; index < 2; index++) {
            const char *found;

            decode(x, rows[i].value);
            sl_buf_clear(&json);
            sl_record_json(&x->record, index, sl_slice("", 0), &json, NULL);
            found = strstr(sl_buf_str(&json), "\"@timestamp\":");
            if (!index && !rows[i].json)
                assert_null(found);
            else if (!found || strstr(found + 1, "\"@timestamp\":") ||
                     (rows[i].json && strncmp(found, rows[i].json, strlen(rows[i].json)) != 0))
                fail_msg("%s: %s", rows[i].value, sl_buf_str(&json));
            assert_null(strstr(sl_buf_str(&json), "\"time\":"));
        }
    sl_buf_release(&json);
    fixture_free(x);
}

static void patterns_of_the_operator(void **state)
{
    static const char *first[] = {"^(?<time>\\S+) (?<level>[A-Z]+) (?<msg>.*)$",
                                  "^(?<a>\\d+)(?:-(?<b>\\d+))?$"};
    static const char *around[] = {"^(?<msg>\\{.*\\}) tail$", "(?s)^(?<a>.*?) (?<msg>\\{.*)"};
    static const char *message[] = {"^<(?<a>\\d+)> (?<message>.*)$"};
    static const char *slow[] = {"^(?<a>(x+x+)+)[yz]", "(?<b>.)"};
    const struct sl_decode_rule rules[] = {
        {.form = SL_DECODE_TEXT, .patterns = {first, 2}},
        {.form = SL_DECODE_TEXT, .patterns = {slow, 2}},
        {.form = SL_DECODE_TEXT},
        {.form = SL_DECODE_TEXT, .patterns = {around, 2}},
        {.form = SL_DECODE_TEXT, .patterns = {message, 1}},
    };
    struct fixture *x = with_rules(rules, 5);
    struct sl_buf long_text = {.max = 4096};

    (void)state;
    x->topic.decode = SL_DECODE_TEXT;
    x->topic.rule = 1;
    x->topic.rule = 5; /* the whole text is `message` */
    decode(x, "<7> its own words");
    assert_string_equal(field_text(x, "msg"), "its own words");
    x->topic.rule = 1;
    decode(x, "31/Jan/2026:10:00:00+0000 WARN it \"is\"");
    assert_string_equal(field_text(x, "msg"), "it \"is\"");
    assert_int_equal(x->record.level, SL_LEVEL_WARN);
    assert_null(x->record.parse_error);
    decode(x, "2026-01-31T10:00:00Z WARN it");
    assert_string_equal(field_text(x, "@timestamp"), "2026-01-31T10:00:00.000Z");
    assert_null(field_text(x, "time")); /* it is the record's */
    decode(x, "2026-01-31T10:00:00Z WARN {\"x\":1}");
    assert_int_equal(x->record.form, SL_FORM_OBJECT);
    assert_string_equal(field_text(x, "wrapper"), "2026-01-31T10:00:00Z WARN ");
    assert_int_equal(x->record.level, SL_LEVEL_WARN);
    decode(x, "17");
    assert_string_equal(cut_json(x), "{\"message\":\"17\",\"a\":\"17\"");
    decode(x, "17-4");
    assert_string_equal(cut_json(x), "{\"message\":\"17-4\",\"a\":\"17\",\"b\":\"4\"");
    decode(x, "{\"x\":1}");
    assert_string_equal(x->record.parse_error, "no pattern matches");
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    x->topic.rule = 2;
    for (int i = 0; i < 600; i++)
        sl_buf_byte(&long_text, 'x');
    decode(x, sl_buf_str(&long_text));
    assert_string_equal(x->record.parse_error, "pattern: limit");
    assert_null(field_text(x, "b"));
    decode(x, "xxxy");
    assert_string_equal(field_text(x, "a"), "xxx");
    x->topic.rule = 3;
    decode(x, "level=warn a=b");
    assert_null(x->record.parse_error);
    assert_string_equal(cut_json(x), "{\"message\":\"level=warn a=b\"");
    x->topic.rule = 4; /* what stood around is not all before the object, or holds line breaks */
    decode(x, "{\"x\":1} tail");
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    assert_string_equal(field_text(x, "msg"), "{\"x\":1}");
    decode(x, "one\ntwo {\"x\":1}");
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    decode(x, "one\xff {\"x\":1}");
    assert_int_equal(x->record.form, SL_FORM_TEXT);
    decode(x, "one {\"x\":1}\r\n");
    assert_int_equal(x->record.form, SL_FORM_OBJECT);
    assert_string_equal(field_text(x, "wrapper"), "one \r\n");
    sl_buf_release(&long_text);
    fixture_free(x);
}

static void a_topic_gives_a_kind_to_what_has_none(void **state)
{
    const struct sl_decode_rule rules[] = {{.kind = SL_DECODE_KIND_METRIC},
                                           {.kind = SL_DECODE_KIND_SERVER}};
    struct fixture *x = with_rules(rules, 2);

    (void)state;
    x->topic.rule = 1;
    assert_int_equal(decode(x, "text")->kind, SL_KIND_METRIC);
    assert_int_equal(decode(x, "{\"kind\":\"server\"}")->kind, SL_KIND_SERVER);
    assert_int_equal(decode(x, "{\"kind\":\"other\"}")->kind, SL_KIND_METRIC);
    x->topic.rule = 2;
    assert_int_equal(decode(x, "{\"name\":1,\"value\":2}")->kind, SL_KIND_SERVER);
    assert_int_equal(decode(x, "{\"kind\":\"metric\"}")->kind, SL_KIND_METRIC);
    x->topic.rule = 3; /* of another configuration than the decoder's */
    assert_int_equal(decode(x, "{\"name\":1,\"value\":2}")->kind, SL_KIND_METRIC);
    fixture_free(x);
}

/* What a form makes of a line never gives an object one name twice. */
static void names_of_our_own_are_left_to_us(void **state)
{
    struct sl_property p[] = {{.name = "service", .value = "s"}};
    const struct sl_properties enrich = {p, 1};
    struct fixture *x = fixture_new(&enrich, NULL);

    (void)state;
    x->topic.decode = SL_DECODE_LOGFMT;
    decode(x, "msg=a message=b message.x=c message_base64=d service=own kind=metric");
    assert_string_equal(record_json(x, true, ""),
                        "{\"message\":\"msg=a message=b message.x=c message_base64=d service=own "
                        "kind=metric\",\"@timestamp\":\"2026-01-31T12:34:57.000Z\",\"msg\":\"a\","
                        "\"service\":\"own\",\"kind\":\"metric\"}");
    assert_int_equal(x->record.kind, SL_KIND_METRIC);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(auto_takes_no_line_for_another),
        cmocka_unit_test(auto_knows_each_form),
        cmocka_unit_test(rules_see_members),
        cmocka_unit_test(an_object_inside_a_line_is_the_record),
        cmocka_unit_test(a_wrapper_says_what_it_could_not_add),
        cmocka_unit_test(each_of_many_in_any_order),
        cmocka_unit_test(a_control_message_holds_nothing),
        cmocka_unit_test(a_named_form_says_what_is_wrong),
        cmocka_unit_test(what_stood_around_gives_way_to_what_it_says),
        cmocka_unit_test(a_time_that_was_found_is_a_member),
        cmocka_unit_test(patterns_of_the_operator),
        cmocka_unit_test(a_topic_gives_a_kind_to_what_has_none),
        cmocka_unit_test(names_of_our_own_are_left_to_us),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
