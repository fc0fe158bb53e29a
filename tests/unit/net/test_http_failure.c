/* SPDX-License-Identifier: Apache-2.0 */
/* What can go wrong on the way, and what the operator is told. */
#include "net/client_fixture.h"

static void run_and_expect(struct fixture *f, struct exchange *e, enum sl_http_result result,
                           const char *words)
{
    exchange_run(e);
    if (e->result != result || !strstr(e->error, words))
        fail_msg("result %d: %s", (int)e->result, e->error);
    assert_int_equal(e->status, result == SL_HTTP_OK ? e->status : 0);
    if (result != SL_HTTP_OK)
        assert_int_equal(e->body_n, 0);
    exchange_release(e);
    assert_int_equal(f->waiting, 0);
}

static void get_and_expect(struct fixture *f, void (*handler)(struct peer_connection *),
                           enum sl_http_result result, const char *words)
{
    struct exchange e;

    f->peer.handler = handler;
    exchange_init(&e, f, "GET", "/");
    e.r.max_reply = 1000;
    run_and_expect(f, &e, result, words);
}

static void cut_amid_body(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
    peer_finish(c);
}

static void cut_amid_headers(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Le");
    peer_finish(c);
}

static void cut_after_100(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 100 Continue\r\n\r\n");
    peer_finish(c);
}

static void cut_amid_chunk(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nbegin");
    peer_finish(c);
}

static void talk_nonsense(struct peer_connection *c)
{
    peer_send(c, "220 mail.example.com ESMTP\r\n");
    peer_finish(c);
}

static void test_cut_replies_are_broken(void **state)
{
    get_and_expect(*state, peer_finish, SL_HTTP_BROKEN, "closed the connection without a reply");
    get_and_expect(*state, cut_amid_body, SL_HTTP_BROKEN, "was cut");
    get_and_expect(*state, cut_amid_headers, SL_HTTP_BROKEN, "was cut");
    get_and_expect(*state, cut_after_100, SL_HTTP_BROKEN, "");
    get_and_expect(*state, cut_amid_chunk, SL_HTTP_BROKEN, "was cut");
    get_and_expect(*state, talk_nonsense, SL_HTTP_BROKEN, "cannot be read");
}

static void send_1000(struct peer_connection *c)
{
    char body[1001];

    memset(body, 'x', 1000);
    body[1000] = '\0';
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    peer_send(c, body);
}

static void send_1001(struct peer_connection *c)
{
    char body[1001];

    memset(body, 'x', 1001);
    peer_send(c, "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n");
    peer_send_bytes(c, body, 1001);
}

static void send_without_end(struct peer_connection *c)
{
    static char body[1 << 20];

    memset(body, 'x', sizeof(body));
    peer_send(c, "HTTP/1.1 200 OK\r\n\r\n");
    peer_send_bytes(c, body, sizeof(body));
}

static void test_c35_a_reply_has_a_maximum(void **state)
{
    get_and_expect(*state, send_1000, SL_HTTP_OK, "");
    get_and_expect(*state, send_1001, SL_HTTP_BROKEN, "larger than 1000 bytes");
    get_and_expect(*state, send_without_end, SL_HTTP_BROKEN, "larger than 1000 bytes");
    get_and_expect(*state, send_1000, SL_HTTP_OK, "");
}

static void send_many_headers(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 4000; i++)
        peer_send(c, "X-Flood: 0123456789\r\n");
    peer_send(c, "Content-Length: 0\r\n\r\n");
}

static void send_a_long_header(struct peer_connection *c)
{
    static char line[80 << 10];

    memset(line, 'x', sizeof(line));
    peer_send(c, "HTTP/1.1 200 OK\r\nX-Long: ");
    peer_send_bytes(c, line, sizeof(line));
    peer_send(c, "\r\nContent-Length: 0\r\n\r\n");
}

static void send_60_kib_of_headers(struct peer_connection *c)
{
    peer_send(c, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2900; i++)
        peer_send(c, "X-Flood: 0123456789\r\n");
    peer_send(c, "Content-Length: 0\r\n\r\n");
}

static void test_headers_have_a_maximum(void **state)
{
    get_and_expect(*state, send_60_kib_of_headers, SL_HTTP_OK, "");
    get_and_expect(*state, send_many_headers, SL_HTTP_BROKEN, "headers");
    get_and_expect(*state, send_a_long_header, SL_HTTP_BROKEN, "headers");
}

static void say_nothing(struct peer_connection *c)
{
    (void)c;
}

/* All of it would come within ten seconds. */
static void drip(struct peer_connection *c)
{
    static char text[1100];

    snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%01000d", 0);
    peer_send_slowly(c, text, 10);
}

static void test_f46_the_deadline_is_for_the_whole_exchange(void **state)
{
    static void (*const handlers[])(struct peer_connection *) = {say_nothing, drip};
    struct fixture *f = *state;

    for (size_t i = 0; i < 2; i++) {
        struct exchange e;
        uint64_t before = uv_hrtime();

        f->peer.handler = handlers[i];
        exchange_init(&e, f, "POST", "/");
        e.r.timeout_ms = 150;
        run_and_expect(f, &e, SL_HTTP_TIMEOUT, "no whole reply from 127.0.0.1:");
        assert_true(uv_hrtime() - before >= 140 * 1000000ull);
    }
}

/* A port that refuses, and that nobody else is given as long as ret_fd stays open: bound, and no
 * one listens. */
static int closed_port(int *ret_fd)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, n), 0);
    getsockname(fd, (struct sockaddr *)&at, &n);
    *ret_fd = fd;
    return ntohs(at.sin_port);
}

static void test_refused_in_words(void **state)
{
    struct fixture *f = *state;
    struct exchange e;
    char words[80];
    int fd, port = closed_port(&fd);

    exchange_init(&e, f, "GET", "/");
    snprintf(e.url, sizeof(e.url), "http://user:secret@127.0.0.1:%d/path", port);
    snprintf(words, sizeof(words), "connection refused by 127.0.0.1:%d", port);
    exchange_run(&e);
    assert_int_equal(e.result, SL_HTTP_CONNECT);
    assert_string_equal(e.error, words);
    exchange_release(&e);
    close(fd);
}

static void test_f49_a_name_without_address(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    /* A label over 63 bytes fails in the resolver before anything is asked of the network. */
    snprintf(e.url, sizeof(e.url), "http://%070d.invalid:80/", 0);
    run_and_expect(f, &e, SL_HTTP_RESOLVE, "the name has no address");
}

static void expect_denied(struct fixture *f, const char *host)
{
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    snprintf(e.url, sizeof(e.url), "http://%s:%d/", host, f->peer.port);
    e.r.deny_private = true;
    run_and_expect(f, &e, SL_HTTP_DENIED, "is a private address");
}

static void test_f49_private_addresses_are_denied(void **state)
{
    static const char *const hosts[] = {
        "127.0.0.1", "localhost", "127.1",           "2130706433", "0x7f.0.0.1",
        "0.0.0.0",   "[::1]",     "[::ffff:7f00:1]", "10.0.0.1",   "169.254.169.254",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        expect_denied(f, hosts[i]);
    assert_int_equal(f->peer.accepted, 0);
}

/* A connection that somebody may use is not one that everybody may use. */
static void test_a_kept_connection_is_denied_too(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    run_and_expect(f, &e, SL_HTTP_OK, "");
    expect_denied(f, "127.0.0.1");
    assert_int_equal(f->peer.requests, 1);
    exchange_init(&e, f, "GET", "/");
    run_and_expect(f, &e, SL_HTTP_OK, "");
}

static void test_https_only(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    e.r.https_only = true;
    run_and_expect(f, &e, SL_HTTP_DENIED, "only https://");
    assert_int_equal(f->peer.accepted, 0);
}

/* The peer speaks no TLS: what comes back to the handshake is no handshake. */
static void answer_plainly(uv_timer_t *t)
{
    struct fixture *f = t->data;
    struct sl_list *at;

    sl_list_each (at, &f->peer.connections)
        peer_send(sl_container_of(at, struct peer_connection, link), "HTTP/1.1 400 Bad\r\n\r\n");
}

static void test_no_tls_in_words(void **state)
{
    struct fixture *f = *state;
    struct exchange e;
    uv_timer_t timer;

    exchange_init(&e, f, "GET", "/");
    snprintf(e.url, sizeof(e.url), "https://127.0.0.1:%d/", f->peer.port);
    uv_timer_init(&f->loop.uv, &timer);
    timer.data = f;
    uv_timer_start(&timer, answer_plainly, 5, 5);
    run_and_expect(f, &e, SL_HTTP_TLS, "no TLS with 127.0.0.1:");
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&f->loop.uv, UV_RUN_NOWAIT); /* closed before its memory goes */
}

static void test_missing_certificates_in_words(void **state)
{
    struct sl_http_tls tls = {.ca = "/nonexistent/ca.pem", .verify = true};
    struct fixture *f = *state;
    struct exchange e;

    exchange_init(&e, f, "GET", "/");
    snprintf(e.url, sizeof(e.url), "https://127.0.0.1:%d/", f->peer.port);
    e.r.tls = &tls;
    run_and_expect(f, &e, SL_HTTP_TLS, "/nonexistent/ca.pem");
}

static void test_the_environments_proxy_is_ignored(void **state)
{
    struct fixture *f = *state;
    struct exchange e;

    setenv("http_proxy", "http://127.0.0.1:1/", 1);
    setenv("all_proxy", "http://127.0.0.1:1/", 1);
    exchange_init(&e, f, "GET", "/");
    run_and_expect(f, &e, SL_HTTP_OK, "");
    unsetenv("http_proxy");
    unsetenv("all_proxy");
}

static void answer_as_proxy(struct peer_connection *c)
{
    if (c->in.n > 8 && memcmp(c->in.p, "CONNECT ", 8) == 0)
        peer_send(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(sl_buf_str(&c->in), "GET http://example.com:81/x HTTP/1.1\r\n"))
        answer_ok(c);
    else
        peer_finish(c);
}

static void test_a_named_proxy_is_used(void **state)
{
    struct fixture *f = *state;
    struct exchange e;
    char proxy[80];

    f->peer.handler = answer_as_proxy;
    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", f->peer.port);
    setenv("no_proxy", "*", 1);
    exchange_init(&e, f, "GET", "/");
    e.r.url = "http://example.com:81/x";
    e.r.proxy = proxy;
    e.r.deny_private = true; /* the proxy itself may be private */
    run_and_expect(f, &e, SL_HTTP_OK, "");
    unsetenv("no_proxy");

    exchange_init(&e, f, "GET", "/");
    e.r.url = "https://example.com/";
    e.r.proxy = proxy;
    run_and_expect(f, &e, SL_HTTP_CONNECT, "answered 403 for example.com:443");

    exchange_init(&e, f, "GET", "/");
    e.r.url = "http://10.1.2.3/";
    e.r.proxy = proxy;
    e.r.deny_private = true;
    run_and_expect(f, &e, SL_HTTP_DENIED, "10.1.2.3:80 is a private address");
}

static void test_a_refusing_proxy_in_words(void **state)
{
    struct fixture *f = *state;
    struct exchange e;
    char proxy[80];
    int fd;

    snprintf(proxy, sizeof(proxy), "http://127.0.0.1:%d", closed_port(&fd));
    exchange_init(&e, f, "GET", "/");
    e.r.proxy = proxy;
    run_and_expect(f, &e, SL_HTTP_CONNECT, "connection refused by the proxy 127.0.0.1:");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CLIENT(test_cut_replies_are_broken),
        WITH_CLIENT(test_c35_a_reply_has_a_maximum),
        WITH_CLIENT(test_headers_have_a_maximum),
        WITH_CLIENT(test_f46_the_deadline_is_for_the_whole_exchange),
        WITH_CLIENT(test_refused_in_words),
        WITH_CLIENT(test_f49_a_name_without_address),
        WITH_CLIENT(test_f49_private_addresses_are_denied),
        WITH_CLIENT(test_a_kept_connection_is_denied_too),
        WITH_CLIENT(test_https_only),
        WITH_CLIENT(test_no_tls_in_words),
        WITH_CLIENT(test_missing_certificates_in_words),
        WITH_CLIENT(test_the_environments_proxy_is_ignored),
        WITH_CLIENT(test_a_named_proxy_is_used),
        WITH_CLIENT(test_a_refusing_proxy_in_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
