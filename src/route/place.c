/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "route/parse.h"

struct place {
    unsigned line, column;
};

static const char *line_start(struct sl_slice content, unsigned line)
{
    const char *at = content.p, *end = content.p + content.n;

    for (unsigned i = 1; at && i < line; i++) {
        at = memchr(at, '\n', (size_t)(end - at));
        if (at)
            at++;
    }
    return at;
}

/* The place of a byte of a value: YAML's quotes, escapes and indentation stand between the two, so
 * the source is walked along with the value. Where they part (folded text, escapes by number) it is
 * the place of the value. */
static struct place place_inside(struct sl_slice content, const struct sl_yaml_node *node,
                                 size_t offset)
{
    const struct place whole = {node->line, node->column};
    const char *at = line_start(content, node->line), *end = content.p + content.n;
    struct place place = whole;
    char quote = 0;

    if (offset == node->n && offset > 0 && node->text[offset - 1] == '\n')
        offset--; /* a block's last line break: the line it ends, not the one after */
    for (unsigned i = 1; at && i < node->column && at < end; i++) {
        size_t n = sl_utf8_char(at, (size_t)(end - at), NULL);

        at += n ? n : 1;
    }
    if (!at || at >= end)
        return whole;
    if (node->quoted && (*at == '\'' || *at == '"')) {
        quote = *at++;
        place.column++;
    }
    for (size_t i = 0; i < offset; i++, at++) {
        if (node->quoted && !quote && (i == 0 || node->text[i - 1] == '\n')) { /* a block */
            at = line_start(content, node->line + place.line - whole.line);
            for (place.column = 1; at && at < end && *at == ' ' && *at != node->text[i]; at++)
                place.column++;
        } else if (quote && end - at > 1 && *at == (quote == '"' ? '\\' : '\'')) {
            at++;
            place.column++;
        }
        if (!at || at >= end || *at != node->text[i])
            return whole;
        if (*at == '\n')
            place = (struct place){place.line + 1, 1};
        else if ((*at & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

/* The same in a cell of a rule table. */
static struct place place_in_cell(struct sl_slice content, const struct sl_yaml_node *node,
                                  size_t offset)
{
    const struct place whole = {node->line, node->column};
    struct place place = whole;
    size_t at = node->begin;
    bool quoted = at < node->end && content.p[at] == '"';

    if (quoted) {
        at++;
        place.column++;
    }
    for (size_t i = 0; i < offset; i++, at++) {
        if (at >= node->end || content.p[at] != node->text[i])
            return whole;
        if (quoted && content.p[at] == '"') { /* written twice */
            at++;
            place.column++;
        }
        if (content.p[at] == '\n')
            place = (struct place){place.line + 1, 1};
        else if ((content.p[at] & 0xc0) != 0x80)
            place.column++;
    }
    return place;
}

void sl_rule_place(const struct sl_rule_file *file, const struct sl_yaml_node *node, size_t offset,
                   unsigned *ret_line, unsigned *ret_column)
{
    struct place place = file->cells ? place_in_cell(file->content, node, offset)
                                     : place_inside(file->content, node, offset);

    *ret_line = place.line;
    *ret_column = place.column;
}

void sl_problem_inside(struct sl_rule_set *set, const struct sl_yaml_node *node, size_t offset,
                       const char *what, const char *why)
{
    unsigned line, column;

    sl_rule_place(set->file, node, offset, &line, &column);
    sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content, line, column,
                 "bad %s: %s", what, why);
}
