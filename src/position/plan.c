/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "position/plan.h"

/* Cuts that are recorded before they are uploaded: see position.h and design, section 8. */

static bool same(const struct sl_plan *plan, const struct sl_span *span)
{
    return plan->first == span->first && plan->end == span->last + 1;
}

/* Only the oldest work of a sink in its partition has a plan: what is committed then says
 * everything, the position and the cut that begins there. */
static bool is_head(const struct sl_hold *h, const struct sl_span *span)
{
    const struct sl_sink_position *s = &span->partition->sinks[h->sink];

    return s->spans.next == &span->node &&
           sl_partition_position(span->partition, h->sink) == span->first;
}

enum sl_plan_gate sl_plan_gate(struct sl_hold *h)
{
    struct sl_span *span;
    struct sl_plan *plan;

    assert(h->crc && h->n == 1 && h->closed);
    span = h->spans[0];
    plan = &span->partition->sinks[h->sink].plan;
    if (span->let_go || span->partition->ended || !is_head(h, span))
        return SL_PLAN_WAIT;
    if (plan->end > 0)
        return same(plan, span) && plan->confirmed ? SL_PLAN_GO : SL_PLAN_WAIT;
    *plan = (struct sl_plan){.first = span->first, .end = span->last + 1};
    return SL_PLAN_PROPOSED;
}

int64_t sl_plan_repeat_end(const struct sl_partition *p, size_t sink)
{
    const struct sl_sink_position *s = &p->sinks[sink];

    return s->plan.end > 0 && s->catch_up >= 0 && s->catch_up < s->plan.end ? s->plan.end : 0;
}

void sl_plan_drop_done(struct sl_partition *p, size_t sink)
{
    struct sl_sink_position *s = &p->sinks[sink];

    if (s->plan.end == 0 || sl_plan_repeat_end(p, sink) > 0)
        return;
    if (sl_list_empty(&s->spans) ||
        sl_container_of(s->spans.next, struct sl_span, node)->first >= s->plan.end)
        s->plan = (struct sl_plan){0};
}

bool sl_plan_unconfirmed(const struct sl_partition *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i].plan.end > 0 && !p->sinks[i].plan.confirmed)
            return true;
    return false;
}

/* ---- commits ---- */

void sl_partition_noting(struct sl_partition *p, bool with_line)
{
    p->noting = sl_partition_fingerprint(p);
    p->noting_least = sl_partition_least(p);
    for (size_t i = 0; i < p->n_sinks; i++)
        p->sinks[i].plan.noting = with_line ? p->sinks[i].plan.end : -p->sinks[i].plan.end;
}

unsigned sl_partition_noted(struct sl_partition *p)
{
    unsigned unrecorded = 0;

    p->committed = p->noting_least;
    p->noted = p->noting;
    for (size_t i = 0; i < p->n_sinks; i++) {
        struct sl_plan *plan = &p->sinks[i].plan;

        /* A plan that came later, or in the place of one that was done, is not in this commit. */
        if (plan->end == 0 || plan->confirmed ||
            (plan->noting != plan->end && plan->noting != -plan->end))
            continue;
        plan->confirmed = true;
        unrecorded += plan->noting < 0;
    }
    return unrecorded;
}
