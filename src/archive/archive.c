/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/archive.h"

#include <stdlib.h>

#include "archive/impl.h"
#include "base/alloc.h"
#include "sink/compress.h"

/* What is expected of the first objects' indexes; soon those that were seen weigh more. */
enum { FIRST_INDEX = 16 << 10, FIRST_OBJECT = 1 << 20 };

struct sl_archive *sl_archive_new(const struct sl_sink_config *sink, struct sl_runtime *rt,
                                  struct sl_http *http, struct sl_error *err)
{
    struct sl_archive *a = sl_zalloc(sizeof(*a));

    a->config = sink;
    a->index_bytes = FIRST_INDEX;
    a->indexed_bytes = FIRST_OBJECT;
    sl_buf_init(&a->lines, SL_ARCHIVE_INFLATED_MAX);
    if (sl_s3_client_init(&a->client, sink, rt, http, err) != SL_OK) {
        sl_archive_free(a);
        return NULL;
    }
    a->inflater = sl_inflater_new();
    return a;
}

void sl_archive_free(struct sl_archive *a)
{
    if (!a)
        return;
    sl_archive_list_release(a);
    sl_archive_read_release(a);
    sl_buf_release(&a->lines);
    sl_inflater_free(a->inflater);
    sl_s3_client_release(&a->client);
    free(a);
}

void sl_archive_end(struct sl_archive *a, int code, const struct sl_error *err)
{
    sl_archive_done done = a->done;

    a->done = NULL;
    done(a->user, code, err);
}

struct sl_archive_object *sl_archive_objects(struct sl_archive *a, size_t *ret_n)
{
    *ret_n = a->n_objects;
    return a->objects;
}

const struct sl_archive_counts *sl_archive_counts(const struct sl_archive *a)
{
    return &a->counts;
}

const char *sl_archive_trouble(const struct sl_archive *a)
{
    return a->trouble;
}

enum sl_archive_format sl_archive_format_of(const struct sl_archive *a)
{
    return a->config->s3.format;
}

int sl_archive_inflate(struct sl_archive *a, enum sl_compression kind, struct sl_slice bytes,
                       struct sl_buf *out, struct sl_error *err)
{
    const char *why = "";
    int code;

    switch (kind) {
    case SL_COMPRESS_GZIP:
        code = sl_inflate(a->inflater, bytes, out, &why);
        return code ? sl_fail(err, code, "gzip: %s", why) : SL_OK;
    case SL_COMPRESS_ZSTD:
        code = sl_unzstd_all(bytes, out);
        if (code == SL_EFULL)
            return sl_fail(err, code, "zstd: it holds more than it may");
        return code ? sl_fail(err, code, "zstd: it is damaged or cut off") : SL_OK;
    case SL_COMPRESS_NONE:
    default:
        sl_buf_slice(out, bytes);
        return out->full ? sl_fail(err, SL_EFULL, "it holds more than it may") : SL_OK;
    }
}
