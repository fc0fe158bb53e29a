/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/utf8.h"

enum { NOTES_MAX = 64 << 10 };

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
    for (size_t i = 0; i < p->n_sinks; i++) {
        char reason[768];

        sl_observe_reason(p, i, reason, sizeof(reason));
        if (*reason)
            sl_buf_printf(lines, "sink %s: %s\n", p->config->sinks[i].name, reason);
    }
    return is;
}

static json_t *sink_status(const struct sl_pipeline *p, size_t i)
{
    const struct sl_sink *s = p->sinks[i];
    char said[768], reason[768];

    sl_observe_reason(p, i, said, sizeof(said));
    sl_utf8_copy(said, reason, sizeof(reason)); /* what a server said may hold broken characters */
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", s->config->name, "type",
        s->type->name, "state", sl_sink_state_name(sl_flow_state(p, i)), "reason", reason, "routed",
        (json_int_t)*s->count.routed, "delivered", (json_int_t)*s->count.delivered, "dead",
        (json_int_t)*s->count.dead, "in_flight", (json_int_t)*s->count.in_flight, "queue_bytes",
        (json_int_t)sl_sink_bytes(s), "queue_limit_bytes", (json_int_t)s->config->queue_bytes,
        "lag", (json_int_t)sl_observe_sink_lag(p, i));
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
        json_array_append_new(list, json_pack("{s:s, s:i, s:I, s:I, s:I}", "topic",
                                              partitions[i]->topic->name, "partition",
                                              (int)partitions[i]->number, "position",
                                              (json_int_t)sl_partition_least(partitions[i]), "end",
                                              (json_int_t)partitions[i]->log_end, "lag",
                                              (json_int_t)sl_observe_lag(partitions[i])));
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
        lag += (uint64_t)sl_observe_lag(partitions[i]);
    sl_buf_printf(ret, "read %llu records (%llu/s), lag %llu on %zu partitions%s",
                  (unsigned long long)p->consumed,
                  (unsigned long long)(ms ? (p->consumed - p->progress_consumed) * 1000 / ms : 0),
                  (unsigned long long)lag, n, sl_consumer_paused(p->consumer) ? ", paused" : "");
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink *s = p->sinks[i];

        sl_buf_printf(ret, "; %s %llu", s->config->name, (unsigned long long)*s->count.delivered);
        if (*s->count.dead)
            sl_buf_printf(ret, " (+%llu dead)", (unsigned long long)*s->count.dead);
        if (sl_flow_state(p, i) != SL_SINK_LIVE)
            sl_buf_printf(ret, " %s, %llu to go", sl_sink_state_name(sl_flow_state(p, i)),
                          (unsigned long long)sl_observe_sink_lag(p, i));
    }
    p->progress_ms = now;
    p->progress_consumed = p->consumed;
}

void sl_status_init(struct sl_pipeline *p)
{
    p->admin =
        (struct sl_admin){.metrics = p->metrics, .ready = ready, .status = status, .user = p};
}
