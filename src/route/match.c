/* SPDX-License-Identifier: Apache-2.0 */
#include "route/match.h"

#include <stdlib.h>

#include "base/alloc.h"

/* Compiled rules and one record -> the rules that match it. Nothing here allocates but the two text
 * buffers, which grow to what the largest record needed and stay. */

enum {
    TEXTS_MAX = 64 << 20, /* unescaped text of one record's fields */
    GENERATION_MAX = UINT32_MAX >> 2,
};

/* What is known of a field of the record at hand. */
struct view {
    uint32_t generation;
    bool in_texts, text_known;
    size_t at; /* in_texts: where in sl_match.texts, which may move */
    struct sl_scalar scalar;
};

struct sl_match {
    const struct sl_rules *rules;
    const struct sl_record *record;
    uint32_t generation;
    uint32_t *answers;     /* by test: generation << 2 | verdict */
    struct view *views;    /* by field */
    struct sl_buf texts;   /* unescaped fields of this record */
    struct sl_buf scratch; /* one unescaped text */
    struct sl_effort effort;
};

struct sl_match *sl_match_new(const struct sl_rules *r)
{
    struct sl_match *m = sl_zalloc(sizeof(*m));

    m->rules = r;
    m->answers = sl_calloc(r->n_tests + 1, sizeof(*m->answers));
    m->views = sl_calloc(r->n_fields + 1, sizeof(*m->views));
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
    free(m->views);
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

/* Does one element satisfy all of the tests? Elements that are arrays themselves are not entered.
 */
static enum sl_verdict judge_array(struct sl_match *m, const struct sl_value *array,
                                   const struct sl_rule_node *tests, uint32_t n)
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
        for (uint32_t i = 0; i < n && v == SL_YES; i++)
            v = sl_test_judge(&m->rules->tests[tests[i].first], &s, &m->effort);
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
        return judge_array(m, value, node, 1);
    if (!has_text(value))
        return SL_NO;
    if (!view_text(m, view))
        return SL_LIMIT;
    return sl_test_judge(t, &view->scalar, &m->effort);
}

/* ---- nodes ---- */

static enum sl_verdict ask(struct sl_match *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum sl_verdict v;

    if (*answer >> 2 == m->generation)
        return *answer & 3;
    v = judge(m, node);
    *answer = m->generation << 2 | v;
    return v;
}

/* A SL_LIMIT ends the evaluation wherever it comes up: what was not judged has no opposite either.
 */
static enum sl_verdict evaluate(struct sl_match *m, uint32_t at)
{
    const struct sl_rule_node *node = &m->rules->nodes[at];
    enum sl_verdict v = SL_YES, stop = SL_NO;

    switch (node->kind) {
    case SL_NODE_TEST:
        return ask(m, node);
    case SL_NODE_NOT:
        v = evaluate(m, node->first);
        return v == SL_LIMIT ? SL_LIMIT : v == SL_YES ? SL_NO : SL_YES;
    case SL_NODE_GROUP: {
        const struct sl_rule_node *tests = &m->rules->nodes[node->first];
        const struct view *view = look(m, m->rules->tests[tests->first].field);

        if (view->scalar.value.type == SL_VALUE_ARRAY)
            return judge_array(m, &view->scalar.value, tests, node->n);
        break;
    }
    case SL_NODE_ALL:
        break;
    case SL_NODE_ANY:
        v = SL_NO;
        stop = SL_YES;
        break;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        v = evaluate(m, node->first + i);
        if (v == SL_LIMIT || v == stop)
            return v;
    }
    return v;
}

enum sl_verdict sl_match_node(struct sl_match *m, uint32_t node)
{
    return evaluate(m, node);
}

struct sl_value sl_match_value(struct sl_match *m, uint32_t field)
{
    return look(m, field)->scalar.value;
}

struct sl_effort *sl_match_effort(struct sl_match *m)
{
    return &m->effort;
}

/* ---- the rules, one after the other ---- */

void sl_match_begin(struct sl_match *m, const struct sl_record *record)
{
    if (m->generation == GENERATION_MAX) {
        memset(m->answers, 0, m->rules->n_tests * sizeof(*m->answers));
        for (size_t i = 0; i < m->rules->n_fields; i++)
            m->views[i].generation = 0;
        m->generation = 0;
    }
    m->generation++;
    m->record = record;
    m->effort.runs = m->effort.subject_bytes = 0;
    sl_buf_clear(&m->texts);
    sl_regex_begin(m->effort.regex);
}

unsigned sl_match_next(struct sl_match *m, unsigned from, enum sl_verdict *ret)
{
    for (unsigned i = from; i < m->rules->n_rules; i++) {
        uint32_t when = m->rules->rules[i].when;

        *ret = when == SL_WHEN_ALWAYS ? SL_YES : evaluate(m, when);
        if (*ret != SL_NO)
            return i;
    }
    return SL_RULE_NONE;
}

bool sl_match_could(struct sl_match *m, unsigned rule)
{
    (void)m, (void)rule; /* without an index every rule is tried */
    return true;
}
