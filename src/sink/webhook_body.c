/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/webhook_body.h"

#include <jansson.h>

#include "base/alloc.h"
#include "sink/webhook_sign.h"

enum { RENDERED_MAX = 64 << 20, RENDERED_KEEP = 1 << 20, ID_FIELD_MAX = 4096 };

/* ---- mapping ---- */

static int add_piece(struct sl_webhook_encoder *w, struct sl_slice text, struct sl_slice source,
                     struct sl_fields *fields, struct sl_error *err)
{
    struct sl_webhook_piece *piece;
    char *copy;

    w->pieces = sl_reallocarray(w->pieces, w->n_pieces + 1, sizeof(*w->pieces));
    piece = &w->pieces[w->n_pieces++];
    *piece = (struct sl_webhook_piece){.text = text};
    if (!source.p)
        return SL_OK;
    copy = sl_strndup(source.p, source.n);
    piece->template_ = sl_template_new(copy, SL_TEMPLATE_JSON, fields, err);
    free(copy);
    if (!piece->template_ && err)
        err->about = NULL; /* not the copy */
    return piece->template_ ? SL_OK : SL_ECONFIG;
}

/* The end of the string whose opening quote is at p; the text is valid JSON. */
static const char *string_end(const char *p)
{
    for (p++; *p != '"'; p++)
        if (*p == '\\')
            p++;
    return p;
}

static int check_mapping(const char *text, struct sl_error *err)
{
    json_error_t where;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &where);
    int code = SL_OK;

    if (!root)
        code = sl_fail(err, SL_ECONFIG, "body: the mapping is not valid JSON: %s", where.text);
    else if (!json_is_object(root))
        code = sl_fail(err, SL_ECONFIG, "body: a mapping is an object");
    json_decref(root);
    return code;
}

static int init_mapping(struct sl_webhook_encoder *w, const char *text, struct sl_fields *fields,
                        struct sl_error *err)
{
    const char *done = text, *p = text;
    int code = check_mapping(text, err);

    if (code)
        return code;
    while (*p) {
        const char *end, *after;

        if (*p != '"') {
            p++;
            continue;
        }
        end = string_end(p);
        after = end + 1 + strspn(end + 1, " \t\r\n");
        if (*after != ':' && memchr(p, '{', (size_t)(end - p))) {
            code = add_piece(w, sl_slice(done, (size_t)(p + 1 - done)),
                             sl_slice(p + 1, (size_t)(end - p - 1)), fields, err);
            if (code)
                return code;
            done = end;
        }
        p = end + 1;
    }
    return add_piece(w, sl_slice_str(done), (struct sl_slice){NULL, 0}, fields, err);
}

/* ---- life ---- */

static int init_id_field(struct sl_webhook_encoder *w, const char *name, struct sl_fields *fields,
                         struct sl_error *err)
{
    struct sl_buf text;
    bool valid;

    if (name[0] == '@')
        return sl_fail(err, SL_ECONFIG, "id_field: a name cannot begin with `@`");
    sl_buf_init(&text, ID_FIELD_MAX);
    SL_BUF_LITERAL(&text, ",\"");
    valid = sl_json_escape(sl_slice_str(name), &text);
    SL_BUF_LITERAL(&text, "\":\"");
    valid = valid && !text.full;
    w->id_n = text.n;
    w->id_begin = sl_buf_take(&text);
    if (!valid)
        return sl_fail(err, SL_ECONFIG, "id_field: not UTF-8, or too long");
    return sl_fields_add(fields, sl_slice_str(name), &w->id_field, err);
}

int sl_webhook_body_init(struct sl_webhook_encoder *w, const struct sl_webhook_config *c,
                         struct sl_fields *fields, struct sl_error *err)
{
    *w = (struct sl_webhook_encoder){.kind = c->body, .prefix = c->n_secrets > 0};
    sl_buf_init(&w->scratch, RENDERED_MAX);
    if (c->body == SL_BODY_MAPPING) {
        int code = init_mapping(w, c->mapping, fields, err);

        if (code && err)
            err->about = c->mapping;
        return code;
    }
    return c->id_field ? init_id_field(w, c->id_field, fields, err) : SL_OK;
}

void sl_webhook_body_release(struct sl_webhook_encoder *w)
{
    for (size_t i = 0; i < w->n_pieces; i++)
        if (w->pieces[i].template_)
            sl_template_free(w->pieces[i].template_);
    free(w->pieces);
    free(w->id_begin);
    sl_buf_release(&w->scratch);
    *w = (struct sl_webhook_encoder){.kind = w->kind};
}

/* ---- records ---- */

static void render(const struct sl_webhook_encoder *w, const struct sl_record *r,
                   struct sl_buf *out)
{
    for (size_t i = 0; i < w->n_pieces; i++) {
        sl_buf_slice(out, w->pieces[i].text);
        if (w->pieces[i].template_)
            sl_template_render(w->pieces[i].template_, r, out);
    }
}

/* A mapping's size depends on every value it shows, so it is rendered to know: one record a request
 * leaves the time for that. */
size_t sl_webhook_body_bound(struct sl_webhook_encoder *w, const struct sl_record *r)
{
    size_t n;

    if (w->kind != SL_BODY_MAPPING)
        return sl_record_json_bound(r) + w->id_n + SL_RECORD_ID_MAX + 2;
    sl_buf_clear(&w->scratch);
    render(w, r, &w->scratch);
    n = w->scratch.full ? RENDERED_MAX : w->scratch.n;
    sl_buf_reset(&w->scratch, RENDERED_KEEP);
    return n;
}

/* A number beyond 64 bits counts as absent for rules, but its place is taken. */
static bool lacks_id(const struct sl_webhook_encoder *w, const struct sl_record *r)
{
    const struct sl_value v = sl_record_value(r, w->id_field);

    return v.type == SL_VALUE_ABSENT && !v.p;
}

int sl_webhook_body_encode(struct sl_webhook_encoder *w, const struct sl_record *r,
                           struct sl_buf *out, struct sl_item *item)
{
    char id[SL_RECORD_ID_MAX];

    item->body = (uint32_t)out->n;
    item->value_n = (uint32_t)r->message->value.n;
    item->verbatim = false;
    if (w->kind == SL_BODY_MAPPING) {
        render(w, r, out);
        return out->full ? SL_EFULL : SL_OK;
    }
    sl_buf_clear(&w->scratch);
    if (w->id_begin && lacks_id(w, r)) {
        sl_buf_append(&w->scratch, w->id_begin, w->id_n);
        sl_buf_append(&w->scratch, id, sl_record_id(r, id));
        sl_buf_byte(&w->scratch, '"');
    }
    sl_record_json(r, false, sl_buf_as_slice(&w->scratch), out, &item->verbatim);
    sl_buf_byte(out, '\n');
    return out->full ? SL_EFULL : SL_OK;
}

static void make_array(struct sl_batch *b, char *to)
{
    to[0] = '[';
    memcpy(to + 1, b->data.p, b->data.n);
    for (size_t i = 0; i < b->n_items; i++)
        to[b->items[i].end] = i + 1 < b->n_items ? ',' : ']';
}

void sl_webhook_body_seal(const struct sl_webhook_encoder *w, struct sl_batch *b)
{
    size_t room = w->prefix ? SL_WEBHOOK_ROOM : 0;
    bool array = w->kind == SL_BODY_ARRAY;
    size_t n = b->data.n + array;
    char *to;

    b->body = sl_buf_as_slice(&b->data);
    sl_buf_release(&b->wire);
    if (room == 0 && !array)
        return;
    sl_buf_init(&b->wire, room + n);
    to = sl_buf_reserve(&b->wire, room + n);
    memset(to, ' ', room);
    if (array)
        make_array(b, to + room);
    else
        memcpy(to + room, b->data.p, b->data.n);
    b->wire.n = room + n;
    b->body = sl_slice(to + room, n);
}
