/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "shrink.h"
#include "world.h"

/* Makes a failing scenario smaller while it still fails: actions are taken away (halves first, then
 * one by one), faults switched off, numbers made small. A finding of another kind (another first
 * word) does not count: it would lead away from the one that is looked for. */

enum { ROUNDS = 4 };

struct shrinking {
    struct world *w;
    struct scenario best;
    char kind[8];
    unsigned runs;
};

static void kind_of(const char *finding, char ret[8])
{
    snprintf(ret, 8, "%.*s", (int)strcspn(finding, ": "), finding);
}

static bool fails(struct shrinking *k, const struct scenario *s)
{
    char kind[8];
    bool ok = scenario_run(k->w, s);

    k->runs++;
    kind_of(k->w->finding, kind);
    sim_world_end(k->w);
    return !ok && strcmp(kind, k->kind) == 0;
}

static bool better(struct shrinking *k, const struct scenario *s)
{
    if (!fails(k, s))
        return false;
    k->best = *s;
    return true;
}

static void without_actions(struct shrinking *k, unsigned first, unsigned n)
{
    struct scenario s = k->best;

    if (first >= s.n_actions)
        return;
    if (first + n > s.n_actions)
        n = s.n_actions - first;
    memmove(&s.actions[first], &s.actions[first + n],
            (s.n_actions - first - n) * sizeof(s.actions[0]));
    s.n_actions -= n;
    better(k, &s);
}

static void shrink_actions(struct shrinking *k)
{
    for (unsigned n = k->best.n_actions; n > 0; n /= 2)
        for (unsigned i = k->best.n_actions; i-- > 0;)
            if (i % n == 0)
                without_actions(k, i, n);
}

static void shrink_faults(struct shrinking *k)
{
    struct scenario s = k->best;
    unsigned *f = (unsigned *)&s.fault;

    for (size_t i = 0; i < sizeof(s.fault) / sizeof(*f); i++) {
        unsigned before = f[i];

        if (!before)
            continue;
        f[i] = 0;
        if (!better(k, &s))
            f[i] = before;
    }
}

static void smaller(struct shrinking *k, size_t offset, unsigned least)
{
    struct scenario s = k->best;
    unsigned *at = (unsigned *)((char *)&s + offset);

    for (unsigned to = least; to < *at; to += (*at - to + 1) / 2) {
        unsigned before = *at;

        *at = to;
        if (better(k, &s))
            return;
        *at = before;
    }
}

static void shrink_sinks(struct shrinking *k)
{
    for (unsigned i = 0; i < SINKS_MAX; i++) {
        struct scenario s = k->best;

        if (!(s.sinks >> i & 1) || s.sinks == 1u << i)
            continue;
        s.sinks &= ~(1u << i);
        for (unsigned a = 0; a < s.n_actions; a++)
            if (s.actions[a].kind == ACTION_SINKS)
                s.actions[a].a &= s.sinks ? (int64_t)s.sinks : 1;
        better(k, &s);
    }
}

static bool sane(const struct scenario *s)
{
    for (unsigned a = 0; a < s->n_actions; a++)
        if (s->actions[a].kind == ACTION_SINKS && s->actions[a].a == 0)
            return false;
    return true;
}

bool shrink(struct world *w, const struct scenario *from, struct scenario *ret)
{
    struct shrinking *k = calloc(1, sizeof(*k));
    bool tracing = w->tracing;
    unsigned runs;

    w->tracing = false;
    k->w = w;
    k->best = *from;
    kind_of(w->finding, k->kind);
    do {
        runs = k->best.n_actions + k->best.records;
        shrink_actions(k);
        shrink_faults(k);
        if (sane(&k->best))
            shrink_sinks(k);
        smaller(k, offsetof(struct scenario, replicas), 1);
        smaller(k, offsetof(struct scenario, partitions), 1);
        smaller(k, offsetof(struct scenario, gaps), 0);
        smaller(k, offsetof(struct scenario, bad), 0);
        smaller(k, offsetof(struct scenario, tombstones), 0);
        smaller(k, offsetof(struct scenario, many), 0);
        smaller(k, offsetof(struct scenario, huge), 0);
        smaller(k, offsetof(struct scenario, records), 1);
    } while (k->best.n_actions + k->best.records < runs && k->runs < 2000);
    *ret = k->best;
    printf("shrunk in %u runs\n", k->runs);
    w->tracing = tracing;
    free(k);
    return true;
}
