/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_ENVELOPE_H
#define SL_CLI_ENVELOPE_H

#include "base/error.h"
#include "cli/input.h"

/* One line of `--input envelope`. Memory is kept from line to line. */
struct sl_envelope;

struct sl_envelope *sl_envelope_new(void);
void sl_envelope_free(struct sl_envelope *e);
/* Sets in *ret what the line tells and leaves the rest; it points into e until the next call.
 * SL_EINVAL: the line is no envelope. */
int sl_envelope_read(struct sl_envelope *e, struct sl_slice line, struct sl_input_record *ret,
                     struct sl_error *err);

#endif
