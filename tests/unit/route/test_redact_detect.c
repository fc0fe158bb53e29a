/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "route/detect.h"

/* What each detector finds, and what it leaves. In `marked` every find stands in « and ». */

static void check(enum sl_detector d, const char *marked)
{
    struct sl_buf text, got;
    struct sl_found f = {0};
    size_t done = 0;

    sl_buf_init(&text, 1 << 20);
    sl_buf_init(&got, 1 << 20);
    for (const char *p = marked; *p; p++) {
        if (!strncmp(p, "«", 2) || !strncmp(p, "»", 2))
            p++;
        else
            sl_buf_byte(&text, *p);
    }
    sl_buf_shrink(&text); /* exact: a sanitizer sees what reads past it */
    while (sl_detect(d, sl_buf_as_slice(&text), f.end, &f)) {
        assert_true(f.begin >= done && f.begin < f.end && f.end <= text.n);
        sl_buf_append(&got, text.p + done, f.begin - done);
        sl_buf_text(&got, "«");
        sl_buf_append(&got, text.p + f.begin, f.end - f.begin);
        sl_buf_text(&got, "»");
        done = f.end;
    }
    sl_buf_append(&got, text.p + done, text.n - done);
    if (strcmp(sl_buf_str(&got), marked) != 0)
        fail_msg("got %s, expected %s", sl_buf_str(&got), marked);
    sl_buf_release(&text);
    sl_buf_release(&got);
}

#define CHECK(detector, ...)                                                                       \
    do {                                                                                           \
        static const char *const texts[] = {__VA_ARGS__};                                          \
        for (size_t i_ = 0; i_ < sizeof(texts) / sizeof(*texts); i_++)                             \
            check(detector, texts[i_]);                                                            \
    } while (0)

static void emails(void **state)
{
    (void)state;
    CHECK(SL_DETECT_EMAIL, "«joe@example.com»", "mail to «joe.doe@example.com».",
          "<«joe@example.com»>", "'«joe@example.com»'", "mailto:«joe@example.com»?subject=x",
          "«joe+tag@mail.example.co.uk», «a_b%c-d@x-y.org»", "(«o'brien@example.ie»)",
          "user=«JOE@EXAMPLE.COM»;", "«joe@example.com»\n«ann@example.com»", "..«a@b.cd»..",
          "«müller@bücher.de» schrieb", "«joe@example.com»_old", "«joe@example.com1»",
          "«joe@123.example.com»", "https://u:«pw@host.example.com»/x", "a@«b@example.com»",
          "«joe@example.com».1", "«joe@example.com»-", "«joe@xn--fiq.xn--p1ai»", "«1@2.io»",
          "“«joe@example.com»”", "请联系«joe@example.com»，谢谢", "--«joe@example.com»",
          "«joe@sub.sub2.sub3.example.museum»", "\"«joe@example.com»\":1");
    CHECK(SL_DETECT_EMAIL, "", "@", "a@", "@a.com", "user@localhost", "joe@", "joe@example",
          "lodash@4.17.21", "pkg@1.0.0-rc.1", "icon@2x.png and icon@3x.webp", "a@b.c",
          "@mention hi", "com.acme.Bar@1a2b3c4d", "joe @example.com", "joe@ example.com",
          "joe@.com", "joe@-a.com", "joe@example.", "joe@10.0.0.1", "12:30 @ home.base", "x@@y.com",
          "a@b_c.com", "@", "joe(at)example.com", "sha@deadbeef", "@types/node@18.0.1",
          "\xff@\xff.\xff\xff");
}

static void ipv4_addresses(void **state)
{
    (void)state;
    CHECK(SL_DETECT_IPV4, "«10.0.0.1»", "from «192.168.1.254»:8080 to «8.8.8.8»", "«10.0.0.0»/8",
          "ip=«1.2.3.4»,", "[«255.255.255.255»]", "It was «1.2.3.4».", "«1.2.3.4»...",
          "(«0.0.0.0»)", "«10.0.0.1»-«10.0.0.9»", "http://«1.2.3.4»/x", "::ffff:«1.2.3.4»",
          "«1.2.3.4».example.com", "\"«1.2.3.4»\"", "«1.2.3.4»\t«5.6.7.8»", "-«1.2.3.4»",
          "...«1.2.3.4»", "é«1.2.3.4»é", "«1.2.3.4»:«5.6.7.8»", "a,«127.0.0.1»,b",
          "«1.2.3.4»;1.2.3");
    CHECK(SL_DETECT_IPV4, "", ".", "1.2.3", "1.2.3.4.5", "0.1.2.3.4", "v1.2.3.4", "1.2.3.4a",
          "1.2.3.4_x", "1.2.3.256", "300.1.1.1", "01.2.3.4", "1.2.3.04", "1..2.3.4", "1.2.3.",
          "Chrome/120.0.6099.109", "12.34.56.7890", "3.14159", "2024.01.02.03", "a.1.2.3.4",
          "1.3.6.1.4.1.311", "1.2.3.4.5.6.7.8.9.10.11.12", "x1.2.3.4", "....", "1 .2.3.4",
          "1,2,3,4", "12:34:56.789", "1.2.3.4.5.");
}

static void ipv6_addresses(void **state)
{
    (void)state;
    CHECK(SL_DETECT_IPV6, "«::1»", "«fe80::1»%eth0", "[«2001:db8::8a2e:370:7334»]:443",
          "«2001:0db8:0000:0000:0000:8a2e:0370:7334»", "addr:«fe80::1»", "at «fe80::1».",
          "«fe80::1»: refused", "«::ffff:1.2.3.4»", "«2001:db8::»/32", "«1::»", "ip=«2001:DB8::A»,",
          "«2001:db8:1:2:3:4:5:6»", "from «::1» to «fe80::2»", "«fd00:1234::»-",
          "(«64:ff9b::0.0.0.1»)", "\"«::2»\"", "«a:b:c:d:e:f:a:b»", "«abcd:ef:ab::»",
          "client:«::1»?", "«fe80::1»..", "«2001:db8::1»\n«2001:db8::2»");
    CHECK(SL_DETECT_IPV6, "", ":", "::", ":::", "12:34:56", "12:34:56.789", "2024-01-02T12:34:56Z",
          "00:1b:44:11:3a:b7", "00:11:22:33:44:55:66:77", "a::b", "Foo::Bar", "std::a1",
          "dead::beef", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::1", "fe80::1g",
          "gfe80::1", "{\"a\":1,\"b\":22}", "10.0.0.1:8080", "a:b", "key: value", "fe80::1.2.3",
          "16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48", "x::1", "ab:cd:ef:", "::g",
          ": ::", "::1_x");
}

static void card_numbers(void **state)
{
    (void)state;
    CHECK(SL_DETECT_CARD, "«4111111111111111»", "«4111 1111 1111 1111»", "«4111-1111-1111-1111»",
          "card=«5555555555554444»,", "«378282246310005»", "«3782 822463 10005»",
          "«6011111111111117»", "«3530111333300000»", "«30569309025904»", "«3056 930902 5904»",
          "«2223003122003222»", "«4222222222222»", "«6200000000000005»",
          "paid with «4012888888881881».", "«4111111111111111» 12/25", "(«4111111111111111»)",
          "12 «4111 1111 1111 1111» 12/25", "«4111 1111 1111 1111»\n«5105105105105100»",
          "é«4111111111111111»é", "-«4111111111111111»", "id:«6304000000000000»",
          "«371449635398431»", "1234-«4111-1111-1111-1111»",
          "«4111111111111111», «5555555555554444»");
    CHECK(SL_DETECT_CARD, "", "1", "4111111111111112", "411111111111111", "41111111111111111",
          "4111 1111 1111 1112", "4111 11111111 1111", "4111 1111-1111 1111", "0000000000000000",
          "1706745600000", "1706745600000000", "1706745600123456789", "x4111111111111111",
          "4111111111111111x", "_4111111111111111", "0.4111111111111111", "4111111111111111.5",
          "123e4567-e89b-12d3-a456-426614174000", "12345678-1234-1234-1234-123456789012",
          "4111  1111 1111 1111", "4111.1111.1111.1111", "20240102 12:34:56.789",
          "9999999999999995", "deadbeef4111111111111111", "41111111111111114111111111111111",
          "5500 0000 0000 00", "2024-01-02 03-04-05", "4111 1111 1111 1111a", "+49 30 1234 5678");
}

static void keys_of_aws(void **state)
{
    (void)state;
    CHECK(SL_DETECT_AWS_KEY, "«AKIAIOSFODNN7EXAMPLE»", "key «ASIAIOSFODNN7EXAMPLE» used",
          "aws_access_key_id=«AKIAIOSFODNN7EXAMPLE»\n", "\"«AKIAIOSFODNN7EXAMPLE»\"",
          "Credential=«AKIAIOSFODNN7EXAMPLE»/20240101/us-east-1", "_«AKIAIOSFODNN7EXAMPLE»_",
          "«ABIAIOSFODNN7EXAMPLE» «ACCAIOSFODNN7EXAMPLE»", "AAKIA «AKIA0123456789ABCDEF»",
          "-«AKIAIOSFODNN7EXAMPLE»-");
    CHECK(SL_DETECT_AWS_KEY, "", "A", "AKIA", "AKIAIOSFODNN7EXAMPL", "AKIAIOSFODNN7EXAMPLEX",
          "XAKIAIOSFODNN7EXAMPLE", "akiaiosfodnn7example", "AKIAIOSFODNN7EXAMPLe",
          "AKIA IOSFODNN7EXAMPLE", "AKIBIOSFODNN7EXAMPLE", "AKIAiosfodnn7example",
          "AROAIOSFODNN7EXAMPLE", "ASIAN FOOD IS WONDERFUL", "AKIA-OSFODNN7EXAMPLE",
          "7AKIAIOSFODNN7EXAMPLE");
}

#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

static void secrets_of_aws(void **state)
{
    (void)state;
    CHECK(SL_DETECT_AWS_SECRET, "aws_secret_access_key=«" SECRET "»",
          "aws_secret_access_key = \"«" SECRET "»\"\n", "AWS_SECRET_ACCESS_KEY: «" SECRET "»",
          "\"SecretAccessKey\":\"«" SECRET "»\"", "secretKey='«" SECRET "»'",
          "aws-secret-access-key «" SECRET "»;", "Secret Key => «" SECRET "»",
          "secret_key=\\\"«" SECRET "»\\\"", "my secret secret_key:«" SECRET "» x",
          "secret_key=«" SECRET "» secret_key=«" SECRET "»");
    CHECK(SL_DETECT_AWS_SECRET, "", "secret", SECRET, "secret=" SECRET, "secret_key",
          "secret_key=" SECRET "x", "secret_key=wJalrXUtnFEMI", "secret_key" SECRET,
          "secret_keys=" SECRET, "secret access " SECRET, "sekret_key=" SECRET,
          "secret_key is not this: " SECRET, "secret_key=" SECRET "=");
}

#define HEADER "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9" /* {"alg":"HS256","typ":"JWT"} */
#define TYPED "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9"  /* {"typ":"JWT","alg":"RS256"} */
#define SPACED "eyAiYWxnIjogIm5vbmUiIH0"              /* { "alg": "none" } */
#define NO_ALG "eyJraWQiOiIxIn0"                      /* {"kid":"1"} */
#define CLAIMS "eyJzdWIiOiIxMjM0In0"
#define SIGNED "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"

static void tokens(void **state)
{
    (void)state;
    CHECK(SL_DETECT_JWT, "«" HEADER "." CLAIMS "." SIGNED "»",
          "Authorization: Bearer «" TYPED "." CLAIMS "." SIGNED "»", "«" SPACED "." CLAIMS ".»",
          "token=«" HEADER "." CLAIMS "." SIGNED "»&x=1",
          "the token «" HEADER "." CLAIMS "." SIGNED "».", "\"«" HEADER "." CLAIMS "." SIGNED "»\"",
          "«" HEADER "..iv.cipher.tag»", "«" HEADER ".key.iv.cipher.tag»",
          "key.«" HEADER "." CLAIMS "." SIGNED "»", "_«" HEADER "." CLAIMS "." SIGNED "»",
          "«" HEADER "." CLAIMS "." SIGNED "» «" TYPED "." CLAIMS "." SIGNED "»",
          NO_ALG ".«" HEADER "." CLAIMS "." SIGNED "»");
    CHECK(SL_DETECT_JWT, "", "ey", "eyJ", HEADER, HEADER ".", HEADER "." CLAIMS, HEADER "..",
          NO_ALG "." CLAIMS "." SIGNED, CLAIMS "." CLAIMS "." SIGNED, "they.keyed.eyes", "eyJ.a.b",
          "x" HEADER "." CLAIMS "." SIGNED, HEADER " ." CLAIMS "." SIGNED, "eyeball.com.au",
          "ey.ey.ey", "eyJhbGc.eyJhbGc.eyJhbGc", "www.hockey.example.com");
}

#define LONG_NAME "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghij"

/* Logs quote what they were given: the end of an escape is no part of what follows. */
static void escapes_that_nobody_undid(void **state)
{
    (void)state;
    CHECK(SL_DETECT_EMAIL, "\\u003c«joe@example.com»\\u003e", "\x1b[1;31m«joe@example.com»\x1b[0m",
          "%3C«joe@example.com»%3E", "%2C«a%2Bb@example.com»", "CORP\\«nick@example.com»",
          "x" LONG_NAME "«" LONG_NAME LONG_NAME "@example.com»");
    CHECK(SL_DETECT_EMAIL_URL, "/?to=«joe%40example.com»&x", "email%3D«joe%40example.com»%26x",
          "«joe%2Bx%40mail.example.com»", "«a%40b.example», «c%40d.example»");
    CHECK(SL_DETECT_EMAIL_URL, "", "%", "%4", "%40", "a%40", "%40b.example", "joe@example.com",
          "100%40", "a%40b", "joe%41example.com", "icon%402x.png");
    CHECK(SL_DETECT_IPV4, "\\n«10.0.0.1»\\n", "%20«10.0.0.1»%20", "ip%3D«10.0.0.1»",
          "\\u0020«10.0.0.1»", "\x1b[32m«10.0.0.1»\x1b[0m", "«10.0.0.1»..«10.0.0.9»",
          "«10.0.0.1»...«10.0.0.9»");
    CHECK(SL_DETECT_IPV4, "[32m10.0.0.1", "\\x10.0.0.1", "m10.0.0.1");
    CHECK(SL_DETECT_IPV6, "\\n«2001:db8::1»", "%20«2001:db8::1»", "\\b«2001:db8::1»",
          "\\u0020«2001:db8::1»", "\x1b[0m«2001:db8::1»");
    CHECK(SL_DETECT_CARD, "\\n«4111111111111111»", "%20«4111111111111111»%20",
          "%3D«378282246310005»", "%A0«4111111111111111»", "\\u0020«4111111111111111»",
          "\\t«4111 1111 1111 1111»", "%20«4111-1111-1111-1111»", "\x1b[7m«4111111111111111»",
          "100%«4111111111111111»", "«4111111111111111».0", "«4111111111111111».0,");
    CHECK(SL_DETECT_CARD, "4111111111111111.05", "4111111111111111.0x", "n4111111111111111",
          "2041111111111111111");
    CHECK(SL_DETECT_AWS_KEY, "\\n«AKIAIOSFODNN7EXAMPLE»\\n", "%20«AKIAIOSFODNN7EXAMPLE»",
          "\x1b[1m«AKIAIOSFODNN7EXAMPLE»");
    CHECK(SL_DETECT_JWT, "\\n«" HEADER "." CLAIMS "." SIGNED "»",
          "token%3D«" HEADER "." CLAIMS "." SIGNED "»%26",
          "api_key_«" HEADER "." CLAIMS "." SIGNED "»",
          "monkey-eyes-«" HEADER "." CLAIMS "." SIGNED "»",
          "\x1b[1m«" HEADER "." CLAIMS "." SIGNED "»");
}

/* Texts that make a scanner that goes back, or looks ahead without a bound, take hours. */
static void hostile_texts_cost_little(void **state)
{
    static const char *const units[] = {"a@",
                                        "@",
                                        "a",
                                        ".",
                                        "1.",
                                        "1.1.1.",
                                        ":",
                                        "a:",
                                        "1:",
                                        "::1",
                                        "1 ",
                                        "4111 ",
                                        "4111-",
                                        "4111111111111111",
                                        "41111111 ",
                                        "AKIA",
                                        "A",
                                        "secret",
                                        "secret_key=",
                                        "secret key ",
                                        "eyJ",
                                        "eyJ.",
                                        "ey",
                                        "ey.",
                                        HEADER ".",
                                        "4111 1111 ",
                                        "a.b-c@d.e-",
                                        "-",
                                        "'@a.",
                                        "\xc3\xa9",
                                        "\xff",
                                        "s",
                                        "",
                                        "aa.",
                                        "1111.",
                                        "f:f.",
                                        "=",
                                        "x@y.zz",
                                        "x%40y.zz",
                                        "%40",
                                        "_eyJhbGciOiJ",
                                        HEADER "_",
                                        "-" HEADER ".a.b",
                                        "\\n1.",
                                        "\x1b[1",
                                        "\x1b[1;1m1:"};
    enum { BYTES = 1 << 18 };
    char *text = sl_alloc(BYTES);

    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        size_t n = strlen(units[i]);

        for (size_t at = 0; at < BYTES; at++)
            text[at] = n ? units[i][at % n] : '\0';
        for (int d = 0; d < SL_DETECTORS; d++) {
            struct sl_found f = {0};

            while (sl_detect((enum sl_detector)d, sl_slice(text, BYTES), f.end, &f))
                assert_true(f.begin < f.end && f.end <= BYTES);
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(emails),
        cmocka_unit_test(ipv4_addresses),
        cmocka_unit_test(ipv6_addresses),
        cmocka_unit_test(card_numbers),
        cmocka_unit_test(keys_of_aws),
        cmocka_unit_test(secrets_of_aws),
        cmocka_unit_test(tokens),
        cmocka_unit_test(escapes_that_nobody_undid),
        cmocka_unit_test(hostile_texts_cost_little),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
