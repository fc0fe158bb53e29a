/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/fold.h"

/* What the C library says, letter by letter. */
static char lower(int c)
{
    return (char)(c < 0x80 ? tolower(c) : c);
}

static void every_byte_at_every_place(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 17; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                char text[17], folded[17];

                memset(text, 'Q', n);
                text[at] = (char)c;
                sl_fold_copy(folded, text, n);
                for (size_t i = 0; i < n; i++)
                    assert_int_equal(folded[i], lower((unsigned char)text[i]));
                assert_true(sl_fold_equal(sl_slice(text, n), sl_slice(folded, n)));
                assert_true(sl_fold_hash(text, n) == sl_fold_hash(folded, n));
            }
}

static void what_differs_is_not_equal(void **state)
{
    char a[20] = "ABCDEFGHIJKLMNOPQRS", b[20];

    (void)state;
    for (size_t n = 1; n <= 19; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                memcpy(b, a, sizeof(b));
                b[at] = (char)c;
                assert_int_equal(sl_fold_equal(sl_slice(a, n), sl_slice(b, n)),
                                 lower(c) == lower(a[at]));
            }
    assert_false(sl_fold_equal(SL_SLICE_LITERAL("a"), SL_SLICE_LITERAL("ab")));
    assert_true(sl_fold_equal(SL_SLICE_LITERAL(""), SL_SLICE_LITERAL("")));
    assert_false(sl_fold_equal(SL_SLICE_LITERAL("[`@{"), SL_SLICE_LITERAL("{@`[")));
    assert_false(sl_fold_equal(SL_SLICE_LITERAL("\xc3\x89"), SL_SLICE_LITERAL("\xc3\xa9")));
}

static void a_text_is_found_across_windows(void **state)
{
    enum { BYTES = 3 * 4 * SL_FOLD_FIND_MAX };
    char *text = sl_alloc(BYTES), want[SL_FOLD_FIND_MAX];

    (void)state;
    assert_true(sl_fold_contains(SL_SLICE_LITERAL("aWARNb"), SL_SLICE_LITERAL("warn")));
    assert_true(sl_fold_contains(SL_SLICE_LITERAL("x"), SL_SLICE_LITERAL("")));
    assert_true(sl_fold_contains(SL_SLICE_LITERAL(""), SL_SLICE_LITERAL("")));
    assert_false(sl_fold_contains(SL_SLICE_LITERAL(""), SL_SLICE_LITERAL("a")));
    assert_false(sl_fold_contains(SL_SLICE_LITERAL("WAR"), SL_SLICE_LITERAL("warn")));
    for (size_t n = 1; n <= sizeof(want); n = n * 3 + 1) {
        memset(want, 'x', n);
        want[n - 1] = 'y';
        for (size_t at = 0; at + n <= BYTES; at += at % 4096 < 4000 ? 61 : 1) {
            memset(text, 'X', BYTES);
            text[at + n - 1] = 'Y';
            assert_true(sl_fold_contains(sl_slice(text, at + n), sl_slice(want, n)));
            text[at + n - 1] = 'X';
            assert_false(sl_fold_contains(sl_slice(text, at + n), sl_slice(want, n)));
            if (n > 100)
                at += 900;
        }
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte_at_every_place),
        cmocka_unit_test(what_differs_is_not_equal),
        cmocka_unit_test(a_text_is_found_across_windows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
