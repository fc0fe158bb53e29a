/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_SCAN_H
#define SL_CLI_DLQ_SCAN_H

#include "cli/dlq_letter.h"
#include "sluice/config.h"

/* All dead-letter topics of a configuration, read from beginning to end: once for the marks (which
 * stand behind the letters that they are about), then for the letters that are left. What is
 * written after the first reading began is not seen. Memory: one bit an offset, and the client's
 * prefetch. */

struct sl_dlq_topic {
    const char *name;
    bool exists;
    struct sl_redriven *partitions;
    size_t n;
    uint64_t letters, redriven, others; /* redriven: of the letters; others: no letter, no mark */
};

/* What is shown on standard error of work that takes its time: on a terminal one line that changes,
 * elsewhere a line now and then. */
struct sl_dlq_progress {
    const char *command;
    bool terminal, shown;
    uint64_t began_ms, last_ms;
};

struct sl_dlq_scan {
    const struct sl_config *config;
    struct sl_kafka_reader *reader;
    struct sl_dlq_topic *topics;
    size_t n;
    struct sl_dlq_progress progress;
    bool (*stop)(void *user); /* asked while reading; NULL: never */
    void *user;
    bool stopped; /* it said so */

    /* Private. */
    struct sl_dlq_topic *at;
    uint64_t read, to_read;
};

/* SL_ECONFIG: no sink has a dead-letter topic. Topics that are not there yet are told on standard
 * error. On an error *ret needs no release. */
int sl_dlq_scan_open(const struct sl_config *config, const char *command, bool (*stop)(void *user),
                     void *user, struct sl_dlq_scan *ret, struct sl_error *err);
void sl_dlq_scan_release(struct sl_dlq_scan *s);

/* Letters that have not been redriven, in the order of the offsets in each partition. False:
 * enough.
 */
typedef bool (*sl_dlq_letter_fn)(void *user, const struct sl_dead_letter *l);
int sl_dlq_scan_letters(struct sl_dlq_scan *s, sl_dlq_letter_fn take, void *user,
                        struct sl_error *err);
/* Whether this one has been redriven. */
bool sl_dlq_scan_done(const struct sl_dlq_scan *s, const struct sl_dead_letter *l);

void sl_dlq_progress_init(struct sl_dlq_progress *p, const char *command);
void sl_dlq_progress(struct sl_dlq_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void sl_dlq_progress_hide(struct sl_dlq_progress *p);

#endif
