/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_CONSUMER_PRIVATE_H
#define SL_KAFKA_CONSUMER_PRIVATE_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/list.h"
#include "kafka/consumer.h"
#include "kafka/inbox.h"
#include "kafka/lookup.h"
#include "kafka/nudge.h"

/* The consumer's parts: consumer.c (life, turns), pause.c (messages and back pressure), rebalance.c
 * (the one that decides when an assignment begins and ends), lookup.c (where a partition starts, on
 * a pool thread), arrive.c (what an assignment makes), assign.c (what the library is told), again.c
 * (partitions that begin anew after an unknown answer), commit.c, range.c (the log's bounds),
 * strand.c, park.c (a place at which the process dies), health.c (errors and readiness in words),
 * topics.c.
 *
 * All of it is one loop thread's; only lookup.c's `run` is elsewhere and touches nothing of this.
 */

enum {
    SL_TICK_MS = 1000,        /* commits: at most one a second */
    SL_TICK_FAST_MS = 50,     /* while a rebalance or a close is under way */
    SL_LAST_COMMIT_MS = 3000, /* bound of the commit of a revoke */
    SL_RETRY_FIRST_MS = 100,
    SL_RETRY_MAX_MS = 5000,
    SL_LAG_MS = 3000,
    SL_BOUNDS_MS = 30000,
    SL_STRAND_MS = 60000,
    SL_PARK_MS = 60000,
    SL_PARK_AFTER = 3, /* starts that came to nothing */
    SL_LATE_MS = 10000,
    SL_TURN_EVENTS = 1000,
};

/* What the consumer keeps beside an assigned partition (sl_partition.reader). */
struct sl_part {
    struct sl_partition *p;
    int64_t expect; /* offset after the last message handed over or parked: what is below is a
                       repetition */
    int64_t base;   /* where it starts by the committed offset and the policies */
    int64_t eof;    /* an end of partition that could not be applied yet; -1 */
    bool arrived;   /* its positions are made up: before that, nothing of it is committed */
    bool doubt;  /* whether a commit of it was applied is not known: nothing is, until it has begun
                    anew */
    bool paused; /* by us: 2.0.2 rewinds a partition that is resumed without having been paused */
    bool rewind; /* messages were thrown away: seek back to `expect` before the next one is taken */
    bool check;  /* the log moved away under it: its bounds are to be asked for */
    bool checking;  /* and are being asked for, since then */
    bool plain;     /* the broker refused our metadata: commit without */
    int64_t bad_at; /* `expect` when a fetched batch could last not be read, and how often there */
    unsigned bad_times;
    int64_t still_at; /* `expect` since still_ms, while records should come */
    uint64_t still_ms;
    bool stirred;     /* and begun again once */
    char *why;        /* p->stopped: in words */
    int64_t began_at; /* least position when it arrived, and when */
    uint64_t began_ms;
    uint64_t parked_until_ms; /* p->stopped, but not for ever; 0: it is not parked */
};

/* Messages say rkt pointer and partition; this finds the part without comparing names. Valid
 * between two changes of the assignment: an assigned partition keeps its rkt alive. */
struct sl_slot {
    rd_kafka_topic_t *rkt;
    int32_t number;
    struct sl_part *part;
};

enum sl_stage {
    SL_STEADY,
    SL_SETTLING,     /* ASSIGN: an own commit is still unanswered */
    SL_RESOLVING,    /* ASSIGN: bounds and committed offsets are asked for */
    SL_BACKOFF,      /* ASSIGN: that failed; again after a while */
    SL_START_COMMIT, /* ASSIGN: start offsets are being committed */
    SL_ARRIVING,     /* ASSIGN: until sl_consumer_arrived() */
    SL_COUNTING,     /* ASSIGN: that reading begins once more is being committed */
    SL_DRAINING,     /* REVOKE: until sl_consumer_revoked() */
    SL_LAST_COMMIT,  /* REVOKE: the final commit */
};

enum sl_close_stage {
    SL_OPEN,
    SL_CLOSING, /* partitions are being given back */
    SL_LEAVING, /* rd_kafka_consumer_close_queue() was called */
    SL_CLOSED,
};

struct sl_known_topic {
    struct sl_topic topic;
    bool asked, compacted; /* its cleanup.policy */
};

/* One event of the group, kept until it is its turn. */
struct sl_rebalance {
    struct sl_list node;
    bool revoke;
    bool own;   /* sl_consumer_close(): librdkafka waits for no answer */
    bool again; /* neither: partitions that the library has all the time begin anew */
    rd_kafka_topic_partition_list_t *list;
};

struct sl_commit {
    bool in_flight;
    bool soon;                   /* sl_consumer_commit_soon() */
    bool confirmed;              /* of some partition, by the last answer */
    struct sl_partition **parts; /* references */
    size_t n;
    rd_kafka_resp_err_t worst; /* of the last answer */
    uint64_t logged_ms;
};

struct sl_consumer {
    struct sl_loop *loop;
    struct sl_runtime *rt;
    struct sl_log *log;
    const struct sl_source_config *source;
    const struct sl_consumer_ops *ops;
    void *user;
    size_t n_sinks;
    const struct sl_position_names *names;
    bool strict;
    char **excluded;
    size_t n_excluded;

    rd_kafka_t *rk;
    struct sl_inbox inbox;
    struct sl_timer tick;
    uint64_t second_ms;
    bool freed, fatal, said_closed;

    char *cluster_id;
    struct sl_known_topic **topics;
    size_t n_topics;

    struct sl_partition **partitions;
    size_t n_partitions, cap_partitions;
    uint64_t epochs;
    struct sl_slot *slots;
    size_t mask; /* slots - 1; 0: none */
    struct sl_slot last;
    struct sl_header headers[SL_HEADERS_MAX];

    bool paused; /* what the user wants; parts follow in sl_pause_sync() */
    rd_kafka_event_t *parked;
    const rd_kafka_message_t *parked_message; /* the event gives it out once only */
    struct sl_part *parked_at;

    enum sl_stage stage;
    enum sl_close_stage close_stage;
    bool drained; /* sl_consumer_revoked() was called */
    struct sl_list rebalances;
    struct sl_rebalance *now;    /* the one that `stage` is about */
    struct sl_partition **going; /* revoked: references stay the assignment's */
    size_t n_going;
    uint64_t deadline_ms, again_ms;
    unsigned attempts;
    struct sl_lookup *start; /* of the assignment that `now` asks for */
    struct sl_lookup *check; /* bounds of partitions whose log moved */
    bool start_running, start_sent, check_running;
    bool check_all; /* and of all others, as every 30 s */
    uint64_t check_again_ms, bounds_ms;

    /* Of the assignment that `now` asks for, until they are in `partitions`. */
    struct sl_partition **fresh;
    size_t n_fresh;
    struct sl_arrival *arrivals; /* those of them that on_arriving was told of */
    size_t n_arrivals;
    uint64_t late_ms;
    bool arrived; /* sl_consumer_arrived() was called */
    /* Assigned in the library, paused there, and of no epoch: they are to begin anew. An element's
     * err: fetching has ended meanwhile. opaque: it was parked. */
    rd_kafka_topic_partition_list_t *away;
    uint64_t away_again_ms;
    unsigned away_attempts;

    struct sl_commit commit;
    uint64_t commit_ms, lag_ms;
    uint64_t strand_ms; /* how long nothing may come; shorter in tests */
    uint64_t park_ms;   /* shorter in tests */
    struct sl_consumer_counts counts;

    struct sl_nudge nudge;

    char trouble[256];
    uint64_t trouble_ms, error_logged_ms;
};

/* consumer.c */
void sl_consumer_wake(struct sl_consumer *c);     /* another turn soon */
void sl_consumer_job_done(struct sl_consumer *c); /* a look-up came back, perhaps after the end */
void sl_consumer_fatal(struct sl_consumer *c, const char *reason);
static inline struct sl_part *sl_part_of(const struct sl_partition *p)
{
    return p->reader;
}
struct sl_partition *sl_consumer_find(const struct sl_consumer *c, const char *topic,
                                      int32_t number);
void sl_consumer_table_changed(struct sl_consumer *c);

/* pause.c */
bool sl_message_take(struct sl_consumer *c, rd_kafka_event_t *ev); /* true: keep the event */
void sl_pause_offer(struct sl_consumer *c);
void sl_pause_sync(struct sl_consumer *c);
void sl_pause_drop_parked(struct sl_consumer *c,
                          const struct sl_part *part); /* NULL: whatever it is */
void sl_pause_stir(struct sl_consumer *c, struct sl_part *part);
void sl_part_eof(struct sl_consumer *c, struct sl_part *part, int64_t offset);
void sl_part_unreadable(struct sl_consumer *c, struct sl_part *part, const char *why);

/* rebalance.c */
void sl_rebalance_event(struct sl_consumer *c, rd_kafka_event_t *ev);
void sl_rebalance_turn(struct sl_consumer *c);
void sl_rebalance_close(struct sl_consumer *c); /* a revoke of everything, of our own */
bool sl_rebalance_idle(const struct sl_consumer *c);
void sl_rebalance_release(struct sl_consumer *c);
uint64_t sl_consumer_backoff(struct sl_consumer *c, unsigned attempts); /* full jitter */

bool sl_rebalance_overtaken(const struct sl_consumer *c); /* nothing can come of it any more */

/* assign.c: what the library is told */
bool sl_assign_cooperative(const struct sl_consumer *c);
bool sl_assign_take(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *list);
void sl_assign_refuse(struct sl_consumer *c);         /* takes nothing of it */
int64_t sl_assign_offset(const struct sl_part *part); /* where the library is to read it from */
void sl_assign_answer(struct sl_consumer *c,
                      const struct sl_rebalance *r); /* to a revoke, when all is done */
/* Of these, what the library really has. The caller destroys it. */
rd_kafka_topic_partition_list_t *sl_assign_taken(struct sl_consumer *c,
                                                 const rd_kafka_topic_partition_list_t *list);
void sl_assign_restart(struct sl_consumer *c,
                       struct sl_part *part); /* fetching has ended: again, from expect */

/* arrive.c: epochs begin and end */
void sl_arrive_begin(struct sl_consumer *c); /* c->start is answered: on_arriving */
void sl_arrive_count(struct sl_consumer *c); /* all have arrived: what may be read is counted */
void sl_arrive_end(struct sl_consumer *c);   /* on_assigned, and they are read */
void sl_arrive_abandon(struct sl_consumer *c);
void sl_arrive_late(struct sl_consumer *c);
void sl_epochs_end(struct sl_consumer *c, struct sl_partition **parts, size_t n, bool lost);
void sl_epochs_release(struct sl_consumer *c);

/* again.c */
void sl_again_end(struct sl_consumer *c);   /* what a commit has left in doubt */
bool sl_again_begin(struct sl_consumer *c); /* true: c->now is one, and begins */
void sl_again_forget(struct sl_consumer *c,
                     const rd_kafka_topic_partition_list_t *list); /* NULL: all */
void sl_again_broken(struct sl_consumer *c, const rd_kafka_topic_partition_t *at);

/* range.c: the log's bounds, and when it moves away under a partition that is being read */
void sl_range_turn(struct sl_consumer *c);
void sl_part_stop(struct sl_consumer *c, struct sl_part *part, const char *why);
void sl_range_fatal_when_all_stopped(struct sl_consumer *c);

/* lag.c: ends of the logs */
void sl_lag_turn(struct sl_consumer *c);
void sl_lag_nudged(struct sl_nudge *n);

/* park.c */
bool sl_park_count(struct sl_consumer *c, struct sl_part *part); /* false: it is parked */
void sl_park_look(const struct sl_consumer *c, struct sl_part *part);
void sl_park_survived(struct sl_consumer *c, struct sl_part *part); /* all of the log was read */
void sl_park_leave(struct sl_consumer *c);                          /* what is given back */
struct sl_part *sl_park_due(const struct sl_consumer *c); /* it is to be tried again; or NULL */

/* strand.c */
void sl_strand_look(struct sl_consumer *c); /* once a second */

/* commit.c */
bool sl_commit_due(const struct sl_partition *p); /* some sink's position is not committed yet */
void sl_commit_known(const struct sl_consumer *c, struct sl_partition *p, const char *line);
bool sl_commit_send(struct sl_consumer *c, struct sl_partition *const *parts, size_t n);
bool sl_commit_send_start(struct sl_consumer *c, const struct sl_lookup *s);
void sl_commit_answer(struct sl_consumer *c, rd_kafka_event_t *ev);
void sl_commit_release(struct sl_consumer *c);

/* health.c */
void sl_health_event(struct sl_consumer *c, rd_kafka_event_t *ev);
void sl_health_trouble(struct sl_consumer *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sl_health_good(struct sl_consumer *c);

bool sl_health_troubled(const struct sl_consumer *c); /* it was in trouble lately */

/* topics.c */
struct sl_known_topic *sl_topics_get(struct sl_consumer *c, const char *name);
bool sl_topics_excluded(const struct sl_consumer *c, const char *name);
int sl_topics_hide(struct sl_consumer *c, rd_kafka_conf_t *conf, struct sl_error *err);
rd_kafka_topic_partition_list_t *sl_topics_subscription(const struct sl_consumer *c);
void sl_topics_release(struct sl_consumer *c);

#endif
