/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

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

/* libc reads the same files: a local time made from any moment leads back to it, or, where it
 * occurs twice, to the earlier of the two. */
static void named_zones_agree_with_libc(void **state)
{
    static const char *const names[] = {
        "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe",
        "America/Sao_Paulo", "Asia/Kolkata",     "Africa/Casablanca",
        "Pacific/Auckland",  "Europe/Dublin",    "Etc/GMT+5"};
    uint64_t seed = 3;
    unsigned twice = 0;

    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct sl_zone *z;
        struct sl_error err = {0};

        if (sl_zone_new(names[i], &z, &err) != SL_OK)
            fail_msg("%s", err.text);
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 20000; k++) {
            time_t t, back;
            struct tm tm;
            int64_t offset;

            seed = seed * 6364136223846793005u + 1442695040888963407u;
            t = (time_t)((seed >> 20) % 7258118400); /* to 2200 */
            localtime_r(&t, &tm);
            offset = sl_zone_offset(z, t + tm.tm_gmtoff);
            back = t + tm.tm_gmtoff - offset;
            twice += back != t;
            if (back == t)
                continue;
            localtime_r(&back, &tm);
            if (back > t || tm.tm_gmtoff != offset)
                fail_msg("%s: %lld", names[i], (long long)t);
        }
        sl_zone_free(z);
    }
    assert_true(twice > 0 && twice < 200);
    unsetenv("TZ");
    tzset();
}

static void a_gap_takes_the_offset_before(void **state)
{
    struct sl_zone *z;
    int64_t gap = 1774751400; /* 2026-03-29T02:30:00, which Berlin does not have */

    (void)state;
    if (access("/usr/share/zoneinfo/Europe/Berlin", R_OK) != 0)
        skip();
    assert_int_equal(sl_zone_new("Europe/Berlin", &z, NULL), SL_OK);
    assert_int_equal(sl_zone_offset(z, gap), 3600);
    assert_int_equal(sl_zone_offset(z, gap + 1800), 7200);
    assert_int_equal(sl_zone_offset(z, gap + 210 * 86400 + 1799), 7200); /* 25 October, 02:59:59 */
    assert_int_equal(sl_zone_offset(z, gap + 210 * 86400 + 1800), 3600);
    sl_zone_free(z);
}

/* The rule alone, as files without written-out years have it, and files that are none. */
static void files_of_zones(void **state)
{
    static const struct {
        const char *rule;
        int64_t january, july; /* in 2026 */
    } rows[] = {
        {"CET-1CEST,M3.5.0,M10.5.0/3", 3600, 7200},
        {"EST5EDT,M3.2.0,M11.1.0", -18000, -14400},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 39600, 37800},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", 0, 3600},
        {"XXX3YYY,J60/0,J300", -10800, -7200},
        {"XXX3YYY,59/-1,300/26", -10800, -7200},
        {"<-03>3", -10800, -10800},
    };
    static const char *const wrong[] = {
        "C",         "CET", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.5.0",
        "CET-1CEST", "<x",  "CET-1CEST,M3.5.0,M10.5.0x"};
    char folder[] = "/tmp/sluice-zone-XXXXXX", *path;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = sl_asprintf("%s/Test", folder);
    setenv("TZDIR", folder, 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]) + sizeof(wrong) / sizeof(wrong[0]); i++) {
        bool good = i < sizeof(rows) / sizeof(rows[0]);
        char header[44] = "TZif2", type[6] = {0};
        struct sl_zone *z;
        FILE *f = fopen(path, "we");

        header[39] = 1; /* one type, no names */
        fwrite(header, 1, sizeof(header), f);
        fwrite(type, 1, sizeof(type), f);
        fwrite(header, 1, sizeof(header), f);
        fwrite(type, 1, sizeof(type), f);
        fprintf(f, "\n%s\n", good ? rows[i].rule : wrong[i - sizeof(rows) / sizeof(rows[0])]);
        fclose(f);
        if (!good) {
            assert_int_equal(sl_zone_new("Test", &z, NULL), SL_ECONFIG);
            continue;
        }
        assert_int_equal(sl_zone_new("Test", &z, NULL), SL_OK);
        assert_int_equal(sl_zone_offset(z, 1768435200), rows[i].january);
        assert_int_equal(sl_zone_offset(z, 1784073600), rows[i].july);
        sl_zone_free(z);
    }
    for (size_t n = 0; n < 120; n++) { /* cut short, and of zeros */
        struct sl_zone *z;
        FILE *f = fopen(path, "we");

        fprintf(f, "TZif2%0*d", (int)n, 0);
        fclose(f);
        assert_int_equal(sl_zone_new("Test", &z, NULL), SL_ECONFIG);
    }
    unlink(path);
    rmdir(folder);
    unsetenv("TZDIR");
    free(path);
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
        cmocka_unit_test(named_zones_agree_with_libc),
        cmocka_unit_test(a_gap_takes_the_offset_before),
        cmocka_unit_test(files_of_zones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
