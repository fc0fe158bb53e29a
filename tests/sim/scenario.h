/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

/* What a run is made of: numbers and switches, all drawn from the seed, and a list of things that
 * happen at times. Shrinking sets numbers smaller and takes things away; what is left alone stays
 * as it was, for every part of the world has its own stream of chance. */

enum {
    SINKS_MAX = 6,
    KINDS = 8,
    TABLES_MAX = 4,
    ACTIONS_MAX = 64,
    REPLICAS_MAX = 3,
    PARTITIONS = 4
};

enum commit_fate {
    COMMIT_WELL,
    COMMIT_REFUSED,
    COMMIT_UNHEARD,  /* applied, the answer is lost */
    COMMIT_LATE,     /* the answer is lost, applied later */
    COMMIT_DROPPED,  /* lost, and the answer says that nothing is known */
    COMMIT_DEFERRED, /* waits in the library, and goes out under the generation of then */
};

enum action_kind {
    ACTION_KILL,
    ACTION_KILL_AT_EFFECT,     /* a: which from now on */
    ACTION_KILL_AT_ALLOCATION, /* a: which from now on */
    ACTION_PAUSE,              /* a: ms */
    ACTION_RESTART,            /* SIGTERM, then a start */
    ACTION_REBALANCE,
    ACTION_COORDINATOR_DOWN, /* a: ms */
    ACTION_BROKERS_DOWN,     /* a: ms */
    ACTION_STORE_DEAD,       /* who: sink; a: ms */
    ACTION_STORE_HANGS,      /* likewise */
    ACTION_STORE_SLOW,       /* likewise; b: ms a request */
    ACTION_STORE_DENIES,     /* likewise: credentials, capacity */
    ACTION_RELOAD,           /* a: table of rules */
    ACTION_DEPLOY,           /* a: table of rules; who starts next has it */
    ACTION_CLOCK,            /* who: replica; a: ms that the wall clock jumps, signed */
    ACTION_RETAIN,           /* who: partition; a: how many offsets are left */
    ACTION_RESET, /* who: partition; a: thousandths of the way to where it is: an operator's offset
                     reset */
    ACTION_RECREATE,   /* the source topic is deleted, its offsets with it, and made anew */
    ACTION_STATE_LOST, /* retention has taken the rules versions: the topic is not compacted */
    ACTION_SINKS,      /* a: other sinks, as bits: a rolling change */
    ACTION_TRUNCATE,   /* who: partition; a: how many offsets go at its end; then an operator resets
                        */
    ACTION_KINDS
};

struct action {
    uint64_t at_us;
    enum action_kind kind;
    unsigned who; /* replica, sink or partition */
    int64_t a, b;
};

struct faults { /* each in thousandths */
    unsigned commit_refused, commit_unheard, commit_late, commit_dropped, commit_deferred,
        commit_partial;
    unsigned metadata_refused, ask_fails, produce_fails, produce_unheard;
    unsigned http_refused, http_unheard, http_lost, http_error, http_throttled, http_cut, http_slow;
    unsigned item_again, s3_lies;
    unsigned fetch_slow; /* a fetch brings one message, and late */
};

struct scenario {
    const char *name; /* NULL: random */
    uint64_t seed;
    bool cooperative; /* and a librdkafka of 2.10 or later */
    bool compacted;   /* the source topic: no sink may leave the live reader */
    unsigned partitions, replicas, records, tables;
    unsigned sinks;       /* as bits of the base configuration's */
    unsigned first_sinks; /* of them: those that the group begins with */
    unsigned earliest;    /* of them: a new one starts at the log's beginning */
    unsigned record_most; /* bytes */
    unsigned gaps;        /* thousandths of records that have a gap before them */
    unsigned bad;         /* thousandths of records that a store refuses for their content */
    unsigned tombstones;
    unsigned many;       /* thousandths of messages that hold none or several records */
    unsigned huge;       /* thousandths of those that hold 200 */
    unsigned letter_max; /* bytes of a value that the dead-letter topic takes */
    uint64_t produce_us; /* records come until here */
    uint64_t heal_us;    /* nothing fails after this */
    uint64_t end_us;     /* by then all must be at rest */
    unsigned alone; /* sink + 1 that is dead until the healing while nothing else fails; 0: none */
    unsigned queue_bytes[SINKS_MAX], batch_bytes[SINKS_MAX], batch_records[SINKS_MAX],
        batch_age_ms[SINKS_MAX];
    unsigned requests[SINKS_MAX], overflow_after_ms[SINKS_MAX];
    bool blocks[SINKS_MAX];           /* overflow: block */
    uint8_t table[TABLES_MAX][KINDS]; /* per version of the rules and kind of record: sinks */
    struct faults fault;
    struct action actions[ACTIONS_MAX];
    unsigned n_actions;
};

extern const char *const action_names[];
void actions_begin(void); /* actions.c */
void scenario_draw(struct scenario *s, uint64_t seed);
extern const char scenario_names[]; /* families.c */
bool scenario_named(struct scenario *s, const char *name);
void scenario_print(const struct scenario *s);
/* One run. False: a finding, which is in w->finding. */
struct world;
bool scenario_run(struct world *w, const struct scenario *s);

#endif
