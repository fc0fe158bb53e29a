/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

enum { KEY_MAX = 1 << 20 };

/* A type writes into the buffer of a batch: this one is no sink's, and its buffer the caller's. */
int sl_sink_preview(struct sl_sink *s, const struct sl_record *r, struct sl_buf *out,
                    size_t *ret_body, char **ret_key)
{
    struct sl_batch b = {.sink = s, .rules = s->env->rules, .data = *out};
    struct sl_item item = {.sub = r->sub, .offset = r->message->offset};
    size_t begin = out->n;
    struct sl_buf key;
    int rc = SL_EFULL;

    sl_buf_init(&key, KEY_MAX);
    if (sl_sink_refuses(s, r, s->type->bound(s, r)))
        goto out;
    if (s->type->flags & SL_SINK_KEYED)
        s->type->key(s, r, &key);
    rc = s->type->encode(s, &b, r, &item);
    *out = b.data; /* it may have moved */
    if (rc == SL_OK && out->full)
        rc = SL_EFULL;
    if (rc != SL_OK) {
        sl_buf_truncate(out, begin);
        goto out;
    }
    *ret_body = s->type->flags & SL_SINK_ITEMS ? item.body : begin;
    if (ret_key)
        *ret_key = s->type->flags & SL_SINK_KEYED ? sl_buf_take(&key) : NULL;
out:
    sl_buf_release(&key);
    return rc;
}
