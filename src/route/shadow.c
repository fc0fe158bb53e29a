/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/finder.h"
#include "sluice/lint.h"

/* Rules that can never match. A rule's conditions are taken apart into cases without `or`; of each
 * case it is shown that it cannot be, or that one earlier rule takes it, or that after all that
 * earlier rules take nothing of it is left. One case for which none of this can be shown, and the
 * rule is left alone. */

enum {
    CASES_MAX = 4096, /* of one rule */
    ROUNDS_MAX = 4,   /* what one rule leaves may make another's say plain */
    ASKS_MAX = 3,
    TAKERS_MAX = 32,   /* of one case, among which the needless are looked for */
    RULE_SHARE = 50,   /* one rule may use a fiftieth of all steps */
    TODO_MAX = 100000, /* parts of one rule's conditions */
};

struct todo {
    uint32_t node;
    bool holds;
    int64_t next; /* -1: none */
};

struct search {
    const struct sl_rules *rules;
    const struct sl_shadows *found; /* so far */
    struct sl_facts facts;
    struct sl_finder *finder;
    struct todo *todo;
    size_t n_todo, cap_todo;
    unsigned rule;
    size_t cases;
    bool gave_up;
    unsigned *takers; /* of the cases so far */
    size_t n_takers, cap_takers;
};

/* ---- one case ---- */

static const struct sl_shadow *shadow_of(const struct sl_shadows *all, unsigned rule)
{
    size_t low = 0, high = all->n;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (all->items[middle].rule == rule)
            return &all->items[middle];
        if (all->items[middle].rule < rule)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static void add_taker(struct search *s, unsigned rule)
{
    const struct sl_shadow *self = shadow_of(s->found, rule);

    /* One that never matches either takes nothing: name those that take what it could. */
    for (size_t i = 0; self && i < self->n_takers; i++)
        add_taker(s, self->takers[i]);
    for (size_t i = 0; i < s->n_takers; i++)
        if (s->takers[i] == rule)
            return;
    if (self && self->n_takers)
        return;
    if (s->n_takers == s->cap_takers) {
        s->cap_takers = s->n_takers ? 2 * s->n_takers : 8;
        s->takers = sl_reallocarray(s->takers, s->cap_takers, sizeof(*s->takers));
    }
    s->takers[s->n_takers++] = rule;
}

static bool one_takes_all(struct search *s)
{
    size_t n;
    const unsigned *found = sl_finder_ask(s->finder, &s->facts, false, &n);

    for (size_t i = 0; i < n; i++) {
        const uint32_t when = s->rules->rules[found[i]].when;

        if (when != SL_WHEN_ALWAYS && sl_facts_judge(&s->facts, when) != SL_KNOWN_YES)
            continue;
        add_taker(s, found[i]);
        return true;
    }
    return false;
}

/* Adds what follows from that none of these rules took the record, until nothing is left of it, or
 * nothing more follows. Rules that said something move to the front: *ret_said. */
static bool nothing_left(struct search *s, unsigned *found, size_t n, size_t *ret_said)
{
    size_t added = 1, said = 0;

    for (unsigned round = 0; round < ROUNDS_MAX && added > 0; round++) {
        added = 0;
        for (size_t i = 0; i < n && !s->facts.impossible; i++) {
            const unsigned rule = found[i];
            const uint32_t when = s->rules->rules[rule].when;
            size_t one = when == SL_WHEN_ALWAYS ? 0 : sl_facts_assume(&s->facts, when, false, rule);

            added += one;
            if ((one || s->facts.impossible) && i >= said) {
                memmove(found + said + 1, found + said, (i - said) * sizeof(*found));
                found[said++] = rule;
            }
        }
    }
    *ret_said = said;
    return s->facts.impossible;
}

/* Of the rules that leave nothing together, those that it takes. */
static size_t without_needless(struct search *s, unsigned *rules, size_t n, size_t given)
{
    size_t said;

    for (size_t i = 0; n <= TAKERS_MAX && i < n;) {
        unsigned rest[TAKERS_MAX];

        memcpy(rest, rules, i * sizeof(*rest));
        memcpy(rest + i, rules + i + 1, (n - i - 1) * sizeof(*rest));
        sl_facts_cut(&s->facts, given);
        if (nothing_left(s, rest, n - 1, &said))
            memmove(rules + i, rules + i + 1, (--n - i) * sizeof(*rules));
        else
            i++;
    }
    return n;
}

static bool together_take_all(struct search *s)
{
    const size_t given = s->facts.n;
    size_t n = 0, before = 0, said = 0;
    unsigned *rules = NULL;
    bool taken = false;

    /* What is learned may make more rules worth a question. */
    for (unsigned i = 0; i < ASKS_MAX && !taken && (i == 0 || s->facts.n > before); i++) {
        const unsigned *found = sl_finder_ask(s->finder, &s->facts, true, &n);

        before = s->facts.n;
        rules = sl_reallocarray(rules, n + 1, sizeof(*rules));
        memcpy(rules, found, n * sizeof(*rules));
        sl_facts_cut(&s->facts, given);
        taken = nothing_left(s, rules, n, &said);
    }
    if (taken) {
        n = without_needless(s, rules, said, given);
        for (size_t i = 0; i < n; i++)
            add_taker(s, rules[i]);
    }
    sl_facts_cut(&s->facts, given);
    free(rules);
    return taken;
}

/* True: nothing of the case at hand comes to the rule. */
static bool is_taken(struct search *s)
{
    uint32_t operands = 0;
    int64_t fact;
    bool taken = true;

    if (s->facts.logic.left == 0 || ++s->cases > CASES_MAX) {
        s->gave_up = true;
        return false;
    }
    if (one_takes_all(s) || together_take_all(s))
        return true;
    fact = sl_facts_choice(&s->facts, &operands);
    if (fact < 0)
        return false;
    /* One value of a list after the other. */
    for (uint32_t i = 1; i <= operands && taken; i++) {
        sl_facts_pick(&s->facts, (size_t)fact, i);
        taken = s->facts.impossible || is_taken(s);
        sl_facts_cut(&s->facts, s->facts.n);
    }
    sl_facts_pick(&s->facts, (size_t)fact, 0);
    return taken;
}

/* ---- a rule's conditions, case by case ---- */

static int64_t add_todo(struct search *s, uint32_t node, bool holds, int64_t next)
{
    if (s->n_todo == s->cap_todo) {
        s->cap_todo = s->n_todo ? 2 * s->n_todo : 64;
        s->todo = sl_reallocarray(s->todo, s->cap_todo, sizeof(*s->todo));
    }
    s->todo[s->n_todo] = (struct todo){node, holds, next};
    return (int64_t)s->n_todo++;
}

/* True: no case of what is still to do comes to the rule. */
static bool all_taken(struct search *s, int64_t at)
{
    const size_t facts = s->facts.n, todo = s->n_todo;
    bool taken = true;

    while (at >= 0 && !s->facts.impossible) {
        const struct todo t = s->todo[at];
        const struct sl_rule_node *node = &s->rules->nodes[t.node];

        if (s->n_todo > TODO_MAX) {
            s->gave_up = true;
            return false;
        }
        at = t.next;
        if (node->kind == SL_NODE_TEST || node->kind == SL_NODE_GROUP) {
            sl_facts_add(&s->facts, t.node, t.holds, SL_RULE_NONE);
        } else if (node->kind == SL_NODE_NOT) {
            at = add_todo(s, node->first, !t.holds, at);
        } else if ((node->kind == SL_NODE_ALL) == t.holds) {
            for (uint32_t i = node->n; i-- > 0;)
                at = add_todo(s, node->first + i, t.holds, at);
        } else {
            for (uint32_t i = 0; i < node->n && taken; i++)
                taken = all_taken(s, add_todo(s, node->first + i, t.holds, at));
            goto out;
        }
    }
    taken = s->facts.impossible || is_taken(s);
out:
    sl_facts_cut(&s->facts, facts);
    s->n_todo = todo;
    return taken;
}

static void add_shadow(struct sl_shadows *to, const struct search *s)
{
    struct sl_shadow *shadow;

    if (to->n == to->cap) {
        to->cap = to->n ? 2 * to->n : 16;
        to->items = sl_reallocarray(to->items, to->cap, sizeof(*to->items));
    }
    shadow = &to->items[to->n++];
    *shadow = (struct sl_shadow){.rule = s->rule, .n_takers = s->n_takers};
    shadow->takers = sl_calloc(s->n_takers + 1, sizeof(*shadow->takers));
    for (size_t i = 0; i < s->n_takers; i++) { /* in the rules' order */
        size_t k = i;

        for (; k > 0 && shadow->takers[k - 1] > s->takers[i]; k--)
            shadow->takers[k] = shadow->takers[k - 1];
        shadow->takers[k] = s->takers[i];
    }
}

static void look_at(struct search *s, unsigned rule, struct sl_shadows *ret)
{
    const uint32_t when = s->rules->rules[rule].when;

    s->rule = rule;
    s->n_takers = s->n_todo = s->cases = 0;
    s->gave_up = false;
    sl_facts_cut(&s->facts, 0);
    if (all_taken(s, when == SL_WHEN_ALWAYS ? -1 : add_todo(s, when, true, -1)))
        add_shadow(ret, s);
    else if (s->gave_up && ret->unsure++ == 0)
        ret->first_unsure = rule;
}

void sl_rules_shadows(const struct sl_rules *r, struct sl_fields *fields, uint64_t steps,
                      struct sl_shadows *ret)
{
    struct search s = {.rules = r, .found = ret};
    uint64_t left = steps;

    *ret = (struct sl_shadows){0};
    sl_facts_init(&s.facts, r, fields, 0);
    s.finder = sl_finder_new(r);
    for (unsigned i = 0; i < r->n_rules; i++) {
        const uint64_t share = left < steps / RULE_SHARE ? left : steps / RULE_SHARE;

        s.facts.logic.left = share;
        look_at(&s, i, ret);
        left -= share - s.facts.logic.left;
        if (!r->rules[i].go_on)
            sl_finder_add(s.finder, i);
    }
    sl_finder_free(s.finder);
    sl_facts_release(&s.facts);
    free(s.todo);
    free(s.takers);
}

void sl_shadows_release(struct sl_shadows *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->items[i].takers);
    free(s->items);
    *s = (struct sl_shadows){0};
}
