/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_groups.h"

#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "base/hash.h"
#include "cli/cli.h"
#include "cli/show.h"
#include "sluice/record.h"

enum { KEY_MAX = 64 << 10, SLOTS = 4 * SL_DLQ_GROUPS_MAX, NS_PER_MS = 1000000 };

static const char *const names[] = {
    [SL_DLQ_BY_SINK] = "sink",     [SL_DLQ_BY_RULE] = "rule", [SL_DLQ_BY_STATUS] = "status",
    [SL_DLQ_BY_TOPIC] = "topic",   [SL_DLQ_BY_DAY] = "day",   [SL_DLQ_BY_HOUR] = "hour",
    [SL_DLQ_BY_REASON] = "reason",
};

/* ---- keys ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void sl_dlq_pattern(struct sl_slice reason, struct sl_buf *out)
{
    for (size_t i = 0; i < reason.n; i++) {
        const char c = reason.p[i];
        const char *close = NULL;

        /* Not the apostrophe of "field's". */
        if ((c == '\'' || c == '"') && (i == 0 || !is_word(reason.p[i - 1])))
            close = memchr(reason.p + i + 1, c, reason.n - i - 1);
        if (close) {
            sl_buf_printf(out, "%c\u2026%c", c, c);
            i = (size_t)(close - reason.p);
        } else if (is_digit(c)) {
            while (i + 1 < reason.n && is_digit(reason.p[i + 1]))
                i++;
            sl_buf_byte(out, 'N');
        } else {
            sl_buf_byte(out, c);
        }
    }
}

void sl_dlq_time(int64_t ms, struct sl_buf *out)
{
    int64_t ns;

    if (ms < 0)
        sl_buf_byte(out, '-');
    else if (__builtin_mul_overflow(ms, NS_PER_MS, &ns)) /* a producer counted in microseconds */
        sl_buf_printf(out, "%lld", (long long)ms);
    else
        sl_time_rfc3339(ns, out);
}

static void clock_part(int64_t ms, const char *format, struct sl_buf *out)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    char text[40];

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), format, &tm);
    sl_buf_text(out, ms < 0 ? "-" : text);
}

static void write_part(const struct sl_dead_letter *l, enum sl_dlq_part part, struct sl_buf *out)
{
    switch (part) {
    case SL_DLQ_BY_SINK:
        sl_buf_slice(out, l->sink);
        break;
    case SL_DLQ_BY_RULE:
        sl_buf_slice(out, l->rule.p ? l->rule : SL_SLICE_LITERAL("-"));
        break;
    case SL_DLQ_BY_STATUS:
        if (l->status)
            sl_buf_printf(out, "%d", l->status);
        else
            sl_buf_byte(out, '-');
        break;
    case SL_DLQ_BY_TOPIC:
        sl_buf_slice(out, l->source_topic);
        break;
    case SL_DLQ_BY_DAY:
        clock_part(l->time_ms, "%Y-%m-%d", out);
        break;
    case SL_DLQ_BY_HOUR:
        clock_part(l->time_ms, "%Y-%m-%dT%H:00Z", out);
        break;
    case SL_DLQ_BY_REASON:
    case SL_DLQ_PARTS:
        sl_dlq_pattern(l->reason, out);
        break;
    }
}

/* ---- counting ---- */

static int choose(struct sl_dlq_groups *g, const char *by, struct sl_error *err)
{
    while (*by) {
        size_t n = strcspn(by, ","), part = 0;

        while (part < SL_DLQ_PARTS && !sl_slice_equal(sl_slice(by, n), sl_slice_str(names[part])))
            part++;
        if (part == SL_DLQ_PARTS)
            return sl_fail(err, SL_EINVAL,
                           "--by is a list of sink, rule, status, reason, topic, day, hour; not %s",
                           by);
        g->by[part] = true;
        by += n + (by[n] == ',');
    }
    return SL_OK;
}

int sl_dlq_groups_init(struct sl_dlq_groups *g, const char *by, struct sl_error *err)
{
    int code;

    *g = (struct sl_dlq_groups){0};
    code = choose(g, by ? by : "sink,rule,status,reason", err);
    if (code)
        return code;
    sl_buf_init(&g->key, KEY_MAX);
    g->n_slots = SLOTS;
    g->slots = sl_calloc(g->n_slots, sizeof(*g->slots));
    return SL_OK;
}

static void release(struct sl_dlq_group *g)
{
    for (size_t i = 0; i < SL_DLQ_PARTS; i++)
        free(g->parts[i]);
    free(g->example);
}

void sl_dlq_groups_release(struct sl_dlq_groups *g)
{
    for (size_t i = 0; i < g->n; i++)
        release(&g->items[i]);
    release(&g->rest);
    free(g->items);
    free(g->slots);
    sl_buf_release(&g->key);
    *g = (struct sl_dlq_groups){0};
}

/* g->key: the parts, each NUL-ended. */
static bool same(const struct sl_dlq_groups *g, const struct sl_dlq_group *group)
{
    const char *at = g->key.p;

    for (size_t i = 0; i < SL_DLQ_PARTS; i++) {
        if (!g->by[i])
            continue;
        if (strcmp(at, group->parts[i]) != 0)
            return false;
        at += strlen(at) + 1;
    }
    return true;
}

static struct sl_dlq_group *add_group(struct sl_dlq_groups *g, uint64_t hash)
{
    struct sl_dlq_group *group;
    const char *at = g->key.p;

    g->items = sl_reallocarray(g->items, g->n + 1, sizeof(*g->items));
    group = &g->items[g->n++];
    *group = (struct sl_dlq_group){.hash = hash, .first_ms = -1, .last_ms = -1};
    for (size_t i = 0; i < SL_DLQ_PARTS; i++)
        if (g->by[i]) {
            group->parts[i] = sl_strdup(at);
            at += strlen(at) + 1;
        }
    return group;
}

static struct sl_dlq_group *find(struct sl_dlq_groups *g)
{
    const uint64_t hash = sl_hash(g->key.p, g->key.n);

    for (size_t i = hash % g->n_slots;; i = (i + 1) % g->n_slots) {
        if (g->slots[i] == 0) {
            if (g->n == SL_DLQ_GROUPS_MAX)
                return &g->rest;
            g->slots[i] = g->n + 1;
            return add_group(g, hash);
        }
        if (g->items[g->slots[i] - 1].hash == hash && same(g, &g->items[g->slots[i] - 1]))
            return &g->items[g->slots[i] - 1];
    }
}

void sl_dlq_groups_add(struct sl_dlq_groups *g, const struct sl_dead_letter *l)
{
    struct sl_dlq_group *group;
    struct sl_buf place;

    sl_buf_clear(&g->key);
    for (size_t i = 0; i < SL_DLQ_PARTS; i++)
        if (g->by[i]) {
            const size_t begin = g->key.n;

            write_part(l, (enum sl_dlq_part)i, &g->key);
            for (size_t k = begin; k < g->key.n; k++) /* a part ends with its NUL */
                if (g->key.p[k] == '\0')
                    g->key.p[k] = '?';
            sl_buf_byte(&g->key, '\0');
        }
    group = find(g);
    g->letters++;
    group->n++;
    if (l->time_ms >= 0 && (group->first_ms < 0 || l->time_ms < group->first_ms))
        group->first_ms = l->time_ms;
    if (l->time_ms > group->last_ms)
        group->last_ms = l->time_ms;
    sl_buf_init(&place, KEY_MAX);
    sl_dead_letter_place(l, &place);
    free(group->example);
    group->example = sl_buf_take(&place);
}

static int compare(const void *a, const void *b)
{
    const struct sl_dlq_group *x = a, *y = b;

    if (x->n != y->n)
        return x->n < y->n ? 1 : -1;
    for (size_t i = 0; i < SL_DLQ_PARTS; i++) {
        int order = x->parts[i] ? strcmp(x->parts[i], y->parts[i]) : 0;

        if (order)
            return order;
    }
    return 0;
}

void sl_dlq_groups_sort(struct sl_dlq_groups *g)
{
    if (g->n)
        qsort(g->items, g->n, sizeof(*g->items), compare);
}

/* ---- showing ---- */

static void upper(const char *name, struct sl_buf *out)
{
    for (; *name; name++)
        sl_buf_byte(out, (char)(*name - ('a' - 'A')));
}

static size_t width_of(const struct sl_dlq_groups *g, size_t part)
{
    size_t width = strlen(names[part]);

    for (size_t i = 0; i < g->n; i++) {
        size_t n = sl_show_width(sl_slice_str(g->items[i].parts[part]));

        width = n > width ? n : width;
    }
    return width < 40 ? width : 40;
}

/* Counts to the right, times, then the parts. */
static void line(const struct sl_dlq_groups *g, const struct sl_dlq_group *group,
                 const size_t *widths, struct sl_buf *out)
{
    const size_t begin = out->n;
    struct sl_buf count;
    size_t column = 33;

    sl_buf_init(&count, 64);
    if (group)
        sl_show_count(group->n, &count);
    sl_buf_printf(out, "%9s  ", group ? sl_buf_str(&count) : "LETTERS");
    sl_buf_release(&count);
    if (group)
        clock_part(group->last_ms, "%Y-%m-%dT%H:%M:%SZ", out);
    else
        SL_BUF_LITERAL(out, "LAST");
    for (size_t i = 0; i < SL_DLQ_PARTS; i++) {
        if (!g->by[i])
            continue;
        sl_show_pad(out, begin, column);
        if (!group)
            upper(names[i], out);
        else
            sl_show_text(sl_slice_str(group->parts[i] ? group->parts[i] : "(others)"), 200, out);
        column += widths[i] + 2;
    }
    sl_buf_byte(out, '\n');
}

void sl_dlq_groups_text(const struct sl_dlq_groups *g, struct sl_buf *out)
{
    size_t widths[SL_DLQ_PARTS] = {0};

    if (g->letters == 0)
        return;
    for (size_t i = 0; i < SL_DLQ_PARTS; i++)
        if (g->by[i])
            widths[i] = width_of(g, i);
    line(g, NULL, widths, out);
    for (size_t i = 0; i < g->n; i++)
        line(g, &g->items[i], widths, out);
    if (g->rest.n)
        line(g, &g->rest, widths, out);
}

static void write_time(const char *name, int64_t ms, struct sl_buf *out)
{
    if (ms < 0)
        return;
    sl_buf_printf(out, ",\"%s\":\"", name);
    sl_dlq_time(ms, out);
    sl_buf_byte(out, '"');
}

static void group_json(const struct sl_dlq_group *group, struct sl_buf *out)
{
    sl_buf_printf(out, "{\"letters\":%llu", (unsigned long long)group->n);
    for (size_t i = 0; i < SL_DLQ_PARTS; i++)
        if (group->parts[i]) {
            sl_buf_printf(out, ",\"%s\":", names[i]);
            sl_show_string(sl_slice_str(group->parts[i]), out);
        }
    write_time("first", group->first_ms, out);
    write_time("last", group->last_ms, out);
    SL_BUF_LITERAL(out, ",\"example\":");
    sl_show_string(sl_slice_str(group->example), out);
    sl_buf_byte(out, '}');
}

void sl_dlq_groups_json(const struct sl_dlq_groups *g, struct sl_buf *out)
{
    sl_buf_byte(out, '[');
    for (size_t i = 0; i < g->n; i++) {
        if (i)
            sl_buf_byte(out, ',');
        group_json(&g->items[i], out);
    }
    if (g->rest.n) {
        sl_buf_byte(out, ',');
        group_json(&g->rest, out);
    }
    sl_buf_byte(out, ']');
}
