/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "explore.h"

/* Commits, and how a process ends. */

static const char *const rules[2] = {"aaaaaaaaaaaa", "bbbbbbbbbbbb"};
static const char *const ids[N_SINKS] = {"search", "archive"};

static void land(struct world *w, const struct commit *c)
{
    struct state *s = &w->s;

    s->committed = c->offset;
    s->line = c->line;
    s->excused |= c->excused || c->line == 0;
    world_judge(w, s, c->offset, !s->knows || w->scenario->faults[ROLLINGS], "committed too far");
}

/* ---- commits ---- */

/* What two of the readings take for a position. */
static void misread(struct world *w)
{
    for (size_t i = 0; i < w->p->n_sinks; i++) {
        struct sl_sink_position *s = &w->p->sinks[i];

        if (world_is(w, D_NEXT_OF_THE_READER) && s->catch_up < 0)
            s->from = 0;
        if (world_is(w, E_UNREAD_IS_NOT_OUTSTANDING) && s->from != INT64_MAX)
            s->catch_up = -1;
    }
}

static struct commit snapshot(struct world *w, bool with_line)
{
    struct sl_position_names names = {.sink_ids = ids, .rules = rules[w->s.live], .day = TODAY};
    struct commit c = {.used = 1};
    char line[SL_METADATA_MAX];
    int64_t kept[N_SINKS][2], offset;

    for (size_t i = 0; i < w->p->n_sinks; i++) {
        kept[i][0] = w->p->sinks[i].from;
        kept[i][1] = w->p->sinks[i].catch_up;
    }
    misread(w);
    offset = sl_partition_least(w->p);
    if (with_line && sl_metadata_write(w->p, &names, line) > 0)
        c.line = world_intern(w, line);
    for (size_t i = 0; world_is(w, COMMIT_THE_GREATEST) && i < w->p->n_sinks; i++)
        if (sl_partition_position(w->p, i) > offset)
            offset = sl_partition_position(w->p, i);
    c.offset = (int8_t)offset;
    for (size_t i = 0; i < w->p->n_sinks; i++) {
        w->p->sinks[i].from = kept[i][0];
        w->p->sinks[i].catch_up = kept[i][1];
    }
    return c;
}

bool world_commit(struct world *w, bool with_line)
{
    struct commit *flying = w->s.flying, c;

    if (flying[0].used && (!world_is(w, G_TWO_COMMITS) || flying[1].used))
        return false;
    c = snapshot(w, with_line);
    if (c.offset == w->s.known_committed && c.line == w->s.noted_line && !sl_plan_unconfirmed(w->p))
        return false;
    if (flying[0].used && memcmp(&flying[0], &c, sizeof(c)) == 0)
        return false;
    if (!with_line && !world_spend(w, PLAINS))
        return false;
    sl_partition_noting(w->p, with_line);
    flying[1] = flying[0];
    flying[0] = c;
    return true;
}

bool world_committed(struct world *w, size_t i)
{
    struct commit *c = &w->s.flying[i];

    if (!c->used)
        return false;
    land(w, c);
    if (i == 0) { /* otherwise an older one, which nobody waits for */
        w->p->noting_least = c->offset;
        sl_partition_noted(w->p);
        w->s.noted_line = c->line;
    }
    *c = (struct commit){0};
    return true;
}

/* ---- the end of an epoch ---- */

static void end(struct world *w)
{
    w->p->ended = true;
    while (w->s.n_cuts > 0)
        world_drop_cut(w, w->s.n_cuts - 1u);
    for (unsigned i = 0; i < 2 * OFFSETS_MAX; i++) {
        sl_hold_unref(w->records[i / OFFSETS_MAX][i % OFFSETS_MAX]);
        w->records[i / OFFSETS_MAX][i % OFFSETS_MAX] = NULL;
    }
}

/* What becomes of the commit that was under way: not applied, applied, or it comes late. */
static bool fate(struct world *w, unsigned how)
{
    struct commit *c = &w->s.flying[0];

    if (how > 0 && !c->used)
        return false;
    if (how == 1)
        land(w, c);
    if (how == 2) {
        if (w->s.ghost.used || !world_spend(w, LATE))
            return false;
        w->s.ghost = *c;
        w->s.ghost.excused = !world_is(w, NO_EPOCHS);
    }
    memset(w->s.flying, 0, sizeof(w->s.flying));
    return true;
}

bool world_unknown(struct world *w, unsigned how)
{
    if (!w->s.flying[0].used || !world_spend(w, UNKNOWNS) || !fate(w, how))
        return false;
    if (world_is(w, NO_EPOCHS))
        return true;
    end(w);
    world_arrive(w, false);
    return true;
}

static bool succeed(struct world *w, bool reload, bool rolling, bool without_rules)
{
    if ((reload && !world_spend(w, RELOADS)) || (rolling && !world_spend(w, ROLLINGS)) ||
        (without_rules && !world_spend(w, VOIDS)))
        return false;
    w->s.live ^= reload;
    w->s.knows ^= rolling;
    end(w);
    world_arrive(w, without_rules);
    return true;
}

bool world_crash(struct world *w, unsigned arg)
{
    return world_spend(w, CRASHES) && fate(w, arg % 3) &&
           succeed(w, arg / 3 % 2, arg / 6 % 2, arg / 12 % 2);
}

static void extend_plan(struct world *w)
{
    struct sl_plan *plan = &w->p->sinks[S].plan;

    for (size_t i = 0; plan->end > 0 && i < w->s.n_cuts; i++)
        if (w->holds[i]->spans[0]->last >= plan->end)
            plan->end = w->holds[i]->spans[0]->last + 1;
}

/* Everything open is closed, and the last commit has what that proposes. */
bool world_revoke(struct world *w, unsigned arg)
{
    if (w->s.flying[0].used) {
        if (!world_is(w, H_OLD_COMMIT_OPEN) || w->s.ghost.used)
            return false;
        w->s.ghost = w->s.flying[0];
        w->s.flying[0] = (struct commit){0};
    }
    if (!world_spend(w, REVOKES))
        return false;
    world_give_up(w);
    world_close_cut(w, 0);
    world_close_cut(w, 1);
    world_gate(w);
    if (world_is(w, J_PLAN_EXTENDED) && w->p->n_sinks > S)
        extend_plan(w);
    if (world_commit(w, true))
        world_committed(w, 0);
    return succeed(w, arg % 2, arg / 2, false);
}

bool world_ghost(struct world *w)
{
    if (!w->s.ghost.used)
        return false;
    land(w, &w->s.ghost);
    w->s.ghost = (struct commit){0};
    return true;
}
