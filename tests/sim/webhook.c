/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "audit.h"
#include "store.h"

/* A webhook that takes JSON arrays. */

void hook_answer(struct store *s, const struct store_request *q, struct store_reply *ret)
{
    const char *at = q->body, *end = q->body + q->body_n, *open, *close;

    if (memmem(q->body, q->body_n, "\"bad\":true", 10)) {
        store_say(ret, sim_chance(SIM_STORE, 500) ? 400 : 422, "{\"error\":\"bad\"}");
        return;
    }
    while (at < end && (open = memchr(at, '{', (size_t)(end - at)))) {
        close = memchr(open, '}', (size_t)(end - open));
        if (!close) {
            sim_find("%s: a record without an end", store_names[s->sink]);
            return;
        }
        audit_delivered(s->sink, open, (size_t)(close + 1 - open));
        at = close + 1;
    }
    store_say(ret, 200, "{}");
}
