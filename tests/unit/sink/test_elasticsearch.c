/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>
#include <isa-l/igzip_lib.h>
#include <jansson.h>

#include "http_help.h"
#include "ops/metrics.h"
#include "sink/elasticsearch_encode.h"

static const char *node_list[] = {"http://127.0.0.1:9200", "http://127.0.0.2:9200"};

static void es_setup(struct bench *t, const char *index)
{
    bench_init(t);
    t->config.kind = SL_SINK_ELASTICSEARCH;
    t->config.elasticsearch = (struct sl_elasticsearch_config){
        .nodes = {node_list, 2}, .index = index, .compression = SL_COMPRESS_NONE};
}

/* Checks that the item is one action line and one document line, both valid JSON. */
static void assert_lines(const struct sl_batch *b, size_t i, const char *index,
                         const char *document)
{
    const struct sl_item *item = &b->items[i];
    struct sl_slice name = sl_es_item_index(b, item);
    const char *line = b->data.p + item->begin;
    json_t *action = json_loadb(line, item->body - item->begin, JSON_DISABLE_EOF_CHECK, NULL);
    json_t *create = json_object_get(action, "create");

    assert_non_null(create);
    assert_int_equal(json_object_size(create), 2);
    assert_string_equal(json_string_value(json_object_get(create, "_index")), index);
    assert_int_equal(json_string_length(json_object_get(create, "_id")), 27);
    assert_true(sl_slice_is(name, index));
    json_decref(action);
    assert_int_equal(b->data.p[item->body - 1], '\n');
    assert_int_equal(b->data.p[item->end - 1], '\n');
    assert_null(memchr(line, '\n', item->body - 1 - item->begin));
    assert_true(
        sl_slice_is(sl_slice(b->data.p + item->body, item->end - 1 - item->body), document));
}

static void records_become_create_actions(void **state)
{
    static const char value[] =
        "{\"service\":\"Web Front\",\"n\":1.0, \"@timestamp\":\"2024-01-30T00:00:00Z\"}";
    struct bench t;
    struct sl_batch *b;
    size_t n;

    (void)state;
    es_setup(&t, "sluice-{service|other}-{@timestamp:%Y.%m.%d}");
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, value);
    bench_text(&t, b, "not json");
    assert_lines(b, 0, "sluice-web_front-2024.01.30",
                 "{\"service\":\"Web Front\",\"n\":1.0, \"@timestamp\":\"2024-01-30T00:00:00Z\","
                 "\"kind\":\"server\"}");
    assert_true(b->items[0].verbatim);
    assert_int_equal(b->items[0].value_n, sizeof(value) - 1);
    assert_memory_equal(b->data.p + b->items[0].body, value, sizeof(value) - 2);
    assert_false(b->items[1].verbatim);
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[1]), "sluice-other-2024.01.31"));
    /* The same record has the same id, one of equal text at another offset has another. */
    t.offset = 0;
    bench_text(&t, b, value);
    bench_text(&t, b, value);
    n = b->items[0].end - b->items[0].begin;
    assert_int_equal(b->items[2].end - b->items[2].begin, n);
    assert_int_equal(b->items[3].end - b->items[3].begin, n);
    assert_memory_equal(b->data.p + b->items[0].begin, b->data.p + b->items[2].begin, n);
    assert_memory_not_equal(b->data.p + b->items[0].begin, b->data.p + b->items[3].begin, n);
    bench_release(&t);
}

static void a_full_batch_takes_nothing(void **state)
{
    static const char value[] = "{\"a\":\"0123456789012345678901234567890123456789\"}";
    struct bench t;

    (void)state;
    es_setup(&t, "x");
    bench_start(&t, &sl_sink_elasticsearch);
    for (size_t room = 0; room < 200; room++) {
        struct sl_batch *b = bench_batch(&t);

        sl_buf_release(&b->data);
        sl_buf_init(&b->data, room);
        if (bench_put(&t, b, sl_slice(value, sizeof(value) - 1)) == SL_OK)
            assert_int_equal(b->data.p[b->data.n - 1], '\n');
        else
            assert_int_equal(b->n_items, 0);
        sl_buf_release(&b->data);
        sl_hold_unref(b->hold);
        free(b->items);
        free(b);
        t.n_batches--;
    }
    bench_release(&t);
}

/* A whole name from one field: the worst that a template allows. */
static void hostile_names_stay_names(void **state)
{
    static const char *const values[] = {
        "_all",
        "-x",
        "+x",
        ".",
        "..",
        ".hidden",
        "A,B",
        "*",
        "logs-*",
        "../../etc",
        "a/b\\\\c",
        "a b?c\\\"d",
        "<now>",
        "a|b#c:d",
        "\\u0000\\n\\r",
        "\xc3\x89t\xc3\xa9",
        "\xff\xfe",
        "",
        "{x}",
        "_",
        "-_+",
        "\\\"}}\\n{\\\"delete\\\":{\\\"_index\\\":\\\"x\\\"}}",
    };
    struct bench t;
    struct sl_batch *b;
    struct sl_buf large;

    (void)state;
    es_setup(&t, "{f}");
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char value[256];

        snprintf(value, sizeof(value), "{\"f\":\"%s\"}", values[i]);
        bench_text(&t, b, value);
    }
    sl_buf_init(&large, 4 << 20);
    SL_BUF_LITERAL(&large, "{\"f\":\"");
    for (int i = 0; i < 1 << 20; i++)
        sl_buf_byte(&large, "Xy/"[i % 3]);
    SL_BUF_LITERAL(&large, "\"}");
    assert_int_equal(bench_put(&t, b, sl_buf_as_slice(&large)), SL_OK);
    sl_buf_release(&large);
    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_slice name = sl_es_item_index(b, &b->items[i]);

        assert_true(name.n > 0 && name.n <= SL_ES_NAME_BYTES_MAX);
        assert_null(memchr("-_+", name.p[0], 3));
        assert_false(sl_slice_is(name, ".") || sl_slice_is(name, ".."));
        for (size_t k = 0; k < name.n; k++)
            assert_true(name.p[k] > ' ' && name.p[k] < 0x7f &&
                        !strchr("\\/*?\"<>|,#:", name.p[k]) &&
                        !(name.p[k] >= 'A' && name.p[k] <= 'Z'));
        assert_true(b->data.p[b->items[i].body - 1] == '\n');
        assert_non_null(memmem(b->data.p + b->items[i].begin, b->items[i].body - b->items[i].begin,
                               "\",\"_id\":\"", 9));
    }
    bench_release(&t);
}

static struct sl_slice index_of(struct bench *t, struct sl_batch *b, const char *field, int n)
{
    char value[64];

    snprintf(value, sizeof(value), "{\"%s\":\"n%d\"}", field, n);
    bench_text(t, b, value);
    return sl_es_item_index(b, &b->items[b->n_items - 1]);
}

static void too_many_names_overflow_until_the_hour_is_over(void **state)
{
    const struct sl_label labels[] = {{"sink", "sink"}, {NULL, NULL}};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, "Logs{{1}}-{f}-{g}");
    t.env.metrics = sl_metrics_new();
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    for (int i = 0; i < SL_ES_NAMES_MAX; i++)
        assert_false(sl_slice_is(index_of(&t, b, "f", i), "logs{1}-overflow"));
    assert_true(sl_slice_is(index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-overflow"));
    assert_true(sl_slice_is(index_of(&t, b, "f", 5), "logs{1}-n5-none")); /* a known one stays */
    assert_true(sl_slice_is(index_of(&t, b, "f", SL_ES_NAMES_MAX + 1), "logs{1}-overflow"));
    assert_int_equal(sl_metrics_sum(t.env.metrics, "sluice_index_overflow_total", labels), 2);
    t.runtime.now_ms += SL_ES_NAMES_MS - 1;
    assert_true(sl_slice_is(index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-overflow"));
    t.runtime.now_ms += 1;
    assert_true(sl_slice_is(index_of(&t, b, "f", SL_ES_NAMES_MAX), "logs{1}-n1000-none"));
    assert_int_equal(sl_metrics_sum(t.env.metrics, "sluice_index_overflow_total", labels), 3);
    bench_release(&t);
    sl_metrics_free(t.env.metrics);
}

static void data_streams_have_three_parts(void **state)
{
    struct bench t;
    struct sl_batch *b;

    (void)state;
    es_setup(&t, NULL);
    t.config.elasticsearch.type = "logs";
    t.config.elasticsearch.dataset = "{f|generic}";
    t.config.elasticsearch.namespace_ = "Prod-eu";
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, "{\"f\":\"My-App\"}");
    bench_text(&t, b, "{}");
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[0]), "logs-my_app-prod_eu"));
    assert_true(sl_slice_is(sl_es_item_index(b, &b->items[1]), "logs-generic-prod_eu"));
    for (int i = 0; i < SL_ES_NAMES_MAX; i++)
        index_of(&t, b, "f", i);
    assert_true(sl_slice_is(index_of(&t, b, "f", 5000), "logs-overflow-prod_eu"));
    bench_release(&t);
}

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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    for (int i = 0; i < 100; i++)
        index_of(&t, b, "f", i);
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
        bench_start(&t, &sl_sink_elasticsearch);
        b = bench_batch(&t);
        bench_text(&t, b, "{}");
        bench_send(&t, b);
        assert_string_equal(fake_header(fake_last(&t.http), "Authorization"),
                            basic ? "Basic ZWxhc3RpYzpwYTpzcw==" : "ApiKey aWQ6a2V5");
        fake_failure(&t.http, SL_HTTP_TIMEOUT, "");
        t.sink.type->refresh(&t.sink);
        bench_send(&t, b);
        assert_string_equal(fake_header(fake_last(&t.http), "Authorization"),
                            basic ? "Basic ZWxhc3RpYzpuZXc=" : "ApiKey ready==");
        fake_failure(&t.http, SL_HTTP_TIMEOUT, "");
        key.next = "bad\nkey"; /* the old one stays */
        t.sink.type->refresh(&t.sink);
        bench_send(&t, b);
        assert_string_equal(fake_header(fake_last(&t.http), "Authorization"),
                            basic ? "Basic ZWxhc3RpYzpuZXc=" : "ApiKey ready==");
        fake_failure(&t.http, SL_HTTP_TIMEOUT, "");
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
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
    bench_start(&t, &sl_sink_elasticsearch);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
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
        index_of(&t, b, "f", i / 2);
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
    index_of(&t, b, "f", 1);
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

/* ---- probe ---- */

struct probed {
    unsigned calls;
    enum sl_outcome outcome;
    char reason[1024];
};

static void on_probed(void *user, const struct sl_result *r)
{
    struct probed *p = user;

    p->calls++;
    p->outcome = r->outcome;
    snprintf(p->reason, sizeof(p->reason), "%s", r->reason);
}

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
        cmocka_unit_test(records_become_create_actions),
        cmocka_unit_test(a_full_batch_takes_nothing),
        cmocka_unit_test(hostile_names_stay_names),
        cmocka_unit_test(too_many_names_overflow_until_the_hour_is_over),
        cmocka_unit_test(data_streams_have_three_parts),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(a_request_is_what_bulk_wants),
        cmocka_unit_test(bodies_are_gzipped),
        cmocka_unit_test(credentials_are_sent_and_refreshed),
        cmocka_unit_test(a_reason_shows_no_secret),
        cmocka_unit_test(whole_requests_are_judged),
        cmocka_unit_test(items_get_outcomes_of_their_own),
        cmocka_unit_test(unreachable_nodes_are_passed_over),
        cmocka_unit_test(a_cancelled_request_is_never_heard_of),
        cmocka_unit_test(data_streams_are_asked_for_once),
        cmocka_unit_test(a_missing_template_stalls_before_anything_is_written),
        cmocka_unit_test(a_probe_says_what_is_wrong),
        cmocka_unit_test(a_key_that_may_only_write_is_good_enough),
        cmocka_unit_test(every_node_is_probed_and_one_good_one_is_enough),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
