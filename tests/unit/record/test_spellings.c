/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <time.h>

#include "fixture.h"
#include "record/levels.h"
#include "record/spellings.h"
#include "record/time.h"

static const int64_t kafka_ns = (int64_t)KAFKA_MS * 1000 * 1000000; /* 2026-01-31T12:34:57Z */

static struct sl_zone *zone(const char *name)
{
    struct sl_zone *z = NULL;

    assert_int_equal(sl_zone_new(name, &z, NULL), SL_OK);
    return z;
}

/* The bytes are copied to their exact size, so that a sanitizer sees a read beyond the end. */
static bool spelled(const char *text, const struct sl_zone *z, int64_t kafka, int64_t *ret_ns,
                    size_t *ret_used)
{
    size_t n = strlen(text);
    char *copy = sl_alloc(n ? n : 1);
    bool found;

    memcpy(copy, text, n);
    found = sl_time_spelled(sl_slice(copy, n), z, kafka, ret_ns, ret_used);
    free(copy);
    return found;
}

static void spellings_of_one_moment(void **state)
{
    static const struct {
        const char *text, *rest; /* what follows the time; NULL: it is none */
        int64_t seconds, ns;
    } rows[] = {
        {"2026-01-31T12:34:56Z", "", 1769862896, 0},
        {"2026-01-31T12:34:56.789Z INFO", " INFO", 1769862896, 789000000},
        {"2026-01-31 12:34:56,789 - x", " - x", 1769862896, 789000000},
        {"2026-01-31 12:34:56,x", ",x", 1769862896, 0},
        {"2026-01-31 12:34:56. x", ". x", 1769862896, 0},
        {"2026/01/31 12:34:56 [error]", " [error]", 1769862896, 0},
        {"2026-01-31_12:34:56", "", 1769862896, 0},
        {"2026-01-31, 12:34:56 UTC", "", 1769862896, 0},
        {"2026-01-31T12:34:56.1234567899+00:00", "", 1769862896, 123456789},
        {"2026-01-31T14:34:56+02:00", "", 1769862896, 0},
        {"2026-01-31T14:34:56+0200", "", 1769862896, 0},
        {"2026-01-31T14:34:56+02", "", 1769862896, 0},
        {"2026-01-31 14:34:56 +0200 x", " x", 1769862896, 0},
        {"2026-01-31 12:34:56 +02 x", " +02 x", 1769862896, 0},
        {"2026-01-31T07:04:56-05:30", "", 1769862896, 0},
        {"2026-01-31 12:34:56 UTC [7]", " [7]", 1769862896, 0},
        {"2026-01-31 12:34:56 UTCx", " UTCx", 1769862896, 0},
        {"2026-01-31 13:34:56 CET [7]", " [7]", 1769862896, 0},
        {"2026-01-31 07:34:56 EST ERROR", " ERROR", 1769862896, 0},
        {"2026-01-31 12:34:56 CST [7]", " [7]", 1769862896, 0}, /* whose, `timezone` says */
        {"2026-01-31 12:34:56 ESTx", " ESTx", 1769862896, 0},
        {"Sat Jan 31 14:34:56 CEST 2026", "", 1769862896, 0},
        {"Jan 31 07:34:56.789 EST: %SYS", ": %SYS", 1769862896, 789000000},
        {"Jan 31 12:34:56 EST app: x", " EST app: x", 1769862896, 0},
        {"2026-01-31T12:34:56Zulu", "Zulu", 1769862896, 0},
        {"20260131T123456Z", "", 1769862896, 0},
        {"20260131T123456.5+0100", "", 1769859296, 500000000},
        {"20260131 12:34:56.789012 7", " 7", 1769862896, 789012000},
        {"31/Jan/2026:12:34:56 +0000]", "]", 1769862896, 0},
        {"31/Jan/2026:05:34:56 -0700", "", 1769862896, 0},
        {"31-Jan-2026 12:34:56.789 INFO", " INFO", 1769862896, 789000000},
        {"Jan 31 12:34:56 host", " host", 1769862896, 0},
        {"Jan 31 12:34:56.789: x", ": x", 1769862896, 789000000},
        {"Jan 31 2026 12:34:56: x", ": x", 1769862896, 0},
        {"Jan 31 12:34:56 2026 x", " x", 1769862896, 0},
        {"Jan 31 12:34:56 2300 x", " 2300 x", 1769862896, 0},
        {"Jan 31 12:34:56 20266", " 20266", 1769862896, 0},
        {"Jan 31, 2026 12:34:56 PM a.B", " a.B", 1769862896, 0},
        {"Jan 31, 2026 9:05:00 PM", "", 1769893500, 0},
        {"Jan 31, 2026 12:05:00 AM", "", 1769817900, 0},
        {"Jan  1 00:00:00", "", 1767225600, 0},
        {"Jan 1 00:00:00", "", 1767225600, 0},
        {"Sat, 31 Jan 2026 12:34:56 GMT", "", 1769862896, 0},
        {"Sat, 31 Jan 2026 14:34:56 +0200", "", 1769862896, 0},
        {"Sat, 31 Jan 2026 07:34:56 EST", "", 1769862896, 0},
        {"31 Jan 2026 12:34:56.789 * Ready", " * Ready", 1769862896, 789000000},
        {"1 Jan 2026 00:00 +0000", "", 1767225600, 0},
        {"Sat Jan 31 12:34:56 2026", "", 1769862896, 0},
        {"Sat Jan 31 12:34:56.789012 2026]", "]", 1769862896, 789012000},
        {"Sat Jan 31 05:34:56 MST 2026", "", 1769862896, 0},
        {"Sat Jan 31 14:34:56 +0200 2026", "", 1769862896, 0},
        {"0131 12:34:56.789012", "", 1769862896, 789012000},
        {"1769862896", "", 1769862896, 0},
        {"1769862896.789 x", " x", 1769862896, 789000000},
        {"1769862896789", "", 1769862896, 789000000},
        {"1769862896789012", "", 1769862896, 789012000},
        {"1769862896789012345,", ",", 1769862896, 789012345},
        {"2016-12-31T23:59:60Z", "", 1483228800, 0},
        {"2000-02-29 00:00:00", "", 951782400, 0},
        {"", NULL, 0, 0},
        {"2026-01-31", NULL, 0, 0},
        {"2026-01/31 12:34:56", NULL, 0, 0},
        {"2026-02-29 12:34:56", NULL, 0, 0},
        {"2026-01-31 24:00:00", NULL, 0, 0},
        {"2026-01-31 12:60:00", NULL, 0, 0},
        {"2026-01-31 12:34:61", NULL, 0, 0},
        {"2026-01-31 12:34", NULL, 0, 0},
        {"1969-12-31T23:59:59Z", NULL, 0, 0},
        {"2262-01-01T00:00:00Z", NULL, 0, 0},
        {"2026-1-31 12:34:56", NULL, 0, 0},
        {"31/jan/2026:12:34:56 +0000", NULL, 0, 0},
        {"31/Jan-2026:12:34:56 +0000", NULL, 0, 0},
        {"00/Jan/2026:12:34:56 +0000", NULL, 0, 0},
        {"32/Jan/2026:12:34:56 +0000", NULL, 0, 0},
        {"Sat Jan 31 12:34:56", NULL, 0, 0},
        {"Sat Jan 31 12:34:56 XYZT 2026", NULL, 0, 0},
        {"Sat 31 Jan 2026 12:34:56", NULL, 0, 0},
        {"Foo 31 12:34:56", NULL, 0, 0},
        {"Jan 32 12:34:56", NULL, 0, 0},
        {"Feb 30 12:34:56", NULL, 0, 0},
        {"1332 12:34:56", NULL, 0, 0},
        {"12345678", NULL, 0, 0},
        {"99999999999999999999", NULL, 0, 0},
        {"20261331T123456Z", NULL, 0, 0},
        {"12:34:56", NULL, 0, 0},
    };
    struct sl_zone *utc = zone(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = 0;
        size_t used = 0;
        bool found = spelled(rows[i].text, utc, kafka_ns, &ns, &used);

        if (found != (rows[i].rest != NULL))
            fail_msg("%s: %s", rows[i].text, found ? "taken for a time" : "no time");
        if (found && (ns != rows[i].seconds * SL_NS_PER_SECOND + rows[i].ns ||
                      strcmp(rows[i].text + used, rows[i].rest) != 0))
            fail_msg("%s: %lld, and behind it: %s", rows[i].text, (long long)ns,
                     rows[i].text + used);
    }
    sl_zone_free(utc);
}

/* ---- against libc ---- */

static uint64_t chance(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 20;
}

/* A random moment, in each spelling, as libc writes it and as libc reads it. */
static void libc_agrees(void **state)
{
    static const struct {
        const char *format; /* of strftime */
        bool zone;          /* the spelling holds %z */
    } rows[] = {
        {"%Y-%m-%dT%H:%M:%S%z", true},        {"%Y-%m-%d %H:%M:%S", false},
        {"%Y/%m/%d %H:%M:%S", false},         {"%Y%m%dT%H%M%S%z", true},
        {"%d/%b/%Y:%H:%M:%S %z", true},       {"%d-%b-%Y %H:%M:%S", false},
        {"%b %d %Y %H:%M:%S", false},         {"%b %e %H:%M:%S %Y", false},
        {"%a, %d %b %Y %H:%M:%S %z", true},   {"%a %b %e %H:%M:%S %Y", false},
        {"%a, %d %b %Y %H:%M:%S GMT", false}, {"%Y%m%d %H:%M:%S", false},
        {"%b %d, %Y %I:%M:%S %p", false},     {"%s", false},
    };
    struct sl_zone *utc = zone(NULL);
    uint64_t seed = 6;

    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    for (int i = 0; i < 20000; i++)
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            /* Years 1975 to 2255: an epoch has nine digits, and an offset stays within the years.
             */
            int64_t t = (int64_t)(157766400 + chance(&seed) % 8836000000), ns = 0, want;
            char text[80];
            struct tm tm, back = {0};
            size_t used = 0;
            long gmtoff;

            gmtime_r(&t, &tm);
            strftime(text, sizeof(text), rows[k].format, &tm);
            want = t;
            if (rows[k].zone) { /* libc's %z reads what its %z did not write */
                int minutes = (int)(chance(&seed) % (2 * 23 * 60)) - 23 * 60;
                char *at = strstr(text, "+0000");

                assert_non_null(at);
                snprintf(at, 6, "%c%02d%02d", minutes < 0 ? '-' : '+', abs(minutes) / 60,
                         abs(minutes) % 60);
                want -= minutes * 60;
            }
            /* libc reads it so as well (%s in its own zone, which is UTC here). */
            assert_non_null(strptime(text, rows[k].format, &back));
            gmtoff = rows[k].zone ? back.tm_gmtoff : 0;
            back.tm_gmtoff = 0;
            assert_true(timegm(&back) - gmtoff == want);
            if (!spelled(text, utc, kafka_ns, &ns, &used) || used != strlen(text) ||
                ns != want * SL_NS_PER_SECOND)
                fail_msg("%s is %lld, not %lld; %zu bytes", text, (long long)ns, (long long)want,
                         used);
        }
    sl_zone_free(utc);
}

/* Local times, in a zone with summer time, are libc's. */
static void local_times_are_of_the_zone(void **state)
{
    struct sl_zone *berlin = zone("Europe/Berlin");
    uint64_t seed = 9;

    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    for (int i = 0; i < 20000; i++) {
        time_t t = (time_t)(157766400 + chance(&seed) % 7000000000), back;
        struct tm tm;
        char text[80];
        int64_t ns = 0;
        size_t used;

        localtime_r(&t, &tm);
        strftime(text, sizeof(text), "%d/%b/%Y:%H:%M:%S", &tm);
        assert_true(spelled(text, berlin, kafka_ns, &ns, &used));
        back = (time_t)(ns / SL_NS_PER_SECOND);
        if (back == t)
            continue;
        /* The hour that occurs twice: the first is meant. */
        assert_true(back == t - 3600);
    }
    unsetenv("TZ");
    tzset();
    sl_zone_free(berlin);
}

/* Any moment within half a year of Kafka's is found again by its spelling without a year. */
static void a_missing_year_is_the_nearest(void **state)
{
    struct sl_zone *utc = zone(NULL);
    uint64_t seed = 12;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        int64_t kafka = (int64_t)(946684800 + chance(&seed) % 7000000000), ns = 0;
        int64_t t = kafka + (int64_t)(chance(&seed) % (364 * 86400)) - 182 * 86400 + 43200;
        const char *format = i % 2 ? "%b %e %H:%M:%S" : "%m%d %H:%M:%S";
        char text[40];
        size_t used;
        struct tm tm;

        gmtime_r(&t, &tm);
        strftime(text, sizeof(text), format, &tm);
        if (!spelled(text, utc, kafka * SL_NS_PER_SECOND, &ns, &used) || ns != t * SL_NS_PER_SECOND)
            fail_msg("%s at %lld is %lld, not %lld", text, (long long)kafka, (long long)ns,
                     (long long)t);
    }
    sl_zone_free(utc);
}

static void leap_days_find_a_leap_year(void **state)
{
    static const struct {
        int64_t kafka, want;
    } rows[] = {
        {1769862897, 1709164800}, /* January 2026: 2024 */
        {1830297600, 1835395200}, /* January 2028: 2028 */
        {4102444800, 3981312000}, /* 2100 is none: 2096 */
        {4133980800, 4233686400}, /* 2101: 2104 */
    };
    struct sl_zone *utc = zone(NULL);

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t ns = 0;
        size_t used;

        assert_true(spelled("Feb 29 00:00:00", utc, rows[i].kafka * SL_NS_PER_SECOND, &ns, &used));
        if (ns != rows[i].want * SL_NS_PER_SECOND)
            fail_msg("%lld: %lld", (long long)rows[i].kafka, (long long)(ns / SL_NS_PER_SECOND));
    }
    sl_zone_free(utc);
}

static void what_is_believed(void **state)
{
    const int64_t second = SL_NS_PER_SECOND, day = 86400 * second, y2000 = 946684800 * second;

    (void)state;
    assert_true(sl_time_counts(y2000, kafka_ns));
    assert_false(sl_time_counts(y2000 - 1, kafka_ns));
    assert_true(sl_time_counts(kafka_ns + day, kafka_ns));
    assert_false(sl_time_counts(kafka_ns + day + 1, kafka_ns));
    assert_true(sl_time_counts(INT64_MAX, 0)); /* Kafka knows no time */
    assert_true(sl_time_counts(INT64_MAX, -1));
    assert_true(sl_time_counts(INT64_MAX, INT64_MAX));
}

static void words_of_level(void **state)
{
    static const struct {
        const char *word;
        enum sl_level level, of_logger;
    } rows[] = {
        {"trace", SL_LEVEL_TRACE, SL_LEVEL_TRACE},    {"DEBUG", SL_LEVEL_DEBUG, SL_LEVEL_DEBUG},
        {"Info", SL_LEVEL_INFO, SL_LEVEL_INFO},       {"notice", SL_LEVEL_INFO, SL_LEVEL_INFO},
        {"WARN", SL_LEVEL_WARN, SL_LEVEL_WARN},       {"warning", SL_LEVEL_WARN, SL_LEVEL_WARN},
        {"err", SL_LEVEL_ERROR, SL_LEVEL_ERROR},      {"error", SL_LEVEL_ERROR, SL_LEVEL_ERROR},
        {"CRITICAL", SL_LEVEL_FATAL, SL_LEVEL_FATAL}, {"crit", SL_LEVEL_FATAL, SL_LEVEL_FATAL},
        {"alert", SL_LEVEL_FATAL, SL_LEVEL_FATAL},    {"emerg", SL_LEVEL_FATAL, SL_LEVEL_FATAL},
        {"fatal", SL_LEVEL_FATAL, SL_LEVEL_FATAL},    {"panic", SL_LEVEL_FATAL, SL_LEVEL_FATAL},
        {"SEVERE", SL_LEVEL_NONE, SL_LEVEL_ERROR},    {"FINE", SL_LEVEL_NONE, SL_LEVEL_DEBUG},
        {"FINEST", SL_LEVEL_NONE, SL_LEVEL_TRACE},    {"CONFIG", SL_LEVEL_NONE, SL_LEVEL_INFO},
        {"SUCCESS", SL_LEVEL_NONE, SL_LEVEL_INFO},    {"", SL_LEVEL_NONE, SL_LEVEL_NONE},
        {"infos", SL_LEVEL_NONE, SL_LEVEL_NONE},      {"infx", SL_LEVEL_NONE, SL_LEVEL_NONE},
        {"INF", SL_LEVEL_NONE, SL_LEVEL_INFO},        {"wrn", SL_LEVEL_NONE, SL_LEVEL_WARN},
        {"DBG", SL_LEVEL_NONE, SL_LEVEL_DEBUG},       {"FTL", SL_LEVEL_NONE, SL_LEVEL_FATAL},
        {"TRC", SL_LEVEL_NONE, SL_LEVEL_TRACE},       {"VRB", SL_LEVEL_NONE, SL_LEVEL_TRACE},
    };
    static const struct {
        const char *word;
        enum sl_level level;
    } severities[] = {{"emerg", SL_LEVEL_FATAL},  {"alert", SL_LEVEL_FATAL},
                      {"crit", SL_LEVEL_FATAL},   {"err", SL_LEVEL_ERROR},
                      {"warning", SL_LEVEL_WARN}, {"notice", SL_LEVEL_INFO},
                      {"info", SL_LEVEL_INFO},    {"debug", SL_LEVEL_DEBUG}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(sl_level_of_word(sl_slice_str(rows[i].word)), rows[i].level);
        assert_int_equal(sl_level_of_logger_word(sl_slice_str(rows[i].word)), rows[i].of_logger);
    }
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(sl_level_of_severity(i), severities[i].level);
        assert_true(sl_slice_is(sl_severity_word(i), severities[i].word));
        assert_int_equal(sl_level_of_word(sl_severity_word(i)), severities[i].level);
    }
    assert_int_equal(sl_level_of_severity(8), SL_LEVEL_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_one_moment),
        cmocka_unit_test(libc_agrees),
        cmocka_unit_test(local_times_are_of_the_zone),
        cmocka_unit_test(a_missing_year_is_the_nearest),
        cmocka_unit_test(leap_days_find_a_leap_year),
        cmocka_unit_test(what_is_believed),
        cmocka_unit_test(words_of_level),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
