/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "record/decode.h"
#include "sluice/position.h"

/* Any bytes by any decoder; the first byte chooses the form, the second what else is configured.
 * Whatever they are, each record becomes one valid JSON object in which no name stands twice,
 * within its bound, and the same when it is asked for again. */

enum { ALL_MAX = 64 << 20, RECORDS_MAX = 16 };

static const char *const patterns[] = {"^(?<time>\\S+) (?<level>\\w+) (?<msg>.*)",
                                       "(?<a>\\d+)(?:-(?<stream>\\w*))?"};
static const struct sl_decode_rule rules[] = {
    {.form = SL_DECODE_TEXT, .patterns = {(const char **)(uintptr_t)patterns, 2}},
    {.kind = SL_DECODE_KIND_METRIC}};
static const char *const names[] = {"correlation_id", "request_id",  "x-request-id",
                                    "trace_id",       "traceparent", "message"};
static const struct sl_correlation_config correlation = {
    .fields = {(const char **)(uintptr_t)names, 6},
    .headers = {(const char **)(uintptr_t)names, 6},
    .make = true};
static struct sl_property words[] = {{.name = "service", .value = "s\"x"},
                                     {.name = "host.name", .value = "h"},
                                     {.name = "msg.x", .value = "y"}};
static const struct sl_properties enrich = {words, 3};

static struct sl_decoder *decoder;
static struct sl_buf first, second;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static int by_name(const void *a, const void *b)
{
    const struct sl_slice *x = a, *y = b;
    int order = memcmp(x->p, y->p, x->n < y->n ? x->n : y->n);

    return order ? order : (x->n > y->n) - (x->n < y->n);
}

/* The names at the top, as they are spelled: what is added is spelled in one way only. */
static void check_names(struct sl_slice object, size_t n_own)
{
    enum { NAMES_MAX = 4096 };
    static struct sl_slice all[NAMES_MAX];
    const char *p = sl_json_spaces(object.p + 1), *end = object.p + object.n;
    size_t n = 0, own = 0;

    for (; *p == '"' && n < NAMES_MAX; p = *p == ',' ? sl_json_spaces(p + 1) : p) {
        bool escaped = false;
        const char *close = sl_json_string_end(p + 1, end, &escaped);
        struct sl_value skipped;

        own += (size_t)(p - object.p) < n_own;
        all[n++] = sl_slice(p + 1, (size_t)(close - p - 1));
        p = sl_json_spaces(sl_json_spaces(close + 1) + 1);
        p = sl_json_spaces(sl_json_value(p, end, &skipped));
    }
    if (n_own > 0) { /* names that the record itself gives twice are its own affair */
        for (size_t i = own; i < n; i++)
            for (size_t k = 0; k < i; k++)
                must(!sl_slice_equal(all[i], all[k]));
        return;
    }
    qsort(all, n, sizeof(all[0]), by_name);
    for (size_t i = 1; i < n; i++)
        must(!sl_slice_equal(all[i - 1], all[i]));
}

static void check_json(const struct sl_record *r, struct sl_buf *out)
{
    static struct sl_decoder *again;
    static struct sl_fields *fields;
    size_t bound = sl_record_json_bound(r);

    if (!again) {
        struct sl_decoder_config config = {.fields = fields = sl_fields_new()};

        again = sl_decoder_new(&config, NULL);
    }
    sl_buf_clear(out);
    sl_record_json(r, true, sl_slice("", 0), out, NULL);
    must(!out->full && out->n <= bound);
    must(!memchr(out->p, '\n', out->n));
    sl_decoder_begin(again);
    must(sl_json_scan(&again->scan, sl_buf_as_slice(out)));
    check_names(sl_buf_as_slice(out), r->form == SL_FORM_OBJECT ? r->body.n : 0);
}

static void check_record(const struct sl_message *m, size_t i)
{
    struct sl_record r;
    int64_t time_ns;

    sl_decode_at(decoder, i, &r);
    must(r.sub == i && r.message == m && r.raw.p);
    must(r.form == SL_FORM_OBJECT || r.text.p);
    check_json(&r, &first);
    time_ns = r.time_ns;
    sl_decode_at(decoder, i, &r);
    check_json(&r, &second);
    must(r.time_ns == time_ns);
    must(sl_slice_equal(sl_buf_as_slice(&first), sl_buf_as_slice(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sl_topic topic = {.name = (char *)"logs"};
    static struct sl_partition *at;
    static const struct sl_header headers[] = {
        {SL_SLICE_LITERAL("TraceParent"),
         SL_SLICE_LITERAL("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}};
    struct sl_message m = {.timestamp_ms = 1769862897000, .headers = headers};
    char *copy;
    size_t n;

    if (size < 2)
        return 0;
    if (!decoder) {
        const struct sl_decoder_config config = {.fields = sl_fields_new(),
                                                 .enrich = &enrich,
                                                 .decode = rules,
                                                 .n_decode = 2,
                                                 .correlation = &correlation};

        decoder = sl_decoder_new(&config, NULL);
        at = sl_zalloc(sizeof(*at) + sizeof(struct sl_sink_position));
        at->topic = &topic;
        sl_buf_init(&first, ALL_MAX);
        sl_buf_init(&second, ALL_MAX);
    }
    topic.decode = (enum sl_decode_form)(data[0] % SL_DECODE_FORMS);
    topic.rule = data[1] % 4; /* 3: none that there is */
    m.n_headers = data[1] >> 7;
    m.at = at;
    copy = sl_alloc(size - 2 ? size - 2 : 1);
    memcpy(copy, data + 2, size - 2);
    m.value = sl_slice(copy, size - 2);
    n = sl_decode_open(decoder, &m);
    must(n > 0 || sl_decode_nothing(decoder));
    for (size_t i = 0; i < n && i < RECORDS_MAX; i++)
        check_record(&m, n - 1 - i);
    free(copy);
    return 0;
}
