/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_PIPELINE_STATE_H
#define SL_PIPELINE_STATE_H

#include "base/hash.h"
#include "kafka/consumer.h"
#include "kafka/producer.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "ops/admin.h"
#include "ops/log.h"
#include "ops/metrics.h"
#include "pipeline/pipeline.h"
#include "pipeline/reload.h"
#include "pipeline/routing.h"
#include "sluice/route.h"
#include "sluice/sink.h"

/* The inside of the pipeline, shared by its own files only. */

enum sl_phase {
    SL_PHASE_RUNNING,
    SL_PHASE_DRAINING, /* stop was asked for: nothing new is routed, sinks flush */
    SL_PHASE_CLOSED,   /* the consumer has left the group */
};

/* Beside those of the rules (rule_counts.h). */
struct sl_record_counters {
    uint64_t *kept;      /* at least one sink took it: decoded = dropped + kept */
    uint64_t **left_out; /* by sink */
    uint64_t *tombstones, *limits;
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
    char *cluster_id;
    const char **sink_ids;
    struct sl_position_names names;

    struct sl_metrics *metrics;
    struct sl_record_counters count;
    char shown_rules[SL_SHA256_HEX + 1]; /* hash that sluice_rules_info has; "" at first */
    uint64_t started_ms, consumed, progress_consumed, progress_ms;

    /* flow.c */
    enum sl_phase phase;
    int exit_status;
    bool revoking;              /* the consumer waits for sl_consumer_revoked() */
    struct sl_timer flow_timer; /* one look at the flow, soon */
    struct sl_timer drain_timer;
    struct sl_timer overdue_timer; /* `shutdown` has passed */
    uint64_t stop_ms;
    uint64_t pauses;
};

/* ---- flow.c ---- */
extern const struct sl_consumer_ops sl_pipeline_consumer_ops;
void sl_flow_init(struct sl_pipeline *p);
void sl_flow_release(struct sl_pipeline *p);
void sl_flow_wake(void *user); /* sl_sink_env.wake: looks at the flow in the next turn */
void sl_flow_pause(struct sl_pipeline *p);         /* some queue is too full */
bool sl_flow_pressed(const struct sl_pipeline *p); /* some queue is above its pause mark */
bool sl_pipeline_on_message(void *user, const struct sl_message *m); /* pipeline.c */

/* ---- observe.c ---- */
void sl_observe_init(struct sl_pipeline *p);
void sl_observe_release(struct sl_pipeline *p);
void sl_observe_topic(struct sl_pipeline *p, struct sl_topic *topic);
void sl_observe_ended(struct sl_pipeline *p, const struct sl_partition *partition);
void sl_observe_aside(struct sl_pipeline *p, unsigned rule);
void sl_observe_reload(struct sl_pipeline *p, bool successful);
/* Other rules are live than `old` (NULL: none were), or they have another version. */
void sl_observe_rules(struct sl_pipeline *p, const struct sl_routing *old);

#endif
