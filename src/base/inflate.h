/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_INFLATE_H
#define SL_BASE_INFLATE_H

#include "base/buf.h"
#include "base/slice.h"

/* Reading gzip that somebody else made.
 *
 * A gzip file is a run of members (RFC 1952, section 2.2), and all of it must be good: what is not
 * a member, a sum or length that is wrong, an end that comes too early, and then nothing of it
 * counts.
 *
 * Three bytes of deflate can hold a thousand, so a small message could ask for any amount of
 * memory. What comes out is bounded twice: by the maximum of the buffer, and by a ratio to what
 * goes in. Logs shrink to between a third and a thirtieth, and the same line over and over to a two
 * hundredth; deflate itself reaches 1 to 1032. The first MiB is free of the ratio: it costs
 * nothing, and tiny documents of the same line may shrink as they like. */

enum { SL_INFLATE_RATIO = 300, SL_INFLATE_FREE = 1 << 20 };

struct sl_inflater; /* tables of about 100 KB, for one thread and any number of calls */
struct sl_inflater *sl_inflater_new(void);
void sl_inflater_free(struct sl_inflater *z);

/* Appends what all members of `in` hold. SL_OK; SL_EINVAL: damaged; SL_ELIMIT: it holds more than
 * out->max or the ratio leaves room for. Then nothing is appended and *ret_why, a static text that
 * follows "gzip: ", says what is wrong. */
int sl_inflate(struct sl_inflater *z, struct sl_slice in, struct sl_buf *out, const char **ret_why);

/* Whether it begins as gzip does. */
static inline bool sl_is_gzip(struct sl_slice in)
{
    return in.n >= 2 && (unsigned char)in.p[0] == 0x1f && (unsigned char)in.p[1] == 0x8b;
}

#endif
