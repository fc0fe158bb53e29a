/* SPDX-License-Identifier: Apache-2.0 */
#include "record/fields.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"

struct sl_fields *sl_fields_new(void)
{
    return sl_zalloc(sizeof(struct sl_fields));
}

void sl_fields_free(struct sl_fields *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++)
        free(f->items[i].name);
    free(f->items);
    free(f->index);
    free(f->nodes);
    free(f->edges);
    free(f->watches);
    free(f);
}

size_t sl_fields_count(const struct sl_fields *f)
{
    return f->n;
}

const char *sl_fields_name(const struct sl_fields *f, unsigned id)
{
    return id < f->n ? f->items[id].name : NULL;
}

/* ---- adding ---- */

static int special_of(struct sl_slice path)
{
    static const struct {
        const char *name;
        enum sl_special special;
    } names[] = {
        {"@topic", SL_FIELD_TOPIC},   {"@partition", SL_FIELD_PARTITION},
        {"@offset", SL_FIELD_OFFSET}, {"@key", SL_FIELD_KEY},
        {"@kind", SL_FIELD_KIND},     {"@timestamp", SL_FIELD_TIMESTAMP},
        {"@level", SL_FIELD_LEVEL},   {"@parse_error", SL_FIELD_PARSE_ERROR},
        {"@raw", SL_FIELD_RAW},
    };
    const struct sl_slice header = SL_SLICE_LITERAL("@headers.");

    if (path.n == 0 || path.p[0] != '@')
        return SL_FIELD_PATH;
    if (path.n > header.n && memcmp(path.p, header.p, header.n) == 0)
        return SL_FIELD_HEADER;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (sl_slice_is(path, names[i].name))
            return (int)names[i].special;
    return -1;
}

static int check_segments(struct sl_slice path, struct sl_error *err)
{
    size_t segments = 1, begin = 0;

    for (size_t i = 0; i <= path.n; i++) {
        if (i < path.n && path.p[i] != '.')
            continue;
        if (i == begin)
            return sl_fail(err, SL_EINVAL, "the field `%.*s` has an empty part", (int)path.n,
                           path.p);
        begin = i + 1;
        segments += i < path.n;
    }
    if (segments > SL_PATH_SEGMENTS_MAX)
        return sl_fail(err, SL_EINVAL, "the field `%.*s` has more than %d parts", (int)path.n,
                       path.p, SL_PATH_SEGMENTS_MAX);
    return SL_OK;
}

/* Where the name is in the index, or would be. */
static size_t index_place(const struct sl_fields *f, struct sl_slice name, bool member)
{
    size_t at = sl_hash(name.p, name.n) & (f->index_cap - 1);

    for (; f->index[at]; at = (at + 1) & (f->index_cap - 1)) {
        const struct sl_field *item = &f->items[f->index[at] - 1];

        if (item->member == member && sl_slice_equal(sl_slice(item->name, item->n), name))
            break;
    }
    return at;
}

static void index_grow(struct sl_fields *f)
{
    free(f->index);
    f->index_cap = f->index_cap ? f->index_cap * 2 : 64;
    f->index = sl_calloc(f->index_cap, sizeof(*f->index));
    for (size_t i = 0; i < f->n; i++) {
        const struct sl_field *item = &f->items[i];

        f->index[index_place(f, sl_slice(item->name, item->n), item->member)] = (uint32_t)i + 1;
    }
}

static unsigned add(struct sl_fields *f, struct sl_slice name, enum sl_special special, bool member)
{
    if ((f->n + 1) * 2 > f->index_cap)
        index_grow(f);
    size_t at = index_place(f, name, member);
    if (f->index[at])
        return f->index[at] - 1;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 32;
        f->items = sl_reallocarray(f->items, f->cap, sizeof(*f->items));
    }
    f->items[f->n] = (struct sl_field){
        .name = sl_strndup(name.p, name.n),
        .n = (uint32_t)name.n,
        .special = (uint8_t)special,
        .member = member,
    };
    f->compiled = false;
    f->index[at] = (uint32_t)++f->n;
    return (unsigned)f->n - 1;
}

struct sl_fields *sl_fields_clone(const struct sl_fields *f)
{
    struct sl_fields *copy = sl_fields_new();

    for (size_t i = 0; i < f->n; i++) {
        const struct sl_field *item = &f->items[i];

        add(copy, sl_slice(item->name, item->n), (enum sl_special)item->special, item->member);
        copy->items[i].watched = item->watched;
    }
    return copy;
}

bool sl_fields_collide(struct sl_slice a, struct sl_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;

    return memcmp(a.p, b.p, n) == 0 && (a.n == n || a.p[n] == '.') && (b.n == n || b.p[n] == '.');
}

int sl_fields_check(struct sl_slice path, struct sl_error *err)
{
    int special = special_of(path);

    if (path.n == 0)
        return sl_fail(err, SL_EINVAL, "the name of a field is empty");
    if (path.n > SL_PATH_BYTES_MAX)
        return sl_fail(err, SL_EINVAL, "the name of a field is longer than %d bytes",
                       SL_PATH_BYTES_MAX);
    if (special < 0)
        return sl_fail(err, SL_EINVAL,
                       "there is no `%.*s`; names with @ are @topic, @partition, @offset, @key, "
                       "@timestamp, @kind, @level, @headers.NAME, @raw and @parse_error",
                       (int)path.n, path.p);
    return special == SL_FIELD_PATH ? check_segments(path, err) : SL_OK;
}

int sl_fields_add(struct sl_fields *f, struct sl_slice path, unsigned *ret_id, struct sl_error *err)
{
    int rc = sl_fields_check(path, err);

    if (rc != SL_OK)
        return rc;
    if (f->n >= SL_FIELDS_MAX)
        return sl_fail(err, SL_ELIMIT, "more than %d different fields", SL_FIELDS_MAX);
    *ret_id = add(f, path, (enum sl_special)special_of(path), false);
    return SL_OK;
}

unsigned sl_fields_add_member(struct sl_fields *f, const char *name)
{
    return add(f, sl_slice_str(name), SL_FIELD_PATH, true);
}

void sl_fields_watch(struct sl_fields *f, unsigned id)
{
    f->compiled = f->compiled && f->items[id].watched;
    f->items[id].watched = true;
}

int64_t sl_fields_below(const struct sl_fields *f, uint32_t node, const char *key, size_t n)
{
    const struct sl_node *at = &f->nodes[node];

    if (!(at->watch_firsts >> ((uint8_t)*key & 63) & 1))
        return -1;
    for (uint32_t i = at->watch; i; i = f->watches[i].next) {
        const struct sl_watch *w = &f->watches[i];

        if (w->n < n && key[w->n] == '.' && memcmp(w->text, key, w->n) == 0)
            return w->id;
    }
    return -1;
}

/* ---- compiling ---- */

static uint32_t new_node(struct sl_fields *f)
{
    if (f->n_nodes == f->cap_nodes) {
        f->cap_nodes = f->cap_nodes ? f->cap_nodes * 2 : 64;
        f->nodes = sl_reallocarray(f->nodes, f->cap_nodes, sizeof(*f->nodes));
    }
    f->nodes[f->n_nodes] = (struct sl_node){.id = -1};
    return (uint32_t)f->n_nodes++;
}

static void place_edge(struct sl_edge *edges, size_t cap, struct sl_edge e)
{
    size_t at = e.hash & (cap - 1);

    while (edges[at].to)
        at = (at + 1) & (cap - 1);
    edges[at] = e;
}

static void edges_grow(struct sl_fields *f)
{
    size_t cap = f->cap_edges ? f->cap_edges * 2 : 64;
    struct sl_edge *edges = sl_calloc(cap, sizeof(*edges));

    for (size_t i = 0; f->edges && i < f->cap_edges; i++)
        if (f->edges[i].to)
            place_edge(edges, cap, f->edges[i]);
    free(f->edges);
    f->edges = edges;
    f->cap_edges = cap;
}

/* "0", "1", ... as an index of an array, or -1. */
static int64_t index_of(const char *key, size_t n)
{
    int64_t v = 0;

    if (n == 0 || n > 8 || (n > 1 && key[0] == '0'))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (key[i] < '0' || key[i] > '9')
            return -1;
        v = v * 10 + (key[i] - '0');
    }
    return v;
}

/* Arguments of the recursion below, which is as deep as a path has segments. */
struct insert {
    struct sl_fields *f;
    const struct sl_field *field;
    uint32_t id;
    uint32_t ends[SL_PATH_SEGMENTS_MAX]; /* where each segment ends */
    uint32_t n;
};

static uint32_t edge(struct sl_fields *f, uint32_t from, const char *key, uint32_t n)
{
    uint32_t to;
    int64_t index = index_of(key, n);

    if ((f->n_edges + 1) * 2 > f->cap_edges)
        edges_grow(f);
    to = sl_fields_follow(f, from, key, n);
    if (to != SL_NODE_NOTHING)
        return to;
    to = new_node(f);
    place_edge(f->edges, f->cap_edges,
               (struct sl_edge){
                   .from = from, .to = to, .hash = sl_key_hash(from, key, n), .n = n, .key = key});
    f->n_edges++;
    struct sl_node *node = &f->nodes[from];
    node->lengths |= (uint64_t)1 << (n < 63 ? n : 63);
    node->firsts |= (uint64_t)1 << (key[0] & 63);
    if (index >= node->indexes)
        node->indexes = (uint32_t)index + 1;
    return to;
}

static void watch(struct sl_fields *f, uint32_t node, const char *text, uint32_t n, uint32_t id)
{
    if (f->n_watches == f->cap_watches) {
        f->cap_watches = f->cap_watches ? f->cap_watches * 2 : 16;
        f->watches = sl_reallocarray(f->watches, f->cap_watches, sizeof(*f->watches));
    }
    f->watches[f->n_watches] =
        (struct sl_watch){.text = text, .n = n, .id = id, .next = f->nodes[node].watch};
    f->nodes[node].watch = (uint32_t)f->n_watches++;
    f->nodes[node].watch_firsts |= (uint64_t)1 << (text[0] & 63);
}

static void insert(const struct insert *in, uint32_t node, uint32_t segment, uint32_t rank)
{
    const char *name = in->field->name;
    uint32_t begin = segment ? in->ends[segment - 1] + 1 : 0;

    if (in->field->watched)
        watch(in->f, node, name + begin, in->field->n - begin, in->id);
    for (uint32_t last = segment; last < in->n; last++) {
        uint32_t to = edge(in->f, node, name + begin, in->ends[last] - begin);
        uint32_t longer = rank; /* with a bit for each dot inside this key */

        for (uint32_t dot = segment; dot < last; dot++)
            longer |= 1u << (SL_PATH_SEGMENTS_MAX - 1 - dot);
        if (last + 1 < in->n) {
            insert(in, to, last + 1, longer);
            continue;
        }
        in->f->nodes[to].id = (int32_t)in->id;
        in->f->nodes[to].rank = (uint8_t)longer;
    }
}

void sl_fields_compile(struct sl_fields *f)
{
    f->n_nodes = f->n_watches = f->n_edges = 0;
    if (f->edges)
        memset(f->edges, 0, f->cap_edges * sizeof(*f->edges));
    else
        edges_grow(f);
    new_node(f);                         /* SL_NODE_NOTHING */
    new_node(f);                         /* SL_NODE_ROOT */
    watch(f, SL_NODE_NOTHING, "", 0, 0); /* so that watch 0 is none */
    f->nodes[SL_NODE_NOTHING].watch_firsts = 0;
    for (size_t i = 0; i < f->n; i++) {
        struct insert in = {.f = f, .field = &f->items[i], .id = (uint32_t)i};

        if (in.field->special != SL_FIELD_PATH)
            continue;
        for (uint32_t at = 0; at < in.field->n; at++)
            if (in.field->name[at] == '.' && !in.field->member)
                in.ends[in.n++] = at;
        in.ends[in.n++] = in.field->n;
        insert(&in, SL_NODE_ROOT, 0, 0);
    }
    f->compiled = true;
    f->version++;
}
