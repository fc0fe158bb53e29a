/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/fold.h"
#include "route/match_private.h"

/* What the index knows of the record at hand, and from it the rules that could match, in order. */

/* ---- what the index says ---- */

static void found(struct sl_match *m, uint32_t test)
{
    if (m->index->begins[test] < m->index->begins[test + 1])
        m->found[m->n_found++] = test;
}

static void hit(void *user, uint32_t tag)
{
    struct sl_match *m = user;
    uint32_t test = tag >> 1, *answer = &m->answers[test];

    if (sl_match_knows(m, *answer))
        return;
    *answer = m->generation << 2 | (tag & 1 ? (uint32_t)SL_YES : (uint32_t)SL_POSSIBLE);
    found(m, test);
}

static void find(struct sl_match *m, const struct sl_pass *p, struct sl_scalar *s)
{
    if (p->keys)
        sl_index_keys_find(p->keys, s, m->key_scratch, hit, m);
    else
        sl_grams_find(p->grams, s->text, hit, m);
}

/* False when a text could not be had. */
static bool find_in_field(struct sl_match *m, const struct sl_pass *p)
{
    struct sl_view *view = sl_match_look(m, p->of);
    struct sl_scalar s = {0};
    size_t at = 0;

    if (sl_has_text(&view->scalar.value)) {
        if (!sl_match_view_text(m, view))
            return false;
        find(m, p, &view->scalar);
        return true;
    }
    while (sl_value_element(&view->scalar.value, &at, &s.value)) {
        if (!sl_has_text(&s.value))
            continue;
        s.number_known = false;
        if (!sl_match_unescape(m, &s.value, &s.text))
            return false;
        find(m, p, &s);
    }
    return true;
}

/* Once a record. Where it fails, the record is judged in order. */
static void run_pass(struct sl_match *m, uint32_t which)
{
    const struct sl_pass *p = &m->index->passes[which];
    const struct sl_rule_node probe = {SL_NODE_TEST, p->of, 1};

    if (m->done[which] == m->generation)
        return;
    m->done[which] = m->generation;
    if (p->kind == SL_PASS_PROBE) {
        if (sl_match_ask(m, &probe) != SL_NO)
            found(m, p->of);
    } else if (!find_in_field(m, p)) {
        m->in_order = true;
    }
}

bool sl_match_ask_index(struct sl_match *m, uint32_t test)
{
    uint32_t *answer = &m->answers[test];

    if (m->in_order || m->index->how[test] == SL_HOW_JUDGED)
        return false;
    run_pass(m, m->index->pass_of[test]);
    if (m->in_order)
        return false;
    if (!sl_match_knows(m, *answer))
        *answer = m->generation << 2 | SL_NO;
    return (*answer & 3) != SL_POSSIBLE;
}

bool sl_match_lacks(struct sl_match *m, uint32_t test)
{
    uint32_t which = m->in_order ? 0 : m->index->also[test];
    const struct sl_also *also;
    struct sl_view *view;

    if (!which)
        return false;
    also = &m->index->alsos[which - 1];
    view = sl_match_look(m, m->rules->tests[test].field);
    if (!sl_has_text(&view->scalar.value) ||
        !sl_match_view_text(m, view)) /* an array: its elements differ */
        return false;
    if (also->fold)
        return !sl_fold_contains(view->scalar.text, sl_slice(also->p, also->n));
    return !memmem(view->scalar.text.p, view->scalar.text.n, also->p, also->n);
}

/* ---- candidates, in order ---- */

/* A test that the rule of the posting needs is NO. */
static bool is_guarded(struct sl_match *m, uint32_t guard)
{
    const uint32_t answer = m->answers[guard];

    if (sl_match_knows(m, answer))
        return (answer & 3) == SL_NO;
    return sl_match_ask_index(m, guard) && (m->answers[guard] & 3) == SL_NO;
}

/* Past what is guarded. False at the end. */
static bool settle(struct sl_match *m, struct sl_source *s)
{
    while (s->at < s->end && s->at->guard != SL_INDEX_NONE && is_guarded(m, s->at->guard))
        s->at++;
    return s->at < s->end;
}

static void push(struct sl_match *m, const struct sl_post *posts, const struct sl_post *end)
{
    struct sl_source s = {posts, end};
    size_t i;

    if (!settle(m, &s))
        return;
    for (i = m->n_heap++; i > 0 && m->heap[(i - 1) / 2].at->rule > s.at->rule; i = (i - 1) / 2)
        m->heap[i] = m->heap[(i - 1) / 2];
    m->heap[i] = s;
}

/* The source that has the least rule moves on. */
static void advance(struct sl_match *m)
{
    struct sl_source s = m->heap[0];
    size_t i = 0;

    s.at++;
    if (!settle(m, &s))
        s = m->heap[--m->n_heap];
    for (size_t k = 1; k < m->n_heap; k = 2 * i + 1) {
        if (k + 1 < m->n_heap && m->heap[k + 1].at->rule < m->heap[k].at->rule)
            k++;
        if (m->heap[k].at->rule >= s.at->rule)
            break;
        m->heap[i] = m->heap[k];
        i = k;
    }
    if (m->n_heap)
        m->heap[i] = s;
}

/* What the passes found joins the walk. Guards may run further passes meanwhile. */
static void push_found(struct sl_match *m)
{
    const struct sl_index *x = m->index;

    for (; m->n_pushed < m->n_found; m->n_pushed++) {
        uint32_t test = m->found[m->n_pushed];

        push(m, x->posts + x->begins[test], x->posts + x->begins[test + 1]);
    }
}

/* The next rule that the index does not rule out, or SL_RULE_NONE. */
static uint32_t next_found(struct sl_match *m)
{
    const struct sl_index *x = m->index;
    uint32_t rule;

    for (;;) {
        push_found(m);
        rule = m->n_heap ? m->heap[0].at->rule : SL_RULE_NONE;
        if (m->next_pass < x->n_passes && x->passes[m->next_pass].first != SL_INDEX_NONE &&
            x->passes[m->next_pass].first <= rule) {
            run_pass(m, (uint32_t)m->next_pass++);
            continue;
        }
        if (rule == SL_RULE_NONE)
            return rule;
        advance(m);
        if (rule != m->last) /* found twice, by two of its tests */
            return rule;
    }
}

/* The next rule that could match, with its verdict. */
static unsigned next_candidate(struct sl_match *m, unsigned from, enum sl_verdict *ret)
{
    uint32_t rule = from;

    while (!m->in_order && (rule = next_found(m)) < from)
        ;
    if (m->in_order) /* now or before */
        rule = m->last != SL_RULE_NONE && m->last >= from ? m->last + 1 : from;
    if (rule >= m->rules->n_rules)
        return SL_RULE_NONE;
    m->last = rule;
    *ret = sl_match_rule(m, rule);
    return rule;
}

unsigned sl_match_next(struct sl_match *m, unsigned from, enum sl_verdict *ret)
{
    unsigned rule;

    do {
        rule = next_candidate(m, from, ret);
    } while (rule != SL_RULE_NONE && *ret == SL_NO);
    return rule;
}

bool sl_match_could(struct sl_match *m, unsigned rule)
{
    const struct sl_index *x = m->index;
    bool could = m->always_in_order || x->access_begins[rule] == x->access_begins[rule + 1];

    for (uint32_t i = x->plain ? 0 : x->access_begins[rule];
         !could && i < x->access_begins[rule + 1]; i++) {
        const struct sl_rule_node node = {SL_NODE_TEST, x->access[i], 1};

        could = x->how[node.first] == SL_HOW_JUDGED
                    ? sl_match_ask(m, &node) != SL_NO
                    : !sl_match_ask_index(m, node.first) || (m->answers[node.first] & 3) != SL_NO;
    }
    return could;
}

void sl_match_begin_walk(struct sl_match *m)
{
    const struct sl_index *x = m->index;

    m->in_order = m->always_in_order;
    m->last = SL_RULE_NONE;
    m->next_pass = m->n_found = m->n_pushed = m->n_heap = 0;
    if (x->n_always)
        m->heap[m->n_heap++] = (struct sl_source){x->always, x->always + x->n_always};
}
