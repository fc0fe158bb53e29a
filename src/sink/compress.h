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

enum { SL_COMPRESS_MEMBER = 1024 * 1024 }; /* bytes of input in each member of an archive object */

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

/* Members (frames) of `member` input bytes each. `kind` is GZIP or ZSTD. */
int sl_compress_members(enum sl_compression kind, struct sl_slice in, size_t member,
                        struct sl_buf *out);

/* An upper bound of what sl_compress_members() writes for n bytes; for out->max. */
size_t sl_compress_bound(size_t n, size_t member);

#endif
