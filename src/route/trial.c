/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/regex.h"
#include "route/rules.h"
#include "sluice/lint.h"

/* Regular expressions over the strings that are worst for them, with the bounds of real records.
 *
 * What makes a pattern explode is a repeat inside a repeat, and a string that both can go through
 * in many ways before it fails at the end. Such strings are found without understanding the
 * pattern: runs of what it names itself, behind the text that it begins with, and one character at
 * the end that fits nothing. Not every pattern that can explode is found so; what is found does. */

enum {
    UNITS_MAX = 16, /* strings that are repeated, of one pattern */
    UNIT_BYTES = SL_TRIAL_UNIT_MAX,
    HEAD_BYTES = 64,
    SIZES = 3,
};
static const size_t sizes[SIZES] = {SL_REGEX_PLAIN_MAX, 64 << 10, SL_TRIAL_LARGE};

struct unit {
    char text[UNIT_BYTES];
    size_t n;
};

struct trial {
    const struct sl_rules *rules;
    const struct sl_regex_trials *to;
    struct sl_regex_scratch *scratch;
    struct unit units[UNITS_MAX];
    size_t n_units;
    char head[HEAD_BYTES]; /* what the pattern begins with */
    size_t n_head;
    char *subject; /* of the largest size */
};

/* ---- strings of a pattern ---- */

static void add_unit(struct trial *t, const char *p, size_t n)
{
    struct unit *u = &t->units[t->n_units];

    if (n == 0 || t->n_units == UNITS_MAX)
        return;
    n = n < UNIT_BYTES ? n : UNIT_BYTES;
    for (size_t i = 0; i < t->n_units; i++)
        if (sl_slice_equal(sl_slice(t->units[i].text, t->units[i].n), sl_slice(p, n)))
            return;
    memcpy(u->text, p, n);
    u->n = n;
    t->n_units++;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* One character of what \w and the like stand for. */
static const char *of_class(char c)
{
    switch (c) {
    case 'w':
    case 'D':
    case 'S':
        return "a";
    case 'd':
        return "0";
    case 's':
    case 'h':
    case 'W':
        return " ";
    default:
        return NULL;
    }
}

/* Literals and members of classes, as they stand in the pattern. */
static void add_pieces(struct trial *t, struct sl_slice p)
{
    for (size_t i = 0; i < p.n;) {
        size_t from = i;
        const char *one;

        if (p.p[i] == '\\' && i + 1 < p.n) {
            one = of_class(p.p[i + 1]);
            if (one)
                add_unit(t, one, 1);
            else if (!is_word(p.p[i + 1]))
                add_unit(t, p.p + i + 1, 1);
            i += 2;
            continue;
        }
        while (i < p.n && (is_word(p.p[i]) || p.p[i] == ' ' || p.p[i] == '_'))
            i++;
        add_unit(t, p.p + from, i - from);
        if (i - from > 1)
            add_unit(t, p.p + from, 1);
        if (i == from) {
            if (strchr(",;:=/-@#'\"<>%&~", p.p[i]))
                add_unit(t, p.p + i, 1);
            i++;
        }
    }
}

static void add_pairs(struct trial *t)
{
    const size_t n = t->n_units;

    for (size_t i = 0; i < n && i < 3; i++)
        for (size_t k = 0; k < n && k < 4; k++) {
            char pair[2] = {t->units[i].text[0], t->units[k].text[0]};

            if (i != k)
                add_unit(t, pair, 2);
        }
}

static void prepare(struct trial *t, struct sl_slice pattern)
{
    size_t from = pattern.n && pattern.p[0] == '^';

    t->n_units = t->n_head = 0;
    for (size_t i = from; i < pattern.n && t->n_head < HEAD_BYTES &&
                          (is_word(pattern.p[i]) || strchr(" _-/:=,\"'", pattern.p[i]));
         i++)
        t->head[t->n_head++] = pattern.p[i];
    add_unit(t, "a", 1);
    add_pieces(t, pattern);
    add_unit(t, "0", 1);
    add_unit(t, " ", 1);
    add_pairs(t);
}

/* Without a repeat that has no end, or a long one, nothing grows. */
static bool can_grow(struct sl_slice p)
{
    return memchr(p.p, '*', p.n) || memchr(p.p, '+', p.n) || memchr(p.p, '{', p.n) ||
           memmem(p.p, p.n, "(?R", 3) || memmem(p.p, p.n, "(?&", 3);
}

/* ---- runs ---- */

static bool is_late(const struct trial *t)
{
    return t->to->now_ms(t->to->user) >= t->to->until_ms;
}

/* False: time is over. */
static bool run(struct trial *t, const struct sl_regex *regex, size_t size,
                struct sl_regex_trouble *ret)
{
    for (size_t i = 0; i < t->n_units; i++)
        for (int head = t->n_head > 0; head >= 0; head--) {
            const struct unit *u = &t->units[i];
            size_t n = head ? t->n_head : 0;

            if (is_late(t))
                return false;
            memcpy(t->subject, t->head, n);
            for (; n + u->n < size; n += u->n)
                memcpy(t->subject + n, u->text, u->n);
            t->subject[n++] = '\x01';
            sl_regex_begin(t->scratch);
            if (sl_regex_match(regex, t->scratch, sl_slice(t->subject, n)) >= 0)
                continue;
            ret->bytes = size;
            ret->n_unit = u->n;
            memcpy(ret->unit, u->text, u->n);
            return true;
        }
    return true;
}

/* The rule that first asks the test. */
static void find_rules(const struct sl_rules *r, uint32_t at, unsigned rule, unsigned *first)
{
    const struct sl_rule_node *node = &r->nodes[at];

    if (node->kind == SL_NODE_TEST) {
        if (first[node->first] == SL_RULE_NONE)
            first[node->first] = rule;
        return;
    }
    for (uint32_t i = 0; i < node->n; i++)
        find_rules(r, node->first + i, rule, first);
}

static void add_trouble(struct sl_regex_trials *to, const struct sl_regex_trouble *one)
{
    if (to->n == to->cap) {
        to->cap = to->n ? 2 * to->n : 8;
        to->items = sl_reallocarray(to->items, to->cap, sizeof(*to->items));
    }
    to->items[to->n++] = *one;
}

/* Short strings first, for every pattern: they find most. `done`: by test. */
static bool try_size(struct trial *t, size_t size, const unsigned *first, bool *done,
                     struct sl_regex_trials *to)
{
    for (uint32_t i = 0; i < t->rules->n_tests; i++) {
        const struct sl_test *test = &t->rules->tests[i];
        struct sl_regex_trouble one = {.rule = first[i], .field = test->field};

        if (test->op != SL_OP_REGEX || done[i])
            continue;
        one.pattern = sl_regex_pattern(test->regex);
        prepare(t, one.pattern);
        if (!run(t, test->regex, size, &one))
            return false;
        done[i] = one.bytes > 0 || size == sizes[SIZES - 1] || !can_grow(one.pattern);
        if (one.bytes)
            add_trouble(to, &one);
    }
    return true;
}

static int by_rule(const void *a, const void *b)
{
    const struct sl_regex_trouble *x = a, *y = b;

    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

void sl_rules_try_regexes(const struct sl_rules *r, struct sl_regex_trials *trials)
{
    struct trial t = {.rules = r, .to = trials, .scratch = sl_regex_scratch_new()};
    unsigned *first = sl_calloc(r->n_tests + 1, sizeof(*first));
    bool *done = sl_calloc(r->n_tests + 1, sizeof(*done)), in_time = true;

    t.subject = sl_alloc(sizes[SIZES - 1] + HEAD_BYTES + UNIT_BYTES + 1);
    for (size_t i = 0; i < r->n_tests; i++)
        first[i] = SL_RULE_NONE;
    for (unsigned i = 0; i < r->n_rules; i++)
        if (r->rules[i].when != SL_WHEN_ALWAYS)
            find_rules(r, r->rules[i].when, i, first);
    for (size_t i = 0; i < SIZES && in_time; i++)
        in_time = try_size(&t, sizes[i], first, done, trials);
    for (size_t i = 0; i < r->n_tests; i++) {
        trials->patterns += r->tests[i].op == SL_OP_REGEX;
        trials->unfinished += r->tests[i].op == SL_OP_REGEX && !done[i];
    }
    if (trials->n)
        qsort(trials->items, trials->n, sizeof(*trials->items), by_rule);
    free(t.subject);
    free(first);
    free(done);
    sl_regex_scratch_free(t.scratch);
}

void sl_regex_trials_release(struct sl_regex_trials *t)
{
    free(t->items);
}
