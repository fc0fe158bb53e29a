/* SPDX-License-Identifier: Apache-2.0 */
#include "config/address.h"

#include <ctype.h>

static bool port_ok(struct sl_slice port, bool zero)
{
    unsigned value = 0;

    if (port.n == 0 || port.n > 5)
        return false;
    for (size_t i = 0; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9')
            return false;
        value = value * 10 + (unsigned)(port.p[i] - '0');
    }
    return value <= 65535 && (value > 0 || zero);
}

static bool host_ok(struct sl_slice host, bool v6)
{
    if (host.n == 0 || host.n > 255)
        return false;
    for (size_t i = 0; i < host.n; i++) {
        unsigned char c = (unsigned char)host.p[i];

        if (v6 ? !(isxdigit(c) || c == ':' || c == '.' || c == '%')
               : !(isalnum(c) || strchr("-._", c)))
            return false;
    }
    return true;
}

/* host[:port] of a text without userinfo. */
static int split_authority(struct sl_slice text, struct sl_slice *ret_host,
                           struct sl_slice *ret_port, bool zero_port, struct sl_error *err)
{
    const char *close = NULL, *colon;
    bool v6 = text.n > 0 && text.p[0] == '[';
    struct sl_slice rest, host;

    *ret_port = sl_slice(NULL, 0);
    if (v6) {
        close = memchr(text.p, ']', text.n);
        if (!close)
            return sl_fail(err, SL_EINVAL, "a `[` without `]` around the host");
        host = sl_slice(text.p + 1, (size_t)(close - text.p) - 1);
        rest = sl_slice(close + 1, text.n - (size_t)(close - text.p) - 1);
        if (rest.n && rest.p[0] != ':')
            return sl_fail(err, SL_EINVAL, "only `:port` may follow `]`");
        colon = rest.n ? rest.p : NULL;
    } else {
        colon = memchr(text.p, ':', text.n);
        host = sl_slice(text.p, colon ? (size_t)(colon - text.p) : text.n);
    }
    if (!host_ok(host, v6))
        return sl_fail(err, SL_EINVAL,
                       host.n ? "not a host name or address" : "the host is missing");
    if (colon) {
        *ret_port = sl_slice(colon + 1, (size_t)(text.p + text.n - colon) - 1);
        if (!port_ok(*ret_port, zero_port))
            return sl_fail(err, SL_EINVAL, "the port must be a number from %d to 65535",
                           zero_port ? 0 : 1);
    }
    *ret_host = host;
    return SL_OK;
}

int sl_address_parse(const char *text, struct sl_address *ret, struct sl_error *err)
{
    struct sl_address a = {0};
    const char *p = text, *end, *at;
    struct sl_slice authority;

    for (const char *c = text; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
            return sl_fail(err, SL_EINVAL, "an address holds no blanks and only ASCII");
    if (!strncasecmp(p, "https://", 8)) {
        a.https = true;
        p += 8;
    } else if (!strncasecmp(p, "http://", 7)) {
        p += 7;
    } else {
        return sl_fail(err, SL_EINVAL, "an address begins with http:// or https://");
    }
    end = p + strcspn(p, "/?#");
    authority = sl_slice(p, (size_t)(end - p));
    at = memrchr(authority.p, '@', authority.n);
    if (at) {
        a.userinfo = true;
        authority = sl_slice(at + 1, (size_t)(end - at) - 1);
    }
    a.path = sl_slice_str(end);
    a.query = strchr(end, '?') != NULL;
    a.fragment = strchr(end, '#') != NULL;
    if (split_authority(authority, &a.host, &a.port, false, err))
        return SL_EINVAL;
    *ret = a;
    return SL_OK;
}

bool sl_address_is_loopback(const struct sl_address *a)
{
    bool numeric = a->host.n > 4 && !memcmp(a->host.p, "127.", 4);

    for (size_t i = 0; numeric && i < a->host.n; i++)
        numeric = isdigit((unsigned char)a->host.p[i]) || a->host.p[i] == '.';
    return numeric || sl_slice_is(a->host, "localhost") || sl_slice_is(a->host, "::1");
}

int sl_address_host_port(const char *text, bool listen, struct sl_error *err)
{
    struct sl_slice host, port;
    int code = split_authority(sl_slice_str(text), &host, &port, listen, err);

    if (code == SL_OK && listen && port.n == 0)
        code = sl_fail(err, SL_EINVAL, "the port is missing");
    return code;
}
