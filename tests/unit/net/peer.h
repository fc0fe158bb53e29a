/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_NET_PEER_H
#define TESTS_UNIT_NET_PEER_H

/* A TCP server on the test's own loop that reads HTTP requests and answers what the test's handler
 * tells it to, byte for byte: what no real server can be made to send. */
#include <netinet/in.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/list.h"
#include "net/loop.h"

struct peer;

struct peer_connection {
    struct sl_list link;
    uv_tcp_t tcp;
    struct peer *peer;
    struct sl_buf in; /* the request so far; whole when the handler is called */
    struct sl_timer drip;
    const char *left; /* what drips */
    unsigned every_ms;
    size_t requests;
    char chunk[64 << 10];
};

struct peer {
    uv_tcp_t tcp;
    struct sl_loop *loop;
    int port;
    void (*handler)(struct peer_connection *c);
    void *user;
    struct sl_list connections;
    size_t accepted, requests, ended; /* ended: closed by the client */
};

struct peer_write {
    uv_write_t request;
    char bytes[];
};

static inline void peer_written(uv_write_t *request, int status)
{
    (void)status;
    free(sl_container_of(request, struct peer_write, request));
}

static inline void peer_send_bytes(struct peer_connection *c, const void *p, size_t n)
{
    struct peer_write *w = sl_alloc(sizeof(*w) + n);
    uv_buf_t buf;

    memcpy(w->bytes, p, n);
    buf = uv_buf_init(w->bytes, (unsigned)n);
    uv_write(&w->request, (uv_stream_t *)&c->tcp, &buf, 1, peer_written);
}

static inline void peer_send(struct peer_connection *c, const char *text)
{
    peer_send_bytes(c, text, strlen(text));
}

static inline void peer_closed(uv_handle_t *handle)
{
    struct peer_connection *c = sl_container_of(handle, struct peer_connection, tcp);

    sl_buf_release(&c->in);
    free(c);
}

static inline void peer_close(struct peer_connection *c)
{
    if (uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    sl_timer_stop(&c->peer->loop->rt, &c->drip);
    sl_list_remove(&c->link);
    uv_close((uv_handle_t *)&c->tcp, peer_closed);
}

static inline void peer_shut(uv_shutdown_t *request, int status)
{
    (void)status;
    peer_close(request->data);
    free(request);
}

/* Closes when all is sent. */
static inline void peer_finish(struct peer_connection *c)
{
    uv_shutdown_t *request = sl_zalloc(sizeof(*request));

    request->data = c;
    if (uv_shutdown(request, (uv_stream_t *)&c->tcp, peer_shut))
        free(request);
}

static inline void peer_drop(struct sl_timer *t)
{
    struct peer_connection *c = sl_container_of(t, struct peer_connection, drip);

    if (*c->left) {
        peer_send_bytes(c, c->left++, 1);
        sl_timer_start(&c->peer->loop->rt, &c->drip, c->every_ms);
    }
}

/* A byte each every_ms. */
static inline void peer_send_slowly(struct peer_connection *c, const char *text, unsigned every_ms)
{
    c->left = text;
    c->every_ms = every_ms;
    sl_timer_start(&c->peer->loop->rt, &c->drip, 0);
}

/* The bytes of a whole request at the front of c->in, or 0. */
static inline size_t peer_whole(struct peer_connection *c)
{
    const char *text = sl_buf_str(&c->in), *end = strstr(text, "\r\n\r\n"), *length;
    size_t head, body = 0;

    if (!end)
        return 0;
    head = (size_t)(end - text) + 4;
    length = strcasestr(text, "\r\nContent-Length:");
    if (length && length < end)
        body = strtoul(length + 17, NULL, 10);
    return c->in.n >= head + body ? head + body : 0;
}

static inline void peer_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct peer_connection *c = sl_container_of(stream, struct peer_connection, tcp);

    if (n < 0) {
        c->peer->ended++;
        peer_close(c);
        return;
    }
    sl_buf_append(&c->in, buf->base, (size_t)n);
    if (peer_whole(c)) { /* clients here never send two at once */
        c->peer->requests++;
        c->requests++;
        c->peer->handler(c);
        sl_buf_clear(&c->in);
    }
}

static inline void peer_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct peer_connection *c = sl_container_of(handle, struct peer_connection, tcp);

    (void)size;
    *buf = uv_buf_init(c->chunk, sizeof(c->chunk));
}

static inline void peer_accept(uv_stream_t *stream, int status)
{
    struct peer *p = sl_container_of(stream, struct peer, tcp);
    struct peer_connection *c = sl_zalloc(sizeof(*c));

    (void)status;
    c->peer = p;
    c->drip.fire = peer_drop;
    sl_buf_init(&c->in, 64 << 20);
    sl_list_push(&p->connections, &c->link);
    uv_tcp_init(&p->loop->uv, &c->tcp);
    uv_accept(stream, (uv_stream_t *)&c->tcp);
    p->accepted++;
    uv_read_start((uv_stream_t *)&c->tcp, peer_room, peer_read);
}

static inline void peer_start(struct peer *p, struct sl_loop *loop,
                              void (*handler)(struct peer_connection *c))
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int size = sizeof(at);

    *p = (struct peer){.loop = loop, .handler = handler};
    sl_list_init(&p->connections);
    uv_tcp_init(&loop->uv, &p->tcp);
    uv_tcp_bind(&p->tcp, (struct sockaddr *)&at, 0);
    uv_listen((uv_stream_t *)&p->tcp, 512, peer_accept);
    uv_tcp_getsockname(&p->tcp, (struct sockaddr *)&at, &size);
    p->port = ntohs(at.sin_port);
}

static inline void peer_stop(struct peer *p)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &p->connections)
        peer_close(sl_container_of(at, struct peer_connection, link));
    uv_close((uv_handle_t *)&p->tcp, NULL);
}

#endif
