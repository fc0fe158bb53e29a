/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_HTTP_SERVER_H
#define SL_NET_HTTP_SERVER_H

#include "base/buf.h"
#include "net/loop.h"

/* A small HTTP server for operators (libmicrohttpd, driven from the loop by its epoll descriptor):
 * GET and HEAD only, bounded connections and header sizes. */
struct sl_http_server;

struct sl_http_answer {
    int status;
    const char *content_type; /* static */
    struct sl_buf body;       /* initialised by the server */
};

/* Called on the loop thread for each request; fills the answer. */
typedef void sl_http_handler(void *user, const char *path, struct sl_http_answer *ret);

/* listen: "host:port"; port 0 picks one. */
struct sl_http_server *sl_http_server_new(struct sl_loop *loop, const char *listen,
                                          sl_http_handler *handler, void *user,
                                          struct sl_error *err);
void sl_http_server_free(
    struct sl_http_server *s); /* not from its handler; the loop must turn once more */
const char *
sl_http_server_address(const struct sl_http_server *s); /* "127.0.0.1:9750", port resolved */

#endif
