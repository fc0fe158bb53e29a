/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_ARRIVE_H
#define SL_PIPELINE_ARRIVE_H

#include "kafka/consumer.h"

/* Partitions arrive: where each sink begins, and by which rules.
 *
 * The line beside the committed offset says each sink's position. A sink that was behind, or has a
 * recorded plan, begins by catching up; a sink that the line does not know is new and begins where
 * its `start` says; what retention has taken meanwhile is expired, counted and told. Without a line
 * that counts every sink begins at the committed offset.
 *
 * Where some position lies in an era of older rules, those are needed: from the set of loaded
 * versions, or from the state topic. If one cannot be had, all that the line said of the partition
 * is void: every sink begins at the committed offset under the live rules, and what some of them
 * had already is sent again. Where that is more than source.kafka.max_replay, the partition stops
 * and asks. */

enum { SL_ARRIVE_TRIES = 3, SL_ARRIVE_AGAIN_MS = 2000 };

struct sl_pipeline;

struct sl_arrived {
    struct sl_partition *p; /* a reference */
    int64_t base;
    bool *new_sinks; /* by sink; NULL: the line does not count */
};

struct sl_arrive {
    struct sl_arrived *items; /* under way; NULL: nothing arrives */
    size_t n;
    uint64_t token;  /* of this arrival: answers to an earlier one are void */
    unsigned tries;  /* to read the state topic */
    bool complete;   /* older versions are here, or cannot be had */
    bool settled;    /* all is made up, and the consumer has been told */
    bool unrecorded; /* the live rules are not in the state topic yet */
    char why[160];   /* why a version could not be had */
    struct sl_timer timer;
};

void sl_arriving_init(struct sl_pipeline *p);
void sl_arriving_release(struct sl_pipeline *p);
void sl_arriving_begin(struct sl_pipeline *p, const struct sl_arrival *arrivals, size_t n);
void sl_arriving_assigned(struct sl_pipeline *p); /* they are among the consumer's now */
void sl_arriving_ended(struct sl_pipeline *p);    /* some that were arriving have ended */
void sl_arriving_recorded(struct sl_pipeline *p, uint64_t token); /* the first rules are */

#endif
