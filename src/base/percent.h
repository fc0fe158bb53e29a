/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_PERCENT_H
#define SL_BASE_PERCENT_H

#include "base/buf.h"

/* Appends the text with every byte but ASCII letters, digits and those in `keep` as %XX, upper
 * case. */
void sl_percent_encode(struct sl_slice text, const char *keep, struct sl_buf *out);

#endif
