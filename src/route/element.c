/* SPDX-License-Identifier: Apache-2.0 */
#include "route/element.h"

#include <stdlib.h>

#include "base/fold.h"
#include "route/networks.h"

enum { BOUNDS_MAX = 256 };

/* A kind of values. */
struct kind {
    enum {
        TEXT,   /* exactly this text */
        FOLDED, /* any spelling of this text, in letters large or small */
        POINT,  /* any spelling of this number */
        SPAN,   /* a number between two bounds, neither included */
        ANY,
    } what;
    struct sl_slice text;
    struct sl_number number; /* POINT; SPAN: some number inside */
};

enum answer { NO, YES, OPEN };

static bool spend(struct sl_logic *l, uint64_t steps)
{
    l->left -= steps < l->left ? steps : l->left;
    return l->left > 0;
}

/* ---- literals ---- */

static bool has_letter(struct sl_slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] | 0x20) >= 'a' && (s.p[i] | 0x20) <= 'z')
            return true;
    return false;
}

static bool same(const char *a, const char *b, size_t n, bool fold)
{
    return fold ? sl_fold_equal(sl_slice(a, n), sl_slice(b, n)) : memcmp(a, b, n) == 0;
}

static bool within(struct sl_slice all, struct sl_slice part, bool fold)
{
    for (size_t i = 0; i + part.n <= all.n; i++)
        if (same(all.p + i, part.p, part.n, fold))
            return true;
    return false;
}

/* A value of shape `a` has shape `b`. */
static bool shape_implies(const struct sl_shape *a, const struct sl_shape *b)
{
    const struct sl_slice x = a->text, y = b->text;
    const bool front = a->kind == SL_SHAPE_PREFIX || a->kind == SL_SHAPE_EXACT;
    const bool back = a->kind == SL_SHAPE_SUFFIX || a->kind == SL_SHAPE_EXACT;

    if (y.n == 0 && b->kind != SL_SHAPE_EXACT)
        return true;
    if (y.n > x.n || (a->fold && !b->fold && has_letter(y)))
        return false;
    switch (b->kind) {
    case SL_SHAPE_EXACT:
        return a->kind == SL_SHAPE_EXACT && x.n == y.n && same(x.p, y.p, x.n, b->fold);
    case SL_SHAPE_PREFIX:
        return front && same(x.p, y.p, y.n, b->fold);
    case SL_SHAPE_SUFFIX:
        return back && same(x.p + x.n - y.n, y.p, y.n, b->fold);
    case SL_SHAPE_PART:
        return within(x, y, b->fold);
    case SL_SHAPE_NONE:
        break;
    }
    return false;
}

/* No value has both shapes. */
static bool shapes_exclude(const struct sl_shape *a, const struct sl_shape *b)
{
    const struct sl_slice x = a->text, y = b->text;
    const size_t n = x.n < y.n ? x.n : y.n;
    const bool fold = a->fold || b->fold;

    if (a->kind == SL_SHAPE_PREFIX && b->kind == SL_SHAPE_PREFIX)
        return !same(x.p, y.p, n, fold);
    if (a->kind == SL_SHAPE_SUFFIX && b->kind == SL_SHAPE_SUFFIX)
        return !same(x.p + x.n - n, y.p + y.n - n, n, fold);
    return false;
}

/* ---- one test, given another that holds of the same value ---- */

static bool has_operand(const struct sl_test *t, const struct sl_operand *o)
{
    for (uint32_t i = 0; i < t->n; i++)
        if (sl_slice_equal(t->operands[i].text, o->text))
            return true;
    return false;
}

/* Every operand of `p` is one of `t`: whatever equals the one equals the other. */
static bool operands_within(const struct sl_part *p, const struct sl_test *t)
{
    const struct sl_test *from = p->test;

    if (from->op != SL_OP_EQUAL || t->op != SL_OP_EQUAL || from->fold != t->fold)
        return false;
    if (p->pick)
        return has_operand(t, &from->operands[p->pick - 1]);
    for (uint32_t i = 0; i < from->n; i++)
        if (!has_operand(t, &from->operands[i]))
            return false;
    return true;
}

static enum answer given(const struct sl_part *known, const struct sl_test *t)
{
    struct sl_shape from, to;
    unsigned at = 0;
    bool loose;

    if (known->test == t)
        return YES;
    if (operands_within(known, t))
        return YES;
    if (known->test->op == SL_OP_CIDR && t->op == SL_OP_CIDR)
        return sl_networks_within(known->test->networks, t->networks) ? YES : OPEN;
    to = sl_test_shape(t, &loose);
    if (to.kind == SL_SHAPE_NONE)
        return OPEN;
    if (to.text.n == 0 && to.kind != SL_SHAPE_EXACT)
        return YES; /* every text */
    while ((from = sl_test_follows(known->test, &at)).kind != SL_SHAPE_NONE) {
        if (shape_implies(&from, &to))
            return YES;
        if (!loose && shapes_exclude(&from, &to))
            return NO;
    }
    return OPEN;
}

/* ---- one test of a kind of values ---- */

static enum answer ask_text(struct sl_logic *l, const struct sl_test *t, struct sl_slice text)
{
    struct sl_scalar s = {.value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false},
                          .text = text};
    enum sl_verdict v;

    if (!spend(l, t->op == SL_OP_REGEX ? 50 : 1 + t->n / 8))
        return OPEN;
    l->effort.runs = l->effort.subject_bytes = 0;
    sl_regex_begin(l->effort.regex);
    v = sl_test_judge(t, &s, &l->effort);
    return v == SL_LIMIT ? OPEN : v == SL_YES ? YES : NO;
}

static bool is_order(const struct sl_test *t)
{
    return t->op >= SL_OP_LT && t->op <= SL_OP_GTE;
}

static enum answer ask_order(const struct sl_test *t, const struct sl_number *n)
{
    const int order = sl_number_compare(n, &t->operands[0].number);

    switch (t->op) {
    case SL_OP_LT:
        return order < 0 ? YES : NO;
    case SL_OP_LTE:
        return order <= 0 ? YES : NO;
    case SL_OP_GT:
        return order > 0 ? YES : NO;
    default:
        return order >= 0 ? YES : NO;
    }
}

/* A number may be spelled in many ways, but with these characters only. */
static bool cannot_be_in_number(const struct sl_test *t)
{
    bool loose;
    const struct sl_shape s = sl_test_shape(t, &loose);

    if (s.kind == SL_SHAPE_NONE || loose)
        return t->op == SL_OP_CIDR; /* an address has two dots, or colons */
    for (size_t i = 0; i < s.text.n; i++)
        if (!memchr("0123456789+-.eE", s.text.p[i], 15))
            return true;
    return false;
}

static enum answer ask_number(struct sl_logic *l, const struct sl_test *t, const struct kind *k)
{
    if (is_order(t) && (k->what == POINT || sl_number_plain(&t->operands[0].number)))
        return ask_order(t, &k->number);
    if (t->op != SL_OP_EQUAL)
        return cannot_be_in_number(t) ? NO : OPEN;
    if (k->what == SPAN)
        return NO; /* a span is never used up by points */
    if (!spend(l, 1 + t->n / 8))
        return OPEN;
    for (uint32_t i = 0; i < t->n; i++)
        if (t->operands[i].number.is && sl_number_compare(&k->number, &t->operands[i].number) == 0)
            return YES;
    return NO;
}

static enum answer ask(struct sl_logic *l, const struct sl_test *t, const struct kind *k,
                       const struct sl_part *parts, size_t n_parts)
{
    enum answer a = OPEN;

    switch (k->what) {
    case TEXT:
        a = ask_text(l, t, k->text);
        break;
    case FOLDED:
        if (is_order(t) || (t->fold && t->op != SL_OP_REGEX))
            a = ask_text(l, t, k->text);
        break;
    case POINT:
    case SPAN:
        a = ask_number(l, t, k);
        break;
    case ANY:
        break;
    }
    for (size_t i = 0; i < n_parts && a == OPEN; i++)
        a = given(&parts[i], t);
    return a;
}

/* ---- kinds ---- */

struct question {
    struct sl_logic *l;
    const struct sl_part *parts;
    size_t n_parts;
    const struct sl_bundle *none;
    size_t n_none;
};

/* Some value of this kind may pass. */
static bool kind_possible(const struct question *q, const struct kind *k)
{
    if (!spend(q->l, 1 + q->n_parts))
        return true;
    for (size_t i = 0; i < q->n_parts; i++) {
        const struct sl_part *p = &q->parts[i];
        struct sl_test only = *p->test;

        if (p->pick) {
            only.operands = &p->test->operands[p->pick - 1];
            only.n = 1;
            only.keys = NULL;
        }
        if (ask(q->l, p->pick ? &only : p->test, k, q->parts, q->n_parts) == NO)
            return false;
    }
    for (size_t i = 0; i < q->n_none; i++) {
        const struct sl_bundle *b = &q->none[i];
        bool all = true;

        for (uint32_t j = 0; j < b->n && all; j++)
            all = ask(q->l, &q->l->rules->tests[b->tests[j].first], k, q->parts, q->n_parts) == YES;
        if (all)
            return false;
    }
    return true;
}

static bool operand_possible(const struct question *q, const struct sl_test *t, uint32_t i)
{
    const struct sl_operand *o = &t->operands[i];
    const bool folded = t->fold && has_letter(o->text);
    struct kind k = {.what = folded ? FOLDED : TEXT, .text = o->text, .number = o->number};

    if (kind_possible(q, &k))
        return true;
    if (!o->number.is)
        return false;
    k.what = sl_number_plain(&o->number) ? POINT : ANY;
    return kind_possible(q, &k);
}

static int by_value(const void *a, const void *b)
{
    const double x = ((const struct sl_number *)a)->real, y = ((const struct sl_number *)b)->real;

    return x < y ? -1 : x > y;
}

static size_t add_bound(struct sl_number *to, size_t n, const struct sl_test *t)
{
    if (!is_order(t) || n == BOUNDS_MAX || !sl_number_plain(&t->operands[0].number))
        return n;
    to[n] = t->operands[0].number;
    return n + 1;
}

/* Between two bounds every test on numbers has one answer. A bound left out (there are too many)
 * leaves a span where it has not: then `ask` could err, so the question stays open. */
static bool numbers_possible(const struct question *q)
{
    struct sl_number bounds[BOUNDS_MAX];
    struct kind k = {.what = SPAN};
    size_t n = 0;

    for (size_t i = 0; i < q->n_parts; i++)
        n = add_bound(bounds, n, q->parts[i].test);
    for (size_t i = 0; i < q->n_none; i++)
        for (uint32_t j = 0; j < q->none[i].n; j++)
            n = add_bound(bounds, n, &q->l->rules->tests[q->none[i].tests[j].first]);
    if (n == 0 || n == BOUNDS_MAX)
        return kind_possible(q, &(struct kind){.what = ANY});
    qsort(bounds, n, sizeof(*bounds), by_value);
    for (size_t i = 0; i <= n; i++) {
        double low = i ? bounds[i - 1].real : -SL_PLAIN_NUMBER_MAX * 2;
        double high = i < n ? bounds[i].real : SL_PLAIN_NUMBER_MAX * 2;

        k.number = (struct sl_number){.is = true, .real = low / 2 + high / 2};
        k.what = SPAN;
        if (low < k.number.real && k.number.real < high && kind_possible(q, &k))
            return true;
        if (i == n)
            break;
        k.number = bounds[i];
        k.what = POINT;
        if (kind_possible(q, &k))
            return true;
    }
    return false;
}

bool sl_element_possible(struct sl_logic *l, const struct sl_part *parts, size_t n_parts,
                         const struct sl_bundle *none, size_t n_none)
{
    const struct question q = {l, parts, n_parts, none, n_none};
    const struct sl_part *least = NULL;
    bool ordered = false;

    for (size_t i = 0; i < n_parts; i++) {
        const struct sl_test *t = parts[i].test;
        uint32_t n = parts[i].pick ? 1 : t->n;

        ordered |= is_order(t);
        if (t->op == SL_OP_EQUAL && (!least || n < (least->pick ? 1 : least->test->n)))
            least = &parts[i];
    }
    if (!least)
        return ordered ? numbers_possible(&q) : kind_possible(&q, &(struct kind){.what = ANY});
    if (least->pick)
        return operand_possible(&q, least->test, least->pick - 1);
    for (uint32_t i = 0; i < least->test->n; i++)
        if (operand_possible(&q, least->test, i))
            return true;
    return false;
}
