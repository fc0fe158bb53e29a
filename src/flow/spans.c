/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "flow/impl.h"

static int compare(const void *a, const void *b)
{
    const struct sl_flow_span *x = a, *y = b;
    int order = strcmp(x->id, y->id);

    if (order)
        return order;
    if (x->service != y->service)
        return x->service < y->service ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

static void join(struct sl_flow_span *to, const struct sl_flow_span *more)
{
    if (!to->parent)
        to->parent = more->parent;
    if (more->begin_ns < to->begin_ns) {
        to->begin_ns = more->begin_ns;
        to->begun = more->begun;
    }
    if (more->end_ns > to->end_ns)
        to->end_ns = more->end_ns;
    to->closed = true;
    to->told |= more->told;
    to->last = more->last;
}

void sl_flow_spans_make(const struct sl_flow *f, struct sl_flow_spans *ret)
{
    size_t n = 0, kept = 0;

    *ret = (struct sl_flow_spans){.items = sl_calloc(f->n_records + 1, sizeof(*ret->items))};
    for (size_t i = 0; i < f->n_records; i++) {
        const struct sl_flow_record *r = &f->records[i];
        bool told = r->duration_ns >= 0;

        if (!r->span || !r->timed)
            continue;
        ret->items[n++] = (struct sl_flow_span){
            .service = r->service,
            .id = r->span,
            .parent = r->parent && strcmp(r->parent, r->span) ? r->parent : NULL,
            .begin_ns = told ? r->time_ns - r->duration_ns : r->time_ns,
            .end_ns = r->time_ns,
            .closed = told,
            .told = told,
            .begun = told,
            .first = i,
            .last = i,
        };
    }
    if (n)
        qsort(ret->items, n, sizeof(*ret->items), compare);
    for (size_t i = 0; i < n; i++) {
        struct sl_flow_span *last = kept ? &ret->items[kept - 1] : NULL;

        if (last && last->service == ret->items[i].service && !strcmp(last->id, ret->items[i].id))
            join(last, &ret->items[i]);
        else
            ret->items[kept++] = ret->items[i];
    }
    ret->n = kept;
}

void sl_flow_spans_release(struct sl_flow_spans *s)
{
    free(s->items);
    *s = (struct sl_flow_spans){.n = 0};
}

/* The first of those with this id. */
static size_t lower(const struct sl_flow_spans *s, const char *id)
{
    size_t from = 0, to = s->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (strcmp(s->items[middle].id, id) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

const struct sl_flow_span *sl_flow_spans_caller(const struct sl_flow_spans *s,
                                                const struct sl_flow_span *of)
{
    const struct sl_flow_span *own = NULL;

    if (!of->parent)
        return NULL;
    for (size_t i = lower(s, of->parent); i < s->n && !strcmp(s->items[i].id, of->parent); i++) {
        if (s->items[i].service != of->service)
            return &s->items[i];
        own = &s->items[i];
    }
    return own;
}

const struct sl_flow_span *sl_flow_spans_find(const struct sl_flow_spans *s, const char *id,
                                              unsigned service)
{
    for (size_t i = lower(s, id); i < s->n && !strcmp(s->items[i].id, id); i++)
        if (s->items[i].service == service)
            return &s->items[i];
    return NULL;
}
