/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "audit.h"
#include "rules.h"
#include "scenario.h"
#include "shrink.h"
#include "world.h"

static const char usage[] =
    "usage: sim [--seeds A..B | --seed N] [--scenario NAME] [--trace] [--shrink] [--reach] [--most "
    "N]\n"
    "  --seeds   many runs; each that fails is named with its finding; --most N: stop after N of "
    "them\n"
    "  --seed    one run; if it fails, it is made as small as may be and its trace is shown\n"
    "  --trace   what happens in each run, as it is\n"
    "  --reach   how often situations occurred that the design is about, per 1,000 seeds\n"
    "  --scenarios the names of scenarios, and nothing else\n"
    "  --scenario  only what one of these is about: ";

static bool wants_names(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], "--scenarios") == 0;
}

/* The program crashed: that is a finding, too. */
static void on_crash(int number)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "seed %lu fails at %.3f s: crash, signal %d\n",
                     sim ? sim->seed : 0, sim ? (double)sim->now_us / 1e6 : 0, number);
    ssize_t ignored;

    fflush(stdout); /* the trace; the worst that can come of it has come already */
    ignored = write(STDOUT_FILENO, text, (size_t)n);

    (void)ignored;
    signal(number, SIG_DFL);
    raise(number);
}

struct options {
    uint64_t first, last;
    const char *scenario;
    uint64_t most; /* stop after so many failed */
    bool trace, one, shrink, reach;
};

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){.first = 1, .last = 100, .most = UINT64_MAX};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
        } else if (strcmp(argv[i], "--shrink") == 0) {
            o->shrink = true;
        } else if (strcmp(argv[i], "--reach") == 0) {
            o->reach = true;
        } else if (strcmp(argv[i], "--most") == 0 && value) {
            o->most = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0 && value) {
            o->first = o->last = strtoull(argv[++i], NULL, 10);
            o->one = o->shrink = true;
        } else if (strcmp(argv[i], "--seeds") == 0 && value && strstr(value, "..")) {
            o->first = strtoull(argv[++i], NULL, 10);
            o->last = strtoull(strstr(value, "..") + 2, NULL, 10);
        } else if (strcmp(argv[i], "--scenario") == 0 && value) {
            o->scenario = argv[++i];
        } else {
            return false;
        }
    }
    return true;
}

static bool run_one(struct world *w, const struct options *o, const struct scenario *s,
                    struct counts *counts)
{
    bool ok;

    if (o->one)
        scenario_print(s);
    ok = scenario_run(w, s);
    if (!ok)
        printf("seed %lu fails at %.3f s: %s\n", s->seed, (double)w->found_us / 1e6, w->finding);
    audit_count(counts);
    sim_world_end(w);
    if (!ok && o->shrink) {
        struct scenario *small = calloc(1, sizeof(*small));

        shrink(w, s, small);
        scenario_print(small);
        w->tracing = true;
        if (!scenario_run(w, small))
            printf("fails at %.3f s: %s\n", (double)w->found_us / 1e6, w->finding);
        sim_world_end(w);
        free(small);
    }
    fflush(stdout);
    return ok;
}

static int run_seeds(struct world *w, const struct options *o)
{
    struct counts counts = {0};
    uint64_t failed = 0;
    struct scenario *s = calloc(1, sizeof(*s));

    for (uint64_t seed = o->first; seed <= o->last && failed < o->most; seed++) {
        scenario_draw(s, seed);
        if (o->scenario && !scenario_named(s, o->scenario)) {
            fprintf(stderr, "there is no scenario %s\n", o->scenario);
            return 2;
        }
        w->tracing = o->trace;
        failed += !run_one(w, o, s, &counts);
        if ((seed - o->first + 1) % 1000 == 0 && o->last - o->first >= 5000) {
            printf("%lu seeds, %lu failed\n", seed - o->first + 1, failed);
            fflush(stdout);
        }
    }
    printf("%lu seeds, %lu failed; %lu events, %lu turns, %lu records, %lu kills, %lu pauses, %lu "
           "rebalances, "
           "%lu commits (%lu refused, %lu late), %lu objects, %lu dead letters, %lu expired, %lu "
           "duplicates\n",
           counts.seeds, failed, counts.events, counts.turns, counts.records, counts.kills,
           counts.pauses, counts.rebalances, counts.commits, counts.refused, counts.late,
           counts.objects, counts.dead, counts.expired, counts.duplicates);
    if (o->reach)
        reach_print(&counts);
    free(s);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct world w = {0};
    struct options o;
    int status;

    if (wants_names(argc, argv)) {
        puts(scenario_names);
        return 0;
    }
    if (!parse(argc, argv, &o)) {
        fprintf(stderr, "%s%s\n", usage, scenario_names);
        return 2;
    }
    signal(SIGSEGV, on_crash);
    signal(SIGABRT, on_crash);
    signal(SIGFPE, on_crash);
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    w.arena = sim_arena_new();
    rules_open();
    status = run_seeds(&w, &o);
    rules_close();
    return status;
}
