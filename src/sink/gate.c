/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/core.h"

/* Whether the cut's plan is recorded (position/plan.c). One that was proposed is committed at once;
 * where nobody commits (a command that runs a sink alone) it counts as recorded. */
static bool opens(struct sl_sink *s, struct sl_hold *h)
{
    switch (sl_plan_gate(h)) {
    case SL_PLAN_GO:
        return true;
    case SL_PLAN_PROPOSED:
        if (s->env->commit) {
            s->env->commit(s->env->user);
            return false;
        }
        h->spans[0]->partition->sinks[s->index].plan.confirmed = true;
        return true;
    case SL_PLAN_WAIT:
        break;
    }
    return false;
}

/* While its batches are sealed, the plan is on its way. */
void sl_gate_closed(struct sl_sink *s, struct sl_hold *h)
{
    if (s->type->flags & SL_SINK_CUTS)
        opens(s, h);
}

void sl_gate_enter(struct sl_batch *b)
{
    if (!(b->sink->type->flags & SL_SINK_CUTS) || opens(b->sink, b->hold))
        sl_queue_ready(b);
    else
        sl_queue_gate(b);
}

/* The objects of a cut stand together and share its answer. */
void sl_gate_look(struct sl_sink *s)
{
    struct sl_core *c = s->core;
    struct sl_hold *hold = NULL;
    struct sl_list *at, *after;
    bool go = false;

    c->gates_due = false;
    sl_list_each_safe (at, after, &c->gated) {
        struct sl_batch *b = sl_container_of(at, struct sl_batch, node);

        if (b->hold != hold) {
            hold = b->hold;
            go = opens(s, hold);
        }
        if (go)
            sl_queue_ready(b);
    }
}

void sl_sink_pump(struct sl_sink *s)
{
    s->core->gates_due = true;
    sl_queue_pump(s);
}
