/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_SETUP_H
#define SL_KAFKA_SETUP_H

#include "base/error.h"
#include "ops/log.h"
#include "sluice/config.h"

/* The topics that Sluice needs besides those it reads: for dead letters and for its state. Created
 * where missing, looked at where they are. Everything blocks.
 *
 * A dead-letter topic gets one partition (letters are few), is kept for 30 days (somebody has to
 * see them, and mend something), and takes messages somewhat larger than the largest of the source,
 * so that a letter holds its record. The state topic gets one partition and is compacted. Both get
 * three replicas, or as many as there are brokers. What is there already is never changed. */

enum { SL_LETTERS_KEPT_DAYS = 30 };

enum sl_topic_use { SL_TOPIC_LETTERS, SL_TOPIC_STATE, SL_TOPIC_SOURCE };

enum sl_topic_status {
    SL_TOPIC_THERE,
    SL_TOPIC_MISSING, /* dry run: it would be created; a source: it is simply not there */
    SL_TOPIC_CREATED,
    SL_TOPIC_REFUSED, /* `why` says it */
};

struct sl_kafka_topic {
    char *name;
    enum sl_topic_use use;
    enum sl_topic_status status;
    int partitions, replication;
    /* Settings; unknown where topics may not be described. */
    int min_insync;            /* 0: unknown */
    int64_t max_message_bytes; /* -1: unknown */
    int64_t retention_ms;      /* -1: without end, or unknown */
    bool described, compacted;
    char why[512];
};

struct sl_kafka_setup {
    struct sl_kafka_topic *topics; /* letters, state, then sources */
    size_t n;
    int brokers;
    char **warnings; /* one sentence each */
    size_t n_warnings;
};

/* SL_OK, also where topics were refused; an error when the cluster cannot be asked. dry: nothing is
 * created, but the cluster is asked whether it would. On an error *ret needs no release. */
int sl_kafka_setup(const struct sl_config *config, struct sl_log *log, bool dry,
                   struct sl_kafka_setup *ret, struct sl_error *err);
void sl_kafka_setup_release(struct sl_kafka_setup *s);
/* What is wrong with the topics as they are; called by sl_kafka_setup(). */
void sl_kafka_setup_judge(struct sl_kafka_setup *s);
/* "dead-letter topic", "state topic", "source topic" */
const char *sl_topic_use_name(enum sl_topic_use use);

/* For `sluice run`, on a pool thread: creates what is missing and logs a line for each topic made
 * or refused and each warning. SL_OK: all are there. */
int sl_kafka_ensure_topics(const struct sl_config *config, struct sl_log *log,
                           struct sl_error *err);

#endif
