/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>

#include "base/http_time.h"

static void dates(void **state)
{
    static const char *const wrong[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, x6 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
    };
    int64_t at = 5;

    (void)state;
    assert_true(sl_http_date(SL_SLICE_LITERAL("Sun, 06 Nov 1994 08:49:37 GMT"), &at));
    assert_int_equal(at, 784111777);
    assert_true(sl_http_date(SL_SLICE_LITERAL("Thu, 29 Feb 2024 23:59:59 GMT"), &at));
    assert_int_equal(at, 1709251199);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(sl_http_date(sl_slice_str(wrong[i]), &at));
    assert_int_equal(at, 1709251199);
}

static unsigned retry(const char *headers)
{
    struct sl_http_reply r = {.headers = sl_slice_str(headers)};

    return sl_http_retry_after(&r, 784111777000);
}

static void retry_after(void **state)
{
    (void)state;
    assert_int_equal(retry("Content-Length: 0\r\n"), 0);
    assert_int_equal(retry("Retry-After:\r\n"), 0);
    assert_int_equal(retry("retry-after: 7\r\n"), 7000);
    assert_int_equal(retry("Retry-After: -7\r\n"), 0);
    assert_int_equal(retry("Retry-After: 1.5\r\n"), 0);
    assert_int_equal(retry("Retry-After: 1000000000\r\n"), UINT_MAX);
    assert_int_equal(retry("Retry-After: 99999999999999999999999999\r\n"), UINT_MAX);
    assert_int_equal(retry("Retry-After: Sun, 06 Nov 1994 08:49:47 GMT\r\n"), 10000);
    assert_int_equal(retry("Retry-After: Sun, 06 Nov 1994 08:49:27 GMT\r\n"), 0);
    assert_int_equal(retry("Retry-After: Sun, 06 Nov 2094 08:49:27 GMT\r\n"), UINT_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dates), cmocka_unit_test(retry_after)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
