/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_RECORD_CHANGE_HELP_H
#define TEST_RECORD_CHANGE_HELP_H

#include "record/fixture.h"
#include "sluice/change.h"

/* Changes written as text: "path=json" sets, "path" alone removes, "path." with all that lies below
 * it; each an edit of its own path. */

enum { CHANGES_MAX = 8 };

struct changing {
    struct fixture *x;
    struct sl_changer *changer;
    struct sl_editor *editors[64]; /* freed at the end */
    size_t n_editors;
    struct sl_error err;
};

static inline struct changing *changing_new(const struct sl_properties *enrich)
{
    struct changing *g = sl_zalloc(sizeof(*g));

    g->x = fixture_new(enrich, NULL);
    g->changer = sl_changer_new(g->x->fields);
    return g;
}

static inline void changing_free(struct changing *g)
{
    for (size_t i = 0; i < g->n_editors; i++)
        sl_editor_free(g->editors[i]);
    sl_changer_free(g->changer);
    fixture_free(g->x);
    free(g);
}

static inline const struct sl_editor *editor_of(struct changing *g, const struct sl_slice *paths,
                                                size_t n)
{
    struct sl_editor *e = sl_editor_new(paths, n, NULL, &g->err);

    if (!e)
        fail_msg("%s", g->err.text);
    assert_true(g->n_editors < sizeof(g->editors) / sizeof(g->editors[0]));
    return g->editors[g->n_editors++] = e;
}

/* The changes end with NULL. */
static inline const struct sl_record *change(struct changing *g, const struct sl_record *r,
                                             const char *const *changes)
{
    struct sl_slice paths[CHANGES_MAX];
    struct sl_new_value values[CHANGES_MAX];
    size_t n = 0;

    for (; changes[n]; n++) {
        const char *equals = strchr(changes[n], '=');
        size_t length = equals ? (size_t)(equals - changes[n]) : strlen(changes[n]);
        bool below = !equals && changes[n][length - 1] == '.';

        assert_true(n < CHANGES_MAX);
        paths[n] = sl_slice(changes[n], length - below);
        values[n] = (struct sl_new_value){.what = equals  ? SL_SET
                                                  : below ? SL_REMOVE_BELOW
                                                          : SL_REMOVE,
                                          .json = sl_slice_str(equals ? equals + 1 : "")};
    }
    return sl_record_edit(g->changer, editor_of(g, paths, n), r, values, &g->err);
}

#define CHANGE(g, r, ...) change((g), (r), (const char *const[]){__VA_ARGS__, NULL})

/* The record as JSON; until the next call. */
static inline const char *json_of(struct changing *g, const struct sl_record *r)
{
    assert_non_null(r);
    sl_buf_clear(&g->x->out);
    sl_record_json(r, false, sl_slice("", 0), &g->x->out, NULL);
    assert_false(g->x->out.full);
    assert_true(g->x->out.n <= sl_record_json_bound(r));
    return sl_buf_str(&g->x->out);
}

/* The text of a field of any record, or NULL; until the next call. */
static inline const char *text_of(struct changing *g, const struct sl_record *r, const char *path)
{
    struct sl_value v = sl_record_value(r, field_id(g->x, path));
    struct sl_slice text = sl_value_text(&v, &g->x->scratch);

    if (!text.p)
        return NULL;
    sl_buf_clear(&g->x->out);
    sl_buf_slice(&g->x->out, text);
    return sl_buf_str(&g->x->out);
}

#endif
