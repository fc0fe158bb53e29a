/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_REPLY_H
#define SL_SINK_S3_REPLY_H

#include "sluice/http.h"
#include "sluice/sink.h"

/* What a reply of an S3 store means. An object is never refused for its content, so every answer is
 * one of three: delivered, again, or stall with a reason in an operator's words. (What 412 means is
 * known only after a HEAD: the caller handles it before it asks here.) */

enum { SL_S3_CODE_MAX = 64, SL_S3_MESSAGE_MAX = 256, SL_S3_REASON_MAX = 512 };

struct sl_s3_error {
    char code[SL_S3_CODE_MAX];
    char message[SL_S3_MESSAGE_MAX];
};

/* Finds <Code> and <Message> directly inside <Error>. A small scan, not an XML reader: unknown
 * input gives empty texts. Control characters become blanks. */
void sl_s3_error_parse(struct sl_slice body, struct sl_s3_error *ret);

/* Whether it is the answer to a request for a bucket's list of objects. */
bool sl_s3_is_listing(struct sl_slice body);

struct sl_s3_verdict {
    struct sl_result result; /* reason points to `reason` */
    bool skewed;             /* the store says that our clock is wrong */
    bool exists;             /* 412 and its kin: the name is taken */
    char reason[SL_S3_REASON_MAX];
};

/* what: for the reason, as "PUT s3://logs/key". wall_ms: the time by the store's clock, as far as
 * it is known. */
void sl_s3_judge(const struct sl_http_reply *reply, const struct sl_s3_config *config,
                 const char *what, int64_t wall_ms, struct sl_s3_verdict *ret);

#endif
