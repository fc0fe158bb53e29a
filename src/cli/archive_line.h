/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_ARCHIVE_LINE_H
#define SL_CLI_ARCHIVE_LINE_H

#include "archive/archive.h"
#include "sluice/message.h"

/* Lines of archive objects as records again, whatever the format: a `json` line is the record; in
 * an `envelope` it is the value, decoded as its topic is; a `raw` line likewise, which is all that
 * there is of it.
 *
 * Correlation ids that were made stand in `json` lines only, and those from headers not in `raw`
 * ones; of what was a piece of a message (cloudwatch, otlp_json), `raw` and `envelope` hold the
 * piece as it was, not taken apart.
 *
 * A record whose time was Kafka's has it in an envelope only (the time that a line of text spells
 * is the member @timestamp of a `json` line). Elsewhere it has none (time_ns 0), and the bounds of
 * its member are all that is known. */

struct sl_archive_decoder;

/* config: borrowed. */
struct sl_archive_decoder *sl_archive_decoder_new(const struct sl_config *config,
                                                  struct sl_error *err);
void sl_archive_decoder_free(struct sl_archive_decoder *d);
/* The id of a field for sl_record_value(), before the first line. */
int sl_archive_decoder_field(struct sl_archive_decoder *d, const char *path, unsigned *ret_id,
                             struct sl_error *err);
unsigned
sl_archive_decoder_correlation(const struct sl_archive_decoder *d); /* id of correlation_id */

struct sl_archived {
    const char *topic;
    int32_t partition;
    int64_t offset; /* -1: unknown */
    bool many;      /* an envelope: it is one of many of its message, */
    uint32_t sub;   /* this one */
    bool timed;     /* record.time_ns is its time */
    struct sl_record record;
};

/* False: the line is no record (a tombstone's envelope, an envelope that is none). What it fills
 * lives until the next call, and as long as the line. */
bool sl_archive_decode(struct sl_archive_decoder *d, const struct sl_archive_line *line,
                       struct sl_archived *ret);

#endif
