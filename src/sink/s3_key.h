/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_KEY_H
#define SL_SINK_S3_KEY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "sluice/config.h"
#include "sluice/http.h"

/* Names and identity of archive objects (interface.md, "What arrives"):
 *
 *   <prefix>/<topic>-<partition>-<first>-<last>-<hash>[-r<n>].ndjson[.gz|.zst]
 *
 * The name is a pure function of the cut, so whoever repeats a cut, in this process or another,
 * meets the object of the first try. The identity in the metadata then says whether that is the
 * same cut: bounds and hash repeat the name, and a CRC over every record read between the bounds
 * tells a topic that was made anew from the one before. */

enum { SL_S3_HASH_HEX = 16, SL_S3_PREFIX_MAX = 640 };

struct sl_s3_identity {
    const char *topic; /* borrowed */
    int32_t partition;
    int64_t first, last; /* the cut's inclusive bounds */
    uint32_t crc;        /* over every record read between them */
    char hash[SL_S3_HASH_HEX + 1];
};

/* The identity as it stands in the metadata. */
struct sl_s3_identity_text {
    char first[24], last[24], crc[12];
};

void sl_s3_identity_text(const struct sl_s3_identity *id, struct sl_s3_identity_text *ret);

/* The hash over what decides which records are in an object and how they are written. */
void sl_s3_hash(const char *cluster_id, const char *sink_id, const struct sl_s3_config *config,
                const char *rules_hash, char ret[SL_S3_HASH_HEX + 1]);

/* Makes a rendered template, which out holds from `begin` on, at most SL_S3_PREFIX_MAX bytes, so
 * that the whole name stays within the 1,024 of S3. Different inputs stay different: two batches of
 * a cut must never share a name, for the second would be taken for a repetition of the first. (That
 * a value cannot leave its segment is the template's work.) */
void sl_s3_prefix(struct sl_buf *out, size_t begin);

/* Appends the object's key. retry: the n of -r<n>, 0 for none. */
void sl_s3_object_key(const char *prefix, const struct sl_s3_identity *id, unsigned retry,
                      enum sl_compression compression, struct sl_buf *out);

/* What an object's key says; its texts are parts of the key. */
struct sl_s3_named {
    struct sl_slice prefix; /* what comes before the name, with its '/' */
    struct sl_slice topic;
    int32_t partition;
    int64_t first, last;
    struct sl_slice hash;
    unsigned beside; /* the n of -r<n> */
    enum sl_compression compression;
};

/* False: no key that sl_s3_object_key() makes. */
bool sl_s3_object_parse(struct sl_slice key, struct sl_s3_named *ret);

enum sl_s3_same {
    SL_S3_SAME,
    SL_S3_DIFFERENT,
    SL_S3_DAMAGED, /* the same cut, but the store holds other bytes than those that were sent */
};

/* Compares with the metadata in a HEAD reply. */
enum sl_s3_same sl_s3_compare(const struct sl_s3_identity *id, const struct sl_http_reply *reply);

/* The names of the metadata: x-amz-meta-sluice-... */
#define SL_S3_META "x-amz-meta-sluice-"
#define SL_S3_META_FIRST SL_S3_META "first"
#define SL_S3_META_LAST SL_S3_META "last"
#define SL_S3_META_HASH SL_S3_META "hash"
#define SL_S3_META_CRC SL_S3_META "crc"
#define SL_S3_META_RECORDS SL_S3_META "records"
#define SL_S3_META_BODY SL_S3_META "body-crc32c" /* base64, as in x-amz-checksum-crc32c */

#endif
