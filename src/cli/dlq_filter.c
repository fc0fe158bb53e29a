/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_filter.h"

#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "config/units.h"
#include "sluice/record.h"

static const char *const words[] = {
    [SL_DLQ_SINK] = "sink",   [SL_DLQ_REASON] = "reason", [SL_DLQ_RULE] = "rule",
    [SL_DLQ_TOPIC] = "topic", [SL_DLQ_SINCE] = "since",   [SL_DLQ_UNTIL] = "until",
};

/* ---- reading ---- */

int sl_dlq_read_time(const char *text, const char *name, int64_t now_ms, int64_t *ret,
                     struct sl_error *err)
{
    char day[40];
    uint64_t ago;
    int64_t ns;

    if (sl_parse_duration(text, &ago) && ago <= (uint64_t)now_ms) {
        *ret = now_ms - (int64_t)ago;
        return SL_OK;
    }
    snprintf(day, sizeof(day), "%sT00:00:00Z", text);
    if (!sl_time_from_rfc3339(sl_slice_str(text), &ns) &&
        (strlen(text) != 10 || !sl_time_from_rfc3339(sl_slice_str(day), &ns)))
        return sl_fail(err, SL_EINVAL,
                       "--%s is a time: 2h (ago), 2026-01-31 or 2026-01-31T12:00:00Z; not %s", name,
                       text);
    *ret = ns / 1000000;
    return SL_OK;
}

static int take_word(const char *name, const char *value, const char **values, struct sl_error *err)
{
    const char *near;

    for (size_t i = 0; i < SL_LENGTH(words); i++)
        if (!strcmp(words[i], name)) {
            values[i] = value;
            return SL_OK;
        }
    near = sl_nearest(name, words, SL_LENGTH(words));
    return sl_fail(err, SL_EINVAL, "--where knows no %s%s%s%s", name, near ? "; did you mean " : "",
                   near ? near : ": it has sink, reason, rule, topic, since, until",
                   near ? "?" : "");
}

/* key=value and key="a value", separated by spaces or commas; takes the text apart in place. */
static int read_where(char *at, const char **values, struct sl_error *err)
{
    int code = SL_OK;

    while (!code && *(at += strspn(at, " ,\t"))) {
        char *name = at, *value = strchr(at, '='), *end;

        if (!value || strcspn(name, " ,\t") < (size_t)(value - name))
            return sl_fail(err, SL_EINVAL, "--where is KEY=VALUE, ...: there is no = in %s", name);
        *value++ = '\0';
        if (*value == '"') {
            end = strchr(++value, '"');
            if (!end)
                return sl_fail(err, SL_EINVAL, "--where: the quote of %s is not closed", name);
        } else {
            end = value + strcspn(value, " ,\t");
        }
        at = *end ? end + 1 : end;
        *end = '\0';
        code = take_word(name, value, values, err);
    }
    return code;
}

static int read_places(char *const *operands, size_t n, struct sl_dlq_filter *ret,
                       struct sl_error *err)
{
    ret->places = sl_calloc(n + 1, sizeof(*ret->places));
    for (size_t i = 0; i < n; i++) {
        struct sl_dlq_place *p = &ret->places[ret->n_places++];

        if (!sl_place_parse(operands[i], &p->topic, &p->partition, &p->offset))
            return sl_fail(err, SL_EINVAL,
                           "a letter is named by TOPIC/PARTITION/OFFSET, as `dlq list` shows it; "
                           "not %s",
                           operands[i]);
    }
    return SL_OK;
}

int sl_dlq_filter_parse(const char *const *values, char *const *operands, size_t n_operands,
                        int64_t now_ms, struct sl_dlq_filter *ret, struct sl_error *err)
{
    const char *all[SL_DLQ_FILTER_WORDS] = {NULL};
    int code = SL_OK;

    *ret = (struct sl_dlq_filter){.since_ms = INT64_MIN, .until_ms = INT64_MAX};
    ret->where = sl_strdup(values[SL_DLQ_WHERE]);
    if (ret->where)
        code = read_where(ret->where, all, err);
    for (size_t i = 0; i < SL_LENGTH(words); i++)
        if (values[i])
            all[i] = values[i];
    ret->sink = all[SL_DLQ_SINK];
    ret->reason = all[SL_DLQ_REASON];
    ret->rule = all[SL_DLQ_RULE];
    ret->topic = all[SL_DLQ_TOPIC];
    if (!code && all[SL_DLQ_SINCE])
        code = sl_dlq_read_time(all[SL_DLQ_SINCE], "since", now_ms, &ret->since_ms, err);
    if (!code && all[SL_DLQ_UNTIL])
        code = sl_dlq_read_time(all[SL_DLQ_UNTIL], "until", now_ms, &ret->until_ms, err);
    if (!code)
        code = read_places(operands, n_operands, ret, err);
    if (code)
        sl_dlq_filter_release(ret);
    return code;
}

void sl_dlq_filter_release(struct sl_dlq_filter *f)
{
    free(f->where);
    free(f->places);
    *f = (struct sl_dlq_filter){0};
}

/* ---- judging ---- */

static bool contains(struct sl_slice text, const char *part)
{
    size_t n = strlen(part);

    for (size_t i = 0; i + n <= text.n; i++)
        if (strncasecmp(text.p + i, part, n) == 0)
            return true;
    return n == 0;
}

static bool named(const struct sl_dlq_filter *f, const struct sl_dead_letter *l)
{
    for (size_t i = 0; i < f->n_places; i++)
        if (f->places[i].offset == l->offset && f->places[i].partition == l->partition &&
            sl_slice_is(f->places[i].topic, l->topic))
            return true;
    return f->n_places == 0;
}

bool sl_dlq_filter_takes(const struct sl_dlq_filter *f, const struct sl_dead_letter *l)
{
    const bool timed = f->since_ms != INT64_MIN || f->until_ms != INT64_MAX;

    if (timed && (l->time_ms < 0 || l->time_ms < f->since_ms || l->time_ms >= f->until_ms))
        return false;
    return (!f->sink || sl_slice_is(l->sink, f->sink)) &&
           (!f->rule || (l->rule.p && sl_slice_is(l->rule, f->rule))) &&
           (!f->topic || sl_slice_is(l->source_topic, f->topic)) &&
           (!f->reason || contains(l->reason, f->reason)) && named(f, l);
}
