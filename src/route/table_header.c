/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "route/table_rules.h"

/* The first line of a rule table: what its columns mean. */

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct word {
    const char *text, *key;
    bool negated;
} words[] = {
    {"=", "equal", false},
    {"!=", "equal", true},
    {"~", "regex", false},
    {"!~", "regex", true},
    {"*", "glob", false},
    {"<", "lt", false},
    {"<=", "lte", false},
    {">", "gt", false},
    {">=", "gte", false},
    {"equal", "equal", false},
    {"regex", "regex", false},
    {"glob", "glob", false},
    {"lt", "lt", false},
    {"lte", "lte", false},
    {"gt", "gt", false},
    {"gte", "gte", false},
    {"prefix", "prefix", false},
    {"suffix", "suffix", false},
    {"contains", "contains", false},
    {"exists", "exists", false},
    {"cidr", "cidr", false},
    {"in_table", "in_table", false},
};

static const struct {
    const char *name;
    enum sl_column_kind kind;
} actions[] = {
    {"name", SL_COLUMN_NAME},
    {"to", SL_COLUMN_TO},
    {"drop", SL_COLUMN_DROP},
    {"continue", SL_COLUMN_CONTINUE},
};

static const struct word *find_word(const char *text)
{
    for (size_t i = 0; i < COUNT(words); i++)
        if (!strcmp(words[i].text, text))
            return &words[i];
    return NULL;
}

static const char *nearest_word(const char *text)
{
    const char *texts[COUNT(words)];

    for (size_t i = 0; i < COUNT(words); i++)
        texts[i] = words[i].text;
    return sl_nearest(text, texts, COUNT(words));
}

static bool is_sign(char c)
{
    return memchr("=!~*<>", c, 6) != NULL;
}

/* `message =~`, `path prefx`: the last word is none of the operators and meant as one. Short words
 * are near to each other by chance: `created at` is a field. */
static bool looks_like_operator(const char *word)
{
    size_t n = strlen(word);

    for (size_t i = 0; i < n; i++)
        if (!is_sign(word[i]))
            return n > 3 && nearest_word(word) != NULL;
    return n > 0;
}

static bool no_such_operator(struct sl_rule_set *set, const struct sl_yaml_node *node,
                             const char *word)
{
    const char *near = nearest_word(word);

    if (is_sign(*word) && !near)
        SL_RULE_PROBLEM(set, node, false,
                        "unknown operator `%s`; there are = != ~ !~ * < <= > >= and words, as in "
                        "`path prefix`",
                        word);
    else
        SL_RULE_PROBLEM(set, node, false,
                        "unknown operator `%s`; did you mean `%s`? (A field that is named so: "
                        "`%s =`)",
                        word, near ? near : "=", node->text);
    return false;
}

/* Bad paths would be found for each row again. */
static bool check_path(struct sl_rule_set *set, const struct sl_yaml_node *node, const char *path)
{
    struct sl_fields *fields = sl_fields_new();
    struct sl_error err = {0};
    unsigned id;
    bool good = sl_fields_add(fields, sl_slice_str(path), &id, &err) == SL_OK;

    if (!good)
        SL_RULE_PROBLEM(set, node, false, "%s", err.text);
    sl_fields_free(fields);
    return good;
}

static bool field_column(struct sl_rule_set *set, struct sl_rule_cells *c,
                         const struct sl_yaml_node *node, struct sl_column *ret)
{
    const char *path = node->text + (*node->text == '.'), *blank = strrchr(path, ' ');
    const struct word *word = blank ? find_word(blank + 1) : NULL;
    size_t n = strlen(path), signs = 0;

    while (!blank && signs < n && is_sign(path[n - 1 - signs]))
        signs++;
    if (blank && !word && looks_like_operator(blank + 1))
        return no_such_operator(set, node, blank + 1);
    if (signs > 0) {
        if (signs == n)
            SL_RULE_PROBLEM(set, node, false, "an operator without a field");
        else
            SL_RULE_PROBLEM(set, node, false,
                            "a blank stands between field and operator: `%.*s %s`",
                            (int)(n - signs), path, path + n - signs);
        return false;
    }
    if (word)
        for (n = (size_t)(blank - path); n > 0 && path[n - 1] == ' ';)
            n--;
    else
        word = &words[0];
    path = sl_arena_strndup(&c->arena, path, n);
    *ret = (struct sl_column){
        .kind = SL_COLUMN_FIELD, .word = word->text, .key = word->key, .negated = word->negated};
    ret->field = *node;
    ret->field.key = path;
    ret->field.key_line = node->line;
    ret->field.key_column = node->column;
    return check_path(set, node, path);
}

static struct sl_yaml_node trimmed(struct sl_rule_cells *c, const struct sl_csv_cell *cell)
{
    struct sl_csv_cell whole = *cell;

    while (whole.text.n && whole.text.p[whole.text.n - 1] == ' ')
        whole.text.n--;
    while (whole.text.n && *whole.text.p == ' ')
        whole.text = sl_slice(whole.text.p + 1, whole.text.n - 1);
    return sl_cell_node(c, &whole);
}

/* A column of the same meaning before it? */
static bool twice(struct sl_rule_set *set, struct sl_rule_cells *c, size_t column,
                  const struct sl_yaml_node *node)
{
    struct sl_column *new = &c->columns[column];

    new->first = column;
    for (size_t i = column; i-- > 0;) {
        const struct sl_column *old = &c->columns[i];

        if (old->kind != new->kind)
            continue;
        if (new->kind == SL_COLUMN_FIELD) {
            if (strcmp(old->field.key, new->field.key) != 0)
                continue;
            new->first = old->first;
            if (old->key != new->key || old->negated != new->negated)
                continue;
        }
        SL_RULE_PROBLEM(set, node, false, "column %zu is this one already", i + 1);
        return true;
    }
    return false;
}

/* What a YAML rule can do and a row cannot is a field here, and no row would ever match. */
static void warn_of_action(struct sl_rule_set *set, const struct sl_yaml_node *node)
{
    static const char *const others[] = {"when",   "set",   "remove", "rename",
                                         "redact", "parse", "sample", "rate_limit"};

    for (size_t i = 0; i < COUNT(others); i++)
        if (!strcmp(node->text, others[i]))
            sl_diags_add(set->diags, SL_WARNING, set->file->path, set->file->content, node->line,
                         node->column,
                         "this column is a condition on a field named `%s`; tables have the "
                         "actions `to`, `drop` and `continue` only (the field is also written "
                         "`.%s`)",
                         node->text, node->text);
}

static bool read_column(struct sl_rule_set *set, struct sl_rule_cells *c, size_t column,
                        const struct sl_yaml_node *node)
{
    struct sl_column *ret = &c->columns[column];

    if (node->n == 0 || !strcmp(node->text, ".")) {
        SL_RULE_PROBLEM(set, node, false, "a column without a name; is there a comma too many?");
        return false;
    }
    if (node->n != strlen(node->text)) {
        SL_RULE_PROBLEM(set, node, false, "a NUL byte in the name of a column");
        return false;
    }
    for (size_t i = 0; i < COUNT(actions); i++)
        if (!strcmp(node->text, actions[i].name)) {
            *ret = (struct sl_column){.kind = actions[i].kind, .key = actions[i].name};
            return !twice(set, c, column, node);
        }
    warn_of_action(set, node);
    return field_column(set, c, node, ret) && !twice(set, c, column, node);
}

/* Without one of them no row does anything. */
static bool has_action(struct sl_rule_set *set, const struct sl_rule_cells *c,
                       const struct sl_yaml_node *nodes)
{
    for (size_t i = 0; i < c->n_columns; i++)
        if (c->columns[i].kind == SL_COLUMN_TO || c->columns[i].kind == SL_COLUMN_DROP ||
            c->columns[i].kind == SL_COLUMN_CONTINUE)
            return true;
    if (c->n_columns == 1 && strpbrk(nodes->text, ";\t")) {
        SL_RULE_PROBLEM(set, nodes, false, "one column; cells are separated by commas");
        return false;
    }
    for (size_t i = 0; i < c->n_columns; i++)
        for (size_t k = 1; k < COUNT(actions); k++)
            if (!strcasecmp(nodes[i].text, actions[k].name)) {
                SL_RULE_PROBLEM(set, &nodes[i], false, "did you mean `%s`, in small letters?",
                                actions[k].name);
                return false;
            }
    SL_RULE_PROBLEM(
        set, nodes, false,
        "no column `to`, `drop` or `continue`: what becomes of the records? (A table for "
        "`in_table` belongs into a folder of its own, like `tables/`: here it is read "
        "as rules)");
    return false;
}

bool sl_table_header(struct sl_rule_set *set, struct sl_rule_cells *c,
                     const struct sl_csv_cell *cells, size_t n)
{
    struct sl_yaml_node *nodes = sl_arena_calloc(&c->arena, n, sizeof(*nodes));

    c->columns = sl_arena_calloc(&c->arena, n, sizeof(*c->columns));
    c->n_columns = n;
    for (size_t i = 0; i < n; i++) {
        nodes[i] = trimmed(c, &cells[i]);
        if (!read_column(set, c, i, &nodes[i]))
            c->columns[i].kind = SL_COLUMN_WRONG;
    }
    return has_action(set, c, nodes);
}
