/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>

#include "base/alloc.h"
#include "route/networks.h"

static bool parses(const char *text, struct sl_ip *ip)
{
    return sl_ip_parse(sl_slice_str(text), ip);
}

static void addresses(void **state)
{
    static const struct {
        const char *text;
        bool v6;
        uint64_t high, low;
    } good[] = {
        {"0.0.0.0", false, 0, 0},
        {"255.255.255.255", false, 0, 0xffffffff},
        {"10.1.2.3", false, 0, 0x0a010203},
        {"::", true, 0, 0},
        {"::1", true, 0, 1},
        {"1::", true, 1ULL << 48, 0},
        {"2001:db8::8:800:200c:417a", true, 0x20010db800000000, 0x00080800200c417a},
        {"2001:DB8:0:0:8:800:200C:417A", true, 0x20010db800000000, 0x00080800200c417a},
        {"1:2:3:4:5:6:7:8", true, 0x0001000200030004, 0x0005000600070008},
        {"1:2:3:4:5:6:7::", true, 0x0001000200030004, 0x0005000600070000},
        {"::2:3:4:5:6:7:8", true, 0x0000000200030004, 0x0005000600070008},
        {"1::8", true, 0x0001000000000000, 8},
        {"::13.1.68.3", true, 0, 0x0d014403},
        {"1:2:3:4:5:6:1.2.3.4", true, 0x0001000200030004, 0x0005000601020304},
        {"64:ff9b::192.0.2.33", true, 0x0064ff9b00000000, 0xc0000221},
        {"::ffff:10.1.2.3", false, 0, 0x0a010203},
        {"::FFFF:a01:203", false, 0, 0x0a010203},
        {"::fffe:10.1.2.3", true, 0, 0xfffe0a010203},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, UINT64_MAX, UINT64_MAX},
    };
    struct sl_ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
        if (!parses(good[i].text, &ip) || ip.v6 != good[i].v6 || ip.high != good[i].high ||
            ip.low != good[i].low)
            fail_msg("%s: %d %llx %llx", good[i].text, ip.v6, (unsigned long long)ip.high,
                     (unsigned long long)ip.low);
    assert_true(sl_ip_parse_form(SL_SLICE_LITERAL("::ffff:10.1.2.3"), &ip) && ip.v6);
}

static void no_addresses(void **state)
{
    static const char *const bad[] = {
        "",
        "1",
        ".",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.00",
        "1.2.3.-4",
        "1.2.3.4 ",
        " 1.2.3.4",
        "1.2.3.",
        ".1.2.3.4",
        "1..2.3",
        "1.2.3.4:80",
        "1.2.3.4/32",
        "a.b.c.d",
        "0x1.2.3.4",
        "1.2.3.1000",
        ":",
        ":::",
        "1:2:3",
        "1:2:3:4:5:6:7:8:9",
        "1::2::3",
        ":1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:",
        "::1:",
        ":1::",
        "12345::",
        "g::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3",
        "::1.2.3.256",
        "1.2.3.4::",
        "::1.2.3.4:5",
        "[::1]",
        "fe80::1%eth0",
        "::1/128",
        "1:2:3:4::5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "::01.2.3.4",
        "\xef\xbc\x91.2.3.4",
        "1.2.3.4\n",
        "localhost",
        "10",
        "3232235777",
        "00001::",
        "1:2:3:4:5:6:7",
    };
    struct sl_ip ip;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (parses(bad[i], &ip))
            fail_msg("%s is taken for an address", bad[i]);
    assert_false(sl_ip_parse(sl_slice("1.2.3.4\0", 8), &ip));
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 29;
}

/* Texts near addresses: the C library's parser says what they are. */
static void the_same_as_the_c_library(void **state)
{
    static const char *const parts[] = {":",       "::",  ".",       "0",   "1",    "9",
                                        "10",      "255", "256",     "f",   "abcd", "12345",
                                        "1.2.3.4", "g",   "::ffff:", "fe80"};
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 300000; i++) {
        char text[128] = "";
        size_t n = 0, count = next_random(&seed) % 16;
        unsigned char v6[16];
        struct in_addr v4;
        struct sl_ip ip;
        bool want, got;

        for (size_t k = 0; k < count; k++) {
            const char *part = parts[next_random(&seed) % (sizeof(parts) / sizeof(*parts))];

            memcpy(text + n, part, strlen(part) + 1);
            n += strlen(part);
        }
        want = inet_pton(AF_INET6, text, v6) == 1 || inet_pton(AF_INET, text, &v4) == 1;
        got = sl_ip_parse_form(sl_slice(text, n), &ip);
        if (want != got)
            fail_msg("%s: %d, the C library says %d", text, got, want);
        if (got && ip.v6) {
            uint64_t high = 0, low = 0;

            for (int b = 0; b < 8; b++) {
                high = high << 8 | v6[b];
                low = low << 8 | v6[b + 8];
            }
            assert_true(ip.high == high && ip.low == low);
        }
    }
}

static void mistakes_in_networks_say_what_to_write(void **state)
{
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"10.1.2.3/8", "the network is 10.0.0.0/8, the one address 10.1.2.3"},
        {"2001:db8::1/32", "the network is 2001:db8::/32, the one address 2001:db8::1"},
        {"::ffff:10.1.2.3/104", "the network is 10.0.0.0/8, the one address 10.1.2.3"},
        {"::ffff:0:0/90", "the network is ::ffc0:0:0/90"},
        {"10.0.0.0/33", "a prefix of IPv4 is a number from 0 to 32"},
        {"::/129", "a prefix of IPv6 is a number from 0 to 128"},
        {"10.0.0.0/", "a prefix of IPv4"},
        {"10.0.0.0/08", "a prefix of IPv4"},
        {"10.0.0.0/-1", "a prefix of IPv4"},
        {"10.0.0.0/8/8", "a prefix of IPv4"},
        {"10.0.0.0/255.0.0.0", "a prefix of IPv4"},
        {"10/8", "`10` is no address"},
        {"10.0.0/8", "`10.0.0` is no address"},
        {"10.1.*", "10.1.* is written 10.1.0.0/16"},
        {"[::1]", "no brackets"},
        {"fe80::1%eth0", "no zone"},
        {"", "is no address"},
        {"example.com", "is no address"},
        {"1.2.3.4/4294967304", "a prefix of IPv4"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sl_error err = {0};
        struct sl_network network;

        assert_int_equal(sl_network_parse(sl_slice_str(bad[i].text), &network, &err), SL_EINVAL);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%s: %s", bad[i].text, err.text);
    }
}

static bool holds(const char *const *texts, size_t n, const char *address)
{
    struct sl_network list[8];
    struct sl_networks *networks;
    struct sl_error err = {0};
    struct sl_ip ip;
    bool yes;

    for (size_t i = 0; i < n; i++)
        if (sl_network_parse(sl_slice_str(texts[i]), &list[i], &err) != SL_OK)
            fail_msg("%s", err.text);
    networks = sl_networks_new(list, n);
    assert_true(parses(address, &ip));
    yes = sl_networks_hold(networks, &ip);
    sl_networks_free(networks);
    return yes;
}

#define HOLDS(address, ...)                                                                        \
    holds((const char *const[]){__VA_ARGS__},                                                      \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *), address)

static void inside_and_outside(void **state)
{
    (void)state;
    assert_true(HOLDS("10.0.0.0", "10.0.0.0/8"));
    assert_true(HOLDS("10.255.255.255", "10.0.0.0/8"));
    assert_false(HOLDS("11.0.0.0", "10.0.0.0/8"));
    assert_false(HOLDS("9.255.255.255", "10.0.0.0/8"));
    assert_true(HOLDS("1.2.3.4", "0.0.0.0/0"));
    assert_false(HOLDS("::1", "0.0.0.0/0"));
    assert_true(HOLDS("::1", "::/0"));
    assert_true(HOLDS("ffff::", "::/0"));
    assert_false(HOLDS("1.2.3.4", "::/0"));
    assert_false(HOLDS("::ffff:1.2.3.4", "::/0"));
    assert_true(HOLDS("::ffff:1.2.3.4", "1.2.3.0/24"));
    assert_true(HOLDS("1.2.3.4", "::ffff:1.2.3.4"));
    assert_true(HOLDS("1.2.3.4", "::ffff:0:0/96"));
    assert_true(HOLDS("1.2.3.4", "1.2.3.4"));
    assert_false(HOLDS("1.2.3.5", "1.2.3.4"));
    assert_true(HOLDS("2001:db8:ffff::1", "2001:db8::/32"));
    assert_false(HOLDS("2001:db9::", "2001:db8::/32"));
    assert_true(HOLDS("2001:db8::8000:0:0:0", "2001:db8:0:0:8000::/65"));
    assert_false(HOLDS("2001:db8::7fff:0:0:0", "2001:db8:0:0:8000::/65"));
    assert_true(HOLDS("10.5.0.1", "10.0.0.0/16", "10.0.0.0/8", "192.168.0.0/16"));
    assert_true(HOLDS("10.0.0.1", "192.168.0.0/16", "10.0.0.0/8", "10.0.0.0/8", "::1"));
    assert_false(HOLDS("172.16.0.1", "192.168.0.0/16", "10.0.0.0/8", "::1"));
    assert_true(HOLDS("::1", "192.168.0.0/16", "10.0.0.0/8", "::1"));
}

/* Random networks close together, against one comparison of bits after the other. */
static void the_same_as_one_after_the_other(void **state)
{
    enum { NETWORKS = 60, ADDRESSES = 2000 };
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 100; round++) {
        struct sl_network list[NETWORKS];
        unsigned prefixes[NETWORKS];
        struct sl_networks *networks;

        for (int i = 0; i < NETWORKS; i++) {
            bool v6 = next_random(&seed) % 2;
            unsigned bits = v6 ? 128 : 32, prefix = bits - (unsigned)(next_random(&seed) % 12);
            uint64_t low = v6 ? next_random(&seed) % 4096 : 0x0a000000 + next_random(&seed) % 4096;
            uint64_t mask = (1ULL << (bits - prefix)) - 1;

            prefixes[i] = prefix;
            list[i].first = (struct sl_ip){v6, v6 ? 0x20010db8 : 0, low & ~mask};
            list[i].last = (struct sl_ip){v6, v6 ? 0x20010db8 : 0, low | mask};
        }
        networks = sl_networks_new(list, NETWORKS);
        for (int i = 0; i < ADDRESSES; i++) {
            bool v6 = next_random(&seed) % 2, want = false;
            struct sl_ip ip = {v6, v6 ? 0x20010db8 : 0,
                               (v6 ? 0 : 0x0a000000) + next_random(&seed) % 5000};

            for (int k = 0; k < NETWORKS; k++)
                want |= list[k].first.v6 == v6 &&
                        (list[k].first.low >> ((v6 ? 128 : 32) - prefixes[k])) ==
                            (ip.low >> ((v6 ? 128 : 32) - prefixes[k]));
            assert_int_equal(sl_networks_hold(networks, &ip), want);
        }
        sl_networks_free(networks);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(no_addresses),
        cmocka_unit_test(the_same_as_the_c_library),
        cmocka_unit_test(mistakes_in_networks_say_what_to_write),
        cmocka_unit_test(inside_and_outside),
        cmocka_unit_test(the_same_as_one_after_the_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
