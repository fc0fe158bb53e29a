/* SPDX-License-Identifier: Apache-2.0 */
/* Reading objects back from a store that is the test's: what is read of them, what damage does, and
 * what a strange store can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/check.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "config/secret.h"
#include "fake_runtime.h"
#include "sink/archive_notes.h"
#include "sink/compress.h"

enum {
    OBJECTS_MAX = 32,
    WAITING_MAX = 16,
    OBJECT_MAX = 64 << 20,
    SEEN_MAX = 64,
    TURNS_MAX = 10000
};

struct store {
    struct fake_runtime fake;
    struct sl_http http;
    struct sl_sink_config config;
    struct {
        char key[160];
        struct sl_buf bytes;
    } objects[OBJECTS_MAX];
    size_t n_objects;
    const char *list; /* instead of the objects */
    unsigned busy;    /* requests that get a 503 first */
    struct {
        struct sl_http_request *request;
        char *path;
        unsigned long from, to; /* of the range; to 0: none */
    } waiting[WAITING_MAX];
    size_t n_waiting;
    struct sl_archive *archive;
    bool ended;
    int code;
    struct sl_error err;
    struct {
        char text[64];
        int64_t offset, least_ns;
    } seen[SEEN_MAX];
    size_t n_seen, lines;
};

/* ---- requests ---- */

static int submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct store *s = sl_container_of(h, struct store, http);
    size_t at = s->n_waiting++;

    (void)err;
    assert_true(at < WAITING_MAX);
    s->waiting[at].request = r;
    s->waiting[at].path = sl_strdup(r->url + strlen("http://127.0.0.1:9000"));
    s->waiting[at].from = s->waiting[at].to = 0;
    for (size_t i = 0; i < r->n_headers; i++)
        sscanf(r->headers[i], "range: bytes=%lu-%lu", &s->waiting[at].from, &s->waiting[at].to);
    return SL_OK;
}

static void forget(struct store *s, size_t at)
{
    free(s->waiting[at].path);
    s->waiting[at] = s->waiting[--s->n_waiting];
}

static void cancel(struct sl_http *h, struct sl_http_request *r)
{
    struct store *s = sl_container_of(h, struct store, http);

    for (size_t i = 0; i < s->n_waiting; i++)
        if (s->waiting[i].request == r) {
            forget(s, i);
            return;
        }
    fail_msg("cancelled what was not under way");
}

static void list(struct store *s, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (size_t i = 0; i < s->n_objects; i++)
        sl_buf_printf(out, "<Contents><Key>%s</Key><Size>%zu</Size></Contents>", s->objects[i].key,
                      s->objects[i].bytes.n);
    SL_BUF_LITERAL(out, "</ListBucketResult>");
}

/* The last that came is answered first: order is the reader's own. */
static void answer(struct store *s)
{
    size_t at = s->n_waiting - 1;
    struct sl_http_request *r = s->waiting[at].request;
    const char *path = s->waiting[at].path;
    unsigned long from = s->waiting[at].from, to = s->waiting[at].to;
    struct sl_http_reply reply = {.result = SL_HTTP_OK, .error = "", .status = to ? 206 : 200};
    struct sl_buf text;

    sl_buf_init(&text, 1 << 20);
    if (s->busy) {
        s->busy--;
        reply.status = 503;
        reply.body = SL_SLICE_LITERAL("<Error><Code>SlowDown</Code></Error>");
    } else if (strchr(path, '?')) {
        if (s->list)
            sl_buf_text(&text, s->list);
        else
            list(s, &text);
        reply.body = sl_buf_as_slice(&text);
    }
    for (size_t i = 0; i < s->n_objects && !reply.body.p; i++)
        if (strstr(path, s->objects[i].key)) {
            reply.body = sl_buf_as_slice(&s->objects[i].bytes);
            if (to)
                reply.body = sl_slice(reply.body.p + from, to - from + 1);
        }
    assert_non_null(reply.body.p);
    forget(s, at);
    r->done(r, &reply);
    sl_buf_release(&text);
}

static void on_done(void *user, int code, const struct sl_error *err)
{
    struct store *s = user;

    s->ended = true;
    s->code = code;
    if (code)
        s->err = *err;
}

static int wait(struct store *s)
{
    for (int turn = 0; !s->ended; turn++) {
        if (turn == TURNS_MAX)
            fail_msg("it has no end");
        if (s->n_waiting)
            answer(s);
        else
            fake_advance(&s->fake, 100);
    }
    s->ended = false;
    return s->code;
}

static bool take(void *user, const struct sl_archive_line *line)
{
    struct store *s = user;

    if (s->n_seen < SEEN_MAX) {
        snprintf(s->seen[s->n_seen].text, sizeof(s->seen[0].text), "%.*s", (int)line->text.n,
                 line->text.p);
        s->seen[s->n_seen].offset = line->offset;
        s->seen[s->n_seen++].least_ns = line->least_ns;
    }
    s->lines++;
    return true;
}

/* Lists, reads tails and lines; the first thing that does not end well. */
static int look(struct store *s, const struct sl_archive_query *q)
{
    s->n_seen = s->lines = 0;
    sl_archive_list(s->archive, q, on_done, s);
    if (wait(s))
        return s->code;
    sl_archive_tails(s->archive, on_done, s);
    if (wait(s))
        return s->code;
    sl_archive_lines(s->archive, take, on_done, s);
    return wait(s);
}

/* ---- objects ---- */

static void begin(struct store *s)
{
    struct sl_error err = {0};

    *s = (struct store){.n_objects = 0};
    fake_runtime_init(&s->fake, 7);
    s->http = (struct sl_http){submit, cancel};
    s->config = (struct sl_sink_config){
        .name = "archive",
        .kind = SL_SINK_S3,
        .timeout_ms = 30000,
        .s3 = {.bucket = "logs",
               .region = "eu-west-1",
               .endpoint = "http://127.0.0.1:9000",
               .key = "{service}",
               .access_key = sl_secret_new(SL_SLICE_LITERAL("AKID"), "/", &err),
               .secret_key = sl_secret_new(SL_SLICE_LITERAL("SECRET"), "/", &err)}};
    s->archive = sl_archive_new(&s->config, &s->fake.rt, &s->http, &err);
    assert_non_null(s->archive);
}

static void end(struct store *s)
{
    sl_archive_free(s->archive);
    assert_int_equal(s->n_waiting, 0);
    for (size_t i = 0; i < s->n_objects; i++)
        sl_buf_release(&s->objects[i].bytes);
    sl_secret_free(s->config.s3.access_key);
    sl_secret_free(s->config.s3.secret_key);
    fake_runtime_release(&s->fake);
}

/* Records with offsets from `first` on, `each` of them in a message; incompressible, where they are
 * long. */
static struct sl_buf *add(struct store *s, enum sl_compression kind, int64_t first, size_t records,
                          size_t each, size_t length)
{
    const struct sl_archive_index info = {.topic = SL_SLICE_LITERAL("t"), .partition = 0};
    struct sl_buf lines, notes, *out = &s->objects[s->n_objects].bytes;
    int64_t last = first;

    sl_buf_init(&lines, OBJECT_MAX);
    sl_buf_init(&notes, OBJECT_MAX);
    sl_buf_init(out, OBJECT_MAX);
    for (size_t i = 0; i < records; i++) {
        size_t at = lines.n;
        uint64_t hash = sl_hash(&i, sizeof(i));

        last = first + (int64_t)(i / each);
        sl_buf_printf(&lines, "{\"n\":%zu,\"p\":\"", i);
        for (size_t k = 0; k < length; k++)
            sl_buf_byte(&lines, (char)('0' + fake_next(&s->fake.seed) % 64));
        SL_BUF_LITERAL(&lines, "\"}\n");
        sl_archive_note(&notes, kind, lines.n - at, last, 1000 + (int64_t)i, &hash);
    }
    assert_int_equal(sl_archive_compress(kind, sl_buf_as_slice(&lines), &notes, &info, out), SL_OK);
    snprintf(s->objects[s->n_objects++].key, sizeof(s->objects[0].key),
             "all/t-0-%020d-%020d-0123456789abcdef.ndjson.%s", (int)first, (int)last,
             kind == SL_COMPRESS_GZIP ? "gz" : "zst");
    sl_buf_release(&lines);
    sl_buf_release(&notes);
    return out;
}

/* ---- what is read ---- */

static void offsets_are_told_where_they_are_known(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct store s;

    (void)state;
    begin(&s);
    add(&s, SL_COMPRESS_GZIP, 10, 3, 1, 0);
    assert_int_equal(look(&s, &all), SL_OK);
    assert_int_equal(s.lines, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s.seen[i].offset, 10 + i);
    assert_int_equal(s.seen[2].least_ns, 1000);
    end(&s);

    /* Two records of one message, none of the next, one of that after it: as many as offsets. */
    begin(&s);
    add(&s, SL_COMPRESS_GZIP, 10, 2, 2, 0);
    {
        const struct sl_archive_index info = {.topic = SL_SLICE_LITERAL("t")};
        struct sl_slice lines = SL_SLICE_LITERAL("{1}\n{2}\n{3}\n");
        struct sl_buf notes;

        sl_buf_init(&notes, 4096);
        sl_archive_note(&notes, SL_COMPRESS_GZIP, 4, 10, 1000, NULL);
        sl_archive_note(&notes, SL_COMPRESS_GZIP, 4, 10, 1000, NULL);
        sl_archive_note(&notes, SL_COMPRESS_GZIP, 4, 12, 1000, NULL);
        sl_buf_clear(&s.objects[0].bytes);
        assert_int_equal(
            sl_archive_compress(SL_COMPRESS_GZIP, lines, &notes, &info, &s.objects[0].bytes),
            SL_OK);
        sl_buf_release(&notes);
    }
    assert_int_equal(look(&s, &all), SL_OK);
    assert_int_equal(s.lines, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(s.seen[i].offset, -1);
    end(&s);
}

/* Cuts that were closed by their age are small, and half of each is its index. */
static void small_objects_say_nothing_of_the_tails_of_large_ones(void **state)
{
    struct sl_archive_query q = sl_archive_all();
    const struct sl_archive_counts *c;
    struct store s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 20; i++)
        add(&s, SL_COMPRESS_ZSTD, i, 1, 1, 100);
    add(&s, SL_COMPRESS_ZSTD, 100, 2000, 1, 2000);
    q.id = "no such id";
    assert_int_equal(look(&s, &q), SL_OK);
    c = sl_archive_counts(s.archive);
    assert_int_equal(c->indexes, 21);
    assert_true(c->object_bytes > 2000000);
    assert_true(c->tail_bytes < c->object_bytes / 20);
    end(&s);
}

/* As many records as offsets prove nothing of gaps where messages hold several. */
static void messages_of_many_records_are_told(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct store s;

    (void)state;
    for (size_t each = 1; each <= 2; each++) {
        struct sl_http_reply reply = {.result = SL_HTTP_OK, .error = "", .status = 200};
        struct sl_archive_checked checked;
        struct sl_error err = {0};
        size_t n;

        begin(&s);
        reply.body = sl_buf_as_slice(add(&s, SL_COMPRESS_ZSTD, 10, 10, each, 0));
        assert_int_equal(look(&s, &all), SL_OK);
        assert_int_equal(
            sl_archive_check(s.archive, sl_archive_objects(s.archive, &n), &reply, &checked, &err),
            SL_OK);
        assert_int_equal(checked.records, 10);
        assert_int_equal(checked.many, each == 2);
        end(&s);
    }
}

/* ---- damage ---- */

static bool take_one(void *user, const struct sl_archive_line *line)
{
    take(user, line);
    return false;
}

/* Chosen are more, where somebody has enough, or asks for no lines. */
static void members_that_were_read_are_counted(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    const struct sl_archive_counts *c;
    struct store s;

    (void)state;
    begin(&s);
    for (int i = 0; i < 12; i++)
        add(&s, SL_COMPRESS_GZIP, 10 * i, 10, 1, 50);
    c = sl_archive_counts(s.archive);
    sl_archive_list(s.archive, &all, on_done, &s);
    assert_int_equal(wait(&s), SL_OK);
    sl_archive_tails(s.archive, on_done, &s);
    assert_int_equal(wait(&s), SL_OK);
    assert_int_equal(c->chosen, 12);
    assert_int_equal(c->fetched, 0);
    sl_archive_lines(s.archive, take_one, on_done, &s);
    assert_int_equal(wait(&s), SL_OK);
    assert_int_equal(c->fetched, 1);
    end(&s);
}

static void damage_hides_nothing_else(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct sl_buf *bytes;
    struct store s;

    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        begin(&s);
        add(&s, (enum sl_compression)kind, 0, 10, 1, 50);
        bytes = add(&s, (enum sl_compression)kind, 10, 10, 1, 50);
        add(&s, (enum sl_compression)kind, 20, 10, 1, 50);
        bytes->p[200] ^= 1; /* in its member */
        assert_int_equal(look(&s, &all), SL_EINVAL);
        assert_non_null(strstr(s.err.text, s.objects[1].key));
        assert_int_equal(s.lines, 20);
        assert_int_equal(sl_archive_counts(s.archive)->unread, 1);
        add(&s, (enum sl_compression)kind, 30, 10, 1, 50)->p[200] ^= 1;
        assert_int_equal(look(&s, &all), SL_EINVAL);
        assert_non_null(strstr(s.err.text, "and 1 more"));
        assert_int_equal(s.lines, 20);
        end(&s);
    }
}

/* An upload that went wrong by another's hand: what was in it is missing, and that is said. */
static void an_empty_object_is_told(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct store s;

    (void)state;
    for (int kind = SL_COMPRESS_GZIP; kind <= SL_COMPRESS_ZSTD; kind++) {
        begin(&s);
        add(&s, (enum sl_compression)kind, 0, 10, 1, 50);
        add(&s, (enum sl_compression)kind, 10, 10, 1, 50)->n = 0;
        assert_int_equal(look(&s, &all), SL_EINVAL);
        assert_non_null(strstr(s.err.text, s.objects[1].key));
        assert_non_null(strstr(s.err.text, "empty"));
        assert_int_equal(s.lines, 10);
        assert_int_equal(sl_archive_counts(s.archive)->unread, 1);
        assert_int_equal(sl_archive_counts(s.archive)->damaged, 1);
        end(&s);
    }
}

/* ---- strange stores ---- */

static void why_it_takes_long_is_told(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct store s;

    (void)state;
    begin(&s);
    add(&s, SL_COMPRESS_GZIP, 0, 3, 1, 0);
    s.busy = 3;
    sl_archive_list(s.archive, &all, on_done, &s);
    for (unsigned i = 0; i < 3; i++) {
        assert_string_equal(sl_archive_trouble(s.archive),
                            i ? "list s3://logs: HTTP 503 SlowDown" : "");
        while (!s.n_waiting)
            fake_advance(&s.fake, 100);
        answer(&s);
    }
    assert_int_equal(wait(&s), SL_OK);
    assert_string_equal(sl_archive_trouble(s.archive), "");
    end(&s);
}

static void folders_only_lead_deeper(void **state)
{
    struct sl_archive_query q = sl_archive_all();
    struct store s;

    (void)state;
    begin(&s);
    s.config.s3.key = "{service}/{@timestamp:%Y}";
    s.list = "<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>a/"
             "</Prefix></CommonPrefixes></ListBucketResult>";
    q.from_ns = 1;
    assert_int_equal(look(&s, &q), SL_EIO);
    assert_non_null(strstr(s.err.text, "folders"));
    end(&s);
}

static void a_page_does_not_lead_to_itself(void **state)
{
    const struct sl_archive_query all = sl_archive_all();
    struct store s;

    (void)state;
    begin(&s);
    s.list = "<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>a"
             "</NextContinuationToken></ListBucketResult>";
    assert_int_equal(look(&s, &all), SL_EIO);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_told_where_they_are_known),
        cmocka_unit_test(small_objects_say_nothing_of_the_tails_of_large_ones),
        cmocka_unit_test(messages_of_many_records_are_told),
        cmocka_unit_test(damage_hides_nothing_else),
        cmocka_unit_test(an_empty_object_is_told),
        cmocka_unit_test(why_it_takes_long_is_told),
        cmocka_unit_test(members_that_were_read_are_counted),
        cmocka_unit_test(folders_only_lead_deeper),
        cmocka_unit_test(a_page_does_not_lead_to_itself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
