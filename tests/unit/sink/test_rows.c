/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the fault table (f) and of the table of bad input (c) that are a destination's: each
 * through the real type and the real core, down to the position. Those of S3 are in test_s3_*. */
#include "archive_world.h"

#include "sink/core.h"

enum { LETTERS_MAX = 16 };

struct rows {
    struct archive_world w;
    struct sl_letters letters;
    struct {
        void (*done)(void *user, int code);
        void *user;
        char topic[32];
        int partition;
        int64_t offset;
    } letter[LETTERS_MAX];
    size_t n_letters;
    int put_fails; /* a code, or 0 */
};

static const char *node[] = {"http://127.0.0.1:9200"};

static int put(struct sl_letters *l, const struct sl_letter *letter)
{
    struct rows *r = sl_container_of(l, struct rows, letters);

    if (r->put_fails)
        return r->put_fails;
    assert_true(r->n_letters < LETTERS_MAX);
    r->letter[r->n_letters].done = letter->done;
    r->letter[r->n_letters].user = letter->user;
    snprintf(r->letter[r->n_letters].topic, sizeof(r->letter[0].topic), "%s", letter->source_topic);
    r->letter[r->n_letters].partition = letter->source_partition;
    r->letter[r->n_letters++].offset = letter->source_offset;
    return SL_OK;
}

static void confirm(struct rows *r, int code)
{
    assert_true(r->n_letters > 0);
    r->n_letters--;
    r->letter[r->n_letters].done(r->letter[r->n_letters].user, code);
}

static void start(struct rows *r)
{
    struct sl_error err = {0};

    r->w.env.letters = &r->letters;
    r->w.config.dead_letter = "dead";
    r->w.config.dead_letter_limit = 500;
    if (world_start(&r->w, &err) != SL_OK)
        fail_msg("%s", err.text);
}

static void start_elasticsearch(struct rows *r)
{
    *r = (struct rows){.letters = {put}};
    world_init(&r->w, "logs.app");
    r->w.config.kind = SL_SINK_ELASTICSEARCH;
    r->w.config.elasticsearch = (struct sl_elasticsearch_config){.nodes = {node, 1}, .index = "x"};
    start(r);
}

static void start_webhook(struct rows *r)
{
    *r = (struct rows){.letters = {put}};
    world_init(&r->w, "logs.app");
    r->w.config.kind = SL_SINK_WEBHOOK;
    r->w.config.webhook =
        (struct sl_webhook_config){.url = "https://example.com/hook", .body = SL_BODY_NDJSON};
    start(r);
}

/* n records, of which the request is under way. */
static void send(struct rows *r, int n)
{
    for (int i = 0; i < n; i++) {
        char value[32];

        snprintf(value, sizeof(value), "{\"n\":%d}", i);
        world_record(&r->w, value);
    }
    world_flush(&r->w);
    assert_non_null(r->w.seen.request);
}

static bool sent(const struct rows *r, int n)
{
    char text[32];

    snprintf(text, sizeof(text), "{\"n\":%d", n);
    return memmem(r->w.seen.body.p, r->w.seen.body.n, text, strlen(text)) != NULL;
}

static void answer(struct rows *r, int status, const char *headers, const char *body)
{
    world_reply(&r->w, status, headers, body);
    world_work(&r->w);
}

static void no_answer(struct rows *r, enum sl_http_result result)
{
    const struct sl_http_reply reply = {.result = result, .error = "no whole answer"};

    world_reply_full(&r->w, &reply);
    world_work(&r->w);
}

/* A bulk answer: for each record a status, with its error. */
static void answer_items(struct rows *r, const char *const *items)
{
    struct sl_buf body;

    sl_buf_init(&body, 1 << 20);
    SL_BUF_LITERAL(&body, "{\"took\":1,\"errors\":true,\"items\":[");
    for (size_t i = 0; items[i]; i++)
        sl_buf_printf(&body, "%s{\"create\":{\"status\":%s}}", i ? "," : "", items[i]);
    SL_BUF_LITERAL(&body, "]}");
    answer(r, 200, "", sl_buf_str(&body));
    sl_buf_release(&body);
}

#define ITEMS(r, ...) answer_items(r, (const char *const[]){__VA_ARGS__, NULL})
#define FULL "429,\"error\":{\"type\":\"rejected_execution_exception\",\"reason\":\"queue\"}"
#define MAPPING "400,\"error\":{\"type\":\"mapper_parsing_exception\",\"reason\":\"field n\"}"

static void delivered(struct rows *r, uint64_t n)
{
    assert_int_equal(world_metric(&r->w, "sluice_delivered_records_total"), n);
}

/* All that was read has its outcome. */
static void end(struct rows *r)
{
    assert_true(sl_sink_idle(r->w.sink));
    assert_int_equal(sl_sink_state(r->w.sink), SL_SINK_LIVE);
    assert_int_equal(sl_partition_position(r->w.partition, 0), r->w.offset);
    world_release(&r->w);
}

static void unmoved(struct rows *r)
{
    assert_int_equal(sl_partition_position(r->w.partition, 0), 42);
}

/* ---- Elasticsearch ---- */

static void f35_es_200_with_item_429(void **state)
{
    struct rows r;

    (void)state;
    start_elasticsearch(&r);
    send(&r, 3);
    ITEMS(&r, "201", FULL, "201");
    delivered(&r, 2);
    unmoved(&r);
    world_until_request(&r.w);
    assert_false(sent(&r, 0));
    assert_true(sent(&r, 1));
    assert_false(sent(&r, 2));
    ITEMS(&r, "201");
    delivered(&r, 3);
    assert_int_equal(r.n_letters, 0);
    end(&r);
}

/* Whether it was applied nobody knows: all of it again, with the same ids. */
static void f36_es_body_cut_or_reset_after_apply(void **state)
{
    struct rows r;
    char *first;

    (void)state;
    start_elasticsearch(&r);
    send(&r, 2);
    first = sl_strndup(r.w.seen.body.p, r.w.seen.body.n);
    no_answer(&r, SL_HTTP_BROKEN);
    world_until_request(&r.w);
    assert_true(sl_slice_is(r.w.seen.body, first));
    answer(&r, 200, "", "{\"took\":1,\"errors\":false,\"items\":[{\"create\":{\"status\":201}},");
    delivered(&r, 0);
    unmoved(&r);
    world_until_request(&r.w);
    assert_true(sl_slice_is(r.w.seen.body, first));
    ITEMS(&r, "409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"x\"}",
          "409,\"error\":{\"type\":\"version_conflict_engine_exception\",\"reason\":\"x\"}");
    delivered(&r, 2);
    free(first);
    end(&r);
}

static void f37_es_413_is_split(void **state)
{
    struct rows r;

    (void)state;
    start_elasticsearch(&r);
    send(&r, 3);
    answer(&r, 413, "", "");
    for (int requests = 0; requests < 10 && !sl_sink_idle(r.w.sink) && !r.n_letters; requests++) {
        world_until_request(&r.w);
        if (sent(&r, 1))
            answer(&r, 413, "", "");
        else
            ITEMS(&r, "201");
    }
    while (r.w.seen.request)
        ITEMS(&r, "201");
    delivered(&r, 2);
    assert_int_equal(r.letter[0].offset, 43); /* alone, it is too large still */
    confirm(&r, SL_OK);
    end(&r);
}

static void f38_es_mapping_error(void **state)
{
    struct rows r;

    (void)state;
    start_elasticsearch(&r);
    send(&r, 3);
    ITEMS(&r, MAPPING, "201", "201");
    delivered(&r, 2);
    assert_int_equal(r.n_letters, 1);
    assert_int_equal(r.letter[0].offset, 42);
    unmoved(&r);
    confirm(&r, SL_OK);
    assert_int_equal(world_metric(&r.w, "sluice_dead_letter_records_total"), 1);
    end(&r);
}

static void f39_es_read_only_disk_and_shard_limit(void **state)
{
    static const char *const items[] = {
        "403,\"error\":{\"type\":\"cluster_block_exception\",\"reason\":\"index [x] blocked by: "
        "[FORBIDDEN/5/index read-only (api)];\"}",
        "429,\"error\":{\"type\":\"cluster_block_exception\",\"reason\":\"index [x] blocked by: "
        "[TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has "
        "read-only-allow-delete block];\"}",
        "400,\"error\":{\"type\":\"validation_exception\",\"reason\":\"Validation Failed: 1: this "
        "action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal "
        "shards open;\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        struct rows r;

        start_elasticsearch(&r);
        send(&r, 1);
        for (int tries = 0; tries < 20; tries++) { /* for as long as it takes */
            ITEMS(&r, items[i]);
            assert_int_equal(sl_sink_state(r.w.sink), SL_SINK_STALLED);
            assert_true(sl_sink_reason(r.w.sink)[0]);
            assert_int_equal(r.n_letters, 0);
            unmoved(&r);
            world_until_request(&r.w);
        }
        ITEMS(&r, "201");
        delivered(&r, 1);
        end(&r);
    }
}

static void c35_es_reply_of_any_kind(void **state)
{
    static const char *const replies[] = {
        "",
        "null",
        "[]",
        "{\"items\":5}",
        "{\"errors\":false,\"items\":[{\"create\":{\"status\":\"201\"}},{\"create\":{}}]}",
        "{\"took\":1,\"errors\":false,\"items\":[[],{}]}",
        "{\"took\":1,\"errors\":false,\"items\":[{\"create\":{\"status\":201}}]}",
        "<html>200</html>",
    };
    char *deep = sl_zalloc(200001);
    struct rows r;

    (void)state;
    memset(deep, '[', 200000);
    start_elasticsearch(&r);
    send(&r, 2);
    assert_in_range(r.w.seen.request->max_reply, 1, 64 << 20);
    for (size_t i = 0; i <= sizeof(replies) / sizeof(replies[0]); i++) {
        answer(&r, 200, "", i < sizeof(replies) / sizeof(replies[0]) ? replies[i] : deep);
        delivered(&r, 0);
        assert_int_equal(r.n_letters, 0);
        unmoved(&r);
        world_until_request(&r.w);
        assert_true(sent(&r, 0) && sent(&r, 1));
    }
    no_answer(&r, SL_HTTP_BROKEN); /* more than max_reply */
    world_until_request(&r.w);
    ITEMS(&r, "201", "201");
    delivered(&r, 2);
    free(deep);
    end(&r);
}

/* ---- webhook ---- */

static void f45_webhook_500_and_timeouts_for_24_h(void **state)
{
    uint64_t until;
    struct rows r;

    (void)state;
    start_webhook(&r);
    send(&r, 2);
    until = r.w.fake.now_ms + 24u * 3600 * 1000;
    while (r.w.fake.now_ms < until) {
        if (r.w.submitted % 2)
            answer(&r, 500, "", "");
        else
            no_answer(&r, SL_HTTP_TIMEOUT);
        unmoved(&r);
        world_until_request(&r.w);
    }
    assert_int_equal(sl_sink_state(r.w.sink), SL_SINK_STALLED);
    assert_in_range(r.w.submitted, 24 * 120, 24 * 3600); /* neither forgotten nor hammered */
    assert_int_equal(r.n_letters, 0);
    answer(&r, 200, "", "");
    delivered(&r, 2);
    end(&r);
}

/* The client ends the whole exchange at its deadline; what it was then is not known. */
static void f46_webhook_one_byte_a_second(void **state)
{
    struct rows r;

    (void)state;
    start_webhook(&r);
    send(&r, 2);
    assert_int_equal(r.w.seen.request->timeout_ms, r.w.config.timeout_ms);
    fake_advance(&r.w.fake, r.w.config.timeout_ms);
    no_answer(&r, SL_HTTP_TIMEOUT);
    unmoved(&r);
    world_until_request(&r.w);
    assert_true(sent(&r, 0) && sent(&r, 1));
    answer(&r, 204, "", "");
    delivered(&r, 2);
    end(&r);
}

static void f47_webhook_410_401_302(void **state)
{
    static const int statuses[] = {410, 401, 302};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct rows r;
        char number[16];

        start_webhook(&r);
        snprintf(number, sizeof(number), "HTTP %d", statuses[i]);
        send(&r, 2);
        for (int tries = 0; tries < 5; tries++) {
            answer(&r, statuses[i], "Location: https://example.com/other\r\n", "");
            assert_int_equal(sl_sink_state(r.w.sink), SL_SINK_STALLED);
            assert_non_null(strstr(sl_sink_reason(r.w.sink), number));
            assert_int_equal(r.n_letters, 0);
            unmoved(&r);
            world_until_request(&r.w);
            assert_string_equal(r.w.seen.url, "https://example.com/hook");
        }
        answer(&r, 200, "", "");
        delivered(&r, 2);
        end(&r);
    }
}

static void f48_retry_after_is_clamped(void **state)
{
    static const char *const headers[] = {
        "Retry-After: 1000000000\r\n",
        "Retry-After: Thu, 14 Nov 2999 22:13:50 GMT\r\n",
    };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct rows r;
        uint64_t from;

        start_webhook(&r);
        send(&r, 1);
        from = r.w.fake.now_ms;
        answer(&r, 503, headers[i], "");
        world_until_request(&r.w);
        assert_in_range(r.w.fake.now_ms - from, SL_RETRY_AFTER_MAX_MS, SL_RETRY_AFTER_MAX_MS + 200);
        answer(&r, 200, "", "");
        end(&r);
    }
}

/* ---- dead letters ---- */

/* More than the sink's queue may ever hold. That a letter's value is left out where the topic does
 * not take it, and what then points to the record, is the producer's: test_kafka_producer. */
static void c14_over_the_sinks_cap(void **state)
{
    char *large = sl_zalloc(100001);
    struct rows r;

    (void)state;
    memset(large, 'x', 100000);
    r = (struct rows){.letters = {put}};
    world_init(&r.w, "logs.app");
    r.w.config.kind = SL_SINK_WEBHOOK;
    r.w.config.webhook =
        (struct sl_webhook_config){.url = "https://example.com/hook", .body = SL_BODY_NDJSON};
    r.w.config.queue_bytes = r.w.config.batch_bytes = 20000;
    start(&r);
    world_record(&r.w, "{\"n\":0}");
    world_record(&r.w, large);
    world_work(&r.w);
    world_record(&r.w, "{\"n\":1}");
    world_flush(&r.w);
    while (r.w.seen.request) {
        assert_null(memmem(r.w.seen.body.p, r.w.seen.body.n, "xxxx", 4));
        answer(&r, 200, "", "");
    }
    delivered(&r, 2);
    assert_int_equal(r.n_letters, 1);
    assert_string_equal(r.letter[0].topic, "logs.app");
    assert_int_equal(r.letter[0].partition, 3);
    assert_int_equal(r.letter[0].offset, 43);
    assert_int_equal(sl_partition_position(r.w.partition, 0), 43);
    confirm(&r, SL_OK);
    free(large);
    end(&r);
}

static void f57_dlq_down(void **state)
{
    struct rows r;

    (void)state;
    start_elasticsearch(&r);
    send(&r, 2);
    r.put_fails = SL_EKAFKA;
    ITEMS(&r, MAPPING, "201");
    delivered(&r, 1);
    for (int i = 0; i < 100; i++) {
        fake_advance(&r.w.fake, 1000);
        r.put_fails = i % 2 ? SL_EKAFKA : SL_EFULL;
        unmoved(&r);
    }
    r.put_fails = 0; /* it takes the letter, and then fails to write it */
    fake_advance(&r.w.fake, 60000);
    for (int i = 0; i < 10; i++) {
        confirm(&r, SL_EKAFKA);
        unmoved(&r);
        assert_int_equal(world_metric(&r.w, "sluice_dead_letter_records_total"), 0);
        fake_advance(&r.w.fake, 60000);
    }
    confirm(&r, SL_OK);
    assert_int_equal(world_metric(&r.w, "sluice_dead_letter_records_total"), 1);
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f35_es_200_with_item_429),
        cmocka_unit_test(f36_es_body_cut_or_reset_after_apply),
        cmocka_unit_test(f37_es_413_is_split),
        cmocka_unit_test(f38_es_mapping_error),
        cmocka_unit_test(f39_es_read_only_disk_and_shard_limit),
        cmocka_unit_test(c35_es_reply_of_any_kind),
        cmocka_unit_test(f45_webhook_500_and_timeouts_for_24_h),
        cmocka_unit_test(f46_webhook_one_byte_a_second),
        cmocka_unit_test(f47_webhook_410_401_302),
        cmocka_unit_test(f48_retry_after_is_clamped),
        cmocka_unit_test(c14_over_the_sinks_cap),
        cmocka_unit_test(f57_dlq_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
