/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "record/change.h"

enum { KEEP = 1024 }; /* entries that stay for the next record */

struct finder {
    struct sl_change_found *found;
    const struct sl_editor *e;
    const struct sl_fields *fields;
    const char *start, *end;
};

static uint32_t place(const struct finder *x, const char *p)
{
    return (uint32_t)(p - x->start);
}

/* Room for one more entry; false: that would be too many. */
static bool grow(struct sl_change_found *f, void **entries, size_t n, size_t *cap, size_t size)
{
    if (n == SL_CHANGE_FOUND_MAX) {
        f->full = true;
        return false;
    }
    if (n == *cap) {
        *cap = *cap ? 2 * *cap : 16;
        *entries = sl_reallocarray(*entries, *cap, size);
    }
    return true;
}

static void note(struct finder *x, uint32_t node, uint32_t at)
{
    const struct sl_node *of = &x->fields->nodes[node];
    struct sl_change_best *best = &x->found->best[of->id];

    if (!best->there || of->rank >= best->rank)
        *best = (struct sl_change_best){.at = at, .rank = of->rank, .there = true};
}

static bool add_box(struct finder *x, const char *p, uint32_t node, uint32_t *ret)
{
    struct sl_change_found *f = x->found;

    if (!grow(f, (void **)&f->boxes, f->n_boxes, &f->cap_boxes, sizeof(*f->boxes)))
        return false;
    *ret = (uint32_t)f->n_boxes++;
    f->boxes[*ret] = (struct sl_change_box){.open = place(x, p)};
    if (node != SL_NODE_ROOT && *p == '{') /* a member can join it */
        note(x, node, *ret);
    return true;
}

static bool add_match(struct finder *x, const struct sl_change_match *m, uint32_t node)
{
    struct sl_change_found *f = x->found;

    if (!grow(f, (void **)&f->matches, f->n_matches, &f->cap_matches, sizeof(*f->matches)))
        return false;
    f->matches[f->n_matches] = *m;
    if (!m->below)
        note(x, node, (uint32_t)f->n_matches);
    f->n_matches++;
    return true;
}

const char *sl_change_member(const struct sl_fields *f, uint32_t node, const char *p,
                             const char *end, uint32_t *ret, int64_t *ret_below)
{
    bool escaped = false;
    const char *key = p + 1, *close = sl_json_string_end(key, end, &escaped);
    char plain[SL_JSON_KEY_ROOM];
    size_t n = (size_t)(close - key);

    if (escaped) {
        n = sl_json_key(key, n, plain);
        key = plain;
    }
    *ret = sl_fields_enter(f, node, key, n);
    *ret_below = *ret == SL_NODE_NOTHING ? sl_fields_below(f, node, key, n) : -1;
    return sl_json_spaces(sl_json_spaces(close + 1) + 1); /* the colon is there */
}

/* p: the bracket of a box that a path leads through; returns what follows its end, or NULL when
 * that is too much. Recursion goes as deep as paths have segments. */
static const char *look(struct finder *x, const char *p, uint32_t node)
{
    bool array = *p == '[';
    const char close = array ? ']' : '}';
    struct sl_change_match m = {0};
    struct sl_value skipped;
    uint32_t to;

    if (!add_box(x, p, node, &m.box))
        return NULL;
    for (p = sl_json_spaces(p + 1); *p != close; m.index++) {
        const char *value = p;
        int64_t path = -1;
        bool match;

        if (array)
            to = sl_fields_enter_element(x->fields, node, m.index);
        else
            value = sl_change_member(x->fields, node, p, x->end, &to, &path);
        m.below = path >= 0;
        if (to != SL_NODE_NOTHING)
            path = x->fields->nodes[to].id;
        match = path >= 0 && (size_t)path < x->e->n;
        m.begin = place(x, p);
        m.value = place(x, value);
        if (to != SL_NODE_NOTHING && !match && (*value == '{' || *value == '['))
            p = look(x, value, to);
        else
            p = sl_json_value(value, x->end, &skipped);
        if (!p)
            return NULL;
        m.end = place(x, p);
        m.path = match ? (uint32_t)path : 0;
        m.next = 0;
        p = sl_json_spaces(p);
        const uint32_t comma = place(x, p);
        if (*p == ',') {
            p = sl_json_spaces(p + 1);
            m.next = place(x, p);
        }
        if (match && !add_match(x, &m, to))
            return NULL;
        m.comma = comma; /* of the next one */
    }
    x->found->boxes[m.box].members = m.index;
    x->found->boxes[m.box].close = place(x, p);
    return p + 1;
}

void sl_change_find(struct sl_change_found *found, const struct sl_editor *e, struct sl_slice body)
{
    struct finder x = {
        .found = found, .e = e, .fields = e->fields, .start = body.p, .end = body.p + body.n};

    found->n_matches = found->n_boxes = found->n_joins = 0;
    found->full = false;
    if (found->cap_best < e->fields->n) {
        found->cap_best = e->fields->n;
        found->best = sl_reallocarray(found->best, found->cap_best, sizeof(*found->best));
    }
    memset(found->best, 0, e->fields->n * sizeof(*found->best));
    look(&x, body.p, SL_NODE_ROOT);
}

void sl_change_found_release(struct sl_change_found *found)
{
    free(found->matches);
    free(found->boxes);
    free(found->best);
    free(found->joins);
    *found = (struct sl_change_found){0};
}

void sl_change_found_shrink(struct sl_change_found *found)
{
    if (found->cap_matches > KEEP || found->cap_boxes > KEEP)
        sl_change_found_release(found);
}
