/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/consumer_private.h"

/* A partition can be left lying in the library: a resume that meets a pause or an assignment in the
 * wrong moment is dropped, and the partition stays paused for ever without an error (librdkafka
 * #5591, open). What can be seen is that the log goes on and nothing comes. Then it is begun again,
 * once, and told; an open transaction looks the same, and is not harmed. */

static bool should_come(const struct sl_consumer *c, const struct sl_part *part)
{
    return c->stage == SL_STEADY && c->close_stage == SL_OPEN && !part->paused && !part->rewind &&
           !part->check && !part->p->stopped && !part->p->draining &&
           part->p->log_end > part->expect && !sl_health_troubled(c);
}

static void stir(struct sl_consumer *c, struct sl_part *part)
{
    char number[16], offset[24];

    snprintf(number, sizeof(number), "%d", (int)part->p->number);
    snprintf(offset, sizeof(offset), "%lld", (long long)part->expect);
    sl_log(c->log, SL_LOG_WARN,
           "nothing comes although the log goes on: reading begins again (should this repeat, look "
           "for a transaction that is left open)",
           "topic", part->p->topic->name, "partition", number, "offset", offset, NULL);
    c->counts.stirred++;
    part->stirred = true;
    sl_pause_stir(c, part);
}

void sl_strand_look(struct sl_consumer *c)
{
    uint64_t now = sl_now_ms(c->rt);

    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_part *part = sl_part_of(c->partitions[i]);

        if (part->expect != part->still_at) {
            part->still_at = part->expect;
            part->stirred = false;
            part->still_ms = now;
        }
        if (!should_come(c, part))
            part->still_ms = now;
        else if (!part->stirred && now - part->still_ms >= c->strand_ms)
            stir(c, part);
    }
}
