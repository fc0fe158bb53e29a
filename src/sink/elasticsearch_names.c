/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_names.h"

#include "base/alloc.h"
#include "base/hash.h"

enum { SLOTS = 4096 };

_Static_assert((int)SLOTS >= 4 * (int)SL_ES_NAMES_MAX, "the table stays at most a quarter full");

void sl_es_names_init(struct sl_es_names *s)
{
    *s = (struct sl_es_names){.slots = sl_calloc(SLOTS, sizeof(*s->slots))};
}

void sl_es_names_release(struct sl_es_names *s)
{
    free(s->slots);
    *s = (struct sl_es_names){0};
}

void sl_es_names_clear(struct sl_es_names *s)
{
    memset(s->slots, 0, SLOTS * sizeof(*s->slots));
    s->n = 0;
}

static uint64_t *find(const struct sl_es_names *s, uint64_t hash)
{
    size_t i = (size_t)(hash >> 1) % SLOTS;

    while (s->slots[i] && s->slots[i] != hash)
        i = (i + 1) % SLOTS;
    return &s->slots[i];
}

static uint64_t hash_of(struct sl_slice name)
{
    return sl_hash(name.p, name.n) | 1; /* never a free slot */
}

bool sl_es_names_has(const struct sl_es_names *s, struct sl_slice name)
{
    return *find(s, hash_of(name)) != 0;
}

bool sl_es_names_add(struct sl_es_names *s, struct sl_slice name)
{
    uint64_t hash = hash_of(name), *slot = find(s, hash);

    if (*slot)
        return true;
    if (s->n == SL_ES_NAMES_MAX)
        return false;
    *slot = hash;
    s->n++;
    return true;
}
