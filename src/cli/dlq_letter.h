/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_CLI_DLQ_LETTER_H
#define SL_CLI_DLQ_LETTER_H

#include "base/buf.h"
#include "base/error.h"
#include "kafka/read.h"

/* What stands in a dead-letter topic: letters, and marks.
 *
 * A letter is the refused record's key, value and headers, and behind these one run of `sluice-*`
 * headers that says who refused it and why (interface.md, "Dead letters"). A record may bring
 * headers of these names itself, so only the last run counts.
 *
 * A mark says which letters have been redriven. It is how redriving is remembered without a
 * database: a record without key and value, in the *same partition* as its letters, whose header
 *
 *     sluice-redriven: <partition>/<offset>,<offset>-<offset>,...
 *
 * names their offsets. It is written when the delivery was confirmed and not before. Standing
 * behind its letters in their own partition it is never deleted by retention while one of them is
 * left. Whoever reads a dead-letter topic without Sluice passes over records that have no value and
 * no `sluice-sink`. */

#define SL_MARK_HEADER "sluice-redriven"

struct sl_dead_letter {
    /* where the letter stands */
    const char *topic;
    int32_t partition;
    int64_t offset;
    const struct sl_message *message; /* key, value; its first n_headers are the record's own */
    size_t n_headers;
    /* why it is there; text is borrowed from the message */
    struct sl_slice sink, reason, rule; /* rule: p == NULL where unknown */
    int status;                         /* 0: none */
    int64_t time_ms;                    /* when it was refused; -1: unknown */
    /* the record it was */
    struct sl_slice source_topic;
    int32_t source_partition;
    int64_t source_offset;
    uint32_t source_index;
    int64_t source_ms; /* Kafka's time of the record; -1: the letter does not tell */
    /* "value", or "value,headers,key": left out, for the topic found it too large; "": whole */
    struct sl_slice truncated;
};

enum sl_letter_kind { SL_LETTER_NONE, SL_LETTER_DEAD, SL_LETTER_MARK };

/* What the record is; SL_LETTER_DEAD fills *ret, which borrows from r. NONE: nothing of Sluice's.
 */
enum sl_letter_kind sl_dead_letter_read(const struct sl_kafka_record *r,
                                        struct sl_dead_letter *ret);
/* "logs.dead/0/17" */
void sl_dead_letter_place(const struct sl_dead_letter *l, struct sl_buf *out);
void sl_dead_letter_source(const struct sl_dead_letter *l, struct sl_buf *out);
/* TOPIC/PARTITION/OFFSET; false: it is none. *ret_topic is a part of `text`. */
bool sl_place_parse(const char *text, struct sl_slice *ret_topic, int32_t *ret_partition,
                    int64_t *ret_offset);

/* ---- which letters of one partition have been redriven ---- */

enum { SL_MARK_TEXT_MAX = 8192 };

struct sl_redriven {
    int32_t partition;
    int64_t low, high; /* low <= offset < high: one bit each */
    uint64_t *bits;
};

/* SL_ELIMIT: more offsets than this keeps account of. */
int sl_redriven_init(struct sl_redriven *r, int32_t partition, int64_t low, int64_t high,
                     struct sl_error *err);
void sl_redriven_release(struct sl_redriven *r);
bool sl_redriven_has(const struct sl_redriven *r, int64_t offset);
void sl_redriven_add(struct sl_redriven *r, int64_t first, int64_t last);
/* Takes what a mark's header names. A mark counts only for its own partition and for letters that
 * stand before it. */
void sl_redriven_mark(struct sl_redriven *r, const struct sl_kafka_record *mark);
/* Writes the header of a mark for offsets, ascending, from *at on; *at moves behind those that
 * found room. */
void sl_mark_write(int32_t partition, const int64_t *offsets, size_t n, size_t *at,
                   struct sl_buf *out);

#endif
