/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_ROUTE_H
#define SLUICE_ROUTE_H

#include "base/diag.h"
#include "sluice/config.h"
#include "sluice/record.h"
#include "sluice/rules_version.h"

/* Rules: where a record goes. Implemented in route/. A struct sl_rules is compiled once, immutable,
 * and swapped whole. */

struct sl_rules;

struct sl_rule_info {
    const char *name, *file;
    unsigned line;
    const char *metric; /* label of its metrics: its name, or the file of which it is a row */
};

enum { SL_RULE_UNMATCHED = 0xfffffffe, SL_RULE_NONE = 0xffffffff };

struct sl_choice {
    unsigned sink;                  /* index */
    unsigned rule;                  /* index, or SL_RULE_UNMATCHED */
    const struct sl_record *record; /* as this sink gets it: the one routed, or one changed by
                                       rules, which lives until the next sl_route() */
};

enum sl_drop_reason { SL_DROP_RULE, SL_DROP_UNMATCHED, SL_DROP_SAMPLE, SL_DROP_RATE_LIMIT };

struct sl_decision {
    struct sl_choice chosen[SL_SINKS_MAX]; /* each sink at most once, in the order chosen */
    size_t n;
    uint64_t sinks;      /* the same as bits */
    unsigned dropped_by; /* rule, SL_RULE_UNMATCHED, or SL_RULE_NONE: not dropped.
                            Set only when no sink was chosen */
    enum sl_drop_reason drop_reason;
    unsigned error_rule; /* a rule that hit its limits, or SL_RULE_NONE */
};

/* Reads, parses and compiles the files of config->routes. Adds the fields they read to `fields`;
 * the caller compiles those afterwards. Problems go to diags; NULL when there was an error. */
struct sl_rules *sl_rules_load(const struct sl_config *config, struct sl_fields *fields,
                               struct sl_diags *diags);
/* The same from other paths than config->routes. */
struct sl_rules *sl_rules_load_from(const struct sl_config *config, const struct sl_strings *routes,
                                    struct sl_fields *fields, struct sl_diags *diags);
void sl_rules_free(struct sl_rules *r);

size_t sl_rules_count(const struct sl_rules *r);
struct sl_rule_info sl_rules_info(const struct sl_rules *r, unsigned rule);
struct sl_rules_version *sl_rules_version(const struct sl_rules *r); /* borrowed */
uint64_t sl_rules_sinks(const struct sl_rules *r); /* every sink that some rule names */
bool sl_rules_read(const struct sl_rules *r,
                   unsigned field); /* some condition is about the field */
/* Why the index cannot rule the rule out, so that it is tried for every record that comes to it
 * ("only negations"); NULL: it can. */
const char *sl_rules_always_tried(const struct sl_rules *r, unsigned rule);

/* ---- the files that rules are made of (look.c) ---- */

/* The files that a set of rules was read from: rule files in their order, then the tables that
 * `in_table` names. NULL past the last. */
const char *sl_rules_input(const struct sl_rules *r, size_t i);

struct sl_rules_look {
    uint64_t signature; /* of names, sizes, times and inodes, through links */
    size_t n_files;     /* that are there */
    size_t missing;     /* named, or in the folder a moment ago, and not to be seen */
};

/* What the rule files of `routes` look like now, and the tables of `live` (NULL: none). Reads no
 * file. The signature is another whenever one of them was added, taken away, replaced or written;
 * it may be another where no content changed. An edit after a look is seen by the next look, if the
 * file was left alone for a clock tick (some ms) before the first: load what two looks, some time
 * apart, have seen alike, and compare later looks with those. False: something is missing. Safe on
 * any thread while `live` is not freed. */
bool sl_rules_look(const struct sl_strings *routes, const struct sl_rules *live,
                   struct sl_rules_look *ret);

/* Scratch for matching, one a thread; made for one set of rules. */
struct sl_matcher;
struct sl_matcher_config {
    struct sl_fields *fields;       /* borrowed, compiled: those the rules were loaded with */
    uint64_t (*now_ms)(void *user); /* for rate_limit; NULL: time stands still */
    void *user;
};
struct sl_matcher *sl_matcher_new(const struct sl_rules *r, const struct sl_matcher_config *config);
void sl_matcher_free(struct sl_matcher *m);

/* Decides one record. No allocation, no system call. */
void sl_route(struct sl_matcher *m, const struct sl_record *record, struct sl_decision *ret);
/* The record of the last sl_route() was not taken and will come again: what rate_limit counted of
 * it is given back. Behind sl_route_note(): of all records since then, and that is over. */
void sl_route_undo(struct sl_matcher *m);
/* A message of many records is taken whole or not at all, so they are routed twice: to see where
 * there has to be room, and to be handed out. The same must come of it, and count once: from
 * sl_route_note() on what rate_limit says is noted; from sl_route_repeat() on it says the same to
 * the same records in the same order, and counts nothing, until sl_route_end(). */
void sl_route_note(struct sl_matcher *m);
void sl_route_repeat(struct sl_matcher *m);
void sl_route_end(struct sl_matcher *m);
/* From now on the rule is not tried any more: what it could have matched goes where rule_errors
 * says. This is a version of its own: the caller names it so. */
void sl_route_set_aside(struct sl_matcher *m, unsigned rule);
/* Rules that matched in the last sl_route(), in order, those with `continue` among them. */
const unsigned *sl_matcher_matched(const struct sl_matcher *m, size_t *ret_n);

#endif
