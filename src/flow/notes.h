/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_NOTES_H
#define SL_FLOW_NOTES_H

#include "flow/flow.h"

/* Sentences that all pictures share. The texts of records in them are as they are: they still have
 * to be made harmless by whoever shows them. */

/* "12 records of 5 services in 612 ms, 2 errors" */
void sl_flow_summary(const struct sl_flow *f, bool utf8, struct sl_buf *to);
/* "412 ms without a record between auth and tiles" */
void sl_flow_gap_note(const struct sl_flow *f, const struct sl_flow_gap *g, bool utf8,
                      struct sl_buf *to);
/* "auth's clock is about 180 ms behind edge's"; nothing where it agrees. */
bool sl_flow_clock_note(const struct sl_flow *f, const struct sl_flow_service *s, bool utf8,
                        struct sl_buf *to);
/* "logs/3/1204", "logs/3/1204.7", "logs/3"; nothing where it is unknown. */
bool sl_flow_place(const struct sl_flow_record *r, struct sl_buf *to);

#endif
