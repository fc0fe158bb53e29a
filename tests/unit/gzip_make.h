/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TEST_GZIP_MAKE_H
#define TEST_GZIP_MAKE_H

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"

/* Appends one gzip member, for tests of what reads it. */
static inline void gzip_make(struct sl_slice in, struct sl_buf *out)
{
    struct isal_zstream *z = sl_alloc(sizeof(*z));
    uint8_t *level = sl_alloc(ISAL_DEF_LVL1_DEFAULT);
    size_t room = in.n + in.n / 64 + 1024;

    isal_deflate_stateless_init(z);
    z->gzip_flag = IGZIP_GZIP;
    z->level = 1;
    z->level_buf = level;
    z->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    z->end_of_stream = 1;
    z->next_in = (uint8_t *)in.p;
    z->avail_in = (uint32_t)in.n;
    z->next_out = (uint8_t *)sl_buf_reserve(out, room);
    z->avail_out = (uint32_t)room;
    if (!z->next_out || isal_deflate_stateless(z) != COMP_OK)
        abort();
    out->n += z->total_out;
    free(level);
    free(z);
}

#endif
