/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_POSITION_H
#define SLUICE_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "sluice/message.h"

/* Positions: what may be committed (design, section 5). Implemented in position/: tracker.c (spans,
 * holds), serve.c (who serves which offsets), plan.c (cuts recorded before upload), era.c (which
 * rules judge an offset), metadata.c (the line beside the committed offset), ledger.c.
 *
 * A struct sl_partition is one *assignment* of one topic partition to this process: an epoch. When
 * the assignment ends the object is marked ended and forgotten by the reader, and a later
 * assignment of the same partition makes a new one. A late acknowledgement therefore meets an ended
 * object and changes nothing that could be committed: the epoch check is the identity of the
 * object.
 *
 * Per sink the partition keeps a list of spans, the outstanding work, ascending by first offset. A
 * span is covered by a *hold*: the share that one unit of delivery (a batch, or all the objects of
 * one S3 cut) has in positions. A hold may span several partitions, and several batches may share a
 * hold (the halves of a split batch, the objects of a cut); the spans go when the last batch lets
 * go. There is no state per record.
 *
 * Who serves what. The *live reader* (the group member) reads the partition once for all sinks that
 * keep up. A sink that does not is *detached*: it lets go of what it had, and the *side reader*
 * reads again for it alone, from its own position, until it has caught up. Two numbers per sink say
 * which:
 *
 *                    catch_up      from         position: the least of its first span and
 *   attached         -1            F            max(F, next)
 *   detached         C             INT64_MAX    C
 *   handing over     C             H > C        C      (when C reaches H: attached)
 *
 * The live reader gives a sink the records at and after `from`, the side reader those at and after
 * `catch_up` and below `from`. F > next is a *gap*: the sink has had those records, in an earlier
 * epoch or by the side reader. From the moment a hand-over is fixed, all of [C, H) is outstanding
 * although no span covers it yet. So is all of a plan, from the moment it is proposed or read until
 * what it names is delivered: its first offset is the position, however far the side reader has got
 * in repeating it.
 *
 * The group commits the least position over all sinks, and each sink's own goes beside it, so that
 * a restart or a rebalance sends each sink only what it lacks. */

struct sl_hold;

struct sl_span {
    struct sl_list node;     /* in sl_partition.sinks[sink].spans */
    struct sl_list crc_node; /* in the crcs of its reader while the hold is open and sums */
    struct sl_hold *hold;
    struct sl_partition *partition; /* a reference */
    int64_t first;                  /* of the first record covered */
    int64_t last;                   /* of the last record covered so far */
    uint64_t records;               /* covered */
    uint32_t crc; /* over every record read from first on (holds that sum), routed or not; of a
                     plan that is repeated, too, from which other records may be routed than were
                     (rate_limit) */
    bool let_go;  /* the sink was detached: nothing of it counts any more */
};

/* A cut that is recorded before it is uploaded, so that whoever comes next cuts there again and
 * makes the same object (design, section 8). `first` is the sink's position while the plan lasts.
 * It goes when what it names is delivered, when nothing of it turns out to be left (retention,
 * rules that let through less than they did), and when it is void. */
struct sl_plan {
    int64_t first, end; /* [first, end); end 0: none */
    bool confirmed;     /* a commit that carried it has succeeded in this epoch, or it was read from
                           the committed line */
    int64_t noting;     /* private: its end in the commit under way */
    uint32_t read; /* private: over what the side reader has read again of it, as sl_span.crc */
};

/* Offsets that one version of the rules judges: from `begin` to the next era's. */
struct sl_era {
    int64_t begin;
    char rules[13]; /* head of the hash of all that decides */
    void *routing;  /* private to the pipeline; NULL: not loaded */
};

/* A sink that this replica does not know, as the line had it. */
struct sl_carried {
    char id[7];
    int64_t position; /* may be below the committed offset: that sink lacks it still */
    int64_t plan_end; /* 0: none */
    bool behind;
    int64_t day; /* since 1970, when it was first carried */
};

struct sl_sink_position {
    struct sl_list spans;
    struct sl_list crcs; /* private: catch-up spans that sum every record read */
    int64_t from, catch_up;
    struct sl_plan plan;
    void *cut[2];    /* private to sink/: the open cut of this partition, by reader (catch_up) */
    int64_t alone;   /* private to the pipeline: below it is a message that needs the queue for
                        itself:   the side reader takes it before anything is handed over */
    unsigned warned; /* percent of the retained log that the position had fallen behind by, when it
                        was last told (catch-up) */
    /* The ledger: records of this partition and epoch. */
    uint64_t routed, delivered, dead, let_go;
    uint64_t walked; /* of the last look: found in batches */
};

enum { SL_BEHIND_S = 10, SL_CARRY_DAYS = 7 };

struct sl_partition {
    struct sl_topic *topic;
    int32_t number;
    uint64_t epoch; /* counts assignments in this process; for logs */
    bool ended;     /* the assignment is over: nothing of it is committed any more */
    bool draining;  /* being revoked: nothing new is routed */
    bool stopped;   /* out of range, or unreadable: assigned, but read no further */
    bool compacted; /* the topic's records vanish: no sink may leave the live reader */
    unsigned refs;
    int64_t next;           /* next offset to be routed by the live reader; -1 until known */
    int64_t read;           /* private: below it some reader of this epoch has judged records */
    uint8_t place[8];       /* head of the hash over cluster id, topic and number: record ids */
    int64_t committed;      /* last offset that the broker confirmed; -1 unknown */
    uint64_t noted, noting; /* fingerprints of what was last committed, and is under way */
    int64_t noting_least;   /* private: the offset under way */
    int64_t log_start;      /* oldest known retained offset; -1 unknown */
    int64_t log_end;        /* newest known end offset, for lag; -1 unknown */
    struct sl_era *eras;    /* ascending; the last one is the live rules' */
    size_t n_eras;
    struct sl_carried *carried; /* owned */
    size_t n_carried;
    int64_t passed[SL_BEHIND_S]; /* private: `next` as it was 1, 2, ... seconds ago */
    unsigned starts; /* how often its reading has begun here without coming anywhere: the one under
                        way too; 0: it has come further */
    void *reader;    /* private to the reader (kafka/) */
    void *side;      /* private to the side reader (kafka/side.c) */
    /* The ledger: decoded = dropped + kept. By the live reader. */
    uint64_t decoded, dropped, kept;
    size_t n_sinks;
    struct sl_list crcs; /* private: spans that sum every record read by the live reader */
    struct sl_sink_position sinks[];
};

struct sl_hold {
    size_t sink; /* index */
    unsigned refs;
    bool crc;
    bool catch_up; /* its records come from the side reader */
    bool closed;
    struct sl_span **spans;
    size_t n, cap;
    size_t recent; /* private: the span covered last */
};

/* place is hashed from cluster_id (may be ""). The caller owns the one reference. Every sink is
 * attached, from 0 on; there is no era yet. */
struct sl_partition *sl_partition_new(struct sl_topic *topic, int32_t number, uint64_t epoch,
                                      size_t n_sinks, const char *cluster_id);
struct sl_partition *sl_partition_ref(struct sl_partition *p);
void sl_partition_unref(struct sl_partition *p); /* NULL is fine */

/* ---- tracker.c ---- */

int64_t sl_partition_position(const struct sl_partition *p,
                              size_t sink); /* -1: nothing known yet */
int64_t sl_partition_least(
    const struct sl_partition *p); /* least position over all sinks: what to commit */
bool sl_partition_idle(const struct sl_partition *p); /* no sink has anything outstanding */

/* The live reader has read the record at `offset` and handed it to every sink that its rules chose
 * and that it serves. Call once for every message that was read, routed or not, in order, after the
 * sinks took it. value_crc: CRC-32C of the value. */
void sl_partition_advance(struct sl_partition *p, int64_t offset, int64_t timestamp_ms,
                          uint32_t value_crc);
/* The log goes on at `next` (control records, compaction, partition EOF): only ever forward. */
void sl_partition_skip(struct sl_partition *p, int64_t next);
/* Once a second. */
void sl_partition_tick(struct sl_partition *p);
/* The sink is detached, or is more than SL_BEHIND_S seconds behind the live reader while another
 * one keeps up: it alone is to start by catching up. */
bool sl_partition_behind(const struct sl_partition *p, size_t sink);

/* A new hold with one reference and no span. crc: its spans sum every record read. catch_up: its
 * records come from the side reader. */
struct sl_hold *sl_hold_new(size_t sink, bool crc, bool catch_up);
struct sl_hold *sl_hold_ref(struct sl_hold *h);
void sl_hold_unref(struct sl_hold *h); /* the last one takes its spans off the partitions: all they
                                          cover has its outcome, or its assignment has ended */
/* The record at `offset`, which is about to be routed, belongs to the hold. Returns the span's
 * index. A span of the side reader that begins while a recorded plan is to be repeated begins where
 * the plan does. */
size_t sl_hold_cover(struct sl_hold *h, struct sl_partition *p, int64_t offset);
/* Nothing more is covered: `last` and `crc` of the spans are final. A span that repeats a plan
 * whose end the side reader has reached ends where the plan does. */
void sl_hold_close(struct sl_hold *h);
/* Takes its spans off the partitions although nothing was settled, and marks them: the sink is
 * detached, or the cut is given up. What they covered is read again: the sink's catch_up goes back
 * there when it lies beyond. */
void sl_hold_let_go(struct sl_hold *h);

/* ---- serve.c ---- */

static inline bool sl_partition_attached(const struct sl_partition *p, size_t sink)
{
    return p->sinks[sink].catch_up < 0;
}

/* The live reader gives the sink the record at this offset. */
static inline bool sl_partition_serves(const struct sl_partition *p, size_t sink, int64_t offset)
{
    return offset >= p->sinks[sink].from;
}

/* The sink, which is attached, leaves the live reader and keeps what it has: the side reader goes
 * on where that ends. */
void sl_partition_leave(struct sl_partition *p, size_t sink);
/* The sink leaves the live reader and is about to let go of its batches: the side reader begins at
 * its position. Harmless when it has left already (a hand-over under way is undone). */
void sl_partition_detach(struct sl_partition *p, size_t sink);
/* Fixes the offset where the live reader takes over: the next one that neither reader has given to
 * the sink, and never within a plan. Attached at once when nothing is left to read. */
void sl_partition_hand_over(struct sl_partition *p, size_t sink);
/* The side reader's advance. The record is in [catch_up, from). */
void sl_partition_caught(struct sl_partition *p, size_t sink, int64_t offset, int64_t timestamp_ms,
                         uint32_t value_crc);
/* The side reader found nothing below `next`: only ever forward, and never beyond `from`. */
void sl_partition_caught_skip(struct sl_partition *p, size_t sink, int64_t next);
/* Retention has taken what is below log_start: returns how many offsets, from *ret_from on, the
 * sink will never have; 0 mostly. What was read of them has its outcome to come. A plan of which
 * something was still to be read is void: its cut, when one is open, is an ordinary one from now on
 * and has to be closed. For a detached sink; beyond its hand-over it is the live reader's matter.
 */
int64_t sl_partition_expire(struct sl_partition *p, size_t sink, int64_t log_start,
                            int64_t *ret_from);

/* ---- plan.c ---- */

/* What a closed cut (a hold that sums, of one partition) may do. */
enum sl_plan_gate {
    SL_PLAN_WAIT,     /* it is not the oldest of its sink and partition, or its plan is under way */
    SL_PLAN_PROPOSED, /* has just been proposed: commit now */
    SL_PLAN_GO,       /* recorded: upload */
};
enum sl_plan_gate sl_plan_gate(struct sl_hold *h);
/* Where a planned cut of the side reader must end; 0: no plan is to be repeated. The first message
 * at or beyond it, or the log's end, says that the plan has been read: then, before anything of
 * that message, sl_partition_caught_skip() to the plan's end, and the cut is closed. */
int64_t sl_plan_repeat_end(const struct sl_partition *p, size_t sink);
bool sl_plan_unconfirmed(const struct sl_partition *p); /* some proposed plan waits for a commit */

/* ---- era.c ---- */

/* From the cut-over on, other rules judge: a new era at the greatest of next, every sink's from,
 * catch_up and plan end, and every carried position and plan end. Returns where. The first era of a
 * partition begins at its least position. Nothing happens when the last era has these rules: its
 * begin is returned, and routing is set. */
int64_t sl_partition_cut_over(struct sl_partition *p, const char *rules, void *routing);
/* The era that judges `offset`; before the first: the first. NULL when there is none. */
struct sl_era *sl_partition_era(const struct sl_partition *p, int64_t offset);
/* Forgets eras that end at or below every position, carried ones too. True: some went. */
bool sl_partition_prune_eras(struct sl_partition *p);
/* Forgets what has been carried for SL_CARRY_DAYS on this day, and with it the eras that only it
 * needed (when next pruned). */
void sl_partition_prune_carried(struct sl_partition *p, int64_t day);

/* ---- the line beside the committed offset (metadata.c) ----
 *
 *     2;b=<base>;s<id>=<delta>[!][+<length>];...;v<delta>=<rules>;...;u<id>=<delta>[!][+<length>]@<day>;n=<starts>
 *
 * base: the committed offset, decimal. All other numbers are base 36, deltas from the base, with a
 * sign where negative. s: each configured sink: head of the hash of its id, its position, !: it is
 * behind (detached, or more than 10 s behind the foremost) and is to start by catching up, + the
 * length of its plan, which begins at the position. v: each era's begin and the head of its rules'
 * hash, ascending; the first may begin before the base. u: sinks that this replica does not know,
 * carried unchanged for SL_CARRY_DAYS from the day they were first carried. n: how often reading
 * has begun here without coming anywhere; absent when it has.
 *
 * It is a hint: the offset alone loses nothing. It counts only when its base equals the committed
 * offset, so that an operator's reset of the offset wins. It stays below SL_METADATA_MAX (brokers
 * refuse 4,096): for size, positions without a plan are given as the base, and with them go the
 * eras that no other position or plan reaches (who starts at the base again is judged by whatever
 * rules are live then, and so is everybody); then carried positions at or above the base are given
 * as the base too, then these ids are left out, and what is still too long is not written at all.
 *
 * Ids are short. Should two of them look alike, all who may be meant start at the least of the
 * positions given under that name, without a plan. */

enum { SL_METADATA_MAX = 2048, SL_RULES_HEAD = 12 };

struct sl_position_names {
    const char *const *sink_ids; /* by sink index */
    const char *rules;           /* hex hash over all that decides where records go: the live one */
    int64_t day;                 /* today, days since 1970 */
};

/* Writes the line, NUL-ended, and returns its length; 0 when it would be too long. */
size_t sl_metadata_write(const struct sl_partition *p, const struct sl_position_names *names,
                         char ret[SL_METADATA_MAX]);
/* What a line that counts says, for the sinks of `names`: each sink's catch_up or from, plan, the
 * eras (without routing), what is carried. p->next stays unknown. Sinks that the line does not name
 * get the bit new_sinks[sink]; they begin at the base. False, and nothing is set: there is none, it
 * is not ours, damaged, or speaks of offsets beyond p->log_end (where that is known: the topic is
 * another one, or was cut). */
bool sl_metadata_read(struct sl_partition *p, const struct sl_position_names *names,
                      int64_t committed, struct sl_slice line, bool *new_sinks);
/* The line counts, and some sink's position in it is at or beyond `low`. */
bool sl_metadata_reaches(struct sl_slice line, int64_t committed, int64_t low);

/* For commands that show or set positions: one entry of a line that counts. */
struct sl_metadata_entry {
    char kind;                  /* 's', 'u', 'v' or 'n' */
    char id[SL_RULES_HEAD + 1]; /* short id of the sink, or head of the rules' hash */
    int64_t offset;             /* position, or begin of the era */
    int64_t plan_end;           /* 0: none */
    bool behind;
    int64_t day;
    unsigned starts; /* 'n' */
};
/* False: the line does not count or is damaged. `each` may be NULL. */
bool sl_metadata_each(struct sl_slice line, int64_t committed,
                      void (*each)(void *user, const struct sl_metadata_entry *e), void *user);
void sl_metadata_short_id(const char *sink_id, char ret[7]);

/* ---- arrival ---- */

/* All that was known beyond `base` is void: every sink is attached there (one that had not come so
 * far stays detached where it is), no plan, no era, and what is carried is at or below the base.
 * For an arrival: nothing is outstanding. */
void sl_partition_void(struct sl_partition *p, int64_t base);
/* Ends the arrival: next becomes the least `from` of the attached sinks; when none is attached, the
 * greatest position or plan end of all. */
void sl_partition_settle(struct sl_partition *p);

/* ---- commits ---- */

/* Changes when anything changes that a commit would say. */
uint64_t sl_partition_fingerprint(const struct sl_partition *p);
/* A commit of the least position is on its way, with or without the line. */
void sl_partition_noting(struct sl_partition *p, bool with_line);
/* It was confirmed: committed, noted and the plans in it. Without a line plans count as confirmed
 * too, for otherwise nothing would ever be uploaded; returns how many went so unrecorded. */
unsigned sl_partition_noted(struct sl_partition *p);

/* ---- ledger.c (design, section 3.8) ---- */

struct sl_ledger_breach {
    const char *what; /* "decoded != dropped + kept" ... */
    size_t sink;      /* n_sinks: not of a sink */
    uint64_t left, right;
};
/* True: the books of this epoch balance; `walked` of each sink was counted just now. */
bool sl_ledger_check(const struct sl_partition *p, struct sl_ledger_breach *ret);

#endif
