/* SPDX-License-Identifier: Apache-2.0 */
#include "route/finder.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/fold.h"
#include "base/hash.h"

enum {
    LITERAL_MAX = 63,    /* longer literals stand under their field alone */
    TEXT_MAX = 512,      /* bytes of a fact's text whose parts are asked for */
    OPERANDS_MAX = 1024, /* of a fact's list that are asked for */
    CROWD = 128,         /* an `also` list that is longer says too little */
    FEW = 16,
    WIDE = 1 << 20, /* a key that many facts ask for */
    KEY_TEXT_MAX = 4096,
};

enum key_kind { VALUE, SAME, FRONT, BACK, PART, NUMBERS, PRESENT, OPAQUE, FIELD, ALL, N_KINDS };

struct list {
    uint64_t hash;   /* of the key; two keys of one hash share a list, which costs and harms not */
    unsigned *items; /* rules */
    uint32_t n, cap;
    uint32_t total; /* rules of the set that will ever stand here */
};

struct sl_finder {
    const struct sl_rules *rules;
    struct list *lists; /* open addressing */
    size_t n_lists, cap_lists;
    uint64_t *lengths; /* by field and FRONT, BACK, PART: which lengths of literals there are */
    unsigned *found, *seen;
    unsigned round;
    size_t n_found;
    uint64_t steps;
};

/* ---- lists ---- */

static uint64_t key_hash(enum key_kind kind, uint32_t id, struct sl_slice text)
{
    char bytes[KEY_TEXT_MAX + 2 * sizeof(uint32_t)];
    const uint32_t head[2] = {kind, id};
    uint64_t hash;

    memcpy(bytes, head, sizeof(head));
    if (text.n > KEY_TEXT_MAX)
        text.n = KEY_TEXT_MAX;
    sl_fold_copy(bytes + sizeof(head), text.p, text.n);
    hash = sl_hash(bytes, sizeof(head) + text.n);
    return hash ? hash : 1;
}

static struct list *slot(struct list *lists, size_t cap, uint64_t hash)
{
    size_t at = (size_t)hash & (cap - 1);

    while (lists[at].hash && lists[at].hash != hash)
        at = (at + 1) & (cap - 1);
    return &lists[at];
}

static struct list *find(const struct sl_finder *d, uint64_t hash)
{
    struct list *l = slot(d->lists, d->cap_lists, hash);

    return l->hash ? l : NULL;
}

static struct list *make(struct sl_finder *d, uint64_t hash)
{
    struct list *l;

    if (2 * (d->n_lists + 1) > d->cap_lists) {
        const size_t cap = 2 * d->cap_lists;
        struct list *lists = sl_calloc(cap, sizeof(*lists));

        for (size_t i = 0; i < d->cap_lists; i++)
            if (d->lists[i].hash)
                *slot(lists, cap, d->lists[i].hash) = d->lists[i];
        free(d->lists);
        d->lists = lists;
        d->cap_lists = cap;
    }
    l = slot(d->lists, d->cap_lists, hash);
    if (!l->hash) {
        l->hash = hash;
        d->n_lists++;
    }
    return l;
}

/* ---- keys of tests ---- */

static uint64_t *lengths(const struct sl_finder *d, uint32_t field, enum key_kind kind)
{
    return &d->lengths[field * N_KINDS + kind];
}

static uint64_t value_hash(uint32_t field, const struct sl_operand *o)
{
    double real = o->number.real + 0.0; /* -0 is 0 */

    if (o->number.is)
        return key_hash(VALUE, field, sl_slice((const char *)&real, sizeof(real))) ^ 1;
    return key_hash(VALUE, field, o->text);
}

static bool is_order(const struct sl_test *t)
{
    return t->op >= SL_OP_LT && t->op <= SL_OP_GTE;
}

typedef void (*key_fn)(struct sl_finder *d, uint64_t hash, void *user);

static void shape_key(struct sl_finder *d, uint32_t field, const struct sl_shape *s, key_fn fn,
                      void *user)
{
    const enum key_kind kind = s->kind == SL_SHAPE_PREFIX   ? FRONT
                               : s->kind == SL_SHAPE_SUFFIX ? BACK
                                                            : PART;
    const struct sl_slice nothing = {NULL, 0};

    if (s->text.n == 0) {
        fn(d, key_hash(PRESENT, field, nothing), user);
    } else if (s->text.n > LITERAL_MAX || s->kind == SL_SHAPE_EXACT) {
        fn(d, key_hash(OPAQUE, field, nothing), user);
    } else {
        *lengths(d, field, kind) |= 1ULL << s->text.n;
        fn(d, key_hash(kind, field, s->text), user);
    }
}

/* Every key under which the test is asked for. */
static void test_keys(struct sl_finder *d, uint32_t index, key_fn fn, void *user)
{
    const struct sl_test *t = &d->rules->tests[index];
    const struct sl_slice nothing = {NULL, 0};
    struct sl_shape s;
    bool loose;

    if (t->op == SL_OP_EQUAL) {
        for (uint32_t i = 0; i < t->n; i++)
            fn(d, value_hash(t->field, &t->operands[i]), user);
        return;
    }
    if (t->op == SL_OP_EXISTS || is_order(t)) {
        fn(d, key_hash(is_order(t) ? NUMBERS : PRESENT, t->field, nothing), user);
        return;
    }
    s = sl_test_shape(t, &loose);
    if (s.kind != SL_SHAPE_NONE)
        shape_key(d, t->field, &s, fn, user);
    if (s.kind == SL_SHAPE_NONE || t->op == SL_OP_GLOB || t->op == SL_OP_REGEX) {
        fn(d, key_hash(SAME, index, nothing), user);
        fn(d, key_hash(OPAQUE, t->field, nothing), user);
    }
}

static void count(struct sl_finder *d, uint64_t hash, void *user)
{
    (void)user;
    make(d, hash)->total++;
}

static void widest(struct sl_finder *d, uint64_t hash, void *user)
{
    const struct list *l = find(d, hash);
    uint32_t *most = user;

    if (l && l->total > *most)
        *most = l->total;
}

struct adding {
    unsigned rule;
    bool key;
};

/* Where rules are that stand elsewhere and are here as well. */
static uint64_t also_hash(uint64_t hash)
{
    return hash ^ 0x9e3779b97f4a7c15;
}

static void enter(struct sl_finder *d, uint64_t hash, void *user)
{
    const struct adding *a = user;
    struct list *l = make(d, a->key ? hash : also_hash(hash));

    if (l->n && l->items[l->n - 1] == a->rule)
        return;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 2;
        l->items = sl_reallocarray(l->items, l->cap, sizeof(*l->items));
    }
    l->items[l->n++] = a->rule;
}

/* ---- rules ---- */

/* Calls fn for the keys of each test that a rule with this node needs or may need. */
static void node_keys(struct sl_finder *d, uint32_t at, key_fn fn, void *user)
{
    const struct sl_rule_node *node = &d->rules->nodes[at];

    if (node->kind == SL_NODE_TEST)
        test_keys(d, node->first, fn, user);
    else if (node->kind != SL_NODE_NOT)
        for (uint32_t i = 0; i < node->n; i++)
            node_keys(d, node->first + i, fn, user);
}

static uint32_t some_field(const struct sl_rules *r, uint32_t at)
{
    while (r->nodes[at].kind != SL_NODE_TEST)
        at = r->nodes[at].first;
    return r->tests[r->nodes[at].first].field;
}

/* How many rules share the key of this node at the most. */
static uint32_t width(struct sl_finder *d, uint32_t at)
{
    const struct sl_rule_node *node = &d->rules->nodes[at];
    uint32_t w = 0, least = UINT32_MAX;

    if (node->kind == SL_NODE_NOT)
        return WIDE;
    if (node->kind == SL_NODE_TEST) {
        test_keys(d, node->first, widest, &w);
        return w;
    }
    for (uint32_t i = 0; i < node->n; i++) {
        uint32_t one = width(d, node->first + i);

        least = one < least ? one : least;
        w = one > w ? one : w;
    }
    return node->kind == SL_NODE_ANY ? w : least;
}

/* The rule stands under these, `key`; or is there as well. */
static void stand(struct sl_finder *d, uint32_t at, const struct adding *a)
{
    const struct sl_rule_node *node = &d->rules->nodes[at];
    uint32_t best = 0, least = UINT32_MAX;

    if (node->kind == SL_NODE_TEST) {
        test_keys(d, node->first, enter, (void *)a);
    } else if (node->kind == SL_NODE_NOT) {
        enter(d, key_hash(FIELD, some_field(d->rules, at), sl_slice(NULL, 0)), (void *)a);
    } else if (node->kind == SL_NODE_ANY || !a->key) {
        for (uint32_t i = 0; i < node->n; i++)
            stand(d, node->first + i, a);
    } else {
        for (uint32_t i = 0; i < node->n; i++) {
            uint32_t one = width(d, node->first + i);

            if (one < least) {
                least = one;
                best = i;
            }
        }
        stand(d, node->first + best, a);
    }
}

void sl_finder_add(struct sl_finder *d, unsigned rule)
{
    const uint32_t when = d->rules->rules[rule].when;
    struct adding a = {rule, true};

    if (when == SL_WHEN_ALWAYS) {
        enter(d, key_hash(ALL, 0, sl_slice(NULL, 0)), &a);
        return;
    }
    stand(d, when, &a);
    a.key = false;
    stand(d, when, &a);
}

struct sl_finder *sl_finder_new(const struct sl_rules *r)
{
    struct sl_finder *d = sl_zalloc(sizeof(*d));

    d->rules = r;
    d->cap_lists = 1024;
    d->lists = sl_calloc(d->cap_lists, sizeof(*d->lists));
    d->lengths = sl_calloc((r->n_fields + 1) * N_KINDS, sizeof(*d->lengths));
    d->found = sl_calloc(r->n_rules + 1, sizeof(*d->found));
    d->seen = sl_calloc(r->n_rules + 1, sizeof(*d->seen));
    for (size_t i = 0; i < r->n_rules; i++)
        if (!r->rules[i].go_on && r->rules[i].when != SL_WHEN_ALWAYS)
            node_keys(d, r->rules[i].when, count, NULL);
    return d;
}

void sl_finder_free(struct sl_finder *d)
{
    for (size_t i = 0; i < d->cap_lists; i++)
        free(d->lists[i].items);
    free(d->lists);
    free(d->lengths);
    free(d->found);
    free(d->seen);
    free(d);
}

/* ---- asking ---- */

struct asking {
    struct sl_finder *d;
    bool also;
};

static void take(struct sl_finder *d, const struct list *l)
{
    d->steps++;
    for (uint32_t i = 0; l && i < l->n; i++) {
        const unsigned rule = l->items[i];

        if (d->seen[rule] == d->round)
            continue;
        d->steps++;
        d->seen[rule] = d->round;
        d->found[d->n_found++] = rule;
    }
}

static void look_up(const struct asking *q, uint64_t hash)
{
    const struct list *more = q->also ? find(q->d, also_hash(hash)) : NULL;

    take(q->d, find(q->d, hash));
    if (more && more->n <= CROWD)
        take(q->d, more);
}

static void look_up_kind(const struct asking *q, enum key_kind kind, uint32_t id)
{
    look_up(q, key_hash(kind, id, sl_slice(NULL, 0)));
}

static void look_up_few(const struct asking *q, enum key_kind kind, uint32_t id)
{
    const uint64_t hash = key_hash(kind, id, sl_slice(NULL, 0));
    const struct list *l = find(q->d, hash), *more = find(q->d, also_hash(hash));

    if ((!l || l->n <= FEW) && (!more || more->n <= FEW))
        look_up(q, hash);
}

static void look_up_literal(const struct asking *q, enum key_kind kind, uint32_t field,
                            struct sl_slice text)
{
    if (text.n <= LITERAL_MAX && *lengths(q->d, field, kind) >> text.n & 1)
        look_up(q, key_hash(kind, field, text));
}

static void look_up_shape(const struct asking *q, uint32_t field, const struct sl_shape *s)
{
    const char *p = s->text.p;
    const size_t n = s->text.n < TEXT_MAX ? s->text.n : TEXT_MAX;
    const bool front = s->kind == SL_SHAPE_PREFIX || s->kind == SL_SHAPE_EXACT;
    const bool back = s->kind == SL_SHAPE_SUFFIX || s->kind == SL_SHAPE_EXACT;

    for (size_t k = 1; k <= n; k++) {
        if (front)
            look_up_literal(q, FRONT, field, sl_slice(p, k));
        if (back)
            look_up_literal(q, BACK, field, sl_slice(p + s->text.n - k, k));
    }
    for (uint64_t left = *lengths(q->d, field, PART); left; left &= left - 1) {
        const size_t k = (size_t)__builtin_ctzll(left);

        for (size_t from = 0; from + k <= n; from++)
            look_up(q, key_hash(PART, field, sl_slice(p + from, k)));
    }
    if (s->text.n > LITERAL_MAX)
        look_up_kind(q, OPAQUE, field);
}

/* What one rule takes it takes for each of the values; so the first text's parts are enough. */
static void look_up_values(const struct asking *q, const struct sl_test *t, uint32_t pick)
{
    const uint32_t from = pick ? pick - 1 : 0;
    const uint32_t to = pick ? pick : t->n < OPERANDS_MAX ? t->n : OPERANDS_MAX;
    const struct sl_shape first = {SL_SHAPE_EXACT, t->operands[from].text, t->fold};

    for (uint32_t i = from; i < to; i++)
        look_up(q, value_hash(t->field, &t->operands[i]));
    look_up_shape(q, t->field, &first);
    look_up_kind(q, OPAQUE, t->field);
    look_up_kind(q, NUMBERS, t->field);
}

static void look_up_fact(const struct asking *q, const struct sl_fact *fact)
{
    const struct sl_rules *r = q->d->rules;

    look_up_kind(q, FIELD, fact->field);
    if (!fact->holds && !q->also)
        return;
    look_up_kind(q, PRESENT, fact->field);
    for (uint32_t i = 0; i < fact->bundle.n; i++) {
        const uint32_t index = fact->bundle.tests[i].first;
        const struct sl_test *t = &r->tests[index];
        struct sl_shape s;
        unsigned at = 0;

        look_up_kind(q, SAME, index);
        if (t->op == SL_OP_EQUAL)
            look_up_values(q, t, fact->pick <= t->n ? fact->pick : 0);
        else if (is_order(t))
            look_up_kind(q, NUMBERS, fact->field);
        else if (t->op == SL_OP_CIDR)
            look_up_kind(q, OPAQUE, fact->field);
        else
            while ((s = sl_test_follows(t, &at)).kind != SL_SHAPE_NONE)
                look_up_shape(q, fact->field, &s);
    }
}

static int by_number(const void *a, const void *b)
{
    const unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return x < y ? -1 : x > y;
}

const unsigned *sl_finder_ask(struct sl_finder *d, struct sl_facts *f, bool also, size_t *ret_n)
{
    const struct asking q = {d, also};

    d->steps = 0;
    d->round++;
    d->n_found = 0;
    look_up_kind(&q, ALL, 0);
    for (size_t i = 0; i < f->n; i++)
        look_up_fact(&q, &f->items[i]);
    /* Without a fact about a field two rules may still leave nothing between them. */
    for (uint32_t i = 0; i < d->rules->n_fields && also; i++) {
        look_up_few(&q, FIELD, i);
        look_up_few(&q, PRESENT, i);
    }
    qsort(d->found, d->n_found, sizeof(*d->found), by_number);
    f->logic.left -= d->steps < f->logic.left ? d->steps : f->logic.left;
    *ret_n = d->n_found;
    return d->found;
}
