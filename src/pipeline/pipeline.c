/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/state.h"

#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { DEAD_LETTER_BYTES = 16 << 20 };

/* ---- the way of a record ---- */

/* A sink that was ahead of the others when this assignment began has had the record already: its
 * position was committed beside the offset. */
static bool has_had(const struct sl_message *m, unsigned sink)
{
    return m->offset < m->at->sinks[sink].from;
}

static bool room_for(struct sl_pipeline *p, const struct sl_decision *d, const struct sl_message *m)
{
    for (size_t i = 0; i < d->n; i++) {
        struct sl_sink *s = p->sinks[d->chosen[i].sink];

        if (!has_had(m, d->chosen[i].sink) && !sl_sink_has_room(s, d->chosen[i].record)) {
            sl_sink_make_room(s, d->chosen[i].record);
            return false;
        }
    }
    return true;
}

static void leave_out(struct sl_pipeline *p, const struct sl_message *m, struct sl_decision *d)
{
    size_t n = 0;

    for (size_t i = 0; i < d->n; i++) {
        unsigned sink = d->chosen[i].sink;

        if (has_had(m, sink))
            ++*p->count.left_out[sink];
        else
            d->chosen[n++] = d->chosen[i];
    }
    d->n = n;
}

static void count_rules(struct sl_pipeline *p, const struct sl_decision *d)
{
    const unsigned *matched;
    size_t n;

    matched = sl_matcher_matched(p->routing->matcher, &n);
    for (size_t i = 0; i < n; i++)
        sl_rule_counts_match(&p->routing->counts, matched[i]);
    if (d->dropped_by == SL_RULE_UNMATCHED || (d->n > 0 && d->chosen[0].rule == SL_RULE_UNMATCHED))
        sl_rule_counts_match(&p->routing->counts, SL_RULE_UNMATCHED);
    if (d->error_rule != SL_RULE_NONE)
        ++*p->count.limits;
    if (d->dropped_by != SL_RULE_NONE)
        sl_rule_counts_drop(&p->routing->counts, d->dropped_by, d->drop_reason, p->metrics);
    else
        ++*p->count.kept;
}

/* One message: decode, decide, hand to every chosen sink. All of it or nothing: where one chosen
 * sink has no room, none takes the record, and the consumer offers it again. */
bool sl_pipeline_on_message(void *user, const struct sl_message *m)
{
    struct sl_pipeline *p = user;
    struct sl_topic *topic = m->at->topic;
    struct sl_record record;
    struct sl_decision decision;

    if (p->phase != SL_PHASE_RUNNING)
        return false;
    if (!m->value.p) {
        ++*topic->consumed_records;
        ++*topic->decoded_records;
        *topic->consumed_bytes += m->key.n;
        ++*p->count.tombstones;
        p->consumed++;
        sl_partition_advance(m->at, m->offset, m->timestamp_ms, 0);
        return true;
    }
    sl_decode(p->routing->decoder, m, &record);
    sl_route(p->routing->matcher, &record, &decision);
    if (!room_for(p, &decision, m)) {
        sl_route_undo(p->routing->matcher);
        sl_flow_pause(p);
        return false;
    }
    ++*topic->consumed_records;
    *topic->consumed_bytes += m->value.n + m->key.n;
    ++*topic->decoded_records;
    p->consumed++;
    p->reload.limits.routed++;
    count_rules(p, &decision);
    leave_out(p, m, &decision);
    for (size_t i = 0; i < decision.n; i++)
        sl_sink_append(p->sinks[decision.chosen[i].sink], decision.chosen[i].record,
                       decision.chosen[i].rule);
    sl_partition_advance(m->at, m->offset, m->timestamp_ms, record.value_crc);
    for (size_t i = 0; i < decision.n; i++)
        sl_sink_turn(p->sinks[decision.chosen[i].sink]);
    if (decision.error_rule != SL_RULE_NONE)
        sl_swap_limit_met(p, decision.error_rule);
    if (sl_flow_pressed(p))
        sl_flow_pause(p);
    return true;
}

/* ---- construction ---- */

static bool wants_letters(const struct sl_config *config)
{
    for (size_t i = 0; i < config->n_sinks; i++)
        if (config->sinks[i].dead_letter)
            return true;
    return false;
}

static void on_gone(void *user)
{
    ((struct sl_pipeline *)user)->alive--;
}

static int make_sinks(struct sl_pipeline *p, struct sl_error *err)
{
    p->env = (struct sl_sink_env){
        .rt = p->rt,
        .http = sl_http_client_http(p->http),
        .letters = p->producer ? sl_producer_letters(p->producer) : NULL,
        .metrics = p->metrics,
        .fields = p->fields,
        .cluster_id = "",
        .wake = sl_flow_wake,
        .gone = on_gone,
        .user = p,
    };
    p->sinks = sl_calloc(p->config->n_sinks, sizeof(struct sl_sink *));
    for (size_t i = 0; i < p->config->n_sinks; i++) {
        struct sl_error why = {0};

        p->alive++;
        p->sinks[i] = sl_sink_new(&p->config->sinks[i], i, &p->env, &why);
        if (!p->sinks[i])
            return sl_fail(err, SL_ECONFIG, "sink %s: %s", p->config->sinks[i].name, why.text);
        p->n_sinks++;
    }
    return SL_OK;
}

static void name_positions(struct sl_pipeline *p)
{
    p->sink_ids = sl_calloc(p->config->n_sinks, sizeof(*p->sink_ids));
    for (size_t i = 0; i < p->config->n_sinks; i++)
        p->sink_ids[i] = p->config->sinks[i].id;
    p->names.sink_ids = p->sink_ids;
}

/* A topic that Sluice itself writes is never read: it would go round in circles. */
static int make_consumer(struct sl_pipeline *p, struct sl_error *err)
{
    const struct sl_config *config = p->config;
    const char **excluded = sl_calloc(config->n_sinks + 2, sizeof(*excluded));
    size_t n = 0;

    if (config->dead_letter)
        excluded[n++] = config->dead_letter;
    if (config->state_topic)
        excluded[n++] = config->state_topic;
    for (size_t i = 0; i < config->n_sinks; i++)
        if (config->sinks[i].dead_letter)
            excluded[n++] = config->sinks[i].dead_letter;
    const struct sl_consumer_config consuming = {
        .source = &config->source,
        .excluded_topics = excluded,
        .n_excluded = n,
        .n_sinks = config->n_sinks,
        .names = &p->names,
        .ops = &sl_pipeline_consumer_ops,
        .user = p,
    };
    p->consumer = sl_consumer_new(p->loop, &consuming, err);
    free(excluded);
    return p->consumer ? SL_OK : SL_EKAFKA;
}

static int build(struct sl_pipeline *p, struct sl_diags *diags, struct sl_error *err)
{
    int rc;

    p->fields = sl_routing_base(p->config, err);
    if (!p->fields)
        return SL_ECONFIG;
    p->http = sl_http_client_new(p->loop, err);
    if (!p->http)
        return SL_EIO;
    if (wants_letters(p->config)) {
        p->producer = sl_producer_new(p->loop, &p->config->source, DEAD_LETTER_BYTES, err);
        if (!p->producer)
            return SL_EKAFKA;
    }
    rc = make_sinks(p, err);
    if (rc == SL_OK)
        rc = sl_reload_init(p, diags, err);
    if (rc != SL_OK)
        return rc;
    name_positions(p);
    rc = make_consumer(p, err);
    if (rc == SL_OK)
        sl_observe_init(p);
    return rc;
}

static void on_request(void *user, const char *path, struct sl_http_answer *ret)
{
    struct sl_pipeline *p = user;

    ret->status = sl_admin_answer(&p->admin, path, &ret->content_type, &ret->body);
}

struct sl_pipeline *sl_pipeline_new(struct sl_loop *loop, const struct sl_config *config,
                                    void (*stopped)(void *user, int exit_status, bool overdue),
                                    void *user, struct sl_diags *diags, struct sl_error *err)
{
    struct sl_pipeline *p = sl_zalloc(sizeof(*p));

    p->loop = loop;
    p->rt = &loop->rt;
    p->log = loop->rt.log;
    p->config = config;
    p->stopped = stopped;
    p->user = user;
    p->metrics = sl_metrics_new();
    p->started_ms = p->progress_ms = sl_now_ms(p->rt);
    sl_flow_init(p);
    if (build(p, diags, err) != SL_OK) {
        sl_pipeline_free(p);
        p = NULL;
    }
    return p;
}

int sl_pipeline_start(struct sl_pipeline *p, struct sl_error *err)
{
    if (p->config->admin_listen) {
        p->admin_server = sl_http_server_new(p->loop, p->config->admin_listen, on_request, p, err);
        if (!p->admin_server)
            return SL_EIO;
        sl_log(p->log, SL_LOG_INFO, "admin endpoint", "address",
               sl_http_server_address(p->admin_server), NULL);
    }
    sl_reload_start(p);
    return sl_consumer_start(p->consumer, err);
}

void sl_pipeline_reload(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        sl_sink_refresh(p->sinks[i]);
    sl_secret_refresh(p->config->redact_key);
    sl_log(p->log, SL_LOG_INFO, "secrets and certificates were read again; rules are", NULL);
    sl_reload_now(p);
}

void sl_pipeline_free(struct sl_pipeline *p)
{
    sl_flow_release(p);
    sl_reload_stop(p);
    if (p->admin_server)
        sl_http_server_free(p->admin_server);
    for (size_t i = 0; i < p->n_sinks; i++)
        sl_sink_free(p->sinks[i]);
    /* A batch on a pool thread still uses its sink, and that the metrics, topics and connections;
     * rules that are made there need the configuration and the fields. */
    while (p->alive > 0)
        uv_run(&p->loop->uv, UV_RUN_ONCE);
    sl_timer_stop(p->rt, &p->overdue_timer);
    if (p->consumer)
        sl_consumer_free(p->consumer);
    free(p->sinks);
    if (p->producer)
        sl_producer_free(p->producer);
    if (p->http)
        sl_http_client_free(p->http);
    sl_reload_release(p);
    sl_routing_free(p->routing);
    sl_fields_free(p->fields);
    sl_observe_release(p);
    sl_metrics_free(p->metrics);
    free(p->sink_ids);
    free(p->cluster_id);
    free(p);
}
