/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/slice.h"

/* One HTTP exchange as the sinks see it. The real client is net/http_client.h (libcurl on libuv);
 * the simulator and unit tests bring their own. Contract of callbacks: see runtime.h. */

enum sl_http_result {
    SL_HTTP_OK,      /* a whole reply arrived, whatever its status */
    SL_HTTP_RESOLVE, /* the name has no address */
    SL_HTTP_CONNECT, /* no connection: refused, unreachable, proxy */
    SL_HTTP_TLS,     /* certificate or handshake */
    SL_HTTP_TIMEOUT,
    SL_HTTP_DENIED, /* the address is private and that is not allowed; or there are no credentials
                     */
    SL_HTTP_BROKEN, /* cut, malformed or too large a reply: whether it was applied is unknown */
};

struct sl_http_tls {
    const char *ca, *cert, *key; /* PEM files, NULL for none */
    bool verify;
};

struct sl_http_reply {
    enum sl_http_result result;
    const char *error; /* why not OK, for a person; "" when OK */
    int status;        /* 0 unless OK */
    struct sl_slice body;
    struct sl_slice headers; /* all header lines of the last reply, each ended by CRLF */
    double seconds;
};

struct sl_http_request {
    const char *method;         /* GET HEAD PUT POST DELETE */
    const char *url;            /* sent as is: no dot segments are folded */
    const char *const *headers; /* `n_headers` lines "Name: value" without an end */
    size_t n_headers;
    struct sl_slice body;          /* borrowed until `done` */
    unsigned timeout_ms;           /* whole exchange */
    const struct sl_http_tls *tls; /* NULL: system defaults, verified; borrowed until `done` */
    const char *proxy;             /* NULL: none; the environment's proxies are never used */
    bool deny_private; /* refuse loopback, link-local, private and other special ranges */
    bool https_only;
    size_t max_reply; /* body bytes; more is SL_HTTP_BROKEN */
    void (*done)(struct sl_http_request *r, const struct sl_http_reply *reply); /* reply: borrowed
                                                                                   for the call */
    void *impl; /* private to the client */
};

/* Everything but `body`, `tls` and the request itself is copied by submit. Redirects are never
 * followed. cancel() ends a submitted request without its callback. */
struct sl_http {
    int (*submit)(struct sl_http *h, struct sl_http_request *r, struct sl_error *err);
    void (*cancel)(struct sl_http *h, struct sl_http_request *r);
};

/* The value of a header in a reply, trimmed, case-insensitive name; p == NULL when it is not there.
 */
struct sl_slice sl_http_header(const struct sl_http_reply *reply, const char *name);

#endif
