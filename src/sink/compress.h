/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_COMPRESS_H
#define SL_SINK_COMPRESS_H

#include "base/buf.h"
#include "base/slice.h"
#include "sluice/config.h"

/* Compression of what is sent. Every call is complete in itself: its state is made and freed
 * inside, so any number of pool threads may compress at once.
 *
 * gzip is ISA-L at level 1: at the ratio of other libraries' fastest levels it costs a quarter of
 * the second fastest. zstd is level 1 with a content checksum. The same input gives the same output
 * on the same machine, but another processor may choose other matches: identity never rests on
 * compressed bytes.
 *
 * Two shapes:
 *  - one member (frame) for a whole request body. A server that stops at the end of the first
 * member (Netty's JdkZlibDecoder, which is Elasticsearch's, does by default) then still sees
 * everything;
 *  - a run of members for an archive object. RFC 1952 section 2.2 and the zstd format both make a
 *    concatenation a valid file, and a reader can begin at any member's start. */

/* Append to `out`. SL_OK; SL_EFULL: out->max was too small, and what was appended is taken back;
 * SL_EIO: the library failed. An empty input makes one empty member. `out` keeps no spare memory
 * afterwards: a compressed body waits in a queue whose bytes are counted. */
int sl_gzip(struct sl_slice in, struct sl_buf *out); /* one member */
int sl_zstd(struct sl_slice in, struct sl_buf *out); /* one frame */

/* One frame for what is written once and read for long: slower and smaller. */
int sl_zstd_dense(struct sl_slice in, struct sl_buf *out);
/* Appends what a frame holds. SL_EINVAL: it is none, is damaged, or holds more than out->max leaves
 * room for. All of that room is reserved: out->max is what is known of the content. */
int sl_unzstd(struct sl_slice in, struct sl_buf *out);
/* The same of any number of frames, whose content nobody knows: room is made as it turns out. */
int sl_unzstd_all(struct sl_slice in, struct sl_buf *out);

/* One member (frame) a piece: of so many bytes of `in`, all of which the pieces cover. `kind` is
 * GZIP or ZSTD. */
struct sl_compress_piece {
    uint32_t raw;
    uint32_t length; /* set: of the member */
};
int sl_compress_pieces(enum sl_compression kind, struct sl_slice in,
                       struct sl_compress_piece *pieces, size_t n, struct sl_buf *out);

#endif
