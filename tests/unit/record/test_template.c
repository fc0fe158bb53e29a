/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

/* The template rendered over a record; until the next call. */
static const char *render(struct fixture *x, enum sl_template_use use, const char *text,
                          const char *value)
{
    struct sl_error err = {0};
    struct sl_template *t = sl_template_new(text, use, x->fields, &err);

    if (!t)
        fail_msg("%s: %s", text, err.text);
    decode(x, value);
    sl_buf_clear(&x->out);
    sl_template_render(t, &x->record, &x->out);
    sl_template_free(t);
    return sl_buf_str(&x->out);
}

struct object_key {
    const char *text, *value, *key;
};

static void assert_keys(const struct object_key *rows, size_t n)
{
    struct fixture *x = fixture_new(NULL, NULL);

    for (size_t i = 0; i < n; i++)
        assert_string_equal(render(x, SL_TEMPLATE_OBJECT_KEY, rows[i].text, rows[i].value),
                            rows[i].key);
    fixture_free(x);
}

static void parts_of_a_template(void **state)
{
    static const char value[] = "{\"a\":\"A\\n\\u00e9\",\"n\":1.50,\"t\":true,\"e\":\"\",\"z\":"
                                "null,\"o\":{\"x\":1},\"l\":[1],\"d.e\":2}";
    static const struct {
        const char *text, *result;
    } rows[] = {
        {"", ""},
        {"plain", "plain"},
        {"{a}", "A\n\xc3\xa9"},
        {"<{n}|{t}>", "<1.50|true>"},
        {"{d.e}", "2"},
        {"{o.x}{l.0}", "11"},
        {"{{a}}", "{a}"},
        {"{{{n}}}", "{1.50}"},
        {"{missing}", "none"},
        {"{missing|other}", "other"},
        {"{missing|}", ""},
        {"{e|d}{z|d}{o|d}{l|d}", "dddd"},
        {"{n|other}", "1.50"},
        {"{@topic}/{@partition}/{@offset}/{@kind}/{@level}/{@key|-}", "logs/3/42/server/none/-"},
        {"{@timestamp}", "2026-01-31T12:34:57.000Z"},
        {"{@timestamp:%Y.%m.%d}", "2026.01.31"},
        {"{@timestamp:%%|%H}", "%|12"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(render(x, SL_TEMPLATE_PLAIN, rows[i].text, value), rows[i].result);
    /* A default is literal text: in JSON it is escaped where it is written. */
    assert_string_equal(render(x, SL_TEMPLATE_JSON, "\"{a}\" {n} {q|\\\"}", value),
                        "\"A\\n\xc3\xa9\" 1.50 \\\"");
    fixture_free(x);
}

static void errors_have_columns(void **state)
{
    static const struct {
        const char *text;
        unsigned column;
    } rows[] = {
        {"ab{c", 3},
        {"ab}c", 3},
        {"{a{b}}", 1},
        {"{}", 2},
        {"x{a..b}", 3},
        {"x{@nope}", 3},
        {"{@timestamp:%Q}", 13},
        {"{@timestamp:%Y-%}", 16},
        {"{@timestamp:}", 13},
        {"{a}{|x}", 5},
        {"{{}", 3},
        {"{", 1},
    };
    struct sl_fields *f = sl_fields_new();

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sl_error err = {0};

        assert_null(sl_template_new(rows[i].text, SL_TEMPLATE_PLAIN, f, &err));
        assert_true(err.code != 0 && err.text[0]);
        if (err.column != rows[i].column)
            fail_msg("%s: column %u", rows[i].text, err.column);
        assert_null(sl_template_new(rows[i].text, SL_TEMPLATE_PLAIN, f, NULL));
    }
    sl_fields_free(f);
}

static void a_time_follows_the_record(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    struct sl_template *t = sl_template_new("{@timestamp:%H}-{@timestamp:%Y-%m-%d}",
                                            SL_TEMPLATE_PLAIN, x->fields, NULL);
    static const char *const values[][2] = {
        {"{\"ts\":\"2026-01-30T00:00:00Z\"}", "00-2026-01-30"},
        {"{\"ts\":\"2026-01-30T00:59:59.9Z\"}", "00-2026-01-30"},
        {"{\"ts\":\"2026-01-30T01:00:00Z\"}", "01-2026-01-30"},
        {"{\"ts\":\"2026-01-29T23:59:59Z\"}", "23-2026-01-29"},
        {"{\"ts\":\"2026-01-30T23:59:59Z\"}", "23-2026-01-30"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        decode(x, values[i][0]);
        sl_buf_clear(&x->out);
        sl_template_render(t, &x->record, &x->out);
        assert_string_equal(sl_buf_str(&x->out), values[i][1]);
    }
    sl_template_free(t);
    fixture_free(x);
}

static void rendering_appends(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    static const enum sl_template_use uses[] = {SL_TEMPLATE_PLAIN, SL_TEMPLATE_INDEX,
                                                SL_TEMPLATE_DATA_STREAM, SL_TEMPLATE_OBJECT_KEY,
                                                SL_TEMPLATE_JSON};

    (void)state;
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        struct sl_template *t = sl_template_new("{a}", uses[i], x->fields, NULL);

        decode(x, "{\"a\":\"b\"}");
        sl_buf_clear(&x->out);
        SL_BUF_LITERAL(&x->out, "_A-/..");
        sl_template_render(t, &x->record, &x->out);
        assert_string_equal(sl_buf_str(&x->out), "_A-/..b");
        sl_template_free(t);
    }
    fixture_free(x);
}

static void names_of_indexes(void **state)
{
    static const struct {
        enum sl_template_use use;
        const char *text, *value, *name;
    } rows[] = {
        {SL_TEMPLATE_INDEX, "sluice-{s|other}-{@timestamp:%Y.%m.%d}", "{\"s\":\"Tile-Server\"}",
         "sluice-tile-server-2026.01.31"},
        {SL_TEMPLATE_INDEX, "sluice-{s|other}", "{}", "sluice-other"},
        {SL_TEMPLATE_INDEX, "Logs-{@timestamp:%b}", "{}", "logs-jan"},
        {SL_TEMPLATE_INDEX, "{s}", "{\"s\":\"\xc3\x89t\xc3\xa9\"}", "t_"},
        {SL_TEMPLATE_DATA_STREAM, "{s|generic}", "{\"s\":\"My-App\"}", "my_app"},
        {SL_TEMPLATE_DATA_STREAM, "{s|generic}", "{}", "generic"},
        {SL_TEMPLATE_DATA_STREAM, "{s}", "{\"s\":-5}", "_5"},
        {SL_TEMPLATE_DATA_STREAM, "{s}", "{\"s\":\"_x\"}", "_x"},
        {SL_TEMPLATE_DATA_STREAM, "{s}", "{\"s\":\"..\"}", "none"},
    };
    struct fixture *x = fixture_new(NULL, NULL);
    char *large = sl_asprintf("{\"s\":\"%0300d\"}", 7);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(render(x, rows[i].use, rows[i].text, rows[i].value), rows[i].name);
    assert_int_equal(strlen(render(x, SL_TEMPLATE_INDEX, "{s}-{s}-{s}", large)), 255);
    assert_int_equal(strlen(render(x, SL_TEMPLATE_INDEX, "{s}", large)), SL_TEMPLATE_VALUE_MAX);
    assert_int_equal(strlen(render(x, SL_TEMPLATE_DATA_STREAM, "{s}", large)), 100);
    free(large);
    fixture_free(x);
}

static void keys_of_objects(void **state)
{
    static const struct object_key rows[] = {
        {"kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}", "{}",
         "kind=server/dt=2026-01-31/hour=12"},
        {"a b/{s}", "{\"s\":\"x y/z\"}", "a b/x%20y%2Fz"},
        {"s={s}/x", "{}", "s=__HIVE_DEFAULT_PARTITION__/x"},
        {"p/s={s}", "{\"s\":null}", "p/s=__HIVE_DEFAULT_PARTITION__"},
        {"s={s|other}", "{}", "s=other"},
        {"s={s}", "{\"s\":\"a=b\"}", "s=a=b"},
        {"s/{s}", "{}", "s/none"},
        {"={s}", "{}", "=none"},
        {"{@timestamp:%Y/%m}/x", "{}", "2026/01/x"},
        {"{s}", "{\"s\":\"\xc3\xa9\"}", "%C3%A9"},
    };

    (void)state;
    assert_keys(rows, sizeof(rows) / sizeof(rows[0]));
}

/* ---- the rows of the bad-input matrix ---- */

static void c18_a_value_never_leaves_its_prefix(void **state)
{
    static const struct object_key rows[] = {
        {"p/{s}/{t}", "{\"s\":\"../../x\",\"t\":\"/\"}", "p/..%2F..%2Fx/%2F"},
        {"p/{s}/{t}", "{\"s\":\"..\",\"t\":\".\"}", "p/%2E%2E/%2E"},
        {"p/{s}{t}/x", "{\"s\":\".\",\"t\":\".\"}", "p/%2E%2E/x"},
        {"p/.{s}", "{\"s\":\".\"}", "p/%2E%2E"},
        {"{s}", "{\"s\":\"..\"}", "%2E%2E"},
        {"p/{s}", "{\"s\":\"%2e%2e\"}", "p/%252e%252e"},
        {"p/{s}", "{\"s\":\"a\\\\b\\u0000\\r\\n\"}", "p/a%5Cb%00%0D%0A"},
        {"p/{s}", "{\"s\":\"...\"}", "p/..."},
        {"p/x={s}", "{\"s\":\"..\"}", "p/x=.."},
    };

    (void)state;
    assert_keys(rows, sizeof(rows) / sizeof(rows[0]));
}

static void c19_a_value_as_index_is_made_fit(void **state)
{
    static const struct {
        const char *value, *name;
    } rows[] = {
        {"_all", "all"},
        {"-x", "x"},
        {"+x", "x"},
        {"UPPER", "upper"},
        {"a,b*c?", "a_b_c_"},
        {"a/b\\\\c", "a_b_c"},
        {"<a|b>", "a_b_"},
        {"a b#c:d", "a_b_c_d"},
        {".", "none"},
        {"..", "none"},
        {".security", "security"},
        {"_-+.", "none"},
        {"\\u0000x", "x"},
        {"a\\\"b", "a_b"},
        {"a\\nb", "a_b"},
    };
    struct fixture *x = fixture_new(NULL, NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *value = sl_asprintf("{\"s\":\"%s\"}", rows[i].value);

        assert_string_equal(render(x, SL_TEMPLATE_INDEX, "{s}", value), rows[i].name);
        free(value);
    }
    assert_string_equal(render(x, SL_TEMPLATE_INDEX, "l-{s}", "{\"s\":\"-_+.\"}"), "l--_+.");
    fixture_free(x);
}

static void c20_missing_object_and_huge_values_in_templates(void **state)
{
    struct fixture *x = fixture_new(NULL, NULL);
    size_t n = 1 << 20;
    char *large = sl_alloc(n + 16), *end = large + 6;

    (void)state;
    assert_string_equal(render(x, SL_TEMPLATE_INDEX, "l-{s|d}", "{}"), "l-d");
    assert_string_equal(render(x, SL_TEMPLATE_INDEX, "l-{s|d}", "{\"s\":{\"a\":1}}"), "l-d");
    assert_string_equal(render(x, SL_TEMPLATE_INDEX, "l-{s|d}", "{\"s\":1e400}"), "l-d");
    assert_string_equal(render(x, SL_TEMPLATE_INDEX, "l-{s|d}", "no json"), "l-d");
    memcpy(large, "{\"s\":\"", 6);
    for (size_t i = 0; i < n / 2; i++, end += 2)
        memcpy(end, "\xc3\xa9", 2);
    memcpy(end, "\"}", 3);
    /* 128 bytes are 64 characters, of 6 bytes each when encoded. */
    assert_int_equal(strlen(render(x, SL_TEMPLATE_OBJECT_KEY, "k/{s}", large)), 2 + 64 * 6);
    assert_int_equal(strlen(render(x, SL_TEMPLATE_INDEX, "k{s}", large)), 1 + 64);
    large[6] = 'x'; /* now the 128th byte is the first of a character: that goes as a whole */
    large[7] = 'x';
    large[8] = 'x';
    memmove(large + 9, large + 10, (size_t)(end - large) - 10 + 3);
    assert_int_equal(strlen(render(x, SL_TEMPLATE_OBJECT_KEY, "k/{s}", large)), 2 + 3 + 62 * 6);
    free(large);
    fixture_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_a_template),
        cmocka_unit_test(errors_have_columns),
        cmocka_unit_test(a_time_follows_the_record),
        cmocka_unit_test(rendering_appends),
        cmocka_unit_test(names_of_indexes),
        cmocka_unit_test(keys_of_objects),
        cmocka_unit_test(c18_a_value_never_leaves_its_prefix),
        cmocka_unit_test(c19_a_value_as_index_is_made_fit),
        cmocka_unit_test(c20_missing_object_and_huge_values_in_templates),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
