/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <strings.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hash.h"
#include "http_help.h"
#include "probed.h"

static void hook_setup(struct bench *t, enum sl_webhook_body body)
{
    bench_init(t);
    t->config.kind = SL_SINK_WEBHOOK;
    t->config.webhook =
        (struct sl_webhook_config){.url = "https://hooks.example.com/in", .body = body};
}

static void hook_headers(struct bench *t, struct sl_webhook_header *headers, size_t n)
{
    t->config.webhook.headers = headers;
    t->config.webhook.n_headers = n;
}

static void hook_secrets(struct bench *t, struct sl_secret **secrets, size_t n)
{
    t->config.webhook.secrets = secrets;
    t->config.webhook.n_secrets = n;
}

/* Starts the sink as it is set up; an empty batch. */
static struct sl_batch *hook_batch(struct bench *t)
{
    bench_start(t, &sl_sink_webhook);
    return bench_batch(t);
}

static struct sl_slice sent(struct bench *t)
{
    return fake_last(&t->http)->r->body;
}

static void arrays_and_lines(void **state)
{
    static const char *const expected[][2] = {
        {"[{\"a\":1,\"kind\":\"server\"}]",
         "[{\"a\":1,\"kind\":\"server\"},{\"b\":2,\"kind\":\"server\"}]"},
        {"{\"a\":1,\"kind\":\"server\"}\n",
         "{\"a\":1,\"kind\":\"server\"}\n{\"b\":2,\"kind\":\"server\"}\n"},
    };
    struct sl_secret secret = {"s", NULL}, *secrets[] = {&secret};

    (void)state;
    for (int kind = SL_BODY_ARRAY; kind <= SL_BODY_NDJSON; kind++)
        for (int is_signed = 0; is_signed < 2; is_signed++) {
            struct bench t;
            struct sl_batch *b;

            hook_setup(&t, (enum sl_webhook_body)kind);
            hook_secrets(&t, secrets, (size_t)is_signed);
            b = hook_batch(&t);
            bench_text(&t, b, "{\"a\":1}");
            assert_true(b->items[0].verbatim);
            assert_int_equal(b->items[0].value_n, 7);
            bench_send(&t, b);
            assert_true(sl_slice_is(sent(&t), expected[kind][0]));
            assert_string_equal(fake_header(fake_last(&t.http), "Content-Type"),
                                kind == SL_BODY_ARRAY ? "application/json"
                                                      : "application/x-ndjson");
            fake_status(&t.http, 500, "", "");
            bench_text(&t, b, "{\"b\":2}");
            bench_send(&t, b);
            assert_true(sl_slice_is(sent(&t), expected[kind][1]));
            fake_status(&t.http, 204, "", "");
            assert_int_equal(last_done.result.outcome, SL_DELIVERED);
            bench_release(&t);
        }
}

static void a_records_id_is_spliced_in_once(void **state)
{
    struct bench t;
    struct sl_batch *b;
    json_t *root, *item;
    size_t i;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    t.config.webhook.id_field = "sl\"id";
    b = hook_batch(&t);
    bench_text(&t, b, "{\"a\":1}");
    bench_text(&t, b, "no json");
    bench_text(&t, b, "{\"sl\\\"id\":null}");
    bench_text(&t, b, "{\"sl\\\"id\":\"mine\"}");
    bench_text(&t, b, "{}");
    bench_send(&t, b);
    root = json_loadb(sent(&t).p, sent(&t).n, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(root), 5);
    json_array_foreach(root, i, item)
    {
        json_t *id = json_object_get(item, "sl\"id");

        if (i == 2)
            assert_true(json_is_null(id));
        else if (i == 3)
            assert_string_equal(json_string_value(id), "mine");
        else
            assert_int_equal(json_string_length(id), 27);
    }
    assert_string_not_equal(json_string_value(json_object_get(json_array_get(root, 0), "sl\"id")),
                            json_string_value(json_object_get(json_array_get(root, 1), "sl\"id")));
    json_decref(root);
    fake_status(&t.http, 200, "", "");
    bench_release(&t);
}

/* It counts as absent for rules, but it is there. */
static void a_number_of_any_size_is_an_id(void **state)
{
    const char *expected = "[{\"kind\":1,\"sluice_id\":1e999}]";
    struct bench t;
    struct sl_batch *b;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    t.config.webhook.id_field = "sluice_id";
    b = hook_batch(&t);
    bench_text(&t, b, "{\"kind\":1,\"sluice_id\":1e999}");
    bench_send(&t, b);
    if (!sl_slice_is(sent(&t), expected))
        fail_msg("%.*s", (int)sent(&t).n, sent(&t).p);
    fake_status(&t.http, 200, "", "");
    bench_release(&t);
}

static void mappings_fill_strings_and_keep_the_rest(void **state)
{
    static const char mapping[] = "{ \"text\": \"<{level|none}> {message}\\n\\u00e9{{}}\", "
                                  "\"{key}\" : {\"n\":0.1000,\"deep\":[\"{a}\",\"\\\\\","
                                  "true]} ,\"plain\":\"x: y\", \"again\":\"{a}{a}\"}";
    static const char expected[] = "{ \"text\": \"<none> say \\\"hi\\\"\\n\\n\\u00e9{}\", "
                                   "\"{key}\" : {\"n\":0.1000,\"deep\":[\"\\\\1\","
                                   "\"\\\\\",true]} ,\"plain\":\"x: y\", \"again\":\"\\\\1\\\\1\"}";
    struct bench t;
    struct sl_batch *b;
    json_t *root;

    (void)state;
    hook_setup(&t, SL_BODY_MAPPING);
    t.config.webhook.mapping = mapping;
    t.config.webhook.id_field = "sluice_id"; /* has no place in a mapping */
    b = hook_batch(&t);
    bench_text(&t, b, "{\"message\":\"say \\\"hi\\\"\\n\",\"a\":\"\\\\1\"}");
    assert_false(b->items[0].verbatim);
    bench_send(&t, b);
    if (!sl_slice_is(sent(&t), expected))
        fail_msg("%.*s", (int)sent(&t).n, sent(&t).p);
    root = json_loadb(sent(&t).p, sent(&t).n, 0, NULL);
    assert_non_null(root);
    json_decref(root);
    assert_string_equal(fake_header(fake_last(&t.http), "Content-Type"), "application/json");
    fake_status(&t.http, 200, "", "ok");
    bench_release(&t);
}

static void wrong_settings_are_refused(void **state)
{
    struct sl_secret injected = {"a\r\nX-Evil: 1", NULL}, plain = {"v", NULL}, empty = {"", NULL};
    struct sl_secret *empties[] = {&empty};
    struct sl_webhook_header evil = {"x", &injected}, name = {"x y", &plain},
                             own = {"Webhook-Id", &plain}, length = {"content-length", &plain},
                             line = {"a\nb", &plain};
    const struct sl_webhook_config rows[] = {
        {.headers = &evil, .n_headers = 1},
        {.headers = &name, .n_headers = 1},
        {.headers = &own, .n_headers = 1},
        {.headers = &length, .n_headers = 1},
        {.headers = &line, .n_headers = 1},
        {.secrets = empties, .n_secrets = 1},
        {.body = SL_BODY_MAPPING, .mapping = "{\"a\":\"{b\"}"},
        {.body = SL_BODY_MAPPING, .mapping = "{\"a\":\"b}\", \"c\":\"{}\"}"},
        {.body = SL_BODY_MAPPING, .mapping = "[\"{a}\"]"},
        {.body = SL_BODY_MAPPING, .mapping = "{\"a\":1"},
        {.body = SL_BODY_MAPPING, .mapping = ""},
        {.body = SL_BODY_MAPPING, .mapping = "{\"a\":1,\"a\":2}"},
        {.id_field = ""},
        {.id_field = "@timestamp"},
        {.id_field = "a\xff"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench t;
        struct sl_error err = {0};

        hook_setup(&t, SL_BODY_ARRAY);
        t.config.webhook = rows[i];
        t.config.webhook.url = "https://x";
        if (bench_try(&t, &sl_sink_webhook, &err) == SL_OK)
            fail_msg("row %zu was taken", i);
        assert_true(err.code != SL_OK && err.text[0]);
        assert_null(strstr(err.text, "Evil"));
        bench_release(&t);
    }
}

static void c21_requests_are_confined(void **state)
{
    struct sl_secret token = {"Bearer T", NULL},
                     type = {"application/cloudevents-batch+json", NULL};
    struct sl_webhook_header headers[] = {{"Authorization", &token}, {"content-type", &type}};

    (void)state;
    for (int allow = 0; allow < 2; allow++) {
        struct bench t;
        struct sl_batch *b;
        struct fake_request *q;

        hook_setup(&t, SL_BODY_ARRAY);
        t.config.webhook.allow_private = allow;
        hook_headers(&t, headers, 2);
        b = hook_batch(&t);
        bench_text(&t, b, "{}");
        bench_send(&t, b);
        q = fake_last(&t.http);
        assert_string_equal(q->method, "POST");
        assert_string_equal(q->url, "https://hooks.example.com/in");
        assert_int_equal(q->r->deny_private, !allow);
        assert_int_equal(q->r->https_only, !allow);
        assert_int_equal(q->r->timeout_ms, 30000);
        assert_string_equal(fake_header(q, "Authorization"), "Bearer T");
        assert_string_equal(fake_header(q, "Content-Type"), type.value);
        assert_null(fake_header(q, "webhook-signature"));
        assert_non_null(fake_header(q, "webhook-id"));
        fake_failure(&t.http, SL_HTTP_DENIED, "127.0.0.1 is private");
        assert_int_equal(last_done.result.outcome, SL_STALL);
        bench_release(&t);
    }
}

static void check_signature(const struct fake_request *q, const char *key, int which)
{
    const char *signature = fake_header(q, "webhook-signature");
    struct sl_buf text, expected;
    uint8_t mac[32];

    assert_non_null(signature);
    while (which-- > 0)
        signature = strchr(signature, ' ') + 1;
    sl_buf_init(&text, 1 << 20);
    sl_buf_init(&expected, 100);
    sl_buf_printf(&text, "%s.%s.", fake_header(q, "webhook-id"),
                  fake_header(q, "webhook-timestamp"));
    sl_buf_slice(&text, q->r->body);
    sl_hmac_sha256(sl_slice_str(key), sl_buf_as_slice(&text), mac);
    SL_BUF_LITERAL(&expected, "v1,");
    sl_base64(&expected, mac, 32);
    assert_memory_equal(signature, expected.p, expected.n);
    sl_buf_release(&text);
    sl_buf_release(&expected);
}

static void every_attempt_is_signed_anew_under_one_id(void **state)
{
    struct sl_secret a = {"first key", "newer key"}, b2 = {"second key", NULL},
                     *secrets[] = {&a, &b2};
    struct bench t;
    struct sl_batch *b, *other;
    char id[64];

    (void)state;
    for (int kind = SL_BODY_ARRAY; kind <= SL_BODY_NDJSON; kind++) {
        a = (struct sl_secret){"first key", "newer key"};
        hook_setup(&t, (enum sl_webhook_body)kind);
        hook_secrets(&t, secrets, 2);
        b = hook_batch(&t);
        bench_text(&t, b, "{\"a\":1}");
        bench_text(&t, b, "{\"a\":1}");
        bench_send(&t, b);
        assert_string_equal(fake_header(fake_last(&t.http), "webhook-timestamp"), "1700000001");
        check_signature(fake_last(&t.http), "first key", 0);
        check_signature(fake_last(&t.http), "second key", 1);
        snprintf(id, sizeof(id), "%s", fake_header(fake_last(&t.http), "webhook-id"));
        assert_int_equal(strlen(id), 28);
        fake_status(&t.http, 500, "", "");

        /* Not sealed again, later, with a new key: the same message. */
        fake_advance(&t.runtime, 61000);
        t.sink.type->refresh(&t.sink);
        t.sink.type->submit(&t.sink, b);
        assert_string_equal(fake_header(fake_last(&t.http), "webhook-id"), id);
        assert_string_equal(fake_header(fake_last(&t.http), "webhook-timestamp"), "1700000062");
        check_signature(fake_last(&t.http), "newer key", 0);
        fake_status(&t.http, 500, "", "");

        /* Fewer records are another message, and so are equal bytes from elsewhere. */
        b->n_items = b->records = 1;
        sl_buf_truncate(&b->data, b->items[0].end);
        bench_send(&t, b);
        assert_string_not_equal(fake_header(fake_last(&t.http), "webhook-id"), id);
        fake_status(&t.http, 500, "", "");
        other = bench_batch(&t);
        bench_text(&t, other, "{\"a\":1}");
        bench_text(&t, other, "{\"a\":1}");
        bench_send(&t, other);
        assert_string_not_equal(fake_header(fake_last(&t.http), "webhook-id"), id);
        snprintf(id, sizeof(id), "%s", fake_header(fake_last(&t.http), "webhook-id"));
        fake_status(&t.http, 200, "", "");

        /* Other bytes from the same place too: the topic was made anew. */
        t.offset -= 2;
        other = bench_batch(&t);
        bench_text(&t, other, "{\"a\":1}");
        bench_text(&t, other, "{\"a\":2}");
        bench_send(&t, other);
        assert_string_not_equal(fake_header(fake_last(&t.http), "webhook-id"), id);
        fake_status(&t.http, 200, "", "");
        bench_release(&t);
    }
}

static void a_bad_new_secret_changes_nothing(void **state)
{
    struct sl_secret key = {"key", ""}, value = {"good", "bad\r\nX-Evil: 1"}, *secrets[] = {&key};
    struct sl_webhook_header headers[] = {{"x-token", &value}};
    struct bench t;
    struct sl_batch *b;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    hook_secrets(&t, secrets, 1);
    hook_headers(&t, headers, 1);
    bench_start(&t, &sl_sink_webhook);
    t.sink.type->refresh(&t.sink);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
    bench_send(&t, b);
    assert_string_equal(fake_header(fake_last(&t.http), "x-token"), "good");
    check_signature(fake_last(&t.http), "key", 0);
    fake_status(&t.http, 200, "", "");
    bench_release(&t);
}

static void answers_are_judged_and_quoted_without_secrets(void **state)
{
    struct sl_secret token = {"Bearer sesame", NULL};
    struct sl_webhook_header headers[] = {{"Authorization", &token}};
    static const struct {
        int status;
        enum sl_outcome outcome;
        const char *headers, *body, *words;
    } rows[] = {
        {200, SL_DELIVERED, "", "ok", ""},
        {202, SL_DELIVERED, "", "", ""},
        {301, SL_STALL, "Location: https://e/\r\n", "", "redirect"},
        {400, SL_SPLIT, "", "invalid_payload", "invalid_payload"},
        {401, SL_STALL, "", "token sesame is unknown", "401"},
        {404, SL_STALL, "", "no_team", "no_team"},
        {410, SL_STALL, "", "", "closed for good"},
        {413, SL_SPLIT, "", "", "413"},
        {422, SL_SPLIT, "", "", "422"},
        {418, SL_SPLIT, "", "", "418"},
        {429, SL_AGAIN, "Retry-After: 2\r\n", "", "429"},
        {502, SL_AGAIN, "", "", "502"},
    };
    struct bench t;
    struct sl_batch *b;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    hook_headers(&t, headers, 1);
    b = hook_batch(&t);
    bench_text(&t, b, "{}");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bench_send(&t, b);
        fake_status(&t.http, rows[i].status, rows[i].headers, rows[i].body);
        assert_int_equal(last_done.result.outcome, rows[i].outcome);
        assert_int_equal(last_done.result.status, rows[i].status);
        assert_int_equal(last_done.result.retry_after_ms, rows[i].status == 429 ? 2000 : 0);
        assert_int_equal(last_done.result.throttled,
                         rows[i].status == 429 || rows[i].status == 502);
        assert_non_null(strstr(last_done.reason, rows[i].words));
        assert_null(strstr(last_done.reason, "sesame"));
    }
    bench_send(&t, b);
    fake_failure(&t.http, SL_HTTP_BROKEN, "cut"); /* also when a 2xx was on its way */
    assert_int_equal(last_done.result.outcome, SL_AGAIN);
    bench_release(&t);
}

static void the_rate_is_kept(void **state)
{
    struct bench t;
    struct sl_batch *b;
    unsigned waited = 0;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    t.config.webhook.rate = 4;
    b = hook_batch(&t);
    bench_text(&t, b, "{}");
    for (int i = 0; i < 9; i++) {
        unsigned ms = sl_sink_webhook.wait(&t.sink);

        waited += ms;
        fake_advance(&t.runtime, ms);
        assert_int_equal(sl_sink_webhook.wait(&t.sink), 0);
        bench_send(&t, b);
        fake_status(&t.http, 200, "", "");
    }
    assert_in_range(waited, 2000, 2010); /* the first was free */
    fake_advance(&t.runtime, 3600000);   /* rest is not saved up */
    bench_send(&t, b);
    fake_status(&t.http, 200, "", "");
    assert_in_range(sl_sink_webhook.wait(&t.sink), 249, 251);
    t.config.webhook.rate = 0;
    assert_int_equal(sl_sink_webhook.wait(&t.sink), 0);
    bench_release(&t);
}

static void a_probe_changes_nothing(void **state)
{
    struct bench t;
    struct probed p = {0};
    struct sl_batch *b;

    (void)state;
    hook_setup(&t, SL_BODY_ARRAY);
    t.config.timeout_ms = 60000;
    bench_start(&t, &sl_sink_webhook);
    t.sink.type->probe(&t.sink, on_probed, &p);
    assert_string_equal(fake_last(&t.http)->method, "HEAD");
    assert_int_equal(fake_last(&t.http)->r->timeout_ms, 10000);
    assert_true(fake_last(&t.http)->r->deny_private && fake_last(&t.http)->r->https_only);
    fake_status(&t.http, 405, "", "");
    assert_int_equal(p.outcome, SL_DELIVERED);
    assert_null(strstr(p.reason, "warning"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 403, "", "");
    assert_int_equal(p.outcome, SL_DELIVERED);
    assert_non_null(strstr(p.reason, "warning"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_status(&t.http, 302, "", "");
    assert_non_null(strstr(p.reason, "redirects are not followed"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_failure(&t.http, SL_HTTP_DENIED, "10.0.0.1");
    assert_int_equal(p.outcome, SL_STALL);
    assert_non_null(strstr(p.reason, "allow_private"));
    t.sink.type->probe(&t.sink, on_probed, &p);
    fake_failure(&t.http, SL_HTTP_CONNECT, "refused");
    assert_int_equal(p.outcome, SL_AGAIN);
    assert_int_equal(p.calls, 5);
    t.sink.type->probe(&t.sink, on_probed, &p);
    b = bench_batch(&t);
    bench_text(&t, b, "{}");
    bench_send(&t, b);
    bench_release(&t);
    assert_int_equal(p.calls, 5);
    assert_int_equal(t.http.cancelled, 2);
    assert_int_equal(last_done.calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arrays_and_lines),
        cmocka_unit_test(a_records_id_is_spliced_in_once),
        cmocka_unit_test(a_number_of_any_size_is_an_id),
        cmocka_unit_test(mappings_fill_strings_and_keep_the_rest),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(c21_requests_are_confined),
        cmocka_unit_test(every_attempt_is_signed_anew_under_one_id),
        cmocka_unit_test(a_bad_new_secret_changes_nothing),
        cmocka_unit_test(answers_are_judged_and_quoted_without_secrets),
        cmocka_unit_test(the_rate_is_kept),
        cmocka_unit_test(a_probe_changes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
