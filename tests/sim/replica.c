/* SPDX-License-Identifier: Apache-2.0 */
#include "replica.h"

#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/alloc.h"
#include "kafka.h"
#include "ops/log.h"
#include "pipeline/state.h"
#include "rules.h"
#include "scenario.h"
#include "store.h"

enum { RESTART_MS_MOST = 4000 };

bool replica_runs(const struct replica *r)
{
    return r->state != REPLICA_DOWN && !r->dead;
}

/* ---- turns ---- */

void replica_wake(struct replica *r)
{
    uint64_t at = sim->now_us + sim_between(SIM_SCHEDULE, 10, 300);

    if (r->state == REPLICA_DOWN || (r->turn.slot && r->turn.at <= at))
        return;
    sim_at(&r->turn, at);
}

void replica_tell(struct replica *r, struct replica_task *t)
{
    sl_list_push(&r->tasks, &t->node);
    replica_wake(r);
}

bool replica_effect(struct replica *r)
{
    if (r->dead)
        return false;
    r->effects++;
    if (r->die_at_effect && r->effects >= r->die_at_effect &&
        sim->now_us < sim->scenario->heal_us) {
        sim_trace("r%zu dies before what it was about to send", r->number);
        r->dead = true;
        return false;
    }
    return true;
}

void replica_allocates(struct replica *r)
{
    r->allocations++;
    if (r->die_at_allocation && r->allocations >= r->die_at_allocation && r->may_die &&
        sim->now_us < sim->scenario->heal_us) {
        sim_trace("r%zu dies for want of memory", r->number);
        r->dead = true;
        longjmp(r->death, 1);
    }
}

static void bury(struct replica *r);

bool replica_call(struct replica *r, void (*fn)(struct replica *r, void *arg), void *arg)
{
    struct replica *before = sim->current;

    sim->current = r;
    r->may_die = true;
    if (!setjmp(r->death))
        fn(r, arg);
    r->may_die = false;
    sim->current = before;
    if (r->dead)
        bury(r);
    return r->state != REPLICA_DOWN;
}

static void finish(struct replica *r);

static void take_turn(struct replica *r, void *arg)
{
    bool *more = arg;

    *more = replica_loop_turn(r);
    if (r->ended && !r->dead)
        finish(r);
}

static void turn(struct sim_event *e)
{
    struct replica *r = sl_container_of(e, struct replica, turn);
    bool more = false;
    uint64_t next;

    if (r->paused || r->state == REPLICA_DOWN)
        return;
    sim->turns++;
    if (!replica_call(r, take_turn, &more))
        return;
    audit_step(r);
    if (more)
        replica_wake(r);
    next = replica_loop_next(r);
    if (next < UINT64_MAX && (!r->turn.slot || r->turn.at > next))
        sim_at(e, next > sim->now_us ? next : sim->now_us + 50);
}

/* ---- life ---- */

static void on_stopped(void *user, int exit_status, bool overdue)
{
    struct replica *r = user;

    r->exit_status = exit_status;
    if (overdue) {
        sim_trace("r%zu   ends as it is: shutdown took too long", r->number);
        r->dead = true;
        return;
    }
    r->ended = true;
}

static void run_start(struct replica *r, void *arg)
{
    struct sl_error err = {0};
    struct sl_diags diags;

    (void)arg;
    r->log = sl_log_new(NULL, SL_LOG_INFO, SL_LOG_TEXT);
    r->loop = sl_zalloc(sizeof(*r->loop));
    sl_loop_init(r->loop, r->log, &err);
    sl_diags_init(&diags);
    r->pipeline = sl_pipeline_new(r->loop, &r->config, on_stopped, r, &diags, &err);
    if (!r->pipeline) {
        sim_find("r%zu cannot be made: %s %s", r->number, err.text,
                 diags.n ? diags.items[0].text : "");
        return;
    }
    r->pipeline->reload.look_ms = 0; /* changes are told by replica_reload() */
    sl_diags_release(&diags);
    if (sl_pipeline_start(r->pipeline, &err) != SL_OK)
        sim_find("r%zu cannot start: %s", r->number, err.text);
}

void replica_start(struct replica *r)
{
    if (r->state != REPLICA_DOWN || sim->held)
        return;
    r->life++;
    r->state = REPLICA_UP;
    r->dead = r->paused = r->ended = false;
    r->effects = r->allocations = r->die_at_effect = r->die_at_allocation = 0;
    r->now_ms = sim->now_us / 1000;
    replica_loop_reset(r);
    sl_list_init(&r->clients);
    sl_list_init(&r->requests);
    r->rules = sim->rules;
    r->sink_set = sim->sink_set;
    rules_configure(r);
    audit_rules_live(r->rules, r->sink_set);
    sim_trace("r%zu starts (life %u, rules %u, sinks %x)", r->number, r->life, r->rules,
              r->sink_set);
    if (replica_call(r, run_start, NULL))
        replica_wake(r);
}

/* Nothing is given back: the process is gone. */
static void bury(struct replica *r)
{
    audit_gone(r);
    reach_death(r);
    client_replica_died(r);
    http_replica_died(r);
    sim_cancel(&r->turn);
    sim_arena_reset(r->arena);
    r->state = REPLICA_DOWN;
    r->pipeline = NULL;
    r->loop = NULL;
    r->dead = r->paused = false;
    audit_disturbed("a death");
    if (!r->start.slot && !sim->closing)
        sim_after(&r->start, sim_between(SIM_SCHEDULE, 10, RESTART_MS_MOST) * SIM_MS);
}

/* The end of main(): everything is given back. */
static void finish(struct replica *r)
{
    sim_trace("r%zu   has stopped with status %d", r->number, r->exit_status);
    if (r->exit_status != 0 && !cluster_cut_off()) /* else nothing is left that it could read */
        sim_find("r%zu ends with status %d", r->number, r->exit_status);
    audit_step(r);
    audit_gone(r);
    sl_pipeline_free(r->pipeline);
    r->pipeline = NULL;
    while (r->works || r->n_handles) {
        if (r->works)
            uv_run(&r->loop->uv, UV_RUN_ONCE);
        replica_loop_turn(r);
    }
    sl_loop_release(r->loop);
    free(r->loop);
    if (sim_arena_live(r->arena))
        sim_find("r%zu leaks %zu bytes", r->number, sim_arena_live(r->arena));
    r->dead = true; /* bury() */
}

void replica_kill(struct replica *r, const char *how)
{
    if (r->state == REPLICA_DOWN)
        return;
    sim_trace("r%zu is killed: %s", r->number, how);
    bury(r);
}

static void run_stop(struct replica *r, void *arg)
{
    (void)arg;
    sl_pipeline_stop(r->pipeline);
}

void replica_stop(struct replica *r)
{
    if (r->state != REPLICA_UP || r->paused)
        return;
    sim_trace("r%zu is told to stop", r->number);
    r->state = REPLICA_STOPPING;
    audit_disturbed("a stop");
    if (replica_call(r, run_stop, NULL))
        replica_wake(r);
}

void replica_pause(struct replica *r, bool paused)
{
    if (r->state == REPLICA_DOWN || r->paused == paused)
        return;
    sim_trace("r%zu %s", r->number, paused ? "stands still" : "goes on");
    audit_disturbed("a pause");
    r->paused = paused;
    if (paused)
        sim_cancel(&r->turn);
    else
        replica_wake(r);
}

static void run_reload(struct replica *r, void *arg)
{
    (void)arg;
    sl_pipeline_reload(r->pipeline);
}

void replica_reload(struct replica *r, unsigned rules)
{
    r->rules = rules;
    if (r->state != REPLICA_UP || r->paused)
        return;
    rules_point(r);
    audit_rules_live(r->rules, r->sink_set);
    sim_trace("r%zu is told to load rules %u", r->number, rules);
    if (replica_call(r, run_reload, NULL))
        replica_wake(r);
}

static void start_event(struct sim_event *e)
{
    replica_start(sl_container_of(e, struct replica, start));
}

void replica_new(size_t number)
{
    struct replica *r = sim_new(sizeof(*r));

    r->number = number;
    r->arena = sim_arena_new();
    r->turn.fire = turn;
    r->start.fire = start_event;
    sl_list_init(&r->clients);
    sl_list_init(&r->requests);
    sl_list_init(&r->tasks);
    sim->replicas[number] = r;
    sim->n_replicas = number + 1;
}
