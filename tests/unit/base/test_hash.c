/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"

/* RFC 3720, appendix B.4. */
static void crc32c_of_the_rfc(void **state)
{
    static const uint8_t read_command[48] = {
        0x01, 0xc0, [16] = 0x14, [22] = 0x04, [27] = 0x14, [31] = 0x18, [32] = 0x28, [40] = 0x02,
    };
    uint8_t bytes[32];

    (void)state;
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(sl_crc32c(0, bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(sl_crc32c(0, bytes, 32), 0x62a8ab43);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(sl_crc32c(0, bytes, 32), 0x46dd794e);
    for (unsigned i = 0; i < 32; i++)
        bytes[i] = (uint8_t)(31 - i);
    assert_int_equal(sl_crc32c(0, bytes, 32), 0x113fdb5c);
    assert_int_equal(sl_crc32c(0, read_command, 48), 0xd9963a56);
    assert_int_equal(sl_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(sl_crc32c(0, "", 0), 0);
}

static void crc32c_goes_on(void **state)
{
    static const char text[] = "The log is the buffer.";

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++)
        assert_int_equal(sl_crc32c(sl_crc32c(0, text, cut), text + cut, sizeof(text) - cut),
                         sl_crc32c(0, text, sizeof(text)));
}

static void sha256_of_the_standard(void **state)
{
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1];

    (void)state;
    sl_sha256("abc", 3, hash);
    sl_hex(hash, sizeof(hash), hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sl_sha256("", 0, hash);
    sl_hex(hash, sizeof(hash), hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 4231, test cases 2 and 6. */
static void hmac_of_the_rfc(void **state)
{
    uint8_t hash[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1], key[131];

    (void)state;
    sl_hmac_sha256(SL_SLICE_LITERAL("Jefe"), SL_SLICE_LITERAL("what do ya want for nothing?"),
                   hash);
    sl_hex(hash, sizeof(hash), hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    sl_hmac_sha256(sl_slice(key, sizeof(key)),
                   SL_SLICE_LITERAL("Test Using Larger Than Block-Size Key - Hash Key First"),
                   hash);
    sl_hex(hash, sizeof(hash), hex);
    assert_string_equal(hex, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

/* RFC 4648, section 10; with and without padding. */
static void base64_of_the_rfc(void **state)
{
    static const struct {
        const char *text, *base64, *url;
    } vectors[] = {
        {"", "", ""},
        {"f", "Zg==", "Zg"},
        {"fo", "Zm8=", "Zm8"},
        {"foo", "Zm9v", "Zm9v"},
        {"foob", "Zm9vYg==", "Zm9vYg"},
        {"fooba", "Zm9vYmE=", "Zm9vYmE"},
        {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
        {"\xfb\xff\xfe", "+//+", "-__-"},
    };
    struct sl_buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        sl_buf_init(&b, strlen(vectors[i].base64)); /* just fits */
        sl_base64(&b, vectors[i].text, strlen(vectors[i].text));
        assert_false(b.full);
        assert_string_equal(sl_buf_str(&b), vectors[i].base64);
        sl_buf_release(&b);
        sl_buf_init(&b, strlen(vectors[i].url));
        sl_base64url(&b, vectors[i].text, strlen(vectors[i].text));
        assert_false(b.full);
        assert_string_equal(sl_buf_str(&b), vectors[i].url);
        sl_buf_release(&b);
        sl_buf_init(&b, 100);
        assert_int_equal(sl_base64_decode(sl_slice_str(vectors[i].base64), &b), SL_OK);
        assert_string_equal(sl_buf_str(&b), vectors[i].text);
        sl_buf_release(&b);
    }
}

static void wrong_base64_leaves_the_buffer(void **state)
{
    static const char *const wrong[] = {"Z",    "Zg",       "Zg=",    "Zg= ",
                                        "Z===", "====",     "Zm9v\n", "Zm 9v",
                                        "-__-", "Zg==Zg==", "Zg=v",   "Z\xc3\xa4g"};
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 100);
    sl_buf_text(&b, "before");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        if (sl_base64_decode(sl_slice_str(wrong[i]), &b) != SL_EINVAL)
            fail_msg("`%s` is taken", wrong[i]);
        assert_string_equal(sl_buf_str(&b), "before");
    }
    sl_buf_release(&b);
}

static void base64_reads_back_what_it_writes(void **state)
{
    uint8_t bytes[300];
    struct sl_buf text, back;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 167 + i / 7);
    sl_buf_init(&text, 1000);
    sl_buf_init(&back, 1000);
    for (size_t n = 0; n <= sizeof(bytes); n++) {
        sl_buf_clear(&text);
        sl_buf_clear(&back);
        sl_base64(&text, bytes, n);
        assert_int_equal(text.n, (n + 2) / 3 * 4);
        assert_int_equal(sl_base64_decode(sl_buf_as_slice(&text), &back), SL_OK);
        assert_int_equal(back.n, n);
        if (n)
            assert_memory_equal(back.p, bytes, n);
    }
    sl_buf_release(&text);
    sl_buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_of_the_rfc),
        cmocka_unit_test(crc32c_goes_on),
        cmocka_unit_test(sha256_of_the_standard),
        cmocka_unit_test(hmac_of_the_rfc),
        cmocka_unit_test(base64_of_the_rfc),
        cmocka_unit_test(wrong_base64_leaves_the_buffer),
        cmocka_unit_test(base64_reads_back_what_it_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
