/* SPDX-License-Identifier: Apache-2.0 */
#include "route/grams.h"

#include <endian.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fold.h"

enum {
    NONE = 0xffffffff,
    TEXTS_MAX = 1 << 30,
    BITS_PER_GRAM = 64, /* one look in 64 is in vain */
    MAP_BITS_MIN = 10,
    MAP_BITS_MAX = 18, /* 32 KiB: what the processor's nearest cache holds */
};

struct literal {
    size_t text; /* in sl_grams.texts */
    uint32_t n;
    uint32_t at; /* of the gram in the literal */
    bool fold;
    uint32_t tag;
    uint32_t next; /* with the same gram */
};

struct slot {
    uint32_t gram;
    uint32_t first; /* literal, or NONE: the slot is free */
};

/* Literals that are found by grams of one width. */
struct table {
    unsigned width;     /* bytes of a gram */
    uint32_t mask;      /* which bits of a word they are */
    uint64_t *map;      /* bits by hash; NULL: no literals */
    unsigned map_bits;  /* binary logarithm of their number */
    struct slot *slots; /* open addressing, at most half full */
    unsigned slot_bits;
    size_t n;
};

struct sl_grams {
    struct sl_buf texts;
    struct literal *literals;
    size_t n, cap;
    struct table three, four;
};

struct sl_grams *sl_grams_new(void)
{
    struct sl_grams *g = sl_zalloc(sizeof(*g));

    sl_buf_init(&g->texts, TEXTS_MAX);
    return g;
}

void sl_grams_free(struct sl_grams *g)
{
    if (!g)
        return;
    sl_buf_release(&g->texts);
    free(g->literals);
    free(g->three.map);
    free(g->three.slots);
    free(g->four.map);
    free(g->four.slots);
    free(g);
}

void sl_grams_add(struct sl_grams *g, struct sl_slice literal, bool fold, uint32_t tag)
{
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 16;
        g->literals = sl_reallocarray(g->literals, g->cap, sizeof(*g->literals));
    }
    g->literals[g->n++] = (struct literal){
        .text = g->texts.n, .n = (uint32_t)literal.n, .fold = fold, .tag = tag, .next = NONE};
    sl_buf_slice(&g->texts, literal);
    if (g->texts.full)
        abort(); /* the rules as a whole are bounded far below */
}

/* ---- building ---- */

static uint32_t hash(uint32_t gram)
{
    return gram * 0x9e3779b1u;
}

static uint32_t word_at(const char *p)
{
    uint32_t word;

    memcpy(&word, p, sizeof(word));
    return le32toh(word) | 0x20202020u;
}

/* The gram at p, of which only the table's width may be read. */
static uint32_t gram_at(const struct table *t, const char *p)
{
    uint32_t word = 0;

    memcpy(&word, p, t->width);
    return (le32toh(word) | 0x20202020u) & t->mask;
}

/* How often bytes are met in logs, roughly, out of 8. */
static unsigned commonness(unsigned char c)
{
    c |= 0x20;
    if (c == ' ' || (c != 0 && strchr("etaoinsr", c)))
        return 8;
    if ((c >= '0' && c <= '9') || (c != 0 && strchr("dlcmup", c)))
        return 6;
    if (c != 0 && strchr("bfghvwy-./:=_\"", c))
        return 4;
    return c >= 'a' && c <= 'z' ? 2 : 1;
}

static struct slot *slot_of(const struct table *t, uint32_t gram)
{
    uint32_t last = (1u << t->slot_bits) - 1, i = hash(gram) >> (32 - t->slot_bits);

    while (t->slots[i].first != NONE && t->slots[i].gram != gram)
        i = (i + 1) & last;
    return &t->slots[i];
}

static unsigned crowd(const struct sl_grams *g, const struct slot *slot)
{
    unsigned n = 0;

    for (uint32_t i = slot->first; i != NONE && n < 64; i = g->literals[i].next)
        n++;
    return n;
}

static void place(struct sl_grams *g, struct table *t, uint32_t which)
{
    struct literal *l = &g->literals[which];
    const char *text = g->texts.p + l->text;
    unsigned least = UINT32_MAX;
    struct slot *slot;
    uint32_t gram;

    for (uint32_t i = 0; i + t->width <= l->n; i++) {
        unsigned cost = 3 * crowd(g, slot_of(t, gram_at(t, text + i)));

        for (unsigned k = 0; k < t->width; k++)
            cost += commonness((unsigned char)text[i + k]);
        if (cost < least) {
            least = cost;
            l->at = i;
        }
    }
    gram = gram_at(t, text + l->at);
    slot = slot_of(t, gram);
    slot->gram = gram;
    l->next = slot->first;
    slot->first = which;
    t->map[hash(gram) >> (32 - t->map_bits) >> 6] |= 1ULL
                                                     << (hash(gram) >> (32 - t->map_bits) & 63);
}

static unsigned bits_for(size_t n)
{
    unsigned bits = 0;

    while ((size_t)1 << bits < n)
        bits++;
    return bits;
}

static void build(struct sl_grams *g, struct table *t, unsigned width)
{
    t->width = width;
    t->mask = width == 4 ? UINT32_MAX : (1u << 8 * width) - 1;
    for (size_t i = 0; i < g->n; i++)
        t->n += (g->literals[i].n >= 4 ? 4 : 3) == width;
    if (t->n == 0)
        return;
    t->map_bits = bits_for(t->n * BITS_PER_GRAM);
    t->map_bits = t->map_bits < MAP_BITS_MIN   ? MAP_BITS_MIN
                  : t->map_bits > MAP_BITS_MAX ? MAP_BITS_MAX
                                               : t->map_bits;
    t->map = sl_calloc((size_t)1 << (t->map_bits - 6), sizeof(*t->map));
    t->slot_bits = bits_for(2 * t->n) + 1;
    t->slots = sl_calloc((size_t)1 << t->slot_bits, sizeof(*t->slots));
    for (size_t i = 0; i < (size_t)1 << t->slot_bits; i++)
        t->slots[i].first = NONE;
    for (size_t i = 0; i < g->n; i++)
        if ((g->literals[i].n >= 4 ? 4 : 3) == width)
            place(g, t, (uint32_t)i);
}

void sl_grams_finish(struct sl_grams *g)
{
    build(g, &g->three, 3);
    build(g, &g->four, 4);
}

/* ---- looking ---- */

static bool same_folded(const char *text, const char *literal, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (sl_fold_char(text[i]) != literal[i])
            return false;
    return true;
}

/* The gram is at `at`: which literals are around it? */
static void confirm(const struct sl_grams *g, const struct table *t, uint32_t gram,
                    struct sl_slice text, size_t at, sl_grams_hit *hit, void *user)
{
    for (uint32_t i = slot_of(t, gram)->first; i != NONE; i = g->literals[i].next) {
        const struct literal *l = &g->literals[i];
        const char *own = g->texts.p + l->text, *there;

        if (at < l->at || text.n - (at - l->at) < l->n)
            continue;
        there = text.p + (at - l->at);
        if (l->fold ? same_folded(there, own, l->n) : !memcmp(there, own, l->n))
            hit(user, l->tag);
    }
}

static void look(const struct sl_grams *g, const struct table *t, struct sl_slice text,
                 sl_grams_hit *hit, void *user)
{
    const uint64_t *map = t->map;
    const unsigned shift = 32 - t->map_bits;
    const uint32_t mask = t->mask;
    size_t at = 0;

    if (!map || text.n < t->width)
        return;
    for (; at + 4 <= text.n; at++) {
        uint32_t gram = word_at(text.p + at) & mask, h = hash(gram) >> shift;

        if (__builtin_expect((long)(map[h >> 6] >> (h & 63) & 1), 0))
            confirm(g, t, gram, text, at, hit, user);
    }
    if (t->width == 3) /* the last three bytes are no word of four */
        confirm(g, t, gram_at(t, text.p + text.n - 3), text, text.n - 3, hit, user);
}

void sl_grams_find(const struct sl_grams *g, struct sl_slice text, sl_grams_hit *hit, void *user)
{
    look(g, &g->four, text, hit, user);
    look(g, &g->three, text, hit, user);
}
