/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ARCHIVE_INDEX_H
#define SL_SINK_ARCHIVE_INDEX_H

#include <stdint.h>

#include "base/error.h"
#include "sluice/config.h"

/* What an archive object's tail tells of its members, so that a reader fetches the tail, and then
 * only the members it needs. One home for the sink, which writes it, and for the reader.
 *
 * An object is a chain of members (gzip members, zstd frames) of at most sl_archive_member_max()
 * bytes of lines each (a longer line has a member of its own); a member ends where a record ends.
 * Behind the
 * last one stands the index, in a form that other tools pass over: gunzip takes it for empty
 * members, and zstd for a skippable frame.
 *
 *     zstd                                        gzip, one or more of
 *     u32  0x184D2A5E                             10 bytes: 1f 8b 08 04, 5 times 00, ff
 *     u32  n: what follows                        u16  n + 4: what follows of FEXTRA
 *     [n - 16]  the payload                       'S' 'L'  u16 n
 *     [16]      the footer                        [n]  the payload's next bytes, 16,000 at most
 *                                                 03 00, 8 times 00: nothing, deflated; its
 *                                                 CRC-32 and length
 *                                                 then the same once more with 'S' 'F', n = 16,
 *                                                 and the footer
 *
 * so that the footer is the last 16 bytes of a zstd object and those before the last 10 of a gzip
 * object. (16,000, for there are readers that refuse a gzip header of more than 32 KiB: DuckDB.)
 * All numbers are little-endian; times are nanoseconds since 1970.
 *
 *     footer    u64  bytes from the index's beginning to the object's end
 *               u32  bytes of the payload
 *               u32  "SLFT"
 *
 *     payload   0   u32  "SLIX"
 *               4   u8   version: 1
 *               5   u8   format of the lines: 0 json, 1 envelope, 2 raw
 *               6   u16  t: bytes of the topic's name
 *               8   i32  partition
 *               12  u32  m: members
 *               16  [t]  the topic
 *               then m times 60 bytes:
 *                   0   u64  where the member begins in the object
 *                   8   u32  its length there
 *                   12  u32  bytes of lines in it
 *                   16  u32  records
 *                   20  u32  f: bytes of its filter; 0: it has none, and any id may be in it
 *                   24  i64  first and
 *                   32  i64  last offset of its records
 *                   40  i64  least and
 *                   48  i64  greatest time of its records
 *                   56  u32  offsets that its records have: fewer than records where one message
 *                            holds many
 *               then the members' filters, one after the other: base/xorfilter.h over the XXH3
 *               hashes of the correlation ids of the records (records without one are in none)
 *               u32  CRC-32C of everything before it
 *
 * Members lie one after the other from the object's beginning to the index. A reader takes nothing
 * on trust: what does not agree with that, or with the object's size, is damaged. A later version
 * may add to the end of the payload's header only with another number. */

enum {
    SL_ARCHIVE_FOOTER = 42,          /* bytes of the tail that hold the footer, in either form */
    SL_ARCHIVE_INDEX_MAX = 64 << 20, /* payload that a reader takes */
};

/* Bytes of lines that a member holds. gzip looks back 32 KiB and so loses little by small members;
 * zstd looks back half a MiB, which pays where what a request has in common comes again. */
static inline size_t sl_archive_member_max(enum sl_compression kind)
{
    return kind == SL_COMPRESS_ZSTD ? 512 * 1024 : 256 * 1024;
}

struct sl_archive_member {
    uint64_t offset;
    uint32_t length, raw, records, offsets;
    int64_t first, last;           /* offsets */
    int64_t least_ns, greatest_ns; /* times */
    struct sl_slice filter;        /* n == 0: none; read: borrowed from the index */
};

struct sl_archive_index {
    enum sl_archive_format format;
    struct sl_slice topic; /* read: borrowed from the payload */
    int32_t partition;
    struct sl_archive_member *members;
    uint32_t n;
    uint64_t size;         /* read: of the index in the object */
    struct sl_buf payload; /* read: owned */
};

/* Appends the index to an object that holds the members. SL_EFULL: it is too large, and nothing was
 * appended. */
int sl_archive_index_write(const struct sl_archive_index *index, enum sl_compression kind,
                           struct sl_buf *object);

/* Where the index is, by the last SL_ARCHIVE_FOOTER bytes or more of an object. SL_OK: *ret_size
 * bytes before its end; SL_ENOENT: it has none. */
int sl_archive_index_find(enum sl_compression kind, struct sl_slice tail, uint64_t object_size,
                          uint64_t *ret_size);

/* Reads it from exactly those bytes. SL_EINVAL: it is damaged, and `err` says how. Only on SL_OK
 * there is something to release. */
int sl_archive_index_parse(enum sl_compression kind, struct sl_slice bytes, uint64_t object_size,
                           struct sl_archive_index *ret, struct sl_error *err);
void sl_archive_index_release(struct sl_archive_index *index);

/* False: no record of this member has that correlation id (its sl_hash()). */
bool sl_archive_member_may_have(const struct sl_archive_member *m, uint64_t hash);

#endif
