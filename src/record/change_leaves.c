/* SPDX-License-Identifier: Apache-2.0 */
#include "record/change.h"

struct leaves {
    const struct sl_fields *fields; /* of the editor; NULL: all of the record */
    size_t n_paths;
    sl_leaf_fn leaf;
    void *user;
    struct sl_buf *text, *out;
    const char *end;
    const char *done; /* up to here the body is written or replaced */
    bool base64;      /* "message_base64" is ours, and no leaf unless it is named */
    bool at_message, touched;
    bool any; /* something was replaced */
    int code;
};

/* v stands at [begin, end). */
static bool offer(struct leaves *w, const struct sl_value *v, const char *begin, const char *end)
{
    int rc;

    sl_buf_clear(w->text);
    rc = w->leaf(w->user, v, w->text);
    if (rc > 0 && w->text->full)
        rc = SL_ELIMIT;
    if (rc < 0) {
        w->code = rc;
        return false;
    }
    if (rc == 0)
        return true;
    w->touched |= w->at_message;
    if (sl_slice_equal(sl_buf_as_slice(w->text), sl_slice(begin, (size_t)(end - begin))))
        return true;
    w->any = true;
    sl_buf_append(w->out, w->done, (size_t)(begin - w->done));
    sl_buf_slice(w->out, sl_buf_as_slice(w->text));
    w->done = end;
    return true;
}

/* Whether a member of the whole object is to be passed over. */
static bool own_member(struct leaves *w, const char *key)
{
    struct sl_slice rest = sl_slice(key, (size_t)(w->end - key));
    const struct sl_slice message = SL_SLICE_LITERAL("\"message\"");
    const struct sl_slice base64 = SL_SLICE_LITERAL("\"message_base64\"");

    w->at_message = rest.n > message.n && memcmp(rest.p, message.p, message.n) == 0;
    return !w->fields && rest.n > base64.n && memcmp(rest.p, base64.p, base64.n) == 0;
}

static const char *walk(struct leaves *w, const char *p, uint32_t node, bool all, unsigned depth);

/* One value; all: every leaf in it, else those that paths lead to from the node. NULL: an error. */
static const char *one(struct leaves *w, const char *p, uint32_t node, bool all, unsigned depth)
{
    struct sl_value v;
    const char *end;

    all |= node != SL_NODE_NOTHING && (size_t)w->fields->nodes[node].id < w->n_paths;
    if ((all || node != SL_NODE_NOTHING) && (*p == '{' || *p == '['))
        return walk(w, p, node, all, depth);
    end = sl_json_value(p, w->end, &v);
    if (all && (v.type == SL_VALUE_STRING || v.type == SL_VALUE_NUMBER) && !offer(w, &v, p, end))
        return NULL;
    return end;
}

/* Recursion is bounded by SL_JSON_DEPTH_MAX: the scan has counted. */
static const char *walk(struct leaves *w, const char *p, uint32_t node, bool all, unsigned depth)
{
    bool array = *p == '[';
    const char close = array ? ']' : '}';
    struct sl_value skipped;
    bool escaped = false;

    p = sl_json_spaces(p + 1);
    for (uint32_t i = 0; *p != close; i++) {
        bool skip = depth == 0 && w->base64 && own_member(w, p);
        uint32_t to = SL_NODE_NOTHING;
        int64_t below = -1;

        if (array)
            to = all ? to : sl_fields_enter_element(w->fields, node, i);
        else if (all)
            p = sl_json_spaces(sl_json_spaces(sl_json_string_end(p + 1, w->end, &escaped) + 1) + 1);
        else
            p = sl_change_member(w->fields, node, p, w->end, &to, &below);
        p = skip ? sl_json_value(p, w->end, &skipped) : one(w, p, to, all || below >= 0, depth + 1);
        if (!p)
            return NULL;
        p = sl_json_spaces(p);
        if (*p == ',')
            p = sl_json_spaces(p + 1);
    }
    return p + 1;
}

const struct sl_record *sl_record_edit_leaves(struct sl_changer *c, const struct sl_editor *e,
                                              const struct sl_record *r, sl_leaf_fn leaf,
                                              void *user, struct sl_error *err)
{
    struct sl_slice body = sl_change_base(c, r);
    struct sl_change_slot *slot = body.p ? sl_change_take_slot(c) : NULL;
    struct leaves w = {.fields = e ? e->fields : NULL,
                       .n_paths = e ? e->n : 0,
                       .leaf = leaf,
                       .user = user,
                       .text = &c->leaf,
                       .end = body.p + body.n,
                       .done = body.p,
                       .base64 = sl_change_base64(r)};
    const struct sl_record *result = NULL;

    if (!slot) {
        sl_fail(err, SL_ELIMIT, "the record is too large to be changed");
        goto out;
    }
    w.out = &slot->body;
    if (!walk(&w, body.p, e ? SL_NODE_ROOT : SL_NODE_NOTHING, !e, 0)) {
        if (err && err->code != w.code) /* the callback may have said more */
            sl_fail(err, w.code, "a value cannot be changed: %s", sl_code_text(w.code));
        sl_change_give_back(c);
    } else if (!w.any && !(w.base64 && w.touched)) {
        sl_change_give_back(c);
        result = r;
    } else {
        sl_buf_append(w.out, w.done, (size_t)(w.end - w.done));
        result = sl_change_finish(c, slot, r,
                                  (struct sl_change_kind){w.base64, w.touched, .lost = w.any}, err);
    }
out:
    sl_change_shrink(c);
    return result;
}
