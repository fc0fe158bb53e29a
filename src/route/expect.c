/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/parse.h"

/* `tests:` beside the rules: what a rule file says about itself. The form is checked with the
 * rules, so that a test never lies dead behind a misspelt key; running them is the work of `sluice
 * test`. */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const char *const test_keys[] = {"name", "record", "raw",     "topic",
                                        "key",  "time",   "headers", "expect"};
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

static void parse_expect(struct sl_rule_set *set, const struct sl_yaml_node *expect)
{
    const struct sl_yaml_node *to, *dropped;
    uint8_t sinks[SL_SINKS_MAX];
    size_t n;
    bool yes = false;

    if (expect->type != SL_YAML_MAPPING || expect->n_children == 0) {
        SL_RULE_PROBLEM(set, expect, false,
                        "`expect` is a mapping, as in `{ rule: errors, to: [search] }`");
        return;
    }
    for (size_t i = 0; i < expect->n_children; i++)
        sl_parse_key(set, &expect->children[i], "key", expect_keys, COUNT(expect_keys), NULL, 0);
    want_text(set, expect, "rule");
    want_text(set, expect, "bytes");
    want_mapping(set, expect, "fields");
    to = sl_yaml_get(expect, "to");
    if (to)
        sl_parse_sinks(set, to, sinks, &n);
    dropped = sl_yaml_get(expect, "dropped");
    if (dropped && sl_parse_flag(set, dropped, &yes) && yes && to)
        SL_RULE_PROBLEM(set, dropped, true, "what is dropped goes to no sink");
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
        good &= sl_parse_key(set, &test->children[i], "key", test_keys, COUNT(test_keys), NULL, 0);
    want_text(set, test, "name");
    want_text(set, test, "raw");
    want_text(set, test, "topic");
    want_text(set, test, "key");
    want_text(set, test, "time");
    want_mapping(set, test, "record");
    want_mapping(set, test, "headers");
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

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void finish_test(struct sl_rule_set *set, const struct sl_yaml_node *test,
                        const char **names)
{
    const struct sl_yaml_node *expect = sl_yaml_get(test, "expect"), *rule;
    const char *near;

    rule = expect && expect->type == SL_YAML_MAPPING ? sl_yaml_get(expect, "rule") : NULL;
    if (!rule || rule->type != SL_YAML_SCALAR || !strcmp(rule->text, "(unmatched)"))
        return;
    if (set->n_defs && bsearch(&rule->text, names, set->n_defs, sizeof(*names), compare))
        return;
    near = sl_nearest(rule->text, names, set->n_defs);
    if (near)
        SL_RULE_PROBLEM(set, rule, false, "no rule is named `%s`; did you mean `%s`?", rule->text,
                        near);
    else
        SL_RULE_PROBLEM(set, rule, false, "no rule is named `%s`", rule->text);
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
        qsort(names, set->n_defs, sizeof(*names), compare);
    for (size_t i = 0; i < tests->n_children; i++)
        if (tests->children[i].type == SL_YAML_MAPPING)
            finish_test(set, &tests->children[i], names);
    free(names);
}
