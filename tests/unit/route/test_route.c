/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "config/yaml.h"
#include "route/help.h"

static const struct sl_choice *chosen(const struct box *b, unsigned sink)
{
    for (size_t i = 0; i < b->decision.n; i++)
        if (b->decision.chosen[i].sink == sink)
            return &b->decision.chosen[i];
    return NULL;
}

static void assert_chosen(const struct box *b, unsigned sink, unsigned rule)
{
    const struct sl_choice *c = chosen(b, sink);

    assert_non_null(c);
    assert_int_equal(c->rule, rule);
    assert_true(b->decision.sinks >> sink & 1);
}

static void the_first_match_decides(void **state)
{
    struct box b;
    size_t n;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "  - { name: a, when: { x: 1 }, to: [alerts, search] }\n"
                  "  - { name: b, when: { x: [1, 2] }, to: archive }\n"
                  "  - { name: c, to: search }\n");
    box_route(&b, "{\"x\":1}");
    assert_int_equal(b.decision.n, 2);
    assert_int_equal(b.decision.chosen[0].sink, ALERTS);
    assert_int_equal(b.decision.chosen[1].sink, SEARCH);
    assert_chosen(&b, ALERTS, 0);
    assert_int_equal(b.decision.dropped_by, SL_RULE_NONE);
    assert_int_equal(sl_matcher_matched(b.matcher, &n)[0], 0);
    assert_int_equal(n, 1);
    box_route(&b, "{\"x\":2}");
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    assert_chosen(&b, ARCHIVE, 1);
    box_route(&b, "no JSON");
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    assert_chosen(&b, SEARCH, 2);
    box_release(&b);
}

static void continue_goes_on_and_a_sink_takes_a_record_once(void **state)
{
    struct box b;
    const unsigned *matched;
    size_t n;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "  - { name: a, when: { x: 1 }, to: [alerts, search], continue: true }\n"
                  "  - { name: b, continue: true }\n"
                  "  - { name: c, when: { y: 1 }, to: [search, archive] }\n"
                  "  - { name: d, when: { z: 1 }, to: alerts }\n");
    box_route(&b, "{\"x\":1,\"y\":1,\"z\":1}");
    assert_int_equal(b.decision.n, 3);
    assert_chosen(&b, ALERTS, 0);
    assert_chosen(&b, SEARCH, 0);
    assert_chosen(&b, ARCHIVE, 2);
    matched = sl_matcher_matched(b.matcher, &n);
    assert_int_equal(n, 3);
    assert_int_equal(matched[0], 0);
    assert_int_equal(matched[1], 1);
    assert_int_equal(matched[2], 2);
    /* A rule with `to` took it: it is not unmatched, though no later rule decided. */
    box_route(&b, "{\"x\":1}");
    assert_int_equal(b.decision.n, 2);
    assert_null(chosen(&b, ARCHIVE));
    /* A rule with `continue` alone takes nothing. */
    box_route(&b, "{}");
    assert_int_equal(b.decision.n, 1);
    assert_chosen(&b, ARCHIVE, SL_RULE_UNMATCHED);
    assert_int_equal(sl_matcher_matched(b.matcher, &n)[0], 1);
    assert_int_equal(n, 1);
    box_release(&b);
}

static void drop_ends_the_walk(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "  - { name: a, when: { x: 1 }, to: alerts, continue: true }\n"
                  "  - { name: b, when: { y: 1 }, drop: true }\n"
                  "  - { name: c, to: search }\n");
    box_route(&b, "{\"y\":1}");
    assert_int_equal(b.decision.n, 0);
    assert_int_equal(b.decision.sinks, 0);
    assert_int_equal(b.decision.dropped_by, 1);
    box_route(&b, "{\"x\":1,\"y\":1}");
    assert_int_equal(b.decision.n, 1);
    assert_chosen(&b, ALERTS, 0);
    assert_int_equal(b.decision.dropped_by, SL_RULE_NONE);
    box_release(&b);
}

static void unmatched_may_be_dropped(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.config.unmatched = (struct sl_destination){.drop = true};
    box_rules(&b, "rules: [ { name: a, when: { x: 1 }, to: alerts } ]\n");
    box_route(&b, "{\"x\":2}");
    assert_int_equal(b.decision.n, 0);
    assert_int_equal(b.decision.dropped_by, SL_RULE_UNMATCHED);
    box_release(&b);
}

/* ---- limits ---- */

static const char bomb[] =
    "rules:\n"
    "  - { name: first, when: { x: 1 }, to: alerts, continue: true }\n"
    "  - { name: bomb, when: { message: { regex: '(a+)+$' } }, to: search }\n"
    "  - { name: rest, to: search }\n";
static const char fuse[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

static void c22_a_regex_that_hits_its_limit_is_no_mismatch(void **state)
{
    struct box b;
    char *value = sl_asprintf("{\"message\":\"%s\"}", fuse),
         *with_x = sl_asprintf("{\"x\":1,\"message\":\"%s\"}", fuse);

    (void)state;
    box_config(&b);
    box_rules(&b, bomb);
    box_route(&b, value);
    assert_int_equal(b.decision.error_rule, 1);
    assert_int_equal(b.decision.n, 1);
    assert_chosen(&b, ARCHIVE, 1);
    assert_int_equal(b.decision.dropped_by, SL_RULE_NONE);
    box_route(&b, with_x); /* what was chosen before stays */
    assert_int_equal(b.decision.error_rule, 1);
    assert_int_equal(b.decision.n, 2);
    assert_chosen(&b, ALERTS, 0);
    assert_chosen(&b, ARCHIVE, 1);
    box_route(&b, "{\"message\":\"baaa\"}"); /* and the next record starts afresh */
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_chosen(&b, SEARCH, 1);
    box_release(&b);
    free(value);
    free(with_x);
}

static void neither_not_nor_any_turns_a_limit_into_an_answer(void **state)
{
    static const char *const whens[] = {
        "{ not: { message: { regex: '(a+)+$' } } }",
        "{ any: [ { message: { regex: '(a+)+$' } }, { message: { regex: '!$' } } ] }",
        "{ message: { not: { regex: '(a+)+$' } } }",
        "{ message: { regex: '(a+)+$', contains: 'aa' } }",
    };
    char *value = sl_asprintf("{\"message\":\"%s\"}", fuse),
         *array = sl_asprintf("{\"message\":[\"b\",\"%s\"]}", fuse);

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct box b;
        char *yaml = sl_asprintf("rules: [ { name: a, when: %s, to: search } ]\n", whens[i]);

        box_config(&b);
        b.config.rule_errors = (struct sl_destination){.drop = true};
        box_rules(&b, yaml);
        box_route(&b, i % 2 ? array : value);
        assert_int_equal(b.decision.error_rule, 0);
        assert_int_equal(b.decision.dropped_by, 0);
        assert_int_equal(b.decision.n, 0);
        box_release(&b);
        free(yaml);
    }
    free(value);
    free(array);
}

static void a_record_may_cost_so_many_regex_runs(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { name: a, when: { list: { regex: 'zz' } }, to: search } ]\n");
    for (unsigned n = 20000; n <= 20001; n++) {
        box_route_list(&b, n);
        assert_int_equal(b.decision.error_rule, n == 20000 ? SL_RULE_NONE : 0);
        assert_chosen(&b, ARCHIVE, n == 20000 ? SL_RULE_UNMATCHED : 0);
    }
    box_release(&b);
}

/* The stack of PCRE2's JIT is too small for this by default. */
static void long_subjects_have_stack_enough(void **state)
{
    struct box b;
    size_t n = 20000;
    char *value = sl_alloc(n);

    (void)state;
    memset(value, 'b', n);
    value[n - 1] = 'c';
    box_config(&b);
    box_rules(&b,
              "rules: [ { name: a, when: { '@raw': { regex: '^(?:(a)|b)*c' } }, to: search } ]\n");
    box_route_n(&b, sl_slice(value, n));
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_chosen(&b, SEARCH, 0);
    box_release(&b);
    free(value);
}

/* What PCRE2's own limit does not catch: hours, were steps not counted over the whole subject. */
static void c23_quadratic_patterns_are_bounded_on_long_lines(void **state)
{
    static const char *const patterns[] = {"(?:\\w+,)*END", "(a{1,300}){2}b", "[a-z]+,", "(a+)+$"};
    size_t n = 1 << 20;
    char *value = sl_alloc(n);

    (void)state;
    memset(value, 'a', n);
    memcpy(value + n - 8, "! ,b END", 8);
    for (size_t i = 0; i < 4; i++) {
        struct box b;
        char *yaml = sl_asprintf("rules: [ { when: { '@raw': { regex: '%s' } }, to: search } ]\n",
                                 patterns[i]);

        box_config(&b);
        box_rules(&b, yaml);
        box_route_n(&b, sl_slice(value, n - 3)); /* no END */
        assert_int_equal(b.decision.error_rule, 0);
        assert_chosen(&b, ARCHIVE, 0);
        box_release(&b);
        free(yaml);
    }
    free(value);
}

static void ordinary_patterns_are_judged_on_long_lines(void **state)
{
    struct box b;
    size_t n = 500000;
    char *value = sl_alloc(n);

    (void)state;
    memset(value, 'x', n);
    memcpy(value, "took", 4);
    memcpy(value + n - 4, "done", 4);
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "  - { when: { '@raw': { regex: 'took.*never' } }, to: alerts }\n"
                  "  - { when: { '@raw': { regex: '^\\w+ \\d+' } }, to: alerts }\n"
                  "  - { when: { '@raw': { regex: '(?i)time ?out' } }, to: alerts }\n"
                  "  - { when: { '@raw': { regex: 'took.*done$' } }, to: search }\n");
    box_route_n(&b, sl_slice(value, n));
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    assert_chosen(&b, SEARCH, 3);
    box_release(&b);
    free(value);
}

/* ---- versions ---- */

static char *hash_of(const char *yaml, void (*change)(struct box *b))
{
    struct box b;
    char *hash;

    box_config(&b);
    if (change)
        change(&b);
    box_rules(&b, yaml);
    hash = sl_strdup(sl_rules_version(b.rules)->hash);
    assert_int_equal(strlen(hash), 64);
    box_release(&b);
    return hash;
}

static void swap_sinks(struct box *b)
{
    struct sl_sink_config archive = b->sinks[ARCHIVE];

    b->sinks[ARCHIVE] = b->sinks[SEARCH];
    b->sinks[SEARCH] = archive;
    b->config.unmatched.sinks = b->config.rule_errors.sinks = 1U << SEARCH;
}

static void rename_sink(struct box *b)
{
    b->sinks[ARCHIVE].name = "store";
}

static void other_id(struct box *b)
{
    b->sinks[ARCHIVE].id = "archive-2";
}

static void other_unmatched(struct box *b)
{
    b->config.unmatched.sinks = 1U << SEARCH;
}

static void other_rule_errors(struct box *b)
{
    b->config.rule_errors = (struct sl_destination){.drop = true};
}

static const char one[] =
    "rules:\n"
    "  - { name: a, when: { x: 1, y: { glob: 'z*' } }, to: [search, archive] }\n"
    "  - { name: b, drop: true }\n";

static void assert_same(bool same, const char *yaml, void (*change)(struct box *b))
{
    char *first = hash_of(one, NULL), *second = hash_of(yaml, change);

    if (same != !strcmp(first, second))
        fail_msg("%s: the hash is %s", yaml, same ? "another" : "the same");
    free(first);
    free(second);
}

static void the_hash_covers_what_decides(void **state)
{
    (void)state;
    assert_same(true, one, NULL);
    assert_same(true, one, swap_sinks);
    assert_same(true,
                "# a comment\nrules:\n  - name: other\n    to: [archive, search]\n    when:\n"
                "      x: \"1\"\n      y:\n        glob: z*\n  - drop: true\ntests: []\n",
                NULL);
    assert_same(true,
                "rules:\n"
                "  - { name: a, when: { x: 1, y: { glob: 'z*' } }, to: [search, store] }\n"
                "  - { name: b, drop: true }\n",
                rename_sink);
    assert_same(false, one, other_id);
    assert_same(false, one, other_unmatched);
    assert_same(false, one, other_rule_errors);
    assert_same(false,
                "rules:\n"
                "  - { name: b, drop: true }\n"
                "  - { name: a, when: { x: 1, y: { glob: 'z*' } }, to: [search, archive] }\n",
                NULL);
    assert_same(false,
                "rules:\n"
                "  - { name: a, when: { x: 1, y: { glob: 'z*' } }, to: [search] }\n"
                "  - { name: b, drop: true }\n",
                NULL);
    assert_same(false,
                "rules:\n"
                "  - { name: a, when: { x: 1, y: { prefix: 'z*' } }, to: [search, archive] }\n"
                "  - { name: b, drop: true }\n",
                NULL);
    assert_same(false,
                "rules:\n"
                "  - { name: a, when: { x: 1, y: { glob: 'z*' } }, to: [search, archive], "
                "continue: true }\n"
                "  - { name: b, drop: true }\n",
                NULL);
    assert_same(
        false,
        "rules:\n"
        "  - { name: a, when: { x: 1, y: { not: { glob: 'z*' } } }, to: [search, archive] }\n"
        "  - { name: b, drop: true }\n",
        NULL);
    assert_same(false,
                "rules:\n"
                "  - { name: a, when: { any: [ { x: 1 }, { y: { glob: 'z*' } } ] }, to: [search, "
                "archive] }\n"
                "  - { name: b, drop: true }\n",
                NULL);
}

/* ---- the rules that ship ---- */

static void rules_know_which_fields_they_read(void **state)
{
    struct box b;
    unsigned host, stage;

    (void)state;
    box_config(&b);
    box_rules(&b,
              "rules:\n"
              "  - {name: a, when: {not: {any: [{stage: prod}, {level: error}]}}, to: search}\n");
    assert_int_equal(sl_fields_add(b.fields, SL_SLICE_LITERAL("stage"), &stage, NULL), SL_OK);
    assert_int_equal(sl_fields_add(b.fields, SL_SLICE_LITERAL("host"), &host, NULL), SL_OK);
    assert_true(sl_rules_read(b.rules, stage));
    assert_false(sl_rules_read(b.rules, host));
    box_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_match_decides),
        cmocka_unit_test(continue_goes_on_and_a_sink_takes_a_record_once),
        cmocka_unit_test(drop_ends_the_walk),
        cmocka_unit_test(unmatched_may_be_dropped),
        cmocka_unit_test(c22_a_regex_that_hits_its_limit_is_no_mismatch),
        cmocka_unit_test(neither_not_nor_any_turns_a_limit_into_an_answer),
        cmocka_unit_test(a_record_may_cost_so_many_regex_runs),
        cmocka_unit_test(long_subjects_have_stack_enough),
        cmocka_unit_test(c23_quadratic_patterns_are_bounded_on_long_lines),
        cmocka_unit_test(ordinary_patterns_are_judged_on_long_lines),
        cmocka_unit_test(the_hash_covers_what_decides),
        cmocka_unit_test(rules_know_which_fields_they_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
