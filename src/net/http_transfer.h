/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_HTTP_TRANSFER_H
#define SL_NET_HTTP_TRANSFER_H

#include <curl/curl.h>

#include "base/buf.h"
#include "base/list.h"
#include "sluice/http.h"

/* Inside the HTTP client: one request under way. A transfer and its easy handle are used again for
 * the next request, for making a handle costs more than a small request. */

enum {
    SL_HTTP_HEADERS_MAX = 64 << 10, /* of a reply */
    SL_HTTP_LARGE_BODY = 512 << 10, /* from here on a request gets a large upload buffer */
    SL_HTTP_UPLOAD_BUFFER = 64 << 10,
    SL_HTTP_UPLOAD_BUFFER_LARGE = 2 << 20,
    SL_HTTP_CONNECT_TIMEOUT_MS = 5000,
    SL_HTTP_TIMEOUT_MS = 30000, /* where a request names none */
};

struct sl_transfer {
    struct sl_list link; /* the client's: active, or free for use again */
    CURL *easy;
    struct sl_http_request *request; /* NULL while free */
    bool large;                      /* its body is: the handle keeps a large buffer */
    struct curl_slist *headers;
    struct sl_buf body, head; /* of the reply */
    bool head_done;           /* the empty line came; what follows in this reply are trailers */
    bool head_full, body_full;
    bool target_private; /* the URL names a private address: what a proxy must not be asked for */
    unsigned denied, opened; /* sockets refused and allowed by deny_private */
    unsigned timeout_ms;
    char where[300]; /* host:port, for a person */
    char proxy[300]; /* likewise; "" without one */
    char curl_text[CURL_ERROR_SIZE];
};

struct sl_transfer *sl_transfer_new(void);
void sl_transfer_free(struct sl_transfer *t);
/* Sets every option for r. On error t is as free as before. */
int sl_transfer_begin(struct sl_transfer *t, struct sl_http_request *r, struct sl_error *err);
/* Forgets the request. False: the handle holds too much memory to be kept. */
bool sl_transfer_end(struct sl_transfer *t);
/* What became of it. The reply borrows from t; words (at least 512 bytes) take the error's text. */
void sl_transfer_reply(struct sl_transfer *t, CURLcode code, char *words, size_t size,
                       struct sl_http_reply *ret);

/* http_failure.c: which kind of failure `code` is, and the words for it. */
enum sl_http_result sl_transfer_failure(const struct sl_transfer *t, CURLcode code, char *words,
                                        size_t size);

#endif
