/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_PROBED_H
#define TESTS_SINK_PROBED_H

/* What the probes of a sink told. */
#include <stdio.h>

#include "sluice/sink.h"

struct probed {
    unsigned calls;
    enum sl_outcome outcome;
    char reason[1024];
};

static inline void on_probed(void *user, const struct sl_result *result)
{
    struct probed *p = user;

    p->calls++;
    p->outcome = result->outcome;
    snprintf(p->reason, sizeof(p->reason), "%s", result->reason ? result->reason : "");
}

#endif
