/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/key_time.h"

#include <string.h>

#include "record/time.h"

/* What has been read of a time, coarse to fine; only what has all that is coarser than it counts.
 */
enum { YEAR, MONTH, DAY, HOUR, MINUTE, UNITS };

struct reading {
    const char *at, *end; /* of the key */
    int value[UNITS];     /* -1: not told */
    bool ok, finished;    /* finished: the key's text ended first */
};

static void read_number(struct reading *r, int unit, size_t digits)
{
    int v = 0;

    if (r->at == r->end) {
        r->finished = true;
        return;
    }
    if ((size_t)(r->end - r->at) < digits) {
        r->ok = false;
        return;
    }
    for (size_t i = 0; i < digits; i++, r->at++) {
        if (*r->at < '0' || *r->at > '9')
            r->ok = false;
        v = 10 * v + (*r->at - '0');
    }
    if (unit < UNITS)
        r->value[unit] = v;
}

static void read_literal(struct reading *r, char c)
{
    if (r->at == r->end)
        r->finished = true;
    else if (*r->at++ != c)
        r->ok = false;
}

static void read_one(struct reading *r, char conversion)
{
    switch (conversion) {
    case 'Y':
        read_number(r, YEAR, 4);
        break;
    case 'm':
        read_number(r, MONTH, 2);
        break;
    case 'd':
        read_number(r, DAY, 2);
        break;
    case 'H':
        read_number(r, HOUR, 2);
        break;
    case 'M':
        read_number(r, MINUTE, 2);
        break;
    case 'S':
        read_number(r, UNITS, 2);
        break;
    case '%':
        read_literal(r, '%');
        break;
    default:
        r->ok = false;
        break;
    }
}

static void read_format(struct reading *r, struct sl_slice format)
{
    static const struct {
        char conversion;
        struct sl_slice means;
    } short_[] = {{'F', {"%Y-%m-%d", 8}}, {'R', {"%H:%M", 5}}, {'T', {"%H:%M:%S", 8}}};

    for (size_t i = 0; i < format.n && r->ok && !r->finished; i++) {
        bool known = false;

        if (format.p[i] != '%' || i + 1 == format.n) {
            read_literal(r, format.p[i]);
            continue;
        }
        i++;
        for (size_t k = 0; k < sizeof(short_) / sizeof(short_[0]); k++)
            if (short_[k].conversion == format.p[i]) {
                for (size_t j = 0; j < short_[k].means.n && r->ok && !r->finished; j++)
                    if (short_[k].means.p[j] == '%')
                        read_one(r, short_[k].means.p[++j]);
                    else
                        read_literal(r, short_[k].means.p[j]);
                known = true;
            }
        if (!known)
            read_one(r, format.p[i]);
    }
}

/* A value holds no '/'. Where something else follows it in the template, where it ends cannot be
 * told: then that does not fit what follows here. */
static void read_value(struct reading *r)
{
    while (r->at < r->end && *r->at != '/')
        r->at++;
    r->finished = r->at == r->end;
}

static const char *read_part(struct reading *r, const char *t)
{
    static const char time[] = "{@timestamp:";
    const char *close;

    if ((t[0] == '{' && t[1] == '{') || (t[0] == '}' && t[1] == '}')) {
        read_literal(r, *t);
        return t + 2;
    }
    if (t[0] != '{') {
        read_literal(r, *t);
        return t + 1;
    }
    close = strchr(t, '}');
    if (!close) {
        r->ok = false;
        return t + strlen(t);
    }
    if (strncmp(t, time, strlen(time)) == 0)
        read_format(r, sl_slice(t + strlen(time), (size_t)(close - t) - strlen(time)));
    else
        read_value(r);
    return close + 1;
}

/* Returns the part of the template in which the text ended. */
static const char *read_all(const char *template_, struct sl_slice text, struct reading *ret)
{
    const char *t = template_;

    text.p = text.p ? text.p : ""; /* an empty buffer has no bytes to point to */
    *ret = (struct reading){.at = text.p, .end = text.p + text.n, .ok = true};
    memset(ret->value, -1, sizeof(ret->value));
    while (*t && ret->ok && ret->at < ret->end) {
        const char *next = read_part(ret, t);

        if (ret->finished)
            break;
        t = next;
    }
    return t;
}

/* ---- the times ---- */

static int64_t at_minute(int64_t minutes)
{
    return minutes * 60 * SL_NS_PER_SECOND;
}

struct sl_key_times sl_key_times(const char *template_, struct sl_slice text)
{
    const struct sl_key_times any = {INT64_MIN, INT64_MAX};
    const int *v;
    struct reading r;
    int64_t from, to;

    read_all(template_, text, &r);
    v = r.value;
    if (!r.ok || v[YEAR] < 1970 || v[YEAR] > 2260 || v[MONTH] > 12 || v[DAY] > 31 || v[HOUR] > 23 ||
        v[MINUTE] > 59 || v[MONTH] == 0 || v[DAY] == 0)
        return any;
    if (v[MONTH] < 0) {
        from = sl_days_from_civil(v[YEAR], 1, 1) * 1440;
        to = sl_days_from_civil(v[YEAR] + 1, 1, 1) * 1440;
    } else if (v[DAY] < 0) {
        from = sl_days_from_civil(v[YEAR], v[MONTH], 1) * 1440;
        to = sl_days_from_civil(v[YEAR] + v[MONTH] / 12, v[MONTH] % 12 + 1, 1) * 1440;
    } else {
        from = sl_days_from_civil(v[YEAR], v[MONTH], v[DAY]) * 1440;
        to = from + 1440;
        if (v[HOUR] >= 0) {
            from += 60 * v[HOUR];
            to = from + 60;
            if (v[MINUTE] >= 0) {
                from += v[MINUTE];
                to = from + 1;
            }
        }
    }
    return (struct sl_key_times){at_minute(from), at_minute(to)};
}

bool sl_key_tells_more(const char *template_, struct sl_slice text)
{
    struct reading r;
    const char *t = read_all(template_, text, &r);

    return r.ok && r.at == r.end && strstr(t, "{@timestamp:");
}

size_t sl_key_literal(const char *template_)
{
    size_t n = 0;

    for (size_t i = 0; template_[i] && template_[i] != '{' && template_[i] != '}'; i++)
        if (template_[i] == '/')
            n = i + 1;
    return n;
}
