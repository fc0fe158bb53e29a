/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* What the library is told about assignments. */

bool sl_assign_cooperative(const struct sl_consumer *c)
{
    const char *protocol = rd_kafka_rebalance_protocol(c->rk);

    return protocol && strcmp(protocol, "COOPERATIVE") == 0;
}

static void report(struct sl_consumer *c, const char *what, rd_kafka_error_t *error,
                   rd_kafka_resp_err_t err)
{
    if (error) {
        sl_log(c->log, SL_LOG_ERROR, what, "reason", rd_kafka_error_string(error), NULL);
        rd_kafka_error_destroy(error);
    } else if (err) {
        sl_log(c->log, SL_LOG_ERROR, what, "reason", rd_kafka_err2str(err), NULL);
    }
}

/* Nothing of what is parked may be fetched, not even in the moment before the pause reaches the
 * library. */
int64_t sl_assign_offset(const struct sl_part *part)
{
    return part->parked_until_ms ? RD_KAFKA_OFFSET_TAIL(0) : part->expect;
}

/* Tells the library; false when it does not take the assignment. */
bool sl_assign_take(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_error_t *error = NULL;
    bool ok;

    if (sl_assign_cooperative(c))
        error = rd_kafka_incremental_assign(c->rk, list);
    else
        err = rd_kafka_assign(c->rk, list);
    ok = !error && !err;
    report(c, "assignment not taken", error, err);
    return ok;
}

void sl_assign_refuse(struct sl_consumer *c)
{
    /* Not rd_kafka_assign(NULL), which answers a revoke: the member would stay in the group with
     * nothing, and never join again. */
    rd_kafka_topic_partition_list_t *none = rd_kafka_topic_partition_list_new(0);

    sl_assign_take(c, none);
    rd_kafka_topic_partition_list_destroy(none);
}

/* A revoke can name a partition more (one of an assignment that was not taken); the library refuses
 * such an answer as a whole, and then waits for ever. */
rd_kafka_topic_partition_list_t *sl_assign_taken(struct sl_consumer *c,
                                                 const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *ret = rd_kafka_topic_partition_list_new(list->cnt);
    rd_kafka_topic_partition_list_t *have = NULL;

    if (rd_kafka_assignment(c->rk, &have))
        return ret;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];

        if (rd_kafka_topic_partition_list_find(have, at->topic, at->partition))
            rd_kafka_topic_partition_list_add(ret, at->topic, at->partition);
    }
    rd_kafka_topic_partition_list_destroy(have);
    return ret;
}

void sl_assign_answer(struct sl_consumer *c, const struct sl_rebalance *r)
{
    if (sl_assign_cooperative(c)) {
        rd_kafka_topic_partition_list_t *list = sl_assign_taken(c, r->list);

        report(c, "revoke not answered", rd_kafka_incremental_unassign(c->rk, list), 0);
        rd_kafka_topic_partition_list_destroy(list);
    } else {
        report(c, "revoke not answered", NULL, rd_kafka_assign(c->rk, NULL));
    }
}

/* A partition whose fetching has ended by an error cannot be sought: it is taken out and put in
 * again. The eager protocol knows whole assignments only, so there all are put in again, each from
 * where it is. */
void sl_assign_restart(struct sl_consumer *c, struct sl_part *part)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)c->n_partitions);
    bool one = sl_assign_cooperative(c);

    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_part *at = sl_part_of(c->partitions[i]);

        if (one && at != part)
            continue;
        rd_kafka_topic_partition_list_add(list, at->p->topic->name, at->p->number)->offset =
            sl_assign_offset(at);
        at->rewind = at->paused; /* what a resume does to the offset differs between versions */
    }
    if (one)
        report(c, "unassign", rd_kafka_incremental_unassign(c->rk, list), 0);
    sl_assign_take(c, list);
    rd_kafka_topic_partition_list_destroy(list);
}
