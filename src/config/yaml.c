/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdarg.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/utf8.h"
#include "config/arena.h"
#include "config/mask.h"
#include "config/yaml_build.h"

struct sl_yaml {
    char *name;
    struct sl_buf content; /* as read, without a byte order mark */
    struct sl_buf shown;   /* what diagnostics may show of it; empty: all */
    struct sl_arena arena;
    struct sl_yaml_node root;
    bool has_root;
};

static struct sl_slice shown(const struct sl_yaml *y)
{
    return sl_buf_as_slice(y->shown.n ? &y->shown : &y->content);
}

/* ---- what is wrong with the bytes, before libfyaml sees them ---- */

static bool check_bytes(const struct sl_yaml *y, struct sl_diags *diags)
{
    const char *p = y->content.p;
    unsigned line = 1, column = 1;

    for (size_t i = 0; i < y->content.n;) {
        size_t n = sl_utf8_char(p + i, y->content.n - i, NULL);

        if (n == 0 || p[i] == 0) {
            sl_diags_add(diags, SL_PROBLEM, y->name, sl_slice(NULL, 0), line, column, "%s",
                         n == 0 ? "not UTF-8; the file must be text in UTF-8"
                                : "a NUL byte; the file must be text");
            return false;
        }
        column = p[i] == '\n' ? 1 : column + 1;
        line += p[i] == '\n';
        i += n;
    }
    return true;
}

/* ---- libfyaml ---- */

static void silent(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag;
    (void)user;
    (void)text;
    (void)n;
}

/* The commonest mistake, and libfyaml speaks of what it leads to: a tab in the indentation of the
 * line of the error, or of a neighbour. */
static bool tab_near(struct sl_slice content, unsigned line, unsigned *ret_line,
                     unsigned *ret_column)
{
    unsigned now = 1;

    for (size_t i = 0; i < content.n && now <= line + 1; now++) {
        size_t begin = i;

        for (; i < content.n && (content.p[i] == ' ' || content.p[i] == '\t'); i++) {
            if (content.p[i] == '\t' && now + 1 >= line) {
                *ret_line = now;
                *ret_column = (unsigned)(i - begin) + 1;
                return true;
            }
        }
        while (i < content.n && content.p[i++] != '\n')
            ;
    }
    return false;
}

/* One syntax error makes the parser stumble on; only its first word is worth reading. */
static void add_syntax_error(const struct sl_yaml *y, struct fy_diag *diag,
                             const struct sl_yaml_build *b, struct sl_diags *diags)
{
    const struct fy_diag_error *e = NULL;
    struct sl_slice content = sl_buf_as_slice(&y->content);
    unsigned line = 0, column = 0, last = 1, open_line, open_column;
    void *at = NULL;
    const char *text = "syntax error";
    char more[80] = "";

    while (diag && (e = fy_diag_errors_iterate(diag, &at)) && e->type != FYET_ERROR)
        ;
    if (e) {
        line = e->line > 0 ? (unsigned)e->line : 0;
        column = line && e->column > 0 ? (unsigned)e->column : 0;
        text = e->msg ? e->msg : text;
    }
    for (size_t i = 0; i + 1 < content.n; i++)
        last += content.p[i] == '\n';
    if (tab_near(content, line, &line, &column))
        text = "a tab in the indentation; use spaces";
    else if (line > last && sl_yaml_build_open(b, &line, &column))
        text = "the bracket opened here is not closed";
    else if (sl_yaml_build_open(b, &open_line, &open_column) && open_line < line)
        snprintf(more, sizeof(more), "; the bracket of line %u:%u is still open", open_line,
                 open_column);
    sl_diags_add(diags, SL_PROBLEM, y->name, shown(y), line, column, "not valid YAML: %s%s", text,
                 more);
}

static size_t position(const struct fy_mark *mark, size_t otherwise)
{
    return mark ? mark->input_pos : otherwise;
}

static struct sl_slice token_text(struct fy_token *token)
{
    size_t n = 0;
    const char *p = token ? fy_token_get_text(token, &n) : NULL;

    return sl_slice(p, p ? n : 0);
}

static void give_scalar(struct sl_yaml_build *b, struct fy_event *event)
{
    struct fy_token *value = event->scalar.value;
    enum fy_scalar_style style = value ? fy_token_scalar_style(value) : FYSS_PLAIN;
    size_t begin = position(value ? fy_token_start_mark(value) : fy_event_start_mark(event), 0);
    size_t end = position(value ? fy_token_end_mark(value) : NULL, begin);
    struct sl_slice text = token_text(value);

    if ((style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED) && begin > 0) {
        begin--; /* the token is what stands between the quotes */
        end++;
    }
    sl_yaml_build_scalar(b, &(struct sl_yaml_event){
                                .begin = begin,
                                .end = end,
                                .text = text.p ? text : SL_SLICE_LITERAL(""),
                                .quoted = style != FYSS_PLAIN && style != FYSS_ANY,
                                .anchor = token_text(event->scalar.anchor),
                                .tag = token_text(event->scalar.tag),
                            });
}

static void give_start(struct sl_yaml_build *b, struct fy_event *event, enum sl_yaml_type type,
                       struct fy_token *anchor, struct fy_token *tag)
{
    size_t begin = position(fy_event_start_mark(event), 0);

    sl_yaml_build_start(
        b, type,
        &(struct sl_yaml_event){
            .begin = begin, .end = begin, .anchor = token_text(anchor), .tag = token_text(tag)});
}

static void give(struct sl_yaml_build *b, struct fy_event *event)
{
    size_t begin = position(fy_event_start_mark(event), 0);

    switch (event->type) {
    case FYET_DOCUMENT_START:
        sl_yaml_build_document(b, begin);
        break;
    case FYET_SCALAR:
        give_scalar(b, event);
        break;
    case FYET_ALIAS:
        begin -= begin > 0; /* the token is the name; the place is the star before it */
        sl_yaml_build_alias(b, &(struct sl_yaml_event){.begin = begin,
                                                       .end = begin,
                                                       .text = token_text(event->alias.anchor)});
        break;
    case FYET_SEQUENCE_START:
        give_start(b, event, SL_YAML_SEQUENCE, event->sequence_start.anchor,
                   event->sequence_start.tag);
        break;
    case FYET_MAPPING_START:
        give_start(b, event, SL_YAML_MAPPING, event->mapping_start.anchor,
                   event->mapping_start.tag);
        break;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        sl_yaml_build_end(b);
        break;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
}

/* False when there is no tree to go on with. */
static bool run(struct sl_yaml *y, struct sl_diags *diags)
{
    struct fy_diag_cfg diag_config = {.output_fn = silent, .level = FYET_ERROR, .module_mask = ~0U};
    struct fy_diag *diag = fy_diag_create(&diag_config);
    struct fy_parse_cfg config = {.search_path = "", .flags = FYPCF_JSON_NONE, .diag = diag};
    struct fy_parser *parser = NULL;
    struct fy_event *event;
    struct sl_yaml_build *b =
        sl_yaml_build_new(y->name, sl_buf_as_slice(&y->content), shown(y), &y->arena, diags);
    bool ended = false, ok = false;

    if (!diag)
        goto out;
    fy_diag_set_collect_errors(diag, true);
    parser = fy_parser_create(&config);
    if (!parser || fy_parser_set_string(parser, y->content.p, y->content.n))
        goto out;
    while (!sl_yaml_build_stopped(b) && (event = fy_parser_parse(parser))) {
        ended = ended || event->type == FYET_STREAM_END;
        give(b, event);
        fy_parser_event_free(parser, event);
    }
    ok = ended && !sl_yaml_build_stopped(b);
out:
    if (!ok && !sl_yaml_build_stopped(b))
        add_syntax_error(y, diag, b, diags);
    y->has_root = sl_yaml_build_free(b, &y->root);
    if (parser)
        fy_parser_destroy(parser);
    if (diag)
        fy_diag_destroy(diag);
    return ok;
}

/* ---- the ways in ---- */

/* Takes what is in `content`. */
static struct sl_yaml *parse(const char *name, struct sl_buf *content,
                             bool (*hide)(const char *key), struct sl_diags *diags)
{
    struct sl_yaml *y = sl_zalloc(sizeof(*y));

    y->name = sl_strdup(name);
    y->content = *content;
    sl_buf_init(content, content->max);
    sl_buf_init(&y->shown, y->content.n + 1);
    sl_arena_init(&y->arena);
    if (y->content.n >= 3 && !memcmp(y->content.p, "\xef\xbb\xbf", 3)) {
        y->content.n -= 3;
        memmove(y->content.p, y->content.p + 3, y->content.n);
    }
    if (!check_bytes(y, diags))
        goto fail;
    if (y->content.n == 0)
        return y;
    if (hide)
        sl_mask_lines(sl_buf_as_slice(&y->content), hide, &y->shown);
    if (!run(y, diags))
        goto fail;
    if (hide) {
        sl_buf_clear(&y->shown);
        sl_mask_tree(sl_buf_as_slice(&y->content), sl_yaml_root(y), hide, &y->shown);
    }
    return y;
fail:
    sl_yaml_free(y);
    return NULL;
}

struct sl_yaml *sl_yaml_parse_hiding(const char *name, struct sl_slice content,
                                     bool (*hide)(const char *key), struct sl_diags *diags)
{
    struct sl_buf copy;

    sl_buf_init(&copy, SL_YAML_FILE_MAX);
    sl_buf_slice(&copy, content);
    if (copy.full) {
        sl_diags_add(diags, SL_PROBLEM, name, sl_slice(NULL, 0), 0, 0,
                     "larger than %d MiB, the most that is read", SL_YAML_FILE_MAX >> 20);
        sl_buf_release(&copy);
        return NULL;
    }
    return parse(name, &copy, hide, diags);
}

struct sl_yaml *sl_yaml_load_hiding(const char *path, bool (*hide)(const char *key),
                                    struct sl_diags *diags)
{
    struct sl_yaml *y = NULL;
    struct sl_buf content;

    sl_buf_init(&content, SL_YAML_FILE_MAX);
    if (sl_file_load(&content, path, diags))
        y = parse(path, &content, hide, diags);
    sl_buf_release(&content);
    return y;
}

struct sl_yaml *sl_yaml_load(const char *path, struct sl_diags *diags)
{
    return sl_yaml_load_hiding(path, NULL, diags);
}

struct sl_yaml *sl_yaml_parse(const char *name, struct sl_slice content, struct sl_diags *diags)
{
    return sl_yaml_parse_hiding(name, content, NULL, diags);
}

void sl_yaml_free(struct sl_yaml *y)
{
    if (!y)
        return;
    sl_arena_release(&y->arena);
    sl_buf_release(&y->shown);
    sl_buf_release(&y->content);
    free(y->name);
    free(y);
}

const struct sl_yaml_node *sl_yaml_root(const struct sl_yaml *y)
{
    return y->has_root ? &y->root : NULL;
}

struct sl_slice sl_yaml_content(const struct sl_yaml *y)
{
    return sl_buf_as_slice(&y->content);
}

const struct sl_yaml_node *sl_yaml_get(const struct sl_yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->type != SL_YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->n_children; i++)
        if (!strcmp(mapping->children[i].key, key))
            return &mapping->children[i];
    return NULL;
}

void sl_yaml_verror(const struct sl_yaml *y, const struct sl_yaml_node *node, bool at_key,
                    enum sl_severity severity, struct sl_diags *diags, const char *format,
                    va_list args)
{
    bool key = at_key && node && node->key;
    char text[1024];

    vsnprintf(text, sizeof(text), format, args);
    sl_diags_add(diags, severity, y->name, node ? shown(y) : sl_slice(NULL, 0),
                 node ? (key ? node->key_line : node->line) : 0,
                 node ? (key ? node->key_column : node->column) : 0, "%s", text);
}

void sl_yaml_error(const struct sl_yaml *y, const struct sl_yaml_node *node, bool at_key,
                   enum sl_severity severity, struct sl_diags *diags, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    sl_yaml_verror(y, node, at_key, severity, diags, format, args);
    va_end(args);
}
