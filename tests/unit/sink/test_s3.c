/* SPDX-License-Identifier: Apache-2.0 */
/* The S3 sink under the real core: what is sent, and what each answer leads to. */
#include "archive_world.h"

#include <unistd.h>

#include "config/secret.h"
#include "sink/s3_key.h"

#define KEY "kind={@kind}/service={service}"
#define STORED "ETag: \"x\"\r\n"

static struct sl_secret *secret(const char *text)
{
    struct sl_error err = {0};
    struct sl_secret *s = sl_secret_new(sl_slice_str(text), "/", &err);

    assert_non_null(s);
    return s;
}

static void setup(struct archive_world *w)
{
    world_init(w, "logs.app");
    w->config.kind = SL_SINK_S3;
    w->config.s3 = (struct sl_s3_config){.bucket = "logs",
                                         .region = "eu-west-1",
                                         .endpoint = "http://127.0.0.1:9000",
                                         .key = KEY,
                                         .access_key = secret("AKID"),
                                         .secret_key = secret("SECRET"),
                                         .format = SL_ARCHIVE_JSON,
                                         .compression = SL_COMPRESS_NONE,
                                         .open_objects = 100};
}

static void start(struct archive_world *w)
{
    struct sl_error err = {0};

    if (world_start(w, &err) != SL_OK)
        fail_msg("%s", err.text);
}

static void teardown(struct archive_world *w)
{
    struct sl_s3_config c = w->config.s3;

    world_release(w);
    sl_secret_free(c.access_key);
    sl_secret_free(c.secret_key);
    sl_secret_free(c.session_token);
}

/* A PUT of two records and one read between them that went elsewhere. */
static void put_two(struct archive_world *w)
{
    world_record(w, "{\"service\":\"tile\",\"n\":1}");
    world_skip(w, "elsewhere");
    world_record(w, "{\"service\":\"tile\",\"n\":2}");
    world_flush(w);
    assert_non_null(w->seen.request);
    assert_string_equal(w->seen.method, "PUT");
}

/* The metadata of the PUT under way as the reply headers of a HEAD; with the CRC changed for
 * another one. */
static char *metadata(struct archive_world *w, bool same)
{
    struct sl_buf out;

    sl_buf_init(&out, 8192);
    for (size_t i = 0; i < w->seen.n_lines; i++)
        if (strncmp(w->seen.lines[i], SL_S3_META, strlen(SL_S3_META)) == 0) {
            bool crc =
                strncmp(w->seen.lines[i], SL_S3_META_CRC ":", strlen(SL_S3_META_CRC) + 1) == 0;

            sl_buf_printf(&out, "%s\r\n",
                          crc && !same ? SL_S3_META_CRC ": 00000000" : w->seen.lines[i]);
        }
    return sl_buf_take(&out);
}

static void delivered(struct archive_world *w, uint64_t n)
{
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), n);
    assert_true(sl_sink_idle(w->sink));
    assert_int_equal(sl_partition_position(w->partition, 0), w->offset);
}

static void undelivered(struct archive_world *w)
{
    assert_int_equal(world_metric(w, "sluice_delivered_records_total"), 0);
    assert_int_equal(sl_partition_position(w->partition, 0), 42);
}

/* ---- what is sent ---- */

static void a_put_says_all_it_must(void **state)
{
    static const char body[] = "{\"service\":\"tile\",\"n\":1,\"kind\":\"server\"}\n"
                               "{\"service\":\"tile\",\"n\":2,\"kind\":\"server\"}\n";
    struct archive_world w;
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1], url[512];

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    snprintf(url, sizeof(url),
             "http://127.0.0.1:9000/logs/kind%%3Dserver/service%%3Dtile/logs.app-3-"
             "00000000000000000042-00000000000000000044-%s.ndjson",
             world_header(&w, SL_S3_META_HASH));
    assert_string_equal(w.seen.url, url);
    assert_int_equal(strlen(world_header(&w, SL_S3_META_HASH)), SL_S3_HASH_HEX);
    assert_int_equal(w.seen.body.n, strlen(body));
    assert_memory_equal(w.seen.body.p, body, strlen(body));

    sl_sha256(body, strlen(body), hash);
    sl_hex(hash, sizeof(hash), hex);
    assert_string_equal(world_header(&w, "x-amz-content-sha256"), hex);
    assert_string_equal(world_header(&w, "host"), "127.0.0.1:9000");
    assert_string_equal(world_header(&w, "x-amz-date"), "20231114T221321Z");
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    assert_string_equal(world_header(&w, "content-type"), "application/x-ndjson");
    assert_string_equal(world_header(&w, "content-encoding"), "");
    assert_string_equal(world_header(&w, SL_S3_META_FIRST), "42");
    assert_string_equal(world_header(&w, SL_S3_META_LAST), "44");
    assert_string_equal(world_header(&w, SL_S3_META_RECORDS), "2");
    assert_non_null(
        strstr(world_header(&w, "authorization"),
               "Credential=AKID/20231114/eu-west-1/s3/aws4_request,SignedHeaders=content-type;"
               "host;x-amz-checksum-crc32c;x-amz-content-sha256;x-amz-date;"));
    assert_null(strstr(world_header(&w, "authorization"), "SECRET"));

    uint32_t crc = sl_crc32c(0, body, strlen(body));
    const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                             (uint8_t)crc};
    struct sl_buf base64;
    sl_buf_init(&base64, 64);
    sl_base64(&base64, bytes, 4);
    assert_string_equal(world_header(&w, "x-amz-checksum-crc32c"), sl_buf_str(&base64));
    sl_buf_release(&base64);

    undelivered(&w);
    world_reply(&w, 200, "ETag: \"x\"\r\n", "");
    delivered(&w, 2);
    teardown(&w);
}

/* The CRC sums what was read, routed or not: another record between the two makes another identity.
 */
static void the_identity_covers_what_went_elsewhere(void **state)
{
    static const char *const between[] = {"elsewhere", "elsewherE"};
    char crc[2][16];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct archive_world w;

        setup(&w);
        start(&w);
        world_record(&w, "{\"n\":1}");
        world_skip(&w, between[i]);
        world_record(&w, "{\"n\":2}");
        world_flush(&w);
        snprintf(crc[i], sizeof(crc[i]), "%s", world_header(&w, SL_S3_META_CRC));
        world_reply(&w, 200, STORED, "");
        teardown(&w);
    }
    assert_int_equal(strlen(crc[0]), 8);
    assert_string_not_equal(crc[0], crc[1]);
}

static void formats_and_extensions(void **state)
{
    static const struct {
        enum sl_archive_format format;
        enum sl_compression compression;
        const char *end, *line;
    } cases[] = {
        {SL_ARCHIVE_RAW, SL_COMPRESS_NONE, ".ndjson", "{ \"a\" : 1}\n"},
        {SL_ARCHIVE_ENVELOPE, SL_COMPRESS_NONE, ".ndjson",
         "{\"topic\":\"logs.app\",\"partition\":3,\"offset\":42,\"timestamp\":1700000000000,"},
        {SL_ARCHIVE_RAW, SL_COMPRESS_GZIP, ".ndjson.gz", "\x1f\x8b"},
        {SL_ARCHIVE_RAW, SL_COMPRESS_ZSTD, ".ndjson.zst", "\x28\xb5\x2f\xfd"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct archive_world w;

        setup(&w);
        w.config.s3.format = cases[i].format;
        w.config.s3.compression = cases[i].compression;
        start(&w);
        world_record(&w, "{ \"a\" : 1}");
        world_flush(&w);
        size_t n = strlen(w.seen.url), e = strlen(cases[i].end);
        assert_string_equal(w.seen.url + n - e, cases[i].end);
        assert_memory_equal(w.seen.body.p, cases[i].line, strlen(cases[i].line));
        assert_string_equal(world_header(&w, "content-encoding"), "");
        world_reply(&w, 200, STORED, "");
        delivered(&w, 1);
        teardown(&w);
    }
}

/* After sealing only the compressed form is left, and it is what a second try sends. */
static void a_compressed_body_is_kept_for_the_next_try(void **state)
{
    struct archive_world w;
    struct sl_buf first;
    size_t queued;

    (void)state;
    setup(&w);
    w.config.s3.compression = SL_COMPRESS_GZIP;
    start(&w);
    for (int i = 0; i < 5000; i++)
        world_record(&w, "{\"service\":\"tile\",\"message\":\"the same words again and again\"}");
    queued = sl_sink_bytes(w.sink);
    world_flush(&w);
    assert_true(sl_sink_bytes(w.sink) < queued / 4);
    sl_buf_init(&first, WORLD_QUEUE);
    sl_buf_slice(&first, w.seen.body);
    world_reply(&w, 500, "", "");
    world_until_request(&w);
    assert_int_equal(w.seen.body.n, first.n);
    assert_memory_equal(w.seen.body.p, first.p, first.n);
    world_reply(&w, 200, STORED, "");
    delivered(&w, 5000);
    sl_buf_release(&first);
    teardown(&w);
}

static void one_object_a_key(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    world_record(&w, "{\"service\":\"a\"}");
    world_record(&w, "{\"service\":\"b\"}");
    world_record(&w, "{\"service\":\"a\"}");
    world_flush(&w);
    assert_non_null(strstr(w.seen.url, "service%3Da/"));
    assert_string_equal(world_header(&w, SL_S3_META_RECORDS), "2");
    world_reply(&w, 200, STORED, "");
    assert_int_equal(sl_partition_position(w.partition, 0), 42);
    world_until_request(&w);
    assert_non_null(strstr(w.seen.url, "service%3Db/"));
    assert_string_equal(world_header(&w, SL_S3_META_FIRST),
                        "42"); /* the cut's bounds, not the object's */
    assert_string_equal(world_header(&w, SL_S3_META_LAST), "44");
    world_reply(&w, 200, STORED, "");
    delivered(&w, 3);
    teardown(&w);
}

/* A page that says 200 to everything is not a store's confirmation. */
static void a_200_that_confirms_nothing_does_not_count(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    world_reply(&w, 200, "Content-Type: text/html\r\n", "<html>welcome</html>");
    undelivered(&w);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    teardown(&w);
}

/* ---- 412 ---- */

static void an_object_with_the_same_identity_is_delivered(void **state)
{
    static const int statuses[] = {412, 304};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct archive_world w;
        char *url, *meta;

        setup(&w);
        start(&w);
        put_two(&w);
        url = sl_strdup(w.seen.url);
        meta = metadata(&w, true);
        world_reply(&w, statuses[i], "", "");
        assert_string_equal(w.seen.method, "HEAD");
        assert_string_equal(w.seen.url, url);
        undelivered(&w);
        world_reply(&w, 200, meta, "");
        delivered(&w, 2);
        assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 0);
        free(url);
        free(meta);
        teardown(&w);
    }
}

static void another_identity_is_written_beside_and_counted(void **state)
{
    struct archive_world w;
    char *other, *same, beside[1024];

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    other = metadata(&w, false);
    same = metadata(&w, true);
    snprintf(beside, sizeof(beside), "%.*s-r1.ndjson",
             (int)(strlen(w.seen.url) - strlen(".ndjson")), w.seen.url);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, other, "");
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(w.seen.url, beside);
    assert_string_equal(world_header(&w, "if-none-match"), "*");
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 1);
    undelivered(&w);
    world_reply(&w, 500, "", ""); /* the suffix stays for the next try, and counts once */
    world_until_request(&w);
    assert_string_equal(w.seen.url, beside);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, other, "");
    assert_non_null(strstr(w.seen.url, "-r2.ndjson"));
    assert_int_equal(world_metric(&w, "sluice_s3_conflicts_total"), 2);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, same, "");
    delivered(&w, 2);
    free(other);
    free(same);
    teardown(&w);
}

static void an_object_that_went_meanwhile_is_put_again(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    world_reply(&w, 412, "", "");
    world_reply(&w, 404, "", "");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    teardown(&w);
}

/* ---- checksums ---- */

static void a_wrong_checksum_is_written_over(void **state)
{
    struct archive_world w;
    char echo[128];

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    snprintf(echo, sizeof(echo), "x-amz-checksum-crc32c: %s\r\n",
             world_header(&w, "x-amz-checksum-crc32c"));
    world_reply(&w, 200, "x-amz-checksum-crc32c: AAAAAA==\r\n", "");
    undelivered(&w);
    world_until_request(&w);
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"),
                        ""); /* else: 412, same identity, and lost */
    world_reply(&w, 200, echo, "");
    delivered(&w, 2);
    teardown(&w);
}

static void a_damaged_object_is_written_over(void **state)
{
    struct archive_world w;
    struct sl_buf head;
    char *meta;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    meta = metadata(&w, true);
    sl_buf_init(&head, 8192);
    sl_buf_printf(&head, "%sx-amz-checksum-crc32c: AAAAAA==\r\n", meta);
    world_reply(&w, 412, "", "");
    assert_string_equal(world_header(&w, "x-amz-checksum-mode"), "ENABLED");
    world_reply(&w, 200, sl_buf_str(&head), "");
    assert_string_equal(w.seen.method, "PUT");
    assert_string_equal(world_header(&w, "if-none-match"), "");
    undelivered(&w);
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    sl_buf_release(&head);
    free(meta);
    teardown(&w);
}

/* ---- failures ---- */

static void a_storm_of_slowdowns_loses_nothing(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    for (int i = 0; i < 20; i++) {
        world_reply(&w, 503, "Retry-After: 1\r\n",
                    "<Error><Code>SlowDown</Code><Message>Please reduce your request "
                    "rate.</Message></Error>");
        undelivered(&w);
        world_until_request(&w);
        assert_string_equal(world_header(&w, "if-none-match"), "*");
    }
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    assert_int_equal(world_metric(&w, "sluice_retries_total"), 20);
    teardown(&w);
}

static void a_lost_answer_meets_its_own_object(void **state)
{
    const struct sl_http_reply cut = {.result = SL_HTTP_BROKEN, .error = "the reply was cut"};
    struct archive_world w;
    char *meta;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    meta = metadata(&w, true);
    world_reply_full(&w, &cut);
    undelivered(&w);
    world_until_request(&w);
    world_reply(&w, 412, "", "");
    world_reply(&w, 200, meta, "");
    delivered(&w, 2);
    free(meta);
    teardown(&w);
}

static void refusals_stall_with_the_stores_words(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    world_reply(&w, 403, "",
                "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Access &amp; all "
                "Denied</Message></Error>");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_STALLED);
    assert_non_null(strstr(sl_sink_reason(w.sink), "HTTP 403 AccessDenied"));
    assert_non_null(strstr(sl_sink_reason(w.sink), "Access & all Denied"));
    assert_non_null(strstr(sl_sink_reason(w.sink), "s3:PutObject"));
    undelivered(&w);
    world_until_request(&w);
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    teardown(&w);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Credentials that expire: the secret file is read again before each probe. */
static void new_credentials_are_taken_while_stalled(void **state)
{
    char path[] = "/tmp/sluice-test-s3-XXXXXX", text[64];
    int fd = mkstemp(path);
    struct archive_world w;

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "OLDKEY\n");
    snprintf(text, sizeof(text), "${file:%s}", path);
    setup(&w);
    sl_secret_free(w.config.s3.access_key);
    w.config.s3.access_key = secret(text);
    start(&w);
    put_two(&w);
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
    delivered(&w, 2);
    remove(path);
    teardown(&w);
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
    setup(&w);
    sl_secret_free(w.config.s3.access_key);
    sl_secret_free(w.config.s3.secret_key);
    w.config.s3.access_key = w.config.s3.secret_key = NULL;
    start(&w);
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
    world_reply(&w, 200, STORED, "");
    delivered(&w, 1);
    teardown(&w);
}

static void a_wrong_clock_is_corrected(void **state)
{
    struct archive_world w;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    assert_string_equal(world_header(&w, "x-amz-date"), "20231114T221321Z");
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                "<Error><Code>RequestTimeTooSkewed</Code><Message>m</Message></Error>");
    assert_int_equal(sl_sink_state(w.sink), SL_SINK_LIVE);
    world_until_request(&w);
    assert_memory_equal(world_header(&w, "x-amz-date"), "19941106T0849", 13);
    world_reply(&w, 200, STORED, "");
    delivered(&w, 2);
    teardown(&w);
}

static void a_sink_that_goes_cancels_what_is_under_way(void **state)
{
    struct archive_world w;
    unsigned cancelled;

    (void)state;
    setup(&w);
    start(&w);
    put_two(&w);
    world_reply(&w, 412, "", "");
    sl_sink_free(w.sink);
    w.sink = NULL;
    cancelled = w.cancelled;
    assert_int_equal(cancelled, 1);
    teardown(&w);

    setup(&w); /* and where the client refused the request */
    start(&w);
    w.refuse = true;
    world_record(&w, "{}");
    world_flush(&w);
    sl_sink_free(w.sink);
    w.sink = NULL;
    fake_advance(&w.fake, 1000);
    teardown(&w);
}

/* ---- hostile values ---- */

static void no_value_leaves_its_segment(void **state)
{
    static const char *const values[] = {
        "..",
        ".",
        "../../../etc/passwd",
        "%2e%2e",
        "a/b",
        "a\\\\b",
        "..%2f",
        "\\u0000",
        "a b?c#d&e",
        "\\r\\nx-evil: 1",
        "\\u00e9\\ud83d\\ude00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        static const char begin[] = "http://127.0.0.1:9000/logs/";
        struct archive_world w;
        char record[256];
        const char *at, *slash;

        setup(&w);
        w.config.s3.key = "{service}/x";
        start(&w);
        snprintf(record, sizeof(record), "{\"service\":\"%s\"}", values[i]);
        world_record(&w, record);
        world_flush(&w);
        assert_non_null(w.seen.request);
        assert_memory_equal(w.seen.url, begin, strlen(begin));
        at = w.seen.url + strlen(begin);
        slash = strchr(at, '/');
        assert_memory_equal(slash, "/x/logs.app-3-", 14);
        assert_true(slash > at);
        assert_false(slash - at == 1 && at[0] == '.');
        assert_false(slash - at == 2 && at[0] == '.' && at[1] == '.');
        for (const char *c = at; *c; c++)
            assert_non_null(
                strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/%", *c));
        world_reply(&w, 200, STORED, "");
        delivered(&w, 1);
        teardown(&w);
    }
}

static void a_name_stays_within_what_s3_takes(void **state)
{
    char record[2048], fill[200];
    struct archive_world w;
    char *urls[2] = {NULL, NULL};

    (void)state;
    setup(&w);
    w.config.s3.key = "{a}/{b}/{c}/{d}/{e}";
    w.config.requests = 1;
    start(&w);
    memset(fill, '/', sizeof(fill)); /* each becomes three bytes */
    fill[120] = '\0';
    for (int i = 0; i < 2; i++) {
        snprintf(record, sizeof(record),
                 "{\"a\":\"%s\",\"b\":\"%s\",\"c\":\"%s\",\"d\":\"%s\",\"e\":\"%d\"}", fill, fill,
                 fill, fill, i);
        world_record(&w, record);
    }
    world_flush(&w);
    for (int i = 0; i < 2; i++) {
        const char *at;
        size_t n = 0;

        world_until_request(&w);
        at = strstr(w.seen.url, "/logs/") + 6;
        for (; *at; n++)
            at += *at == '%' ? 3 : 1;
        assert_true(n <= 1024);
        assert_true(n > 640);
        urls[i] = sl_strdup(w.seen.url);
        world_reply(&w, 200, STORED, "");
    }
    assert_string_not_equal(urls[0], urls[1]);
    free(urls[0]);
    free(urls[1]);
    delivered(&w, 2);
    teardown(&w);
}

/* ---- addresses ---- */

static void where_requests_go(void **state)
{
    static const struct {
        const char *bucket, *region, *endpoint, *begin, *host;
        bool https;
    } cases[] = {
        {"logs", "eu-west-1", NULL, "https://logs.s3.eu-west-1.amazonaws.com/kind%3D",
         "logs.s3.eu-west-1.amazonaws.com", true},
        {"my.logs", "eu-west-1", NULL, "https://s3.eu-west-1.amazonaws.com/my.logs/kind%3D",
         "s3.eu-west-1.amazonaws.com", true},
        {"logs", "cn-north-1", NULL, "https://logs.s3.cn-north-1.amazonaws.com.cn/kind%3D",
         "logs.s3.cn-north-1.amazonaws.com.cn", true},
        {"logs", NULL, NULL, "https://logs.s3.us-east-1.amazonaws.com/kind%3D",
         "logs.s3.us-east-1.amazonaws.com", true},
        {"logs", "x", "https://store.example:443/", "https://store.example:443/logs/kind%3D",
         "store.example", true},
        {"logs", "x", "http://store.example:80", "http://store.example:80/logs/kind%3D",
         "store.example", false},
        {"logs", "x", "http://[::1]:9000/s3/", "http://[::1]:9000/s3/logs/kind%3D", "[::1]:9000",
         false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct archive_world w;

        setup(&w);
        w.config.s3.bucket = cases[i].bucket;
        w.config.s3.region = cases[i].region;
        w.config.s3.endpoint = cases[i].endpoint;
        start(&w);
        world_record(&w, "{}");
        world_flush(&w);
        assert_memory_equal(w.seen.url, cases[i].begin, strlen(cases[i].begin));
        assert_string_equal(world_header(&w, "host"), cases[i].host);
        assert_int_equal(w.seen.request->https_only, cases[i].https);
        world_reply(&w, 200, STORED, "");
        teardown(&w);
    }
}

static void what_cannot_work_is_said_at_the_start(void **state)
{
    static const char *const endpoints[] = {"127.0.0.1:9000", "ftp://x", "http://",
                                            "http://u:p@host", "http://host?x"};
    struct archive_world w;
    struct sl_error err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        setup(&w);
        w.config.s3.endpoint = endpoints[i];
        assert_int_equal(world_start(&w, &err), SL_ECONFIG);
        assert_non_null(strstr(err.text, "endpoint"));
        teardown(&w);
    }
    setup(&w);
    sl_secret_free(w.config.s3.secret_key);
    w.config.s3.secret_key = NULL;
    assert_int_equal(world_start(&w, &err), SL_ECONFIG);
    teardown(&w);
    setup(&w);
    w.config.s3.key = "{unclosed";
    assert_int_not_equal(world_start(&w, &err), SL_OK);
    teardown(&w);
}

/* ---- check --connect ---- */

struct probed {
    unsigned n;
    enum sl_outcome outcome;
    char reason[512];
};

static void on_probed(void *user, const struct sl_result *result)
{
    struct probed *p = user;

    p->n++;
    p->outcome = result->outcome;
    snprintf(p->reason, sizeof(p->reason), "%s", result->reason ? result->reason : "");
}

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
    setup(&w);
    start(&w);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        p.n = 0;
        w.sink->type->probe(w.sink, on_probed, &p);
        assert_string_equal(w.seen.method, "GET");
        assert_string_equal(w.seen.url, "http://127.0.0.1:9000/logs?list-type=2&max-keys=1");
        assert_int_equal(p.n, 0);
        world_reply(&w, cases[i].status, cases[i].headers, cases[i].body ? cases[i].body : "");
        assert_int_equal(p.n, 1);
        assert_int_equal(p.outcome, cases[i].outcome);
        assert_non_null(strstr(p.reason, cases[i].words));
    }
    p.n = 0; /* where there is no document, the clock shows in the Date */
    w.sink->type->probe(w.sink, on_probed, &p);
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    assert_int_equal(p.n, 0);
    assert_memory_equal(world_header(&w, "x-amz-date"), "19941106T0849", 13);
    world_reply(&w, 403, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
    assert_int_equal(p.n, 1);
    assert_int_equal(p.outcome, SL_STALL);
    w.sink->type->probe(w.sink, on_probed, &p); /* released under way: not told */
    sl_sink_free(w.sink);
    w.sink = NULL;
    assert_int_equal(p.n, 1);
    assert_int_equal(w.cancelled, 1);
    teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_says_all_it_must),
        cmocka_unit_test(the_identity_covers_what_went_elsewhere),
        cmocka_unit_test(formats_and_extensions),
        cmocka_unit_test(a_compressed_body_is_kept_for_the_next_try),
        cmocka_unit_test(one_object_a_key),
        cmocka_unit_test(a_200_that_confirms_nothing_does_not_count),
        cmocka_unit_test(an_object_with_the_same_identity_is_delivered),
        cmocka_unit_test(another_identity_is_written_beside_and_counted),
        cmocka_unit_test(an_object_that_went_meanwhile_is_put_again),
        cmocka_unit_test(a_wrong_checksum_is_written_over),
        cmocka_unit_test(a_damaged_object_is_written_over),
        cmocka_unit_test(a_storm_of_slowdowns_loses_nothing),
        cmocka_unit_test(a_lost_answer_meets_its_own_object),
        cmocka_unit_test(refusals_stall_with_the_stores_words),
        cmocka_unit_test(new_credentials_are_taken_while_stalled),
        cmocka_unit_test(without_credentials_it_stalls),
        cmocka_unit_test(a_wrong_clock_is_corrected),
        cmocka_unit_test(a_sink_that_goes_cancels_what_is_under_way),
        cmocka_unit_test(no_value_leaves_its_segment),
        cmocka_unit_test(a_name_stays_within_what_s3_takes),
        cmocka_unit_test(where_requests_go),
        cmocka_unit_test(what_cannot_work_is_said_at_the_start),
        cmocka_unit_test(a_probe_explains),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
