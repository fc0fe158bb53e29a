/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/utf8.h"
#include "sluice/http.h"

static void expect(const char *bytes, size_t n, size_t length, uint32_t code)
{
    uint32_t got = 0;

    if (sl_utf8_char(bytes, n, &got) != length)
        fail_msg("%02x... of %zu bytes: not %zu", (unsigned char)bytes[0], n, length);
    assert_int_equal(got, code);
    assert_int_equal(sl_utf8_char(bytes, n, NULL), length);
}

static void test_characters(void **state)
{
    (void)state;
    expect("", 0, 0, 0);
    expect("\0", 1, 1, 0);
    expect("ab", 2, 1, 'a');
    expect("\xc2\x80", 2, 2, 0x80);
    expect("\xdf\xbf", 2, 2, 0x7ff);
    expect("\xe0\xa0\x80", 3, 3, 0x800);
    expect("\xed\x9f\xbf", 3, 3, 0xd7ff);
    expect("\xee\x80\x80", 3, 3, 0xe000);
    expect("\xf0\x90\x80\x80", 4, 4, 0x10000);
    expect("\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff);
}

static void test_what_is_none(void **state)
{
    (void)state;
    expect("\x80", 1, 0, 0);
    expect("\xc2", 1, 0, 0);     /* cut */
    expect("\xc2\x41", 2, 0, 0); /* not continued */
    expect("\xc0\x80", 2, 0, 0); /* overlong */
    expect("\xc1\xbf", 2, 0, 0);
    expect("\xe0\x9f\xbf", 3, 0, 0);
    expect("\xf0\x8f\xbf\xbf", 4, 0, 0);
    expect("\xed\xa0\x80", 3, 0, 0); /* surrogates */
    expect("\xed\xbf\xbf", 3, 0, 0);
    expect("\xf4\x90\x80\x80", 4, 0, 0); /* above the last */
    expect("\xf8\x88\x80\x80\x80", 5, 0, 0);
    expect("\xff", 1, 0, 0);
}

static void test_reply_headers(void **state)
{
    struct sl_http_reply reply = {
        .headers = SL_SLICE_LITERAL(
            "X-A:1\r\nETag:  \"x: y\" \t\r\nRetry-After-Not: 9\r\nretry-after: 7\r\n"
            "Empty:\r\nX-A: 2\r\nLast: no end")};

    (void)state;
    assert_true(sl_slice_is(sl_http_header(&reply, "x-a"), "1")); /* the first */
    assert_true(sl_slice_is(sl_http_header(&reply, "etag"), "\"x: y\""));
    assert_true(sl_slice_is(sl_http_header(&reply, "Retry-After"), "7"));
    assert_true(sl_slice_is(sl_http_header(&reply, "Last"), "no end"));
    assert_non_null(sl_http_header(&reply, "Empty").p);
    assert_int_equal(sl_http_header(&reply, "Empty").n, 0);
    assert_null(sl_http_header(&reply, "y").p);
    assert_null(sl_http_header(&reply, "X").p);
    reply.headers = sl_slice(NULL, 0);
    assert_null(sl_http_header(&reply, "X-A").p);
}

static void test_copies_are_valid(void **state)
{
    char to[8];

    (void)state;
    sl_utf8_copy("a\xc3\xa9\xff"
                 "b",
                 to, sizeof(to));
    assert_string_equal(to, "a\xc3\xa9?b");
    sl_utf8_copy("1234567", to, sizeof(to));
    assert_string_equal(to, "1234567");
    sl_utf8_copy("123456\xc3\xa9", to, sizeof(to)); /* never half a character */
    assert_string_equal(to, "123456");
    sl_utf8_copy("12345\xc3", to, sizeof(to));
    assert_string_equal(to, "12345?");
    sl_utf8_copy("", to, sizeof(to));
    assert_string_equal(to, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_copies_are_valid),
        cmocka_unit_test(test_reply_headers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
