/* SPDX-License-Identifier: Apache-2.0 */
#include "record/decode.h"

#include "base/hash.h"
#include "sluice/position.h"

/* ---- one JSON object ---- */

static bool begins_object(struct sl_slice text)
{
    for (size_t i = 0; i < text.n; i++)
        switch (text.p[i]) {
        case ' ':
        case '\t':
        case '\n':
        case '\r':
            continue;
        default:
            return text.p[i] == '{';
        }
    return false;
}

static bool scan(struct sl_decoder *d, struct sl_slice text)
{
    sl_decoder_begin(d);
    return sl_json_scan(&d->scan, text);
}

/* Once more: what the record at hand holds was found before members were added. */
static void as_object(struct sl_decoder *d, struct sl_record *r)
{
    r->form = SL_FORM_OBJECT;
    r->body = d->scan.body;
    r->breaks = d->scan.breaks;
    r->empty = d->scan.empty;
}

static void as_text(struct sl_decoder *d, struct sl_record *r, const char *error)
{
    r->form = SL_FORM_TEXT;
    r->parse_error = error;
    d->scanned = false;
}

/* ---- opening ---- */

size_t sl_decode_open(struct sl_decoder *d, const struct sl_message *message)
{
    const struct sl_topic *topic = message->at->topic;

    d->message_at = message;
    d->form = topic->decode;
    d->rule = topic->rule <= d->n_rules ? topic->rule : 0;
    d->value_crc = sl_crc32c(0, message->value.p, message->value.n);
    d->wrapper = NULL;
    d->nothing = d->refused = d->error = NULL;
    d->scanned = false;
    return 1;
}

const char *sl_decode_nothing(const struct sl_decoder *d)
{
    return d->nothing;
}

/* ---- the form ---- */

/* What is known of the record at hand beside its fields. */
struct entry {
    struct sl_slice text;
    const char *error;
};

static bool find_object(struct sl_decoder *d, struct entry *e, bool must)
{
    if (!begins_object(e->text)) {
        if (must)
            e->error = e->text.n == 0 ? "empty value" : "not a JSON object";
        return false;
    }
    if (scan(d, e->text))
        return true;
    e->error = d->scan.error;
    return false;
}

static bool take_form(struct sl_decoder *d, struct entry *e)
{
    switch (d->form) {
    case SL_DECODE_AUTO:
    case SL_DECODE_JSON:
        return find_object(d, e, d->form == SL_DECODE_JSON);
    default:
        return false;
    }
}

void sl_decode_at(struct sl_decoder *d, size_t i, struct sl_record *ret)
{
    struct entry e = {.text = d->message_at->value};

    *ret = (struct sl_record){
        .message = d->message_at,
        .refused = d->refused,
        .sub = (uint32_t)i,
        .many = d->wrapper && d->wrapper->many,
        .raw = e.text,
        .decoder = d,
        .value_crc = d->value_crc,
    };
    sl_members_begin(d->found);
    if (take_form(d, &e)) {
        as_object(d, ret);
    } else {
        sl_decoder_begin(d); /* forgets what was found before the error */
        as_text(d, ret, e.error);
        ret->text = e.text;
        sl_decoder_set_text(d, d->message, e.text);
    }
    ret->values = d->scan.values;
    ret->has_timestamp = sl_decoder_has(d, d->timestamp_member);
    if (!sl_decoder_time(d, &ret->time_ns))
        ret->time_ns = sl_kafka_ns(d->message_at->timestamp_ms);
    ret->level = sl_decoder_level(d);
    sl_decoder_enrich(d, ret);
}

void sl_decode(struct sl_decoder *d, const struct sl_message *message, struct sl_record *ret)
{
    if (sl_decode_open(d, message) == 0)
        d->form = SL_DECODE_TEXT;
    sl_decode_at(d, 0, ret);
}
