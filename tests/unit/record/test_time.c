/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"
#include "record/time.h"

static void rfc3339_is_read_strictly(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds, ns; /* seconds -1: refused */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"2000-02-29T23:59:59Z", 951868799, 0},
        {"2026-01-31T12:34:56.789Z", 1769862896, 789000000},
        {"2026-01-31t12:34:56.1234567899z", 1769862896, 123456789},
        {"2026-01-31 12:34:56Z", 1769862896, 0},
        {"2026-01-31T14:34:56+02:00", 1769862896, 0},
        {"2026-01-31T07:04:56-05:30", 1769862896, 0},
        {"2026-01-31T12:34:56-00:00", 1769862896, 0},
        {"2016-12-31T23:59:60Z", 1483228800, 0},
        {"2026-01-31T12:34:56", 1769862896, 0},
        {"2261-12-31T23:59:59Z", 9214646399, 0},
        {"2026-02-29T00:00:00Z", -1, 0},
        {"2100-02-29T00:00:00Z", -1, 0},
        {"2026-00-01T00:00:00Z", -1, 0},
        {"2026-13-01T00:00:00Z", -1, 0},
        {"2026-01-00T00:00:00Z", -1, 0},
        {"2026-04-31T00:00:00Z", -1, 0},
        {"2026-01-31T24:00:00Z", -1, 0},
        {"2026-01-31T12:60:00Z", -1, 0},
        {"2026-01-31T12:34:61Z", -1, 0},
        {"2026-01-31T12:34Z", -1, 0},
        {"2026-01-31", -1, 0},
        {"2026-01-31T12:34:56.Z", -1, 0},
        {"2026-01-31T12:34:56,789Z", -1, 0},
        {"2026-01-31T12:34:56+0200", -1, 0},
        {"2026-01-31T12:34:56+02", -1, 0},
        {"2026-01-31T12:34:56+24:00", -1, 0},
        {"2026-01-31T12:34:56Zx", -1, 0},
        {"2026-01-31T12:34:56 Z", -1, 0},
        {" 2026-01-31T12:34:56Z", -1, 0},
        {"2026-1-31T12:34:56Z", -1, 0},
        {"1969-12-31T23:59:59Z", -1, 0},
        {"9999-12-31T23:59:59Z", -1, 0},
        {"", -1, 0},
    };
    struct sl_zone *utc;

    (void)state;
    assert_int_equal(sl_zone_new(NULL, &utc, NULL), SL_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = 0;
        bool ok = sl_time_parse(sl_slice_str(rows[i].text), utc, &ns);

        if (ok != (rows[i].seconds >= 0))
            fail_msg("%s", rows[i].text);
        if (ok)
            assert_true(ns == rows[i].seconds * SL_NS_PER_SECOND + rows[i].ns);
    }
    sl_zone_free(utc);
}

static void numbers_by_their_magnitude(void **state)
{
    static const struct {
        const char *text;
        int64_t ns; /* -1: refused */
    } rows[] = {
        {"0", 0},
        {"1769862896", 1769862896000000000},
        {"1769862896.5", 1769862896500000000},
        {"1769862896.123456789", 1769862896123456789},
        {"99999999999", -1}, /* as seconds beyond 64 bits of ns */
        {"100000000000", 100000000000000000},
        {"1769862896789", 1769862896789000000},
        {"1769862896789.25", 1769862896789250000},
        {"1769862896789012", 1769862896789012000},
        {"1769862896789012345", 1769862896789012345},
        {"1769862896789012345.9", 1769862896789012345},
        {"99999999999999999999", -1},
        {"-5", -1},
        {"", -1},
        {"1.", -1},
        {"1e9", -1},
        {"12a", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = 0;
        bool ok = sl_time_from_number(sl_slice_str(rows[i].text), &ns);

        if (ok != (rows[i].ns >= 0) || (ok && ns != rows[i].ns))
            fail_msg("%s gives %lld", rows[i].text, (long long)ns);
    }
}

static void the_calendar_agrees_with_libc(void **state)
{
    uint64_t seed = 7;
    char want[256],
        format[] = "%Y-%m-%d %H:%M:%S %j %G %g %V %y %b %B %a %A %e %u %w %I %p %F %T %R %%";
    struct sl_buf out;
    int64_t step;

    (void)state;
    sl_buf_init(&out, 4096);
    assert_null(sl_strftime_check(sl_slice_str(format), &step));
    for (int i = 0; i < 50000; i++) {
        time_t t;
        struct tm tm;

        seed = seed * 6364136223846793005u + 1442695040888963407u;
        t = (time_t)((seed >> 20) % 9214646400);
        gmtime_r(&t, &tm);
        strftime(want, sizeof(want), format, &tm);
        sl_buf_clear(&out);
        sl_strftime(sl_slice_str(format), t, &out);
        assert_string_equal(sl_buf_str(&out), want);
        assert_true(sl_days_from_civil(tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday) == t / 86400);
    }
    sl_buf_release(&out);
}

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1769862896789000000, "2026-01-31T12:34:56.789Z"},
        {1769862896789012000, "2026-01-31T12:34:56.789012Z"},
        {1769862896789012345, "2026-01-31T12:34:56.789012345Z"},
        {1769862896000000001, "2026-01-31T12:34:56.000000001Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
    };
    struct sl_buf out;
    struct sl_zone *utc;

    (void)state;
    sl_buf_init(&out, 100);
    sl_zone_new("UTC", &utc, NULL);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = -1;

        sl_buf_clear(&out);
        sl_time_rfc3339(rows[i].ns, &out);
        assert_string_equal(sl_buf_str(&out), rows[i].text);
        if (rows[i].ns >= 0)
            assert_true(sl_time_parse(sl_slice_str(rows[i].text), utc, &ns));
        assert_true(ns == rows[i].ns);
    }
    sl_zone_free(utc);
    sl_buf_release(&out);
}

static void unknown_conversions_are_found(void **state)
{
    static const struct {
        const char *format;
        int at;
        int64_t step;
    } rows[] = {
        {"%Y-%m", -1, 86400}, {"%Y %H", -1, 3600}, {"%M", -1, 60},
        {"%T", -1, 1},        {"%s %Y", -1, 1},    {"%Q", 0, 0},
        {"%Y %", 3, 0},       {"a%-d", 1, 0},      {"%%Q", -1, 86400},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t step;
        const char *wrong = sl_strftime_check(sl_slice_str(rows[i].format), &step);

        assert_int_equal(wrong ? wrong - rows[i].format : -1, rows[i].at);
        if (!wrong)
            assert_int_equal(step, rows[i].step);
    }
}

static void fixed_zones(void **state)
{
    static const struct {
        const char *name;
        int64_t offset;
    } rows[] = {{NULL, 0}, {"UTC", 0}, {"Z", 0}, {"+02:00", 7200}, {"-05:30", -19800}};
    static const char *const wrong[] = {"",      "+2",      "+25:00",          "+02:60",
                                        "02:00", "+02:00x", "../../etc/passwd"};
    struct sl_zone *z;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sl_zone_new(rows[i].name, &z, NULL), SL_OK);
        assert_int_equal(sl_zone_offset(z, 1769862896), rows[i].offset);
        sl_zone_free(z);
    }
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(sl_zone_new(wrong[i], &z, NULL), SL_ECONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read_strictly),
        cmocka_unit_test(numbers_by_their_magnitude),
        cmocka_unit_test(the_calendar_agrees_with_libc),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(unknown_conversions_are_found),
        cmocka_unit_test(fixed_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
