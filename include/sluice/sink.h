/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_SINK_H
#define SLUICE_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/list.h"
#include "sluice/config.h"
#include "sluice/dead_letter.h"
#include "sluice/http.h"
#include "sluice/position.h"
#include "sluice/record.h"
#include "sluice/rules_version.h"
#include "sluice/runtime.h"

/* Sinks. A sink type (Elasticsearch, S3, webhook, file) knows a wire format and how to read a
 * reply; the core (sink/sink.c, queue.c, batch.c, retry.c, policy.c) owns everything else: the
 * queue and its bound, when a batch closes, how many requests are in flight, retries, stalls,
 * splits, dead letters, positions.
 *
 * The life of a batch:
 *
 *   OPEN     records are encoded into it, straight in the wire format
 *   CLOSED   nothing more goes in (bytes, count, age, drain, queue pressure)
 *   SEALING  type->seal on a pool thread: compression, body
 *   GATED    SL_SINK_CUTS only: until the plan of its cut is recorded
 *   READY    waits for its turn
 *   SENDING  type->submit until sl_sink_done()
 *   WAITING  for its retry timer; then READY (or CLOSED when items were removed)
 *   LETTERS  its records are on their way to the dead-letter topic
 *   done     its hold is released: positions may move
 *
 * A type reports outcomes; what an outcome leads to is decided in exactly one function
 * (sink/policy.c). */

enum sl_outcome {
    SL_DELIVERED,
    SL_AGAIN, /* a passing failure, or an unknown one (cut reply): the same again after a back-off
               */
    SL_STALL, /* credentials, address, capacity: nothing of this sink can pass; probe until it can
               */
    SL_SPLIT, /* whole batch only: too large, or refused without saying which record: halve. A batch
                 of one record becomes SL_REFUSED */
    SL_REFUSED, /* for its content: dead letter */
    SL_PARK,    /* item only: 403/404 confined to some indexes: apart, again for 5 minutes, then
                   REFUSED */
    SL_PARK_ON, /* item only: 503 confined to some indexes: apart, again without end */
};

struct sl_result {
    enum sl_outcome outcome; /* of the whole batch; ignored when per_item */
    bool per_item;  /* outcomes stand in batch->items[].outcome (types with SL_SINK_ITEMS) */
    bool throttled; /* the destination asked for less (429, SlowDown): concurrency shrinks */
    int status;     /* HTTP status, 0: none */
    unsigned retry_after_ms; /* 0: none was given */
    const char *reason;      /* for logs and dead letters; borrowed for the call; no secrets */
};

struct sl_item {
    uint32_t begin, end; /* in batch->data */
    uint32_t body;       /* where the record's JSON begins in batch->data */
    uint32_t
        value_n; /* VERBATIM: length of the original value; its bytes stand at body, but the last */
    uint32_t extra; /* only when has_extra: where its entry begins in batch->extra; `shared`: which
                       of batch->origins */
    uint32_t rule;
    uint32_t sub;
    uint32_t reason; /* offset + 1 in batch->reasons, a NUL-ended text; 0: the result's */
    uint16_t span;   /* in batch->hold->spans */
    uint16_t status;
    uint8_t outcome; /* enum sl_outcome */
    bool verbatim, has_extra, shared;
    bool gone;   /* its assignment ended or it is settled: removed by the next compaction */
    bool letter; /* its dead letter is under way */
    int64_t offset;
    int64_t time_ms;   /* the record's, for sluice_delivery_seconds */
    int64_t source_ms; /* Kafka's, for a dead letter */
};

enum sl_batch_state {
    SL_BATCH_OPEN,
    SL_BATCH_CLOSED,
    SL_BATCH_SEALING,
    SL_BATCH_GATED,
    SL_BATCH_READY,
    SL_BATCH_SENDING,
    SL_BATCH_WAITING,
    SL_BATCH_LETTERS
};

struct sl_sink;
struct sl_origin;

struct sl_batch {
    struct sl_list node; /* in one of the sink's lists */
    struct sl_sink *sink;
    struct sl_hold *hold;           /* a reference */
    struct sl_rules_version *rules; /* a reference: what its records were judged by */
    enum sl_batch_state state;
    char *key;             /* SL_SINK_KEYED: what type->key gave; NUL-ended; NULL otherwise */
    struct sl_buf data;    /* encoded records, one after the other */
    struct sl_item *items; /* SL_SINK_ITEMS: one a record */
    size_t n_items, cap_items;
    unsigned records;
    struct sl_buf wire; /* made by type->seal when what is sent differs from data */
    struct sl_slice
        body;   /* what to send: set by the core to data before seal; seal may change it */
    void *impl; /* the type's own, made in submit or seal; type->drop frees it */

    struct sl_buf notes; /* the type's own, about the records in data; encode adds to it */

    /* Private to the core. */
    struct sl_buf extra; /* originals that cannot be read back from data: key, headers, value */
    struct sl_origin **origins; /* of messages that hold many records; references */
    size_t n_origins, cap_origins;
    size_t origin_bytes; /* of those of them that count among its bytes */
    struct sl_buf reasons;
    size_t charged; /* bytes counted against the queue */
    size_t encoded; /* data.n when it was sealed */
    unsigned attempts;
    uint64_t sent_ms, parked_ms;
    bool parked;            /* apart because its index does not take records */
    bool blocks;            /* its record can go nowhere */
    struct sl_list letters; /* dead letters under way */
    struct sl_timer timer;
    struct sl_work work;
    struct sl_delay_run
        *runs; /* record times where there are no items, for sluice_delivery_seconds */
    size_t n_runs, cap_runs;
};

enum sl_sink_flags {
    SL_SINK_ITEMS = 1, /* keeps items and originals: outcomes can differ within a batch */
    SL_SINK_KEYED = 2, /* one open batch per type->key (S3 objects) */
    SL_SINK_CUTS = 4,  /* holds are per partition and sum every record read (S3) */
};

struct sl_sink_type {
    const char *name; /* as in sluice.yaml */
    unsigned flags;
    /* Compiles templates (adding fields to env->fields), reads nothing, sends nothing. May leave
     * s->impl half made on error: release accepts it. */
    int (*init)(struct sl_sink *s, struct sl_error *err);
    void (*release)(struct sl_sink *s);
    /* KEYED: the key of the batch that this record belongs to. Appends to ret. */
    int (*key)(struct sl_sink *s, const struct sl_record *r, struct sl_buf *ret);
    /* Upper bound of the bytes that encode adds. */
    size_t (*bound)(struct sl_sink *s, const struct sl_record *r);
    /* Appends one record to b->data (and b->notes). Sets item->body, ->verbatim, ->value_n where
     * the type has ITEMS; the core does the rest of the item. SL_OK, or SL_EFULL: the core takes
     * back what was written. */
    int (*encode)(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                  struct sl_item *item);
    /* On a pool thread; may touch only b->data (read), b->notes, b->items, b->wire, b->body,
     * b->impl and what is immutable in s. With items removed it is called again. NULL: data is sent
     * as is. */
    void (*seal)(struct sl_sink *s, struct sl_batch *b);
    /* Sends b->body; later, not from inside, exactly one sl_sink_done(). */
    void (*submit)(struct sl_sink *s, struct sl_batch *b);
    /* Ends a submit without sl_sink_done(). */
    void (*cancel)(struct sl_sink *s, struct sl_batch *b);
    /* Frees b->impl; NULL where the type has none. */
    void (*drop)(struct sl_sink *s, struct sl_batch *b);
    /* Milliseconds until another request may start (rate limits); 0: now. NULL: always. */
    unsigned (*wait)(struct sl_sink *s);
    /* Reads secrets and certificates again: on SIGHUP and before each probe of a stalled sink. */
    void (*refresh)(struct sl_sink *s);
    /* `check --connect`: one request that changes nothing; `done` once, later, with DELIVERED when
     * the destination would take records, else with a reason an operator can act on. */
    void (*probe)(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                  void *user);
};

struct sl_sink_env {
    struct sl_runtime *rt;
    struct sl_http *http;
    struct sl_letters *letters; /* NULL: none */
    struct sl_metrics *metrics;
    struct sl_fields *fields;
    const char *cluster_id;         /* of the source; "" until known; set before the first record */
    struct sl_rules_version *rules; /* that judged the record at hand; borrowed. A batch has one
                                       version: a record of another closes the open cut first */
    void (*wake)(
        void *user); /* something of this sink was settled: room, positions or state changed */
    void (*commit)(void *user); /* a cut's plan was proposed: commit at once; or NULL: nobody does,
                                   plans count as recorded (commands that run a sink alone) */
    void (*gone)(void *user);   /* a sink that was freed needs nothing of this any more; or NULL */
    void *user;
};

enum sl_sink_state { SL_SINK_LIVE, SL_SINK_STALLED, SL_SINK_DETACHED, SL_SINK_CATCHING_UP };

struct sl_sink_counters {
    uint64_t *routed, *delivered, *dead, *let_go, *in_flight, *queue_bytes, *retries;
    struct sl_histogram *request_seconds, *delivery_seconds;
};

struct sl_sink {
    const struct sl_sink_type *type;
    const struct sl_sink_config *config;
    const struct sl_sink_env *env;
    size_t index;         /* in sl_config.sinks */
    void *impl;           /* the type's own */
    struct sl_core *core; /* private to the core: queue, retry, state */
    struct sl_sink_counters count;
};

/* ---- for types ---- */

/* Exactly once after submit. The result and its reason are borrowed for the call. */
void sl_sink_done(struct sl_batch *b, const struct sl_result *result);
/* Keeps a reason for an item until it is settled; sets item->reason. At most 512 bytes of it. */
void sl_batch_reason(struct sl_batch *b, struct sl_item *item, struct sl_slice reason);
/* The clock for time stamps in requests. */
int64_t sl_sink_wall_ms(struct sl_sink *s);

extern const struct sl_sink_type sl_sink_elasticsearch, sl_sink_s3, sl_sink_webhook, sl_sink_file;

/* ---- for the pipeline ---- */

/* Shares of a queue's bound, in sixteenths: the source pauses above the first and goes on when
 * every queue is below the second. Between them lie what one pause costs (librdkafka drops its
 * prefetch and fetches again) and the largest record, which may take a quarter. */
enum { SL_PAUSE_SHARE = 14, SL_RESUME_SHARE = 7 };

struct sl_sink *sl_sink_new(const struct sl_sink_config *config, size_t index,
                            const struct sl_sink_env *env, struct sl_error *err);
/* The same with a type that is not in the table: tests and the simulator. */
struct sl_sink *sl_sink_new_of(const struct sl_sink_type *type, const struct sl_sink_config *config,
                               size_t index, const struct sl_sink_env *env, struct sl_error *err);
void sl_sink_free(struct sl_sink *s); /* cancels what is in flight */

/* True when the sink would take this record now. A record too large ever to fit is taken (and
 * becomes a dead letter). */
bool sl_sink_has_room(struct sl_sink *s, const struct sl_record *r);
/* The same for a message that holds many records, which are taken together: what they need is added
 * up first. Where that is more than the queue ever has room for it is taken when nothing else can
 * go before it, and the log has it. */
struct sl_sink_need {
    size_t bytes;
    size_t records, in_batch; /* private */
};
void sl_sink_need(struct sl_sink *s, const struct sl_record *r, struct sl_sink_need *need);
bool sl_sink_has_room_for(struct sl_sink *s, const struct sl_message *m,
                          const struct sl_sink_need *need);
/* How much the queue may hold for this message to be taken with others. */
size_t sl_sink_room(const struct sl_sink *s, const struct sl_message *m);
/* More room than that, so that nothing has to be added up. */
bool sl_sink_has_plenty(const struct sl_sink *s, const struct sl_message *m, size_t bytes);
void sl_sink_make_room_for(struct sl_sink *s, const struct sl_message *m,
                           const struct sl_sink_need *need);
/* The sink is about to hold so many bytes, more than it may, for want of another way. */
void sl_sink_tell_excess(struct sl_sink *s, size_t bytes);
/* Takes the record: only after one of these said so. The records of a message come one after the
 * other, in their order. */
void sl_sink_append(struct sl_sink *s, const struct sl_record *r, unsigned rule);
/* After sl_partition_advance(): closes the batches that have become due. */
void sl_sink_turn(struct sl_sink *s);
/* The source has paused for this sink: closes what is open until the rest can drain below
 * SL_RESUME_SHARE of the queue. */
void sl_sink_relieve(struct sl_sink *s);
/* Closes what holds most until at most so many bytes are open. */
void sl_sink_keep_open(struct sl_sink *s, size_t keep);
/* There was no room for this record: closes what is open until the rest can drain enough for it. */
void sl_sink_make_room(struct sl_sink *s, const struct sl_record *r);
/* Closes every open batch that holds records of p (of any partition when NULL), of both readers. A
 * cut that repeats a plan and has not reached its end is let go instead, for it must end there:
 * catch_up is back at its begin then, and the side reader must be told. */
void sl_sink_close_open(struct sl_sink *s, struct sl_partition *p);
/* The same for the batches of one reader: it is about to read records of p that do not belong with
 * what is open (another era, a plan's end, the hand-over). A cut that repeats a plan is complete
 * when catch_up has reached the plan's end (sl_partition_caught_skip() before), and stays open
 * until then. */
void sl_sink_close_reader(struct sl_sink *s, struct sl_partition *p, bool catch_up);
/* Assignments have ended: what is queued of them and not yet in flight is let go. */
void sl_sink_let_go(struct sl_sink *s);
/* The sink leaves the live reader (sl_partition_detach() was called for every partition): all that
 * it has is let go, requests in flight are cancelled, and late replies count for nothing. What
 * stalled it stays known, and the next batch is its probe. */
void sl_sink_detach(struct sl_sink *s);
/* Plans were confirmed, or a hand-over is complete: what waited for that is sent. */
void sl_sink_pump(struct sl_sink *s);
/* Counts what is in its batches into sl_sink_position.walked of each partition (zeroed before by
 * the caller): the ledger's own look at what is in flight. */
void sl_sink_walk(const struct sl_sink *s);
/* The record as it would be sent, without queue or request, its line's end included; appended to
 * out. *ret_body: where in out the record itself begins, behind what the format puts before it. For
 * S3 sinks *ret_key (may be NULL) is the object key's template, rendered; the caller frees it; NULL
 * for others. SL_EFULL: too large for out, or for this sink; nothing was appended. */
int sl_sink_preview(struct sl_sink *s, const struct sl_record *r, struct sl_buf *out,
                    size_t *ret_body, char **ret_key);
bool sl_sink_idle(const struct sl_sink *s); /* nothing open, queued or in flight */
enum sl_sink_state sl_sink_state(const struct sl_sink *s);
const char *sl_sink_reason(const struct sl_sink *s); /* why it is stalled; "" when it is not */
size_t sl_sink_bytes(const struct sl_sink *s);
void sl_sink_refresh(struct sl_sink *s); /* secrets: SIGHUP */

const char *sl_outcome_name(enum sl_outcome o);
const char *sl_sink_state_name(enum sl_sink_state s);

#endif
