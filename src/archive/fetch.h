/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_FETCH_H
#define SL_ARCHIVE_FETCH_H

#include "archive/request.h"

/* Pieces of objects, several at a time, and handed over in the order in which they were asked for.
 * At most `window` bytes are under way or wait for their turn, but always one piece. */

struct sl_fetch_piece {
    struct sl_slice object;  /* its key; borrowed */
    uint64_t offset, length; /* length > 0 */
    bool whole; /* without a range, so that the reply is the object's own; length is its size */
    size_t tag;
};

struct sl_fetch_how {
    struct sl_s3_client *client;
    char *trouble; /* as a request's */
    unsigned in_flight;
    uint64_t window;
    /* The next piece; false: there is none. */
    bool (*next)(void *user, struct sl_fetch_piece *ret);
    /* A piece is there, or reply is NULL and `why` says why not. Returns true to have *piece, as
     * changed, in this place instead. */
    bool (*take)(void *user, struct sl_fetch_piece *piece, const struct sl_http_reply *reply,
                 const char *why);
    /* All were taken, or somebody called sl_fetch_stop(). May free the fetch. */
    void (*done)(void *user);
    void *user;
};

struct sl_fetch;

struct sl_fetch *sl_fetch_new(const struct sl_fetch_how *how); /* starts it */
void sl_fetch_free(struct sl_fetch *f);                        /* cancels; done is not called */
void sl_fetch_stop(struct sl_fetch *f); /* inside take: no more is wanted; `done` follows */

#endif
