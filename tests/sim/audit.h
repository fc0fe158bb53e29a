/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_AUDIT_H
#define SIM_AUDIT_H

#include "kafka.h"
#include "reach.h"
#include "scenario.h"

/* The auditor: keeps the history (what was produced, what each destination has, what was committed)
 * and judges it after every step. It knows the rules by the scenario's tables and nothing of the
 * program. */

struct source_record {
    uint32_t n; /* its number in the world: stands in the record */
    unsigned kind;
    struct k_partition *p;
    unsigned incarnation;
    int64_t offset;
    unsigned sub; /* which of the message's */
    char *value;
    size_t value_n;
    char *message; /* of which it is one record, or all */
    size_t message_n;
    uint64_t at_us;
    uint8_t waived; /* sinks, as bits, that are not owed it any more */
    bool bad;       /* refused for its content by every store that looks at it */
    bool tombstone, expired;
    bool nobodys;               /* gone before the group had begun, or with its topic */
    uint8_t delivered, dead;    /* sinks as bits */
    uint64_t judged;            /* the version that binds, as a bit; 0: none is known to */
    uint16_t times[SINKS_MAX];  /* delivered how often */
    uint64_t seen[SINKS_MAX];   /* disturbances when it was delivered last */
    uint64_t had_us[SINKS_MAX]; /* when a line that counts said that the sink has it; 0: none did */
};

struct counts {
    uint64_t seeds, events, turns, records, kills, pauses, rebalances, commits, refused, late,
        plans, reloads, dead, expired, duplicates, objects;
    uint64_t reached[REACHES];
};

void audit_begin(void);
/* Of the message appended last. */
struct source_record *audit_record(struct k_partition *p, unsigned kind, char *value, size_t n,
                                   bool bad, bool tombstone);
/* A message was produced whose records may need so much of a queue. */
void audit_message(size_t bytes);
struct source_record *audit_by_number(uint32_t n);
void audit_rules_live(unsigned table,
                      unsigned sinks); /* some replica may judge by it from now on */
/* How: for the trace. Finds what was never produced or not meant for the sink. */
void audit_delivered(unsigned sink, const char *json, size_t n);
void audit_object(unsigned sink, const char *key, const char *body, size_t n);
void audit_produced(struct k_topic *t, const struct k_message *m);
/* LATE: somebody else has the partition, or had it since. OVERTAKEN: by a later one of the same
 * member, which does not wait for it where no cuts are recorded: records may come again. */
enum audit_order { AUDIT_IN_TIME, AUDIT_OVERTAKEN, AUDIT_LATE };
void audit_commit(struct k_partition *p, int64_t offset, const char *metadata, struct replica *r,
                  enum audit_order order);
/* The records at and above `to` are owed to every sink once more. */
void audit_reset(struct k_partition *p, int64_t to);
void audit_recreated(struct k_partition *p); /* what was not delivered is gone */
/* The store has it already, and says so. sent: to whom sent it again. */
void audit_known(unsigned sink, const char *json, size_t n, bool sent);
void audit_object_known(unsigned sink, const char *body, size_t n, bool sent);
void audit_retained(struct k_partition *p);
void audit_truncated(struct k_partition *p);
void audit_step(struct replica *r);
void audit_gone(const struct replica *r); /* it ends, however: what it has counted */
/* Something happened after which records may come again: a death, a rebalance, an answer that was
 * lost. */
void audit_disturbed(const char *what);
uint64_t audit_disturbances(void);
/* Of the request that delivers now: when it was sent, and by whom. */
void audit_asked(uint64_t disturbances, uint64_t sent_us, bool zombie);
/* I9: what was produced more than 30 s ago has come to every sink but this one. */
void audit_others_have_all(unsigned dead);
/* The program says that it has declared the positions of a partition void. */
void audit_void(unsigned partition);
void audit_not_understood(unsigned partition); /* likewise, of its line */
bool audit_at_rest(void);
const char *audit_unrest(char *ret, size_t n); /* why not */
void audit_end(void);
void audit_count(struct counts *to);

#endif
