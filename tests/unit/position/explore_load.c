/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "explore.h"

static char topic_name[] = "logs";
static struct sl_topic topic = {.name = topic_name};
static const char *const ids[N_SINKS] = {"search", "archive"};
static const char *const rules[2] = {"aaaaaaaaaaaa", "bbbbbbbbbbbb"};

static int8_t byte(int64_t v)
{
    if (v != INT64_MAX && (v < -1 || v > OFFSETS_MAX + 1))
        abort();
    return (int8_t)(v == INT64_MAX ? NEVER : v);
}

static int64_t number(int8_t v)
{
    return v == NEVER ? INT64_MAX : v;
}

uint16_t world_intern(struct world *w, const char *line)
{
    size_t i = (size_t)sl_hash(line, strlen(line)) % LINES_MAX;

    while (w->lines[i] && strcmp(w->lines[i], line) != 0)
        i = (i + 1) % LINES_MAX;
    if (!w->lines[i])
        w->lines[i] = sl_strndup(line, strlen(line));
    return (uint16_t)(i + 1);
}

void world_new_partition(struct world *w)
{
    struct sl_partition **p = &w->blank[w->s.knows];

    if (!*p)
        *p = sl_partition_new(&topic, 0, 1, w->s.knows ? N_SINKS : 1, "");
    w->p = *p;
    w->p->ended = false;
    w->p->next = w->p->committed = -1;
    w->p->read = 0;
    w->p->n_eras = w->p->n_carried = 0;
    for (size_t i = 0; i < w->p->n_sinks; i++) {
        w->p->sinks[i].from = 0;
        w->p->sinks[i].catch_up = -1;
        w->p->sinks[i].plan = (struct sl_plan){0};
    }
}

static void load_numbers(struct world *w)
{
    const struct state *s = &w->s;
    struct sl_partition *p = w->p;

    p->next = s->next;
    p->read = s->read;
    p->committed = s->known_committed;
    p->noting_least = s->flying[0].used ? s->flying[0].offset : 0;
    for (size_t i = 0; i < p->n_sinks; i++) {
        p->sinks[i].from = number(s->sinks[i].from);
        p->sinks[i].catch_up = s->sinks[i].catch_up;
        p->sinks[i].plan = (struct sl_plan){.first = s->sinks[i].first,
                                            .end = s->sinks[i].end,
                                            .confirmed = s->sinks[i].confirmed,
                                            .noting = s->sinks[i].noting};
    }
    p->eras = sl_reallocarray(p->eras, ERAS_MAX, sizeof(*p->eras));
    p->n_eras = s->n_eras;
    for (size_t i = 0; i < s->n_eras; i++) {
        p->eras[i] = (struct sl_era){.begin = s->eras[i].begin};
        memcpy(p->eras[i].rules, rules[s->eras[i].rules], sizeof(p->eras[i].rules));
    }
    if (s->n_carried > 0) {
        p->carried = sl_reallocarray(p->carried, 1, sizeof(*p->carried));
        *p->carried = (struct sl_carried){.day = TODAY};
        p->carried->position = s->carried.position;
        p->carried->plan_end = s->carried.plan_end;
        p->carried->behind = s->carried.behind;
        sl_metadata_short_id(ids[S], p->carried->id);
        p->n_carried = 1;
    }
}

void world_load(struct world *w)
{
    const struct state *s = &w->s;

    world_new_partition(w);
    for (unsigned side = 0; side < 2; side++)
        for (int offset = 0; offset < OFFSETS_MAX; offset++) {
            w->records[side][offset] = NULL;
            if (!(s->flight[side] >> offset & 1))
                continue;
            w->records[side][offset] = sl_hold_new(E, false, side);
            sl_hold_cover(w->records[side][offset], w->p, offset);
        }
    for (size_t i = 0; i < s->n_cuts; i++) {
        const struct cut *c = &s->cuts[i];
        struct sl_hold *h = w->holds[i] = sl_hold_new(S, true, c->side);

        sl_hold_cover(h, w->p, c->first);
        if (c->state != OPEN)
            sl_hold_close(h);
        h->spans[0]->last = c->end - 1;
    }
    load_numbers(w);
}

static void store_numbers(struct world *w)
{
    struct state *s = &w->s;
    struct sl_partition *p = w->p;

    s->next = byte(p->next);
    s->read = byte(p->read);
    s->known_committed = byte(p->committed);
    memset(s->sinks, 0, sizeof(s->sinks));
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *at = &p->sinks[i];

        s->sinks[i].from = byte(at->from);
        s->sinks[i].catch_up = byte(at->catch_up);
        s->sinks[i].first = byte(at->plan.first);
        s->sinks[i].end = byte(at->plan.end);
        s->sinks[i].confirmed = at->plan.confirmed;
        s->sinks[i].noting = at->plan.end ? (int8_t)at->plan.noting : 0;
    }
    sl_partition_prune_eras(p);
    if (p->n_eras > ERAS_MAX || p->n_carried > 1)
        abort();
    s->n_eras = (uint8_t)p->n_eras;
    memset(s->eras, 0, sizeof(s->eras));
    for (size_t i = 0; i < p->n_eras; i++) {
        s->eras[i].begin = byte(p->eras[i].begin);
        s->eras[i].rules = p->eras[i].rules[0] == 'b';
    }
    memset(&s->carried, 0, sizeof(s->carried));
    s->n_carried = (uint8_t)p->n_carried;
    if (p->n_carried > 0) {
        s->carried.position = byte(p->carried->position);
        s->carried.plan_end = byte(p->carried->plan_end);
        s->carried.behind = p->carried->behind;
    }
}

static int cut_order(const void *a, const void *b)
{
    const struct cut *x = a, *y = b;

    return x->first != y->first ? x->first - y->first : x->side - y->side;
}

static int object_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct object));
}

void world_store(struct world *w)
{
    struct state *s = &w->s;

    store_numbers(w);
    memset(s->flight, 0, sizeof(s->flight));
    for (unsigned side = 0; side < 2; side++)
        for (int offset = 0; offset < OFFSETS_MAX; offset++)
            if (w->records[side][offset])
                s->flight[side] |= (uint8_t)(1 << offset);
    for (size_t i = 0; i < s->n_cuts; i++) {
        s->cuts[i].first = (uint8_t)w->holds[i]->spans[0]->first;
        s->cuts[i].end = (uint8_t)(w->holds[i]->spans[0]->last + 1);
    }
    /* Lets go of the structures without any of it counting. */
    w->p->ended = true;
    for (unsigned side = 0; side < 2; side++)
        for (int offset = 0; offset < OFFSETS_MAX; offset++)
            sl_hold_unref(w->records[side][offset]);
    for (size_t i = 0; i < s->n_cuts; i++)
        sl_hold_unref(w->holds[i]);
    memset(s->cuts + s->n_cuts, 0, (CUTS_MAX - s->n_cuts) * sizeof(s->cuts[0]));
    qsort(s->cuts, s->n_cuts, sizeof(s->cuts[0]), cut_order);
    qsort(s->objects, s->n_objects, sizeof(s->objects[0]), object_order);
}

static void cut_over_at_positions(struct sl_partition *p, const char *live)
{
    struct sl_era *last = &p->eras[p->n_eras - 1];
    int64_t at = last->begin;

    if (strcmp(last->rules, live) == 0)
        return;
    for (size_t i = 0; i < p->n_sinks; i++) {
        int64_t position = p->sinks[i].catch_up >= 0 ? p->sinks[i].catch_up : p->sinks[i].from;

        at = position > at ? position : at;
    }
    p->eras = sl_reallocarray(p->eras, p->n_eras + 1, sizeof(*p->eras));
    p->eras[p->n_eras] = (struct sl_era){.begin = at};
    snprintf(p->eras[p->n_eras++].rules, sizeof(p->eras->rules), "%s", live);
}

void world_arrive(struct world *w, bool without_rules)
{
    struct state *s = &w->s;
    struct sl_position_names names = {.sink_ids = ids, .rules = rules[s->live], .day = TODAY};
    struct sl_partition *p;

    world_new_partition(w);
    p = w->p;
    p->committed = s->committed;
    if (s->line == 0 ||
        !sl_metadata_read(p, &names, s->committed, sl_slice_str(w->lines[s->line - 1]), NULL))
        sl_partition_void(p, s->committed);
    for (size_t i = 0; without_rules && i < p->n_eras; i++)
        if (strcmp(p->eras[i].rules, rules[s->live]) != 0) {
            s->excused = 1;
            sl_partition_void(p, s->committed);
        }
    if (w->scenario->mutant == FORGET_UNKNOWN_SINKS)
        p->n_carried = 0;
    if (w->scenario->mutant == A_CUT_OVER_AT_POSITIONS && p->n_eras > 0)
        cut_over_at_positions(p, rules[s->live]);
    else
        sl_partition_cut_over(p, rules[s->live], NULL);
    sl_partition_settle(p);
    s->noted_line = s->line;
}
