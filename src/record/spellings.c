/* SPDX-License-Identifier: Apache-2.0 */
#include "record/spellings.h"

#include "record/cursor.h"

enum { YEAR_NONE = 0, YEAR_FIRST = 1970, YEAR_LAST = 2261, EPOCH_DIGITS_LEAST = 9 };

struct spelled {
    int year, month, day; /* YEAR_NONE: not said */
    int hour, minute, second;
    int64_t fraction; /* ns */
    int64_t offset;   /* seconds east of UTC, where has_offset */
    bool has_offset;
};

/* ---- parts ---- */

static bool digits(struct sl_cursor *c, int count, int *ret)
{
    int v = 0;

    if (c->end - c->p < count)
        return false;
    for (int i = 0; i < count; i++) {
        if (!sl_is_digit(c->p[i]))
            return false;
        v = v * 10 + (c->p[i] - '0');
    }
    c->p += count;
    *ret = v;
    return true;
}

/* One or two digits. */
static bool short_number(struct sl_cursor *c, int *ret)
{
    return digits(c, sl_is_digit(sl_peek(c, 1)) ? 2 : 1, ret);
}

static int name_of_three(struct sl_cursor *c, const char *names)
{
    if (c->end - c->p < 3)
        return -1;
    for (int i = 0; names[3 * i]; i++)
        if (c->p[0] == names[3 * i] && c->p[1] == names[3 * i + 1] && c->p[2] == names[3 * i + 2]) {
            c->p += 3;
            return i;
        }
    return -1;
}

static bool month(struct sl_cursor *c, struct spelled *s)
{
    s->month = 1 + name_of_three(c, "JanFebMarAprMayJunJulAugSepOctNovDec");
    return s->month > 0;
}

static bool weekday(struct sl_cursor *c)
{
    return name_of_three(c, "SunMonTueWedThuFriSat") >= 0;
}

/* Digits past the ninth are cut off. */
static void fraction(struct sl_cursor *c, struct spelled *s)
{
    int n = 0;

    if ((sl_peek(c, 0) != '.' && sl_peek(c, 0) != ',') || !sl_is_digit(sl_peek(c, 1)))
        return;
    for (c->p++; c->p < c->end && sl_is_digit(*c->p); c->p++)
        if (n < 9) {
            s->fraction = s->fraction * 10 + (*c->p - '0');
            n++;
        }
    for (; n < 9; n++)
        s->fraction *= 10;
}

static bool clock_time(struct sl_cursor *c, struct spelled *s)
{
    if (!digits(c, 2, &s->hour) || !sl_take(c, ':') || !digits(c, 2, &s->minute) ||
        !sl_take(c, ':') || !digits(c, 2, &s->second))
        return false;
    fraction(c, s);
    return true;
}

/* ---- zones ---- */

static bool word_ends(const struct sl_cursor *c)
{
    char next = sl_peek(c, 0);

    return !sl_is_letter(next) && !sl_is_digit(next) && next != '_';
}

/* +0200 or +02:00, and +02 where `hours` allows it. */
static bool numeric_zone(struct sl_cursor *c, bool hours, struct spelled *s)
{
    struct sl_cursor at = *c;
    bool minus = sl_peek(c, 0) == '-', colon;
    int h, m = 0;

    if ((!minus && sl_peek(c, 0) != '+') || (at.p++, !digits(&at, 2, &h)))
        return false;
    colon = sl_peek(&at, 0) == ':' && sl_is_digit(sl_peek(&at, 1));
    at.p += colon;
    if (!digits(&at, 2, &m) && (colon || !hours))
        return false;
    if (h > 23 || m > 59 || sl_is_digit(sl_peek(&at, 0)))
        return false;
    s->offset = (minus ? -1 : 1) * (h * 3600 + m * 60);
    s->has_offset = true;
    *c = at;
    return true;
}

/* The names that RFC 2822 knows, as hours east; its letters of one are none. And some more that
 * mean one zone everywhere: not IST, BST and their like. */
static bool named_zone(struct sl_cursor *c, struct spelled *s)
{
    static const struct {
        const char *name;
        int hours;
    } zones[] = {{"UTC", 0},  {"GMT", 0},  {"UT", 0},   {"Z", 0},     {"EST", -5}, {"EDT", -4},
                 {"CST", -6}, {"CDT", -5}, {"MST", -7}, {"MDT", -6},  {"PST", -8}, {"PDT", -7},
                 {"WET", 0},  {"WEST", 1}, {"CET", 1},  {"CEST", 2},  {"EET", 2},  {"EEST", 3},
                 {"MSK", 3},  {"JST", 9},  {"KST", 9},  {"AEST", 10}, {"AEDT", 11}};

    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        struct sl_cursor at = *c;

        if (!sl_take_text(&at, zones[i].name) || !word_ends(&at))
            continue;
        s->offset = zones[i].hours * 3600;
        s->has_offset = true;
        *c = at;
        return true;
    }
    return false;
}

/* The same in a log: CST is America's there, or China's, and `source.timezone` knows whose. */
static bool log_zone(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;

    if (!sl_take_text(&at, "CST") || !word_ends(&at))
        return named_zone(c, s);
    *c = at;
    return true;
}

/* What may stand behind a clock: an offset, or nothing. */
static void zone_after(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;

    if (sl_take(&at, 'Z') || sl_take(&at, 'z')) {
        if (!word_ends(&at))
            return;
        s->has_offset = true;
        *c = at;
        return;
    }
    if (numeric_zone(c, true, s) || !sl_take(&at, ' '))
        return;
    if (numeric_zone(&at, false, s) || log_zone(&at, s))
        *c = at;
}

/* ---- spellings ---- */

static bool year_first(struct sl_cursor *c, struct spelled *s)
{
    char separator;

    if (!digits(c, 4, &s->year))
        return false;
    separator = sl_peek(c, 0);
    if ((separator != '-' && separator != '/') || !sl_take(c, separator) ||
        !digits(c, 2, &s->month) || !sl_take(c, separator) || !digits(c, 2, &s->day))
        return false;
    if (!sl_take(c, 'T') && !sl_take(c, 't') && !sl_take(c, ' ') && !sl_take(c, '_') &&
        !sl_take_text(c, ", "))
        return false;
    if (!clock_time(c, s))
        return false;
    zone_after(c, s);
    return true;
}

static bool basic(struct sl_cursor *c, struct spelled *s)
{
    if (!digits(c, 4, &s->year) || !digits(c, 2, &s->month) || !digits(c, 2, &s->day))
        return false;
    if (sl_take(c, ' '))
        return clock_time(c, s); /* glog */
    if (!sl_take(c, 'T') || !digits(c, 2, &s->hour) || !digits(c, 2, &s->minute) ||
        !digits(c, 2, &s->second))
        return false;
    fraction(c, s);
    zone_after(c, s);
    return true;
}

/* 31/Jan/2026:12:34:56 +0200, 31-Jan-2026 12:34:56.789 */
static bool access_log(struct sl_cursor *c, struct spelled *s)
{
    char separator = sl_peek(c, 2);

    if (!digits(c, 2, &s->day) || !sl_take(c, separator) || !month(c, s) ||
        !sl_take(c, separator) || !digits(c, 4, &s->year) || (!sl_take(c, ':') && !sl_take(c, ' ')))
        return false;
    if (!clock_time(c, s))
        return false;
    zone_after(c, s);
    return true;
}

static bool klog(struct sl_cursor *c, struct spelled *s)
{
    return digits(c, 2, &s->month) && digits(c, 2, &s->day) && sl_take(c, ' ') && clock_time(c, s);
}

/* 31 Jan 2026 12:34[:56] zone */
static bool mail(struct sl_cursor *c, struct spelled *s)
{
    if (!short_number(c, &s->day) || !sl_take(c, ' ') || !month(c, s) || !sl_take(c, ' ') ||
        !digits(c, 4, &s->year) || !sl_take(c, ' ') || !digits(c, 2, &s->hour) ||
        !sl_take(c, ':') || !digits(c, 2, &s->minute))
        return false;
    if (sl_take(c, ':')) {
        if (!digits(c, 2, &s->second))
            return false;
        fraction(c, s);
    }
    if (sl_peek(c, 0) == ' ') {
        struct sl_cursor at = {c->p + 1, c->end};

        if (numeric_zone(&at, false, s) || named_zone(&at, s))
            *c = at;
    }
    return true;
}

static bool year_behind(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;
    int year;
    char next;

    if (!sl_take(&at, ' ') || !digits(&at, 4, &year) || year < YEAR_FIRST || year > YEAR_LAST)
        return false;
    next = sl_peek(&at, 0);
    if (at.p != at.end && next != ' ' && next != ':' && next != ']' && next != '\t')
        return false;
    s->year = year;
    *c = at;
    return true;
}

static void half_of_day(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;
    bool pm;

    if (!sl_take(&at, ' ') || s->hour > 12 || s->hour == 0)
        return;
    pm = sl_take_text(&at, "PM");
    if ((!pm && !sl_take_text(&at, "AM")) || !word_ends(&at))
        return;
    s->hour = s->hour % 12 + (pm ? 12 : 0);
    *c = at;
}

/* Cisco's `12:34:56.789 EST: `; without the colon it is a host. */
static void zone_and_colon(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;
    struct spelled zone = *s;

    if (sl_take(&at, ' ') && log_zone(&at, &zone) && sl_peek(&at, 0) == ':') {
        *s = zone;
        *c = at;
    }
}

/* Jan 31 12:34:56 and what people made of it; the C library's has a weekday, and its
 * zone stands before the year. */
static bool month_first(struct sl_cursor *c, bool weekday_stood, struct spelled *s)
{
    struct sl_cursor year;

    if (!month(c, s) || !sl_take(c, ' '))
        return false;
    sl_take(c, ' ');
    if (!short_number(c, &s->day))
        return false;
    sl_take(c, ',');
    if (!sl_take(c, ' '))
        return false;
    year = *c;
    if (digits(&year, 4, &s->year) && sl_take(&year, ' '))
        *c = year;
    else
        s->year = YEAR_NONE;
    if (sl_peek(c, 1) == ':' && sl_is_digit(sl_peek(c, 0))) { /* 9:05:00 PM */
        s->hour = *c->p++ - '0';
        if (!sl_take(c, ':') || !digits(c, 2, &s->minute) || !sl_take(c, ':') ||
            !digits(c, 2, &s->second))
            return false;
    } else if (!clock_time(c, s)) {
        return false;
    }
    half_of_day(c, s);
    if (!weekday_stood && s->year == YEAR_NONE)
        zone_and_colon(c, s);
    if (weekday_stood && s->year == YEAR_NONE && sl_peek(c, 0) == ' ' &&
        !sl_is_digit(sl_peek(c, 1))) {
        c->p++;
        if (!numeric_zone(c, false, s) && !named_zone(c, s))
            return false;
        return year_behind(c, s);
    }
    if (s->year == YEAR_NONE && !year_behind(c, s))
        return !weekday_stood;
    return true;
}

static bool with_weekday(struct sl_cursor *c, struct spelled *s)
{
    struct sl_cursor at = *c;

    if (!weekday(&at))
        return false;
    *c = at;
    if (sl_take_text(c, ", "))
        return mail(c, s);
    return sl_take(c, ' ') && month_first(c, true, s);
}

/* ---- what they mean ---- */

static bool in_calendar(const struct spelled *s)
{
    return s->year >= YEAR_FIRST && s->year <= YEAR_LAST && s->month >= 1 && s->month <= 12 &&
           s->day >= 1 && s->day <= sl_days_in_month(s->year, s->month) && s->hour <= 23 &&
           s->minute <= 59 && s->second <= 60;
}

static int64_t moment(const struct spelled *s, const struct sl_zone *zone)
{
    int64_t seconds = sl_days_from_civil(s->year, s->month, s->day) * 86400 + s->hour * 3600 +
                      s->minute * 60 + s->second;

    seconds -= s->has_offset ? s->offset : sl_zone_offset(zone, seconds);
    return seconds * SL_NS_PER_SECOND + s->fraction;
}

/* Leap days are up to eight years apart. */
static bool nearest_year(struct spelled *s, const struct sl_zone *zone, int64_t kafka_ns,
                         int64_t *ret_ns)
{
    bool leap_day = s->month == 2 && s->day == 29, found = false;
    int64_t best = INT64_MAX;
    struct sl_civil civil;
    int reach = leap_day ? 8 : 1;

    sl_civil_from_seconds(kafka_ns / SL_NS_PER_SECOND, &civil);
    for (int i = -reach; i <= reach; i++) {
        int64_t ns, away;

        s->year = (int)civil.year + i;
        if (!in_calendar(s))
            continue;
        ns = moment(s, zone);
        away = ns < kafka_ns ? kafka_ns - ns : ns - kafka_ns;
        if (away >= best)
            continue;
        best = away;
        *ret_ns = ns;
        found = true;
    }
    return found;
}

static bool spelling(struct sl_cursor *c, struct spelled *s)
{
    size_t n = 0;

    if (sl_is_letter(sl_peek(c, 0)))
        return with_weekday(c, s) || month_first(c, false, s);
    while (n < 9 && sl_is_digit(sl_peek(c, n)))
        n++;
    switch (n) {
    case 4:
        return sl_peek(c, 4) == ' ' ? klog(c, s) : year_first(c, s);
    case 8:
        return basic(c, s);
    case 2:
        if (sl_peek(c, 2) == '/' || sl_peek(c, 2) == '-')
            return access_log(c, s);
        return mail(c, s);
    case 1:
        return mail(c, s);
    default:
        return false;
    }
}

static bool epoch(struct sl_cursor *c, int64_t *ret_ns)
{
    const char *begin = c->p;

    while (sl_is_digit(sl_peek(c, 0)))
        c->p++;
    if (c->p - begin < EPOCH_DIGITS_LEAST)
        return false;
    if (sl_peek(c, 0) == '.' && sl_is_digit(sl_peek(c, 1)))
        for (c->p++; sl_is_digit(sl_peek(c, 0));)
            c->p++;
    return sl_time_from_number(sl_slice(begin, (size_t)(c->p - begin)), ret_ns);
}

bool sl_time_spelled(struct sl_slice text, const struct sl_zone *zone, int64_t kafka_ns,
                     int64_t *ret_ns, size_t *ret_used)
{
    struct spelled s = {.year = YEAR_NONE};
    struct sl_cursor c = sl_cursor(text), at = c;
    int64_t ns;
    bool found;

    if (!spelling(&at, &s)) {
        at = c;
        found = epoch(&at, &ns);
    } else if (s.year == YEAR_NONE) {
        found = nearest_year(&s, zone, kafka_ns, &ns);
    } else {
        found = in_calendar(&s);
        if (found)
            ns = moment(&s, zone);
    }
    if (!found)
        return false;
    *ret_ns = ns;
    *ret_used = (size_t)(at.p - c.p);
    return true;
}

bool sl_time_counts(int64_t ns, int64_t kafka_ns)
{
    const int64_t year_2000 = (int64_t)946684800 * SL_NS_PER_SECOND;
    const int64_t day = (int64_t)86400 * SL_NS_PER_SECOND;
    int64_t last;

    if (kafka_ns <= 0 || __builtin_add_overflow(kafka_ns, day, &last))
        last = INT64_MAX;
    return ns >= year_2000 && ns <= last;
}
