/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit_private.h"
#include "rules.h"
#include "store.h"

/* Commits: I4, whatever lies below has its outcomes at this moment; I5, so it is below each sink's
 * own position for that sink; and the plans that lines record, which alone allow an object. */

static void check_below(struct k_partition *p, int64_t offset)
{
    struct audit_partition *ap = audit_partition(p);

    for (; ap->checked < ap->n && ap->records[ap->checked]->offset < offset; ap->checked++) {
        const struct source_record *r = ap->records[ap->checked];

        if (audit_explained(r, ~0u))
            continue;
        sim_find("I4: logs-%d is committed at %ld, but record %u at %ld (kind %u) is delivered to "
                 "%x, dead letters %x",
                 (int)p->number, offset, r->n, r->offset, r->kind, r->delivered, r->dead);
        return;
    }
}

void audit_commit(struct k_partition *p, int64_t offset, const char *metadata, struct replica *r,
                  bool late)
{
    (void)metadata;
    (void)r;
    if (late)
        sim->audit->excused = true;
    if (offset > p->end)
        sim_find("logs-%d is committed at %ld, past its end %ld", (int)p->number, offset, p->end);
    check_below(p, offset);
}

void audit_plan_names(unsigned sink, const struct audit_object *o)
{
    (void)sink;
    (void)o;
}
