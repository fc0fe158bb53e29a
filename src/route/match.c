/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "route/index.h"

/* Compiled rules and one record -> the rules that match it. Nothing here allocates but the two text
 * buffers, which grow to what the largest record needed and stay. */

enum {
    TEXTS_MAX = 64 << 20, /* unescaped text of one record's fields */
    GENERATION_MAX = UINT32_MAX >> 2,
    POSSIBLE = SL_LIMIT + 1, /* beside the verdicts: its literal is there, it is yet to be judged */
};

/* What is known of a field of the record at hand. */
struct view {
    uint32_t generation;
    bool in_texts, text_known;
    size_t at; /* in_texts: where in sl_match.texts, which may move */
    struct sl_scalar scalar;
};

/* Postings that are being walked. */
struct source {
    const struct sl_post *at, *end;
};

struct sl_match {
    const struct sl_rules *rules;
    const struct sl_index *index;
    const struct sl_record *record;
    uint32_t generation;
    uint32_t *answers;     /* by test: generation << 2 | verdict */
    uint32_t *direct;      /* the same without the index; NULL: nobody asked yet */
    struct view *views;    /* by field */
    struct sl_buf texts;   /* unescaped fields of this record */
    struct sl_buf scratch; /* one unescaped text */
    char *key_scratch;     /* for sl_index_keys_find() */
    struct sl_effort effort;

    bool in_order;        /* without the index: this record */
    bool always_in_order; /* every record */
    bool directly;        /* sl_match_node(): the node at hand */
    bool spare_regex;     /* the rule at hand is set aside */
    bool *aside;          /* by rule; NULL: none is */
    uint32_t *done;       /* by pass: generation */
    size_t next_pass;     /* those before it have been run */
    uint32_t last;        /* rule, or SL_RULE_NONE: none yet */
    uint32_t *found;      /* tests that have postings */
    size_t n_found, n_pushed;
    struct source *heap; /* the least rule is that of the first */
    size_t n_heap;
};

struct sl_match *sl_match_new(const struct sl_rules *r)
{
    struct sl_match *m = sl_zalloc(sizeof(*m));
    const struct sl_index *x = r->index;
    size_t sources = 1;

    m->rules = r;
    m->index = x;
    m->always_in_order = x->plain;
    m->answers = sl_calloc(r->n_tests + 1, sizeof(*m->answers));
    m->views = sl_calloc(r->n_fields + 1, sizeof(*m->views));
    m->done = sl_calloc(x->n_passes + 1, sizeof(*m->done));
    m->key_scratch = sl_alloc(x->scratch + 1);
    for (size_t i = 0; !x->plain && i < r->n_tests; i++)
        sources += x->begins[i] < x->begins[i + 1];
    m->heap = sl_calloc(sources, sizeof(*m->heap));
    m->found = sl_calloc(sources, sizeof(*m->found));
    m->effort.regex = sl_regex_scratch_new();
    sl_buf_init(&m->texts, TEXTS_MAX);
    sl_buf_init(&m->scratch, TEXTS_MAX);
    return m;
}

void sl_match_free(struct sl_match *m)
{
    if (!m)
        return;
    sl_buf_release(&m->texts);
    sl_buf_release(&m->scratch);
    sl_effort_release(&m->effort);
    free(m->answers);
    free(m->direct);
    free(m->views);
    free(m->done);
    free(m->key_scratch);
    free(m->found);
    free(m->heap);
    free(m->aside);
    free(m);
}

/* ---- values ---- */

static struct view *look(struct sl_match *m, uint32_t field)
{
    struct view *v = &m->views[field];

    if (v->generation != m->generation) {
        v->generation = m->generation;
        v->in_texts = v->text_known = v->scalar.number_known = false;
        v->scalar.value = sl_record_value(m->record, m->rules->fields[field]);
    }
    return v;
}

/* Most texts have no escapes and are compared where they lie. */
static bool unescape(struct sl_match *m, const struct sl_value *value, struct sl_slice *ret)
{
    if (value->type != SL_VALUE_STRING || !value->escaped) {
        *ret = sl_slice(value->p, value->n);
        return true;
    }
    sl_buf_clear(&m->scratch);
    *ret = sl_value_text(value, &m->scratch);
    return !m->scratch.full;
}

static bool view_text(struct sl_match *m, struct view *v)
{
    if (!v->text_known) {
        if (!unescape(m, &v->scalar.value, &v->scalar.text))
            return false;
        v->in_texts = v->scalar.text.p != v->scalar.value.p;
        if (v->in_texts) {
            v->at = m->texts.n;
            sl_buf_slice(&m->texts, v->scalar.text);
            if (m->texts.full)
                return false;
        }
        v->text_known = true;
    }
    if (v->in_texts)
        v->scalar.text.p = m->texts.p + v->at;
    return true;
}

/* ---- tests ---- */

static bool has_text(const struct sl_value *v)
{
    return v->type != SL_VALUE_ABSENT && v->type != SL_VALUE_NULL && v->type != SL_VALUE_OBJECT &&
           v->type != SL_VALUE_ARRAY;
}

static enum sl_verdict judge_scalar(struct sl_match *m, const struct sl_test *t,
                                    struct sl_scalar *s)
{
    if (t->op == SL_OP_REGEX && m->spare_regex)
        return SL_LIMIT;
    return sl_test_judge(t, s, &m->effort);
}

/* Does one element satisfy all of the tests? Elements that are arrays themselves are not entered.
 * Of the first that does, or could not be judged, *ret_text (may be NULL) is the text. */
static enum sl_verdict judge_array(struct sl_match *m, const struct sl_value *array,
                                   const struct sl_rule_node *tests, uint32_t n,
                                   struct sl_slice *ret_text)
{
    struct sl_scalar s = {0};
    size_t at = 0;

    while (sl_value_element(array, &at, &s.value)) {
        enum sl_verdict v = SL_YES;

        if (!has_text(&s.value))
            continue;
        s.number_known = false;
        if (!unescape(m, &s.value, &s.text))
            return SL_LIMIT;
        for (uint32_t i = 0; i < n && v != SL_NO; i++) {
            enum sl_verdict one = judge_scalar(m, &m->rules->tests[tests[i].first], &s);

            v = one == SL_YES ? v : one;
        }
        if (ret_text)
            *ret_text = s.text;
        if (v != SL_NO)
            return v;
    }
    return SL_NO;
}

static enum sl_verdict judge(struct sl_match *m, const struct sl_rule_node *node)
{
    const struct sl_test *t = &m->rules->tests[node->first];
    struct view *view = look(m, t->field);
    const struct sl_value *value = &view->scalar.value;

    if (t->op == SL_OP_EXISTS)
        return value->type != SL_VALUE_ABSENT && value->type != SL_VALUE_NULL;
    if (value->type == SL_VALUE_ARRAY)
        return judge_array(m, value, node, 1, NULL);
    if (!has_text(value))
        return SL_NO;
    if (!view_text(m, view))
        return SL_LIMIT;
    return judge_scalar(m, t, &view->scalar);
}

/* ---- what the index says ---- */

static bool is_known(const struct sl_match *m, uint32_t answer)
{
    return answer >> 2 == m->generation;
}

static void found(struct sl_match *m, uint32_t test)
{
    if (m->index->begins[test] < m->index->begins[test + 1])
        m->found[m->n_found++] = test;
}

static void hit(void *user, uint32_t tag)
{
    struct sl_match *m = user;
    uint32_t test = tag >> 1, *answer = &m->answers[test];

    if (is_known(m, *answer))
        return;
    *answer = m->generation << 2 | (tag & 1 ? (uint32_t)SL_YES : (uint32_t)POSSIBLE);
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
    struct view *view = look(m, p->of);
    struct sl_scalar s = {0};
    size_t at = 0;

    if (has_text(&view->scalar.value)) {
        if (!view_text(m, view))
            return false;
        find(m, p, &view->scalar);
        return true;
    }
    while (sl_value_element(&view->scalar.value, &at, &s.value)) {
        if (!has_text(&s.value))
            continue;
        s.number_known = false;
        if (!unescape(m, &s.value, &s.text))
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
        if (judge(m, &probe) != SL_NO)
            found(m, p->of);
    } else if (!find_in_field(m, p)) {
        m->in_order = true;
    }
}

/* Of a test that the index answers: whether its answer is known now. What is not seen is NO. */
static bool ask_index(struct sl_match *m, uint32_t test)
{
    uint32_t *answer = &m->answers[test];

    if (m->in_order || m->index->how[test] == SL_HOW_JUDGED)
        return false;
    run_pass(m, m->index->pass_of[test]);
    if (m->in_order)
        return false;
    if (!is_known(m, *answer))
        *answer = m->generation << 2 | SL_NO;
    return (*answer & 3) != POSSIBLE;
}

/* Of a test whose literal is there: whether its other one is missing. */
static bool lacks_another(struct sl_match *m, uint32_t test)
{
    uint32_t which = m->in_order ? 0 : m->index->also[test];
    const struct sl_also *also;
    struct view *view;

    if (!which)
        return false;
    also = &m->index->alsos[which - 1];
    view = look(m, m->rules->tests[test].field);
    if (!has_text(&view->scalar.value) || !view_text(m, view)) /* an array: its elements differ */
        return false;
    if (also->fold)
        return !sl_fold_contains(view->scalar.text, sl_slice(also->p, also->n));
    return !memmem(view->scalar.text.p, view->scalar.text.n, also->p, also->n);
}

/* ---- nodes ---- */

/* Without the index: not even what it answered with NO is believed. */
static enum sl_verdict ask_directly(struct sl_match *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum sl_verdict v;

    if (is_known(m, *answer) && ((*answer & 3) == SL_YES || (*answer & 3) == SL_LIMIT))
        return *answer & 3;
    answer = &m->direct[node->first];
    if (is_known(m, *answer))
        return *answer & 3;
    v = judge(m, node);
    *answer = m->generation << 2 | v;
    return v;
}

static enum sl_verdict ask(struct sl_match *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum sl_verdict v;

    if (m->directly)
        return ask_directly(m, node);
    if ((is_known(m, *answer) && (*answer & 3) != POSSIBLE) || ask_index(m, node->first))
        return *answer & 3;
    v = lacks_another(m, node->first) ? SL_NO : judge(m, node);
    if (v != SL_LIMIT || !m->spare_regex)
        *answer = m->generation << 2 | v;
    return v;
}

/* What was not judged has no opposite either. */
static enum sl_verdict evaluate(struct sl_match *m, uint32_t at)
{
    const struct sl_rule_node *node = &m->rules->nodes[at];
    enum sl_verdict v = SL_YES, one;

    switch (node->kind) {
    case SL_NODE_TEST:
        return ask(m, node);
    case SL_NODE_NOT:
        v = evaluate(m, node->first);
        return v == SL_LIMIT ? SL_LIMIT : v == SL_YES ? SL_NO : SL_YES;
    case SL_NODE_ANY:
        v = SL_NO;
        for (uint32_t i = 0; i < node->n && v == SL_NO; i++)
            v = evaluate(m, node->first + i);
        return v;
    case SL_NODE_GROUP: {
        const struct sl_rule_node *tests = &m->rules->nodes[node->first];
        const struct view *view = look(m, m->rules->tests[tests->first].field);

        if (view->scalar.value.type == SL_VALUE_ARRAY)
            return judge_array(m, &view->scalar.value, tests, node->n, NULL);
        break;
    }
    case SL_NODE_ALL:
        break;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        one = evaluate(m, node->first + i);
        if (one == SL_NO)
            return SL_NO;
        v = one == SL_LIMIT ? SL_LIMIT : v;
    }
    return v;
}

static enum sl_verdict evaluate_rule(struct sl_match *m, uint32_t rule)
{
    uint32_t when = m->rules->rules[rule].when;
    enum sl_verdict v;

    if (when == SL_WHEN_ALWAYS)
        return SL_YES;
    m->spare_regex = m->aside && m->aside[rule];
    v = evaluate(m, when);
    m->spare_regex = false;
    return v;
}

enum sl_verdict sl_match_node(struct sl_match *m, uint32_t node)
{
    enum sl_verdict v;

    if (!m->direct)
        m->direct = sl_calloc(m->rules->n_tests + 1, sizeof(*m->direct));
    m->directly = true;
    v = evaluate(m, node);
    m->directly = false;
    return v;
}

struct sl_value sl_match_value(struct sl_match *m, uint32_t field)
{
    return look(m, field)->scalar.value;
}

enum sl_verdict sl_match_test(struct sl_match *m, uint32_t test)
{
    const struct sl_rule_node node = {SL_NODE_TEST, test, 1};

    return ask(m, &node);
}

struct sl_slice sl_match_text(struct sl_match *m, uint32_t test)
{
    const struct sl_rule_node node = {SL_NODE_TEST, test, 1};
    struct view *view = look(m, m->rules->tests[test].field);
    struct sl_slice text = {NULL, 0};

    if (ask(m, &node) != SL_YES)
        return text;
    if (has_text(&view->scalar.value) && view_text(m, view))
        return view->scalar.text;
    if (m->rules->tests[test].op == SL_OP_EXISTS ||
        judge_array(m, &view->scalar.value, &node, 1, &text) != SL_YES)
        text = sl_slice(NULL, 0);
    return text;
}

struct sl_effort *sl_match_effort(struct sl_match *m)
{
    return &m->effort;
}

/* ---- candidates, in order ---- */

/* A test that the rule of the posting needs is NO. */
static bool is_guarded(struct sl_match *m, uint32_t guard)
{
    const uint32_t answer = m->answers[guard];

    if (is_known(m, answer))
        return (answer & 3) == SL_NO;
    return ask_index(m, guard) && (m->answers[guard] & 3) == SL_NO;
}

/* Past what is guarded. False at the end. */
static bool settle(struct sl_match *m, struct source *s)
{
    while (s->at < s->end && s->at->guard != SL_INDEX_NONE && is_guarded(m, s->at->guard))
        s->at++;
    return s->at < s->end;
}

static void push(struct sl_match *m, const struct sl_post *posts, const struct sl_post *end)
{
    struct source s = {posts, end};
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
    struct source s = m->heap[0];
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
    *ret = evaluate_rule(m, rule);
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
                    ? ask(m, &node) != SL_NO
                    : !ask_index(m, node.first) || (m->answers[node.first] & 3) != SL_NO;
    }
    return could;
}

/* ---- a record ---- */

void sl_match_begin(struct sl_match *m, const struct sl_record *record)
{
    const struct sl_index *x = m->index;

    if (m->generation == GENERATION_MAX) {
        memset(m->answers, 0, m->rules->n_tests * sizeof(*m->answers));
        if (m->direct)
            memset(m->direct, 0, m->rules->n_tests * sizeof(*m->direct));
        memset(m->done, 0, x->n_passes * sizeof(*m->done));
        for (size_t i = 0; i < m->rules->n_fields; i++)
            m->views[i].generation = 0;
        m->generation = 0;
    }
    m->generation++;
    m->record = record;
    m->in_order = m->always_in_order;
    m->last = SL_RULE_NONE;
    m->next_pass = m->n_found = m->n_pushed = m->n_heap = 0;
    if (x->n_always)
        m->heap[m->n_heap++] = (struct source){x->always, x->always + x->n_always};
    m->effort.runs = m->effort.subject_bytes = 0;
    sl_buf_clear(&m->texts);
    sl_regex_begin(m->effort.regex);
}

void sl_match_set_aside(struct sl_match *m, unsigned rule)
{
    if (!m->aside)
        m->aside = sl_calloc(m->rules->n_rules, sizeof(*m->aside));
    m->aside[rule] = true;
}

void sl_match_in_order(struct sl_match *m)
{
    m->always_in_order = true;
}
