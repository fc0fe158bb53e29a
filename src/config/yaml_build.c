/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml_build.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"

/* A mapping or sequence that is still open. */
struct frame {
    struct sl_yaml_node self;
    struct sl_yaml_node *children;
    size_t n, cap;
    struct sl_yaml_node key; /* MAPPING: the key that waits for its value */
    bool has_key;
    char *anchor;  /* owned; NULL for none */
    size_t weight; /* nodes below it, as a walk sees them */
    size_t height; /* levels below it, likewise */
};

struct anchor {
    char *name;
    struct sl_yaml_node node;
    size_t weight, height;
};

struct sl_yaml_build {
    const char *name;
    struct sl_slice content, shown;
    struct sl_arena *arena;
    struct sl_diags *diags;
    struct frame frames[SL_YAML_DEPTH_MAX];
    size_t depth;
    struct anchor *anchors;
    size_t n_anchors;
    struct sl_yaml_node root;
    bool has_root, stopped;
    unsigned documents;
    size_t merged;
    struct {
        size_t at;
        unsigned line, column;
    } place;
};

struct sl_yaml_build *sl_yaml_build_new(const char *name, struct sl_slice content,
                                        struct sl_slice shown, struct sl_arena *arena,
                                        struct sl_diags *diags)
{
    struct sl_yaml_build *b = sl_zalloc(sizeof(*b));

    *b = (struct sl_yaml_build){
        .name = name, .content = content, .shown = shown, .arena = arena, .diags = diags};
    b->place.line = b->place.column = 1;
    return b;
}

bool sl_yaml_build_free(struct sl_yaml_build *b, struct sl_yaml_node *ret_root)
{
    bool has_root = b->has_root && b->root.type != SL_YAML_NULL;

    if (has_root)
        *ret_root = b->root;
    for (size_t i = 0; i < b->depth; i++) {
        free(b->frames[i].children);
        free(b->frames[i].anchor);
    }
    for (size_t i = 0; i < b->n_anchors; i++)
        free(b->anchors[i].name);
    free(b->anchors);
    free(b);
    return has_root;
}

bool sl_yaml_build_stopped(const struct sl_yaml_build *b)
{
    return b->stopped;
}

bool sl_yaml_build_open(const struct sl_yaml_build *b, unsigned *ret_line, unsigned *ret_column)
{
    const struct sl_yaml_node *self = b->depth ? &b->frames[b->depth - 1].self : NULL;

    if (!self || self->begin >= b->content.n || !strchr("[{", b->content.p[self->begin]))
        return false;
    *ret_line = self->line;
    *ret_column = self->column;
    return true;
}

/* ---- places ---- */

/* Events come in the file's order, or a little back (a block mapping begins where its first key
 * does), so the last place is a good one to count from. */
static void locate(struct sl_yaml_build *b, size_t at, unsigned *ret_line, unsigned *ret_column)
{
    const char *p = b->content.p;

    if (at > b->content.n)
        at = b->content.n;
    if (at < b->place.at) {
        size_t line_begin = at;

        for (size_t i = at; i < b->place.at; i++)
            b->place.line -= p[i] == '\n';
        while (line_begin > 0 && p[line_begin - 1] != '\n')
            line_begin--;
        b->place.at = line_begin;
        b->place.column = 1;
    }
    for (; b->place.at < at; b->place.at++) {
        if (p[b->place.at] == '\n') {
            b->place.line++;
            b->place.column = 1;
        } else if (((unsigned char)p[b->place.at] & 0xc0) != 0x80) {
            b->place.column++;
        }
    }
    *ret_line = b->place.line;
    *ret_column = b->place.column;
}

static void __attribute__((format(printf, 3, 0)))
add_problem(struct sl_yaml_build *b, const struct sl_yaml_node *at, const char *format,
            va_list args)
{
    char text[512];

    vsnprintf(text, sizeof(text), format, args);
    sl_diags_add(b->diags, SL_PROBLEM, b->name, b->shown, at->line, at->column, "%s", text);
}

static void __attribute__((format(printf, 3, 4)))
problem(struct sl_yaml_build *b, const struct sl_yaml_node *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_problem(b, at, format, args);
    va_end(args);
}

static void __attribute__((format(printf, 3, 4)))
stop(struct sl_yaml_build *b, const struct sl_yaml_node *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add_problem(b, at, format, args);
    va_end(args);
    b->stopped = true;
}

/* ---- putting a finished node into its parent ---- */

static struct frame *top(struct sl_yaml_build *b)
{
    return b->depth ? &b->frames[b->depth - 1] : NULL;
}

static void append(struct frame *f, const struct sl_yaml_node *node)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 8;
        f->children = sl_reallocarray(f->children, f->cap, sizeof(*f->children));
    }
    f->children[f->n++] = *node;
}

static void give_key(struct sl_yaml_build *b, struct frame *f, const struct sl_yaml_node *node)
{
    if (node->type == SL_YAML_SEQUENCE || node->type == SL_YAML_MAPPING) {
        stop(b, node, "a key must be a plain text, not a %s",
             node->type == SL_YAML_MAPPING ? "mapping" : "list");
        return;
    }
    if (node->n == 0)
        problem(b, node, "an empty key");
    else if (memchr(node->text, 0, node->n))
        problem(b, node, "a key with a NUL character");
    f->key = *node;
    f->has_key = true;
}

static void give_value(struct sl_yaml_build *b, struct sl_yaml_node *node, size_t weight,
                       size_t height)
{
    struct frame *f = top(b);

    if (!f) {
        b->root = *node;
        b->has_root = true;
        return;
    }
    f->weight += weight;
    if (f->height < height)
        f->height = height;
    if (f->weight > SL_YAML_NODES_MAX) {
        stop(b, node, "more than %d values, aliases written out", SL_YAML_NODES_MAX);
        return;
    }
    if (f->self.type == SL_YAML_MAPPING) {
        node->key = f->key.text;
        node->key_line = f->key.line;
        node->key_column = f->key.column;
        f->has_key = false;
    }
    append(f, node);
}

static bool wants_key(struct sl_yaml_build *b)
{
    struct frame *f = top(b);

    return f && f->self.type == SL_YAML_MAPPING && !f->has_key;
}

static bool wants_value_of_key(struct sl_yaml_build *b)
{
    struct frame *f = top(b);

    return f && f->self.type == SL_YAML_MAPPING && f->has_key;
}

static void add_anchor(struct sl_yaml_build *b, const char *name, const struct sl_yaml_node *node,
                       size_t weight, size_t height)
{
    struct anchor *a;

    if (b->n_anchors >= SL_YAML_ANCHORS_MAX) {
        stop(b, node, "more than %d anchors", SL_YAML_ANCHORS_MAX);
        return;
    }
    b->anchors = sl_reallocarray(b->anchors, b->n_anchors + 1, sizeof(*a));
    a = &b->anchors[b->n_anchors++];
    *a =
        (struct anchor){.name = sl_strdup(name), .node = *node, .weight = weight, .height = height};
    a->node.key = NULL;
    a->node.key_line = a->node.key_column = 0;
}

/* ---- events ---- */

/* Tags say what a value is, which the key that takes it knows better; the standard ones do no harm.
 */
static void check_tag(struct sl_yaml_build *b, struct sl_slice tag, struct sl_yaml_node *node)
{
    static const char standard[] = "tag:yaml.org,2002:";

    if (tag.n == 0)
        return;
    if ((tag.n == 1 && tag.p[0] == '!') || sl_slice_is(tag, "tag:yaml.org,2002:str"))
        node->quoted = true;
    else if (tag.n < sizeof(standard) || memcmp(tag.p, standard, sizeof(standard) - 1))
        problem(b, node, "tags are not used here (`%.*s`)", (int)(tag.n < 80 ? tag.n : 80), tag.p);
}

static bool plain_null(struct sl_slice text)
{
    return text.n == 0 || sl_slice_is(text, "~") || sl_slice_is(text, "null") ||
           sl_slice_is(text, "Null") || sl_slice_is(text, "NULL");
}

void sl_yaml_build_document(struct sl_yaml_build *b, size_t begin)
{
    struct sl_yaml_node at = {0};

    if (++b->documents < 2)
        return;
    locate(b, begin, &at.line, &at.column);
    stop(b, &at, "a second document; only one is read");
}

void sl_yaml_build_scalar(struct sl_yaml_build *b, const struct sl_yaml_event *e)
{
    struct sl_yaml_node node = {.type = SL_YAML_SCALAR, .begin = e->begin, .end = e->end};
    bool key = wants_key(b);

    locate(b, e->begin, &node.line, &node.column);
    if (!key && wants_value_of_key(b) && e->text.n == 0 && !e->quoted) {
        node.line = top(b)->key.line; /* what is not there has no place */
        node.column = top(b)->key.column;
    }
    node.text = sl_arena_strndup(b->arena, e->text.p, e->text.n);
    node.n = e->text.n;
    node.quoted = e->quoted;
    check_tag(b, e->tag, &node);
    if (!key && !node.quoted && plain_null(e->text))
        node.type = SL_YAML_NULL;
    if (e->anchor.n) {
        char *name = sl_strndup(e->anchor.p, e->anchor.n);

        add_anchor(b, name, &node, 1, 0);
        free(name);
    }
    if (key)
        give_key(b, top(b), &node);
    else
        give_value(b, &node, 1, 0);
}

void sl_yaml_build_alias(struct sl_yaml_build *b, const struct sl_yaml_event *e)
{
    struct sl_yaml_node at = {.begin = e->begin}, node;
    const struct anchor *a = NULL;

    locate(b, e->begin, &at.line, &at.column);
    for (size_t i = b->n_anchors; i > 0 && !a; i--)
        if (sl_slice_is(e->text, b->anchors[i - 1].name))
            a = &b->anchors[i - 1];
    if (!a) {
        stop(b, &at, "no anchor `&%.*s` stands before this alias",
             (int)(e->text.n < 80 ? e->text.n : 80), e->text.p ? e->text.p : "");
        return;
    }
    node = a->node;
    if (wants_key(b))
        give_key(b, top(b), &node);
    else if (b->depth + a->height > SL_YAML_DEPTH_MAX)
        stop(b, &at, "nested deeper than %d levels, aliases written out", SL_YAML_DEPTH_MAX);
    else
        give_value(b, &node, a->weight, a->height);
}

void sl_yaml_build_start(struct sl_yaml_build *b, enum sl_yaml_type type,
                         const struct sl_yaml_event *e)
{
    struct sl_yaml_node node = {.type = type, .begin = e->begin, .end = e->begin};

    locate(b, e->begin, &node.line, &node.column);
    check_tag(b, e->tag, &node);
    node.quoted = false;
    if (wants_key(b)) {
        give_key(b, top(b), &node);
        return;
    }
    if (b->depth == SL_YAML_DEPTH_MAX) {
        stop(b, &node, "nested deeper than %d levels", SL_YAML_DEPTH_MAX);
        return;
    }
    b->frames[b->depth++] = (struct frame){
        .self = node,
        .anchor = e->anchor.n ? sl_strndup(e->anchor.p, e->anchor.n) : NULL,
        .weight = 1,
    };
}

/* ---- the end of a mapping: merge keys, duplicates ---- */

static bool is_merge(const struct sl_yaml_node *child)
{
    return !strcmp(child->key, "<<");
}

static bool has_key(const struct frame *f, const char *key)
{
    for (size_t i = 0; i < f->n; i++)
        if (!strcmp(f->children[i].key, key))
            return true;
    return false;
}

/* A member of the mapping itself wins over a merged one, an earlier merged one over a later. */
static void merge_one(struct sl_yaml_build *b, struct frame *f, const struct sl_yaml_node *from)
{
    if (from->type != SL_YAML_MAPPING) {
        problem(b, from, "`<<` takes a mapping, or a list of mappings");
        return;
    }
    for (size_t i = 0; i < from->n_children && !b->stopped; i++) {
        if (b->merged++ >= SL_YAML_MERGED_MAX || f->n > 1000) {
            stop(b, &f->self, "too much is merged by `<<`");
            return;
        }
        if (has_key(f, from->children[i].key))
            continue;
        append(f, &from->children[i]);
        f->weight++;
    }
}

static void merge(struct sl_yaml_build *b, struct frame *f)
{
    for (size_t i = 0; i < f->n && !b->stopped; i++) {
        struct sl_yaml_node child = f->children[i];

        if (!is_merge(&child))
            continue;
        memmove(f->children + i, f->children + i + 1, (f->n - i - 1) * sizeof(child));
        f->n--;
        i--;
        if (child.type == SL_YAML_SEQUENCE)
            for (size_t j = 0; j < child.n_children && !b->stopped; j++)
                merge_one(b, f, &child.children[j]);
        else
            merge_one(b, f, &child);
    }
}

static int by_key(const void *pa, const void *pb)
{
    const struct sl_yaml_node *a = *(const struct sl_yaml_node *const *)pa;
    const struct sl_yaml_node *b = *(const struct sl_yaml_node *const *)pb;
    int order = strcmp(a->key, b->key);

    return order ? order : a < b ? -1 : a > b;
}

/* Reports all but the first of each key, and takes them out. */
static void drop_duplicates(struct sl_yaml_build *b, struct frame *f)
{
    const struct sl_yaml_node **sorted, *first;
    size_t kept = 0;

    if (f->n < 2)
        return;
    sorted = sl_calloc(f->n, sizeof(const struct sl_yaml_node *));
    for (size_t i = 0; i < f->n; i++)
        sorted[i] = &f->children[i];
    qsort(sorted, f->n, sizeof(const struct sl_yaml_node *), by_key);
    first = sorted[0];
    for (size_t i = 1; i < f->n; i++) {
        struct sl_yaml_node *again = &f->children[sorted[i] - f->children];

        if (strcmp(again->key, first->key)) {
            first = again;
            continue;
        }
        problem(b, &(struct sl_yaml_node){.line = again->key_line, .column = again->key_column},
                "duplicate key `%s`; it stands first in line %u", again->key, first->key_line);
        again->n = SIZE_MAX; /* marks it */
    }
    free(sorted);
    for (size_t i = 0; i < f->n; i++)
        if (f->children[i].n != SIZE_MAX)
            f->children[kept++] = f->children[i];
    f->n = kept;
}

void sl_yaml_build_end(struct sl_yaml_build *b)
{
    struct frame f;
    struct sl_yaml_node node;

    if (b->depth == 0)
        return;
    f = b->frames[--b->depth];
    if (f.self.type == SL_YAML_MAPPING) {
        drop_duplicates(b, &f);
        merge(b, &f);
    }
    node = f.self;
    node.n_children = f.n;
    if (f.n) {
        node.children = sl_arena_calloc(b->arena, f.n, sizeof(node));
        memcpy(node.children, f.children, f.n * sizeof(node));
    }
    if (f.anchor && !b->stopped)
        add_anchor(b, f.anchor, &node, f.weight, f.height + 1);
    if (!b->stopped)
        give_value(b, &node, f.weight, f.height + 1);
    free(f.children);
    free(f.anchor);
}
