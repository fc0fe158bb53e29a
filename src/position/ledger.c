/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/position.h"

/* The books of an epoch (design, section 3.8). What is in flight was counted by walking the
 * batches, so that a record that was lost from them without an outcome shows. */
bool sl_ledger_check(const struct sl_partition *p, struct sl_ledger_breach *ret)
{
    if (p->decoded != p->dropped + p->kept) {
        *ret = (struct sl_ledger_breach){.what = "decoded = dropped + kept",
                                         .sink = p->n_sinks,
                                         .left = p->decoded,
                                         .right = p->dropped + p->kept};
        return false;
    }
    for (size_t i = 0; i < p->n_sinks; i++) {
        const struct sl_sink_position *s = &p->sinks[i];
        uint64_t settled = s->delivered + s->dead + s->let_go + s->walked;

        if (s->routed == settled)
            continue;
        *ret = (struct sl_ledger_breach){
            .what = "routed = delivered + dead letters + in flight + let go",
            .sink = i,
            .left = s->routed,
            .right = settled};
        return false;
    }
    return true;
}
