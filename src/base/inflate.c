/* SPDX-License-Identifier: Apache-2.0 */
#include "base/inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"

enum {
    STEP = 64 * 1024, /* least room given at once, where the bounds leave it */
    FIRST = 4,        /* how many times longer than the input a first guess is */
    PART = 1u << 30,  /* ISA-L counts in 32 bits */
};

struct sl_inflater {
    struct inflate_state state;
};

struct sl_inflater *sl_inflater_new(void)
{
    struct sl_inflater *z = sl_zalloc(sizeof(*z));

    isal_inflate_init(&z->state);
    return z;
}

void sl_inflater_free(struct sl_inflater *z)
{
    free(z);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Where the output must end. */
static size_t end_of_output(const struct sl_buf *out, size_t in)
{
    size_t ratio;

    if (__builtin_mul_overflow(in, (size_t)SL_INFLATE_RATIO, &ratio) ||
        __builtin_add_overflow(ratio, (size_t)SL_INFLATE_FREE + out->n, &ratio))
        return out->max;
    return least(ratio, out->max);
}

/* One step: what fits of the output. At the very end a byte of its own shows whether there is more
 * to come: a member that just fits has its sum still to be read. */
static int step(struct inflate_state *s, struct sl_buf *out, size_t end, const char **ret_why)
{
    size_t room = end - out->n;
    uint8_t beyond;
    int rc;

    if (room > out->cap - out->n) {
        room = out->cap - out->n;
        if (room < STEP) { /* here end is farther, so it asks for something */
            sl_buf_reserve(out, least(STEP, end - out->n));
            room = least(out->cap, end) - out->n;
        }
    }
    room = least(room, PART);
    s->next_out = room ? (uint8_t *)out->p + out->n : &beyond;
    s->avail_out = room ? (uint32_t)room : 1;
    rc = isal_inflate(s);
    if (rc != ISAL_DECOMP_OK && rc != ISAL_END_INPUT && rc != ISAL_OUT_OVERFLOW) {
        *ret_why = rc == ISAL_INCORRECT_CHECKSUM ? "a sum or length is wrong" : "damaged";
        return SL_EINVAL;
    }
    if (room == 0 && s->avail_out == 0) {
        *ret_why = end == out->max ? "it holds more than there is room for"
                                   : "it holds more than 300 times its size";
        return SL_ELIMIT;
    }
    if (room)
        out->n += room - s->avail_out;
    return SL_OK;
}

/* One member; *in goes on behind it. At its end the library gives back what it had read ahead, also
 * in an earlier step: only its own place in the input tells how far it came. */
static int member(struct inflate_state *s, struct sl_slice *in, struct sl_buf *out, size_t end,
                  const char **ret_why)
{
    const char *stop = in->p + in->n;
    int rc = SL_OK;

    isal_inflate_reset(s);
    s->crc_flag = ISAL_GZIP;
    while (rc == SL_OK && s->block_state != ISAL_BLOCK_FINISH) {
        const char *from = in->p;
        size_t before = out->n;

        s->next_in = (uint8_t *)in->p;
        s->avail_in = (uint32_t)least(in->n, PART);
        rc = step(s, out, end, ret_why);
        in->p = (const char *)s->next_in;
        in->n = (size_t)(stop - in->p);
        if (rc == SL_OK && in->p == from && out->n == before && s->avail_out > 0 &&
            s->block_state != ISAL_BLOCK_FINISH) {
            *ret_why = "it ends too early";
            rc = SL_EINVAL;
        }
    }
    return rc;
}

int sl_inflate(struct sl_inflater *z, struct sl_slice in, struct sl_buf *out, const char **ret_why)
{
    size_t begin = out->n, end = end_of_output(out, in.n), first;
    bool any = false;
    int rc;

    *ret_why = NULL;
    if (__builtin_mul_overflow(in.n, (size_t)FIRST, &first))
        first = end;
    first = least(first, end - begin);
    if (first > 0)
        sl_buf_reserve(out, first);
    do {
        if (!sl_is_gzip(in)) {
            *ret_why = any ? "something after its end" : "it is none";
            rc = SL_EINVAL;
        } else {
            rc = member(&z->state, &in, out, end, ret_why);
            any = true;
        }
    } while (rc == SL_OK && in.n > 0);
    if (rc != SL_OK)
        sl_buf_truncate(out, begin);
    return rc;
}
