/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_REPLY_H
#define SL_SINK_ELASTICSEARCH_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* Reads the answer to a bulk request. HTTP 200 proves nothing: every item has its own status, and
 * they say in order which record they mean. So an answer counts only when all of it is one JSON
 * value and it holds exactly as many items as were sent; anything else is an unknown outcome, and
 * the same items go again (their ids make that safe).
 *
 * The bytes come from the network and are hostile until read: no recursion (nesting is a bit stack
 * of 64), no tree, no allocation; time is one pass. The usual answer is some 30 bytes an item. */

struct sl_es_reply_item {
    uint16_t status; /* 100..599 */
    struct sl_slice type,
        reason; /* of its error, as they stand between the quotes; p == NULL: none */
};

struct sl_es_reply {
    size_t items,
        good;    /* good: 200, 201, and 409, which for `create` with our own id means "is there" */
    bool errors; /* what the answer says of itself; the statuses decide */
};

/* SL_OK, or SL_EINVAL with the reason in *ret_why (static text). `item` may be NULL; it is called
 * in order while reading, so with an answer that may turn out unreadable: read once without it. */
int sl_es_reply_read(struct sl_slice body, size_t expected,
                     void (*item)(void *user, size_t index, const struct sl_es_reply_item *item),
                     void *user, struct sl_es_reply *ret, const char **ret_why);

/* The answer to a request that failed as a whole: {"error": {"type", "reason"} or text}. Appends
 * "type: reason" with escapes undone, at most `max` bytes; false when the body is no such answer.
 */
bool sl_es_reply_error(struct sl_slice body, size_t max, struct sl_buf *out);

/* "type: reason" of an item, escapes undone, at most `max` bytes of whole characters. */
void sl_es_reply_text(const struct sl_es_reply_item *item, size_t max, struct sl_buf *out);

#endif
