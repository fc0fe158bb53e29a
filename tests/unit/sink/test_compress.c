/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "sink/compress.h"

enum { MEMBER = 256 * 1024 };

/* Members of so many bytes each. */
static int compress_in(enum sl_compression kind, struct sl_slice in, size_t member,
                       struct sl_buf *out)
{
    size_t n = in.n ? (in.n + member - 1) / member : 1, total = 0;
    struct sl_compress_piece *pieces = sl_calloc(n, sizeof(*pieces));
    size_t before = out->n;
    int rc;

    for (size_t i = 0; i < n; i++)
        pieces[i].raw = (uint32_t)(in.n - i * member < member ? in.n - i * member : member);
    rc = sl_compress_pieces(kind, in, pieces, n, out);
    for (size_t i = 0; i < n; i++)
        total += pieces[i].length;
    assert_true(rc != SL_OK || total == out->n - before);
    free(pieces);
    return rc;
}

/* Inflates every gzip member of `in` with ISA-L's reader; returns how many there were, -1 on bad
 * data. */
static int gunzip(struct sl_slice in, struct sl_buf *out)
{
    struct inflate_state *z = sl_alloc(sizeof(*z));
    int members = 0;

    while (in.n > 0) {
        isal_inflate_init(z);
        z->crc_flag = ISAL_GZIP;
        z->next_in = (uint8_t *)in.p;
        z->avail_in = (uint32_t)in.n;
        do {
            char *p = sl_buf_reserve(out, 256 * 1024);

            assert_non_null(p);
            z->next_out = (uint8_t *)p;
            z->avail_out = 256 * 1024;
            if (isal_inflate(z) != ISAL_DECOMP_OK ||
                (z->avail_out > 0 && z->avail_in == 0 && z->block_state != ISAL_BLOCK_FINISH)) {
                free(z);
                return -1;
            }
            out->n += 256 * 1024 - z->avail_out;
        } while (z->block_state != ISAL_BLOCK_FINISH);
        in.p = (const char *)z->next_in;
        in.n = z->avail_in;
        members++;
    }
    free(z);
    return members;
}

static int unzstd(struct sl_slice in, struct sl_buf *out)
{
    int frames = 0;

    while (in.n > 0) {
        size_t n = ZSTD_findFrameCompressedSize(in.p, in.n);
        unsigned long long size = ZSTD_getFrameContentSize(in.p, in.n);

        assert_false(ZSTD_isError(n));
        char *p = sl_buf_reserve(out, size + 1);
        assert_non_null(p);
        size_t got = ZSTD_decompress(p, size, in.p, n);
        assert_false(ZSTD_isError(got));
        out->n += got;
        in.p += n;
        in.n -= n;
        frames++;
    }
    return frames;
}

static struct sl_buf sample(size_t n, bool random)
{
    struct sl_buf b;
    uint64_t x = 88172645463325252u;

    sl_buf_init(&b, n + 256);
    while (b.n < n) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        if (random)
            sl_buf_append(&b, &x, sizeof(x));
        else
            sl_buf_printf(&b, "{\"service\":\"tile\",\"status\":%u,\"id\":\"%016llx\"}\n",
                          (unsigned)(x % 600), (unsigned long long)x);
    }
    sl_buf_truncate(&b, n);
    return b;
}

static void round_trip(size_t n, bool random, size_t member, int expect_members)
{
    struct sl_buf in = sample(n, random), out, back;

    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        sl_buf_init(&out, n + n / 64 + (n / member + 1) * 1024 + 65536);
        sl_buf_init(&back, n + 1024 * 1024);
        assert_int_equal(compress_in((enum sl_compression)kind, sl_buf_as_slice(&in), member, &out),
                         SL_OK);
        assert_int_equal(out.cap, out.n);
        int members = kind == SL_COMPRESS_GZIP ? gunzip(sl_buf_as_slice(&out), &back)
                                               : unzstd(sl_buf_as_slice(&out), &back);
        assert_int_equal(members, expect_members);
        assert_int_equal(back.n, n);
        if (n)
            assert_memory_equal(back.p, in.p, n);
        if (kind == SL_COMPRESS_ZSTD) {
            struct sl_buf all;

            sl_buf_init(&all, n ? n : 1);
            assert_int_equal(sl_unzstd_all(sl_buf_as_slice(&out), &all), SL_OK);
            assert_int_equal(all.n, n);
            if (n)
                assert_memory_equal(all.p, in.p, n);
            sl_buf_release(&all);
        }
        sl_buf_release(&out);
        sl_buf_release(&back);
    }
    sl_buf_release(&in);
}

static void sizes_come_back(void **state)
{
    (void)state;
    round_trip(0, false, MEMBER, 1);
    round_trip(1, false, MEMBER, 1);
    round_trip(100, false, 10, 10);
    round_trip(MEMBER, false, MEMBER, 1);
    round_trip(MEMBER + 1, false, MEMBER, 2);
    round_trip(5 * MEMBER + 7, false, MEMBER, 6);
}

static void what_does_not_compress_stays_within_the_bound(void **state)
{
    (void)state;
    round_trip(3 * MEMBER + 13, true, MEMBER, 4);
    round_trip(70000, true, 1000, 70);
}

/* A request body must be one member however large: servers stop at the first one's end. */
static void one_member_for_a_body(void **state)
{
    struct sl_buf in = sample(3 * MEMBER, false), out, back;

    (void)state;
    sl_buf_init(&out, in.n);
    sl_buf_init(&back, 2 * in.n);
    SL_BUF_LITERAL(&out, "before");
    assert_int_equal(sl_gzip(sl_buf_as_slice(&in), &out), SL_OK);
    assert_memory_equal(out.p, "before", 6);
    assert_int_equal(gunzip(sl_slice(out.p + 6, out.n - 6), &back), 1);
    assert_int_equal(back.n, in.n);
    assert_memory_equal(back.p, in.p, in.n);
    assert_true(out.n < in.n / 2);
    sl_buf_clear(&back);
    sl_buf_clear(&out);
    assert_int_equal(sl_zstd(sl_buf_as_slice(&in), &out), SL_OK);
    assert_int_equal(unzstd(sl_buf_as_slice(&out), &back), 1);
    assert_memory_equal(back.p, in.p, in.n);
    sl_buf_release(&in);
    sl_buf_release(&out);
    sl_buf_release(&back);
}

static void too_small_a_maximum_changes_nothing(void **state)
{
    struct sl_buf in = sample(300000, true), out;

    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        sl_buf_init(&out, 100000);
        SL_BUF_LITERAL(&out, "before");
        assert_int_equal(compress_in((enum sl_compression)kind, sl_buf_as_slice(&in), MEMBER, &out),
                         SL_EFULL);
        assert_true(out.full);
        assert_int_equal(out.n, 6);
        assert_memory_equal(out.p, "before", 6);
        sl_buf_release(&out);
    }
    sl_buf_release(&in);
}

static void unzstd_all_refuses_what_is_cut_damaged_or_too_much(void **state)
{
    struct sl_buf in = sample(3 * MEMBER, false), out, back;

    (void)state;
    sl_buf_init(&out, in.n);
    assert_int_equal(compress_in(SL_COMPRESS_ZSTD, sl_buf_as_slice(&in), MEMBER, &out), SL_OK);
    sl_buf_init(&back, in.n - 1);
    assert_int_equal(sl_unzstd_all(sl_buf_as_slice(&out), &back), SL_EFULL);
    sl_buf_release(&back);
    sl_buf_init(&back, 2 * in.n);
    for (size_t n = 0; n < out.n; n += 997)
        if (n < out.n / 3 - 64 || n > out.n / 3 + 64) /* not at a frame's end */
            if (sl_unzstd_all(sl_slice(out.p, n), &back) == SL_OK)
                assert_true(back.n % MEMBER == 0);
    sl_buf_clear(&back);
    out.p[out.n / 2] ^= 0x55;
    assert_int_equal(sl_unzstd_all(sl_buf_as_slice(&out), &back), SL_EINVAL);
    assert_int_equal(back.n, 0);
    sl_buf_release(&in);
    sl_buf_release(&out);
    sl_buf_release(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_come_back),
        cmocka_unit_test(what_does_not_compress_stays_within_the_bound),
        cmocka_unit_test(one_member_for_a_body),
        cmocka_unit_test(too_small_a_maximum_changes_nothing),
        cmocka_unit_test(unzstd_all_refuses_what_is_cut_damaged_or_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
