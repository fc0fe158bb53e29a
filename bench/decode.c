/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "bench.h"
#include "sluice/position.h"
#include "sluice/record.h"

/* decode: what a record costs from its bytes to its fields, in memory, by decoder, and what
 * correlation and enrichment add to that: medians of RUNS. */

enum { RUNS = 9, LINES = 50000 };

#define JSON                                                                                       \
    "{\"timestamp\":\"2026-01-31T12:%02d:56.789Z\",\"level\":\"info\",\"service\":\"svc-%03d\","   \
    "\"host\":\"ip-10-1-2-3\",\"region\":\"eu-west-1\",\"message\":\"request served cache miss "   \
    "upstream retry connection pool checkout token session render tile scene id=%x took=%dms\","   \
    "\"user_id\":17,\"trace_id\":\"4bf92f3577b34da6a3ce929d0e0e4736\",\"http\":{\"method\":"       \
    "\"GET\",\"path\":\"/v1/tile/17\",\"status\":200,\"bytes\":4711}}"
#define COMBINED                                                                                   \
    "198.51.100.7 - - [31/Jan/2026:12:%02d:56 +0000] \"GET /tiles/7/%d/%d.png HTTP/1.1\" 200 %d "  \
    "\"https://maps.example.com/\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, "  \
    "like Gecko) Chrome/131.0.0.0 Safari/537.36\""

static const char *const patterns[] = {
    "^(?<client>\\S+) \\S+ (?<user>\\S+) \\[(?<time>[^]]+)\\] \"(?<method>[A-Z]+) (?<path>\\S+) "
    "[^\"]*\" (?<status>\\d+) (?<bytes>\\d+)"};
static const struct sl_decode_rule rule = {.form = SL_DECODE_TEXT,
                                           .patterns = {(const char **)patterns, 1}};
static const char *const names[] = {"correlation_id", "request_id", "x-request-id", "trace_id",
                                    "traceparent"};
static const struct sl_correlation_config found = {.fields = {(const char **)names, 5},
                                                   .headers = {(const char **)names, 5}};
static const struct sl_correlation_config made = {.fields = {(const char **)names, 1},
                                                  .make = true};
static struct sl_property words[] = {{.name = "service", .value = "tiles"},
                                     {.name = "stage", .value = "prod"},
                                     {.name = "region", .value = "eu-west-1"},
                                     {.name = "instance", .value = "i-1"},
                                     {.name = "version", .value = "1.2.3"}};
static const struct sl_properties all_words = {words, 5};

static const struct row {
    const char *name, *line;
    enum sl_decode_form form;
    bool rule, headers;
    const struct sl_correlation_config *correlation;
    const struct sl_properties *enrich;
} rows[] = {
    {.name = "json", .line = JSON, .form = SL_DECODE_JSON},
    {.name = "json by auto", .line = JSON, .form = SL_DECODE_AUTO},
    {.name = "  correlation", .line = JSON, .form = SL_DECODE_JSON, .correlation = &found},
    {.name = "    of headers",
     .line = JSON,
     .form = SL_DECODE_JSON,
     .headers = true,
     .correlation = &found},
    {.name = "    made", .line = JSON, .form = SL_DECODE_JSON, .correlation = &made},
    {.name = "  enrichment", .line = JSON, .form = SL_DECODE_JSON, .enrich = &all_words},
    {.name = "  both",
     .line = JSON,
     .form = SL_DECODE_JSON,
     .headers = true,
     .correlation = &found,
     .enrich = &all_words},
    {.name = "text", .line = COMBINED, .form = SL_DECODE_TEXT},
    {.name = "combined", .line = COMBINED, .form = SL_DECODE_COMBINED},
    {.name = "combined by auto", .line = COMBINED, .form = SL_DECODE_AUTO},
    {.name = "a pattern", .line = COMBINED, .form = SL_DECODE_TEXT, .rule = true},
    {.name = "syslog",
     .line = "<30>1 2026-01-31T12:%02d:56.123Z web-%02d app %d - [origin x=\"%d\"] Started it",
     .form = SL_DECODE_SYSLOG},
    {.name = "json in syslog",
     .line = "<30>1 2026-01-31T12:%02d:56.123Z web-%02d app %d - - {\"level\":\"info\",\"n\":%d}",
     .form = SL_DECODE_SYSLOG},
    {.name = "logfmt",
     .line = "time=2026-01-31T12:%02d:56Z level=info msg=\"request served\" host=web-%02d "
             "path=/tiles/%d status=%d",
     .form = SL_DECODE_LOGFMT},
    {.name = "json in cri",
     .line = "2026-01-31T12:%02d:56.123456789Z stdout F {\"level\":\"info\",\"a\":%d,\"b\":%d,"
             "\"c\":%d}",
     .form = SL_DECODE_CRI},
    {.name = "json in docker",
     .line = "{\"log\":\"{\\\"level\\\":\\\"info\\\",\\\"a\\\":%d,\\\"b\\\":%d,\\\"c\\\":%d}\\n\","
             "\"stream\":\"stdout\",\"time\":\"2026-01-31T12:34:56.123456789Z\"}",
     .form = SL_DECODE_DOCKER},
};

static size_t make_lines(const char *format, struct sl_slice *ret)
{
    size_t bytes = 0;

    for (int i = 0; i < LINES; i++) {
        char text[1024];
        int n;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        n = snprintf(text, sizeof(text), format, i % 60, i % 200, i * 7919 % 100000, i % 5000);
#pragma GCC diagnostic pop
        ret[i] = sl_slice(sl_strndup(text, (size_t)n), (size_t)n);
        bytes += (size_t)n;
    }
    return bytes;
}

struct work {
    struct sl_topic topic;
    struct sl_partition *at;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    const struct row *row;
    struct sl_slice *lines;
    size_t bytes;
    double runs[RUNS];
};

static void prepare(struct work *w, const struct row *row)
{
    const struct sl_decoder_config config = {
        .fields = w->fields = sl_fields_new(),
        .decode = &rule,
        .n_decode = 1,
        .correlation = row->correlation,
        .enrich = row->enrich,
    };
    struct sl_error err = {0};

    w->row = row;
    w->topic = (struct sl_topic){.name = (char *)"bench", .decode = row->form, .rule = row->rule};
    w->at = sl_zalloc(sizeof(*w->at));
    w->at->topic = &w->topic;
    w->decoder = sl_decoder_new(&config, &err);
    w->lines = sl_calloc(LINES, sizeof(*w->lines));
    w->bytes = make_lines(row->line, w->lines);
}

static void run(struct work *w, int at)
{
    static const struct sl_header headers[] = {
        {SL_SLICE_LITERAL("content-type"), SL_SLICE_LITERAL("application/json")},
        {SL_SLICE_LITERAL("traceparent"),
         SL_SLICE_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}};
    struct sl_message m = {.at = w->at, .timestamp_ms = 1769862897000, .headers = headers};
    double begin = now();

    m.n_headers = w->row->headers ? 2 : 0;
    for (int i = 0; i < LINES; i++) {
        struct sl_record r;

        m.offset = i;
        m.value = w->lines[i];
        sl_decode(w->decoder, &m, &r);
        if (r.parse_error) {
            fprintf(stderr, "%s: %.*s\n", r.parse_error, (int)m.value.n, m.value.p);
            exit(1);
        }
    }
    w->runs[at] = (now() - begin) / LINES * 1e9;
}

int main(void)
{
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    static struct work all[ROWS];

    for (size_t i = 0; i < ROWS; i++)
        prepare(&all[i], &rows[i]);
    for (int r = 0; r < RUNS; r++) /* in turns: the machine is not equally fast all the time */
        for (size_t i = 0; i < ROWS; i++)
            run(&all[i], r);
    printf("%-18s %6s %8s %12s %8s\n", "", "bytes", "ns", "records/s", "s/GB");
    for (size_t i = 0; i < ROWS; i++) {
        struct work *w = &all[i];
        double ns, bytes = (double)w->bytes / LINES;

        ns = median_of(w->runs, RUNS);
        printf("%-18s %6.0f %8.0f %12.0f %8.2f\n", rows[i].name, bytes, ns, 1e9 / ns, ns / bytes);
        for (int k = 0; k < LINES; k++)
            free((void *)(uintptr_t)w->lines[k].p);
        free(w->lines);
        sl_decoder_free(w->decoder);
        sl_fields_free(w->fields);
        free(w->at);
    }
    return 0;
}
