/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "record/unwrap_private.h"

/* ---- scratch ---- */

static void make_scan(struct sl_unwrapped *u)
{
    static const char *const names[SL_UNWRAP_FIELDS] = {
        "log",       "stream",       "time",
        "attrs",     "messageType",  "owner",
        "logGroup",  "logStream",    "subscriptionFilters",
        "logEvents", "awslogs.data", "resourceLogs",
    };
    struct sl_fields *f = u->fields = sl_fields_new();

    for (size_t i = 0; i < SL_UNWRAP_FIELDS; i++)
        sl_fields_add(f, sl_slice_str(names[i]), &u->ids[i], NULL);
    sl_fields_compile(f);
    u->scan.fields = f;
    u->scan.values = sl_calloc(f->n, sizeof(*u->scan.values));
    u->scan.marks = sl_calloc(f->n, sizeof(*u->scan.marks));
    u->scan.seen = sl_calloc(f->n_nodes, sizeof(*u->scan.seen));
}

struct sl_unwrapped *sl_unwrapped_new(void)
{
    struct sl_unwrapped *u = sl_zalloc(sizeof(*u));

    make_scan(u);
    sl_buf_init(&u->decoded, SL_CLOUDWATCH_MAX);
    sl_buf_init(&u->inflated, SL_CLOUDWATCH_MAX);
    sl_buf_init(&u->text, SL_UNWRAP_TEXT_MAX);
    sl_buf_init(&u->wrapper, SL_UNWRAP_TEXT_MAX);
    return u;
}

void sl_unwrapped_free(struct sl_unwrapped *u)
{
    if (!u)
        return;
    sl_fields_free(u->fields);
    free(u->scan.values);
    free(u->scan.marks);
    free(u->scan.seen);
    free(u->pieces);
    sl_inflater_free(u->inflater);
    sl_buf_release(&u->decoded);
    sl_buf_release(&u->inflated);
    sl_buf_release(&u->text);
    sl_buf_release(&u->wrapper);
    sl_otlp_free(u->otlp);
    free(u);
}

size_t sl_unwrapped_bytes(const struct sl_unwrapped *u)
{
    return u->document.n + u->shared;
}

void sl_unwrapped_shrink(struct sl_unwrapped *u)
{
    sl_buf_reset(&u->decoded, SL_UNWRAP_KEEP);
    sl_buf_reset(&u->inflated, SL_UNWRAP_KEEP);
    sl_buf_reset(&u->text, SL_UNWRAP_KEEP);
    sl_buf_reset(&u->wrapper, SL_UNWRAP_KEEP);
    u->n = 0;
    if (u->cap > SL_PIECES_KEEP) {
        free(u->pieces);
        u->pieces = NULL;
        u->cap = 0;
    }
    sl_otlp_shrink(u->otlp);
}

/* ---- the table ---- */

static const struct sl_wrapper *const wrappers[] = {&sl_wrapper_cri, &sl_wrapper_docker,
                                                    &sl_wrapper_cloudwatch, &sl_wrapper_otlp_json};

const struct sl_wrapper *sl_wrapper_named(struct sl_slice name)
{
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
        if (sl_slice_is(name, wrappers[i]->name))
            return wrappers[i];
    return NULL;
}

const struct sl_wrapper *sl_wrapper_of(struct sl_slice value)
{
    for (size_t i = 0; i < sizeof(wrappers) / sizeof(wrappers[0]); i++)
        if (wrappers[i]->looks(value))
            return wrappers[i];
    return NULL;
}

/* ---- the document ---- */

bool sl_unwrap_check(struct sl_unwrapped *u, struct sl_slice value, const char **ret_why)
{
    const char *p = value.p, *end = value.p + value.n;

    u->n = u->shared = 0;
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
        p++;
    if (p == end || *p != '{') {
        *ret_why = "not a JSON object";
        return false;
    }
    if (u->scan.stamp == UINT32_MAX) {
        memset(u->scan.marks, 0, u->fields->n * sizeof(*u->scan.marks));
        memset(u->scan.seen, 0, u->fields->n_nodes * sizeof(*u->scan.seen));
        u->scan.stamp = 0;
    }
    u->scan.stamp++;
    if (!sl_json_scan(&u->scan, sl_slice(p, (size_t)(end - p)))) {
        *ret_why = u->scan.error;
        return false;
    }
    u->document = u->scan.body;
    return true;
}

struct sl_value sl_unwrap_member(const struct sl_unwrapped *u, enum sl_unwrap_field field)
{
    unsigned id = u->ids[field];

    if (u->scan.marks[id].stamp != u->scan.stamp || u->scan.values[id].type == SL_VALUE_NULL)
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return u->scan.values[id];
}

bool sl_unwrap_add(struct sl_unwrapped *u, struct sl_slice piece, uint32_t shared)
{
    if (u->n == SL_PIECES_MAX)
        return false;
    if (u->n == u->cap) {
        u->cap = u->cap ? u->cap * 2 : 64;
        u->pieces = sl_reallocarray(u->pieces, u->cap, sizeof(*u->pieces));
    }
    u->pieces[u->n++] =
        (struct sl_piece_place){(uint32_t)(piece.p - u->document.p), (uint32_t)piece.n, shared};
    return true;
}

/* ---- values ---- */

struct sl_slice sl_unwrap_text(struct sl_unwrapped *u, const struct sl_value *v)
{
    return sl_value_text(v, &u->text);
}

bool sl_unwrap_int(const struct sl_value *v, int64_t *ret)
{
    double number;
    bool is_int;

    return sl_value_number(v, &number, &is_int, ret) && is_int;
}

void sl_unwrap_keep(struct sl_members *members, const char *name, const struct sl_value *v)
{
    if (v->type == SL_VALUE_ABSENT || v->type == SL_VALUE_NULL ||
        (v->type == SL_VALUE_STRING && v->n == 0))
        return;
    sl_members_json(members, sl_slice_str(name), sl_json_whole(v));
}

void sl_unwrap_around(struct sl_unwrapped *u, struct sl_slice raw, const struct sl_value *v,
                      const char *left)
{
    size_t begin = (size_t)(v->p - raw.p);

    sl_buf_append(&u->wrapper, raw.p, begin);
    sl_buf_text(&u->wrapper, left);
    sl_buf_append(&u->wrapper, v->p + v->n, raw.n - begin - v->n);
}

bool sl_unwrap_shared(struct sl_unwrapped *u, size_t n, size_t bytes)
{
    size_t most = u->document.n * SL_UNWRAP_SHARED_RATIO;

    u->shared += n * bytes;
    return u->shared <= (most > SL_UNWRAP_SHARED_FREE ? most : SL_UNWRAP_SHARED_FREE);
}

void sl_object_begin(struct sl_object_walk *w, struct sl_slice object)
{
    w->p = object.p + 1;
    w->end = object.p + object.n;
}

bool sl_object_next(struct sl_object_walk *w, struct sl_slice *ret_name, struct sl_value *ret)
{
    const char *p = sl_json_spaces(w->p), *close;
    bool escaped = false;

    if (*p == ',')
        p = sl_json_spaces(p + 1);
    if (*p == '}')
        return false;
    close = sl_json_string_end(p + 1, w->end, &escaped);
    *ret_name = sl_slice(p + 1, (size_t)(close - p - 1));
    if (escaped)
        *ret_name = sl_slice(w->room, sl_json_key(ret_name->p, ret_name->n, w->room));
    p = sl_json_spaces(close + 1) + 1; /* the colon is there */
    w->p = sl_json_value(sl_json_spaces(p), w->end, ret);
    return true;
}

struct sl_value sl_object_member(struct sl_slice object, const char *name)
{
    struct sl_object_walk w;
    struct sl_slice at;
    struct sl_value v;

    for (sl_object_begin(&w, object); sl_object_next(&w, &at, &v);)
        if (sl_slice_is(at, name) && v.type != SL_VALUE_NULL)
            return v;
    return (struct sl_value){.type = SL_VALUE_ABSENT};
}

/* ---- for `auto` ---- */

struct sl_slice sl_first_name(struct sl_slice value)
{
    const char *p = value.p, *end = value.p + value.n, *close;
    unsigned braces = 0;

    for (; p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t' || *p == '{'); p++)
        braces += *p == '{';
    if (braces != 1 || p == end || *p != '"')
        return sl_slice(NULL, 0);
    p++;
    close = memchr(p, '"', (size_t)(end - p));
    return close ? sl_slice(p, (size_t)(close - p)) : sl_slice(NULL, 0);
}
