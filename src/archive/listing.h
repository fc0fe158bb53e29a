/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_LISTING_H
#define SL_ARCHIVE_LISTING_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* A page of ListObjectsV2. A scan for the elements that matter, not an XML reader: unknown elements
 * are passed over, and what is no such document is refused. */

enum { SL_LISTING_PAGE_MAX = 8 << 20, SL_LISTING_KEY_MAX = 1024, SL_LISTING_TOKEN_MAX = 4096 };

struct sl_listing {
    /* key: without entities, borrowed for the call. folder: a common prefix, which ends with '/';
     * size 0. */
    void (*take)(void *user, struct sl_slice key, uint64_t size, bool folder);
    void *user;
    struct sl_buf token; /* set: of the next page; empty: this was the last. The caller inits and
                            releases it */
};

/* SL_EINVAL: it is none, and `take` was called for a part of it at most. */
int sl_listing_parse(struct sl_slice page, struct sl_listing *l, struct sl_error *err);

#endif
