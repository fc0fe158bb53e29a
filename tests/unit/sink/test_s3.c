/* SPDX-License-Identifier: Apache-2.0 */
/* What the S3 sink sends: the request, its body, and the name of its object. */
#include "s3_world.h"

static void a_put_says_all_it_must(void **state)
{
    static const char body[] = "{\"service\":\"tile\",\"n\":1,\"kind\":\"server\"}\n"
                               "{\"service\":\"tile\",\"n\":2,\"kind\":\"server\"}\n";
    struct archive_world w;
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1], url[512];

    (void)state;
    s3_begin_put(&w);
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

    s3_undelivered(&w);
    s3_end_stored(&w, 2);
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

        s3_setup(&w);
        s3_start(&w);
        world_record(&w, "{\"n\":1}");
        world_skip(&w, between[i]);
        world_record(&w, "{\"n\":2}");
        world_flush(&w);
        snprintf(crc[i], sizeof(crc[i]), "%s", world_header(&w, SL_S3_META_CRC));
        world_reply(&w, 200, STORED, "");
        s3_teardown(&w);
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

        s3_setup(&w);
        w.config.s3.format = cases[i].format;
        w.config.s3.compression = cases[i].compression;
        s3_start(&w);
        world_record(&w, "{ \"a\" : 1}");
        world_flush(&w);
        size_t n = strlen(w.seen.url), e = strlen(cases[i].end);
        assert_string_equal(w.seen.url + n - e, cases[i].end);
        assert_memory_equal(w.seen.body.p, cases[i].line, strlen(cases[i].line));
        assert_string_equal(world_header(&w, "content-encoding"), "");
        s3_end_stored(&w, 1);
    }
}

/* After sealing only the compressed form is left, and it is what a second try sends. */
static void a_compressed_body_is_kept_for_the_next_try(void **state)
{
    struct archive_world w;
    struct sl_buf first;
    size_t queued;

    (void)state;
    s3_setup(&w);
    w.config.s3.compression = SL_COMPRESS_GZIP;
    s3_start(&w);
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
    s3_delivered(&w, 5000);
    sl_buf_release(&first);
    s3_teardown(&w);
}

static void one_object_a_key(void **state)
{
    struct archive_world w;

    (void)state;
    s3_setup(&w);
    s3_start(&w);
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
    s3_end_stored(&w, 3);
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

        s3_setup(&w);
        w.config.s3.key = "{service}/x";
        s3_start(&w);
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
        s3_end_stored(&w, 1);
    }
}

#define FOUR "{a}/{b}/{c}/{d}/"

static void a_name_stays_within_what_s3_takes(void **state)
{
    char record[2048], fill[200];
    struct archive_world w;
    char *urls[2] = {NULL, NULL};

    (void)state;
    s3_setup(&w);
    w.config.s3.key = FOUR FOUR FOUR FOUR "{e}";
    w.config.requests = 1;
    s3_start(&w);
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
    s3_delivered(&w, 2);
    s3_teardown(&w);
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

        s3_setup(&w);
        w.config.s3.bucket = cases[i].bucket;
        w.config.s3.region = cases[i].region;
        w.config.s3.endpoint = cases[i].endpoint;
        s3_start(&w);
        world_record(&w, "{}");
        world_flush(&w);
        assert_memory_equal(w.seen.url, cases[i].begin, strlen(cases[i].begin));
        assert_string_equal(world_header(&w, "host"), cases[i].host);
        assert_int_equal(w.seen.request->https_only, cases[i].https);
        world_reply(&w, 200, STORED, "");
        s3_teardown(&w);
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
        s3_setup(&w);
        w.config.s3.endpoint = endpoints[i];
        assert_int_equal(world_start(&w, &err), SL_ECONFIG);
        assert_non_null(strstr(err.text, "endpoint"));
        s3_teardown(&w);
    }
    s3_setup(&w);
    sl_secret_free(w.config.s3.secret_key);
    w.config.s3.secret_key = NULL;
    assert_int_equal(world_start(&w, &err), SL_ECONFIG);
    s3_teardown(&w);
    s3_setup(&w);
    w.config.s3.key = "{unclosed";
    assert_int_not_equal(world_start(&w, &err), SL_OK);
    s3_teardown(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_says_all_it_must),
        cmocka_unit_test(the_identity_covers_what_went_elsewhere),
        cmocka_unit_test(formats_and_extensions),
        cmocka_unit_test(a_compressed_body_is_kept_for_the_next_try),
        cmocka_unit_test(one_object_a_key),
        cmocka_unit_test(no_value_leaves_its_segment),
        cmocka_unit_test(a_name_stays_within_what_s3_takes),
        cmocka_unit_test(where_requests_go),
        cmocka_unit_test(what_cannot_work_is_said_at_the_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
