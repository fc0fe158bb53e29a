/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(dates)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
