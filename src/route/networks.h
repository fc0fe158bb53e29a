/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_ROUTE_NETWORKS_H
#define SL_ROUTE_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

/* IP addresses in texts, and the networks of `cidr`.
 *
 * An address is written as RFC 4291, section 2.2 has it: a dotted quad without leading zeros, or
 * groups of hexadecimal digits with at most one `::`, the last two perhaps a dotted quad; no port,
 * zone or brackets. Addresses are read by hand, because they are read once a record.
 *
 * ::ffff:a.b.c.d is the IPv4 address a.b.c.d, for values and networks alike: it lies in no IPv6
 * network, ::/0 among them. Only membership is asked for, so the networks become sorted ranges that
 * do not touch, and a look-up is one binary search. */

struct sl_ip {
    bool v6;
    uint64_t high, low; /* IPv4: in `low` */
};

bool sl_ip_parse(struct sl_slice text, struct sl_ip *ret);
/* The same without the mapping of ::ffff:0:0/96: `v6` is how it is written. */
bool sl_ip_parse_form(struct sl_slice text, struct sl_ip *ret);

struct sl_network {
    struct sl_ip first, last;
};
/* "10.0.0.0/8", "2001:db8::/32", or one address. SL_EINVAL in words that say what to write. */
int sl_network_parse(struct sl_slice text, struct sl_network *ret, struct sl_error *err);

struct sl_networks;
struct sl_networks *sl_networks_new(const struct sl_network *list, size_t n);
void sl_networks_free(struct sl_networks *n);
bool sl_networks_hold(const struct sl_networks *n, const struct sl_ip *ip);
/* Each network of the one lies inside one of the other. */
bool sl_networks_within(const struct sl_networks *inner, const struct sl_networks *outer);

#endif
