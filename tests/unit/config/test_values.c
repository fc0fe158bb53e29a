/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/address.h"
#include "config/subst.h"
#include "config/units.h"
#include "sluice/config.h"

#define EACH(i, array) (size_t i = 0; i < sizeof(array) / sizeof((array)[0]); i++)

static void sizes(void **state)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } good[] = {
        {"0", 0},
        {"17", 17},
        {"17B", 17},
        {"1kB", 1000},
        {"512KiB", 524288},
        {"64MiB", 67108864},
        {"1GB", 1000000000},
        {"1.5KiB", 1536},
        {"0.5GiB", 536870912},
        {"2 MiB", 2097152},
        {"18446744073709551615", UINT64_MAX},
    };
    static const char *const bad[] = {"",
                                      "MiB",
                                      "-1",
                                      "1.",
                                      ".5",
                                      "1,5KiB",
                                      "1e3",
                                      "0x10",
                                      "64mib",
                                      "1 2",
                                      "1KiBx",
                                      " 1",
                                      "18446744073709551616",
                                      "16777216TiB",
                                      "99999999999999999999999",
                                      "1PiB"};
    uint64_t bytes;

    (void)state;
    for
        EACH(i, good)
        {
            assert_true(sl_parse_size(good[i].text, &bytes));
            assert_int_equal(bytes, good[i].bytes);
        }
    for
        EACH(i, bad)
    if (sl_parse_size(bad[i], &bytes))
        fail_msg("`%s` is taken for a size", bad[i]);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } good[] = {{"250ms", 250},    {"10s", 10000}, {"5m", 300000},  {"1h", 3600000},
                {"2d", 172800000}, {"0.25s", 250}, {"1.5m", 90000}, {"0s", 0}};
    static const char *const bad[] = {"",      "10",  "s",     "10 minutes",
                                      "10sec", "-1s", "1h30m", "18446744073709551615s"};
    uint64_t ms;

    (void)state;
    for
        EACH(i, good)
        {
            assert_true(sl_parse_duration(good[i].text, &ms));
            assert_int_equal(ms, good[i].ms);
        }
    for
        EACH(i, bad)
    assert_false(sl_parse_duration(bad[i], &ms));
}

static void rates_numbers_and_booleans(void **state)
{
    double rate;
    uint64_t n;
    bool b;

    (void)state;
    assert_true(sl_parse_rate("50/s", &rate) && rate > 49.99 && rate < 50.01);
    assert_true(sl_parse_rate("90/m", &rate) && rate > 1.49 && rate < 1.51);
    assert_true(sl_parse_rate("0.5/s", &rate) && rate > 0.49 && rate < 0.51);
    assert_true(sl_parse_rate("36/h", &rate) && rate > 0.009 && rate < 0.011);
    assert_false(sl_parse_rate("50", &rate));
    assert_false(sl_parse_rate("50/d", &rate));
    assert_false(sl_parse_rate("/s", &rate));
    assert_false(sl_parse_rate("-1/s", &rate));
    assert_true(sl_parse_uint("18446744073709551615", &n) && n == UINT64_MAX);
    assert_false(sl_parse_uint("18446744073709551616", &n));
    assert_false(sl_parse_uint("1.0", &n));
    assert_false(sl_parse_uint("1MiB", &n));
    assert_false(sl_parse_uint("", &n));
    assert_true(sl_parse_bool("true", &b) && b);
    assert_true(sl_parse_bool("false", &b) && !b);
    assert_false(sl_parse_bool("yes", &b));
    assert_false(sl_parse_bool("True", &b));
}

static void units_read_back_what_they_write(void **state)
{
    static const uint64_t values[] = {0,       1,       999,        1000,     1024,  1536,
                                      1000000, 1 << 20, 5ULL << 30, 86400000, 90000, UINT64_MAX};
    char text[SL_UNIT_TEXT];
    uint64_t back;

    (void)state;
    for
        EACH(i, values)
        {
            assert_true(sl_parse_size(sl_size_text(values[i], text), &back));
            assert_int_equal(back, values[i]);
            assert_true(sl_parse_duration(sl_duration_text(values[i], text), &back));
            assert_int_equal(back, values[i]);
        }
    assert_string_equal(sl_size_text(64 << 20, text), "64MiB");
    assert_string_equal(sl_size_text(1000000, text), "1MB");
    assert_string_equal(sl_duration_text(300000, text), "5m");
}

static int expand(const char *text, struct sl_buf *out, struct sl_error *err)
{
    struct sl_subst s = {.folder = "/nowhere"};

    sl_buf_clear(out);
    return sl_subst_expand(&s, sl_slice_str(text), out, err);
}

static void substitution(void **state)
{
    static const struct {
        const char *text, *expected;
    } good[] = {
        {"plain", "plain"},
        {"", ""},
        {"${SUBST_A}", "one"},
        {"x${SUBST_A}y${SUBST_A}", "xoneyone"},
        {"$$", "$"},
        {"$${SUBST_A}", "${SUBST_A}"},
        {"$$$$", "$$"},
        {"$", "$"},
        {"^a.*$", "^a.*$"},
        {"$HOME $1 {x}", "$HOME $1 {x}"},
        {"${SUBST_NONE:-}", ""},
        {"${SUBST_NONE:-a b}", "a b"},
        {"${SUBST_EMPTY:-d}", "d"},
        {"${SUBST_EMPTY}", ""},
        {"${SUBST_A:-d}", "one"},
        {"${SUBST_DOLLAR}", "${SUBST_A}$$"}, /* replaced once */
    };
    static const struct {
        const char *text;
        unsigned column;
    } bad[] = {
        {"${SUBST_NONE}", 1},
        {"\xc3\xa4 ${SUBST_NONE}", 3},
        {"${", 1},
        {"a${SUBST_A", 2},
        {"${}", 1},
        {"${1A}", 1},
        {"${A B}", 1},
        {"${SUBST_A:d}", 1},
        {"${SUBST_A-d}", 1},
        {"${file:}", 1},
        {"ab${file:none}", 3},
    };
    struct sl_buf out;

    (void)state;
    setenv("SUBST_A", "one", 1);
    setenv("SUBST_EMPTY", "", 1);
    setenv("SUBST_DOLLAR", "${SUBST_A}$$", 1);
    unsetenv("SUBST_NONE");
    sl_buf_init(&out, 1 << 16);
    for
        EACH(i, good)
        {
            struct sl_error err = {0};

            if (expand(good[i].text, &out, &err))
                fail_msg("`%s`: %s", good[i].text, err.text);
            assert_string_equal(sl_buf_str(&out), good[i].expected);
        }
    for
        EACH(i, bad)
        {
            struct sl_error err = {0};

            if (expand(bad[i].text, &out, &err) == SL_OK)
                fail_msg("`%s` is taken", bad[i].text);
            assert_int_equal(err.column, bad[i].column);
            assert_true(err.text[0]);
        }
    sl_buf_release(&out);
}

static void substitution_is_bounded(void **state)
{
    struct sl_error err = {0};
    struct sl_buf out;

    (void)state;
    setenv("SUBST_A", "0123456789", 1);
    sl_buf_init(&out, 25);
    assert_int_equal(expand("${SUBST_A}${SUBST_A}", &out, &err), SL_OK);
    assert_int_equal(expand("${SUBST_A}${SUBST_A}${SUBST_A}", &out, &err), SL_EFULL);
    sl_buf_release(&out);
}

static void addresses(void **state)
{
    static const char *const bad[] = {"",
                                      "host",
                                      "ftp://a",
                                      "http://",
                                      "http:///x",
                                      "http://a b",
                                      "http://a:",
                                      "http://a:0",
                                      "http://a:65536",
                                      "http://[::1",
                                      "http://[::1]x",
                                      "http://a:b",
                                      "http://\xc3\xa4",
                                      "http://a,b",
                                      "http://::1/"};
    struct sl_address a;

    (void)state;
    for
        EACH(i, bad)
    if (sl_address_parse(bad[i], &a, NULL) == SL_OK)
        fail_msg("`%s` is taken for an address", bad[i]);
    assert_int_equal(sl_address_parse("HTTPS://u:p@[fe80::1]:8443/a/b?c#d", &a, NULL), SL_OK);
    assert_true(a.https && a.userinfo && a.query && a.fragment);
    assert_true(sl_slice_is(a.host, "fe80::1"));
    assert_true(sl_slice_is(a.port, "8443"));
    assert_true(sl_slice_is(a.path, "/a/b?c#d"));
    assert_int_equal(sl_address_parse("http://localhost", &a, NULL), SL_OK);
    assert_true(!a.https && !a.userinfo && a.path.n == 0 && a.port.n == 0);
    assert_true(sl_address_is_loopback(&a));
    assert_int_equal(sl_address_parse("http://127.0.0.1.evil.example", &a, NULL), SL_OK);
    assert_false(sl_address_is_loopback(&a));
}

static void hosts_and_ports(void **state)
{
    (void)state;
    assert_int_equal(sl_address_host_port("kafka:9092", false, NULL), SL_OK);
    assert_int_equal(sl_address_host_port("kafka", false, NULL), SL_OK);
    assert_int_equal(sl_address_host_port("[::1]:1", false, NULL), SL_OK);
    assert_int_equal(sl_address_host_port("127.0.0.1:0", true, NULL), SL_OK);
    assert_int_not_equal(sl_address_host_port("127.0.0.1:0", false, NULL), SL_OK);
    assert_int_not_equal(sl_address_host_port("127.0.0.1", true, NULL), SL_OK);
    assert_int_not_equal(sl_address_host_port(":80", true, NULL), SL_OK);
    assert_int_not_equal(sl_address_host_port("", false, NULL), SL_OK);
    assert_int_not_equal(sl_address_host_port("a:1:2", false, NULL), SL_OK);
}

static void owned_properties(void **state)
{
    static const char *const owned[] = {"group.id",
                                        "enable.auto.commit",
                                        "enable.auto.offset.store",
                                        "auto.offset.reset",
                                        "partition.assignment.strategy",
                                        "group.protocol",
                                        "enable.partition.eof",
                                        "queued.min.messages",
                                        "queued.max.messages.kbytes",
                                        "fetch.max.bytes",
                                        "max.partition.fetch.bytes",
                                        "bootstrap.servers",
                                        "delivery.report.only.error",
                                        "transactional.id"};
    static const char *const free_[] = {
        "group.instance.id", "fetch.wait.max.ms",    "session.timeout.ms",
        "sasl.password",     "max.poll.interval.ms", "group",
        "client.id"};

    (void)state;
    for
        EACH(i, owned)
    if (!sl_config_owned_property(owned[i]))
        fail_msg("%s is not owned", owned[i]);
    for
        EACH(i, free_)
    assert_null(sl_config_owned_property(free_[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(rates_numbers_and_booleans),
        cmocka_unit_test(units_read_back_what_they_write),
        cmocka_unit_test(substitution),
        cmocka_unit_test(substitution_is_bounded),
        cmocka_unit_test(addresses),
        cmocka_unit_test(hosts_and_ports),
        cmocka_unit_test(owned_properties),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
