/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

#include <stdlib.h>

#include "base/alloc.h"

static struct sl_cut **place_of(struct sl_sink *s, struct sl_partition *p, bool catch_up)
{
    if (s->type->flags & SL_SINK_CUTS)
        return (struct sl_cut **)&p->sinks[s->index].cut[catch_up];
    return &s->core->general[catch_up];
}

struct sl_cut *sl_cut_find(struct sl_sink *s, const struct sl_message *m)
{
    return *place_of(s, m->at, m->catch_up);
}

struct sl_cut *sl_cut_open(struct sl_sink *s, const struct sl_message *m)
{
    struct sl_core *c = s->core;
    struct sl_cut *cut = sl_cut_find(s, m);
    bool cuts = s->type->flags & SL_SINK_CUTS;

    /* A plan never spans two versions; that its rules were loaded again changes nothing. */
    if (cut && cut->rules != s->env->rules && !sl_cut_repeating(cut)) {
        sl_cut_close(s, cut);
        c->due = true;
        cut = NULL;
    }
    if (cut)
        return cut;
    cut = sl_zalloc(sizeof(*cut));
    cut->hold = sl_hold_new(s->index, cuts, m->catch_up);
    cut->rules = sl_rules_version_ref(s->env->rules);
    cut->partition = cuts ? m->at : NULL;
    cut->opened_ms = sl_now_ms(s->env->rt);
    sl_list_push(&c->cuts, &cut->node);
    *place_of(s, m->at, m->catch_up) = cut;
    if (!c->age_timer.slot)
        sl_cut_arm_age(s);
    return cut;
}

bool sl_cut_repeating(const struct sl_cut *cut)
{
    return cut->partition && cut->hold->catch_up &&
           sl_plan_repeat_end(cut->partition, cut->hold->sink) > 0;
}

/* Its batches have been taken care of. */
static void end(struct sl_sink *s, struct sl_cut *cut)
{
    s->core->open_batches -= cut->n;
    if (cut->hold->refs == 1) /* it goes, and what waited for it may be sent */
        s->core->gates_due = true;
    *place_of(s, cut->partition, cut->hold->catch_up) = NULL;
    sl_hold_unref(cut->hold);
    sl_rules_version_unref(cut->rules);
    sl_list_remove(&cut->node);
    free(cut->batches);
    free(cut->keys);
    free(cut->slots);
    free(cut);
}

void sl_cut_close(struct sl_sink *s, struct sl_cut *cut)
{
    sl_hold_close(cut->hold);
    for (size_t i = 0; i < cut->n; i++) {
        if (cut->batches[i]->records == 0) /* opened for a record that did not fit */
            sl_batch_free(cut->batches[i]);
        else
            sl_queue_close(cut->batches[i]);
    }
    if (cut->n > 0)
        sl_gate_closed(s, cut->hold);
    end(s, cut);
}

void sl_cut_let_go(struct sl_sink *s, struct sl_cut *cut)
{
    sl_hold_let_go(cut->hold);
    for (size_t i = 0; i < cut->n; i++) {
        sl_books_rest(cut->batches[i], SL_ENTRY_LET_GO);
        sl_batch_free(cut->batches[i]);
    }
    end(s, cut);
}

/* ---- limits ---- */

size_t sl_cut_bytes(const struct sl_cut *cut)
{
    size_t n = 0;

    for (size_t i = 0; i < cut->n; i++)
        n += cut->batches[i]->charged;
    return n;
}

/* Of those that a limit may close. */
static struct sl_cut *largest(const struct sl_core *c)
{
    struct sl_cut *found = NULL;
    size_t most = 0;
    struct sl_list *at;

    sl_list_each (at, &c->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);
        size_t n = sl_cut_bytes(cut);

        if ((!found || n > most) && !sl_cut_repeating(cut)) {
            found = cut;
            most = n;
        }
    }
    return found;
}

void sl_cut_keep_open(struct sl_sink *s, size_t keep)
{
    struct sl_core *c = s->core;
    struct sl_cut *cut;

    while (c->open_bytes > keep && (cut = largest(c)))
        sl_cut_close(s, cut);
}

void sl_cut_arm_age(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    uint64_t now = sl_now_ms(s->env->rt), due = UINT64_MAX;
    struct sl_list *at;

    sl_list_each (at, &c->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        uint64_t from = sl_cut_repeating(cut) ? now : cut->opened_ms; /* it may cease to be one */

        if (from + s->config->batch_age_ms < due)
            due = from + s->config->batch_age_ms;
    }
    if (due == UINT64_MAX)
        sl_timer_stop(s->env->rt, &c->age_timer);
    else
        sl_timer_start(s->env->rt, &c->age_timer, due > now ? due - now : 0);
}

void sl_cut_on_age(struct sl_timer *t)
{
    struct sl_core *c = sl_container_of(t, struct sl_core, age_timer);
    struct sl_sink *s = c->sink;
    uint64_t now = sl_now_ms(s->env->rt);
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &c->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        if (cut->opened_ms + s->config->batch_age_ms <= now && !sl_cut_repeating(cut))
            sl_cut_close(s, cut);
    }
    sl_cut_arm_age(s);
    sl_queue_pump(s);
}

/* A cut that repeats a plan has as many objects as it had. */
static bool too_many_open(const struct sl_core *c)
{
    size_t n = c->open_batches;
    struct sl_list *at;

    if (n < c->open_max)
        return false;
    sl_list_each (at, &c->cuts) {
        const struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        n -= sl_cut_repeating(cut) ? cut->n : 0;
    }
    return n >= c->open_max;
}

void sl_sink_turn(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *at, *after;

    c->origin = NULL; /* the message is over */
    if (c->due) {
        c->due = false;
        sl_list_each_safe (at, after, &c->cuts) {
            struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

            if (cut->due && !sl_cut_repeating(cut))
                sl_cut_close(s, cut);
        }
        sl_queue_pump(s);
    }
    if (c->bytes >= s->config->queue_bytes / 4 * 3)
        sl_sink_relieve(s);
    if (too_many_open(c)) {
        while (too_many_open(c)) /* one message of many records may have opened any number */
            sl_cut_close(s, largest(c));
        sl_queue_pump(s);
    }
}

/* What stays open is under three eighths of the queue: the rest can drain below the mark where a
 * paused source goes on. */
void sl_sink_relieve(struct sl_sink *s)
{
    sl_sink_keep_open(s, s->config->queue_bytes / 8 * 3);
}

void sl_sink_keep_open(struct sl_sink *s, size_t keep)
{
    sl_cut_keep_open(s, keep);
    sl_queue_pump(s);
}

/* ---- when readers turn to something else ---- */

static bool holds(const struct sl_cut *cut, const struct sl_partition *p)
{
    for (size_t i = 0; p && i < cut->hold->n; i++)
        if (cut->hold->spans[i]->partition == p)
            return true;
    return p == NULL;
}

void sl_sink_close_open(struct sl_sink *s, struct sl_partition *p)
{
    struct sl_list *at, *after;
    bool given_up = false;

    sl_list_each_safe (at, after, &s->core->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        if (!holds(cut, p))
            continue;
        if (sl_cut_repeating(cut)) {
            sl_cut_let_go(s, cut);
            given_up = true;
        } else {
            sl_cut_close(s, cut);
        }
    }
    if (given_up) /* dead letters of such a cut */
        sl_queue_let_go(s);
    sl_queue_pump(s);
}

void sl_sink_close_reader(struct sl_sink *s, struct sl_partition *p, bool catch_up)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &s->core->cuts) {
        struct sl_cut *cut = sl_container_of(at, struct sl_cut, node);

        if (cut->hold->catch_up == catch_up && holds(cut, p) && !sl_cut_repeating(cut))
            sl_cut_close(s, cut);
    }
    sl_queue_pump(s);
}
