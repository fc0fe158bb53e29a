/* SPDX-License-Identifier: Apache-2.0 */
/* What Elasticsearch is asked besides bulk requests: for data streams, and how it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>

#include "es_bench.h"
#include "probed.h"

/* ---- data streams ---- */

static void stream_setup(struct bench *t, struct sl_secret *key)
{
    es_setup(t, NULL);
    t->config.elasticsearch.type = "logs";
    t->config.elasticsearch.dataset = "{f}";
    t->config.elasticsearch.namespace_ = "a%b";
    t->config.elasticsearch.api_key = key;
    bench_start(t, &sl_sink_elasticsearch);
}

static void data_streams_are_asked_for_once(void **state)
{
    static const char there[] =
        "{\"error\":{\"type\":\"resource_already_exists_exception\",\"reason\":\"x\"}}";
    struct sl_secret key = {"k", NULL};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    stream_setup(&t, &key);
    b = bench_batch(&t);
    for (int i = 0; i < 6; i++)
        es_index_of(&t, b, "f", i / 2);
    bench_send(&t, b);
    assert_string_equal(fake_last(&t.http)->method, "PUT");
    assert_string_equal(fake_last(&t.http)->url,
                        "http://127.0.0.1:9200/_data_stream/logs-n0-a%25b");
    assert_string_equal(fake_header(fake_last(&t.http), "Authorization"), "ApiKey k");
    assert_int_equal(fake_last(&t.http)->r->body.n, 0);
    fake_status(&t.http, 200, "", "{\"acknowledged\":true}");
    assert_non_null(strstr(fake_last(&t.http)->url, "/logs-n1-"));
    fake_status(&t.http, 400, "", there);
    assert_non_null(strstr(fake_last(&t.http)->url, "/logs-n2-"));
    fake_status(&t.http, 403, "", "{}"); /* may not ask */
    assert_string_equal(fake_last(&t.http)->method, "POST");
    assert_int_equal(fake_last(&t.http)->r->body.n, b->data.n);
    assert_int_equal(t.http.n, 4);
    assert_int_equal(last_done.calls, 0);
    fake_status(&t.http, 500, "", "");
    assert_int_equal(last_done.calls, 1);
    bench_send(&t, b);
    assert_string_equal(fake_last(&t.http)->method, "POST");
    assert_int_equal(t.http.n, 5);
    fake_status(&t.http, 500, "", "");
    bench_release(&t);
}

static void a_missing_template_stalls_before_anything_is_written(void **state)
{
    static const struct {
        int status;
        const char *body, *words;
        enum sl_outcome outcome;
    } rows[] = {
        {400,
         "{\"error\":{\"type\":\"illegal_argument_exception\",\"reason\":\"no matching index "
         "template found for "
         "data stream [logs-n1-a_b]\"},\"status\":400}",
         "run `sluice setup`", SL_STALL},
        {400, "what?", "run `sluice setup`", SL_STALL},
        {401, "", "401", SL_STALL},
        {404, "", "404", SL_STALL},
        {429, "", "429", SL_AGAIN},
        {503, "", "503", SL_AGAIN},
    };
    struct bench t;
    struct sl_batch *b;

    (void)state;
    stream_setup(&t, NULL);
    b = bench_batch(&t);
    es_index_of(&t, b, "f", 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bench_send(&t, b);
        fake_status(&t.http, rows[i].status, "", rows[i].body);
        assert_int_equal(last_done.calls, i + 1);
        assert_int_equal(last_done.result.outcome, rows[i].outcome);
        assert_false(last_done.result.per_item);
        assert_non_null(strstr(last_done.reason, rows[i].words));
        assert_null(b->impl);
    }
    bench_send(&t, b);
    fake_failure(&t.http, SL_HTTP_TIMEOUT, "");
    assert_int_equal(last_done.result.outcome, SL_AGAIN);
    for (size_t i = 0; i < t.http.n; i++)
        assert_string_equal(t.http.requests[i].method, "PUT");
    bench_send(&t, b);
    t.sink.type->cancel(&t.sink, b);
    assert_int_equal(t.http.cancelled, 1);
    bench_release(&t);
}

/* ---- check --connect ---- */

static void probe_setup(struct bench *t, size_t nodes)
{
    es_setup(t, "x");
    t->config.elasticsearch.nodes.n = nodes;
    bench_start(t, &sl_sink_elasticsearch);
}

static void a_probe_says_what_is_wrong(void **state)
{
    struct bench t;
    struct probed p = {0};

    (void)state;
    probe_setup(&t, 1);
    t.sink.type->probe(&t.sink, on_probed, &p);
    assert_string_equal(fake_last(&t.http)->method, "GET");
    assert_non_null(strstr(fake_last(&t.http)->url, "/_cluster/health?"));
    assert_int_equal(p.calls, 0);
    fake_status(&t.http, 200, "", "{\"cluster_name\":\"prod\",\"status\":\"green\"}");
    assert_int_equal(p.outcome, SL_DELIVERED);
    assert_string_equal(p.reason, "http://127.0.0.1:9200: cluster prod is green");
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 401, "",
                "{\"error\":{\"type\":\"security_exception\",\"reason\":\"missing\"}}");
    assert_int_equal(p.outcome, SL_STALL);
    assert_non_null(strstr(p.reason, "missing"));
    assert_non_null(strstr(p.reason, "see auth"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_failure(&t.http, SL_HTTP_BROKEN, "Received HTTP/0.9 when not allowed");
    assert_int_equal(p.outcome, SL_AGAIN);
    assert_non_null(strstr(p.reason, "9200, and is http or https right?"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 204, "", "");
    assert_int_equal(p.outcome, SL_AGAIN);
    assert_int_equal(p.calls, 4);
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 200, "", "<html>welcome</html>"); /* anybody can say 200 */
    assert_int_equal(p.outcome, SL_AGAIN);
    assert_non_null(strstr(p.reason, "is this an Elasticsearch or OpenSearch address?"));
    p.calls = 4;
    t.sink.type->probe(&t.sink, on_probed, &p);
    bench_release(&t); /* under way: ended without a word */
    assert_int_equal(p.calls, 4);
    assert_int_equal(t.http.cancelled, 1);
}

static void a_key_that_may_only_write_is_good_enough(void **state)
{
    struct bench t;
    struct probed p = {0};

    (void)state;
    probe_setup(&t, 1);
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 403, "", "{}");
    assert_int_equal(p.calls, 0);
    assert_string_equal(fake_last(&t.http)->method, "POST");
    assert_int_equal(fake_last(&t.http)->r->body.n, 0);
    fake_status(
        &t.http, 400, "",
        "{\"error\":{\"type\":\"parse_exception\",\"reason\":\"request body is required\"}}");
    assert_int_equal(p.outcome, SL_DELIVERED);
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 403, "", "{}");
    fake_status(&t.http, 403, "", "{}");
    assert_int_equal(p.outcome, SL_STALL);
    assert_int_equal(p.calls, 2);
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 403, "", "{}");
    fake_status(&t.http, 400, "", "<html>what?</html>");
    assert_int_not_equal(p.outcome, SL_DELIVERED);
    bench_release(&t);
}

static void every_node_is_probed_and_one_good_one_is_enough(void **state)
{
    static const char green[] = "{\"cluster_name\":\"prod\",\"status\":\"green\"}";
    struct bench t;
    struct probed p = {0};

    (void)state;
    probe_setup(&t, 2);
    for (int good = 0; good < 2; good++) {
        t.sink.type->probe(&t.sink, on_probed, &p);
        for (int i = 0; i < 2; i++) {
            assert_memory_equal(fake_last(&t.http)->url, node_list[i], strlen(node_list[i]));
            if (i == good)
                fake_status(&t.http, 200, "", green);
            else
                fake_failure(&t.http, SL_HTTP_CONNECT, "refused");
        }
        assert_int_equal(p.calls, good + 1);
        assert_int_equal(p.outcome, SL_DELIVERED);
        assert_non_null(strstr(p.reason, "cluster prod is green"));
        assert_non_null(strstr(p.reason, "refused"));
    }
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 401, "", "");
    fake_failure(&t.http, SL_HTTP_CONNECT, "refused");
    assert_int_equal(p.outcome, SL_STALL);
    bench_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_streams_are_asked_for_once),
        cmocka_unit_test(a_missing_template_stalls_before_anything_is_written),
        cmocka_unit_test(a_probe_says_what_is_wrong),
        cmocka_unit_test(a_key_that_may_only_write_is_good_enough),
        cmocka_unit_test(every_node_is_probed_and_one_good_one_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
