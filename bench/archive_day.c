/* SPDX-License-Identifier: Apache-2.0 */
/* Archive objects as the S3 sink makes them, into a folder: records of requests that cross
 * services, ten of each among those of 500 others, over one day, in cuts of --batch bytes. The same
 * for the same numbers.
 *
 *     bench/archive_day FOLDER gzip|zstd RECORDS PARTITIONS
 *
 * Prints every 10,000th request: its id, its records, its first and last second since 1970. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "record/time.h"
#include "sink/archive_notes.h"
#include "sink/s3_key.h"
#include "sluice/record.h"

enum {
    BATCH = 16 << 20, /* compressed, as interface.md has it */
    OBJECT_MAX = 256 << 20,
    OPEN = 500,
    A_REQUEST = 10,
    PARTITIONS_MAX = 64,
    TOLD = 10000,
    LINE_MAX_BYTES = 2048
};
static const int64_t day = INT64_C(1768435200); /* 2026-01-15 */
static const char *const words[] = {
    "request",  "served",  "cache",   "miss",    "upstream", "timeout",  "retry",   "connection",
    "checkout", "token",   "session", "render",  "tile",     "download", "mosaic",  "catalog",
    "index",    "segment", "leader",  "commit",  "queue",    "worker",   "latency", "budget",
    "breaker",  "tenant",  "invoice", "payment", "gateway",  "webhook",  "stored",  "archived"};

struct request {
    char id[64];
    unsigned left, records;
    int64_t began;
};

struct part {
    struct sl_buf lines, notes;
    int64_t next, first;
};

struct make {
    const char *folder;
    enum sl_compression kind;
    uint64_t seed;
    struct request open[OPEN];
    struct part parts[PARTITIONS_MAX];
    uint64_t requests;
    double ratio; /* compressed bytes a byte, as the sink learns it */
    size_t objects, raw, bytes;
};

static uint64_t chance(struct make *m) /* splitmix64 */
{
    uint64_t z = m->seed += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static unsigned below(struct make *m, unsigned n)
{
    return (unsigned)(chance(m) % n);
}

static const char *word(struct make *m)
{
    return words[below(m, sizeof(words) / sizeof(words[0]))];
}

/* ---- objects ---- */

static void write_object(struct make *m, int32_t partition, const struct sl_buf *object)
{
    const struct part *p = &m->parts[partition];
    struct sl_s3_identity id = {.topic = "logs",
                                .partition = partition,
                                .first = p->first,
                                .last = p->next - 1,
                                .hash = "0123456789abcdef"};
    struct sl_buf path;
    FILE *file;

    sl_buf_init(&path, 4096);
    sl_buf_printf(&path, "%s/", m->folder);
    sl_s3_object_key("dt=2026-01-15", &id, 0, m->kind, &path);
    file = fopen(sl_buf_str(&path), "wb");
    if (!file || fwrite(object->p, 1, object->n, file) != object->n || fclose(file)) {
        fprintf(stderr, "%s cannot be written\n", sl_buf_str(&path));
        exit(1);
    }
    sl_buf_release(&path);
}

static void cut(struct make *m, int32_t partition)
{
    const struct sl_archive_index info = {.topic = SL_SLICE_LITERAL("logs"),
                                          .partition = partition};
    struct part *p = &m->parts[partition];
    struct sl_buf object;

    if (p->lines.n == 0)
        return;
    sl_buf_init(&object, OBJECT_MAX);
    if (sl_archive_compress(m->kind, sl_buf_as_slice(&p->lines), &p->notes, &info, &object)) {
        fprintf(stderr, "an object cannot be made\n");
        exit(1);
    }
    write_object(m, partition, &object);
    m->objects++;
    m->raw += p->lines.n;
    m->bytes += object.n;
    m->ratio = (double)object.n / (double)p->lines.n;
    sl_buf_release(&object);
    sl_buf_clear(&p->lines);
    sl_buf_clear(&p->notes);
    p->first = p->next;
}

/* ---- records ---- */

/* A UUIDv7 of the time at which the request began. */
static void begin(struct make *m, struct request *r, int64_t ns)
{
    uint64_t ms = (uint64_t)(ns / 1000000), a = chance(m), b = chance(m);

    if (r->id[0] && m->requests++ % TOLD == 0)
        printf("%s %u %" PRId64 " %" PRId64 "\n", r->id, r->records, r->began / SL_NS_PER_SECOND,
               ns / SL_NS_PER_SECOND);
    *r = (struct request){.left = 1 + below(m, 2 * A_REQUEST - 1), .began = ns};
    snprintf(r->id, sizeof(r->id), "%08" PRIx64 "-%04" PRIx64 "-7%03x-%04x-%012" PRIx64, ms >> 16,
             ms & 0xffff, (unsigned)a & 0xfff, 0x8000 | ((unsigned)(a >> 12) & 0x3fff), b >> 16);
}

static void record(struct make *m, const struct request *r, int64_t ns, struct sl_buf *out)
{
    sl_buf_text(out, "{\"timestamp\":\"");
    sl_time_rfc3339(ns, out);
    sl_buf_printf(out,
                  "\",\"level\":\"%s\",\"service\":\"svc-%s-%02u\",\"host\":\"ip-10-%u-%u-%u\","
                  "\"region\":\"eu-west-1\",\"message\":\"",
                  below(m, 20) ? "info" : "warn", words[below(m, 16)], below(m, 10), below(m, 8),
                  below(m, 256), below(m, 256));
    for (unsigned n = 12 + below(m, 12); n > 0; n--)
        sl_buf_printf(out, "%s ", word(m));
    sl_buf_printf(out,
                  "id=%010" PRIx64 " took=%ums\",\"user_id\":%u,\"correlation_id\":\"%s\","
                  "\"http\":{\"method\":\"GET\",\"path\":\"/v1/%s/%u\",\"status\":%u}}\n",
                  chance(m) >> 24, below(m, 5000), below(m, 1000000), r->id, word(m),
                  below(m, 1000000), below(m, 20) ? 200 : 500);
}

static void add(struct make *m, int64_t ns, int32_t partition)
{
    struct part *p = &m->parts[partition];
    struct request *r = &m->open[below(m, OPEN)];
    size_t at = p->lines.n;
    uint64_t hash;

    if (r->left == 0)
        begin(m, r, ns);
    r->left--;
    r->records++;
    record(m, r, ns, &p->lines);
    hash = sl_hash(r->id, strlen(r->id));
    sl_archive_note(&p->notes, m->kind, p->lines.n - at, p->next++, ns, &hash);
    if ((double)p->lines.n * m->ratio >= (double)BATCH)
        cut(m, partition);
}

int main(int argc, char **argv)
{
    int64_t records = argc == 5 ? strtoll(argv[3], NULL, 10) : 0;
    int partitions = argc == 5 ? (int)strtol(argv[4], NULL, 10) : 0;
    struct make *m = sl_zalloc(sizeof(*m));
    char *folder;

    if (records <= 0 || partitions <= 0 || partitions > PARTITIONS_MAX) {
        fprintf(stderr, "usage: archive_day FOLDER gzip|zstd RECORDS PARTITIONS\n");
        return 2;
    }
    m->folder = argv[1];
    m->kind = strcmp(argv[2], "zstd") == 0 ? SL_COMPRESS_ZSTD : SL_COMPRESS_GZIP;
    m->seed = 42;
    m->ratio = 0.25;
    folder = sl_asprintf("%s/dt=2026-01-15", m->folder);
    mkdir(m->folder, 0777);
    mkdir(folder, 0777);
    for (int i = 0; i < partitions; i++) {
        sl_buf_init(&m->parts[i].lines, OBJECT_MAX);
        sl_buf_init(&m->parts[i].notes, OBJECT_MAX);
    }
    for (int64_t n = 0; n < records; n++)
        add(m, day * SL_NS_PER_SECOND + n * (INT64_C(86400) * SL_NS_PER_SECOND / records),
            (int32_t)below(m, (unsigned)partitions));
    for (int i = 0; i < partitions; i++)
        cut(m, i);
    fprintf(stderr,
            "%" PRId64 " records of %" PRIu64 " requests, %zu bytes, in %zu objects of %zu bytes\n",
            records, m->requests, m->raw, m->objects, m->bytes);
    for (int i = 0; i < partitions; i++) {
        sl_buf_release(&m->parts[i].lines);
        sl_buf_release(&m->parts[i].notes);
    }
    free(folder);
    free(m);
    return 0;
}
