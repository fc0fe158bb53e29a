/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_ADMIN_H
#define SL_OPS_ADMIN_H

#include "ops/metrics.h"

/* What the admin endpoint answers, as a pure function of state; the server is net/http_server.h. */
struct sl_admin {
    struct sl_metrics *metrics;
    /* True when ready; else appends the reasons in words, one a line. */
    bool (*ready)(void *user, struct sl_buf *reasons);
    /* The state as JSON (sinks, partitions, rules), for the status page and `sluice top`. */
    void (*status)(void *user, struct sl_buf *out);
    void *user;
};

/* Paths: /metrics /healthz /readyz /status.json and / (the status page). Returns the HTTP status. */
int sl_admin_answer(struct sl_admin *a, const char *path, const char **ret_content_type,
                    struct sl_buf *out);

#endif
