/* SPDX-License-Identifier: Apache-2.0 */
#include "route/csv.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/utf8.h"

enum {
    ROW_MAX = 1 << 20, /* bytes */
    CELLS_MAX = 4096,  /* in one row */
    /* How often reading goes back to the line after a quote that was never closed. Each costs at
     * most a row's bytes; past it reading goes on behind what it has seen. */
    RETURNS_MAX = 16,
};

struct sl_csv {
    struct sl_slice content;
    size_t at;
    unsigned line, column; /* of the byte at `at` */
    size_t row;            /* where the row begins */
    unsigned row_line;
    struct sl_csv_cell *cells;
    size_t n, cap;
    struct sl_buf undone; /* texts of the row's cells that hold doubled quotes */
    unsigned returns;
};

struct sl_csv *sl_csv_new(struct sl_slice content)
{
    struct sl_csv *c = sl_zalloc(sizeof(*c));

    c->content = content;
    c->line = c->column = 1;
    if (content.n >= 3 && !memcmp(content.p, "\xef\xbb\xbf", 3))
        c->at = 3;
    sl_buf_init(&c->undone, ROW_MAX);
    return c;
}

void sl_csv_free(struct sl_csv *c)
{
    if (!c)
        return;
    free(c->cells);
    sl_buf_release(&c->undone);
    free(c);
}

static bool at_end(const struct sl_csv *c)
{
    return c->at >= c->content.n;
}

static char here(const struct sl_csv *c)
{
    return c->content.p[c->at];
}

static bool is_at(const struct sl_csv *c, size_t offset, char wanted)
{
    return offset < c->content.n && c->content.p[offset] == wanted;
}

static void next_line(struct sl_csv *c)
{
    const char *end = at_end(c) ? NULL : memchr(c->content.p + c->at, '\n', c->content.n - c->at);

    c->at = end ? (size_t)(end - c->content.p) + 1 : c->content.n;
    c->line++;
    c->column = 1;
}

static int wrong(struct sl_error *err, int code, unsigned line, unsigned column, const char *why)
{
    sl_fail(err, code, "%s", why);
    if (err) {
        err->line = line;
        err->column = column;
    }
    return code;
}

/* Over one character. */
static int step(struct sl_csv *c, struct sl_error *err)
{
    const char *p = c->content.p + c->at;
    size_t n = 1;

    if (c->at - c->row >= ROW_MAX)
        return wrong(err, SL_EFULL, c->row_line, 1, "a row of more than 1 MiB");
    if (*p == '\0')
        return wrong(err, SL_EINVAL, c->line, c->column, "a NUL byte; a table is a UTF-8 text");
    if ((unsigned char)*p >= 0x80)
        n = sl_utf8_char(p, c->content.n - c->at, NULL);
    if (n == 0)
        return wrong(err, SL_EINVAL, c->line, c->column,
                     "not UTF-8; spreadsheets offer it as \"CSV UTF-8\"");
    c->at += n;
    c->column++;
    if (*p == '\n') {
        c->line++;
        c->column = 1;
    }
    return SL_OK;
}

static int read_plain(struct sl_csv *c, struct sl_csv_cell *cell, struct sl_error *err)
{
    int code = SL_OK;

    while (code == SL_OK && !at_end(c) && here(c) != ',' && here(c) != '\n') {
        if (here(c) == '\r' && (c->at + 1 == c->content.n || is_at(c, c->at + 1, '\n')))
            break;
        if (here(c) == '\r')
            code = wrong(err, SL_EINVAL, c->line, c->column,
                         "a carriage return alone; lines end with LF or CRLF");
        else
            code = step(c, err);
    }
    cell->end = c->at;
    cell->text = sl_slice(c->content.p + cell->begin, cell->end - cell->begin);
    return code;
}

/* Of a quote that was never closed nothing shows but what is found instead, which may be far
 * below: the error stands where the quote is, and the lines after it are read as if it were not
 * there. */
static int unclosed(struct sl_csv *c, const struct sl_csv_cell *cell, unsigned closed_at,
                    struct sl_error *err)
{
    wrong(err, SL_EINVAL, cell->line, cell->column, "");
    if (closed_at)
        sl_fail(err, SL_EINVAL,
                "the quote is not closed (the next one, in line %u, has text behind it)",
                closed_at);
    else
        sl_fail(err, SL_EINVAL, "the quote is not closed");
    if (c->returns++ < RETURNS_MAX) {
        c->at = c->row;
        c->line = c->row_line;
    }
    return SL_EINVAL;
}

static bool at_cell_end(const struct sl_csv *c)
{
    return at_end(c) || here(c) == ',' || here(c) == '\n' ||
           (here(c) == '\r' && (c->at + 1 == c->content.n || is_at(c, c->at + 1, '\n')));
}

static int read_quoted(struct sl_csv *c, struct sl_csv_cell *cell, struct sl_error *err)
{
    size_t doubled = 0, n;
    int code = step(c, err);

    cell->quoted = true;
    while (code == SL_OK && !at_end(c)) {
        if (here(c) == '"' && !is_at(c, c->at + 1, '"'))
            break;
        if (here(c) == '"') {
            code = step(c, err);
            doubled++;
        }
        if (code == SL_OK)
            code = step(c, err);
    }
    if (code == SL_EFULL)
        return wrong(err, SL_EFULL, cell->line, cell->column,
                     "a row of more than 1 MiB; is this quote closed?");
    if (code != SL_OK)
        return code;
    if (at_end(c))
        return unclosed(c, cell, 0, err);
    n = c->at - cell->begin - 1;
    if ((code = step(c, err)) != SL_OK)
        return code;
    cell->end = c->at;
    cell->text =
        doubled ? sl_slice(NULL, n - doubled) : sl_slice(c->content.p + cell->begin + 1, n);
    if (at_cell_end(c))
        return SL_OK;
    if (c->line != cell->line)
        return unclosed(c, cell, c->line, err);
    return wrong(err, SL_EINVAL, c->line, c->column,
                 "text behind a closing quote; a quote inside quotes is written twice");
}

static int read_cell(struct sl_csv *c, struct sl_error *err)
{
    struct sl_csv_cell *cell;

    if (c->n == CELLS_MAX)
        return wrong(err, SL_EFULL, c->line, c->column, "a row of more than 4,096 cells");
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 16;
        c->cells = sl_reallocarray(c->cells, c->cap, sizeof(*c->cells));
    }
    cell = &c->cells[c->n++];
    *cell = (struct sl_csv_cell){.line = c->line, .column = c->column, .begin = c->at};
    return is_at(c, c->at, '"') ? read_quoted(c, cell, err) : read_plain(c, cell, err);
}

/* The row is complete: now the room for what has to be copied is known, and no text moves any
 * more. */
static void undo_quotes(struct sl_csv *c)
{
    size_t total = 0;

    for (size_t i = 0; i < c->n; i++)
        total += c->cells[i].text.p ? 0 : c->cells[i].text.n;
    sl_buf_clear(&c->undone);
    if (total == 0 || !sl_buf_reserve(&c->undone, total))
        return; /* never full: it is shorter than the row */
    for (size_t i = 0; i < c->n; i++) {
        struct sl_csv_cell *cell = &c->cells[i];
        const char *from = c->content.p + cell->begin + 1;

        if (cell->text.p)
            continue;
        cell->text.p = c->undone.p + c->undone.n;
        for (size_t k = 0; k < cell->text.n; k++, from++) {
            sl_buf_byte(&c->undone, *from);
            from += *from == '"';
        }
    }
}

/* Past lines that hold nothing but blanks. */
static void skip_blank(struct sl_csv *c)
{
    while (!at_end(c)) {
        size_t at = c->at;

        while (is_at(c, at, ' ') || is_at(c, at, '\t') || is_at(c, at, '\r'))
            at++;
        if (at < c->content.n && c->content.p[at] != '\n')
            return;
        next_line(c);
    }
}

int sl_csv_next(struct sl_csv *c, const struct sl_csv_cell **ret_cells, size_t *ret_n,
                struct sl_error *err)
{
    int code;

    skip_blank(c);
    if (at_end(c))
        return 0;
    c->n = 0;
    c->row = c->at;
    c->row_line = c->line;
    while ((code = read_cell(c, err)) == SL_OK && is_at(c, c->at, ',')) {
        c->at++;
        c->column++;
    }
    next_line(c);
    if (code != SL_OK)
        return code;
    undo_quotes(c);
    *ret_cells = c->cells;
    *ret_n = c->n;
    return 1;
}
