/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/inflate.h"
#include "gzip_make.h"

struct fixture {
    struct sl_inflater *z;
    struct sl_buf in, out, plain;
    const char *why;
};

static int set_up(void **state)
{
    struct fixture *x = sl_zalloc(sizeof(*x));

    x->z = sl_inflater_new();
    sl_buf_init(&x->in, 64 << 20);
    sl_buf_init(&x->out, 64 << 20);
    sl_buf_init(&x->plain, 64 << 20);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *x = *state;

    sl_inflater_free(x->z);
    sl_buf_release(&x->in);
    sl_buf_release(&x->out);
    sl_buf_release(&x->plain);
    free(x);
    return 0;
}

/* The input is copied to its exact size, so that a sanitizer sees a read beyond the end. */
static int inflate(struct fixture *x, const void *p, size_t n)
{
    char *copy = sl_alloc(n ? n : 1);
    int rc;

    if (n)
        memcpy(copy, p, n);
    rc = sl_inflate(x->z, sl_slice(copy, n), &x->out, &x->why);
    free(copy);
    assert_true((rc == SL_OK) == !x->why);
    return rc;
}

/* Half text, half noise, the same every time. */
static void make_plain(struct fixture *x, size_t n)
{
    uint32_t v = 12345;

    sl_buf_clear(&x->plain);
    while (x->plain.n < n) {
        v = v * 1664525 + 1013904223;
        if (v >> 31)
            sl_buf_printf(&x->plain, "GET /tiles/%u 200\n", v >> 20 & 1023);
        else
            sl_buf_append(&x->plain, &v, 4);
    }
    sl_buf_truncate(&x->plain, n);
}

static const char named[] = "\x1f\x8b\x08\x08\x00\xca\x9a\x3b\x02\xff\x6e\x61\x6d\x65\x2e\x6c\x6f"
                            "\x67\x00\xcb\x48\xcd\xc9\xc9\xd7\x51\x28\xcf\x2f\xca\x49\xe1\x02\x00"
                            "\x53\x74\x24\xf4\x0d\x00\x00\x00";
/* An extra field, a name, a comment and the header's own sum. */
static const char extra[] = "\x1f\x8b\x08\x1e\x00\x00\x00\x00\x00\xff\x06\x00\x53\x4c\x02\x00\x61"
                            "\x62\x6e\x00\x63\x00\x1c\xad\x4b\xad\x28\x29\x4a\x04\x00\x65\x0d\x3f"
                            "\x4d\x05\x00\x00\x00";

static void members_of_others_are_read(void **state)
{
    struct fixture *x = *state;

    assert_int_equal(inflate(x, named, sizeof(named) - 1), SL_OK);
    assert_true(sl_slice_is(sl_buf_as_slice(&x->out), "hello, world\n"));
    assert_int_equal(inflate(x, extra, sizeof(extra) - 1), SL_OK);
    assert_true(sl_slice_is(sl_buf_as_slice(&x->out), "hello, world\nextra"));
}

static void sizes_come_back(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 1 << 20, 5000001};
    struct fixture *x = *state;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        make_plain(x, sizes[i]);
        sl_buf_clear(&x->in);
        gzip_make(sl_buf_as_slice(&x->plain), &x->in);
        sl_buf_reset(&x->out, 0);
        assert_int_equal(inflate(x, x->in.p, x->in.n), SL_OK);
        assert_true(sl_slice_equal(sl_buf_as_slice(&x->out), sl_buf_as_slice(&x->plain)));
    }
}

static void members_follow_one_another(void **state)
{
    struct fixture *x = *state;

    make_plain(x, 100000);
    for (int i = 0; i < 3; i++) {
        gzip_make(sl_buf_as_slice(&x->plain), &x->in);
        gzip_make(sl_slice("", 0), &x->in);
    }
    sl_buf_append(&x->in, extra, sizeof(extra) - 1);
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_OK);
    assert_int_equal(x->out.n, 300005);
    for (size_t i = 0; i < 3; i++)
        assert_memory_equal(x->out.p + i * 100000, x->plain.p, 100000);
    assert_memory_equal(x->out.p + 300000, "extra", 5);
}

/* What is wrong at the end takes back what was right before it, and nothing else. */
static void expect_wrong(struct fixture *x, const char *p, size_t n, const char *why)
{
    sl_buf_clear(&x->out);
    SL_BUF_LITERAL(&x->out, "before");
    assert_int_equal(inflate(x, p, n), SL_EINVAL);
    assert_string_equal(x->why, why);
    assert_true(sl_slice_is(sl_buf_as_slice(&x->out), "before"));
    assert_false(x->out.full);
}

static void what_is_cut_off_is_refused(void **state)
{
    struct fixture *x = *state;

    expect_wrong(x, "", 0, "it is none");
    expect_wrong(x, "\x1f", 1, "it is none");
    expect_wrong(x, "{}", 2, "it is none");
    for (size_t n = 2; n < sizeof(named) - 1; n++)
        expect_wrong(x, named, n, "it ends too early");
    for (size_t n = 2; n < sizeof(extra) - 1; n++)
        expect_wrong(x, extra, n, "it ends too early");
    sl_buf_append(&x->in, named, sizeof(named) - 1);
    sl_buf_append(&x->in, extra, sizeof(extra) - 2);
    expect_wrong(x, x->in.p, x->in.n, "it ends too early");
    make_plain(x, 300000);
    sl_buf_clear(&x->in);
    gzip_make(sl_buf_as_slice(&x->plain), &x->in);
    for (size_t n = x->in.n - 1; n > 5000; n -= n / 7)
        expect_wrong(x, x->in.p, n, "it ends too early");
}

static void what_follows_the_end_is_refused(void **state)
{
    struct fixture *x = *state;

    sl_buf_append(&x->in, named, sizeof(named) - 1);
    sl_buf_byte(&x->in, '\0');
    expect_wrong(x, x->in.p, x->in.n, "something after its end");
    sl_buf_truncate(&x->in, sizeof(named) - 1);
    SL_BUF_LITERAL(&x->in, "\x1f\x8b");
    expect_wrong(x, x->in.p, x->in.n, "it ends too early");
    sl_buf_clear(&x->in);
    gzip_make(sl_slice("", 0), &x->in);
    SL_BUF_LITERAL(&x->in, "garbage");
    expect_wrong(x, x->in.p, x->in.n, "something after its end");
}

/* Every bit of the sums and lengths counts, and the header's own sum. */
static void damage_is_seen(void **state)
{
    struct fixture *x = *state;

    make_plain(x, 2000);
    gzip_make(sl_buf_as_slice(&x->plain), &x->in);
    for (size_t bit = 0; bit < 64; bit++) {
        char *at = &x->in.p[x->in.n - 8 + bit / 8];

        *at = (char)(*at ^ 1 << bit % 8);
        expect_wrong(x, x->in.p, x->in.n, "a sum or length is wrong");
        *at = (char)(*at ^ 1 << bit % 8);
    }
    for (size_t at = 10; at < x->in.n; at += 13) {
        x->in.p[at] = (char)(x->in.p[at] ^ 0x20);
        sl_buf_clear(&x->out);
        assert_int_equal(inflate(x, x->in.p, x->in.n), SL_EINVAL);
        x->in.p[at] = (char)(x->in.p[at] ^ 0x20);
    }
    sl_buf_clear(&x->in);
    sl_buf_append(&x->in, extra, sizeof(extra) - 1);
    x->in.p[12] = 'X';
    expect_wrong(x, x->in.p, x->in.n, "a sum or length is wrong");
    x->in.p[2] = 7; /* a method that does not exist */
    expect_wrong(x, x->in.p, x->in.n, "damaged");
    /* It goes on as if nothing had happened. */
    assert_int_equal(inflate(x, named, sizeof(named) - 1), SL_OK);
}

static void zeros(struct fixture *x, size_t n)
{
    sl_buf_clear(&x->plain);
    memset(sl_buf_reserve(&x->plain, n), 0, n);
    x->plain.n = n;
    gzip_make(sl_buf_as_slice(&x->plain), &x->in);
}

static void a_bomb_is_refused(void **state)
{
    struct fixture *x = *state;

    zeros(x, 32 << 20);
    assert_true(x->in.n * 300 < 20 << 20);
    SL_BUF_LITERAL(&x->out, "before");
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_ELIMIT);
    assert_string_equal(x->why, "it holds more than 300 times its size");
    assert_true(sl_slice_is(sl_buf_as_slice(&x->out), "before"));
    /* A buffer grows by half. */
    assert_in_range(x->out.cap, 1 << 20, (x->in.n * 300 + (1 << 20)) / 2 * 3);
    /* The sum of many members is bounded as one is. */
    sl_buf_clear(&x->in);
    for (int i = 0; i < 32; i++)
        zeros(x, 1 << 20);
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_ELIMIT);
    /* The first MiB is free, to the byte. */
    sl_buf_clear(&x->in);
    sl_buf_clear(&x->out);
    zeros(x, 1 << 20);
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_OK);
    assert_int_equal(x->out.n, 1 << 20);
}

static void the_buffer_bounds_it_to_the_byte(void **state)
{
    struct fixture *x = *state;

    make_plain(x, 200000);
    gzip_make(sl_buf_as_slice(&x->plain), &x->in);
    sl_buf_init(&x->out, 199999);
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_ELIMIT);
    assert_string_equal(x->why, "it holds more than there is room for");
    assert_int_equal(x->out.n, 0);
    x->out.max = 200000;
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_OK);
    assert_int_equal(x->out.n, 200000);
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_ELIMIT);
    assert_int_equal(x->out.n, 200000);
    sl_buf_clear(&x->in);
    gzip_make(sl_slice("", 0), &x->in); /* nothing needs no room */
    assert_int_equal(inflate(x, x->in.p, x->in.n), SL_OK);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(members_of_others_are_read),
        TEST(sizes_come_back),
        TEST(members_follow_one_another),
        TEST(what_is_cut_off_is_refused),
        TEST(what_follows_the_end_is_refused),
        TEST(damage_is_seen),
        TEST(a_bomb_is_refused),
        TEST(the_buffer_bounds_it_to_the_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
