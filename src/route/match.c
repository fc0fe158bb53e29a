/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "route/glob.h"
#include "route/rules.h"

/* Compiled rules and one record -> a decision. Nothing here allocates but the two text buffers,
 * which grow to what the largest record needed and stay. */

enum {
    TEXTS_MAX = 64 << 20, /* unescaped text of one record's fields */
    GENERATION_MAX = UINT32_MAX >> 2,
    /* What one record may cost: counted, never timed, so that every replica decides alike. */
    RUNS_MAX = 20000,              /* of regular expressions */
    SUBJECT_BYTES_MAX = 256 << 20, /* that they are run over */
};

enum verdict { NO, YES, LIMIT };

/* A value that has a text: not null, object or array. */
struct scalar {
    struct sl_value value;
    struct sl_slice text;
    struct sl_number number;
    bool number_known;
};

/* What is known of a field of the record at hand. */
struct view {
    uint32_t generation;
    bool in_texts, text_known;
    size_t at; /* in_texts: where in sl_matcher.texts, which may move */
    struct scalar scalar;
};

struct sl_matcher {
    const struct sl_rules *rules;
    const struct sl_record *record;
    uint32_t generation;
    uint32_t *answers;     /* by test: generation << 2 | verdict */
    struct view *views;    /* by field */
    struct sl_buf texts;   /* unescaped fields of this record */
    struct sl_buf scratch; /* one unescaped text */
    struct sl_regex_scratch *regex;
    size_t runs, subject_bytes;
    unsigned *matched;
    size_t n_matched;
};

struct sl_matcher *sl_matcher_new(const struct sl_rules *r)
{
    struct sl_matcher *m = sl_zalloc(sizeof(*m));

    m->rules = r;
    m->answers = sl_calloc(r->n_tests + 1, sizeof(*m->answers));
    m->views = sl_calloc(r->n_fields + 1, sizeof(*m->views));
    m->matched = sl_calloc(r->n_rules + 1, sizeof(*m->matched));
    m->regex = sl_regex_scratch_new();
    sl_buf_init(&m->texts, TEXTS_MAX);
    sl_buf_init(&m->scratch, TEXTS_MAX);
    return m;
}

void sl_matcher_free(struct sl_matcher *m)
{
    if (!m)
        return;
    sl_buf_release(&m->texts);
    sl_buf_release(&m->scratch);
    sl_regex_scratch_free(m->regex);
    free(m->answers);
    free(m->views);
    free(m->matched);
    free(m);
}

/* ---- values ---- */

static struct view *look(struct sl_matcher *m, uint32_t field)
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
static bool unescape(struct sl_matcher *m, const struct sl_value *value, struct sl_slice *ret)
{
    if (value->type != SL_VALUE_STRING || !value->escaped) {
        *ret = sl_slice(value->p, value->n);
        return true;
    }
    sl_buf_clear(&m->scratch);
    *ret = sl_value_text(value, &m->scratch);
    return !m->scratch.full;
}

static bool view_text(struct sl_matcher *m, struct view *v)
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

static const struct sl_number *number_of(struct scalar *s)
{
    if (!s->number_known) {
        s->number.is =
            sl_value_number(&s->value, &s->number.real, &s->number.is_int, &s->number.integer);
        s->number_known = true;
    }
    return &s->number;
}

/* ---- operators ---- */

static int compare(const struct sl_number *a, const struct sl_number *b)
{
    if (a->is_int && b->is_int)
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    return a->real < b->real ? -1 : a->real > b->real;
}

static bool equal(struct scalar *s, const struct sl_test *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct sl_operand *o = &t->operands[i];

        if (sl_slice_equal(s->text, o->text) ||
            (o->number.is && number_of(s)->is && compare(&s->number, &o->number) == 0))
            return true;
    }
    return false;
}

static bool ordered(struct scalar *s, const struct sl_test *t)
{
    int order;

    if (!number_of(s)->is)
        return false;
    order = compare(&s->number, &t->operands[0].number);
    switch (t->op) {
    case SL_OP_LT:
        return order < 0;
    case SL_OP_LTE:
        return order <= 0;
    case SL_OP_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static enum verdict search(struct sl_matcher *m, struct sl_slice text, const struct sl_test *t)
{
    int found;

    m->runs++;
    m->subject_bytes += text.n;
    if (m->runs > RUNS_MAX || m->subject_bytes > SUBJECT_BYTES_MAX)
        return LIMIT;
    found = sl_regex_match(t->regex, m->regex, text);
    return found < 0 ? LIMIT : found ? YES : NO;
}

static enum verdict judge_scalar(struct sl_matcher *m, struct scalar *s, const struct sl_test *t)
{
    struct sl_slice text = s->text, want = t->n ? t->operands[0].text : sl_slice(NULL, 0);
    bool fits = want.n <= text.n;

    switch (t->op) {
    case SL_OP_EQUAL:
        return equal(s, t);
    case SL_OP_PREFIX:
        return fits && sl_slice_equal(sl_slice(text.p, want.n), want);
    case SL_OP_SUFFIX:
        return fits && sl_slice_equal(sl_slice(text.p + text.n - want.n, want.n), want);
    case SL_OP_CONTAINS:
        return fits && (want.n == 0 || memmem(text.p, text.n, want.p, want.n) != NULL);
    case SL_OP_GLOB:
        return sl_glob_match(want, text);
    case SL_OP_REGEX:
        return search(m, text, t);
    case SL_OP_EXISTS:
        return YES;
    default:
        return ordered(s, t);
    }
}

static bool has_text(const struct sl_value *v)
{
    return v->type != SL_VALUE_ABSENT && v->type != SL_VALUE_NULL && v->type != SL_VALUE_OBJECT &&
           v->type != SL_VALUE_ARRAY;
}

/* Does one element satisfy all of the tests? Elements that are arrays themselves are not entered.
 */
static enum verdict judge_array(struct sl_matcher *m, const struct sl_value *array,
                                const struct sl_rule_node *tests, uint32_t n)
{
    struct scalar s = {0};
    size_t at = 0;

    while (sl_value_element(array, &at, &s.value)) {
        enum verdict v = YES;

        if (!has_text(&s.value))
            continue;
        s.number_known = false;
        if (!unescape(m, &s.value, &s.text))
            return LIMIT;
        for (uint32_t i = 0; i < n && v == YES; i++)
            v = judge_scalar(m, &s, &m->rules->tests[tests[i].first]);
        if (v != NO)
            return v;
    }
    return NO;
}

static enum verdict judge(struct sl_matcher *m, const struct sl_rule_node *node)
{
    const struct sl_test *t = &m->rules->tests[node->first];
    struct view *view = look(m, t->field);
    const struct sl_value *value = &view->scalar.value;

    if (t->op == SL_OP_EXISTS)
        return value->type != SL_VALUE_ABSENT && value->type != SL_VALUE_NULL;
    if (value->type == SL_VALUE_ARRAY)
        return judge_array(m, value, node, 1);
    if (!has_text(value))
        return NO;
    if (!view_text(m, view))
        return LIMIT;
    return judge_scalar(m, &view->scalar, t);
}

/* ---- nodes ---- */

static enum verdict ask(struct sl_matcher *m, const struct sl_rule_node *node)
{
    uint32_t *answer = &m->answers[node->first];
    enum verdict v;

    if (*answer >> 2 == m->generation)
        return *answer & 3;
    v = judge(m, node);
    *answer = m->generation << 2 | v;
    return v;
}

/* A LIMIT ends the evaluation wherever it comes up: what was not judged has no opposite either. */
static enum verdict evaluate(struct sl_matcher *m, uint32_t at)
{
    const struct sl_rule_node *node = &m->rules->nodes[at];
    enum verdict v = YES, stop = NO;

    switch (node->kind) {
    case SL_NODE_TEST:
        return ask(m, node);
    case SL_NODE_NOT:
        v = evaluate(m, node->first);
        return v == LIMIT ? LIMIT : v == YES ? NO : YES;
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
        v = NO;
        stop = YES;
        break;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        v = evaluate(m, node->first + i);
        if (v == LIMIT || v == stop)
            return v;
    }
    return v;
}

/* ---- the walk ---- */

static void choose(struct sl_decision *d, unsigned sink, unsigned rule)
{
    if (d->sinks >> sink & 1)
        return;
    d->sinks |= 1ULL << sink;
    d->chosen[d->n++] = (struct sl_choice){sink, rule};
}

static void drop(struct sl_decision *d, unsigned rule)
{
    if (d->n == 0)
        d->dropped_by = rule;
}

static void send_to(struct sl_decision *d, const struct sl_destination *to, unsigned rule)
{
    if (to->drop)
        drop(d, rule);
    for (unsigned sink = 0; sink < SL_SINKS_MAX; sink++)
        if (to->sinks >> sink & 1)
            choose(d, sink, rule);
}

static void begin(struct sl_matcher *m, const struct sl_record *record)
{
    if (m->generation == GENERATION_MAX) {
        memset(m->answers, 0, m->rules->n_tests * sizeof(*m->answers));
        for (size_t i = 0; i < m->rules->n_fields; i++)
            m->views[i].generation = 0;
        m->generation = 0;
    }
    m->generation++;
    m->record = record;
    m->runs = m->subject_bytes = 0;
    m->n_matched = 0;
    sl_buf_clear(&m->texts);
    sl_regex_begin(m->regex);
}

void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret)
{
    const struct sl_rules *r = m->rules;

    /* Not the array of choices: it is large, and only its first n are said to be set. */
    ret->n = 0;
    ret->sinks = 0;
    ret->dropped_by = ret->error_rule = SL_RULE_NONE;
    begin(m, record);
    for (unsigned i = 0; i < r->n_rules; i++) {
        const struct sl_rule *rule = &r->rules[i];
        enum verdict v = rule->when == SL_WHEN_ALWAYS ? YES : evaluate(m, rule->when);

        if (v == NO)
            continue;
        if (v == LIMIT) {
            ret->error_rule = i;
            send_to(ret, &r->rule_errors, i);
            return;
        }
        m->matched[m->n_matched++] = i;
        for (size_t k = 0; k < rule->n_to; k++)
            choose(ret, rule->to[k], i);
        if (rule->drop)
            drop(ret, i);
        if (!rule->go_on)
            break;
    }
    if (ret->n == 0 && ret->dropped_by == SL_RULE_NONE)
        send_to(ret, &r->unmatched, SL_RULE_UNMATCHED);
}

const unsigned *sl_matcher_matched(const struct sl_matcher *m, size_t *ret_n)
{
    *ret_n = m->n_matched;
    return m->matched;
}
