/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <strings.h>

#include "flow/fields.h"

enum { TEXT_MAX_BYTES = 48 };
#define LONGEST_NS 1e17 /* three years: what is longer is no duration */

static const struct {
    const char *word;
    double ns;
} units[] = {
    {"ns", 1},          {"nanos", 1},     {"nanoseconds", 1},    {"us", 1e3},   {"\xc2\xb5s", 1e3},
    {"\xce\xbcs", 1e3}, {"micros", 1e3},  {"microseconds", 1e3}, {"ms", 1e6},   {"msec", 1e6},
    {"msecs", 1e6},     {"millis", 1e6},  {"milliseconds", 1e6}, {"s", 1e9},    {"sec", 1e9},
    {"secs", 1e9},      {"second", 1e9},  {"seconds", 1e9},      {"m", 60e9},   {"min", 60e9},
    {"mins", 60e9},     {"minute", 60e9}, {"minutes", 60e9},     {"h", 3600e9}, {"hour", 3600e9},
    {"hours", 3600e9},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static double unit_of(const char *at, size_t n)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].word) == n && !strncasecmp(units[i].word, at, n))
            return units[i].ns;
    return 0;
}

bool sl_flow_duration(struct sl_slice text, double unit_ns, int64_t *ret_ns)
{
    char copy[TEXT_MAX_BYTES + 1], *at = copy;
    double sum = 0;

    if (text.n == 0 || text.n > TEXT_MAX_BYTES)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (!is_digit(*at) && *at != '.')
        return false; /* strtod() takes more than numbers: signs, inf, hex */
    while (*at) {
        char *end;
        double v, unit;
        size_t n;

        if ((!is_digit(*at) && *at != '.') || (at[0] == '0' && (at[1] | 32) == 'x'))
            return false;
        v = strtod(at, &end);
        if (end == at)
            return false;
        at = end + strspn(end, " ");
        n = strcspn(at, "0123456789. ");
        if (n == 0 && *at == '\0' && at == end && sum == 0)
            unit = unit_ns;
        else
            unit = unit_of(at, n);
        if (unit == 0)
            return false;
        sum += v * unit;
        at += n;
        at += strspn(at, " ");
    }
    if (!(sum >= 0 && sum < LONGEST_NS))
        return false;
    *ret_ns = (int64_t)(sum + 0.5);
    return true;
}
