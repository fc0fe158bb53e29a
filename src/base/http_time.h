/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_HTTP_TIME_H
#define SL_BASE_HTTP_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, section 5.6.7, the form that servers must send) as
 * Unix seconds. */
bool sl_http_date(struct sl_slice text, int64_t *ret_unix_seconds);

#endif
