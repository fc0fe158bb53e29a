/* SPDX-License-Identifier: Apache-2.0 */
/* In base, because sinks read replies without knowing which client brought them. */
#include <strings.h>

#include "sluice/http.h"

static struct sl_slice trim(struct sl_slice s)
{
    while (s.n > 0 && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

struct sl_slice sl_http_header(const struct sl_http_reply *reply, const char *name)
{
    const char *at = reply->headers.p, *end = at ? at + reply->headers.n : NULL;
    size_t n = strlen(name);

    while (at && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t line = (size_t)((stop ? stop : end) - at);

        if (line > n && at[n] == ':' && strncasecmp(at, name, n) == 0)
            return trim(sl_slice(at + n + 1, line - n - 1));
        at = stop ? stop + 1 : end;
    }
    return (struct sl_slice){0};
}
