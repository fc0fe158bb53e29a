/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check_connect.h"

#include <stdlib.h>
#include <uv.h>

#include "base/alloc.h"
#include "kafka/admin.h"
#include "net/http_client.h"
#include "net/loop.h"
#include "ops/metrics.h"

enum {
    KAFKA_TIMEOUT_MS = 10000,
    PROBE_TIMEOUT_MS =
        30000, /* a destination that takes longer is not well, whatever its `timeout` */
    FINDINGS_MAX = 256 << 10,
};

struct probe {
    struct sl_check_sinks *all;
    struct sl_sink *sink;
    bool done, ok;
    char *text;
};

struct sl_check_sinks {
    const struct sl_config *config;
    struct sl_loop loop;
    bool has_loop;
    struct sl_http_client *http;
    struct sl_metrics *metrics;
    struct sl_rules_version rules; /* of no rule */
    struct sl_sink_env env;
    struct probe probes[SL_SINKS_MAX];
    size_t waiting;
    struct sl_timer deadline;
};

static void nothing(void *user)
{
    (void)user;
}

struct sl_check_sinks *sl_check_sinks_new(const struct sl_config *config, struct sl_fields *fields,
                                          struct sl_diags *diags)
{
    struct sl_check_sinks *c = sl_zalloc(sizeof(*c));
    struct sl_error err = {0};

    c->config = config;
    c->rules.refs = 1;
    c->metrics = sl_metrics_new();
    c->has_loop = sl_loop_init(&c->loop, NULL, &err) == SL_OK;
    c->http = c->has_loop ? sl_http_client_new(&c->loop, &err) : NULL;
    if (!c->http) {
        sl_diags_add(diags, SL_PROBLEM, NULL, sl_slice(NULL, 0), 0, 0, "%s", err.text);
        sl_check_sinks_free(c);
        return NULL;
    }
    c->env = (struct sl_sink_env){
        .rt = &c->loop.rt,
        .http = sl_http_client_http(c->http),
        .metrics = c->metrics,
        .fields = fields,
        .cluster_id = "",
        .rules = &c->rules,
        .wake = nothing,
    };
    for (size_t i = 0; i < config->n_sinks; i++) {
        const struct sl_sink_config *s = &config->sinks[i];
        struct sl_error why = {0};

        c->probes[i] = (struct probe){.all = c};
        c->probes[i].sink = sl_sink_new(s, i, &c->env, &why);
        if (!c->probes[i].sink)
            sl_config_problem(config, why.about ? why.about : s->name, why.column, SL_PROBLEM,
                              diags, "sink `%s`: %s", s->name, why.text);
    }
    return c;
}

void sl_check_sinks_free(struct sl_check_sinks *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SL_SINKS_MAX; i++) {
        if (c->probes[i].sink)
            sl_sink_free(c->probes[i].sink);
        free(c->probes[i].text);
    }
    if (c->http)
        sl_http_client_free(c->http);
    if (c->has_loop) {
        sl_timer_stop(&c->loop.rt, &c->deadline);
        uv_run(&c->loop.uv, UV_RUN_DEFAULT); /* handles that close, work that ends */
        sl_loop_release(&c->loop);
    }
    sl_metrics_free(c->metrics);
    free(c);
}

/* ---- findings ---- */

static void add(struct sl_findings *f, const char *target, bool ok, const char *text)
{
    f->items = sl_reallocarray(f->items, f->n + 1, sizeof(*f->items));
    f->items[f->n++] = (struct sl_finding){sl_strdup(target), ok, sl_strdup(text)};
    f->failed += !ok;
}

void sl_findings_release(struct sl_findings *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].target);
        free(f->items[i].text);
    }
    free(f->items);
    *f = (struct sl_findings){0};
}

static void connect_kafka(const struct sl_config *config, struct sl_findings *ret)
{
    struct sl_error err = {0};
    struct sl_buf lines;
    int code;

    sl_buf_init(&lines, FINDINGS_MAX);
    code = sl_kafka_check(config, NULL, KAFKA_TIMEOUT_MS, &lines, &err);
    for (const char *at = sl_buf_str(&lines); *at;) {
        size_t n = strcspn(at, "\n");
        char *line = sl_strndup(at, n);

        if (n)
            add(ret, "kafka", true, line);
        free(line);
        at += n + (at[n] == '\n');
    }
    if (code != SL_OK)
        add(ret, "kafka", false, err.text[0] ? err.text : sl_code_text(code));
    sl_buf_release(&lines);
}

/* ---- sinks ---- */

static void on_probe(void *user, const struct sl_result *result)
{
    struct probe *p = user;

    if (p->done)
        return;
    p->done = true;
    p->ok = result->outcome == SL_DELIVERED;
    if (result->reason && *result->reason)
        p->text = sl_strdup(result->reason);
    else if (p->ok)
        p->text = sl_strdup("takes records");
    else
        p->text = sl_asprintf("answers with status %d", result->status);
    if (--p->all->waiting == 0)
        uv_stop(&p->all->loop.uv);
}

static void on_deadline(struct sl_timer *t)
{
    struct sl_check_sinks *c = sl_container_of(t, struct sl_check_sinks, deadline);

    uv_stop(&c->loop.uv);
}

void sl_check_connect(struct sl_check_sinks *c, struct sl_findings *ret)
{
    connect_kafka(c->config, ret);
    uv_update_time(&c->loop.uv);
    c->deadline.fire = on_deadline;
    sl_timer_start(&c->loop.rt, &c->deadline, PROBE_TIMEOUT_MS);
    for (size_t i = 0; i < c->config->n_sinks; i++) {
        struct probe *p = &c->probes[i];

        if (!p->sink || !p->sink->type->probe)
            continue;
        c->waiting++;
        p->sink->type->probe(p->sink, on_probe, p);
    }
    if (c->waiting)
        uv_run(&c->loop.uv, UV_RUN_DEFAULT);
    sl_timer_stop(&c->loop.rt, &c->deadline);
    for (size_t i = 0; i < c->config->n_sinks; i++) {
        struct probe *p = &c->probes[i];
        char *target = sl_asprintf("sink %s", c->config->sinks[i].name);

        if (p->sink && p->sink->type->probe && !p->done) {
            p->done = true; /* an answer that still comes is too late */
            p->text = sl_asprintf("no answer within %d s", PROBE_TIMEOUT_MS / 1000);
        }
        if (p->done)
            add(ret, target, p->ok, p->text);
        free(target);
    }
}
