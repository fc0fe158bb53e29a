/* SPDX-License-Identifier: Apache-2.0 */
#include "route/index_keys.h"

#include <endian.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "base/hash.h"

enum { NONE = 0xffffffff };

/* ---- whole texts and numbers ---- */

struct whole {
    const struct sl_operand *operand;
    uint64_t hash;
    bool number; /* its number, not its text */
    uint32_t tag;
};

struct wholes {
    struct whole *items;
    size_t n, cap;
    uint32_t *slots;  /* item + 1; open addressing, at most half full */
    size_t last;      /* slot */
    uint64_t lengths; /* of the texts: bit 63 for all from 63 on */
    size_t longest;
    bool numbers;
};

static void wholes_add(struct wholes *w, struct whole item)
{
    if (w->n == w->cap) {
        w->cap = w->cap ? 2 * w->cap : 8;
        w->items = sl_reallocarray(w->items, w->cap, sizeof(*w->items));
    }
    w->items[w->n++] = item;
}

static uint64_t length_bit(size_t n)
{
    return 1ULL << (n < 63 ? n : 63);
}

static uint64_t number_hash(const struct sl_number *n)
{
    double real = n->real == 0 ? 0 : n->real; /* -0 equals 0 */

    return sl_hash(&real, sizeof(real));
}

static void wholes_text(struct wholes *w, const struct sl_operand *o, uint32_t tag)
{
    w->lengths |= length_bit(o->text.n);
    w->longest = o->text.n > w->longest ? o->text.n : w->longest;
    wholes_add(w, (struct whole){o, sl_hash(o->text.p, o->text.n), false, tag});
}

static void wholes_finish(struct wholes *w)
{
    size_t n = 2;

    while (n < 2 * w->n)
        n *= 2;
    w->last = n - 1;
    w->slots = sl_calloc(n, sizeof(*w->slots));
    for (size_t i = 0; i < w->n; i++) {
        size_t at = (size_t)w->items[i].hash & w->last;

        while (w->slots[at])
            at = (at + 1) & w->last;
        w->slots[at] = (uint32_t)i + 1;
    }
}

static void wholes_find_text(const struct wholes *w, struct sl_slice text, sl_index_keys_hit *hit,
                             void *user)
{
    uint64_t hash;

    if (!(w->lengths & length_bit(text.n)) || text.n > w->longest)
        return;
    hash = sl_hash(text.p, text.n);
    for (size_t at = (size_t)hash & w->last; w->slots[at]; at = (at + 1) & w->last) {
        const struct whole *item = &w->items[w->slots[at] - 1];

        if (item->hash == hash && !item->number && sl_slice_equal(item->operand->text, text))
            hit(user, item->tag);
    }
}

static void wholes_find_number(const struct wholes *w, const struct sl_number *number,
                               sl_index_keys_hit *hit, void *user)
{
    uint64_t hash;

    if (!number->is)
        return;
    hash = number_hash(number);
    for (size_t at = (size_t)hash & w->last; w->slots[at]; at = (at + 1) & w->last) {
        const struct whole *item = &w->items[w->slots[at] - 1];

        if (item->hash == hash && item->number &&
            sl_number_compare(number, &item->operand->number) == 0)
            hit(user, item->tag);
    }
}

/* ---- beginnings ---- */

struct affix {
    size_t text; /* in sl_index_keys.texts */
    uint32_t n;
    uint32_t within; /* the longest other key that it begins with; of equal ones the one before */
    uint32_t tag;
};

struct affixes {
    struct affix *items; /* sorted once finished */
    uint64_t *heads;     /* of each, eight bytes behind what all have in common */
    size_t n, cap;
    uint32_t common; /* bytes */
    size_t longest;
    bool suffix, fold;
};

enum { AFFIXES = 4, TEXTS_MAX = 1 << 30 };

struct sl_index_keys {
    struct wholes exact, folded;
    struct affixes affixes[AFFIXES]; /* 1: suffixes, 2: folded */
    struct sl_buf texts;
};

static uint64_t head_of(const char *p, size_t n)
{
    uint64_t head = 0;

    memcpy(&head, p, n < 8 ? n : 8);
    return be64toh(head);
}

static int compare_texts(struct sl_slice a, struct sl_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : a.n < b.n ? -1 : a.n > b.n;
}

static struct sl_slice text_of(const struct sl_buf *texts, const struct affix *a)
{
    return sl_slice(texts->p + a->text, a->n);
}

static int by_text(const void *a, const void *b, void *texts)
{
    const struct affix *x = a, *y = b;
    int order = compare_texts(text_of(texts, x), text_of(texts, y));

    return order ? order : x->tag < y->tag ? -1 : x->tag > y->tag;
}

static bool begins_with(struct sl_slice text, struct sl_slice with)
{
    return with.n <= text.n && (with.n == 0 || !memcmp(text.p, with.p, with.n));
}

static void affixes_finish(struct affixes *t, const struct sl_buf *texts)
{
    struct sl_slice first, last;

    if (t->n == 0)
        return;
    qsort_r(t->items, t->n, sizeof(*t->items), by_text, (void *)texts);
    first = text_of(texts, &t->items[0]);
    last = text_of(texts, &t->items[t->n - 1]);
    while (t->common < first.n && t->common < last.n && first.p[t->common] == last.p[t->common])
        t->common++;
    t->heads = sl_calloc(t->n, sizeof(*t->heads));
    for (size_t i = 0; i < t->n; i++) {
        struct affix *a = &t->items[i];
        struct sl_slice text = text_of(texts, a);

        t->heads[i] = head_of(text.p + t->common, text.n - t->common);
        a->within = i ? (uint32_t)i - 1 : NONE;
        while (a->within != NONE && !begins_with(text, text_of(texts, &t->items[a->within])))
            a->within = t->items[a->within].within;
    }
}

/* The last key that is not greater than the text. */
static uint32_t affixes_floor(const struct affixes *t, const struct sl_buf *texts,
                              struct sl_slice text)
{
    uint64_t head = head_of(text.p + t->common, text.n - t->common);
    size_t low = 0, high = t->n;

    while (low < high) {
        size_t middle = (low + high) / 2;
        bool greater = t->heads[middle] > head;

        if (t->heads[middle] == head)
            greater = compare_texts(text_of(texts, &t->items[middle]), text) > 0;
        if (greater)
            high = middle;
        else
            low = middle + 1;
    }
    return low ? (uint32_t)low - 1 : NONE;
}

static void affixes_find(const struct affixes *t, const struct sl_buf *texts, struct sl_slice text,
                         sl_index_keys_hit *hit, void *user)
{
    uint32_t at;

    if (text.n < t->common ||
        (t->common && memcmp(text.p, texts->p + t->items[0].text, t->common) != 0))
        return;
    at = affixes_floor(t, texts, text);
    while (at != NONE && !begins_with(text, text_of(texts, &t->items[at])))
        at = t->items[at].within;
    for (; at != NONE; at = t->items[at].within)
        hit(user, t->items[at].tag);
}

/* ---- both ---- */

struct sl_index_keys *sl_index_keys_new(void)
{
    struct sl_index_keys *k = sl_zalloc(sizeof(*k));

    sl_buf_init(&k->texts, TEXTS_MAX);
    for (unsigned i = 0; i < AFFIXES; i++) {
        k->affixes[i].suffix = i & 1;
        k->affixes[i].fold = i & 2;
    }
    return k;
}

void sl_index_keys_free(struct sl_index_keys *k)
{
    if (!k)
        return;
    free(k->exact.items);
    free(k->exact.slots);
    free(k->folded.items);
    free(k->folded.slots);
    for (unsigned i = 0; i < AFFIXES; i++) {
        free(k->affixes[i].items);
        free(k->affixes[i].heads);
    }
    sl_buf_release(&k->texts);
    free(k);
}

void sl_index_keys_add_equal(struct sl_index_keys *k, const struct sl_operand *operand, bool fold,
                             uint32_t tag)
{
    wholes_text(fold ? &k->folded : &k->exact, operand, tag);
    if (operand->number.is) {
        k->exact.numbers = true;
        wholes_add(&k->exact, (struct whole){operand, number_hash(&operand->number), true, tag});
    }
}

void sl_index_keys_add_affix(struct sl_index_keys *k, struct sl_slice text, bool suffix, bool fold,
                             uint32_t tag)
{
    struct affixes *t = &k->affixes[suffix + 2 * fold];

    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 8;
        t->items = sl_reallocarray(t->items, t->cap, sizeof(*t->items));
    }
    t->items[t->n++] = (struct affix){.text = k->texts.n, .n = (uint32_t)text.n, .tag = tag};
    t->longest = text.n > t->longest ? text.n : t->longest;
    for (size_t i = 0; i < text.n; i++)
        sl_buf_byte(&k->texts, text.p[suffix ? text.n - 1 - i : i]);
    if (k->texts.full)
        abort(); /* the rules as a whole are bounded far below */
}

void sl_index_keys_finish(struct sl_index_keys *k)
{
    wholes_finish(&k->exact);
    wholes_finish(&k->folded);
    for (unsigned i = 0; i < AFFIXES; i++)
        affixes_finish(&k->affixes[i], &k->texts);
}

size_t sl_index_keys_scratch(const struct sl_index_keys *k)
{
    size_t most = k->folded.longest;

    for (unsigned i = 0; i < AFFIXES; i++)
        most = k->affixes[i].longest > most ? k->affixes[i].longest : most;
    return most;
}

/* At most n bytes of the text, from its end where backwards, into scratch. */
static struct sl_slice copy(struct sl_slice text, size_t n, bool backwards, bool fold,
                            char *scratch)
{
    n = n < text.n ? n : text.n;
    for (size_t i = 0; i < n; i++) {
        char c = text.p[backwards ? text.n - 1 - i : i];

        scratch[i] = fold ? sl_fold_char(c) : c;
    }
    return sl_slice(scratch, n);
}

void sl_index_keys_find(const struct sl_index_keys *k, struct sl_scalar *s, char *scratch,
                        sl_index_keys_hit *hit, void *user)
{
    wholes_find_text(&k->exact, s->text, hit, user);
    if (k->exact.numbers)
        wholes_find_number(&k->exact, sl_scalar_number(s), hit, user);
    if (k->folded.n && s->text.n <= k->folded.longest)
        wholes_find_text(&k->folded, copy(s->text, s->text.n, false, true, scratch), hit, user);
    for (unsigned i = 0; i < AFFIXES; i++) {
        const struct affixes *t = &k->affixes[i];
        struct sl_slice text = s->text;

        if (t->n == 0)
            continue;
        if (t->suffix || t->fold)
            text = copy(text, t->longest, t->suffix, t->fold, scratch);
        affixes_find(t, &k->texts, text, hit, user);
    }
}
