/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ops/log.h"
#include "sink/archive_notes.h"
#include "sink/s3_impl.h"
#include "sink/s3_key.h"
#include "sink/s3_reply.h"

/* One object, from PUT to its outcome:
 *
 *   PUT if-none-match: *
 *     200, the checksum comes back as sent (or none does, but an ETag)   delivered
 *     200, another checksum       again and over it: the object there is ours, and wrong
 *     200, neither                again: nothing says that this is a store
 *     412                         HEAD, to see what is there
 *       the same identity         delivered: the answer to an earlier try was lost
 *       the same, but damaged     PUT without the condition
 *       another                   counted; this cut goes beside it, as -r<n>
 *
 * Everything else is what s3_reply.c makes of it. */

enum { BESIDE_MAX = 1000, OBJECT_KEY_MAX = 1024, CRC_BASE64 = 9 };

struct upload {
    struct sl_batch *batch;
    bool compressed; /* or needs no compression */
    char payload[SL_SHA256_HEX + 1];
    char checksum[CRC_BASE64]; /* CRC-32C of the body, base64 of its big-endian bytes */
    bool named;
    struct sl_s3_identity identity;
    struct sl_s3_identity_text text;
    char records[16];
    unsigned beside; /* the n of -r<n> */
    bool over;       /* the object there is known to be ours and wrong */
    struct sl_buf object;
    struct sl_exchange exchange;
    bool active; /* exchange is under way */
};

static void put(struct upload *u);

/* ---- seal ---- */

static void compress(struct sl_batch *b, struct upload *u, enum sl_compression kind)
{
    const struct sl_partition *p = b->hold->spans[0]->partition;
    const struct sl_archive_index info = {.format = b->sink->config->s3.format,
                                          .topic = sl_slice_str(p->topic->name),
                                          .partition = p->number};

    if (kind != SL_COMPRESS_NONE) {
        if (sl_archive_compress(kind, sl_buf_as_slice(&b->data), &b->notes, &info, &b->wire) !=
            SL_OK)
            return;
        b->body = sl_buf_as_slice(&b->wire);
        sl_buf_release(&b->data); /* an object is never cut again: the plain form is not needed */
        sl_buf_release(&b->notes);
    }
    u->compressed = true;
}

static void hash_body(struct sl_batch *b, struct upload *u)
{
    uint32_t crc = sl_crc32c(0, b->body.p, b->body.n);
    const uint8_t bytes[] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                             (uint8_t)crc};
    uint8_t hash[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_sha256(b->body.p, b->body.n, hash);
    sl_hex(hash, sizeof(hash), u->payload);
    sl_buf_init(&text, 16);
    sl_base64(&text, bytes, sizeof(bytes));
    snprintf(u->checksum, sizeof(u->checksum), "%s", sl_buf_str(&text));
    sl_buf_release(&text);
}

void sl_s3_seal(struct sl_sink *s, struct sl_batch *b)
{
    struct upload *u = b->impl;

    if (!u) {
        b->impl = u = sl_zalloc(sizeof(*u));
        u->batch = b;
        sl_buf_init(&u->object, OBJECT_KEY_MAX + 1);
    }
    if (u->compressed) /* sealed before; its plain form is gone */
        return;
    compress(b, u, s->config->s3.compression);
    if (u->compressed)
        hash_body(b, u);
}

void sl_s3_drop(struct sl_sink *s, struct sl_batch *b)
{
    struct upload *u = b->impl;

    (void)s;
    if (!u)
        return;
    sl_buf_release(&u->object);
    free(u);
    b->impl = NULL;
}

/* ---- outcomes ---- */

static void finish(struct upload *u, const struct sl_result *result)
{
    u->active = false;
    sl_sink_done(u->batch, result); /* may free u */
}

static void finish_as(struct upload *u, enum sl_outcome outcome, int status, const char *reason)
{
    const struct sl_result result = {.outcome = outcome, .status = status, .reason = reason};

    finish(u, &result);
}

static struct sl_s3_client *client_of(const struct upload *u)
{
    struct sl_s3 *s3 = u->batch->sink->impl;

    return &s3->client;
}

static void call(struct upload *u, const struct sl_s3_call *c,
                 void (*done)(struct sl_exchange *x, const struct sl_http_reply *reply))
{
    u->active = true;
    sl_s3_call(client_of(u), c, &u->exchange, done);
}

/* The bucket and not the object: what is said of one holds for all, and stays the same while it
 * lasts. */
static void describe(const struct upload *u, const char *method, char *ret, size_t max)
{
    snprintf(ret, max, "%s s3://%s", method, u->batch->sink->config->s3.bucket);
}

/* What is left when a reply is no special case of PUT or HEAD. */
static void finish_verdict(struct upload *u, const struct sl_http_reply *reply,
                           struct sl_s3_verdict *v)
{
    struct sl_sink *s = u->batch->sink;

    if (v->skewed) {
        if (sl_s3_set_clock(client_of(u), reply))
            sl_log(s->env->rt->log, SL_LOG_WARN,
                   "the clock of this machine is wrong: signing with the store's time", "sink",
                   s->config->name, NULL);
        else
            v->result.outcome = SL_STALL; /* nothing to correct it by */
    }
    finish(u, &v->result);
}

/* ---- HEAD: what is there already ---- */

static void name_object(struct upload *u)
{
    sl_buf_clear(&u->object);
    sl_s3_object_key(u->batch->key, &u->identity, u->beside, u->batch->sink->config->s3.compression,
                     &u->object);
}

static void go_beside(struct upload *u)
{
    struct sl_sink *s = u->batch->sink;
    struct sl_s3 *s3 = s->impl;

    if (u->beside == BESIDE_MAX) {
        finish_as(u, SL_STALL, 412,
                  "too many objects with this name and another identity are in the bucket");
        return;
    }
    if (s3->conflicts)
        ++*s3->conflicts;
    sl_log(s->env->rt->log, SL_LOG_WARN,
           "an object of this name holds something else: writing beside it", "sink",
           s->config->name, "object", sl_buf_str(&u->object), NULL);
    u->beside++;
    name_object(u);
    put(u);
}

static void on_head(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct upload *u = sl_container_of(x, struct upload, exchange);
    struct sl_sink *s = u->batch->sink;
    struct sl_s3_verdict v;
    char what[128];

    describe(u, "HEAD", what, sizeof(what));
    sl_s3_judge(reply, &s->config->s3, what, sl_s3_wall_ms(client_of(u)), &v);
    if (v.result.outcome != SL_DELIVERED) {
        if (v.result.status == 404) /* removed since: the next PUT will do */
            v.result.outcome = SL_AGAIN;
        finish_verdict(u, reply, &v);
        return;
    }
    switch (sl_s3_compare(&u->identity, reply)) {
    case SL_S3_SAME:
        finish(u, &v.result);
        break;
    case SL_S3_DAMAGED:
        u->over = true;
        put(u);
        break;
    case SL_S3_DIFFERENT:
    default:
        go_beside(u);
        break;
    }
}

static void head(struct upload *u)
{
    const struct sl_sign_header headers[] = {{"x-amz-checksum-mode", "ENABLED"}};
    const struct sl_s3_call c = {.method = "HEAD",
                                 .object = sl_buf_as_slice(&u->object),
                                 .headers = headers,
                                 .n_headers = sizeof(headers) / sizeof(headers[0])};

    call(u, &c, on_head);
}

/* ---- PUT ---- */

static void on_put(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct upload *u = sl_container_of(x, struct upload, exchange);
    struct sl_sink *s = u->batch->sink;
    struct sl_slice echoed = sl_http_header(reply, "x-amz-checksum-crc32c");
    struct sl_s3_verdict v;
    char what[128];

    describe(u, "PUT", what, sizeof(what));
    sl_s3_judge(reply, &s->config->s3, what, sl_s3_wall_ms(client_of(u)), &v);
    if (v.exists) {
        head(u);
    } else if (v.result.outcome == SL_DELIVERED && echoed.n == 0 &&
               sl_http_header(reply, "ETag").n == 0) {
        /* Whatever answers 200 to everything (a proxy's page, another server) has stored nothing.
         */
        finish_as(u, SL_AGAIN, v.result.status,
                  "the answer to PUT names no ETag: what answers at this endpoint is no S3 store");
    } else if (v.result.outcome == SL_DELIVERED && echoed.n > 0 &&
               !sl_slice_is(echoed, u->checksum)) {
        u->over = true;
        finish_as(u, SL_AGAIN, v.result.status,
                  "the store says that it holds other bytes than were sent");
    } else {
        finish_verdict(u, reply, &v);
    }
}

static void put(struct upload *u)
{
    const struct sl_sign_header headers[] = {
        {"content-type", "application/x-ndjson"}, {"x-amz-checksum-crc32c", u->checksum},
        {SL_S3_META_FIRST, u->text.first},        {SL_S3_META_LAST, u->text.last},
        {SL_S3_META_HASH, u->identity.hash},      {SL_S3_META_CRC, u->text.crc},
        {SL_S3_META_RECORDS, u->records},         {SL_S3_META_BODY, u->checksum},
    };
    const struct sl_s3_call c = {.method = "PUT",
                                 .object = sl_buf_as_slice(&u->object),
                                 .headers = headers,
                                 .n_headers = sizeof(headers) / sizeof(headers[0]),
                                 .if_none_match = !u->over,
                                 .body = u->batch->body,
                                 .payload = u->payload};

    call(u, &c, on_put);
}

/* The cut's bounds are fixed once the batch is closed. The rules' hash is that of the rules that
 * its records were judged by, whichever are live by now: a change of rules closes every cut
 * (design, section 8). */
static void identify(struct sl_sink *s, struct sl_batch *b, struct upload *u)
{
    const struct sl_span *span = b->hold->spans[0];

    u->identity = (struct sl_s3_identity){.topic = span->partition->topic->name,
                                          .partition = span->partition->number,
                                          .first = span->first,
                                          .last = span->last,
                                          .crc = span->crc};
    sl_s3_hash(s->env->cluster_id, s->config->id, &s->config->s3, b->rules->hash, u->identity.hash);
    sl_s3_identity_text(&u->identity, &u->text);
    snprintf(u->records, sizeof(u->records), "%u", b->records);
    name_object(u);
    u->named = true;
}

void sl_s3_submit(struct sl_sink *s, struct sl_batch *b)
{
    struct upload *u;

    sl_s3_seal(s, b); /* nothing to do, unless the library failed on the pool thread */
    u = b->impl;
    if (!u->compressed) {
        u->exchange = (struct sl_exchange){.rt = s->env->rt, .done = on_put};
        u->active = true;
        sl_exchange_refuse(&u->exchange, SL_HTTP_DENIED, "the object cannot be compressed");
        return;
    }
    if (!u->named)
        identify(s, b, u);
    put(u);
}

void sl_s3_cancel(struct sl_sink *s, struct sl_batch *b)
{
    struct upload *u = b->impl;

    (void)s;
    if (!u || !u->active)
        return;
    sl_exchange_cancel(&u->exchange);
    u->active = false;
}
