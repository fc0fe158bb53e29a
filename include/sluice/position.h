/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_POSITION_H
#define SLUICE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "sluice/message.h"

/* Positions: what may be committed (design, section 5). Implemented in position/tracker.c.
 *
 * A struct sl_partition is one *assignment* of one topic partition to this process: an epoch. When
 * the assignment ends the object is marked ended and forgotten by the reader, and a later
 * assignment of the same partition makes a new one. A late acknowledgement therefore meets an ended
 * object and changes nothing that could be committed: the epoch check is the identity of the
 * object.
 *
 * Per sink the partition keeps a list of spans, the outstanding work, ascending by first offset.
 * The sink's position is the first offset of the first span, or, when there is none, the next
 * offset to be routed. A span is covered by a *hold*: the share that one unit of delivery (a batch,
 * or all the objects of one S3 cut) has in positions. A hold may span several partitions, and
 * several batches may share a hold (the halves of a split batch, the objects of a cut); the spans
 * go when the last batch lets go. There is no state per record.
 *
 * Order is what makes this cheap: records are routed in offset order, so a new span always begins
 * at or after the last one, and lists stay sorted by appending. */

struct sl_hold;

struct sl_span {
    struct sl_list node;     /* in sl_partition.sinks[sink].spans */
    struct sl_list crc_node; /* in sl_partition.crcs while the hold is open and sums */
    struct sl_hold *hold;
    struct sl_partition *partition; /* a reference */
    int64_t first;                  /* of the first record covered */
    int64_t last;                   /* of the last record covered so far */
    uint32_t crc; /* over every record read from first on (SL_HOLD_CRC holds), routed or not */
};

struct sl_sink_position {
    struct sl_list spans;
    int64_t from; /* records below it had their outcome in an earlier epoch: not routed again */
    void *cut;    /* private to sink/: the open cut of this partition */
};

struct sl_partition {
    struct sl_topic *topic;
    int32_t number;
    uint64_t epoch; /* counts assignments in this process; for logs */
    bool ended;     /* the assignment is over: nothing of it is committed any more */
    bool draining;  /* being revoked: nothing new is routed */
    bool stopped;   /* out of range, or unreadable: assigned, but read no further */
    unsigned refs;
    int64_t next;           /* next offset to be routed; -1 until known */
    uint8_t place[8];       /* head of the hash over cluster id, topic and number: record ids */
    int64_t committed;      /* last offset that the broker confirmed; -1 unknown */
    uint64_t noted, noting; /* fingerprints of the positions last committed, and under way */
    int64_t log_end;        /* newest known end offset, for lag; -1 unknown */
    int64_t cut_over;       /* records below it were judged by other rules than the live ones, for
                               some sink at least; 0: none */
    void *reader;           /* private to the reader (kafka/) */
    size_t n_sinks;
    struct sl_list crcs; /* private: spans that sum every record read */
    struct sl_sink_position sinks[];
};

struct sl_hold {
    size_t sink; /* index */
    unsigned refs;
    bool crc;
    struct sl_span **spans;
    size_t n, cap;
    size_t recent; /* private: the span covered last */
};

/* place is hashed from cluster_id (may be ""). The caller owns the one reference. */
struct sl_partition *sl_partition_new(struct sl_topic *topic, int32_t number, uint64_t epoch,
                                      size_t n_sinks, const char *cluster_id);
struct sl_partition *sl_partition_ref(struct sl_partition *p);
void sl_partition_unref(struct sl_partition *p); /* NULL is fine */

int64_t sl_partition_position(const struct sl_partition *p,
                              size_t sink); /* -1: nothing known yet */
int64_t sl_partition_least(
    const struct sl_partition *p); /* least position over all sinks: what to commit */
bool sl_partition_idle(const struct sl_partition *p); /* no sink has anything outstanding */

/* The record at `offset` has been handed to every sink that its rules chose. Call once for every
 * message that was read, routed or not, in order, after the sinks took it. value_crc: CRC-32C of
 * the value. */
void sl_partition_advance(struct sl_partition *p, int64_t offset, int64_t timestamp_ms,
                          uint32_t value_crc);
/* The log goes on at `next` (control records, compaction, partition EOF): only ever forward. */
void sl_partition_skip(struct sl_partition *p, int64_t next);

/* ---- positions beside the committed offset (position/metadata.c) ----
 *
 * The group commits the least position. So that a restart or a rebalance sends a sink only what it
 * lacks, each sink's own position goes with it, in the commit's metadata, as one ASCII line:
 *
 *     1;b=<base>;r=<rules>;<sink>=<delta>;...
 *
 * base: the committed offset, decimal; rules: the head of the rules' hash; sink: the head of the
 * hash of the sink's id; delta: its position less the base, base 36, left out where it is 0.
 *
 * It is a hint: the offset alone loses nothing. It counts only when its base equals the committed
 * offset, so that an operator's reset of the offset wins, and only under the same rules: a record
 * below one sink's position and above another's must be judged for both by one version, else it
 * could end without an outcome.
 *
 * Rules that change while partitions are read make a cut-over in each of them: at the next offset,
 * or beyond it at the position of a sink that is ahead. What lies below was judged by the old
 * rules, what lies above by the new, so until the least position has reached it no line is written:
 * none could be true of both. Without a line every sink goes on at the committed offset. */

struct sl_position_names {
    const char *const *sink_ids; /* by sink index */
    const char *rules;           /* hex hash over all that decides where records go */
};

enum { SL_METADATA_MAX = 2048 }; /* bytes; brokers refuse more than 4,096 */

/* Writes the line, NUL-ended, and returns its length; 0 when there is nothing to say (no sink is
 * ahead) or nothing that would hold (below a cut-over). */
size_t sl_metadata_write(const struct sl_partition *p, const struct sl_position_names *names,
                         char ret[SL_METADATA_MAX]);
/* Sets each sink's `from`. False, and nothing is set: the line is not ours, damaged, or void. */
bool sl_metadata_read(struct sl_partition *p, const struct sl_position_names *names,
                      int64_t committed, struct sl_slice line);
/* Other rules are live from here on. */
void sl_partition_cut_over(struct sl_partition *p);
/* Some sink has had records that are still to be read for the others. */
bool sl_partition_has_gap(const struct sl_partition *p);
/* Changes when any sink's position changes. */
uint64_t sl_partition_fingerprint(const struct sl_partition *p);

/* A new hold with one reference and no span. crc: its spans sum every record read. */
struct sl_hold *sl_hold_new(size_t sink, bool crc);
struct sl_hold *sl_hold_ref(struct sl_hold *h);
void sl_hold_unref(struct sl_hold *h); /* the last one takes its spans off the partitions */
/* The record at `offset`, which is about to be routed, belongs to the hold. Returns the span's
 * index. */
size_t sl_hold_cover(struct sl_hold *h, struct sl_partition *p, int64_t offset);
/* Nothing more is covered: `last` and `crc` of the spans are final. */
void sl_hold_close(struct sl_hold *h);

#endif
