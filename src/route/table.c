/* SPDX-License-Identifier: Apache-2.0 */
#include "route/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "config/subst.h"
#include "route/csv.h"
#include "route/keys.h"
#include "route/pack.h"

enum { PROBLEMS_MAX = 20 }; /* told of one table; past it reading ends */

struct sl_table {
    char *path;
    char hash[SL_SHA256_HEX + 1];
    bool csv;
    bool bad; /* the set's problems say why */
    char **columns;
    size_t n_columns;
    struct sl_keys *keys;
};

/* ---- while it is read ---- */

enum { LINES_FIRST = 1024 };

struct reading {
    struct sl_rule_set *set;
    struct sl_table *table;
    struct sl_slice content;
    unsigned *lines; /* by row */
    size_t cap_lines;
    size_t problems;
};

static void problem(struct reading *r, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void problem(struct reading *r, unsigned line, unsigned column, const char *format, ...)
{
    char text[512];
    va_list args;

    r->table->bad = true;
    if (++r->problems > PROBLEMS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sl_diags_add(r->set->diags, SL_PROBLEM, r->table->path, r->content, line, column, "%s", text);
}

static struct sl_scalar scalar_of(struct sl_slice text)
{
    return (struct sl_scalar){.value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false},
                              .text = text};
}

static bool same_cells(const struct sl_table *t, size_t row, const struct sl_slice *cells)
{
    for (size_t i = 1; i <= t->n_columns; i++)
        if (!sl_slice_equal(sl_keys_cell(t->keys, row, i), cells[i]))
            return false;
    return true;
}

/* False: it is full, and reading ends. */
static bool add_row(struct reading *r, const struct sl_slice *cells, unsigned line, unsigned column)
{
    struct sl_keys *keys = r->table->keys;
    struct sl_scalar key = scalar_of(cells[0]);
    int64_t same = sl_keys_find(keys, &key, false);
    size_t n = sl_keys_count(keys);

    if (same >= 0) {
        if (!same_cells(r->table, (size_t)same, cells))
            problem(r, line, column, "another row has this key, with other cells: line %u",
                    r->lines[same]);
        return true;
    }
    if (n == r->cap_lines) {
        r->cap_lines = 2 * n;
        r->lines = sl_reallocarray(r->lines, r->cap_lines, sizeof(*r->lines));
    }
    r->lines[n] = line;
    if (sl_keys_add(keys, cells, r->table->n_columns + 1))
        return true;
    problem(r, line, column, "a table has at most %d rows", SL_KEYS_MAX);
    return false;
}

/* ---- text files: one key a line ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool check_line(struct reading *r, struct sl_slice line, unsigned number)
{
    unsigned column = 1;

    for (size_t at = 0, n; at < line.n; at += n, column++) {
        n = (unsigned char)line.p[at] < 0x80 ? 1 : sl_utf8_char(line.p + at, line.n - at, NULL);
        if (n && line.p[at])
            continue;
        problem(r, number, column, n ? "a NUL byte; a table is a text" : "not UTF-8");
        return false;
    }
    return true;
}

static void read_lines(struct reading *r)
{
    const char *at = r->content.p, *end = at + r->content.n;
    bool room = true;

    if (r->content.n >= 3 && !memcmp(at, "\xef\xbb\xbf", 3))
        at += 3;
    for (unsigned number = 1; at < end && room && r->problems < PROBLEMS_MAX; number++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        struct sl_slice line = sl_slice(at, (size_t)((stop ? stop : end) - at));

        at = stop ? stop + 1 : end;
        if (!check_line(r, line, number))
            continue;
        while (line.n && is_blank(line.p[line.n - 1]))
            line.n--;
        while (line.n && is_blank(*line.p)) {
            line.p++;
            line.n--;
        }
        if (line.n && *line.p != '#')
            room = add_row(r, &line, number, 1);
    }
}

/* ---- CSV ---- */

static bool read_header(struct reading *r, const struct sl_csv_cell *cells, size_t n)
{
    struct sl_table *t = r->table;

    if (n > SL_TABLE_COLUMNS_MAX + 1) {
        problem(r, cells[0].line, cells[0].column, "a table has at most %d columns beside the key",
                SL_TABLE_COLUMNS_MAX);
        return false;
    }
    t->columns = sl_calloc(n, sizeof(*t->columns));
    for (size_t i = 1; i < n; i++) {
        struct sl_slice name = cells[i].text;

        if (name.n == 0)
            problem(r, cells[i].line, cells[i].column, "a column without a name");
        else if (sl_table_column(t, name) >= 0)
            problem(r, cells[i].line, cells[i].column, "a second column `%.*s`", (int)name.n,
                    name.p);
        t->columns[t->n_columns++] = sl_strndup(name.n ? name.p : "", name.n);
    }
    return !t->bad;
}

static bool read_row(struct reading *r, const struct sl_csv_cell *cells, size_t n)
{
    struct sl_slice texts[SL_TABLE_COLUMNS_MAX + 1];
    const size_t want = r->table->n_columns + 1;

    if (n != want) {
        const struct sl_csv_cell *at = &cells[n > want ? want : n - 1];

        problem(r, at->line, at->column, "%zu %s where the header has %zu%s", n,
                n == 1 ? "cell" : "cells", want,
                n > want ? "; a cell that holds a comma goes into quotes" : "");
        return true;
    }
    if (cells[0].text.n == 0) {
        problem(r, cells[0].line, cells[0].column, "a row without a key");
        return true;
    }
    for (size_t i = 0; i < n; i++)
        texts[i] = cells[i].text;
    return add_row(r, texts, cells[0].line, cells[0].column);
}

static void read_csv(struct reading *r)
{
    struct sl_csv *csv = sl_csv_new(r->content);
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    bool header = false, go_on = true;
    size_t n;
    int code;

    while (go_on && r->problems < PROBLEMS_MAX &&
           (code = sl_csv_next(csv, &cells, &n, &err)) != 0) {
        if (code < 0)
            problem(r, err.line, err.column, "%s", err.text);
        else if (header)
            go_on = read_row(r, cells, n);
        else
            go_on = header = read_header(r, cells, n);
    }
    if (!header && !r->problems)
        problem(r, 0, 0, "no header; the first line of a table names its columns");
    sl_csv_free(csv);
}

/* ---- the file ---- */

static char *table_path(const struct sl_rule_set *set, const char *written)
{
    const char *slash = strrchr(set->file->path, '/');
    char *folder = sl_strndup(set->file->path, slash ? (size_t)(slash - set->file->path) + 1 : 0);
    char *path = sl_subst_path(folder, written);

    free(folder);
    return path;
}

static bool find_kept(const struct sl_rule_set *set, const char *path, struct sl_buf *ret)
{
    struct sl_unpack u = {.rest = set->kept};
    struct sl_rule_text text;

    while (sl_unpack_rule_text(&u, &text))
        if (text.table && sl_slice_is(text.path, path)) {
            sl_buf_slice(ret, text.content);
            return true;
        }
    return false;
}

static bool read_file(struct sl_rule_set *set, const struct sl_yaml_node *at, const char *path,
                      struct sl_buf *ret)
{
    const char *why = NULL;
    struct stat st;
    int code;

    if (set->kept.p)
        why = find_kept(set, path, ret) ? NULL : "it was not kept";
    else if (stat(path, &st) != 0)
        why = strerror(errno);
    else if (!S_ISREG(st.st_mode))
        why = S_ISDIR(st.st_mode) ? "a folder" : "no file";
    else if ((code = sl_file_read(ret, path)) != SL_OK)
        why = code == SL_EFULL ? "larger than 64 MiB" : strerror(errno);
    if (!why && ret->n == 0)
        why = "the file is empty; a table that shall have no keys holds a comment";
    if (why)
        SL_RULE_PROBLEM(set, at, false, "table %s: %s", path, why);
    return !why;
}

static bool within_memory(const struct sl_rule_set *set)
{
    size_t all = 0;

    for (size_t i = 0; i < set->n_tables; i++)
        all += set->tables[i]->keys ? sl_table_memory(set->tables[i]) : 0;
    return all <= SL_TABLES_MEMORY_MAX;
}

static void read_table(struct sl_rule_set *set, const struct sl_yaml_node *at, struct sl_table *t)
{
    struct reading r = {.set = set, .table = t, .cap_lines = LINES_FIRST};
    uint8_t sum[SL_SHA256_BYTES];
    size_t lines = 1, n = strlen(t->path);
    struct sl_buf content;

    r.lines = sl_reallocarray(NULL, r.cap_lines, sizeof(*r.lines));
    sl_buf_init(&content, SL_TABLE_BYTES_MAX);
    if (!read_file(set, at, t->path, &content)) {
        t->bad = true;
        goto out;
    }
    r.content = sl_buf_as_slice(&content);
    if (set->keep)
        sl_rule_text_add(set->keep, &(struct sl_rule_text){.table = true,
                                                           .path = sl_slice_str(t->path),
                                                           .content = r.content});
    sl_sha256(content.p, content.n, sum);
    sl_hex(sum, sizeof(sum), t->hash);
    for (size_t i = 0; i < content.n; i++)
        lines += content.p[i] == '\n';
    t->keys = sl_keys_new(lines);
    t->csv = n > 4 && !strcmp(t->path + n - 4, ".csv");
    if (t->csv)
        read_csv(&r);
    else
        read_lines(&r);
    if (r.problems >= PROBLEMS_MAX)
        sl_diags_add(set->diags, SL_PROBLEM, t->path, sl_slice(NULL, 0), 0, 0,
                     "more is wrong with this table; reading ended here");
    sl_keys_shrink(t->keys);
    if (!within_memory(set)) {
        SL_RULE_PROBLEM(set, at, false, "with %s the tables take more than %d MiB of memory",
                        t->path, SL_TABLES_MEMORY_MAX >> 20);
        t->bad = true;
        sl_keys_free(t->keys);
        t->keys = NULL;
    }
out:
    free(r.lines);
    sl_buf_release(&content);
}

const struct sl_table *sl_table_get(struct sl_rule_set *set, const struct sl_yaml_node *at)
{
    struct sl_table *t;
    char *path;

    if (at->n == 0 || at->n != strlen(at->text)) {
        SL_RULE_PROBLEM(set, at, false, "`in_table` takes the path of a file");
        return NULL;
    }
    path = table_path(set, at->text);
    for (size_t i = 0; i < set->n_tables; i++) {
        if (strcmp(set->tables[i]->path, path) != 0)
            continue;
        free(path);
        return set->tables[i]->bad ? NULL : set->tables[i];
    }
    if (set->n_tables == SL_TABLE_FILES_MAX) {
        SL_RULE_PROBLEM(set, at, false, "more than %d tables", SL_TABLE_FILES_MAX);
        free(path);
        return NULL;
    }
    if (set->n_tables == set->cap_tables) {
        set->cap_tables = set->cap_tables ? 2 * set->cap_tables : 8;
        set->tables = sl_reallocarray(set->tables, set->cap_tables, sizeof(*set->tables));
    }
    t = set->tables[set->n_tables++] = sl_zalloc(sizeof(*t));
    t->path = path;
    read_table(set, at, t);
    return t->bad ? NULL : t;
}

void sl_table_free(struct sl_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_columns; i++)
        free(t->columns[i]);
    free(t->columns);
    sl_keys_free(t->keys);
    free(t->path);
    free(t);
}

/* ---- asked ---- */

const char *sl_table_path(const struct sl_table *t)
{
    return t->path;
}

const char *sl_table_hash(const struct sl_table *t)
{
    return t->hash;
}

void sl_table_write(const struct sl_table *t, struct sl_buf *out)
{
    sl_buf_printf(out, " %s %s", t->csv ? "csv" : "keys", t->hash);
}

size_t sl_table_rows(const struct sl_table *t)
{
    return sl_keys_count(t->keys);
}

size_t sl_table_memory(const struct sl_table *t)
{
    return sizeof(*t) + sl_keys_memory(t->keys);
}

int64_t sl_table_find(const struct sl_table *t, struct sl_scalar *s, bool fold)
{
    return sl_keys_find(t->keys, s, fold);
}

int sl_table_column(const struct sl_table *t, struct sl_slice name)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (sl_slice_is(name, t->columns[i]))
            return (int)i;
    return -1;
}

struct sl_slice sl_table_cell(const struct sl_table *t, int64_t row, int column)
{
    return sl_keys_cell(t->keys, (size_t)row, (size_t)column + 1);
}
