/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "net/address.h"

static const char *const private_ones[] = {
    "0.0.0.0",
    "0.255.255.255",
    "10.0.0.0",
    "10.255.255.255",
    "100.64.0.0",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.0",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.2.1",
    "192.168.0.0",
    "192.168.255.255",
    "198.18.0.0",
    "198.19.255.255",
    "198.51.100.7",
    "203.0.113.7",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:127.0.0.1",
    "::ffff:10.1.2.3",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:a00:1::",
    "3fff::1",
    "fc00::1",
    "fdff::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "4000::1",
    "5f00::1",
};

static const char *const public_ones[] = {
    "1.0.0.0",         "8.8.8.8",          "9.255.255.255",   "11.0.0.0",
    "100.63.255.255",  "100.128.0.0",      "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0",      "172.15.255.255",  "172.32.0.0",
    "192.0.1.0",       "192.167.255.255",  "192.169.0.0",     "198.17.255.255",
    "198.20.0.0",      "203.0.112.255",    "203.0.114.0",     "223.255.255.255",
    "::ffff:8.8.8.8",  "64:ff9b::808:808", "2001:200::1",     "2001:4860:4860::8888",
    "2002:808:808::1", "2600::1",          "3ffe::1",         "3fff:1000::1",
};

static bool judged(const char *ip)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, ip, &v4.sin_addr) == 1)
        return sl_address_private((struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, ip, &v6.sin6_addr), 1);
    return sl_address_private((struct sockaddr *)&v6);
}

static void test_private_and_public(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(private_ones) / sizeof(private_ones[0]); i++)
        if (!judged(private_ones[i]) || !sl_address_text_private(private_ones[i]))
            fail_msg("%s is private", private_ones[i]);
    for (size_t i = 0; i < sizeof(public_ones) / sizeof(public_ones[0]); i++)
        if (judged(public_ones[i]) || sl_address_text_private(public_ones[i]))
            fail_msg("%s is public", public_ones[i]);
}

static void test_other_families_and_texts(void **state)
{
    struct sockaddr local = {.sa_family = AF_UNIX};

    (void)state;
    assert_true(sl_address_private(&local));
    assert_true(sl_address_text_private("[::1]"));
    assert_true(sl_address_text_private("fe80::1%eth0"));
    assert_false(sl_address_text_private("example.com"));
    assert_false(sl_address_text_private(""));
}

static void test_listens_where_it_says(void **state)
{
    struct sl_error err = {0};
    char text[80], other[80];
    int fd = -1, second = -1;

    (void)state;
    assert_int_equal(sl_address_listen("127.0.0.1:0", &fd, &err), SL_OK);
    sl_address_of_socket(fd, text, sizeof(text));
    assert_memory_equal(text, "127.0.0.1:", 10);
    assert_string_not_equal(text, "127.0.0.1:0");
    assert_int_equal(sl_address_listen(text, &second, &err), SL_EIO);
    assert_non_null(strstr(err.text, text));
    assert_non_null(strstr(err.text, "another program has that address"));
    close(fd);
    assert_int_equal(sl_address_listen(text, &fd, &err), SL_OK);
    sl_address_of_socket(fd, other, sizeof(other));
    assert_string_equal(text, other);
    close(fd);
}

static void test_what_is_no_address(void **state)
{
    static const char *const wrong[] = {"",
                                        "127.0.0.1",
                                        "127.0.0.1:",
                                        "::1:9750",
                                        "127.0.0.1:http",
                                        "127.0.0.1:-1",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct sl_error err = {0};
        int fd = -1;

        assert_int_equal(sl_address_listen(wrong[i], &fd, &err), SL_EINVAL);
        assert_int_equal(fd, -1);
        assert_non_null(strstr(err.text, "HOST:PORT"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_private_and_public),
        cmocka_unit_test(test_other_families_and_texts),
        cmocka_unit_test(test_listens_where_it_says),
        cmocka_unit_test(test_what_is_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
