/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "record/change.h"

/* ---- what happens where ---- */

/* Marks the spellings that win and counts those that leave. */
static void settle(struct sl_change_found *f, const struct sl_new_value *values,
                   struct sl_slice body)
{
    f->changes = false;
    for (size_t i = 0; i < f->n_matches; i++) {
        struct sl_change_match *m = &f->matches[i];
        const struct sl_new_value *v = &values[m->path];
        const struct sl_slice old = sl_slice(body.p + m->value, m->end - m->value);

        m->stays = v->what == SL_KEEP || (m->below && v->what != SL_REMOVE_BELOW);
        if (m->stays)
            continue;
        m->wins = v->what == SL_SET && f->best[m->path].at == i;
        if (!m->wins)
            f->boxes[m->box].leaving++;
        f->changes |= !m->wins || !sl_slice_equal(v->json, old);
    }
}

/* The member of a path that is not there joins the deepest object on its way. */
static void join(struct sl_change_found *f, const struct sl_editor *e, size_t path)
{
    const struct sl_editor_way *way = &e->ways[path];
    struct sl_change_join j = {.path = (uint32_t)path};
    size_t at = f->n_joins;

    for (size_t i = way->n; i-- > 0;) {
        const struct sl_change_best *best = &f->best[way->id[i]];

        if (best->there) {
            j.box = best->at;
            j.key = e->fields->items[way->id[i]].n + 1;
            break;
        }
    }
    if (f->n_joins == f->cap_joins) {
        f->cap_joins = f->cap_joins ? 2 * f->cap_joins : 8;
        f->joins = sl_reallocarray(f->joins, f->cap_joins, sizeof(*f->joins));
    }
    /* In the order in which boxes end, and in one box in that of the paths: there are few. */
    for (; at > 0 && f->boxes[f->joins[at - 1].box].close > f->boxes[j.box].close; at--)
        f->joins[at] = f->joins[at - 1];
    f->joins[at] = j;
    f->n_joins++;
}

/* ---- writing ---- */

struct writer {
    struct sl_change_found *found;
    const struct sl_editor *e;
    const struct sl_new_value *values;
    struct sl_slice body;
    struct sl_buf *out;
    uint32_t done; /* how much of body is written or left out */
    size_t joined;
};

static void copy_to(struct writer *w, uint32_t end)
{
    sl_buf_append(w->out, w->body.p + w->done, end - w->done);
    w->done = end;
}

static void put_value(struct writer *w, struct sl_slice json)
{
    if (json.n > 0 && (*json.p == '{' || *json.p == '[')) /* copied from where breaks may stand */
        sl_json_one_line(json, w->out);
    else
        sl_buf_slice(w->out, json);
}

/* The members that join boxes which end before `before`. */
static void write_joins(struct writer *w, uint32_t before)
{
    for (; w->joined < w->found->n_joins; w->joined++) {
        const struct sl_change_join *j = &w->found->joins[w->joined];
        const struct sl_field *path = &w->e->fields->items[j->path];
        struct sl_change_box *box = &w->found->boxes[j->box];

        if (box->close >= before)
            return;
        copy_to(w, box->close);
        if (box->members - box->leaving + box->joined++ > 0)
            sl_buf_byte(w->out, ',');
        sl_buf_byte(w->out, '"');
        sl_json_escape(sl_slice(path->name + j->key, path->n - j->key), w->out);
        SL_BUF_LITERAL(w->out, "\":");
        put_value(w, w->values[j->path].json);
    }
}

/* What leaves takes one comma with it: the one before it where something stays before it, else the
 * one behind it. Where nothing stays at all, the spaces go too. */
static void leave_out(struct writer *w, const struct sl_change_match *m)
{
    struct sl_change_box *box = &w->found->boxes[m->box];
    bool first = m->index == box->left++; /* all before it leave too */

    if (box->leaving == box->members) {
        copy_to(w, box->open + 1 > w->done ? box->open + 1 : w->done);
        w->done = box->close;
    } else if (first) {
        copy_to(w, m->begin);
        w->done = m->next;
    } else {
        copy_to(w, m->comma);
        w->done = m->end;
    }
}

static void write_match(struct writer *w, const struct sl_change_match *m)
{
    const struct sl_new_value *v = &w->values[m->path];

    if (m->stays)
        return;
    write_joins(w, m->begin);
    if (m->wins) {
        copy_to(w, m->value);
        put_value(w, v->json);
        w->done = m->end;
    } else {
        leave_out(w, m);
    }
}

bool sl_change_splice(struct sl_change_found *found, const struct sl_editor *e,
                      struct sl_slice body, const struct sl_new_value *values, struct sl_buf *out)
{
    struct writer w = {.found = found, .e = e, .values = values, .body = body, .out = out};

    settle(found, values, body);
    for (size_t i = 0; i < e->n; i++)
        if (values[i].what == SL_SET && !found->best[i].there)
            join(found, e, i);
    if (!found->changes && found->n_joins == 0)
        return false;
    sl_buf_reserve(out, body.n);
    for (size_t i = 0; i < found->n_matches; i++)
        write_match(&w, &found->matches[i]);
    write_joins(&w, UINT32_MAX);
    copy_to(&w, (uint32_t)body.n);
    return true;
}
