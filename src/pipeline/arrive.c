/* SPDX-License-Identifier: Apache-2.0 */
#include "pipeline/arrive.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "pipeline/state.h"

enum { DAY_MS = 24 * 60 * 60 * 1000 };

/* ---- where each sink begins ---- */

static void attach_at(struct sl_sink_position *s, int64_t offset)
{
    s->from = offset;
    s->catch_up = -1;
}

static void detach_at(struct sl_sink_position *s, int64_t offset)
{
    s->from = INT64_MAX;
    s->catch_up = offset;
}

/* A sink that the group does not know yet: what is before the committed offset only it reads. */
static void begin_new(const struct sl_pipeline *p, const struct sl_arrived *a, size_t sink)
{
    struct sl_sink_position *s = &a->p->sinks[sink];
    enum sl_start start = p->config->sinks[sink].start;

    attach_at(s, a->base);
    if (start == SL_START_LATEST && a->p->log_end > a->base)
        attach_at(s, a->p->log_end);
    if (start == SL_START_EARLIEST && a->p->log_start >= 0 && a->p->log_start < a->base)
        detach_at(s, a->p->log_start);
}

static void place(const struct sl_pipeline *p, const struct sl_arrived *a)
{
    struct sl_partition *at = a->p;

    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_sink_position *s = &at->sinks[i];

        if (a->new_sinks && a->new_sinks[i])
            begin_new(p, a, i);
        /* What is read again of a compacted topic is not what was there. A plan has to be repeated
         * all the same. */
        if (at->compacted && s->catch_up >= 0 && s->plan.end == 0)
            attach_at(s, s->catch_up);
    }
}

static void expire(struct sl_pipeline *p, struct sl_partition *at)
{
    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_sink_position *s = &at->sinks[i];
        bool attached = s->catch_up < 0;
        int64_t from, n;

        if (attached && s->from < at->log_start)
            detach_at(s, s->from);
        n = sl_partition_expire(at, i, at->log_start, &from);
        if (attached && s->catch_up >= 0)
            attach_at(s, s->catch_up);
        if (n > 0)
            sl_headroom_expired(p, at, i, from, n);
    }
}

/* Someone has to be served by the live reader: who is foremost. */
static void attach_foremost(struct sl_partition *at)
{
    for (size_t i = 0; i < at->n_sinks; i++)
        if (at->sinks[i].from != INT64_MAX)
            return;
    for (size_t i = 0; i < at->n_sinks; i++) {
        const struct sl_sink_position *s = &at->sinks[i];

        if (s->catch_up == at->next || s->plan.end == at->next)
            sl_partition_hand_over(at, i);
    }
}

/* The committed offset was out of range, and out_of_range lets it go on. */
static void gone_for_all(struct sl_pipeline *p, const struct sl_arrival *from)
{
    const struct sl_partition *at = from->p;

    for (size_t i = 0; i < p->n_sinks && at->committed >= 0 && from->base > at->committed; i++)
        sl_headroom_expired(p, at, i, at->committed, from->base - at->committed);
}

static void not_understood(const struct sl_pipeline *p, const struct sl_partition *at)
{
    char number[16];

    snprintf(number, sizeof(number), "%d", (int)at->number);
    sl_log(
        p->log, SL_LOG_WARN,
        "what was committed beside the offset is not understood: every sink begins at the offset",
        "topic", at->topic->name, "partition", number, NULL);
}

static void read_line(struct sl_pipeline *p, const struct sl_arrival *from, struct sl_arrived *ret)
{
    bool *new_sinks = sl_calloc(p->n_sinks + 1, sizeof(*new_sinks));

    *ret = (struct sl_arrived){.p = sl_partition_ref(from->p), .base = from->base};
    if (from->line.p && sl_metadata_read(from->p, &p->names, from->base, from->line, new_sinks)) {
        ret->new_sinks = new_sinks;
    } else {
        if (from->line.n > 0)
            not_understood(p, from->p);
        free(new_sinks);
        sl_partition_void(from->p, from->base);
        gone_for_all(p, from);
    }
    place(p, ret);
    /* Eras that all sinks are beyond need no rules. */
    sl_versions_cut_over(p, from->p);
    sl_partition_prune_eras(from->p);
}

/* ---- rules that cannot be had ---- */

static int64_t position_of(const struct sl_sink_position *s)
{
    return s->catch_up >= 0 ? s->catch_up : s->from;
}

static int64_t furthest(const struct sl_partition *at)
{
    int64_t most = 0;

    for (size_t i = 0; i < at->n_sinks; i++) {
        const struct sl_sink_position *s = &at->sinks[i];

        if (position_of(s) > most)
            most = position_of(s);
        if (s->plan.end > most)
            most = s->plan.end;
    }
    return most;
}

/* Below the base only where a sink has come back that lacks more. */
static int64_t hindmost(const struct sl_partition *at, int64_t base)
{
    for (size_t i = 0; i < at->n_sinks; i++)
        if (position_of(&at->sinks[i]) < base)
            base = position_of(&at->sinks[i]);
    return base;
}

static bool resolve(const struct sl_pipeline *p, struct sl_partition *at)
{
    bool all = true;

    for (size_t i = 0; i < at->n_eras; i++) {
        at->eras[i].routing = sl_versions_find(p, at->eras[i].rules);
        all &= at->eras[i].routing != NULL;
    }
    return all;
}

/* Below the committed offset a sink that had not come so far still lacks records: they are judged
 * by their own rules where these are known, and by the live ones where not. Then the others have
 * them again as well, for what the unknown rules gave to one and the live ones give to another
 * would arrive nowhere. */
static void forget_positions(struct sl_pipeline *p, const struct sl_arrived *a)
{
    struct sl_partition *at = a->p;
    size_t n = 0;
    struct sl_era *kept = sl_calloc(at->n_eras + 1, sizeof(*kept));
    int64_t least = hindmost(at, a->base);
    bool unknown = false;

    for (size_t i = 0; i < at->n_eras && at->eras[i].begin < a->base; i++) {
        struct sl_era era = at->eras[i];

        if (!era.routing) {
            unknown |= i + 1 == at->n_eras || at->eras[i + 1].begin > least;
            era.routing = p->routing;
            snprintf(era.rules, sizeof(era.rules), "%.*s", SL_RULES_HEAD, p->routing->decisions);
        }
        if (n == 0 || strcmp(kept[n - 1].rules, era.rules) != 0)
            kept[n++] = era;
    }
    /* Of a compacted topic they are attached all the same. */
    for (size_t i = 0; i < at->n_sinks; i++)
        if (position_of(&at->sinks[i]) < a->base)
            detach_at(&at->sinks[i], position_of(&at->sinks[i]));
    sl_partition_void(at, a->base);
    for (size_t i = 0; unknown && i < at->n_sinks; i++)
        attach_at(&at->sinks[i], least);
    at->eras = kept;
    at->n_eras = n;
    place(p, a);
}

static void make_void(struct sl_pipeline *p, const struct sl_arrived *a)
{
    struct sl_partition *at = a->p;
    int64_t again = furthest(at) - hindmost(at, a->base);
    char number[16], count[24], text[512];

    snprintf(number, sizeof(number), "%d", (int)at->number);
    snprintf(count, sizeof(count), "%lld", (long long)again);
    ++*p->count.voids;
    sl_log(p->log, SL_LOG_WARN,
           "rules that some sinks have and others lack records under cannot be had: every sink "
           "begins at the committed offset",
           "topic", at->topic->name, "partition", number, "repeated", count, "reason",
           p->arrive.why, NULL);
    forget_positions(p, a);
    if (p->config->source.max_replay == 0 || again <= (int64_t)p->config->source.max_replay)
        return;
    snprintf(text, sizeof(text),
             "%s records would be sent again, more than source.kafka.max_replay (%u): %s. Bring "
             "that rules version back into the state topic, or raise max_replay, and restart",
             count, p->config->source.max_replay, p->arrive.why);
    sl_consumer_stop(p->consumer, at, text);
}

/* ---- the end of an arrival ---- */

static void forget(struct sl_pipeline *p)
{
    struct sl_arrive *a = &p->arrive;

    sl_timer_stop(p->rt, &a->timer);
    for (size_t i = 0; i < a->n; i++) {
        sl_partition_unref(a->items[i].p);
        free(a->items[i].new_sinks);
    }
    free(a->items);
    a->items = NULL;
    a->n = 0;
    a->token++;
}

static void settle(struct sl_pipeline *p, const struct sl_arrived *a)
{
    struct sl_partition *at = a->p;

    if (!resolve(p, at))
        make_void(p, a);
    expire(p, at);
    sl_versions_cut_over(p, at); /* others may have become live meanwhile */
    sl_partition_prune_eras(at);
    sl_partition_settle(at);
    attach_foremost(at);
}

/* Until the consumer has taken them up they stand here: the versions that they need are needed. */
static void finish(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->arrive.n; i++)
        settle(p, &p->arrive.items[i]);
    p->arrive.settled = true;
    sl_consumer_arrived(p->consumer);
}

static void later(struct sl_pipeline *p, uint64_t ms)
{
    sl_timer_start(p->rt, &p->arrive.timer, ms);
}

static void completed(struct sl_pipeline *p)
{
    p->arrive.complete = true;
    later(p, 0);
}

/* ---- older versions, from the state topic ---- */

struct fetch {
    struct sl_work work;
    struct sl_pipeline *p;
    uint64_t token;
    struct sl_routing_config config;
    char heads[SL_STATE_GET_MAX][SL_RULES_HEAD + 1];
    struct sl_buf values[SL_STATE_GET_MAX];
    struct sl_routing *made[SL_STATE_GET_MAX];
    size_t n;
    char why[160];
};

static bool stale(const struct fetch *f)
{
    return f->token != f->p->arrive.token || f->p->phase != SL_PHASE_RUNNING;
}

static void free_fetch(struct fetch *f)
{
    for (size_t i = 0; i < f->n; i++) {
        sl_buf_release(&f->values[i]);
        sl_routing_free(f->made[i]);
    }
    free(f);
}

static void unpack_run(struct sl_work *w)
{
    struct fetch *f = sl_container_of(w, struct fetch, work);

    for (size_t i = 0; i < f->n; i++) {
        struct sl_error err = {0};
        struct sl_diags diags;

        if (f->values[i].n == 0) {
            snprintf(f->why, sizeof(f->why), "the state topic has no version %s", f->heads[i]);
            continue;
        }
        sl_diags_init(&diags);
        f->made[i] = sl_routing_unpack(&f->config, sl_buf_as_slice(&f->values[i]), &diags, &err);
        if (f->made[i] && strncmp(f->made[i]->decisions, f->heads[i], SL_RULES_HEAD) != 0) {
            sl_fail(&err, SL_EINVAL, "the state topic has another version under its name");
            sl_routing_free(f->made[i]);
            f->made[i] = NULL;
        }
        if (!f->made[i])
            snprintf(f->why, sizeof(f->why), "version %s: %.120s", f->heads[i], err.text);
        sl_diags_release(&diags);
    }
}

static void unpack_done(struct sl_work *w)
{
    struct fetch *f = sl_container_of(w, struct fetch, work);
    struct sl_pipeline *p = f->p;

    p->alive--;
    if (!stale(f)) {
        for (size_t i = 0; i < f->n; i++) {
            if (!f->made[i])
                continue;
            sl_versions_keep(p, f->made[i]);
            f->made[i] = NULL;
        }
        snprintf(p->arrive.why, sizeof(p->arrive.why), "%s", f->why);
        completed(p);
    }
    free_fetch(f);
}

static void unreadable(struct sl_pipeline *p, const char *why)
{
    struct sl_arrive *a = &p->arrive;

    snprintf(a->why, sizeof(a->why), "the state topic cannot be read: %.110s", why);
    if (++a->tries < SL_ARRIVE_TRIES)
        later(p, SL_ARRIVE_AGAIN_MS);
    else
        completed(p);
}

static void on_got(void *user, int code, const char *why, const struct sl_slice *values, size_t n)
{
    struct fetch *f = user;
    struct sl_pipeline *p = f->p;

    if (stale(f) || code != SL_OK) {
        if (!stale(f))
            unreadable(p, why);
        free_fetch(f);
        return;
    }
    for (size_t i = 0; i < n && i < f->n; i++)
        if (values[i].p)
            sl_buf_slice(&f->values[i], values[i]);
    f->work = (struct sl_work){.run = unpack_run, .done = unpack_done};
    p->alive++;
    sl_work_start(p->rt, &f->work);
}

static void want(struct fetch *f, const char *head)
{
    for (size_t i = 0; i < f->n; i++)
        if (strcmp(f->heads[i], head) == 0)
            return;
    if (f->n == SL_STATE_GET_MAX)
        return;
    snprintf(f->heads[f->n], sizeof(f->heads[0]), "%s", head);
    sl_buf_init(&f->values[f->n++], SL_STATE_VALUE_MAX);
}

static struct fetch *missing(struct sl_pipeline *p)
{
    struct fetch *f = sl_zalloc(sizeof(*f));

    f->p = p;
    f->token = p->arrive.token;
    f->config = sl_reload_routing_config(p);
    for (size_t i = 0; i < p->arrive.n; i++) {
        const struct sl_partition *at = p->arrive.items[i].p;

        for (size_t k = 0; k < at->n_eras; k++)
            if (!sl_versions_find(p, at->eras[k].rules))
                want(f, at->eras[k].rules);
    }
    return f;
}

static void fetch(struct sl_pipeline *p)
{
    struct fetch *f = missing(p);
    const char *heads[SL_STATE_GET_MAX];

    if (f->n == 0) {
        free_fetch(f);
        p->arrive.complete = true;
        return;
    }
    for (size_t i = 0; i < f->n; i++)
        heads[i] = f->heads[i];
    sl_state_get(p->state, heads, f->n, on_got, f);
}

/* ---- its steps ---- */

static void on_step(struct sl_timer *t)
{
    struct sl_pipeline *p = sl_container_of(t, struct sl_pipeline, arrive.timer);
    struct sl_arrive *a = &p->arrive;

    if (!a->items || a->settled || p->phase == SL_PHASE_CLOSED)
        return;
    if (!a->complete)
        fetch(p);
    if (a->complete && !a->unrecorded)
        finish(p);
}

void sl_arriving_begin(struct sl_pipeline *p, const struct sl_arrival *arrivals, size_t n)
{
    struct sl_arrive *a = &p->arrive;

    forget(p);
    p->names.day = sl_wall_ms(p->rt) / DAY_MS;
    a->items = sl_calloc(n + 1, sizeof(*a->items));
    a->tries = 0;
    a->complete = a->settled = false;
    for (; a->n < n; a->n++)
        read_line(p, &arrivals[a->n], &a->items[a->n]);
    later(p, 0);
}

void sl_arriving_assigned(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->arrive.n; i++) /* others may have become live meanwhile */
        sl_versions_cut_over(p, p->arrive.items[i].p);
    forget(p);
}

void sl_arriving_ended(struct sl_pipeline *p)
{
    for (size_t i = 0; i < p->arrive.n; i++) {
        if (!p->arrive.items[i].p->ended)
            continue;
        forget(p); /* they arrive together and end together */
        return;
    }
}

void sl_arriving_recorded(struct sl_pipeline *p, uint64_t token)
{
    (void)token;
    p->arrive.unrecorded = false;
    if (p->arrive.items && p->arrive.complete)
        later(p, 0);
}

void sl_arriving_init(struct sl_pipeline *p)
{
    p->arrive.timer.fire = on_step;
}

void sl_arriving_release(struct sl_pipeline *p)
{
    forget(p);
}
