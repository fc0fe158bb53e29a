/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/archive.h"

size_t sl_archive_bound(enum sl_archive_format format, const struct sl_record *r)
{
    switch (format) {
    case SL_ARCHIVE_RAW:
        return sl_record_raw(r).n + 1;
    case SL_ARCHIVE_ENVELOPE:
        return sl_record_envelope_bound(r) + 1;
    case SL_ARCHIVE_JSON:
    default:
        return sl_record_json_bound(r) + 1;
    }
}

int sl_archive_line(enum sl_archive_format format, const struct sl_record *r, struct sl_buf *out)
{
    switch (format) {
    case SL_ARCHIVE_RAW:
        sl_buf_slice(out, sl_record_raw(r));
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
