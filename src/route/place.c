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

void sl_problem_inside(struct sl_rule_set *set, const struct sl_yaml_node *node, size_t offset,
                       const char *what, const char *why)
{
    struct place place = place_inside(set->file->content, node, offset);

    sl_diags_add(set->diags, SL_PROBLEM, set->file->path, set->file->content, place.line,
                 place.column, "bad %s: %s", what, why);
}
