/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

/* The one place where an outcome turns into what happens next (design, section 3.6):
 *
 * - DELIVERED: the records are done.
 * - AGAIN: back-off, then the same again; after some failures in a row the sink counts as stalled
 *   and probes with one batch at a time.
 * - STALL: as that, at once.
 * - SPLIT: two halves; a batch of one record is refused.
 * - REFUSED: dead letter, unless the sink refuses more than its share or has no dead-letter topic:
 *   then it stalls, for what refuses everything is a mistake of configuration and not of records.
 * - PARK, PARK_ON: apart from the rest, tried again; PARK becomes REFUSED after SL_PARK_MS. */

static void note(struct sl_core *c, bool refused, size_t n)
{
    if (n > SL_WINDOW)
        n = SL_WINDOW;
    while (n-- > 0) {
        c->window_refused -= c->window[c->window_at];
        c->window[c->window_at] = refused;
        c->window_refused += refused;
        c->window_at = (c->window_at + 1) % SL_WINDOW;
    }
}

static void observe(struct sl_sink *s, int64_t time_ms, uint64_t n)
{
    int64_t delay = sl_wall_ms(s->env->rt) - time_ms;

    sl_histogram_observe(s->count.delivery_seconds, delay > 0 ? (double)delay / 1000 : 0, n);
}

static void deliver_all(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;

    for (size_t i = 0; i < b->n_items; i++)
        observe(s, b->items[i].time_ms, 1);
    for (size_t i = 0; i < b->n_runs; i++)
        observe(s, b->runs[i].time_ms, b->runs[i].records);
    sl_books_rest(b, SL_ENTRY_DELIVERED);
    note(s->core, false, b->records);
    sl_retry_live(s);
    sl_retry_grow(s);
    sl_queue_finish(b);
}

static void again(struct sl_batch *b, const struct sl_result *r)
{
    struct sl_sink *s = b->sink;
    struct sl_core *c = s->core;
    uint64_t now = sl_now_ms(s->env->rt);

    if (sl_log_due(&c->log_ms, now, 10000))
        sl_log(s->env->rt->log, SL_LOG_WARN, "request failed, trying again", "sink",
               s->config->name, "reason", r->reason, NULL);
    if (r->retry_after_ms) {
        uint64_t until = now + sl_retry_delay(s, 1, r->retry_after_ms);

        if (until > c->not_before_ms)
            c->not_before_ms = until;
    }
    c->failures++;
    if (c->failures >= SL_FAILURES_STALL) {
        sl_queue_ready(b);
        sl_retry_stall(s, r->reason);
        return;
    }
    sl_queue_wait(b, sl_retry_delay(s, b->attempts, r->retry_after_ms));
}

static void stall(struct sl_batch *b, const char *reason)
{
    if (b->body.p)
        sl_queue_ready(b);
    else
        sl_queue_reseal(b);
    sl_retry_stall(b->sink, reason);
}

/* ---- outcomes of single items ---- */

struct verdict {
    size_t settled; /* delivered, or set apart as dead letters or parked */
    size_t delivered, refused, parked, parked_on, stall;
    uint32_t reason; /* of the first that stalls, else that was not delivered: as sl_item.reason */
    const char *limit; /* why refused records stay, or NULL */
};

/* A refused record may become a dead letter: there is a topic, and the sink does not refuse more
 * than its share. Judged record by record in their order, as the limit is defined. */
const char *sl_policy_admit(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    if (!s->config->dead_letter || !s->env->letters)
        return "a record was refused and the sink has no dead-letter topic";
    if (c->window_refused - c->window[c->window_at] + 1 > s->config->dead_letter_limit)
        return "too many of the last 1,000 records were refused (dead_letter.limit)";
    note(c, true, 1);
    return NULL;
}

static void judge_item(struct sl_batch *b, struct sl_item *item, bool park_over, struct verdict *v)
{
    const char *limit;

    switch ((enum sl_outcome)item->outcome) {
    case SL_DELIVERED:
        v->delivered++;
        sl_books_item(b, item, SL_ENTRY_DELIVERED);
        note(b->sink->core, false, 1);
        observe(b->sink, item->time_ms, 1);
        item->gone = true;
        return;
    case SL_PARK:
        if (!park_over) {
            v->parked++;
            return;
        }
        /* fall through */
    case SL_SPLIT:
    case SL_REFUSED:
        item->outcome = SL_REFUSED;
        limit = sl_policy_admit(b->sink);
        if (!limit) {
            v->refused++;
        } else {
            v->limit = limit;
            item->outcome = SL_STALL;
            v->stall++;
        }
        return;
    case SL_PARK_ON:
        v->parked_on++;
        return;
    case SL_STALL:
        v->stall++;
        return;
    case SL_AGAIN:
        return;
    }
}

static struct verdict judge(struct sl_batch *b, const struct sl_result *r)
{
    bool park_over = b->parked && sl_now_ms(b->sink->env->rt) - b->parked_ms >= SL_PARK_MS;
    struct verdict v = {0};

    for (size_t i = 0; i < b->n_items; i++) {
        struct sl_item *item = &b->items[i];

        if (item->outcome != SL_DELIVERED && !item->reason && r->reason)
            sl_batch_reason(b, item, sl_slice_str(r->reason));
        judge_item(b, item, park_over, &v);
        if (item->outcome != SL_DELIVERED &&
            (!v.reason || (item->outcome == SL_STALL && v.stall == 1)))
            v.reason = item->reason;
    }
    v.settled = v.delivered + v.refused + v.parked + v.parked_on;
    return v;
}

static void park(struct sl_batch *b, enum sl_outcome outcome, const char *reason)
{
    struct sl_sink *s = b->sink;
    struct sl_batch *apart = sl_batch_extract(b, outcome);
    uint64_t now = sl_now_ms(s->env->rt), delay;

    apart->parked = true;
    /* The five minutes are of refusals: they begin anew after an index that was only away. */
    apart->parked_ms = b->parked && outcome == SL_PARK ? b->parked_ms : now;
    if (!b->parked && sl_log_due(&s->core->park_log_ms, now, 30000))
        sl_log(s->env->rt->log, SL_LOG_WARN, "some indexes take no records: theirs are tried apart",
               "sink", s->config->name, "reason", reason, NULL);
    delay = sl_retry_delay(s, apart->attempts, 0);
    sl_queue_wait(apart, delay < 1000 ? 1000 : delay);
}

static void settle_items(struct sl_batch *b, const struct sl_result *r)
{
    struct sl_sink *s = b->sink;
    struct verdict v = judge(b, r);
    char reason[sizeof(s->core->reason)];

    snprintf(reason, sizeof(reason), "%s%s%s", v.limit ? v.limit : "", v.limit ? ": " : "",
             v.reason ? b->reasons.p + v.reason - 1 : "");
    if (v.refused > 0)
        sl_letters_start(sl_batch_extract(b, SL_REFUSED), NULL);
    if (v.parked > 0)
        park(b, SL_PARK, reason);
    if (v.parked_on > 0)
        park(b, SL_PARK_ON, reason);
    if (v.stall == 0 && v.settled > 0)
        sl_retry_live(s);
    sl_batch_compact(b);
    if (b->n_items == 0) {
        sl_retry_grow(s);
        sl_queue_finish(b);
    } else if (v.stall > 0) {
        stall(b, reason);
    } else { /* passing failures of some records */
        sl_queue_wait(b, sl_retry_delay(s, b->attempts, r->retry_after_ms));
    }
}

/* The whole batch was refused. A type without items cannot tell its records apart any more. */
static void refuse(struct sl_batch *b, const struct sl_result *r)
{
    if (!(b->sink->type->flags & SL_SINK_ITEMS)) {
        stall(b, r->reason);
        return;
    }
    for (size_t i = 0; i < b->n_items; i++) {
        b->items[i].outcome = SL_REFUSED;
        b->items[i].status = (uint16_t)r->status;
    }
    settle_items(b, r);
}

static void split(struct sl_batch *b, const struct sl_result *r)
{
    if (!(b->sink->type->flags & SL_SINK_ITEMS) || b->n_items == 1) {
        refuse(b, r);
        return;
    }
    sl_queue_reseal(sl_batch_halve(b));
    sl_queue_reseal(b);
}

void sl_policy_settle(struct sl_batch *b, const struct sl_result *r)
{
    if (r->throttled)
        sl_retry_shrink(b->sink);
    if (r->per_item) {
        settle_items(b, r);
        return;
    }
    switch (r->outcome) {
    case SL_DELIVERED:
        deliver_all(b);
        break;
    case SL_STALL:
        stall(b, r->reason);
        break;
    case SL_SPLIT:
        split(b, r);
        break;
    case SL_REFUSED:
        refuse(b, r);
        break;
    case SL_AGAIN:
    case SL_PARK:
    case SL_PARK_ON:
        again(b, r);
        break;
    }
}
