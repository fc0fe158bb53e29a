/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table_rules.h"

#include <stdlib.h>

#include "base/alloc.h"

/* ---- cells ---- */

void sl_rule_cells_free(struct sl_rule_cells *c)
{
    if (!c)
        return;
    sl_arena_release(&c->arena);
    sl_buf_release(&c->content);
    free(c);
}

struct sl_rule_cells *sl_rule_cells_new(struct sl_buf *content)
{
    struct sl_rule_cells *c = sl_zalloc(sizeof(*c));

    c->content = *content;
    sl_buf_init(content, content->max);
    sl_arena_init(&c->arena);
    return c;
}

struct sl_slice sl_rule_cells_content(const struct sl_rule_cells *c)
{
    return sl_buf_as_slice(&c->content);
}

struct sl_yaml_node sl_cell_node(struct sl_rule_cells *c, const struct sl_csv_cell *cell)
{
    return (struct sl_yaml_node){
        .type = SL_YAML_SCALAR,
        .line = cell->line,
        .column = cell->column,
        .text = sl_arena_strndup(&c->arena, cell->text.p, cell->text.n),
        .n = cell->text.n,
        .begin = cell->begin,
        .end = cell->end,
    };
}

/* A part of the cell's text as a node of its own. */
static struct sl_yaml_node part_node(struct sl_rule_set *set, struct sl_rule_cells *c,
                                     const struct sl_yaml_node *cell, size_t begin, size_t end)
{
    struct sl_yaml_node part = {.type = SL_YAML_SCALAR, .key = cell->key, .n = end - begin};

    part.text = sl_arena_strndup(&c->arena, cell->text + begin, part.n);
    sl_rule_place(set->file, cell, begin, &part.line, &part.column);
    return part;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* ---- conditions ---- */

/* Alternatives: `a | b`. */
static bool split_alternatives(struct sl_rule_set *set, struct sl_rule_cells *c,
                               struct sl_yaml_node *node)
{
    const char *text = node->text, *end = text + node->n, *at = text, *bar;
    struct sl_yaml_node *children;
    size_t n = 1;

    for (bar = text; (bar = memmem(bar, (size_t)(end - bar), " | ", 3)); bar += 2)
        n++; /* the blank behind a bar may be the one before the next */
    if (n == 1 && !(node->n > 1 && (!memcmp(text, "| ", 2) || !memcmp(end - 2, " |", 2))))
        return true;
    children = sl_arena_calloc(&c->arena, n, sizeof(*children));
    for (size_t i = 0; i < n; i++) {
        bar = i + 1 < n ? memmem(at, (size_t)(end - at), " | ", 3) : end;
        if (!bar || bar == at || (i + 1 == n && bar - at > 1 && !memcmp(bar - 2, " |", 2)) ||
            (bar - at > 1 && !memcmp(at, "| ", 2))) {
            SL_RULE_PROBLEM(set, node, false,
                            "an alternative is missing beside ` | `; a field that may be empty is "
                            "a matter for a YAML rule");
            return false;
        }
        children[i] = part_node(set, c, node, (size_t)(at - text), (size_t)(bar - text));
        at = bar + 3;
    }
    node->type = SL_YAML_SEQUENCE;
    node->children = children;
    node->n_children = n;
    return true;
}

static bool is_true_or_false(struct sl_yaml_node *node)
{
    /* Spreadsheets write them in capitals. */
    node->text = !strcasecmp(node->text, "true")    ? "true"
                 : !strcasecmp(node->text, "false") ? "false"
                                                    : node->text;
    return !strcmp(node->text, "true") || !strcmp(node->text, "false");
}

static void warn_of_cell(struct sl_rule_set *set, bool *said, const struct sl_csv_cell *cell,
                         const char *what)
{
    if (!*said)
        sl_diags_add(set->diags, SL_WARNING, set->file->path, set->file->content, cell->line,
                     cell->column, "%s", what);
    *said = true;
}

/* What nobody sees in a spreadsheet, or expects. Said once a file: it is mostly all of a column. */
static void warn_of_text(struct sl_rule_set *set, struct sl_rule_cells *c, const char *key,
                         const struct sl_csv_cell *cell)
{
    if (!cell->quoted && (is_blank(*cell->text.p) || is_blank(cell->text.p[cell->text.n - 1])))
        warn_of_cell(set, &c->warned_of_blanks, cell,
                     "the blanks around this cell's text belong to it; quotes around the cell show "
                     "that they are meant");
    if (strcmp(key, "equal") != 0 && strcmp(key, "regex") != 0 &&
        memmem(cell->text.p, cell->text.n, " | ", 3))
        warn_of_cell(set, &c->warned_of_bars, cell,
                     "` | ` is part of this text; alternatives are for columns of `=`, `!=` and "
                     "`cidr`, others take a row each");
}

/* The node of a cell with a condition, as member of an operator mapping. */
static bool condition_node(struct sl_rule_set *set, struct sl_rule_cells *c,
                           const struct sl_column *column, const struct sl_csv_cell *cell,
                           struct sl_yaml_node *ret)
{
    struct sl_value value = {cell->text.p, (uint32_t)cell->text.n, SL_VALUE_STRING, false};
    bool is_int, good = true;
    int64_t integer;
    double real;

    *ret = sl_cell_node(c, cell);
    ret->key = column->key;
    ret->key_line = column->field.key_line;
    ret->key_column = column->field.key_column;
    if (!strcmp(column->key, "equal") || !strcmp(column->key, "cidr")) {
        good = split_alternatives(set, c, ret);
    } else if (!strcmp(column->key, "exists")) {
        is_true_or_false(ret);
    } else if (*column->key == 'l' || !strncmp(column->key, "gt", 2)) {
        good = sl_value_number(&value, &real, &is_int, &integer);
        if (!good)
            SL_RULE_PROBLEM(set, ret, false, "`%s %s` takes a number (of at most 64 bits)",
                            column->field.key, column->word);
        return good;
    }
    if (strcmp(column->key, "exists") != 0 && strcmp(column->key, "cidr") != 0)
        warn_of_text(set, c, column->key, cell);
    if (column->negated && !strcmp(column->key, "equal")) {
        ret->key = "not";
    } else if (column->negated) {
        struct sl_yaml_node *inner = sl_arena_zalloc(&c->arena, sizeof(*inner));

        *inner = *ret;
        *ret = (struct sl_yaml_node){.type = SL_YAML_MAPPING,
                                     .line = inner->line,
                                     .column = inner->column,
                                     .key = "not",
                                     .children = inner,
                                     .n_children = 1};
    }
    return good;
}

/* What the row says of one field: its columns are one operator mapping. */
static struct sl_cond *field_condition(struct sl_rule_set *set, struct sl_rule_cells *c,
                                       const struct sl_csv_cell *cells, size_t first)
{
    struct sl_yaml_node mapping = {.type = SL_YAML_MAPPING};
    bool good = true;
    size_t n = 0;

    for (size_t i = first; i < c->n_columns; i++)
        n += c->columns[i].kind == SL_COLUMN_FIELD && c->columns[i].first == first &&
             cells[i].text.n;
    if (n == 0)
        return NULL;
    mapping.children = sl_arena_calloc(&c->arena, n, sizeof(*mapping.children));
    for (size_t i = first; i < c->n_columns; i++)
        if (c->columns[i].kind == SL_COLUMN_FIELD && c->columns[i].first == first &&
            cells[i].text.n)
            good &= condition_node(set, c, &c->columns[i], &cells[i],
                                   &mapping.children[mapping.n_children++]);
    if (!good)
        return NULL;
    mapping.line = mapping.children->line;
    mapping.column = mapping.children->column;
    return sl_cond_parse_field(set, &c->columns[first].field, &mapping);
}

static struct sl_cond *row_condition(struct sl_rule_set *set, struct sl_rule_cells *c,
                                     const struct sl_csv_cell *cells)
{
    struct sl_cond **conds = sl_calloc(c->n_columns, sizeof(struct sl_cond *)), *all;
    size_t n = 0;

    for (size_t i = 0; i < c->n_columns; i++)
        if (c->columns[i].kind == SL_COLUMN_FIELD && c->columns[i].first == i)
            conds[n++] = field_condition(set, c, cells, i);
    all = n ? sl_cond_all(conds, n) : NULL;
    free(conds);
    return all;
}

/* ---- what a row does ---- */

/* `search archive`: a sequence. */
static void sinks_node(struct sl_rule_set *set, struct sl_rule_cells *c, struct sl_yaml_node *node)
{
    struct sl_yaml_node *words = NULL;
    size_t n = 0, cap = 0;

    for (size_t i = 0; i < node->n;) {
        size_t begin = i;

        while (i < node->n && !is_blank(node->text[i]))
            i++;
        if (i > begin && n == cap) {
            struct sl_yaml_node *more;

            cap = cap ? 2 * cap : 4;
            more = sl_arena_calloc(&c->arena, cap, sizeof(*more));
            if (n)
                memcpy(more, words, n * sizeof(*more));
            words = more;
        }
        if (i > begin)
            words[n++] = part_node(set, c, node, begin, i);
        i += i < node->n;
    }
    node->type = SL_YAML_SEQUENCE;
    node->children = words;
    node->n_children = n;
}

/* The members of the rule beside `when`; what is empty is not there. */
static size_t action_nodes(struct sl_rule_set *set, struct sl_rule_cells *c,
                           const struct sl_csv_cell *cells, struct sl_yaml_node *ret)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_columns; i++) {
        const struct sl_column *column = &c->columns[i];
        struct sl_csv_cell cell = cells[i];

        if (column->kind == SL_COLUMN_FIELD || column->kind == SL_COLUMN_WRONG)
            continue;
        while (cell.text.n && is_blank(cell.text.p[cell.text.n - 1]))
            cell.text.n--;
        if (cell.text.n == 0)
            continue;
        ret[n] = sl_cell_node(c, &cell);
        ret[n].key = column->key;
        ret[n].key_line = cell.line;
        ret[n].key_column = cell.column;
        if (column->kind == SL_COLUMN_TO)
            sinks_node(set, c, &ret[n]);
        else if (column->kind != SL_COLUMN_NAME)
            is_true_or_false(&ret[n]);
        n++;
    }
    return n;
}

static void parse_row(struct sl_rule_set *set, struct sl_rule_cells *c,
                      const struct sl_csv_cell *cells)
{
    struct sl_yaml_node *rule = sl_arena_zalloc(&c->arena, sizeof(*rule)), *name;
    struct sl_yaml_node members[SL_COLUMN_WRONG]; /* each column of an action stands once */
    struct sl_cond *when = row_condition(set, c, cells);
    struct sl_rule_def *def;

    if (cells->text.n && *cells->text.p == '#' && !cells->quoted)
        warn_of_cell(set, &c->warned_of_comments, cells,
                     "a row that begins with # is a rule like the others: tables have no comments; "
                     "take the row out, or put this cell into quotes");
    *rule = (struct sl_yaml_node){
        .type = SL_YAML_MAPPING, .line = cells->line, .column = 1, .children = members};
    rule->n_children = action_nodes(set, c, cells, members);
    def = sl_parse_rule(set, rule);
    rule->children = NULL;
    rule->n_children = 0;
    if (!def) {
        sl_cond_free(when);
        return;
    }
    def->when = when;
    def->row = true;
    if (def->name_at) {
        name = sl_arena_zalloc(&c->arena, sizeof(*name));
        *name = *def->name_at;
        def->name_at = name;
    }
}

/* ---- rows ---- */

static bool is_empty_row(const struct sl_csv_cell *cells, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (cells[i].text.n)
            return false;
    return true;
}

static void wrong_count(struct sl_rule_set *set, const struct sl_rule_cells *c,
                        const struct sl_csv_cell *cells, size_t n)
{
    const struct sl_csv_cell *at = n > c->n_columns ? &cells[c->n_columns] : &cells[n - 1];
    const char *hint = "; is a comma missing?";
    char lines[96];

    if (n > c->n_columns)
        hint = is_empty_row(at, n - c->n_columns)
                   ? "; are there commas too many at the end of the line?"
                   : "; a cell that holds a comma stands in quotes";
    for (size_t i = 0; i < n; i++) {
        if (!cells[i].quoted && cells[i].text.n && memchr(cells[i].text.p, '"', cells[i].text.n))
            hint = "; a quote that opens a cell stands right behind the comma, and quotes inside "
                   "it are written twice";
        if (cells[i].quoted && memchr(cells[i].text.p, '\n', cells[i].text.n)) {
            snprintf(lines, sizeof(lines), "; was the quote in line %u meant to be closed in it?",
                     cells[i].line);
            hint = lines;
        }
    }
    sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content, at->line, at->column,
                 "%zu cell%s where the header has %zu%s", n, n == 1 ? "" : "s", c->n_columns, hint);
}

static void bad_csv(struct sl_rule_set *set, const struct sl_error *err)
{
    sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content, err->line,
                 err->column, "%s", err->text);
}

/* Whether the rows are more than there is room for; looked at before any of them costs memory. */
static bool too_many(struct sl_rule_set *set, struct sl_slice content)
{
    const size_t room = SL_RULES_MAX - set->n_defs;
    const char *at = content.p, *end = at ? at + content.n : NULL;
    struct sl_yaml_node node = {.column = 1};
    const struct sl_csv_cell *cells;
    struct sl_csv *csv;
    size_t rows = 0, n;
    int code;

    while (rows <= room && at && at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        rows++;
    }
    if (rows <= room)
        return false;
    csv = sl_csv_new(content); /* lines may be blank, or inside quotes */
    for (rows = 0; rows <= room + 1 && (code = sl_csv_next(csv, &cells, &n, NULL)) != 0;)
        rows += code > 0;
    if (rows > room + 1) { /* the header is one */
        node.line = cells->line;
        sl_too_many_rules(set, &node);
    }
    sl_csv_free(csv);
    return rows > room + 1;
}

static void read_rows(struct sl_rule_set *set, struct sl_rule_cells *c, struct sl_csv *csv)
{
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    size_t n;
    int code;

    while ((code = sl_csv_next(csv, &cells, &n, &err)) != 0) {
        if (code < 0)
            bad_csv(set, &err);
        else if (n != c->n_columns)
            wrong_count(set, c, cells, n);
        else if (is_empty_row(cells, n))
            sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content, cells->line,
                         1, "an empty row; take it out");
        else
            parse_row(set, c, cells);
    }
}

void sl_parse_table(struct sl_rule_set *set, struct sl_rule_file *file)
{
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    struct sl_csv *csv;
    size_t n;
    int code;

    set->file = file;
    if (too_many(set, file->content))
        return;
    csv = sl_csv_new(file->content);
    code = sl_csv_next(csv, &cells, &n, &err);
    if (code < 0)
        bad_csv(set, &err);
    else if (code > 0 && sl_table_header(set, file->cells, cells, n))
        read_rows(set, file->cells, csv);
    sl_csv_free(csv);
}
