/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_NET_ADDRESS_H
#define SL_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/error.h"

/* True for every address that is not a public one: loopback, private, link-local, shared (CGNAT),
 * multicast, documentation and reserved ranges of IPv4 and IPv6 (IANA's special-purpose
 * registries), and IPv6 forms that lead to such an IPv4 address (mapped, NAT64, 6to4). Other
 * families are private too. */
bool sl_address_private(const struct sockaddr *address);
bool sl_address_text_private(const char *ip); /* "10.0.0.1", "::1", "[::1]"; false: no address */

/* A listening TCP socket on "host:port", "[::1]:port" or ":port" (every address). The socket is the
 * caller's. */
int sl_address_listen(const char *listen, int *ret_fd, struct sl_error *err);
/* "127.0.0.1:9750" of a bound socket. */
void sl_address_of_socket(int fd, char *ret, size_t size);

#endif
