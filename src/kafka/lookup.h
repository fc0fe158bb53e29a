/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_LOOKUP_H
#define SL_KAFKA_LOOKUP_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "sluice/config.h"
#include "sluice/runtime.h"

/* Where a partition starts to be read: asked of the cluster on a pool thread, decided by a pure
 * function.
 *
 * `start` is for a topic's first assignment in the group. It is the first when no partition of the
 * topic, assigned here or elsewhere, has a committed offset; otherwise a partition without one was
 * added later and is read from its beginning. With `latest` the member that finds none therefore
 * commits the ends of *all* partitions of the topic, else the next member would take its own for
 * added ones and read the whole log. The partitions that are not its own are looked up once more
 * right before, and only those that still have none are committed. */

enum sl_verdict {
    SL_READ_AT,     /* read from `start`; commit it first when `commit` */
    SL_READ_STOP,   /* out of range, and the configuration says stop; or never read at all */
    SL_READ_REFUSE, /* start: fail, and nothing is committed */
};

struct sl_lookup_item {
    char *topic;
    int32_t number;
    int64_t committed; /* -1: none */
    char *metadata;    /* committed with it; NULL: none */
    int64_t low, high;
    bool first;                   /* no partition of the topic has a committed offset */
    bool own;                     /* false: only its end is to be committed */
    bool ask_policy;              /* whether the topic is compacted */
    bool policy_known, compacted; /* the answer, where there was one */
    rd_kafka_resp_err_t err;

    enum sl_verdict verdict;
    int64_t start;
    bool commit;
    bool gone; /* committed was out of range */
    char why[160];
};

struct sl_lookup {
    struct sl_work work;
    void (*done)(struct sl_lookup *s);
    void *user;
    rd_kafka_t *rk;
    enum sl_start policy;
    enum sl_out_of_range out_of_range;
    bool bounds_only; /* of partitions already being read: `committed` holds the position */
    bool lines;       /* sinks' own positions are kept beside the offset */
    bool give_up;     /* partitions that cannot be looked up become stopped ones */
    int timeout_ms;   /* of one call */
    atomic_bool cancel;
    bool want_cluster_id;
    char *cluster_id;

    struct sl_lookup_item *items;
    size_t n, cap;
    bool failed;
    char text[256]; /* why it failed */
};

struct sl_lookup *sl_lookup_new(rd_kafka_t *rk, const struct sl_source_config *source);
void sl_lookup_free(struct sl_lookup *s);
struct sl_lookup_item *sl_lookup_add(struct sl_lookup *s, const char *topic, int32_t number);
/* Asks the cluster, then judges every item: s->done on the loop thread. May be run again after a
 * failure. */
void sl_lookup_run(struct sl_lookup *s, struct sl_runtime *rt);
/* The blocking part of it. */
void sl_lookup_ask(struct sl_lookup *s);
/* The decision for one item: committed, metadata, low, high and first in, the rest out. lines: an
 * offset that is gone is not out of range where the line beside it says that some sink is past
 * that (or any is named, where reading is to go on at the beginning): what the others lack has
 * expired for them, which is no question of where to read. */
void sl_lookup_judge(struct sl_lookup_item *item, enum sl_start policy,
                     enum sl_out_of_range out_of_range, bool lines);

#endif
