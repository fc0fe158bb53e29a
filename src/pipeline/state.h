/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_STATE_H
#define SL_PIPELINE_STATE_H

#include "base/hash.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "kafka/state.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "ops/admin.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "pipeline/arrive.h"
#include "pipeline/catchup.h"
#include "pipeline/pipeline.h"
#include "pipeline/reload.h"
#include "pipeline/routing.h"
#include "pipeline/versions.h"
#include "sluice/route.h"
#include "sluice/sink.h"

/* The inside of the pipeline, shared by its own files only. */

enum sl_phase {
    SL_PHASE_RUNNING,
    SL_PHASE_DRAINING, /* stop was asked for: nothing new is routed, sinks flush */
    SL_PHASE_CLOSED,   /* the consumer has left the group */
};

enum { SL_SECOND_MS = 1000 };

/* Of a sink's queue, in sixteenths (SL_PAUSE_SHARE and SL_RESUME_SHARE beside it): above this a
 * sink may be detached, and where all are above it the source pauses. */
enum { SL_HIGH_SHARE = 12, SL_HALF_SHARE = 8 };

/* Beside those of the rules (rule_counts.h). */
struct sl_record_counters {
    uint64_t *kept; /* at least one sink took it: decoded =
                       dropped + kept */
    uint64_t **left_out, **expired, **detaches, **read_again; /* by sink */
    uint64_t *tombstones, *controls, *limits, *voids, *breaches;
};

/* What the flow knows of a sink. */
struct sl_sink_flow {
    uint64_t over_ms;     /* its queue is above three quarters since then; 0: it is not */
    uint64_t detached_ms; /* some of its partitions are caught up with since then; 0: none is */
    uint64_t caught;      /* records read again since then */
    bool told;            /* the log has that it catches up */
    size_t wanted;        /* bytes that there is no room for: the source is paused for them */
    size_t wanted_most;   /* and with them the queue may hold so much */
    uint64_t wanted_ms;   /* since then */
    size_t apart;         /* the same of the side reader */
    uint64_t apart_ms, apart_tried_ms; /* since then; it was offered again then */
};

struct sl_pipeline {
    struct sl_loop *loop;
    struct sl_runtime *rt;
    const struct sl_config *config;
    struct sl_log *log;
    void (*stopped)(void *user, int exit_status, bool overdue);
    void *user;

    struct sl_fields *fields; /* of decoder and sinks; the base of every routing */
    struct sl_routing *routing;
    struct sl_versions versions;
    struct sl_reload reload;
    struct sl_sink_env env;
    struct sl_sink **sinks;
    size_t n_sinks;
    size_t alive; /* sinks that are, or wait for their pool threads; work of reload.c */

    struct sl_http_client *http;
    struct sl_http_server *admin_server;
    struct sl_admin admin;
    struct sl_producer *producer;
    struct sl_consumer *consumer;
    struct sl_state *state;
    char *cluster_id;
    const char **sink_ids;
    struct sl_position_names names;

    struct sl_metrics *metrics;
    struct sl_record_counters count;
    char shown_rules[SL_SHA256_HEX + 1]; /* hash that sluice_rules_info has; "" at first */
    uint64_t started_ms, consumed, progress_consumed, progress_ms;
    uint64_t seen, seen_bytes; /* by both readers: what a record takes, in the mean */

    /* flow.c, drain.c */
    enum sl_phase phase;
    int exit_status;
    struct sl_sink_flow *flows; /* by sink */
    uint64_t served;            /* bits: the live reader serves the sink in some partition */
    bool starved;               /* some partition has no sink that the live reader serves */
    bool compacted;             /* some partition's records vanish: no sink is detached */
    bool revoking;              /* the consumer waits for sl_consumer_revoked() */
    struct sl_timer flow_timer; /* one look at the flow, soon */
    struct sl_timer second_timer;
    struct sl_timer drain_timer;
    struct sl_timer overdue_timer; /* `shutdown` has passed */
    uint64_t stop_ms;
    uint64_t pauses;
    uint64_t ledger_ms, breach_log_ms; /* ledger.c */

    struct sl_arrive arrive;
    struct sl_catchup catchup;
};

/* A partition that is read and will be read on. */
static inline bool sl_partition_active(const struct sl_partition *at)
{
    return !at->ended && !at->draining && !at->stopped;
}

/* ---- pipeline.c: the way of a record ---- */

/* What the rules of its era make of a message. */
struct sl_way {
    struct sl_routing *routing;
    size_t n; /* records that it holds */
    /* The one judged last. */
    struct sl_record record;
    struct sl_decision decision;
};

bool sl_pipeline_on_message(void *user, const struct sl_message *m);
/* Before a reader takes the message at `offset`, and has taken all below `before`: closes what is
 * open of the partition where another era begins between the two. */
void sl_way_cross(struct sl_pipeline *p, struct sl_partition *at, int64_t before, int64_t offset,
                  bool catch_up);
void sl_way_open(struct sl_pipeline *p, const struct sl_message *m, struct sl_way *ret);
void sl_way_judge(struct sl_way *w, size_t i); /* record i */
void sl_way_append(struct sl_pipeline *p, const struct sl_way *w, const struct sl_choice *choice);
/* What the record judged last is for the sink, or NULL. */
const struct sl_choice *sl_way_choice(const struct sl_way *w, size_t sink);
/* Hands the record judged last to the sinks that the live reader serves, and counts it. Returns
 * them, as bits. */
uint64_t sl_way_hand_out(struct sl_pipeline *p, const struct sl_message *m, const struct sl_way *w);
void sl_way_count_message(struct sl_pipeline *p, const struct sl_message *m);
void sl_way_count_dropped(struct sl_pipeline *p, const struct sl_message *m); /* before the rules */

/* ---- many.c: messages that do not hold exactly one record ---- */

/* What follows once the message is taken: its sum, and the sinks that took something, as bits. */
struct sl_taken {
    uint32_t value_crc;
    uint64_t sinks;
};
/* By the live reader; false: some sink has no room, and nothing was taken. */
bool sl_many_take(struct sl_pipeline *p, const struct sl_message *m, struct sl_way *w,
                  struct sl_taken *ret);
/* By the side reader, for one sink. */
bool sl_many_give(struct sl_pipeline *p, const struct sl_message *m, size_t sink, struct sl_way *w,
                  struct sl_taken *ret);

/* ---- flow.c ---- */
void sl_flow_init(struct sl_pipeline *p);
void sl_flow_release(struct sl_pipeline *p);
void sl_flow_wake(void *user);            /* sl_sink_env.wake: looks at the flow in the next turn */
void sl_flow_look(struct sl_pipeline *p); /* partitions, or who serves a sink, have changed */
/* What a sink has taken presses: pauses the source where it must. */
void sl_flow_press(struct sl_pipeline *p);
/* There is no room for this record in the sink's queue. True: the sink has been detached, so that
 * the others can go on. False: the source is paused. */
bool sl_flow_full(struct sl_pipeline *p, size_t sink, const struct sl_record *r);
/* The same for all records of a message, which may need so much that there is none long before the
 * queue is full: then the sink has `overflow.after` to make it. */
bool sl_flow_full_for(struct sl_pipeline *p, size_t sink, const struct sl_message *m,
                      const struct sl_sink_need *need);
void sl_flow_detach(struct sl_pipeline *p, size_t sink);
void sl_flow_attached(struct sl_pipeline *p, size_t sink); /* some partition has caught up */
void sl_flow_ended(struct sl_pipeline *p);                 /* some partitions have ended */
/* Of its queue, in sixteenths. */
bool sl_flow_above(const struct sl_pipeline *p, size_t sink, unsigned share);
enum sl_sink_state sl_flow_state(const struct sl_pipeline *p, size_t sink);

/* ---- drain.c ---- */
extern const struct sl_consumer_ops sl_pipeline_consumer_ops;
void sl_drain_init(struct sl_pipeline *p);
void sl_drain_release(struct sl_pipeline *p);
void sl_drain_look(struct sl_pipeline *p);

/* ---- ledger.c ---- */
void sl_ledger_tick(struct sl_pipeline *p); /* once a second */
void sl_ledger_ended(struct sl_pipeline *p, struct sl_partition *const *partitions, size_t n);

/* ---- headroom.c ---- */
void sl_headroom_look(struct sl_pipeline *p); /* the bounds of the logs are fresh */
/* Counts and tells what the sink will never have. */
void sl_headroom_expired(struct sl_pipeline *p, const struct sl_partition *at, size_t sink,
                         int64_t from, int64_t n);

/* ---- observe.c ---- */
void sl_observe_init(struct sl_pipeline *p);
void sl_observe_release(struct sl_pipeline *p);
void sl_observe_topic(struct sl_pipeline *p, struct sl_topic *topic);
void sl_observe_ended(struct sl_pipeline *p, const struct sl_partition *partition);
void sl_observe_aside(struct sl_pipeline *p, unsigned rule);
void sl_observe_reload(struct sl_pipeline *p, bool successful);
/* Other rules are live than `old` (NULL: none were), or they have another version. */
void sl_observe_rules(struct sl_pipeline *p, const struct sl_routing *old);
int64_t sl_observe_lag(const struct sl_partition *partition); /* the live reader's */
/* Records between the sink's positions and the ends of the partitions. */
uint64_t sl_observe_sink_lag(const struct sl_pipeline *p, size_t sink);
/* Why the sink is not live, in words; "" when it is. */
void sl_observe_reason(const struct sl_pipeline *p, size_t sink, char *ret, size_t n);

/* ---- status.c ---- */
void sl_status_init(struct sl_pipeline *p);

#endif
