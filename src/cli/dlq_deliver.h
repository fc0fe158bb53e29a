/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_DELIVER_H
#define SL_CLI_DLQ_DELIVER_H

#include "base/diag.h"
#include "cli/dlq_report.h"
#include "cli/offline.h"

/* Letters to the sinks that refused them, by the current rules.
 *
 * The command owns sinks of its own, made like those of `sluice run`, without a group and without
 * positions. A letter becomes the record it was: source topic, partition, offset, Kafka's time,
 * key, value and headers, so that it is decoded alike and gets the id that it would have had (a
 * copy that arrived before is a 409, which counts as delivered). The rules judge it anew; of the
 * sinks they choose only the one that refused it gets it. Rate limits judge each letter by itself.
 *
 * Each letter under way has a partition object of its own, so the sink's books of that partition
 * are the letter's: delivered, dead, or let go when somebody asked to stop. What the destination
 * refuses comes back through the sink's dead-letter interface, which here writes nothing: the
 * letter is there already. The share of refused records stalls no sink here, for these were all
 * refused before.
 *
 * S3 sinks are left out: what they upload are ranges of the log under names made of their bounds,
 * so that a record by itself would need a name that no range has. They refuse a record only for its
 * size; with a larger queue it goes back through its topic. */

/* The letter is borrowed until its fate is told. */
struct sl_deliver_ops {
    /* Once for each letter that sl_deliver_put() took. why: of a refusal, "" otherwise. */
    void (*settled)(void *user, void *letter, enum sl_fate fate, const char *why);
    /* Asked several times a second while something waits; true: nothing new is wanted. */
    bool (*stop)(void *user);
    void *user;
    uint64_t patience_ms; /* without any answer of a stalled sink; 0: a minute, two time-outs at
                             least */
};

struct sl_deliver;

/* NULL: diags says why. cluster_id is part of records' ids. */
struct sl_deliver *sl_deliver_new(const struct sl_config *config, const char *cluster_id,
                                  const struct sl_deliver_ops *ops, struct sl_diags *diags);
void sl_deliver_free(struct sl_deliver *d); /* after sl_deliver_finish(), if anything was put */

/* The record that the letter was. */
struct sl_original {
    const struct sl_dead_letter *letter;
    struct sl_slice key, value;
    int64_t timestamp_ms; /* -1: unknown */
    const struct sl_header *headers;
    size_t n_headers;
};

/* What the rules say of it now. SL_FATE_REDRIVEN: they send it to that sink. Otherwise `why` has a
 * word about it. What it found is kept for sl_deliver_put() and sl_deliver_preview(). */
enum sl_fate sl_deliver_judge(struct sl_deliver *d, const struct sl_original *original,
                              struct sl_buf *why);
/* What would be sent of the record judged last, in one line. */
void sl_deliver_preview(struct sl_deliver *d, size_t max, struct sl_buf *out);
/* Sends the record judged last; waits for room. False: it was not taken, for nothing new is wanted,
 * or the sink does not answer any more. */
bool sl_deliver_put(struct sl_deliver *d, void *letter);
/* Until all is settled; what has no answer when the sink is given up, or `shutdown` after somebody
 * asked to stop, is settled as unknown. */
void sl_deliver_finish(struct sl_deliver *d);
/* Why it was given up; "" when it was not. */
const char *sl_deliver_trouble(const struct sl_deliver *d);

#endif
