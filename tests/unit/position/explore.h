/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_POSITION_EXPLORE_H
#define TESTS_POSITION_EXPLORE_H

/* A small world around the real positions: one partition of a few records, two sinks (E takes
 * records one by one, S makes objects of cuts), a committed offset with its line, a process that
 * may die at any moment. A state is a few bytes; to take a step the real structures are made from
 * them, the real functions are called, and the outcome is read back. So every interleaving can be
 * visited (test_explore.c). */

#include <stdint.h>

#include "sluice/position.h"

enum { OFFSETS_MAX = 4, CUTS_MAX = 4, OBJECTS_MAX = 8, ERAS_MAX = 6, LINES_MAX = 1 << 14 };
enum { E, S, N_SINKS };
enum { TODAY = 20000, NEVER = 127 }; /* INT64_MAX in a byte */

/* What may happen beside work, and how often. */
enum fault {
    CRASHES,
    REVOKES,
    DETACHES,
    RELOADS,
    UNKNOWNS, /* a commit without an answer */
    LATE,     /* ... which lands after all, later */
    PLAINS,   /* a commit without a line */
    VOIDS,    /* a rules version cannot be had */
    ROLLINGS, /* the next owner knows S or does not */
    N_FAULTS
};

/* The readings of the design that are known to fail, and other ways to be wrong. */
enum mutant {
    NONE,
    A_CUT_OVER_AT_POSITIONS,
    B_CUT_OVER_AT_NEXT,
    C_DETACH_KEEPS_ONLY_POSITION,
    D_NEXT_OF_THE_READER,
    E_UNREAD_IS_NOT_OUTSTANDING,
    F_HASH_OF_LIVE_RULES,
    F_CUT_ACROSS_CUT_OVER,
    G_TWO_COMMITS,
    H_OLD_COMMIT_OPEN,
    J_PLAN_EXTENDED,
    K_PLANS_FIRST,
    UPLOAD_UNRECORDED,
    COMMIT_THE_GREATEST,
    JUDGE_BY_LIVE_RULES,
    FORGET_UNKNOWN_SINKS,
    HAND_OVER_ONE_LATE,
    HAND_OVER_ONE_EARLY,
    LET_GO_WITHOUT_DETACH,
    NO_EPOCHS,
    N_MUTANTS
};

struct scenario {
    const char *name;
    int offsets;
    uint8_t rules[2][OFFSETS_MAX]; /* by version and offset: bits of the sinks chosen */
    uint8_t faults[N_FAULTS];
    bool s_down; /* S takes nothing */
    enum mutant mutant;
};

enum cut_state { OPEN, CLOSED, GO, APPLIED };

struct cut {
    uint8_t first, end, contents, rules, side, state;
};

struct object {
    uint8_t first, end, rules, contents;
};

struct commit {
    uint8_t used, excused;
    int8_t offset, noting;
    uint16_t line;
};

/* No padding, for it is compared as bytes. */
struct state {
    uint16_t line, noted_line;
    struct commit flying[2], ghost;
    /* The world. */
    int8_t committed;
    uint8_t delivered; /* to E */
    uint8_t excused;
    uint8_t faults[N_FAULTS];
    uint8_t n_objects;
    struct object objects[OBJECTS_MAX];
    /* The process. */
    uint8_t live, knows; /* its rules; whether S is configured */
    int8_t next, read, known_committed;
    struct {
        int8_t from, catch_up, first, end, confirmed, noting;
    } sinks[N_SINKS];
    struct {
        int8_t begin;
        uint8_t rules;
    } eras[ERAS_MAX];
    uint8_t n_eras;
    struct {
        int8_t position, plan_end, behind;
    } carried;
    uint8_t n_carried;
    uint8_t flight[2]; /* E: records in flight, by reader */
    uint8_t n_cuts;
    struct cut cuts[CUTS_MAX];
    uint8_t pad;
};

enum act {
    /* Work: what is left of it when nothing more of it can be done must be nothing. */
    LIVE,
    SIDE,
    CLOSE,
    ACK,
    UPLOAD,
    ANSWER,
    HAND_OVER,
    COMMIT,
    LAND,
    N_WORK,
    /* Faults. */
    GIVE_UP = N_WORK,
    PLAIN,
    UNKNOWN,
    GHOST,
    DETACH,
    RELOAD,
    REVOKE,
    CRASH,
    N_ACTS
};

extern const char *const act_names[N_ACTS];
extern const uint8_t act_args[N_ACTS];

struct world {
    const struct scenario *scenario;
    struct state s;
    struct sl_partition *p, *blank[N_SINKS]; /* used again and again: it costs to make one */
    struct sl_hold *records[2][OFFSETS_MAX];
    struct sl_hold *holds[CUTS_MAX];
    const char *finding; /* what is wrong */
    char *lines[LINES_MAX];
};

void world_init(struct world *w, const struct scenario *scenario, struct state *ret);
void world_release(struct world *w);
/* Takes the step, if it is possible in this state. */
bool world_step(struct world *w, const struct state *from, enum act act, unsigned arg,
                struct state *ret);
/* No work is left: all must have been done. */
void world_judge_end(struct world *w, const struct state *s);
void world_print(const struct world *w, const struct state *s);

/* ---- explore_step.c ---- */

bool world_is(const struct world *w, enum mutant m);
bool world_spend(struct world *w, enum fault f);
void world_judge(struct world *w, const struct state *s, int end, bool without_s,
                 const char *finding);
void world_drop_cut(struct world *w, size_t i);
bool world_close_cut(struct world *w, unsigned side);
bool world_give_up(struct world *w);
void world_gate(struct world *w);

/* ---- explore_fate.c ---- */

bool world_commit(struct world *w, bool with_line);
bool world_committed(struct world *w, size_t i);
bool world_unknown(struct world *w, unsigned how);
bool world_crash(struct world *w, unsigned arg);
bool world_revoke(struct world *w, unsigned arg);
bool world_ghost(struct world *w);

/* ---- explore_load.c ---- */

void world_load(struct world *w);  /* state -> structures */
void world_store(struct world *w); /* structures -> state; they are gone then */
uint16_t world_intern(struct world *w, const char *line);
void world_arrive(struct world *w, bool without_rules);
void world_new_partition(struct world *w);

#endif
