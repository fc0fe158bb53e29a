/* SPDX-License-Identifier: Apache-2.0 */
#include "route/element.h"

/* What tests on texts have in common: a literal at the beginning, at the end, or anywhere. */

static struct sl_shape shape(enum sl_shape_kind kind, const char *p, size_t n, bool fold)
{
    return (struct sl_shape){kind, sl_slice(p, n), fold};
}

static bool is_glob_sign(char c)
{
    return c == '*' || c == '?' || c == '[' || c == '\\' || c == ']';
}

/* `lit`, `lit*`, `*lit` and `*lit*`. */
static struct sl_shape glob_shape(struct sl_slice g, bool fold)
{
    size_t head = 0, tail = g.n, open = 0;

    while (head < g.n && g.p[head] == '*')
        head++;
    while (tail > head && g.p[tail - 1] == '*')
        tail--;
    for (size_t i = head; i < tail; i++)
        open += is_glob_sign(g.p[i]);
    if (open)
        return shape(SL_SHAPE_NONE, NULL, 0, false);
    if (head == 0 && tail == g.n)
        return shape(SL_SHAPE_EXACT, g.p, g.n, fold);
    return shape(head && tail < g.n ? SL_SHAPE_PART
                 : head             ? SL_SHAPE_SUFFIX
                                    : SL_SHAPE_PREFIX,
                 g.p + head, tail - head, fold);
}

static struct sl_shape regex_shape(struct sl_slice p, bool fold)
{
    size_t from = p.n > 0 && p.p[0] == '^';

    for (size_t i = from; i < p.n; i++)
        if (p.p[i] < ' ' || p.p[i] > '~' || strchr("\\^$.[]|()?*+{}", p.p[i]))
            return shape(SL_SHAPE_NONE, NULL, 0, false);
    return shape(from ? SL_SHAPE_PREFIX : SL_SHAPE_PART, p.p + from, p.n - from, fold);
}

struct sl_shape sl_test_shape(const struct sl_test *t, bool *ret_loose)
{
    const struct sl_slice text = t->n ? t->operands[0].text : sl_slice(NULL, 0);

    *ret_loose = false;
    switch (t->op) {
    case SL_OP_PREFIX:
        return shape(SL_SHAPE_PREFIX, text.p, text.n, t->fold);
    case SL_OP_SUFFIX:
        return shape(SL_SHAPE_SUFFIX, text.p, text.n, t->fold);
    case SL_OP_CONTAINS:
        return shape(SL_SHAPE_PART, text.p, text.n, t->fold);
    case SL_OP_GLOB:
        return glob_shape(text, t->fold);
    case SL_OP_REGEX:
        *ret_loose = t->fold; /* in regexes more than ASCII folds: K also stands for U+212A */
        return regex_shape(sl_regex_pattern(t->regex), t->fold);
    default:
        return shape(SL_SHAPE_NONE, NULL, 0, false);
    }
}

/* The runs of plain characters of a glob: what stands before the first sign is a prefix, what
 * stands behind the last a suffix, each run between is somewhere. */
static struct sl_shape glob_follows(const struct sl_test *t, unsigned *at)
{
    const struct sl_slice g = t->operands[0].text;
    size_t from, to;

    if (memchr(g.p, '[', g.n) || memchr(g.p, '\\', g.n))
        return shape(SL_SHAPE_NONE, NULL, 0, false);
    for (from = *at; from < g.n; from = to) {
        while (from < g.n && is_glob_sign(g.p[from]))
            from++;
        for (to = from; to < g.n && !is_glob_sign(g.p[to]);)
            to++;
        if (to == from)
            break;
        *at = (unsigned)to;
        return shape(from == 0 && to == g.n ? SL_SHAPE_EXACT
                     : from == 0            ? SL_SHAPE_PREFIX
                     : to == g.n            ? SL_SHAPE_SUFFIX
                                            : SL_SHAPE_PART,
                     g.p + from, to - from, t->fold);
    }
    *at = (unsigned)g.n;
    return shape(SL_SHAPE_NONE, NULL, 0, false);
}

struct sl_shape sl_test_follows(const struct sl_test *t, unsigned *at)
{
    bool loose;

    if (t->op == SL_OP_GLOB)
        return glob_follows(t, at);
    if (*at || (t->op == SL_OP_REGEX && t->fold))
        return shape(SL_SHAPE_NONE, NULL, 0, false);
    *at = 1;
    return sl_test_shape(t, &loose);
}
