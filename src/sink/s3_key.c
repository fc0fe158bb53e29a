/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/s3_key.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/archive.h"

enum { TOPIC_MAX = 249 };

void sl_s3_hash(const char *cluster_id, const char *sink_id, const struct sl_s3_config *config,
                const char *rules_hash, char ret[SL_S3_HASH_HEX + 1])
{
    const char *const parts[] = {cluster_id, sink_id, config->key, sl_archive_name(config->format),
                                 rules_hash};
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1];
    struct sl_buf text;

    sl_buf_init(&text, SIZE_MAX);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        sl_buf_text(&text, parts[i] ? parts[i] : "");
        sl_buf_byte(&text, '\0');
    }
    sl_sha256(text.p, text.n, hash);
    sl_hex(hash, sizeof(hash), hex);
    memcpy(ret, hex, SL_S3_HASH_HEX);
    ret[SL_S3_HASH_HEX] = '\0';
    sl_buf_release(&text);
}

/* ---- prefix ---- */

void sl_s3_prefix(struct sl_buf *out, size_t begin)
{
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1];
    size_t keep;

    if (out->full || out->n - begin <= SL_S3_PREFIX_MAX)
        return;
    sl_sha256(out->p + begin, out->n - begin, hash);
    sl_hex(hash, sizeof(hash), hex);
    keep = SL_S3_PREFIX_MAX - 1 - SL_SHA256_HEX;
    for (size_t i = 1; i <= 2; i++) /* not in the middle of %XX */
        if (out->p[begin + keep - i] == '%')
            keep -= i;
    sl_buf_truncate(out, begin + keep);
    sl_buf_byte(out, '~'); /* no value holds one unencoded */
    sl_buf_text(out, hex);
}

/* ---- object ---- */

static const char *extension(enum sl_compression compression)
{
    switch (compression) {
    case SL_COMPRESS_GZIP:
        return ".gz";
    case SL_COMPRESS_ZSTD:
        return ".zst";
    case SL_COMPRESS_NONE:
    default:
        return "";
    }
}

void sl_s3_object_key(const char *prefix, const struct sl_s3_identity *id, unsigned retry,
                      enum sl_compression compression, struct sl_buf *out)
{
    if (prefix && *prefix)
        sl_buf_printf(out, "%s/", prefix);
    sl_buf_printf(out, "%.*s-%" PRId32 "-%020" PRId64 "-%020" PRId64 "-%s", TOPIC_MAX, id->topic,
                  id->partition, id->first, id->last, id->hash);
    if (retry)
        sl_buf_printf(out, "-r%u", retry);
    sl_buf_printf(out, ".ndjson%s", extension(compression));
}

/* Takes `end` off the text's end. */
static bool take_end(struct sl_slice *text, const char *end)
{
    size_t n = strlen(end);

    if (text->n < n || memcmp(text->p + text->n - n, end, n) != 0)
        return false;
    text->n -= n;
    return true;
}

/* Takes -<number> off the text's end; digits 0: any number of them. */
static bool take_number(struct sl_slice *text, const char *mark, size_t digits, int64_t *ret)
{
    size_t n = 0;
    int64_t v = 0;

    while (n < text->n && text->p[text->n - n - 1] >= '0' && text->p[text->n - n - 1] <= '9')
        n++;
    if (n == 0 || n > 20 || (digits && n != digits))
        return false;
    for (size_t i = text->n - n; i < text->n; i++)
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, text->p[i] - '0', &v))
            return false;
    text->n -= n;
    *ret = v;
    return take_end(text, mark);
}

static bool take_hash(struct sl_slice *text, struct sl_slice *ret)
{
    if (text->n <= SL_S3_HASH_HEX)
        return false;
    *ret = sl_slice(text->p + text->n - SL_S3_HASH_HEX, SL_S3_HASH_HEX);
    for (size_t i = 0; i < ret->n; i++)
        if (!memchr("0123456789abcdef", ret->p[i], 16))
            return false;
    text->n -= ret->n;
    return take_end(text, "-");
}

bool sl_s3_object_parse(struct sl_slice key, struct sl_s3_named *ret)
{
    int64_t beside = 0, partition = 0;
    struct sl_slice name, before;
    const char *slash;
    size_t prefix;

    if (key.n == 0)
        return false;
    slash = memrchr(key.p, '/', key.n);
    prefix = slash ? (size_t)(slash - key.p) + 1 : 0;
    name = sl_slice(key.p + prefix, key.n - prefix);
    *ret = (struct sl_s3_named){.prefix = sl_slice(key.p, prefix)};
    if (take_end(&name, ".gz"))
        ret->compression = SL_COMPRESS_GZIP;
    else if (take_end(&name, ".zst"))
        ret->compression = SL_COMPRESS_ZSTD;
    if (!take_end(&name, ".ndjson"))
        return false;
    before = name;
    if (!take_number(&before, "-r", 0, &beside) || beside < 1 || beside > UINT32_MAX)
        beside = 0;
    else
        name = before;
    ret->beside = (unsigned)beside;
    if (!take_hash(&name, &ret->hash) || !take_number(&name, "-", 20, &ret->last) ||
        !take_number(&name, "-", 20, &ret->first) || !take_number(&name, "-", 0, &partition) ||
        partition > INT32_MAX || ret->last < ret->first)
        return false;
    ret->partition = (int32_t)partition;
    ret->topic = name;
    return name.n > 0;
}

/* ---- identity ---- */

void sl_s3_identity_text(const struct sl_s3_identity *id, struct sl_s3_identity_text *ret)
{
    snprintf(ret->first, sizeof(ret->first), "%" PRId64, id->first);
    snprintf(ret->last, sizeof(ret->last), "%" PRId64, id->last);
    snprintf(ret->crc, sizeof(ret->crc), "%08" PRIx32, id->crc);
}

static bool meta_is(const struct sl_http_reply *reply, const char *name, const char *expect)
{
    return sl_slice_is(sl_http_header(reply, name), expect);
}

enum sl_s3_same sl_s3_compare(const struct sl_s3_identity *id, const struct sl_http_reply *reply)
{
    struct sl_slice sent = sl_http_header(reply, SL_S3_META_BODY);
    struct sl_slice held = sl_http_header(reply, "x-amz-checksum-crc32c");
    struct sl_s3_identity_text text;

    sl_s3_identity_text(id, &text);
    if (!meta_is(reply, SL_S3_META_FIRST, text.first) ||
        !meta_is(reply, SL_S3_META_LAST, text.last) || !meta_is(reply, SL_S3_META_HASH, id->hash) ||
        !meta_is(reply, SL_S3_META_CRC, text.crc))
        return SL_S3_DIFFERENT;
    /* Stores that do not keep checksums say nothing here. */
    if (sent.p && sent.n && held.p && held.n && !sl_slice_equal(sent, held))
        return SL_S3_DAMAGED;
    return SL_S3_SAME;
}
