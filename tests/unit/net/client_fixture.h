/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_NET_CLIENT_FIXTURE_H
#define TESTS_UNIT_NET_CLIENT_FIXTURE_H

/* A loop, a client and a peer; and exchanges whose reply is kept for the test to look at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/http_client.h"
#include "net/peer.h"

struct fixture {
    struct sl_loop loop;
    struct peer peer;
    struct sl_http_client *client;
    struct sl_http *http;
    size_t waiting; /* exchanges without their reply */
};

struct exchange {
    struct sl_http_request r;
    struct fixture *f;
    char url[512];
    bool submitting;
    int calls;
    enum sl_http_result result;
    int status;
    char *error, *body, *headers, *retry_after;
    size_t body_n;
    void (*then)(struct exchange *e);
};

static inline void keep_reply(struct sl_http_request *r, const struct sl_http_reply *reply)
{
    struct exchange *e = sl_container_of(r, struct exchange, r);
    struct sl_slice after = sl_http_header(reply, "retry-after");

    assert_false(e->submitting);
    assert_null(r->impl);
    e->calls++;
    e->result = reply->result;
    e->status = reply->status;
    e->error = sl_strdup(reply->error);
    e->body = sl_zalloc(reply->body.n + 1);
    if (reply->body.n > 0)
        memcpy(e->body, reply->body.p, reply->body.n);
    e->body_n = reply->body.n;
    e->headers = sl_strndup(reply->headers.p ? reply->headers.p : "", reply->headers.n);
    e->retry_after = after.p ? sl_strndup(after.p, after.n) : NULL;
    e->f->waiting--;
    if (e->then)
        e->then(e);
}

/* A request to the peer. */
static inline void exchange_init(struct exchange *e, struct fixture *f, const char *method,
                                 const char *path)
{
    *e = (struct exchange){.f = f};
    snprintf(e->url, sizeof(e->url), "http://127.0.0.1:%d%s", f->peer.port, path);
    e->r = (struct sl_http_request){.method = method,
                                    .url = e->url,
                                    .timeout_ms = 120000,
                                    .max_reply = 1 << 20,
                                    .done = keep_reply};
}

static inline void exchange_submit(struct exchange *e)
{
    struct sl_error err = {0};

    e->submitting = true;
    e->f->waiting++;
    if (e->f->http->submit(e->f->http, &e->r, &err))
        fail_msg("submit: %s", err.text);
    e->submitting = false;
}

static inline void exchange_release(struct exchange *e)
{
    free(e->error);
    free(e->body);
    free(e->headers);
    free(e->retry_after);
    e->error = e->body = e->headers = e->retry_after = NULL;
}

static inline void turn_until_all(struct fixture *f)
{
    while (f->waiting > 0)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
}

static inline void exchange_run(struct exchange *e)
{
    exchange_submit(e);
    turn_until_all(e->f);
    assert_int_equal(e->calls, 1);
}

static inline void answer_ok(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = sl_zalloc(sizeof(*f));
    struct sl_error err = {0};

    assert_int_equal(sl_loop_init(&f->loop, NULL, &err), SL_OK);
    f->client = sl_http_client_new(&f->loop, &err);
    assert_non_null(f->client);
    f->http = sl_http_client_http(f->client);
    peer_start(&f->peer, &f->loop, answer_ok);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    sl_http_client_free(f->client);
    peer_stop(&f->peer);
    sl_loop_release(&f->loop);
    free(f);
    return 0;
}

#define WITH_CLIENT(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

#endif
