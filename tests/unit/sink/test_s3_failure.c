/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of an S3 store that confirm nothing, and what each leads to. */
#include "s3_world.h"

#include <unistd.h>

#include "probed.h"
#include "sink/core.h"

/* A page that says 200 to everything is not a store's confirmation. */
static void f42_s3_200_that_confirms_nothing(void **state)
{
    struct archive_world w;

    (void)state;
    s3_begin_put(&w);
    world_reply(&w, 200, "Content-Type: text/html\r\n", "<html>welcome</html>");
    s3_undelivered(&w);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    s3_end_stored(&w, 2);
}

static void f41_s3_slowdown_storm(void **state)
{
    struct archive_world w;

    (void)state;
    s3_setup(&w);
    w.config.requests = 8;
    s3_start(&w);
    s3_put_two(&w);
    for (int i = 0; i < 20; i++) {
        world_reply(&w, 503, "Retry-After: 1\r\n",
                    "<Error><Code>SlowDown</Code><Message>Please reduce your request "
                    "rate.</Message></Error>");
        s3_undelivered(&w);
        world_until_request(&w);
        assert_string_equal(world_header(&w, "if-none-match"), "*");
    }
    assert_true(w.sink->core->concurrency < 2); /* it asked for less, and got it */
    world_reply(&w, 200, STORED, "");
    s3_delivered(&w, 2);
    assert_int_equal(world_metric(&w, "sluice_retries_total"), 20);
    s3_teardown(&w);
}

static void a_lost_answer_meets_its_own_object(void **state)
{
    const struct sl_http_reply cut = {.result = SL_HTTP_BROKEN, .error = "the reply was cut"};
    struct archive_world w;
    char *meta;

    (void)state;
    s3_begin_put(&w);
    meta = s3_metadata(&w, true);
    world_reply_full(&w, &cut);
    s3_undelivered(&w);
    world_until_request(&w);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, meta, "");
    s3_delivered(&w, 2);
    free(meta);
    s3_teardown(&w);
}

static void refusals_stall_with_the_stores_words(void **state)
{
    struct archive_world w;

    (void)state;
    s3_begin_put(&w);
    world_reply(&w, 403, "",
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access &amp; all "
                "Denied</Message></Error>");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "HTTP 403 AccessDenied"));
    assert_non_null(strstr(sl_sink_reason(w.sink), "Access & all Denied"));
    assert_non_null(strstr(sl_sink_reason(w.sink), "s3:PutObject"));
    s3_undelivered(&w);
    world_until_request(&w);
    world_reply(&w, 200, STORED, "");
    s3_delivered(&w, 2);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    s3_teardown(&w);
}

/* ---- credentials and clocks ---- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Credentials that expire: the secret file is read again before each probe. */
static void f44_credentials_expire_mid_run(void **state)
{
    char path[] = "/tmp/sluice-test-s3-XXXXXX", text[64];
    int fd = mkstemp(path);
    struct archive_world w;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "OLDKEY\n");
    snprintf(text, sizeof(text), "${file:%s}", path);
    s3_setup(&w);
    sl_secret_free(w.config.s3.access_key);
    w.config.s3.access_key = s3_secret(text);
    s3_start(&w);
    s3_put_two(&w);
    assert_non_null(strstr(world_header(&w, "authorization"), "Credential=OLDKEY/"));
    world_reply(&w, 400, "", "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    world_until_request(&w);
    assert_non_null(strstr(world_header(&w, "authorization"), "Credential=OLDKEY/"));
    write_file(path, "NEWKEY\n");
    world_reply(&w, 400, "", "<Error><Code>ExpiredToken</Code><Message>expired</Message></Error>");
    world_until_request(&w);
    assert_non_null(strstr(world_header(&w, "authorization"), "Credential=NEWKEY/"));
    world_reply(&w, 200, STORED, "");
    s3_delivered(&w, 2);
    remove(path);
    s3_teardown(&w);
}

static void without_credentials_it_stalls(void **state)
{
    struct archive_world w;

    (void)state;
    setenv("HOME", "/nonexistent", 1);
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    unsetenv("AWS_PROFILE");
    s3_setup(&w);
    sl_secret_free(w.config.s3.access_key);
    sl_secret_free(w.config.s3.secret_key);
    w.config.s3.access_key = w.config.s3.secret_key = NULL;
    s3_start(&w);
    world_record(&w, "{}");
    world_flush(&w);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE); /* not from inside submit */
    fake_advance(&w.fake, 1);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "no AWS credentials"));
    assert_int_equal(w.submitted, 0);

    setenv("AWS_ACCESS_KEY_ID", "ENVKEY", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "x", 1);
    setenv("AWS_SESSION_TOKEN", "the-token", 1);
    world_until_request(&w);
    assert_non_null(strstr(world_header(&w, "authorization"), "Credential=ENVKEY/"));
    assert_non_null(strstr(world_header(&w, "authorization"), ";x-amz-security-token,"));
    assert_string_equal(world_header(&w, "x-amz-security-token"), "the-token");
    unsetenv("AWS_ACCESS_KEY_ID");
    unsetenv("AWS_SECRET_ACCESS_KEY");
    unsetenv("AWS_SESSION_TOKEN");
    s3_end_stored(&w, 1);
}

static void f12_a_wrong_clock_is_corrected(void **state)
{
    struct archive_world w;

    (void)state;
    s3_begin_put(&w);
    assert_string_equal(world_header(&w, "x-amz-date"), "20231114T221321Z");
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    world_until_request(&w);
    assert_memory_equal(world_header(&w, "x-amz-date"), "19941106T0849", 13);
    s3_end_stored(&w, 2);
}

static void a_sink_that_goes_cancels_what_is_under_way(void **state)
{
    struct archive_world w;
    unsigned cancelled;

    (void)state;
    s3_begin_put(&w);
    world_reply(&w, 412, "", "");
    sl_sink_free(w.sink);
    w.sink = NULL;
    cancelled = w.cancelled;
    assert_int_equal(cancelled, 1);
    s3_teardown(&w);

    s3_setup(&w); /* and where the client refused the request */
    s3_start(&w);
    w.refuse = true;
    world_record(&w, "{}");
    world_flush(&w);
    sl_sink_free(w.sink);
    w.sink = NULL;
    fake_advance(&w.fake, 1000);
    s3_teardown(&w);
}

/* ---- check --connect ---- */

static void a_probe_explains(void **state)
{
    static const struct {
        int status;
        const char *headers;
        enum sl_outcome outcome;
        const char *words, *body;
    } cases[] = {
        {200, "", SL_DELIVERED, "", "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">"},
        {200, "", SL_STALL, "no S3 store", "<html>welcome</html>"},
        {400, "", SL_STALL, "no S3 store", "{\"error\":\"no handler found\"}"},
        {403, "", SL_STALL, "s3:PutObject", NULL},
        {404, "", SL_STALL, "is there a bucket `logs`", NULL},
        {301, "x-amz-bucket-region: us-west-2\r\n", SL_STALL, "region `us-west-2`", NULL},
        {400, "", SL_STALL, "region and credentials", NULL},
        {503, "", SL_AGAIN, "503", NULL},
    };
    struct archive_world w;
    struct probed p = {0};

    (void)state;
    s3_setup(&w);
    s3_start(&w);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p.calls = 0;
        w.sink->type->probe(w.sink, on_probed, &p);
        assert_string_equal(w.seen.method, "GET");
        assert_string_equal(w.seen.url, "http://127.0.0.1:9000/logs?list-type=2&max-keys=1");
        assert_int_equal(p.calls, 0);
        world_reply(&w, cases[i].status, cases[i].headers, cases[i].body ? cases[i].body : "");
        assert_int_equal(p.calls, 1);
        assert_int_equal(p.outcome, cases[i].outcome);
        assert_non_null(strstr(p.reason, cases[i].words));
    }
    p.calls = 0; /* where there is no document, the clock shows in the Date */
    w.sink->type->probe(w.sink, on_probed, &p);
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    assert_int_equal(p.calls, 0);
    assert_memory_equal(world_header(&w, "x-amz-date"), "19941106T0849", 13);
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    assert_int_equal(p.calls, 1);
    assert_int_equal(p.outcome, SL_STALL);
    w.sink->type->probe(w.sink, on_probed, &p); /* released under way: not told */
    sl_sink_free(w.sink);
    w.sink = NULL;
    assert_int_equal(p.calls, 1);
    assert_int_equal(w.cancelled, 1);
    s3_teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f42_s3_200_that_confirms_nothing),
        cmocka_unit_test(f41_s3_slowdown_storm),
        cmocka_unit_test(a_lost_answer_meets_its_own_object),
        cmocka_unit_test(refusals_stall_with_the_stores_words),
        cmocka_unit_test(f44_credentials_expire_mid_run),
        cmocka_unit_test(without_credentials_it_stalls),
        cmocka_unit_test(f12_a_wrong_clock_is_corrected),
        cmocka_unit_test(a_sink_that_goes_cancels_what_is_under_way),
        cmocka_unit_test(a_probe_explains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
