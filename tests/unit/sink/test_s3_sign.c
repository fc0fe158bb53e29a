/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "sink/s3_sign.h"

/* The examples of "Signature Calculations for the Authorization Header", Amazon S3 API reference.
 */

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HOST                                                                                       \
    {                                                                                              \
        "host", "examplebucket.s3.amazonaws.com"                                                   \
    }
#define DATE                                                                                       \
    {                                                                                              \
        "x-amz-date", "20130524T000000Z"                                                           \
    }
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void check(const char *method, const char *path, const char *query,
                  const struct sl_sign_header *headers, size_t n, const char *payload,
                  const char *expect)
{
    struct sl_sign s = {.method = method,
                        .path = path,
                        .query = query,
                        .headers = headers,
                        .n_headers = n,
                        .payload = payload,
                        .region = "us-east-1",
                        .service = "s3",
                        .access_key = "AKIAIOSFODNN7EXAMPLE",
                        .secret_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                        .time = "20130524T000000Z"};
    struct sl_buf out;

    sl_buf_init(&out, 4096);
    sl_sign(&s, &out);
    assert_string_equal(sl_buf_str(&out), expect);
    sl_buf_release(&out);
}

#define SCOPE "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"

static void get_object(void **state)
{
    /* Given out of order and with blanks: the signature is over the canonical form. */
    const struct sl_sign_header h[] = {
        {"x-amz-content-sha256", EMPTY}, DATE, {"range", "  bytes=0-9 "}, HOST};

    (void)state;
    check("GET", "/test.txt", "", h, COUNT(h), EMPTY,
          SCOPE "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
                "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void put_object(void **state)
{
#define HASH "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"
    const struct sl_sign_header h[] = {HOST,
                                       DATE,
                                       {"date", "Fri, 24 May 2013 00:00:00 GMT"},
                                       {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                                       {"x-amz-content-sha256", HASH}};
    struct sl_buf path;

    (void)state;
    sl_buf_init(&path, 100);
    sl_sign_escape(SL_SLICE_LITERAL("/test$file.text"), &path);
    check("PUT", sl_buf_str(&path), "", h, COUNT(h), HASH,
          SCOPE "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
                "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
    sl_buf_release(&path);
}

static void bucket_queries(void **state)
{
    const struct sl_sign_header h[] = {HOST, {"x-amz-content-sha256", EMPTY}, DATE};

    (void)state;
    check("GET", "/", "lifecycle=", h, COUNT(h), EMPTY,
          SCOPE "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    check("GET", "/", "max-keys=2&prefix=J", h, COUNT(h), EMPTY,
          SCOPE "SignedHeaders=host;x-amz-content-sha256;x-amz-date,"
                "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void paths_are_escaped_once_and_never_folded(void **state)
{
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 200);
    sl_sign_escape(SL_SLICE_LITERAL("dt=2026-01-01/a%2Fb/../x y+~\xc3\xa9"), &out);
    assert_string_equal(sl_buf_str(&out), "dt%3D2026-01-01/a%252Fb/../x%20y%2B~%C3%A9");
    sl_buf_release(&out);
}

static void times(void **state)
{
    char t[SL_SIGN_TIME_MAX];

    (void)state;
    sl_sign_time(1369353600, t);
    assert_string_equal(t, "20130524T000000Z");
    sl_sign_time(1709251199, t);
    assert_string_equal(t, "20240229T235959Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_object),     cmocka_unit_test(put_object),
        cmocka_unit_test(bucket_queries), cmocka_unit_test(paths_are_escaped_once_and_never_folded),
        cmocka_unit_test(times),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
