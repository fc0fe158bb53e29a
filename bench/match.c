/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "route/match.h"
#include "sluice/position.h"
#include "sluice/route.h"

/* match [--index] RECORDS ROUTES...: what matching costs, in memory and without Kafka. RECORDS has
 * one value a line (bench/corpus.py makes such). Prints one line of JSON: nanoseconds a record to
 * decode, to match with the index, and to judge every rule in order (not with --index); medians of
 * RUNS. */

enum { RUNS = 5, RECORDS_MAX = 100000, NAIVE_NS = 500000000, FILE_MAX = 1 << 30 };

struct bench {
    struct sl_slice *lines;
    size_t n;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_rules *rules;
    struct sl_partition *partition; /* owned */
    size_t matched;                 /* rules, in the last run */
};

static uint64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* others may use the machine, too */
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static long peak_kib(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void read_lines(struct bench *b, const char *path, struct sl_buf *text)
{
    FILE *f = fopen(path, "r");
    size_t got;

    if (!f) {
        perror(path);
        exit(1);
    }
    do {
        char *room = sl_buf_reserve(text, 1 << 16);

        got = room ? fread(room, 1, 1 << 16, f) : 0;
        text->n += got;
    } while (got);
    fclose(f);
    b->lines = sl_calloc(RECORDS_MAX, sizeof(*b->lines));
    for (size_t at = 0; at < text->n && b->n < RECORDS_MAX;) {
        const char *end = memchr(text->p + at, '\n', text->n - at);
        size_t n = end ? (size_t)(end - (text->p + at)) : text->n - at;

        b->lines[b->n++] = sl_slice(text->p + at, n);
        at += n + 1;
    }
}

/* All records once, or as many as go into the time; m == NULL: decode only. Nanoseconds each. */
static double run(struct bench *b, struct sl_match *m, uint64_t most)
{
    struct sl_message message = {.at = b->partition};
    uint64_t begin = now(), spent = 0;
    struct sl_record record;
    enum sl_verdict v;
    size_t i;

    b->matched = 0;
    for (i = 0; i < b->n && spent < most; i++) {
        message.value = b->lines[i];
        sl_decode(b->decoder, &message, &record);
        if (m) {
            sl_match_begin(m, &record);
            /* The last rule takes all. */
            b->matched += sl_match_next(m, 0, &v) + 1 < sl_rules_count(b->rules);
        }
        if (i % 64 == 63)
            spent = now() - begin;
    }
    return (double)(now() - begin) / (double)i;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(struct bench *b, struct sl_match *m, uint64_t most)
{
    double runs[RUNS];

    run(b, m, most); /* warm */
    for (int i = 0; i < RUNS; i++)
        runs[i] = run(b, m, most);
    qsort(runs, RUNS, sizeof(*runs), by_size);
    return runs[RUNS / 2];
}

static void load(struct bench *b, char **routes, size_t n)
{
    static struct sl_sink_config sink = {.name = "out", .id = "out"};
    struct sl_config config = {.path = "bench", .sinks = &sink, .n_sinks = 1};
    const struct sl_strings paths = {.items = (const char **)routes, .n = n};
    const struct sl_decoder_config decoder = {.fields = b->fields};
    struct sl_diags diags;

    sl_diags_init(&diags);
    b->rules = sl_rules_load_from(&config, &paths, b->fields, &diags);
    sl_diags_print(&diags, stderr);
    if (!b->rules)
        exit(1);
    sl_diags_release(&diags);
    b->decoder = sl_decoder_new(&decoder, NULL);
    sl_fields_compile(b->fields);
}

int main(int argc, char **argv)
{
    struct sl_topic topic = {.name = (char *)"bench", .decode = SL_DECODE_AUTO};
    struct bench b = {.fields = sl_fields_new(), .partition = sl_zalloc(sizeof(*b.partition))};
    struct sl_match *indexed, *in_order;
    bool index_only = argc > 1 && !strcmp(argv[1], "--index");
    double decode, with_index, naive;
    uint64_t begin, loaded;
    size_t always = 0;
    struct sl_buf text;
    long before;

    argc -= index_only;
    argv += index_only;
    if (argc < 3) {
        fprintf(stderr, "usage: match [--index] RECORDS ROUTES...\n");
        return 2;
    }
    b.partition->topic = &topic;
    sl_buf_init(&text, FILE_MAX);
    read_lines(&b, argv[1], &text);
    before = peak_kib();
    begin = now();
    load(&b, argv + 2, (size_t)argc - 2);
    loaded = now() - begin;
    before = peak_kib() - before;
    indexed = sl_match_new(b.rules);
    in_order = sl_match_new(b.rules);
    sl_match_in_order(in_order);
    decode = median(&b, NULL, UINT64_MAX);
    with_index = median(&b, indexed, UINT64_MAX);
    naive = index_only ? 0 : median(&b, in_order, NAIVE_NS);
    run(&b, indexed, UINT64_MAX);
    for (unsigned i = 0; i < sl_rules_count(b.rules); i++)
        always += sl_rules_always_tried(b.rules, i) != NULL;
    printf("{\"rules\": %zu, \"load_ms\": %.1f, \"load_kib\": %ld, \"decode_ns\": %.0f, "
           "\"index_ns\": %.0f, \"in_order_ns\": %.0f, \"matched\": %.4f, \"always_tried\": %zu}\n",
           sl_rules_count(b.rules), (double)loaded / 1e6, before, decode, with_index - decode,
           index_only ? 0 : naive - decode, (double)b.matched / (double)b.n, always);
    sl_match_free(indexed);
    sl_match_free(in_order);
    sl_decoder_free(b.decoder);
    sl_rules_free(b.rules);
    sl_fields_free(b.fields);
    sl_buf_release(&text);
    free(b.lines);
    free(b.partition);
    return 0;
}
