/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "kafka/client.h"
#include "kafka/consumer_private.h"

/* Messages and back pressure.
 *
 * Pausing makes librdkafka throw away what it has fetched; on resume it fetches again from the last
 * message handed over + 1. A message that still comes while one is parked therefore cannot simply
 * be dropped (the library counts it as handed over) nor kept (only one is): it is dropped, the
 * partition is marked, and after the resume it is sought back to the first offset that was not
 * taken. Until then everything from it is dropped, so that nothing overtakes. `expect` drops what
 * comes twice. */

enum { BAD_TIMES = 5 }; /* half a second apart: the library waits after a fetch that failed */

void sl_consumer_table_changed(struct sl_consumer *c)
{
    free(c->slots);
    c->slots = NULL;
    c->mask = 0;
    c->last = (struct sl_slot){NULL, 0, NULL};
}

static size_t slot_of(const struct sl_consumer *c, const rd_kafka_topic_t *rkt, int32_t number)
{
    uint64_t h = ((uint64_t)(uintptr_t)rkt >> 4) + (uint64_t)(uint32_t)number;

    return (size_t)(h * 0x9e3779b97f4a7c15u >> 32) & c->mask;
}

static struct sl_part *find_slow(struct sl_consumer *c, const rd_kafka_message_t *m, size_t at)
{
    struct sl_partition *p = sl_consumer_find(c, rd_kafka_topic_name(m->rkt), m->partition);

    if (p)
        c->slots[at] = (struct sl_slot){m->rkt, m->partition, sl_part_of(p)};
    return p ? sl_part_of(p) : NULL;
}

/* NULL: not assigned (any more). Misses are not kept: what is not assigned may lose its rkt. */
static struct sl_part *find_part(struct sl_consumer *c, const rd_kafka_message_t *m)
{
    struct sl_part *part = NULL;
    size_t at;

    if (m->rkt == c->last.rkt && m->partition == c->last.number)
        return c->last.part;
    if (!c->slots) {
        size_t n = 16;

        while (n < c->n_partitions * 2)
            n *= 2;
        c->slots = sl_calloc(n, sizeof(c->slots[0]));
        c->mask = n - 1;
    }
    for (at = slot_of(c, m->rkt, m->partition); c->slots[at].rkt; at = (at + 1) & c->mask)
        if (c->slots[at].rkt == m->rkt && c->slots[at].number == m->partition) {
            part = c->slots[at].part;
            break;
        }
    if (!part)
        part = find_slow(c, m, at);
    if (part)
        c->last = (struct sl_slot){m->rkt, m->partition, part};
    return part;
}

static bool hand_over(struct sl_consumer *c, struct sl_part *part, const rd_kafka_message_t *m)
{
    struct sl_message message;

    sl_kafka_message(m, c->headers, &message);
    message.at = part->p;
    return c->ops->on_message(c->user, &message);
}

bool sl_message_take(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    const rd_kafka_message_t *m = rd_kafka_event_message_next(ev);
    struct sl_part *part = m && !m->err ? find_part(c, m) : NULL;

    if (!part || part->p->stopped || part->p->draining || m->offset < part->expect)
        return false;
    if (c->parked || part->rewind) {
        part->rewind = true;
        sl_consumer_wake(c);
        return false;
    }
    part->expect = m->offset + 1;
    if (hand_over(c, part, m))
        return false;
    c->parked = ev;
    c->parked_message = m;
    c->parked_at = part;
    c->paused = true;
    sl_pause_sync(c);
    return true;
}

/* The end of the log as the broker tells it: moves positions over control records. It must not pass
 * a message that is parked, thrown away or left to the next owner. */
void sl_part_eof(struct sl_consumer *c, struct sl_part *part, int64_t offset)
{
    if (part->p->stopped || part->p->draining || part->rewind || part->check)
        return;
    sl_park_survived(c, part);
    if (c->parked_at == part) {
        part->eof = offset;
        return;
    }
    if (offset > part->expect)
        part->expect = offset;
    if (offset > part->p->log_end)
        part->p->log_end = offset;
    sl_partition_skip(part->p, offset);
}

/* A batch that is damaged, or too large once decompressed. The library says so and goes on with the
 * next one: what it held would be skipped without a word. So nothing behind it is taken, and it is
 * fetched again; what stays unreadable is for the operator to decide. */
void sl_part_unreadable(struct sl_consumer *c, struct sl_part *part, const char *why)
{
    char text[512];

    if (part->p->stopped || part->p->draining || part->rewind)
        return;
    part->bad_times = part->bad_at == part->expect ? part->bad_times + 1 : 1;
    part->bad_at = part->expect;
    part->rewind = true;
    sl_consumer_wake(c);
    if (part->bad_times < BAD_TIMES)
        return;
    snprintf(text, sizeof(text), "cannot be read from offset %lld on: %s", (long long)part->expect,
             why);
    sl_part_stop(c, part, text);
}

void sl_pause_drop_parked(struct sl_consumer *c, const struct sl_part *part)
{
    if (!c->parked || (part && c->parked_at != part))
        return;
    rd_kafka_event_destroy(c->parked);
    c->parked = NULL;
    c->parked_at = NULL;
}

void sl_pause_offer(struct sl_consumer *c)
{
    struct sl_part *part = c->parked_at;

    if (!c->parked || c->paused || c->close_stage != SL_OPEN)
        return;
    if (!hand_over(c, part, c->parked_message)) {
        c->paused = true;
        return;
    }
    sl_pause_drop_parked(c, NULL);
    if (part->eof >= 0)
        sl_part_eof(c, part, part->eof);
    part->eof = -1;
}

static void add(rd_kafka_topic_partition_list_t **list, size_t n, const struct sl_partition *p,
                int64_t offset)
{
    if (!*list)
        *list = rd_kafka_topic_partition_list_new((int)n);
    rd_kafka_topic_partition_list_add(*list, p->topic->name, p->number)->offset = offset;
}

static void apply(struct sl_consumer *c, rd_kafka_topic_partition_list_t *list,
                  rd_kafka_resp_err_t (*call)(rd_kafka_t *, rd_kafka_topic_partition_list_t *),
                  const char *what)
{
    rd_kafka_resp_err_t err;

    if (!list)
        return;
    err = call(c->rk, list);
    for (int i = 0; !err && i < list->cnt; i++)
        err = list->elems[i].err;
    if (err)
        sl_log(c->log, SL_LOG_WARN, what, "reason", rd_kafka_err2str(err), NULL);
    rd_kafka_topic_partition_list_destroy(list);
}

/* Paused and resumed for certain, whatever the library believes it was, and from `expect`. */
void sl_pause_stir(struct sl_consumer *c, struct sl_part *part)
{
    rd_kafka_topic_partition_list_t *pause = NULL, *resume = NULL, *seek = NULL;

    add(&pause, 1, part->p, RD_KAFKA_OFFSET_INVALID);
    add(&resume, 1, part->p, RD_KAFKA_OFFSET_INVALID);
    add(&seek, 1, part->p, part->expect);
    apply(c, pause, rd_kafka_pause_partitions, "pause failed");
    apply(c, resume, rd_kafka_resume_partitions, "resume failed");
    sl_kafka_seek(c->rk, seek, c->log);
}

void sl_pause_sync(struct sl_consumer *c)
{
    rd_kafka_topic_partition_list_t *pause = NULL, *resume = NULL, *seek = NULL;
    bool all = c->paused || c->close_stage != SL_OPEN;

    for (size_t i = 0; i < c->n_partitions; i++) {
        struct sl_part *part = sl_part_of(c->partitions[i]);
        bool want = all || part->p->stopped;

        if (part->p->draining)
            continue;
        if (want && !part->paused)
            add(&pause, c->n_partitions, part->p, RD_KAFKA_OFFSET_INVALID);
        if (!want && part->paused)
            add(&resume, c->n_partitions, part->p, RD_KAFKA_OFFSET_INVALID);
        part->paused = want;
        if (!want && part->rewind && !c->parked) {
            add(&seek, c->n_partitions, part->p, part->expect);
            part->rewind = false;
        }
    }
    apply(c, pause, rd_kafka_pause_partitions, "pause failed");
    apply(c, resume, rd_kafka_resume_partitions, "resume failed");
    if (seek)
        sl_kafka_seek(c->rk, seek, c->log); /* after the resume: what that does to the next offset
                                               differs between versions */
}

void sl_consumer_pause(struct sl_consumer *c)
{
    if (c->paused)
        return;
    c->paused = true;
    sl_pause_sync(c);
}

void sl_consumer_resume(struct sl_consumer *c)
{
    c->paused = false;
    sl_consumer_wake(c);
}

bool sl_consumer_paused(const struct sl_consumer *c)
{
    return c->paused;
}
