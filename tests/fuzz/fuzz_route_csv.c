/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "route/csv.h"
#include "route_any.h"
#include "fuzz.h"

/* Any text as a rule table and as a table of `in_table`; and what the reader of both promises: rows
 * come in the order of the text, each cell says where it stands, and what is written of the rows
 * reads as the same rows. A line "%%" may end the table: what follows is a record of its own. */

static void write_cell(struct sl_buf *to, struct sl_slice text)
{
    sl_buf_byte(to, '"');
    for (size_t i = 0; i < text.n; i++) {
        sl_buf_byte(to, text.p[i]);
        if (text.p[i] == '"')
            sl_buf_byte(to, '"');
    }
    sl_buf_byte(to, '"');
}

static void check_cell(struct sl_slice content, const struct sl_csv_cell *cell, size_t from)
{
    size_t lines = 1;

    if (cell->begin < from || cell->end < cell->begin || cell->end > content.n)
        abort();
    if (cell->quoted != (cell->end > cell->begin && content.p[cell->begin] == '"'))
        abort();
    if (!cell->quoted &&
        !sl_slice_equal(cell->text, sl_slice(content.p + cell->begin, cell->end - cell->begin)))
        abort();
    for (size_t i = 0; i < cell->begin; i++)
        lines += content.p[i] == '\n';
    if (lines != cell->line)
        abort();
}

/* Reads all; writes what it read, every cell in quotes. The number of rows. */
static size_t read_all(struct sl_slice content, struct sl_buf *out)
{
    struct sl_csv *csv = sl_csv_new(content);
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    size_t n, rows = 0, from = 0;
    int code;

    while ((code = sl_csv_next(csv, &cells, &n, &err)) != 0) {
        if (code < 0 && (err.line == 0 || err.column == 0 || !*err.text))
            abort();
        for (size_t i = 0; code > 0 && i < n; i++) {
            check_cell(content, &cells[i], from);
            from = cells[i].end;
            sl_buf_text(out, i ? "," : "");
            write_cell(out, cells[i].text);
        }
        if (code > 0) {
            sl_buf_byte(out, '\n');
            rows++;
        }
    }
    sl_csv_free(csv);
    return rows;
}

static void check_reader(struct sl_slice content)
{
    struct sl_buf once, twice;
    size_t rows;

    sl_buf_init(&once, 64 << 20);
    sl_buf_init(&twice, 64 << 20);
    rows = read_all(content, &once);
    if (read_all(sl_buf_as_slice(&once), &twice) != rows ||
        !sl_slice_equal(sl_buf_as_slice(&once), sl_buf_as_slice(&twice)))
        abort();
    sl_buf_release(&once);
    sl_buf_release(&twice);
}

static char folder[] = "/tmp/sluice-fuzz-XXXXXX", path[64], name[64];

static void leave(void)
{
    unlink(path);
    rmdir(folder);
}

static void check_table(struct sl_slice content)
{
    static const char rules[] =
        "rules:\n"
        "- { when: { service: { in_table: keys.csv } }, set: { o: '{owner|none}' }, to: search }\n"
        "- { when: { service: { in_table: keys.csv, case: insensitive } }, to: search }\n"
        "- { when: { status: { in_table: keys.csv } }, to: alerts }\n";
    FILE *file;

    if (!*path) {
        if (!mkdtemp(folder))
            abort();
        snprintf(path, sizeof(path), "%s/keys.csv", folder);
        snprintf(name, sizeof(name), "%s/rules.yaml", folder);
        atexit(leave);
    }
    file = fopen(path, "w");
    if (!file || fwrite(content.p, 1, content.n, file) != content.n || fclose(file) != 0)
        abort();
    any_rules(name, SL_SLICE_LITERAL(rules), sl_slice(NULL, 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = size ? (const char *)data : "", *cut = memmem(p, size, "\n%%\n", 4);
    size_t n = cut ? (size_t)(cut - p) : size;
    struct sl_slice content = sl_slice(p, n);

    check_reader(content);
    any_rules("t.csv", content, cut ? sl_slice(cut + 4, size - n - 4) : sl_slice(NULL, 0));
    check_table(content);
    return 0;
}
