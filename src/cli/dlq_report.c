/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_report.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/dlq_groups.h"
#include "cli/show.h"

enum { WHY_MAX = 4096, WHY_SHOWN = 300 };

static const struct {
    const char *name, *done, *would;
} fates[] = {
    [SL_FATE_REDRIVEN] = {"redriven", "redriven", "would be sent"},
    [SL_FATE_REFUSED] = {"refused", "refused again", "would be refused"},
    [SL_FATE_ELSEWHERE] = {"elsewhere", "not sent: the rules no longer send them there",
                           "would not be sent: the rules no longer send them there"},
    [SL_FATE_NO_SINK] = {"no_sink", "not sent: there is no such sink any more",
                         "would not be sent: there is no such sink any more"},
    [SL_FATE_ARCHIVE] = {"archive",
                         "not sent: an S3 sink takes them only through the topic "
                         "(--to-topic)",
                         "would not be sent: an S3 sink takes them only through the topic "
                         "(--to-topic)"},
    [SL_FATE_GONE] = {"gone", "not sent: their record or topic is not there",
                      "would not be sent: their record or topic is not there"},
    [SL_FATE_LEFT] = {"left", "not sent yet", "would not be sent yet"},
    [SL_FATE_UNKNOWN] = {"unknown", "without an answer", "without an answer"},
};

void sl_report_release(struct sl_report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->lines[i].sink);
        free(r->lines[i].why);
        free(r->lines[i].example);
    }
    free(r->lines);
    *r = (struct sl_report){0};
}

uint64_t sl_report_letters(const struct sl_report *r)
{
    uint64_t n = 0;

    for (size_t i = 0; i < SL_FATES; i++)
        n += r->total[i];
    return n;
}

static struct sl_report_line *find(struct sl_report *r, enum sl_fate fate, struct sl_slice sink,
                                   const char *why)
{
    struct sl_report_line *l;
    size_t kinds = 0;

    for (size_t i = 0; i < r->n; i++) {
        l = &r->lines[i];
        kinds += l->fate == fate;
        if (l->fate == fate && sl_slice_is(sink, l->sink) && !strcmp(why, l->why))
            return l;
    }
    if (kinds == SL_REPORT_LINES_MAX) {
        sink = SL_SLICE_LITERAL("");
        why = "(other reasons)";
    } else if (kinds > SL_REPORT_LINES_MAX) {
        return find(r, fate, SL_SLICE_LITERAL(""), "(other reasons)");
    }
    r->lines = sl_reallocarray(r->lines, r->n + 1, sizeof(*r->lines));
    l = &r->lines[r->n++];
    *l = (struct sl_report_line){
        .fate = fate, .sink = sl_strndup(sink.p ? sink.p : "", sink.n), .why = sl_strdup(why)};
    return l;
}

uint64_t sl_report_add(struct sl_report *r, enum sl_fate fate, struct sl_slice sink,
                       const char *why, const char *place)
{
    struct sl_report_line *l;
    struct sl_buf pattern;

    sl_buf_init(&pattern, WHY_MAX);
    sl_dlq_pattern(sl_slice_str(why), &pattern);
    l = find(r, fate, sink, sl_buf_str(&pattern));
    sl_buf_release(&pattern);
    if (l->n++ == 0)
        l->example = sl_strdup(place);
    r->total[fate]++;
    return l->n;
}

static void line(const struct sl_report_line *l, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "  ");
    sl_show_count(l->n, out);
    if (l->sink[0]) {
        sl_buf_text(out, "  ");
        sl_show_text(sl_slice_str(l->sink), WHY_SHOWN, out);
    }
    if (l->why[0]) {
        SL_BUF_LITERAL(out, "  ");
        sl_show_text(sl_slice_str(l->why), WHY_SHOWN, out);
    }
    if (l->fate != SL_FATE_REDRIVEN)
        sl_buf_printf(out, "  (%s%s)", l->n > 1 ? "such as " : "", l->example);
    sl_buf_byte(out, '\n');
}

void sl_report_text(const struct sl_report *r, bool dry, struct sl_buf *out)
{
    for (size_t fate = 0; fate < SL_FATES; fate++) {
        if (r->total[fate] == 0)
            continue;
        sl_show_count(r->total[fate], out);
        sl_buf_printf(out, " %s\n", dry ? fates[fate].would : fates[fate].done);
        for (size_t i = 0; i < r->n; i++)
            if (r->lines[i].fate == fate)
                line(&r->lines[i], out);
    }
}

void sl_report_json(const struct sl_report *r, struct sl_buf *out)
{
    const char *comma = "";

    for (size_t fate = 0; fate < SL_FATES; fate++)
        sl_buf_printf(out, "%s\"%s\":%" PRIu64, fate ? "," : "", fates[fate].name, r->total[fate]);
    SL_BUF_LITERAL(out, ",\"kinds\":[");
    for (size_t i = 0; i < r->n; i++, comma = ",") {
        const struct sl_report_line *l = &r->lines[i];

        sl_buf_printf(out, "%s{\"fate\":\"%s\",\"letters\":%" PRIu64 ",\"sink\":", comma,
                      fates[l->fate].name, l->n);
        sl_show_string(sl_slice_str(l->sink), out);
        SL_BUF_LITERAL(out, ",\"why\":");
        sl_show_string(sl_slice_str(l->why), out);
        SL_BUF_LITERAL(out, ",\"example\":");
        sl_show_string(sl_slice_str(l->example), out);
        sl_buf_byte(out, '}');
    }
    sl_buf_byte(out, ']');
}
