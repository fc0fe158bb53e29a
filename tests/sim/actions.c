/* SPDX-License-Identifier: Apache-2.0 */
#include "audit_private.h"
#include "kafka.h"
#include "scenario.h"
#include "store.h"

/* What happens at times: deaths, standstills, faults that last, operators. */

const char *const action_names[] = {"kill",
                                    "kill at effect",
                                    "kill at allocation",
                                    "pause",
                                    "restart",
                                    "rebalance",
                                    "coordinator down",
                                    "brokers down",
                                    "store dead",
                                    "store hangs",
                                    "store slow",
                                    "store denies",
                                    "reload",
                                    "deploy",
                                    "clock",
                                    "retain",
                                    "offset reset",
                                    "recreate",
                                    "state lost",
                                    "other sinks",
                                    "truncate"};

struct happening {
    struct sim_event event;
    const struct action *action;
};

struct rising {
    struct sim_event event;
    struct replica *r;
    unsigned life;
};

static void rises(struct sim_event *e)
{
    struct rising *x = sl_container_of(e, struct rising, event);

    if (x->r->life == x->life)
        replica_pause(x->r, false);
}

static void stand_still(struct replica *r, uint64_t ms)
{
    struct rising *x;

    if (r->state == REPLICA_DOWN)
        return;
    sim->audit->counts.pauses++;
    replica_pause(r, true);
    x = sim_new(sizeof(*x));
    x->r = r;
    x->life = r->life;
    x->event.fire = rises;
    sim_after(&x->event, ms * SIM_MS);
}

static void longer(uint64_t *until_us, uint64_t ms)
{
    uint64_t at = sim->now_us + ms * SIM_MS;

    if (at > sim->scenario->heal_us)
        at = sim->scenario->heal_us;
    if (at > *until_us)
        *until_us = at;
}

static void changes(struct sim_event *e)
{
    struct replica *r = sl_container_of(e, struct replica, change);

    if (r->state == REPLICA_UP && r->sink_set != sim->sink_set)
        replica_stop(r);
    else if (r->state == REPLICA_UP && r->rules != sim->rules)
        replica_reload(r, sim->rules);
}

static void roll(uint64_t most_us)
{
    for (size_t i = 0; i < sim->n_replicas; i++) {
        struct replica *r = sim->replicas[i];

        r->change.fire = changes;
        sim_after(&r->change, sim_below(SIM_SCHEDULE, most_us));
    }
}

static void act_on_replica(struct replica *r, const struct action *a)
{
    switch (a->kind) {
    case ACTION_KILL:
        sim->audit->counts.kills++;
        replica_kill(r, "kill -9");
        break;
    case ACTION_KILL_AT_EFFECT:
        sim->audit->counts.kills++;
        r->die_at_effect = r->effects + (uint64_t)a->a;
        break;
    case ACTION_KILL_AT_ALLOCATION:
        sim->audit->counts.kills++;
        r->die_at_allocation = r->allocations + (uint64_t)a->a;
        break;
    case ACTION_PAUSE:
        stand_still(r, (uint64_t)a->a);
        break;
    case ACTION_RESTART:
        replica_stop(r);
        break;
    case ACTION_CLOCK:
        r->wall_shift_ms = a->a;
        break;
    default:
        break;
    }
}

static void act_on_store(struct store *s, const struct action *a)
{
    if (a->kind == ACTION_STORE_DEAD)
        longer(&s->dead_us, (uint64_t)a->a);
    else if (a->kind == ACTION_STORE_HANGS)
        longer(&s->hangs_us, (uint64_t)a->a);
    else if (a->kind == ACTION_STORE_DENIES)
        longer(&s->denies_us, (uint64_t)a->a);
    else
        longer(&s->slow_us, (uint64_t)a->a);
    s->slow_by_us = (uint64_t)a->b * SIM_MS;
}

/* An operator stops the group, moves the offset back, and starts it again. Some tools leave the
 * metadata there. */
struct reset {
    struct sim_event event;
    const struct action *action;
    unsigned tries;
};

static void reset_now(struct k_partition *p, int64_t thousandths)
{
    int64_t to = p->start + (p->committed - p->start) * thousandths / 1000;

    if (p->committed < p->start || to >= p->committed)
        return;
    sim_trace("the offset of logs-%d is reset to %ld", (int)p->number, to);
    audit_reset(p, to);
    p->committed = to;
}

static void recreate_now(void)
{
    struct k_topic *t = cluster_topic("logs");

    sim_trace("the topic is made anew");
    for (int32_t i = 0; i < t->n; i++) {
        audit_recreated(&t->parts[i]);
        cluster_recreate(&t->parts[i]);
    }
}

/* The log has lost its end: who reads stands still, and an operator decides to go on with what
 * comes. The line goes: of offsets that are there again, with other records, it would say that
 * sinks have them. */
static void after_truncation(struct k_partition *p)
{
    int64_t to = p->committed < p->end ? p->committed : p->end;

    p->cut_off = false;
    if (p->committed < 0)
        return;
    sim_trace("the offset of logs-%d is reset to %ld, without a line", (int)p->number, to);
    audit_reset(p, to);
    p->committed = to;
    sim_free(p->metadata);
    p->metadata = NULL;
}

static bool all_quiet(void)
{
    for (size_t i = 0; i < sim->n_replicas; i++)
        if (sim->replicas[i]->state != REPLICA_DOWN)
            return false;
    return sim->cluster->members == 0 && !commits_under_way() && !http_under_way();
}

static void resets(struct sim_event *e)
{
    struct reset *x = sl_container_of(e, struct reset, event);
    struct k_partition *p =
        &cluster_topic("logs")->parts[x->action->who % sim->scenario->partitions];

    if (all_quiet()) {
        if (x->action->kind == ACTION_RECREATE)
            recreate_now();
        else if (x->action->kind == ACTION_TRUNCATE)
            after_truncation(p);
        else
            reset_now(p, x->action->a);
    } else if (x->tries++ < 600 || x->action->kind == ACTION_TRUNCATE) {
        for (size_t i = 0; i < sim->n_replicas; i++)
            replica_stop(sim->replicas[i]);
        sim_after(e, 50 * SIM_MS);
        return;
    }
    sim->held--;
    for (size_t i = 0; i < sim->n_replicas && sim->held == 0; i++)
        if (sim->replicas[i]->state == REPLICA_DOWN)
            sim_after(&sim->replicas[i]->start, sim_below(SIM_SCHEDULE, SIM_S));
}

static void comes_to_reset(struct sim_event *e)
{
    sim->held++;
    e->fire = resets;
    resets(e);
}

static void reset_when_stopped(const struct action *a, uint64_t after_us)
{
    struct reset *x = sim_new(sizeof(*x));

    x->action = a;
    x->event.fire = comes_to_reset;
    sim_after(&x->event, after_us);
}

static void happens(struct sim_event *e)
{
    const struct action *a = sl_container_of(e, struct happening, event)->action;
    struct k_partition *p;

    sim_trace("-- %s (%u, %ld, %ld)", action_names[a->kind], a->who, a->a, a->b);
    switch (a->kind) {
    case ACTION_KILL:
    case ACTION_KILL_AT_EFFECT:
    case ACTION_KILL_AT_ALLOCATION:
    case ACTION_PAUSE:
    case ACTION_RESTART:
    case ACTION_CLOCK:
        act_on_replica(sim->replicas[a->who % sim->n_replicas], a);
        break;
    case ACTION_REBALANCE:
        group_rebalance("asked for");
        break;
    case ACTION_COORDINATOR_DOWN:
        longer(&sim->cluster->coordinator_up_us, (uint64_t)a->a);
        break;
    case ACTION_BROKERS_DOWN:
        longer(&sim->cluster->brokers_up_us, (uint64_t)a->a);
        break;
    case ACTION_STORE_DEAD:
    case ACTION_STORE_HANGS:
    case ACTION_STORE_SLOW:
    case ACTION_STORE_DENIES:
        act_on_store(store_of(a->who), a);
        break;
    case ACTION_RELOAD:
        sim->audit->counts.reloads++;
        sim->rules = (unsigned)a->a;
        roll(2 * SIM_S);
        break;
    case ACTION_DEPLOY:
        sim->rules = (unsigned)a->a;
        break;
    case ACTION_RETAIN:
        p = &cluster_topic("logs")->parts[a->who % sim->scenario->partitions];
        cluster_retain(p, p->end - a->a);
        break;
    case ACTION_SINKS:
        sim->sink_set = (unsigned)a->a;
        roll(10 * SIM_S);
        break;
    case ACTION_STATE_LOST:
        p = cluster_partition("state", 0);
        cluster_retain(p, p->end);
        break;
    case ACTION_RECREATE:
    case ACTION_RESET:
        reset_when_stopped(a, 0);
        break;
    case ACTION_TRUNCATE:
        p = &cluster_topic("logs")->parts[a->who % sim->scenario->partitions];
        cluster_truncate(p, p->end - a->a);
        reset_when_stopped(a, SIM_S + sim_below(SIM_SCHEDULE, 9 * SIM_S));
        break;
    case ACTION_KINDS:
        break;
    }
}

/* Everything that lasts ends, all sinks come back, the clocks are right. */
static void heals(struct sim_event *e)
{
    (void)e;
    if (sim->scenario->alone)
        audit_others_have_all(sim->scenario->alone - 1);
    sim_trace("-- healed");
    for (size_t i = 0; i < sim->n_replicas; i++) {
        sim->replicas[i]->wall_shift_ms = 0;
        replica_pause(sim->replicas[i], false);
    }
    sim->sink_set = sim->scenario->sinks;
    roll(5 * SIM_S);
}

void actions_begin(void)
{
    struct sim_event *heal = sim_new(sizeof(*heal));

    for (unsigned i = 0; i < sim->scenario->n_actions; i++) {
        struct happening *h = sim_new(sizeof(*h));

        h->action = &sim->scenario->actions[i];
        h->event.fire = happens;
        sim_at(&h->event, h->action->at_us);
    }
    heal->fire = heals;
    sim_at(heal, sim->scenario->heal_us);
}
