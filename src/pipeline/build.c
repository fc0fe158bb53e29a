/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "kafka/setup.h"
#include "pipeline/state.h"

/* The pipeline is made, started and given back. */

enum { DEAD_LETTER_BYTES = 16 << 20 };

static bool wants_letters(const struct sl_config *config)
{
    for (size_t i = 0; i < config->n_sinks; i++)
        if (config->sinks[i].dead_letter)
            return true;
    return false;
}

/* The positions of S3 and its like hang on what has been committed. */
static bool records_cuts(const struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i]->type->flags & SL_SINK_CUTS)
            return true;
    return false;
}

static void on_plan(void *user)
{
    sl_consumer_commit_soon(((struct sl_pipeline *)user)->consumer);
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
        .commit = on_plan,
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
        .strict = records_cuts(p),
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
    if (rc != SL_OK)
        return rc;
    p->state = sl_state_new(p->loop, p->config);
    sl_catchup_init(p);
    sl_observe_init(p);
    return SL_OK;
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
    sl_drain_init(p);
    sl_arriving_init(p);
    if (build(p, diags, err) != SL_OK) {
        sl_pipeline_free(p);
        p = NULL;
    }
    return p;
}

/* ---- topics of our own ---- */

struct ensuring {
    struct sl_work work;
    struct sl_pipeline *p;
    struct sl_error err;
    int code;
};

static void ensure_run(struct sl_work *w)
{
    struct ensuring *e = sl_container_of(w, struct ensuring, work);

    e->code = sl_kafka_ensure_topics(e->p->config, e->p->log, &e->err);
}

static void ensure_done(struct sl_work *w)
{
    struct ensuring *e = sl_container_of(w, struct ensuring, work);

    if (e->code != SL_OK)
        sl_log(e->p->log, SL_LOG_WARN,
               "dead-letter and state topics could not be looked at or made; if they are missing, "
               "`sluice setup` makes them",
               "reason", e->err.text, NULL);
    e->p->alive--;
    free(e);
}

static void ensure_topics(struct sl_pipeline *p)
{
    struct ensuring *e = sl_zalloc(sizeof(*e));

    *e = (struct ensuring){.work = {.run = ensure_run, .done = ensure_done}, .p = p};
    p->alive++;
    sl_work_start(p->rt, &e->work);
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
    ensure_topics(p);
    p->arrive.unrecorded = sl_versions_record(p, p->routing, sl_arriving_recorded, 0);
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
    sl_drain_release(p);
    sl_flow_release(p);
    sl_reload_stop(p);
    sl_arriving_release(p);
    if (p->catchup.side)
        sl_catchup_release(p);
    if (p->state)
        sl_state_free(p->state);
    if (p->admin_server)
        sl_http_server_free(p->admin_server);
    for (size_t i = 0; i < p->n_sinks; i++)
        sl_sink_free(p->sinks[i]);
    /* A batch on a pool thread still uses its sink, and that the metrics, topics and connections;
     * rules that are made there need the configuration and the fields. */
    while (p->alive > 0)
        uv_run(&p->loop->uv, UV_RUN_ONCE);
    sl_timer_stop(p->rt, &p->overdue_timer);
    sl_timer_stop(p->rt, &p->flow_timer); /* they may have woken it */
    if (p->consumer)
        sl_consumer_free(p->consumer);
    free(p->sinks);
    if (p->producer)
        sl_producer_free(p->producer);
    if (p->http)
        sl_http_client_free(p->http);
    sl_reload_release(p);
    sl_versions_release(p);
    sl_routing_free(p->routing);
    sl_fields_free(p->fields);
    sl_observe_release(p);
    sl_metrics_free(p->metrics);
    free(p->sink_ids);
    free(p->cluster_id);
    free(p);
}
