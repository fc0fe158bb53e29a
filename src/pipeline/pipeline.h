/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_PIPELINE_H
#define SL_PIPELINE_PIPELINE_H

#include "base/diag.h"
#include "net/loop.h"
#include "sluice/config.h"

/* The router: one consumer, one set of rules, all sinks, on one loop.
 *
 *   source -> record -> route -> sink queue -> sink -> position -> commit
 *
 * pipeline.c builds it and holds the way of a record (on_message); flow.c decides when the source
 * pauses, drains and stops; reload.c and swap.c change the rules while it runs; observe.c shows
 * what happens (metrics, readiness, status, progress). */

struct sl_pipeline;

/* Loads rules, makes sinks and Kafka clients; connects nothing yet. `stopped` is called with the
 * exit status when everything has ended, or, `overdue`, when `shutdown` has passed and something
 * still hangs: then the process is to end as it is. NULL on error: diags or err say why. */
struct sl_pipeline *sl_pipeline_new(struct sl_loop *loop, const struct sl_config *config,
                                    void (*stopped)(void *user, int exit_status, bool overdue),
                                    void *user, struct sl_diags *diags, struct sl_error *err);
int sl_pipeline_start(struct sl_pipeline *p, struct sl_error *err);
/* Stops fetching, flushes, commits, leaves the group, then `stopped`. */
void sl_pipeline_stop(struct sl_pipeline *p);
void sl_pipeline_reload(struct sl_pipeline *p); /* SIGHUP: rules, secrets, certificates */
/* After `stopped`, or at once when start failed, and not from inside a callback: it runs the loop
 * while pool threads still hold batches. Afterwards the loop must run on until nothing is left in
 * it. */
void sl_pipeline_free(struct sl_pipeline *p);
/* One line for a person, about the last interval. */
void sl_pipeline_progress(struct sl_pipeline *p, struct sl_buf *ret);

#endif
