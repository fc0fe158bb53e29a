/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>

#include "base/alloc.h"

static const enum sl_sink_state states[] = {SL_SINK_LIVE, SL_SINK_STALLED, SL_SINK_DETACHED,
                                            SL_SINK_CATCHING_UP};
enum { STATES = sizeof(states) / sizeof(states[0]) };

static const char rules_name[] = "sluice_rules_info", aside_name[] = "sluice_rules_set_aside";

/* ---- counters of records and topics ---- */

static void init_record_counters(struct sl_pipeline *p)
{
    const struct sl_label tombstone[] = {
        {"rule", "(tombstone)"}, {"reason", "tombstone"}, {NULL, NULL}};
    const struct sl_label control[] = {
        {"rule", "(control)"}, {"reason", "control_message"}, {NULL, NULL}};

    p->count.tombstones =
        sl_metrics_counter(p->metrics, "sluice_dropped_records_total",
                           "Records that no sink took, by the rule that decided it.", tombstone);
    p->count.controls =
        sl_metrics_counter(p->metrics, "sluice_dropped_records_total",
                           "Records that no sink took, by the rule that decided it.", control);
    p->count.kept = sl_metrics_counter(
        p->metrics, "sluice_kept_records_total",
        "Records that at least one sink was chosen for: decoded less dropped.", NULL);
    p->count.limits =
        sl_metrics_counter(p->metrics, "sluice_rule_limit_records_total",
                           "Records sent to rule_errors because a rule hit its limits.", NULL);
    p->count.voids = sl_metrics_counter(
        p->metrics, "sluice_positions_void_total",
        "Partitions whose sinks' positions did not count, for want of the rules they were under.",
        NULL);
    p->count.breaches = sl_metrics_counter(p->metrics, "sluice_ledger_breaches_total",
                                           "Times the program's books did not balance.", NULL);
}

static void init_sink_counters(struct sl_pipeline *p, size_t i)
{
    const struct sl_label labels[] = {{"sink", p->config->sinks[i].name}, {NULL, NULL}};

    p->count.expired[i] =
        sl_metrics_counter(p->metrics, "sluice_expired_offsets_total",
                           "Offsets that retention removed before the sink had them.", labels);
    p->count.left_out[i] = sl_metrics_counter(
        p->metrics, "sluice_left_out_records_total",
        "Records read again that the sink already had: its position was ahead.", labels);
    p->count.detaches[i] = sl_metrics_counter(
        p->metrics, "sluice_detaches_total",
        "Times the sink was left behind so that the others could go on.", labels);
    p->count.read_again[i] =
        sl_metrics_counter(p->metrics, "sluice_catch_up_records_total",
                           "Messages read for the sink alone, while it caught up.", labels);
}

void sl_observe_topic(struct sl_pipeline *p, struct sl_topic *topic)
{
    const struct sl_label labels[] = {{"topic", topic->name}, {NULL, NULL}};

    topic->consumed_records = sl_metrics_counter(p->metrics, "sluice_consumed_records_total",
                                                 "Messages read from the topic.", labels);
    topic->consumed_bytes =
        sl_metrics_counter(p->metrics, "sluice_consumed_bytes_total",
                           "Bytes of keys and values read from the topic.", labels);
    topic->decoded_records = sl_metrics_counter(
        p->metrics, "sluice_decoded_records_total",
        "Records decoded from the topic's messages (a message can hold many).", labels);
}

/* ---- rules ---- */

static void aside_labels(const struct sl_routing *r, unsigned rule, struct sl_label ret[2])
{
    ret[0] = (struct sl_label){"rule", sl_rules_info(r->rules, rule).metric};
    ret[1] = (struct sl_label){NULL, NULL};
}

void sl_observe_aside(struct sl_pipeline *p, unsigned rule)
{
    struct sl_label labels[2];

    aside_labels(p->routing, rule, labels);
    *sl_metrics_gauge(p->metrics, aside_name,
                      "1: the rule kept meeting its limits and is not tried until the next reload.",
                      labels) = 1;
}

void sl_observe_rules(struct sl_pipeline *p, const struct sl_routing *old)
{
    const struct sl_label before[] = {{"hash", p->shown_rules}, {NULL, NULL}};
    const struct sl_label now[] = {{"hash", p->routing->version->hash}, {NULL, NULL}};

    for (size_t i = 0; old && old != p->routing && i < old->n_aside; i++) {
        struct sl_label labels[2];

        aside_labels(old, old->aside[i], labels);
        sl_metrics_drop(p->metrics, aside_name, labels);
    }
    if (*p->shown_rules)
        sl_metrics_drop(p->metrics, rules_name, before);
    *sl_metrics_gauge(p->metrics, rules_name, "1 for the version of the rules that is live.", now) =
        1;
    snprintf(p->shown_rules, sizeof(p->shown_rules), "%s", p->routing->version->hash);
}

void sl_observe_reload(struct sl_pipeline *p, bool successful)
{
    *sl_metrics_gauge(p->metrics, "sluice_config_last_reload_successful",
                      "Whether the last load of the rules succeeded.", NULL) = successful;
    if (successful)
        *sl_metrics_gauge(p->metrics, "sluice_config_last_reload_success_timestamp_seconds",
                          "When the rules were last loaded with success.", NULL) =
            (uint64_t)(sl_wall_ms(p->rt) / 1000);
}

/* ---- gauges that are computed when somebody looks ---- */

static int64_t lag_of(const struct sl_partition *partition, int64_t position)
{
    return partition->log_end > position && position >= 0 ? partition->log_end - position : 0;
}

int64_t sl_observe_lag(const struct sl_partition *partition)
{
    return lag_of(partition, partition->next);
}

static uint64_t *partition_gauge(struct sl_pipeline *p, const struct sl_partition *partition)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", (int)partition->number);
    const struct sl_label labels[] = {
        {"topic", partition->topic->name}, {"partition", number}, {NULL, NULL}};
    return sl_metrics_gauge(p->metrics, "sluice_lag_records",
                            "Records between the live reader and the end of the partition.",
                            labels);
}

void sl_observe_ended(struct sl_pipeline *p, const struct sl_partition *partition)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", (int)partition->number);
    const struct sl_label labels[] = {
        {"topic", partition->topic->name}, {"partition", number}, {NULL, NULL}};
    sl_metrics_remove(p->metrics, "sluice_lag_records", labels);
}

uint64_t sl_observe_sink_lag(const struct sl_pipeline *p, size_t sink)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);
    uint64_t lag = 0;

    for (size_t i = 0; i < n; i++)
        if (!all[i]->ended)
            lag += (uint64_t)lag_of(all[i], sl_partition_position(all[i], sink));
    return lag;
}

void sl_observe_reason(const struct sl_pipeline *p, size_t sink, char *ret, size_t n)
{
    const char *own = sl_sink_reason(p->sinks[sink]);
    unsigned long long lag = sl_observe_sink_lag(p, sink);

    switch (sl_flow_state(p, sink)) {
    case SL_SINK_LIVE:
        *ret = '\0';
        break;
    case SL_SINK_STALLED:
        snprintf(ret, n, "%s", own);
        break;
    case SL_SINK_DETACHED:
        snprintf(ret, n, "left behind until it answers, %llu records to go: %s", lag, own);
        break;
    case SL_SINK_CATCHING_UP:
        snprintf(ret, n, "%s, %llu records to go",
                 sl_catchup_serves(p, sink) ? "catches up" : "waits for its turn to catch up", lag);
        break;
    }
}

static void set_sink_gauges(struct sl_pipeline *p, size_t i)
{
    const char *name = p->config->sinks[i].name;
    enum sl_sink_state now = sl_flow_state(p, i);
    const struct sl_label labels[] = {{"sink", name}, {NULL, NULL}};

    *sl_metrics_gauge(p->metrics, "sluice_sink_lag_records",
                      "Records between the sink's positions and the ends of the partitions.",
                      labels) = sl_observe_sink_lag(p, i);
    for (size_t k = 0; k < STATES; k++) {
        const struct sl_label state[] = {
            {"sink", name}, {"state", sl_sink_state_name(states[k])}, {NULL, NULL}};

        *sl_metrics_gauge(p->metrics, "sluice_sink_state", "1 for the state that the sink is in.",
                          state) = now == states[k];
    }
}

static void set_commit_counters(struct sl_pipeline *p)
{
    const struct sl_consumer_counts *c = sl_consumer_counts(p->consumer);

    *sl_metrics_counter(
        p->metrics, "sluice_plain_commits_total",
        "Commits of a partition without the sinks' own positions, for want of room.", NULL) =
        c->plain;
    *sl_metrics_counter(p->metrics, "sluice_plans_unrecorded_total",
                        "Archive cuts that were uploaded without having been recorded.", NULL) =
        c->unrecorded;
    *sl_metrics_counter(p->metrics, "sluice_unknown_commits_total",
                        "Partitions begun again because the answer to a commit was lost.", NULL) =
        c->unknown;
    *sl_metrics_counter(p->metrics, "sluice_stranded_partitions_total",
                        "Partitions begun again because nothing came although there was more.",
                        NULL) = c->stirred;
}

static void on_render(void *user)
{
    struct sl_pipeline *p = user;
    size_t n;
    struct sl_partition *const *partitions = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (!partitions[i]->ended)
            *partition_gauge(p, partitions[i]) = (uint64_t)sl_observe_lag(partitions[i]);
    for (size_t i = 0; i < p->n_sinks; i++)
        set_sink_gauges(p, i);
    set_commit_counters(p);
}

void sl_observe_init(struct sl_pipeline *p)
{
    const struct sl_label build[] = {{"version", SLUICE_VERSION}, {NULL, NULL}};

    init_record_counters(p);
    p->count.left_out = sl_calloc(4 * p->n_sinks, sizeof(uint64_t *));
    p->count.expired = p->count.left_out + p->n_sinks;
    p->count.detaches = p->count.expired + p->n_sinks;
    p->count.read_again = p->count.detaches + p->n_sinks;
    *sl_metrics_gauge(p->metrics, "sluice_build_info", "Version of the program.", build) = 1;
    sl_observe_rules(p, NULL);
    sl_observe_reload(p, true);
    for (size_t i = 0; i < p->n_sinks; i++)
        init_sink_counters(p, i);
    sl_metrics_process(p->metrics);
    sl_metrics_on_render(p->metrics, on_render, p);
    sl_status_init(p);
}

void sl_observe_release(struct sl_pipeline *p)
{
    free(p->count.left_out);
}
