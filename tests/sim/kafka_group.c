/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "kafka.h"
#include "scenario.h"

/* The group's coordinator and the members' side of it. One group: the members are the replicas'
 * live readers. */

enum { SESSION_MS = 10000, HEARTBEAT_MS = 1000, REBALANCE_MS = 60000 };

static void heartbeat(struct sim_event *e);
static void join(struct sim_event *e);
static void answer(struct sim_event *e);
static void joined_all(struct sim_event *e);
static void synced(struct sim_event *e);
static void expired(struct sim_event *e);

void group_begin(void)
{
    struct cluster *c = sim->cluster;

    sl_list_init(&c->member_list);
    c->join_deadline.fire = c->prepared.fire = joined_all;
    c->synced.fire = synced;
}

static uint64_t hop(void)
{
    return sim_between(SIM_BROKER, 200, 15 * SIM_MS);
}

/* ---- the coordinator ---- */

static void prepare(const char *why)
{
    struct cluster *c = sim->cluster;
    struct sl_list *at;

    sim_cancel(&c->synced);
    if (c->state != K_PREPARING) {
        c->rebalances++;
        audit_disturbed(why);
        sim_trace("group: rebalance begins (%s)", why);
        sl_list_each (at, &c->member_list)
            sl_container_of(at, struct k_member, node)->joined = false;
        sim_at(&c->join_deadline, sim->now_us + REBALANCE_MS * SIM_MS);
    }
    c->state = K_PREPARING;
    sim_after(&c->prepared, hop());
}

static void remove_member(struct k_member *m)
{
    sl_list_remove(&m->node);
    sim_cancel(&m->session);
    sim->cluster->members--;
    if (m->client)
        m->client->member = NULL;
    sim_free(m->assigned);
    sim_free(m);
}

static void expired(struct sim_event *e)
{
    struct k_member *m = sl_container_of(e, struct k_member, session);

    sim_trace("group: the session of %s has expired", m->id);
    if (m->client)
        m->client->member = NULL;
    m->client = NULL;
    remove_member(m);
    prepare("session expired");
}

static void touch(struct k_member *m)
{
    sim_after(&m->session, SESSION_MS * SIM_MS);
}

static struct k_member **members(size_t *ret_n)
{
    struct cluster *c = sim->cluster;
    struct k_member **all = sim_new((c->members + 1) * sizeof(*all));
    struct sl_list *at;

    *ret_n = 0;
    sl_list_each (at, &c->member_list)
        all[(*ret_n)++] = sl_container_of(at, struct k_member, node);
    return all;
}

static bool has(struct k_partition *const *list, size_t n, const struct k_partition *p)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == p)
            return true;
    return false;
}

static size_t all_partitions(struct k_partition *ret[], size_t max)
{
    size_t n = 0;

    for (size_t t = 0; t < sim->cluster->n_topics; t++) {
        struct k_topic *topic = &sim->cluster->topics[t];

        for (int32_t i = 0; topic->source && i < topic->n && n < max; i++)
            ret[n++] = &topic->parts[i];
    }
    return n;
}

enum { PARTITIONS_MAX = 64 };

/* Range: in the order of the members' ids, as many each; the first has the remainder. */
static void share_range(struct k_member **all, size_t n_members, struct k_partition **parts,
                        size_t n)
{
    size_t at = 0;

    for (size_t i = 0; i < n_members; i++) {
        size_t share = n / n_members + (i < n % n_members);

        all[i]->n = 0;
        sim_free(all[i]->assigned);
        all[i]->assigned = sim_new((share + 1) * sizeof(struct k_partition *));
        while (share-- > 0)
            all[i]->assigned[all[i]->n++] = parts[at++];
    }
}

static struct k_member *holder(struct k_member **all, size_t n_members, const struct k_partition *p)
{
    for (size_t i = 0; i < n_members; i++)
        if (all[i]->client)
            for (size_t k = 0; k < all[i]->client->n_assigned; k++)
                if (all[i]->client->assigned[k]->p == p)
                    return all[i];
    return NULL;
}

/* Cooperative and sticky: who holds a partition keeps it up to its share; what it must give up is
 * nobody's in this round, and is given in the next, which its giving up brings on. */
static void share_sticky(struct k_member **all, size_t n_members, struct k_partition **parts,
                         size_t n)
{
    size_t most = (n + n_members - 1) / n_members;

    for (size_t i = 0; i < n_members; i++) {
        all[i]->n = 0;
        sim_free(all[i]->assigned);
        all[i]->assigned = sim_new((n + 1) * sizeof(struct k_partition *));
    }
    for (size_t i = 0; i < n; i++) {
        struct k_member *m = holder(all, n_members, parts[i]);

        if (m && m->n < most)
            m->assigned[m->n++] = parts[i];
    }
    for (size_t i = 0; i < n; i++) {
        struct k_member *least = NULL;

        if (holder(all, n_members, parts[i]))
            continue;
        for (size_t k = 0; k < n_members; k++)
            if (!least || all[k]->n < least->n)
                least = all[k];
        least->assigned[least->n++] = parts[i];
    }
}

static void give(struct k_partition *p, struct rd_kafka_s *to)
{
    if (p->owner != to)
        p->moves++;
    p->owner = to;
}

static void complete(void)
{
    struct cluster *c = sim->cluster;
    struct k_partition *parts[PARTITIONS_MAX];
    size_t n = all_partitions(parts, PARTITIONS_MAX), n_members;
    struct k_member **all = members(&n_members);

    sim_cancel(&c->join_deadline);
    sim_cancel(&c->prepared);
    c->generation++;
    c->state = n_members ? K_COMPLETING : K_EMPTY;
    sim_trace("group: generation %d with %zu members", c->generation, n_members);
    if (n_members && c->cooperative)
        share_sticky(all, n_members, parts, n);
    else if (n_members)
        share_range(all, n_members, parts, n);
    for (size_t i = 0; i < n_members; i++) {
        all[i]->joined = false;
        touch(all[i]);
        if (all[i]->client)
            all[i]->client->generation = c->generation; /* the answer to JoinGroup */
        for (size_t k = 0; k < all[i]->n; k++)
            give(all[i]->assigned[k], all[i]->client);
    }
    if (n_members)
        sim_after(&c->synced, sim_between(SIM_BROKER, SIM_MS, 40 * SIM_MS));
    sim_free(all);
}

static void joined_all(struct sim_event *e)
{
    struct cluster *c = sim->cluster;
    struct sl_list *at, *after;
    bool over = e == &c->join_deadline;

    if (c->state != K_PREPARING)
        return;
    sl_list_each_safe (at, after, &c->member_list) {
        struct k_member *m = sl_container_of(at, struct k_member, node);

        if (m->joined)
            continue;
        if (!over)
            return;
        sim_trace("group: %s did not join in time", m->id);
        if (m->client)
            m->client->member = NULL;
        m->client = NULL;
        remove_member(m);
    }
    complete();
}

/* SyncGroup is answered: each member learns what it has. */
static void synced(struct sim_event *e)
{
    struct cluster *c = sim->cluster;
    struct sl_list *at;

    (void)e;
    c->state = K_STABLE;
    sl_list_each (at, &c->member_list) {
        struct k_member *m = sl_container_of(at, struct k_member, node);
        struct rd_kafka_s *rk = m->client;

        if (!rk)
            continue;
        rk->answer_generation = c->generation;
        sim_free(rk->answer_list);
        rk->answer_list = sim_new((m->n + 1) * sizeof(*rk->answer_list));
        memcpy(rk->answer_list, m->assigned, m->n * sizeof(*rk->answer_list));
        rk->n_answer = m->n;
        rk->answer.fire = answer;
        sim_after(&rk->answer, hop());
    }
}

rd_kafka_resp_err_t group_check(const struct rd_kafka_s *rk, int generation)
{
    struct cluster *c = sim->cluster;

    if (!rk->member)
        return RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
    if (generation != c->generation)
        return RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
    if (c->state == K_COMPLETING)
        return RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void group_rebalance(const char *why)
{
    if (sim->cluster->state == K_STABLE)
        prepare(why);
}

/* ---- a member's side ---- */

static bool down(const struct rd_kafka_s *rk)
{
    return rk->r->life != rk->life || rk->r->state == REPLICA_DOWN || rk->r->dead || rk->left;
}

static bool waits(struct sim_event *e, const struct rd_kafka_s *rk)
{
    uint64_t up = sim->cluster->coordinator_up_us;

    if (rk->r->paused) {
        sim_after(e, 20 * SIM_MS);
        return true;
    }
    if (sim->now_us < up) {
        sim_at(e, up + hop());
        return true;
    }
    return false;
}

static void push_rebalance(struct rd_kafka_s *rk, bool revoke, struct k_partition *const *parts,
                           size_t n)
{
    struct rd_kafka_op_s *op = op_new(rk, RD_KAFKA_EVENT_REBALANCE);

    op->err = revoke ? RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS : RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    op->list = rd_kafka_topic_partition_list_new((int)n);
    for (size_t i = 0; i < n; i++)
        rd_kafka_topic_partition_list_add(op->list, parts[i]->topic->name, parts[i]->number);
    if (revoke)
        rk->owes_revoke = true;
    else
        rk->owes_assign = true;
    sim_trace("r%zu   group says: %s %zu%s", rk->r->number, revoke ? "revoke" : "assign", n,
              rk->lost ? " (lost)" : "");
    queue_push(rk->consumer, op);
}

static void revoke_all(struct rd_kafka_s *rk)
{
    struct k_partition *parts[PARTITIONS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < rk->n_assigned; i++)
        parts[n++] = rk->assigned[i]->p;
    push_rebalance(rk, true, parts, n);
}

static void join_soon(struct rd_kafka_s *rk)
{
    rk->rejoin = false;
    rk->join.fire = join;
    sim_after(&rk->join, hop());
}

static void join(struct sim_event *e)
{
    struct rd_kafka_s *rk = sl_container_of(e, struct rd_kafka_s, join);
    struct cluster *c = sim->cluster;
    struct k_member *m = rk->member;

    if (down(rk) || waits(e, rk) || rk->closing)
        return;
    if (!m &&
        rk->n_assigned) { /* a new member brings nothing along: the broker gives it an id first */
        group_lost(rk);
        return;
    }
    prepare(m ? "a member joins again" : "a member joins");
    if (!m) {
        m = rk->member = sim_new(sizeof(*m));
        m->client = rk;
        snprintf(m->id, sizeof(m->id), "r%zu.%u", rk->r->number, ++c->member_ids);
        m->session.fire = expired;
        sl_list_push(&c->member_list, &m->node);
        c->members++;
    }
    m->joined = true;
    touch(m);
}

void group_lost(struct rd_kafka_s *rk)
{
    rk->generation = -1;
    audit_disturbed("an assignment is lost");
    sim_cancel(&rk->answer);
    if (rk->member) { /* it will find out by the session */
        rk->member->client = NULL;
        rk->member = NULL;
    }
    if (rk->owes_revoke ||
        rk->owes_assign) { /* the library looks at it again when it has the answer */
        rk->rejoin = true;
    } else if (rk->n_assigned == 0) {
        join_soon(rk);
    } else if (!rk->lost) {
        rk->lost = true;
        revoke_all(rk);
    }
}

static void heartbeat(struct sim_event *e)
{
    struct rd_kafka_s *rk = sl_container_of(e, struct rd_kafka_s, heartbeat);
    struct cluster *c = sim->cluster;
    struct k_member *m = rk->member;

    if (down(rk) || waits(e, rk))
        return;
    sim_after(e, sim_between(SIM_BROKER, HEARTBEAT_MS / 2, HEARTBEAT_MS) * SIM_MS);
    if (rk->closing || rk->join.slot)
        return;
    if (!m) {
        if (rk->generation >= 0)
            group_lost(rk);
        return;
    }
    touch(m);
    if (c->state != K_PREPARING || m->joined || rk->owes_assign || rk->owes_revoke)
        return;
    if (c->cooperative || rk->n_assigned == 0) {
        join_soon(rk);
    } else {
        rk->rejoin = true;
        revoke_all(rk);
    }
}

static void answer_eager(struct rd_kafka_s *rk)
{
    push_rebalance(rk, false, rk->answer_list, rk->n_answer);
}

static void answer_cooperative(struct rd_kafka_s *rk)
{
    struct k_partition *gone[PARTITIONS_MAX];
    size_t n_gone = 0;

    sim_free(rk->added);
    rk->added = sim_new((rk->n_answer + 1) * sizeof(*rk->added));
    rk->n_added = 0;
    for (size_t i = 0; i < rk->n_assigned; i++)
        if (!has(rk->answer_list, rk->n_answer, rk->assigned[i]->p))
            gone[n_gone++] = rk->assigned[i]->p;
    for (size_t i = 0; i < rk->n_answer; i++)
        if (!client_find(rk, rk->answer_list[i]))
            rk->added[rk->n_added++] = rk->answer_list[i];
    if (n_gone) { /* what is added is told when that is answered, be it nothing; then it joins */
        rk->rejoin = rk->assign_follows = true;
        push_rebalance(rk, true, gone, n_gone);
    } else if (rk->n_added || !rk->first_assignment) {
        push_rebalance(rk, false, rk->added, rk->n_added);
    }
    rk->first_assignment = true;
}

static void answer(struct sim_event *e)
{
    struct rd_kafka_s *rk = sl_container_of(e, struct rd_kafka_s, answer);

    if (down(rk) || waits(e, rk))
        return;
    if (!rk->member || rk->answer_generation != rk->generation || rk->closing)
        return;
    if (rk->owes_assign || rk->owes_revoke) { /* after what is under way */
        sim_after(e, 20 * SIM_MS);
        return;
    }
    if (sim->cluster->cooperative)
        answer_cooperative(rk);
    else
        answer_eager(rk);
}

/* The program has answered an assignment or a revoke. */
void group_answered(struct rd_kafka_s *rk, bool revoke)
{
    audit_disturbed("an assignment begins or ends");
    if (!revoke) {
        rk->owes_assign = false;
        if (!rk->member && !rk->closing)
            group_lost(rk);
        else if (rk->rejoin && !rk->closing)
            join_soon(rk);
        return;
    }
    rk->owes_revoke = false;
    if (rk->n_assigned == 0 || !sim->cluster->cooperative)
        rk->lost = false;
    if (rk->closing) {
        group_leave(rk);
    } else if (rk->assign_follows && rk->member) {
        push_rebalance(rk, false, rk->added, rk->n_added);
    } else if (rk->rejoin || !rk->member) {
        join_soon(rk);
    }
    rk->assign_follows = false;
}

void group_subscribe(struct rd_kafka_s *rk)
{
    rk->subscribed = true;
    rk->generation = -1;
    rk->heartbeat.fire = heartbeat;
    sim_after(&rk->heartbeat, HEARTBEAT_MS * SIM_MS);
    join_soon(rk);
}

static void stop_events(struct rd_kafka_s *rk)
{
    sim_cancel(&rk->heartbeat);
    sim_cancel(&rk->join);
    sim_cancel(&rk->answer);
}

void group_leave(struct rd_kafka_s *rk)
{
    stop_events(rk);
    rk->closed = rk->left = true;
    if (rk->member) {
        sim_trace("group: %s leaves", rk->member->id);
        remove_member(rk->member);
        rk->member = NULL;
        prepare("a member left");
    }
}

void group_client_gone(struct rd_kafka_s *rk)
{
    stop_events(rk);
    if (rk->member)
        rk->member->client = NULL;
    rk->member = NULL;
}

bool group_zombie(const struct replica *r)
{
    struct sl_list *at;

    sl_list_each (at, &r->clients) {
        const struct rd_kafka_s *rk = sl_container_of(at, struct rd_kafka_s, node);

        if (rk->subscribed && rk->n_assigned && !rk->member)
            return true;
    }
    return false;
}

bool group_at_rest(void)
{
    struct cluster *c = sim->cluster;
    struct sl_list *at;

    if (c->state != K_STABLE && c->state != K_EMPTY)
        return false;
    sl_list_each (at, &c->member_list) {
        struct rd_kafka_s *rk = sl_container_of(at, struct k_member, node)->client;

        if (!rk || rk->owes_assign || rk->owes_revoke || rk->lost || rk->answer.slot ||
            rk->join.slot)
            return false;
    }
    return true;
}
