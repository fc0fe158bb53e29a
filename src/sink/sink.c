/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include <stdlib.h>

#include "base/alloc.h"

enum { KEY_MAX = 1 << 20 }; /* what a template may make, before it is shortened */

static const struct sl_sink_type *const types[] = {
    [SL_SINK_ELASTICSEARCH] = &sl_sink_elasticsearch,
    [SL_SINK_S3] = &sl_sink_s3,
    [SL_SINK_WEBHOOK] = &sl_sink_webhook,
    [SL_SINK_FILE] = &sl_sink_file,
};

static const double request_bounds[] = {0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                        0.5,   1,    2.5,   5,    10,  30};
static const double delivery_bounds[] = {0.05, 0.1, 0.25, 0.5, 1,   2.5,  5,
                                         10,   30,  60,   300, 900, 3600, 86400};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void make_counters(struct sl_sink *s)
{
    struct sl_metrics *m = s->env->metrics;
    const struct sl_label labels[] = {{"sink", s->config->name}, {NULL, NULL}};

    s->count = (struct sl_sink_counters){
        .routed = sl_metrics_counter(m, "sluice_routed_records_total",
                                     "Records that rules sent to the sink.", labels),
        .delivered = sl_metrics_counter(m, "sluice_delivered_records_total",
                                        "Records that the destination has confirmed.", labels),
        .dead =
            sl_metrics_counter(m, "sluice_dead_letter_records_total",
                               "Records that the destination refused, confirmed in the dead-letter "
                               "topic.",
                               labels),
        .let_go =
            sl_metrics_counter(m, "sluice_let_go_records_total",
                               "Records let go when their assignment or attachment ended; they are "
                               "read again.",
                               labels),
        .in_flight =
            sl_metrics_gauge(m, "sluice_in_flight_records",
                             "Records routed to the sink that have no outcome yet.", labels),
        .queue_bytes =
            sl_metrics_gauge(m, "sluice_queue_bytes", "Bytes held in the sink's queue.", labels),
        .retries = sl_metrics_counter(m, "sluice_retries_total", "Requests sent again.", labels),
        .request_seconds =
            sl_metrics_histogram(m, "sluice_request_duration_seconds", "Duration of requests.",
                                 labels, request_bounds, COUNT(request_bounds)),
        .delivery_seconds = sl_metrics_histogram(m, "sluice_delivery_seconds",
                                                 "From a record's time to its delivery.", labels,
                                                 delivery_bounds, COUNT(delivery_bounds)),
    };
    *sl_metrics_gauge(m, "sluice_queue_limit_bytes", "Bytes the sink's queue may hold.", labels) =
        s->config->queue_bytes;
}

static struct sl_core *core_new(struct sl_sink *s)
{
    struct sl_core *c = sl_zalloc(sizeof(*c));

    c->sink = s;
    sl_list_init(&c->cuts);
    sl_list_init(&c->closed);
    sl_list_init(&c->gated);
    sl_list_init(&c->ready);
    sl_list_init(&c->busy);
    sl_buf_init(&c->scratch, KEY_MAX);
    c->sent_ratio = c->wire_ratio = 1.0;
    c->concurrency = s->config->requests;
    c->open_max = s->config->kind == SL_SINK_S3 ? s->config->s3.open_objects : SIZE_MAX;
    c->age_timer.fire = sl_cut_on_age;
    c->dispatch_timer.fire = sl_queue_on_dispatch;
    c->probe_timer.fire = sl_retry_on_probe;
    return c;
}

struct sl_sink *sl_sink_new(const struct sl_sink_config *config, size_t index,
                            const struct sl_sink_env *env, struct sl_error *err)
{
    return sl_sink_new_of(types[config->kind], config, index, env, err);
}

struct sl_sink *sl_sink_new_of(const struct sl_sink_type *type, const struct sl_sink_config *config,
                               size_t index, const struct sl_sink_env *env, struct sl_error *err)
{
    struct sl_sink *s = sl_zalloc(sizeof(*s));

    s->type = type;
    s->config = config;
    s->env = env;
    s->index = index;
    make_counters(s);
    s->core = core_new(s);
    if (s->type->init(s, err) != SL_OK) {
        sl_sink_free(s);
        s = NULL;
    }
    return s;
}

void sl_sink_free_now(struct sl_sink *s)
{
    const struct sl_sink_env *env = s->env;

    s->type->release(s);
    sl_buf_release(&s->core->scratch);
    free(s->core);
    free(s);
    if (env->gone)
        env->gone(env->user);
}

void sl_sink_free(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    sl_queue_forget(s);
    sl_timer_stop(s->env->rt, &c->probe_timer);
    c->freeing = true;
    if (c->sealing == 0)
        sl_sink_free_now(s);
}

/* A probe may have been cancelled. */
void sl_sink_detach(struct sl_sink *s)
{
    sl_queue_forget(s);
    sl_retry_keep_probing(s);
    s->env->wake(s->env->user);
}

void sl_sink_let_go(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &c->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        if (sl_hold_any_over(cut->hold))
            sl_cut_close(s, cut);
    }
    sl_queue_let_go(s);
    sl_queue_pump(s);
}

/* ---- for types and for looking at ---- */

static void count_request(struct sl_sink *s, const struct sl_result *r)
{
    bool well = !r->per_item && r->outcome == SL_DELIVERED;
    char code[16];

    if (r->status > 0)
        snprintf(code, sizeof(code), "%d", r->status);
    else
        snprintf(code, sizeof(code), "%s", well ? "ok" : "error"); /* a file has no statuses */
    const struct sl_label labels[] = {{"sink", s->config->name}, {"code", code}, {NULL, NULL}};
    ++*sl_metrics_counter(s->env->metrics, "sluice_requests_total",
                          "Requests by the status of their reply.", labels);
}

void sl_sink_done(struct sl_batch *b, const struct sl_result *result)
{
    struct sl_sink *s = b->sink;
    uint64_t ms = sl_now_ms(s->env->rt) - b->sent_ms;

    s->core->sending--;
    count_request(s, result);
    sl_histogram_observe(s->count.request_seconds, (double)ms / 1000, 1);
    sl_retry_pace(s, ms, b->body.n, result->per_item || result->outcome == SL_DELIVERED);
    sl_policy_settle(b, result);
    sl_retry_keep_probing(s);
    sl_queue_pump(s);
    s->env->wake(s->env->user); /* there may be room even where no batch is done */
}

int64_t sl_sink_wall_ms(struct sl_sink *s)
{
    return sl_wall_ms(s->env->rt);
}

bool sl_sink_idle(const struct sl_sink *s)
{
    const struct sl_core *c = s->core;

    return sl_list_empty(&c->cuts) && sl_list_empty(&c->closed) && sl_list_empty(&c->gated) &&
           sl_list_empty(&c->ready) && sl_list_empty(&c->busy);
}

enum sl_sink_state sl_sink_state(const struct sl_sink *s)
{
    return s->core->state;
}

const char *sl_sink_reason(const struct sl_sink *s)
{
    return s->core->reason;
}

size_t sl_sink_bytes(const struct sl_sink *s)
{
    return s->core->bytes;
}

void sl_sink_refresh(struct sl_sink *s)
{
    if (s->type->refresh)
        s->type->refresh(s);
}

const char *sl_outcome_name(enum sl_outcome o)
{
    static const char *const names[] = {"delivered", "again", "stall",  "split",
                                        "refused",   "park",  "park on"};

    return names[o];
}

const char *sl_sink_state_name(enum sl_sink_state state)
{
    static const char *const names[] = {"live", "stalled", "detached", "catching_up"};

    return names[state];
}
