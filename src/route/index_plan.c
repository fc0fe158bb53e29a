/* SPDX-License-Identifier: Apache-2.0 */
#include "route/index_plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "route/literal.h"

/* Estimates, in nanoseconds a record. Measured with bench/match; only their proportions matter. */
static const double pass_keys = 25, pass_grams = 150, candidate = 12, run_regex = 120,
                    run_search = 25, run_other = 16;

enum {
    GUARD_FROM = 4, /* postings of a test from which on they are guarded */
    MANY = 8,       /* operands that are better looked up than compared one by one */
};

/* Why a rule is tried always. */
enum reason {
    FOUND,
    NO_CONDITIONS,
    NEGATIONS,
    REGEX,
    CONTAINS,
    GLOB,
    EMPTY,
    ORDER,
    EXISTS,
    CIDR,
    IN_TABLE,
    N_REASONS, /* from here on: the same of an alternative */
};

#define SL_REASONS(X)                                                                              \
    X(NO_CONDITIONS, "no conditions")                                                              \
    X(NEGATIONS, "only negations")                                                                 \
    X(REGEX, "`regex` without a literal of three bytes")                                           \
    X(CONTAINS, "`contains` of less than three bytes")                                             \
    X(GLOB, "`glob` without a literal")                                                            \
    X(EMPTY, "an empty `prefix` or `suffix`")                                                      \
    X(ORDER, "only comparisons of numbers")                                                        \
    X(EXISTS, "only `exists`")                                                                     \
    X(CIDR, "only `cidr`")                                                                         \
    X(IN_TABLE, "only `in_table`")

const char *sl_rules_always_tried(const struct sl_rules *r, unsigned rule)
{
    /* Literals that are joined take no parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
    static const char *const texts[] = {[FOUND] = NULL,
#define SL_REASON_TEXT(name, text)                                                                 \
    [name] = text, [N_REASONS + name] = "an alternative of `any` has " text,
                                        SL_REASONS(SL_REASON_TEXT)
#undef SL_REASON_TEXT
    };
    /* NOLINTEND(bugprone-macro-parentheses) */

    return rule < r->n_rules ? texts[r->index->reasons[rule]] : NULL;
}

struct planner {
    const struct sl_rules *rules;
    struct sl_plan *plan;
    uint8_t *reasons;    /* by test: why no table finds it, or FOUND */
    double *holds;       /* by test: how probable it is */
    uint32_t *uses;      /* by test: rules that could be found by it */
    double *values;      /* by field: values that it is compared with */
    double *searches;    /* by field: uses of what grams find */
    uint32_t *postings;  /* by test */
    uint32_t *picked_by; /* by test: the last rule that it was picked for + 1 */
    size_t cap_picks, cap_always;
};

/* What the best access predicate of a node costs. */
struct access {
    double cost; /* INFINITY: there is none */
    uint8_t reason;
};

/* ---- tests ---- */

static double rarity(size_t n)
{
    return n >= 8 ? 0.01 : n >= 5 ? 0.03 : 0.1;
}

static void plan_glob(struct planner *p, size_t i, const struct sl_test *t)
{
    struct sl_slice pattern = t->operands[0].text;
    char *room = sl_alloc(pattern.n + 1);
    struct sl_glob_literals g;
    size_t end;

    sl_literals_of_glob(pattern, room, &g);
    end = g.head.n > g.tail.n ? g.head.n : g.tail.n;
    p->plan->kinds[i] = SL_PASS_KEYS;
    p->holds[i] = 1 / (double)(1 + end);
    if (end < 3 && g.inner.n >= SL_LITERAL_MIN) {
        p->plan->kinds[i] = SL_PASS_GRAMS;
        p->holds[i] = rarity(g.inner.n);
    } else if (end == 0) {
        p->plan->kinds[i] = SL_PASS_PROBE;
        p->reasons[i] = GLOB;
    }
    free(room);
}

static void plan_regex(struct planner *p, size_t i, const struct sl_test *t)
{
    struct sl_literals literals, also;
    double sum = 0;

    p->plan->kinds[i] = SL_PASS_GRAMS;
    if (!sl_literals_of_regex(sl_regex_pattern(t->regex), t->fold, &literals, &also)) {
        p->plan->kinds[i] = SL_PASS_PROBE;
        p->reasons[i] = REGEX;
        return;
    }
    for (unsigned k = 0; k < literals.n; k++)
        sum += rarity(literals.items[k].n);
    p->holds[i] = sum < 1 ? sum : 1;
}

static void plan_test(struct planner *p, size_t i)
{
    const struct sl_test *t = &p->rules->tests[i];

    p->holds[i] = 0.5;
    p->plan->kinds[i] = SL_PASS_PROBE;
    switch (t->op) {
    case SL_OP_EQUAL:
        p->plan->kinds[i] = SL_PASS_KEYS;
        p->values[t->field] += t->n;
        break;
    case SL_OP_PREFIX:
    case SL_OP_SUFFIX:
        p->holds[i] = 1 / (double)(1 + t->operands[0].text.n);
        if (t->operands[0].text.n)
            p->plan->kinds[i] = SL_PASS_KEYS;
        else
            p->reasons[i] = EMPTY;
        break;
    case SL_OP_CONTAINS:
        p->holds[i] = rarity(t->operands[0].text.n);
        if (t->operands[0].text.n >= SL_LITERAL_MIN)
            p->plan->kinds[i] = SL_PASS_GRAMS;
        else
            p->reasons[i] = CONTAINS;
        break;
    case SL_OP_GLOB:
        plan_glob(p, i, t);
        break;
    case SL_OP_REGEX:
        plan_regex(p, i, t);
        break;
    case SL_OP_EXISTS:
        p->reasons[i] = EXISTS;
        break;
    case SL_OP_CIDR:
        p->reasons[i] = CIDR;
        break;
    case SL_OP_IN_TABLE:
        p->reasons[i] = IN_TABLE;
        break;
    default:
        p->reasons[i] = ORDER;
    }
}

/* Rules that could be found by each test: what stands under no NOT. */
static void count_uses(struct planner *p, uint32_t at)
{
    const struct sl_rule_node *node = &p->rules->nodes[at];

    if (node->kind == SL_NODE_TEST) {
        p->uses[node->first]++;
        if (p->plan->kinds[node->first] == SL_PASS_GRAMS)
            p->searches[p->rules->tests[node->first].field]++;
    } else if (node->kind != SL_NODE_NOT) {
        for (uint32_t i = 0; i < node->n; i++)
            count_uses(p, node->first + i);
    }
}

static void plan_tests(struct planner *p)
{
    const struct sl_rules *r = p->rules;

    for (size_t i = 0; i < r->n_tests; i++)
        plan_test(p, i);
    for (size_t i = 0; i < r->n_tests; i++) {
        const struct sl_test *t = &r->tests[i];
        double holds = t->n / (p->values[t->field] + 1);

        if (t->op == SL_OP_EQUAL)
            p->holds[i] = holds < 1 ? holds : 1;
    }
    for (size_t i = 0; i < r->n_rules; i++)
        if (r->rules[i].when != SL_WHEN_ALWAYS)
            count_uses(p, r->rules[i].when);
}

/* ---- what things cost ---- */

static double cost_of_run(const struct sl_test *t)
{
    if (t->op == SL_OP_REGEX)
        return run_regex;
    if (t->op == SL_OP_CONTAINS || t->op == SL_OP_GLOB)
        return run_search;
    return run_other + 2.0 * t->n;
}

/* Of judging the node as it stands. */
static double cost_of_judging(const struct planner *p, uint32_t at)
{
    const struct sl_rule_node *node = &p->rules->nodes[at];
    double least = INFINITY, sum = 0;

    if (node->kind == SL_NODE_TEST)
        return cost_of_run(&p->rules->tests[node->first]);
    for (uint32_t i = 0; i < (node->kind == SL_NODE_NOT ? 1 : node->n); i++) {
        double one = cost_of_judging(p, node->first + i);

        least = one < least ? one : least;
        sum += one;
    }
    /* Of an ALL the first mostly says no. */
    return node->kind == SL_NODE_ANY || node->kind == SL_NODE_NOT ? sum : least + (sum - least) / 4;
}

static struct access access_of_test(const struct planner *p, uint32_t test)
{
    const struct sl_test *t = &p->rules->tests[test];
    struct access a = {.reason = p->reasons[test]};
    double run = cost_of_run(t), uses = p->uses[test];

    switch (p->plan->kinds[test]) {
    case SL_PASS_KEYS:
        a.cost = p->holds[test] * candidate;
        break;
    case SL_PASS_GRAMS:
        a.cost = p->holds[test] * (candidate + run) + pass_grams / p->searches[t->field];
        break;
    default:
        /* A regex is run last of all, when nothing else has ruled the rule out. */
        a.cost = t->op == SL_OP_REGEX ? INFINITY : run / uses + p->holds[test] * candidate;
    }
    return a;
}

/* The better way in; of two that lead nowhere the one that says more. */
static bool is_better(struct access a, struct access b)
{
    if (a.cost != b.cost)
        return a.cost < b.cost;
    return b.reason == NEGATIONS && a.reason != NEGATIONS;
}

static struct access access_of(const struct planner *p, uint32_t at)
{
    const struct sl_rule_node *node = &p->rules->nodes[at];
    struct access best = {INFINITY, NEGATIONS}, one;

    if (node->kind == SL_NODE_TEST)
        return access_of_test(p, node->first);
    if (node->kind == SL_NODE_NOT)
        return best;
    if (node->kind == SL_NODE_ANY)
        best = (struct access){0, FOUND};
    for (uint32_t i = 0; i < node->n; i++) {
        one = access_of(p, node->first + i);
        if (node->kind == SL_NODE_ANY) {
            best.cost += one.cost;
            if (one.reason != FOUND && (best.reason == FOUND || one.cost == INFINITY))
                best.reason = one.reason < N_REASONS ? one.reason + N_REASONS : one.reason;
        } else if (i == 0 || is_better(one, best)) {
            best = one;
        }
    }
    return best;
}

/* ---- picking ---- */

static void add_pick(struct planner *p, uint32_t rule, uint32_t test)
{
    struct sl_plan *plan = p->plan;

    /* The same test twice in one rule, by way of two alternatives. */
    if (p->picked_by[test] == rule + 1)
        return;
    p->picked_by[test] = rule + 1;
    if (plan->n_picks == p->cap_picks) {
        p->cap_picks = p->cap_picks ? 2 * p->cap_picks : 64;
        plan->picks = sl_reallocarray(plan->picks, p->cap_picks, sizeof(*plan->picks));
    }
    plan->picks[plan->n_picks++] = (struct sl_pick){test, rule, SL_INDEX_NONE};
    plan->used[test] = true;
    p->postings[test]++;
}

static void pick(struct planner *p, uint32_t rule, uint32_t at)
{
    const struct sl_rule_node *node = &p->rules->nodes[at];
    uint32_t best = node->first;
    struct access least, one;

    if (node->kind == SL_NODE_TEST) {
        add_pick(p, rule, node->first);
        return;
    }
    if (node->kind == SL_NODE_ANY) {
        for (uint32_t i = 0; i < node->n; i++)
            pick(p, rule, node->first + i);
        return;
    }
    least = access_of(p, best);
    for (uint32_t i = 1; i < node->n; i++) {
        one = access_of(p, node->first + i);
        if (is_better(one, least)) {
            least = one;
            best = node->first + i;
        }
    }
    pick(p, rule, best);
}

/* The least probable test of those that the rule cannot do without. */
static void find_guard(const struct planner *p, uint32_t at, uint32_t not_this, uint32_t *best)
{
    const struct sl_rule_node *node = &p->rules->nodes[at];

    if (node->kind == SL_NODE_TEST) {
        if (p->plan->kinds[node->first] == SL_PASS_KEYS && node->first != not_this &&
            (*best == SL_INDEX_NONE || p->holds[node->first] < p->holds[*best]))
            *best = node->first;
    } else if (node->kind == SL_NODE_ALL || node->kind == SL_NODE_GROUP) {
        for (uint32_t i = 0; i < node->n; i++)
            find_guard(p, node->first + i, not_this, best);
    }
}

static void find_guards(struct planner *p)
{
    struct sl_plan *plan = p->plan;

    for (size_t i = 0; i < plan->n_picks; i++) {
        struct sl_pick *one = &plan->picks[i];

        if (p->postings[one->test] < GUARD_FROM)
            continue;
        find_guard(p, p->rules->rules[one->rule].when, one->test, &one->guard);
        if (one->guard != SL_INDEX_NONE)
            plan->used[one->guard] = true;
    }
}

static void add_always(struct planner *p, uint32_t rule)
{
    if (p->plan->n_always == p->cap_always) {
        p->cap_always = p->cap_always ? 2 * p->cap_always : 64;
        p->plan->always = sl_reallocarray(p->plan->always, p->cap_always, sizeof(uint32_t));
    }
    p->plan->always[p->plan->n_always++] = rule;
}

/* Whether judging every rule costs less than finding those that can match. */
static bool is_small(const struct planner *p, double judging, double finding)
{
    const struct sl_rules *r = p->rules;
    bool *keys = sl_calloc(r->n_fields + 1, sizeof(*keys)),
         *grams = sl_calloc(r->n_fields + 1, sizeof(*grams));

    for (size_t i = 0; i < r->n_tests; i++)
        if (p->plan->used[i]) {
            keys[r->tests[i].field] |= p->plan->kinds[i] == SL_PASS_KEYS;
            grams[r->tests[i].field] |= p->plan->kinds[i] == SL_PASS_GRAMS;
        }
    for (size_t i = 0; i < r->n_fields; i++)
        finding += keys[i] * pass_keys; /* grams' share is in each rule's cost */
    free(keys);
    free(grams);
    return judging <= finding;
}

void sl_plan_init(struct sl_plan *plan, const struct sl_rules *r)
{
    struct planner p = {.rules = r, .plan = plan};
    double judging = 0, finding = 0;

    *plan = (struct sl_plan){.kinds = sl_calloc(r->n_tests + 1, sizeof(*plan->kinds)),
                             .used = sl_calloc(r->n_tests + 1, sizeof(*plan->used)),
                             .reasons = sl_calloc(r->n_rules + 1, sizeof(*plan->reasons))};
    p.reasons = sl_calloc(r->n_tests + 1, sizeof(*p.reasons));
    p.holds = sl_calloc(r->n_tests + 1, sizeof(*p.holds));
    p.uses = sl_calloc(r->n_tests + 1, sizeof(*p.uses));
    p.postings = sl_calloc(r->n_tests + 1, sizeof(*p.postings));
    p.picked_by = sl_calloc(r->n_tests + 1, sizeof(*p.picked_by));
    p.values = sl_calloc(r->n_fields + 1, sizeof(*p.values));
    p.searches = sl_calloc(r->n_fields + 1, sizeof(*p.searches));
    plan_tests(&p);
    for (uint32_t i = 0; i < r->n_rules; i++) {
        uint32_t when = r->rules[i].when;
        struct access a = {INFINITY, NO_CONDITIONS};
        double cost = 0;

        if (when != SL_WHEN_ALWAYS) {
            a = access_of(&p, when);
            cost = cost_of_judging(&p, when);
        }
        plan->reasons[i] = a.reason;
        judging += cost;
        finding += a.cost < cost ? a.cost : cost;
        if (a.cost < cost)
            pick(&p, i, when);
        else
            add_always(&p, i);
    }
    find_guards(&p);
    /* Long lists of values are looked up wherever they stand. */
    for (size_t i = 0; i < r->n_tests; i++)
        if (r->tests[i].op == SL_OP_EQUAL && r->tests[i].n >= MANY)
            plan->used[i] = true;
    plan->plain = is_small(&p, judging, finding);
    free(p.reasons);
    free(p.holds);
    free(p.uses);
    free(p.postings);
    free(p.picked_by);
    free(p.values);
    free(p.searches);
}

void sl_plan_release(struct sl_plan *plan)
{
    free(plan->kinds);
    free(plan->used);
    free(plan->picks);
    free(plan->always);
    free(plan->reasons);
}
