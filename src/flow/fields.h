/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_FIELDS_H
#define SL_FLOW_FIELDS_H

#include "flow/flow.h"

/* What a record tells, whatever its logger calls it. */

struct sl_flow_reader;
struct sl_flow_reader *sl_flow_reader_new(void);
void sl_flow_reader_free(struct sl_flow_reader *r);

struct sl_flow_read {
    struct sl_record record;
    struct sl_slice correlation, trace, span, parent; /* p == NULL: absent */
    struct sl_slice service, instance, message;
    int64_t duration_ns; /* -1: unknown */
    bool failed;         /* a status of 500 and above */
};
/* Lives until the next call, and as long as json. */
void sl_flow_read(struct sl_flow_reader *r, struct sl_slice json, int64_t kafka_ms,
                  struct sl_flow_read *ret);

/* "12", "12.5ms", "1m2.5s", "3 seconds" in ns; unit_ns: of a number without one. */
bool sl_flow_duration(struct sl_slice text, double unit_ns, int64_t *ret_ns);

#endif
