/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUARD_SINK_WORLD_H
#define TESTS_GUARD_SINK_WORLD_H

#include "fake_runtime.h"
#include "ops/metrics.h"
#include "sluice/sink.h"

/* One sink under the real core, with destinations that take everything. What a destination does is
 * a constant a batch: it does not look at the body. */
struct sink_world {
    struct fake_runtime fake;
    struct sl_http http;
    struct sl_http_request *pending[8];
    size_t n_pending;
    struct sl_metrics *metrics;
    struct sl_sink_env env;
    struct sl_sink_config config;
    struct sl_partition *at; /* borrowed */
    struct sl_sink *sink;
    struct sl_buf reply; /* to a whole batch */
    const char *why;     /* sink_world_init() failed */
};

/* type: file, elasticsearch, webhook or s3. 0, or -1 with w->why. */
int sink_world_init(struct sink_world *w, const char *type, struct sl_partition *at,
                    struct sl_fields *fields);
/* A record and all that it brings about; the position moves over it. */
void sink_world_take(struct sink_world *w, const struct sl_record *r);
/* Ends the program when anything but the last, open batch was not delivered. */
void sink_world_end(struct sink_world *w, size_t count);
void sink_world_release(struct sink_world *w);

#endif
