/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_HTTP_CLIENT_H
#define SL_NET_HTTP_CLIENT_H

#include "net/loop.h"
#include "sluice/http.h"

/* The HTTP client: libcurl's multi interface on the libuv loop. Connections are kept and shared by
 * all sinks.
 *
 * - HTTP/1.1 only, TLS 1.2 at least, no redirects, no decompression, no proxy but the request's
 * own, and never a wait for 100 Continue. 5 s to connect; a request without a timeout has 30 s.
 * - submit() refuses (SL_EINVAL) what must not leave: a method, URL or header line that is none, a
 * header with a line break in it. Everything later arrives as a reply, from the loop.
 * - TIMEOUT and BROKEN leave open whether the request was applied. A wait that ends before a byte
 * was sent is CONNECT (or RESOLVE), so it is known that nothing was.
 * - deny_private judges the address that is connected to, for kept connections too. Behind a proxy
 * only the proxy sees that address: then a URL that names a private address itself is refused, and
 * names are the proxy's to judge.
 * - https_only: another scheme is DENIED.
 * - The reply's headers are those of the last reply, without its status line and trailers. */
struct sl_http_client;

struct sl_http_client *sl_http_client_new(struct sl_loop *loop, struct sl_error *err);
void sl_http_client_free(struct sl_http_client *c); /* cancels all; the loop must turn once more */
struct sl_http *sl_http_client_http(struct sl_http_client *c);

#endif
