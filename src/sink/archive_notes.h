/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ARCHIVE_NOTES_H
#define SL_SINK_ARCHIVE_NOTES_H

#include "sink/archive_index.h"

/* What is noted of an archive object's records while they come in, and becomes its index when the
 * object is closed: where members end, their bounds, and the hashes of correlation ids. It is kept
 * in one buffer, whose bytes are counted as the records' own are: eight a record, and a header a
 * member. */

enum { SL_ARCHIVE_NOTE_BOUND = 80 }; /* most that one record adds */

/* A record of so many bytes was appended to the object, which is to be compressed so. hash: of its
 * correlation id, where it has one. */
void sl_archive_note(struct sl_buf *notes, enum sl_compression kind, size_t bytes, int64_t offset,
                     int64_t time_ns, const uint64_t *hash);

/* Compresses the lines member by member and appends the index. info: format, topic and partition.
 * The notes' hashes are overwritten. SL_OK; SL_EFULL, SL_EIO: as sl_compress_pieces(), and `out` is
 * as before. */
int sl_archive_compress(enum sl_compression kind, struct sl_slice lines, struct sl_buf *notes,
                        const struct sl_archive_index *info, struct sl_buf *out);

#endif
