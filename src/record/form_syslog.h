/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_FORM_SYSLOG_H
#define SL_RECORD_FORM_SYSLOG_H

#include "record/cursor.h"
#include "record/members.h"

/* [id name="value" ...][id ...] of RFC 5424 as one member, structured_data, an object of objects.
 * Of elements and of parameters with the same name the first stands, and of many only the first
 * some are taken. False where it is not of that form. */
bool sl_syslog_structured_data(struct sl_cursor *c, struct sl_members *members);

#endif
