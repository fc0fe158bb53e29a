/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_REDRIVE_H
#define SL_CLI_DLQ_REDRIVE_H

#include "cli/dlq.h"
#include "cli/dlq_copies.h"
#include "cli/dlq_deliver.h"
#include "cli/dlq_marks.h"
#include "cli/dlq_stop.h"

/* The inside of `sluice dlq redrive`: dlq_redrive.c is the command and what it prints, dlq_send.c
 * the way of one letter.
 *
 *   letter -> chosen by the filter -> copy of one that had its turn? -> the record it was
 *          -> rules -> sink -> delivered -> mark
 *          -> (--to-topic) its topic -> confirmed -> mark
 *
 * A letter is marked only when its delivery was confirmed, and it is left alone once marked: a run
 * can end at any moment, and the next goes on where it was. What ends without a mark although it
 * was delivered (kill -9 between the two) is sent once more, under the same ids. Two runs at once
 * do not know of each other: one at a time. */

struct sl_redrive {
    const struct sl_config *config;
    bool dry, to_topic, json;
    uint64_t limit; /* letters at most */

    struct sl_dlq_filter filter;
    struct sl_dlq_scan scan;
    struct sl_dlq_stop stop;
    bool stoppable; /* `stop` is set up */
    struct sl_kafka_writer *writer;
    struct sl_kafka_reader *sources; /* for records that their letters only point to; or NULL yet */
    struct sl_marks marks;
    struct sl_deliver *deliver; /* NULL with to_topic */
    struct sl_copies copies;
    struct sl_report report;

    uint64_t chosen;   /* letters that the filter took */
    size_t under_way;  /* to_topic */
    bool full;         /* more records than one run keeps account of */
    struct sl_buf why; /* scratch */
    struct sl_buf samples;
};

/* Of a letter: an sl_dlq_letter_fn. */
bool sl_redrive_take(void *user, const struct sl_dead_letter *l);
/* For struct sl_deliver_ops. */
void sl_redrive_settled(void *user, void *letter, enum sl_fate fate, const char *why);
/* Somebody asked this run to end. Also keeps marks and progress going. */
bool sl_redrive_stop(void *user);
/* Waits for what is under way; writes the last marks. */
void sl_redrive_finish(struct sl_redrive *r);

#endif
