/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_PLAN_COMPARE_H
#define SL_CLI_PLAN_COMPARE_H

#include "cli/offline.h"

/* Each record is judged by the old rules and by the new ones, and what differs is counted by kinds:
 * a *class* is everything that can be said of how a record's way changes, without the record. So a
 * million records that all change alike are one class with one example. Memory grows with the
 * number of classes and rules only, and both are bounded; the records stream through.
 *
 * Rules are the same when they have the same name. Without one they are called by their line, and
 * one put in above would rename all below it: so those of a YAML file are known by their
 * conditions, and rows of a rule table are one rule, their file, as in the metrics. */

enum {
    SL_COMPARE_CLASSES_MAX = 500,   /* what else changes is counted in one number */
    SL_COMPARE_DIFFERENCES_MAX = 5, /* members that an example tells of, a sink */
};

enum sl_compare_side { SL_COMPARE_BEFORE, SL_COMPARE_AFTER, SL_COMPARE_SIDES };

struct sl_compare_rule {
    char *name; /* owned */
    bool exists[SL_COMPARE_SIDES];
    uint64_t records[SL_COMPARE_SIDES]; /* that it matched */
};

struct sl_compare_sink {
    uint64_t records[SL_COMPARE_SIDES], bytes[SL_COMPARE_SIDES]; /* as sent, before compression */
};

/* Where a record goes. Rules are indexes into sl_compare.rules. These two have no padding: they are
 * compared as bytes. */
struct sl_compare_way {
    uint64_t sinks;
    uint32_t rule;    /* that decided */
    uint16_t dropped; /* enum sl_drop_reason + 1; 0: it is not */
    uint16_t limit;   /* the rule met its limits */
};

struct sl_compare_change {
    struct sl_compare_way way[SL_COMPARE_SIDES];
    uint64_t bytes;   /* sinks that get other bytes of the record */
    uint64_t places;  /* sinks where it goes elsewhere: another index, another key */
    uint64_t matched; /* other rules matched, those that decided apart */
};

struct sl_compare_class {
    struct sl_compare_change change;
    uint64_t records;
    size_t order;           /* in which classes were met */
    char *place, *value;    /* owned; of the first record: where it was, and its value */
    char *differences;      /* owned; lines, for people; "" for none */
    char *differences_json; /* owned; the members of an array */
};

struct sl_compare {
    const struct sl_config *config;
    struct sl_offline *side[SL_COMPARE_SIDES]; /* borrowed */

    uint64_t records, tombstones, changed, others; /* others: changed, and past the last class */
    uint64_t dropped[SL_COMPARE_SIDES][4];         /* by enum sl_drop_reason */
    uint64_t limits[SL_COMPARE_SIDES];
    struct sl_compare_rule *rules; /* rules[0]: unmatched */
    size_t n_rules;
    struct sl_compare_sink sinks[SL_SINKS_MAX];
    struct sl_compare_class *classes; /* by count, once sl_compare_finish() was called */
    size_t n_classes;

    /* Private. */
    uint32_t *rows[SL_COMPARE_SIDES]; /* by rule index: its place in `rules` */
    struct sl_buf preview[SL_COMPARE_SIDES], json[SL_COMPARE_SIDES], text, members;
};

void sl_compare_init(struct sl_compare *p, struct sl_offline *before, struct sl_offline *after);
void sl_compare_release(struct sl_compare *p);
void sl_compare_record(struct sl_compare *p, const struct sl_input_record *in);
void sl_compare_finish(struct sl_compare *p);

/* ---- plan_differences.c ---- */
/* What differs between what a sink would get; appends lines and members of an array. */
void sl_compare_differences(struct sl_compare *p, unsigned sink, const struct sl_choice *before,
                            const struct sl_choice *after);
void sl_compare_matched(struct sl_compare *p); /* which rules matched, before and after */

/* ---- plan_print.c ---- */
void sl_compare_text(const struct sl_compare *p, struct sl_buf *out);
void sl_compare_json(const struct sl_compare *p, struct sl_buf *out);

#endif
