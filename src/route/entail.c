/* SPDX-License-Identifier: Apache-2.0 */
#include "route/entail.h"

#include <stdlib.h>

#include "base/alloc.h"

void sl_facts_init(struct sl_facts *f, const struct sl_rules *r, struct sl_fields *fields,
                   uint64_t steps)
{
    *f = (struct sl_facts){.logic = {.rules = r, .left = steps}};
    f->logic.effort.regex = sl_regex_scratch_new();
    f->single = sl_calloc(r->n_fields + 1, sizeof(*f->single));
    for (size_t i = 0; i < r->n_fields; i++)
        f->single[i] = sl_fields_name(fields, r->fields[i])[0] == '@';
}

void sl_facts_release(struct sl_facts *f)
{
    sl_regex_scratch_free(f->logic.effort.regex);
    free(f->single);
    free(f->items);
    free(f->parts);
    free(f->none);
}

void sl_facts_cut(struct sl_facts *f, size_t n)
{
    f->n = n;
    f->impossible = false;
}

/* ---- facts about one field ---- */

static const struct sl_test *test_of(const struct sl_facts *f, const struct sl_bundle *b,
                                     uint32_t i)
{
    return &f->logic.rules->tests[b->tests[i].first];
}

static struct sl_fact fact_of(const struct sl_facts *f, uint32_t at, bool holds, unsigned rule)
{
    const struct sl_rules *r = f->logic.rules;
    const struct sl_rule_node *node = &r->nodes[at];
    struct sl_fact fact = {.node = at, .holds = holds, .rule = rule};

    if (node->kind == SL_NODE_GROUP)
        fact.bundle = (struct sl_bundle){&r->nodes[node->first], node->n};
    else
        fact.bundle = (struct sl_bundle){node, 1};
    fact.field = test_of(f, &fact.bundle, 0)->field;
    return fact;
}

static bool about_presence(const struct sl_facts *f, const struct sl_fact *fact)
{
    return test_of(f, &fact->bundle, 0)->op == SL_OP_EXISTS;
}

/* Presence is a matter apart: an object and an empty array are there and have no value. */
static enum sl_known presence(const struct sl_facts *f, uint32_t field)
{
    for (size_t i = 0; i < f->n; i++) {
        const struct sl_fact *fact = &f->items[i];

        if (fact->field != field)
            continue;
        if (fact->holds)
            return SL_KNOWN_YES;
        if (about_presence(f, fact))
            return SL_KNOWN_NO;
    }
    return SL_KNOWN_OPEN;
}

/* A bundle's list of values, of which one may be picked. */
static const struct sl_test *list_of(const struct sl_facts *f, const struct sl_bundle *b)
{
    for (uint32_t i = 0; i < b->n; i++)
        if (test_of(f, b, i)->op == SL_OP_EQUAL)
            return test_of(f, b, i);
    return NULL;
}

static void add_parts(struct sl_facts *f, size_t *n, const struct sl_fact *fact)
{
    const struct sl_test *list = fact->pick ? list_of(f, &fact->bundle) : NULL;

    for (uint32_t i = 0; i < fact->bundle.n; i++) {
        const struct sl_test *t = test_of(f, &fact->bundle, i);

        if (t->op == SL_OP_EXISTS)
            continue;
        if (*n == f->cap_parts) {
            f->cap_parts = *n ? 2 * *n : 16;
            f->parts = sl_reallocarray(f->parts, f->cap_parts, sizeof(*f->parts));
        }
        f->parts[(*n)++] = (struct sl_part){t, t == list ? fact->pick : 0};
    }
}

/* What no value of the field passes; `more` may be NULL. */
static size_t gather_none(struct sl_facts *f, uint32_t field, const struct sl_bundle *more)
{
    size_t n = 0;

    if (f->n + 1 > f->cap_none) {
        f->cap_none = 2 * (f->n + 1);
        f->none = sl_reallocarray(f->none, f->cap_none, sizeof(*f->none));
    }
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].field == field && !f->items[i].holds && !about_presence(f, &f->items[i]))
            f->none[n++] = f->items[i].bundle;
    if (more)
        f->none[n++] = *more;
    return n;
}

/* The value that `fact` speaks of may be there, given all else that is known of it. */
static bool value_possible(struct sl_facts *f, const struct sl_fact *fact, size_t n_none)
{
    size_t n = 0;

    add_parts(f, &n, fact);
    for (size_t i = 0; i < f->n && f->single[fact->field]; i++)
        if (f->items[i].field == fact->field && f->items[i].holds && &f->items[i] != fact)
            add_parts(f, &n, &f->items[i]);
    return n == 0 || sl_element_possible(&f->logic, f->parts, n, f->none, n_none);
}

/* Every value that is known to be there may be, if in addition none passes `more`. */
static bool values_possible(struct sl_facts *f, uint32_t field, const struct sl_bundle *more)
{
    const size_t n_none = gather_none(f, field, more);

    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].field == field && f->items[i].holds &&
            !value_possible(f, &f->items[i], n_none))
            return false;
    return true;
}

static bool any_about(const struct sl_facts *f, uint32_t field)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->items[i].field == field)
            return true;
    return false;
}

static enum sl_known judge_bundle(struct sl_facts *f, uint32_t node)
{
    const struct sl_fact fact = fact_of(f, node, true, SL_RULE_NONE);
    const enum sl_known there = presence(f, fact.field);

    if (about_presence(f, &fact) || there == SL_KNOWN_NO)
        return there;
    if (there == SL_KNOWN_OPEN && !any_about(f, fact.field))
        return SL_KNOWN_OPEN;
    if (!values_possible(f, fact.field, &fact.bundle))
        return SL_KNOWN_YES;
    if (!value_possible(f, &fact, gather_none(f, fact.field, NULL)))
        return SL_KNOWN_NO;
    return SL_KNOWN_OPEN;
}

static void push(struct sl_facts *f, const struct sl_fact *fact)
{
    if (f->n == f->cap) {
        f->cap = f->n ? 2 * f->n : 32;
        f->items = sl_reallocarray(f->items, f->cap, sizeof(*f->items));
    }
    f->items[f->n++] = *fact;
}

static bool field_possible(struct sl_facts *f, uint32_t field)
{
    bool there = false, absent = false;

    for (size_t i = 0; i < f->n; i++) {
        if (f->items[i].field != field)
            continue;
        there |= f->items[i].holds;
        absent |= !f->items[i].holds && about_presence(f, &f->items[i]);
    }
    return !(there && absent) && values_possible(f, field, NULL);
}

void sl_facts_add(struct sl_facts *f, uint32_t node, bool holds, unsigned rule)
{
    const struct sl_fact fact = fact_of(f, node, holds, rule);

    push(f, &fact);
    f->impossible = f->impossible || !field_possible(f, fact.field);
}

int64_t sl_facts_choice(const struct sl_facts *f, uint32_t *ret_operands)
{
    int64_t best = -1;

    for (size_t i = 0; i < f->n; i++) {
        const struct sl_fact *fact = &f->items[i];

        const struct sl_test *list = list_of(f, &fact->bundle);

        if (!fact->holds || fact->pick || !list || list->n < 2 ||
            (best >= 0 && list->n >= *ret_operands))
            continue;
        best = (int64_t)i;
        *ret_operands = list->n;
    }
    return best;
}

void sl_facts_pick(struct sl_facts *f, size_t fact, uint32_t operand)
{
    f->items[fact].pick = operand;
    f->impossible = operand && !field_possible(f, f->items[fact].field);
}

/* ---- any node ---- */

enum sl_known sl_facts_judge(struct sl_facts *f, uint32_t at)
{
    const struct sl_rule_node *node = &f->logic.rules->nodes[at];
    enum sl_known known, all = SL_KNOWN_YES, stop = SL_KNOWN_NO;

    switch (node->kind) {
    case SL_NODE_TEST:
    case SL_NODE_GROUP:
        return judge_bundle(f, at);
    case SL_NODE_NOT:
        known = sl_facts_judge(f, node->first);
        return known == SL_KNOWN_OPEN ? known : known == SL_KNOWN_YES ? SL_KNOWN_NO : SL_KNOWN_YES;
    case SL_NODE_ALL:
        break;
    case SL_NODE_ANY:
        all = SL_KNOWN_NO;
        stop = SL_KNOWN_YES;
        break;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        known = sl_facts_judge(f, node->first + i);
        if (known == stop)
            return stop;
        if (known == SL_KNOWN_OPEN)
            all = SL_KNOWN_OPEN;
    }
    return all;
}

/* Of an `or` only one part may be left: then it is that. */
static size_t assume_one(struct sl_facts *f, const struct sl_rule_node *node, bool holds,
                         unsigned rule)
{
    const enum sl_known out = holds ? SL_KNOWN_NO : SL_KNOWN_YES;
    uint32_t open = 0, last = 0;

    for (uint32_t i = 0; i < node->n && open < 2; i++) {
        enum sl_known known = sl_facts_judge(f, node->first + i);

        if (known != out && known != SL_KNOWN_OPEN)
            return 0; /* it is so already */
        if (known == SL_KNOWN_OPEN) {
            open++;
            last = node->first + i;
        }
    }
    if (open == 0)
        f->impossible = true;
    return open == 1 ? sl_facts_assume(f, last, holds, rule) : 0;
}

size_t sl_facts_assume(struct sl_facts *f, uint32_t at, bool holds, unsigned rule)
{
    const struct sl_rule_node *node = &f->logic.rules->nodes[at];
    size_t added = 0;

    if (f->impossible)
        return 0;
    if (node->kind == SL_NODE_NOT)
        return sl_facts_assume(f, node->first, !holds, rule);
    if (node->kind == SL_NODE_TEST || node->kind == SL_NODE_GROUP) {
        enum sl_known known = judge_bundle(f, at);

        if (known == SL_KNOWN_OPEN)
            sl_facts_add(f, at, holds, rule);
        else if ((known == SL_KNOWN_YES) != holds)
            f->impossible = true;
        return known == SL_KNOWN_OPEN;
    }
    if ((node->kind == SL_NODE_ALL) != holds)
        return assume_one(f, node, holds, rule);
    for (uint32_t i = 0; i < node->n; i++)
        added += sl_facts_assume(f, node->first + i, holds, rule);
    return added;
}
