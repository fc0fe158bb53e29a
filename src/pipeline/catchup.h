/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_CATCHUP_H
#define SL_PIPELINE_CATCHUP_H

#include "kafka/side.h"
#include "sluice/runtime.h"

/* Catch-up: sinks that have left the live reader are served by the side reader, one at a time, in
 * slices, each from its own positions.
 *
 * Whose turn it is. Round robin over the sinks that have something to read and may answer: that are
 * not stalled, or stalled with nothing in the queue, for the first batch is then the probe that
 * tells (when it is sent is the sink's own matter). A slice lasts SL_SLICE_MS while another waits;
 * it ends early when the queue is full, and where nobody waits the side reader pauses instead. A
 * stalled sink gets no more than one batch.
 *
 * Recorded plans come first, one partition of the sink at a time, since the cut that repeats a plan
 * cannot be closed before its end and has to be held in memory whole.
 *
 * The hand-over is fixed when what is left to read of all partitions fits a quarter of the sink's
 * queue, the queue is below half (a quarter, where cuts go in order) and the sink is live: from
 * there on the live reader serves the sink, and the side reader reads up to there. A sink that
 * sends cuts in order cannot send what the live reader gave it before the rest has come: where its
 * queue is full with the former, it is detached again. */

enum { SL_SLICE_MS = 10000, SL_CATCHUP_LOOK_MS = 200, SL_CATCHUP_STUCK_MS = 2000 };

struct sl_pipeline;
struct sl_partition;

struct sl_catchup {
    struct sl_side *side;
    bool serving;
    size_t sink; /* served now, or last */
    uint64_t slice_ends_ms;
    bool again;         /* what is read for it has to be chosen anew; until then nothing is taken */
    bool limited;       /* paused for `catch_up.rate` */
    uint64_t full_ms;   /* paused for want of room since then; 0: it is not */
    uint64_t tried_ms;  /* and offered again then */
    uint64_t second_ms; /* of the rate: this second began then */
    double allowed;     /* records left in it */
    uint64_t log_ms;
    struct sl_timer timer; /* while a sink is detached */
};

/* ---- catchup.c: what the side reader brings ---- */
extern const struct sl_side_ops sl_catchup_ops;
/* Retention has moved the sink's position there. */
void sl_catchup_skipped(struct sl_pipeline *p, struct sl_partition *at, size_t sink);

/* ---- slice.c: whose turn it is ---- */
void sl_catchup_init(struct sl_pipeline *p);
void sl_catchup_release(struct sl_pipeline *p);
void sl_catchup_turn(struct sl_pipeline *p); /* looks at all of it; from the loop only */
void sl_catchup_gone(struct sl_pipeline *p, struct sl_partition *at); /* read no further */
void sl_catchup_stop(struct sl_pipeline *p);
bool sl_catchup_serves(const struct sl_pipeline *p, size_t sink);

#endif
