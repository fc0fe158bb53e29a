/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "record/decode.h"
#include "sluice/position.h"

/* ---- fields by id ---- */

static struct sl_value text_value(struct sl_slice text)
{
    if (!text.p)
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING};
}

static struct sl_value number_value(int64_t v, char *text, size_t room)
{
    int n = snprintf(text, room, "%lld", (long long)v);

    return (struct sl_value){.p = text, .n = (uint32_t)n, .type = SL_VALUE_NUMBER};
}

/* Of headers with the same name the last counts, as in Kafka's own lastHeader(). */
static struct sl_value header_value(const struct sl_message *m, struct sl_slice name)
{
    size_t n = m->n_headers < SL_HEADERS_MAX ? m->n_headers : SL_HEADERS_MAX;

    while (n-- > 0)
        if (sl_slice_equal(m->headers[n].name, name))
            return text_value(m->headers[n].value);
    return text_value(sl_slice(NULL, 0));
}

static struct sl_value special_value(const struct sl_record *r, const struct sl_field *f)
{
    const size_t prefix = sizeof("@headers.") - 1;
    const struct sl_message *m = r->message;
    struct sl_decoder *d = r->decoder;

    switch ((enum sl_special)f->special) {
    case SL_FIELD_TOPIC:
        return text_value(sl_slice_str(m->at->topic->name));
    case SL_FIELD_PARTITION:
        return number_value(m->at->number, d->partition_text, sizeof(d->partition_text));
    case SL_FIELD_OFFSET:
        return number_value(m->offset, d->offset_text, sizeof(d->offset_text));
    case SL_FIELD_KEY:
        return text_value(m->key);
    case SL_FIELD_TIMESTAMP: {
        struct sl_buf text = {
            .p = d->time_text, .cap = sizeof(d->time_text), .max = sizeof(d->time_text)};

        sl_time_rfc3339(r->time_ns, &text);
        return text_value(sl_buf_as_slice(&text));
    }
    case SL_FIELD_KIND:
        return text_value(sl_slice_str(sl_kind_name(r->kind)));
    case SL_FIELD_LEVEL:
        return text_value(r->level ? sl_slice_str(sl_level_name(r->level)) : sl_slice(NULL, 0));
    case SL_FIELD_RAW:
        return text_value(r->lost ? r->body : r->raw);
    case SL_FIELD_PARSE_ERROR:
        return text_value(sl_slice_str(r->parse_error));
    case SL_FIELD_HEADER:
        return header_value(m, sl_slice(f->name + prefix, f->n - prefix));
    case SL_FIELD_PATH:
        break;
    }
    return text_value(sl_slice(NULL, 0));
}

struct sl_value sl_record_value(const struct sl_record *r, unsigned id)
{
    const struct sl_decoder *d = r->decoder;

    if (id < d->fields->n && d->fields->items[id].special != SL_FIELD_PATH)
        return special_value(r, &d->fields->items[id]);
    if (id >= d->cap_values) /* added since the record was decoded */
        return (struct sl_value){.type = SL_VALUE_ABSENT};
    return sl_decoder_value(d, id);
}
