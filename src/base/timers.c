/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timers.h"

#include <stdlib.h>

#include "base/alloc.h"

void sl_timers_init(struct sl_timers *t)
{
    *t = (struct sl_timers){0};
}

void sl_timers_release(struct sl_timers *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->heap[i]->slot = 0;
    free(t->heap);
    free(t->order);
    *t = (struct sl_timers){0};
}

static bool before(const struct sl_timers *t, size_t a, size_t b)
{
    if (t->heap[a]->due_ms != t->heap[b]->due_ms)
        return t->heap[a]->due_ms < t->heap[b]->due_ms;
    return t->order[a] < t->order[b];
}

static void swap(struct sl_timers *t, size_t a, size_t b)
{
    struct sl_timer *timer = t->heap[a];
    uint64_t order = t->order[a];

    t->heap[a] = t->heap[b];
    t->order[a] = t->order[b];
    t->heap[b] = timer;
    t->order[b] = order;
    t->heap[a]->slot = a + 1;
    t->heap[b]->slot = b + 1;
}

static void sift(struct sl_timers *t, size_t i)
{
    while (i > 0 && before(t, i, (i - 1) / 2)) {
        swap(t, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
    for (;;) {
        size_t least = i, left = 2 * i + 1, right = left + 1;

        if (left < t->n && before(t, left, least))
            least = left;
        if (right < t->n && before(t, right, least))
            least = right;
        if (least == i)
            return;
        swap(t, i, least);
        i = least;
    }
}

void sl_timers_start(struct sl_timers *t, struct sl_timer *timer, uint64_t due_ms)
{
    size_t i;

    if (timer->slot == 0) {
        if (t->n == t->cap) {
            t->cap = t->cap ? 2 * t->cap : 16;
            t->heap = sl_reallocarray(t->heap, t->cap, sizeof(*t->heap));
            t->order = sl_reallocarray(t->order, t->cap, sizeof(*t->order));
        }
        timer->slot = ++t->n;
        t->heap[timer->slot - 1] = timer;
    }
    i = timer->slot - 1;
    timer->due_ms = due_ms;
    t->order[i] = t->starts++;
    sift(t, i);
}

void sl_timers_stop(struct sl_timers *t, struct sl_timer *timer)
{
    size_t i = timer->slot;

    if (i == 0)
        return;
    i--;
    swap(t, i, t->n - 1);
    t->n--;
    timer->slot = 0;
    if (i < t->n)
        sift(t, i);
}

bool sl_timers_next(const struct sl_timers *t, uint64_t *ret_due_ms)
{
    if (t->n == 0)
        return false;
    *ret_due_ms = t->heap[0]->due_ms;
    return true;
}

void sl_timers_run(struct sl_timers *t, uint64_t now_ms)
{
    uint64_t last = t->starts;

    /* What is started by a callback waits for the next run, so that this one ends. */
    while (t->n > 0 && t->heap[0]->due_ms <= now_ms && t->order[0] < last) {
        struct sl_timer *timer = t->heap[0];

        sl_timers_stop(t, timer);
        timer->fire(timer);
    }
}
