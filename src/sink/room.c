/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

/* Whether a sink's queue has room: for a record, or for all records of a message. */

enum { LETTER_VALUE_MAX = 4 << 20 };

/* What one batch may hold, and one record in it: more than a quarter of the queue would let two of
 * them stop everything. */
size_t sl_batch_limit(const struct sl_sink *s)
{
    size_t quarter = s->config->queue_bytes / 4;

    return quarter < SL_BATCH_DATA_MAX / 2 ? quarter : SL_BATCH_DATA_MAX / 2;
}

/* What is kept of the message beside what is sent; of one that holds many records once for all of
 * them, without a value that would be too large. */
struct sl_message sl_origin_kept(const struct sl_sink *s, const struct sl_message *m)
{
    size_t most = sl_batch_limit(s) < LETTER_VALUE_MAX ? sl_batch_limit(s) : LETTER_VALUE_MAX;
    struct sl_message some = *m;

    if (m->value.n > most)
        some.value = sl_slice("", 0);
    if (sl_batch_extra_bound(m) > most) {
        some.key = (struct sl_slice){NULL, 0};
        some.n_headers = 0;
    }
    return some;
}

/* Beside what is sent, types with items keep the original, of which a rule may have left little. */
static bool too_large(const struct sl_sink *s, const struct sl_record *r, size_t bound)
{
    size_t most = sl_batch_limit(s);

    return bound > most ||
           ((s->type->flags & SL_SINK_ITEMS) && !r->many &&
            (r->message->value.n > most || sl_batch_extra_bound(r->message) > most));
}

const char *sl_sink_refuses(const struct sl_sink *s, const struct sl_record *r, size_t bound)
{
    if (r->refused)
        return r->refused;
    return too_large(s, r, bound) ? "the record is too large for this sink's queue" : NULL;
}

/* ---- what it costs ---- */

static size_t cost_of_refused(const struct sl_sink *s, const struct sl_record *r)
{
    const struct sl_message some = sl_origin_kept(s, r->message);

    return some.value.n + sl_batch_extra_bound(&some) + sizeof(struct sl_item) + SL_BATCH_OVERHEAD;
}

/* Without a batch's own, and without the original. */
static size_t cost_of_body(struct sl_sink *s, size_t bound)
{
    return s->type->seal ? bound + (size_t)((double)bound * s->core->wire_ratio) : bound;
}

/* What the record adds to the queue at most. */
static size_t cost(struct sl_sink *s, const struct sl_record *r)
{
    size_t n = s->type->bound(s, r);

    if (sl_sink_refuses(s, r, n))
        return cost_of_refused(s, r);
    n = cost_of_body(s, n);
    if (s->type->flags & SL_SINK_ITEMS)
        n += (r->many ? sl_origin_bound(r->message)
                      : r->message->value.n + sl_batch_extra_bound(r->message)) +
             sizeof(struct sl_item);
    return n + SL_BATCH_OVERHEAD;
}

/* Any of them may begin a batch where keys decide; else only limits do. */
static bool begins_batch(const struct sl_sink *s, const struct sl_sink_need *need, size_t bound)
{
    const struct sl_sink_config *c = s->config;

    return need->records == 0 || (s->type->flags & SL_SINK_KEYED) ||
           (c->batch_records && need->records % c->batch_records == 0) ||
           need->in_batch + bound >= c->batch_bytes;
}

void sl_sink_need(struct sl_sink *s, const struct sl_record *r, struct sl_sink_need *need)
{
    size_t n = s->type->bound(s, r);

    if (sl_sink_refuses(s, r, n)) {
        need->bytes += cost_of_refused(s, r);
        return;
    }
    if (need->records == 0) /* the batch that is open may be nearly full */
        need->bytes += SL_BATCH_OVERHEAD;
    if (begins_batch(s, need, n)) {
        need->bytes += SL_BATCH_OVERHEAD;
        need->in_batch = 0;
    }
    if (s->type->flags & SL_SINK_ITEMS) {
        const struct sl_message some = sl_origin_kept(s, r->message);

        need->bytes += need->records == 0 ? sl_origin_bound(&some) : sizeof(void *);
        need->bytes += sizeof(struct sl_item);
    }
    need->bytes += cost_of_body(s, n);
    need->in_batch += n;
    need->records++;
}

/* ---- room ---- */

/* The last sixteenth is for what grows afterwards: the structs of split batches, reasons. While a
 * hand-over is under way, the cuts of the live reader wait for those of the side reader: half of
 * the queue is for these. */
size_t sl_sink_room(const struct sl_sink *s, const struct sl_message *m)
{
    bool waits =
        (s->type->flags & SL_SINK_CUTS) && !m->catch_up && !sl_partition_attached(m->at, s->index);

    return s->config->queue_bytes / 16 * (waits ? 8 : 15);
}

/* All that is queued is the cut that this record belongs to, and it repeats a plan. That was made
 * under other limits: without the record the sink could never go on. (Cuts of the live reader that
 * wait for it are let go before: catch-up.) */
static bool must_take(struct sl_sink *s, const struct sl_message *m)
{
    struct sl_cut *cut = sl_cut_find(s, m);

    if (!cut || !sl_cut_repeating(cut) || s->core->bytes > sl_cut_bytes(cut))
        return false;
    if (!cut->told)
        sl_log(s->env->rt->log, SL_LOG_WARN,
               "a recorded cut is larger than the sink's queue: its memory is exceeded to make the "
               "same object again",
               "sink", s->config->name, NULL);
    cut->told = true;
    return true;
}

/* Nothing of the queue will go before the side reader's next message is taken: it is empty, or it
 * holds cuts of the live reader alone, which wait for that. */
static bool stands(const struct sl_sink *s, const struct sl_message *m)
{
    const struct sl_core *c = s->core;
    const struct sl_list *at;

    if (c->bytes == 0)
        return true;
    if (!m->catch_up || !sl_list_empty(&c->cuts) || !sl_list_empty(&c->closed) ||
        !sl_list_empty(&c->ready) || !sl_list_empty(&c->busy))
        return false;
    sl_list_each (at, &c->gated) {
        const struct sl_hold *h = sl_container_of(at, struct sl_batch, node)->hold;

        if (h->catch_up || sl_partition_attached(h->spans[0]->partition, s->index))
            return false;
    }
    return true;
}

static bool fits(struct sl_sink *s, const struct sl_message *m, size_t need)
{
    return s->core->bytes + need <= sl_sink_room(s, m) || s->core->bytes == 0 || must_take(s, m);
}

bool sl_sink_has_room(struct sl_sink *s, const struct sl_record *r)
{
    return fits(s, r->message, cost(s, r));
}

bool sl_sink_has_plenty(const struct sl_sink *s, const struct sl_message *m, size_t bytes)
{
    return s->core->bytes + bytes <= sl_sink_room(s, m);
}

/* Records of a message go together, so what is more than the queue is taken all the same, when
 * nothing else is there. */
bool sl_sink_has_room_for(struct sl_sink *s, const struct sl_message *m,
                          const struct sl_sink_need *need)
{
    struct sl_core *c = s->core;

    if (!fits(s, m, need->bytes) && !stands(s, m))
        return false;
    if (c->bytes + need->bytes > s->config->queue_bytes)
        sl_sink_tell_excess(s, c->bytes + need->bytes);
    return true;
}

void sl_sink_tell_excess(struct sl_sink *s, size_t bytes)
{
    char text[24];

    if (!sl_log_due(&s->core->excess_log_ms, sl_now_ms(s->env->rt), 10000))
        return;
    snprintf(text, sizeof(text), "%zu", bytes);
    sl_log(s->env->rt->log, SL_LOG_WARN,
           "the records of one message are more than the sink's queue holds: they go together, and "
           "its memory is exceeded",
           "sink", s->config->name, "bytes", text, NULL);
}

static void make_room(struct sl_sink *s, const struct sl_message *m, size_t need)
{
    size_t most = sl_sink_room(s, m);

    sl_cut_keep_open(s, need < most ? most - need : 0);
    sl_queue_pump(s);
}

void sl_sink_make_room(struct sl_sink *s, const struct sl_record *r)
{
    make_room(s, r->message, cost(s, r));
}

void sl_sink_make_room_for(struct sl_sink *s, const struct sl_message *m,
                           const struct sl_sink_need *need)
{
    make_room(s, m, need->bytes);
}
