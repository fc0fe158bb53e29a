/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_WEBHOOK_BODY_H
#define SL_SINK_WEBHOOK_BODY_H

#include "sluice/sink.h"
#include "sluice/template.h"

/* What a webhook is sent.
 *
 * array and ndjson: a batch's data is one JSON record a line; that is the NDJSON body already, and
 * an array is made of it when the batch is sealed (commas for line ends), so that records can leave
 * a batch and the rest be sealed again.
 *
 * mapping: a JSON object whose strings are templates, one record a request. It is taken apart once,
 * into literal text and templates. What a person wrote stays byte for byte, escapes included; only
 * the values of fields are escaped. Keys are never templates. */

struct sl_webhook_piece {
    struct sl_slice text;          /* literal, in the configuration */
    struct sl_template *template_; /* then this, or NULL at the end */
};

struct sl_webhook_encoder {
    enum sl_webhook_body kind;
    struct sl_webhook_piece *pieces; /* MAPPING */
    size_t n_pieces;
    char *id_begin; /* ,"<id_field>":" ; NULL: off */
    size_t id_n;
    unsigned id_field;
    bool prefix; /* signatures need room before the body */
    struct sl_buf scratch;
};

int sl_webhook_body_init(struct sl_webhook_encoder *w, const struct sl_webhook_config *c,
                         struct sl_fields *fields, struct sl_error *err);
void sl_webhook_body_release(struct sl_webhook_encoder *w);
size_t sl_webhook_body_bound(struct sl_webhook_encoder *w, const struct sl_record *r);
int sl_webhook_body_encode(struct sl_webhook_encoder *w, const struct sl_record *r,
                           struct sl_buf *out, struct sl_item *item);
/* Sets b->body; what it writes goes to b->wire. Any thread. */
void sl_webhook_body_seal(const struct sl_webhook_encoder *w, struct sl_batch *b);

#endif
