/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/notes.h"
#include "flow/text.h"
#include "record/time.h"

/* The waterfall for people at a terminal:
 *
 *       time  service   0 ms.......612 ms     took  level  message
 *       0 ms  edge      ████████████████   612 ms  INFO   GET /tiles/7/12/9 200
 *   !  180 ms  auth          █              2.1 ms  ERROR  ...
 */

enum {
    TIME = 8,
    TOOK = 8,
    LEVEL = 5,
    WIDTH_MIN = 60,
    WIDTH_MAX = 240,
    SERVICE_MIN = 7,
    ERROR_LINES = 4,
    NOTE_MAX = 4096,
};

struct drawing {
    const struct sl_flow *flow;
    const struct sl_flow_look *look;
    struct sl_buf *to;
    unsigned service, chart, message;
};

static void colour(const struct drawing *d, const char *code)
{
    if (d->look->colour)
        sl_buf_printf(d->to, "\x1b[%sm", code);
}

static const char *lane_colour(unsigned service)
{
    static const char *const codes[] = {"36", "32", "34", "35", "33", "96", "92", "94", "95"};

    return codes[service % (sizeof(codes) / sizeof(codes[0]))];
}

static const char *level_colour(const struct sl_flow_record *r)
{
    if (r->error)
        return "1;31";
    if (r->level == SL_LEVEL_TRACE || r->level == SL_LEVEL_DEBUG)
        return "2";
    return r->level == SL_LEVEL_WARN ? "33" : "0";
}

static void layout(struct drawing *d)
{
    unsigned width = d->look->width, fixed, most;

    if (width < WIDTH_MIN)
        width = WIDTH_MIN;
    if (width > WIDTH_MAX)
        width = WIDTH_MAX;
    d->service = SERVICE_MIN;
    most = width < 100 ? 10 : 20;
    for (size_t i = 0; i < d->flow->n_services; i++) {
        size_t n = sl_flow_columns(sl_slice_str(d->flow->services[i].name), d->look->utf8);

        if (n > d->service)
            d->service = n < most ? (unsigned)n : most;
    }
    d->chart = width < 100 ? 16 : width < 140 ? 26 : 40;
    if (width < 70)
        d->chart = 10;
    fixed = 1 + TIME + 1 + d->service + 1 + d->chart + TOOK + 1 + LEVEL + 1;
    d->message = width - fixed;
}

/* ---- what stands above ---- */

static void note(const struct drawing *d, const char *mark, const char *code, struct sl_buf *text)
{
    struct sl_slice rest = sl_buf_as_slice(text);
    unsigned width = d->look->width < WIDTH_MIN ? WIDTH_MIN : d->look->width;

    for (const char *lead = mark; rest.n; lead = "  ") {
        struct sl_slice line = sl_flow_line(&rest, width - 3, d->look->utf8);

        colour(d, code);
        sl_buf_text(d->to, lead);
        sl_flow_cell(line, width, d->look->utf8, d->to);
        colour(d, "0");
        sl_buf_byte(d->to, '\n');
    }
    sl_buf_truncate(text, 0);
}

static void head(const struct drawing *d)
{
    const struct sl_flow *f = d->flow;
    bool told = false;
    struct sl_buf text;

    sl_buf_init(&text, NOTE_MAX);
    sl_buf_text(&text, f->id);
    note(d, "", "1", &text);
    sl_flow_summary(f, d->look->utf8, &text);
    if (f->from_ns) {
        SL_BUF_LITERAL(&text, ", from ");
        sl_time_rfc3339(f->from_ns, &text);
    }
    note(d, "", "0", &text);
    for (size_t i = 0; i < f->n_services; i++)
        if (sl_flow_clock_note(f, &f->services[i], d->look->utf8, &text)) {
            note(d, "! ", "33", &text);
            told = true;
        }
    if (told) {
        SL_BUF_LITERAL(&text, "times are shown as they were recorded");
        note(d, "  ", "33", &text);
    }
    sl_buf_byte(d->to, '\n');
    sl_buf_release(&text);
}

static void titles(const struct drawing *d)
{
    const char *line = d->look->utf8 ? "\xc2\xb7" : ".";
    char end[SL_FLOW_SPAN_TEXT];
    size_t n;

    sl_flow_span_text(d->flow->to_ns - d->flow->from_ns, d->look->utf8, end);
    n = sl_flow_columns(sl_slice_str(end), true);
    colour(d, "2");
    sl_buf_printf(d->to, " %*s %-*s 0", TIME, "time", (int)d->service, "service");
    for (size_t i = 1; i + n < d->chart; i++)
        sl_buf_text(d->to, line);
    sl_buf_printf(d->to, "%s%*s %-*s %s", end, TOOK, "took", LEVEL, "level", "message");
    colour(d, "0");
    sl_buf_byte(d->to, '\n');
}

/* ---- a record ---- */

static void right(const struct drawing *d, const char *text, size_t width)
{
    size_t n = sl_flow_columns(sl_slice_str(text), true);

    sl_buf_printf(d->to, "%*s%s", n < width ? (int)(width - n) : 0, "", text);
}

static size_t column(const struct drawing *d, int64_t ns)
{
    double whole = (double)(d->flow->to_ns - d->flow->from_ns);
    double at = whole > 0 ? (double)(ns - d->flow->from_ns) / whole : 0;
    size_t c = (size_t)(at * d->chart);

    return c < d->chart ? c : d->chart - 1;
}

static void bar(const struct drawing *d, const struct sl_flow_record *r)
{
    bool wide = r->end_ns > r->begin_ns;
    size_t from = column(d, r->begin_ns), to = column(d, r->end_ns);
    const char *glyph = wide            ? d->look->utf8 ? "\xe2\x96\x88" : "="
                        : d->look->utf8 ? "\xe2\x97\x8f"
                                        : "o";

    sl_buf_printf(d->to, "%*s", (int)from, "");
    colour(d, r->error ? "31" : lane_colour(r->service));
    for (size_t i = from; i <= to; i++)
        sl_buf_text(d->to, glyph);
    colour(d, "0");
    sl_buf_printf(d->to, "%*s", (int)(d->chart - to - 1), "");
}

static void upper(const char *word, char ret[LEVEL + 1])
{
    size_t n = strlen(word);

    for (size_t i = 0; i < n && i < LEVEL; i++)
        ret[i] = (char)(word[i] - ('a' <= word[i] && word[i] <= 'z' ? 'a' - 'A' : 0));
    ret[n < LEVEL ? n : LEVEL] = '\0';
}

static void row(const struct drawing *d, const struct sl_flow_record *r)
{
    char time[SL_FLOW_SPAN_TEXT + 1] = "~", took[SL_FLOW_SPAN_TEXT] = "", level[LEVEL + 1];
    struct sl_slice rest = sl_slice_str(r->message), first;
    bool utf8 = d->look->utf8;

    sl_flow_span_text(r->time_ns - d->flow->from_ns, utf8, time + 1);
    if (r->duration_ns >= 0)
        sl_flow_span_text(r->duration_ns, utf8, took);
    upper(r->level == SL_LEVEL_NONE && r->error ? "error" : sl_level_name(r->level), level);

    if (r->error)
        colour(d, "1;31");
    sl_buf_byte(d->to, r->error ? '!' : ' ');
    right(d, r->timed ? time + 1 : time, TIME);
    colour(d, "0");
    colour(d, lane_colour(r->service));
    sl_buf_byte(d->to, ' ');
    sl_flow_padded(sl_slice_str(d->flow->services[r->service].name), d->service, utf8, d->to);
    colour(d, "0");
    sl_buf_byte(d->to, ' ');
    bar(d, r);
    right(d, took, TOOK);
    sl_buf_byte(d->to, ' ');
    colour(d, level_colour(r));
    sl_buf_printf(d->to, "%-*s ", LEVEL, level);
    first = r->error ? sl_flow_line(&rest, d->message, utf8) : rest;
    sl_flow_cell(first, d->message, utf8, d->to);
    colour(d, "0");
    sl_buf_byte(d->to, '\n');
    for (unsigned i = 1; r->error && rest.n && i < ERROR_LINES; i++) { /* errors are read whole */
        first = i + 1 < ERROR_LINES ? sl_flow_line(&rest, d->message, utf8) : rest;
        if (i + 1 == ERROR_LINES)
            rest.n = 0;
        sl_buf_printf(d->to, "%*s",
                      (int)(1 + TIME + 1 + d->service + 1 + d->chart + TOOK + 1 + LEVEL + 1), "");
        colour(d, level_colour(r));
        sl_flow_cell(first, d->message, utf8, d->to);
        colour(d, "0");
        sl_buf_byte(d->to, '\n');
    }
}

static void gap(const struct drawing *d, const struct sl_flow_gap *g)
{
    unsigned width = d->look->width < WIDTH_MIN ? WIDTH_MIN : d->look->width;
    struct sl_buf text;

    sl_buf_init(&text, NOTE_MAX);
    sl_flow_gap_note(d->flow, g, d->look->utf8, &text);
    sl_buf_printf(d->to, "%*s", 2 + TIME, "");
    colour(d, "2");
    sl_buf_text(d->to, d->look->utf8 ? "\xe2\x94\x84\xe2\x94\x84 " : "-- ");
    sl_flow_cell(sl_buf_as_slice(&text), width - 2 - TIME - 4, d->look->utf8, d->to);
    colour(d, "0");
    sl_buf_byte(d->to, '\n');
    sl_buf_release(&text);
}

void sl_flow_terminal(const struct sl_flow *f, const struct sl_flow_look *look, struct sl_buf *to)
{
    struct drawing d = {.flow = f, .look = look, .to = to};
    size_t g = 0;

    layout(&d);
    head(&d);
    titles(&d);
    for (size_t i = 0; i < f->n_records; i++) {
        if (g < f->n_gaps && f->gaps[g].after == i)
            gap(&d, &f->gaps[g++]);
        row(&d, &f->records[i]);
    }
}
