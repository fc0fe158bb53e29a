/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <errno.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/utf8.h"

static char path[] = P_tmpdir "/sluice-test-file-XXXXXX";

static void write_bytes(size_t n)
{
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    for (size_t i = 0; i < n; i++)
        fputc((int)('a' + i % 26), to);
    fclose(to);
}

static void whole_files_up_to_the_maximum(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 65536, 65537, 200000};
    struct sl_buf b;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        write_bytes(sizes[i]);
        sl_buf_init(&b, sizes[i] + 6); /* just fits */
        sl_buf_text(&b, "before");
        assert_int_equal(sl_file_read(&b, path), SL_OK);
        assert_int_equal(b.n, sizes[i] + 6);
        for (size_t j = 0; j < sizes[i]; j += 997)
            assert_int_equal(b.p[6 + j], 'a' + j % 26);
        sl_buf_release(&b);
        if (sizes[i] == 0)
            continue;
        sl_buf_init(&b, sizes[i] + 5);
        sl_buf_text(&b, "before");
        assert_int_equal(sl_file_read(&b, path), SL_EFULL);
        assert_int_equal(b.n, 6);
        assert_false(b.full);
        sl_buf_release(&b);
    }
}

static void what_cannot_be_read(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 100);
    assert_int_equal(sl_file_read(&b, "/nonexistent/file"), SL_EIO);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(sl_file_read(&b, "/"), SL_EIO);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(b.n, 0);
    sl_buf_release(&b);
}

/* RFC 3629, section 10, and the edges of each length. */
static void utf8_characters(void **state)
{
    static const struct {
        const char *bytes;
        size_t n, length;
        uint32_t character;
    } cases[] = {
        {"a", 1, 1, 'a'},
        {"\0", 1, 1, 0},
        {"\xc2\x80", 2, 2, 0x80},
        {"\xdf\xbf", 2, 2, 0x7ff},
        {"\xe0\xa0\x80", 3, 3, 0x800},
        {"\xed\x9f\xbf", 3, 3, 0xd7ff},
        {"\xef\xbf\xbf", 3, 3, 0xffff},
        {"\xf0\x90\x80\x80", 4, 4, 0x10000},
        {"\xf4\x8f\xbf\xbf", 4, 4, 0x10ffff},
        {"\xc0\x80", 2, 0, 0},         /* overlong */
        {"\xe0\x9f\xbf", 3, 0, 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 4, 0, 0}, /* overlong */
        {"\xed\xa0\x80", 3, 0, 0},     /* a surrogate */
        {"\xf4\x90\x80\x80", 4, 0, 0}, /* above U+10FFFF */
        {"\xc3", 1, 0, 0},             /* cut */
        {"\xe2\x82", 2, 0, 0},         /* cut */
        {"\x80", 1, 0, 0},
        {"\xff", 1, 0, 0},
        {"", 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        uint32_t character = 0;

        assert_int_equal(sl_utf8_char(cases[i].bytes, cases[i].n, &character), cases[i].length);
        if (cases[i].length)
            assert_int_equal(character, cases[i].character);
    }
}

static int make_file(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
    (void)state;
    return unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_files_up_to_the_maximum),
        cmocka_unit_test(what_cannot_be_read),
        cmocka_unit_test(utf8_characters),
    };

    return cmocka_run_group_tests(tests, make_file, remove_file);
}
