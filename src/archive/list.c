/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "archive/impl.h"
#include "archive/key_time.h"
#include "base/alloc.h"
#include "base/hash.h"

enum { QUERY_MAX = 32 * 1024 };

static void look(struct sl_archive *a);

/* ---- what counts ---- */

static const char *template_of(const struct sl_archive *a)
{
    return a->config->s3.key ? a->config->s3.key : "";
}

static bool timed(const struct sl_archive_query *q)
{
    return q->from_ns != INT64_MIN || q->to_ns != INT64_MAX;
}

static bool may_be_of_the_time(const struct sl_archive *a, struct sl_slice key)
{
    struct sl_key_times t;

    if (!timed(&a->query))
        return true;
    t = sl_key_times(template_of(a), key);
    return t.from_ns < a->query.to_ns && t.to_ns > a->query.from_ns;
}

static bool asked_for(const struct sl_archive *a, const struct sl_s3_named *n)
{
    const struct sl_archive_query *q = &a->query;

    return (!q->topic || sl_slice_is(n->topic, q->topic)) &&
           (q->partition < 0 || n->partition == q->partition) && n->first <= q->last &&
           n->last >= q->first;
}

static void add_folder(struct sl_archive *a, struct sl_slice folder)
{
    if (a->n_folders == a->cap_folders) {
        a->cap_folders = a->cap_folders ? 2 * a->cap_folders : 64;
        a->folders = sl_reallocarray(a->folders, a->cap_folders, sizeof(*a->folders));
    }
    a->folders[a->n_folders++] = sl_strndup(folder.p ? folder.p : "", folder.n);
}

static void add_object(struct sl_archive *a, struct sl_slice key, uint64_t size)
{
    struct sl_archive_object *o;

    if (a->n_objects == SL_ARCHIVE_OBJECTS_MAX) {
        sl_fail(&a->failure, SL_ELIMIT,
                "more than %d objects: narrow it by topic, partition, time or prefix",
                SL_ARCHIVE_OBJECTS_MAX);
        return;
    }
    if (a->n_objects == a->cap_objects) {
        a->cap_objects = a->cap_objects ? 2 * a->cap_objects : 256;
        a->objects = sl_reallocarray(a->objects, a->cap_objects, sizeof(*a->objects));
    }
    o = &a->objects[a->n_objects++];
    *o = (struct sl_archive_object){.key = sl_strndup(key.p, key.n), .size = size};
    sl_s3_object_parse(sl_slice(o->key, key.n), &o->name);
    a->counts.objects++;
    a->counts.object_bytes += size;
}

static void take_entry(void *user, struct sl_slice key, uint64_t size, bool folder)
{
    struct sl_archive *a = user;
    struct sl_s3_named name;

    if (folder) {
        /* Deeper each time, or a strange store would send it round in circles. */
        if (key.n <= strlen(a->folder) || memcmp(key.p, a->folder, strlen(a->folder)) != 0)
            sl_fail(&a->failure, SL_EIO,
                    "the store's list tells of folders that are not in the one it was asked for");
        else if (may_be_of_the_time(a, key))
            add_folder(a, key);
    } else if (!sl_s3_object_parse(key, &name)) {
        a->counts.other_keys++;
    } else if (asked_for(a, &name) && may_be_of_the_time(a, key)) {
        add_object(a, key, size);
    }
}

/* ---- order ---- */

static int by_slice(struct sl_slice a, struct sl_slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;

    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static int by_place(const void *x, const void *y)
{
    const struct sl_archive_object *a = x, *b = y;
    int c = by_slice(a->name.topic, b->name.topic);

    if (c == 0)
        c = (a->name.partition > b->name.partition) - (a->name.partition < b->name.partition);
    if (c == 0)
        c = (a->name.first > b->name.first) - (a->name.first < b->name.first);
    if (c == 0)
        c = (a->name.last > b->name.last) - (a->name.last < b->name.last);
    return c ? c : strcmp(a->key, b->key);
}

static void finish(struct sl_archive *a)
{
    if (a->n_objects)
        qsort(a->objects, a->n_objects, sizeof(*a->objects), by_place);
    sl_archive_end(a, SL_OK, NULL);
}

/* ---- pages ---- */

static void query_escape(struct sl_slice text, struct sl_buf *out)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '/')
            SL_BUF_LITERAL(out, "%2F");
        else
            sl_sign_escape(sl_slice(text.p + i, 1), out);
    }
}

/* In byte order, as the signature has it. */
static char *list_query(const struct sl_archive *a)
{
    struct sl_buf q;

    sl_buf_init(&q, QUERY_MAX);
    if (a->page.token.n) {
        SL_BUF_LITERAL(&q, "continuation-token=");
        query_escape(sl_buf_as_slice(&a->page.token), &q);
        sl_buf_byte(&q, '&');
    }
    if (!a->flat)
        SL_BUF_LITERAL(&q, "delimiter=%2F&");
    SL_BUF_LITERAL(&q, "list-type=2&prefix=");
    query_escape(sl_slice_str(a->folder), &q);
    return sl_buf_take(&q);
}

static void on_page(struct sl_archive_request *r, const struct sl_http_reply *reply,
                    const char *why)
{
    struct sl_archive *a = sl_container_of(r, struct sl_archive, listing);
    struct sl_error err = {0};
    uint64_t before = sl_hash(a->page.token.p, a->page.token.n);
    int code = SL_OK;

    a->is_listing = false;
    a->counts.list_requests++;
    if (!reply)
        code = sl_fail(&err, SL_EIO, "%s", why);
    else
        code = sl_listing_parse(reply->body, &a->page, &err);
    if (!code && a->page.token.n && sl_hash(a->page.token.p, a->page.token.n) == before)
        code =
            sl_fail(&err, SL_EIO, "the store's list has no end: a page names itself as the next");
    if (!code && a->failure.code) {
        err = a->failure;
        code = err.code;
    }
    if (code)
        sl_archive_end(a, code, &err);
    else
        look(a);
}

static void ask_page(struct sl_archive *a)
{
    free(a->list_query);
    a->list_query = list_query(a);
    a->listing = (struct sl_archive_request){.client = &a->client,
                                             .trouble = a->trouble,
                                             .query = a->list_query,
                                             .max_reply = SL_LISTING_PAGE_MAX,
                                             .done = on_page};
    a->is_listing = true;
    sl_archive_request_start(&a->listing);
}

/* The next page of this folder, or the next folder. */
static void look(struct sl_archive *a)
{
    if (!a->page.token.n) {
        if (a->n_folders == 0) {
            finish(a);
            return;
        }
        free(a->folder);
        a->folder = a->folders[--a->n_folders];
        a->flat = !timed(&a->query) || !sl_key_tells_more(template_of(a), sl_slice_str(a->folder));
    }
    ask_page(a);
}

void sl_archive_list(struct sl_archive *a, const struct sl_archive_query *q, sl_archive_done done,
                     void *user)
{
    sl_archive_list_release(a);
    a->query = *q;
    a->done = done;
    a->user = user;
    a->counts = (struct sl_archive_counts){0};
    a->failure = (struct sl_error){0};
    a->page = (struct sl_listing){.take = take_entry, .user = a};
    sl_buf_init(&a->page.token, SL_LISTING_TOKEN_MAX);
    if (q->prefix)
        add_folder(a, sl_slice_str(q->prefix));
    else
        add_folder(a, sl_slice(template_of(a), sl_key_literal(template_of(a))));
    look(a);
}

void sl_archive_list_release(struct sl_archive *a)
{
    if (a->is_listing)
        sl_archive_request_cancel(&a->listing);
    a->is_listing = false;
    for (size_t i = 0; i < a->n_folders; i++)
        free(a->folders[i]);
    for (size_t i = 0; i < a->n_objects; i++) {
        free(a->objects[i].key);
        free(a->objects[i].wrong);
        sl_buf_release(&a->objects[i].tail);
    }
    free(a->folders);
    free(a->folder);
    free(a->list_query);
    free(a->objects);
    sl_buf_release(&a->page.token);
    a->folders = NULL;
    a->folder = a->list_query = NULL;
    a->objects = NULL;
    a->n_folders = a->cap_folders = a->n_objects = a->cap_objects = 0;
}
