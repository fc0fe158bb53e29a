/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "base/sanitized.h"
#include "route/actions_help.h"

/* What rules make of a record: `set`, `rename`, `remove`, `parse`, and for which sinks. */

/* ---- set ---- */

static void set_writes_what_the_file_says(void **state)
{
    (void)state;
    CHANGES("  set: { t: text, n: 5, f: -1.50e3, ok: true, off: false, no: null, q: '5', s: 'true',"
            " date: 2026-01-02, lead: 007, empty: '', quote: 'a\"b\\\\c' }",
            "{" K "}",
            "{" K ",\"t\":\"text\",\"n\":5,\"f\":-1.50e3,\"ok\":true,\"off\":false,\"no\":null,"
            "\"q\":\"5\",\"s\":\"true\",\"date\":\"2026-01-02\",\"lead\":\"007\",\"empty\":\"\","
            "\"quote\":\"a\\\"b\\\\\\\\c\"}");
}

static void set_renders_templates(void **state)
{
    (void)state;
    CHANGES("  set: { x: '{a}-{b.c|none such}-{{{d}}}', when: '{@timestamp:%Y-%m-%dT%H}' }",
            "{" K ",\"a\":\"q\\\"\\u00e9\",\"b\":{\"c\":3},\"d\":[1]}",
            "{" K ",\"a\":\"q\\\"\\u00e9\",\"b\":{\"c\":3},\"d\":[1],"
            "\"x\":\"q\\\"\xc3\xa9-3-{none}\",\"when\":\"2026-03-04T05\"}",
            "{" K ",\"a\":null,\"b\":{},\"d\":true}",
            "{" K ",\"a\":null,\"b\":{},\"d\":true,"
            "\"x\":\"none-none such-{true}\",\"when\":\"2026-03-04T05\"}");
}

/* Exactly one field: its JSON, as it is spelled. */
static void one_field_is_copied(void **state)
{
    static const char *const same[] = {
        "1",
        "1.50e+3",
        "-0",
        "123456789012345678901234567890",
        "true",
        "null",
        "\"\"",
        "\"a\\n\\u00e9\\\"\"",
        "{ \"x\" : [ 1 , {\"y\":2} ] }",
        "[]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
        char *value = sl_asprintf("{" K ",\"a\":{\"b\":%s}}", same[i]),
             *want = !strcmp(same[i], "null")
                         ? sl_strdup(value)
                         : sl_asprintf("{" K ",\"a\":{\"b\":%s},\"c\":%s}", same[i], same[i]);

        CHANGES("  set: { c: '{a.b}' }", value, want);
        free(value);
        free(want);
    }
    CHANGES("  set: { c: '{a|other}' }", "{" K "}", "{" K ",\"c\":\"other\"}", "{" K ",\"a\":null}",
            "{" K ",\"a\":null,\"c\":\"other\"}", "{" K ",\"a\":\"\"}",
            "{" K ",\"a\":\"\",\"c\":\"other\"}", "{" K ",\"a\":{}}", "{" K ",\"a\":{},\"c\":{}}",
            "{" K ",\"a\":0}", "{" K ",\"a\":0,\"c\":0}");
    CHANGES("  set: { c: '{a}' }", "{" K ",\"c\":1}", "{" K ",\"c\":1}"); /* nothing to copy */
}

static void names_of_the_message_are_fields_too(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.message.key = SL_SLICE_LITERAL("k\"\xff\n");
    box_rules(&b, "rules: [ { to: search, set: { t: '{@topic}', p: '{@partition}', k: '{@key}', "
                  "h: '{@headers.none}', x: '<{@key}>' } } ]\n");
    box_route(&b, "{" K "}");
    assert_for(&b, SEARCH,
               "{" K ",\"t\":\"logs\",\"p\":0,\"k\":\"k\\\"\xef\xbf\xbd\\n\","
               "\"x\":\"<k\\\"\xef\xbf\xbd\\n>\"}");
    box_release(&b);
}

static void templates_of_one_set_see_the_record_before_it(void **state)
{
    (void)state;
    CHANGES("  set: { a: '{b}', b: '{a}', c: '{a}{b}' }", "{" K ",\"a\":1,\"b\":2}",
            "{" K ",\"a\":2,\"b\":1,\"c\":\"12\"}");
}

static void members_are_set_where_they_are(void **state)
{
    (void)state;
    CHANGES("  set: { a.b: 9 }", "{" K ", \"a\" : { \"b\" : 1 , \"c\" : 2 } }",
            "{" K ", \"a\" : { \"b\" : 9 , \"c\" : 2 } }", "{" K ",\"a.b\":1}", "{" K ",\"a.b\":9}",
            "{" K ",\"a\":{}}", "{" K ",\"a\":{\"b\":9}}", "{" K "}", "{" K ",\"a.b\":9}");
}

/* ---- rename, remove ---- */

static void rename_moves_members(void **state)
{
    (void)state;
    CHANGES("  rename: { a: b, c.d: e, absent: f }",
            "{ \"a\" : 1.50 ," K ",\"c\":{\"d\":{\"x\":1},\"y\":2}}",
            "{ " K ",\"c\":{\"y\":2},\"b\":1.50,\"e\":{\"x\":1}}", "{" K ",\"a\":null,\"b\":[1]}",
            "{" K ",\"b\":null}", "{" K ",\"a\":99999999999999999999}",
            "{" K ",\"b\":99999999999999999999}", "{" K ",\"a\":\"x\\ty\"}",
            "{" K ",\"b\":\"x\\ty\"}", "{" K "}", "{" K "}");
    CHANGES("  rename: { a: b, b: a }", "{" K ",\"a\":1,\"b\":2}", "{" K ",\"a\":2,\"b\":1}",
            "{" K ",\"a\":1}", "{" K ",\"b\":1}");
}

static void remove_takes_members_out(void **state)
{
    (void)state;
    CHANGES("  remove: [a, b.c]", "{\"a\":1," K ",\"b\":{\"c\":1,\"d\":2},\"b.c\":3}",
            "{" K ",\"b\":{\"d\":2}}", "{" K ",\"b\":[{\"c\":1}]}", "{" K ",\"b\":[{\"c\":1}]}",
            "{" K ",\"a\":99999999999999999999}", "{" K "}", "{\"a\":{}," K ",\"a\":2}", "{" K "}");
}

/* ---- parse ---- */

static void parse_makes_fields_of_groups(void **state)
{
    (void)state;
    CHANGES("  parse: { message: '^(?<method>[A-Z]+) (?<path>\\S+)(?: (?<status>\\d+))?' }",
            "{" K ",\"message\":\"GET /a\\\"b 200\",\"method\":1}",
            "{" K ",\"message\":\"GET /a\\\"b 200\",\"method\":\"GET\",\"path\":\"/a\\\"b\","
            "\"status\":\"200\"}",
            "{" K ",\"message\":\"GET /\",\"status\":9}",
            "{" K ",\"message\":\"GET /\",\"status\":9,\"method\":\"GET\",\"path\":\"/\"}",
            "{" K ",\"message\":\"nothing\"}", "{" K ",\"message\":\"nothing\"}", "{" K "}",
            "{" K "}", "{" K ",\"message\":{\"x\":1}}", "{" K ",\"message\":{\"x\":1}}");
    CHANGES("  parse: { a: ['^(?<n>\\d+)$', '^(?<t>\\w+)$', '(?<n>.)'] }", "{" K ",\"a\":12}",
            "{" K ",\"a\":12,\"n\":\"12\"}", "{" K ",\"a\":\"xy\"}",
            "{" K ",\"a\":\"xy\",\"t\":\"xy\"}", "{" K ",\"a\":\"-\"}",
            "{" K ",\"a\":\"-\",\"n\":\"-\"}", "{" K ",\"a\":[[1],\"-\",\"z\"]}",
            "{" K ",\"a\":[[1],\"-\",\"z\"],\"t\":\"z\"}");
    CHANGES("  parse: { a: { regex: '(?<x>.)(?<y>.)', into: http.of } }", "{" K ",\"a\":\"12\"}",
            "{" K ",\"a\":\"12\",\"http.of.x\":\"1\",\"http.of.y\":\"2\"}",
            "{" K ",\"a\":\"12\",\"http\":{\"of\":{\"x\":0}}}",
            "{" K ",\"a\":\"12\",\"http\":{\"of\":{\"x\":\"1\",\"y\":\"2\"}}}");
    /* Of groups that share a name the first that takes part. */
    CHANGES("  parse: { a: '(?J)(?<x>\\d)?(?<x>.)' }", "{" K ",\"a\":\"12\"}",
            "{" K ",\"a\":\"12\",\"x\":\"1\"}", "{" K ",\"a\":\"z\"}",
            "{" K ",\"a\":\"z\",\"x\":\"z\"}");
    /* One after the other. */
    CHANGES("  parse: { a: '(?<b>.+)=', b: '(?<c>.)' }", "{" K ",\"a\":\"xy=\"}",
            "{" K ",\"a\":\"xy=\",\"b\":\"xy\",\"c\":\"x\"}");
}

/* ---- redact ---- */

static void redact_comes_last(void **state)
{
    (void)state;
    CHANGES("  redact: { detect: [email] }\n  set: { copy: 'from {m}' }\n  rename: { m: mail }",
            "{" K ",\"m\":\"a@example.org\",\"n\":5}",
            "{" K ",\"n\":5,\"copy\":\"from [email]\",\"mail\":\"[email]\"}", "{" K ",\"m\":\"b\"}",
            "{" K ",\"copy\":\"from b\",\"mail\":\"b\"}");
}

static void what_an_early_rule_redacts_no_later_sink_sees(void **state)
{
    static const char want[] = "{" K ",\"m\":\"[email]\"}";
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { redact: { detect: [email] }, continue: true }\n"
                  "- { when: { x: 1 }, to: search, parse: { m: '^(?<z>.+)+$' } }\n"
                  "- { when: { x: { exists: true } }, to: alerts }\n");
    box_route(&b, "{" K ",\"m\":\"a@example.org\",\"x\":2}");
    assert_for(&b, ALERTS, "{" K ",\"m\":\"[email]\",\"x\":2}");
    box_route(&b, "{" K ",\"m\":\"a@example.org\"}"); /* unmatched */
    assert_for(&b, ARCHIVE, want);
    box_release(&b);
}

/* ---- together ---- */

static void actions_have_an_order_of_their_own(void **state)
{
    (void)state;
    CHANGES("  remove: gone\n"
            "  rename: { made: named }\n"
            "  set: { made: '{user}', gone: 1 }\n"
            "  parse: { message: 'user=(?<user>\\w+)' }",
            "{" K ",\"message\":\"user=bob\"}",
            "{" K ",\"message\":\"user=bob\",\"user\":\"bob\",\"named\":\"bob\"}");
}

static void a_text_becomes_an_object(void **state)
{
    (void)state;
    CHANGES("  parse: { message: '^(?<level>\\w+):' }\n  set: { raw: '{@raw}' }", "warn: \"x\"",
            "{\"message\":\"warn: \\\"x\\\"\",\"kind\":\"server\",\"level\":\"warn\","
            "\"raw\":\"warn: \\\"x\\\"\"}");
    CHANGES("  parse: { message: '^(?<who>\\w+)' }\n  set: { all: '{message}' }\n  remove: "
            "[message, message_base64]",
            "caf\xe9: x", "{\"kind\":\"server\",\"who\":\"caf\",\"all\":\"caf\xef\xbf\xbd: x\"}");
    CHANGES("  remove: [message, kind]\n  set: { a: '{message}' }", "text", "{\"a\":\"text\"}");
}

/* ---- who sees which version ---- */

/* What came is not given to those below who ask for all of it. */
static void what_is_taken_out_stays_out(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { set: { before: '{@raw}' }, to: alerts, continue: true }\n"
                  "- { redact: { detect: email }, continue: true }\n"
                  "- { set: { raw: '{@raw}', text: '<{@raw}>' }, to: search }\n");
    box_route(&b, "{" K ",\"m\":\"a@b.example\"}");
    assert_for(&b, ALERTS,
               "{" K ",\"m\":\"a@b.example\","
               "\"before\":\"{\\\"kind\\\":\\\"k\\\",\\\"m\\\":\\\"a@b.example\\\"}\"}");
    assert_for(&b, SEARCH,
               "{" K ",\"m\":\"[email]\","
               "\"raw\":\"{\\\"kind\\\":\\\"k\\\",\\\"m\\\":\\\"[email]\\\"}\","
               "\"text\":\"<{\\\"kind\\\":\\\"k\\\",\\\"m\\\":\\\"[email]\\\"}>\"}");
    box_release(&b);
}

/* Archives are lines, `raw` too. */
static void copies_bring_no_line_breaks(void **state)
{
    static const char want[] = "{" K ",\"a\":{\"x\":1,\"y\":[] },\"b\":{\"x\":1,\"y\":[] }}";
    struct sl_slice raw;
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { set: { b: '{a}' }, to: search } ]\n");
    box_route(&b, "{" K ",\"a\":{\n\"x\":1,\r\n\"y\":[\n] }}");
    raw = sl_record_raw(record_for(&b, SEARCH));
    assert_int_equal(raw.n, sizeof(want) - 1);
    assert_memory_equal(raw.p, want, raw.n);
    assert_for(&b, SEARCH, want);
    box_release(&b);
}

static void changes_hold_for_the_sinks_of_their_rule(void **state)
{
    static const char value[] = "{" K ",\"a\":1}";
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { to: search, set: { by: first }, continue: true }\n"
                  "- { set: { b: all }, continue: true }\n"
                  "- { to: [search, alerts], set: { by: second }, remove: a, continue: true }\n"
                  "- { to: archive, set: { by: '{by|third}' } }\n");
    box_route(&b, value);
    assert_int_equal(b.decision.n, 3);
    assert_for(&b, SEARCH, "{" K ",\"a\":1,\"by\":\"first\"}");
    assert_for(&b, ALERTS, "{" K ",\"b\":\"all\",\"by\":\"second\"}");
    assert_for(&b, ARCHIVE, "{" K ",\"a\":1,\"b\":\"all\",\"by\":\"third\"}");
    assert_false(b.record.changed);
    box_release(&b);
}

static void unmatched_records_keep_what_rules_made_of_them(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { remove: secret, continue: true } ]\n");
    box_route(&b, "{" K ",\"secret\":1}");
    assert_int_equal(b.decision.chosen[0].rule, SL_RULE_UNMATCHED);
    assert_for(&b, ARCHIVE, "{" K "}");
    box_release(&b);
}

static void without_actions_the_record_is_the_one_routed(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n- { to: search, continue: true }\n- { to: alerts, remove: none }\n");
    box_route(&b, "{" K "}");
    assert_ptr_equal(record_for(&b, SEARCH), &b.record);
    assert_ptr_equal(record_for(&b, ALERTS), &b.record); /* nothing was there to remove */
    box_release(&b);
}

/* Conditions judge the record as it came. */
static void conditions_do_not_see_changes(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { set: { x: 2 }, remove: y, continue: true }\n"
                  "- { when: { x: 2 }, to: alerts }\n"
                  "- { when: { x: 1, y: 1 }, to: search }\n");
    box_route(&b, "{" K ",\"x\":1,\"y\":1}");
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    assert_for(&b, SEARCH, "{" K ",\"x\":2}");
    box_release(&b);
}

/* ---- limits ---- */

static const char fuse[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

static void a_limit_inside_an_action_is_an_error_of_the_rule(void **state)
{
    char *value = sl_asprintf("{" K ",\"m\":\"%s\",\"x\":1}", fuse),
         *without = sl_asprintf("{" K ",\"m\":\"%s\"}", fuse);
    struct box b;
    size_t n;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { to: alerts, set: { first: true }, continue: true }\n"
                  "- { remove: x, continue: true }\n"
                  "- { name: bomb, set: { y: 1 }, parse: { m: '^(?<z>a+)+$' }, to: search }\n"
                  "- { to: search }\n");
    for (int i = 0; i < 2; i++) {
        box_route(&b, value);
        assert_int_equal(b.decision.error_rule, 2);
        assert_int_equal(b.decision.n, 2);
        assert_int_equal(b.decision.chosen[1].rule, 2);
        assert_for(&b, ARCHIVE, without); /* as the rule got it */
        assert_int_equal(record_for(&b, ALERTS)->changed, true);
        sl_matcher_matched(b.matcher, &n);
        assert_int_equal(n, 2);
    }
    box_route(&b, "{" K ",\"m\":\"aaa\"}");
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_for(&b, SEARCH, "{" K ",\"m\":\"aaa\",\"z\":\"aaa\",\"y\":1}");
    box_release(&b);
    free(value);
    free(without);
}

/* Set aside: its conditions can still be judged, but it makes nothing of the record. */
static void changes_of_a_rule_that_is_set_aside_are_not_tried(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { when: { x: 1 }, to: search, parse: { m: '^(?<z>a+)+$' } }\n"
                  "- { to: alerts }\n");
    box_route(&b, "{" K ",\"x\":1}");
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    sl_route_set_aside(b.matcher, 0);
    box_route(&b, "{" K ",\"x\":1}");
    assert_int_equal(b.decision.error_rule, 0);
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    assert_ptr_equal(record_for(&b, ARCHIVE), &b.record);
    box_route(&b, "{" K ",\"x\":2}");
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    box_release(&b);
}

/* Actions draw on the same budget as conditions. */
static void actions_cost_runs(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { to: search, parse: { list: '(?<z>z)' } } ]\n");
    for (unsigned n = 20000; n <= 20001; n++) {
        box_route_list(&b, n);
        assert_int_equal(b.decision.error_rule, n == 20000 ? SL_RULE_NONE : 0);
    }
    box_release(&b);
}

static void what_grows_without_end_is_stopped(void **state)
{
    struct sl_buf yaml, value;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 1 << 20);
    sl_buf_init(&value, 4 << 20);
    sl_buf_text(&yaml, "rules: [ { to: search, set: { x: '");
    for (int i = 0; i < 100; i++)
        sl_buf_text(&yaml, "{a}");
    sl_buf_text(&yaml, "' } } ]\n");
    sl_buf_text(&value, "{\"a\":\"");
    for (int i = 0; i < 1 << 20; i++)
        sl_buf_byte(&value, 'a');
    sl_buf_text(&value, "\"}");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    box_route_n(&b, sl_buf_as_slice(&value));
    assert_int_equal(b.decision.error_rule, 0);
    assert_ptr_equal(record_for(&b, ARCHIVE), &b.record);
    box_route(&b, "{" K ",\"a\":\"\"}");
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&value);
}

/* ---- memory ---- */

/* What one rule does in many steps counts once: each step is 30 MiB of the 128. */
static void steps_of_a_rule_do_not_add_up(void **state)
{
    enum { LARGE = 30 << 20 };
    struct sl_buf large;
    struct box b;

    (void)state;
    sl_buf_init(&large, LARGE + 100);
    SL_BUF_LITERAL(&large, "{" K ",\"a\":5,\"m\":\"");
    memset(sl_buf_reserve(&large, LARGE), 'x', LARGE);
    large.n += LARGE;
    SL_BUF_LITERAL(&large, "\"}");
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { parse: { a: '(?<b>.)' }, set: { c: 1 }, rename: { c: d }, remove: b, "
                  "redact: { fields: d, detect: all }, continue: true }\n"
                  "- { parse: { a: '(?<b>.)' }, set: { c: 1 }, rename: { b: e }, to: search }\n");
    box_route(&b, sl_buf_str(&large));
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(record_for(&b, SEARCH)->body.n,
                     large.n + strlen(",\"d\":\"[all]\",\"c\":1,\"e\":\"5\""));
    box_release(&b);
    sl_buf_release(&large);
}

#if !SL_SANITIZED
enum { GIANT = 8 << 20 };

static size_t in_use(void)
{
    const struct mallinfo2 m = mallinfo2();

    return m.uordblks + m.hblkhd;
}

/* What one giant record took is not kept for the small ones after it. */
static void a_giant_record_leaves_no_memory_behind(void **state)
{
    struct sl_buf giant;
    struct box b;
    size_t before;

    (void)state;
    sl_buf_init(&giant, 2 * GIANT);
    SL_BUF_LITERAL(&giant, "{" K ",\"m\":\"\\n");
    for (size_t i = 0; i < GIANT; i++)
        sl_buf_byte(&giant, 'a');
    SL_BUF_LITERAL(&giant, "\"}");
    box_config(&b);
    box_rules(&b, "rules: [ { parse: { m: '^(?<first>.)' }, set: { copy: '{m}', text: '<{m}>' }, "
                  "remove: m, to: search } ]\n");
    box_route(&b, "{" K ",\"m\":\"\\nx\"}");
    before = in_use();
    box_route(&b, sl_buf_str(&giant));
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_true(record_for(&b, SEARCH)->body.n > 2 * GIANT);
    box_route(&b, "{" K ",\"m\":\"\\nx\"}");
    assert_in_range(in_use(), 0, before + (6 << 20));
    box_release(&b);
    sl_buf_release(&giant);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(set_writes_what_the_file_says),
        cmocka_unit_test(set_renders_templates),
        cmocka_unit_test(one_field_is_copied),
        cmocka_unit_test(names_of_the_message_are_fields_too),
        cmocka_unit_test(templates_of_one_set_see_the_record_before_it),
        cmocka_unit_test(members_are_set_where_they_are),
        cmocka_unit_test(rename_moves_members),
        cmocka_unit_test(remove_takes_members_out),
        cmocka_unit_test(parse_makes_fields_of_groups),
        cmocka_unit_test(redact_comes_last),
        cmocka_unit_test(what_an_early_rule_redacts_no_later_sink_sees),
        cmocka_unit_test(actions_have_an_order_of_their_own),
        cmocka_unit_test(what_is_taken_out_stays_out),
        cmocka_unit_test(copies_bring_no_line_breaks),
        cmocka_unit_test(a_text_becomes_an_object),
        cmocka_unit_test(changes_hold_for_the_sinks_of_their_rule),
        cmocka_unit_test(unmatched_records_keep_what_rules_made_of_them),
        cmocka_unit_test(without_actions_the_record_is_the_one_routed),
        cmocka_unit_test(conditions_do_not_see_changes),
        cmocka_unit_test(a_limit_inside_an_action_is_an_error_of_the_rule),
        cmocka_unit_test(changes_of_a_rule_that_is_set_aside_are_not_tried),
        cmocka_unit_test(actions_cost_runs),
        cmocka_unit_test(what_grows_without_end_is_stopped),
        cmocka_unit_test(steps_of_a_rule_do_not_add_up),
#if !SL_SANITIZED
        cmocka_unit_test(a_giant_record_leaves_no_memory_behind),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
