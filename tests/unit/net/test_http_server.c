/* SPDX-License-Identifier: Apache-2.0 */
#include "net/client_fixture.h"
#include "net/http_server.h"
#include "ops/admin.h"

struct served {
    struct fixture *f;
    struct sl_http_server *server;
    struct sl_metrics *metrics;
    struct sl_admin admin;
    size_t asked;
};

static void handle(void *user, const char *path, struct sl_http_answer *ret)
{
    struct served *s = user;

    s->asked++;
    ret->status = sl_admin_answer(&s->admin, path, &ret->content_type, &ret->body);
}

static int setup(void **state)
{
    static struct served s;
    struct sl_error err = {0};

    fixture_setup(state);
    s = (struct served){.f = *state, .metrics = sl_metrics_new()};
    s.admin.metrics = s.metrics;
    *sl_metrics_counter(s.metrics, "sluice_test_total", "Test.", NULL) = 7;
    s.server = sl_http_server_new(&s.f->loop, "127.0.0.1:0", handle, &s, &err);
    assert_non_null(s.server);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct served *s = *state;
    void *fixture = s->f;

    sl_http_server_free(s->server);
    sl_metrics_free(s->metrics);
    return fixture_teardown(&fixture);
}

static void ask(struct served *s, struct exchange *e, const char *method, const char *path)
{
    exchange_init(e, s->f, method, "/");
    snprintf(e->url, sizeof(e->url), "http://%s%s", sl_http_server_address(s->server), path);
}

static void test_get_and_head(void **state)
{
    struct served *s = *state;
    struct exchange e;

    ask(s, &e, "GET", "/metrics");
    exchange_run(&e);
    assert_int_equal(e.status, 200);
    assert_string_equal(e.body, "# HELP sluice_test_total Test.\n"
                                "# TYPE sluice_test_total counter\nsluice_test_total 7\n");
    assert_non_null(strstr(e.headers, "Content-Type: text/plain; version=0.0.4"));
    exchange_release(&e);

    ask(s, &e, "HEAD", "/metrics");
    exchange_run(&e);
    assert_int_equal(e.status, 200);
    assert_int_equal(e.body_n, 0);
    assert_non_null(strstr(e.headers, "Content-Length: 84\r\n"));
    exchange_release(&e);

    ask(s, &e, "GET", "/metrics?x=y");
    exchange_run(&e);
    assert_int_equal(e.status, 200);
    exchange_release(&e);

    ask(s, &e, "GET", "/nothing");
    exchange_run(&e);
    assert_int_equal(e.status, 404);
    exchange_release(&e);
}

static void test_other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE"};
    struct served *s = *state;

    for (size_t i = 0; i < 3; i++) {
        struct exchange e;

        ask(s, &e, methods[i], "/metrics");
        e.r.body = SL_SLICE_LITERAL("a body that nobody reads");
        exchange_run(&e);
        assert_int_equal(e.status, 405);
        assert_non_null(strstr(e.headers, "Allow: GET, HEAD\r\n"));
        exchange_release(&e);
    }
    assert_int_equal(s->asked, 0);
}

static void test_many_at_once(void **state)
{
    enum { MANY = 50 };
    struct served *s = *state;
    struct exchange all[MANY];

    for (int i = 0; i < MANY; i++) {
        ask(s, &all[i], "GET", "/healthz");
        exchange_submit(&all[i]);
    }
    turn_until_all(s->f);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(all[i].status, 200);
        assert_string_equal(all[i].body, "ok\n");
        exchange_release(&all[i]);
    }
    assert_int_equal(s->asked, MANY);
}

static void test_large_answers_arrive_whole(void **state)
{
    struct served *s = *state;
    struct exchange e;
    char value[16];

    for (int i = 0; i < 20000; i++) {
        snprintf(value, sizeof(value), "%d", i);
        sl_metrics_counter(s->metrics, "sluice_many_total", "Many.",
                           (struct sl_label[]){{"n", value}, {NULL, NULL}});
    }
    ask(s, &e, "GET", "/metrics");
    exchange_run(&e);
    assert_int_equal(e.result, SL_HTTP_OK);
    assert_non_null(strstr(e.body, "sluice_many_total{n=\"19999\"} 0\n"));
    exchange_release(&e);
}

/* A raw client: what no HTTP library sends. */
struct raw {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    const char *text;
    char reply[4096], room[4096];
    size_t n;
    bool ended;
};

static void raw_room(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    struct raw *raw = sl_container_of(handle, struct raw, tcp);

    (void)size;
    *buf = uv_buf_init(raw->room, sizeof(raw->room));
}

static void raw_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct raw *raw = sl_container_of(stream, struct raw, tcp);

    for (ssize_t i = 0; i < n && raw->n < sizeof(raw->reply) - 1; i++)
        raw->reply[raw->n++] = buf->base[i];
    if (n < 0) {
        raw->ended = true;
        uv_close((uv_handle_t *)&raw->tcp, NULL);
    }
}

static void raw_connected(uv_connect_t *connect, int status)
{
    struct raw *raw = sl_container_of(connect, struct raw, connect);
    uv_buf_t buf = uv_buf_init((char *)(uintptr_t)raw->text, (unsigned)strlen(raw->text));

    assert_int_equal(status, 0);
    uv_read_start((uv_stream_t *)&raw->tcp, raw_room, raw_read);
    uv_write(&raw->write, (uv_stream_t *)&raw->tcp, &buf, 1, NULL);
}

static void raw_exchange(struct served *s, struct raw *raw, const char *text)
{
    struct sockaddr_in at;
    const char *port = strrchr(sl_http_server_address(s->server), ':') + 1;

    *raw = (struct raw){.text = text};
    uv_ip4_addr("127.0.0.1", (int)strtol(port, NULL, 10), &at);
    uv_tcp_init(&s->f->loop.uv, &raw->tcp);
    uv_tcp_connect(&raw->connect, &raw->tcp, (struct sockaddr *)&at, raw_connected);
    while (!raw->ended)
        uv_run(&s->f->loop.uv, UV_RUN_ONCE);
    uv_run(&s->f->loop.uv, UV_RUN_NOWAIT);
}

static void test_hostile_requests_are_harmless(void **state)
{
    struct served *s = *state;
    struct exchange e;
    struct raw raw;
    static char flood[100 << 10];

    raw_exchange(s, &raw,
                 "GET /healthz HTTP/1.1\r\nHost: \x01\xff<script>\r\nConnection: close\r\n\r\n");
    assert_memory_equal(raw.reply, "HTTP/1.1 200", 12);
    raw_exchange(s, &raw, "nonsense\r\n\r\n");
    raw_exchange(s, &raw,
                 "GET /%00%0d%0aX-Forged:%20y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_null(strstr(raw.reply, "Forged"));
    raw_exchange(s, &raw, "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_memory_equal(raw.reply, "HTTP/1.1 404", 12);
    memset(flood, 'x', sizeof(flood) - 1);
    memcpy(flood, "GET / HTTP/1.1\r\nX: ", 19);
    raw_exchange(s, &raw, flood);
    assert_null(strstr(raw.reply, " 200 "));
    ask(s, &e, "GET", "/healthz");
    exchange_run(&e);
    assert_int_equal(e.status, 200);
    exchange_release(&e);
}

static void test_a_taken_address_is_named(void **state)
{
    struct served *s = *state;
    struct sl_error err = {0};
    const char *address = sl_http_server_address(s->server);

    assert_null(sl_http_server_new(&s->f->loop, address, handle, s, &err));
    assert_int_equal(err.code, SL_EIO);
    assert_non_null(strstr(err.text, address));
    assert_non_null(strstr(err.text, "another program has that address"));
    assert_null(sl_http_server_new(&s->f->loop, "nowhere", handle, s, &err));
    assert_int_equal(err.code, SL_EINVAL);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(test_get_and_head),
        WITH_SERVER(test_other_methods_are_refused),
        WITH_SERVER(test_many_at_once),
        WITH_SERVER(test_large_answers_arrive_whole),
        WITH_SERVER(test_hostile_requests_are_harmless),
        WITH_SERVER(test_a_taken_address_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
