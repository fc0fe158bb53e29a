/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http_time.h"

#include <string.h>
#include <time.h>

/* Digits of the fixed-length form at `at`; -1 where there are others. */
static int digits(const char *at, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if (at[i] < '0' || at[i] > '9')
            return -1;
        v = v * 10 + (at[i] - '0');
    }
    return v;
}

static int month(const char *at)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

    for (int i = 0; i < 12; i++)
        if (memcmp(at, names + 3 * i, 3) == 0)
            return i;
    return -1;
}

bool sl_http_date(struct sl_slice text, int64_t *ret_unix_seconds)
{
    /*                    0    5  8   12   17 20 23 26
     *                    Sun, 06 Nov 1994 08:49:37 GMT */
    const char *p = text.p;
    struct tm tm = {0};

    if (text.n != 29 || memcmp(p + 3, ", ", 2) != 0 || p[7] != ' ' || p[11] != ' ' ||
        p[16] != ' ' || p[19] != ':' || p[22] != ':' || memcmp(p + 25, " GMT", 4) != 0)
        return false;
    tm.tm_mday = digits(p + 5, 2);
    tm.tm_mon = month(p + 8);
    tm.tm_year = digits(p + 12, 4) - 1900;
    tm.tm_hour = digits(p + 17, 2);
    tm.tm_min = digits(p + 20, 2);
    tm.tm_sec = digits(p + 23, 2);
    if (tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_mon < 0 || tm.tm_year < 0 || tm.tm_hour < 0 ||
        tm.tm_hour > 23 || tm.tm_min < 0 || tm.tm_min > 59 || tm.tm_sec < 0 || tm.tm_sec > 60)
        return false;
    *ret_unix_seconds = timegm(&tm);
    return true;
}
