/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_GROUPS_H
#define SL_CLI_DLQ_GROUPS_H

#include "base/buf.h"
#include "base/error.h"
#include "cli/dlq_letter.h"

/* Letters counted by what they have in common. Reasons hold what differs from record to record
 * (ids, places in a document, values); grouped by, they count as one where only numbers and what
 * stands in quotes differ: `failed to parse field [status] in document with id '…'`. */

enum sl_dlq_part {
    SL_DLQ_BY_SINK,
    SL_DLQ_BY_RULE,
    SL_DLQ_BY_STATUS,
    SL_DLQ_BY_TOPIC, /* the record's */
    SL_DLQ_BY_DAY,
    SL_DLQ_BY_HOUR,
    SL_DLQ_BY_REASON, /* last: it is as wide as it is */
    SL_DLQ_PARTS
};

enum { SL_DLQ_GROUPS_MAX = 10000 }; /* further ones are counted together */

struct sl_dlq_group {
    char *parts[SL_DLQ_PARTS]; /* NULL where not grouped by, and in the one for the rest */
    uint64_t n;
    int64_t first_ms, last_ms; /* -1: unknown */
    char *example;             /* place of the letter seen last */
    uint64_t hash;             /* private */
};

struct sl_dlq_groups {
    bool by[SL_DLQ_PARTS];
    struct sl_dlq_group *items;
    size_t n;
    struct sl_dlq_group rest; /* n 0: none */
    uint64_t letters;
    /* Private. */
    size_t *slots, n_slots;
    struct sl_buf key;
};

/* by: "sink,reason,hour"; NULL: sink, rule, status and reason. */
int sl_dlq_groups_init(struct sl_dlq_groups *g, const char *by, struct sl_error *err);
void sl_dlq_groups_release(struct sl_dlq_groups *g);
void sl_dlq_groups_add(struct sl_dlq_groups *g, const struct sl_dead_letter *l);
void sl_dlq_groups_sort(struct sl_dlq_groups *g); /* most letters first; nothing is added after */
void sl_dlq_groups_text(const struct sl_dlq_groups *g, struct sl_buf *out);
void sl_dlq_groups_json(const struct sl_dlq_groups *g, struct sl_buf *out); /* an array */

/* The reason without what differs from record to record. */
void sl_dlq_pattern(struct sl_slice reason, struct sl_buf *out);
/* "2026-01-31T12:00:00.5Z", or "-" where unknown */
void sl_dlq_time(int64_t ms, struct sl_buf *out);

#endif
