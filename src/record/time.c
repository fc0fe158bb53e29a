/* SPDX-License-Identifier: Apache-2.0 */
#include "record/time.h"

#include "sluice/record.h"

/* ---- the calendar ---- */

/* Days are counted in years that begin on 1 March, so that the leap day is the last of the year. */
int64_t sl_days_from_civil(int64_t year, int month, int day)
{
    int64_t y = year - (month <= 2), era = (y >= 0 ? y : y - 399) / 400, in_era = y - era * 400;
    int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static bool leap(int64_t y)
{
    return y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
}

int sl_days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && leap(year));
}

/* Weeks begin on Monday and belong to the year of their Thursday. */
static void iso_week(struct sl_civil *c)
{
    int monday_based = (c->weekday + 6) % 7, thursday = c->yearday - monday_based + 3;
    int days = leap(c->year) ? 366 : 365;

    c->iso_year = c->year;
    if (thursday < 0) {
        c->iso_year--;
        thursday += leap(c->iso_year) ? 366 : 365;
    } else if (thursday >= days) {
        c->iso_year++;
        thursday -= days;
    }
    c->iso_week = thursday / 7 + 1;
}

/* All but what weeks and days of the year are. Returns the days since 1970. */
static int64_t civil_date(int64_t seconds, struct sl_civil *c)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    int64_t era, in_era, year, in_year, month;

    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    in_era = days - era * 146097;
    year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    in_year = in_era - (365 * year + year / 4 - year / 100);
    month = (5 * in_year + 2) / 153;
    c->day = (int)(in_year - (153 * month + 2) / 5 + 1);
    c->month = (int)(month < 10 ? month + 3 : month - 9);
    c->year = year + era * 400 + (c->month <= 2);
    c->hour = (int)(rest / 3600);
    c->minute = (int)(rest / 60 % 60);
    c->second = (int)(rest % 60);
    return days - 719468;
}

void sl_civil_from_seconds(int64_t seconds, struct sl_civil *c)
{
    int64_t days = civil_date(seconds, c);

    c->weekday = (int)((days % 7 + 11) % 7); /* 1970 began on a Thursday */
    c->yearday = (int)(days - sl_days_from_civil(c->year, 1, 1));
    iso_week(c);
}

/* ---- reading ---- */

struct reader {
    const char *p, *end;
    bool wrong;
};

static int take_digits(struct reader *r, int count)
{
    int v = 0;

    for (int i = 0; i < count; i++) {
        if (r->p == r->end || *r->p < '0' || *r->p > '9') {
            r->wrong = true;
            return 0;
        }
        v = v * 10 + (*r->p++ - '0');
    }
    return v;
}

static bool take(struct reader *r, char c)
{
    if (r->p == r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

static void need(struct reader *r, char c)
{
    if (!take(r, c))
        r->wrong = true;
}

/* ns of a fraction; digits past the ninth are cut off. */
static int64_t take_fraction(struct reader *r)
{
    static const int32_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
    int64_t v = 0;
    int n = 0;

    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++, n++)
        if (n < 9)
            v = v * 10 + (*r->p - '0');
    if (n == 0)
        r->wrong = true;
    return v * units[n < 9 ? n : 9];
}

/* Seconds east of UTC. */
static int64_t take_offset(struct reader *r, const struct sl_zone *zone, int64_t local)
{
    int64_t offset;
    bool minus;

    if (r->p == r->end)
        return sl_zone_offset(zone, local);
    if (take(r, 'Z') || take(r, 'z'))
        return 0;
    minus = take(r, '-');
    if (!minus)
        need(r, '+');
    int hours = take_digits(r, 2);
    need(r, ':');
    int minutes = take_digits(r, 2);
    r->wrong |= hours > 23 || minutes > 59;
    offset = hours * 3600 + minutes * 60;
    return minus ? -offset : offset;
}

/* Two digits; *wrong is set where they are none. */
static int pair(const char *p, unsigned *wrong)
{
    unsigned tens = (uint8_t)(p[0] - '0'), ones = (uint8_t)(p[1] - '0');

    *wrong |= (tens > 9) | (ones > 9);
    return (int)(tens * 10 + ones);
}

bool sl_time_parse(struct sl_slice text, const struct sl_zone *zone, int64_t *ret_ns)
{
    enum { WHOLE = sizeof("1970-01-01T00:00:00") - 1 }; /* the shortest */
    struct reader r = {.p = text.p + WHOLE, .end = text.p + text.n};
    const char *p = text.p;
    int year, month, day, hour, minute, second;
    int64_t ns = 0, seconds;
    unsigned wrong = 0;

    if (text.n < WHOLE)
        return false;
    year = pair(p, &wrong) * 100 + pair(p + 2, &wrong);
    month = pair(p + 5, &wrong);
    day = pair(p + 8, &wrong);
    hour = pair(p + 11, &wrong);
    minute = pair(p + 14, &wrong);
    second = pair(p + 17, &wrong);
    wrong |= (p[4] != '-') | (p[7] != '-') | (p[13] != ':') | (p[16] != ':');
    wrong |= ((p[10] | 0x20) != 't') & (p[10] != ' ');
    if (wrong || year < 1970 || year > 2261 || month < 1 || month > 12 || day < 1 ||
        day > sl_days_in_month(year, month) || hour > 23 || minute > 59 || second > 60)
        return false;
    if (take(&r, '.'))
        ns = take_fraction(&r);
    if (r.wrong)
        return false;
    seconds = sl_days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    seconds -= take_offset(&r, zone, seconds);
    if (r.wrong || r.p != r.end)
        return false;
    *ret_ns = seconds * SL_NS_PER_SECOND + ns;
    return true;
}

bool sl_time_from_rfc3339(struct sl_slice text, int64_t *ret_ns)
{
    struct sl_zone *utc = NULL;
    bool good = sl_zone_new(NULL, &utc, NULL) == SL_OK && sl_time_parse(text, utc, ret_ns);

    sl_zone_free(utc);
    return good;
}

/* The integral digits decide the unit: the years 2000 to 5138 in seconds are below 10^11, and so
 * on. */
bool sl_time_from_number(struct sl_slice text, int64_t *ret_ns)
{
    struct reader r = {.p = text.p, .end = text.p + text.n};
    int64_t whole = 0, fraction = 0, unit;

    for (; r.p < r.end && *r.p >= '0' && *r.p <= '9'; r.p++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *r.p - '0', &whole))
            return false;
    if (take(&r, '.'))
        fraction = take_fraction(&r);
    if (r.wrong || r.p != r.end || text.n == 0)
        return false;
    unit = whole < 100000000000         ? SL_NS_PER_SECOND
           : whole < 100000000000000    ? 1000000
           : whole < 100000000000000000 ? 1000
                                        : 1;
    return !__builtin_mul_overflow(whole, unit, ret_ns) &&
           !__builtin_add_overflow(*ret_ns, fraction / (SL_NS_PER_SECOND / unit), ret_ns);
}

/* ---- writing ---- */

static void put_pair(char *p, int v)
{
    p[0] = (char)('0' + v / 10);
    p[1] = (char)('0' + v % 10);
}

static void put_digits(char *p, int64_t v, int width)
{
    while (width-- > 0) {
        p[width] = (char)('0' + v % 10);
        v /= 10;
    }
}

void sl_time_rfc3339(int64_t ns, struct sl_buf *out)
{
    int64_t seconds = ns / SL_NS_PER_SECOND, part = ns % SL_NS_PER_SECOND;
    char text[] = "0000-00-00T00:00:00.000000000";
    struct sl_civil c;
    size_t n;

    if (part < 0) {
        part += SL_NS_PER_SECOND;
        seconds--;
    }
    civil_date(seconds, &c);
    put_digits(text, c.year, 4);
    put_pair(text + 5, c.month);
    put_pair(text + 8, c.day);
    put_pair(text + 11, c.hour);
    put_pair(text + 14, c.minute);
    put_pair(text + 17, c.second);
    n = part % 1000000 == 0 ? 23 : part % 1000 == 0 ? 26 : 29;
    put_digits(text + 20, n == 23 ? part / 1000000 : n == 26 ? part / 1000 : part, (int)n - 20);
    text[n] = 'Z'; /* at most over the NUL */
    sl_buf_append(out, text, n + 1);
}

const char *sl_strftime_check(struct sl_slice format, int64_t *ret_step)
{
    static const struct {
        const char *conversions;
        int64_t step;
    } steps[] = {{"STs", 1}, {"MR", 60}, {"HIp", 3600}, {"YmdjGVgybBaAeuwF%", 86400}};

    *ret_step = 86400;
    for (size_t i = 0; i < format.n; i++) {
        const char *at = format.p + i;
        bool known = false;

        if (*at != '%')
            continue;
        if (++i == format.n)
            return at;
        for (size_t k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
            if (format.p[i] && strchr(steps[k].conversions, format.p[i])) {
                known = true;
                *ret_step = steps[k].step < *ret_step ? steps[k].step : *ret_step;
            }
        if (!known)
            return at;
    }
    return NULL;
}

static void number(struct sl_buf *out, int64_t v, int width)
{
    char text[20];

    put_digits(text, v, width);
    sl_buf_append(out, text, (size_t)width);
}

static void conversion(char c, const struct sl_civil *t, int64_t seconds, struct sl_buf *out)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

    switch (c) {
    case 'Y':
        return number(out, t->year, 4);
    case 'm':
        return number(out, t->month, 2);
    case 'd':
        return number(out, t->day, 2);
    case 'e':
        return sl_buf_printf(out, "%2d", t->day);
    case 'H':
        return number(out, t->hour, 2);
    case 'I':
        return number(out, t->hour % 12 == 0 ? 12 : t->hour % 12, 2);
    case 'p':
        return sl_buf_text(out, t->hour < 12 ? "AM" : "PM");
    case 'M':
        return number(out, t->minute, 2);
    case 'S':
        return number(out, t->second, 2);
    case 'j':
        return number(out, t->yearday + 1, 3);
    case 'G':
        return number(out, t->iso_year, 4);
    case 'g':
        return number(out, t->iso_year % 100, 2);
    case 'V':
        return number(out, t->iso_week, 2);
    case 'y':
        return number(out, t->year % 100, 2);
    case 'b':
        return sl_buf_append(out, months[t->month - 1], 3);
    case 'B':
        return sl_buf_text(out, months[t->month - 1]);
    case 'a':
        return sl_buf_append(out, days[t->weekday], 3);
    case 'A':
        return sl_buf_text(out, days[t->weekday]);
    case 'u':
        return number(out, t->weekday ? t->weekday : 7, 1);
    case 'w':
        return number(out, t->weekday, 1);
    case 's':
        return sl_buf_printf(out, "%lld", (long long)seconds);
    default:
        return sl_buf_byte(out, c); /* %% */
    }
}

void sl_strftime(struct sl_slice format, int64_t seconds, struct sl_buf *out)
{
    struct sl_civil t;

    sl_civil_from_seconds(seconds, &t);
    for (size_t i = 0; i < format.n; i++) {
        if (format.p[i] != '%') {
            sl_buf_byte(out, format.p[i]);
            continue;
        }
        switch (format.p[++i]) {
        case 'F':
            sl_strftime(SL_SLICE_LITERAL("%Y-%m-%d"), seconds, out);
            break;
        case 'T':
            sl_strftime(SL_SLICE_LITERAL("%H:%M:%S"), seconds, out);
            break;
        case 'R':
            sl_strftime(SL_SLICE_LITERAL("%H:%M"), seconds, out);
            break;
        default:
            conversion(format.p[i], &t, seconds, out);
        }
    }
}
