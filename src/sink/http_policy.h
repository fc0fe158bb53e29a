/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_HTTP_POLICY_H
#define SL_SINK_HTTP_POLICY_H

#include "sluice/sink.h"

/* What sinks that speak HTTP share: what the end of an exchange says about a whole batch, and the
 * life of one request.
 *
 * The table (design, section 3.6). It judges requests; what stands inside a 200 is the sink's own
 * matter.
 *
 *   2xx                       DELIVERED
 *   3xx                       STALL: redirects are never followed, so the address is wrong
 *   400 422 and other 4xx     SPLIT: down to the one record that is to blame
 *   401 402 403 404 405 406 407 410 415 426
 *                             STALL: credentials, address or account; nothing of this sink can pass
 *   408 425                   AGAIN
 *   413                       SPLIT
 *   429                       AGAIN, throttled
 *   5xx                       AGAIN; 502 503 504 throttled: somebody on the way has too much to do
 *   no such name, no connection, time out, cut or unreadable reply
 *                             AGAIN: whether it was applied may be unknown, ids make it safe
 *   TLS, private address      STALL: only a person can put that right
 */

enum {
    SL_HTTP_RETRY_AFTER_MAX_MS = 5 * 60 * 1000,
    SL_HTTP_REASON_MAX = 320,  /* bytes of what a reason quotes */
    SL_HTTP_EXCERPT_MAX = 200, /* bytes of a reply's body that a reason shows */
};

/* Fills ret but per_item. `detail`: what the destination says about it, or p == NULL; the caller
 * vouches that it holds no secret. ret->reason points into `reason`, which is cleared first. */
void sl_http_judge(const struct sl_http_reply *reply, int64_t wall_ms, struct sl_slice detail,
                   struct sl_buf *reason, struct sl_result *ret);

/* Retry-After (RFC 9110, section 10.2.3) in milliseconds: seconds or any of the three dates;
 * clamped, for a wrong header must not park a sink for ever. 0: none, in the past, or not to be
 * read. */
unsigned sl_http_retry_after(const struct sl_http_reply *reply, int64_t wall_ms);

/* Whether a reply's body holds one of the secrets (NULL and "" are none): some servers answer with
 * the request they were sent. */
bool sl_http_tells_secret(struct sl_slice body, const char *const *secrets, size_t n_secrets);

/* Appends at most `max` bytes of a text from outside: one line, printable, whole characters. */
void sl_http_text(struct sl_slice text, size_t max, struct sl_buf *out);
/* The beginning of a reply's body for a reason. Nothing when the body holds one of the secrets. */
void sl_http_excerpt(struct sl_slice body, const char *const *secrets, size_t n_secrets,
                     struct sl_buf *out);

/* A header's value may neither end its line nor hold another control character. */
bool sl_http_header_value_ok(const char *value);
bool sl_http_header_name_ok(const char *name);

/* ---- one request ---- */

/* The client, or the sink itself, may find at once that a request cannot be made, but a sink must
 * not settle a batch from inside submit(): the refusal then arrives as a failed reply, from a
 * timer. Zero it, fill `http` (but done), `rt`, `client` and `done`. It is free to go when `done`
 * is called or after cancel. */
struct sl_exchange {
    struct sl_http_request http;
    struct sl_runtime *rt;
    struct sl_http *client;
    void (*done)(struct sl_exchange *x, const struct sl_http_reply *reply);
    /* Private. */
    struct sl_timer refused;
    enum sl_http_result refusal;
    char error[512];
    bool waiting; /* for `refused` */
};

void sl_exchange_start(struct sl_exchange *x);
/* Instead of it, when the sink finds that there is nothing to be sent. Needs only `rt` and `done`.
 */
void sl_exchange_refuse(struct sl_exchange *x, enum sl_http_result result, const char *why);
void sl_exchange_cancel(struct sl_exchange *x); /* `done` is not called */

#endif
