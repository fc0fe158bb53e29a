/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"

static const enum sl_sink_state states[] = {SL_SINK_LIVE, SL_SINK_STALLED, SL_SINK_DETACHED,
                                            SL_SINK_CATCHING_UP};
enum { STATES = sizeof(states) / sizeof(states[0]), NOTES_MAX = 64 << 10 };

static const char rules_name[] = "sluice_rules_info", aside_name[] = "sluice_rules_set_aside";

/* ---- counters of records and topics ---- */

static void init_record_counters(struct sl_pipeline *p)
{
    const struct sl_label tombstone[] = {
        {"rule", "(tombstone)"}, {"reason", "tombstone"}, {NULL, NULL}};

    p->count.tombstones =
        sl_metrics_counter(p->metrics, "sluice_dropped_records_total",
                           "Records that no sink took, by the rule that decided it.", tombstone);
    p->count.kept = sl_metrics_counter(
        p->metrics, "sluice_kept_records_total",
        "Records that at least one sink was chosen for: decoded less dropped.", NULL);
    p->count.limits =
        sl_metrics_counter(p->metrics, "sluice_rule_limit_records_total",
                           "Records sent to rule_errors because a rule hit its limits.", NULL);
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

static void set_sink_gauges(struct sl_pipeline *p, size_t i, struct sl_partition *const *partitions,
                            size_t n)
{
    const char *name = p->config->sinks[i].name;
    uint64_t lag = 0;

    for (size_t k = 0; k < n; k++)
        lag += (uint64_t)lag_of(partitions[k], sl_partition_position(partitions[k], i));
    const struct sl_label labels[] = {{"sink", name}, {NULL, NULL}};
    *sl_metrics_gauge(p->metrics, "sluice_sink_lag_records",
                      "Records between the sink's positions and the ends of the partitions.",
                      labels) = lag;
    for (size_t k = 0; k < STATES; k++) {
        const struct sl_label state[] = {
            {"sink", name}, {"state", sl_sink_state_name(states[k])}, {NULL, NULL}};

        *sl_metrics_gauge(p->metrics, "sluice_sink_state", "1 for the state that the sink is in.",
                          state) = sl_sink_state(p->sinks[i]) == states[k];
    }
}

static void on_render(void *user)
{
    struct sl_pipeline *p = user;
    size_t n;
    struct sl_partition *const *partitions = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (!partitions[i]->ended)
            *partition_gauge(p, partitions[i]) =
                (uint64_t)lag_of(partitions[i], partitions[i]->next);
    for (size_t i = 0; i < p->n_sinks; i++)
        set_sink_gauges(p, i, partitions, n);
}

/* ---- the admin endpoint ---- */

static bool ready(void *user, struct sl_buf *lines)
{
    struct sl_pipeline *p = user;
    char text[512];
    bool is = p->phase == SL_PHASE_RUNNING && sl_consumer_ready(p->consumer, text, sizeof(text));

    if (p->phase != SL_PHASE_RUNNING)
        snprintf(text, sizeof(text), "stopping");
    if (!is)
        sl_buf_printf(lines, "%s\n", text);
    sl_reload_notes(p, lines);
    return is;
}

static json_t *sink_status(const struct sl_pipeline *p, size_t i)
{
    const struct sl_sink *s = p->sinks[i];
    char reason[512]; /* may hold what a server said: JSON takes no broken characters */

    sl_utf8_copy(sl_sink_reason(s), reason, sizeof(reason));
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I}", "name", s->config->name, "type",
        s->type->name, "state", sl_sink_state_name(sl_sink_state(s)), "reason", reason, "routed",
        (json_int_t)*s->count.routed, "delivered", (json_int_t)*s->count.delivered, "dead",
        (json_int_t)*s->count.dead, "in_flight", (json_int_t)*s->count.in_flight, "queue_bytes",
        (json_int_t)sl_sink_bytes(s), "queue_limit_bytes", (json_int_t)s->config->queue_bytes);
}

static json_t *rules_status(const struct sl_pipeline *p)
{
    struct sl_buf notes;
    json_t *ret;
    char *text;

    sl_buf_init(&notes, NOTES_MAX);
    sl_reload_notes(p, &notes);
    text = sl_alloc(notes.n + 1);
    sl_utf8_copy(sl_buf_str(&notes), text, notes.n + 1);
    ret = json_pack("{s:s, s:I, s:s}", "hash", p->routing->version->hash, "count",
                    (json_int_t)sl_rules_count(p->routing->rules), "notes", text);
    sl_buf_release(&notes);
    free(text);
    return ret;
}

static void status(void *user, struct sl_buf *out)
{
    struct sl_pipeline *p = user;
    json_t *sinks = json_array(), *list = json_array(), *root;
    struct sl_partition *const *partitions;
    size_t n;
    char *text;

    for (size_t i = 0; i < p->n_sinks; i++)
        json_array_append_new(sinks, sink_status(p, i));
    partitions = sl_consumer_partitions(p->consumer, &n);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:i, s:I, s:I, s:I}", "topic", partitions[i]->topic->name,
                            "partition", (int)partitions[i]->number, "position",
                            (json_int_t)sl_partition_least(partitions[i]), "end",
                            (json_int_t)partitions[i]->log_end, "lag",
                            (json_int_t)lag_of(partitions[i], partitions[i]->next)));
    root = json_pack("{s:s, s:I, s:o, s:o, s:o}", "version", SLUICE_VERSION, "uptime_seconds",
                     (json_int_t)((sl_now_ms(p->rt) - p->started_ms) / 1000), "rules",
                     rules_status(p), "sinks", sinks, "partitions", list);
    text = json_dumps(root, JSON_COMPACT);
    if (text)
        sl_buf_text(out, text);
    free(text);
    json_decref(root);
}

/* ---- a line for a person ---- */

void sl_pipeline_progress(struct sl_pipeline *p, struct sl_buf *ret)
{
    uint64_t now = sl_now_ms(p->rt), ms = now - p->progress_ms, lag = 0;
    size_t n;
    struct sl_partition *const *partitions = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        lag += (uint64_t)lag_of(partitions[i], partitions[i]->next);
    sl_buf_printf(ret, "read %llu records (%llu/s), lag %llu on %zu partitions%s",
                  (unsigned long long)p->consumed,
                  (unsigned long long)(ms ? (p->consumed - p->progress_consumed) * 1000 / ms : 0),
                  (unsigned long long)lag, n, sl_consumer_paused(p->consumer) ? ", paused" : "");
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink *s = p->sinks[i];

        sl_buf_printf(ret, "; %s %llu", s->config->name, (unsigned long long)*s->count.delivered);
        if (*s->count.dead)
            sl_buf_printf(ret, " (+%llu dead)", (unsigned long long)*s->count.dead);
        if (sl_sink_state(s) != SL_SINK_LIVE)
            sl_buf_printf(ret, " %s", sl_sink_state_name(sl_sink_state(s)));
    }
    p->progress_ms = now;
    p->progress_consumed = p->consumed;
}

void sl_observe_init(struct sl_pipeline *p)
{
    const struct sl_label build[] = {{"version", SLUICE_VERSION}, {NULL, NULL}};

    init_record_counters(p);
    p->count.left_out = sl_calloc(p->n_sinks, sizeof(uint64_t *));
    *sl_metrics_gauge(p->metrics, "sluice_build_info", "Version of the program.", build) = 1;
    sl_observe_rules(p, NULL);
    sl_observe_reload(p, true);
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_label labels[] = {{"sink", p->config->sinks[i].name}, {NULL, NULL}};

        sl_metrics_counter(p->metrics, "sluice_expired_offsets_total",
                           "Offsets that retention removed before the sink had them.", labels);
        p->count.left_out[i] = sl_metrics_counter(
            p->metrics, "sluice_left_out_records_total",
            "Records read again that the sink already had: its position was ahead.", labels);
    }
    sl_metrics_process(p->metrics);
    sl_metrics_on_render(p->metrics, on_render, p);
    p->admin =
        (struct sl_admin){.metrics = p->metrics, .ready = ready, .status = status, .user = p};
}

void sl_observe_release(struct sl_pipeline *p)
{
    free(p->count.left_out);
}
