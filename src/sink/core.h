/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_CORE_H
#define SL_SINK_CORE_H

#include "ops/log.h"
#include "ops/metrics.h"
#include "sluice/sink.h"

/* The inside of a sink, shared by the files of the core: sink.c (construction, append), batch.c
 * (memory of a batch), queue.c (which batch is where, dispatch), retry.c (back-off, concurrency,
 * stalls), policy.c (outcome -> what happens) and letters.c (dead letters). Sink types never
 * include this.
 *
 * A *cut* is a set of open batches that share a hold and close together. Most sinks have one open
 * cut with one batch, which covers all partitions. With SL_SINK_CUTS each partition has its own
 * cut, and with SL_SINK_KEYED a cut has one batch a key: closing an S3 cut closes every open object
 * of that partition at one offset, so that what is uploaded is a range of the log and nothing else.
 */

enum {
    SL_WINDOW = 1000,      /* records over which the share of refused ones is judged */
    SL_FAILURES_STALL = 3, /* failed requests in a row after which the sink probes one at a time */
    SL_PARK_MS =
        5 * 60 * 1000, /* how long 403/404 of single indexes are tried before the dead letter */
    SL_RETRY_AFTER_MAX_MS = 5 * 60 * 1000,
    SL_DELAY_RUNS_MAX = 256,
    SL_BATCH_OVERHEAD = 512, /* counted for a batch's own structs */
    SL_BATCH_DATA_MAX = 1 << 30,
    SL_BATCH_ORIGINAL = 32, /* most that an original's lengths take beside its bytes and headers */
};

struct sl_delay_run {
    int64_t time_ms;
    uint64_t records;
};

struct sl_cut {
    struct sl_list node;            /* in sl_core.cuts */
    struct sl_hold *hold;           /* a reference */
    struct sl_partition *partition; /* SL_SINK_CUTS: borrowed from the hold's span; else NULL */
    struct sl_batch **batches;      /* open ones, owned until closed */
    uint64_t *keys;                 /* hash of each batch's key */
    size_t n, cap;
    size_t recent; /* batch used last */
    uint64_t opened_ms;
    bool due; /* reached a limit: closes at the end of this turn */
};

struct sl_core {
    struct sl_sink *sink;
    struct sl_list cuts; /* open */
    size_t open_batches, open_max;
    struct sl_list closed; /* to be sealed */
    struct sl_list ready;
    struct sl_list busy; /* SEALING, SENDING, WAITING, LETTERS */
    unsigned sealing, sending;
    bool due;         /* some cut is due */
    unsigned blocked; /* batches with a record that can go nowhere: stalled while there is one */
    bool freeing;     /* sl_sink_free() waits for the pool threads */
    size_t bytes, open_bytes; /* counted against the queue; the part in open batches */
    double sent_ratio;        /* bytes sent per byte encoded, learnt from what was sealed */
    double wire_ratio;        /* bytes of `wire` per byte encoded, likewise */
    struct sl_buf scratch;    /* keys */

    enum sl_sink_state state;
    char reason[512];
    unsigned failures;      /* requests failed in a row */
    unsigned stalls;        /* probes failed in a row */
    double concurrency;     /* AIMD: requests allowed in flight */
    uint64_t not_before_ms; /* Retry-After for the whole sink */
    uint64_t last_shrink_ms;
    bool probe_due; /* stalled: one batch may be sent */
    struct sl_timer age_timer, dispatch_timer, probe_timer;
    uint64_t log_ms, stall_log_ms, park_log_ms;
    bool stall_told; /* the log has the stall, so its end is told as well */

    uint8_t window[SL_WINDOW]; /* ring: 1 is refused */
    size_t window_at, window_refused;
};

/* ---- batch.c ---- */
/* CLOSED and empty, in no list; takes a reference of hold. */
struct sl_batch *sl_batch_new(struct sl_sink *s, struct sl_hold *hold,
                              struct sl_rules_version *rules);
void sl_batch_free(struct sl_batch *b);   /* uncounts its bytes, releases its hold */
void sl_batch_charge(struct sl_batch *b); /* counts its bytes again */
void sl_batch_push_item(struct sl_batch *b, const struct sl_item *item);
void sl_batch_note_time(struct sl_batch *b, int64_t time_ms);
/* Keeps what cannot be read back from data: key, headers and, unless verbatim, the value. */
void sl_batch_keep_original(struct sl_batch *b, struct sl_item *item, const struct sl_message *m);
/* Gives the original back: letter's key, value, headers (headers: SL_HEADERS_MAX of room) point
 * into the batch and scratch. */
void sl_batch_original(struct sl_batch *b, const struct sl_item *item, struct sl_letter *letter,
                       struct sl_header *headers, struct sl_buf *scratch);
void sl_batch_compact(struct sl_batch *b); /* removes items that are gone; data keeps the others */
/* A new batch, sharing the hold, of the items with this outcome, which leave b (b is not
 * compacted). */
struct sl_batch *sl_batch_extract(struct sl_batch *b, enum sl_outcome outcome);
/* A new batch, sharing the hold, of the second half of b's items. */
struct sl_batch *sl_batch_halve(struct sl_batch *b);
/* Marks the items of ended assignments gone; returns how many records that were. */
size_t sl_batch_mark_ended(struct sl_batch *b);
bool sl_hold_any_ended(const struct sl_hold *h);         /* some span's assignment has ended */
bool sl_batch_all_ended(const struct sl_batch *b);       /* every span's assignment has ended */
size_t sl_batch_extra_bound(const struct sl_message *m); /* what keeping key and headers takes */

/* ---- queue.c ---- */
void sl_queue_close_cut(struct sl_sink *s, struct sl_cut *cut);
struct sl_cut *sl_queue_largest(const struct sl_core *c); /* NULL: nothing is open */
void sl_queue_pump(struct sl_sink *s);                    /* seals and sends what may be */
void sl_queue_ready(struct sl_batch *b, bool front); /* (back) to the queue, as it was sealed */
void sl_queue_reseal(struct sl_batch *b); /* items were removed: to the queue, to be sealed first */
void sl_queue_wait(struct sl_batch *b, uint64_t delay_ms);
void sl_queue_finish(struct sl_batch *b); /* settled: positions may move */
/* Closes what holds most until at most `keep` bytes are open. */
void sl_queue_keep_open(struct sl_sink *s, size_t keep);
void sl_queue_arm_age(struct sl_sink *s);
void sl_queue_on_age(struct sl_timer *t);
void sl_queue_on_dispatch(struct sl_timer *t);
bool sl_queue_prune(
    struct sl_batch *b); /* lets go of ended assignments; true: b was freed or cut */
/* Whether a record that makes so many bytes is never sent (sink.c). */
bool sl_sink_too_large(const struct sl_sink *s, const struct sl_record *r, size_t bound);
void sl_sink_free_now(struct sl_sink *s); /* the second half of sl_sink_free() (sink.c) */

/* ---- retry.c ---- */
uint64_t sl_retry_delay(struct sl_sink *s, unsigned attempts, unsigned retry_after_ms);
void sl_retry_shrink(struct sl_sink *s);
void sl_retry_grow(struct sl_sink *s);
void sl_retry_stall(struct sl_sink *s, const char *reason);
void sl_retry_live(struct sl_sink *s);
void sl_retry_keep_probing(struct sl_sink *s);
void sl_retry_on_probe(struct sl_timer *t);

/* ---- policy.c ---- */
void sl_policy_settle(struct sl_batch *b, const struct sl_result *result);
void sl_policy_window(struct sl_core *c, bool refused, size_t n);

/* ---- letters.c ---- */
void sl_letters_start(struct sl_batch *b); /* b: busy; all its items are refused */
void sl_letters_drop(struct sl_batch *b);  /* forgets those under way */
/* Lets go of records of ended assignments whose letters are not under way; true: b was freed. */
bool sl_letters_prune(struct sl_batch *b);

#endif
