/* SPDX-License-Identifier: Apache-2.0 */
#include "dice.h"
#include "route/help.h"
#include "route/index.h"
#include "route/match.h"

/* The parts of the index by themselves, and what it says about rules. */

static struct sl_slice random_text(char *room, unsigned least, unsigned most)
{
    static const char letters[] = "abAB \xc3@`";
    unsigned n = least + below(most - least + 1);

    for (unsigned i = 0; i < n; i++)
        room[i] = letters[below(sizeof(letters) - 1)];
    return sl_slice(room, n);
}

static void fold(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] >= 'A' && p[i] <= 'Z' ? (char)(p[i] | 0x20) : p[i];
}

enum { MANY = 90 };

struct known {
    char room[16];
    struct sl_operand operand;
    bool fold, suffix, whole, seen;
};

static void see(void *user, uint32_t tag)
{
    struct known *all = user;

    all[tag].seen = true;
}

/* What the text is compared with: folded where case does not matter. */
static struct sl_slice text_for(const struct known *k, struct sl_slice text, char *room)
{
    memcpy(room, text.p, text.n);
    if (k->fold)
        fold(room, text.n);
    return sl_slice(room, text.n);
}

/* From seven bytes, five, four and three on, the text is walked in other strides. */
static void grams_find_each_literal_and_no_other(void **state)
{
    static const unsigned least[] = {3, 4, 5, 6, 7, 9};

    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        unsigned n = 1 + below(MANY), shortest = least[round % 6], hits = 0;
        struct sl_grams *g = sl_grams_new();
        struct known all[MANY] = {0};
        char room[80], folded[80];

        for (unsigned i = 0; i < n; i++) {
            struct sl_slice literal = random_text(all[i].room, shortest, shortest + 4);

            if (i && round % 3 == 0 && below(4)) { /* many have the same */
                const struct known *one = &all[below(i < 3 ? i : 3)];

                literal = sl_slice(all[i].room, one->operand.text.n);
                memcpy(all[i].room, one->room, literal.n);
            }
            all[i].fold = below(2);
            if (all[i].fold)
                fold(all[i].room, literal.n);
            all[i].operand.text = literal;
            sl_grams_add(g, literal, all[i].fold, i);
        }
        sl_grams_finish(g);
        for (unsigned k = 0; k < 60; k++) {
            struct sl_slice text = random_text(room, 0, 70);

            if (below(2) && text.n > 16) { /* random texts rarely have one */
                const struct known *one = &all[below(n)];

                memcpy(room + below(2) * (text.n - one->operand.text.n), one->room,
                       one->operand.text.n);
            }
            for (unsigned i = 0; i < n; i++)
                all[i].seen = false;
            sl_grams_find(g, text, see, all);
            for (unsigned i = 0; i < n; i++) {
                struct sl_slice in = text_for(&all[i], text, folded), want = all[i].operand.text;
                bool there = memmem(in.p, in.n, want.p, want.n) != NULL;

                assert_int_equal(all[i].seen, there);
                hits += there;
            }
        }
        assert_true(hits > 0);
        sl_grams_free(g);
    }
}

static bool is_affix(struct sl_slice text, struct sl_slice want, bool suffix)
{
    return want.n <= text.n && !memcmp(text.p + (suffix ? text.n - want.n : 0), want.p, want.n);
}

static void count_one(void *user, uint32_t tag)
{
    ((unsigned *)user)[tag]++;
}

/* A text that is full of it costs no more than one that has it once. */
static void a_literal_of_many_rules_is_said_once(void **state)
{
    struct sl_grams *g = sl_grams_new();
    unsigned seen[100] = {0};
    struct sl_buf text;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        sl_grams_add(g, sl_slice_str(i % 2 ? "connection" : "refused"), i % 4 > 1, i);
    sl_grams_finish(g);
    sl_buf_init(&text, 1 << 16);
    for (unsigned i = 0; i < 1000; i++)
        sl_buf_text(&text, "connection Refused refused ");
    for (unsigned round = 1; round <= 2; round++) {
        sl_grams_find(g, sl_buf_as_slice(&text), count_one, seen);
        for (unsigned i = 0; i < 100; i++)
            assert_int_equal(seen[i], round);
    }
    sl_buf_release(&text);
    sl_grams_free(g);
}

static void keys_find_each_text_and_affix(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 600; round++) {
        unsigned n = 1 + below(MANY), most = 1 + below(14), hits = 0;
        struct sl_index_keys *keys = sl_index_keys_new();
        struct known all[MANY] = {0};
        char room[80], folded[80], *scratch;

        for (unsigned i = 0; i < n; i++) {
            struct known *k = &all[i];

            *k = (struct known){.fold = below(2), .suffix = below(2), .whole = below(3) == 0};
            k->operand.text = random_text(k->room, k->whole ? 0 : 1, most);
            if (k->fold)
                fold(k->room, k->operand.text.n);
            if (k->whole)
                sl_index_keys_add_equal(keys, &k->operand, k->fold, i);
            else
                sl_index_keys_add_affix(keys, k->operand.text, k->suffix, k->fold, i);
        }
        sl_index_keys_finish(keys);
        scratch = sl_alloc(sl_index_keys_scratch(keys) + 1);
        for (unsigned k = 0; k < 60; k++) {
            struct sl_slice text = random_text(room, 0, 20);
            struct sl_scalar s = {.text = text};

            s.value = (struct sl_value){text.p, (uint32_t)text.n, SL_VALUE_STRING, false};
            for (unsigned i = 0; i < n; i++)
                all[i].seen = false;
            sl_index_keys_find(keys, &s, scratch, see, all);
            for (unsigned i = 0; i < n; i++) {
                struct sl_slice in = text_for(&all[i], text, folded), want = all[i].operand.text;
                bool there =
                    all[i].whole ? sl_slice_equal(in, want) : is_affix(in, want, all[i].suffix);

                assert_int_equal(all[i].seen, there);
                hits += there;
            }
        }
        assert_true(hits > 0 || n * 16 < MANY || most > 6);
        free(scratch);
        sl_index_keys_free(keys);
    }
}

static void numbers_are_found_by_value(void **state)
{
    static const char *const texts[] = {"500", "500.5", "-0", "9007199254740993", "1e3", "abc"};
    static const struct {
        const char *value;
        unsigned found; /* bits of texts */
    } cases[] = {{"5e2", 1},
                 {"500.0", 1},
                 {"500.50", 2},
                 {"0", 4},
                 {"0.0", 4},
                 {"9007199254740993", 8},
                 {"9007199254740992", 0},
                 {"9007199254740992.0", 8},
                 {"1000", 16},
                 {"abc", 32},
                 {"5000", 0}};
    struct sl_index_keys *keys = sl_index_keys_new();
    struct known all[6] = {0};

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        all[i].operand.text = sl_slice_str(texts[i]);
        all[i].operand.number = sl_number_of(all[i].operand.text);
        sl_index_keys_add_equal(keys, &all[i].operand, false, i);
    }
    sl_index_keys_finish(keys);
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        struct sl_scalar s = {.text = sl_slice_str(cases[c].value)};

        s.value = (struct sl_value){s.text.p, (uint32_t)s.text.n, SL_VALUE_STRING, false};
        for (unsigned i = 0; i < 6; i++)
            all[i].seen = false;
        sl_index_keys_find(keys, &s, NULL, see, all);
        for (unsigned i = 0; i < 6; i++)
            assert_int_equal(all[i].seen, cases[c].found >> i & 1);
    }
    sl_index_keys_free(keys);
}

/* ---- rules ---- */

static void what_is_always_tried_says_why(void **state)
{
    static const struct {
        const char *when, *why;
    } cases[] = {
        {"{ a: x }", NULL},
        {"{ a: [x, y], b: { not: z } }", NULL},
        {"{ a: { regex: 'timeout' } }", NULL},
        {"{ a: { regex: '^\\d+$' }, b: { prefix: x } }", NULL},
        {"{ any: [{ a: x }, { b: { contains: long } }] }", NULL},
        {"{ a: { not: x } }", "only negations"},
        {"{ a: { regex: '\\d+' } }", "`regex` without a literal of three bytes"},
        {"{ a: { regex: '\\d+' }, b: { not: x } }", "`regex` without a literal of three bytes"},
        {"{ a: { contains: ab } }", "`contains` of less than three bytes"},
        {"{ a: { glob: '*' } }", "`glob` without a literal"},
        {"{ a: { prefix: '' } }", "an empty `prefix` or `suffix`"},
        {"{ a: { gte: 5 } }", "only comparisons of numbers"},
        {"{ a: { exists: true } }", "only `exists`"},
        {"{ a: { cidr: 10.0.0.0/8 } }", "only `cidr`"},
        {"{ any: [{ a: x }, { b: { not: y } }] }", "an alternative of `any` has only negations"},
        {"{ a: { any: [x, { regex: '.' }] } }",
         "an alternative of `any` has `regex` without a literal of three bytes"},
    };
    struct sl_buf yaml;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 1 << 16);
    SL_BUF_LITERAL(&yaml, "rules:\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        sl_buf_printf(&yaml, "  - { when: %s, to: search }\n", cases[i].when);
    SL_BUF_LITERAL(&yaml, "  - { to: search }\n");
    box_config(&b);
    box_rules(&b, sl_buf_str(&yaml));
    for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *why = sl_rules_always_tried(b.rules, i);

        if (!why != !cases[i].why || (why && strcmp(why, cases[i].why) != 0))
            fail_msg("%s: %s", cases[i].when, why);
    }
    assert_string_equal(sl_rules_always_tried(b.rules, (unsigned)sl_rules_count(b.rules) - 1),
                        "no conditions");
    box_release(&b);
    sl_buf_release(&yaml);
}

/* Enough rules for an index, behind those given. */
static void with_more_rules(struct sl_buf *yaml, const char *first)
{
    sl_buf_printf(yaml, "rules:\n%s", first);
    for (unsigned i = 0; i < 60; i++)
        sl_buf_printf(yaml, "  - { when: { message: { regex: 'word %u here' } }, to: archive }\n",
                      i);
}

static const char fuse[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";

/* A condition that is NO settles an ALL, whatever met its limit before. */
static void what_the_index_rules_out_cannot_meet_a_limit(void **state)
{
    char *bomb = sl_asprintf("{\"message\":\"%s\"}", fuse),
         *both = sl_asprintf("{\"message\":\"%s timeout x\"}", fuse);
    struct sl_match *in_order;
    enum sl_verdict v;
    struct sl_buf yaml;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 1 << 16);
    with_more_rules(&yaml, "  - { when: { message: { regex: '(a+)+$' },\n"
                           "              all: [{ message: { regex: 'timeout .' } }] },"
                           " to: search }\n");
    box_config(&b);
    box_rules(&b, sl_buf_str(&yaml));
    assert_false(b.rules->index->plain);
    in_order = sl_match_new(b.rules);
    sl_match_in_order(in_order);
    box_route(&b, bomb);
    assert_int_equal(b.decision.error_rule, SL_RULE_NONE);
    sl_match_begin(in_order, &b.record);
    assert_int_equal(sl_match_next(in_order, 0, &v), SL_RULE_NONE);
    box_route(&b, both);
    assert_int_equal(b.decision.error_rule, 0);
    sl_match_begin(in_order, &b.record);
    assert_int_equal(sl_match_next(in_order, 0, &v), 0);
    assert_int_equal(v, SL_LIMIT);
    sl_match_free(in_order);
    box_release(&b);
    sl_buf_release(&yaml);
    free(bomb);
    free(both);
}

static void a_rule_set_aside_runs_no_regex(void **state)
{
    static const struct {
        const char *record;
        unsigned rule;
        enum sl_verdict verdict;
    } cases[] = {
        {"{\"message\":\"no such thing\",\"a\":1}", SL_RULE_NONE, SL_NO},
        {"{\"message\":\"a timeout of it\",\"a\":1}", 0, SL_LIMIT},
        {"{\"message\":\"a timeout of it\",\"a\":2}", SL_RULE_NONE, SL_NO},
        {"{\"message\":\"a timeout of it\",\"a\":2,\"b\":3}", 1, SL_YES},
        {"{\"message\":[\"no\",\"a timeout of it\"],\"a\":1}", 0, SL_LIMIT},
    };
    struct sl_match *m;
    struct sl_buf yaml;
    struct box b;

    (void)state;
    sl_buf_init(&yaml, 1 << 16);
    with_more_rules(&yaml,
                    "  - { when: { a: 1, message: { regex: 'timeout of' } }, to: search }\n"
                    "  - { when: { b: 3, message: { regex: 'timeout of' } }, to: search }\n");
    box_config(&b);
    box_rules(&b, sl_buf_str(&yaml));
    m = sl_match_new(b.rules);
    sl_match_set_aside(m, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        enum sl_verdict v = SL_NO;

        box_route(&b, cases[i].record);
        sl_match_begin(m, &b.record);
        assert_int_equal(sl_match_next(m, 0, &v), cases[i].rule);
        assert_int_equal(v, cases[i].verdict);
        assert_int_equal(sl_match_effort(m)->runs, v == SL_YES);
    }
    sl_match_free(m);
    box_release(&b);
    sl_buf_release(&yaml);
}

/* The text that satisfied a test is what named groups are taken from. */
static void the_text_of_a_test_is_the_one_that_holds(void **state)
{
    struct sl_match *m;
    enum sl_verdict v;
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules: [ { when: { a: { prefix: x } }, to: search } ]\n");
    m = sl_match_new(b.rules);
    box_route(&b, "{\"a\":[1,null,\"y\",\"x\\u0041\",\"xB\"]}");
    sl_match_begin(m, &b.record);
    assert_int_equal(sl_match_next(m, 0, &v), 0);
    assert_true(sl_slice_is(sl_match_text(m, 0), "xA"));
    box_route(&b, "{\"a\":\"x\\n\"}");
    sl_match_begin(m, &b.record);
    assert_true(sl_slice_is(sl_match_text(m, 0), "x\n"));
    box_route(&b, "{\"a\":[\"y\"]}");
    sl_match_begin(m, &b.record);
    assert_null(sl_match_text(m, 0).p);
    sl_match_free(m);
    box_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grams_find_each_literal_and_no_other),
        cmocka_unit_test(a_literal_of_many_rules_is_said_once),
        cmocka_unit_test(keys_find_each_text_and_affix),
        cmocka_unit_test(numbers_are_found_by_value),
        cmocka_unit_test(what_is_always_tried_says_why),
        cmocka_unit_test(what_the_index_rules_out_cannot_meet_a_limit),
        cmocka_unit_test(a_rule_set_aside_runs_no_regex),
        cmocka_unit_test(the_text_of_a_test_is_the_one_that_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
