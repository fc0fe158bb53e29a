/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match_private.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Compiled rules and one record -> the rules that match it. Nothing here allocates but the two text
 * buffers, which grow to what the largest record needed and stay. */

enum {
    TEXTS_MAX = 64 << 20, /* unescaped text of one record's fields */
    GENERATION_MAX = UINT32_MAX >> 2,
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

struct sl_view *sl_match_look(struct sl_match *m, uint32_t field)
{
    struct sl_view *v = &m->views[field];

    if (v->generation != m->generation) {
        v->generation = m->generation;
        v->in_texts = v->text_known = v->scalar.number_known = false;
        v->scalar.value = sl_record_value(m->record, m->rules->fields[field]);
    }
    return v;
}

/* Most texts have no escapes and are compared where they lie. */
bool sl_match_unescape(struct sl_match *m, const struct sl_value *value, struct sl_slice *ret)
{
    if (value->type != SL_VALUE_STRING || !value->escaped) {
        *ret = sl_slice(value->p, value->n);
        return true;
    }
    sl_buf_clear(&m->scratch);
    *ret = sl_value_text(value, &m->scratch);
    return !m->scratch.full;
}

bool sl_match_view_text(struct sl_match *m, struct sl_view *v)
{
    if (!v->text_known) {
        if (!sl_match_unescape(m, &v->scalar.value, &v->scalar.text))
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

        if (!sl_effort_take_element(&m->effort))
            return SL_LIMIT;
        if (!sl_has_text(&s.value))
            continue;
        s.number_known = false;
        if (!sl_match_unescape(m, &s.value, &s.text))
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

enum sl_verdict sl_match_judge(struct sl_match *m, const struct sl_rule_node *node)
{
    const struct sl_test *t = &m->rules->tests[node->first];
    struct sl_view *view = sl_match_look(m, t->field);
    const struct sl_value *value = &view->scalar.value;

    if (t->op == SL_OP_EXISTS)
        return value->type != SL_VALUE_ABSENT && value->type != SL_VALUE_NULL;
    if (value->type == SL_VALUE_ARRAY)
        return judge_array(m, value, node, 1, NULL);
    if (!sl_has_text(value))
        return SL_NO;
    if (!sl_match_view_text(m, view))
        return SL_LIMIT;
    return judge_scalar(m, t, &view->scalar);
}

/* ---- nodes ---- */

/* Without the index: not even what it answered with NO is believed. */
static enum sl_verdict ask_directly(struct sl_match *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum sl_verdict v;

    if (sl_match_knows(m, *answer) && ((*answer & 3) == SL_YES || (*answer & 3) == SL_LIMIT))
        return *answer & 3;
    answer = &m->direct[node->first];
    if (sl_match_knows(m, *answer))
        return *answer & 3;
    v = sl_match_judge(m, node);
    *answer = m->generation << 2 | v;
    return v;
}

enum sl_verdict sl_match_ask(struct sl_match *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum sl_verdict v;

    if (m->directly)
        return ask_directly(m, node);
    if ((sl_match_knows(m, *answer) && (*answer & 3) != SL_POSSIBLE) ||
        sl_match_ask_index(m, node->first))
        return *answer & 3;
    v = sl_match_lacks(m, node->first) ? SL_NO : sl_match_judge(m, node);
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
        return sl_match_ask(m, node);
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
        const struct sl_view *view = sl_match_look(m, m->rules->tests[tests->first].field);

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

enum sl_verdict sl_match_rule(struct sl_match *m, uint32_t rule)
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
    return sl_match_look(m, field)->scalar.value;
}

enum sl_verdict sl_match_test(struct sl_match *m, uint32_t test)
{
    const struct sl_rule_node node = {SL_NODE_TEST, test, 1};

    return sl_match_ask(m, &node);
}

struct sl_slice sl_match_text(struct sl_match *m, uint32_t test)
{
    const struct sl_rule_node node = {SL_NODE_TEST, test, 1};
    struct sl_view *view = sl_match_look(m, m->rules->tests[test].field);
    struct sl_slice text = {NULL, 0};

    if (sl_match_ask(m, &node) != SL_YES)
        return text;
    if (sl_has_text(&view->scalar.value) && sl_match_view_text(m, view))
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

/* ---- a record ---- */

void sl_match_begin(struct sl_match *m, const struct sl_record *record)
{
    if (m->generation == GENERATION_MAX) {
        memset(m->answers, 0, m->rules->n_tests * sizeof(*m->answers));
        if (m->direct)
            memset(m->direct, 0, m->rules->n_tests * sizeof(*m->direct));
        memset(m->done, 0, m->index->n_passes * sizeof(*m->done));
        for (size_t i = 0; i < m->rules->n_fields; i++)
            m->views[i].generation = 0;
        m->generation = 0;
    }
    m->generation++;
    m->record = record;
    sl_match_begin_walk(m);
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
