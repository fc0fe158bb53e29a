/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

#include "route/help.h"
#include "route/match.h"
#include "route/parse.h"

/* Rules and records that mean harm, or that nobody thought about: work and memory stay bounded and
 * the answer is a clear word. Work is counted (runs of regular expressions, bytes they are run
 * over, memory in use), never timed. */

static struct sl_effort *effort(struct box *b)
{
    return sl_match_effort(sl_matcher_parts(b->matcher).match);
}

/* {"message": "<fill...><end>"} of about n bytes. */
static void route_long(struct box *b, struct sl_buf *text, const char *fill, size_t n,
                       const char *end)
{
    sl_buf_clear(text);
    SL_BUF_LITERAL(text, "{\"message\":\"");
    while (text->n < n)
        sl_buf_text(text, fill);
    sl_buf_text(text, end);
    SL_BUF_LITERAL(text, "\"}");
    box_route_n(b, sl_buf_as_slice(text));
}

/* Loads rules that must be refused; the first problem holds `word`. */
static void refused(const char *name, struct sl_buf *text, const char *word)
{
    struct box b;

    box_config(&b);
    assert_null(sl_rules_load_text(&b.config, name, sl_buf_as_slice(text), b.fields, &b.diags));
    assert_true(b.diags.n >= 1);
    if (!strstr(b.diags.items[0].text, word))
        fail_msg("%s: %s", word, b.diags.items[0].text);
    box_release(&b);
    sl_buf_release(text);
}

/* ---- patterns that explode ---- */

static void c22_a_pattern_that_explodes_meets_its_limit(void **state)
{
    static const size_t lengths[] = {40, 900, 4096, 1 << 20};
    static const char *const patterns[] = {"(a+)+$", "^(a|aa)+$", "(.*)*(.*)*x$", "(a*)*b",
                                           "(?:a+,?)*END"};
    struct sl_buf text;
    struct box b;

    (void)state;
    sl_buf_init(&text, 2 << 20);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        char *yaml = sl_asprintf("rules:\n- { when: { message: { regex: '%s' } }, to: search }\n",
                                 patterns[i]);

        box_config(&b);
        box_rules(&b, yaml);
        for (size_t k = 0; k < sizeof(lengths) / sizeof(*lengths); k++) {
            route_long(&b, &text, "a", lengths[k], "!");
            /* Either it does not match or a limit was met; never searched without end. */
            assert_true(b.decision.error_rule == 0 || b.decision.chosen[0].rule != 0);
            assert_true(effort(&b)->runs <= 1);
            assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
        }
        free(yaml);
        box_release(&b);
    }
    box_config(&b);
    box_rules(&b, "rules:\n- { when: { message: { regex: '^(a+)+$' } }, to: search }\n");
    route_long(&b, &text, "a", 4096, "!");
    assert_int_equal(b.decision.error_rule, 0);
    box_release(&b);
    sl_buf_release(&text);
}

/* ---- long lines and many rules ---- */

/* # in the pattern is the number of the rule. */
static void add_rules(struct sl_buf *yaml, size_t n, const char *pattern)
{
    SL_BUF_LITERAL(yaml, "rules:\n");
    for (size_t i = 0; i < n; i++) {
        SL_BUF_LITERAL(yaml, "- { when: { message: { regex: '");
        for (const char *p = pattern; *p; p++)
            if (*p == '#')
                sl_buf_printf(yaml, "%zu", i);
            else
                sl_buf_byte(yaml, *p);
        SL_BUF_LITERAL(yaml, "' } }, to: search }\n");
    }
}

static void c23_a_long_line_without_a_literal_runs_no_pattern(void **state)
{
    struct sl_buf text, yaml;
    struct box b;

    (void)state;
    sl_buf_init(&text, 2 << 20);
    sl_buf_init(&yaml, 1 << 20);
    add_rules(&yaml, 1000, "failed job # of [a-z]+");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    route_long(&b, &text, "some words of a line that goes on and on, ", 1 << 20, "");
    assert_int_equal(b.decision.chosen[0].rule, SL_RULE_UNMATCHED);
    assert_int_equal(effort(&b)->runs, 0);
    route_long(&b, &text, "some words of a line that goes on and on, ", 1 << 20,
               "failed job 7 of them");
    assert_int_equal(b.decision.chosen[0].rule, 7);
    assert_in_range(effort(&b)->runs, 1, 2);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&text);
}

/* Patterns that no literal rules out run each, and a record has its share of that. */
static void a_long_line_has_its_share_of_runs(void **state)
{
    struct sl_buf text, yaml;
    struct box b;

    (void)state;
    sl_buf_init(&text, 2 << 20);
    sl_buf_init(&yaml, 1 << 20);
    add_rules(&yaml, 1000, "[0-9]{#,}[A-Z]");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    route_long(&b, &text, "some words of a line that goes on and on, ", 1 << 20, "");
    assert_true(effort(&b)->subject_bytes <= SL_SUBJECT_BYTES_MAX + (1 << 20) + 64);
    assert_true(effort(&b)->runs <= 257);
    assert_int_not_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&text);
}

/* Tests that no index answers look at each element, and a record has its share of that. */
static void a_long_array_has_its_share_of_looks(void **state)
{
    enum { RULES = 200, ELEMENTS = 400000 };
    struct sl_buf text, yaml;
    struct box b;

    (void)state;
    sl_buf_init(&text, 2 << 20);
    sl_buf_init(&yaml, 1 << 20);
    SL_BUF_LITERAL(&yaml, "rules:\n");
    for (size_t i = 0; i < RULES; i++)
        sl_buf_printf(&yaml, "- { when: { ip: { cidr: 10.0.%zu.0/24 } }, to: search }\n", i);
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    SL_BUF_LITERAL(&text, "{\"ip\":[1");
    for (size_t i = 1; i < ELEMENTS; i++)
        SL_BUF_LITERAL(&text, ",1");
    SL_BUF_LITERAL(&text, "]}");
    box_route_n(&b, sl_buf_as_slice(&text));
    assert_true(effort(&b)->subject_bytes <= SL_SUBJECT_BYTES_MAX + (RULES + 1) * SL_ELEMENT_BYTES);
    assert_int_not_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    box_route(&b, "{\"ip\":[1,2,\"10.0.3.4\"]}");
    assert_int_equal(b.decision.chosen[0].rule, 3);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&text);
}

/* Every four bytes of the text are those by which all rules are looked up. */
static void a_stream_of_one_gram(void **state)
{
    struct sl_buf text, yaml;
    struct box b;

    (void)state;
    sl_buf_init(&text, 2 << 20);
    sl_buf_init(&yaml, 1 << 20);
    add_rules(&yaml, 1000, "zzzz[0-9]#|zzzzy#");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    route_long(&b, &text, "z", 1 << 16, "");
    /* `zzzz` is there, so each is to be run; of `zzzzy..` nothing is. */
    assert_true(effort(&b)->runs <= 1000);
    box_release(&b);
    sl_buf_clear(&yaml);
    add_rules(&yaml, 1000, "zzzzzz#");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    route_long(&b, &text, "z", 1 << 20, "");
    assert_int_equal(effort(&b)->runs, 0);
    route_long(&b, &text, "z", 1 << 20, "12 ");
    assert_in_range(effort(&b)->runs, 1, 3);
    assert_int_equal(b.decision.chosen[0].rule, 1);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&text);
}

/* ---- patterns that are large ---- */

static void c34_repeats_of_repeats_are_refused(void **state)
{
    static const char *const patterns[] = {
        "((a{0,65535}){0,65535}){0,65535}", "(?:(?:a{0,1000}){0,1000}){0,1000}",
        "(((((((((a{0,999}){0,999}){0,999}){0,999}){0,999}){0,999}){0,999}){0,999}){0,999})"};

    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(*patterns); i++) {
        struct sl_buf text;

        sl_buf_init(&text, 1 << 16);
        sl_buf_printf(&text, "rules:\n- { when: { message: { regex: '%s' } }, to: search }\n",
                      patterns[i]);
        refused("rules.yaml", &text, "bad regular expression: ");
        sl_buf_init(&text, 1 << 16);
        sl_buf_printf(&text, "message ~,to\n\"%s\",search\n", patterns[i]);
        refused("t.csv", &text, "bad regular expression: ");
    }
}

static void a_pattern_has_a_size(void **state)
{
    static const struct {
        size_t n;
        const char *word; /* NULL: it is taken */
    } cases[] = {{7000, NULL},
                 {SL_REGEX_PATTERN_MAX, "regular expression is too large; many words belong in"},
                 {SL_REGEX_PATTERN_MAX + 1, "64 KiB"}};
    struct sl_buf yaml, text;
    struct box b;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        sl_buf_init(&yaml, 1 << 20);
        SL_BUF_LITERAL(&yaml, "rules:\n- { to: search, when: { message: { regex: ");
        for (size_t k = 0; k < cases[i].n; k++)
            sl_buf_byte(&yaml, "abcdefgh"[k % 8]);
        SL_BUF_LITERAL(&yaml, " } } }\n");
        if (cases[i].word) {
            refused("rules.yaml", &yaml, cases[i].word);
            continue;
        }
        box_config(&b);
        box_rules_n(&b, sl_buf_as_slice(&yaml));
        sl_buf_init(&text, 2 << 20);
        route_long(&b, &text, "abcdefgh", cases[i].n, "");
        assert_int_equal(b.decision.chosen[0].rule, SL_RULE_UNMATCHED);
        route_long(&b, &text, "abcdefgh", cases[i].n + 64, "");
        assert_int_equal(b.decision.chosen[0].rule, 0);
        sl_buf_release(&text);
        sl_buf_release(&yaml);
        box_release(&b);
    }
}

static void ten_thousand_alternatives(void **state)
{
    struct sl_buf yaml, text;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 1 << 20);
    SL_BUF_LITERAL(&yaml, "message ~,to\n");
    for (size_t i = 0; i < 10000; i++)
        sl_buf_printf(&yaml, "%sw%zu", i ? "|" : "", i);
    SL_BUF_LITERAL(&yaml, ",search\n");
    refused("t.csv", &yaml, "many words belong in a list of values");
    sl_buf_init(&yaml, 1 << 20);
    sl_buf_init(&text, 2 << 20);
    SL_BUF_LITERAL(&yaml, "rules:\n- { when: { message: { regex: '^(");
    for (size_t i = 0; i < 3000; i++)
        sl_buf_printf(&yaml, "%s%c", i ? "|" : "", (int)('a' + i % 26));
    SL_BUF_LITERAL(&yaml, ")+!$' } }, to: search }\n- { when: { message: [");
    for (size_t i = 0; i < 10000; i++)
        sl_buf_printf(&yaml, "%sv%zu", i ? "," : "", i);
    SL_BUF_LITERAL(&yaml, "] }, to: alerts }\n");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&yaml));
    box_route(&b, "{\"message\":\"abz!\"}");
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    box_route(&b, "{\"message\":\"v9999\"}");
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    route_long(&b, &text, "z", 1 << 20, "?"); /* `!` is not there */
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    route_long(&b, &text, "z", 1 << 20, "!?");
    assert_int_equal(b.decision.error_rule, 0);
    assert_int_equal(effort(&b)->runs, 1);
    box_release(&b);
    sl_buf_release(&yaml);
    sl_buf_release(&text);
}

/* ---- deep ---- */

static void deep_patterns_are_refused(void **state)
{
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    SL_BUF_LITERAL(&text, "message ~,to\n");
    for (size_t i = 0; i < 20000; i++)
        sl_buf_byte(&text, '(');
    sl_buf_byte(&text, 'a');
    for (size_t i = 0; i < 20000; i++)
        sl_buf_byte(&text, ')');
    SL_BUF_LITERAL(&text, ",search\n");
    refused("t.csv", &text, "bad regular expression: ");
}

static void c34_deep_conditions_are_refused(void **state)
{
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 4 << 20);
    SL_BUF_LITERAL(&text, "rules:\n- to: search\n  when: ");
    for (size_t i = 0; i < 100000; i++)
        SL_BUF_LITERAL(&text, "{ not: ");
    SL_BUF_LITERAL(&text, "{ a: 1 }");
    for (size_t i = 0; i < 100000; i++)
        SL_BUF_LITERAL(&text, " }");
    refused("rules.yaml", &text, "");
}

static void deep_records_are_text(void **state)
{
    struct sl_buf text;
    struct box b;

    (void)state;
    sl_buf_init(&text, 4 << 20);
    box_config(&b);
    box_rules(&b, "rules:\n- { when: { a: { exists: true } }, to: search }\n"
                  "- { when: { '@parse_error': { exists: true } }, to: alerts }\n");
    SL_BUF_LITERAL(&text, "{\"a\":");
    for (size_t i = 0; i < 1000000; i++)
        sl_buf_byte(&text, '[');
    box_route_n(&b, sl_buf_as_slice(&text));
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    box_release(&b);
    sl_buf_release(&text);
}

/* ---- long tables ---- */

static void fill_table(struct sl_buf *text, size_t rows)
{
    SL_BUF_LITERAL(text, "name,service,status >=,to\n");
    for (size_t i = 0; i < rows; i++)
        sl_buf_printf(text, "r%zu,service-%zu,%zu,search alerts\n", i, i, i);
}

static void c34_a_table_of_a_million_rules_is_refused_before_it_is_built(void **state)
{
    struct mallinfo2 before, after;
    struct sl_buf text;
    struct box b;

    (void)state;
    sl_buf_init(&text, 128 << 20);
    fill_table(&text, 1000000);
    box_config(&b);
    malloc_trim(0);
    before = mallinfo2();
    assert_null(sl_rules_load_text(&b.config, "t.csv", sl_buf_as_slice(&text), b.fields, &b.diags));
    after = mallinfo2();
    assert_int_equal(b.diags.errors, 1);
    assert_non_null(strstr(b.diags.items[0].text, "200000 rules"));
    assert_non_null(strstr(b.diags.items[0].text, "in_table"));
    assert_int_equal(b.diags.items[0].line, SL_RULES_MAX + 2);
    /* What the heap has grown by, and not given back: next to nothing was ever taken from it. */
    assert_true(after.arena <= before.arena + (4 << 20));
    box_release(&b);
    sl_buf_release(&text);
}

static void rules_of_all_files_count_together(void **state)
{
    struct sl_buf text;

    (void)state;
    sl_buf_init(&text, 64 << 20);
    SL_BUF_LITERAL(&text, "rules:\n");
    for (size_t i = 0; i < SL_RULES_MAX + 2; i++)
        SL_BUF_LITERAL(&text, "- to: search\n");
    refused("rules.yaml", &text, "200000 rules");
}

static void lines_inside_quotes_are_no_rows(void **state)
{
    struct sl_buf text;
    struct box b;

    (void)state;
    sl_buf_init(&text, 8 << 20);
    SL_BUF_LITERAL(&text, "message,to\n");
    for (size_t i = 0; i < 50; i++) {
        sl_buf_byte(&text, '"');
        for (size_t k = 0; k < 10000; k++)
            sl_buf_byte(&text, '\n');
        sl_buf_printf(&text, "%zu\",search\n\n", i);
    }
    box_config(&b);
    b.rules = sl_rules_load_text(&b.config, "t.csv", sl_buf_as_slice(&text), b.fields, &b.diags);
    assert_non_null(b.rules);
    assert_int_equal(sl_rules_count(b.rules), 50);
    assert_int_equal(sl_rules_info(b.rules, 1).line, 10004);
    box_release(&b);
    sl_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c22_a_pattern_that_explodes_meets_its_limit),
        cmocka_unit_test(c23_a_long_line_without_a_literal_runs_no_pattern),
        cmocka_unit_test(a_long_line_has_its_share_of_runs),
        cmocka_unit_test(a_long_array_has_its_share_of_looks),
        cmocka_unit_test(a_stream_of_one_gram),
        cmocka_unit_test(c34_repeats_of_repeats_are_refused),
        cmocka_unit_test(a_pattern_has_a_size),
        cmocka_unit_test(ten_thousand_alternatives),
        cmocka_unit_test(deep_patterns_are_refused),
        cmocka_unit_test(c34_deep_conditions_are_refused),
        cmocka_unit_test(deep_records_are_text),
        cmocka_unit_test(c34_a_table_of_a_million_rules_is_refused_before_it_is_built),
        cmocka_unit_test(rules_of_all_files_count_together),
        cmocka_unit_test(lines_inside_quotes_are_no_rows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
