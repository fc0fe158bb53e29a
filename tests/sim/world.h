/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"

/* The simulator: Sluice's real core on one thread, among simulated surroundings. How it is built,
 * what it models and what it judges: README.md beside this file.
 *
 * The world is a heap of events ordered by time (microseconds since the beginning of the run) and,
 * where times are equal, by the order in which they were made. Everything that is not the program
 * itself (brokers, stores, networks, pool threads, operators) acts in events; a replica of the
 * program acts in *turns* of its loop, which are events too. So one thread and one seed give one
 * history. Nothing here may depend on addresses, on the order in hash tables of the C library, or
 * on real time. */

struct scenario;
struct replica;
struct cluster;
struct audit;

struct sim_event {
    uint64_t at, order;
    size_t slot; /* place in the heap + 1; 0: not in it */
    void (*fire)(struct sim_event *e);
};

/* Chance comes in streams, so that a fault that is switched off (shrink.c) leaves the others as
 * they were. */
enum sim_stream {
    SIM_SCHEDULE,
    SIM_NETWORK,
    SIM_BROKER,
    SIM_STORE,
    SIM_WORKLOAD,
    SIM_PROGRAM,
    SIM_STREAMS
};

struct arena;

struct world {
    const struct scenario *scenario;
    uint64_t seed, now_us;
    int64_t wall_base_ms; /* Unix time at 0 */
    uint64_t random[SIM_STREAMS];
    struct sim_event **heap;
    size_t n, cap;
    uint64_t orders, fired, turns;
    struct arena *arena;     /* of everything but the replicas' own */
    struct replica *current; /* whose code runs; NULL: none */
    uint64_t thread_us;      /* what a pool thread has waited in blocking calls, while it runs */
    bool in_work;
    struct cluster *cluster;
    struct audit *audit;
    struct replica **replicas;
    size_t n_replicas;
    unsigned left;            /* records to come */
    unsigned rules, sink_set; /* what is deployed: who starts gets it */
    unsigned held;            /* nobody starts while an operator needs the group stopped */
    bool closing;             /* who ends now does not come back */

    bool tracing, stop;
    char *trace;        /* when it is kept */
    char finding[1024]; /* the first; "" for none */
    uint64_t found_us;
};

extern struct world *sim; /* the one that runs now */

void sim_world_begin(struct world *w, const struct scenario *s, uint64_t seed);
void sim_world_end(struct world *w);
/* Runs events until the time, a finding, or sim->stop. False: a finding. */
bool sim_run_until(uint64_t us);

void sim_at(struct sim_event *e, uint64_t us); /* moves it when it is in the heap */
void sim_after(struct sim_event *e, uint64_t us);
void sim_cancel(struct sim_event *e);

uint64_t sim_random(enum sim_stream s);
uint64_t sim_below(enum sim_stream s, uint64_t n); /* 0..n-1; 0 for n == 0 */
uint64_t sim_between(enum sim_stream s, uint64_t least, uint64_t most);
bool sim_chance(enum sim_stream s, unsigned per_thousand);

/* Of the world: freed with it. Zeroed. */
void *sim_new(size_t size);
void sim_free(void *p);                  /* may be given back earlier; NULL is fine */
char *sim_copy(const void *p, size_t n); /* adds a NUL; p == NULL gives NULL */
char *sim_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

void sim_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The run has failed: it ends after this step. */
void sim_find(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- memory.c: allocations by owner, so that a process can die without giving back anything ----
 */
struct arena *sim_arena_new(void);
void sim_arena_reset(struct arena *a);
void sim_arena_free(struct arena *a);
size_t sim_arena_live(const struct arena *a); /* bytes handed out */
void *sim_arena_take(struct arena *a, size_t size);
void sim_arena_give(void *p);

#define SIM_MS 1000ull
#define SIM_S 1000000ull

#endif
