/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_CORE_H
#define SL_SINK_CORE_H

#include "ops/log.h"
#include "ops/metrics.h"
#include "sluice/sink.h"

/* The inside of a sink, shared by the files of the core: sink.c (construction, the end), room.c
 * (whether there is room), take.c (append), cut.c (open cuts), batch.c (memory of a batch), queue.c
 * (which batch is where, dispatch), gate.c (plans), original.c (what dead letters need), retry.c
 * (back-off, concurrency, stalls), policy.c (outcome -> what happens), letters.c (dead letters) and
 * books.c (the ledger). Sink types never include this.
 *
 * A *cut* is a set of open batches that share a hold and close together. Most sinks have one open
 * cut a reader (the live one, and the one that catches up: position.h) with one batch, which covers
 * all partitions. With SL_SINK_CUTS each partition has its own cuts, and with SL_SINK_KEYED a cut
 * has one batch a key: closing an S3 cut closes every open object of that partition at one offset,
 * so that what is uploaded is a range of the log and nothing else. A cut has one version of the
 * rules.
 *
 * A cut of the side reader that begins where a plan is to be repeated (position.h) is *repeating*:
 * until it has reached the plan's end no limit closes it, for it must be the same object again. It
 * is closed there, or let go.
 *
 * What a sink with SL_SINK_CUTS has closed and sealed waits as GATED: its plan must be recorded
 * before it is sent, and only the oldest cut of a partition has a plan. GATED batches are looked at
 * when plans were confirmed, when a hold has gone, when a hand-over is complete, and not in
 * between.
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
    struct sl_rules_version *rules; /* a reference */
    struct sl_partition *partition; /* SL_SINK_CUTS: borrowed from the hold's span; else NULL */
    struct sl_batch **batches;      /* open ones, owned until closed */
    uint64_t *keys;                 /* hash of each batch's key */
    size_t n, cap;
    uint32_t *slots; /* by hash of the key: 1 + batch, or 0; twice as many as batches at least */
    size_t n_slots;  /* a power of two; 0: batches are few and looked through */
    size_t recent;   /* batch used last */
    uint64_t opened_ms;
    bool due;  /* reached a limit: closes at the end of this turn */
    bool told; /* the log has that it is larger than the queue */
};

/* How long a request took, and for how many bytes. */
struct sl_pace {
    uint64_t ms; /* 0: none yet */
    size_t bytes;
};

struct sl_core {
    struct sl_sink *sink;
    struct sl_list cuts;       /* open */
    struct sl_cut *general[2]; /* without SL_SINK_CUTS: the open cut, by reader (catch_up) */
    size_t open_batches, open_max;
    struct sl_list closed; /* to be sealed */
    struct sl_list gated;
    bool gates_due; /* what is gated is to be looked at */
    struct sl_list ready;
    struct sl_list busy; /* SEALING, SENDING, WAITING, LETTERS */
    unsigned sealing, sending;
    unsigned resealing; /* of `sealing`: batches that were sent before */
    bool due;           /* some cut is due, or has been closed in append */
    unsigned blocked;   /* batches with a record that can go nowhere: stalled while there is one */
    bool freeing;       /* sl_sink_free() waits for the pool threads */
    size_t bytes, open_bytes; /* counted against the queue; the part in open batches */
    double sent_ratio;        /* bytes sent per byte encoded, learnt from what was sealed */
    double wire_ratio;        /* bytes of `wire` per byte encoded, likewise */
    struct sl_buf scratch;    /* keys */
    struct sl_origin *origin; /* of the message at hand; not a reference */

    enum sl_sink_state state;
    char reason[512];
    unsigned failures;      /* requests failed in a row */
    unsigned stalls;        /* probes failed in a row */
    double concurrency;     /* AIMD: requests allowed in flight */
    uint64_t not_before_ms; /* Retry-After for the whole sink */
    uint64_t last_shrink_ms;
    struct sl_pace pace[2]; /* quickest requests of these two minutes and of the two before */
    uint64_t pace_ms;       /* when these began */
    bool slow;              /* the last request was, by that measure */
    bool probe_due;         /* stalled: one batch may be sent */
    struct sl_timer age_timer, dispatch_timer, probe_timer;
    uint64_t log_ms, stall_log_ms, park_log_ms, excess_log_ms;
    bool stall_told; /* the log has the stall, so its end is told as well */

    uint8_t window[SL_WINDOW]; /* ring: 1 is refused */
    size_t window_at, window_refused;
};

/* What it covers does not count any more: its assignment has ended, or it was let go. */
static inline bool sl_span_over(const struct sl_span *span)
{
    return span->partition->ended || span->let_go;
}

/* ---- batch.c ---- */
/* CLOSED and empty, in no list; takes a reference of hold. */
struct sl_batch *sl_batch_new(struct sl_sink *s, struct sl_hold *hold,
                              struct sl_rules_version *rules);
void sl_batch_free(struct sl_batch *b);   /* uncounts its bytes, releases its hold */
void sl_batch_charge(struct sl_batch *b); /* counts its bytes again */
void sl_batch_push_item(struct sl_batch *b, const struct sl_item *item);
void sl_batch_note_time(struct sl_batch *b, int64_t time_ms);
void sl_batch_compact(struct sl_batch *b); /* removes items that are gone; data keeps the others */
/* A new batch, sharing the hold, of the items with this outcome, which leave b (b is not
 * compacted). */
struct sl_batch *sl_batch_extract(struct sl_batch *b, enum sl_outcome outcome);
/* A new batch, sharing the hold, of the second half of b's items. */
struct sl_batch *sl_batch_halve(struct sl_batch *b);
bool sl_hold_any_over(const struct sl_hold *h); /* some span does not count any more */
bool sl_hold_all_over(const struct sl_hold *h); /* no span counts any more */

/* ---- original.c ---- */
/* Keeps what cannot be read back from data: key, headers and, unless verbatim, the value. many: the
 * message holds many records, which share it. */
void sl_batch_keep_original(struct sl_batch *b, struct sl_item *item, const struct sl_message *m,
                            bool many);
size_t sl_batch_extra_bound(const struct sl_message *m); /* what keeping key and headers takes */
size_t sl_origin_bound(const struct sl_message *m);      /* what all of it takes, shared */
size_t sl_origins_bytes(const struct sl_batch *b);       /* shared ones that count among b's */
void sl_origins_release(struct sl_batch *b);
void sl_origins_compact(struct sl_batch *b); /* those of items that are no longer there go */
/* The item's, for its copy in another batch. */
void sl_origin_move(struct sl_batch *from, const struct sl_item *item, struct sl_batch *to,
                    struct sl_item *ret);
/* Gives the original back: letter's key, value, headers (headers: SL_HEADERS_MAX of room) point
 * into the batch and scratch. */
void sl_batch_original(struct sl_batch *b, const struct sl_item *item, struct sl_letter *letter,
                       struct sl_header *headers, struct sl_buf *scratch);

/* ---- cut.c ---- */
/* The open cut of the record's reader (and partition); opened where there is none. */
struct sl_cut *sl_cut_open(struct sl_sink *s, const struct sl_message *m);
/* That cut, or NULL. */
struct sl_cut *sl_cut_find(struct sl_sink *s, const struct sl_message *m);
bool sl_cut_repeating(const struct sl_cut *cut);
void sl_cut_close(struct sl_sink *s, struct sl_cut *cut);
void sl_cut_let_go(struct sl_sink *s, struct sl_cut *cut); /* with all that it holds */
size_t sl_cut_bytes(const struct sl_cut *cut);
/* Closes what holds most until at most `keep` bytes are open. */
void sl_cut_keep_open(struct sl_sink *s, size_t keep);
void sl_cut_arm_age(struct sl_sink *s);
void sl_cut_on_age(struct sl_timer *t);

/* ---- gate.c ---- */
void sl_gate_closed(struct sl_sink *s, struct sl_hold *h); /* of a cut with batches */
void sl_gate_enter(struct sl_batch *b); /* sealed: READY when its plan is recorded, else GATED */
void sl_gate_look(struct sl_sink *s);

/* ---- books.c ---- */
enum sl_entry { SL_ENTRY_DELIVERED, SL_ENTRY_DEAD, SL_ENTRY_LET_GO, SL_ENTRY_WALKED };
/* One record; and all of the batch that have no outcome yet. */
void sl_books_item(struct sl_batch *b, const struct sl_item *item, enum sl_entry entry);
void sl_books_rest(struct sl_batch *b, enum sl_entry entry);
/* Lets go of the items that do not count any more and whose letters are not under way: marked gone;
 * returns their number. */
size_t sl_books_let_go_over(struct sl_batch *b);

/* ---- queue.c ---- */
void sl_queue_close(struct sl_batch *b);  /* it was open */
void sl_queue_pump(struct sl_sink *s);    /* seals and sends what may be */
void sl_queue_ready(struct sl_batch *b);  /* (back) to the queue, as it was sealed */
void sl_queue_reseal(struct sl_batch *b); /* items were removed: to the queue, to be sealed first */
void sl_queue_wait(struct sl_batch *b, uint64_t delay_ms);
void sl_queue_finish(struct sl_batch *b); /* settled: positions may move */
void sl_queue_gate(struct sl_batch *b);   /* GATED */
void sl_queue_let_go(struct sl_sink *s);  /* of what does not count any more and may be let go */
void sl_queue_forget(struct sl_sink *s);  /* of everything; but for what a pool thread has */
void sl_queue_on_dispatch(struct sl_timer *t);
bool sl_queue_prune(
    struct sl_batch *b); /* lets go of what does not count any more; true: b was freed or cut */
void sl_sink_free_now(struct sl_sink *s); /* the second half of sl_sink_free() (sink.c) */

/* ---- room.c ---- */
size_t sl_batch_limit(const struct sl_sink *s); /* what one batch may hold, and one record in it */
/* Why a record that makes so many bytes is never sent; NULL: it is. */
const char *sl_sink_refuses(const struct sl_sink *s, const struct sl_record *r, size_t bound);
/* What is kept of a message that holds many records, or of which a record is refused: all but a
 * value, or key and headers, that are too large. */
struct sl_message sl_origin_kept(const struct sl_sink *s, const struct sl_message *m);

/* ---- retry.c ---- */
uint64_t sl_retry_delay(struct sl_sink *s, unsigned attempts, unsigned retry_after_ms);
void sl_retry_shrink(struct sl_sink *s);
void sl_retry_grow(struct sl_sink *s);
/* A request has been answered, so long after it was sent. */
void sl_retry_pace(struct sl_sink *s, uint64_t ms, size_t bytes, bool well);
void sl_retry_stall(struct sl_sink *s, const char *reason);
void sl_retry_live(struct sl_sink *s);
void sl_retry_keep_probing(struct sl_sink *s);
void sl_retry_on_probe(struct sl_timer *t);

/* ---- policy.c ---- */
void sl_policy_settle(struct sl_batch *b, const struct sl_result *result);
/* Whether a refused record may become a dead letter: NULL, and it is counted; or why not. */
const char *sl_policy_admit(struct sl_sink *s);

/* ---- letters.c ---- */
/* b: busy; all its items are refused. why: they may not become dead letters and can go nowhere, so
 * they hold the position and stall the sink; NULL: they may. */
void sl_letters_start(struct sl_batch *b, const char *why);
void sl_letters_drop(struct sl_batch *b); /* forgets those under way */
/* Lets go of records that do not count any more and whose letters are not under way; true: b was
 * freed. */
bool sl_letters_prune(struct sl_batch *b);

#endif
