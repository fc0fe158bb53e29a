/* SPDX-License-Identifier: Apache-2.0 */
#include "route/index.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "route/index_plan.h"
#include "route/literal.h"

/* The plan (index_plan.c) -> tables and postings. */

struct build {
    const struct sl_rules *rules;
    struct sl_index *index;
    const struct sl_plan *plan;
    uint32_t *keys, *grams; /* by field: the pass + 1, 0: none */
    size_t cap_passes;
};

static uint32_t add_pass(struct build *b, enum sl_pass_kind kind, uint32_t of)
{
    struct sl_index *x = b->index;

    if (x->n_passes == b->cap_passes) {
        b->cap_passes = b->cap_passes ? 2 * b->cap_passes : 16;
        x->passes = sl_reallocarray(x->passes, b->cap_passes, sizeof(*x->passes));
    }
    x->passes[x->n_passes] = (struct sl_pass){.kind = kind, .of = of, .first = SL_INDEX_NONE};
    return (uint32_t)x->n_passes++;
}

/* ---- postings ---- */

static void count_posts(struct build *b)
{
    struct sl_index *x = b->index;
    size_t n = b->rules->n_tests;
    uint32_t sum = 0;

    x->begins = sl_calloc(n + 1, sizeof(*x->begins));
    for (size_t i = 0; i < b->plan->n_picks; i++)
        x->begins[b->plan->picks[i].test]++;
    for (size_t i = 0; i <= n; i++) {
        uint32_t own = x->begins[i];

        x->begins[i] = sum;
        sum += own;
    }
    x->posts = sl_calloc(sum + 1, sizeof(*x->posts));
}

static void fill_posts(struct build *b)
{
    struct sl_index *x = b->index;
    uint32_t *next = sl_calloc(b->rules->n_tests + 1, sizeof(*next));

    memcpy(next, x->begins, b->rules->n_tests * sizeof(*next));
    for (size_t i = 0; i < b->plan->n_picks; i++) {
        const struct sl_pick *pick = &b->plan->picks[i];

        x->posts[next[pick->test]++] = (struct sl_post){pick->rule, pick->guard};
    }
    free(next);
    x->access = sl_calloc(b->plan->n_picks + 1, sizeof(*x->access));
    x->access_begins = sl_calloc(b->rules->n_rules + 1, sizeof(*x->access_begins));
    for (size_t rule = 0, i = 0; rule <= b->rules->n_rules; rule++) {
        x->access_begins[rule] = (uint32_t)i;
        for (; i < b->plan->n_picks && b->plan->picks[i].rule == rule; i++)
            x->access[i] = b->plan->picks[i].test;
    }
    x->always = sl_calloc(b->plan->n_always + 1, sizeof(*x->always));
    for (size_t i = 0; i < b->plan->n_always; i++)
        x->always[x->n_always++] = (struct sl_post){b->plan->always[i], SL_INDEX_NONE};
}

/* ---- tables ---- */

static void add_keys(struct build *b, uint32_t test, struct sl_index_keys *keys)
{
    const struct sl_test *t = &b->rules->tests[test];
    struct sl_glob_literals globs;
    char *room;
    bool suffix;

    switch (t->op) {
    case SL_OP_EQUAL:
        for (uint32_t i = 0; i < t->n; i++)
            sl_index_keys_add_equal(keys, &t->operands[i], t->fold, sl_index_tag(test, true));
        break;
    case SL_OP_PREFIX:
    case SL_OP_SUFFIX:
        sl_index_keys_add_affix(keys, t->operands[0].text, t->op == SL_OP_SUFFIX, t->fold,
                                sl_index_tag(test, true));
        break;
    default:
        room = sl_alloc(t->operands[0].text.n + 1);
        sl_literals_of_glob(t->operands[0].text, room, &globs);
        suffix = globs.tail.n > globs.head.n;
        sl_index_keys_add_affix(keys, suffix ? globs.tail : globs.head, suffix, t->fold,
                                sl_index_tag(test, false));
        free(room);
    }
}

static void add_also(struct sl_index *x, uint32_t test, const struct sl_literals *l)
{
    struct sl_also *also;

    if (x->n_alsos == x->cap_alsos) {
        x->cap_alsos = x->cap_alsos ? 2 * x->cap_alsos : 16;
        x->alsos = sl_reallocarray(x->alsos, x->cap_alsos, sizeof(*x->alsos));
    }
    also = &x->alsos[x->n_alsos++];
    *also = (struct sl_also){.fold = l->fold, .n = l->items[0].n};
    memcpy(also->p, l->items[0].p, also->n);
    x->also[test] = (uint32_t)x->n_alsos;
}

static void add_grams(struct build *b, uint32_t test, struct sl_grams *grams)
{
    const struct sl_test *t = &b->rules->tests[test];
    struct sl_glob_literals globs;
    struct sl_literals literals, also;
    char *room;

    switch (t->op) {
    case SL_OP_CONTAINS:
        sl_grams_add(grams, t->operands[0].text, t->fold, sl_index_tag(test, true));
        break;
    case SL_OP_REGEX:
        sl_literals_of_regex(sl_regex_pattern(t->regex), t->fold, &literals, &also);
        if (also.n)
            add_also(b->index, test, &also);
        for (unsigned i = 0; i < literals.n; i++)
            sl_grams_add(grams, sl_slice(literals.items[i].p, literals.items[i].n), literals.fold,
                         sl_index_tag(test, false));
        break;
    default:
        room = sl_alloc(t->operands[0].text.n + 1);
        sl_literals_of_glob(t->operands[0].text, room, &globs);
        sl_grams_add(grams, globs.inner, t->fold, sl_index_tag(test, false));
        free(room);
    }
}

static uint32_t pass_of_field(struct build *b, enum sl_pass_kind kind, uint32_t field)
{
    uint32_t *known = kind == SL_PASS_KEYS ? &b->keys[field] : &b->grams[field];

    if (!*known) {
        uint32_t pass = add_pass(b, kind, field);

        *known = pass + 1;
        if (kind == SL_PASS_KEYS)
            b->index->passes[pass].keys = sl_index_keys_new();
        else
            b->index->passes[pass].grams = sl_grams_new();
    }
    return *known - 1;
}

static void add_test(struct build *b, uint32_t test)
{
    struct sl_index *x = b->index;
    const struct sl_test *t = &b->rules->tests[test];
    uint32_t first = SL_INDEX_NONE, pass;

    if (x->begins[test] < x->begins[test + 1])
        first = x->posts[x->begins[test]].rule;
    if (b->plan->kinds[test] == SL_PASS_PROBE) {
        if (first == SL_INDEX_NONE)
            return;
        pass = add_pass(b, SL_PASS_PROBE, test);
    } else {
        pass = pass_of_field(b, b->plan->kinds[test], t->field);
        if (b->plan->kinds[test] == SL_PASS_KEYS)
            add_keys(b, test, x->passes[pass].keys);
        else
            add_grams(b, test, x->passes[pass].grams);
        x->how[test] = t->op == SL_OP_REGEX || t->op == SL_OP_GLOB ? SL_HOW_GATED : SL_HOW_EXACT;
        x->pass_of[test] = pass;
    }
    if (first < x->passes[pass].first)
        x->passes[pass].first = first;
}

/* ---- order ---- */

struct order {
    uint32_t first, pass;
};

static int by_first(const void *a, const void *b)
{
    const struct order *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return x->pass < y->pass ? -1 : 1;
}

static void sort_passes(struct build *b)
{
    struct sl_index *x = b->index;
    struct order *order = sl_calloc(x->n_passes + 1, sizeof(*order));
    struct sl_pass *sorted = sl_calloc(x->n_passes + 1, sizeof(*sorted));
    uint32_t *places = sl_calloc(x->n_passes + 1, sizeof(*places));

    for (size_t i = 0; i < x->n_passes; i++)
        order[i] = (struct order){x->passes[i].first, (uint32_t)i};
    qsort(order, x->n_passes, sizeof(*order), by_first);
    for (size_t i = 0; i < x->n_passes; i++) {
        sorted[i] = x->passes[order[i].pass];
        places[order[i].pass] = (uint32_t)i;
    }
    for (size_t i = 0; i < b->rules->n_tests; i++)
        if (x->how[i] != SL_HOW_JUDGED)
            x->pass_of[i] = places[x->pass_of[i]];
    free(places);
    free(order);
    free(x->passes);
    x->passes = sorted;
}

static void finish_passes(struct sl_index *x)
{
    for (size_t i = 0; i < x->n_passes; i++) {
        struct sl_pass *p = &x->passes[i];
        size_t scratch;

        if (p->grams)
            sl_grams_finish(p->grams);
        if (!p->keys)
            continue;
        sl_index_keys_finish(p->keys);
        scratch = sl_index_keys_scratch(p->keys);
        x->scratch = scratch > x->scratch ? scratch : x->scratch;
    }
}

struct sl_index *sl_index_new(const struct sl_rules *r)
{
    struct sl_index *x = sl_zalloc(sizeof(*x));
    struct sl_plan plan;
    struct build b = {.rules = r, .index = x, .plan = &plan};

    sl_plan_init(&plan, r);
    x->plain = plan.plain;
    x->reasons = plan.reasons;
    plan.reasons = NULL;
    if (!x->plain) {
        b.keys = sl_calloc(r->n_fields + 1, sizeof(*b.keys));
        b.grams = sl_calloc(r->n_fields + 1, sizeof(*b.grams));
        x->how = sl_calloc(r->n_tests + 1, sizeof(*x->how));
        x->pass_of = sl_calloc(r->n_tests + 1, sizeof(*x->pass_of));
        x->also = sl_calloc(r->n_tests + 1, sizeof(*x->also));
        count_posts(&b);
        fill_posts(&b);
        for (size_t i = 0; i < r->n_tests; i++)
            if (plan.used[i])
                add_test(&b, (uint32_t)i);
        sort_passes(&b);
        finish_passes(x);
        free(b.keys);
        free(b.grams);
    }
    sl_plan_release(&plan);
    return x;
}

void sl_index_free(struct sl_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->n_passes; i++) {
        sl_index_keys_free(x->passes[i].keys);
        sl_grams_free(x->passes[i].grams);
    }
    free(x->passes);
    free(x->how);
    free(x->pass_of);
    free(x->also);
    free(x->alsos);
    free(x->begins);
    free(x->posts);
    free(x->access);
    free(x->access_begins);
    free(x->always);
    free(x->reasons);
    free(x);
}
