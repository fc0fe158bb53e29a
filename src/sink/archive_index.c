/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/archive_index.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/xorfilter.h"

enum {
    MAGIC_INDEX = 0x58494c53,  /* SLIX */
    MAGIC_FOOTER = 0x54464c53, /* SLFT */
    VERSION = 1,
    FOOTER = 16,
    HEADER = 16,
    ENTRY = 60,
    SUM = 4,
    ZSTD_HEADER = 8,
    GZIP_HEADER = 16, /* to FEXTRA's subfield and its length */
    GZIP_END = 10,
    GZIP_PART = 16000,
    TOPIC_MAX = 65535,
};
static const uint32_t zstd_magic = 0x184D2A5E;
static const char gzip_begin[] = "\x1f\x8b\x08\x04\0\0\0\0\0\xff",
                  gzip_end[] = "\x03\0\0\0\0\0\0\0\0\0";

/* ---- numbers ---- */

static void put(struct sl_buf *to, uint64_t v, size_t n)
{
    char bytes[8];

    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(v >> 8 * i);
    sl_buf_append(to, bytes, n);
}

static uint64_t get(const char *p, size_t n)
{
    uint64_t v = 0;

    for (size_t i = n; i-- > 0;)
        v = v << 8 | (uint8_t)p[i];
    return v;
}

static uint32_t get32(const char *p)
{
    return (uint32_t)get(p, 4);
}

/* ---- writing ---- */

static void put_payload(const struct sl_archive_index *index, struct sl_buf *to)
{
    put(to, MAGIC_INDEX, 4);
    put(to, VERSION, 1);
    put(to, index->format, 1);
    put(to, index->topic.n, 2);
    put(to, (uint32_t)index->partition, 4);
    put(to, index->n, 4);
    sl_buf_slice(to, index->topic);
    for (uint32_t i = 0; i < index->n; i++) {
        const struct sl_archive_member *m = &index->members[i];

        put(to, m->offset, 8);
        put(to, m->length, 4);
        put(to, m->raw, 4);
        put(to, m->records, 4);
        put(to, m->filter.n, 4);
        put(to, (uint64_t)m->first, 8);
        put(to, (uint64_t)m->last, 8);
        put(to, (uint64_t)m->least_ns, 8);
        put(to, (uint64_t)m->greatest_ns, 8);
        put(to, m->offsets, 4);
    }
    for (uint32_t i = 0; i < index->n; i++)
        sl_buf_slice(to, index->members[i].filter);
    put(to, sl_crc32c(0, to->p, to->n), SUM);
}

static void put_footer(uint64_t size, size_t payload, struct sl_buf *to)
{
    put(to, size, 8);
    put(to, payload, 4);
    put(to, MAGIC_FOOTER, 4);
}

static void wrap_zstd(struct sl_slice payload, struct sl_buf *to)
{
    put(to, zstd_magic, 4);
    put(to, payload.n + FOOTER, 4);
    sl_buf_slice(to, payload);
    put_footer(ZSTD_HEADER + payload.n + FOOTER, payload.n, to);
}

static void begin_gzip(char kind, size_t n, struct sl_buf *to)
{
    sl_buf_append(to, gzip_begin, sizeof(gzip_begin) - 1);
    put(to, n + 4, 2);
    sl_buf_byte(to, 'S');
    sl_buf_byte(to, kind);
    put(to, n, 2);
}

static void wrap_gzip(struct sl_slice payload, struct sl_buf *to)
{
    size_t begin = to->n;

    for (size_t at = 0; at < payload.n; at += GZIP_PART) {
        size_t n = payload.n - at < GZIP_PART ? payload.n - at : GZIP_PART;

        begin_gzip('L', n, to);
        sl_buf_append(to, payload.p + at, n);
        sl_buf_append(to, gzip_end, GZIP_END);
    }
    begin_gzip('F', FOOTER, to);
    put_footer(to->n - begin + FOOTER + GZIP_END, payload.n, to);
    sl_buf_append(to, gzip_end, GZIP_END);
}

int sl_archive_index_write(const struct sl_archive_index *index, enum sl_compression kind,
                           struct sl_buf *object)
{
    size_t begin = object->n;
    struct sl_buf payload;
    bool full;

    sl_buf_init(&payload, SL_ARCHIVE_INDEX_MAX);
    put_payload(index, &payload);
    full = payload.full || index->topic.n > TOPIC_MAX;
    if (!full && kind == SL_COMPRESS_ZSTD)
        wrap_zstd(sl_buf_as_slice(&payload), object);
    else if (!full)
        wrap_gzip(sl_buf_as_slice(&payload), object);
    if (full || object->full)
        sl_buf_truncate(object, begin);
    sl_buf_release(&payload);
    return full || object->n == begin ? SL_EFULL : SL_OK;
}

/* ---- finding ---- */

static size_t wrapped(enum sl_compression kind, size_t payload)
{
    size_t parts = (payload + GZIP_PART - 1) / GZIP_PART;

    if (kind == SL_COMPRESS_ZSTD)
        return ZSTD_HEADER + payload + FOOTER;
    return payload + parts * (GZIP_HEADER + GZIP_END) + GZIP_HEADER + FOOTER + GZIP_END;
}

int sl_archive_index_find(enum sl_compression kind, struct sl_slice tail, uint64_t object_size,
                          uint64_t *ret_size)
{
    size_t behind = kind == SL_COMPRESS_GZIP ? GZIP_END : 0;
    const char *footer;
    uint64_t size;
    uint32_t payload;

    if (kind == SL_COMPRESS_NONE || tail.n < FOOTER + behind || tail.n > object_size)
        return SL_ENOENT;
    footer = tail.p + tail.n - behind - FOOTER;
    size = get(footer, 8);
    payload = get32(footer + 8);
    if (get32(footer + 12) != (uint32_t)MAGIC_FOOTER || payload < HEADER + SUM ||
        payload > SL_ARCHIVE_INDEX_MAX || size != wrapped(kind, payload) || size > object_size)
        return SL_ENOENT;
    *ret_size = size;
    return SL_OK;
}

/* ---- reading ---- */

static int damaged(struct sl_error *err, const char *what)
{
    return sl_fail(err, SL_EINVAL, "the index is damaged: %s", what);
}

/* One empty member with this subfield; moves *at behind it. p == NULL: there is none. */
static struct sl_slice unwrap_gzip_part(struct sl_slice bytes, size_t *at, char kind)
{
    const char *p = bytes.p + *at;
    size_t left = bytes.n - *at, n;

    if (left < GZIP_HEADER + GZIP_END || memcmp(p, gzip_begin, sizeof(gzip_begin) - 1) != 0 ||
        p[12] != 'S' || p[13] != kind)
        return (struct sl_slice){NULL, 0};
    n = get(p + 14, 2);
    if (get(p + 10, 2) != n + 4 || left < GZIP_HEADER + n + GZIP_END ||
        memcmp(p + GZIP_HEADER + n, gzip_end, GZIP_END) != 0)
        return (struct sl_slice){NULL, 0};
    *at += GZIP_HEADER + n + GZIP_END;
    return sl_slice(p + GZIP_HEADER, n);
}

static bool unwrap_gzip(struct sl_slice bytes, struct sl_buf *payload)
{
    struct sl_slice part;
    size_t at = 0;

    while ((part = unwrap_gzip_part(bytes, &at, 'L')).p)
        sl_buf_slice(payload, part);
    return !payload->full && unwrap_gzip_part(bytes, &at, 'F').n == FOOTER && at == bytes.n;
}

static bool unwrap_zstd(struct sl_slice bytes, struct sl_buf *payload)
{
    if (bytes.n < ZSTD_HEADER + FOOTER || get32(bytes.p) != zstd_magic ||
        get32(bytes.p + 4) != bytes.n - ZSTD_HEADER)
        return false;
    sl_buf_append(payload, bytes.p + ZSTD_HEADER, bytes.n - ZSTD_HEADER - FOOTER);
    return !payload->full;
}

/* Where they lie and what they say of themselves must hold together. */
static const char *read_members(struct sl_archive_index *ret, struct sl_slice at, uint64_t end)
{
    const char *filter = at.p + (size_t)ret->n * ENTRY;
    size_t left = at.n - (size_t)ret->n * ENTRY;
    uint64_t next = 0;

    for (uint32_t i = 0; i < ret->n; i++) {
        const char *p = at.p + (size_t)i * ENTRY;
        struct sl_archive_member *m = &ret->members[i];
        struct sl_xorfilter unused;

        *m = (struct sl_archive_member){.offset = get(p, 8),
                                        .length = get32(p + 8),
                                        .raw = get32(p + 12),
                                        .records = get32(p + 16),
                                        .first = (int64_t)get(p + 24, 8),
                                        .last = (int64_t)get(p + 32, 8),
                                        .least_ns = (int64_t)get(p + 40, 8),
                                        .greatest_ns = (int64_t)get(p + 48, 8),
                                        .offsets = get32(p + 56),
                                        .filter = sl_slice(filter, get32(p + 20))};
        if (m->offset != next || m->length == 0 || m->length > end - next)
            return "its members do not lie one after the other";
        next += m->length;
        if (m->records == 0 || m->raw < m->records || m->offsets == 0 || m->offsets > m->records ||
            m->first < 0 || m->last < m->first || m->greatest_ns < m->least_ns ||
            (i > 0 && m->first < m[-1].last))
            return "a member's numbers contradict each other";
        if (m->filter.n > left || (m->filter.n && !sl_xorfilter_parse(m->filter, &unused)))
            return "a member's filter is none";
        filter += m->filter.n;
        left -= m->filter.n;
    }
    return next != end ? "its members do not fill the object" : left ? "it is too long" : NULL;
}

static const char *read_payload(struct sl_archive_index *ret, uint64_t members_end)
{
    const char *p = ret->payload.p;
    size_t n = ret->payload.n, topic;

    if (n < HEADER + SUM || sl_crc32c(0, p, n - SUM) != get32(p + n - SUM))
        return "its checksum does not agree";
    n -= SUM;
    if (get32(p) != (uint32_t)MAGIC_INDEX || p[4] != VERSION)
        return "it is of a version that this program does not know";
    if ((uint8_t)p[5] > SL_ARCHIVE_RAW)
        return "it names a format that this program does not know";
    ret->format = (enum sl_archive_format)p[5];
    topic = get(p + 6, 2);
    ret->partition = (int32_t)get32(p + 8);
    ret->n = get32(p + 12);
    if (topic > n - HEADER || ret->n > (n - HEADER - topic) / ENTRY)
        return "it is too short";
    ret->topic = sl_slice(p + HEADER, topic);
    ret->members = sl_calloc(ret->n + 1, sizeof(*ret->members));
    return read_members(ret, sl_slice(p + HEADER + topic, n - HEADER - topic), members_end);
}

int sl_archive_index_parse(enum sl_compression kind, struct sl_slice bytes, uint64_t object_size,
                           struct sl_archive_index *ret, struct sl_error *err)
{
    struct sl_archive_index index = {.size = bytes.n};
    const char *wrong = "its frames are broken";
    uint64_t size;

    if (sl_archive_index_find(kind, bytes, object_size, &size) != SL_OK || size != bytes.n)
        return damaged(err, "its end does not agree with it");
    sl_buf_init(&index.payload, SL_ARCHIVE_INDEX_MAX);
    if (kind == SL_COMPRESS_ZSTD ? unwrap_zstd(bytes, &index.payload)
                                 : unwrap_gzip(bytes, &index.payload))
        wrong = read_payload(&index, object_size - size);
    if (wrong) {
        sl_archive_index_release(&index);
        return damaged(err, wrong);
    }
    *ret = index;
    return SL_OK;
}

void sl_archive_index_release(struct sl_archive_index *index)
{
    free(index->members);
    sl_buf_release(&index->payload);
    *index = (struct sl_archive_index){.n = 0};
}

bool sl_archive_member_may_have(const struct sl_archive_member *m, uint64_t hash)
{
    struct sl_xorfilter f;

    return m->filter.n == 0 || !sl_xorfilter_parse(m->filter, &f) ||
           sl_xorfilter_may_have(&f, hash);
}
