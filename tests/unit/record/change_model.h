/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_RECORD_CHANGE_MODEL_H
#define TEST_RECORD_CHANGE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"

/* Changes as a person would make them: on a tree that remembers every byte of how it was written,
 * spaces, escapes and duplicates included. Slow and plain on purpose; shares nothing with
 * record/change.c. */

struct tree {
    char kind;           /* 'o'bject, 'a'rray, 's'tring, 'n'umber, 'l'iteral */
    char *text;          /* all but objects and arrays: as written */
    char *key, *written; /* as text, and as written with quotes; NULL in arrays */
    char *before, *after_key, *after_colon, *after, *inner; /* spaces */
    struct tree **members;
    size_t n;
    bool gone;
};

static inline void tree_free(struct tree *t)
{
    for (size_t i = 0; i < t->n; i++)
        tree_free(t->members[i]);
    free(t->members);
    free(t->text);
    free(t->key);
    free(t->written);
    free(t->before);
    free(t->after_key);
    free(t->after_colon);
    free(t->after);
    free(t->inner);
    free(t);
}

static inline void tree_add(struct tree *to, struct tree *member)
{
    to->members = sl_reallocarray(to->members, to->n + 1, sizeof(struct tree *));
    to->members[to->n++] = member;
}

static inline void tree_replace_text(char **at, char *text)
{
    free(*at);
    *at = text;
}

/* breaks: write line breaks, too. */
static inline void tree_spaces(const char *spaces, bool breaks, struct sl_buf *out)
{
    for (; spaces && *spaces; spaces++)
        if (breaks || (*spaces != '\n' && *spaces != '\r'))
            sl_buf_byte(out, *spaces);
}

static inline void tree_write(const struct tree *t, bool breaks, struct sl_buf *out)
{
    if (t->kind != 'o' && t->kind != 'a') {
        sl_buf_text(out, t->text);
        return;
    }
    sl_buf_byte(out, t->kind == 'o' ? '{' : '[');
    if (t->n == 0)
        tree_spaces(t->inner, breaks, out);
    for (size_t i = 0; i < t->n; i++) {
        const struct tree *m = t->members[i];

        if (i)
            sl_buf_byte(out, ',');
        tree_spaces(m->before, breaks, out);
        if (t->kind == 'o') {
            sl_buf_text(out, m->written);
            tree_spaces(m->after_key, breaks, out);
            sl_buf_byte(out, ':');
            tree_spaces(m->after_colon, breaks, out);
        }
        tree_write(m, breaks, out);
        tree_spaces(m->after, breaks, out);
    }
    sl_buf_byte(out, t->kind == 'o' ? '}' : ']');
}

/* Compact JSON without escapes as a tree; *p is left behind it. */
static inline struct tree *tree_parse(const char **p)
{
    struct tree *t = sl_zalloc(sizeof(*t));
    bool object = **p == '{';
    size_t n;

    if (!object && **p != '[') {
        n = **p == '"' ? strcspn(*p + 1, "\"") + 2 : strcspn(*p, ",]}");
        t->kind = **p == '"' ? 's' : strchr("tfn", **p) ? 'l' : 'n';
        t->text = sl_strndup(*p, n);
        *p += n;
        return t;
    }
    t->kind = object ? 'o' : 'a';
    for (++*p; **p != '}' && **p != ']'; *p += **p == ',') {
        const char *key = *p;
        struct tree *m;

        n = object ? strcspn(key + 1, "\"") : 0;
        *p += object ? n + 3 : 0; /* quotes and colon */
        m = tree_parse(p);
        m->key = object ? sl_strndup(key + 1, n) : NULL;
        m->written = object ? sl_strndup(key, n + 2) : NULL;
        tree_add(t, m);
    }
    ++*p;
    return t;
}

/* ---- finding ---- */

enum { SEEN_MAX = 4096, DOTS_MAX = 16 };

struct seen {
    struct tree *at, *box;
    char dots[DOTS_MAX]; /* of each dot of the path: 1 inside a key, 0 between keys */
};

struct seens {
    struct seen all[SEEN_MAX];
    size_t n;
};

static inline void tree_find(struct tree *in, const char *path, const char *dots, struct seens *ret)
{
    for (size_t i = 0; i < in->n; i++) {
        struct tree *m = in->members[i];
        char index[24], here[DOTS_MAX] = {0};
        const char *key = m->key;
        size_t n;

        if (in->kind == 'a') {
            snprintf(index, sizeof(index), "%zu", i);
            key = index;
        }
        n = strlen(key);
        if (n == 0 || strncmp(path, key, n) != 0 || (path[n] != '\0' && path[n] != '.'))
            continue;
        snprintf(here, sizeof(here), "%s", dots);
        for (const char *p = key; *p; p++)
            if (*p == '.')
                here[strlen(here)] = '1';
        if (path[n] == '.') {
            here[strlen(here)] = '0';
            tree_find(m, path + n + 1, here, ret);
        } else if (ret->n < SEEN_MAX) {
            ret->all[ret->n].at = m;
            ret->all[ret->n].box = in;
            memcpy(ret->all[ret->n++].dots, here, sizeof(here));
        }
    }
}

/* Members whose key leads below the path: "a.b" below `a`. */
static inline void tree_find_below(struct tree *in, const char *path, struct seens *ret)
{
    size_t whole = strlen(path);

    for (size_t i = 0; i < in->n; i++) {
        struct tree *m = in->members[i];
        char index[24];
        const char *key = m->key;
        size_t n;

        snprintf(index, sizeof(index), "%zu", i);
        n = strlen(key ? key : index);
        if (key && strncmp(key, path, whole) == 0 && key[whole] == '.')
            ret->all[ret->n++].at = m;
        else if (n > 0 && strncmp(path, key ? key : index, n) == 0 && path[n] == '.')
            tree_find_below(m, path + n + 1, ret);
    }
}

/* The spelling that a reader sees, or NULL; only_objects: of those that are objects. */
static inline struct tree *tree_best(struct tree *root, const char *path, bool only_objects)
{
    static struct seens found;
    const struct seen *best = NULL;

    found.n = 0;
    tree_find(root, path, "", &found);
    for (size_t i = 0; i < found.n; i++)
        if ((!only_objects || found.all[i].at->kind == 'o') &&
            (!best || strcmp(found.all[i].dots, best->dots) >= 0))
            best = &found.all[i];
    return best ? best->at : NULL;
}

/* ---- changing ---- */

static inline char *tree_join(const char *a, const char *b)
{
    return sl_asprintf("%s%s", a ? a : "", b ? b : "");
}

/* Takes out what is marked. The spaces of what goes stay where nothing else has to stand there. */
static inline void tree_sweep(struct tree *t)
{
    size_t kept = 0, were = t->n;

    for (size_t i = 0; i < were; i++) {
        struct tree *m = t->members[i];

        if (!m->gone) {
            tree_sweep(m);
            t->members[kept++] = m;
            continue;
        }
        if (kept) {
            struct tree *previous = t->members[kept - 1];

            tree_replace_text(&previous->after, tree_join(previous->after, m->after));
        } else if (i + 1 < were) {
            tree_replace_text(&t->members[i + 1]->before, tree_join(m->before, NULL));
        }
        tree_free(m);
    }
    t->n = kept;
    if (kept == 0 && were > 0)
        tree_replace_text(&t->inner, NULL);
}

struct model_change {
    const char *path;
    char what; /* 'k'eep, 's'et, 'r'emove, remove with all 'b'elow */
    const char *json;
};

/* Where a member that is not there joins; *ret_rest: its key. */
static inline struct tree *model_box(struct tree *root, const char *path, const char **ret_rest)
{
    for (size_t n = strlen(path); n-- > 0;)
        if (path[n] == '.') {
            char *above = sl_strndup(path, n);
            struct tree *found = tree_best(root, above, true);

            free(above);
            *ret_rest = path + n + 1;
            if (found)
                return found;
        }
    *ret_rest = path;
    return root;
}

static inline void model_join(struct tree *box, const char *key, const char *json)
{
    struct tree *m = tree_parse(&json);

    m->key = sl_strdup(key);
    m->written = sl_asprintf("\"%s\"", key);
    if (box->n == 0)
        m->before = tree_join(box->inner, NULL);
    tree_add(box, m);
}

/* The value of t becomes another's, which is freed; its place and key stay. */
static inline void tree_become(struct tree *t, struct tree *other)
{
    while (t->n)
        tree_free(t->members[--t->n]);
    free(t->members);
    tree_replace_text(&t->text, other->text);
    tree_replace_text(&t->inner, other->inner);
    t->kind = other->kind;
    t->members = other->members;
    t->n = other->n;
    free(other);
}

/* All changes see the tree as it was. */
static inline void model_edit(struct tree *root, const struct model_change *changes, size_t n)
{
    static struct seens found;
    struct tree *boxes[32] = {NULL};
    const char *rests[32];

    for (size_t i = 0; i < n; i++) {
        struct tree *best = tree_best(root, changes[i].path, false);

        if (changes[i].what == 's' && !best)
            boxes[i] = model_box(root, changes[i].path, &rests[i]);
        found.n = 0;
        tree_find(root, changes[i].path, "", &found);
        if (changes[i].what == 'b')
            tree_find_below(root, changes[i].path, &found);
        for (size_t k = 0; changes[i].what != 'k' && k < found.n; k++) {
            struct tree *t = found.all[k].at;

            t->gone = changes[i].what != 's' || t != best;
            if (t->gone)
                continue;
            const char *json = changes[i].json;
            tree_become(t, tree_parse(&json));
        }
    }
    tree_sweep(root);
    for (size_t i = 0; i < n; i++)
        if (boxes[i])
            model_join(boxes[i], rests[i], changes[i].json);
}

/* What becomes of a leaf, as written; NULL: it stays. The caller frees it. */
typedef char *(*model_leaf)(const char *written);

static inline void model_leaves_below(struct tree *t, model_leaf leaf)
{
    char *text = t->kind == 's' || t->kind == 'n' ? leaf(t->text) : NULL;

    if (text)
        tree_replace_text(&t->text, text);
    for (size_t i = 0; i < t->n; i++)
        model_leaves_below(t->members[i], leaf);
}

#endif
