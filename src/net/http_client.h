/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_HTTP_CLIENT_H
#define SL_NET_HTTP_CLIENT_H

#include "net/loop.h"
#include "sluice/http.h"

/* The HTTP client: libcurl's multi interface on the libuv loop. Connections are kept and shared by all
 * sinks. */
struct sl_http_client;

struct sl_http_client *sl_http_client_new(struct sl_loop *loop, struct sl_error *err);
void sl_http_client_free(struct sl_http_client *c); /* cancels all; the loop must turn once more */
struct sl_http *sl_http_client_http(struct sl_http_client *c);

#endif
