/* SPDX-License-Identifier: Apache-2.0 */
#include "record/change_help.h"

/* What records look like after changes, byte for byte. */

static void expect_change(struct changing *g, const char *value, const char *const *changes,
                          const char *want)
{
    sl_changer_begin(g->changer);
    decode(g->x, value);
    assert_string_equal(json_of(g, change(g, &g->x->record, changes)), want);
}

#define EXPECT(g, value, want, ...)                                                                \
    expect_change((g), (value), (const char *const[]){__VA_ARGS__, NULL}, (want))

static void test_set(void **state)
{
    struct changing *g = changing_new(NULL);

    (void)state;
    /* Replaced where it stands: order, spaces and the spelling of numbers stay. */
    EXPECT(g, "{\"a\" : 1.50e0 ,\"b\":\"x\", \"c\":[ 1,2 ],\"kind\":1}",
           "{\"a\" : 1.50e0 ,\"b\":true, \"c\":[ 1,2 ],\"kind\":1}", "b=true");
    /* Added where it is not: at the top, or to the deepest object on its way. */
    EXPECT(g, "{\"kind\":1 }", "{\"kind\":1 ,\"a\":\"v\"}", "a=\"v\"");
    EXPECT(g, "{\"kind\":1}", "{\"kind\":1,\"a.b.c\":2}", "a.b.c=2");
    EXPECT(g, "{\"a\":{ },\"kind\":1}", "{\"a\":{ \"b.c\":2},\"kind\":1}", "a.b.c=2");
    EXPECT(g, "{\"a\":{\"b\":{\"x\":0}},\"kind\":1}",
           "{\"a\":{\"b\":{\"x\":0,\"c\":2}},\"kind\":1}", "a.b.c=2");
    EXPECT(g, "{\"a\":{\"b\":5},\"kind\":1}", "{\"a\":{\"b\":5,\"b.c\":2},\"kind\":1}", "a.b.c=2");
    EXPECT(g, "{\"a\":5,\"kind\":1}", "{\"a\":5,\"kind\":1,\"a.b\":2}", "a.b=2");
    EXPECT(g, "{\"a.b\":{},\"a\":{\"b\":{}},\"kind\":1}",
           "{\"a.b\":{\"c\":1},\"a\":{\"b\":{}},\"kind\":1}", "a.b.c=1");
    EXPECT(g, "{\"i\":[{\"x\":1},[2]],\"kind\":1}",
           "{\"i\":[{\"x\":1,\"n\":0},[3]],\"kind\":1,\"i.2\":4,\"i.1.5\":5}", "i.0.n=0", "i.1.0=3",
           "i.2=4", "i.1.5=5");
    /* Many at one place keep the order of the paths. */
    EXPECT(g, "{\"kind\":1,\"o\":{}}", "{\"kind\":1,\"o\":{\"b\":1,\"a\":2},\"z\":3,\"y\":4}",
           "z=3", "o.b=1", "y=4", "o.a=2");
    /* The spelling that a reader sees is replaced, the others go. */
    EXPECT(g, "{\"a\":{\"b\":1},\"a.b\":2,\"kind\":1}", "{\"a\":{},\"a.b\":9,\"kind\":1}", "a.b=9");
    EXPECT(g, "{\"x\":1,\"x\":2,\"x\":3,\"kind\":1}", "{\"x\":9,\"kind\":1}", "x=9");
    EXPECT(g, "{\"us\\u0065r\":{\"i\\u0064\":1},\"kind\":1}",
           "{\"us\\u0065r\":{\"i\\u0064\":\"n\"},\"kind\":1}", "user.id=\"n\"");
    changing_free(g);
}

static void test_remove(void **state)
{
    struct changing *g = changing_new(NULL);

    (void)state;
    EXPECT(g, "{ \"a\" : 1 , \"b\" : 2 , \"kind\":1 }", "{ \"b\" : 2 , \"kind\":1 }", "a");
    EXPECT(g, "{ \"a\" : 1 , \"b\" : 2 , \"kind\":1 }", "{ \"a\" : 1  , \"kind\":1 }", "b");
    EXPECT(g, "{ \"kind\":1 , \"b\" : 2 }", "{ \"kind\":1  }", "b");
    EXPECT(g, "{\"a\":1,\"b\":2,\"kind\":1}", "{\"kind\":1}", "a", "b");
    EXPECT(g, "{\"a\":1,\"kind\":1,\"b\":2}", "{\"kind\":1}", "a", "b");
    EXPECT(g, "{\"a\":1,\"kind\":1,\"b\":2,\"c\":3,\"d\":4}", "{\"kind\":1,\"c\":3}", "b", "a",
           "d");
    EXPECT(g, "{ \"a\" : 1, \"kind\":1 }", "{}", "a", "kind");
    EXPECT(g, "{\"o\":{ \"a\" : 1 , \"a\":2 },\"kind\":1}", "{\"o\":{},\"kind\":1}", "o.a");
    EXPECT(g, "{ \"a\" : 1, \"kind\":1 }", "{\"b\":7}", "a", "kind", "b=7");
    EXPECT(g, "{\"a\":1,\"kind\":1}", "{\"a\":1,\"kind\":1}", "b", "a.x", "kind.y");
    EXPECT(g, "{\"i\":[ 1 , 2,3 ],\"kind\":1}", "{\"i\":[ 2 ],\"kind\":1}", "i.0", "i.2");
    EXPECT(g, "{\"i\":[ 1 ],\"kind\":1}", "{\"i\":[],\"kind\":1}", "i.0");
    /* All spellings, and all of duplicates, also those behind a duplicate of what leads there. */
    EXPECT(g,
           "{\"a.b.c\":1,\"a\":{\"b.c\":2,\"b\":{\"c\":3}},\"a.b\":{\"c\":4},\"a\":{\"b.c\":5},"
           "\"kind\":1}",
           "{\"a\":{\"b\":{}},\"a.b\":{},\"a\":{},\"kind\":1}", "a.b.c");
    EXPECT(g, "{\"a\":{\"b\":1,\"x\":{\"y\":[{\"b\":2}]}},\"kind\":1}",
           "{\"a\":{\"x\":{\"y\":[{\"b\":2}]}},\"kind\":1}", "a.b");
    /* What lies below a path may be spelled beside it. */
    EXPECT(g,
           "{\"a.b.c.d\":1,\"a\":{\"b.c\":2,\"b\":3,\"bc\":4},\"a.b\":5,\"a.b\\u002ec\":{},"
           "\"a.bc\":6,\"a.b\":[7],\"kind\":1}",
           "{\"a\":{\"bc\":4},\"a.bc\":6,\"kind\":1}", "a.b.");
    EXPECT(g, "{\"a.b\":1,\"a.x\":2,\"kind\":1}", "{\"a.b\":1,\"a.x\":2,\"kind\":1}", "a");
    EXPECT(g, "{\"a.b\":1,\"a.x\":2,\"kind\":1}", "{\"a.b\":1,\"a.x\":2,\"kind\":1,\"a\":3}",
           "a=3");
    changing_free(g);
}

static void test_first_change(void **state)
{
    static struct sl_property p[] = {{.name = "service", .value = "s\"1"},
                                     {.name = "cloud.zone", .value = "z"}};
    static const struct sl_properties enrich = {p, 2};
    struct changing *g = changing_new(&enrich);
    const struct sl_record *r;

    (void)state;
    EXPECT(
        g, "{\"severity\":\"WARNING\"}",
        "{\"severity\":\"WARNING\",\"kind\":\"server\",\"level\":\"warn\",\"service\":\"s\\\"1\","
        "\"cloud.zone\":\"z\",\"a\":1}",
        "a=1");
    EXPECT(g, "{}", "{\"kind\":\"server\",\"cloud.zone\":\"Z\"}", "service", "cloud.zone=\"Z\"");
    EXPECT(g, "{\n\"a\":1,\r\n\"b\":2}",
           "{\"b\":2,\"kind\":\"server\",\"service\":\"s\\\"1\",\"cloud.zone\":\"z\"}", "a");
    field_id(g->x, "a");
    decode(g->x, "{\"a\":1,\"time\":\"2026-01-31T00:00:00Z\",\"level\":\"info\"}");
    sl_changer_begin(g->changer);
    r = CHANGE(g, &g->x->record, "level=\"error\"", "kind=\"metric\"", "time", "a=\"\\u0041\"");
    assert_true(r->changed && r != &g->x->record && r->added.n == 0);
    assert_int_equal(r->level, SL_LEVEL_INFO); /* as it was judged */
    assert_int_equal(r->kind, SL_KIND_SERVER);
    assert_int_equal(r->time_ns, g->x->record.time_ns);
    assert_ptr_equal(r->message, &g->x->message);
    assert_string_equal(text_of(g, r, "level"), "error");
    assert_string_equal(text_of(g, r, "@level"), "info");
    assert_string_equal(text_of(g, r, "a"), "A");
    assert_null(text_of(g, r, "time"));
    assert_string_equal(text_of(g, r, "service"), "s\"1");
    assert_string_equal(text_of(g, r, "@raw"),
                        "{\"a\":\"\\u0041\",\"level\":\"error\",\"kind\":\"metric\","
                        "\"service\":\"s\\\"1\",\"cloud.zone\":\"z\"}");
    /* The one that was routed is as it was. */
    assert_string_equal(text_of(g, &g->x->record, "level"), "info");
    assert_string_equal(text_of(g, &g->x->record, "a"), "1");
    changing_free(g);
}

static void test_text(void **state)
{
    struct changing *g = changing_new(NULL);
    const struct sl_record *r;

    (void)state;
    EXPECT(g, "ERROR \"x\"", "{\"message\":\"ERROR \\\"x\\\"\",\"kind\":\"server\",\"a\":1}",
           "a=1");
    EXPECT(g, "gone", "{\"kind\":\"server\"}", "message");
    EXPECT(g, "", "{\"message\":\"\",\"kind\":1}", "kind=1");
    /* What is not UTF-8 is kept beside the message until a change touches that. */
    EXPECT(g, "a\xff",
           "{\"message\":\"a\xef\xbf\xbd\",\"message_base64\":\"Yf8=\",\"kind\":\"server\","
           "\"a\":1}",
           "a=1");
    EXPECT(g, "a\xff", "{\"message\":\"b\",\"kind\":\"server\"}", "message=\"b\"");
    EXPECT(g, "a\xff", "{\"message\":\"a\xef\xbf\xbd\",\"kind\":\"server\"}",
           "message=\"a\xef\xbf\xbd\"");
    EXPECT(g, "a\xff", "{\"kind\":\"server\"}", "message");
    EXPECT(g, "a\xff", "{\"message\":\"b\",\"message_base64\":\"own\",\"kind\":\"server\"}",
           "message=\"b\"", "message_base64=\"own\"");
    /* Also when that happens later, but not to what a rule has put there. */
    decode(g->x, "a\xff");
    sl_changer_begin(g->changer);
    r = CHANGE(g, CHANGE(g, &g->x->record, "a=1"), "message=\"b\"", "kind");
    assert_string_equal(json_of(g, r), "{\"message\":\"b\",\"a\":1}");
    r = CHANGE(g, CHANGE(g, &g->x->record, "message_base64=1"), "message=\"b\"", "kind");
    assert_string_equal(json_of(g, r), "{\"message\":\"b\",\"message_base64\":1}");
    changing_free(g);
}

/* Letters become x, digits and all else of numbers a string "n"; "fail" is an error, "same" gives
 * the same bytes, "keep" stays. */
static int cross_out(void *user, const struct sl_value *leaf, struct sl_buf *out)
{
    const struct sl_slice text = sl_slice(leaf->p, leaf->n);
    unsigned *calls = user;

    ++*calls;
    sl_buf_text(out, "\"");
    if (leaf->type == SL_VALUE_NUMBER) {
        sl_buf_text(out, "n\"");
        return 1;
    }
    assert_int_equal(leaf->type, SL_VALUE_STRING);
    if (sl_slice_is(text, "fail"))
        return SL_ETIMEDOUT;
    if (sl_slice_is(text, "keep"))
        return 0;
    if (sl_slice_is(text, "same"))
        sl_buf_slice(out, text);
    else
        for (size_t i = 0; i < text.n; i++)
            sl_buf_byte(out, 'x');
    sl_buf_text(out, "\"");
    return 1;
}

static const struct sl_record *leaves(struct changing *g, const char *value, const char *path,
                                      unsigned *calls)
{
    const struct sl_slice paths = sl_slice_str(path);

    *calls = 0;
    sl_changer_begin(g->changer);
    decode(g->x, value);
    return sl_record_edit_leaves(g->changer, path ? editor_of(g, &paths, 1) : NULL, &g->x->record,
                                 cross_out, calls, &g->err);
}

static void expect_leaves(struct changing *g, const char *value, const char *path, unsigned n,
                          const char *want)
{
    unsigned calls;
    const struct sl_record *r = leaves(g, value, path, &calls);

    assert_string_equal(json_of(g, r), want);
    assert_int_equal(calls, n);
}

static void test_leaves(void **state)
{
    struct changing *g = changing_new(NULL);
    unsigned calls;

    (void)state;
    expect_leaves(g,
                  "{\"a\" : \"bc\",\"n\":-1.50e7 , \"big\":99999999999999999999,\"t\":[true,null,"
                  "[\"d\",{\"e\\\"}\":\"f\"}],false],\"o\":{} ,\"k\":\"keep\",\"kind\":\"keep\"}",
                  NULL, 7,
                  "{\"a\" : \"xx\",\"n\":\"n\" , \"big\":\"n\",\"t\":[true,null,"
                  "[\"x\",{\"e\\\"}\":\"x\"}],false],\"o\":{} ,\"k\":\"keep\",\"kind\":\"keep\"}");
    /* Every spelling and every duplicate below a path, and nothing beside it. */
    expect_leaves(
        g,
        "{\"a.b\":\"p\",\"a\":{\"b\":{\"q\":\"r\"},\"c\":\"s\",\"b\":[1,\"t\"]},\"a\":{\"b\":"
        "\"u\"},\"ab\":\"v\",\"kind\":\"k\"}",
        "a.b", 5,
        "{\"a.b\":\"x\",\"a\":{\"b\":{\"q\":\"x\"},\"c\":\"s\",\"b\":[\"n\",\"x\"]},\"a\":{"
        "\"b\":\"x\"},\"ab\":\"v\",\"kind\":\"k\"}");
    expect_leaves(g,
                  "{\"a.b.c\":\"p\",\"a\":{\"b.c.d\":[{\"q\":\"r\"}],\"bc\":\"s\"},\"a.bc\":\"t\","
                  "\"kind\":\"k\"}",
                  "a.b", 2,
                  "{\"a.b.c\":\"x\",\"a\":{\"b.c.d\":[{\"q\":\"x\"}],\"bc\":\"s\"},\"a.bc\":\"t\","
                  "\"kind\":\"k\"}");
    expect_leaves(g, "{\"i\":[\"p\",{\"q\":\"r\",\"s\":\"t\"}],\"kind\":\"k\"}", "i.1.q", 1,
                  "{\"i\":[\"p\",{\"q\":\"x\",\"s\":\"t\"}],\"kind\":\"k\"}");
    /* What the decoder wrote in is text of the record, too. */
    expect_leaves(g, "{\"a\":1}", "kind", 1, "{\"a\":1,\"kind\":\"xxxxxx\"}");
    expect_leaves(g, "me", "message", 1, "{\"message\":\"xx\",\"kind\":\"server\"}");
    expect_leaves(g, "m\xff", NULL, 2, "{\"message\":\"xxxx\",\"kind\":\"xxxxxx\"}");
    expect_leaves(g, "m\xff", "message", 1, "{\"message\":\"xxxx\",\"kind\":\"server\"}");
    expect_leaves(g, "m\xff", "kind", 1,
                  "{\"message\":\"m\xef\xbf\xbd\",\"message_base64\":\"bf8=\",\"kind\":"
                  "\"xxxxxx\"}");
    /* Nothing changed: the record itself. */
    assert_ptr_equal(leaves(g, "{\"a\":\"keep\",\"b\":\"same\",\"kind\":\"keep\"}", NULL, &calls),
                     &g->x->record);
    assert_int_equal(calls, 3);
    assert_ptr_equal(leaves(g, "{\"a\":\"b\"}", "c", &calls), &g->x->record);
    assert_int_equal(calls, 0);
    assert_null(leaves(g, "{\"a\":\"fail\",\"b\":\"c\"}", NULL, &calls));
    assert_int_equal(calls, 1);
    assert_int_equal(g->err.code, SL_ETIMEDOUT);
    changing_free(g);
}

static void test_chain(void **state)
{
    struct changing *g = changing_new(NULL);
    const struct sl_record *a, *b, *c;

    (void)state;
    field_id(g->x, "a");
    decode(g->x, "{\"a\":1,\"kind\":2}");
    sl_changer_begin(g->changer);
    a = CHANGE(g, &g->x->record, "a=10");
    b = CHANGE(g, a, "a=\"100\"", "b=1");
    c = CHANGE(g, &g->x->record, "a");
    assert_ptr_equal(CHANGE(g, a, "a=10"), a);
    assert_ptr_equal(CHANGE(g, c, "a"), c);
    assert_string_equal(json_of(g, a), "{\"a\":10,\"kind\":2}");
    assert_string_equal(json_of(g, b), "{\"a\":\"100\",\"kind\":2,\"b\":1}");
    assert_string_equal(json_of(g, c), "{\"kind\":2}");
    assert_string_equal(text_of(g, a, "a"), "10");
    assert_string_equal(text_of(g, b, "a"), "100");
    assert_null(text_of(g, c, "a"));
    assert_string_equal(text_of(g, &g->x->record, "a"), "1");
    changing_free(g);
}

/* Beside additions @raw is what came; once something was taken out it would bring that back. */
static void test_raw(void **state)
{
    static const char value[] = "{\"a\":1,\"b\":2,\"kind\":1}";
    struct changing *g = changing_new(NULL);
    const struct sl_record *r, *more;
    unsigned calls;

    (void)state;
    field_id(g->x, "@raw");
    decode(g->x, value);
    sl_changer_begin(g->changer);
    r = CHANGE(g, &g->x->record, "c=3", "a=1", "d");
    assert_string_equal(json_of(g, r), "{\"a\":1,\"b\":2,\"kind\":1,\"c\":3}");
    assert_string_equal(text_of(g, r, "@raw"), value);
    more = CHANGE(g, r, "b");
    assert_string_equal(text_of(g, more, "@raw"), "{\"a\":1,\"kind\":1,\"c\":3}");
    more = CHANGE(g, more, "b=2");
    assert_string_equal(text_of(g, more, "@raw"), "{\"a\":1,\"kind\":1,\"c\":3,\"b\":2}");
    assert_string_equal(text_of(g, CHANGE(g, r, "a=9"), "@raw"),
                        "{\"a\":9,\"b\":2,\"kind\":1,\"c\":3}");
    assert_string_equal(text_of(g, &g->x->record, "@raw"), value);
    r = leaves(g, "{\"kind\":\"keep\"}", NULL, &calls);
    assert_string_equal(text_of(g, r, "@raw"), "{\"kind\":\"keep\"}");
    r = leaves(g, "{\"kind\":\"secret\"}", NULL, &calls);
    assert_string_equal(text_of(g, r, "@raw"), "{\"kind\":\"xxxxxx\"}");
    changing_free(g);
}

/* What sinks and templates ask of a record, asked of a changed one. */
static void test_output(void **state)
{
    static const char *const values[] = {"{\"kind\":1,\"a\":\"x\"}",
                                         "{\"@timestamp\":\"2026-01-31T00:00:00Z\",\"a\":\"x\"}"};
    struct changing *g = changing_new(NULL);
    struct sl_template *t = sl_template_new("{a}-{@raw}", SL_TEMPLATE_PLAIN, g->x->fields, &g->err);
    char id[SL_RECORD_ID_MAX], id_before[SL_RECORD_ID_MAX];
    struct sl_buf *out = &g->x->out;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct sl_record *before = decode(g->x, values[i]), *r;
        bool verbatim = true;

        sl_changer_begin(g->changer);
        r = CHANGE(g, before, "a=\"y\"");
        assert_int_equal(r->has_timestamp, i);
        sl_buf_clear(out);
        sl_record_json(r, true, SL_SLICE_LITERAL(",\"more\":1"), out, &verbatim);
        assert_false(verbatim);
        assert_string_equal(
            sl_buf_str(out),
            i ? "{\"@timestamp\":\"2026-01-31T00:00:00Z\",\"a\":\"y\",\"kind\":"
                "\"server\",\"more\":1}"
              : "{\"kind\":1,\"a\":\"y\",\"@timestamp\":\"2026-01-31T12:34:57.000Z\","
                "\"more\":1}");
        sl_buf_clear(out);
        sl_template_render(t, r, out);
        assert_int_equal(out->n, 2 + r->body.n);
        assert_memory_equal(out->p, "y-", 2);
        assert_memory_equal(out->p + 2, r->body.p, r->body.n);
        assert_int_equal(sl_record_id(r, id), sl_record_id(before, id_before));
        assert_memory_equal(id, id_before, 27);
        assert_int_equal(r->value_crc, before->value_crc);
        assert_ptr_equal(sl_record_raw(r).p, r->body.p);
        assert_ptr_equal(sl_record_raw(before).p, before->message->value.p);
        sl_buf_clear(out);
        sl_record_envelope(r, out);
        assert_true(out->n <= sl_record_envelope_bound(r));
        assert_non_null(strstr(sl_buf_str(out), "\\\"a\\\":\\\"y\\\""));
    }
    /* Of an object without a member. */
    decode(g->x, "{\"kind\":1}");
    sl_buf_clear(out);
    sl_record_json(CHANGE(g, &g->x->record, "kind"), true, sl_slice("", 0), out, NULL);
    assert_string_equal(sl_buf_str(out), "{\"@timestamp\":\"2026-01-31T12:34:57.000Z\"}");
    sl_template_free(t);
    changing_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),          cmocka_unit_test(test_remove),
        cmocka_unit_test(test_first_change), cmocka_unit_test(test_text),
        cmocka_unit_test(test_leaves),       cmocka_unit_test(test_chain),
        cmocka_unit_test(test_output),       cmocka_unit_test(test_raw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
