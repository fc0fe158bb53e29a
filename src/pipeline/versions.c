/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/versions.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "pipeline/state.h"

static bool is_head(const struct sl_routing *r, const char *head)
{
    return strncmp(r->decisions, head, SL_RULES_HEAD) == 0;
}

static struct sl_version *older(struct sl_versions *v, const struct sl_routing *r)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->older[i].routing == r)
            return &v->older[i];
    return NULL;
}

struct sl_routing *sl_versions_find(const struct sl_pipeline *p, const char *head)
{
    const struct sl_versions *v = &p->versions;

    if (is_head(p->routing, head))
        return p->routing;
    for (size_t i = v->n; i-- > 0;)
        if (is_head(v->older[i].routing, head))
            return v->older[i].routing;
    return NULL;
}

void sl_versions_keep(struct sl_pipeline *p, struct sl_routing *routing)
{
    struct sl_versions *v = &p->versions;

    if (v->n == v->cap) {
        v->cap = v->cap ? 2 * v->cap : 4;
        v->older = sl_reallocarray(v->older, v->cap, sizeof(*v->older));
    }
    v->older[v->n++] = (struct sl_version){.routing = routing};
    if (routing != p->routing)
        sl_rule_counts_follow(&routing->counts, &p->routing->counts, p->metrics);
}

void sl_versions_follow(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->versions.n; i++)
        sl_rule_counts_follow(&p->versions.older[i].routing->counts, &p->routing->counts,
                              p->metrics);
}

void sl_versions_cut_over(struct sl_pipeline *p, struct sl_partition *at)
{
    sl_partition_cut_over(at, p->routing->decisions, p->routing);
    for (size_t i = 0; i < at->n_eras; i++) /* rules that came back serve their earlier eras too */
        if (is_head(p->routing, at->eras[i].rules))
            at->eras[i].routing = p->routing;
}

/* ---- what goes ---- */

struct retired {
    struct sl_work work;
    struct sl_pipeline *p;
    struct sl_routing *routing;
};

static void retired_run(struct sl_work *w)
{
    sl_routing_free(sl_container_of(w, struct retired, work)->routing);
    sl_alloc_trim();
}

static void retired_done(struct sl_work *w)
{
    struct retired *r = sl_container_of(w, struct retired, work);

    r->p->alive--;
    free(r);
}

void sl_versions_retire(struct sl_pipeline *p, struct sl_routing *routing)
{
    struct retired *r = sl_zalloc(sizeof(*r));

    *r = (struct retired){
        .work = {.run = retired_run, .done = retired_done}, .p = p, .routing = routing};
    p->alive++;
    sl_work_start(p->rt, &r->work);
}

static bool names(const struct sl_partition *at, const struct sl_routing *r)
{
    for (size_t i = 0; i < at->n_eras; i++)
        if (at->eras[i].routing == r)
            return true;
    return false;
}

static bool needed(const struct sl_pipeline *p, const struct sl_routing *r)
{
    size_t n;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    for (size_t i = 0; i < n; i++)
        if (names(all[i], r))
            return true;
    return false;
}

void sl_versions_sweep(struct sl_pipeline *p)
{
    struct sl_versions *v = &p->versions;
    size_t n, kept = 0;
    struct sl_partition *const *all = sl_consumer_partitions(p->consumer, &n);

    if (p->phase != SL_PHASE_RUNNING)
        return;
    for (size_t i = 0; i < n; i++) {
        sl_partition_prune_carried(all[i], p->names.day);
        sl_partition_prune_eras(all[i]);
    }
    /* A pool thread looks at rules that were live when it began; what arrives may need any. */
    if (p->reload.busy || p->reload.making || p->arrive.items)
        return;
    for (size_t i = 0; i < v->n; i++) {
        if (needed(p, v->older[i].routing)) {
            v->older[kept++] = v->older[i];
            continue;
        }
        sl_versions_retire(p, v->older[i].routing);
        free(v->older[i].forms);
    }
    v->n = kept;
}

/* ---- decoding ---- */

static const struct sl_topic *form_of(struct sl_version *v, const struct sl_topic *topic)
{
    struct sl_topic *own;

    for (size_t i = 0; i < v->n_forms; i++)
        if (v->forms[i].topic == topic)
            return &v->forms[i].own;
    v->forms = sl_reallocarray(v->forms, v->n_forms + 1, sizeof(*v->forms));
    v->forms[v->n_forms] = (struct sl_version_form){topic, {.name = topic->name}};
    own = &v->forms[v->n_forms++].own;
    sl_routing_decoding(v->routing, own);
    return own;
}

size_t sl_versions_open(struct sl_pipeline *p, const struct sl_routing *r,
                        const struct sl_message *m)
{
    struct sl_version *v = older(&p->versions, r);
    struct sl_topic *topic = m->at->topic;
    enum sl_decode_form live = topic->decode;
    unsigned rule = topic->rule;
    size_t n;

    if (v) {
        const struct sl_topic *own = form_of(v, topic);

        topic->decode = own->decode;
        topic->rule = own->rule;
    }
    n = sl_decode_open(r->decoder, m);
    topic->decode = live;
    topic->rule = rule;
    return n;
}

/* ---- the state topic ---- */

/* What is live and not in the topic is put there again and again: until then whoever comes next may
 * need it in vain. */
static void recorded(struct sl_pipeline *p, const char *hash, int code)
{
    struct sl_versions *v = &p->versions;
    bool late = v->again_ms != 0;

    if (p->phase != SL_PHASE_RUNNING || strcmp(hash, p->routing->decisions) != 0)
        return;
    v->again_ms = code == SL_OK ? 0 : sl_now_ms(p->rt) + SL_VERSIONS_AGAIN_MS;
    if (code == SL_OK && late)
        sl_log(p->log, SL_LOG_INFO, "the rules are in the state topic now", "hash", hash, NULL);
}

struct again {
    struct sl_pipeline *p;
    char hash[SL_SHA256_HEX + 1];
};

static void on_again(void *user, int code, const char *why)
{
    struct again *a = user;

    (void)why; /* has been told */
    recorded(a->p, a->hash, code);
    free(a);
}

static void record_again(struct sl_pipeline *p)
{
    struct again *a;

    if (!p->versions.again_ms || sl_now_ms(p->rt) < p->versions.again_ms)
        return;
    a = sl_zalloc(sizeof(*a));
    a->p = p;
    memcpy(a->hash, p->routing->decisions, sizeof(a->hash));
    p->versions.again_ms = UINT64_MAX; /* under way */
    sl_state_put(p->state, a->hash, sl_buf_as_slice(&p->routing->packed), on_again, a);
}

struct recording {
    struct sl_pipeline *p;
    struct sl_timer timer;
    void (*done)(struct sl_pipeline *p, uint64_t token);
    uint64_t token;
    bool told;
    char hash[SL_SHA256_HEX + 1];
};

static void warn(struct sl_pipeline *p, const char *hash, const char *why)
{
    sl_log(
        p->log, SL_LOG_WARN,
        "the rules are not in the state topic and go live all the same: should they change while "
        "a sink is behind, a restart repeats records",
        "topic", p->config->state_topic, "hash", hash, "reason", why, NULL);
}

static void tell(struct recording *r, const char *why)
{
    struct sl_pipeline *p = r->p;

    sl_timer_stop(p->rt, &r->timer);
    if (r->told || p->phase != SL_PHASE_RUNNING)
        return;
    r->told = true;
    if (why)
        warn(p, r->hash, why);
    r->done(p, r->token);
}

static void on_late(struct sl_timer *t)
{
    tell(sl_container_of(t, struct recording, timer), "no answer within 10 s");
}

static void on_recorded(void *user, int code, const char *why)
{
    struct recording *r = user;

    tell(r, code == SL_OK ? NULL : why);
    recorded(r->p, r->hash, code);
    free(r);
}

bool sl_versions_record(struct sl_pipeline *p, const struct sl_routing *routing,
                        void (*done)(struct sl_pipeline *p, uint64_t token), uint64_t token)
{
    struct recording *r;

    if (routing->packed.n == 0) {
        warn(p, routing->decisions, routing->pack_problem);
        return false;
    }
    r = sl_zalloc(sizeof(*r));
    *r = (struct recording){.p = p, .done = done, .token = token, .timer = {.fire = on_late}};
    memcpy(r->hash, routing->decisions, sizeof(r->hash));
    sl_timer_start(p->rt, &r->timer, SL_VERSIONS_WAIT_MS);
    sl_state_put(p->state, r->hash, sl_buf_as_slice(&routing->packed), on_recorded, r);
    return true;
}

void sl_versions_tick(struct sl_pipeline *p)
{
    record_again(p);
    sl_versions_sweep(p);
}

void sl_versions_release(struct sl_pipeline *p)
{
    struct sl_versions *v = &p->versions;

    for (size_t i = 0; i < v->n; i++) {
        sl_routing_free(v->older[i].routing);
        free(v->older[i].forms);
    }
    free(v->older);
    *v = (struct sl_versions){0};
}
