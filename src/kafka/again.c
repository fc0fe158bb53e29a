/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* Partitions that begin anew although the group has taken nothing away: one that was parked is
 * tried again (park.c), or a commit of theirs got an answer that leaves open whether it was
 * applied. What is known of their positions may then be older than what is committed, or the other
 * way round, and a cut that is recorded in one of the two only could be made twice. So the epoch
 * ends, all that was in flight is forgotten, and what is committed is looked up as at an
 * assignment. The library keeps the partitions, paused, and is sought to where they go on. An event
 * of the group comes first: this waits for it.
 *
 * Where an answer is unknown the epoch ends at once, also while others arrive: what is delivered of
 * it cannot be committed any more, and comes again. Only the new beginning waits for them. */

static rd_kafka_topic_partition_t *find(const struct sl_consumer *c, const char *topic,
                                        int32_t number)
{
    return rd_kafka_topic_partition_list_find(c->away, topic, number);
}

static void set_aside(struct sl_consumer *c, struct sl_partition *const *parts, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n);

    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *at =
            rd_kafka_topic_partition_list_add(c->away, parts[i]->topic->name, parts[i]->number);

        at->err = sl_part_of(parts[i])->check ? RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE : 0;
        at->opaque = sl_part_of(parts[i])->parked_until_ms ? c : NULL;
        if (!sl_part_of(parts[i])->paused)
            rd_kafka_topic_partition_list_add(list, parts[i]->topic->name, parts[i]->number);
        sl_part_of(parts[i])->paused = false; /* it stays so in the library */
    }
    if (list->cnt)
        rd_kafka_pause_partitions(c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
}

static bool ends(const struct sl_partition *p, const struct sl_part *due)
{
    return (sl_part_of(p)->doubt && !p->draining) || sl_part_of(p) == due;
}

static void end_some(struct sl_consumer *c, const struct sl_part *due)
{
    struct sl_partition **parts;
    size_t n = 0;

    for (size_t i = 0; i < c->n_partitions; i++)
        n += ends(c->partitions[i], due);
    if (n == 0)
        return;
    parts = sl_calloc(n, sizeof(struct sl_partition *));
    n = 0;
    for (size_t i = 0; i < c->n_partitions; i++)
        if (ends(c->partitions[i], due))
            parts[n++] = c->partitions[i];
    set_aside(c, parts, n);
    sl_epochs_end(c, parts, n, true);
    free(parts);
}

void sl_again_end(struct sl_consumer *c)
{
    if (!sl_rebalance_overtaken(c))
        end_some(c, NULL);
}

bool sl_again_begin(struct sl_consumer *c)
{
    rd_kafka_topic_partition_list_t *list;

    if (sl_rebalance_overtaken(c))
        return false;
    end_some(c, sl_park_due(c));
    if (!c->away->cnt || sl_now_ms(c->rt) < c->away_again_ms)
        return false;
    list = sl_assign_taken(c, c->away);
    if (!list->cnt) { /* taken away without an event */
        rd_kafka_topic_partition_list_destroy(list);
        sl_again_forget(c, NULL);
        return false;
    }
    c->now = sl_zalloc(sizeof(*c->now));
    c->now->again = true;
    c->now->list = list;
    c->stage = SL_SETTLING;
    c->away_again_ms = sl_consumer_backoff(c, c->away_attempts++);
    return true;
}

void sl_again_forget(struct sl_consumer *c, const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *gone = rd_kafka_topic_partition_list_new(c->away->cnt);

    for (int i = 0; i < c->away->cnt; i++) {
        const rd_kafka_topic_partition_t *at = &c->away->elems[i];

        if (!list || rd_kafka_topic_partition_list_find((rd_kafka_topic_partition_list_t *)list,
                                                        at->topic, at->partition))
            rd_kafka_topic_partition_list_add(gone, at->topic, at->partition);
    }
    if (gone->cnt)
        rd_kafka_resume_partitions(c->rk, gone); /* the library remembers a pause */
    for (int i = 0; i < gone->cnt; i++)
        rd_kafka_topic_partition_list_del(c->away, gone->elems[i].topic, gone->elems[i].partition);
    rd_kafka_topic_partition_list_destroy(gone);
}

/* Fetching has ended by an error while nobody was there to hear it. */
void sl_again_broken(struct sl_consumer *c, const rd_kafka_topic_partition_t *at)
{
    rd_kafka_topic_partition_t *away = find(c, at->topic, at->partition);

    if (away)
        away->err = RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}
