/* SPDX-License-Identifier: Apache-2.0 */
#include "route/operator.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "route/glob.h"

/* ---- from definition to test ---- */

static struct sl_operand make_operand(const struct sl_yaml_node *node)
{
    struct sl_operand o = {.text = sl_slice(sl_strndup(node->text, node->n), node->n)};
    struct sl_value value = {o.text.p, (uint32_t)o.text.n, SL_VALUE_STRING, false};

    o.number.is = sl_value_number(&value, &o.number.real, &o.number.is_int, &o.number.integer);
    return o;
}

bool sl_test_compile(struct sl_rule_set *set, const struct sl_cond *cond, struct sl_test *ret)
{
    const struct sl_yaml_node *at = cond->at;
    bool list = at->type == SL_YAML_SEQUENCE;
    struct sl_error err = {0};
    size_t offset = 0;

    *ret = (struct sl_test){.op = cond->op};
    if (cond->op == SL_OP_EXISTS)
        return true;
    if (cond->op == SL_OP_REGEX) {
        ret->regex = sl_regex_new(sl_slice(at->text, at->n), cond->fold, &offset, &err);
        if (!ret->regex)
            sl_problem_inside(set, at, offset, "regular expression", err.text);
        return ret->regex != NULL;
    }
    if (cond->op == SL_OP_GLOB &&
        sl_glob_check(sl_slice(at->text, at->n), &offset, &err) != SL_OK) {
        sl_problem_inside(set, at, offset, "glob", err.text);
        return false;
    }
    ret->n = list ? (uint32_t)at->n_children : 1;
    ret->operands = sl_calloc(ret->n, sizeof(*ret->operands));
    for (uint32_t i = 0; i < ret->n; i++)
        ret->operands[i] = make_operand(list ? &at->children[i] : at);
    return true;
}

void sl_test_release(struct sl_test *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free((char *)t->operands[i].text.p);
    free(t->operands);
    sl_regex_free(t->regex);
}

/* ---- numbers ---- */

const struct sl_number *sl_scalar_number(struct sl_scalar *s)
{
    if (!s->number_known) {
        s->number.is =
            sl_value_number(&s->value, &s->number.real, &s->number.is_int, &s->number.integer);
        s->number_known = true;
    }
    return &s->number;
}

/* ---- operators ---- */

int sl_number_compare(const struct sl_number *a, const struct sl_number *b)
{
    if (a->is_int && b->is_int)
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    return a->real < b->real ? -1 : a->real > b->real;
}

static bool equal(struct sl_scalar *s, const struct sl_test *t)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct sl_operand *o = &t->operands[i];

        if (sl_slice_equal(s->text, o->text) || (o->number.is && sl_scalar_number(s)->is &&
                                                 sl_number_compare(&s->number, &o->number) == 0))
            return true;
    }
    return false;
}

static bool ordered(struct sl_scalar *s, const struct sl_test *t)
{
    int order;

    if (!sl_scalar_number(s)->is)
        return false;
    order = sl_number_compare(&s->number, &t->operands[0].number);
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

static enum sl_verdict search(struct sl_slice text, const struct sl_test *t, struct sl_effort *e)
{
    int found;

    if (!sl_effort_take(e, text.n))
        return SL_LIMIT;
    found = sl_regex_match(t->regex, e->regex, text);
    return found < 0 ? SL_LIMIT : found ? SL_YES : SL_NO;
}

enum sl_verdict sl_test_judge(const struct sl_test *t, struct sl_scalar *s, struct sl_effort *e)
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
        return search(text, t, e);
    case SL_OP_EXISTS:
        return SL_YES;
    default:
        return ordered(s, t);
    }
}
