/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out, what comes back, and when callbacks come. Failures: test_http_failure.c. */
#include "net/client_fixture.h"

static char *seen; /* the last request, as it came */

static void see_and_answer(struct peer_connection *c)
{
    free(seen);
    seen = sl_strndup(c->in.p, c->in.n);
    answer_ok(c);
}

static int teardown_seen(void **state)
{
    free(seen);
    seen = NULL;
    return fixture_teardown(state);
}

static void answer_after_100(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 100 Continue\r\nRetry-After: 99\r\n\r\n"
                 "HTTP/1.1 429 Slow\r\nretry-AFTER:  7 \r\nX-Empty:\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n");
    peer_send_bytes(c, "2\r\n\0d\r\n0\r\nRetry-After: 5\r\n\r\n", 28);
}

static void test_reply_is_the_last_one_without_trailers(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    f->peer.handler = answer_after_100;
    exchange_init(&e, f, "GET", "/");
    exchange_run(&e);
    assert_int_equal(e.result, SL_HTTP_OK);
    assert_int_equal(e.status, 429);
    assert_string_equal(e.error, "");
    assert_string_equal(e.retry_after, "7");
    assert_int_equal(e.body_n, 5);
    assert_memory_equal(e.body, "abc\0d", 5);
    assert_string_equal(e.headers,
                        "retry-AFTER:  7 \r\nX-Empty:\r\nTransfer-Encoding: chunked\r\n");
    exchange_release(&e);
}

static void test_put_of_nothing_says_so(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    f->peer.handler = see_and_answer;
    for (int i = 0; i < 2; i++) {
        exchange_init(&e, f, i ? "POST" : "PUT", "/a/../b/%2e%2e//c");
        exchange_run(&e);
        assert_int_equal(e.status, 200);
        exchange_release(&e);
        assert_non_null(strstr(seen, " /a/../b/%2e%2e//c HTTP/1.1\r\n"));
        assert_non_null(strstr(seen, "\r\nContent-Length: 0\r\n"));
        assert_null(strcasestr(seen, "content-type"));
        assert_null(strcasestr(seen, "expect:"));
        assert_null(strcasestr(seen, "accept-encoding"));
        assert_memory_equal(seen, i ? "POST " : "PUT ", i ? 5 : 4);
    }
}

static void test_headers_are_copied_and_sent(void **state)
{
    struct fixture *f = *state;
    char first[] = "X-Name: value", second[] = "Content-Type: application/x-ndjson";
    const char *headers[] = {first, second, "X-Empty:", "Content-Length: 999"};
    struct exchange e;

    f->peer.handler = see_and_answer;
    exchange_init(&e, f, "POST", "/");
    e.r.headers = headers;
    e.r.n_headers = 4;
    e.r.body = SL_SLICE_LITERAL("{}\n");
    exchange_submit(&e);
    memset(first, 'z', sizeof(first) - 1);
    memset(e.url, 'z', 10);
    turn_until_all(f);
    assert_int_equal(e.status, 200);
    assert_non_null(strstr(seen, "\r\nX-Name: value\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Type: application/x-ndjson\r\n"));
    assert_non_null(strstr(seen, "\r\nX-Empty:\r\n"));
    assert_non_null(strstr(seen, "\r\nContent-Length: 3\r\n"));
    assert_null(strstr(seen, "999"));
    assert_non_null(strstr(seen, "\r\n\r\n{}\n"));
    exchange_release(&e);
}

static void echo_length(struct peer_connection *c)
{
    const char *body = strstr(c->in.p, "\r\n\r\n") + 4;
    size_t n = c->in.n - (size_t)(body - c->in.p), sum = 0;
    char text[128];

    for (size_t i = 0; i < n; i++)
        sum = sum * 31 + (unsigned char)body[i];
    free(seen);
    seen = sl_strndup(c->in.p, (size_t)(body - c->in.p));
    snprintf(text, sizeof(text), "HTTP/1.1 201 Made\r\nContent-Length: 40\r\n\r\n%20zu%20zu", n,
             sum);
    peer_send(c, text);
}

static void test_bodies_of_every_size_arrive_whole(void **state)
{
    static const size_t sizes[] = {1, 65535, 65537, 512 << 10, 3 << 20};
    struct fixture *f = *state;

    f->peer.handler = echo_length;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct exchange e;
        char *body = sl_alloc(sizes[i]), expect[64];
        size_t sum = 0;

        for (size_t k = 0; k < sizes[i]; k++) {
            body[k] = (char)(k * 7 + k / 251);
            sum = sum * 31 + (unsigned char)body[k];
        }
        exchange_init(&e, f, "PUT", "/big");
        e.r.body = sl_slice(body, sizes[i]);
        exchange_run(&e);
        snprintf(expect, sizeof(expect), "%20zu%20zu", sizes[i], sum);
        assert_int_equal(e.status, 201);
        assert_string_equal(e.body, expect);
        assert_null(strcasestr(seen, "expect:"));
        exchange_release(&e);
        free(body);
    }
    assert_int_equal(f->peer.accepted, 1);
}

static void answer_head(struct peer_connection *c)
{
    assert_memory_equal(c->in.p, "HEAD ", 5);
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n");
}

static void test_head_has_no_body(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    f->peer.handler = answer_head;
    exchange_init(&e, f, "HEAD", "/object");
    e.r.max_reply = 10;
    exchange_run(&e);
    assert_int_equal(e.result, SL_HTTP_OK);
    assert_int_equal(e.body_n, 0);
    assert_non_null(strstr(e.headers, "Content-Length: 5000000000\r\n"));
    exchange_release(&e);
}

static void test_connections_are_kept(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 20; i++) {
        struct exchange e;

        exchange_init(&e, f, i % 2 ? "GET" : "DELETE", "/");
        exchange_run(&e);
        assert_int_equal(e.status, 200);
        exchange_release(&e);
    }
    assert_int_equal(f->peer.accepted, 1);
    assert_int_equal(f->peer.requests, 20);
}

static void answer_then_close_quietly(struct peer_connection *c)
{
    answer_ok(c); /* keep-alive by its words, and then gone */
    peer_finish(c);
}

static void test_a_kept_connection_that_died_is_replaced(void **state)
{
    struct fixture *f = *state;

    f->peer.handler = answer_then_close_quietly;
    for (int i = 0; i < 3; i++) {
        struct exchange e;

        exchange_init(&e, f, "POST", "/");
        exchange_run(&e);
        assert_int_equal(e.status, 200);
        exchange_release(&e);
        while (!sl_list_empty(&f->peer.connections))
            uv_run(&f->loop.uv, UV_RUN_ONCE);
    }
    assert_int_equal(f->peer.accepted, 3);
}

static void answer_twice(struct peer_connection *c)
{
    if (c->peer->requests == 1)
        peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst"
                     "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
    else
        peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond");
}

static void test_a_second_reply_is_nobodys(void **state)
{
    struct fixture *f = *state;
    struct exchange a, b;

    f->peer.handler = answer_twice;
    exchange_init(&a, f, "GET", "/");
    exchange_run(&a);
    assert_string_equal(a.body, "first");
    exchange_init(&b, f, "GET", "/");
    exchange_run(&b);
    assert_string_equal(b.body, "second");
    exchange_release(&a);
    exchange_release(&b);
}

static void answer_redirect(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n");
}

static void test_redirects_are_not_followed(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    f->peer.handler = answer_redirect;
    exchange_init(&e, f, "GET", "/");
    exchange_run(&e);
    assert_int_equal(e.status, 302);
    assert_int_equal(f->peer.requests, 1);
    exchange_release(&e);
}

static void test_many_at_once(void **state)
{
    enum { MANY = 200 };
    struct fixture *f = *state;
    struct exchange *all = sl_calloc(MANY, sizeof(*all));

    for (int i = 0; i < MANY; i++) {
        exchange_init(&all[i], f, "POST", "/");
        all[i].r.body = SL_SLICE_LITERAL("x");
        exchange_submit(&all[i]);
    }
    turn_until_all(f);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all[i].calls, 1);
        assert_int_equal(all[i].status, 200);
        exchange_release(&all[i]);
    }
    assert_int_equal(f->peer.requests, MANY);
    free(all);
}

static void submit_next(struct exchange *e)
{
    struct exchange *next = e + 1;

    if (next->f)
        exchange_submit(next);
}

static void test_a_callback_may_submit(void **state)
{
    struct fixture *f = *state;
    struct exchange all[4] = {0};

    for (int i = 0; i < 3; i++) {
        exchange_init(&all[i], f, "GET", "/");
        all[i].then = submit_next;
    }
    exchange_submit(&all[0]);
    turn_until_all(f);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(all[i].calls, 1);
        assert_int_equal(all[i].status, 200);
        exchange_release(&all[i]);
    }
    assert_int_equal(f->peer.accepted, 1);
}

static void say_nothing(struct peer_connection *c)
{
    (void)c;
}

static void begin_only(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
}

static void test_cancel_ends_without_callback(void **state)
{
    struct fixture *f = *state;
    struct exchange e, other;

    f->peer.handler = begin_only;
    exchange_init(&e, f, "GET", "/");
    exchange_submit(&e);
    f->http->cancel(f->http, &e.r); /* before a byte */
    exchange_submit(&e);
    while (f->peer.requests == 0)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    f->http->cancel(f->http, &e.r); /* amid the reply */
    f->http->cancel(f->http, &e.r); /* harmless */
    while (f->peer.ended == 0)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    f->waiting = 0;
    f->peer.handler = answer_ok;
    exchange_init(&other, f, "GET", "/");
    exchange_run(&other);
    assert_int_equal(other.status, 200);
    assert_int_equal(e.calls, 0);
    exchange_release(&other);
}

static void cancel_next(struct exchange *e)
{
    struct exchange *next = e + 1;

    if (next->r.impl) {
        next->f->http->cancel(next->f->http, &next->r);
        next->f->waiting--;
    }
}

static void test_a_callback_may_cancel_others(void **state)
{
    struct fixture *f = *state;
    struct exchange all[3] = {0};

    for (int i = 0; i < 2; i++) {
        exchange_init(&all[i], f, "GET", "/");
        exchange_submit(&all[i]);
    }
    all[0].then = cancel_next;
    turn_until_all(f);
    assert_int_equal(all[0].calls, 1);
    assert_true(all[1].calls <= 1); /* it may have ended first */
    exchange_release(&all[0]);
    exchange_release(&all[1]);
}

static void test_free_with_transfers_under_way(void **state)
{
    struct fixture *f = *state;
    struct exchange all[10];

    f->peer.handler = say_nothing;
    for (int i = 0; i < 10; i++) {
        exchange_init(&all[i], f, "PUT", "/");
        all[i].r.body = SL_SLICE_LITERAL("body");
        exchange_submit(&all[i]);
    }
    while (f->peer.requests < 5)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    sl_http_client_free(f->client);
    f->client = NULL;
    while (!sl_list_empty(&f->peer.connections))
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(all[i].calls, 0);
        assert_null(all[i].r.impl);
    }
}

static void free_client(struct exchange *e)
{
    sl_http_client_free(e->f->client);
    e->f->client = NULL;
}

static void test_a_callback_may_free_the_client(void **state)
{
    struct fixture *f = *state;
    struct exchange all[2];

    for (int i = 0; i < 2; i++) {
        exchange_init(&all[i], f, "GET", "/");
        all[i].then = free_client;
        exchange_submit(&all[i]);
    }
    while (all[0].calls + all[1].calls == 0)
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    while (!sl_list_empty(&f->peer.connections))
        uv_run(&f->loop.uv, UV_RUN_ONCE);
    assert_int_equal(all[0].calls + all[1].calls, 1);
    exchange_release(&all[0]);
    exchange_release(&all[1]);
}

static void refuse(struct fixture *f, const char *method, const char *url, const char *header)
{
    struct exchange e;
    struct sl_error err = {0};

    exchange_init(&e, f, method, "/");
    if (url)
        e.r.url = url;
    e.r.headers = &header;
    e.r.n_headers = header != NULL;
    assert_int_equal(f->http->submit(f->http, &e.r, &err), SL_EINVAL);
    assert_int_equal(err.code, SL_EINVAL);
    assert_null(e.r.impl);
    f->http->cancel(f->http, &e.r);
    uv_run(&f->loop.uv, UV_RUN_NOWAIT);
    assert_int_equal(e.calls, 0);
    assert_int_equal(f->peer.accepted, 0);
}

static void test_what_must_not_leave_is_refused(void **state)
{
    struct fixture *f = *state;

    refuse(f, "PATCH", NULL, NULL);
    refuse(f, "GET / HTTP/1.1\r\nX:", NULL, NULL);
    refuse(f, "GET", "file:///etc/passwd", NULL);
    refuse(f, "GET", "gopher://127.0.0.1/", NULL);
    refuse(f, "GET", "http://127.0.0.1/a\r\nX: y", NULL);
    refuse(f, "GET", "nothing", NULL);
    refuse(f, "GET", NULL, "X-A: b\r\nX-Forged: c");
    refuse(f, "GET", NULL, "X-A: b\nX-Forged: c");
    refuse(f, "GET", NULL, "no colon");
    refuse(f, "GET", NULL, ": no name");
    refuse(f, "GET", NULL, "Transfer-Encoding: chunked");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(test_reply_is_the_last_one_without_trailers),
        cmocka_unit_test_setup_teardown(test_put_of_nothing_says_so, fixture_setup, teardown_seen),
        cmocka_unit_test_setup_teardown(test_headers_are_copied_and_sent, fixture_setup,
                                        teardown_seen),
        cmocka_unit_test_setup_teardown(test_bodies_of_every_size_arrive_whole, fixture_setup,
                                        teardown_seen),
        WITH_CLIENT(test_head_has_no_body),
        WITH_CLIENT(test_connections_are_kept),
        WITH_CLIENT(test_a_kept_connection_that_died_is_replaced),
        WITH_CLIENT(test_a_second_reply_is_nobodys),
        WITH_CLIENT(test_redirects_are_not_followed),
        WITH_CLIENT(test_many_at_once),
        WITH_CLIENT(test_a_callback_may_submit),
        WITH_CLIENT(test_cancel_ends_without_callback),
        WITH_CLIENT(test_a_callback_may_cancel_others),
        WITH_CLIENT(test_free_with_transfers_under_way),
        WITH_CLIENT(test_a_callback_may_free_the_client),
        WITH_CLIENT(test_what_must_not_leave_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
