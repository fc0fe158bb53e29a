/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_HTTP_HELP_H
#define TESTS_SINK_HTTP_HELP_H

/* A sink type on its own: an HTTP client that only writes down what it is asked, the few calls of
 * the core that types make, secrets that a test may change, and records from real bytes. Include
 * after cmocka. */
#include "sluice/sink.h"
#include "fake_runtime.h"

/* ---- secrets ---- */

struct sl_secret {
    const char *value, *next; /* next: what a refresh finds */
};

const char *sl_secret_value(const struct sl_secret *s)
{
    return s ? s->value : "";
}

bool sl_secret_refresh(struct sl_secret *s)
{
    if (!s || !s->next)
        return false;
    s->value = s->next;
    s->next = NULL;
    return true;
}

/* ---- the core, as types see it ---- */

struct done_call {
    unsigned calls;
    struct sl_batch *batch;
    struct sl_result result;
    char reason[1024];
};

static struct done_call last_done;

void sl_sink_done(struct sl_batch *b, const struct sl_result *result)
{
    last_done.calls++;
    last_done.batch = b;
    last_done.result = *result;
    snprintf(last_done.reason, sizeof(last_done.reason), "%s", result->reason);
    last_done.result.reason = last_done.reason;
}

void sl_batch_reason(struct sl_batch *b, struct sl_item *item, struct sl_slice reason)
{
    size_t at = b->reasons.n;

    sl_buf_slice(&b->reasons, reason);
    sl_buf_byte(&b->reasons, '\0');
    item->reason = (uint32_t)at + 1;
}

int64_t sl_sink_wall_ms(struct sl_sink *s)
{
    return sl_wall_ms(s->env->rt);
}

/* ---- HTTP ---- */

enum { FAKE_REQUESTS = 64 };

struct fake_request {
    struct sl_http_request *r; /* NULL: answered or cancelled */
    char *method, *url;
    char *headers[80];
    size_t n_headers;
};

struct fake_http {
    struct sl_http http;
    struct fake_request requests[FAKE_REQUESTS];
    size_t n;
    unsigned cancelled;
    const char *refuse; /* submit fails with this */
};

static int fake_submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct fake_http *f = sl_container_of(h, struct fake_http, http);
    struct fake_request *q;

    if (f->refuse)
        return sl_fail(err, SL_EINVAL, "%s", f->refuse);
    assert_true(f->n < FAKE_REQUESTS);
    assert_true(r->n_headers <= 80);
    q = &f->requests[f->n++];
    *q = (struct fake_request){.r = r,
                               .method = sl_strdup(r->method),
                               .url = sl_strdup(r->url),
                               .n_headers = r->n_headers};
    for (size_t i = 0; i < r->n_headers; i++)
        q->headers[i] = sl_strdup(r->headers[i]);
    return SL_OK;
}

static void fake_cancel(struct sl_http *h, struct sl_http_request *r)
{
    struct fake_http *f = sl_container_of(h, struct fake_http, http);

    for (size_t i = 0; i < f->n; i++)
        if (f->requests[i].r == r) {
            f->requests[i].r = NULL;
            f->cancelled++;
            return;
        }
    fail_msg("cancel of a request that is not under way");
}

static void fake_http_init(struct fake_http *f)
{
    *f = (struct fake_http){.http = {.submit = fake_submit, .cancel = fake_cancel}};
}

static void fake_http_release(struct fake_http *f)
{
    for (size_t i = 0; i < f->n; i++) {
        assert_null(f->requests[i].r); /* nothing was forgotten */
        free(f->requests[i].method);
        free(f->requests[i].url);
        for (size_t k = 0; k < f->requests[i].n_headers; k++)
            free(f->requests[i].headers[k]);
    }
}

static struct fake_request *fake_last(struct fake_http *f)
{
    assert_true(f->n > 0);
    return &f->requests[f->n - 1];
}

/* The value of a header of a request, or NULL; a header that is there twice fails. */
__attribute__((unused)) static const char *fake_header(const struct fake_request *q,
                                                       const char *name)
{
    const char *found = NULL;
    size_t n = strlen(name);

    for (size_t i = 0; i < q->n_headers; i++)
        if (strncasecmp(q->headers[i], name, n) == 0 && strncmp(q->headers[i] + n, ": ", 2) == 0) {
            assert_null(found);
            found = q->headers[i] + n + 2;
        }
    return found;
}

static void fake_answer(struct fake_http *f, const struct sl_http_reply *reply)
{
    struct sl_http_request *r = fake_last(f)->r;

    assert_non_null(r);
    fake_last(f)->r = NULL;
    r->done(r, reply);
}

__attribute__((unused)) static void fake_status(struct fake_http *f, int status,
                                                const char *headers, const char *body)
{
    fake_answer(f, &(struct sl_http_reply){.status = status,
                                           .error = "",
                                           .body = sl_slice_str(body),
                                           .headers = sl_slice_str(headers)});
}

__attribute__((unused)) static void fake_failure(struct fake_http *f, enum sl_http_result result,
                                                 const char *error)
{
    fake_answer(f, &(struct sl_http_reply){.result = result, .error = error});
}

/* ---- a sink and its records ---- */

struct bench {
    struct fake_runtime runtime;
    struct fake_http http;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_topic topic;
    struct sl_partition *partition;
    struct sl_sink_config config;
    struct sl_sink_env env;
    struct sl_sink sink;
    struct sl_batch *batches[8];
    size_t n_batches;
    int64_t offset;
};

__attribute__((unused)) static void bench_init(struct bench *t)
{
    *t = (struct bench){.topic = {.name = (char *)"logs"}};
    fake_runtime_init(&t->runtime, 1);
    fake_http_init(&t->http);
    t->fields = sl_fields_new();
    t->config = (struct sl_sink_config){
        .name = "sink", .id = "sink-id", .timeout_ms = 30000, .tls = {.verify = true}};
    t->env = (struct sl_sink_env){
        .rt = &t->runtime.rt, .http = &t->http.http, .fields = t->fields, .cluster_id = "c"};
    last_done = (struct done_call){0};
}

static int bench_try(struct bench *t, const struct sl_sink_type *type, struct sl_error *err)
{
    t->sink = (struct sl_sink){.type = type, .config = &t->config, .env = &t->env};
    return type->init(&t->sink, err);
}

__attribute__((unused)) static void bench_start(struct bench *t, const struct sl_sink_type *type)
{
    const struct sl_decoder_config config = {.fields = t->fields};
    struct sl_error err = {0};

    if (bench_try(t, type, &err) != SL_OK)
        fail_msg("init: %s", err.text);
    t->decoder = sl_decoder_new(&config, &err);
    assert_non_null(t->decoder);
    sl_fields_compile(t->fields);
    t->partition = sl_partition_new(&t->topic, 3, 1, 1, "c");
}

__attribute__((unused)) static void bench_release(struct bench *t)
{
    for (size_t i = 0; i < t->n_batches; i++) {
        struct sl_batch *b = t->batches[i];

        if (b->impl)
            t->sink.type->cancel(&t->sink, b);
        sl_buf_release(&b->data);
        sl_buf_release(&b->wire);
        sl_buf_release(&b->reasons);
        sl_hold_unref(b->hold);
        free(b->items);
        free(b);
    }
    t->sink.type->release(&t->sink);
    fake_http_release(&t->http);
    sl_partition_unref(t->partition);
    sl_decoder_free(t->decoder);
    sl_fields_free(t->fields);
    fake_runtime_release(&t->runtime);
}

__attribute__((unused)) static struct sl_batch *bench_batch(struct bench *t)
{
    struct sl_batch *b = sl_zalloc(sizeof(*b));

    b->sink = &t->sink;
    b->hold = sl_hold_new(0, false, false);
    sl_buf_init(&b->data, 1 << 30);
    sl_buf_init(&b->wire, 1 << 30);
    sl_buf_init(&b->reasons, 4 << 20);
    t->batches[t->n_batches++] = b;
    return b;
}

/* Encodes one value as the core would. */
static int bench_put(struct bench *t, struct sl_batch *b, struct sl_slice value)
{
    struct sl_message message = {
        .at = t->partition, .offset = t->offset++, .timestamp_ms = 1706704496789, .value = value};
    struct sl_record record;
    struct sl_item *item;
    size_t begin = b->data.n, bound;
    int code;

    sl_decode(t->decoder, &message, &record);
    b->items = sl_reallocarray(b->items, b->n_items + 1, sizeof(*b->items));
    item = &b->items[b->n_items];
    *item = (struct sl_item){.begin = (uint32_t)begin, .offset = message.offset};
    bound = t->sink.type->bound(&t->sink, &record);
    code = t->sink.type->encode(&t->sink, b, &record, item);
    if (code == SL_OK) {
        assert_true(b->data.n - begin <= bound);
        item->span = (uint16_t)sl_hold_cover(b->hold, t->partition, message.offset);
        item->end = (uint32_t)b->data.n;
        b->n_items++;
        b->records++;
    } else {
        sl_buf_truncate(&b->data, begin);
    }
    return code;
}

__attribute__((unused)) static void bench_text(struct bench *t, struct sl_batch *b,
                                               const char *value)
{
    assert_int_equal(bench_put(t, b, sl_slice_str(value)), SL_OK);
}

__attribute__((unused)) static void bench_send(struct bench *t, struct sl_batch *b)
{
    b->body = sl_buf_as_slice(&b->data);
    if (t->sink.type->seal)
        t->sink.type->seal(&t->sink, b);
    t->sink.type->submit(&t->sink, b);
}

#endif
