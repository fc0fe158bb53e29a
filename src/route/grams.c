/* SPDX-License-Identifier: Apache-2.0 */
#include "route/grams.h"

#include <endian.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fold.h"

enum {
    TEXTS_MAX = 1 << 30,
    BITS_PER_GRAM = 64, /* one look in 64 is in vain */
    COUNT_BITS = 16,    /* of grams in all literals */
    COUNT_MAX = 1 << 20,
    NO_CHECK = 0xffffffff,
    FEW = 64,  /* literals; of more than these four grams side by side are rarely all rare */
    CROWD = 8, /* tags of one literal that are not said again for the same text */
    SAID = 64,
    MAP_BITS_MIN = 10,
    MAP_BITS_MAX = 19, /* 64 KiB: beyond it the processor's caches are too small */
};

struct literal {
    size_t text; /* in sl_grams.texts */
    uint32_t n;
    uint32_t at; /* of the first of its grams in the literal */
    bool fold;
    uint32_t tag;
    uint32_t same; /* literals from this on that are the same; 0: it is one of those before */
};

/* A literal as its gram leads to it: another four bytes of it, which mostly settle the matter. */
struct entry {
    uint32_t check;
    uint32_t before, behind; /* bytes of the literal on both sides of the gram's first */
    uint32_t check_at;       /* from the literal's begin; NO_CHECK: there are no other four */
    uint32_t literal;
};

struct slot {
    uint32_t gram;
    uint32_t first, n; /* entries; n == 0: the slot is free */
};

/* Literals that are found by grams of one width. */
struct table {
    unsigned width;     /* bytes of a gram */
    unsigned stride;    /* only every so manieth place of a text is looked at */
    uint32_t mask;      /* which bits of a word they are */
    uint64_t *map;      /* bits by hash; NULL: no literals */
    unsigned map_bits;  /* binary logarithm of their number */
    struct slot *slots; /* open addressing, at most half full */
    unsigned slot_bits;
    struct entry *entries; /* by slot */
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
    free(g->three.entries);
    free(g->four.map);
    free(g->four.slots);
    free(g->four.entries);
    free(g);
}

void sl_grams_add(struct sl_grams *g, struct sl_slice literal, bool fold, uint32_t tag)
{
    if (g->n == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 16;
        g->literals = sl_reallocarray(g->literals, g->cap, sizeof(*g->literals));
    }
    g->literals[g->n++] =
        (struct literal){.text = g->texts.n, .n = (uint32_t)literal.n, .fold = fold, .tag = tag};
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

    while (t->slots[i].n && t->slots[i].gram != gram)
        i = (i + 1) & last;
    return &t->slots[i];
}

/* What the rules look for is what their authors saw in the logs: bytes that stand in many literals
 * are words of the trade, and poor grams for any of them. Of such words the seam between two is
 * rare. */
static void count(struct sl_grams *g, const struct table *t, uint32_t which, uint32_t *counts)
{
    const struct literal *l = &g->literals[which];

    for (uint32_t i = 0; i + t->width <= l->n; i++)
        counts[hash(gram_at(t, g->texts.p + l->text + i)) >> (32 - COUNT_BITS)]++;
}

/* Chooses the grams of a literal, side by side, as many as the stride is wide. */
static void place(struct sl_grams *g, struct table *t, uint32_t which, const uint32_t *counts)
{
    struct literal *l = &g->literals[which];
    const char *text = g->texts.p + l->text;
    uint64_t least = UINT64_MAX;

    for (uint32_t i = 0; i + t->stride - 1 + t->width <= l->n; i++) {
        uint64_t cost = 0;

        for (uint32_t k = i; k < i + t->stride; k++)
            cost += 4 * (uint64_t)counts[hash(gram_at(t, text + k)) >> (32 - COUNT_BITS)];
        for (uint32_t k = i; k < i + t->stride - 1 + t->width; k++)
            cost += commonness((unsigned char)text[k]);
        if (cost < least) {
            least = cost;
            l->at = i;
        }
    }
    for (uint32_t k = 0; k < t->stride; k++) {
        uint32_t gram = gram_at(t, text + l->at + k), bit = hash(gram) >> (32 - t->map_bits);
        struct slot *slot = slot_of(t, gram);

        slot->gram = gram;
        slot->n++;
        t->map[bit >> 6] |= 1ULL << (bit & 63);
    }
}

static unsigned bits_for(size_t n)
{
    unsigned bits = 0;

    while ((size_t)1 << bits < n)
        bits++;
    return bits;
}

static bool belongs(const struct table *t, const struct literal *l)
{
    return l->same && (l->n >= 4 ? 4 : 3) == t->width;
}

static int by_text(const void *a, const void *b, void *texts)
{
    const struct literal *x = a, *y = b;
    const struct sl_buf *t = texts;
    int order;

    if (x->n != y->n || x->fold != y->fold)
        return x->n != y->n ? (x->n < y->n ? -1 : 1) : x->fold - y->fold;
    order = memcmp(t->p + x->text, t->p + y->text, x->n);
    return order ? order : (x->tag > y->tag) - (x->tag < y->tag);
}

/* What many rules look for is compared once. */
static void unite(struct sl_grams *g)
{
    struct literal *first = g->literals;

    if (g->n)
        qsort_r(g->literals, g->n, sizeof(*g->literals), by_text, &g->texts);
    for (struct literal *l = first; l < g->literals + g->n; l++) {
        if (l->n != first->n || l->fold != first->fold ||
            memcmp(g->texts.p + l->text, g->texts.p + first->text, l->n) != 0)
            first = l;
        l->same = 0;
        first->same++;
    }
}

/* From the gram at `gram` of the literal. */
static struct entry make_entry(const struct sl_grams *g, uint32_t which, uint32_t gram)
{
    const struct literal *l = &g->literals[which];
    uint32_t at = l->n > 2 * gram + 4 ? l->n - 4 : 0; /* the end farther from the gram */

    struct entry e = {
        .before = gram, .behind = l->n - gram, .check_at = NO_CHECK, .literal = which};

    if (l->n > 4) {
        e.check = word_at(g->texts.p + l->text + at);
        e.check_at = at;
    }
    return e;
}

static void fill_entries(struct sl_grams *g, struct table *t)
{
    uint32_t sum = 0;

    t->entries = sl_calloc(t->n * t->stride, sizeof(*t->entries));
    for (size_t i = 0; i < (size_t)1 << t->slot_bits; i++) {
        sum += t->slots[i].n;
        t->slots[i].first = sum; /* its end, until it is filled from there */
    }
    for (size_t i = 0; i < g->n; i++)
        for (uint32_t k = 0; belongs(t, &g->literals[i]) && k < t->stride; k++) {
            const struct literal *l = &g->literals[i];
            struct slot *slot = slot_of(t, gram_at(t, g->texts.p + l->text + l->at + k));

            t->entries[--slot->first] = make_entry(g, (uint32_t)i, l->at + k);
        }
}

static void build(struct sl_grams *g, struct table *t, unsigned width)
{
    uint32_t *counts, shortest = UINT32_MAX;
    size_t grams;

    t->width = width;
    t->mask = width == 4 ? UINT32_MAX : (1u << 8 * width) - 1;
    for (size_t i = 0; i < g->n; i++) {
        if (!belongs(t, &g->literals[i]))
            continue;
        t->n++;
        shortest = g->literals[i].n < shortest ? g->literals[i].n : shortest;
    }
    if (t->n == 0)
        return;
    t->stride = width < 4 || shortest < 5 ? 1 : shortest < 7 || t->n > FEW ? 2 : 4;
    grams = t->n * t->stride;
    t->map_bits = bits_for(grams * BITS_PER_GRAM);
    t->map_bits = t->map_bits < MAP_BITS_MIN   ? MAP_BITS_MIN
                  : t->map_bits > MAP_BITS_MAX ? MAP_BITS_MAX
                                               : t->map_bits;
    t->map = sl_calloc((size_t)1 << (t->map_bits - 6), sizeof(*t->map));
    t->slot_bits = bits_for(2 * grams) + 1;
    t->slots = sl_calloc((size_t)1 << t->slot_bits, sizeof(*t->slots));
    counts = sl_calloc((size_t)1 << COUNT_BITS, sizeof(*counts));
    for (size_t i = 0; i < g->n; i++)
        count(g, t, (uint32_t)i, counts);
    for (size_t i = 0; i < g->n; i++)
        if (belongs(t, &g->literals[i]))
            place(g, t, (uint32_t)i, counts);
    free(counts);
    fill_entries(g, t);
}

void sl_grams_finish(struct sl_grams *g)
{
    unite(g);
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

struct look {
    const struct sl_grams *g;
    sl_grams_hit *hit;
    void *user;
    bool begun;          /* `said` is set */
    uint32_t said[SAID]; /* literals that were last said to be there, + 1; by their number */
};

/* A text may be full of a literal that is that of ten thousand rules. */
static void say(struct look *k, uint32_t which)
{
    const struct literal *l = &k->g->literals[which];

    if (l->same >= CROWD) {
        if (!k->begun)
            memset(k->said, 0, sizeof(k->said));
        k->begun = true;
        if (k->said[which % SAID] == which + 1)
            return;
        k->said[which % SAID] = which + 1;
    }
    for (uint32_t i = 0; i < l->same; i++)
        k->hit(k->user, l[i].tag);
}

/* The gram is at `at`: which literals are around it? */
static void confirm(struct look *k, const struct table *t, uint32_t gram, struct sl_slice text,
                    size_t at)
{
    const struct sl_grams *g = k->g;
    const struct slot *slot = slot_of(t, gram);
    const struct entry *e = t->entries + slot->first, *end = e + slot->n;

    for (; e < end; e++) {
        const struct literal *l;
        const char *there, *own;

        if (at < e->before || text.n - at < e->behind)
            continue;
        there = text.p + (at - e->before);
        if (e->check_at != NO_CHECK && word_at(there + e->check_at) != e->check)
            continue;
        l = &g->literals[e->literal];
        own = g->texts.p + l->text;
        if (l->fold ? same_folded(there, own, l->n) : !memcmp(there, own, l->n))
            say(k, e->literal);
    }
}

static void look(struct look *k, const struct table *t, struct sl_slice text)
{
    const uint64_t *map = t->map;
    const unsigned shift = 32 - t->map_bits;
    const uint32_t mask = t->mask;
    size_t at = 0;

    if (!map || text.n < t->width)
        return;
    for (; at + 4 <= text.n; at += t->stride) {
        uint32_t gram = word_at(text.p + at) & mask, h = hash(gram) >> shift;

        if (__builtin_expect((long)(map[h >> 6] >> (h & 63) & 1), 0))
            confirm(k, t, gram, text, at);
    }
    if (t->width == 3) /* the last three bytes are no word of four */
        confirm(k, t, gram_at(t, text.p + text.n - 3), text, text.n - 3);
}

void sl_grams_find(const struct sl_grams *g, struct sl_slice text, sl_grams_hit *hit, void *user)
{
    struct look k;

    k.g = g;
    k.hit = hit;
    k.user = user;
    k.begun = false; /* most texts need no more than that */
    look(&k, &g->four, text);
    look(&k, &g->three, text);
}
