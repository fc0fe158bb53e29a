/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json_text.h"

static void appends_in_order(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 1000);
    sl_buf_text(&b, "one ");
    sl_buf_byte(&b, '2');
    SL_BUF_LITERAL(&b, " three");
    sl_buf_slice(&b, SL_SLICE_LITERAL(" \0x"));
    sl_buf_append(&b, NULL, 0);
    sl_buf_printf(&b, " %d %s", 5, "six");
    assert_int_equal(b.n, 20);
    assert_memory_equal(b.p, "one 2 three \0x 5 six", 20);
    assert_false(b.full);
    sl_buf_release(&b);
}

static void never_grows_past_its_maximum(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 10);
    sl_buf_text(&b, "0123456789"); /* just fits */
    assert_int_equal(b.n, 10);
    assert_false(b.full);
    sl_buf_byte(&b, 'x');
    assert_true(b.full);
    assert_int_equal(b.n, 10);
    assert_true(b.cap <= 10);
    assert_string_equal(sl_buf_str(&b), "0123456789");
    sl_buf_release(&b);
}

static void full_stays_until_it_is_cut_back(void **state)
{
    struct sl_buf b;
    size_t before;

    (void)state;
    sl_buf_init(&b, 8);
    sl_buf_text(&b, "abcd");
    before = b.n;
    sl_buf_text(&b, "too long");
    assert_true(b.full);
    sl_buf_byte(&b, 'e'); /* would fit, and would leave a hole */
    assert_int_equal(b.n, 4);
    assert_null(sl_buf_reserve(&b, 1));
    sl_buf_truncate(&b, before);
    assert_false(b.full);
    sl_buf_text(&b, "efgh");
    assert_int_equal(b.n, 8);
    assert_false(b.full);
    sl_buf_byte(&b, 'x');
    sl_buf_clear(&b);
    assert_false(b.full);
    assert_int_equal(b.n, 0);
    sl_buf_release(&b);
}

static void a_size_that_overflows_is_full(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, SIZE_MAX);
    sl_buf_text(&b, "x");
    assert_null(sl_buf_reserve(&b, SIZE_MAX));
    assert_true(b.full);
    sl_buf_release(&b);
}

static void long_formats_are_whole(void **state)
{
    char text[2000];
    struct sl_buf b;

    (void)state;
    memset(text, 'y', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    sl_buf_init(&b, 5000);
    sl_buf_printf(&b, "<%s>", text);
    assert_int_equal(b.n, sizeof(text) + 1);
    assert_int_equal(b.p[0], '<');
    assert_int_equal(b.p[b.n - 1], '>');
    sl_buf_release(&b);
    sl_buf_init(&b, 100);
    sl_buf_printf(&b, "%s", text);
    assert_true(b.full);
    assert_int_equal(b.n, 0);
    sl_buf_release(&b);
}

static void take_hands_the_bytes_over(void **state)
{
    struct sl_buf b;
    char *p;

    (void)state;
    sl_buf_init(&b, 10);
    p = sl_buf_take(&b); /* of an empty one too */
    assert_string_equal(p, "");
    free(p);
    sl_buf_text(&b, "0123456789");
    p = sl_buf_take(&b);
    assert_string_equal(p, "0123456789");
    assert_int_equal(b.n, 0);
    assert_null(b.p);
    sl_buf_text(&b, "again");
    assert_string_equal(sl_buf_str(&b), "again");
    free(p);
    sl_buf_release(&b);
}

static void shrink_keeps_the_bytes(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 10000);
    assert_non_null(sl_buf_reserve(&b, 9000));
    sl_buf_text(&b, "kept");
    sl_buf_shrink(&b);
    assert_true(b.cap < 9000);
    assert_string_equal(sl_buf_str(&b), "kept");
    sl_buf_text(&b, " and more");
    assert_string_equal(sl_buf_str(&b), "kept and more");
    sl_buf_release(&b);
}

static void reset_keeps_so_much_memory(void **state)
{
    struct sl_buf b;
    char *p;

    (void)state;
    sl_buf_init(&b, 4096);
    sl_buf_reserve(&b, 1000);
    sl_buf_text(&b, "abc");
    p = b.p;
    sl_buf_reset(&b, b.cap);
    assert_true(b.n == 0 && b.p == p);
    sl_buf_reserve(&b, 5000);
    sl_buf_reset(&b, b.cap - 1);
    assert_true(b.n == 0 && b.cap == 0 && !b.p && !b.full && b.max == 4096);
    sl_buf_text(&b, "abc");
    assert_int_equal(b.n, 3);
    sl_buf_release(&b);
}

static void slices_compare_by_bytes(void **state)
{
    (void)state;
    assert_true(sl_slice_equal(SL_SLICE_LITERAL("a\0b"), sl_slice("a\0b", 3)));
    assert_false(sl_slice_equal(SL_SLICE_LITERAL("a\0b"), SL_SLICE_LITERAL("a\0c")));
    assert_false(sl_slice_is(SL_SLICE_LITERAL("a\0b"), "a"));
    assert_true(sl_slice_is(sl_slice(NULL, 0), ""));
    assert_int_equal(sl_slice_str(NULL).n, 0);
}

static void json_text_is_escaped(void **state)
{
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, 1000);
    sl_json_text(&b, "a\"b\\c\n\x01/\xc3\xa4");
    sl_json_text(&b, NULL);
    assert_string_equal(sl_buf_str(&b), "\"a\\\"b\\\\c\\u000a\\u0001/\xc3\xa4\"\"\"");
    sl_buf_release(&b);
}

/* Random appends, cuts and clears beside a plain array. */
static void behaves_as_a_plain_array(void **state)
{
    enum { MAX = 500, STEPS = 20000 };
    char model[MAX], piece[64];
    size_t n = 0;
    bool full = false;
    uint32_t seed = 12345;
    struct sl_buf b;

    (void)state;
    sl_buf_init(&b, MAX);
    for (unsigned i = 0; i < STEPS; i++) {
        seed = seed * 1664525 + 1013904223;
        size_t length = seed >> 8 & 63;
        uint32_t what = seed >> 20 & 15;

        memset(piece, (int)('a' + i % 26), sizeof(piece));
        if (what == 0) {
            sl_buf_clear(&b);
            n = 0;
            full = false;
        } else if (what == 1) {
            size_t to = n ? (seed >> 4) % (n + 1) : 0;

            sl_buf_truncate(&b, to);
            n = to;
            full = false;
        } else {
            sl_buf_append(&b, piece, length);
            if (length && (full || n + length > MAX)) {
                full = true;
            } else {
                memcpy(model + n, piece, length);
                n += length;
            }
        }
        assert_int_equal(b.n, n);
        assert_int_equal(b.full, full);
        if (n)
            assert_memory_equal(b.p, model, n);
    }
    sl_buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_in_order),
        cmocka_unit_test(never_grows_past_its_maximum),
        cmocka_unit_test(full_stays_until_it_is_cut_back),
        cmocka_unit_test(a_size_that_overflows_is_full),
        cmocka_unit_test(long_formats_are_whole),
        cmocka_unit_test(take_hands_the_bytes_over),
        cmocka_unit_test(shrink_keeps_the_bytes),
        cmocka_unit_test(reset_keeps_so_much_memory),
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(json_text_is_escaped),
        cmocka_unit_test(behaves_as_a_plain_array),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
