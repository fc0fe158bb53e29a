/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/sinks.h"

#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "net/http_client.h"
#include "ops/metrics.h"

struct sl_cli_sinks {
    const struct sl_config *config;
    struct sl_loop loop;
    bool has_loop;
    struct sl_http_client *http;
    struct sl_metrics *metrics;
    struct sl_rules_version *none; /* a reference; of no rule */
    struct sl_sink_env env;
    struct sl_sink *sinks[SL_SINKS_MAX];
    void *kept;
};

static void nothing(void *user)
{
    (void)user;
}

static void make(struct sl_cli_sinks *s, size_t at, struct sl_diags *diags)
{
    const struct sl_sink_config *config = &s->config->sinks[at];
    struct sl_error why = {0};

    s->sinks[at] = sl_sink_new(config, at, &s->env, &why);
    if (!s->sinks[at])
        sl_config_problem(s->config, why.about ? why.about : config->name, why.column, SL_PROBLEM,
                          diags, "sink `%s`: %s", config->name, why.text);
}

struct sl_cli_sinks *sl_cli_sinks_new(const struct sl_config *config, struct sl_fields *fields,
                                      struct sl_diags *diags)
{
    struct sl_cli_sinks *s = sl_zalloc(sizeof(*s));
    struct sl_error err = {0};

    s->config = config;
    s->none = sl_zalloc(sizeof(*s->none));
    s->none->refs = 1;
    s->metrics = sl_metrics_new();
    s->has_loop = sl_loop_init(&s->loop, NULL, &err) == SL_OK;
    s->http = s->has_loop ? sl_http_client_new(&s->loop, &err) : NULL;
    if (!s->http) {
        sl_diags_add(diags, SL_PROBLEM, NULL, sl_slice(NULL, 0), 0, 0, "%s", err.text);
        sl_cli_sinks_free(s);
        return NULL;
    }
    s->env = (struct sl_sink_env){
        .rt = &s->loop.rt,
        .http = sl_http_client_http(s->http),
        .metrics = s->metrics,
        .fields = fields,
        .cluster_id = "",
        .rules = s->none,
        .wake = nothing,
    };
    for (size_t i = 0; i < config->n_sinks && i < SL_SINKS_MAX; i++)
        make(s, i, diags);
    return s;
}

void sl_cli_sinks_free(struct sl_cli_sinks *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < SL_SINKS_MAX; i++)
        if (s->sinks[i])
            sl_sink_free(s->sinks[i]);
    if (s->http)
        sl_http_client_free(s->http);
    if (s->has_loop) {
        uv_run(&s->loop.uv, UV_RUN_DEFAULT); /* handles that close, work that ends */
        sl_loop_release(&s->loop);
    }
    sl_metrics_free(s->metrics);
    sl_rules_version_unref(s->none);
    free(s->kept);
    free(s);
}

const struct sl_config *sl_cli_sinks_config(const struct sl_cli_sinks *s)
{
    return s->config;
}

struct sl_sink *sl_cli_sinks_get(const struct sl_cli_sinks *s, size_t sink)
{
    return s->sinks[sink];
}

struct sl_loop *sl_cli_sinks_loop(struct sl_cli_sinks *s)
{
    return &s->loop;
}

void sl_cli_sinks_rules(struct sl_cli_sinks *s, struct sl_rules_version *rules)
{
    s->env.rules = rules ? rules : s->none;
}

void sl_cli_sinks_serve(struct sl_cli_sinks *s, const char *cluster_id, struct sl_letters *letters,
                        void (*wake)(void *user), void *user)
{
    s->env.cluster_id = cluster_id;
    s->env.letters = letters;
    s->env.wake = wake;
    s->env.user = user;
}

void sl_cli_sinks_keep(struct sl_cli_sinks *s, void *memory)
{
    free(s->kept);
    s->kept = memory;
}
