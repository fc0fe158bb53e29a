/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_PROCESS_H
#define SL_OPS_PROCESS_H

#include "base/buf.h"

/* Appends process_* as every Prometheus client has them, read from /proc now. What cannot be read
 * is left out. */
void sl_process_render(struct sl_buf *out);

#endif
