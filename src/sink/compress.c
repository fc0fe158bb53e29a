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

static int gzip_pieces(struct sl_slice in, struct sl_compress_piece *pieces, size_t n,
                       struct sl_buf *out)
{
    struct gzip *g = sl_alloc(sizeof(*g));
    int rc = SL_OK;

    for (size_t i = 0; rc == SL_OK && i < n; i++) {
        size_t begin = out->n;

        rc = gzip_member(g, sl_slice(in.p, pieces[i].raw), out);
        pieces[i].length = (uint32_t)(out->n - begin);
        in.p += pieces[i].raw;
    }
    free(g);
    return rc;
}

/* ---- zstd ---- */

static int zstd_pieces(int level, struct sl_slice in, struct sl_compress_piece *pieces, size_t n,
                       struct sl_buf *out)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    int rc = z ? SL_OK : SL_EIO;

    if (rc == SL_OK && (ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, level)) ||
                        ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1))))
        rc = SL_EIO;
    for (size_t i = 0; rc == SL_OK && i < n; i++) {
        size_t raw = pieces[i].raw, room = ZSTD_compressBound(raw), made;

        /* One-shot compression is fastest with room for the worst case; the last member may have to
         * do with less. */
        if (room > out->max - out->n)
            room = out->max - out->n;
        if (room == 0 || !sl_buf_reserve(out, room)) {
            rc = SL_EFULL;
            break;
        }
        made = ZSTD_compress2(z, out->p + out->n, room, in.p, raw);
        if (ZSTD_isError(made)) {
            rc = room < ZSTD_compressBound(raw) ? SL_EFULL : SL_EIO;
            break;
        }
        out->n += made;
        pieces[i].length = (uint32_t)made;
        in.p += raw;
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

int sl_unzstd_all(struct sl_slice in, struct sl_buf *out)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_inBuffer from = {.src = in.p, .size = in.n};
    size_t begin = out->n, left = 1; /* of a frame that has begun */
    int rc = z ? SL_OK : SL_EIO;

    while (rc == SL_OK && (from.pos < from.size || left > 0)) {
        size_t room = out->max - out->n < STEP ? out->max - out->n : STEP, before = from.pos;
        ZSTD_outBuffer to;

        if (room > 0)
            sl_buf_reserve(out, room);
        to = (ZSTD_outBuffer){.dst = out->p + out->n, .size = out->cap - out->n};
        left = ZSTD_decompressStream(z, &to, &from);
        if (ZSTD_isError(left))
            rc = SL_EINVAL;
        else if (left > 0 && from.pos == before && to.pos == 0)
            rc = room ? SL_EINVAL : SL_EFULL; /* cut off; or there is no room for more */
        else
            out->n += to.pos;
    }
    ZSTD_freeDCtx(z);
    if (rc != SL_OK)
        sl_buf_truncate(out, begin);
    return rc;
}

/* ---- both ---- */

static int pieces_of(enum sl_compression kind, int level, struct sl_slice in,
                     struct sl_compress_piece *pieces, size_t n, struct sl_buf *out)
{
    size_t begin = out->n, first = guess(in.n);
    int rc;

    if (!in.p)
        in.p = "";
    if (first <= out->max - out->n)
        sl_buf_reserve(out, first);
    if (kind == SL_COMPRESS_ZSTD)
        rc = zstd_pieces(level, in, pieces, n, out);
    else
        rc = gzip_pieces(in, pieces, n, out);
    if (rc != SL_OK) {
        sl_buf_truncate(out, begin);
        out->full = rc == SL_EFULL;
    }
    sl_buf_shrink(out);
    return rc;
}

static int one(enum sl_compression kind, int level, struct sl_slice in, struct sl_buf *out)
{
    struct sl_compress_piece whole = {.raw = (uint32_t)in.n};

    return in.n > UINT32_MAX ? SL_EFULL : pieces_of(kind, level, in, &whole, 1, out);
}

int sl_compress_pieces(enum sl_compression kind, struct sl_slice in,
                       struct sl_compress_piece *pieces, size_t n, struct sl_buf *out)
{
    return pieces_of(kind, ZSTD_LEVEL, in, pieces, n, out);
}

int sl_gzip(struct sl_slice in, struct sl_buf *out)
{
    return one(SL_COMPRESS_GZIP, 0, in, out);
}

int sl_zstd(struct sl_slice in, struct sl_buf *out)
{
    return one(SL_COMPRESS_ZSTD, ZSTD_LEVEL, in, out);
}

int sl_zstd_dense(struct sl_slice in, struct sl_buf *out)
{
    return one(SL_COMPRESS_ZSTD, ZSTD_DENSE, in, out);
}
