/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk requests: their settings, headers and bodies, and what whole answers lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>
#include <isa-l/igzip_lib.h>

#include "es_bench.h"

static void wrong_settings_are_refused(void **state)
{
    struct sl_secret user = {"u", NULL}, colon = {"u:v", NULL}, key = {"k\r\nX: y", NULL},
                     empty = {"", NULL};
    const struct sl_elasticsearch_config rows[] = {
        {.nodes = {node_list, 0}, .index = "x"},
        {.nodes = {node_list, 1}, .index = "x{"},
        {.nodes = {node_list, 1}, .index = "x{}"},
        {.nodes = {node_list, 1}, .type = "Logs", .dataset = "a", .namespace_ = "b"},
        {.nodes = {node_list, 1}, .type = "", .dataset = "a", .namespace_ = "b"},
        {.nodes = {node_list, 1}, .type = "a-b", .dataset = "a", .namespace_ = "b"},
        {.nodes = {node_list, 1}, .type = "_a", .dataset = "a", .namespace_ = "b"},
        {.nodes = {node_list, 1}, .type = "a", .dataset = "{", .namespace_ = "b"},
        {.nodes = {node_list, 1}, .type = "a", .dataset = "a", .namespace_ = "}"},
        {.nodes = {node_list, 1}, .index = "x", .user = &user},
        {.nodes = {node_list, 1}, .index = "x", .password = &user},
        {.nodes = {node_list, 1}, .index = "x", .user = &colon, .password = &user},
        {.nodes = {node_list, 1}, .index = "x", .api_key = &key},
        {.nodes = {node_list, 1}, .index = "x", .api_key = &empty},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench t;
        struct sl_error err = {0};

        es_setup(&t, NULL);
        t.config.elasticsearch = rows[i];
        if (bench_try(&t, &sl_sink_elasticsearch, &err) == SL_OK)
            fail_msg("row %zu was taken", i);
        assert_true(err.text[0] && err.code == SL_ECONFIG);
        bench_release(&t);
    }
}

static void a_request_is_what_bulk_wants(void **state)
{
    struct bench t;
    struct sl_batch *b;
    struct fake_request *q;

    (void)state;
    es_setup(&t, "x");
    t.config.proxy = "http://proxy:3128";
    b = es_batch(&t);
    bench_text(&t, b, "{\"a\":1}");
    bench_send(&t, b);
    q = fake_last(&t.http);
    assert_string_equal(q->method, "POST");
    assert_string_equal(q->url,
                        "http://127.0.0.1:9200/_bulk?filter_path=took,errors,items.*.status,"
                        "items.*.error.type,items.*.error.reason");
    assert_string_equal(fake_header(q, "Content-Type"), "application/x-ndjson");
    assert_null(fake_header(q, "Content-Encoding"));
    assert_null(fake_header(q, "Authorization"));
    assert_ptr_equal(q->r->body.p, b->data.p);
    assert_int_equal(q->r->body.n, b->data.n);
    assert_int_equal(q->r->timeout_ms, 30000);
    assert_ptr_equal(q->r->tls, &t.config.tls);
    assert_string_equal(q->r->proxy, "http://proxy:3128");
    assert_false(q->r->deny_private);
    assert_int_equal(q->r->max_reply, (16 << 20) + 1024);
    assert_int_equal(last_done.calls, 0);
    fake_status(&t.http, 200, "",
                "{\"took\":1,\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}");
    assert_int_equal(last_done.calls, 1);
    assert_ptr_equal(last_done.batch, b);
    assert_int_equal(last_done.result.outcome, SL_DELIVERED);
    assert_null(b->impl);
    bench_release(&t);
}

static void bodies_are_gzipped(void **state)
{
    struct bench t;
    struct sl_batch *b;
    struct inflate_state z;
    struct fake_request *q;
    uint8_t plain[65536];

    (void)state;
    es_setup(&t, "x");
    t.config.elasticsearch.compression = SL_COMPRESS_GZIP;
    b = es_batch(&t);
    for (int i = 0; i < 100; i++)
        es_index_of(&t, b, "f", i);
    for (int attempt = 0; attempt < 2; attempt++) { /* sealed again as when items were removed */
        bench_send(&t, b);
        q = fake_last(&t.http);
        assert_string_equal(fake_header(q, "Content-Encoding"), "gzip");
        assert_true(q->r->body.n < b->data.n);
        isal_inflate_init(&z);
        z.crc_flag = ISAL_GZIP;
        z.next_in = (uint8_t *)(uintptr_t)q->r->body.p;
        z.avail_in = (uint32_t)q->r->body.n;
        z.next_out = plain;
        z.avail_out = sizeof(plain);
        assert_int_equal(isal_inflate(&z), ISAL_DECOMP_OK);
        assert_int_equal(z.total_out, b->data.n);
        assert_memory_equal(plain, b->data.p, b->data.n);
        assert_int_equal(z.avail_in, 0);
        fake_failure(&t.http, SL_HTTP_BROKEN, "cut");
        assert_int_equal(last_done.result.outcome, SL_AGAIN);
    }
    bench_release(&t);
}

static void assert_authorization(struct bench *t, struct sl_batch *b, const char *expected)
{
    bench_send(t, b);
    assert_string_equal(fake_header(fake_last(&t->http), "Authorization"), expected);
    fake_failure(&t->http, SL_HTTP_TIMEOUT, "");
}

static void credentials_are_sent_and_refreshed(void **state)
{
    struct sl_secret user = {"elastic", NULL}, password = {"pa:ss", "new"},
                     key = {"id:key", "ready=="};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    for (int basic = 0; basic < 2; basic++) {
        es_setup(&t, "x");
        if (basic) {
            t.config.elasticsearch.user = &user;
            t.config.elasticsearch.password = &password;
        } else {
            t.config.elasticsearch.api_key = &key;
        }
        b = es_one(&t);
        assert_authorization(&t, b, basic ? "Basic ZWxhc3RpYzpwYTpzcw==" : "ApiKey aWQ6a2V5");
        t.sink.type->refresh(&t.sink);
        assert_authorization(&t, b, basic ? "Basic ZWxhc3RpYzpuZXc=" : "ApiKey ready==");
        key.next = "bad\nkey"; /* the old one stays */
        t.sink.type->refresh(&t.sink);
        assert_authorization(&t, b, basic ? "Basic ZWxhc3RpYzpuZXc=" : "ApiKey ready==");
        bench_release(&t);
    }
}

/* Some gateways answer with the request they were sent. */
static void a_reason_shows_no_secret(void **state)
{
    static const char *const bodies[] = {
        "you sent Authorization: Basic ZWxhc3RpYzpoaWRkZW4=",
        "{\"error\":\"bad Basic ZWxhc3RpYzpoaWRkZW4=\"}",
        "{\"error\":{\"type\":\"auth\",\"reason\":\"hidden is not elastic's password\"}}"};
    struct sl_secret user = {"elastic", NULL}, password = {"hidden", NULL};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "x");
    t.config.elasticsearch.user = &user;
    t.config.elasticsearch.password = &password;
    b = es_one(&t);
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        bench_send(&t, b);
        fake_status(&t.http, 401, "", bodies[i]);
        assert_string_equal(last_done.reason,
                            "HTTP 401: the credentials are missing, wrong or expired");
    }
    bench_release(&t);
}

static void whole_requests_are_judged(void **state)
{
    static const struct {
        int status;
        const char *headers, *body;
        enum sl_outcome outcome;
        unsigned retry_after_ms;
        const char *words;
    } rows[] = {
        {200, "", "{\"took\":1", SL_AGAIN, 0, "not the answer to a bulk request"},
        {200, "", "<html>welcome</html>", SL_AGAIN, 0, "not the answer to a bulk request"},
        {202, "", "{\"items\":[{\"create\":{\"status\":201}}]}", SL_AGAIN, 0,
         "HTTP 202: not the answer"},
        {204, "", "", SL_AGAIN, 0, "HTTP 204: not the answer"},
        {302, "Location: /login\r\n", "", SL_STALL, 0, "redirect"},
        {400, "",
         "{\"error\":{\"type\":\"illegal_argument_exception\",\"reason\":\"bad\"},\"status\":400}",
         SL_SPLIT, 0, "illegal_argument_exception: bad"},
        {401, "", "{\"error\":{\"type\":\"security_exception\",\"reason\":\"who\"},\"status\":401}",
         SL_STALL, 0, "security_exception: who"},
        {403, "", "{\"Message\":\"User: anonymous is not authorized\"}", SL_STALL, 0, "anonymous"},
        {404, "", "", SL_STALL, 0, "404"},
        {405, "", "", SL_STALL, 0, "405"},
        {410, "", "", SL_STALL, 0, "410"},
        {413, "", "", SL_SPLIT, 0, "413"},
        {429, "Retry-After: 1000000000\r\n", "", SL_AGAIN, 300000, "429"},
        {500, "", "", SL_AGAIN, 0, "500"},
        {503, "Retry-After: 3\r\n", "", SL_AGAIN, 3000, "503"},
    };
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "x");
    b = es_one(&t);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bench_send(&t, b);
        fake_status(&t.http, rows[i].status, rows[i].headers, rows[i].body);
        if (last_done.result.outcome != rows[i].outcome)
            fail_msg("%d: outcome %d", rows[i].status, last_done.result.outcome);
        assert_false(last_done.result.per_item);
        assert_int_equal(last_done.result.retry_after_ms, rows[i].retry_after_ms);
        assert_int_equal(last_done.result.throttled,
                         rows[i].status == 429 || rows[i].status == 503);
        assert_non_null(strstr(last_done.reason, rows[i].words));
    }
    bench_release(&t);
}

static void items_get_outcomes_of_their_own(void **state)
{
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "x");
    b = es_batch(&t);
    for (int i = 0; i < 3; i++)
        bench_text(&t, b, "{}");
    bench_send(&t, b);
    fake_status(&t.http, 200, "",
                "{\"took\":1,\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{"
                "\"status\":400,"
                "\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"no\"}}},{\"create\":"
                "{\"status\":"
                "429}}]}");
    assert_true(last_done.result.per_item);
    assert_true(last_done.result.throttled);
    assert_int_equal(b->items[0].outcome, SL_DELIVERED);
    assert_int_equal(b->items[1].outcome, SL_REFUSED);
    assert_int_equal(b->items[2].outcome, SL_AGAIN);
    bench_release(&t);
}

static void unreachable_nodes_are_passed_over(void **state)
{
    struct bench t;
    struct sl_batch *b;
    const char *last;

    (void)state;
    es_setup(&t, "x");
    b = es_one(&t);
    bench_send(&t, b);
    fake_failure(&t.http, SL_HTTP_TLS, "bad certificate");
    assert_int_equal(last_done.result.outcome, SL_AGAIN); /* the other node may be right */
    for (int i = 0; i < 3; i++) {
        bench_send(&t, b);
        last = fake_last(&t.http)->url;
        assert_memory_equal(last, "http://127.0.0.2:9200/", 22);
        fake_status(&t.http, 429, "", "");
    }
    bench_send(&t, b);
    fake_failure(&t.http, SL_HTTP_TLS, "bad certificate");
    assert_int_equal(last_done.result.outcome, SL_STALL); /* none is left */
    bench_send(&t, b);                                    /* all are out: the one out longest */
    assert_memory_equal(fake_last(&t.http)->url, "http://127.0.0.1:9200/", 22);
    fake_status(&t.http, 503, "", "");
    bench_release(&t);
}

static void a_cancelled_request_is_never_heard_of(void **state)
{
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "x");
    b = es_one(&t);
    bench_send(&t, b);
    t.sink.type->cancel(&t.sink, b);
    assert_null(b->impl);
    assert_int_equal(t.http.cancelled, 1);
    t.http.refuse = "out of handles";
    bench_send(&t, b);
    assert_int_equal(last_done.calls, 0);
    fake_advance(&t.runtime, 0);
    assert_int_equal(last_done.calls, 1);
    assert_int_equal(last_done.result.outcome, SL_AGAIN);
    assert_non_null(strstr(last_done.reason, "out of handles"));
    bench_release(&t);
    assert_int_equal(last_done.calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(a_request_is_what_bulk_wants),
        cmocka_unit_test(bodies_are_gzipped),
        cmocka_unit_test(credentials_are_sent_and_refreshed),
        cmocka_unit_test(a_reason_shows_no_secret),
        cmocka_unit_test(whole_requests_are_judged),
        cmocka_unit_test(items_get_outcomes_of_their_own),
        cmocka_unit_test(unreachable_nodes_are_passed_over),
        cmocka_unit_test(a_cancelled_request_is_never_heard_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
