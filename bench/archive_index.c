/* SPDX-License-Identifier: Apache-2.0 */
/* What the archive's index costs, in memory: the same lines decoded, written as `json`, compressed
 * and hashed as the S3 sink does, with and without an index, in turns; the least CPU of --runs of
 * each.
 *
 *     bench/archive_index FIELD FILE...          FIELD: the correlation id; FILE: values, one a
 * line */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/hash.h"
#include "sink/archive.h"
#include "sink/archive_notes.h"
#include "sink/compress.h"
#include "sluice/position.h"
#include "sluice/record.h"

enum { RUNS = 7, OBJECT = 64 << 20, FILE_MAX = 1 << 30, PARTS = 3 };
enum way {
    LARGE_MEMBERS,
    SMALL_MEMBERS,
    INDEX,
    WAYS
}; /* members of 1 MiB; as the sink makes them; these, with the index */

struct bench {
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_partition *partition;
    unsigned id;
    struct sl_buf text;
};

struct cost {
    double seconds[PARTS]; /* lines and notes; compression and index; hashing */
    size_t bytes, records;
};

static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void append(struct bench *b, struct sl_slice value, int64_t offset, enum way way,
                   enum sl_compression kind, struct sl_buf *lines, struct sl_buf *notes)
{
    struct sl_message m = {
        .at = b->partition, .offset = offset, .timestamp_ms = 1768435200000, .value = value};
    size_t begin = lines->n;
    struct sl_record r;
    struct sl_value v;
    uint64_t hash;

    sl_decode(b->decoder, &m, &r);
    sl_archive_line(SL_ARCHIVE_JSON, &r, lines);
    if (way != INDEX)
        return;
    v = sl_record_value(&r, b->id);
    hash = v.type == SL_VALUE_STRING ? sl_hash(v.p, v.n) : 0;
    sl_archive_note(notes, kind, lines->n - begin, offset, r.time_ns, hash ? &hash : NULL);
}

static void seal(enum sl_compression kind, enum way way, struct sl_buf *lines, struct sl_buf *notes,
                 struct sl_buf *out)
{
    const struct sl_archive_index info = {.topic = SL_SLICE_LITERAL("bench")};
    struct sl_compress_piece pieces[OBJECT / (256 << 10) + 8];
    size_t n = 0, member = way == LARGE_MEMBERS ? 1 << 20 : sl_archive_member_max(kind);

    if (way == INDEX) {
        sl_archive_compress(kind, sl_buf_as_slice(lines), notes, &info, out);
        return;
    }
    for (size_t at = 0; at < lines->n; at += member)
        pieces[n++].raw = (uint32_t)(lines->n - at < member ? lines->n - at : member);
    sl_compress_pieces(kind, sl_buf_as_slice(lines), pieces, n, out);
}

static void close_object(enum sl_compression kind, enum way way, struct sl_buf *lines,
                         struct sl_buf *notes, struct cost *c)
{
    uint8_t hash[SL_SHA256_BYTES];
    struct sl_buf out;
    double began = cpu();

    sl_buf_init(&out, 2 * (size_t)OBJECT);
    seal(kind, way, lines, notes, &out);
    c->seconds[1] += cpu() - began;
    began = cpu();
    sl_sha256(out.p, out.n, hash);
    c->records += sl_crc32c(0, out.p, out.n) == 1; /* never; that it is not left out */
    c->seconds[2] += cpu() - began;
    c->bytes += out.n;
    sl_buf_release(&out);
    sl_buf_clear(lines);
    sl_buf_clear(notes);
}

static struct cost once(struct bench *b, enum sl_compression kind, enum way way)
{
    struct cost c = {.records = 0};
    struct sl_buf lines, notes;
    double began = cpu();

    sl_buf_init(&lines, OBJECT + (1 << 20));
    sl_buf_init(&notes, OBJECT);
    for (const char *p = b->text.p, *end = p + b->text.n; p < end;) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));

        append(b, sl_slice(p, (size_t)(nl - p)), (int64_t)c.records++, way, kind, &lines, &notes);
        p = nl + 1;
        if (lines.n >= OBJECT || p == end) {
            c.seconds[0] += cpu() - began;
            close_object(kind, way, &lines, &notes, &c);
            began = cpu();
        }
    }
    sl_buf_release(&lines);
    sl_buf_release(&notes);
    return c;
}

static double total(const struct cost *c)
{
    return c->seconds[0] + c->seconds[1] + c->seconds[2];
}

static void least(struct cost *best, const struct cost *now)
{
    for (int i = 0; i < PARTS; i++)
        if (now->seconds[i] < best->seconds[i])
            best->seconds[i] = now->seconds[i];
}

static void compare(struct bench *b, enum sl_compression kind)
{
    static const char *const names[] = {"members of 1 MiB", "small members", "with index"};
    struct cost best[WAYS];

    for (int run = -1; run < RUNS; run++)
        for (int way = 0; way < WAYS; way++) {
            struct cost now = once(b, kind, (enum way)way);

            if (run < 0)
                best[way] = now;
            else
                least(&best[way], &now);
        }
    printf("%s\n", kind == SL_COMPRESS_GZIP ? "gzip" : "zstd");
    for (int i = 0; i < WAYS; i++) {
        double n = (double)best[i].records / 1e9;

        printf("  %-17s %6.0f ns a record: decoded, written, noted %.0f, compressed %.0f, hashed "
               "%.0f; "
               "%.2f bytes a record\n",
               names[i], total(&best[i]) / n, best[i].seconds[0] / n, best[i].seconds[1] / n,
               best[i].seconds[2] / n, (double)best[i].bytes / (double)best[i].records);
    }
    for (int i = INDEX; i > 0; i--)
        printf("  %s cost %+.2f %% of CPU and %+.2f %% of bytes\n",
               i == INDEX ? "notes and index" : "small members",
               100 * (total(&best[i]) / total(&best[i - 1]) - 1),
               100 * ((double)best[i].bytes / (double)best[i - 1].bytes - 1));
}

int main(int argc, char **argv)
{
    struct sl_topic topic = {.name = sl_strdup("bench"), .decode = SL_DECODE_JSON};
    struct sl_decoder_config decoding = {.timezone = NULL};
    struct sl_error err = {0};
    struct bench b = {.fields = sl_fields_new()};

    if (argc < 3) {
        fprintf(stderr, "usage: archive_index FIELD FILE...\n");
        return 2;
    }
    decoding.fields = b.fields;
    b.decoder = sl_decoder_new(&decoding, &err);
    sl_fields_add(b.fields, sl_slice_str(argv[1]), &b.id, &err);
    sl_fields_compile(b.fields);
    b.partition = sl_partition_new(&topic, 0, 1, 1, "bench");
    sl_buf_init(&b.text, FILE_MAX);
    for (int i = 2; i < argc; i++)
        if (sl_file_read(&b.text, argv[i]) != SL_OK) {
            fprintf(stderr, "%s cannot be read\n", argv[i]);
            return 1;
        }
    compare(&b, SL_COMPRESS_GZIP);
    compare(&b, SL_COMPRESS_ZSTD);
    sl_buf_release(&b.text);
    sl_partition_unref(b.partition);
    sl_decoder_free(b.decoder);
    sl_fields_free(b.fields);
    free(topic.name);
    return 0;
}
