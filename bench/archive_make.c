/* SPDX-License-Identifier: Apache-2.0 */
/* Writes objects as an S3 sink would of many requests, without a broker and a store: what
 * bench/flow.py looks for one request in.
 *
 *     bench/archive_make FOLDER REQUESTS PARTITIONS      ten records a request, a request each 10
 * ms
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "sink/archive_notes.h"

enum { OBJECT = 64 << 20, RECORDS = 10, STEP_MS = 10, SPREAD_MS = 37, PARTITIONS_MAX = 64 };
#define BEGIN_MS ((int64_t)1769817600000) /* 2026-01-31T00:00:00Z */

struct part {
    struct sl_buf lines, notes;
    int64_t first, next;
};

static const char *folder;
static size_t n_partitions;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9;
    x ^= x >> 27;
    x *= 0x94d049bb133111eb;
    return x ^ x >> 31;
}

static void id_of(uint64_t request, char ret[64])
{
    uint64_t ms = (uint64_t)BEGIN_MS + request * STEP_MS, a = mix(request + 1),
             b = mix(a + request);

    snprintf(ret, 64, "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64,
             ms >> 16, ms & 0xffff, a & 0xfff, 0x8000 | (a >> 16 & 0x3fff), b & 0xffffffffffff);
}

static void close_object(struct part *p, size_t partition)
{
    const struct sl_archive_index info = {.topic = SL_SLICE_LITERAL("logs"),
                                          .partition = (int32_t)partition};
    char path[512];
    struct sl_buf out;
    FILE *f;

    if (p->lines.n == 0)
        return;
    sl_buf_init(&out, 2 * (size_t)OBJECT);
    if (sl_archive_compress(SL_COMPRESS_GZIP, sl_buf_as_slice(&p->lines), &p->notes, &info, &out))
        exit(1);
    snprintf(path, sizeof(path),
             "%s/logs-%zu-%020" PRId64 "-%020" PRId64 "-0123456789abcdef.ndjson.gz", folder,
             partition, p->first, p->next - 1);
    f = fopen(path, "we");
    if (!f || fwrite(out.p, 1, out.n, f) != out.n || fclose(f))
        exit(1);
    sl_buf_release(&out);
    sl_buf_clear(&p->lines);
    sl_buf_clear(&p->notes);
    p->first = p->next;
}

static void add(struct part *p, size_t partition, uint64_t request, unsigned step)
{
    static const char *const services[] = {"edge", "auth", "catalogue", "tiles", "payment"};
    int64_t ms = BEGIN_MS + (int64_t)(request * STEP_MS + step * SPREAD_MS);
    uint64_t chance = mix(request * RECORDS + step), hash;
    unsigned second = (unsigned)(ms / 1000 % 86400);
    size_t begin = p->lines.n;
    char id[64];

    id_of(request, id);
    hash = sl_hash(id, strlen(id));
    sl_buf_printf(
        &p->lines,
        "{\"timestamp\":\"2026-01-31T%02u:%02u:%02u.%03uZ\",\"service\":\"%s\",\"instance\":"
        "\"i-%04x\",\"level\":\"%s\",\"message\":\"step %u of it, scene %" PRIx64
        "\",\"took\":%u,\"bytes\":%u,\"span_id\":\"%016" PRIx64 "\",\"correlation_id\":\"%s\","
        "\"kind\":\"server\"}\n",
        second / 3600, second / 60 % 60, second % 60, (unsigned)(ms % 1000), services[step % 5],
        (unsigned)(chance & 0xf), chance % 50 ? "info" : "error", step, chance & 0xffffffffff,
        (unsigned)(chance >> 8 & 0xff), (unsigned)(chance >> 16 & 0xffff), mix(chance), id);
    sl_archive_note(&p->notes, SL_COMPRESS_GZIP, p->lines.n - begin, p->next++, ms * 1000000, &hash);
    if (p->lines.n >= OBJECT)
        close_object(p, partition);
}

int main(int argc, char **argv)
{
    static struct part parts[PARTITIONS_MAX];
    uint64_t requests;

    if (argc != 4 || (n_partitions = strtoul(argv[3], NULL, 10)) == 0 ||
        n_partitions > PARTITIONS_MAX) {
        fprintf(stderr, "usage: archive_make FOLDER REQUESTS PARTITIONS\n");
        return 2;
    }
    folder = argv[1];
    requests = strtoull(argv[2], NULL, 10);
    for (size_t i = 0; i < n_partitions; i++) {
        sl_buf_init(&parts[i].lines, OBJECT + 65536);
        sl_buf_init(&parts[i].notes, OBJECT);
    }
    /* Requests overlap: a step of this one is beside earlier steps of later ones. */
    for (uint64_t at = 0; at < requests + RECORDS * SPREAD_MS / STEP_MS; at++)
        for (unsigned step = 0; step < RECORDS; step++) {
            uint64_t late = step * SPREAD_MS / STEP_MS, request = at - late;
            size_t partition;

            if (at < late || request >= requests)
                continue;
            partition = mix(request * RECORDS + step + 77) % n_partitions;
            add(&parts[partition], partition, request, step);
        }
    for (size_t i = 0; i < n_partitions; i++) {
        close_object(&parts[i], i);
        sl_buf_release(&parts[i].lines);
        sl_buf_release(&parts[i].notes);
    }
    for (unsigned i = 1; i < 4; i++) { /* some to look for */
        char id[64];

        id_of(requests / 4 * i, id);
        puts(id);
    }
    return 0;
}
