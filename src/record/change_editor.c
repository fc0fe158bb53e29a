/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "record/change.h"

static int check(const struct sl_slice *paths, size_t at, struct sl_error *err)
{
    struct sl_slice path = paths[at];

    if (path.n > 0 && path.p[0] == '@')
        return sl_fail(err, SL_EINVAL, "`%.*s` is made by Sluice and cannot be changed",
                       (int)path.n, path.p);
    for (size_t i = 0; i < at; i++) {
        if (sl_slice_equal(paths[i], path))
            return sl_fail(err, SL_EINVAL, "`%.*s` is named twice", (int)path.n, path.p);
        if (path.n > 0 && sl_fields_collide(paths[i], path))
            return sl_fail(err, SL_EINVAL, "of `%.*s` and `%.*s` one lies inside the other",
                           (int)paths[i].n, paths[i].p, (int)path.n, path.p);
    }
    return SL_OK;
}

/* What leads to a path: a and a.b of a.b.c. */
static int add_way(struct sl_editor *e, size_t at, struct sl_slice path, struct sl_error *err)
{
    struct sl_editor_way *way = &e->ways[at];
    int rc = SL_OK;

    for (size_t i = 0; i < path.n && rc == SL_OK; i++)
        if (path.p[i] == '.')
            rc = sl_fields_add(e->fields, sl_slice(path.p, i), &way->id[way->n++], err);
    return rc;
}

struct sl_editor *sl_editor_new(const struct sl_slice *paths, size_t n, size_t *ret_wrong,
                                struct sl_error *err)
{
    struct sl_editor *e = sl_zalloc(sizeof(*e));
    int rc = SL_OK;
    unsigned id;

    e->fields = sl_fields_new();
    e->ways = sl_calloc(n ? n : 1, sizeof(*e->ways));
    e->n = e->message = e->base64 = n;
    for (size_t step = 0; step < 2 * n && rc == SL_OK; step++) {
        size_t i = step % n;

        if (step < n) { /* all paths before all that leads to them: so their ids are their places */
            rc = check(paths, i, err);
            if (rc == SL_OK)
                rc = sl_fields_add(e->fields, paths[i], &id, err);
            if (rc == SL_OK)
                sl_fields_watch(e->fields, id);
            if (sl_slice_is(paths[i], "message"))
                e->message = i;
            else if (sl_slice_is(paths[i], "message_base64"))
                e->base64 = i;
        } else {
            rc = add_way(e, i, paths[i], err);
        }
        if (rc != SL_OK && ret_wrong)
            *ret_wrong = i;
    }
    if (rc != SL_OK) {
        sl_editor_free(e);
        return NULL;
    }
    sl_fields_compile(e->fields);
    return e;
}

void sl_editor_free(struct sl_editor *e)
{
    if (!e)
        return;
    sl_fields_free(e->fields);
    free(e->ways);
    free(e);
}
