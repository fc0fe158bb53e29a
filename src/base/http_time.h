/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_HTTP_TIME_H
#define SL_BASE_HTTP_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "sluice/http.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7, the form that servers must send) as
 * Unix seconds. */
bool sl_http_date(struct sl_slice text, int64_t *ret_unix_seconds);

/* Retry-After in milliseconds, seconds and dates alike; 0 when there is none or it has passed. A
 * huge one is UINT_MAX: the caller clamps. wall_ms: what the time is. */
unsigned sl_http_retry_after(const struct sl_http_reply *reply, int64_t wall_ms);

#endif
