/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "record/time.h"

/* Time zones by fixed offset or from the tz database (RFC 8536), without libc's: tzset() is one
 * zone a process, read from the environment. A zone is a list of the local times at which another
 * offset begins. The rule for the future that ends a file is written out up to the last year that
 * fits ns. */

enum { FILE_MAX = 1 << 20, HEADER = 44, FIRST_YEAR = 1970, LAST_YEAR = 2261 };

struct change {
    int64_t local; /* from here on, in the later of the two local times */
    int64_t offset;
};

struct sl_zone {
    int64_t first; /* offset before the first change */
    struct change *changes;
    size_t n, cap;
    int64_t last_at; /* UTC of the last change */
};

static void add_change(struct sl_zone *z, int64_t at, int64_t offset)
{
    int64_t before = z->n ? z->changes[z->n - 1].offset : z->first;

    if (z->n && at <= z->last_at)
        return;
    if (z->n == z->cap) {
        z->cap = z->cap ? z->cap * 2 : 64;
        z->changes = sl_reallocarray(z->changes, z->cap, sizeof(*z->changes));
    }
    z->changes[z->n++] = (struct change){at + (before > offset ? before : offset), offset};
    z->last_at = at;
}

/* ---- the rule at the end of a file: CET-1CEST,M3.5.0,M10.5.0/3 ---- */

struct rule {
    char form; /* 'M': month, week, weekday; 'J': day 1-365 without leap days; '0': day 0-365 */
    int month, week, day;
    int64_t time; /* local seconds after midnight */
};

static bool take_name(const char **p)
{
    const char *begin = *p;

    if (**p == '<') {
        *p = strchr(*p, '>');
        return *p && *(*p)++;
    }
    while (isalpha((unsigned char)**p))
        ++*p;
    return *p - begin >= 3;
}

static bool take_int(const char **p, int max, int *ret)
{
    int v = 0;

    if (!isdigit((unsigned char)**p))
        return false;
    for (; isdigit((unsigned char)**p) && v <= max; ++*p)
        v = v * 10 + (**p - '0');
    *ret = v;
    return v <= max;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(const char **p, int64_t *ret)
{
    int hours, minutes = 0, seconds = 0;
    bool minus = **p == '-';

    *p += minus || **p == '+';
    if (!take_int(p, 167, &hours) || (**p == ':' && (++*p, !take_int(p, 59, &minutes))) ||
        (**p == ':' && (++*p, !take_int(p, 59, &seconds))))
        return false;
    *ret = hours * 3600 + minutes * 60 + seconds;
    if (minus)
        *ret = -*ret;
    return true;
}

static bool take_rule(const char **p, struct rule *r)
{
    *r = (struct rule){.form = '0', .time = 7200};
    if (*(*p)++ != ',')
        return false;
    if (**p == 'M') {
        r->form = *(*p)++;
        if (!take_int(p, 12, &r->month) || r->month == 0 || *(*p)++ != '.' ||
            !take_int(p, 5, &r->week) || r->week == 0 || *(*p)++ != '.' || !take_int(p, 6, &r->day))
            return false;
    } else {
        if (**p == 'J')
            r->form = *(*p)++;
        if (!take_int(p, 365, &r->day))
            return false;
    }
    return **p != '/' || (++*p, take_time(p, &r->time));
}

/* Local seconds of a rule's moment in a year. */
static int64_t moment(const struct rule *r, int64_t year)
{
    int64_t january = sl_days_from_civil(year, 1, 1), day;

    if (r->form == 'M') {
        int64_t first = sl_days_from_civil(year, r->month, 1);
        int64_t next = r->month == 12 ? sl_days_from_civil(year + 1, 1, 1)
                                      : sl_days_from_civil(year, r->month + 1, 1);
        int64_t weekday = (first % 7 + 11) % 7;

        day = first + (r->day - weekday + 7) % 7 + (r->week - 1) * 7;
        while (day >= next)
            day -= 7;
    } else if (r->form == 'J') {
        bool leap = sl_days_from_civil(year, 3, 1) - january == 60;

        day = january + r->day - 1 + (leap && r->day >= 60);
    } else {
        day = january + r->day;
    }
    return day * 86400 + r->time;
}

static bool read_rule(struct sl_zone *z, const char *p)
{
    struct rule begin, end;
    int64_t standard, summer;

    if (*p == '\0')
        return true; /* no rule: the last offset stays */
    if (!take_name(&p) || !take_time(&p, &standard))
        return false;
    standard = -standard; /* POSIX counts westwards */
    if (*p == '\0') {
        if (z->n == 0)
            z->first = standard;
        return true;
    }
    if (!take_name(&p))
        return false;
    summer = standard + 3600;
    if (*p != ',') {
        if (!take_time(&p, &summer))
            return false;
        summer = -summer;
    }
    if (!take_rule(&p, &begin) || !take_rule(&p, &end) || *p)
        return false;
    for (int64_t year = FIRST_YEAR; year <= LAST_YEAR; year++) {
        int64_t to_summer = moment(&begin, year) - standard,
                to_standard = moment(&end, year) - summer;

        if (to_summer < to_standard)
            add_change(z, to_summer, summer);
        add_change(z, to_standard, standard);
        if (to_summer > to_standard) /* the southern half */
            add_change(z, to_summer, summer);
    }
    return true;
}

/* ---- the file ---- */

static int64_t big_endian(const uint8_t *p, int bytes)
{
    uint64_t v = 0;

    for (int i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return bytes == 4 ? (int32_t)(uint32_t)v : (int64_t)v;
}

struct block {
    size_t times, types, names, leaps, standard, ut;
    size_t bytes; /* after the header */
};

static bool read_header(const uint8_t *p, size_t n, int time_bytes, struct block *b)
{
    size_t *const counts[] = {&b->ut, &b->standard, &b->leaps, &b->times, &b->types, &b->names};

    if (n < HEADER || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    for (int i = 0; i < 6; i++) {
        int64_t v = big_endian(p + 20 + 4 * i, 4);

        if (v < 0 || v > FILE_MAX)
            return false;
        *counts[i] = (size_t)v;
    }
    b->bytes = b->times * (size_t)(time_bytes + 1) + b->types * 6 + b->names +
               b->leaps * (size_t)(time_bytes + 4) + b->standard + b->ut;
    return b->types > 0 && b->bytes <= n - HEADER;
}

/* The file twice holds the same: with times of 32 bits, which is skipped, then of 64. text[n] is
 * NUL. */
static bool read_zone(struct sl_zone *z, const char *text, size_t n)
{
    const uint8_t *p = (const uint8_t *)text, *end = p + n, *which, *types;
    struct block b;
    char *rule, *stop;

    if (!read_header(p, n, 4, &b))
        return false;
    p += HEADER + b.bytes;
    if (!read_header(p, (size_t)(end - p), 8, &b))
        return false;
    p += HEADER;
    which = p + b.times * 8;
    types = which + b.times;
    z->first = big_endian(types, 4);
    for (size_t i = 0; i < b.times; i++) {
        if (which[i] >= b.types)
            return false;
        add_change(z, big_endian(p + i * 8, 8), big_endian(types + which[i] * 6, 4));
    }
    p += b.bytes;
    if (p == end || *p != '\n' || !(stop = memchr(p + 1, '\n', (size_t)(end - p - 1))))
        return false;
    rule = sl_strndup((const char *)p + 1, (size_t)(stop - (const char *)p - 1));
    bool ok = read_rule(z, rule);
    free(rule);
    return ok;
}

static int read_named(struct sl_zone *z, const char *name, struct sl_error *err)
{
    const char *folder = getenv("TZDIR");
    char *path = NULL, *text = NULL;
    FILE *file = NULL;
    size_t n;
    int rc = SL_OK;

    if (!folder || !*folder)
        folder = "/usr/share/zoneinfo";
    if (isalpha((unsigned char)name[0]) && !strstr(name, "..")) {
        path = sl_asprintf("%s/%s", folder, name);
        file = fopen(path, "re");
    }
    if (!file) {
        rc =
            sl_fail(err, SL_ECONFIG,
                    "the timezone `%s` is not known: it may be UTC, an offset such as +02:00, or a "
                    "name such as Europe/Berlin that is in %s",
                    name, folder);
        goto out;
    }
    text = sl_alloc(FILE_MAX);
    n = fread(text, 1, FILE_MAX, file);
    if (n == FILE_MAX || !read_zone(z, text, n))
        rc = sl_fail(err, SL_ECONFIG, "the timezone `%s`: %s is not a file of the tz database",
                     name, path);
out:
    if (file)
        fclose(file);
    free(path);
    free(text);
    return rc;
}

/* ---- the zone ---- */

/* +02:00 */
static bool fixed(const char *name, int64_t *ret)
{
    const char *p = name + 1;
    bool shape = (name[0] == '+' || name[0] == '-') && strlen(name) == 6 && name[3] == ':' &&
                 isdigit((unsigned char)name[1]);

    if (!shape || !take_time(&p, ret) || *p || *ret >= 86400)
        return false;
    if (name[0] == '-')
        *ret = -*ret;
    return true;
}

int sl_zone_new(const char *name, struct sl_zone **ret, struct sl_error *err)
{
    struct sl_zone *z = sl_zalloc(sizeof(*z));
    int rc = SL_OK;

    if (name && strcmp(name, "UTC") != 0 && strcmp(name, "Z") != 0 && !fixed(name, &z->first))
        rc = read_named(z, name, err);
    if (rc == SL_OK)
        *ret = z;
    else
        sl_zone_free(z);
    return rc;
}

void sl_zone_free(struct sl_zone *z)
{
    if (!z)
        return;
    free(z->changes);
    free(z);
}

int64_t sl_zone_offset(const struct sl_zone *z, int64_t local)
{
    size_t low = 0, high = z->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (z->changes[mid].local <= local)
            low = mid + 1;
        else
            high = mid;
    }
    return low ? z->changes[low - 1].offset : z->first;
}
