/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cli/plan_compare.h"
#include "cli/show.h"

/* What `sluice plan` found: the counts that move, then the classes of records that go another way,
 * most records first. What stays as it is takes one line at most. */

enum {
    RULES_SHOWN = 40,
    CLASSES_SHOWN = 30,
    NAME_WIDTH = 28,
    COUNT_WIDTH = 14,
    WORDS_MAX = 64 << 10
};

static const char *plural(uint64_t n)
{
    return n == 1 ? "" : "s";
}

static void count(uint64_t n, struct sl_buf *out)
{
    sl_show_count(n, out);
}

/* Numbers stand right in their columns. */
static void column(uint64_t n, size_t width, struct sl_buf *out)
{
    char room[64];
    struct sl_buf text = {.p = room, .cap = sizeof(room), .max = sizeof(room)};

    sl_show_count(n, &text);
    for (size_t i = text.n; i < width; i++)
        sl_buf_byte(out, ' ');
    sl_buf_append(out, room, text.n);
}

static void before_and_after(const uint64_t n[SL_COMPARE_SIDES], struct sl_buf *out)
{
    column(n[SL_COMPARE_BEFORE], COUNT_WIDTH, out);
    if (n[0] == n[1])
        return;
    sl_buf_text(out, " -> ");
    count(n[SL_COMPARE_AFTER], out);
}

static void name_column(const char *name, struct sl_buf *out)
{
    const size_t begin = out->n;

    sl_buf_text(out, "  ");
    sl_show_text(sl_slice_str(name), 60, out);
    sl_show_pad(out, begin, NAME_WIDTH);
}

/* ---- counts ---- */

static void write_rules(const struct sl_compare *p, struct sl_buf *out)
{
    size_t same = 0, shown = 0, more = 0;

    for (size_t i = 0; i < p->n_rules; i++) {
        const struct sl_compare_rule *r = &p->rules[i];

        if (r->records[0] == r->records[1] && r->exists[0] && r->exists[1]) {
            same++;
            continue;
        }
        if (shown == RULES_SHOWN) {
            more++;
            continue;
        }
        if (shown++ == 0)
            sl_buf_text(out, "\nrecords that a rule matched, before -> after\n");
        name_column(r->name, out);
        before_and_after(r->records, out);
        sl_buf_text(out, !r->exists[0] ? "  (new)" : !r->exists[1] ? "  (gone)" : "");
        sl_buf_byte(out, '\n');
    }
    if (more)
        sl_buf_printf(out, "  ... %zu more\n", more);
    if (shown && same)
        sl_buf_printf(out, "  (%zu other%s as before)\n", same, plural(same));
}

static void write_sinks(const struct sl_compare *p, struct sl_buf *out)
{
    sl_buf_text(out, "\nsinks: records, and bytes as sent before compression\n");
    for (size_t i = 0; i < p->config->n_sinks; i++) {
        const struct sl_compare_sink *s = &p->sinks[i];
        size_t begin = out->n;

        name_column(p->config->sinks[i].name, out);
        before_and_after(s->records, out);
        sl_show_pad(out, begin, NAME_WIDTH + 2 * COUNT_WIDTH);
        before_and_after(s->bytes, out);
        if (s->bytes[0] && s->bytes[0] != s->bytes[1])
            sl_buf_printf(out, " (%+.1f %%)",
                          100.0 * ((double)s->bytes[1] - (double)s->bytes[0]) /
                              (double)s->bytes[0]);
        sl_buf_byte(out, '\n');
    }
}

static void write_dropped(const struct sl_compare *p, struct sl_buf *out)
{
    static const char *const words[] = {
        [SL_DROP_RULE] = "dropped by a rule",
        [SL_DROP_UNMATCHED] = "dropped as unmatched",
        [SL_DROP_SAMPLE] = "dropped by `sample`",
        [SL_DROP_RATE_LIMIT] = "dropped by `rate_limit`",
    };

    for (int i = SL_DROP_RULE; i <= SL_DROP_RATE_LIMIT; i++) {
        const uint64_t n[] = {p->dropped[SL_COMPARE_BEFORE][i], p->dropped[SL_COMPARE_AFTER][i]};

        if (n[0] == 0 && n[1] == 0)
            continue;
        name_column(words[i], out);
        before_and_after(n, out);
        sl_buf_byte(out, '\n');
    }
    if (p->limits[0] || p->limits[1]) {
        name_column("met a rule's limits", out);
        before_and_after(p->limits, out);
        sl_buf_byte(out, '\n');
    }
}

/* ---- classes ---- */

static void sinks_of(const struct sl_compare *p, uint64_t sinks, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_byte(out, '{');
    for (size_t i = 0; i < p->config->n_sinks; i++)
        if (sinks >> i & 1) {
            sl_buf_printf(out, "%s%s", comma, p->config->sinks[i].name);
            comma = ", ";
        }
    sl_buf_byte(out, '}');
}

/* Where records of one side end, in words. */
static void end_of(const struct sl_compare *p, const struct sl_compare_way *w, struct sl_buf *out)
{
    const char *rule = p->rules[w->rule].name;

    if (!w->dropped) {
        sinks_of(p, w->sinks, out);
        return;
    }
    if (w->dropped == 1 + SL_DROP_UNMATCHED)
        sl_buf_text(out, "dropped as unmatched");
    else if (w->dropped == 1 + SL_DROP_RULE)
        sl_buf_printf(out, "dropped by `%s`", rule);
    else
        sl_buf_printf(out, "dropped by `%s` (%s)", rule,
                      sl_drop_reason_word((enum sl_drop_reason)(w->dropped - 1)));
}

static const char *and_then(bool *first)
{
    const char *words = *first ? "" : "; ";

    *first = false;
    return words;
}

static void write_change(const struct sl_compare *p, const struct sl_compare_change *c,
                         struct sl_buf *out)
{
    const struct sl_compare_way *a = &c->way[SL_COMPARE_BEFORE], *b = &c->way[SL_COMPARE_AFTER];
    bool first = true;

    if (a->sinks != b->sinks || a->dropped != b->dropped) {
        sl_buf_text(out, and_then(&first));
        if (!a->dropped && !b->dropped)
            sl_buf_text(out, "sinks ");
        end_of(p, a, out);
        sl_buf_text(out, b->dropped ? " -> now " : " -> ");
        end_of(p, b, out);
    }
    if (a->rule != b->rule)
        sl_buf_printf(out, "%srule `%s` -> `%s`", and_then(&first), p->rules[a->rule].name,
                      p->rules[b->rule].name);
    if (a->limit != b->limit)
        sl_buf_printf(out, "%s%s", and_then(&first),
                      b->limit ? "now meets the rule's limits" : "met the rule's limits before");
    if (c->bytes) {
        sl_buf_printf(out, "%sbytes differ in ", and_then(&first));
        sinks_of(p, c->bytes, out);
    }
    if (c->places) {
        sl_buf_printf(out, "%sindex or key differs in ", and_then(&first));
        sinks_of(p, c->places, out);
    }
    if (c->matched)
        sl_buf_printf(out, "%sother rules match", and_then(&first));
}

static void write_lines(const char *lines, struct sl_buf *out)
{
    while (*lines) {
        size_t n = strcspn(lines, "\n");

        sl_buf_printf(out, "      %.*s\n", (int)n, lines);
        lines += n + (lines[n] == '\n');
    }
}

static void write_classes(const struct sl_compare *p, struct sl_buf *out)
{
    uint64_t rest = p->others;

    if (p->n_classes)
        sl_buf_text(out, "\nwhat changes, each with the first record that does\n");
    for (size_t i = 0; i < p->n_classes; i++) {
        const struct sl_compare_class *class = &p->classes[i];

        if (i >= CLASSES_SHOWN) {
            rest += class->records;
            continue;
        }
        sl_buf_text(out, "  ");
        count(class->records, out);
        sl_buf_printf(out, " record%s: ", plural(class->records));
        write_change(p, &class->change, out);
        sl_buf_printf(out, "\n    %s: %s\n", class->place, class->value);
        write_lines(class->differences, out);
    }
    if (rest) {
        sl_buf_text(out, "  ");
        count(rest, out);
        sl_buf_printf(out, " record%s: other changes\n", plural(rest));
    }
}

void sl_compare_text(const struct sl_compare *p, struct sl_buf *out)
{
    if (p->changed) {
        count(p->changed, out);
        sl_buf_text(out, " of ");
        count(p->records, out);
        sl_buf_printf(out, " record%s change%s\n", plural(p->records), p->changed == 1 ? "s" : "");
    } else {
        sl_buf_text(out, "nothing changes for ");
        count(p->records, out);
        sl_buf_printf(out, " record%s\n", plural(p->records));
    }
    if (p->tombstones)
        sl_buf_printf(out, "(%" PRIu64 " tombstone%s besides, which no rule sees)\n", p->tombstones,
                      plural(p->tombstones));
    write_rules(p, out);
    if (p->changed) {
        write_sinks(p, out);
        write_dropped(p, out);
    }
    write_classes(p, out);
}

/* ---- for machines ---- */

static void json_sinks(const struct sl_compare *p, uint64_t sinks, struct sl_buf *out)
{
    const char *comma = "";

    sl_buf_byte(out, '[');
    for (size_t i = 0; i < p->config->n_sinks; i++)
        if (sinks >> i & 1) {
            sl_buf_text(out, comma);
            sl_show_string(sl_slice_str(p->config->sinks[i].name), out);
            comma = ",";
        }
    sl_buf_byte(out, ']');
}

static void json_counts(const char *name, const uint64_t n[SL_COMPARE_SIDES], struct sl_buf *out)
{
    sl_buf_printf(out, "\"%s\":{\"before\":%" PRIu64 ",\"after\":%" PRIu64 "}", name, n[0], n[1]);
}

static void json_way(const struct sl_compare *p, const struct sl_compare_way *w, struct sl_buf *out)
{
    sl_buf_text(out, "{\"rule\":");
    sl_show_string(sl_slice_str(p->rules[w->rule].name), out);
    sl_buf_text(out, ",\"sinks\":");
    json_sinks(p, w->sinks, out);
    sl_buf_text(out, ",\"dropped\":");
    if (w->dropped)
        sl_buf_printf(out, "\"%s\"", sl_drop_reason_word((enum sl_drop_reason)(w->dropped - 1)));
    else
        sl_buf_text(out, "null");
    sl_buf_printf(out, ",\"limit\":%s}", w->limit ? "true" : "false");
}

static void json_class(const struct sl_compare *p, const struct sl_compare_class *class,
                       struct sl_buf *out)
{
    struct sl_buf words;

    sl_buf_init(&words, WORDS_MAX);
    write_change(p, &class->change, &words);
    sl_buf_printf(out, "{\"records\":%" PRIu64 ",\"change\":", class->records);
    sl_show_string(sl_buf_as_slice(&words), out);
    sl_buf_release(&words);
    sl_buf_text(out, ",\"before\":");
    json_way(p, &class->change.way[SL_COMPARE_BEFORE], out);
    sl_buf_text(out, ",\"after\":");
    json_way(p, &class->change.way[SL_COMPARE_AFTER], out);
    sl_buf_text(out, ",\"bytes_differ\":");
    json_sinks(p, class->change.bytes, out);
    sl_buf_text(out, ",\"place_differs\":");
    json_sinks(p, class->change.places, out);
    sl_buf_printf(out, ",\"other_rules_match\":%s,\"example\":{\"place\":",
                  class->change.matched ? "true" : "false");
    sl_show_string(sl_slice_str(class->place), out);
    sl_buf_text(out, ",\"value\":");
    sl_show_string(sl_slice_str(class->value), out);
    sl_buf_printf(out, ",\"differences\":[%s]}}", class->differences_json);
}

static void json_rules(const struct sl_compare *p, struct sl_buf *out)
{
    sl_buf_text(out, ",\"rules\":[");
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct sl_compare_rule *r = &p->rules[i];

        sl_buf_text(out, i ? ",{\"rule\":" : "{\"rule\":");
        sl_show_string(sl_slice_str(r->name), out);
        sl_buf_byte(out, ',');
        json_counts("records", r->records, out);
        if (!r->exists[0] || !r->exists[1])
            sl_buf_text(out, r->exists[1] ? ",\"new\":true" : ",\"gone\":true");
        sl_buf_byte(out, '}');
    }
    sl_buf_byte(out, ']');
}

void sl_compare_json(const struct sl_compare *p, struct sl_buf *out)
{
    sl_buf_printf(out, "{\"records\":%" PRIu64 ",\"tombstones\":%" PRIu64 ",\"changed\":%" PRIu64,
                  p->records, p->tombstones, p->changed);
    json_rules(p, out);
    sl_buf_text(out, ",\"sinks\":[");
    for (size_t i = 0; i < p->config->n_sinks; i++) {
        sl_buf_text(out, i ? ",{\"sink\":" : "{\"sink\":");
        sl_show_string(sl_slice_str(p->config->sinks[i].name), out);
        sl_buf_byte(out, ',');
        json_counts("records", p->sinks[i].records, out);
        sl_buf_byte(out, ',');
        json_counts("bytes", p->sinks[i].bytes, out);
        sl_buf_byte(out, '}');
    }
    sl_buf_text(out, "],\"dropped\":{");
    for (int i = SL_DROP_RULE; i <= SL_DROP_RATE_LIMIT; i++) {
        const uint64_t n[] = {p->dropped[SL_COMPARE_BEFORE][i], p->dropped[SL_COMPARE_AFTER][i]};

        sl_buf_text(out, i ? "," : "");
        json_counts(sl_drop_reason_word((enum sl_drop_reason)i), n, out);
    }
    sl_buf_text(out, "},");
    json_counts("limits", p->limits, out);
    sl_buf_text(out, ",\"classes\":[");
    for (size_t i = 0; i < p->n_classes; i++) {
        sl_buf_text(out, i ? "," : "");
        json_class(p, &p->classes[i], out);
    }
    sl_buf_printf(out, "],\"other_changes\":%" PRIu64, p->others);
}
