/* SPDX-License-Identifier: Apache-2.0 */
/* The index of archive objects: what is written comes back, other tools pass over it, and nothing
 * of a damaged one is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "sink/archive_notes.h"
#include "sink/compress.h"

enum { MAX = 64 << 20 };

struct object {
    struct sl_buf lines, notes, bytes;
    enum sl_compression kind;
    size_t records;
};

static uint64_t id_of(size_t i)
{
    char text[40];

    return sl_hash(text, (size_t)snprintf(text, sizeof(text), "request-%zu", i / 3));
}

/* Records at every second offset; three of a request; the 20th of all have no id. */
static void make(struct object *o, enum sl_compression kind, size_t records, size_t pad)
{
    const struct sl_archive_index info = {
        .format = SL_ARCHIVE_ENVELOPE, .topic = SL_SLICE_LITERAL("logs.app"), .partition = 7};

    *o = (struct object){.kind = kind, .records = records};
    sl_buf_init(&o->lines, MAX);
    sl_buf_init(&o->notes, MAX);
    sl_buf_init(&o->bytes, MAX);
    for (size_t i = 0; i < records; i++) {
        size_t begin = o->lines.n;
        uint64_t id = id_of(i);

        sl_buf_printf(&o->lines, "{\"n\":%zu,\"id\":\"request-%zu\",\"pad\":\"%0*zu\"}\n", i, i / 3,
                      (int)pad, i * 7919);
        sl_archive_note(&o->notes, kind, o->lines.n - begin, 1000 + 2 * (int64_t)i,
                        1700000000000000000 + (int64_t)(i ^ 1) * 1000, i % 20 == 19 ? NULL : &id);
    }
    assert_int_equal(
        sl_archive_compress(kind, sl_buf_as_slice(&o->lines), &o->notes, &info, &o->bytes), SL_OK);
}

static void drop(struct object *o)
{
    sl_buf_release(&o->lines);
    sl_buf_release(&o->notes);
    sl_buf_release(&o->bytes);
}

static struct sl_slice tail(const struct object *o, size_t n)
{
    return sl_slice(o->bytes.p + o->bytes.n - n, n);
}

static void parse(const struct object *o, struct sl_archive_index *ret)
{
    struct sl_error err = {0};
    uint64_t size;

    assert_int_equal(sl_archive_index_find(o->kind, tail(o, SL_ARCHIVE_FOOTER), o->bytes.n, &size),
                     SL_OK);
    if (sl_archive_index_parse(o->kind, tail(o, size), o->bytes.n, ret, &err) != SL_OK)
        fail_msg("%s", err.text);
}

/* ---- what is written comes back ---- */

static void check_members(const struct object *o, const struct sl_archive_index *index)
{
    size_t n = 0, raw = 0, end = 0;

    for (uint32_t i = 0; i < index->n; i++) {
        const struct sl_archive_member *m = &index->members[i];

        assert_int_equal(m->offset, end);
        end += m->length;
        assert_true(m->raw <= sl_archive_member_max(o->kind) || m->records == 1);
        assert_int_equal(m->offsets, m->records);
        raw += m->raw;
        assert_int_equal(o->lines.p[raw - 1], '\n');
        assert_int_equal(m->first, 1000 + 2 * n);
        for (size_t k = n; k < n + m->records; k++) {
            assert_true(1700000000000000000 + (int64_t)(k ^ 1) * 1000 >= m->least_ns);
            assert_true(1700000000000000000 + (int64_t)(k ^ 1) * 1000 <= m->greatest_ns);
            if (k % 20 != 19)
                assert_true(sl_archive_member_may_have(m, id_of(k)));
        }
        n += m->records;
        assert_int_equal(m->last, 1000 + 2 * (n - 1));
    }
    assert_int_equal(n, o->records);
    assert_int_equal(raw, o->lines.n);
    assert_int_equal(end + index->size, o->bytes.n);
}

static void what_was_noted_comes_back(void **state)
{
    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        struct sl_archive_index index;
        struct object o;
        size_t passed = 0;

        make(&o, (enum sl_compression)kind, 30000, 100);
        parse(&o, &index);
        assert_true(sl_slice_is(index.topic, "logs.app"));
        assert_int_equal(index.partition, 7);
        assert_int_equal(index.format, SL_ARCHIVE_ENVELOPE);
        assert_in_range(index.n, kind == SL_COMPRESS_ZSTD ? 8 : 15, 20);
        check_members(&o, &index);
        for (size_t i = 100000; i < 103000; i += 3)
            for (uint32_t k = 0; k < index.n; k++)
                passed += sl_archive_member_may_have(&index.members[k], id_of(i));
        assert_true(passed < 20 * 1000 / 128);
        sl_archive_index_release(&index);
        drop(&o);
    }
}

static void single_members_hold_their_lines(void **state)
{
    struct sl_archive_index index;
    struct object o;
    size_t raw = 0;

    (void)state;
    make(&o, SL_COMPRESS_ZSTD, 10000, 100);
    parse(&o, &index);
    for (uint32_t i = 0; i < index.n; i++) {
        const struct sl_archive_member *m = &index.members[i];
        struct sl_buf out;

        sl_buf_init(&out, m->raw);
        assert_int_equal(sl_unzstd(sl_slice(o.bytes.p + m->offset, m->length), &out), SL_OK);
        assert_int_equal(out.n, m->raw);
        assert_memory_equal(out.p, o.lines.p + raw, out.n);
        raw += out.n;
        sl_buf_release(&out);
    }
    sl_archive_index_release(&index);
    drop(&o);
}

/* Of the index's empty members. */
static void check_headers(const struct object *o, uint64_t size)
{
    const unsigned char *p = (const unsigned char *)o->bytes.p + o->bytes.n - size;
    size_t parts = 0;

    for (uint64_t at = 0, n; at < size; at += 12 + n + 10, parts++) {
        assert_true(p[at] == 0x1f && p[at + 1] == 0x8b && p[at + 3] == 4);
        n = (uint64_t)p[at + 10] + 256U * p[at + 11];
        assert_true(12 + n <= 32768);
    }
    assert_true(parts > 5);
}

/* A line that is longer than a member has its own; an index of more than 16,000 bytes several
 * frames, for DuckDB refuses a gzip header of more than 32 KiB. */
static void long_lines_and_long_indexes(void **state)
{
    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        struct sl_archive_index index;
        struct object o;

        make(&o, (enum sl_compression)kind, 9, 600000);
        parse(&o, &index);
        assert_int_equal(index.n, 9);
        check_members(&o, &index);
        sl_archive_index_release(&index);
        drop(&o);
        make(&o, (enum sl_compression)kind, 200000, 20);
        parse(&o, &index);
        assert_true(index.size > 65536);
        check_members(&o, &index);
        if (kind == SL_COMPRESS_GZIP)
            check_headers(&o, index.size);
        sl_archive_index_release(&index);
        drop(&o);
    }
}

/* ---- other tools ---- */

static void read_by(const struct object *o, const char *command)
{
    char path[] = "/tmp/sluice-index-XXXXXX", *line;
    int fd = mkstemp(path);
    struct sl_buf got;
    FILE *pipe;
    size_t n;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, o->bytes.p, o->bytes.n), o->bytes.n);
    close(fd);
    line = sl_asprintf(command, path);
    sl_buf_init(&got, MAX);
    pipe = popen(line, "r");
    assert_non_null(pipe);
    while ((n = fread(sl_buf_reserve(&got, 65536), 1, 65536, pipe)) > 0)
        got.n += n;
    n = (size_t)pclose(pipe);
    unlink(path);
    if (n == 127 << 8) {
        print_message("not there: %s\n", line);
    } else {
        if (n != 0 || got.n != o->lines.n || memcmp(got.p, o->lines.p, got.n) != 0)
            fail_msg("%s: status %zu, %zu bytes of %zu", line, n, got.n, o->lines.n);
    }
    free(line);
    sl_buf_release(&got);
}

static void other_tools_read_it(void **state)
{
    struct object o;

    (void)state;
    make(&o, SL_COMPRESS_GZIP, 100000, 100);
    read_by(&o, "zcat < %s");
    read_by(
        &o,
        "python3 -c 'import gzip,sys; sys.stdout.buffer.write(gzip.open(sys.argv[1]).read())' %s");
    drop(&o);
    make(&o, SL_COMPRESS_ZSTD, 100000, 100);
    read_by(&o, "zstd -dcq < %s");
    drop(&o);
}

/* ---- damage ---- */

static void a_damaged_index_is_refused(void **state)
{
    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        struct object o;
        uint64_t size, other;

        make(&o, (enum sl_compression)kind, 3000, 100);
        assert_int_equal(
            sl_archive_index_find(o.kind, tail(&o, SL_ARCHIVE_FOOTER), o.bytes.n, &size), SL_OK);
        for (size_t i = 0; i < size; i++) {
            char *p = o.bytes.p + o.bytes.n - size + i, was = *p;
            struct sl_archive_index index;
            struct sl_error err = {0};

            *p = (char)(was ^ (1 << i % 8));
            if (sl_archive_index_find(o.kind, tail(&o, SL_ARCHIVE_FOOTER), o.bytes.n, &other) ==
                    SL_OK &&
                other == size &&
                sl_archive_index_parse(o.kind, tail(&o, size), o.bytes.n, &index, &err) == SL_OK)
                fail_msg("byte %zu of %zu may be changed", i, (size_t)size);
            *p = was;
        }
        drop(&o);
    }
}

/* Its checksum is right, and what it says is wrong. */
static void what_contradicts_itself_is_refused(void **state)
{
    static const struct {
        size_t at;
        int add;
    } changes[] = {{4, 1},  {5, 7},  {6, 1},  {12, 1},   {12, -1},   {24, 1},
                   {32, 1}, {40, 0}, {44, 1}, {59, 127}, {79, -127}, {83, 1}};
    struct object o;
    uint64_t size;

    (void)state;
    make(&o, SL_COMPRESS_ZSTD, 6000, 100);
    assert_int_equal(sl_archive_index_find(o.kind, tail(&o, SL_ARCHIVE_FOOTER), o.bytes.n, &size),
                     SL_OK);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char *payload = o.bytes.p + o.bytes.n - size + 8, was[65536];
        size_t n = size - 24 - 4;
        struct sl_archive_index index;
        struct sl_error err = {0};
        uint32_t crc;
        int rc;

        assert_true(size <= sizeof(was));
        memcpy(was, payload, n + 4);
        payload[changes[i].at] = (char)(payload[changes[i].at] + changes[i].add);
        if (changes[i].at == 40) /* records: none */
            memset(payload + 40, 0, 4);
        crc = sl_crc32c(0, payload, n);
        memcpy(payload + n, &crc, 4);
        rc = sl_archive_index_parse(o.kind, tail(&o, size), o.bytes.n, &index, &err);
        if (rc == SL_OK)
            fail_msg("change %zu, at %zu, is believed", i, changes[i].at);
        memcpy(payload, was, n + 4);
    }
    drop(&o);
}

static void objects_without_one_have_none(void **state)
{
    struct sl_buf out;
    uint64_t size;

    (void)state;
    sl_buf_init(&out, MAX);
    for (int kind = SL_COMPRESS_NONE; kind <= SL_COMPRESS_ZSTD; kind++) {
        sl_buf_clear(&out);
        if (kind == SL_COMPRESS_GZIP)
            sl_gzip(SL_SLICE_LITERAL("{}\n"), &out);
        else
            sl_zstd(SL_SLICE_LITERAL("{}\n"), &out);
        for (size_t n = 0; n <= out.n; n++)
            assert_int_equal(
                sl_archive_index_find((enum sl_compression)kind, sl_slice(out.p, n), n, &size),
                SL_ENOENT);
    }
    sl_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_noted_comes_back),
        cmocka_unit_test(single_members_hold_their_lines),
        cmocka_unit_test(long_lines_and_long_indexes),
        cmocka_unit_test(other_tools_read_it),
        cmocka_unit_test(a_damaged_index_is_refused),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(objects_without_one_have_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
