/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ARCHIVE_REQUEST_H
#define SL_ARCHIVE_REQUEST_H

#include "sink/s3_request.h"

/* One question to the store, asked again while the answer is a passing failure. */

enum { SL_ARCHIVE_ATTEMPTS = 8, SL_ARCHIVE_WHY_MAX = 512 };

struct sl_archive_request {
    struct sl_s3_client *client;
    struct sl_slice object; /* its key; p == NULL: the bucket. Borrowed until done */
    const char *query;      /* NULL: none; borrowed until done */
    uint64_t offset;        /* of the object; with length 0: all of it */
    uint64_t length;
    size_t max_reply;
    char
        *trouble; /* room of SL_ARCHIVE_WHY_MAX for why it is asked again; "" once it is answered */
    /* reply NULL: it failed, and `why` says so. Both borrowed for the call; the request may be
     * freed in it. */
    void (*done)(struct sl_archive_request *r, const struct sl_http_reply *reply, const char *why);

    /* Private. */
    struct sl_exchange exchange;
    struct sl_timer timer;
    unsigned attempts;
    bool waiting, corrected;
    char range[64];
};

void sl_archive_request_start(struct sl_archive_request *r);
void sl_archive_request_cancel(struct sl_archive_request *r); /* under way: `done` is not called */

#endif
