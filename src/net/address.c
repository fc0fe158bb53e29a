/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdint.h>
#include <unistd.h>

#include "base/slice.h"

struct range4 {
    uint32_t first;
    unsigned bits;
};

static const struct range4 special4[] = {
    {0x00000000, 8},  /* 0.0.0.0: this network; Linux connects it to loopback */
    {0x0a000000, 8},  /* 10.0.0.0: private */
    {0x64400000, 10}, /* 100.64.0.0: shared, carrier-grade NAT */
    {0x7f000000, 8},  /* 127.0.0.0: loopback */
    {0xa9fe0000, 16}, /* 169.254.0.0: link-local; cloud metadata */
    {0xac100000, 12}, /* 172.16.0.0: private */
    {0xc0000000, 24}, /* 192.0.0.0: protocol assignments */
    {0xc0000200, 24}, /* 192.0.2.0: documentation */
    {0xc0586300, 24}, /* 192.88.99.0: 6to4 relays, gone */
    {0xc0a80000, 16}, /* 192.168.0.0: private */
    {0xc6120000, 15}, /* 198.18.0.0: benchmarks */
    {0xc6336400, 24}, /* 198.51.100.0: documentation */
    {0xcb007100, 24}, /* 203.0.113.0: documentation */
    {0xe0000000, 4},  /* 224.0.0.0: multicast */
    {0xf0000000, 4},  /* 240.0.0.0: reserved, and broadcast */
};

static bool private4(uint32_t ip)
{
    for (size_t i = 0; i < sizeof(special4) / sizeof(special4[0]); i++)
        if ((ip ^ special4[i].first) >> (32 - special4[i].bits) == 0)
            return true;
    return false;
}

static uint32_t ipv4_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool private6(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};

    if (memcmp(ip, mapped, sizeof(mapped)) == 0 || memcmp(ip, nat64, sizeof(nat64)) == 0)
        return private4(ipv4_at(ip + 12));
    if ((ip[0] & 0xe0) != 0x20) /* only 2000::/3 is public */
        return true;
    if (ip[0] == 0x20 && ip[1] == 0x02) /* 2002::/16: 6to4 */
        return private4(ipv4_at(ip + 2));
    if (ip[0] == 0x20 && ip[1] == 0x01)
        return ip[2] < 0x02                                /* 2001::/23: Teredo, ORCHID... */
               || (ip[2] == 0x0d && ip[3] == 0xb8);        /* 2001:db8::/32: documentation */
    return ip[0] == 0x3f && ip[1] == 0xff && ip[2] < 0x10; /* 3fff::/20: documentation */
}

bool sl_address_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return private4(
            ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return private6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    return true;
}

bool sl_address_text_private(const char *ip)
{
    char bare[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    size_t n;

    if (inet_pton(AF_INET, ip, &v4) == 1)
        return private4(ntohl(v4.s_addr));
    ip += *ip == '[';
    n = strcspn(ip, "]%"); /* without brackets and zone */
    if (n >= sizeof(bare))
        return false;
    memcpy(bare, ip, n);
    bare[n] = '\0';
    return inet_pton(AF_INET6, bare, &v6) == 1 && private6(v6.s6_addr);
}

/* Splits at the last colon; brackets around an IPv6 address go. */
static int split(const char *listen, char *host, size_t size, const char **ret_port)
{
    const char *colon = strrchr(listen, ':');
    size_t n = colon ? (size_t)(colon - listen) : 0;

    if (!colon || colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return SL_EINVAL;
    if (n >= 2 && listen[0] == '[' && listen[n - 1] == ']') {
        listen++;
        n -= 2;
    } else if (memchr(listen, ':', n)) {
        return SL_EINVAL;
    }
    if (n >= size)
        return SL_EINVAL;
    memcpy(host, listen, n);
    host[n] = '\0';
    *ret_port = colon + 1;
    return SL_OK;
}

static int listen_on(const struct addrinfo *at)
{
    int on = 1, fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)); /* a restart finds TIME_WAIT */
    if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, 128)) {
        int saved = errno;

        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

int sl_address_listen(const char *listen, int *ret_fd, struct sl_error *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char host[256];
    const char *port;
    int code, fd = -1;

    if (split(listen, host, sizeof(host), &port) || strtoul(port, NULL, 10) > 65535)
        return sl_fail(err, SL_EINVAL, "%s is no address to listen on: write HOST:PORT", listen);
    code = getaddrinfo(*host ? host : NULL, port, &hints, &found);
    if (code)
        return sl_fail(err, SL_EINVAL, "cannot listen on %s: %s", listen, gai_strerror(code));
    for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
        fd = listen_on(at);
    code = errno;
    freeaddrinfo(found);
    if (fd < 0 && code == EADDRINUSE)
        return sl_fail(err, SL_EIO, "cannot listen on %s: another program has that address",
                       listen);
    if (fd < 0)
        return sl_fail(err, SL_EIO, "cannot listen on %s: %s", listen, strerror(code));
    *ret_fd = fd;
    return SL_OK;
}

void sl_address_of_socket(int fd, char *ret, size_t size)
{
    struct sockaddr_storage bound;
    socklen_t n = sizeof(bound);
    char host[INET6_ADDRSTRLEN], port[8];

    *ret = '\0';
    if (getsockname(fd, (struct sockaddr *)&bound, &n) == 0 &&
        getnameinfo((struct sockaddr *)&bound, n, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) == 0)
        snprintf(ret, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}
