/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sink/http_policy.h"
#include "fake_runtime.h"

#define NOW 1700000000000 /* Tue, 14 Nov 2023 22:13:20 GMT */

static struct sl_result judge(int status, const char *headers, struct sl_buf *reason)
{
    struct sl_http_reply reply = {.status = status, .error = "", .headers = sl_slice_str(headers)};
    struct sl_result result;

    sl_http_judge(&reply, NOW, SL_SLICE_LITERAL("its words"), reason, &result);
    assert_false(result.per_item);
    assert_int_equal(result.status, status);
    return result;
}

static void every_status_has_its_outcome(void **state)
{
    static const struct {
        int from, to;
        enum sl_outcome outcome;
        bool throttled;
    } rows[] = {
        {200, 299, SL_DELIVERED, false}, {300, 399, SL_STALL, false}, {400, 400, SL_SPLIT, false},
        {401, 401, SL_STALL, false},     {402, 402, SL_STALL, false}, {403, 405, SL_STALL, false},
        {406, 406, SL_STALL, false},     {407, 407, SL_STALL, false}, {408, 408, SL_AGAIN, false},
        {409, 409, SL_SPLIT, false},     {410, 410, SL_STALL, false}, {411, 414, SL_SPLIT, false},
        {415, 415, SL_STALL, false},     {416, 424, SL_SPLIT, false}, {425, 425, SL_AGAIN, false},
        {426, 426, SL_STALL, false},     {427, 428, SL_SPLIT, false}, {429, 429, SL_AGAIN, true},
        {430, 499, SL_SPLIT, false},     {500, 501, SL_AGAIN, false}, {502, 504, SL_AGAIN, true},
        {505, 599, SL_AGAIN, false},     {101, 101, SL_AGAIN, false}, {999, 999, SL_AGAIN, false},
    };
    struct sl_buf reason;

    (void)state;
    sl_buf_init(&reason, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int status = rows[i].from; status <= rows[i].to; status++) {
            struct sl_result r = judge(status, "", &reason);
            char number[16];

            if (r.outcome != rows[i].outcome || r.throttled != rows[i].throttled)
                fail_msg("status %d: outcome %d, throttled %d", status, r.outcome, r.throttled);
            snprintf(number, sizeof(number), "HTTP %d: ", status);
            if (r.outcome == SL_DELIVERED)
                assert_string_equal(r.reason, "");
            else
                assert_true(strstr(r.reason, number) == r.reason &&
                            strstr(r.reason, ": its words"));
        }
    sl_buf_release(&reason);
}

static void every_failure_has_its_outcome(void **state)
{
    static const struct {
        enum sl_http_result result;
        enum sl_outcome outcome;
    } rows[] = {
        {SL_HTTP_RESOLVE, SL_AGAIN}, {SL_HTTP_CONNECT, SL_AGAIN}, {SL_HTTP_TLS, SL_STALL},
        {SL_HTTP_TIMEOUT, SL_AGAIN}, {SL_HTTP_DENIED, SL_STALL},  {SL_HTTP_BROKEN, SL_AGAIN},
    };
    struct sl_buf reason;

    (void)state;
    sl_buf_init(&reason, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* A status of a reply that never came whole counts for nothing. */
        struct sl_http_reply reply = {
            .result = rows[i].result, .error = "curl's words", .status = 200};
        struct sl_result result;

        sl_http_judge(&reply, NOW, (struct sl_slice){NULL, 0}, &reason, &result);
        assert_int_equal(result.outcome, rows[i].outcome);
        assert_int_equal(result.status, 0);
        assert_true(strstr(result.reason, "curl's words") == result.reason); /* said once */
        assert_int_equal(strstr(result.reason, "tls.ca") != NULL, rows[i].result == SL_HTTP_TLS);
        reply.error = "";
        sl_http_judge(&reply, NOW, (struct sl_slice){NULL, 0}, &reason, &result);
        assert_true(strstr(result.reason, "no reply") == result.reason);
    }
    sl_buf_release(&reason);
}

static void f48_retry_after_is_read_and_clamped(void **state)
{
    static const struct {
        const char *header;
        unsigned ms;
    } rows[] = {
        {"Retry-After: 0\r\n", 0},
        {"Retry-After: 7\r\n", 7000},
        {"retry-after:   120  \r\n", 120000},
        {"Retry-After: 300\r\n", 300000},
        {"Retry-After: 301\r\n", 300000},
        {"Retry-After: 1000000000\r\n", 300000},
        {"Retry-After: 99999999999999999999999999999999999999999999\r\n", 300000},
        {"Retry-After: -5\r\n", 0},
        {"Retry-After: 1.5\r\n", 0},
        {"Retry-After: 5s\r\n", 0},
        {"Retry-After: \r\n", 0},
        {"Retry-After: soon\r\n", 0},
        {"Retry-After: Tue, 14 Nov 2023 22:13:50 GMT\r\n", 30000},
        {"Retry-After: Tue, 14 Nov 2023 22:13:20 GMT\r\n", 0},
        {"Retry-After: Mon, 13 Nov 2023 22:13:50 GMT\r\n", 0},
        {"Retry-After: Thu, 14 Nov 2999 22:13:50 GMT\r\n", 300000},
        {"X-Retry-After: 9\r\n", 0},
        {"", 0},
    };
    struct sl_buf reason;

    (void)state;
    sl_buf_init(&reason, 1024);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(judge(503, rows[i].header, &reason).retry_after_ms, rows[i].ms);
        assert_int_equal(judge(429, rows[i].header, &reason).retry_after_ms, rows[i].ms);
        assert_int_equal(judge(401, rows[i].header, &reason).retry_after_ms, 0);
    }
    sl_buf_release(&reason);
}

static void long_words_are_cut(void **state)
{
    static char words[5000];
    struct sl_http_reply reply = {.status = 500, .error = ""};
    struct sl_result result;
    struct sl_buf reason;

    (void)state;
    memset(words, 'w', sizeof(words));
    sl_buf_init(&reason, 1024);
    sl_http_judge(&reply, NOW, sl_slice(words, sizeof(words)), &reason, &result);
    assert_true(strlen(result.reason) > SL_HTTP_REASON_MAX && strlen(result.reason) < 500);
    sl_buf_release(&reason);
}

static const char *excerpt(struct sl_slice body, const char *secret, struct sl_buf *out)
{
    const char *secrets[] = {secret, NULL, ""};

    sl_buf_clear(out);
    sl_http_excerpt(body, secrets, 3, out);
    return sl_buf_str(out);
}

static void excerpts_are_one_clean_line_without_secrets(void **state)
{
    static char large[10000];
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 1024);
    assert_string_equal(
        excerpt(SL_SLICE_LITERAL("\n no_text \r\n\x1b[31m\t\xff x\0y \n"), "s3cret", &out),
        "no_text [31m x y");
    assert_string_equal(excerpt(SL_SLICE_LITERAL("h\xc3\xa9 \xc2\x85 u"), "s3cret", &out),
                        "h\xc3\xa9 u");
    assert_string_equal(excerpt(SL_SLICE_LITERAL("you sent Bearer s3cret!"), "s3cret", &out), "");
    assert_string_equal(excerpt((struct sl_slice){NULL, 0}, "s3cret", &out), "");
    memset(large, 'a', sizeof(large));
    assert_int_equal(strlen(excerpt(sl_slice(large, sizeof(large)), "s3cret", &out)),
                     SL_HTTP_EXCERPT_MAX);
    memcpy(large + 9000, "s3cret", 6); /* also behind what is shown */
    assert_string_equal(excerpt(sl_slice(large, sizeof(large)), "s3cret", &out), "");
    sl_buf_release(&out);
}

static void c21_header_names_and_values_are_checked(void **state)
{
    (void)state;
    assert_true(sl_http_header_value_ok("Bearer a\tb \xc3\xa9"));
    assert_true(sl_http_header_value_ok(""));
    assert_false(sl_http_header_value_ok("a\r\nX: y"));
    assert_false(sl_http_header_value_ok("a\n"));
    assert_false(sl_http_header_value_ok("a\x7f"));
    assert_true(sl_http_header_name_ok("X-Api_Key.2"));
    assert_false(sl_http_header_name_ok(""));
    assert_false(sl_http_header_name_ok("a b"));
    assert_false(sl_http_header_name_ok("a:"));
    assert_false(sl_http_header_name_ok("a\r\n"));
    assert_false(sl_http_header_name_ok("\xc3\xa9"));
}

/* ---- one request ---- */

struct client {
    struct sl_http http;
    bool refuse;
    unsigned submitted, cancelled;
};

struct call {
    struct sl_exchange x;
    unsigned done;
    enum sl_http_result result;
    char error[64];
};

static int client_submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct client *c = sl_container_of(h, struct client, http);

    (void)r;
    if (c->refuse)
        return sl_fail(err, SL_EINVAL, "no such scheme");
    c->submitted++;
    return SL_OK;
}

static void client_cancel(struct sl_http *h, struct sl_http_request *r)
{
    (void)r;
    sl_container_of(h, struct client, http)->cancelled++;
}

static void call_done(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct call *c = sl_container_of(x, struct call, x);

    c->done++;
    c->result = reply->result;
    snprintf(c->error, sizeof(c->error), "%s", reply->error);
    memset(&c->x, 0xee, sizeof(c->x)); /* it is free to go now */
}

static void a_refused_request_fails_later(void **state)
{
    struct fake_runtime f;
    struct client client = {.http = {client_submit, client_cancel}, .refuse = true};
    struct call call = {.done = 0};

    (void)state;
    fake_runtime_init(&f, 1);
    call.x = (struct sl_exchange){.rt = &f.rt, .client = &client.http, .done = call_done};
    sl_exchange_start(&call.x);
    assert_int_equal(call.done, 0);
    fake_advance(&f, 0);
    assert_int_equal(call.done, 1);
    assert_int_equal(call.result, SL_HTTP_CONNECT);
    assert_string_equal(call.error, "no such scheme");

    call.x = (struct sl_exchange){.rt = &f.rt, .client = &client.http, .done = call_done};
    sl_exchange_start(&call.x);
    sl_exchange_cancel(&call.x);
    fake_advance(&f, 1000);
    assert_int_equal(call.done, 1);
    assert_int_equal(client.cancelled, 0); /* the client never had it */

    client.refuse = false;
    sl_exchange_start(&call.x);
    assert_int_equal(client.submitted, 1);
    call.x.http.done(&call.x.http,
                     &(struct sl_http_reply){.result = SL_HTTP_TIMEOUT, .error = "slow"});
    assert_int_equal(call.done, 2);
    assert_int_equal(call.result, SL_HTTP_TIMEOUT);
    call.x = (struct sl_exchange){.rt = &f.rt, .client = &client.http, .done = call_done};
    sl_exchange_start(&call.x);
    sl_exchange_cancel(&call.x);
    assert_int_equal(client.cancelled, 1);
    fake_runtime_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_outcome),
        cmocka_unit_test(every_failure_has_its_outcome),
        cmocka_unit_test(f48_retry_after_is_read_and_clamped),
        cmocka_unit_test(long_words_are_cut),
        cmocka_unit_test(excerpts_are_one_clean_line_without_secrets),
        cmocka_unit_test(c21_header_names_and_values_are_checked),
        cmocka_unit_test(a_refused_request_fails_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
