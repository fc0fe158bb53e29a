/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/places.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/utf8.h"

enum { FILE_MAX = 256 << 20, TEXT_MAX = 64 << 10 };

/* One file at a time: warnings come in the order of the rules. */
struct sl_places {
    const struct sl_rules *rules;
    char *file; /* owned; whose content this is */
    struct sl_buf content;
    unsigned line; /* where `at` begins */
    size_t at;
};

struct sl_places *sl_places_new(const struct sl_rules *r)
{
    struct sl_places *p = sl_zalloc(sizeof(*p));

    p->rules = r;
    sl_buf_init(&p->content, FILE_MAX);
    return p;
}

void sl_places_free(struct sl_places *p)
{
    if (!p)
        return;
    free(p->file);
    sl_buf_release(&p->content);
    free(p);
}

static void open_file(struct sl_places *p, const char *file)
{
    if (p->file && !strcmp(p->file, file))
        return;
    free(p->file);
    p->file = sl_strdup(file);
    sl_buf_clear(&p->content);
    (void)sl_file_read(&p->content, file); /* gone by now: then without the line */
    p->line = 1;
    p->at = 0;
}

static struct sl_slice line_at(struct sl_places *p, unsigned line)
{
    const char *end;

    if (line < p->line) {
        p->line = 1;
        p->at = 0;
    }
    for (; p->line < line && p->at < p->content.n; p->line++) {
        end = memchr(p->content.p + p->at, '\n', p->content.n - p->at);
        p->at = end ? (size_t)(end - p->content.p) + 1 : p->content.n;
    }
    if (p->at >= p->content.n)
        return sl_slice(NULL, 0);
    end = memchr(p->content.p + p->at, '\n', p->content.n - p->at);
    return sl_slice(p->content.p + p->at,
                    end ? (size_t)(end - p->content.p) - p->at : p->content.n - p->at);
}

static bool between(char c)
{
    return strchr(" \t{}[],-\"':.", c) != NULL && c;
}

/* Where the word stands by itself in the line, followed by what ends a key; -1: nowhere. */
static int64_t find_word(struct sl_slice line, const char *word, bool row)
{
    const size_t n = strlen(word);
    const char *at = line.p, *end = line.p + line.n;

    while (at && (at = memmem(at, (size_t)(end - at), word, n))) {
        const char *after = at + n;

        if ((at == line.p || between(at[-1])) && (after == end || between(*after)) &&
            (row || (after < end && strchr(":\"'", *after))))
            return at - line.p;
        at++;
    }
    return -1;
}

static unsigned column_of(struct sl_slice line, size_t byte)
{
    unsigned column = 1;

    for (size_t i = 0; i < byte && i < line.n; column++) {
        size_t n = sl_utf8_char(line.p + i, line.n - i, NULL);

        i += n ? n : 1;
    }
    return column;
}

static void find(struct sl_places *p, unsigned rule, const char *word, unsigned *ret_line,
                 unsigned *ret_column)
{
    const struct sl_rule_info info = sl_rules_info(p->rules, rule);
    const struct sl_rule_info next = sl_rules_info(p->rules, rule + 1);
    const size_t n = strlen(info.file);
    const bool row = n > 4 && !strcmp(info.file + n - 4, ".csv");
    unsigned from = row ? 1 : info.line, to = row ? 1 : info.line + 1000;
    struct sl_slice line = line_at(p, info.line);
    size_t first = 0;

    if (!row && next.file && !strcmp(next.file, info.file))
        to = next.line > info.line ? next.line - 1 : info.line;
    while (!row && first < line.n && strchr(" -\t", line.p[first]))
        first++;
    *ret_line = info.line;
    *ret_column = line.p ? column_of(line, first) : 0;
    for (unsigned i = from; word && i <= to; i++) {
        struct sl_slice one = line_at(p, i);
        int64_t at;

        if (!one.p)
            break;
        at = find_word(one, word, row);
        if (at < 0)
            continue;
        *ret_line = i;
        *ret_column = column_of(one, (size_t)at);
        break;
    }
}

void sl_places_warn(struct sl_places *p, struct sl_diags *diags, unsigned rule, const char *word,
                    const char *format, ...)
{
    const struct sl_rule_info info = sl_rules_info(p->rules, rule);
    unsigned line, column;
    struct sl_buf text;
    va_list args;
    char *room;

    sl_buf_init(&text, TEXT_MAX);
    room = sl_buf_reserve(&text, TEXT_MAX - 1);
    va_start(args, format);
    vsnprintf(room, TEXT_MAX - 1, format, args);
    va_end(args);
    open_file(p, info.file);
    find(p, rule, word, &line, &column);
    sl_diags_add(diags, SL_WARNING, info.file, sl_buf_as_slice(&p->content), line, column, "%s",
                 room);
    sl_buf_release(&text);
}
