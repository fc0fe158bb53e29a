/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

const char *const act_names[N_ACTS] = {"live reader",
                                       "side reader",
                                       "close cut",
                                       "E acknowledged",
                                       "S uploaded",
                                       "S answered",
                                       "hand over",
                                       "commit sent",
                                       "commit done",
                                       "give up cut",
                                       "plain commit sent",
                                       "commit unknown",
                                       "late commit",
                                       "detach",
                                       "reload",
                                       "revoke",
                                       "crash"};
const uint8_t act_args[N_ACTS] = {
    1, N_SINKS, 2, 2 * OFFSETS_MAX, CUTS_MAX, CUTS_MAX, N_SINKS, 1, 2, 1,
    1, 3,       1, N_SINKS,         1,        4,        24};

static const char *const rules[2] = {"aaaaaaaaaaaa", "bbbbbbbbbbbb"};

bool world_is(const struct world *w, enum mutant m)
{
    return w->scenario->mutant == m;
}

bool world_spend(struct world *w, enum fault f)
{
    return w->s.faults[f] > 0 && w->s.faults[f]-- > 0;
}

/* ---- what is wrong ---- */

static uint8_t archived(const struct state *s)
{
    uint8_t all = 0;

    for (size_t i = 0; i < s->n_objects; i++)
        all |= s->objects[i].contents;
    return all;
}

/* Below `end` there is, for each record, a version of the rules that explains where it is. */
void world_judge(struct world *w, const struct state *s, int end, bool without_s,
                 const char *finding)
{
    uint8_t in_s = without_s ? 0xff : archived(s);

    for (int r = 0; r < end; r++) {
        unsigned has = (unsigned)((s->delivered >> r & 1) << E | (in_s >> r & 1) << S);

        if ((w->scenario->rules[0][r] & ~has) && (w->scenario->rules[1][r] & ~has))
            w->finding = finding;
    }
}

void world_judge_end(struct world *w, const struct state *s)
{
    bool rest = s->next >= w->scenario->offsets && !s->flight[0] && !s->flight[1];

    if (s->knows && !w->scenario->s_down)
        rest = rest && s->n_cuts == 0 && s->sinks[E].catch_up < 0 && s->sinks[S].catch_up < 0;
    if (!rest)
        w->finding = "stuck";
    else
        world_judge(w, s, w->scenario->offsets, !s->knows || w->scenario->s_down,
                    "lost at the end");
}

/* ---- the sinks ---- */

static bool repeats(const struct world *w, size_t i)
{
    const struct sl_plan *plan = &w->p->sinks[S].plan;
    const struct cut *c = &w->s.cuts[i];

    return c->side && c->state == OPEN && plan->end > 0 &&
           w->holds[i]->spans[0]->first == plan->first;
}

void world_drop_cut(struct world *w, size_t i)
{
    struct state *s = &w->s;

    sl_hold_unref(w->holds[i]);
    s->n_cuts--;
    memmove(s->cuts + i, s->cuts + i + 1, (s->n_cuts - i) * sizeof(s->cuts[0]));
    memmove(w->holds + i, w->holds + i + 1, (s->n_cuts - i) * sizeof(w->holds[0]));
}

static size_t open_cut(const struct world *w, unsigned side)
{
    size_t i = 0;

    while (i < w->s.n_cuts && (w->s.cuts[i].state != OPEN || w->s.cuts[i].side != side))
        i++;
    return i;
}

bool world_close_cut(struct world *w, unsigned side)
{
    size_t i = open_cut(w, side);

    if (i == w->s.n_cuts)
        return false;
    sl_hold_close(w->holds[i]);
    w->s.cuts[i].state = CLOSED;
    return true;
}

static void let_go_cut(struct world *w, size_t i)
{
    if (!world_is(w, LET_GO_WITHOUT_DETACH))
        sl_hold_let_go(w->holds[i]);
    world_drop_cut(w, i);
}

bool world_give_up(struct world *w)
{
    size_t i = open_cut(w, 1);

    if (i == w->s.n_cuts || !repeats(w, i))
        return false;
    let_go_cut(w, i);
    return true;
}

void world_gate(struct world *w)
{
    for (size_t i = 0; i < w->s.n_cuts; i++) {
        struct cut *c = &w->s.cuts[i];

        if (c->state == CLOSED &&
            (world_is(w, UPLOAD_UNRECORDED) || sl_plan_gate(w->holds[i]) == SL_PLAN_GO))
            c->state = GO;
    }
}

static bool take(struct world *w, unsigned side, int offset, unsigned version)
{
    struct state *s = &w->s;
    size_t i = open_cut(w, side);

    if (i == s->n_cuts) {
        if (i == CUTS_MAX)
            return false;
        s->cuts[i] = (struct cut){.rules = (uint8_t)version, .side = (uint8_t)side};
        w->holds[i] = sl_hold_new(S, true, side);
        s->n_cuts++;
    }
    sl_hold_cover(w->holds[i], w->p, offset);
    s->cuts[i].contents |= (uint8_t)(1 << offset);
    return true;
}

static bool upload(struct world *w, size_t i)
{
    struct state *s = &w->s;
    const struct cut *c = &s->cuts[i];
    struct object o;

    if (i >= s->n_cuts || c->state != GO || w->scenario->s_down)
        return false;
    s->cuts[i].state = APPLIED;
    o = (struct object){c->first, c->end, world_is(w, F_HASH_OF_LIVE_RULES) ? s->live : c->rules,
                        c->contents};
    for (size_t k = 0; k < s->n_objects; k++) {
        const struct object *other = &s->objects[k];

        if (other->first == o.first && other->end == o.end && other->rules == o.rules)
            return true; /* the store says that it has it */
        if ((other->contents & o.contents) && !s->excused)
            w->finding = "doubled in S";
    }
    if (s->n_objects == OBJECTS_MAX)
        abort();
    s->objects[s->n_objects++] = o;
    return true;
}

static bool acknowledge(struct world *w, unsigned arg)
{
    struct sl_hold **h = &w->records[arg / OFFSETS_MAX][arg % OFFSETS_MAX];

    if (!*h)
        return false;
    sl_hold_unref(*h);
    *h = NULL;
    w->s.delivered |= (uint8_t)(1 << arg % OFFSETS_MAX);
    return true;
}

static bool answer(struct world *w, size_t i)
{
    if (i >= w->s.n_cuts || w->s.cuts[i].state != APPLIED)
        return false;
    world_drop_cut(w, i);
    return true;
}

/* ---- the readers ---- */

static unsigned version_at(struct world *w, unsigned side, int offset)
{
    unsigned version = sl_partition_era(w->p, offset)->rules[0] == 'b';
    size_t open = open_cut(w, side);

    if (world_is(w, JUDGE_BY_LIVE_RULES))
        version = w->s.live;
    if (open < w->s.n_cuts && w->s.cuts[open].rules != version &&
        !world_is(w, F_CUT_ACROSS_CUT_OVER))
        world_close_cut(w, side);
    return version;
}

static bool give(struct world *w, size_t sink, unsigned side, int offset, unsigned version)
{
    if (!(w->scenario->rules[version][offset] >> sink & 1))
        return true;
    if (sink == S)
        return take(w, side, offset, version);
    w->records[side][offset] = sl_hold_new(E, false, side);
    sl_hold_cover(w->records[side][offset], w->p, offset);
    return true;
}

static bool live(struct world *w)
{
    struct sl_partition *p = w->p;
    int offset = (int)p->next;
    bool attached = false, taken = true;
    unsigned version;

    for (size_t i = 0; i < p->n_sinks; i++)
        attached = attached || sl_partition_attached(p, i);
    if (!attached || offset >= w->scenario->offsets)
        return false;
    if (world_is(w, K_PLANS_FIRST) && p->n_sinks > S && p->sinks[S].plan.end > 0)
        return false;
    version = version_at(w, 0, offset);
    for (size_t i = 0; i < p->n_sinks; i++)
        if (sl_partition_serves(p, i, offset))
            taken = give(w, i, 0, offset, version) && taken;
    sl_partition_advance(p, offset, 0, 0);
    return taken; /* not taken: no such step */
}

/* The hand-over is a cut. */
static void attached_again(struct world *w, size_t sink)
{
    struct sl_sink_position *s = &w->p->sinks[sink];

    if (s->catch_up >= 0)
        return;
    if (sink == S)
        world_close_cut(w, 1);
    if (world_is(w, HAND_OVER_ONE_LATE) && s->from >= w->p->next && s->from < w->scenario->offsets)
        s->from++;
    if (world_is(w, HAND_OVER_ONE_EARLY) && s->from > w->p->next)
        s->from--;
}

static bool side(struct world *w, size_t sink)
{
    struct sl_partition *p = w->p;
    int64_t offset;
    bool repeating;

    if (sink >= p->n_sinks)
        return false;
    offset = p->sinks[sink].catch_up;
    repeating = sl_plan_repeat_end(p, sink) > 0;
    if (offset < 0 || offset >= w->scenario->offsets || offset >= p->sinks[sink].from ||
        !give(w, sink, 1, (int)offset,
              sink == S ? version_at(w, 1, (int)offset)
                        : sl_partition_era(p, offset)->rules[0] == 'b'))
        return false;
    sl_partition_caught(p, sink, offset, 0, 0);
    if (sink == S && repeating && sl_plan_repeat_end(p, sink) == 0)
        world_close_cut(w, 1);
    attached_again(w, sink);
    return true;
}

static bool hand_over(struct world *w, size_t sink)
{
    if (sink >= w->p->n_sinks || sl_partition_attached(w->p, sink) ||
        w->p->sinks[sink].from != INT64_MAX)
        return false;
    sl_partition_hand_over(w->p, sink);
    attached_again(w, sink);
    return true;
}

static bool detach(struct world *w, size_t sink)
{
    struct sl_partition *p = w->p;

    if (sink >= p->n_sinks || (sl_partition_attached(p, sink) &&
                               (p->n_sinks == 1 || !sl_partition_attached(p, 1 - sink))))
        return false; /* the only attached sink blocks */
    if (!world_spend(w, DETACHES))
        return false;
    sl_partition_detach(p, sink);
    if (sink == S) {
        while (w->s.n_cuts > 0)
            let_go_cut(w, w->s.n_cuts - 1u);
        if (world_is(w, C_DETACH_KEEPS_ONLY_POSITION))
            p->sinks[S].plan = (struct sl_plan){0};
        return true;
    }
    for (unsigned i = 0; i < 2 * OFFSETS_MAX; i++) {
        struct sl_hold **h = &w->records[i / OFFSETS_MAX][i % OFFSETS_MAX];

        if (*h)
            sl_hold_let_go(*h);
        sl_hold_unref(*h);
        *h = NULL;
    }
    return true;
}

static bool reload(struct world *w)
{
    struct sl_partition *p = w->p;

    if (!world_spend(w, RELOADS))
        return false;
    w->s.live ^= 1;
    if (!world_is(w, F_CUT_ACROSS_CUT_OVER))
        world_close_cut(w, 0);
    sl_partition_cut_over(p, rules[w->s.live], NULL);
    if (world_is(w, B_CUT_OVER_AT_NEXT) && p->n_eras > 1 && p->next > p->eras[p->n_eras - 2].begin)
        p->eras[p->n_eras - 1].begin = p->next;
    else if (world_is(w, B_CUT_OVER_AT_NEXT) && p->n_eras > 1)
        p->eras[0] = p->eras[--p->n_eras];
    return true;
}

static bool step(struct world *w, enum act act, unsigned arg)
{
    switch (act) {
    case LIVE:
        return live(w);
    case SIDE:
        return side(w, arg);
    case CLOSE:
        return !(open_cut(w, arg) < w->s.n_cuts && repeats(w, open_cut(w, arg))) &&
               world_close_cut(w, arg);
    case ACK:
        return acknowledge(w, arg);
    case UPLOAD:
        return upload(w, arg);
    case ANSWER:
        return answer(w, arg);
    case HAND_OVER:
        return hand_over(w, arg);
    case COMMIT:
        return world_commit(w, true);
    case LAND:
        return world_committed(w, arg);
    case GIVE_UP:
        return world_give_up(w);
    case PLAIN:
        return world_commit(w, false);
    case UNKNOWN:
        return world_unknown(w, arg);
    case GHOST:
        return world_ghost(w);
    case DETACH:
        return detach(w, arg);
    case RELOAD:
        return reload(w);
    case REVOKE:
        return world_revoke(w, arg);
    case CRASH:
        return world_crash(w, arg);
    default:
        return false;
    }
}

/* Most steps are impossible in most states: that is seen without making the structures. */
static bool possible(const struct state *s, enum act act, unsigned arg)
{
    switch (act) {
    case SIDE:
        return s->sinks[arg].catch_up >= 0;
    case HAND_OVER:
        return s->sinks[arg].catch_up >= 0 && s->sinks[arg].from == NEVER;
    case CLOSE:
        return s->n_cuts > 0;
    case ACK:
        return s->flight[arg / OFFSETS_MAX] >> arg % OFFSETS_MAX & 1;
    case UPLOAD:
        return arg < s->n_cuts && s->cuts[arg].state == GO;
    case ANSWER:
        return arg < s->n_cuts && s->cuts[arg].state == APPLIED;
    case LAND:
        return s->flying[arg].used;
    case GIVE_UP:
        return s->n_cuts > 0 && s->sinks[S].end > 0;
    case PLAIN:
        return s->faults[PLAINS];
    case UNKNOWN:
        return s->flying[0].used && s->faults[UNKNOWNS] && (arg < 2 || s->faults[LATE]);
    case GHOST:
        return s->ghost.used;
    case DETACH:
        return s->faults[DETACHES];
    case RELOAD:
        return s->faults[RELOADS];
    case REVOKE:
        return s->faults[REVOKES] && (arg % 2 == 0 || s->faults[RELOADS]) &&
               (arg / 2 == 0 || s->faults[ROLLINGS]);
    case CRASH:
        return s->faults[CRASHES] && (arg % 3 == 0 || s->flying[0].used) &&
               (arg % 3 < 2 || s->faults[LATE]) && (arg / 3 % 2 == 0 || s->faults[RELOADS]) &&
               (arg / 6 % 2 == 0 || s->faults[ROLLINGS]) && (arg < 12 || s->faults[VOIDS]);
    default:
        return true;
    }
}

bool world_step(struct world *w, const struct state *from, enum act act, unsigned arg,
                struct state *ret)
{
    bool done;

    if (!possible(from, act, arg))
        return false;
    w->s = *from;
    world_load(w);
    done = step(w, act, arg);
    if (done)
        world_gate(w);
    world_store(w);
    *ret = w->s;
    return done;
}

void world_init(struct world *w, const struct scenario *scenario, struct state *ret)
{
    memset(w, 0, sizeof(*w));
    w->scenario = scenario;
    memcpy(w->s.faults, scenario->faults, sizeof(w->s.faults));
    w->s.knows = 1;
    world_arrive(w, false);
    if (scenario->faults[ROLLINGS] && world_commit(w, true))
        world_committed(w, 0); /* who was never named is new, and begins at the base */
    world_store(w);
    *ret = w->s;
}

void world_release(struct world *w)
{
    for (size_t i = 0; i < N_SINKS; i++)
        sl_partition_unref(w->blank[i]);
    for (size_t i = 0; i < LINES_MAX; i++)
        free(w->lines[i]);
}
