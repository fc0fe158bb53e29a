/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/fields.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "sluice/position.h"

/* ---- names; of one thing the first that a record has counts ---- */

enum thing {
    CORRELATION,
    TRACE,
    SPAN,
    PARENT,
    SERVICE,
    INSTANCE,
    MESSAGE,
    METRIC,
    VALUE,
    METHOD,
    PATH,
    STATUS,
    DURATION,
    THINGS
};

static const struct name {
    enum thing thing;
    const char *path;
    double unit_ns; /* DURATION: of a number without a unit */
} names[] = {
    {CORRELATION, "correlation_id", 0},
    {TRACE, "trace_id", 0},
    {TRACE, "traceId", 0},
    {TRACE, "trace.id", 0},
    {SPAN, "span_id", 0},
    {SPAN, "spanId", 0},
    {SPAN, "span.id", 0},
    {PARENT, "parent_span_id", 0},
    {PARENT, "parentSpanId", 0},
    {PARENT, "parent_id", 0},
    {PARENT, "parentId", 0},
    {PARENT, "parent.id", 0},
    {SERVICE, "service.name", 0},
    {SERVICE, "service", 0},
    {SERVICE, "service_name", 0},
    {SERVICE, "serviceName", 0},
    {SERVICE, "app", 0},
    {SERVICE, "application", 0},
    {SERVICE, "kubernetes.labels.app", 0},
    {SERVICE, "kubernetes.container_name", 0},
    {SERVICE, "kubernetes.container.name", 0},
    {SERVICE, "container_name", 0},
    {SERVICE, "program", 0},
    {SERVICE, "log_group", 0},
    {INSTANCE, "instance", 0},
    {INSTANCE, "service.instance.id", 0},
    {INSTANCE, "service.node.name", 0},
    {INSTANCE, "kubernetes.pod_name", 0},
    {INSTANCE, "kubernetes.pod.name", 0},
    {INSTANCE, "pod", 0},
    {INSTANCE, "hostname", 0},
    {INSTANCE, "host.name", 0},
    {INSTANCE, "host", 0},
    {INSTANCE, "log_stream", 0},
    {MESSAGE, "msg", 0},
    {MESSAGE, "message", 0},
    {MESSAGE, "event", 0},
    {MESSAGE, "error.message", 0},
    {MESSAGE, "err.message", 0},
    {MESSAGE, "exception_message", 0},
    {MESSAGE, "error", 0},
    {METRIC, "name", 0},
    {METRIC, "metric", 0},
    {VALUE, "value", 0},
    {METHOD, "method", 0},
    {METHOD, "http.request.method", 0},
    {METHOD, "req.method", 0},
    {PATH, "path", 0},
    {PATH, "url.path", 0},
    {PATH, "req.url", 0},
    {STATUS, "status", 0},
    {STATUS, "status_code", 0},
    {STATUS, "http.response.status_code", 0},
    {STATUS, "http.status", 0},
    {STATUS, "res.statusCode", 0},
    {DURATION, "duration_ms", 1e6},
    {DURATION, "durationMs", 1e6},
    {DURATION, "elapsed_ms", 1e6},
    {DURATION, "elapsedMs", 1e6},
    {DURATION, "latency_ms", 1e6},
    {DURATION, "latencyMs", 1e6},
    {DURATION, "took_ms", 1e6},
    {DURATION, "response_time_ms", 1e6},
    {DURATION, "responseTime", 1e6},
    {DURATION, "duration_us", 1e3},
    {DURATION, "elapsed_us", 1e3},
    {DURATION, "latency_us", 1e3},
    {DURATION, "duration_ns", 1},
    {DURATION, "elapsed_ns", 1},
    {DURATION, "latency_ns", 1},
    {DURATION, "event.duration", 1},
    {DURATION, "duration_s", 1e9},
    {DURATION, "duration_seconds", 1e9},
    {DURATION, "elapsed_seconds", 1e9},
    {DURATION, "latency_seconds", 1e9},
    {DURATION, "request_time", 1e9},
    {DURATION, "upstream_response_time", 1e9},
    {DURATION, "duration", 1e6},
    {DURATION, "took", 1e6},
    {DURATION, "elapsed", 1e6},
    {DURATION, "latency", 1e6},
    {DURATION, "response_time", 1e6},
};
enum { NAMES = sizeof(names) / sizeof(names[0]) };
enum { SCRATCH_MAX = 16 << 20, SHOWN_MAX = 64 << 10 };

struct sl_flow_reader {
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_topic topic;
    struct sl_partition *partition; /* of no assignment: what decoding needs of one */
    struct sl_message message;
    unsigned ids[NAMES];
    struct sl_buf scratch[THINGS + 1]; /* the last: what is put together */
};

struct sl_flow_reader *sl_flow_reader_new(void)
{
    struct sl_flow_reader *r = sl_zalloc(sizeof(*r));
    struct sl_decoder_config config = {0};

    r->fields = config.fields = sl_fields_new();
    r->decoder = sl_decoder_new(&config, NULL);
    for (size_t i = 0; i < NAMES; i++)
        sl_fields_add(r->fields, sl_slice_str(names[i].path), &r->ids[i], NULL);
    sl_fields_compile(r->fields);
    r->topic = (struct sl_topic){.name = "", .decode = SL_DECODE_JSON};
    r->partition = sl_partition_new(&r->topic, 0, 0, 0, "");
    for (size_t i = 0; i <= THINGS; i++)
        sl_buf_init(&r->scratch[i], SCRATCH_MAX);
    return r;
}

void sl_flow_reader_free(struct sl_flow_reader *r)
{
    if (!r)
        return;
    sl_partition_unref(r->partition);
    sl_decoder_free(r->decoder);
    sl_fields_free(r->fields);
    for (size_t i = 0; i <= THINGS; i++)
        sl_buf_release(&r->scratch[i]);
    free(r);
}

/* ---- reading ---- */

static bool scalar(const struct sl_value *v)
{
    return v->type == SL_VALUE_NUMBER || v->type == SL_VALUE_STRING || v->type == SL_VALUE_TRUE ||
           v->type == SL_VALUE_FALSE;
}

static struct sl_slice find(struct sl_flow_reader *r, const struct sl_record *record,
                            enum thing thing)
{
    for (size_t i = 0; i < NAMES; i++) {
        struct sl_value v;
        struct sl_slice text;

        if (names[i].thing != thing)
            continue;
        v = sl_record_value(record, r->ids[i]);
        if (!scalar(&v))
            continue;
        sl_buf_reset(&r->scratch[thing], 64 << 10);
        text = sl_value_text(&v, &r->scratch[thing]);
        if (text.n)
            return text;
    }
    return sl_slice(NULL, 0);
}

static int64_t duration(struct sl_flow_reader *r, const struct sl_record *record)
{
    for (size_t i = 0; i < NAMES; i++) {
        struct sl_value v;
        int64_t ns;

        if (names[i].thing != DURATION)
            continue;
        v = sl_record_value(record, r->ids[i]);
        sl_buf_reset(&r->scratch[DURATION], 64 << 10);
        if ((v.type == SL_VALUE_NUMBER || v.type == SL_VALUE_STRING) &&
            sl_flow_duration(sl_value_text(&v, &r->scratch[DURATION]), names[i].unit_ns, &ns))
            return ns;
    }
    return -1;
}

static bool holds(struct sl_slice text, const char *a, struct sl_slice b)
{
    struct sl_buf word;
    bool found;

    sl_buf_init(&word, 64);
    sl_buf_text(&word, a);
    sl_buf_slice(&word, b);
    sl_buf_byte(&word, ' ');
    found = !word.full && text.n && memmem(text.p, text.n, word.p, word.n);
    sl_buf_release(&word);
    return found;
}

/* A line of an access log says "GET /path 500" as well as its whole self; a metric is its name and
 * value. */
static struct sl_slice message(struct sl_flow_reader *r, const struct sl_record *record,
                               struct sl_slice status)
{
    struct sl_slice text = find(r, record, MESSAGE), method = find(r, record, METHOD),
                    path = find(r, record, PATH), metric;
    struct sl_buf *out = &r->scratch[THINGS];

    sl_buf_reset(out, 64 << 10);
    if (method.p && path.p && (!text.p || holds(text, "\"", method))) {
        sl_buf_slice(out, method);
        sl_buf_byte(out, ' ');
        sl_buf_slice(out, path);
        if (status.p)
            sl_buf_printf(out, " %.*s", (int)status.n, status.p);
        return out->full ? path : sl_buf_as_slice(out);
    }
    if (text.p)
        return text;
    metric = find(r, record, METRIC);
    if (metric.p) {
        text = find(r, record, VALUE);
        sl_buf_slice(out, metric);
        if (text.p) {
            SL_BUF_LITERAL(out, " = ");
            sl_buf_slice(out, text);
        }
        return out->full ? metric : sl_buf_as_slice(out);
    }
    sl_buf_reset(out, 64 << 10);
    return record->form == SL_FORM_OBJECT ? record->body : record->text;
}

void sl_flow_read(struct sl_flow_reader *r, struct sl_slice json, int64_t kafka_ms,
                  struct sl_flow_read *ret)
{
    struct sl_slice status;

    r->message = (struct sl_message){.at = r->partition,
                                     .timestamp_ms = kafka_ms,
                                     .value = sl_slice(json.n ? json.p : "", json.n)};
    *ret = (struct sl_flow_read){.duration_ns = -1};
    sl_decode(r->decoder, &r->message, &ret->record);
    ret->correlation = find(r, &ret->record, CORRELATION);
    ret->trace = find(r, &ret->record, TRACE);
    ret->span = find(r, &ret->record, SPAN);
    ret->parent = find(r, &ret->record, PARENT);
    ret->service = find(r, &ret->record, SERVICE);
    ret->instance = find(r, &ret->record, INSTANCE);
    ret->duration_ns = duration(r, &ret->record);
    status = find(r, &ret->record, STATUS);
    ret->failed = status.n == 3 && status.p[0] == '5';
    ret->message = message(r, &ret->record, status);
    if (ret->message.n > SHOWN_MAX)
        ret->message.n = SHOWN_MAX;
}
