/* SPDX-License-Identifier: Apache-2.0 */
#include "config/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first within each kind, for the way back. */
static const struct unit sizes[] = {
    {"TiB", 1ULL << 40},
    {"GiB", 1ULL << 30},
    {"MiB", 1 << 20},
    {"KiB", 1 << 10},
    {"TB", 1000000000000},
    {"GB", 1000000000},
    {"MB", 1000000},
    {"kB", 1000},
    {"KB", 1000},
    {"B", 1},
    {"", 1},
};
static const struct unit durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1},
};

/* digits [ "." digits ] as a whole number and billionths; *ret_rest: what follows. */
static bool decimal(const char *text, uint64_t *ret_whole, uint64_t *ret_nano,
                    const char **ret_rest)
{
    const char *p = text;
    uint64_t whole = 0, nano = 0, scale = 100000000;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, (uint64_t)(*p - '0'), &whole))
            return false;
    if (*p == '.') {
        if (p[1] < '0' || p[1] > '9')
            return false;
        for (p++; *p >= '0' && *p <= '9'; p++, scale /= 10)
            nano += (uint64_t)(*p - '0') * scale;
    }
    *ret_whole = whole;
    *ret_nano = nano;
    *ret_rest = p;
    return true;
}

static bool with_unit(const char *text, const struct unit *units, size_t n, uint64_t *ret)
{
    uint64_t whole, nano, value;
    const char *rest;

    if (!decimal(text, &whole, &nano, &rest))
        return false;
    while (*rest == ' ')
        rest++;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(rest, units[i].name))
            continue;
        if (__builtin_mul_overflow(whole, units[i].factor, &value) ||
            __builtin_add_overflow(
                value, (uint64_t)((long double)nano * (long double)units[i].factor / 1e9L), &value))
            return false;
        *ret = value;
        return true;
    }
    return false;
}

bool sl_parse_size(const char *text, uint64_t *ret_bytes)
{
    return with_unit(text, sizes, sizeof(sizes) / sizeof(*sizes), ret_bytes);
}

bool sl_parse_duration(const char *text, uint64_t *ret_ms)
{
    return with_unit(text, durations, sizeof(durations) / sizeof(*durations), ret_ms);
}

bool sl_parse_rate(const char *text, double *ret_per_second)
{
    uint64_t whole, nano;
    const char *rest;
    double seconds;

    if (!decimal(text, &whole, &nano, &rest))
        return false;
    seconds = !strcmp(rest, "/s") ? 1 : !strcmp(rest, "/m") ? 60 : !strcmp(rest, "/h") ? 3600 : 0;
    if (seconds < 1)
        return false;
    *ret_per_second = ((double)whole + (double)nano / 1e9) / seconds;
    return true;
}

bool sl_parse_uint(const char *text, uint64_t *ret)
{
    uint64_t whole, nano;
    const char *rest;

    if (!decimal(text, &whole, &nano, &rest) || *rest || strchr(text, '.'))
        return false;
    *ret = whole;
    return true;
}

bool sl_parse_bool(const char *text, bool *ret)
{
    if (strcmp(text, "true") && strcmp(text, "false"))
        return false;
    *ret = text[0] == 't';
    return true;
}

static const char *in_unit(uint64_t value, const struct unit *units, size_t n, const char *zero,
                           char ret[SL_UNIT_TEXT])
{
    size_t i = 0;

    while (i + 1 < n && value % units[i].factor)
        i++;
    snprintf(ret, SL_UNIT_TEXT, "%llu%s", (unsigned long long)(value / units[i].factor),
             value ? units[i].name : zero);
    return ret;
}

const char *sl_size_text(uint64_t bytes, char ret[SL_UNIT_TEXT])
{
    return in_unit(bytes, sizes, sizeof(sizes) / sizeof(*sizes) - 1, "B", ret);
}

const char *sl_duration_text(uint64_t ms, char ret[SL_UNIT_TEXT])
{
    return in_unit(ms, durations, sizeof(durations) / sizeof(*durations), "ms", ret);
}
