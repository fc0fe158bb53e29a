/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/notes.h"
#include "flow/text.h"

/* One page, whole in itself: nothing is loaded, and nothing runs, for there is no script; the
 * policy in its head forbids both to whatever a record might smuggle in. What unfolds is <details>,
 * which keyboards and screen readers know. Texts of records are escaped, their direction is kept to
 * themselves (<bdi>), and marks that would turn or hide text are spelled out. A long message shows
 * its first lines, and all of them where its record is unfolded, or printed. */

enum { DETAIL_MAX = 16384, NOTE_MAX = 4096, PERCENT = 100 };

static const char head_begin[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n"
    "<meta name=\"referrer\" content=\"no-referrer\">\n";

static const char style[] =
    "<style>\n"
    ":root{--bg:#fff;--ink:#1b1f24;--soft:#59636e;--line:#d8dee4;--row:#f6f8fa;--bad:#b42318;"
    "--badbg:#fdecea;--warn:#7a5200;--warnbg:#fff6db}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0f1317;--ink:#e6eaee;--soft:#9aa5b1;"
    "--line:#2c343c;--row:#161b21;--bad:#ff8f85;--badbg:#33171a;--warn:#f2cc72;--warnbg:#2c2510}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0 auto;max-width:1400px;padding:1rem 1.25rem 3rem;background:var(--bg);"
    "color:var(--ink);font:15px/1.45 system-ui,sans-serif}\n"
    "h1{font:600 1.15rem/1.3 ui-monospace,monospace;margin:.3rem 0;overflow-wrap:anywhere}\n"
    "h2{font-size:1rem;margin:1.4rem 0 .4rem}\n"
    "p{margin:.2rem 0}.soft{color:var(--soft)}\n"
    ".note{margin:.6rem 0;padding:.5rem .75rem;border-left:4px solid var(--warn);"
    "background:var(--warnbg);color:var(--warn);overflow-wrap:anywhere}\n"
    "ul.lanes{list-style:none;display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;padding:0;margin:.8rem "
    "0}\n"
    "ul.lanes b,.svc{font-weight:600;overflow-wrap:anywhere}\n"
    ".key{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.4em}\n"
    "ol{list-style:none;margin:0;padding:0;border-top:1px solid var(--line)}\n"
    "li.r{border-bottom:1px solid var(--line)}\n"
    "summary,.axis{display:grid;grid-template-columns:5.5rem 8.5rem minmax(8rem,2fr) 5.5rem 4rem "
    "minmax(12rem,4fr);gap:0 .75rem;align-items:start;padding:.28rem .4rem}\n"
    "summary{cursor:pointer;list-style:none}\n"
    "summary::-webkit-details-marker{display:none}\n"
    "summary:hover,details[open]>summary{background:var(--row)}\n"
    "summary:focus-visible{outline:2px solid #1f6feb;outline-offset:-2px}\n"
    ".axis{color:var(--soft);font-size:.85rem}\n"
    ".num{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}\n"
    ".bar{position:relative;height:.9rem;margin-top:.22rem;background:linear-gradient(90deg,var(--"
    "line) 1px,"
    "transparent 1px) 0/25% 100%;border-right:1px solid var(--line)}\n"
    ".bar i{position:absolute;top:.1rem;bottom:.1rem;min-width:4px;border-radius:2px}\n"
    ".ends{display:flex;justify-content:space-between}\n"
    ".lvl{font-size:.8rem;line-height:1.35rem;font-weight:600;text-transform:uppercase}\n"
    ".msg{overflow-wrap:anywhere;min-width:0;white-space:pre-wrap;overflow:hidden;"
    "display:-webkit-box;-webkit-box-orient:vertical;-webkit-line-clamp:6;line-clamp:6}\n"
    "details[open] .msg{display:block}\n"
    ".bad summary{background:var(--badbg)}.bad .msg,.bad .lvl,.bad .num:first-child{color:"
    "var(--bad)}.bad .msg{font-weight:600}\n"
    ".bad summary{box-shadow:inset 4px 0 var(--bad)}\n"
    ".warn .lvl{color:var(--warn)}.low .msg,.low .lvl{color:var(--soft)}\n"
    "li.gap{padding:.28rem .4rem .28rem 1.4rem;color:var(--soft);font-style:italic;"
    "border-bottom:1px dashed var(--line);overflow-wrap:anywhere}\n"
    "dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.1rem .8rem;margin:.3rem "
    "0 .3rem 1rem;font-size:.9rem}dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}\n"
    "pre{margin:.3rem 0 .8rem 1rem;padding:.6rem;background:var(--row);border:1px solid "
    "var(--line);white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.4 "
    "ui-monospace,monospace}\n"
    "@media(max-width:52rem){body{padding:.75rem .6rem 2rem}.axis{display:none}\n"
    "summary{grid-template-columns:auto minmax(0,1fr) auto auto;grid-template-areas:'t s d l' "
    "'b b b b' 'm m m m';gap:.15rem .6rem;padding:.5rem .4rem .5rem .6rem}\n"
    ".t{grid-area:t}.s{grid-area:s}.b{grid-area:b;margin:0}.d{grid-area:d}.l{grid-area:l}.m{grid-"
    "area:m}\n"
    "dl,pre{margin-left:.3rem}}\n"
    "@media print{details>*{break-inside:avoid}.msg{display:block}}\n";

/* A hue a service, dark enough on white and light enough on black. */
static void lane_styles(const struct sl_flow *f, struct sl_buf *to)
{
    static const unsigned hues[] = {212, 145, 275, 32, 185, 325, 95, 250, 55, 165};
    size_t n = sizeof(hues) / sizeof(hues[0]);

    for (size_t i = 0; i < n && i < f->n_services; i++)
        sl_buf_printf(to,
                      ".v%zu{background:hsl(%u 62%% 42%%)}@media(prefers-color-scheme:dark){.v%zu{"
                      "background:hsl(%u 58%% 60%%)}}\n",
                      i, hues[i], i, hues[i]);
    SL_BUF_LITERAL(to, ".bad .bar i{background:var(--bad)}\n</style>\n");
}

static void bdi(const char *text, struct sl_buf *to)
{
    SL_BUF_LITERAL(to, "<bdi>");
    sl_flow_html_text(sl_slice_str(text), to);
    SL_BUF_LITERAL(to, "</bdi>");
}

static void top(const struct sl_flow *f, struct sl_buf *to)
{
    struct sl_buf text;
    bool told = false;

    sl_buf_init(&text, NOTE_MAX);
    SL_BUF_LITERAL(to, "<title>Flow ");
    sl_flow_html_text(sl_slice_str(f->id), to);
    SL_BUF_LITERAL(to, "</title>\n");
    sl_buf_text(to, style);
    lane_styles(f, to);
    SL_BUF_LITERAL(to, "</head><body>\n<header><h1>");
    bdi(f->id, to);
    SL_BUF_LITERAL(to, "</h1>\n<p>");
    sl_flow_summary(f, true, &text);
    sl_flow_html_text(sl_buf_as_slice(&text), to);
    SL_BUF_LITERAL(to, "</p>\n<p class=\"soft\">");
    if (f->from_ns) {
        SL_BUF_LITERAL(to, "From <time>");
        sl_time_rfc3339(f->from_ns, to);
        SL_BUF_LITERAL(to, "</time> to <time>");
        sl_time_rfc3339(f->to_ns, to);
        SL_BUF_LITERAL(to, "</time>");
    } else {
        SL_BUF_LITERAL(to, "No record tells a time");
    }
    if (f->origin) {
        SL_BUF_LITERAL(to, ". Looked ");
        bdi(f->origin, to);
    }
    SL_BUF_LITERAL(to, ".</p>\n");
    if (f->missing) {
        SL_BUF_LITERAL(to, "<p class=\"note\">Records may be missing: ");
        bdi(f->missing, to);
        SL_BUF_LITERAL(to, ".</p>\n");
    }
    for (size_t i = 0; i < f->n_services; i++) {
        sl_buf_clear(&text);
        if (!sl_flow_clock_note(f, &f->services[i], true, &text))
            continue;
        sl_buf_text(to, told ? "<br>\n" : "<p class=\"note\">");
        sl_flow_html_text(sl_buf_as_slice(&text), to);
        told = true;
    }
    if (told)
        SL_BUF_LITERAL(to, ".<br>\nTimes are shown as they were recorded.</p>\n");
    SL_BUF_LITERAL(to, "</header>\n");
    sl_buf_release(&text);
}

static void lanes(const struct sl_flow *f, struct sl_buf *to)
{
    SL_BUF_LITERAL(to, "<ul class=\"lanes\" aria-label=\"Services\">\n");
    for (size_t i = 0; i < f->n_services; i++) {
        const struct sl_flow_service *s = &f->services[i];

        sl_buf_printf(to, "<li><span class=\"key v%zu\"></span><b>", i % 10);
        bdi(s->name, to);
        sl_buf_printf(to, "</b> <span class=\"soft\">%zu record%s", s->records,
                      s->records == 1 ? "" : "s");
        if (s->errors)
            sl_buf_printf(to, ", %zu error%s", s->errors, s->errors == 1 ? "" : "s");
        SL_BUF_LITERAL(to, "</span></li>\n");
    }
    SL_BUF_LITERAL(to, "</ul>\n");
}

static void bar(const struct sl_flow *f, const struct sl_flow_record *r, struct sl_buf *to)
{
    double whole = (double)(f->to_ns - f->from_ns);
    double left = whole > 0 ? PERCENT * (double)(r->begin_ns - f->from_ns) / whole : 0;
    double wide = whole > 0 ? PERCENT * (double)(r->end_ns - r->begin_ns) / whole : 0;

    sl_buf_printf(
        to,
        "<span class=\"bar b\" aria-hidden=\"true\"><i class=\"v%u\" style=\"left:min(%.2f%%,"
        "100%% - 4px);width:%.2f%%\"></i></span>",
        r->service % 10, left, wide);
}

static void member(const char *name, const char *value, struct sl_buf *to)
{
    if (!value)
        return;
    sl_buf_printf(to, "<dt>%s</dt><dd>", name);
    bdi(value, to);
    SL_BUF_LITERAL(to, "</dd>");
}

static void details(const struct sl_flow_record *r, struct sl_buf *to)
{
    struct sl_slice json = r->json;
    struct sl_buf text;

    sl_buf_init(&text, NOTE_MAX);
    SL_BUF_LITERAL(to, "<dl>");
    if (r->timed)
        sl_time_rfc3339(r->time_ns, &text);
    else
        SL_BUF_LITERAL(&text, "none of its own; shown beside its neighbour");
    member("time", sl_buf_str(&text), to);
    member("instance", r->instance, to);
    member("trace", r->trace, to);
    member("span", r->span, to);
    member("called by span", r->parent, to);
    sl_buf_clear(&text);
    if (sl_flow_place(r, &text))
        member("place", sl_buf_str(&text), to);
    member("document", r->document, to);
    SL_BUF_LITERAL(to, "</dl>\n<pre tabindex=\"0\" aria-label=\"The record\">");
    if (json.n > DETAIL_MAX)
        json.n = DETAIL_MAX;
    sl_flow_html_text(json, to);
    if (json.n < r->json.n)
        sl_buf_printf(to, "\xe2\x80\xa6 (%zu bytes)", r->json.n);
    SL_BUF_LITERAL(to, "</pre>");
    sl_buf_release(&text);
}

static void row(const struct sl_flow *f, const struct sl_flow_record *r, struct sl_buf *to)
{
    char text[SL_FLOW_SPAN_TEXT];
    const char *level = r->level == SL_LEVEL_NONE && r->error ? "error" : sl_level_name(r->level);

    sl_buf_printf(to, "<li class=\"r%s\"><details><summary><span class=\"num t\">%s%s</span>",
                  r->error                                                   ? " bad"
                  : r->level == SL_LEVEL_WARN                                ? " warn"
                  : r->level == SL_LEVEL_TRACE || r->level == SL_LEVEL_DEBUG ? " low"
                                                                             : "",
                  r->timed ? "" : "~", sl_flow_span_text(r->time_ns - f->from_ns, true, text));
    sl_buf_printf(to, "<span class=\"svc s\"><span class=\"key v%u\"></span>", r->service % 10);
    bdi(f->services[r->service].name, to);
    SL_BUF_LITERAL(to, "</span>");
    bar(f, r, to);
    sl_buf_printf(to, "<span class=\"num d\">%s</span><span class=\"lvl l\">%s</span>",
                  r->duration_ns >= 0 ? sl_flow_span_text(r->duration_ns, true, text) : "", level);
    SL_BUF_LITERAL(to, "<span class=\"msg m\">");
    bdi(r->message, to);
    SL_BUF_LITERAL(to, "</span></summary>\n");
    details(r, to);
    SL_BUF_LITERAL(to, "</details></li>\n");
}

void sl_flow_html(const struct sl_flow *f, struct sl_buf *to)
{
    char text[SL_FLOW_SPAN_TEXT];
    struct sl_buf note;
    size_t g = 0;

    sl_buf_init(&note, NOTE_MAX);
    sl_buf_text(to, head_begin);
    top(f, to);
    SL_BUF_LITERAL(to, "<main>\n");
    lanes(f, to);
    sl_buf_printf(to,
                  "<div class=\"axis\" aria-hidden=\"true\"><span class=\"num\">time</span><span>"
                  "service</span><span class=\"ends\"><span>0</span><span>%s</span></span><span "
                  "class=\"num\">took</span><span>level</span><span>message</span></div>\n<ol "
                  "aria-label=\"Records in order of time\">\n",
                  sl_flow_span_text(f->to_ns - f->from_ns, true, text));
    for (size_t i = 0; i < f->n_records; i++) {
        if (g < f->n_gaps && f->gaps[g].after == i) {
            sl_buf_clear(&note);
            sl_flow_gap_note(f, &f->gaps[g++], true, &note);
            SL_BUF_LITERAL(to, "<li class=\"gap\">");
            sl_flow_html_text(sl_buf_as_slice(&note), to);
            SL_BUF_LITERAL(to, "</li>\n");
        }
        row(f, &f->records[i], to);
    }
    SL_BUF_LITERAL(to, "</ol>\n</main></body></html>\n");
    sl_buf_release(&note);
}
