/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/utf8.h"
#include "sink/s3_reply.h"

#define NOW 784111777000 /* Sun, 06 Nov 1994 08:49:37 GMT */

static const struct sl_s3_config config = {.bucket = "logs"};

static struct sl_s3_verdict *judge(int status, const char *headers, struct sl_slice body)
{
    static struct sl_s3_verdict v;
    const struct sl_http_reply reply = {
        .result = SL_HTTP_OK, .status = status, .headers = sl_slice_str(headers), .body = body};

    sl_s3_judge(&reply, &config, "PUT s3://logs/k", NOW, &v);
    return &v;
}

static struct sl_s3_verdict *judge_code(int status, const char *code)
{
    static char body[512];
    int n = snprintf(body, sizeof(body),
                     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code>"
                     "<Message>some words</Message><RequestId>1</RequestId></Error>",
                     code);

    return judge(status, "", sl_slice(body, (size_t)n));
}

static void statuses(void **state)
{
    static const struct {
        int status;
        enum sl_outcome outcome;
        bool throttled;
    } cases[] = {
        {200, SL_DELIVERED, false}, {201, SL_DELIVERED, false}, {204, SL_DELIVERED, false},
        {301, SL_STALL, false},     {302, SL_STALL, false},     {307, SL_STALL, false},
        {400, SL_STALL, false},     {401, SL_STALL, false},     {403, SL_STALL, false},
        {404, SL_STALL, false},     {405, SL_STALL, false},     {408, SL_AGAIN, false},
        {409, SL_AGAIN, false},     {410, SL_STALL, false},     {411, SL_STALL, false},
        {413, SL_STALL, false},     {422, SL_STALL, false},     {429, SL_AGAIN, true},
        {500, SL_AGAIN, false},     {501, SL_STALL, false},     {502, SL_AGAIN, false},
        {503, SL_AGAIN, true},      {504, SL_AGAIN, false},     {507, SL_STALL, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sl_s3_verdict *v = judge(cases[i].status, "", sl_slice("", 0));

        assert_int_equal(v->result.outcome, cases[i].outcome);
        assert_int_equal(v->result.throttled, cases[i].throttled);
        assert_int_equal(v->result.status, cases[i].status);
        assert_false(v->exists || v->skewed || v->result.per_item);
        if (cases[i].outcome != SL_DELIVERED)
            assert_non_null(strstr(v->reason, "PUT s3://logs/k: HTTP "));
    }
}

static void codes(void **state)
{
    static const struct {
        int status;
        const char *code;
        enum sl_outcome outcome;
        bool throttled;
        const char *hint;
    } cases[] = {
        {400, "RequestTimeout", SL_AGAIN, false, ""},
        {400, "BadDigest", SL_AGAIN, false, ""},
        {400, "XAmzContentSHA256Mismatch", SL_AGAIN, false, ""},
        {409, "ConditionalRequestConflict", SL_AGAIN, false, ""},
        {409, "OperationAborted", SL_AGAIN, false, ""},
        {500, "InternalError", SL_AGAIN, false, ""},
        {503, "SlowDown", SL_AGAIN, true, ""},
        {400, "SlowDown", SL_AGAIN, true, ""},
        {400, "ExpiredToken", SL_STALL, false, "check access_key"},
        {403, "InvalidAccessKeyId", SL_STALL, false, "check access_key"},
        {403, "SignatureDoesNotMatch", SL_STALL, false, "check access_key"},
        {403, "AccessDenied", SL_STALL, false, "s3:PutObject"},
        {404, "NoSuchBucket", SL_STALL, false, "bucket `logs`"},
        {400, "AuthorizationHeaderMalformed", SL_STALL, false, "region"},
        {301, "PermanentRedirect", SL_STALL, false, "region"},
        {400, "EntityTooLarge", SL_STALL, false, "batch.bytes"},
        {400, "SomethingNew", SL_STALL, false, ""},
        {501, "NotImplemented", SL_STALL, false, ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sl_s3_verdict *v = judge_code(cases[i].status, cases[i].code);

        assert_int_equal(v->result.outcome, cases[i].outcome);
        assert_int_equal(v->result.throttled, cases[i].throttled);
        assert_non_null(strstr(v->reason, cases[i].code));
        assert_non_null(strstr(v->reason, cases[i].hint));
        assert_non_null(strstr(v->reason, "some words"));
        assert_ptr_equal(v->result.reason, v->reason);
    }
}

static void a_taken_name(void **state)
{
    (void)state;
    assert_true(judge(412, "", sl_slice("", 0))->exists);
    assert_true(judge_code(412, "PreconditionFailed")->exists);
    assert_true(judge(304, "", sl_slice("", 0))->exists);
    assert_false(judge_code(301, "PermanentRedirect")->exists);
}

static void a_wrong_clock(void **state)
{
    (void)state;
    assert_true(judge_code(403, "RequestTimeTooSkewed")->skewed);
    assert_int_equal(judge_code(403, "RequestTimeTooSkewed")->result.outcome, SL_AGAIN);
    assert_true(judge(403, "Date: Sun, 06 Nov 1994 09:49:37 GMT\r\n", sl_slice("", 0))->skewed);
    assert_true(judge(403, "Date: Sun, 06 Nov 1994 07:49:37 GMT\r\n", sl_slice("", 0))->skewed);
    assert_false(judge(403, "Date: Sun, 06 Nov 1994 08:50:37 GMT\r\n", sl_slice("", 0))->skewed);
    assert_false(judge(404, "Date: Sun, 06 Nov 1994 07:49:37 GMT\r\n", sl_slice("", 0))->skewed);
}

static void a_region_is_shown_when_it_is_one(void **state)
{
    (void)state;
    assert_non_null(strstr(
        judge(301, "x-amz-bucket-region: eu-west-1\r\n", sl_slice("", 0))->reason, "`eu-west-1`"));
    assert_null(
        strstr(judge(301, "x-amz-bucket-region: a\x1b[2J\r\n", sl_slice("", 0))->reason, "\x1b"));
}

/* It goes into JSON and onto terminals. */
static void a_stores_words_stay_whole_characters(void **state)
{
    struct sl_buf body;
    char copy[SL_S3_REASON_MAX];

    (void)state;
    sl_buf_init(&body, 4096);
    SL_BUF_LITERAL(&body, "<Error><Code>Odd\xffOne</Code><Message>x");
    for (int i = 0; i < 100; i++)
        SL_BUF_LITERAL(&body, "\xe4\xb8\xad");
    SL_BUF_LITERAL(&body, "</Message></Error>");
    sl_utf8_copy(judge(403, "", sl_buf_as_slice(&body))->reason, copy, sizeof(copy));
    assert_string_equal(judge(403, "", sl_buf_as_slice(&body))->reason, copy);
    assert_non_null(strstr(copy, "\xe4\xb8\xad)"));
    assert_non_null(strstr(copy, "Odd One"));
    sl_buf_release(&body);
}

static void waiting_and_no_answer(void **state)
{
    static const struct {
        enum sl_http_result result;
        enum sl_outcome outcome;
    } cases[] = {
        {SL_HTTP_RESOLVE, SL_AGAIN}, {SL_HTTP_CONNECT, SL_AGAIN}, {SL_HTTP_TIMEOUT, SL_AGAIN},
        {SL_HTTP_BROKEN, SL_AGAIN},  {SL_HTTP_TLS, SL_STALL},     {SL_HTTP_DENIED, SL_STALL},
    };
    struct sl_s3_verdict v;

    (void)state;
    assert_int_equal(judge(503, "Retry-After: 7\r\n", sl_slice("", 0))->result.retry_after_ms,
                     7000);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct sl_http_reply reply = {.result = cases[i].result, .error = "the cause"};

        sl_s3_judge(&reply, &config, "PUT x", NOW, &v);
        assert_int_equal(v.result.outcome, cases[i].outcome);
        assert_int_equal(v.result.status, 0);
        assert_true(strstr(v.reason, "PUT x: the cause") == v.reason);
        assert_ptr_equal(v.result.reason, v.reason);
    }
}

static void parse(const char *body, size_t n, const char *code, const char *message)
{
    struct sl_s3_error e;

    sl_s3_error_parse(sl_slice(body, n), &e);
    assert_string_equal(e.code, code);
    assert_string_equal(e.message, message);
}

#define PARSE(body, code, message) parse((body), sizeof(body) - 1, (code), (message))

static void error_documents(void **state)
{
    char large[4096];

    (void)state;
    PARSE("", "", "");
    PARSE("<html><Code>no</Code></html>", "", "");
    PARSE("<Error", "", "");
    PARSE("<Error><Code>", "", "");
    PARSE("<Error><Code>Cut", "Cut", "");
    PARSE("<Error xmlns=\"x\"><Message>m</Message>\n<Code>C</Code></Error>", "C", "m");
    PARSE("<Error><Code>A&amp;B&lt;&gt;&quot;&apos;&#10;&bad</Code></Error>", "A&B<>\"'&#10;&bad",
          "");
    PARSE("<Error><Code>a\r\nb\0c\x1b[2J</Code></Error>", "a  b c [2J", "");
    memset(large, 'x', sizeof(large));
    memcpy(large, "<Error><Code>", 13);
    struct sl_s3_error e;
    sl_s3_error_parse(sl_slice(large, sizeof(large)), &e);
    assert_int_equal(strlen(e.code), SL_S3_CODE_MAX - 1);
    memcpy(large, "<Error><Message>", 16);
    const struct sl_s3_verdict *v = judge(403, "", sl_slice(large, sizeof(large)));
    assert_true(strlen(v->reason) < SL_S3_REASON_MAX);
    assert_non_null(
        strstr(v->reason, "s3:PutObject")); /* the hint comes before the store's words */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),
        cmocka_unit_test(codes),
        cmocka_unit_test(a_taken_name),
        cmocka_unit_test(a_wrong_clock),
        cmocka_unit_test(a_region_is_shown_when_it_is_one),
        cmocka_unit_test(a_stores_words_stay_whole_characters),
        cmocka_unit_test(waiting_and_no_answer),
        cmocka_unit_test(error_documents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
