/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "explore.h"

/* Breadth-first over all states of the small world: what is found is found by its shortest trace.
 * Builds with assertions are slow, and see a part of it. EXPLORE_TRACE=mutant prints that trace. */
#ifdef NDEBUG
enum { STATES_MAX = INT32_MAX };
#else
enum { STATES_MAX = 6000 };
#endif

struct visit {
    struct state s;
    uint32_t parent;
    uint8_t act, arg;
};

struct search {
    struct world w;
    struct visit *visits;
    size_t n, cap;
    uint32_t *table; /* index + 1 */
    size_t slots;
    size_t at; /* being visited */
};

static void grow_table(struct search *x)
{
    size_t slots = x->slots ? 2 * x->slots : 1 << 16;

    free(x->table);
    x->table = sl_zalloc(slots * sizeof(x->table[0]));
    x->slots = slots;
    for (size_t i = 0; i < x->n; i++) {
        size_t k = (size_t)sl_hash(&x->visits[i].s, sizeof(struct state)) & (slots - 1);

        while (x->table[k])
            k = (k + 1) & (slots - 1);
        x->table[k] = (uint32_t)i + 1;
    }
}

static void add(struct search *x, const struct state *s, enum act act, unsigned arg)
{
    size_t k;

    if (2 * x->n >= x->slots)
        grow_table(x);
    k = (size_t)sl_hash(s, sizeof(*s)) & (x->slots - 1);
    while (x->table[k]) {
        if (memcmp(&x->visits[x->table[k] - 1].s, s, sizeof(*s)) == 0)
            return;
        k = (k + 1) & (x->slots - 1);
    }
    if (x->n == x->cap) {
        x->cap = x->cap ? 2 * x->cap : 1 << 14;
        x->visits = sl_reallocarray(x->visits, x->cap, sizeof(x->visits[0]));
    }
    x->visits[x->n] = (struct visit){*s, (uint32_t)x->at, (uint8_t)act, (uint8_t)arg};
    x->table[k] = (uint32_t)++x->n;
}

/* All steps from one state. True: something was found, by the step returned. */
static bool expand(struct search *x, struct visit *ret)
{
    struct state from = x->visits[x->at].s, to;
    bool work = false;

    for (unsigned act = 0; act < N_ACTS; act++)
        for (unsigned arg = 0; arg < act_args[act]; arg++) {
            if (!world_step(&x->w, &from, act, arg, &to))
                continue;
            work = work || act < N_WORK;
            *ret = (struct visit){to, (uint32_t)x->at, (uint8_t)act, (uint8_t)arg};
            if (x->w.finding)
                return true;
            add(x, &to, act, arg);
        }
    if (!work)
        world_judge_end(&x->w, &from);
    *ret = x->visits[x->at];
    return x->w.finding;
}

static void print_trace(const struct search *x, const struct visit *last, int depth)
{
    if (last->parent != UINT32_MAX)
        print_trace(x, &x->visits[last->parent], depth + 1);
    if (last->parent != UINT32_MAX)
        printf("      %-18s %u\n", act_names[last->act], last->arg);
    world_print(&x->w, &last->s);
}

/* Returns what was found; NULL: nothing, among at most `most` states. */
static const char *explore(const struct scenario *scenario, size_t most, bool trace,
                           size_t *ret_states)
{
    struct search *x = sl_zalloc(sizeof(*x));
    struct visit last;
    struct state start;
    const char *finding;

    world_init(&x->w, scenario, &start);
    x->at = UINT32_MAX;
    add(x, &start, 0, 0);
    for (x->at = 0; x->at < x->n && x->n <= most; x->at++)
        if (expand(x, &last))
            break;
    finding = x->w.finding;
    *ret_states = x->n;
    if (finding && trace)
        print_trace(x, &last, 0);
    world_release(&x->w);
    free(x->visits);
    free(x->table);
    free(x);
    return finding;
}

enum { _ = 0, e = 1 << E, s = 1 << S, es = e | s };

/* The first offsets differ in every way between the versions; then both sinks take all. */
#define MIXED                                                                                      \
    {                                                                                              \
        {es, e, s, es},                                                                            \
        {                                                                                          \
            es, s, e, s                                                                            \
        }                                                                                          \
    }
#define OTHER                                                                                      \
    {                                                                                              \
        {s, e, es, es},                                                                            \
        {                                                                                          \
            e, s, es, es                                                                           \
        }                                                                                          \
    }
#define ALL                                                                                        \
    {                                                                                              \
        {es, es, es, es},                                                                          \
        {                                                                                          \
            es, es, es, es                                                                         \
        }                                                                                          \
    }

static const struct scenario scenarios[] = {
    {"crashes", 3, MIXED, {[CRASHES] = 2}, 0, 0},
    {"crash, all records", 4, MIXED, {[CRASHES] = 1}, 0, 0},
    {"detach", 3, ALL, {[DETACHES] = 1}, 0, 0},
    {"detach, crash", 2, ALL, {[DETACHES] = 1, [CRASHES] = 1}, 0, 0},
    {"detaches", 2, ALL, {[DETACHES] = 2}, 0, 0},
    {"reload, crash", 3, OTHER, {[RELOADS] = 1, [CRASHES] = 1}, 0, 0},
    {"reloads, crash", 2, MIXED, {[RELOADS] = 2, [CRASHES] = 1}, 0, 0},
    {"reload, detach, crash", 2, OTHER, {[RELOADS] = 1, [DETACHES] = 1, [CRASHES] = 1}, 0, 0},
    {"revoke, crash, reload", 2, OTHER, {[REVOKES] = 1, [RELOADS] = 1, [CRASHES] = 1}, 0, 0},
    {"unknown", 2, ALL, {[UNKNOWNS] = 2, [CRASHES] = 1}, 0, 0},
    {"unknown, late", 2, MIXED, {[UNKNOWNS] = 1, [LATE] = 1, [CRASHES] = 1}, 0, 0},
    {"without a line", 2, MIXED, {[PLAINS] = 1, [CRASHES] = 1, [RELOADS] = 1}, 0, 0},
    {"void", 2, MIXED, {[VOIDS] = 1, [CRASHES] = 2, [RELOADS] = 1}, 0, 0},
    {"rolling", 2, MIXED, {[ROLLINGS] = 2, [REVOKES] = 1, [CRASHES] = 1}, 0, 0},
    {"S down", 2, MIXED, {[CRASHES] = 2, [DETACHES] = 1}, true, 0},
};

/* What is found within two records when the program is changed to that reading. */
static const struct scenario mutants[] = {
    {"A", 2, {{es, e}, {es, s}}, {[CRASHES] = 1, [RELOADS] = 1}, 0, A_CUT_OVER_AT_POSITIONS},
    {"B", 2, {{es, es}, {s, e}}, {[CRASHES] = 1, [RELOADS] = 1}, 0, B_CUT_OVER_AT_NEXT},
    {"C", 2, ALL, {[DETACHES] = 1}, 0, C_DETACH_KEEPS_ONLY_POSITION},
    {"D", 2, ALL, {[CRASHES] = 2}, 0, D_NEXT_OF_THE_READER},
    {"E", 2, ALL, {[DETACHES] = 1, [CRASHES] = 1}, 0, E_UNREAD_IS_NOT_OUTSTANDING},
    {"F, hash", 2, MIXED, {[CRASHES] = 1, [RELOADS] = 1}, 0, F_HASH_OF_LIVE_RULES},
    {"F, cut",
     2,
     {{es, s}, {es, e}},
     {[CRASHES] = 1, [RELOADS] = 2, [VOIDS] = 1},
     0,
     F_CUT_ACROSS_CUT_OVER},
    {"G", 2, ALL, {[CRASHES] = 1}, 0, G_TWO_COMMITS},
    {"H", 2, ALL, {[REVOKES] = 1, [CRASHES] = 1}, 0, H_OLD_COMMIT_OPEN},
    {"J", 2, ALL, {[REVOKES] = 1}, 0, J_PLAN_EXTENDED},
    {"K", 2, ALL, {[CRASHES] = 1}, true, K_PLANS_FIRST},
    {"upload unrecorded", 2, ALL, {[CRASHES] = 1}, 0, UPLOAD_UNRECORDED},
    {"commit the greatest", 2, ALL, {[CRASHES] = 1}, 0, COMMIT_THE_GREATEST},
    {"judge by live rules", 2, MIXED, {[RELOADS] = 1, [CRASHES] = 1}, 0, JUDGE_BY_LIVE_RULES},
    {"forget unknown sinks", 2, ALL, {[ROLLINGS] = 2, [REVOKES] = 2}, 0, FORGET_UNKNOWN_SINKS},
    {"hand over one late", 2, ALL, {[DETACHES] = 1, [CRASHES] = 1}, 0, HAND_OVER_ONE_LATE},
    {"hand over one early", 2, ALL, {[CRASHES] = 1}, 0, HAND_OVER_ONE_EARLY},
    {"let go without detach", 2, ALL, {[DETACHES] = 1}, 0, LET_GO_WITHOUT_DETACH},
    {"no epochs", 2, ALL, {[UNKNOWNS] = 1, [LATE] = 1, [CRASHES] = 1}, 0, NO_EPOCHS},
};

static void nothing_is_lost_or_doubled(void **state)
{
    size_t total = 0, n;

    (void)state;
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        const char *finding = explore(&scenarios[i], STATES_MAX, true, &n);

        printf("  %-24s %8zu states\n", scenarios[i].name, n);
        fflush(stdout);
        total += n;
        if (finding)
            fail_msg("%s: %s", scenarios[i].name, finding);
    }
    printf("  %zu states\n", total);
}

static void each_wrong_reading_is_found(void **state)
{
    const char *wanted = getenv("EXPLORE_TRACE"); /* name of a mutant: its trace is printed */
    size_t n;

    (void)state;
    for (size_t i = 0; i < sizeof(mutants) / sizeof(mutants[0]); i++) {
        struct scenario right = mutants[i];
        const char *finding =
            explore(&mutants[i], STATES_MAX, wanted && strcmp(wanted, mutants[i].name) == 0, &n);

        printf("  %-24s %8zu states: %s\n", mutants[i].name, n, finding ? finding : "NOTHING");
        fflush(stdout);
        assert_true(finding || n > STATES_MAX);
        right.mutant = NONE; /* and, as far as that, nothing without it */
        assert_null(explore(&right, n, true, &n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_doubled),
        cmocka_unit_test(each_wrong_reading_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
