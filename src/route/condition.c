/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "route/operator.h"
#include "route/parse.h"
#include "route/table.h"

/* `when` as written -> struct sl_cond. Two levels look alike in YAML and are not: a *condition
 * mapping*
 * (`when` and what is inside its not/all/any) has paths as keys; an *operator mapping* (under a
 * path) has operators as keys.
 *
 * `case` stands among the operators and holds for all of them, those inside their not/all/any
 * included, where no other `case` says otherwise. Operators on numbers and addresses have no
 * letters and stay the same tests with and without it. */

static const char *const operators[] = {
    [SL_OP_EXISTS] = "exists",
    [SL_OP_EQUAL] = "equal",
    [SL_OP_LT] = "lt",
    [SL_OP_LTE] = "lte",
    [SL_OP_GT] = "gt",
    [SL_OP_GTE] = "gte",
    [SL_OP_PREFIX] = "prefix",
    [SL_OP_SUFFIX] = "suffix",
    [SL_OP_CONTAINS] = "contains",
    [SL_OP_GLOB] = "glob",
    [SL_OP_REGEX] = "regex",
    [SL_OP_CIDR] = "cidr",
    [SL_OP_IN_TABLE] = "in_table",
    "not",
    "all",
    "any",
    "case",
};

enum {
    WORD_NOT = SL_OP_IN_TABLE + 1,
    WORD_ALL,
    WORD_ANY,
    WORD_CASE,
    N_OPERATORS = sizeof(operators) / sizeof(*operators),
};

const char *sl_op_name(enum sl_op op)
{
    return operators[op];
}

void sl_cond_free(struct sl_cond *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n; i++)
        sl_cond_free(c->children[i]);
    free(c->children);
    free(c);
}

static struct sl_cond *new_cond(enum sl_cond_kind kind)
{
    struct sl_cond *c = sl_zalloc(sizeof(*c));

    c->kind = kind;
    return c;
}

static bool has_letters(enum sl_op op)
{
    return op == SL_OP_EQUAL || (op >= SL_OP_PREFIX && op != SL_OP_CIDR);
}

static struct sl_cond *new_test(enum sl_op op, bool fold, const struct sl_yaml_node *field,
                                const struct sl_yaml_node *at)
{
    struct sl_cond *c = new_cond(SL_COND_TEST);

    c->op = op;
    c->fold = fold && has_letters(op);
    c->field = field;
    c->at = at;
    return c;
}

/* A NULL child is one that was wrong: the parent goes on, so that all problems are found. */
static void add_child(struct sl_cond *parent, struct sl_cond *child)
{
    if (!child)
        return;
    if ((parent->n & (parent->n - 1)) == 0)
        parent->children =
            sl_reallocarray(parent->children, parent->n ? 2 * parent->n : 1, sizeof(child));
    parent->children[parent->n++] = child;
}

static struct sl_cond *negate(struct sl_cond *c)
{
    struct sl_cond *not_c;

    if (!c)
        return NULL;
    not_c = new_cond(SL_COND_NOT);
    add_child(not_c, c);
    return not_c;
}

/* A combination of one is that one; of none (all were wrong) it is nothing. */
static struct sl_cond *simplify(struct sl_cond *c)
{
    struct sl_cond *only;

    if (c->n > 1)
        return c;
    only = c->n ? c->children[0] : NULL;
    c->n = 0;
    sl_cond_free(c);
    return only;
}

/* ---- under a path ---- */

static bool is_operand(struct sl_rule_set *set, enum sl_op op, const struct sl_yaml_node *node)
{
    if (node->type == SL_YAML_SCALAR)
        return true;
    if (op == SL_OP_CIDR)
        SL_RULE_PROBLEM(set, node, false,
                        "`cidr` takes a network, like 10.0.0.0/8, an address, or a list of them");
    else if (node->type == SL_YAML_NULL)
        SL_RULE_PROBLEM(set, node, false,
                        "nothing equals null; for a field that is missing or null write "
                        "`{ exists: false }`, for the text \"null\" put it in quotes");
    else
        SL_RULE_PROBLEM(set, node, false,
                        "expected a plain value; combine conditions with `any: [...]`");
    return false;
}

/* Operators that take one value or a list, of which one is enough. */
static struct sl_cond *parse_any_of(struct sl_rule_set *set, enum sl_op op, bool fold,
                                    const struct sl_yaml_node *field,
                                    const struct sl_yaml_node *node)
{
    bool good = true;

    if (node->type != SL_YAML_SEQUENCE)
        return is_operand(set, op, node) ? new_test(op, fold, field, node) : NULL;
    if (node->n_children == 0) {
        SL_RULE_PROBLEM(set, node, false, "an empty list matches nothing");
        return NULL;
    }
    for (size_t i = 0; i < node->n_children; i++)
        good &= is_operand(set, op, &node->children[i]);
    return good ? new_test(op, fold, field, node) : NULL;
}

static struct sl_cond *parse_exists(struct sl_rule_set *set, const struct sl_yaml_node *field,
                                    const struct sl_yaml_node *node)
{
    struct sl_cond *c;
    bool wanted;

    if (!sl_parse_flag(set, node, &wanted))
        return NULL;
    c = new_test(SL_OP_EXISTS, false, field, node);
    return wanted ? c : negate(c);
}

static struct sl_cond *parse_in_table(struct sl_rule_set *set, bool fold,
                                      const struct sl_yaml_node *field,
                                      const struct sl_yaml_node *node)
{
    const struct sl_table *table = sl_table_get(set, node);
    struct sl_cond *c;

    if (!table)
        return NULL;
    c = new_test(SL_OP_IN_TABLE, fold, field, node);
    c->table = table;
    return c;
}

static struct sl_cond *parse_operator(struct sl_rule_set *set, enum sl_op op, bool fold,
                                      const struct sl_yaml_node *field,
                                      const struct sl_yaml_node *node)
{
    if (op == SL_OP_EQUAL || op == SL_OP_CIDR)
        return parse_any_of(set, op, fold, field, node);
    if (op == SL_OP_EXISTS)
        return parse_exists(set, field, node);
    if (node->type == SL_YAML_SEQUENCE || node->type == SL_YAML_MAPPING) {
        SL_RULE_PROBLEM(set, node, false, "`%s` takes one value; for several write `any: [...]`",
                        operators[op]);
        return NULL;
    }
    if (node->type == SL_YAML_NULL) {
        SL_RULE_PROBLEM(set, node, false, "`%s` needs a value", operators[op]);
        return NULL;
    }
    if (op == SL_OP_IN_TABLE)
        return parse_in_table(set, fold, field, node);
    if (op >= SL_OP_LT && op <= SL_OP_GTE && !sl_number_of(sl_slice(node->text, node->n)).is) {
        SL_RULE_PROBLEM(set, node, false, "`%s` takes a number (of at most 64 bits)",
                        operators[op]);
        return NULL;
    }
    return new_test(op, fold, field, node);
}

static struct sl_cond *parse_field(struct sl_rule_set *set, bool fold,
                                   const struct sl_yaml_node *field,
                                   const struct sl_yaml_node *node);

static struct sl_cond *parse_field_list(struct sl_rule_set *set, enum sl_cond_kind kind, bool fold,
                                        const struct sl_yaml_node *field,
                                        const struct sl_yaml_node *node)
{
    struct sl_cond *c;

    if (node->type != SL_YAML_SEQUENCE || node->n_children == 0) {
        SL_RULE_PROBLEM(set, node, false, "`%s` takes a list of conditions", node->key);
        return NULL;
    }
    c = new_cond(kind);
    for (size_t i = 0; i < node->n_children; i++)
        add_child(c, parse_field(set, fold, field, &node->children[i]));
    return simplify(c);
}

static bool parse_case(struct sl_rule_set *set, const struct sl_yaml_node *node, bool *ret)
{
    static const char *const words[] = {"insensitive", "sensitive"};
    const char *near = node->type == SL_YAML_SCALAR ? sl_nearest(node->text, words, 2) : NULL;

    *ret = node->type == SL_YAML_SCALAR && !strcmp(node->text, words[0]);
    if (*ret || (near && !strcmp(node->text, near)))
        return true;
    if (near)
        SL_RULE_PROBLEM(set, node, false,
                        "`case` is `insensitive` or `sensitive`; did you mean `%s`?", near);
    else
        SL_RULE_PROBLEM(set, node, false, "`case` is `insensitive` or `sensitive`");
    return false;
}

static bool any_letters(const struct sl_cond *c)
{
    if (c->kind == SL_COND_TEST)
        return has_letters(c->op);
    for (size_t i = 0; i < c->n; i++)
        if (any_letters(c->children[i]))
            return true;
    return false;
}

static void check_case(struct sl_rule_set *set, const struct sl_yaml_node *node,
                       const struct sl_cond *conditions)
{
    if (conditions->n == 0)
        SL_RULE_PROBLEM(
            set, node, true,
            "`case` stands beside an operator, as in `{ equal: x, case: insensitive }`");
    else if (!any_letters(conditions))
        SL_RULE_PROBLEM(set, node, true,
                        "`case` has nothing to do here: what numbers, addresses and `exists` look "
                        "at has no letters");
}

/* What other languages call them. */
static const char *our_word(const char *key)
{
    static const char *const words[][2] = {
        {"eq", "equal"},
        {"is", "equal"},
        {"in", "equal"},
        {"one_of", "equal"},
        {"ne", "not"},
        {"neq", "not"},
        {"ge", "gte"},
        {"le", "lte"},
        {"min", "gte"},
        {"max", "lte"},
        {"greater", "gt"},
        {"less", "lt"},
        {"startswith", "prefix"},
        {"starts_with", "prefix"},
        {"endswith", "suffix"},
        {"ends_with", "suffix"},
        {"includes", "contains"},
        {"has", "contains"},
        {"match", "regex"},
        {"matches", "regex"},
        {"pattern", "regex"},
        {"re", "regex"},
        {"like", "glob"},
        {"wildcard", "glob"},
        {"network", "cidr"},
        {"subnet", "cidr"},
        {"table", "in_table"},
        {"lookup", "in_table"},
        {"present", "exists"},
        {"and", "all"},
        {"or", "any"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (!strcmp(words[i][0], key))
            return words[i][1];
    return sl_nearest(key, operators, N_OPERATORS);
}

/* N_OPERATORS: it is none, and that is said. */
static size_t operator_of(struct sl_rule_set *set, const struct sl_yaml_node *field,
                          const struct sl_yaml_node *member)
{
    const char *meant;
    size_t op = 0;

    while (op < N_OPERATORS && strcmp(operators[op], member->key) != 0)
        op++;
    if (op < N_OPERATORS)
        return op;
    meant = our_word(member->key);
    if (!strcmp(member->key, "ignore_case") || !strcmp(member->key, "nocase"))
        SL_RULE_PROBLEM(set, member, true, "unknown operator `%s`; write `case: insensitive`",
                        member->key);
    else if (meant)
        SL_RULE_PROBLEM(set, member, true, "unknown operator `%s`; did you mean `%s`?", member->key,
                        meant);
    else
        SL_RULE_PROBLEM(set, member, true,
                        "unknown operator `%s`; there are equal, lt, lte, gt, gte, prefix, suffix, "
                        "contains, glob, regex, cidr, in_table, exists, not, all, any and case (a "
                        "field inside a field is written with a dot: `%s.%s`)",
                        member->key, field->key, member->key);
    return op;
}

/* Operators side by side are all required. Those that judge a value stand in a group of their own:
 * of an array, one element has to satisfy them together ({ gte: 1, lt: 5 } is a range, not two
 * facts). */
static struct sl_cond *parse_operators(struct sl_rule_set *set, bool fold,
                                       const struct sl_yaml_node *field,
                                       const struct sl_yaml_node *node)
{
    struct sl_cond *all = new_cond(SL_COND_ALL), *group = new_cond(SL_COND_GROUP), *c;
    const struct sl_yaml_node *letters = sl_yaml_get(node, operators[WORD_CASE]);
    size_t errors = set->diags->errors;

    if (letters)
        parse_case(set, letters, &fold);
    for (size_t i = 0; i < node->n_children; i++) {
        const struct sl_yaml_node *member = &node->children[i];
        size_t op = operator_of(set, field, member);

        if (op == N_OPERATORS)
            continue;
        if (op == WORD_NOT)
            add_child(all, negate(parse_field(set, fold, field, member)));
        else if (op == WORD_ALL || op == WORD_ANY)
            add_child(all, parse_field_list(set, op == WORD_ALL ? SL_COND_ALL : SL_COND_ANY, fold,
                                            field, member));
        else if (op != WORD_CASE && (c = parse_operator(set, (enum sl_op)op, fold, field, member)))
            add_child(op == SL_OP_EXISTS ? all : group, c);
    }
    if (node->n_children == 0)
        SL_RULE_PROBLEM(set, node, false,
                        "no operator; `{ exists: true }` asks whether the field is there");
    add_child(all, simplify(group));
    if (letters && set->diags->errors == errors)
        check_case(set, letters, all);
    return simplify(all);
}

static struct sl_cond *parse_field(struct sl_rule_set *set, bool fold,
                                   const struct sl_yaml_node *field,
                                   const struct sl_yaml_node *node)
{
    if (node->type == SL_YAML_MAPPING)
        return parse_operators(set, fold, field, node);
    return parse_any_of(set, SL_OP_EQUAL, fold, field, node);
}

/* ---- `when` ---- */

static struct sl_cond *parse_mapping(struct sl_rule_set *set, const struct sl_yaml_node *when);

/* `case: insensitive` one level too high. A field of that name is still free to hold the word. */
static bool is_stray_case(struct sl_rule_set *set, const struct sl_yaml_node *member)
{
    if (strcmp(member->key, operators[WORD_CASE]) != 0 || member->type != SL_YAML_SCALAR ||
        (strcmp(member->text, "insensitive") != 0 && strcmp(member->text, "sensitive") != 0))
        return false;
    SL_RULE_PROBLEM(
        set, member, true,
        "`case` stands beside an operator, as in `{ equal: x, case: insensitive }`; for "
        "a field named `case` write `{ equal: %s }`",
        member->text);
    return true;
}

static struct sl_cond *parse_mapping_list(struct sl_rule_set *set, enum sl_cond_kind kind,
                                          const struct sl_yaml_node *node)
{
    struct sl_cond *c;

    if (node->type != SL_YAML_SEQUENCE || node->n_children == 0) {
        SL_RULE_PROBLEM(set, node, false, "`%s` takes a list of condition mappings", node->key);
        return NULL;
    }
    c = new_cond(kind);
    for (size_t i = 0; i < node->n_children; i++)
        add_child(c, parse_mapping(set, &node->children[i]));
    return simplify(c);
}

static struct sl_cond *parse_mapping(struct sl_rule_set *set, const struct sl_yaml_node *when)
{
    struct sl_cond *all;

    if (when->type != SL_YAML_MAPPING || when->n_children == 0) {
        SL_RULE_PROBLEM(set, when, false,
                        "expected conditions: a mapping of fields, as in `{ level: error }`");
        return NULL;
    }
    all = new_cond(SL_COND_ALL);
    for (size_t i = 0; i < when->n_children; i++) {
        const struct sl_yaml_node *member = &when->children[i];

        if (!strcmp(member->key, "not"))
            add_child(all, negate(parse_mapping(set, member)));
        else if (!strcmp(member->key, "all"))
            add_child(all, parse_mapping_list(set, SL_COND_ALL, member));
        else if (!strcmp(member->key, "any"))
            add_child(all, parse_mapping_list(set, SL_COND_ANY, member));
        else if (!is_stray_case(set, member))
            add_child(all, parse_field(set, false, member, member));
    }
    return simplify(all);
}

struct sl_cond *sl_cond_parse(struct sl_rule_set *set, const struct sl_yaml_node *when)
{
    if (when->type == SL_YAML_NULL || (when->type == SL_YAML_MAPPING && when->n_children == 0)) {
        SL_RULE_PROBLEM(set, when, true,
                        "`when` is empty; leave it out for a rule that takes every record");
        return NULL;
    }
    return parse_mapping(set, when);
}

struct sl_cond *sl_cond_parse_field(struct sl_rule_set *set, const struct sl_yaml_node *field,
                                    const struct sl_yaml_node *node)
{
    return parse_field(set, false, field, node);
}

struct sl_cond *sl_cond_all(struct sl_cond *const *conds, size_t n)
{
    struct sl_cond *all = new_cond(SL_COND_ALL);

    for (size_t i = 0; i < n; i++)
        add_child(all, conds[i]);
    return simplify(all);
}

/* ---- canonical form ---- */

static void write_text(struct sl_buf *out, const char *p, size_t n)
{
    sl_buf_printf(out, "%zu:", n);
    sl_buf_append(out, p, n);
}

/* Operands that fold alike ask the same question. Patterns are left as they are: `\\S` is not
 * `\\s`. */
static void write_operand(const struct sl_cond *c, const struct sl_yaml_node *node,
                          struct sl_buf *out)
{
    bool plain = c->fold && c->op != SL_OP_REGEX && c->op != SL_OP_GLOB;

    write_text(out, node->text, node->n);
    if (plain && !out->full)
        sl_fold_copy(out->p + out->n - node->n, out->p + out->n - node->n, node->n);
}

void sl_cond_write(const struct sl_cond *c, struct sl_buf *out)
{
    static const char kinds[] = {
        [SL_COND_GROUP] = 'g', [SL_COND_NOT] = '!', [SL_COND_ALL] = '&', [SL_COND_ANY] = '|'};

    if (c->kind != SL_COND_TEST) {
        sl_buf_printf(out, "%c%zu(", kinds[c->kind], c->n);
        for (size_t i = 0; i < c->n; i++)
            sl_cond_write(c->children[i], out);
        sl_buf_byte(out, ')');
        return;
    }
    sl_buf_printf(out, "?%s%s ", operators[c->op], c->fold ? "/i" : "");
    write_text(out, c->field->key, strlen(c->field->key));
    if (c->op == SL_OP_EXISTS)
        return;
    if (c->op == SL_OP_IN_TABLE) {
        sl_table_write(c->table, out);
        return;
    }
    if (c->at->type != SL_YAML_SEQUENCE) {
        SL_BUF_LITERAL(out, " 1 ");
        write_operand(c, c->at, out);
        return;
    }
    sl_buf_printf(out, " %zu ", c->at->n_children);
    for (size_t i = 0; i < c->at->n_children; i++)
        write_operand(c, &c->at->children[i], out);
}
