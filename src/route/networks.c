/* SPDX-License-Identifier: Apache-2.0 */
#include "route/networks.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>

#include "base/alloc.h"

enum { IP_TEXT_MAX = 45 }; /* of the longest address */

/* ---- addresses ---- */

static bool parse_v4(struct sl_slice text, uint32_t *ret)
{
    uint32_t value = 0;
    size_t at = 0;

    for (int octet = 0; octet < 4; octet++) {
        unsigned v = 0;
        size_t begin;

        if (octet && (at == text.n || text.p[at++] != '.'))
            return false;
        for (begin = at; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++) {
            v = 10 * v + (unsigned)(text.p[at] - '0');
            if (v > 255 || (at > begin && text.p[begin] == '0'))
                return false;
        }
        if (at == begin)
            return false;
        value = value << 8 | v;
    }
    *ret = value;
    return at == text.n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Up to four digits at *at. */
static bool parse_group(struct sl_slice text, size_t *at, uint16_t *ret)
{
    size_t begin = *at;
    unsigned v = 0;

    for (int d; *at < text.n && *at - begin < 4 && (d = hex_digit(text.p[*at])) >= 0; ++*at)
        v = v << 4 | (unsigned)d;
    *ret = (uint16_t)v;
    return *at > begin;
}

static bool parse_v6(struct sl_slice text, struct sl_ip *ret)
{
    uint16_t groups[8] = {0};
    size_t n = 0, at = 0, gap = SIZE_MAX; /* gap: how many groups stand before the `::` */
    uint32_t v4;

    if (text.n >= 2 && text.p[0] == ':' && text.p[1] == ':')
        gap = 0, at = 2;
    while (at < text.n) {
        size_t begin = at;

        if (n == 8 || !parse_group(text, &at, &groups[n]))
            return false;
        if (at < text.n && text.p[at] == '.') {
            if (n > 6 || !parse_v4(sl_slice(text.p + begin, text.n - begin), &v4))
                return false;
            groups[n++] = (uint16_t)(v4 >> 16);
            groups[n++] = (uint16_t)v4;
            break;
        }
        n++;
        if (at == text.n)
            break;
        if (text.p[at++] != ':' || at == text.n)
            return false;
        if (text.p[at] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = n;
            at++;
        }
    }
    if (gap == SIZE_MAX ? n != 8 : n > 7)
        return false;
    if (gap != SIZE_MAX) {
        memmove(groups + 8 - (n - gap), groups + gap, (n - gap) * sizeof(*groups));
        memset(groups + gap, 0, (8 - n) * sizeof(*groups));
    }
    *ret = (struct sl_ip){.v6 = true};
    for (int i = 0; i < 4; i++) {
        ret->high = ret->high << 16 | groups[i];
        ret->low = ret->low << 16 | groups[i + 4];
    }
    return true;
}

bool sl_ip_parse_form(struct sl_slice text, struct sl_ip *ret)
{
    uint32_t v4;

    if (text.n < 2 || text.n > IP_TEXT_MAX)
        return false;
    if (memchr(text.p, ':', text.n))
        return parse_v6(text, ret);
    if (!parse_v4(text, &v4))
        return false;
    *ret = (struct sl_ip){.low = v4};
    return true;
}

static bool is_mapped(const struct sl_ip *ip)
{
    return ip->v6 && ip->high == 0 && ip->low >> 32 == 0xffff;
}

bool sl_ip_parse(struct sl_slice text, struct sl_ip *ret)
{
    if (!sl_ip_parse_form(text, ret))
        return false;
    if (is_mapped(ret))
        *ret = (struct sl_ip){.low = (uint32_t)ret->low};
    return true;
}

/* ---- networks ---- */

static void ip_text(const struct sl_ip *ip, char ret[INET6_ADDRSTRLEN])
{
    uint64_t v6[2] = {htobe64(ip->high), htobe64(ip->low)};
    uint32_t v4 = htobe32((uint32_t)ip->low);

    inet_ntop(ip->v6 ? AF_INET6 : AF_INET, ip->v6 ? (void *)v6 : (void *)&v4, ret,
              INET6_ADDRSTRLEN);
}

/* The bits that a prefix leaves free. */
static struct sl_ip host_mask(bool v6, unsigned prefix)
{
    unsigned host = (v6 ? 128 : 32) - prefix;

    return (struct sl_ip){
        .v6 = v6,
        .high = host <= 64    ? 0
                : host == 128 ? UINT64_MAX
                              : (1ULL << (host - 64)) - 1,
        .low = host >= 64 ? UINT64_MAX : (1ULL << host) - 1,
    };
}

static bool parse_prefix(struct sl_slice text, unsigned *ret)
{
    *ret = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || (i > 0 && *ret == 0) || i == 3)
            return false;
        *ret = 10 * *ret + (unsigned)(text.p[i] - '0');
    }
    return text.n > 0;
}

static int fail_address(struct sl_slice text, struct sl_error *err)
{
    const int n = text.n > 60 ? 60 : (int)text.n;
    const char *hint = "";

    if (memchr(text.p, '[', text.n))
        hint = ": no brackets";
    else if (memchr(text.p, '%', text.n))
        hint = ": no zone";
    else if (memchr(text.p, '*', text.n))
        hint = ": 10.1.* is written 10.1.0.0/16";
    return sl_fail(err, SL_EINVAL,
                   "`%.*s` is no address%s; a network is written like 10.0.0.0/8 or 2001:db8::/32",
                   n, n ? text.p : "", hint);
}

int sl_network_parse(struct sl_slice text, struct sl_network *ret, struct sl_error *err)
{
    const char *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
    size_t n = slash ? (size_t)(slash - text.p) : text.n;
    struct sl_ip ip, mask;
    unsigned bits, prefix;

    if (!sl_ip_parse_form(sl_slice(text.p, n), &ip))
        return fail_address(sl_slice(text.p, n), err);
    prefix = bits = ip.v6 ? 128 : 32;
    if (slash && (!parse_prefix(sl_slice(slash + 1, text.n - n - 1), &prefix) || prefix > bits))
        return sl_fail(err, SL_EINVAL, "a prefix of IPv%d is a number from 0 to %u", ip.v6 ? 6 : 4,
                       bits);
    if (is_mapped(&ip) && prefix >= 96) {
        ip = (struct sl_ip){.low = (uint32_t)ip.low};
        prefix -= 96;
    }
    mask = host_mask(ip.v6, prefix);
    if ((ip.high & mask.high) || (ip.low & mask.low)) {
        struct sl_ip network = {ip.v6, ip.high & ~mask.high, ip.low & ~mask.low};
        char meant[INET6_ADDRSTRLEN], host[INET6_ADDRSTRLEN];

        ip_text(&network, meant);
        ip_text(&ip, host);
        return sl_fail(err, SL_EINVAL,
                       "bits are set behind the prefix; the network is %s/%u, the one address %s",
                       meant, prefix, host);
    }
    ret->first = ip;
    ret->last = (struct sl_ip){ip.v6, ip.high | mask.high, ip.low | mask.low};
    return SL_OK;
}

struct sl_networks {
    size_t n;
    struct sl_network ranges[]; /* IPv4 before IPv6, ascending, none touches the next */
};

static int compare(const struct sl_ip *a, const struct sl_ip *b)
{
    if (a->v6 != b->v6)
        return a->v6 ? 1 : -1;
    if (a->high != b->high)
        return a->high < b->high ? -1 : 1;
    return a->low < b->low ? -1 : a->low > b->low;
}

static int by_first(const void *a, const void *b)
{
    return compare(&((const struct sl_network *)a)->first, &((const struct sl_network *)b)->first);
}

struct sl_networks *sl_networks_new(const struct sl_network *list, size_t n)
{
    struct sl_networks *all = sl_zalloc(sizeof(*all) + n * sizeof(*list));

    if (n == 0)
        return all;
    memcpy(all->ranges, list, n * sizeof(*list));
    qsort(all->ranges, n, sizeof(*list), by_first);
    all->n = 1;
    for (size_t i = 1; i < n; i++) {
        struct sl_network *before = &all->ranges[all->n - 1];

        if (compare(&all->ranges[i].first, &before->last) > 0)
            all->ranges[all->n++] = all->ranges[i];
        else if (compare(&all->ranges[i].last, &before->last) > 0)
            before->last = all->ranges[i].last;
    }
    return all;
}

void sl_networks_free(struct sl_networks *n)
{
    free(n);
}

bool sl_networks_hold(const struct sl_networks *n, const struct sl_ip *ip)
{
    size_t from = 0, to = n->n;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (compare(&n->ranges[middle].last, ip) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from < n->n && compare(&n->ranges[from].first, ip) <= 0;
}

bool sl_networks_within(const struct sl_networks *inner, const struct sl_networks *outer)
{
    size_t at = 0;

    for (size_t i = 0; i < inner->n; i++) {
        while (at < outer->n && compare(&outer->ranges[at].last, &inner->ranges[i].last) < 0)
            at++;
        if (at == outer->n || compare(&outer->ranges[at].first, &inner->ranges[i].first) > 0)
            return false;
    }
    return true;
}
