/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_CONSUMER_H
#define SL_KAFKA_CONSUMER_H

#include "net/loop.h"
#include "ops/log.h"
#include "sluice/message.h"
#include "sluice/position.h"

/* The group member that reads the source. All callbacks run on the loop thread.
 *
 * Messages come from librdkafka's consumer queue, one event at a time, woken by the queue's
 * descriptor, which fires only when the queue was empty: so the consumer polls until the queue is
 * empty or the turn's budget is used, and in the second case goes on in the next turn (uv_idle).
 *
 * on_message answers false to say "no room": the message is kept (one, and only until it is taken
 * or its partition goes), all partitions are paused, and polling goes on for rebalances and
 * max.poll.interval. After sl_consumer_resume() it is offered again first.
 *
 * Rebalance. ASSIGN: for each partition the committed offset and the log's bounds are fetched on a
 * pool thread (the library's calls block), `start` and `out_of_range` decide where there is none or
 * it is out of range, a start offset is committed before the first fetch; then on_arriving is
 * called with a new sl_partition each (an epoch), the user makes up positions from the committed
 * line (it may have to fetch rules for that) and calls sl_consumer_arrived(); then on_assigned is
 * called and the partitions are assigned at each one's `next`. Only from on_assigned on they are
 * among sl_consumer_partitions(); one that a policy has stopped does not arrive, but is assigned
 * (`stopped`). REVOKE: on_revoking is called; the
 * user drains and then calls sl_consumer_revoked(), upon which the consumer commits each
 * partition's least position (unless the assignment was lost: on_lost), marks the partitions ended,
 * calls on_ended and answers librdkafka. Messages that still come for revoking partitions are
 * thrown away: the next owner reads them.
 *
 * Commits are explicit and asynchronous, at most one a second (at once after
 * sl_consumer_commit_soon()), of changed partitions only, at most one in flight, from
 * sl_partition_least(), with the line of position.h; sl_partition_noted() takes what was confirmed,
 * and on_committed tells the user. An answer that leaves open whether the commit was applied, or
 * will be (a timeout, a lost connection), ends the epoch of its partitions where the user's
 * `strict` asks for it: they end (on_ended, lost) and arrive again from what is committed then,
 * without the group noticing. */

struct sl_consumer;

struct sl_arrival {
    struct sl_partition *p; /* its log_start, log_end and committed are set; next is not */
    int64_t base; /* where it starts by the committed offset and the policies: above p->committed
                     where [committed, base) has gone and out_of_range lets it go on */
    struct sl_slice line; /* committed with the offset, when base is that offset; else p == NULL */
    bool late;            /* sl_consumer_arrived() has not come for long: a hint for logs */
};

struct sl_consumer_counts {
    uint64_t plain; /* commits of one partition without the line: it was too long, or refused */
    uint64_t unrecorded; /* plans that went on with such a commit */
    uint64_t unknown;    /* epochs ended by an unknown answer */
    uint64_t stirred;    /* partitions begun again because nothing came (strand.c) */
};

struct sl_consumer_ops {
    /* False: no room now. The partition is message->at. */
    bool (*on_message)(void *user, const struct sl_message *message);
    /* Partitions that are not stopped. Later, not from inside, sl_consumer_arrived(), with each
     * partition settled (position.h) or stopped; on_ended may come first: then it is void. The
     * array and the lines are borrowed until then. NULL: every sink begins at the base. */
    void (*on_arriving)(void *user, struct sl_arrival *arrivals, size_t n);
    void (*on_assigned)(void *user, struct sl_partition *const *partitions, size_t n);
    void (*on_revoking)(void *user, struct sl_partition *const *partitions, size_t n);
    /* The assignment of these is over (revoked or lost); p->ended is set. Last call for them. */
    void (*on_ended)(void *user, struct sl_partition *const *partitions, size_t n, bool lost);
    /* The consumer cannot go on (fenced instance id, out_of_range: stop for every partition,
     * authentication that is refused for good): stop the program with exit status 1. */
    void (*on_fatal)(void *user, const char *reason);
    /* A commit was confirmed: plans may go on. */
    void (*on_committed)(void *user);
    /* Every 30 s, and once after on_assigned: the log's bounds of all assigned partitions are fresh
     * (sl_partition.log_start, log_end). */
    void (*on_bounds)(void *user);
    /* Retention has overtaken the live reader, and out_of_range lets it go on at `to`: nothing
     * that it serves gets [from, to). `next` moves there afterwards. */
    void (*on_overtaken)(void *user, struct sl_partition *p, int64_t from, int64_t to);
    /* A new topic was seen: fill its metrics. */
    void (*on_topic)(void *user, struct sl_topic *topic);
    void (*on_closed)(void *user);
};

struct sl_consumer_config {
    const struct sl_source_config *source;
    const char *const *excluded_topics; /* dead-letter and state topics: never consumed */
    size_t n_excluded;
    size_t n_sinks;
    const struct sl_position_names *names; /* NULL: sinks' own positions are not kept; borrowed */
    bool strict; /* some sink records its cuts: an unknown answer to a commit ends the epoch */
    const struct sl_consumer_ops *ops;
    void *user;
};

struct sl_consumer *sl_consumer_new(struct sl_loop *loop, const struct sl_consumer_config *config,
                                    struct sl_error *err);
/* Fetches the cluster id and subscribes; on_assigned follows. */
int sl_consumer_start(struct sl_consumer *c, struct sl_error *err);
const char *
sl_consumer_cluster_id(const struct sl_consumer *c); /* "" until known; known before on_assigned */
void sl_consumer_arrived(struct sl_consumer *c);     /* every on_arriving is answered by one */
void sl_consumer_commit_soon(struct sl_consumer *c);
/* Something of the partition turned out wrong (rules that cannot be had past max_replay, ...): it
 * is read no further, and readiness says why. */
void sl_consumer_stop(struct sl_consumer *c, struct sl_partition *p, const char *why);
const struct sl_consumer_counts *sl_consumer_counts(const struct sl_consumer *c);
void sl_consumer_pause(struct sl_consumer *c); /* both are idempotent */
void sl_consumer_resume(struct sl_consumer *c);
bool sl_consumer_paused(const struct sl_consumer *c);
void sl_consumer_revoked(struct sl_consumer *c); /* the drain asked for by on_revoking is over */
/* Assigned partitions, in no order; borrowed until the next callback. */
struct sl_partition *const *sl_consumer_partitions(const struct sl_consumer *c, size_t *ret_n);
/* In words: "assigned 3 partitions", "waiting in the group", "no broker answers: ..."; ready:
 * assigned, or waiting in the group with nothing assigned to it. Partitions stopped by out_of_range
 * make it not ready. */
bool sl_consumer_ready(const struct sl_consumer *c, char *ret, size_t n);
/* Stops fetching now; then as a revoke of everything; then leaves the group; then on_closed. */
void sl_consumer_close(struct sl_consumer *c);
void sl_consumer_free(struct sl_consumer *c); /* after on_closed, or at once when giving up */

#endif
