/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "base/alloc.h"
#include "kafka/consumer_private.h"

/* A place in the log at which the process dies: mostly a batch that takes more memory than there is
 * once it is decompressed, which the library does without a limit. Nobody lives to tell, so it is
 * written down before: the line beside the committed offset counts the starts of reading, by
 * whichever replica, and the count is committed before the first fetch. It goes when the committed
 * offset moves, when the end of the log is reached, when a minute has been survived, and when the
 * partition is given back in order. That records were read is not enough: what was read and not yet
 * delivered is read again, and the place that kills may lie behind it.
 *
 * Who finds three starts that came to nothing parks the partition: it is not read for a minute,
 * then two, four ... an hour, while the others go on. Then it is tried again, and one at a time,
 * for when one kills the process the others that are parked with it have mostly just been too slow.
 */

enum { DOUBLINGS = 6, STARTS_MAX = 99, SURVIVED_MS = 60000 };

static void park(struct sl_consumer *c, struct sl_part *part)
{
    struct sl_partition *p = part->p;
    unsigned more = p->starts - SL_PARK_AFTER;
    uint64_t ms = c->park_ms << (more < DOUBLINGS ? more : DOUBLINGS);
    char number[16], offset[24];

    if (ms > c->park_ms * 60)
        ms = c->park_ms * 60;
    part->parked_until_ms = sl_now_ms(c->rt) + ms;
    p->stopped = true;
    free(part->why);
    part->why = sl_asprintf(
        "parked for %" PRIu64 " s: the program ended %u times after it had begun to read at offset "
        "%" PRId64 " and before it came further. A batch there may be too large for the memory "
        "limit once it is decompressed: raise the limit, or move the group past it",
        ms / 1000, p->starts, part->expect);
    snprintf(number, sizeof(number), "%d", (int)p->number);
    snprintf(offset, sizeof(offset), "%" PRId64, part->expect);
    sl_log(c->log, SL_LOG_ERROR, "partition parked", "topic", p->topic->name, "partition", number,
           "offset", offset, "reason", part->why, NULL);
}

bool sl_park_count(struct sl_consumer *c, struct sl_part *part)
{
    struct sl_partition *p = part->p;
    const rd_kafka_topic_partition_t *away =
        rd_kafka_topic_partition_list_find(c->away, p->topic->name, p->number);
    bool tried = away && away->opaque; /* else this process has begun there and lives */

    part->began_at = sl_partition_least(p);
    part->began_ms = sl_now_ms(c->rt);
    if (!c->names || (!p->starts && part->expect == p->log_end)) /* there is nothing to die of */
        return true;
    if (p->starts >= SL_PARK_AFTER && !away) {
        park(c, part);
        return false;
    }
    if (tried)
        sl_logf(c->log, SL_LOG_WARN, "%s-%d was parked and is read again from offset %" PRId64,
                p->topic->name, (int)p->number, part->expect);
    if (!away || tried || p->starts == 0)
        p->starts += p->starts < STARTS_MAX;
    return true;
}

void sl_park_look(const struct sl_consumer *c, struct sl_part *part)
{
    if (part->arrived && (sl_partition_least(part->p) > part->began_at ||
                          sl_now_ms(c->rt) - part->began_ms >= SURVIVED_MS))
        part->p->starts = 0;
}

void sl_park_survived(struct sl_consumer *c, struct sl_part *part)
{
    if (!part->p->starts)
        return;
    part->p->starts = 0;
    sl_consumer_commit_soon(c);
}

void sl_park_leave(struct sl_consumer *c)
{
    for (size_t i = 0; i < c->n_going; i++)
        if (sl_part_of(c->going[i])->arrived)
            c->going[i]->starts = 0;
}

struct sl_part *sl_park_due(const struct sl_consumer *c)
{
    struct sl_part *due = NULL;

    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_part *part = sl_part_of(c->partitions[i]);

        if (part->arrived && part->p->starts > SL_PARK_AFTER)
            return NULL; /* this one is being tried */
        if (part->parked_until_ms && part->parked_until_ms <= sl_now_ms(c->rt) &&
            (!due || part->parked_until_ms < due->parked_until_ms))
            due = part;
    }
    return c->away->cnt ? NULL : due;
}
