/* SPDX-License-Identifier: Apache-2.0 */
#include "route/expect.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "config/units.h"

/* `tests:` beside the rules: what a rule file says about itself. The form is checked with the
 * rules, so that a test never lies dead behind a misspelt key; running them is the work of `sluice
 * test`. */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const test_keys[] = {"name", "record",  "raw",    "topic", "key",
                                        "time", "headers", "repeat", "expect"};
static const char *const expect_keys[] = {"rule", "to", "dropped", "fields", "bytes"};

static void want_text(struct sl_rule_set *set, const struct sl_yaml_node *of, const char *key)
{
    const struct sl_yaml_node *node = sl_yaml_get(of, key);

    if (node && node->type != SL_YAML_SCALAR)
        SL_RULE_PROBLEM(set, node, false, "`%s` is a text", key);
}

static void want_mapping(struct sl_rule_set *set, const struct sl_yaml_node *of, const char *key)
{
    const struct sl_yaml_node *node = sl_yaml_get(of, key);

    if (node && node->type != SL_YAML_MAPPING)
        SL_RULE_PROBLEM(set, node, false, "`%s` is a mapping", key);
}

/* A mapping of names to texts. */
static void want_texts(struct sl_rule_set *set, const struct sl_yaml_node *of, const char *key)
{
    const struct sl_yaml_node *node = sl_yaml_get(of, key);

    want_mapping(set, of, key);
    for (size_t i = 0; node && node->type == SL_YAML_MAPPING && i < node->n_children; i++)
        if (node->children[i].type != SL_YAML_SCALAR && node->children[i].type != SL_YAML_NULL)
            SL_RULE_PROBLEM(set, &node->children[i], false, "`%s` is a text",
                            node->children[i].key);
}

static void want_time(struct sl_rule_set *set, const struct sl_yaml_node *of)
{
    const struct sl_yaml_node *node = sl_yaml_get(of, "time");
    int64_t ns;

    want_text(set, of, "time");
    if (node && node->type == SL_YAML_SCALAR &&
        !sl_time_from_rfc3339(sl_slice(node->text, node->n), &ns))
        SL_RULE_PROBLEM(set, node, false, "`time` is a time as in 2026-01-15T08:00:00Z (RFC 3339)");
}

static void want_count(struct sl_rule_set *set, const struct sl_yaml_node *of)
{
    const struct sl_yaml_node *node = sl_yaml_get(of, "repeat");
    uint64_t n;

    if (node && (node->type != SL_YAML_SCALAR || !sl_parse_uint(node->text, &n) || n < 1 ||
                 n > SL_TEST_REPEAT_MAX))
        SL_RULE_PROBLEM(set, node, false, "`repeat` is a number from 1 to %d", SL_TEST_REPEAT_MAX);
}

static const struct {
    const char *word;
    enum sl_drop_reason reason;
} reasons[] = {
    {"rule", SL_DROP_RULE},
    {"unmatched", SL_DROP_UNMATCHED},
    {"sample", SL_DROP_SAMPLE},
    {"rate_limit", SL_DROP_RATE_LIMIT},
};

bool sl_expect_drop(const struct sl_yaml_node *node, enum sl_expected_drop *ret,
                    enum sl_drop_reason *ret_reason)
{
    bool yes;

    if (node->type != SL_YAML_SCALAR)
        return false;
    if (!node->quoted && sl_parse_bool(node->text, &yes)) {
        *ret = yes ? SL_EXPECT_DROPPED : SL_EXPECT_KEPT;
        return true;
    }
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (!strcmp(node->text, reasons[i].word)) {
            *ret = SL_EXPECT_REASON;
            *ret_reason = reasons[i].reason;
            return true;
        }
    return false;
}

static void parse_drop(struct sl_rule_set *set, const struct sl_yaml_node *dropped, bool has_to)
{
    enum sl_expected_drop drop = SL_EXPECT_ANYTHING;
    enum sl_drop_reason reason;
    const char *words[COUNT(reasons)], *near = NULL;

    for (size_t i = 0; i < COUNT(reasons); i++)
        words[i] = reasons[i].word;
    if (dropped->type == SL_YAML_SCALAR)
        near = sl_nearest(dropped->text, words, COUNT(reasons));
    if (!sl_expect_drop(dropped, &drop, &reason))
        SL_RULE_PROBLEM(set, dropped, false,
                        "`dropped` is true or false, or why: rule, unmatched, sample or "
                        "rate_limit%s%s%s",
                        near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    else if (has_to && drop != SL_EXPECT_KEPT)
        SL_RULE_PROBLEM(set, dropped, true, "what is dropped goes to no sink");
}

/* A text, or texts by sink. */
static void parse_bytes(struct sl_rule_set *set, const struct sl_yaml_node *expect)
{
    const struct sl_yaml_node *bytes = sl_yaml_get(expect, "bytes");

    if (!bytes || bytes->type == SL_YAML_SCALAR)
        return;
    if (bytes->type != SL_YAML_MAPPING || bytes->n_children == 0) {
        SL_RULE_PROBLEM(set, bytes, false,
                        "`bytes` is a text, or texts by sink, as in `{ archive: '{\"a\":1}' }`");
        return;
    }
    for (size_t i = 0; i < bytes->n_children; i++) {
        const struct sl_yaml_node *member = &bytes->children[i];
        const struct sl_yaml_node name = {
            .type = SL_YAML_SCALAR,
            .line = member->key_line,
            .column = member->key_column,
            .text = member->key,
            .n = strlen(member->key),
        };
        uint8_t sinks[SL_SINKS_MAX];
        size_t n;

        sl_parse_sinks(set, &name, sinks, &n);
        if (member->type != SL_YAML_SCALAR)
            SL_RULE_PROBLEM(set, member, false, "`%s` is a text", member->key);
    }
}

static void parse_expect(struct sl_rule_set *set, const struct sl_yaml_node *expect)
{
    const struct sl_yaml_node *to, *dropped;
    uint8_t sinks[SL_SINKS_MAX];
    size_t n;

    if (expect->type != SL_YAML_MAPPING || expect->n_children == 0) {
        SL_RULE_PROBLEM(set, expect, false,
                        "`expect` is a mapping, as in `{ rule: errors, to: [search] }`");
        return;
    }
    for (size_t i = 0; i < expect->n_children; i++)
        sl_parse_key(set, &expect->children[i], "key", expect_keys, COUNT(expect_keys));
    want_text(set, expect, "rule");
    want_mapping(set, expect, "fields");
    parse_bytes(set, expect);
    to = sl_yaml_get(expect, "to");
    if (to)
        sl_parse_sinks(set, to, sinks, &n);
    dropped = sl_yaml_get(expect, "dropped");
    if (dropped)
        parse_drop(set, dropped, to && !(to->type == SL_YAML_SEQUENCE && !to->n_children));
}

static void parse_test(struct sl_rule_set *set, const struct sl_yaml_node *test)
{
    const struct sl_yaml_node *record, *raw, *expect;
    bool good = true;

    if (test->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(set, test, false,
                        "a test is a mapping, as in `- name: errors raise an alert`");
        return;
    }
    for (size_t i = 0; i < test->n_children; i++)
        good &= sl_parse_key(set, &test->children[i], "key", test_keys, COUNT(test_keys));
    want_text(set, test, "name");
    want_text(set, test, "raw");
    want_text(set, test, "topic");
    want_text(set, test, "key");
    want_time(set, test);
    want_count(set, test);
    want_mapping(set, test, "record");
    want_texts(set, test, "headers");
    record = sl_yaml_get(test, "record");
    raw = sl_yaml_get(test, "raw");
    if (good && !record == !raw)
        SL_RULE_PROBLEM(set, raw ? raw : test, raw != NULL,
                        "a test has one of `record` (fields) and `raw` (the bytes as they come)");
    expect = sl_yaml_get(test, "expect");
    if (expect)
        parse_expect(set, expect);
    else if (good)
        SL_RULE_PROBLEM(set, test, false, "a test without `expect` proves nothing");
}

void sl_expect_parse(struct sl_rule_set *set, const struct sl_yaml_node *tests)
{
    if (tests->type == SL_YAML_NULL)
        return;
    if (tests->type != SL_YAML_SEQUENCE) {
        SL_RULE_PROBLEM(set, tests, false, "`tests` is a list, each test begins with `-`");
        return;
    }
    for (size_t i = 0; i < tests->n_children; i++)
        parse_test(set, &tests->children[i]);
}

/* ---- expectations of rules, which may stand in other files ---- */

int sl_expect_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void finish_test(struct sl_rule_set *set, const struct sl_yaml_node *test,
                        const char *const *names, size_t n)
{
    const struct sl_yaml_node *expect = sl_yaml_get(test, "expect"), *rule;
    const char *near;

    rule = expect && expect->type == SL_YAML_MAPPING ? sl_yaml_get(expect, "rule") : NULL;
    if (!rule || rule->type != SL_YAML_SCALAR || !strcmp(rule->text, "(unmatched)"))
        return;
    if (n && bsearch(&rule->text, names, n, sizeof(*names), sl_expect_compare))
        return;
    near = sl_nearest(rule->text, names, n);
    if (near)
        SL_RULE_PROBLEM(set, rule, false, "no rule is named `%s`; did you mean `%s`?", rule->text,
                        near);
    else
        SL_RULE_PROBLEM(set, rule, false, "no rule is named `%s`", rule->text);
}

void sl_expect_rules(struct sl_rule_set *set, const struct sl_yaml_node *tests,
                     const char *const *names, size_t n)
{
    if (tests->type != SL_YAML_SEQUENCE)
        return;
    for (size_t i = 0; i < tests->n_children; i++)
        if (tests->children[i].type == SL_YAML_MAPPING)
            finish_test(set, &tests->children[i], names, n);
}

void sl_expect_finish(struct sl_rule_set *set, const struct sl_yaml_node *tests)
{
    const char **names;

    if (tests->type != SL_YAML_SEQUENCE)
        return;
    names = sl_calloc(set->n_defs + 1, sizeof(*names));
    for (size_t i = 0; i < set->n_defs; i++)
        names[i] = set->defs[i].name;
    if (set->n_defs)
        qsort(names, set->n_defs, sizeof(*names), sl_expect_compare);
    sl_expect_rules(set, tests, names, set->n_defs);
    free(names);
}
