/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

#include "base/hash.h"
#include "config/secret.h"
#include "route/redact.h"

/* `redact` of one rule over one record: what leaves. */

struct world {
    struct box box;
    struct sl_yaml *yaml;
    struct sl_rule_file file;
    struct sl_rule_set set;
    struct sl_redact *redact;
    struct sl_changer *changer;
    struct sl_effort effort;
    struct sl_buf out;
};

static struct sl_secret *key;

/* `redact`: its value in YAML. */
static void begin(struct world *w, const char *redact)
{
    char *text = sl_asprintf("redact: %s\n", redact);

    *w = (struct world){0};
    box_config(&w->box);
    w->box.config.redact_key = key;
    w->file.path = (char *)"rules.yaml";
    w->yaml = sl_yaml_parse("rules.yaml", sl_slice_str(text), &w->box.diags);
    if (!w->yaml)
        fail_msg("%s", text);
    w->file.content = sl_yaml_content(w->yaml);
    w->set =
        (struct sl_rule_set){.config = &w->box.config, .diags = &w->box.diags, .file = &w->file};
    sl_buf_init(&w->out, 64 << 20);
    free(text);
}

static void compile(struct world *w, const char *redact)
{
    const struct sl_decoder_config decoder = {.fields = NULL};
    struct sl_decoder_config with = decoder;

    begin(w, redact);
    w->redact = sl_redact_compile(&w->set, sl_yaml_get(sl_yaml_root(w->yaml), "redact"));
    if (!w->redact) {
        sl_diags_print(&w->box.diags, stderr);
        fail_msg("%s", redact);
    }
    with.fields = w->box.fields;
    w->box.decoder = sl_decoder_new(&with, NULL);
    sl_fields_compile(w->box.fields);
    w->changer = sl_changer_new(w->box.fields);
    w->effort.regex = sl_regex_scratch_new();
}

static void release(struct world *w)
{
    sl_redact_free(w->redact);
    if (w->changer)
        sl_changer_free(w->changer);
    sl_effort_release(&w->effort);
    sl_yaml_free(w->yaml);
    sl_buf_release(&w->out);
    box_release(&w->box);
}

static int apply(struct world *w, struct sl_slice value, const struct sl_record **ret)
{
    struct sl_error err = {0};

    w->box.message.value = value;
    sl_decode(w->box.decoder, &w->box.message, &w->box.record);
    sl_changer_begin(w->changer);
    sl_regex_begin(w->effort.regex);
    w->effort.runs = w->effort.subject_bytes = 0;
    *ret = &w->box.record;
    return sl_redact_apply(w->redact, w->changer, &w->effort, ret, &err);
}

static const char *body(struct world *w, const struct sl_record *r)
{
    struct sl_slice raw = sl_record_raw(r);

    sl_buf_clear(&w->out);
    sl_buf_slice(&w->out, raw);
    return sl_buf_str(&w->out);
}

struct row {
    const char *redact, *value, *result; /* NULL: nothing changes */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct row *row = &rows[i];
        const struct sl_record *r;
        struct world w;

        compile(&w, row->redact);
        assert_int_equal(apply(&w, sl_slice_str(row->value), &r), SL_OK);
        if (!row->result && r != &w.box.record)
            fail_msg("%s on %s: changed to %s", row->redact, row->value, body(&w, r));
        if (row->result && strcmp(body(&w, r), row->result) != 0)
            fail_msg("%s on %s: got %s, expected %s", row->redact, row->value, body(&w, r),
                     row->result);
        release(&w);
    }
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const struct row rows_[] = {__VA_ARGS__};                                           \
        check_rows(rows_, sizeof(rows_) / sizeof(*rows_));                                         \
    } while (0)

/* Members that are added to a record with its first change. */
#define ADDED ",\"kind\":\"server\""

static void what_is_found_is_replaced_where_it_stands(void **state)
{
    (void)state;
    CHECK({"{ detect: email }", "{\"a\":\"from joe@example.com to x\",\"b\":1}",
           "{\"a\":\"from [email] to x\",\"b\":1" ADDED "}"},
          {"{ detect: email }", "{ \"a\" :  \"joe@example.com\" , \"b\":1e0 }",
           "{ \"a\" :  \"[email]\" , \"b\":1e0 " ADDED "}"},
          {"{ detect: email }", "{\"a\":\"/?to=joe%40example.com ann@example.com\"}",
           "{\"a\":\"/?to=[email] [email]\"" ADDED "}"},
          {"{ detect: card }", "{\"a\":4111111111111111.0}", "{\"a\":\"[card].0\"" ADDED "}"},
          {"{ detect: [ipv4, email] }", "{\"a\":\"joe@example.com at 10.0.0.1, ann@example.com\"}",
           "{\"a\":\"[email] at [ipv4], [email]\"" ADDED "}"},
          {"{ detect: [ipv6, ipv4] }", "{\"a\":\"::ffff:10.0.0.1 10.0.0.2\"}",
           "{\"a\":\"[ipv6] [ipv4]\"" ADDED "}"},
          {"{ detect: card }", "{\"a\":\"4111 1111 1111 1111\"}", "{\"a\":\"[card]\"" ADDED "}"},
          {"{ detect: aws_key }",
           "{\"a\":\"AKIAIOSFODNN7EXAMPLE secret_key="
           "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\"}",
           "{\"a\":\"[aws_key] secret_key=[aws_key]\"" ADDED "}"},
          {"{ detect: jwt }", "{\"a\":\"Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln\"}",
           "{\"a\":\"Bearer [jwt]\"" ADDED "}"},
          {"{ detect: email }", "{\"a\":\"none\",\"joe@example.com\":true}", NULL},
          {"{ detect: email }", "{}", NULL}, {"{ detect: email }", "{\"a\":\"\"}", NULL});
}

static void every_depth_and_only_the_fields_named(void **state)
{
    (void)state;
    CHECK(
        {"{ detect: ipv4 }", "{\"a\":{\"b\":[\"1.2.3.4\",{\"c\":\"5.6.7.8\"}]},\"d\":\"1.1.1.1\"}",
         "{\"a\":{\"b\":[\"[ipv4]\",{\"c\":\"[ipv4]\"}]},\"d\":\"[ipv4]\"" ADDED "}"},
        {"{ fields: a.b, detect: ipv4 }",
         "{\"a\":{\"b\":[\"1.2.3.4\",{\"c\":\"5.6.7.8\"}],\"e\":\"1.2.3.4\"},\"d\":\"1.1.1.1\"}",
         "{\"a\":{\"b\":[\"[ipv4]\",{\"c\":\"[ipv4]\"}],\"e\":\"1.2.3.4\"},\"d\":\"1.1.1.1\"" ADDED
         "}"},
        {"{ fields: [d, a.e], detect: ipv4 }",
         "{\"a\":{\"b\":\"1.2.3.4\",\"e\":\"1.2.3.4\"},\"d\":\"1.1.1.1\"}",
         "{\"a\":{\"b\":\"1.2.3.4\",\"e\":\"[ipv4]\"},\"d\":\"[ipv4]\"" ADDED "}"},
        {"{ fields: a.b, detect: ipv4 }", "{\"a.b\":\"1.2.3.4\",\"a\":{\"b\":\"1.2.3.4\"}}",
         "{\"a.b\":\"[ipv4]\",\"a\":{\"b\":\"[ipv4]\"}" ADDED "}"},
        {"{ fields: x, detect: ipv4 }", "{\"a\":\"1.2.3.4\"}", NULL},
        {"{ fields: a, detect: ipv4 }", "{\"a\":\"1.2.3.4\",\"a\":\"5.6.7.8\"}",
         "{\"a\":\"[ipv4]\",\"a\":\"[ipv4]\"" ADDED "}"});
}

static void numbers_become_texts(void **state)
{
    (void)state;
    CHECK({"{ detect: card }", "{\"a\":4111111111111111,\"b\":4111111111111112}",
           "{\"a\":\"[card]\",\"b\":4111111111111112" ADDED "}"},
          {"{ regex: '^42$' }", "{\"a\":42,\"b\":[421,42]}",
           "{\"a\":\"[regex]\",\"b\":[421,\"[regex]\"]" ADDED "}"},
          {"{ detect: all, fields: a }", "{\"a\":1.5,\"b\":1.5}",
           "{\"a\":\"[all]\",\"b\":1.5" ADDED "}"},
          {"{ detect: all }", "{\"a\":[1,\"x\",true,null,{\"b\":\"\"}]}",
           "{\"a\":[\"[all]\",\"[all]\",true,null,{\"b\":\"\"}],\"kind\":\"[all]\"}"},
          {"{ detect: all }", "{\"a\":123456789012345678901234567890,\"b\":1e999}",
           "{\"a\":\"[all]\",\"b\":\"[all]\",\"kind\":\"[all]\"}"});
}

static void values_are_judged_unescaped_and_written_escaped(void **state)
{
    (void)state;
    CHECK(
        {"{ detect: email }", "{\"a\":\"joe\\u0040example.com\"}", "{\"a\":\"[email]\"" ADDED "}"},
        {"{ detect: email }", "{\"a\":\"\\\"x\\\\\\n\\u00e9\\ttoe@example.com\\u0001\"}",
         "{\"a\":\"\\\"x\\\\\\n\xc3\xa9\\t[email]\\u0001\"" ADDED "}"},
        {"{ detect: ipv4 }", "{\"a\":\"\\u00e9\\/\",\"b\":\"1.2.3.4\"}",
         "{\"a\":\"\\u00e9\\/\",\"b\":\"[ipv4]\"" ADDED "}"},
        {"{ detect: ipv4, mask: \"\\\"\\\\\\n\" }", "{\"a\":\"1.2.3.4\"}",
         "{\"a\":\"\\\"\\\\\\n\"" ADDED "}"},
        {"{ regex: 'é+' }", "{\"a\":\"x\\u00e9\\u00e9y\"}", "{\"a\":\"x[regex]y\"" ADDED "}"});
}

static void patterns_replace_their_groups(void **state)
{
    (void)state;
    CHECK({"{ regex: 'token=\\S+' }", "{\"a\":\"x token=abc token=d y\"}",
           "{\"a\":\"x [regex] [regex] y\"" ADDED "}"},
          {"{ regex: 'token=(\\S+)' }", "{\"a\":\"x token=abc token=d y\"}",
           "{\"a\":\"x token=[regex] token=[regex] y\"" ADDED "}"},
          {"{ regex: 'u=(\\w+) p=(\\w+)' }", "{\"a\":\"u=joe p=1 u=ann p=2\"}",
           "{\"a\":\"u=[regex] p=[regex] u=[regex] p=[regex]\"" ADDED "}"},
          {"{ regex: 'a(b)?c' }", "{\"a\":\"ac abc\"}", "{\"a\":\"ac a[regex]c\"" ADDED "}"},
          {"{ regex: '(a(b)c)' }", "{\"a\":\"xabcx\"}", "{\"a\":\"x[regex]x\"" ADDED "}"},
          {"{ regex: [foo, 'b.r'], mask: '#' }", "{\"a\":\"foobarfoo baz\"}",
           "{\"a\":\"### baz\"" ADDED "}"},
          {"{ regex: 'x*' }", "{\"a\":\"axxb\"}", "{\"a\":\"a[regex]b\"" ADDED "}"},
          {"{ regex: 'x*' }", "{\"a\":\"ab\xc3\xa9\"}", NULL},
          {"{ regex: '(?i)secret', mask: '' }", "{\"a\":\"a SECRET b\"}",
           "{\"a\":\"a  b\"" ADDED "}"},
          {"{ regex: '(?<=id=)\\d+' }", "{\"a\":\"id=12 no=34\"}",
           "{\"a\":\"id=[regex] no=34\"" ADDED "}"});
}

static void what_overlaps_is_replaced_together(void **state)
{
    (void)state;
    CHECK({"{ regex: ['efg', 'cde', 'abc'], mask: x }", "{\"a\":\"abcdefg!\"}",
           "{\"a\":\"x!\"" ADDED "}"},
          {"{ detect: [ipv4, email] }", "{\"a\":\"1.2.3.4@example.com\"}",
           "{\"a\":\"[email]\"" ADDED "}"},
          {"{ regex: ['abc', 'cde', 'efg'] }", "{\"a\":\"xabcdefgx\"}",
           "{\"a\":\"x[regex]x\"" ADDED "}"},
          {"{ detect: email, regex: 'to joe' }", "{\"a\":\"to joe@example.com!\"}",
           "{\"a\":\"[regex]!\"" ADDED "}"},
          {"{ detect: email, regex: 'joe' }", "{\"a\":\"joe@example.com joe\"}",
           "{\"a\":\"[email] [regex]\"" ADDED "}"},
          {"{ regex: ['ab', 'abc'] }", "{\"a\":\"abcd\"}", "{\"a\":\"[regex]d\"" ADDED "}"},
          {"{ regex: ['ab', 'cd'] }", "{\"a\":\"abcd\"}", "{\"a\":\"[regex][regex]\"" ADDED "}"});
}

static void a_list_is_done_one_after_the_other(void **state)
{
    (void)state;
    CHECK({"[ { detect: email, mask: EMAIL }, { regex: EMAIL, fields: b } ]",
           "{\"a\":\"joe@example.com\",\"b\":\"joe@example.com\"}",
           "{\"a\":\"EMAIL\",\"b\":\"[regex]\"" ADDED "}"},
          {"[ { detect: email, fields: a }, { detect: ipv4, fields: b } ]",
           "{\"a\":\"1.2.3.4 joe@example.com\",\"b\":\"1.2.3.4 joe@example.com\"}",
           "{\"a\":\"1.2.3.4 [email]\",\"b\":\"[ipv4] joe@example.com\"" ADDED "}"});
}

static void text_records_are_redacted_in_their_message(void **state)
{
    const struct sl_record *r;
    struct world w;

    (void)state;
    CHECK({"{ detect: email }", "hello joe@example.com \"x\"",
           "{\"message\":\"hello [email] \\\"x\\\"\"" ADDED "}"},
          {"{ detect: email, fields: message }", "joe@example.com",
           "{\"message\":\"[email]\"" ADDED "}"},
          {"{ detect: email, fields: other }", "joe@example.com", NULL},
          {"{ detect: email }", "nothing", NULL});
    compile(&w, "{ detect: email }");
    assert_int_equal(apply(&w, SL_SLICE_LITERAL("\xff joe@example.com \xfe"), &r), SL_OK);
    assert_null(strstr(body(&w, r), "joe"));
    assert_null(strstr(body(&w, r), "base64")); /* of the original bytes */
    assert_non_null(strstr(body(&w, r), "[email]"));
    release(&w);
}

static void a_hash_is_the_same_word_for_the_same_text(void **state)
{
    const struct sl_record *r;
    char hex[2 * SL_SHA256_BYTES + 1], *expected;
    uint8_t sum[SL_SHA256_BYTES];
    struct world w;

    (void)state;
    sl_hmac_sha256(SL_SLICE_LITERAL("a key of many characters"),
                   SL_SLICE_LITERAL("joe@example.com"), sum);
    sl_hex(sum, 8, hex);
    expected = sl_asprintf("{\"a\":\"x [email:%s]\",\"b\":[\"[email:%s]\"]" ADDED "}", hex, hex);
    compile(&w, "{ detect: email, with: hash }");
    assert_int_equal(
        apply(&w,
              SL_SLICE_LITERAL("{\"a\":\"x joe\\u0040example.com\",\"b\":[\"joe@example.com\"]}"),
              &r),
        SL_OK);
    assert_string_equal(body(&w, r), expected);
    assert_int_equal(apply(&w, SL_SLICE_LITERAL("{\"a\":\"Joe@example.com\"}"), &r), SL_OK);
    assert_null(strstr(body(&w, r), hex));
    release(&w);
    compile(&w, "{ detect: all, with: hash, fields: a }");
    assert_int_equal(apply(&w, SL_SLICE_LITERAL("{\"a\":\"joe@example.com\"}"), &r), SL_OK);
    assert_non_null(strstr(body(&w, r), hex));
    assert_non_null(strstr(body(&w, r), "[all:"));
    free(expected);
    release(&w);
}

/* A limit is no "nothing found": the record is as it was, and the caller sends it elsewhere. */
static void a_limit_is_told_and_changes_nothing(void **state)
{
    const struct sl_record *r;
    struct world w;
    struct sl_buf value;

    (void)state;
    sl_buf_init(&value, 1 << 20);
    compile(&w, "[ { detect: email }, { regex: '^(a+)+$' } ]");
    assert_int_equal(
        apply(&w,
              SL_SLICE_LITERAL(
                  "{\"e\":\"joe@example.com\",\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}"),
              &r),
        SL_ELIMIT);
    assert_ptr_equal(r, &w.box.record);
    assert_int_equal(apply(&w, SL_SLICE_LITERAL("{\"e\":\"joe@example.com\",\"a\":\"aaa\"}"), &r),
                     SL_OK);
    assert_string_equal(body(&w, r), "{\"e\":\"[email]\",\"a\":\"[regex]\"" ADDED "}");
    release(&w);
    compile(&w, "{ regex: 'a' }");
    SL_BUF_LITERAL(&value, "{\"m\":\"");
    for (size_t i = 0; i < SL_RUNS_MAX; i++)
        sl_buf_byte(&value, 'a');
    SL_BUF_LITERAL(&value, "\"}");
    assert_int_equal(apply(&w, sl_buf_as_slice(&value), &r), SL_ELIMIT);
    assert_true(w.effort.runs <= SL_RUNS_MAX + 1);
    sl_buf_truncate(&value, value.n - 5); /* the last run in each text finds nothing */
    SL_BUF_LITERAL(&value, "\"}");
    assert_int_equal(apply(&w, sl_buf_as_slice(&value), &r), SL_OK);
    assert_null(strstr(body(&w, r), "aa"));
    sl_buf_release(&value);
    release(&w);
}

/* ... and there it goes whole: what a pattern could not judge may not leave half redacted. */
static void a_limit_sends_the_record_where_rule_errors_says(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.config.rule_errors.sinks = 1U << ALERTS;
    box_rules(&b,
              "rules:\n- { redact: [ { detect: email }, { regex: '^(a+)+$' } ], to: search }\n");
    box_route(&b, "{\"e\":\"joe@example.com\",\"a\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}");
    assert_int_equal(b.decision.error_rule, 0);
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    assert_ptr_equal(b.decision.chosen[0].record, &b.record);
    box_route(&b, "{\"e\":\"joe@example.com\"}");
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    assert_null(
        memmem(b.decision.chosen[0].record->body.p, b.decision.chosen[0].record->body.n, "joe", 3));
    box_release(&b);
}

static char *form(const char *redact)
{
    struct sl_buf out;
    struct world w;
    char *text;

    begin(&w, redact);
    sl_buf_init(&out, 1 << 20);
    sl_redact_write(sl_yaml_get(sl_yaml_root(w.yaml), "redact"), &out);
    text = sl_buf_take(&out);
    sl_buf_release(&out);
    release(&w);
    return text;
}

static void assert_form(bool same, const char *a, const char *b)
{
    char *x = form(a), *y = form(b);

    if (same != !strcmp(x, y))
        fail_msg("%s and %s: %s and %s", a, b, x, y);
    free(x);
    free(y);
}

static void the_canonical_form_is_what_decides(void **state)
{
    (void)state;
    assert_form(true, "{ detect: email }", "[ { detect: ['email'], with: mask } ]");
    assert_form(true, "{ detect: [email, ipv4] }", "\n  detect: [ipv4, email] # both");
    assert_form(true, "{ mask: x, fields: a, regex: b }", "{ regex: [b], fields: [a], mask: 'x' }");
    assert_form(false, "{ detect: email }", "{ detect: ipv4 }");
    assert_form(false, "{ detect: email }", "{ detect: email, fields: a }");
    assert_form(false, "{ detect: email }", "{ detect: email, with: hash }");
    assert_form(false, "{ detect: email }", "{ detect: email, mask: '' }");
    assert_form(false, "{ detect: email, mask: a }", "{ detect: email, mask: b }");
    assert_form(false, "{ regex: a }", "{ regex: b }");
    assert_form(false, "{ regex: [a, b] }", "{ regex: ['a 1:b'] }");
    assert_form(false, "[ { regex: a }, { regex: b } ]", "{ regex: [a, b] }");
    assert_form(false, "{ detect: all }", "{ regex: all }");
    assert_form(false, "{ fields: a, regex: b }", "{ fields: b, regex: a }");
}

static void nothing_is_allocated_once_it_is_warm(void **state)
{
    const struct sl_slice value = SL_SLICE_LITERAL(
        "{\"a\":\"\\\"joe@example.com\\\"\",\"b\":[\"1.2.3.4\",4111111111111111]}");
    const struct sl_record *r;
    struct world w;
    size_t cap;

    (void)state;
    compile(&w, "{ detect: [email, ipv4, card], regex: 'x(y)z' }");
    assert_int_equal(apply(&w, value, &r), SL_OK);
    cap = w.effort.text.cap;
    assert_true(cap > 0);
    for (int i = 0; i < 100; i++)
        assert_int_equal(apply(&w, value, &r), SL_OK);
    assert_int_equal(w.effort.text.cap, cap);
    assert_string_equal(body(&w, r),
                        "{\"a\":\"\\\"[email]\\\"\",\"b\":[\"[ipv4]\",\"[card]\"]" ADDED "}");
    release(&w);
}

/* Of `(?:token=(\S+) )+` all tokens but the last would stay. */
static void a_repeated_group_is_a_warning(void **state)
{
    static const struct {
        const char *redact;
        size_t warnings;
    } rows[] = {
        {"{ regex: '(?:token=(\\S+)\\s*)+' }", 1},
        {"{ regex: '(a)*' }", 1},
        {"{ regex: '(a){2}' }", 1},
        {"{ regex: '((?<n>a)b)+' }", 1},
        {"{ regex: '(?:(?:(a)|b)|c)*' }", 1},
        {"{ regex: '(a)?' }", 0},
        {"{ regex: '(a+)' }", 0},
        {"{ regex: '(?:a)+(b)' }", 0},
        {"{ regex: '\\(a\\)+(b)' }", 0},
        {"{ regex: '[(]a[)]+(b)' }", 0},
        {"{ regex: '(?<=a)+b' }", 0},
        {"{ regex: '(?i:a)+([])*]+)' }", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct world w;

        compile(&w, rows[i].redact);
        if (w.box.diags.n != rows[i].warnings)
            fail_msg("%s: %zu", rows[i].redact, w.box.diags.n);
        release(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repeated_group_is_a_warning),
        cmocka_unit_test(what_is_found_is_replaced_where_it_stands),
        cmocka_unit_test(every_depth_and_only_the_fields_named),
        cmocka_unit_test(numbers_become_texts),
        cmocka_unit_test(values_are_judged_unescaped_and_written_escaped),
        cmocka_unit_test(patterns_replace_their_groups),
        cmocka_unit_test(what_overlaps_is_replaced_together),
        cmocka_unit_test(a_list_is_done_one_after_the_other),
        cmocka_unit_test(text_records_are_redacted_in_their_message),
        cmocka_unit_test(a_hash_is_the_same_word_for_the_same_text),
        cmocka_unit_test(a_limit_is_told_and_changes_nothing),
        cmocka_unit_test(a_limit_sends_the_record_where_rule_errors_says),
        cmocka_unit_test(the_canonical_form_is_what_decides),
        cmocka_unit_test(nothing_is_allocated_once_it_is_warm),
    };
    int failed;

    key = sl_secret_new(SL_SLICE_LITERAL("a key of many characters"), "", NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    sl_secret_free(key);
    return failed;
}
