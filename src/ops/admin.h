/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_OPS_ADMIN_H
#define SL_OPS_ADMIN_H

#include "ops/metrics.h"

/* What the admin endpoint answers, as a pure function of state; the server is net/http_server.h.
 *
 *   /metrics      Prometheus text 0.0.4
 *   /healthz      "ok": whoever can answer turns the loop
 *   /readyz       200, "ready" and what an operator should know all the same, or 503 and the
 *                 reasons; one a line
 *   /status.json  the state, for programs, the status page and `sluice top`
 *   /             the status page, which reads /status.json every 2 s
 *
 * The shape of /status.json. Members are only ever added; numbers are counts since the start unless
 * a name says otherwise; `state` is one of live, stalled, detached, catching_up, and `reason` is
 * why it is not live ("" when it is). `position` is the next offset the live reader takes, `end`
 * the partition's high watermark, `lag` their distance; a sink's `lag` is that of its own
 * positions. `end` is -1 while the broker has not said. `notes` are lines about rules: a change
 * that was refused, a rule that is set aside.
 *
 *   {"version": "0.1.0", "uptime_seconds": 12,
 *    "rules": {"hash": "9f2c...", "count": 10, "notes": ""},
 *    "sinks": [{"name": "search", "type": "elasticsearch", "state": "live", "reason": "",
 *               "routed": 10, "delivered": 8, "dead": 1, "in_flight": 1,
 *               "queue_bytes": 4096, "queue_limit_bytes": 67108864, "lag": 12}],
 *    "partitions": [{"topic": "logs", "partition": 0, "position": 100, "end": 120, "lag": 20}]}
 *
 * Whether it is ready, and why not, is /readyz's to say. */
struct sl_admin {
    struct sl_metrics *metrics;
    /* True when ready. Appends, one a line, the reasons where not, and notes in both cases. */
    bool (*ready)(void *user, struct sl_buf *lines);
    /* The state as JSON (sinks, partitions, rules), for the status page and `sluice top`. */
    void (*status)(void *user, struct sl_buf *out);
    void *user;
};

/* Paths: /metrics /healthz /readyz /status.json and / (the status page). Returns the HTTP status.
 */
int sl_admin_answer(struct sl_admin *a, const char *path, const char **ret_content_type,
                    struct sl_buf *out);

#endif
