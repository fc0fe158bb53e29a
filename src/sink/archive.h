/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ARCHIVE_H
#define SL_SINK_ARCHIVE_H

#include "sluice/config.h"
#include "sluice/record.h"

/* The line formats of sinks that keep files (S3, file): one record, one line. `raw` writes the
 * original bytes whatever they hold (of a record that a rule changed, its JSON): a value with line
 * breaks makes several lines. */

/* Upper bound of what sl_archive_line() appends. */
size_t sl_archive_bound(enum sl_archive_format format, const struct sl_record *r);
/* SL_OK; SL_EFULL: out is full, the caller takes back what was written. */
int sl_archive_line(enum sl_archive_format format, const struct sl_record *r, struct sl_buf *out);
const char *sl_archive_name(enum sl_archive_format format);

#endif
