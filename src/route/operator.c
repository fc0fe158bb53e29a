/* SPDX-License-Identifier: Apache-2.0 */
#include "route/operator.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "route/glob.h"
#include "route/keys.h"
#include "route/networks.h"
#include "route/table.h"

enum { MANY_OPERANDS = 8 }; /* past it a hash is faster than one comparison after the other */

/* ---- numbers ---- */

struct sl_number sl_number_of(struct sl_slice text)
{
    struct sl_value value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false};
    struct sl_number number = {0};

    number.is = sl_value_number(&value, &number.real, &number.is_int, &number.integer);
    return number;
}

const struct sl_number *sl_scalar_number(struct sl_scalar *s)
{
    if (!s->number_known) {
        s->number.is =
            sl_value_number(&s->value, &s->number.real, &s->number.is_int, &s->number.integer);
        s->number_known = true;
    }
    return &s->number;
}

int sl_number_compare(const struct sl_number *a, const struct sl_number *b)
{
    if (a->is_int && b->is_int)
        return a->integer < b->integer ? -1 : a->integer > b->integer;
    return a->real < b->real ? -1 : a->real > b->real;
}

/* ---- from definition to test ---- */

/* An operand is one value or a list of them. */
static const struct sl_yaml_node *operand_node(const struct sl_cond *cond, uint32_t i)
{
    return cond->at->type == SL_YAML_SEQUENCE ? &cond->at->children[i] : cond->at;
}

static uint32_t count_operands(const struct sl_cond *cond)
{
    return cond->at->type == SL_YAML_SEQUENCE ? (uint32_t)cond->at->n_children : 1;
}

static bool compile_regex(struct sl_rule_set *set, const struct sl_cond *cond, struct sl_test *ret)
{
    struct sl_error err = {0};
    size_t offset = 0;

    ret->regex = sl_regex_new(sl_slice(cond->at->text, cond->at->n), cond->fold, &offset, &err);
    if (!ret->regex)
        sl_problem_inside(set, cond->at, offset, "regular expression", err.text);
    return ret->regex != NULL;
}

static bool compile_networks(struct sl_rule_set *set, const struct sl_cond *cond,
                             struct sl_test *ret)
{
    uint32_t n = count_operands(cond);
    struct sl_network *list = sl_calloc(n, sizeof(*list));
    struct sl_error err = {0};
    bool good = true;

    for (uint32_t i = 0; i < n; i++) {
        const struct sl_yaml_node *node = operand_node(cond, i);

        if (sl_network_parse(sl_slice(node->text, node->n), &list[i], &err) == SL_OK)
            continue;
        SL_RULE_PROBLEM(set, node, false, "%s", err.text);
        good = false;
    }
    if (good)
        ret->networks = sl_networks_new(list, n);
    free(list);
    return good;
}

static void fold_operand(const struct sl_cond *cond, struct sl_operand *o)
{
    char *text = (char *)o->text.p;

    if (cond->op == SL_OP_GLOB)
        sl_glob_fold(text, o->text.n);
    else
        sl_fold_copy(text, text, o->text.n);
}

static void make_operands(const struct sl_cond *cond, struct sl_test *ret)
{
    ret->n = count_operands(cond);
    ret->operands = sl_calloc(ret->n, sizeof(*ret->operands));
    if (cond->op == SL_OP_EQUAL && ret->n > MANY_OPERANDS)
        ret->keys = sl_keys_new(ret->n);
    for (uint32_t i = 0; i < ret->n; i++) {
        const struct sl_yaml_node *node = operand_node(cond, i);
        struct sl_operand *o = &ret->operands[i];

        o->text = sl_slice(sl_strndup(node->text, node->n), node->n);
        if (cond->fold)
            fold_operand(cond, o);
        o->number = sl_number_of(o->text);
        if (ret->keys && !sl_keys_add(ret->keys, &o->text, 1)) {
            sl_keys_free(ret->keys); /* too many for a hash: slow, and still right */
            ret->keys = NULL;
        }
    }
}

bool sl_test_compile(struct sl_rule_set *set, const struct sl_cond *cond, struct sl_test *ret)
{
    const struct sl_yaml_node *at = cond->at;
    struct sl_error err = {0};
    size_t offset = 0;

    *ret = (struct sl_test){.op = cond->op, .fold = cond->fold};
    switch (cond->op) {
    case SL_OP_EXISTS:
        return true;
    case SL_OP_REGEX:
        return compile_regex(set, cond, ret);
    case SL_OP_CIDR:
        if (!compile_networks(set, cond, ret))
            return false;
        break; /* their texts are for explanations */
    case SL_OP_IN_TABLE:
        ret->table = cond->table;
        return true;
    case SL_OP_GLOB:
        if (sl_glob_check(sl_slice(at->text, at->n), &offset, &err) != SL_OK) {
            sl_problem_inside(set, at, offset, "glob", err.text);
            return false;
        }
        break;
    case SL_OP_CONTAINS:
        if (cond->fold && at->n > SL_FOLD_FIND_MAX) {
            SL_RULE_PROBLEM(set, at, false,
                            "with `case: insensitive`, `contains` takes at most %d bytes",
                            SL_FOLD_FIND_MAX);
            return false;
        }
        break;
    default:
        break;
    }
    make_operands(cond, ret);
    return true;
}

void sl_test_release(struct sl_test *t)
{
    for (uint32_t i = 0; i < t->n; i++)
        free((char *)t->operands[i].text.p);
    free(t->operands);
    sl_keys_free(t->keys);
    sl_networks_free(t->networks);
    sl_regex_free(t->regex);
}

/* ---- operators ---- */

/* want: an operand, folded where the test folds. */
static bool same(struct sl_slice text, struct sl_slice want, bool fold)
{
    return fold ? sl_fold_equal(text, want) : sl_slice_equal(text, want);
}

static bool equal(struct sl_scalar *s, const struct sl_test *t)
{
    if (t->keys)
        return sl_keys_find(t->keys, s, t->fold) >= 0;
    for (uint32_t i = 0; i < t->n; i++) {
        const struct sl_operand *o = &t->operands[i];

        if (same(s->text, o->text, t->fold) || (o->number.is && sl_scalar_number(s)->is &&
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

static bool contains(struct sl_slice text, struct sl_slice want, bool fold)
{
    return want.n == 0 ||
           (fold ? sl_fold_contains(text, want) : memmem(text.p, text.n, want.p, want.n) != NULL);
}

static bool inside(struct sl_slice text, const struct sl_networks *networks)
{
    struct sl_ip ip;

    return sl_ip_parse(text, &ip) && sl_networks_hold(networks, &ip);
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
        return fits && same(sl_slice(text.p, want.n), want, t->fold);
    case SL_OP_SUFFIX:
        return fits && same(sl_slice(text.p + text.n - want.n, want.n), want, t->fold);
    case SL_OP_CONTAINS:
        return fits && contains(text, want, t->fold);
    case SL_OP_GLOB:
        return sl_glob_match(want, text, t->fold);
    case SL_OP_REGEX:
        return search(text, t, e);
    case SL_OP_CIDR:
        return inside(text, t->networks);
    case SL_OP_IN_TABLE:
        return sl_table_find(t->table, s, t->fold) >= 0;
    case SL_OP_EXISTS:
        return SL_YES;
    default:
        return ordered(s, t);
    }
}
