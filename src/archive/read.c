/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "archive/impl.h"
#include "base/alloc.h"
#include "base/hash.h"

enum { KEPT = 1 << 20 }; /* of memory for lines, from member to member */

/* ---- choosing members ---- */

static struct sl_chosen *add_chosen(struct sl_archive *a)
{
    if (a->n_chosen == a->cap_chosen) {
        a->cap_chosen = a->cap_chosen ? 2 * a->cap_chosen : 256;
        a->chosen = sl_reallocarray(a->chosen, a->cap_chosen, sizeof(*a->chosen));
    }
    return &a->chosen[a->n_chosen++];
}

static void choose_whole(struct sl_archive *a, size_t object)
{
    const struct sl_archive_object *o = &a->objects[object];

    *add_chosen(a) = (struct sl_chosen){.object = (uint32_t)object,
                                        .length = (uint32_t)o->size,
                                        .first = o->name.first,
                                        .last = o->name.last,
                                        .least_ns = INT64_MIN,
                                        .greatest_ns = INT64_MAX};
}

static bool wanted(const struct sl_archive_query *q, const struct sl_archive_member *m,
                   uint64_t hash)
{
    return m->first <= q->last && m->last >= q->first && m->least_ns < q->to_ns &&
           m->greatest_ns >= q->from_ns && (!q->id || sl_archive_member_may_have(m, hash));
}

static void choose(struct sl_archive *a, size_t object, const struct sl_archive_index *index)
{
    struct sl_archive_object *o = &a->objects[object];
    uint64_t hash = a->query.id ? sl_hash(a->query.id, strlen(a->query.id)) : 0;

    o->state = SL_OBJECT_INDEXED;
    o->format = index->format;
    o->members = index->n;
    o->index_size = index->size;
    for (uint32_t i = 0; i < index->n; i++) {
        const struct sl_archive_member *m = &index->members[i];

        o->records += m->records;
        o->raw += m->raw;
        o->least_ns = i == 0 || m->least_ns < o->least_ns ? m->least_ns : o->least_ns;
        o->greatest_ns =
            i == 0 || m->greatest_ns > o->greatest_ns ? m->greatest_ns : o->greatest_ns;
        if (!wanted(&a->query, m, hash))
            continue;
        o->chosen++;
        *add_chosen(a) = (struct sl_chosen){.object = (uint32_t)object,
                                            .records = m->records,
                                            .offsets = m->offsets,
                                            .offset = m->offset,
                                            .length = m->length,
                                            .raw = m->raw,
                                            .first = m->first,
                                            .last = m->last,
                                            .least_ns = m->least_ns,
                                            .greatest_ns = m->greatest_ns};
    }
    a->counts.indexes++;
    a->counts.members += o->members;
    a->counts.chosen += o->chosen;
}

/* ---- tails ---- */

/* What is expected of an object's index; a little more, for the second request costs more than
 * that. Small objects are half index: by bytes, not by objects, they say nothing of large ones. */
static uint64_t tail_length(const struct sl_archive *a, uint64_t size)
{
    uint64_t n = (uint64_t)((double)size * a->index_bytes / a->indexed_bytes * 1.1) + 512;

    n = n < SL_ARCHIVE_INDEX_MAX ? n : SL_ARCHIVE_INDEX_MAX;
    return n < size ? n : size;
}

static void damage(struct sl_archive *a, struct sl_archive_object *o, const char *why)
{
    free(o->wrong);
    o->wrong = sl_strdup(why);
    o->state = SL_OBJECT_DAMAGED;
    a->counts.damaged++;
}

static bool next_tail(void *user, struct sl_fetch_piece *ret)
{
    struct sl_archive *a = user;

    while (a->next_object < a->n_objects) {
        size_t i = a->next_object++;
        const struct sl_archive_object *o = &a->objects[i];
        uint64_t n = tail_length(a, o->size);

        if (o->size == 0) {
            damage(a, &a->objects[i], "it is empty");
            continue;
        }
        if (o->name.compression == SL_COMPRESS_NONE) {
            a->objects[i].state = SL_OBJECT_PLAIN;
            a->counts.plain++;
            choose_whole(a, i);
            continue;
        }
        *ret = (struct sl_fetch_piece){
            .object = sl_slice_str(o->key), .offset = o->size - n, .length = n, .tag = i};
        return true;
    }
    return false;
}

/* What it tells, by its index or without. True: *piece is what is missing of the index. */
static bool read_tail(struct sl_archive *a, struct sl_fetch_piece *piece, struct sl_slice tail)
{
    struct sl_archive_object *o = &a->objects[piece->tag];
    struct sl_archive_index index;
    struct sl_error err = {0};
    uint64_t size;

    if (sl_archive_index_find(o->name.compression, tail, o->size, &size) != SL_OK) {
        o->state = SL_OBJECT_PLAIN;
        a->counts.plain++;
        choose_whole(a, piece->tag);
        return false;
    }
    if (size > tail.n) { /* more than was expected */
        sl_buf_init(&o->tail, size);
        sl_buf_slice(&o->tail, tail);
        piece->offset = o->size - size;
        piece->length = size - tail.n;
        return true;
    }
    a->index_bytes += (double)size;
    a->indexed_bytes += (double)o->size;
    tail = sl_slice(tail.p + tail.n - size, size);
    if (sl_archive_index_parse(o->name.compression, tail, o->size, &index, &err) != SL_OK) {
        damage(a, o, err.text);
        choose_whole(a, piece->tag);
        return false;
    }
    choose(a, piece->tag, &index);
    sl_archive_index_release(&index);
    return false;
}

static bool take_tail(void *user, struct sl_fetch_piece *piece, const struct sl_http_reply *reply,
                      const char *why)
{
    struct sl_archive *a = user;
    struct sl_archive_object *o = &a->objects[piece->tag];
    struct sl_buf whole;

    a->counts.requests++;
    if (!reply) {
        sl_fail(&a->failure, SL_EIO, "%s (%s)", why, o->key);
        sl_fetch_stop(a->fetch);
        return false;
    }
    a->counts.tail_bytes += reply->body.n;
    if (o->tail.n == 0)
        return read_tail(a, piece, reply->body);
    sl_buf_init(&whole, reply->body.n + o->tail.n);
    sl_buf_slice(&whole, reply->body);
    sl_buf_slice(&whole, sl_buf_as_slice(&o->tail));
    sl_buf_release(&o->tail);
    read_tail(a, piece, sl_buf_as_slice(&whole));
    sl_buf_release(&whole);
    return false;
}

static void fetched(void *user)
{
    struct sl_archive *a = user;
    struct sl_error err = a->failure;

    sl_fetch_free(a->fetch);
    a->fetch = NULL;
    if (a->counts.unread > 1)
        sl_fail(&err, a->failure.code, "%s; and %" PRIu64 " more could not be read",
                a->failure.text, a->counts.unread - 1);
    sl_archive_end(a, err.code, &err);
}

static void begin(struct sl_archive *a, bool (*next)(void *user, struct sl_fetch_piece *ret),
                  bool (*take)(void *user, struct sl_fetch_piece *piece,
                               const struct sl_http_reply *reply, const char *why),
                  sl_archive_done done, void *user)
{
    const struct sl_fetch_how how = {.client = &a->client,
                                     .trouble = a->trouble,
                                     .in_flight = SL_ARCHIVE_IN_FLIGHT,
                                     .window = SL_ARCHIVE_WINDOW,
                                     .next = next,
                                     .take = take,
                                     .done = fetched,
                                     .user = a};

    a->done = done;
    a->user = user;
    a->failure = (struct sl_error){0};
    a->next_object = 0;
    a->fetch = sl_fetch_new(&how);
}

void sl_archive_tails(struct sl_archive *a, sl_archive_done done, void *user)
{
    sl_archive_read_release(a);
    begin(a, next_tail, take_tail, done, user);
}

/* ---- lines ---- */

static int by_offset(const void *x, const void *y, void *user)
{
    const struct sl_archive *archive = user;
    const struct sl_chosen *a = x, *b = y;
    const struct sl_s3_named *n = &archive->objects[a->object].name,
                             *m = &archive->objects[b->object].name;
    int c;

    /* Objects are sorted by topic and partition already. */
    if (n->partition != m->partition || !sl_slice_equal(n->topic, m->topic))
        return a->object < b->object ? -1 : 1;
    c = (a->first > b->first) - (a->first < b->first);
    if (c == 0)
        c = (a->object > b->object) - (a->object < b->object);
    return c ? c : (a->offset > b->offset) - (a->offset < b->offset);
}

/* Neighbours become runs; each run is fetched where its first member has its turn. */
static void make_runs(struct sl_archive *a)
{
    uint32_t *last = sl_calloc(a->n_objects + 1, sizeof(*last)); /* run of each object, + 1 */

    a->run_of = sl_calloc(a->n_chosen + 1, sizeof(*a->run_of));
    a->runs = sl_calloc(a->n_chosen + 1, sizeof(*a->runs));
    for (size_t i = 0; i < a->n_chosen; i++) {
        const struct sl_chosen *c = &a->chosen[i];
        struct sl_run *r = last[c->object] ? &a->runs[last[c->object] - 1] : NULL;

        if (!r || r->offset + r->length != c->offset || r->length + c->length > SL_ARCHIVE_RUN) {
            r = &a->runs[a->n_runs++];
            r->object = c->object;
            r->offset = c->offset;
            last[c->object] = (uint32_t)a->n_runs;
        }
        r->length += c->length;
        r->left++;
        a->run_of[i] = last[c->object] - 1;
    }
    free(last);
}

static bool next_run(void *user, struct sl_fetch_piece *ret)
{
    struct sl_archive *a = user;
    const struct sl_run *r = &a->runs[a->next_run];

    if (a->next_run == a->n_runs)
        return false;
    *ret = (struct sl_fetch_piece){.object = sl_slice_str(a->objects[r->object].key),
                                   .offset = r->offset,
                                   .length = r->length,
                                   .tag = a->next_run++};
    return true;
}

static bool tell_lines(struct sl_archive *a, const struct sl_chosen *c)
{
    const struct sl_archive_object *o = &a->objects[c->object];
    /* One record an offset, and one line a record. */
    bool known = o->format != SL_ARCHIVE_RAW && c->records > 0 && c->offsets == c->records &&
                 c->last - c->first + 1 == c->records;
    struct sl_archive_line line = {.object = o,
                                   .format = o->state == SL_OBJECT_INDEXED ? o->format
                                                                           : a->config->s3.format,
                                   .least_ns = c->least_ns,
                                   .greatest_ns = c->greatest_ns};
    const char *p = a->lines.p, *end = p + a->lines.n;

    for (int64_t n = 0; p < end; n++) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));

        line.text = sl_slice(p, (size_t)((nl ? nl : end) - p));
        line.offset = known ? c->first + n : -1;
        p += line.text.n + (nl != NULL);
        a->counts.lines++;
        if (!a->take_line(a->user, &line))
            return false;
    }
    return true;
}

static int read_chosen(struct sl_archive *a, const struct sl_chosen *c, const struct sl_run *r,
                       struct sl_error *err)
{
    const struct sl_archive_object *o = &a->objects[c->object];
    struct sl_slice bytes = sl_slice(r->body.p + (c->offset - r->offset), c->length);
    struct sl_error why = {0};

    sl_buf_reset(&a->lines, KEPT);
    a->lines.max = SL_ARCHIVE_INFLATED_MAX;
    if (c->records && c->raw < a->lines.max)
        a->lines.max = c->raw;
    if (sl_archive_inflate(a, o->name.compression, bytes, &a->lines, &why) != SL_OK)
        return sl_fail(err, SL_EINVAL, "%s: %s", o->key, why.text);
    if (c->records && a->lines.n != c->raw)
        return sl_fail(err, SL_EINVAL, "%s: a member does not hold what the index says", o->key);
    return SL_OK;
}

/* One that is damaged hides none of the others. */
static void lose(struct sl_archive *a, const struct sl_error *err)
{
    if (a->counts.unread++ == 0)
        a->failure = *err;
}

/* No sink writes an object without a record. */
static void lose_empty(struct sl_archive *a)
{
    for (size_t i = 0; i < a->n_objects; i++) {
        struct sl_error err = {0};

        if (a->objects[i].size == 0) {
            sl_fail(&err, SL_EINVAL, "%s: it is empty", a->objects[i].key);
            lose(a, &err);
        }
    }
}

/* All members whose turn it is and whose run is here. */
static bool read_on(struct sl_archive *a)
{
    while (a->at_chosen < a->n_chosen) {
        const struct sl_chosen *c = &a->chosen[a->at_chosen];
        struct sl_run *r = &a->runs[a->run_of[a->at_chosen]];
        struct sl_error err = {0};

        if (!r->here)
            return true;
        if (read_chosen(a, c, r, &err) != SL_OK)
            lose(a, &err);
        else if (!tell_lines(a, c))
            return false;
        a->at_chosen++;
        if (--r->left == 0)
            sl_buf_release(&r->body);
    }
    return true;
}

static bool take_run(void *user, struct sl_fetch_piece *piece, const struct sl_http_reply *reply,
                     const char *why)
{
    struct sl_archive *a = user;
    struct sl_run *r = &a->runs[piece->tag];

    a->counts.requests++;
    if (!reply) {
        sl_fail(&a->failure, SL_EIO, "%s (%s)", why, a->objects[r->object].key);
        sl_fetch_stop(a->fetch);
        return false;
    }
    a->counts.member_bytes += reply->body.n;
    if (a->objects[r->object].state == SL_OBJECT_INDEXED)
        a->counts.fetched += r->left;
    sl_buf_init(&r->body, reply->body.n);
    sl_buf_slice(&r->body, reply->body);
    r->here = true;
    if (!read_on(a))
        sl_fetch_stop(a->fetch);
    return false;
}

static const struct sl_chosen *too_large(const struct sl_archive *a)
{
    for (size_t i = 0; i < a->n_chosen; i++)
        if (a->objects[a->chosen[i].object].size > SL_ARCHIVE_WHOLE_MAX &&
            a->chosen[i].records == 0)
            return &a->chosen[i];
    return NULL;
}

void sl_archive_lines(struct sl_archive *a, sl_archive_line_fn take, sl_archive_done done,
                      void *user)
{
    const struct sl_chosen *large = too_large(a);

    if (a->n_chosen)
        qsort_r(a->chosen, a->n_chosen, sizeof(*a->chosen), by_offset, a);
    a->at_chosen = a->next_run = a->n_runs = 0;
    a->take_line = take;
    make_runs(a);
    begin(a, next_run, take_run, done, user);
    lose_empty(a);
    if (large) {
        sl_fail(&a->failure, SL_ELIMIT, "%s is too large to be read without an index",
                a->objects[large->object].key);
        sl_fetch_stop(a->fetch);
    }
}

/* ---- whole objects ---- */

static bool next_whole(void *user, struct sl_fetch_piece *ret)
{
    struct sl_archive *a = user;
    const struct sl_archive_object *o = &a->objects[a->next_object];

    if (a->next_object == a->n_objects)
        return false;
    *ret = (struct sl_fetch_piece){.object = sl_slice_str(o->key),
                                   .length = o->size ? o->size : 1,
                                   .whole = true,
                                   .tag = a->next_object++};
    return true;
}

static bool take_whole(void *user, struct sl_fetch_piece *piece, const struct sl_http_reply *reply,
                       const char *why)
{
    struct sl_archive *a = user;

    a->counts.requests++;
    a->counts.member_bytes += reply ? reply->body.n : 0;
    a->take_whole(a->user, &a->objects[piece->tag], reply, why);
    return false;
}

void sl_archive_wholes(struct sl_archive *a, sl_archive_whole_fn take, sl_archive_done done,
                       void *user)
{
    a->take_whole = take;
    begin(a, next_whole, take_whole, done, user);
}

void sl_archive_read_release(struct sl_archive *a)
{
    sl_fetch_free(a->fetch);
    for (size_t i = 0; i < a->n_runs; i++)
        sl_buf_release(&a->runs[i].body);
    free(a->chosen);
    free(a->run_of);
    free(a->runs);
    a->fetch = NULL;
    a->chosen = NULL;
    a->run_of = NULL;
    a->runs = NULL;
    a->n_chosen = a->cap_chosen = a->n_runs = 0;
}
