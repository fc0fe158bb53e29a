/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "kafka.h"
#include "scenario.h"

/* Commits on their way. The coordinator checks member and generation, not who owns the partition;
 * an answer can be lost, and a commit that waits for the coordinator goes out later, under the
 * generation of then. */

enum { METADATA_MAX_CHARS = 4096 };

struct commit {
    struct sim_event event;
    struct rd_kafka_s *rk;
    struct rd_kafka_queue_s *queue;
    void *opaque;
    rd_kafka_topic_partition_list_t *list;
    unsigned *moves; /* by entry: of its partition, when it was sent */
    int generation;
    uint64_t number;
    bool late;     /* it waited, or was applied after its answer */
    bool answered; /* with something unknown, before it arrives */
    enum commit_fate fate;
    rd_kafka_resp_err_t err;
};

static void fail_list(struct commit *c, rd_kafka_resp_err_t err)
{
    c->err = err;
    for (int i = 0; i < c->list->cnt; i++)
        c->list->elems[i].err = err;
}

static bool gone(const struct rd_kafka_s *rk)
{
    return rk->r->life != rk->life || rk->r->state == REPLICA_DOWN || rk->r->dead;
}

static void give_answer(struct commit *c)
{
    struct rd_kafka_op_s *op;

    if (c->answered)
        return;
    c->answered = true;
    c->rk->group_commits--;
    if (c->err)
        audit_disturbed("a commit has failed");
    if (gone(c->rk))
        return;
    op = op_new(c->rk, RD_KAFKA_EVENT_OFFSET_COMMIT);
    op->err = c->err;
    op->opaque = c->opaque;
    op->list = rd_kafka_topic_partition_list_copy(c->list);
    sim_trace("r%zu   commit answered: %s", c->rk->r->number, rd_kafka_err2name(c->err));
    queue_push(c->queue, op);
}

static void answers(struct sim_event *e)
{
    struct commit *c = sl_container_of(e, struct commit, event);

    if (c->rk->r->paused && !gone(c->rk)) {
        sim_after(e, 20 * SIM_MS);
        return;
    }
    give_answer(c);
}

static bool apply_one(struct commit *c, rd_kafka_topic_partition_t *at, unsigned moves)
{
    struct k_partition *p = cluster_partition(at->topic, at->partition);
    bool mine;

    if (!p) {
        at->err = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
        return false;
    }
    if (at->metadata_size > METADATA_MAX_CHARS ||
        (at->metadata_size > 0 && sim_chance(SIM_BROKER, sim->scenario->fault.metadata_refused))) {
        at->err = RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE;
        return false;
    }
    if (sim_chance(SIM_BROKER, sim->scenario->fault.commit_partial)) {
        at->err = RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
        return false;
    }
    mine = p->moves == moves && (!p->owner || p->owner == c->rk); /* and nobody else had it since */
    if (!mine)
        sim->cluster->late_commits++;
    sim->cluster->commits_applied++;
    sim_free(p->metadata);
    p->metadata = sim_copy(at->metadata ? at->metadata : "", at->metadata_size);
    p->committed = at->offset;
    sim_trace("commit: %s-%d = %lld \"%s\" by r%zu%s", p->topic->name, (int)p->number,
              (long long)at->offset, p->metadata, c->rk->r->number, mine ? "" : " LATE");
    audit_commit(p, at->offset, p->metadata, c->rk->r,
                 !mine                   ? AUDIT_LATE
                 : c->number < p->commit ? AUDIT_OVERTAKEN
                                         : AUDIT_IN_TIME);
    p->commit = c->number > p->commit ? c->number : p->commit;
    return true;
}

static void apply(struct commit *c)
{
    int bad = 0;

    c->err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < c->list->cnt; i++)
        if (!apply_one(c, &c->list->elems[i], c->moves[i])) {
            c->err = c->list->elems[i].err;
            bad++;
        }
    /* Where some only have failed, versions differ in what they say of the whole. */
    if (bad < c->list->cnt && sim_chance(SIM_BROKER, 500))
        c->err = RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void applies(struct sim_event *e)
{
    struct commit *c = sl_container_of(e, struct commit, event);

    apply(c);
}

/* The commit of this client that was sent first of those that are answered and not applied; NULL:
 * none. */
static struct commit *next_late(const struct rd_kafka_s *rk)
{
    struct commit *first = NULL;

    for (size_t i = 0; i < sim->n; i++) {
        struct commit *c = sl_container_of(sim->heap[i], struct commit, event);

        if (sim->heap[i]->fire == applies && c->rk == rk && (!first || c->number < first->number))
            first = c;
    }
    return first;
}

void commit_settle(struct rd_kafka_s *rk)
{
    struct commit *c;

    while ((c = next_late(rk))) {
        sim_cancel(&c->event);
        apply(c);
    }
}

static void later(struct commit *c, void (*fire)(struct sim_event *e), uint64_t us)
{
    c->event.fire = fire;
    sim_after(&c->event, us);
}

static rd_kafka_resp_err_t unknown_answer(void)
{
    static const rd_kafka_resp_err_t errs[] = {RD_KAFKA_RESP_ERR__TIMED_OUT,
                                               RD_KAFKA_RESP_ERR__TRANSPORT,
                                               RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT};

    reach(REACH_UNKNOWN);
    return errs[sim_below(SIM_BROKER, 3)];
}

static uint64_t hop(void)
{
    return sim_between(SIM_BROKER, 300, 20 * SIM_MS);
}

/* The request is at the coordinator. */
static void arrives(struct sim_event *e)
{
    struct commit *c = sl_container_of(e, struct commit, event);
    rd_kafka_resp_err_t err;

    err = group_check(c->rk, c->generation);
    if (gone(c->rk) && sim_chance(SIM_BROKER, 500)) /* with the process the request may have gone */
        return;
    if (err) {
        sim->cluster->commits_refused++;
        fail_list(c, err);
        later(c, answers, hop());
        return;
    }
    switch (c->fate) {
    case COMMIT_REFUSED:
        fail_list(c, sim_chance(SIM_BROKER, 500) ? RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE
                                                 : RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
        later(c, answers, hop());
        break;
    case COMMIT_UNHEARD: /* applied, and nobody hears of it */
        apply(c);
        fail_list(c, unknown_answer());
        later(c, answers, sim_between(SIM_BROKER, SIM_S / 2, 8 * SIM_S));
        break;
    case COMMIT_LATE: /* answered as unknown, and applied after that */
        fail_list(c, unknown_answer());
        give_answer(c);
        for (int i = 0; i < c->list->cnt; i++)
            c->list->elems[i].err = 0;
        later(c, applies, sim_between(SIM_BROKER, SIM_S / 5, 10 * SIM_S));
        break;
    case COMMIT_WELL:
    case COMMIT_DROPPED:
    case COMMIT_DEFERRED:
        apply(c);
        later(c, answers, hop());
        break;
    }
}

static void leaves(struct sim_event *e)
{
    struct commit *c = sl_container_of(e, struct commit, event);

    if (gone(c->rk) && c->fate == COMMIT_DEFERRED) /* it was still in the process */
        return;
    if (c->rk->r->paused) {
        sim_after(e, 20 * SIM_MS);
        return;
    }
    if (sim->now_us < sim->cluster->coordinator_up_us) {
        c->late = true;
        sim_at(e, sim->cluster->coordinator_up_us + hop());
        return;
    }
    c->generation = c->rk->generation;
    if (c->fate == COMMIT_DROPPED) {
        fail_list(c, unknown_answer());
        later(c, answers, sim_between(SIM_BROKER, SIM_S / 2, 8 * SIM_S));
        return;
    }
    later(c, arrives, hop());
}

static enum commit_fate choose(void)
{
    const struct scenario *s = sim->scenario;

    if (sim->now_us > s->heal_us)
        return COMMIT_WELL;
    if (sim_chance(SIM_BROKER, s->fault.commit_refused))
        return COMMIT_REFUSED;
    if (sim_chance(SIM_BROKER, s->fault.commit_unheard))
        return COMMIT_UNHEARD;
    if (sim_chance(SIM_BROKER, s->fault.commit_late))
        return COMMIT_LATE;
    if (sim_chance(SIM_BROKER, s->fault.commit_dropped))
        return COMMIT_DROPPED;
    if (sim_chance(SIM_BROKER, s->fault.commit_deferred))
        return COMMIT_DEFERRED;
    return COMMIT_WELL;
}

bool commits_under_way(void)
{
    for (size_t i = 0; i < sim->n; i++)
        if (sim->heap[i]->fire == leaves || sim->heap[i]->fire == arrives ||
            sim->heap[i]->fire == applies)
            return true;
    return false;
}

/* Offsets of partitions that it does not have are its own business only before an assignment is
 * answered. */
static void check_owned(struct rd_kafka_s *rk, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; !rk->owes_assign && i < list->cnt; i++)
        if (!client_find(rk, cluster_partition(list->elems[i].topic, list->elems[i].partition)))
            sim_find("r%zu commits %s-%d, which it does not have", rk->r->number,
                     list->elems[i].topic, (int)list->elems[i].partition);
}

rd_kafka_resp_err_t rd_kafka_commit_queue(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list, rd_kafka_queue_t *queue,
    void (*cb)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *),
    void *opaque)
{
    struct commit *c;

    (void)cb;
    if (!list) {
        sim_find("r%zu sends a bare commit", rk->r->number);
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    if (!replica_effect(rk->r))
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!rk->subscribed)
        sim_find("r%zu commits by a client that is no member", rk->r->number);
    if (rk->group_commits > 0)
        sim_find("r%zu has two commits in flight", rk->r->number);
    check_owned(rk, list);
    if (rk->lost)
        sim_find("r%zu commits for an assignment that is lost", rk->r->number);
    c = sim_new(sizeof(*c));
    c->rk = rk;
    c->queue = queue;
    c->opaque = opaque;
    c->list = rd_kafka_topic_partition_list_copy(list);
    c->fate = choose();
    c->number = ++sim->cluster->commits;
    c->moves = sim_new((size_t)list->cnt * sizeof(*c->moves));
    for (int i = 0; i < list->cnt; i++)
        c->moves[i] = cluster_partition(list->elems[i].topic, list->elems[i].partition)->moves;
    rk->group_commits++;
    sim_trace("r%zu   commit sent, %d partitions%s", rk->r->number, list->cnt,
              c->fate == COMMIT_DEFERRED ? " (deferred)" : "");
    later(c, leaves,
          c->fate == COMMIT_DEFERRED ? sim_between(SIM_BROKER, SIM_S / 2, 12 * SIM_S) : 100);
    c->late = c->fate == COMMIT_DEFERRED;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
