/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "flow/notes.h"

/* {"id", "start", "end", "duration_ms", "truncated", "missing", "errors",
 *  "services": [{"service", "records", "errors", "first_ms", "last_ms",
 *                "clock": null or {"ahead_ms", "against", "at_least", "note"}}],
 *  "gaps": [{"after", "ms", "note"}],                 after: number of the record before it, from 0
 *  "records": [{"time", "at_ms", "service", "instance", "level", "error", "message", "duration_ms",
 *               "bar_ms": [begin, end] or null, "span_id", "parent_span_id", "trace_id", "place",
 *               "record"}]}
 *
 * Times in ms count from start, and what is not known is null. `time` is null where the record has
 * none of its own, start and end where no record has. `missing` says why records may be missing, or
 * is null. `place` is {"topic", "partition", "offset", "sub"} or, from Elasticsearch, {"document",
 * "offset", "sub"}. */

static void text(const char *name, const char *value, struct sl_buf *to)
{
    sl_buf_printf(to, ",\"%s\":", name);
    if (!value) {
        SL_BUF_LITERAL(to, "null");
        return;
    }
    sl_buf_byte(to, '"');
    sl_json_escape(sl_slice_str(value), to);
    sl_buf_byte(to, '"');
}

/* Nanoseconds are kept. */
static void ms(int64_t ns, struct sl_buf *to)
{
    uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns;

    sl_buf_printf(to, "%s%" PRIu64, ns < 0 ? "-" : "", v / 1000000);
    if (v % 1000000) {
        size_t begin = to->n;

        sl_buf_printf(to, ".%06" PRIu64, v % 1000000);
        while (!to->full && to->n > begin && to->p[to->n - 1] == '0')
            to->n--;
    }
}

static void time_text(const char *name, int64_t ns, struct sl_buf *to)
{
    if (!ns) {
        text(name, NULL, to);
        return;
    }
    sl_buf_printf(to, ",\"%s\":\"", name);
    sl_time_rfc3339(ns, to);
    sl_buf_byte(to, '"');
}

static void service(const struct sl_flow *f, const struct sl_flow_service *s, struct sl_buf *to)
{
    struct sl_buf note;

    sl_buf_printf(to, "{\"records\":%zu,\"errors\":%zu,\"first_ms\":", s->records, s->errors);
    ms(s->first_ns - f->from_ns, to);
    SL_BUF_LITERAL(to, ",\"last_ms\":");
    ms(s->last_ns - f->from_ns, to);
    text("service", s->name, to);
    SL_BUF_LITERAL(to, ",\"clock\":");
    if (s->clock == SL_CLOCK_AGREES) {
        SL_BUF_LITERAL(to, "null}");
        return;
    }
    sl_buf_init(&note, 4096);
    sl_flow_clock_note(f, s, true, &note);
    SL_BUF_LITERAL(to, "{\"ahead_ms\":");
    ms(s->ahead_ns, to);
    sl_buf_printf(to, ",\"at_least\":%s", s->clock == SL_CLOCK_AT_LEAST ? "true" : "false");
    text("against", s->against >= 0 ? f->services[s->against].name : NULL, to);
    text("note", sl_buf_str(&note), to);
    SL_BUF_LITERAL(to, "}}");
    sl_buf_release(&note);
}

static void place(const struct sl_flow_record *r, struct sl_buf *to)
{
    SL_BUF_LITERAL(to, ",\"place\":{\"offset\":");
    if (r->offset >= 0)
        sl_buf_printf(to, "%" PRId64, r->offset);
    else
        SL_BUF_LITERAL(to, "null");
    if (r->many)
        sl_buf_printf(to, ",\"sub\":%u", r->sub);
    else
        SL_BUF_LITERAL(to, ",\"sub\":null");
    if (r->topic) {
        text("topic", r->topic, to);
        sl_buf_printf(to, ",\"partition\":%d", (int)r->partition);
    }
    if (r->document)
        text("document", r->document, to);
    sl_buf_byte(to, '}');
}

static void record(const struct sl_flow *f, const struct sl_flow_record *r, struct sl_buf *to)
{
    SL_BUF_LITERAL(to, "{\"at_ms\":");
    ms(r->time_ns - f->from_ns, to);
    if (r->timed)
        time_text("time", r->time_ns, to);
    else
        text("time", NULL, to);
    text("service", f->services[r->service].name, to);
    text("instance", r->instance, to);
    text("level", r->level == SL_LEVEL_NONE ? NULL : sl_level_name(r->level), to);
    sl_buf_printf(to, ",\"error\":%s", r->error ? "true" : "false");
    text("message", r->message, to);
    SL_BUF_LITERAL(to, ",\"duration_ms\":");
    if (r->duration_ns >= 0)
        ms(r->duration_ns, to);
    else
        SL_BUF_LITERAL(to, "null");
    SL_BUF_LITERAL(to, ",\"bar_ms\":");
    if (r->end_ns > r->begin_ns) {
        sl_buf_byte(to, '[');
        ms(r->begin_ns - f->from_ns, to);
        sl_buf_byte(to, ',');
        ms(r->end_ns - f->from_ns, to);
        sl_buf_byte(to, ']');
    } else {
        SL_BUF_LITERAL(to, "null");
    }
    text("span_id", r->span, to);
    text("parent_span_id", r->parent, to);
    text("trace_id", r->trace, to);
    place(r, to);
    SL_BUF_LITERAL(to, ",\"record\":");
    sl_buf_slice(to, r->json);
    sl_buf_byte(to, '}');
}

void sl_flow_json(const struct sl_flow *f, struct sl_buf *to)
{
    struct sl_buf note;

    sl_buf_init(&note, 4096);
    SL_BUF_LITERAL(to, "{\"id\":\"");
    sl_json_escape(sl_slice_str(f->id), to);
    sl_buf_byte(to, '"');
    time_text("start", f->from_ns, to);
    time_text("end", f->to_ns, to);
    SL_BUF_LITERAL(to, ",\"duration_ms\":");
    ms(f->to_ns - f->from_ns, to);
    sl_buf_printf(to, ",\"truncated\":%s", f->total > f->n_records ? "true" : "false");
    text("missing", f->missing, to);
    sl_buf_printf(to, ",\"errors\":%zu,\"services\":[", f->errors);
    for (size_t i = 0; i < f->n_services; i++) {
        sl_buf_text(to, i ? "," : "");
        service(f, &f->services[i], to);
    }
    SL_BUF_LITERAL(to, "],\"gaps\":[");
    for (size_t i = 0; i < f->n_gaps; i++) {
        sl_buf_printf(to, "%s{\"after\":%zu,\"ms\":", i ? "," : "", f->gaps[i].before);
        ms(f->gaps[i].ns, to);
        sl_flow_gap_note(f, &f->gaps[i], true, &note);
        text("note", sl_buf_str(&note), to);
        sl_buf_byte(to, '}');
        sl_buf_clear(&note);
    }
    SL_BUF_LITERAL(to, "],\"records\":[");
    for (size_t i = 0; i < f->n_records; i++) {
        sl_buf_text(to, i ? "," : "");
        record(f, &f->records[i], to);
    }
    SL_BUF_LITERAL(to, "]}\n");
    sl_buf_release(&note);
}
