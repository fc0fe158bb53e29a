/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/xorfilter.h"

enum { MAX = 1 << 26 };

static uint64_t next(uint64_t *seed) /* splitmix64 */
{
    uint64_t z = *seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The filter of n hashes, each given `times` times. */
static struct sl_buf filter_of(size_t n, size_t times, uint64_t seed)
{
    uint64_t *hashes = sl_calloc(n * times + 1, sizeof(*hashes));
    struct sl_buf out;

    for (size_t t = 0; t < times; t++) {
        uint64_t state = seed;

        for (size_t i = 0; i < n; i++)
            hashes[t * n + i] = next(&state);
    }
    sl_buf_init(&out, MAX);
    assert_int_equal(sl_xorfilter_build(hashes, n * times, &out), SL_OK);
    free(hashes);
    return out;
}

static void all_that_is_in_it_is_found(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 7, 20, 100, 873, 5000, 300000};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        for (size_t times = 1; times <= 3; times++) {
            struct sl_buf out = filter_of(sizes[i], times, i + 1);
            struct sl_xorfilter f;
            uint64_t at = i + 1;

            assert_true(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
            assert_int_equal(f.n, sizes[i]);
            assert_true(out.n <= 5 + 32 + sizes[i] * 123 / 100);
            for (size_t k = 0; k < sizes[i]; k++)
                assert_true(sl_xorfilter_may_have(&f, next(&at)));
            sl_buf_release(&out);
        }
}

/* 1 in 256; 2,000,000 others make 7,813 on average, with a deviation of 88. */
static void few_of_the_others_pass(void **state)
{
    struct sl_buf out = filter_of(1000, 1, 1);
    uint64_t at = 99;
    struct sl_xorfilter f;
    size_t passed = 0;

    (void)state;
    assert_true(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    for (size_t i = 0; i < 2000000; i++)
        passed += sl_xorfilter_may_have(&f, next(&at));
    assert_in_range(passed, 7000, 8600);
    sl_buf_release(&out);
}

static void nothing_is_in_an_empty_one(void **state)
{
    struct sl_buf out = filter_of(0, 1, 1);
    struct sl_xorfilter f;
    uint64_t at = 1;

    (void)state;
    assert_true(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    for (size_t i = 0; i < 10000; i++)
        assert_false(sl_xorfilter_may_have(&f, next(&at)));
    assert_false(sl_xorfilter_may_have(&f, 0));
    sl_buf_release(&out);
}

static void the_hash_zero_is_one_as_others_are(void **state)
{
    uint64_t hashes[] = {0, 5, 0, UINT64_MAX, 5, 0};
    struct sl_xorfilter f;
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, MAX);
    assert_int_equal(sl_xorfilter_build(hashes, 6, &out), SL_OK);
    assert_true(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    assert_int_equal(f.n, 3);
    assert_true(sl_xorfilter_may_have(&f, 0));
    assert_true(sl_xorfilter_may_have(&f, 5));
    assert_true(sl_xorfilter_may_have(&f, UINT64_MAX));
    sl_buf_release(&out);
}

static void what_is_no_filter_is_refused(void **state)
{
    struct sl_buf out = filter_of(100, 1, 1);
    struct sl_xorfilter f;

    (void)state;
    for (size_t n = 0; n < out.n; n++)
        assert_false(sl_xorfilter_parse(sl_slice(out.p, n), &f));
    out.p[2] = (char)0xff; /* other counts want another length */
    assert_false(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    out.p[2] = 0;
    assert_true(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    sl_buf_byte(&out, 'x');
    assert_false(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    memset(out.p, 0xff, 5);
    assert_false(sl_xorfilter_parse(sl_buf_as_slice(&out), &f));
    sl_buf_release(&out);
}

static void there_must_be_room(void **state)
{
    uint64_t hashes[] = {1, 2, 3};
    struct sl_buf out;

    (void)state;
    sl_buf_init(&out, 20);
    assert_int_equal(sl_xorfilter_build(hashes, 3, &out), SL_EFULL);
    assert_int_equal(out.n, 0);
    sl_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_is_in_it_is_found),
        cmocka_unit_test(few_of_the_others_pass),
        cmocka_unit_test(nothing_is_in_an_empty_one),
        cmocka_unit_test(the_hash_zero_is_one_as_others_are),
        cmocka_unit_test(what_is_no_filter_is_refused),
        cmocka_unit_test(there_must_be_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
