/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "rules.h"
#include "scenario.h"
#include "world.h"

static const char usage[] = "usage: sim [--seed N | --seeds A..B | --scenario NAME] [--trace]\n";

struct options {
    uint64_t first, last;
    const char *scenario;
    bool trace, one;
};

static bool parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){.first = 1, .last = 100};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;

        if (strcmp(argv[i], "--trace") == 0) {
            o->trace = true;
        } else if (strcmp(argv[i], "--seed") == 0 && value) {
            o->first = o->last = strtoull(argv[++i], NULL, 10);
            o->one = true;
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

static int run_seeds(struct world *w, const struct options *o)
{
    struct counts counts = {0};
    uint64_t failed = 0;
    struct scenario *s = calloc(1, sizeof(*s));

    for (uint64_t seed = o->first; seed <= o->last; seed++) {
        scenario_draw(s, seed);
        w->tracing = o->trace;
        if (o->one)
            scenario_print(s);
        if (!scenario_run(w, s)) {
            failed++;
            printf("seed %lu fails at %.3f s: %s\n", seed, (double)w->found_us / 1e6, w->finding);
            fflush(stdout);
        }
        audit_count(&counts);
        sim_world_end(w);
    }
    printf("%lu seeds, %lu failed; %lu events, %lu turns, %lu records, %lu kills, %lu pauses, %lu "
           "rebalances, "
           "%lu commits (%lu refused, %lu late), %lu objects, %lu dead letters, %lu expired, %lu "
           "duplicates\n",
           counts.seeds, failed, counts.events, counts.turns, counts.records, counts.kills,
           counts.pauses, counts.rebalances, counts.commits, counts.refused, counts.late,
           counts.objects, counts.dead, counts.expired, counts.duplicates);
    free(s);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct world w = {0};
    struct options o;
    int status;

    if (!parse(argc, argv, &o)) {
        fputs(usage, stderr);
        return 2;
    }
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    w.arena = sim_arena_new();
    rules_open();
    status = run_seeds(&w, &o);
    rules_close();
    return status;
}
