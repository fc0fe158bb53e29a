/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_copies.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { SLOTS = 1024, NAME_MAX = 64 << 10 };

/* Nothing that decides whether a letter is sent may hang on a hash that collides by chance: this
 * one does not. */
static void make_key(const struct sl_dead_letter *l, bool by_sink, uint8_t ret[16])
{
    uint8_t digest[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_buf_init(&text, NAME_MAX);
    /* To its topic goes the message, with all records that it holds. */
    sl_buf_printf(&text, "%" PRId32 "/%" PRId64 "/%" PRIu32 "/%" PRId64 "\n", l->source_partition,
                  l->source_offset, by_sink ? l->source_index : 0, l->source_ms);
    sl_buf_slice(&text, l->source_topic);
    sl_buf_byte(&text, '\n');
    if (by_sink)
        sl_buf_slice(&text, l->sink);
    sl_sha256(text.p, text.n, digest);
    memcpy(ret, digest, 16);
    sl_buf_release(&text);
}

static struct sl_copy **find(struct sl_copies *c, const uint8_t key[16])
{
    uint64_t at;

    memcpy(&at, key, sizeof(at));
    for (at %= c->n_slots; c->slots[at]; at = (at + 1) % c->n_slots)
        if (memcmp(c->slots[at]->key, key, 16) == 0)
            break;
    return &c->slots[at];
}

static void grow(struct sl_copies *c)
{
    struct sl_copies bigger = {.n = c->n, .n_slots = c->n_slots ? 2 * c->n_slots : SLOTS};

    bigger.slots = sl_calloc(bigger.n_slots, sizeof(struct sl_copy *));
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->slots[i])
            *find(&bigger, c->slots[i]->key) = c->slots[i];
    free(c->slots);
    *c = bigger;
}

struct sl_copy *sl_copies_get(struct sl_copies *c, const struct sl_dead_letter *l, bool by_sink,
                              bool *ret_new)
{
    struct sl_copy **slot;
    uint8_t key[16];

    if (2 * c->n >= c->n_slots)
        grow(c);
    make_key(l, by_sink, key);
    slot = find(c, key);
    *ret_new = !*slot;
    if (*slot || c->n == SL_COPIES_MAX)
        return *slot;
    *slot = sl_zalloc(sizeof(**slot));
    memcpy((*slot)->key, key, 16);
    c->n++;
    return *slot;
}

void sl_copies_release(struct sl_copies *c)
{
    for (size_t i = 0; i < c->n_slots; i++)
        free(c->slots[i]);
    free(c->slots);
    *c = (struct sl_copies){0};
}
