/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SIM_KAFKA_H
#define SIM_KAFKA_H

#include <librdkafka/rdkafka.h>

#include "replica.h"

/* In place of librdkafka and of the brokers behind it. What the program can see of them is
 * modelled, and the traps that reliability.md names; not the protocol. kafka_cluster.c: topics and
 * logs; kafka_group.c: the group's coordinator, members and rebalances; kafka_commit.c: commits on
 * their way; kafka_client.c: handles, assignments, pause and seek; kafka_fetch.c: what arrives;
 * kafka_queue.c: queues and events; kafka_ask.c: blocking questions; kafka_produce.c; kafka_list.c:
 * lists and words. */

struct k_header {
    char *name, *value; /* value NULL: null */
    size_t value_n;
};

struct k_message {
    int64_t offset, timestamp_ms;
    char *key, *value; /* NULL: none */
    size_t key_n, value_n;
    struct k_header *headers;
    size_t n_headers;
};

struct k_topic;

struct k_partition {
    struct k_topic *topic;
    int32_t number;
    struct k_message **log; /* ascending offsets, with gaps */
    size_t n, cap, first;   /* first: those before it are gone */
    int64_t start, end;
    unsigned incarnation; /* counts recreations */
    int64_t committed;    /* of the group; -1: none */
    bool committed_before;
    uint64_t commit; /* the latest by number that has been applied */
    char *metadata;
    bool cut_off; /* an unclean election has taken its end; nothing is produced until an operator
                     has seen to it */
    struct rd_kafka_s *owner; /* to whom the group gave it last; NULL: nobody yet */
    unsigned moves;           /* how often it went from one to another */
};

struct k_topic {
    char *name;
    struct k_partition *parts;
    int32_t n;
    bool source; /* the group reads it */
};

enum k_group_state { K_EMPTY, K_PREPARING, K_COMPLETING, K_STABLE };

struct k_member {
    struct sl_list node;
    struct rd_kafka_s *client; /* NULL: the process is gone, the coordinator does not know it yet */
    char id[32];
    bool joined;
    struct k_partition **assigned; /* the coordinator's view */
    size_t n;
    struct sim_event session;
};

enum { K_TOPICS_MAX = 8 };

struct cluster {
    struct k_topic topics[K_TOPICS_MAX];
    size_t n_topics;
    int version; /* of the library */
    /* the group */
    enum k_group_state state;
    int generation;
    unsigned member_ids, members;
    struct sl_list member_list;
    struct sim_event join_deadline, synced, prepared;
    bool cooperative;
    uint64_t coordinator_up_us; /* before it: nobody answers */
    uint64_t brokers_up_us;
    unsigned rebalances, commits_applied, commits_refused, late_commits;
    uint64_t asks_well_us; /* until then none fails by chance */
    uint64_t commits, produced;
};

struct rd_kafka_queue_s {
    struct rd_kafka_s *rk;
    struct sl_list ops;
    size_t n;
    struct rd_kafka_queue_s *forward;
    int fd;
    unsigned refs;
};

struct rd_kafka_topic_s {
    struct sl_list node;
    char *name;
};

/* A partition that this client was given to read. */
struct k_assigned {
    struct k_partition *p;
    struct rd_kafka_topic_s *rkt;
    int64_t begin, next, delivered; /* where it began; to be fetched; after the last handed out */
    int64_t eof;                    /* end that was told last; -1 */
    bool paused, broken;            /* broken: fetching has ended with an error */
    unsigned version;               /* what was fetched under another is stale */
    int64_t low, high;              /* as the last answer told them */
};

struct rd_kafka_op_s {
    struct sl_list node;
    struct rd_kafka_s *rk;
    rd_kafka_event_type_t type;
    rd_kafka_resp_err_t err;
    bool fatal, given;
    char *text;
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_topic_partition_t *at;
    void *opaque;
    rd_kafka_message_t message; /* FETCH; DR */
    struct k_message *record;
    struct k_partition *p;
    unsigned version;
};

struct rd_kafka_headers_s {
    struct k_header *items;
    size_t n, cap;
};

struct rd_kafka_s {
    struct sl_list node;
    struct replica *r;
    unsigned life;
    rd_kafka_type_t type;
    char *group;
    bool coop;
    void *opaque;
    struct rd_kafka_queue_s *main, *consumer;
    struct sl_list topics;

    struct k_assigned **assigned;
    size_t n_assigned, cap_assigned;
    unsigned versions;
    uint64_t paused; /* of the source's partitions: a pause is remembered past the assignment */
    struct sim_event fetch;
    unsigned group_commits; /* in flight */

    /* the member */
    bool subscribed, closing, closed, left;
    struct k_member *member;
    int generation;
    bool lost, owes_assign, owes_revoke, first_assignment, rejoin, assign_follows;
    struct k_partition **added; /* cooperative: given after the revoke is answered */
    size_t n_added;
    struct sim_event heartbeat, join, answer;
    struct k_partition **answer_list;
    size_t n_answer;
    int answer_generation;
    struct sl_list mails; /* produced, not confirmed */
    unsigned created;     /* for member ids */
};

/* kafka_cluster.c */
void cluster_begin(void);
struct k_topic *cluster_topic(const char *name);
struct k_topic *cluster_add_topic(const char *name, int32_t partitions, bool source);
struct k_partition *cluster_partition(const char *topic, int32_t number);
/* Takes the memory of m. gap: offsets left out before it (control records, compaction). */
void cluster_append(struct k_partition *p, struct k_message *m, unsigned gap);
void cluster_end_gap(struct k_partition *p, unsigned gap); /* control records at the end */
void cluster_retain(struct k_partition *p, int64_t start); /* retention */
void cluster_recreate(struct k_partition *p);
void cluster_truncate(struct k_partition *p, int64_t end);
bool cluster_cut_off(void);
const struct k_message *cluster_read(const struct k_partition *p,
                                     int64_t from); /* the first at or above */

/* kafka_group.c */
void group_begin(void);
void group_client_gone(
    struct rd_kafka_s *rk); /* the process has ended; nobody told the coordinator */
void group_leave(struct rd_kafka_s *rk);
void group_subscribe(struct rd_kafka_s *rk);
void group_answered(struct rd_kafka_s *rk, bool revoke);
void group_rebalance(const char *why); /* forced */
rd_kafka_resp_err_t group_check(const struct rd_kafka_s *rk, int generation);
void group_lost(struct rd_kafka_s *rk);
/* It has partitions, and is no member any more without having seen it. */
bool group_zombie(const struct replica *r);
bool group_at_rest(void);

/* kafka_ask.c */
rd_kafka_resp_err_t
kafka_ask(int timeout_ms); /* a blocking call: an error, or the time it took is counted */

/* kafka_commit.c */
/* The coordinator serves a client's requests in their order: what is still to be applied goes
 * first. */
void commit_settle(struct rd_kafka_s *rk);
bool commits_under_way(void);

/* kafka_client.c */
struct k_assigned *client_find(struct rd_kafka_s *rk, const struct k_partition *p);
void client_replica_died(struct replica *r);

/* kafka_fetch.c */
void fetch_kick(struct rd_kafka_s *rk);
void fetch_kick_all(const struct k_partition *p);
void fetch_fire(struct sim_event *e);

/* kafka_queue.c */
struct rd_kafka_queue_s *queue_make(struct rd_kafka_s *rk);
void queue_push(struct rd_kafka_queue_s *q, struct rd_kafka_op_s *op);
struct rd_kafka_op_s *op_new(struct rd_kafka_s *rk, rd_kafka_event_type_t type);
struct rd_kafka_topic_s *client_rkt(struct rd_kafka_s *rk, const char *name);

/* kafka_list.c */
struct rd_kafka_error_s *error_new(rd_kafka_resp_err_t err, const char *text);

#endif
