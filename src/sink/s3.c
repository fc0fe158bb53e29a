/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "ops/metrics.h"
#include "sink/archive.h"
#include "sink/archive_notes.h"
#include "sink/s3_impl.h"
#include "sink/s3_key.h"
#include "sink/s3_reply.h"

/* The S3 sink: one object per cut and key. The object's life is in s3_upload.c. */

enum { ID_MAX = 64 * 1024, ID_KEPT = 1024 };

struct sl_s3_probe {
    struct sl_sink *sink;
    void (*done)(void *user, const struct sl_result *result);
    void *user;
    struct sl_exchange exchange;
    bool corrected; /* the clock */
};

static int s3_init(struct sl_sink *s, struct sl_error *err)
{
    struct sl_s3 *s3 = s->impl = sl_zalloc(sizeof(*s3));
    const struct sl_label labels[] = {{"sink", s->config->name}, {NULL, NULL}};
    int rc;

    s3->config = &s->config->s3;
    sl_buf_init(&s3->id, ID_MAX);
    rc = sl_s3_client_init(&s3->client, s->config, s->env->rt, s->env->http, err);
    if (rc == SL_OK)
        rc = sl_fields_add(s->env->fields, SL_SLICE_LITERAL("correlation_id"), &s3->id_field, err);
    if (rc != SL_OK)
        return rc;
    s3->key = sl_template_new(s3->config->key ? s3->config->key : "", SL_TEMPLATE_OBJECT_KEY,
                              s->env->fields, err);
    if (!s3->key)
        return SL_ECONFIG;
    if (s->env->metrics)
        s3->conflicts = sl_metrics_counter(
            s->env->metrics, "sluice_s3_conflicts_total",
            "Objects written beside one of the same name that holds something else.", labels);
    return SL_OK;
}

static void probe_free(struct sl_s3_probe *p)
{
    struct sl_s3 *s3 = p->sink->impl;

    s3->probe = NULL;
    free(p);
}

/* The last use of p: the sink may be released by who is told. */
static void probe_end(struct sl_s3_probe *p, const struct sl_result *result)
{
    void (*done)(void *user, const struct sl_result *result) = p->done;
    void *user = p->user;

    probe_free(p);
    done(user, result);
}

static void s3_release(struct sl_sink *s)
{
    struct sl_s3 *s3 = s->impl;

    if (!s3)
        return;
    if (s3->probe) {
        sl_exchange_cancel(&s3->probe->exchange);
        probe_free(s3->probe);
    }
    sl_template_free(s3->key);
    sl_s3_client_release(&s3->client);
    sl_buf_release(&s3->id);
    free(s3);
    s->impl = NULL;
}

/* ---- records ---- */

static int s3_key(struct sl_sink *s, const struct sl_record *r, struct sl_buf *ret)
{
    struct sl_s3 *s3 = s->impl;
    size_t begin = ret->n;

    sl_template_render(s3->key, r, ret);
    sl_s3_prefix(ret, begin);
    return ret->full ? SL_EFULL : SL_OK;
}

static size_t s3_bound(struct sl_sink *s, const struct sl_record *r)
{
    return sl_archive_bound(s->config->s3.format, r) +
           (s->config->s3.compression != SL_COMPRESS_NONE ? (size_t)SL_ARCHIVE_NOTE_BOUND : 0);
}

/* False: it has none; lists and objects are no ids. */
static bool correlation(struct sl_s3 *s3, const struct sl_record *r, uint64_t *ret_hash)
{
    struct sl_value v = sl_record_value(r, s3->id_field);
    struct sl_slice id = {NULL, 0};

    if (v.type == SL_VALUE_STRING || v.type == SL_VALUE_NUMBER)
        id = sl_value_text(&v, &s3->id);
    if (id.n > 0)
        *ret_hash = sl_hash(id.p, id.n);
    if (v.escaped)
        sl_buf_reset(&s3->id, ID_KEPT);
    return id.n > 0;
}

static int s3_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                     struct sl_item *item)
{
    const struct sl_s3_config *config = &s->config->s3;
    size_t begin = b->data.n;
    uint64_t hash;
    bool has;
    int rc;

    (void)item;
    rc = sl_archive_line(config->format, r, &b->data);
    if (rc != SL_OK || config->compression == SL_COMPRESS_NONE)
        return rc;
    has = correlation(s->impl, r, &hash);
    sl_archive_note(&b->notes, config->compression, b->data.n - begin, r->message->offset,
                    r->time_ns, has ? &hash : NULL);
    return SL_OK;
}

/* ---- probe: lists at most one object. A HEAD of the bucket would do, but its refusals have no
 * document that says whether the key, the signature or the permission is wrong. ---- */

static void probe_call(struct sl_s3_probe *p);

static void on_probe(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct sl_s3_probe *p = sl_container_of(x, struct sl_s3_probe, exchange);
    struct sl_sink *s = p->sink;
    struct sl_s3 *s3 = s->impl;
    struct sl_s3_verdict v;
    char what[128];

    snprintf(what, sizeof(what), "list s3://%.80s", s->config->s3.bucket);
    sl_s3_judge(reply, &s->config->s3, what, sl_s3_wall_ms(&s3->client), &v);
    if (v.skewed && !p->corrected && sl_s3_set_clock(&s3->client, reply)) {
        p->corrected = true;
        probe_call(p);
        return;
    }
    if (v.result.outcome == SL_DELIVERED && !sl_s3_is_listing(reply->body)) {
        v.result.outcome = SL_STALL;
        v.result.reason = "what answers at this endpoint is no S3 store: it lists no objects";
    }
    probe_end(p, &v.result);
}

static void probe_call(struct sl_s3_probe *p)
{
    const struct sl_s3_call c = {.method = "GET", .query = "list-type=2&max-keys=1"};

    struct sl_s3 *s3 = p->sink->impl;

    sl_s3_call(&s3->client, &c, &p->exchange, on_probe);
}

static void s3_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                     void *user)
{
    struct sl_s3 *s3 = s->impl;

    s3->probe = sl_zalloc(sizeof(*s3->probe));
    *s3->probe = (struct sl_s3_probe){.sink = s, .done = done, .user = user};
    probe_call(s3->probe);
}

static void s3_refresh(struct sl_sink *s)
{
    struct sl_s3 *s3 = s->impl;

    sl_credentials_refresh(s3->client.credentials);
}

const struct sl_sink_type sl_sink_s3 = {
    .name = "s3",
    .flags = SL_SINK_KEYED | SL_SINK_CUTS,
    .init = s3_init,
    .release = s3_release,
    .key = s3_key,
    .bound = s3_bound,
    .encode = s3_encode,
    .seal = sl_s3_seal,
    .submit = sl_s3_submit,
    .cancel = sl_s3_cancel,
    .drop = sl_s3_drop,
    .refresh = s3_refresh,
    .probe = s3_probe,
};
