/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "explore.h"

void world_print(const struct world *w, const struct state *s)
{
    static const char *const states[] = {"open", "closed", "go", "applied"};

    printf("        committed %d %s | next %d", s->committed, s->line ? w->lines[s->line - 1] : "-",
           s->next);
    for (unsigned i = 0; i < (s->knows ? N_SINKS : 1u); i++)
        printf(" | %c from %d catch-up %d plan [%d,%d)%s", i == E ? 'E' : 'S', s->sinks[i].from,
               s->sinks[i].catch_up, s->sinks[i].first, s->sinks[i].end,
               s->sinks[i].confirmed ? "!" : "");
    printf(" | eras");
    for (unsigned i = 0; i < s->n_eras; i++)
        printf(" %d:%c", s->eras[i].begin, "ab"[s->eras[i].rules]);
    printf(" | live %c", "ab"[s->live]);
    for (unsigned i = 0; i < s->n_cuts; i++)
        printf(" | %s cut [%d,%d) %x %s", s->cuts[i].side ? "side" : "live", s->cuts[i].first,
               s->cuts[i].end, s->cuts[i].contents, states[s->cuts[i].state]);
    printf(" | E has %x, S", s->delivered);
    for (unsigned i = 0; i < s->n_objects; i++)
        printf(" [%d,%d)%c:%x", s->objects[i].first, s->objects[i].end, "ab"[s->objects[i].rules],
               s -> objects[i].contents);
    printf("%s\n", s->excused ? " (excused)" : "");
}
