/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_JSON_TEXT_H
#define SL_BASE_JSON_TEXT_H

#include "base/buf.h"

/* Appends a JSON string, quotes included. For texts of our own, known to be UTF-8; what comes from
 * outside goes through sl_json_escape() (sluice/record.h). NULL is the empty string. */
void sl_json_text(struct sl_buf *to, const char *text);

#endif
