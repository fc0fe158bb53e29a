/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CONFIG_ADDRESS_H
#define SL_CONFIG_ADDRESS_H

#include <stdbool.h>

#include "base/error.h"
#include "base/slice.h"

/* http:// and https:// addresses as sluice.yaml has them, taken apart. */
struct sl_address {
    bool https;
    struct sl_slice host; /* without brackets */
    struct sl_slice port; /* n == 0: none */
    struct sl_slice path; /* with its '/', query included; n == 0: none */
    bool userinfo, query, fragment;
};

/* Errors do not quote the address: it may hold a token. */
int sl_address_parse(const char *text, struct sl_address *ret, struct sl_error *err);
bool sl_address_is_loopback(const struct sl_address *a); /* by its name: localhost, 127.x, ::1 */

/* "host:port" or "[v6]:port" to connect to (the port may be left out), or to listen on (the port is
 * needed and 0 picks one). */
int sl_address_host_port(const char *text, bool listen, struct sl_error *err);

#endif
