/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_AUDIT_PRIVATE_H
#define SIM_AUDIT_PRIVATE_H

#include "audit.h"

/* The auditor's files among themselves. */

enum { VERSIONS_MAX = 64 };

struct audit_version {
    unsigned table, sinks;
    char head[13]; /* of its hash */
};

struct audit_object {
    struct audit_object *next;
    char *key;
    size_t prefix_n;
    int number;
    unsigned incarnation;
    int64_t first, last;
    char hash[17]; /* of its name; one that goes beside another has -r<n> behind it */
};

struct audit_plan {
    struct audit_plan *next;
    unsigned sink;
    int number;
    unsigned incarnation;
    int64_t first, end;
    bool torn; /* retention took of it what whoever comes next would need to repeat it */
};

struct audit_partition {
    struct source_record **records; /* by offset */
    size_t n, cap;
    size_t checked;          /* all before it have outcomes */
    unsigned known, carried; /* sinks of the last line, as bits */
    bool excused; /* S3 may repeat its records: a commit landed late, or positions were void */
};

struct audit {
    struct source_record **records;
    size_t n, cap;
    struct audit_partition parts[PARTITIONS];
    struct audit_version versions[VERSIONS_MAX];
    size_t n_versions;
    struct audit_object *objects[SINKS_MAX];
    struct audit_plan *plans;
    size_t n_plans;
    uint64_t disturbances, asked, sent_us; /* the request that delivers now */
    bool zombie;
    bool lost;                        /* retention has taken anything */
    uint64_t told_expired[SINKS_MAX]; /* offsets, by all that have ended */
    uint64_t let_go[REPLICAS_MAX];
    size_t largest; /* most that the records of one message take of a queue */
    struct counts counts;
    struct seen *seen; /* reach.c: by replica and partition */
};

struct audit_partition *audit_partition(const struct k_partition *p);
/* Of the partition, what was recorded does not hold any more, and nobody is to blame. */
void audit_excuse(struct audit_partition *ap);
/* Other rules may judge its records than those that are known to have done so. */
void audit_unbind(struct audit_partition *ap);
bool audit_explained(const struct source_record *r, unsigned sinks);
unsigned audit_carried(const char *metadata); /* sinks that a line carries, as bits */
/* The record whose bytes these are; NULL: a finding. */
struct source_record *audit_recognise(unsigned sink, const char *json, size_t n);
void audit_note(struct source_record *r, unsigned sink); /* it has come */
void audit_plan_names(unsigned sink, const struct audit_object *o);
void audit_tear_plans(struct k_partition *p); /* retention has come into those of the line */
/* It is the cut of a plan that cannot be repeated any more. */
bool audit_torn(unsigned sink, const struct audit_object *o);

#endif
