/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_IMPL_H
#define SL_FLOW_IMPL_H

#include "flow/flow.h"

/* ---- spans.c ---- */

struct sl_flow_span {
    unsigned service;
    const char *id, *parent; /* parent NULL: unknown */
    int64_t begin_ns, end_ns;
    bool closed;        /* both are known: it tells a duration, or has several records */
    bool told;          /* a duration */
    bool begun;         /* begin_ns comes from one, and is not the first record's time */
    size_t first, last; /* records */
};

struct sl_flow_spans {
    struct sl_flow_span *items; /* by id, then service */
    size_t n;
};

/* Of records in the order of time. The texts are the records'. */
void sl_flow_spans_make(const struct sl_flow *f, struct sl_flow_spans *ret);
void sl_flow_spans_release(struct sl_flow_spans *s);
/* The span that called this one; another service's, where several have its id; or NULL. */
const struct sl_flow_span *sl_flow_spans_caller(const struct sl_flow_spans *s,
                                                const struct sl_flow_span *of);
const struct sl_flow_span *sl_flow_spans_find(const struct sl_flow_spans *s, const char *id,
                                              unsigned service);

/* ---- skew.c ---- */

void sl_flow_compare_clocks(struct sl_flow *f, const struct sl_flow_spans *s);

#endif
