/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/check.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/hash.h"

static int wrong(struct sl_error *err, const char *what)
{
    return sl_fail(err, SL_EINVAL, "%s", what);
}

/* ---- metadata ---- */

static bool meta_is(const struct sl_http_reply *reply, const char *name, const char *expect)
{
    return sl_slice_is(sl_http_header(reply, name), expect);
}

static int check_identity(const struct sl_archive_object *o, const struct sl_http_reply *reply,
                          struct sl_error *err)
{
    char first[24], last[24];

    snprintf(first, sizeof(first), "%" PRId64, o->name.first);
    snprintf(last, sizeof(last), "%" PRId64, o->name.last);
    if (!meta_is(reply, SL_S3_META_FIRST, first) || !meta_is(reply, SL_S3_META_LAST, last))
        return wrong(err, "its metadata tells other offsets than its name");
    if (!sl_slice_equal(sl_http_header(reply, SL_S3_META_HASH), o->name.hash))
        return wrong(err, "its metadata tells another hash than its name");
    return SL_OK;
}

static int check_sum(const struct sl_http_reply *reply, struct sl_error *err)
{
    struct sl_slice told = sl_http_header(reply, SL_S3_META_BODY);
    uint32_t crc = sl_crc32c(0, reply->body.p, reply->body.n);
    const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                             (uint8_t)crc};
    struct sl_buf text;
    bool same;

    sl_buf_init(&text, 16);
    sl_base64(&text, bytes, sizeof(bytes));
    same = sl_slice_equal(sl_buf_as_slice(&text), told);
    sl_buf_release(&text);
    return !told.n || same ? SL_OK
                           : wrong(err, "its bytes have another checksum than those written");
}

/* ---- lines ---- */

static uint64_t count_lines(const struct sl_buf *lines)
{
    uint64_t n = 0;

    for (const char *p = lines->p, *end = p + lines->n;
         p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        n++;
    return n;
}

static int check_member(struct sl_archive *a, const struct sl_archive_object *o,
                        const struct sl_archive_index *index, const struct sl_archive_member *m,
                        struct sl_slice body, struct sl_error *err)
{
    struct sl_error why = {0};
    struct sl_buf lines;
    uint64_t n;
    int code;

    sl_buf_init(&lines, m->raw < SL_ARCHIVE_INFLATED_MAX ? m->raw : SL_ARCHIVE_INFLATED_MAX);
    code = sl_archive_inflate(a, o->name.compression, sl_slice(body.p + m->offset, m->length),
                              &lines, &why);
    n = count_lines(&lines);
    if (code != SL_OK)
        code = sl_fail(err, SL_EINVAL, "the member at byte %" PRIu64 " is damaged: %s", m->offset,
                       why.text);
    else if (lines.n != m->raw || lines.p[lines.n - 1] != '\n')
        code = sl_fail(err, SL_EINVAL,
                       "the member at byte %" PRIu64 " has other bytes than the index says",
                       m->offset);
    else if (index->format == SL_ARCHIVE_RAW ? n < m->records : n != m->records)
        code = sl_fail(err, SL_EINVAL,
                       "the member at byte %" PRIu64 " has %" PRIu64 " lines for %u records",
                       m->offset, n, m->records);
    sl_buf_release(&lines);
    return code;
}

static int check_index(struct sl_archive *a, const struct sl_archive_object *o, uint64_t size,
                       struct sl_slice body, struct sl_archive_checked *ret, struct sl_error *err)
{
    struct sl_archive_index index;
    int code;

    code = sl_archive_index_parse(o->name.compression, sl_slice(body.p + body.n - size, size),
                                  body.n, &index, err);
    if (code != SL_OK)
        return code;
    ret->indexed = true;
    if (!sl_slice_equal(index.topic, o->name.topic) || index.partition != o->name.partition)
        code = wrong(err, "its index is of another topic or partition than its name");
    for (uint32_t i = 0; code == SL_OK && i < index.n; i++) {
        const struct sl_archive_member *m = &index.members[i];

        if (m->first < o->name.first || m->last > o->name.last)
            code = wrong(err, "its index tells offsets outside those of its name");
        else
            code = check_member(a, o, &index, m, body, err);
        ret->records += m->records;
        ret->many |= m->offsets != m->records;
        ret->raw += m->raw;
    }
    sl_archive_index_release(&index);
    return code;
}

/* Without an index only the whole can be counted. */
static int check_plain(struct sl_archive *a, const struct sl_archive_object *o,
                       struct sl_slice body, struct sl_archive_checked *ret, struct sl_error *err)
{
    struct sl_error why = {0};
    struct sl_buf lines;
    int code;

    sl_buf_init(&lines, SL_ARCHIVE_INFLATED_MAX);
    code = sl_archive_inflate(a, o->name.compression, body, &lines, &why);
    if (code != SL_OK)
        code = sl_fail(err, SL_EINVAL, "it is damaged: %s", why.text);
    ret->records = count_lines(&lines);
    ret->raw = lines.n;
    sl_buf_release(&lines);
    return code;
}

int sl_archive_check(struct sl_archive *a, const struct sl_archive_object *o,
                     const struct sl_http_reply *reply, struct sl_archive_checked *ret,
                     struct sl_error *err)
{
    struct sl_slice body = reply->body, told = sl_http_header(reply, SL_S3_META_RECORDS);
    char records[24];
    uint64_t size;
    int code;

    *ret = (struct sl_archive_checked){.unnamed = !sl_http_header(reply, SL_S3_META_FIRST).p};
    if (body.n != o->size)
        return wrong(err, "it is not as long as the store's list says");
    code = ret->unnamed ? SL_OK : check_identity(o, reply, err);
    if (code == SL_OK)
        code = check_sum(reply, err);
    if (code == SL_OK && sl_archive_index_find(o->name.compression, body, body.n, &size) == SL_OK)
        code = check_index(a, o, size, body, ret, err);
    else if (code == SL_OK)
        code = check_plain(a, o, body, ret, err);
    snprintf(records, sizeof(records), "%" PRIu64, ret->records);
    /* A raw line may be a part of a record; without an index nobody knows. */
    if (code == SL_OK && told.n && !sl_slice_is(told, records) &&
        (ret->indexed || sl_archive_format_of(a) != SL_ARCHIVE_RAW))
        code = sl_fail(err, SL_EINVAL, "it holds %s records, and its metadata tells %.*s", records,
                       (int)told.n, told.p);
    return code;
}
