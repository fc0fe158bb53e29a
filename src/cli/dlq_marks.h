/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_MARKS_H
#define SL_CLI_DLQ_MARKS_H

#include "cli/dlq_letter.h"
#include "kafka/write.h"

/* Writes marks (dlq_letter.h) for letters whose delivery was confirmed: a few of them in one, and
 * none of them late. */

struct sl_marks_part {
    char *topic;
    int32_t partition;
    int64_t *offsets;
    size_t n, cap;
};

struct sl_marks {
    struct sl_kafka_writer *writer; /* borrowed */
    struct sl_marks_part *parts;
    size_t n;
    size_t letters; /* not written yet */
    int64_t oldest_ms;
    uint64_t failed; /* marks that Kafka did not take */
    char why[512];   /* of the last of these */
};

void sl_marks_init(struct sl_marks *m, struct sl_kafka_writer *writer);
void sl_marks_release(struct sl_marks *m);
void sl_marks_add(struct sl_marks *m, const char *topic, int32_t partition, int64_t offset,
                  int64_t now_ms);
/* Writes what has waited long enough, or all. */
void sl_marks_flush(struct sl_marks *m, int64_t now_ms, bool all);

#endif
