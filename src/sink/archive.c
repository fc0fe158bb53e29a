/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/archive.h"

#include <string.h>

#include "sluice/position.h"

enum {
    GROWTH = 6,           /* a byte as \u00XX; base64 needs less */
    COUNTED = 64 * 1024,  /* from here on it is worth a look at the bytes */
    ENVELOPE_FIXED = 512, /* names, numbers, punctuation, {"base64":""} */
    HEADER_FIXED = 32,
};

/* What a text takes as a JSON string or in base64. The bound decides whether a record fits the
 * queue at all, so for large ones "six times as much" would turn away what fits easily. */
static size_t text_bound(struct sl_slice text)
{
    size_t n = 0;

    if (text.n < COUNTED)
        return GROWTH * text.n;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        n += c < ' ' || c == 127 ? GROWTH : c < 128 ? 2 : 3; /* 3: U+FFFD */
    }
    return n;
}

static size_t envelope_bound(const struct sl_message *m)
{
    size_t n = ENVELOPE_FIXED + GROWTH * strlen(m->at->topic->name) + text_bound(m->key) +
               text_bound(m->value);

    for (size_t i = 0; i < m->n_headers; i++)
        n += text_bound(m->headers[i].name) + text_bound(m->headers[i].value) + HEADER_FIXED;
    return n;
}

size_t sl_archive_bound(enum sl_archive_format format, const struct sl_record *r)
{
    switch (format) {
    case SL_ARCHIVE_RAW:
        return r->message->value.n + 1;
    case SL_ARCHIVE_ENVELOPE:
        return envelope_bound(r->message) + 1;
    case SL_ARCHIVE_JSON:
    default:
        return sl_record_json_bound(r) + 1;
    }
}

int sl_archive_line(enum sl_archive_format format, const struct sl_record *r, struct sl_buf *out)
{
    switch (format) {
    case SL_ARCHIVE_RAW:
        sl_buf_slice(out, r->message->value);
        break;
    case SL_ARCHIVE_ENVELOPE:
        sl_record_envelope(r, out);
        break;
    case SL_ARCHIVE_JSON:
    default:
        sl_record_json(r, false, (struct sl_slice){NULL, 0}, out, NULL);
        break;
    }
    sl_buf_byte(out, '\n');
    return out->full ? SL_EFULL : SL_OK;
}

const char *sl_archive_name(enum sl_archive_format format)
{
    static const char *const names[] = {"json", "envelope", "raw"};

    return names[format];
}
