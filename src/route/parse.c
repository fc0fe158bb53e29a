/* SPDX-License-Identifier: Apache-2.0 */
#include "route/parse.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "config/units.h"
#include "route/actions.h"

enum { RULE_NAME_MAX = 200 };

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* ---- what every part of a rule file needs ---- */

void sl_rule_problem(struct sl_rule_set *set, const struct sl_yaml_node *node, bool at_key,
                     const char *format, ...)
{
    const bool key = at_key && node->key;
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content,
                 key ? node->key_line : node->line, key ? node->key_column : node->column, "%s",
                 text);
}

bool sl_parse_key(struct sl_rule_set *set, const struct sl_yaml_node *member, const char *what,
                  const char *const *known, size_t n_known)
{
    const char *near;

    for (size_t i = 0; i < n_known; i++)
        if (!strcmp(member->key, known[i]))
            return true;
    near = sl_nearest(member->key, known, n_known);
    if (!strcmp(member->key, "case"))
        SL_RULE_PROBLEM(set, member, true,
                        "`case` stands beside an operator, as in `{ equal: x, case: insensitive "
                        "}`");
    else if (near)
        SL_RULE_PROBLEM(set, member, true, "unknown %s `%s`; did you mean `%s`?", what, member->key,
                        near);
    else
        SL_RULE_PROBLEM(set, member, true, "unknown %s `%s`", what, member->key);
    return false;
}

bool sl_parse_flag(struct sl_rule_set *set, const struct sl_yaml_node *node, bool *ret)
{
    if (node->type == SL_YAML_SCALAR && !node->quoted && sl_parse_bool(node->text, ret))
        return true;
    SL_RULE_PROBLEM(set, node, false, "`%s` is true or false", node->key);
    return false;
}

/* What people write where the name of a sink goes. */
static void no_such_sink(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    const char *near = sl_nearest(node->text, set->sinks, set->n_sinks), *hint = "";
    bool row = set->file->cells != NULL;

    if (strpbrk(node->text, row ? ",;|" : " ,"))
        hint = row ? "; blanks separate the sinks of a cell"
                   : "; several are a list, as in `[search, archive]`";
    else if (!strcmp(node->text, "drop"))
        hint = row ? "; to let records go write `true` in a column `drop`"
                   : "; to let records go write `drop: true` in place of `to`";
    if (near && !*hint)
        SL_RULE_PROBLEM(set, node, false, "no sink is named `%s`; did you mean `%s`?", node->text,
                        near);
    else
        SL_RULE_PROBLEM(set, node, false, "no sink is named `%s`%s", node->text, hint);
}

static bool parse_sink(struct sl_rule_set *set, const struct sl_yaml_node *node, uint8_t *ret,
                       size_t *ret_n)
{
    if (node->type != SL_YAML_SCALAR) {
        SL_RULE_PROBLEM(set, node, false, "expected the name of a sink");
        return false;
    }
    for (size_t i = 0; i < set->n_sinks; i++) {
        if (strcmp(node->text, set->sinks[i]) != 0)
            continue;
        if (memchr(ret, (int)i, *ret_n)) {
            SL_RULE_PROBLEM(set, node, false, "sink `%s` is named twice", node->text);
            return false;
        }
        ret[(*ret_n)++] = (uint8_t)i;
        return true;
    }
    no_such_sink(set, node);
    return false;
}

bool sl_parse_sinks(struct sl_rule_set *set, const struct sl_yaml_node *node, uint8_t *ret,
                    size_t *ret_n)
{
    bool good = true;

    *ret_n = 0;
    if (node->type != SL_YAML_SEQUENCE)
        return parse_sink(set, node, ret, ret_n);
    for (size_t i = 0; i < node->n_children; i++)
        good &= parse_sink(set, &node->children[i], ret, ret_n);
    return good;
}

/* ---- a rule ---- */

enum { FIRST_CHANGE = 5 }; /* from here on: actions.h */
static const char *const rule_keys[] = {"name",     "when",   "to",         "drop",
                                        "continue", "sample", "rate_limit", "parse",
                                        "set",      "rename", "remove",     "redact"};

static void parse_name(struct sl_rule_set *set, struct sl_rule_def *def)
{
    const struct sl_yaml_node *node = sl_yaml_get(def->at, "name");
    const char *base = strrchr(set->file->path, '/');

    if (!node)
        goto unnamed;
    if (node->type != SL_YAML_SCALAR || node->n == 0 || node->n != strlen(node->text)) {
        SL_RULE_PROBLEM(set, node, false, "a rule's name is a text");
        goto unnamed;
    }
    if (node->n > RULE_NAME_MAX) {
        SL_RULE_PROBLEM(set, node, false, "a rule's name has at most %d bytes", RULE_NAME_MAX);
        goto unnamed;
    }
    if (*node->text == '(') {
        SL_RULE_PROBLEM(set, node, false,
                        "names in parentheses are Sluice's own, as (unmatched) is");
        goto unnamed;
    }
    def->name_at = node;
    def->name = sl_strdup(node->text);
    return;
unnamed:
    def->name = sl_asprintf("%s:%u", base ? base + 1 : set->file->path, def->at->line);
}

/* good: all keys of the rule are known. */
static void parse_actions(struct sl_rule_set *set, struct sl_rule_def *def, bool good)
{
    const struct sl_yaml_node *to = sl_yaml_get(def->at, "to"),
                              *drop = sl_yaml_get(def->at, "drop"),
                              *go_on = sl_yaml_get(def->at, "continue");

    if (to && sl_parse_sinks(set, to, def->to, &def->n_to) && def->n_to == 0)
        SL_RULE_PROBLEM(set, to, false,
                        "an empty list of sinks; to let records go write `drop: true`");
    if (drop)
        good &= sl_parse_flag(set, drop, &def->drop);
    if (go_on)
        good &= sl_parse_flag(set, go_on, &def->go_on);
    if (def->drop && to)
        SL_RULE_PROBLEM(set, to, true, "a rule with `drop` has no `to`");
    if (def->drop && def->go_on)
        SL_RULE_PROBLEM(set, go_on, true, "a rule with `drop` has no `continue`");
    for (size_t i = FIRST_CHANGE; def->drop && i < COUNT(rule_keys); i++) {
        const struct sl_yaml_node *change = sl_yaml_get(def->at, rule_keys[i]);

        if (change)
            SL_RULE_PROBLEM(set, change, true, "a rule with `drop` has no `%s`", change->key);
    }
    if (good && !to && !def->drop && !def->go_on)
        SL_RULE_PROBLEM(set, def->at, false,
                        "rule `%s` needs one of `to`, `drop: true`, `continue: true`", def->name);
}

void sl_too_many_rules(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    if (!set->too_many)
        SL_RULE_PROBLEM(set, node, false,
                        "more than %d rules in all; a list of values belongs in a table, which "
                        "one rule asks by `in_table`",
                        SL_RULES_MAX);
    set->too_many = true;
}

static void parse_rule(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    struct sl_rule_def *def;
    const struct sl_yaml_node *when;
    bool good = true;

    if (node->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(set, node, false, "a rule is a mapping, as in `- name: errors`");
        return;
    }
    if (set->n_defs == SL_RULES_MAX) {
        sl_too_many_rules(set, node);
        return;
    }
    if (set->n_defs == set->cap_defs) {
        set->cap_defs = set->cap_defs ? 2 * set->cap_defs : 64;
        set->defs = sl_reallocarray(set->defs, set->cap_defs, sizeof(*set->defs));
    }
    def = &set->defs[set->n_defs++];
    *def = (struct sl_rule_def){.file = set->file, .at = node};
    parse_name(set, def);
    for (size_t i = 0; i < node->n_children; i++)
        good &= sl_parse_key(set, &node->children[i], "key", rule_keys, COUNT(rule_keys));
    when = sl_yaml_get(node, "when");
    if (when)
        def->when = sl_cond_parse(set, when);
    parse_actions(set, def, good);
    def->actions = sl_actions_parse(set, node);
}

struct sl_rule_def *sl_parse_rule(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    size_t before = set->n_defs;

    parse_rule(set, node);
    return set->n_defs > before ? &set->defs[before] : NULL;
}

/* ---- a file ---- */

void sl_parse_file(struct sl_rule_set *set, const struct sl_rule_file *file)
{
    static const char *const keys[] = {"rules", "tests"};
    const struct sl_yaml_node *root = sl_yaml_root(file->yaml), *rules, *tests;

    if (!root || root->type == SL_YAML_NULL)
        return;
    set->file = file;
    if (root->type != SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(set, root, false, "a rule file is a mapping that begins with `rules:`");
        return;
    }
    for (size_t i = 0; i < root->n_children; i++)
        sl_parse_key(set, &root->children[i], "key", keys, COUNT(keys));
    rules = sl_yaml_get(root, "rules");
    if (rules && rules->type == SL_YAML_SEQUENCE)
        for (size_t i = 0; i < rules->n_children; i++)
            parse_rule(set, &rules->children[i]);
    else if (rules && rules->type != SL_YAML_NULL)
        SL_RULE_PROBLEM(set, rules, false, "`rules` is a list, each rule begins with `-`");
    tests = sl_yaml_get(root, "tests");
    if (tests)
        sl_expect_parse(set, tests);
}

static int compare_names(const void *a, const void *b)
{
    const struct sl_rule_def *x = *(struct sl_rule_def *const *)a,
                             *y = *(struct sl_rule_def *const *)b;
    int order = strcmp(x->name, y->name);

    return order ? order : x < y ? -1 : x > y; /* definitions stand in the order of the files */
}

static void check_names(struct sl_rule_set *set)
{
    struct sl_rule_def **sorted = sl_calloc(set->n_defs + 1, sizeof(struct sl_rule_def *));

    for (size_t i = 0; i < set->n_defs; i++)
        sorted[i] = &set->defs[i];
    if (set->n_defs)
        qsort(sorted, set->n_defs, sizeof(*sorted), compare_names);
    for (size_t i = 0, first = 0; i < set->n_defs; i++) {
        const struct sl_rule_def *def = sorted[i], *other = sorted[first];

        if (strcmp(def->name, other->name) != 0) {
            first = i;
        } else if (i != first) {
            set->file = def->file;
            SL_RULE_PROBLEM(set, def->name_at ? def->name_at : def->at, false,
                            "another rule is named `%s`: %s:%u", def->name, other->file->path,
                            other->at->line);
        }
    }
    free(sorted);
}

void sl_parse_finish(struct sl_rule_set *set)
{
    check_names(set);
    for (size_t i = 0; i < set->n_files; i++) {
        const struct sl_yaml *yaml = set->files[i]->yaml;
        const struct sl_yaml_node *root = yaml ? sl_yaml_root(yaml) : NULL,
                                  *tests = root ? sl_yaml_get(root, "tests") : NULL;

        set->file = set->files[i];
        if (tests)
            sl_expect_finish(set, tests);
    }
}
