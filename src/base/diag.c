/* SPDX-License-Identifier: Apache-2.0 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/json_text.h"

void sl_diags_init(struct sl_diags *d)
{
    *d = (struct sl_diags){0};
}

void sl_diags_release(struct sl_diags *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->items[i].file);
        free(d->items[i].text);
        free(d->items[i].source);
    }
    free(d->items);
    sl_diags_init(d);
}

/* The line'th line of the content, without its end; a line of a megabyte is cut. */
static char *source_line(struct sl_slice content, unsigned line)
{
    enum { LINE_MAX_SHOWN = 400 };
    const char *at = content.p, *end, *stop;

    if (!content.p || line == 0)
        return NULL;
    end = content.p + content.n;
    for (unsigned i = 1; i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (!at)
            return NULL;
        at++;
    }
    stop = memchr(at, '\n', (size_t)(end - at));
    if (!stop)
        stop = end;
    if (stop > at && stop[-1] == '\r')
        stop--;
    if (stop - at > LINE_MAX_SHOWN)
        stop = at + LINE_MAX_SHOWN;
    return sl_strndup(at, (size_t)(stop - at));
}

void sl_diags_add(struct sl_diags *d, enum sl_severity severity, const char *file,
                  struct sl_slice content, unsigned line, unsigned column, const char *format, ...)
{
    struct sl_diag *item;
    va_list args;
    char text[1024];

    if (severity == SL_PROBLEM)
        d->errors++;
    if (d->n >= SL_DIAGS_MAX)
        return;
    if (d->n == d->cap) {
        d->cap = d->cap ? 2 * d->cap : 16;
        d->items = sl_reallocarray(d->items, d->cap, sizeof(*d->items));
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    item = &d->items[d->n++];
    *item = (struct sl_diag){
        .severity = severity,
        .file = sl_strdup(file),
        .line = line,
        .column = column,
        .text = sl_strdup(text),
        .source = source_line(content, line),
    };
}

static size_t file_rank(const struct sl_diags *d, const char *file)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->items[i].file == file ||
            (d->items[i].file && file && !strcmp(d->items[i].file, file)))
            return i;
    return d->n;
}

struct sort_key {
    size_t rank, index;
    unsigned line, column;
};

static int compare(const void *pa, const void *pb)
{
    const struct sort_key *a = pa, *b = pb;

    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

void sl_diags_sort(struct sl_diags *d)
{
    struct sort_key *keys = sl_calloc(d->n, sizeof(*keys));
    struct sl_diag *sorted = sl_calloc(d->n, sizeof(*sorted));

    for (size_t i = 0; i < d->n; i++)
        keys[i] = (struct sort_key){file_rank(d, d->items[i].file), i, d->items[i].line,
                                    d->items[i].column};
    if (d->n)
        qsort(keys, d->n, sizeof(*keys), compare);
    for (size_t i = 0; i < d->n; i++)
        sorted[i] = d->items[keys[i].index];
    if (d->n)
        memcpy(d->items, sorted, d->n * sizeof(*sorted));
    free(sorted);
    free(keys);
}

/* The caret stands under the column, which counts characters: tabs of the source are kept before it
 * and the other characters become one space each. */
static void print_caret(const char *source, unsigned column, FILE *to)
{
    const unsigned char *at = (const unsigned char *)source;

    for (unsigned i = 1; i < column && *at; at++) {
        if ((*at & 0xc0) == 0x80)
            continue;
        fputc(*at == '\t' ? '\t' : ' ', to);
        i++;
    }
    fputs("^\n", to);
}

void sl_print_line(const char *text, FILE *to)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
            fputc('?', to);
            c++;
        } else {
            fputc((*c < ' ' && *c != '\t') || *c == 0x7f ? '?' : *c, to);
        }
    }
    fputc('\n', to);
}

void sl_diags_print(const struct sl_diags *d, FILE *to)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct sl_diag *item = &d->items[i];

        if (item->file)
            fprintf(to, "%s:", item->file);
        if (item->line)
            fprintf(to, "%u:", item->line);
        if (item->column)
            fprintf(to, "%u:", item->column);
        fprintf(to, "%s%s: ", item->file ? " " : "",
                item->severity == SL_PROBLEM ? "error" : "warning");
        sl_print_line(item->text, to);
        if (item->source) {
            fprintf(to, "%6u | ", item->line);
            sl_print_line(item->source, to);
            if (item->column) {
                fputs("       | ", to);
                print_caret(item->source, item->column, to);
            }
        }
    }
    if (d->errors > d->n)
        fprintf(to, "... and more: %zu errors in all\n", d->errors);
}

void sl_diags_json(const struct sl_diags *d, struct sl_buf *to)
{
    sl_buf_byte(to, '[');
    for (size_t i = 0; i < d->n; i++) {
        const struct sl_diag *item = &d->items[i];

        sl_buf_text(to, i ? ",{\"severity\":" : "{\"severity\":");
        sl_json_text(to, item->severity == SL_PROBLEM ? "error" : "warning");
        SL_BUF_LITERAL(to, ",\"file\":");
        sl_json_text(to, item->file);
        sl_buf_printf(to, ",\"line\":%u,\"column\":%u,\"text\":", item->line, item->column);
        sl_json_text(to, item->text);
        sl_buf_byte(to, '}');
    }
    sl_buf_byte(to, ']');
}

/* Optimal string alignment distance, capped: words longer than the table are never near. */
static unsigned distance(const char *a, const char *b)
{
    enum { WORD_MAX = 48 };
    unsigned d[WORD_MAX + 1][WORD_MAX + 1];
    size_t na = strlen(a), nb = strlen(b);

    if (na > WORD_MAX || nb > WORD_MAX)
        return WORD_MAX;
    for (unsigned i = 0; i <= na; i++)
        d[i][0] = i;
    for (unsigned j = 0; j <= nb; j++)
        d[0][j] = j;
    for (size_t i = 1; i <= na; i++) {
        for (size_t j = 1; j <= nb; j++) {
            unsigned best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);

            if (d[i - 1][j] + 1 < best)
                best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best)
                best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    }
    return d[na][nb];
}

const char *sl_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    unsigned least = (unsigned)strlen(word) / 3 + 1;

    if (least > 3)
        least = 3;
    for (size_t i = 0; i < n; i++) {
        unsigned now = distance(word, candidates[i]);

        if (now < least + (best == NULL) && now < strlen(candidates[i])) {
            least = now;
            best = candidates[i];
        }
    }
    return best;
}
