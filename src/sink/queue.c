/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

enum { SEALING_MAX = 2 }; /* batches of one sink compressed at once; the pool is shared by all */

/* What was sent before goes before what never was: it holds the positions back. And where batches
 * are halved down to their records, one is at a time, instead of all that wait becoming thousands
 * of small ones, which would take more than the queue may. */
static void move(struct sl_batch *b, enum sl_batch_state state, struct sl_list *to)
{
    bool first = b->attempts > 0 && (state == SL_BATCH_CLOSED || state == SL_BATCH_READY);

    b->state = state;
    sl_timer_stop(b->sink->env->rt, &b->timer);
    sl_list_remove(&b->node);
    if (first)
        sl_list_push_front(to, &b->node);
    else
        sl_list_push(to, &b->node);
}

static bool limited(const struct sl_sink *s, const struct sl_core *c)
{
    return c->sending >= s->config->requests || c->sending >= (unsigned)c->concurrency;
}

/* ---- sealing ---- */

/* Up at once, down slowly: what is expected should not be too little. */
static double learn(double ratio, size_t part, size_t whole)
{
    double now = whole ? (double)part / (double)whole : 1.0;

    return now > ratio ? now : 0.7 * ratio + 0.3 * now;
}

static void seal_run(struct sl_work *w)
{
    struct sl_batch *b = sl_container_of(w, struct sl_batch, work);

    b->sink->type->seal(b->sink, b);
}

static void seal_done(struct sl_work *w)
{
    struct sl_batch *b = sl_container_of(w, struct sl_batch, work);
    struct sl_sink *s = b->sink;
    struct sl_core *c = s->core;

    c->sealing--;
    c->resealing -= b->attempts > 0;
    if (c->freeing) {
        sl_batch_free(b);
        if (c->sealing == 0)
            sl_sink_free_now(s);
        return;
    }
    c->sent_ratio = learn(c->sent_ratio, b->body.n, b->encoded);
    c->wire_ratio = learn(c->wire_ratio, b->wire.n, b->encoded);
    b->state = SL_BATCH_READY;
    if (!sl_queue_prune(b)) { /* its assignment may have ended meanwhile */
        sl_batch_charge(b);
        sl_gate_enter(b);
    }
    sl_queue_pump(s);
    s->env->wake(s->env->user);
}

static void seal(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;
    struct sl_core *c = s->core;

    b->body = sl_buf_as_slice(&b->data);
    b->encoded = b->data.n;
    if (!s->type->seal) {
        sl_gate_enter(b);
        return;
    }
    move(b, SL_BATCH_SEALING, &c->busy);
    c->sealing++;
    c->resealing += b->attempts > 0;
    b->work = (struct sl_work){.run = seal_run, .done = seal_done};
    sl_work_start(s->env->rt, &b->work);
}

/* ---- dispatch ---- */

bool sl_queue_prune(struct sl_batch *b)
{
    if (!(b->sink->type->flags & SL_SINK_ITEMS)) {
        if (!sl_hold_all_over(b->hold))
            return false;
        sl_books_rest(b, SL_ENTRY_LET_GO);
        sl_queue_finish(b);
        return true;
    }
    if (sl_books_let_go_over(b) == 0)
        return false;
    sl_batch_compact(b);
    if (b->n_items == 0)
        sl_queue_finish(b);
    else
        sl_queue_reseal(b);
    return true;
}

static void send(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;
    struct sl_core *c = s->core;

    if (c->state == SL_SINK_STALLED) {
        c->probe_due = false;
        if (s->type->refresh)
            s->type->refresh(s);
    }
    move(b, SL_BATCH_SENDING, &c->busy);
    c->sending++;
    b->attempts++;
    b->sent_ms = sl_now_ms(s->env->rt);
    if (b->attempts > 1)
        ++*s->count.retries;
    sl_buf_clear(&b->reasons); /* of the last attempt */
    for (size_t i = 0; i < b->n_items; i++)
        b->items[i].reason = 0;
    s->type->submit(s, b);
}

/* Something that was sent before is about to be ready again, and goes first. */
static bool comes_again(const struct sl_core *c)
{
    return c->resealing > 0 ||
           (!sl_list_empty(&c->closed) &&
            sl_container_of(c->closed.next, struct sl_batch, node)->attempts > 0);
}

static void dispatch(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    uint64_t now = sl_now_ms(s->env->rt);
    unsigned wait;

    if (c->blocked)
        return;
    while (!sl_list_empty(&c->ready)) {
        struct sl_batch *b = sl_container_of(c->ready.next, struct sl_batch, node);

        if (c->state == SL_SINK_STALLED ? !c->probe_due || c->sending > 0 : limited(s, c))
            return;
        if (b->attempts == 0 && comes_again(c))
            return;
        if (now < c->not_before_ms) {
            sl_timer_start(s->env->rt, &c->dispatch_timer, c->not_before_ms - now);
            return;
        }
        wait = s->type->wait ? s->type->wait(s) : 0;
        if (wait > 0) {
            sl_timer_start(s->env->rt, &c->dispatch_timer, wait);
            return;
        }
        if (!sl_queue_prune(b))
            send(b);
    }
}

void sl_queue_pump(struct sl_sink *s)
{
    struct sl_core *c = s->core;

    do {
        while (!sl_list_empty(&c->closed) && c->sealing < SEALING_MAX)
            seal(sl_container_of(c->closed.next, struct sl_batch, node));
        if (c->gates_due)
            sl_gate_look(s);
        dispatch(s); /* may find records of ended assignments: what is left is sealed anew */
    } while (!sl_list_empty(&c->closed) && c->sealing < SEALING_MAX);
}

void sl_queue_on_dispatch(struct sl_timer *t)
{
    sl_queue_pump(sl_container_of(t, struct sl_core, dispatch_timer)->sink);
}

/* ---- the way of a closed batch ---- */

void sl_queue_close(struct sl_batch *b)
{
    struct sl_core *c = b->sink->core;

    c->open_bytes -= b->charged;
    move(b, SL_BATCH_CLOSED, &c->closed);
}

void sl_queue_gate(struct sl_batch *b)
{
    move(b, SL_BATCH_GATED, &b->sink->core->gated);
}

void sl_queue_ready(struct sl_batch *b)
{
    move(b, SL_BATCH_READY, &b->sink->core->ready);
}

void sl_queue_reseal(struct sl_batch *b)
{
    move(b, SL_BATCH_CLOSED, &b->sink->core->closed);
    sl_batch_charge(b);
}

static void on_waited(struct sl_timer *t)
{
    struct sl_batch *b = sl_container_of(t, struct sl_batch, timer);
    struct sl_sink *s = b->sink;

    if (b->body.p)
        sl_queue_ready(b);
    else
        sl_queue_reseal(b);
    sl_queue_pump(s);
}

void sl_queue_wait(struct sl_batch *b, uint64_t delay_ms)
{
    move(b, SL_BATCH_WAITING, &b->sink->core->busy);
    b->timer.fire = on_waited;
    sl_timer_start(b->sink->env->rt, &b->timer, delay_ms);
}

void sl_queue_finish(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;

    sl_batch_free(b);
    s->core->gates_due = s->type->flags & SL_SINK_CUTS; /* its hold may have gone with it */
    s->env->wake(s->env->user);
}

/* ---- letting go ---- */

void sl_queue_let_go(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *lists[] = {&c->closed, &c->gated, &c->ready, &c->busy};
    struct sl_list *at, *after;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        sl_list_each_safe (at, after, lists[i]) {
            struct sl_batch *b = sl_container_of(at, struct sl_batch, node);

            if (b->state == SL_BATCH_LETTERS)
                sl_letters_prune(b);
            else if (b->state != SL_BATCH_SEALING && b->state != SL_BATCH_SENDING)
                sl_queue_prune(b);
        }
    }
}

static void forget(struct sl_batch *b)
{
    struct sl_sink *s = b->sink;

    sl_hold_let_go(b->hold);
    if (b->state == SL_BATCH_SEALING)
        return; /* a pool thread has it: let go when that is done */
    if (b->state == SL_BATCH_SENDING) {
        s->type->cancel(s, b);
        s->core->sending--;
    }
    sl_books_rest(b, SL_ENTRY_LET_GO);
    sl_batch_free(b);
}

void sl_queue_forget(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_list *lists[] = {&c->closed, &c->gated, &c->ready, &c->busy};
    struct sl_list *at, *after;

    while (!sl_list_empty(&c->cuts))
        sl_cut_let_go(s, sl_container_of(c->cuts.next, struct sl_cut, node));
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        sl_list_each_safe (at, after, lists[i])
            forget(sl_container_of(at, struct sl_batch, node));
    c->due = false;
    sl_timer_stop(s->env->rt, &c->age_timer);
    sl_timer_stop(s->env->rt, &c->dispatch_timer);
}
