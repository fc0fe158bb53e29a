/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/notes.h"

#include <inttypes.h>

#include "flow/text.h"

static void count(size_t n, const char *what, struct sl_buf *to)
{
    sl_buf_printf(to, "%zu %s%s", n, what, n == 1 ? "" : "s");
}

void sl_flow_summary(const struct sl_flow *f, bool utf8, struct sl_buf *to)
{
    char text[SL_FLOW_SPAN_TEXT];

    count(f->n_records, "record", to);
    if (f->total > f->n_records)
        SL_BUF_LITERAL(to, " (and more, which did not fit)");
    SL_BUF_LITERAL(to, " of ");
    count(f->n_services, "service", to);
    sl_buf_printf(to, " in %s", sl_flow_span_text(f->to_ns - f->from_ns, utf8, text));
    if (f->errors) {
        SL_BUF_LITERAL(to, ", ");
        count(f->errors, "error", to);
    }
}

void sl_flow_gap_note(const struct sl_flow *f, const struct sl_flow_gap *g, bool utf8,
                      struct sl_buf *to)
{
    const struct sl_flow_record *r = f->records;
    const char *a = f->services[r[g->before].service].name;
    char text[SL_FLOW_SPAN_TEXT];

    sl_buf_printf(to, "%s without a record ", sl_flow_span_text(g->ns, utf8, text));
    if (r[g->before].service == r[g->after].service)
        sl_buf_printf(to, "in %s", a);
    else
        sl_buf_printf(to, "between %s and %s", a, f->services[r[g->after].service].name);
}

bool sl_flow_clock_note(const struct sl_flow *f, const struct sl_flow_service *s, bool utf8,
                        struct sl_buf *to)
{
    const char *other = s->against >= 0 ? f->services[s->against].name : NULL;
    int64_t ns = s->ahead_ns < 0 ? -s->ahead_ns : s->ahead_ns;
    char text[SL_FLOW_SPAN_TEXT];

    if (s->clock == SL_CLOCK_AGREES)
        return false;
    sl_buf_printf(to, "%s's clock is %s %s %s", s->name,
                  s->clock == SL_CLOCK_ABOUT ? "about" : "at least",
                  sl_flow_span_text(ns, utf8, text), s->ahead_ns < 0 ? "behind" : "ahead of");
    if (other)
        sl_buf_printf(to, " %s's", other);
    else
        SL_BUF_LITERAL(to, " that of the id's maker");
    if (s->maybe_outlived)
        SL_BUF_LITERAL(to, ", or it went on when its caller had ended");
    if (s->maybe_silent)
        SL_BUF_LITERAL(to, ", or its caller wrote nothing before it called");
    return true;
}

bool sl_flow_place(const struct sl_flow_record *r, struct sl_buf *to)
{
    if (!r->topic)
        return false;
    sl_buf_printf(to, "%s/%d", r->topic, (int)r->partition);
    if (r->offset >= 0) {
        sl_buf_printf(to, "/%" PRId64, r->offset);
        if (r->many)
            sl_buf_printf(to, ".%u", r->sub);
    }
    return true;
}
