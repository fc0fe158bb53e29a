/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/compress.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    GZIP_LEVEL = 1,
    ZSTD_LEVEL = 1,
    ZSTD_DENSE = 9,
    STEP = 64 * 1024,     /* least room given to the deflater at once */
    OVERHEAD = 1024,      /* headers, trailers and stored-block marks of one member, generously */
    INPUT_MAX = 1u << 30, /* ISA-L counts in 32 bits */
};

/* How much to reserve for n bytes at first. Logs shrink to about a quarter; more is asked for as it
 * turns out. */
static size_t guess(size_t n)
{
    return n / 4 + STEP;
}

/* ---- gzip ---- */

struct gzip {
    struct isal_zstream stream; /* about 100 KB: not for a pool thread's stack */
    uint8_t level[ISAL_DEF_LVL1_DEFAULT];
};

/* Gives the deflater room: what the buffer has, or a step more. */
static bool gzip_room(struct isal_zstream *z, struct sl_buf *out)
{
    size_t room = out->cap - out->n;

    if (room < STEP) {
        room = out->max - out->n;
        if (room > STEP)
            room = STEP;
        if (room == 0 || !sl_buf_reserve(out, room)) {
            out->full = true;
            return false;
        }
        room = out->cap - out->n;
    }
    z->next_out = (uint8_t *)out->p + out->n;
    z->avail_out = room > INPUT_MAX ? (uint32_t)INPUT_MAX : (uint32_t)room;
    return true;
}

static int gzip_member(struct gzip *g, struct sl_slice in, struct sl_buf *out)
{
    struct isal_zstream *z = &g->stream;

    isal_deflate_init(z);
    z->gzip_flag = IGZIP_GZIP;
    z->level = GZIP_LEVEL;
    z->level_buf = g->level;
    z->level_buf_size = sizeof(g->level);
    z->next_in = (uint8_t *)in.p;
    z->avail_in = 0;
    do {
        uint32_t room;
        size_t part;

        if (z->avail_in == 0 && in.n > 0) {
            part = in.n > INPUT_MAX ? INPUT_MAX : in.n;
            z->next_in = (uint8_t *)in.p;
            z->avail_in = (uint32_t)part;
            in.p += part;
            in.n -= part;
        }
        z->end_of_stream = in.n == 0;
        if (!gzip_room(z, out))
            return SL_EFULL;
        room = z->avail_out;
        if (isal_deflate(z) != COMP_OK)
            return SL_EIO;
        out->n += room - z->avail_out;
    } while (z->internal_state.state != ZSTATE_END);
    return SL_OK;
}

static int gzip_members(struct sl_slice in, size_t member, struct sl_buf *out)
{
    struct gzip *g = sl_alloc(sizeof(*g));
    int rc;

    do {
        struct sl_slice part = sl_slice(in.p, in.n < member ? in.n : member);

        rc = gzip_member(g, part, out);
        in.p += part.n;
        in.n -= part.n;
    } while (rc == SL_OK && in.n > 0);
    free(g);
    return rc;
}

/* ---- zstd ---- */

static int zstd_members(int level, struct sl_slice in, size_t member, struct sl_buf *out)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    int rc = z ? SL_OK : SL_EIO;

    if (rc == SL_OK && (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level)) ||
                        ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))))
        rc = SL_EIO;
    while (rc == SL_OK) {
        struct sl_slice part = sl_slice(in.p, in.n < member ? in.n : member);
        size_t room = ZSTD_compressBound(part.n), n;

        /* One-shot compression is fastest with room for the worst case; the last member may have to
         * do with less. */
        if (room > out->max - out->n)
            room = out->max - out->n;
        if (room == 0 || !sl_buf_reserve(out, room)) {
            rc = SL_EFULL;
            break;
        }
        n = ZSTD_compress2(z, out->p + out->n, room, part.p, part.n);
        if (ZSTD_isError(n)) {
            rc = room < ZSTD_compressBound(part.n) ? SL_EFULL : SL_EIO;
            break;
        }
        out->n += n;
        in.p += part.n;
        in.n -= part.n;
        if (in.n == 0)
            break;
    }
    ZSTD_freeCCtx(z);
    return rc;
}

int sl_unzstd(struct sl_slice in, struct sl_buf *out)
{
    size_t room = out->max - out->n, n;

    if (room == 0 || !sl_buf_reserve(out, room))
        return SL_EFULL;
    n = ZSTD_decompress(out->p + out->n, room, in.p, in.n);
    if (ZSTD_isError(n))
        return SL_EINVAL;
    out->n += n;
    return SL_OK;
}

/* ---- both ---- */

static int members(enum sl_compression kind, int level, struct sl_slice in, size_t member,
                   struct sl_buf *out)
{
    size_t begin = out->n, first = guess(in.n);
    int rc;

    if (!in.p)
        in.p = "";
    if (first <= out->max - out->n)
        sl_buf_reserve(out, first);
    if (kind == SL_COMPRESS_ZSTD)
        rc = zstd_members(level, in, member, out);
    else
        rc = gzip_members(in, member, out);
    if (rc != SL_OK) {
        sl_buf_truncate(out, begin);
        out->full = rc == SL_EFULL;
    }
    sl_buf_shrink(out);
    return rc;
}

int sl_compress_members(enum sl_compression kind, struct sl_slice in, size_t member,
                        struct sl_buf *out)
{
    return members(kind, ZSTD_LEVEL, in, member, out);
}

int sl_gzip(struct sl_slice in, struct sl_buf *out)
{
    return sl_compress_members(SL_COMPRESS_GZIP, in, in.n ? in.n : 1, out);
}

int sl_zstd(struct sl_slice in, struct sl_buf *out)
{
    return sl_compress_members(SL_COMPRESS_ZSTD, in, in.n ? in.n : 1, out);
}

int sl_zstd_dense(struct sl_slice in, struct sl_buf *out)
{
    return members(SL_COMPRESS_ZSTD, ZSTD_DENSE, in, in.n ? in.n : 1, out);
}

size_t sl_compress_bound(size_t n, size_t member)
{
    size_t members = n / member + 1;

    /* Stored deflate blocks cost 5 bytes in at most 65,535; zstd's bound is below n + n / 128 +
     * 512. */
    return n + n / 64 + members * OVERHEAD + STEP;
}
