/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* When an assignment begins and ends. One event of the group at a time; the library sends the next
 * one when this one is answered, and what should come earlier waits in c->rebalances. Nothing here
 * is called from inside a callback of the user's: what they ask for is seen in the next turn. */

enum { GIVE_UP_ATTEMPTS = 5 };

uint64_t sl_consumer_backoff(struct sl_consumer *c, unsigned attempts)
{
    uint64_t most = (uint64_t)SL_RETRY_FIRST_MS << (attempts < 6 ? attempts : 6);

    if (most > SL_RETRY_MAX_MS)
        most = SL_RETRY_MAX_MS;
    return sl_now_ms(c->rt) + most / 2 + sl_random(c->rt) % (most / 2 + 1);
}

static void push(struct sl_consumer *c, bool revoke, bool own,
                 const rd_kafka_topic_partition_list_t *list)
{
    struct sl_rebalance *r = sl_zalloc(sizeof(*r));

    r->revoke = revoke;
    r->own = own;
    r->list =
        list ? rd_kafka_topic_partition_list_copy(list) : rd_kafka_topic_partition_list_new(1);
    sl_list_push(&c->rebalances, &r->node);
    sl_consumer_wake(c);
}

void sl_rebalance_event(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(ev);
    bool assign = rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;

    push(c, !assign, false, list);
    if (c->start) /* an assignment that the group has already passed */
        atomic_store(&c->start->cancel, true);
}

void sl_rebalance_close(struct sl_consumer *c)
{
    push(c, true, true, NULL);
    if (c->start)
        atomic_store(&c->start->cancel, true);
}

bool sl_rebalance_idle(const struct sl_consumer *c)
{
    return !c->now && sl_list_empty(&c->rebalances);
}

static void free_rebalance(struct sl_rebalance *r)
{
    rd_kafka_topic_partition_list_destroy(r->list);
    free(r);
}

static void finish(struct sl_consumer *c)
{
    free_rebalance(c->now);
    c->now = NULL;
    c->stage = SL_STEADY;
    if (c->start && !c->start_running) {
        sl_lookup_free(c->start);
        c->start = NULL;
    }
}

/* ---- revoke ---- */

static void end_revoke(struct sl_consumer *c, bool lost)
{
    struct sl_partition **going = c->going;

    c->going = NULL;
    if (c->n_going)
        sl_epochs_end(c, going, c->n_going, lost);
    free(going);
    c->n_going = 0;
    if (!c->now->own)
        sl_assign_answer(c, c->now);
    finish(c);
}

static void begin_revoke(struct sl_consumer *c)
{
    struct sl_rebalance *r = c->now;
    bool lost = rd_kafka_assignment_lost(c->rk);

    sl_again_forget(c, r->own ? NULL : r->list);
    c->going = sl_calloc(c->n_partitions + 1, sizeof(struct sl_partition *));
    c->n_going = 0;
    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_partition *p = c->partitions[i];

        if (!r->own && !rd_kafka_topic_partition_list_find(r->list, p->topic->name, p->number))
            continue;
        p->draining = true;
        sl_pause_drop_parked(c, sl_part_of(p));
        c->going[c->n_going++] = p;
    }
    if (c->n_going == 0 || lost) {
        if (lost)
            sl_log(c->log, SL_LOG_WARN, "assignment lost: nothing of it is committed", NULL);
        end_revoke(c, lost);
        return;
    }
    c->stage = SL_DRAINING;
    c->drained = false;
    c->ops->on_revoking(c->user, c->going, c->n_going);
}

void sl_consumer_revoked(struct sl_consumer *c)
{
    if (c->stage != SL_DRAINING)
        return;
    c->drained = true;
    sl_consumer_wake(c);
}

static bool something_to_commit(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_going; i++)
        if (sl_commit_due(c->going[i]))
            return true;
    return false;
}

static bool in_doubt(const struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_going; i++)
        if (sl_part_of(c->going[i])->doubt)
            return true;
    return false;
}

/* The final commit waits for the one under way, is repeated while it fails, and is given up at the
 * deadline. */
static void last_commit(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);
    bool lost = rd_kafka_assignment_lost(c->rk);

    if (lost || now >= c->deadline_ms || !something_to_commit(c)) {
        if (!lost && (something_to_commit(c) || in_doubt(c)))
            sl_log(c->log, SL_LOG_WARN,
                   "the last commit was not confirmed in time: the next owner repeats some records",
                   NULL);
        end_revoke(c, lost);
        return;
    }
    if (c->commit.in_flight || now < c->again_ms)
        return;
    sl_commit_send(c, c->going, c->n_going);
    c->again_ms = sl_consumer_backoff(c, c->attempts++);
}

/* ---- assign ---- */

bool sl_rebalance_overtaken(const struct sl_consumer *c)
{
    return c->close_stage != SL_OPEN || c->fatal || !sl_list_empty(&c->rebalances) ||
           rd_kafka_assignment_lost(c->rk);
}

static void refuse(struct sl_consumer *c)
{
    if (!c->now->again) /* else it begins once more, for what is left of it */
        sl_assign_refuse(c);
    finish(c);
}

static void lookup_done(struct sl_lookup *s)
{
    struct sl_consumer *c = s->user;

    c->start_running = false;
    sl_consumer_job_done(c);
}

static void begin_lookup(struct sl_consumer *c)
{
    struct sl_lookup *s = c->start;

    s->want_cluster_id = !c->cluster_id;
    s->give_up = c->attempts >= GIVE_UP_ATTEMPTS;
    s->timeout_ms = 2000 << (c->attempts < 2 ? c->attempts : 2);
    c->start_running = true;
    c->stage = SL_RESOLVING;
    sl_lookup_run(s, c->rt);
}

static void settled(struct sl_consumer *c)
{
    const rd_kafka_topic_partition_list_t *list = c->now->list;

    if (c->start_running)
        return; /* of an assignment that was overtaken */
    sl_lookup_free(c->start);
    c->start = sl_lookup_new(c->rk, c->source);
    c->start->done = lookup_done;
    c->start->user = c;
    c->start->lines = c->names != NULL;
    c->attempts = 0;
    for (int i = 0; i < list->cnt; i++)
        if (!sl_topics_excluded(c, list->elems[i].topic))
            sl_lookup_add(c->start, list->elems[i].topic, list->elems[i].partition);
        else
            sl_log(c->log, SL_LOG_ERROR, "a topic of Sluice's own was assigned; it is not read",
                   "topic", list->elems[i].topic, NULL);
    begin_lookup(c);
}

static void again_later(struct sl_consumer *c, const char *what, const char *why)
{
    sl_health_trouble(c, "%s: %s", what, why);
    c->again_ms = sl_consumer_backoff(c, c->attempts++);
}

static bool refused_by_policy(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->start->n; i++) {
        const struct sl_lookup_item *item = &c->start->items[i];
        char text[512];

        if (item->verdict != SL_READ_REFUSE)
            continue;
        snprintf(text, sizeof(text), "%s-%d: %s", item->topic, (int)item->number, item->why);
        sl_consumer_fatal(c, text);
        return true;
    }
    return false;
}

static void resolved(struct sl_consumer *c)
{
    struct sl_lookup *s = c->start;

    if (sl_rebalance_overtaken(
            c)) { /* also while it still waits for a broker: nobody waits for it then */
        refuse(c);
        return;
    }
    if (c->start_running)
        return;
    if (s->cluster_id && !c->cluster_id)
        c->cluster_id = sl_strdup(s->cluster_id);
    if (s->failed) {
        c->stage = SL_BACKOFF;
        again_later(c, "start offsets", s->text);
    } else if (refused_by_policy(c)) {
        refuse(c);
    } else {
        c->stage = SL_START_COMMIT;
        c->start_sent = false;
        c->again_ms = 0;
        c->attempts = 0;
    }
}

static void begin_arrival(struct sl_consumer *c)
{
    sl_health_good(c);
    c->stage = SL_ARRIVING;
    sl_arrive_begin(c);
}

static void arriving(struct sl_consumer *c)
{
    if (sl_rebalance_overtaken(c)) {
        sl_arrive_abandon(c);
        refuse(c);
    } else if (c->arrived) {
        sl_arrive_count(c);
        c->stage = SL_COUNTING;
        c->start_sent = false;
    } else {
        sl_arrive_late(c);
    }
}

static bool passed_by(rd_kafka_resp_err_t err)
{
    return err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

/* What they are read by may be the death of the process: the next one has to know. Whether it can
 * be written down holds nobody up. */
static void counting(struct sl_consumer *c)
{
    bool over = sl_rebalance_overtaken(c);

    if (c->commit.in_flight && !over)
        return;
    if (!over && !c->start_sent && c->names && sl_commit_send(c, c->fresh, c->n_fresh)) {
        c->start_sent = true;
        return;
    }
    if (over || (c->start_sent && passed_by(c->commit.worst))) {
        sl_arrive_abandon(c);
        refuse(c);
    } else {
        sl_arrive_end(c);
        finish(c);
    }
}

static void start_commit(struct sl_consumer *c)
{
    rd_kafka_resp_err_t worst = c->commit.worst;

    if (sl_rebalance_overtaken(c)) {
        refuse(c);
    } else if (c->commit.in_flight || sl_now_ms(c->rt) < c->again_ms) {
        return;
    } else if (!c->start_sent) {
        c->start_sent = sl_commit_send_start(c, c->start);
        if (!c->start_sent && !c->commit.worst)
            begin_arrival(c); /* there was nothing to commit */
        else if (!c->start_sent)
            again_later(c, "commit of start offsets", rd_kafka_err2str(c->commit.worst));
    } else if (!worst) {
        begin_arrival(c);
    } else if (passed_by(worst)) {
        refuse(c); /* the group went on without us: the heartbeat makes us join again */
    } else {
        c->start_sent = false;
        again_later(c, "commit of start offsets", rd_kafka_err2str(worst));
    }
}

static void backoff(struct sl_consumer *c)
{
    if (sl_rebalance_overtaken(c))
        refuse(c);
    else if (sl_now_ms(c->rt) >= c->again_ms)
        begin_lookup(c);
}

static void end_all(struct sl_consumer *c)
{
    struct sl_partition **all = sl_calloc(c->n_partitions + 1, sizeof(struct sl_partition *));
    size_t n = c->n_partitions;

    memcpy(all, c->partitions, n * sizeof(struct sl_partition *));
    sl_epochs_end(c, all, n, true);
    free(all);
}

static void begin_assign(struct sl_consumer *c)
{
    bool eager = !sl_assign_cooperative(c);

    if (sl_rebalance_overtaken(c)) {
        refuse(c);
        return;
    }
    sl_again_forget(c, eager ? NULL : c->now->list);
    if (eager && c->n_partitions) /* an eager assignment replaces; its revoke was missed */
        end_all(c);
    c->stage = SL_SETTLING;
}

/* ---- both ---- */

static bool next(struct sl_consumer *c)
{
    if (c->now)
        return false;
    if (sl_list_empty(&c->rebalances))
        return sl_again_begin(c);
    c->now = sl_container_of(c->rebalances.next, struct sl_rebalance, node);
    sl_list_remove(&c->now->node);
    c->again_ms = 0;
    if (c->now->revoke)
        begin_revoke(c);
    else
        begin_assign(c);
    return true;
}

static void step(struct sl_consumer *c)
{
    switch (c->stage) {
    case SL_STEADY:
        break;
    case SL_SETTLING:
        if (sl_rebalance_overtaken(c))
            refuse(c);
        else if (!c->commit.in_flight)
            settled(c);
        break;
    case SL_RESOLVING:
        resolved(c);
        break;
    case SL_BACKOFF:
        backoff(c);
        break;
    case SL_START_COMMIT:
        start_commit(c);
        break;
    case SL_ARRIVING:
        arriving(c);
        break;
    case SL_COUNTING:
        counting(c);
        break;
    case SL_DRAINING:
        if (c->drained) {
            sl_park_leave(c);
            c->stage = SL_LAST_COMMIT;
            c->deadline_ms = sl_now_ms(c->rt) + SL_LAST_COMMIT_MS;
            c->attempts = 0;
            c->again_ms = 0;
        }
        break;
    case SL_LAST_COMMIT:
        last_commit(c);
        break;
    }
}

void sl_rebalance_turn(struct sl_consumer *c)
{
    enum sl_stage before;

    do {
        before = c->stage;
        sl_again_end(c);
        step(c);
    } while (c->stage != before || next(c));
}

void sl_rebalance_release(struct sl_consumer *c)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, &c->rebalances) {
        sl_list_remove(at);
        free_rebalance(sl_container_of(at, struct sl_rebalance, node));
    }
    if (c->now)
        free_rebalance(c->now);
    c->now = NULL;
    free(c->going);
    c->going = NULL;
    sl_lookup_free(c->start);
    sl_lookup_free(c->check);
    c->start = c->check = NULL;
    if (c->away)
        rd_kafka_topic_partition_list_destroy(c->away);
}
