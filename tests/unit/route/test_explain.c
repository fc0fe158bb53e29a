/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

#include "sluice/explain.h"

/* Explanations against routing: what is told of a rule is what routing made of it, and what is not
 * told could not match. */

enum { RULES_MAX = 64, SETS = 150, RECORDS = 60, TEXT_MAX = 64 << 10 };

static uint64_t chance(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned pick(uint64_t *seed, unsigned n)
{
    return (unsigned)(chance(seed) % n);
}

static const char *const words[] = {"apple", "apricot", "banana",   "cherry pie",
                                    "7",     "12",      "blueberry"};
enum { N_WORDS = sizeof(words) / sizeof(*words) };

/* ---- random rules ---- */

static void add_operator(uint64_t *seed, struct sl_buf *out)
{
    const char *word = words[pick(seed, N_WORDS)];

    switch (pick(seed, 8)) {
    case 0:
        sl_buf_printf(out, "'%s'", word);
        return;
    case 1:
        sl_buf_printf(out, "['%s', '%s']", word, words[pick(seed, N_WORDS)]);
        return;
    case 2:
        sl_buf_printf(out, "{ prefix: '%.2s' }", word);
        return;
    case 3:
        sl_buf_printf(out, "{ contains: '%.4s' }", word);
        return;
    case 4:
        sl_buf_printf(out, "{ regex: '%.3s\\w+' }", word);
        return;
    case 5:
        sl_buf_printf(out, "{ gte: %u, lt: %u }", pick(seed, 10), 5 + pick(seed, 10));
        return;
    case 6:
        sl_buf_printf(out, "{ not: '%s' }", word);
        return;
    default:
        sl_buf_printf(out, "{ exists: %s }", pick(seed, 2) ? "true" : "false");
    }
}

static void add_mapping(uint64_t *seed, unsigned depth, struct sl_buf *out)
{
    unsigned first = pick(seed, 3), n = 1 + pick(seed, 2);

    SL_BUF_LITERAL(out, "{ ");
    for (unsigned i = 0; i < n; i++) {
        sl_buf_printf(out, "%s%c: ", i ? ", " : "", 'a' + (int)(first + i));
        add_operator(seed, out);
    }
    if (depth < 2 && pick(seed, 4) == 0) {
        sl_buf_text(out, pick(seed, 2) ? ", any: [" : ", all: [");
        add_mapping(seed, depth + 1, out);
        SL_BUF_LITERAL(out, ", ");
        add_mapping(seed, depth + 1, out);
        SL_BUF_LITERAL(out, "]");
    } else if (depth < 2 && pick(seed, 6) == 0) {
        SL_BUF_LITERAL(out, ", not: ");
        add_mapping(seed, depth + 1, out);
    }
    SL_BUF_LITERAL(out, " }");
}

static void add_rules(uint64_t *seed, struct sl_buf *out)
{
    static const char *const ends[] = {"to: search", "to: [alerts]\n  continue: true", "drop: true",
                                       "continue: true"};
    unsigned n = 1 + pick(seed, RULES_MAX - 1);

    SL_BUF_LITERAL(out, "rules:\n");
    for (unsigned i = 0; i < n; i++) {
        SL_BUF_LITERAL(out, "- when: ");
        add_mapping(seed, 0, out);
        sl_buf_printf(out, "\n  %s\n", ends[pick(seed, 4)]);
    }
}

static void add_record(uint64_t *seed, struct sl_buf *out)
{
    sl_buf_clear(out);
    SL_BUF_LITERAL(out, "{\"x\":0");
    for (char field = 'a'; field <= 'd'; field++)
        switch (pick(seed, 5)) {
        case 0:
            break;
        case 1:
            sl_buf_printf(out, ",\"%c\":%u", field, pick(seed, 15));
            break;
        case 2:
            sl_buf_printf(out, ",\"%c\":[\"%s\",%u]", field, words[pick(seed, N_WORDS)],
                          pick(seed, 15));
            break;
        default:
            sl_buf_printf(out, ",\"%c\":\"%s\"", field, words[pick(seed, N_WORDS)]);
        }
    SL_BUF_LITERAL(out, "}");
}

/* ---- what is told ---- */

struct told {
    enum sl_explained verdicts[RULES_MAX];
    bool rules[RULES_MAX];
    size_t n_rules, n_conditions, n_limits;
    unsigned last;
};

static void on_rule(void *user, unsigned rule, enum sl_explained verdict)
{
    struct told *t = user;

    assert_true(rule < RULES_MAX && !t->rules[rule]);
    assert_true(t->n_rules == 0 || rule > t->last);
    t->rules[rule] = true;
    t->verdicts[rule] = verdict;
    t->last = rule;
    t->n_rules++;
}

static void on_condition(void *user, const struct sl_explained_condition *c)
{
    struct told *t = user;

    assert_true(t->n_rules > 0);
    assert_non_null(c->word);
    t->n_conditions++;
    t->n_limits += c->verdict == SL_EXPLAIN_LIMIT;
}

static const struct sl_explain_ops ops = {.rule = on_rule, .condition = on_condition};

static bool among(const unsigned *list, size_t n, unsigned rule)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == rule)
            return true;
    return false;
}

static void same_decision(const struct sl_decision *a, const struct sl_decision *b)
{
    assert_int_equal(a->sinks, b->sinks);
    assert_int_equal(a->dropped_by, b->dropped_by);
    assert_int_equal(a->error_rule, b->error_rule);
    for (size_t i = 0; i < a->n; i++)
        assert_true(a->chosen[i].sink == b->chosen[i].sink &&
                    a->chosen[i].rule == b->chosen[i].rule);
}

static void check_record(struct box *b, const char *record)
{
    struct told told = {0}, alone;
    struct sl_decision plain;
    const unsigned *matched;
    size_t passed, n, n_rules = sl_rules_count(b->rules);
    unsigned copy[RULES_MAX], end;

    box_route(b, record);
    plain = b->decision;
    sl_route_explain(b->matcher, &b->record, SL_RULE_NONE, &ops, &told, &b->decision, &passed);
    same_decision(&plain, &b->decision);
    matched = sl_matcher_matched(b->matcher, &n);
    memcpy(copy, matched, n * sizeof(*copy));
    end = (unsigned)(told.n_rules + passed);
    for (unsigned i = 0; i < n_rules; i++) {
        alone = (struct told){0};
        sl_rule_explain(b->matcher, &b->record, i, &ops, &alone);
        assert_int_equal(alone.n_rules, 1);
        assert_true(alone.n_conditions > 0);
        if (told.rules[i])
            assert_int_equal(told.verdicts[i], alone.verdicts[i]);
        if (i < end)
            assert_int_equal(alone.verdicts[i], among(copy, n, i) ? SL_EXPLAIN_YES : SL_EXPLAIN_NO);
        else
            assert_false(told.rules[i]);
    }
    /* The walk went to the end, or to a rule that does not go on. */
    if (end < n_rules)
        assert_false(sl_rule_outline(b->rules, end - 1).go_on);
    for (size_t i = 0; i < n; i++)
        assert_true(told.rules[copy[i]]);
}

static void explanations_are_what_routing_does(void **state)
{
    uint64_t seed = 1;
    struct sl_buf rules, record;

    (void)state;
    sl_buf_init(&rules, TEXT_MAX);
    sl_buf_init(&record, TEXT_MAX);
    for (unsigned set = 0; set < SETS; set++) {
        struct box b;

        sl_buf_clear(&rules);
        add_rules(&seed, &rules);
        box_config(&b);
        box_rules_n(&b, sl_buf_as_slice(&rules));
        for (unsigned i = 0; i < RECORDS; i++) {
            add_record(&seed, &record);
            check_record(&b, sl_buf_str(&record));
        }
        box_release(&b);
    }
    sl_buf_release(&rules);
    sl_buf_release(&record);
}

/* What routing spares is judged for the explanation, and must not look like a limit. */
static void what_was_spared_has_a_budget_of_its_own(void **state)
{
    enum { BYTES = 8 << 20, RULES = RULES_MAX };
    struct sl_buf rules, record;
    struct told told = {0};
    size_t passed;
    struct box b;

    (void)state;
    sl_buf_init(&rules, TEXT_MAX);
    SL_BUF_LITERAL(&rules, "rules:\n");
    for (unsigned i = 0; i < RULES; i++)
        sl_buf_printf(
            &rules,
            "- { to: search, when: { a: { exists: false }, m: { regex: '^.{%u}[0-9]' } } }\n", i);
    sl_buf_init(&record, BYTES + 64);
    SL_BUF_LITERAL(&record, "{\"a\":1,\"m\":\"");
    memset(sl_buf_reserve(&record, BYTES), 'x', BYTES);
    record.n += BYTES;
    SL_BUF_LITERAL(&record, "\"}");
    box_config(&b);
    box_rules_n(&b, sl_buf_as_slice(&rules));
    box_route_n(&b, sl_buf_as_slice(&record));
    sl_route_explain(b.matcher, &b.record, SL_RULE_NONE, &ops, &told, &b.decision, &passed);
    assert_int_equal(told.n_rules + passed, RULES);
    assert_int_equal(told.n_conditions, 3 * RULES); /* not, exists, regex */
    assert_int_equal(told.n_limits, 0);
    box_release(&b);
    sl_buf_release(&rules);
    sl_buf_release(&record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(explanations_are_what_routing_does),
        cmocka_unit_test(what_was_spared_has_a_budget_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
