/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "ops/log.h"
#include "sink/compress.h"
#include "sink/elasticsearch_impl.h"

/* Elasticsearch and OpenSearch: bulk requests of `create` actions with deterministic ids, so that
 * sending again after an unknown outcome is always safe. Records: elasticsearch_encode.h; answers:
 * elasticsearch_reply.h and elasticsearch_judge.h; nodes: elasticsearch_nodes.h; data streams:
 * elasticsearch_stream.h. */

#define BULK_PATH                                                                                  \
    "/_bulk?filter_path=took,errors,items.*.status,items.*.error.type,items.*.error.reason"
#define HEALTH_PATH "/_cluster/health?timeout=0s&filter_path=cluster_name,status"

enum {
    REPLY_MAX =
        16 << 20, /* and REPLY_ITEM_MAX for each item: an error's reason may quote a value */
    REPLY_ITEM_MAX = 1024,
    REPLY_LIMIT = 64 << 20,
    REASON_MAX = 1024,
};

struct request {
    struct sl_exchange x;
    struct sl_batch *batch;
    size_t node;
    size_t at; /* data streams: the item whose stream is asked for */
};

/* ---- life ---- */

static void es_refresh(struct sl_sink *s)
{
    const struct sl_elasticsearch_config *c = &s->config->elasticsearch;
    struct sl_es *es = s->impl;
    struct sl_error err = {0};
    char *line;
    bool changed = c->user && sl_secret_refresh(c->user);

    changed |= c->password && sl_secret_refresh(c->password);
    changed |= c->api_key && sl_secret_refresh(c->api_key);
    if (!changed)
        return;
    if (sl_es_authorization(c, &line, &err) != SL_OK) {
        sl_log(s->env->rt->log, SL_LOG_WARN,
               "changed credentials are not usable, the old ones stay", "sink", s->config->name,
               "reason", err.text, NULL);
        return;
    }
    free(es->authorization);
    es->authorization = line;
}

static int es_init(struct sl_sink *s, struct sl_error *err)
{
    const struct sl_elasticsearch_config *c = &s->config->elasticsearch;
    struct sl_es *es = s->impl = sl_zalloc(sizeof(*es));
    int code;

    sl_list_init(&es->probes);
    sl_buf_init(&es->reason, REASON_MAX);
    if (c->nodes.n == 0)
        return sl_fail(err, SL_ECONFIG, "nodes: none is given");
    sl_es_nodes_init(&es->nodes, c->nodes.n);
    es->bulk_urls = sl_calloc(c->nodes.n, sizeof(*es->bulk_urls));
    es->health_urls = sl_calloc(c->nodes.n, sizeof(*es->health_urls));
    for (size_t i = 0; i < c->nodes.n; i++) {
        es->bulk_urls[i] = sl_asprintf("%s%s", c->nodes.items[i], BULK_PATH);
        es->health_urls[i] = sl_asprintf("%s%s", c->nodes.items[i], HEALTH_PATH);
    }
    if (!c->index)
        sl_es_names_init(&es->streams);
    code = sl_es_authorization(c, &es->authorization, err);
    if (!code)
        code = sl_es_encoder_init(&es->encoder, s->config, s->env, err);
    return code;
}

static void es_release(struct sl_sink *s)
{
    struct sl_es *es = s->impl;

    if (!es)
        return;
    sl_es_probe_cancel(es);
    for (size_t i = 0; i < es->nodes.n; i++) {
        free(es->bulk_urls[i]);
        free(es->health_urls[i]);
    }
    free(es->bulk_urls);
    free(es->health_urls);
    free(es->authorization);
    sl_es_nodes_release(&es->nodes);
    sl_es_names_release(&es->streams);
    sl_es_encoder_release(&es->encoder);
    sl_buf_release(&es->reason);
    free(es);
    s->impl = NULL;
}

/* ---- records ---- */

static size_t es_bound(struct sl_sink *s, const struct sl_record *r)
{
    (void)s;
    return sl_es_encoder_bound(r);
}

static int es_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                     struct sl_item *item)
{
    struct sl_es *es = s->impl;

    return sl_es_encode(&es->encoder, r, &b->data, item);
}

static void es_seal(struct sl_sink *s, struct sl_batch *b)
{
    sl_buf_clear(&b->wire);
    b->body = sl_buf_as_slice(&b->data);
    if (s->config->elasticsearch.compression != SL_COMPRESS_GZIP)
        return;
    if (sl_gzip(b->body, &b->wire) == SL_OK)
        b->body = sl_buf_as_slice(&b->wire);
}

static bool compressed(const struct sl_batch *b)
{
    return b->wire.n > 0 && b->body.p == b->wire.p;
}

/* ---- requests ---- */

void sl_es_error_words(const struct sl_elasticsearch_config *c, const char *authorization,
                       struct sl_slice body, struct sl_buf *out)
{
    const char *secrets[] = {authorization ? strrchr(authorization, ' ') + 1 : NULL,
                             sl_secret_value(c->password), sl_secret_value(c->api_key)};
    size_t n = sizeof(secrets) / sizeof(secrets[0]);

    if (!sl_http_tells_secret(body, secrets, n) &&
        !sl_es_reply_error(body, SL_HTTP_REASON_MAX, out))
        sl_http_excerpt(body, NULL, 0, out);
}

bool sl_es_node_failed(const struct sl_http_reply *reply)
{
    return reply->result != SL_HTTP_OK || reply->status == 502 || reply->status == 503 ||
           reply->status == 504;
}

void sl_es_judge_failure(struct sl_sink *s, const struct sl_http_reply *reply,
                         struct sl_result *ret)
{
    struct sl_es *es = s->impl;
    struct sl_buf detail;

    sl_buf_init(&detail, 2 * SL_HTTP_REASON_MAX);
    if (reply->result == SL_HTTP_OK)
        sl_es_error_words(&s->config->elasticsearch, es->authorization, reply->body, &detail);
    sl_http_judge(reply, sl_sink_wall_ms(s), sl_buf_as_slice(&detail), &es->reason, ret);
    sl_buf_release(&detail);
    /* Only 200 carries item statuses; a 2xx without them has confirmed nothing. */
    if (ret->outcome == SL_DELIVERED) {
        ret->outcome = SL_AGAIN;
        sl_buf_printf(&es->reason, "HTTP %d: not the answer to this request", reply->status);
        ret->reason = sl_buf_str(&es->reason);
    }
    /* One node's certificate may be wrong while the others' are right. */
    if (reply->result == SL_HTTP_TLS && sl_es_nodes_any(&es->nodes, sl_now_ms(s->env->rt)))
        ret->outcome = SL_AGAIN;
}

static void note_node(struct sl_sink *s, size_t node, const struct sl_http_reply *reply)
{
    struct sl_es *es = s->impl;

    if (sl_es_node_failed(reply))
        sl_es_nodes_bad(&es->nodes, node, sl_now_ms(s->env->rt));
    else
        sl_es_nodes_good(&es->nodes, node);
}

static void finish(struct request *r, const struct sl_result *result)
{
    struct sl_batch *b = r->batch;

    b->impl = NULL;
    free(r);
    sl_sink_done(b, result);
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct request *r = sl_container_of(x, struct request, x);
    struct sl_sink *s = r->batch->sink;
    struct sl_es *es = s->impl;
    struct sl_result result;

    note_node(s, r->node, reply);
    if (reply->result == SL_HTTP_OK && reply->status == 200)
        sl_es_judge(r->batch, reply->body, !s->config->elasticsearch.index, sl_now_ms(s->env->rt),
                    &es->seen, &es->reason, &result);
    else
        sl_es_judge_failure(s, reply, &result);
    finish(r, &result);
}

void sl_es_fill_exchange(struct sl_sink *s, struct sl_exchange *x, const char *method,
                         const char *url)
{
    x->rt = s->env->rt;
    x->client = s->env->http;
    x->http = (struct sl_http_request){
        .method = method,
        .url = url,
        .timeout_ms = s->config->timeout_ms,
        .tls = &s->config->tls,
        .proxy = s->config->proxy,
        .max_reply = 1 << 20,
    };
}

static void send_bulk(struct request *r)
{
    struct sl_batch *b = r->batch;
    struct sl_sink *s = b->sink;
    struct sl_es *es = s->impl;
    const char *headers[3] = {"Content-Type: application/x-ndjson"};
    size_t n = 1, reply_max = (size_t)REPLY_MAX + REPLY_ITEM_MAX * b->n_items;

    if (compressed(b))
        headers[n++] = "Content-Encoding: gzip";
    if (es->authorization)
        headers[n++] = es->authorization;
    sl_es_fill_exchange(s, &r->x, "POST", es->bulk_urls[r->node]);
    r->x.http.headers = headers;
    r->x.http.n_headers = n;
    r->x.http.body = b->body;
    r->x.http.max_reply = reply_max < REPLY_LIMIT ? reply_max : REPLY_LIMIT;
    r->x.done = on_reply;
    sl_exchange_start(&r->x);
}

/* ---- data streams ---- */

static void on_stream(struct sl_exchange *x, const struct sl_http_reply *reply);

/* Asks for the next data stream that is not known, or sends the batch. */
static void send_next(struct request *r)
{
    struct sl_batch *b = r->batch;
    struct sl_sink *s = b->sink;
    struct sl_es *es = s->impl;
    const char *headers[1] = {es->authorization};
    char *url;

    if (s->config->elasticsearch.index || !sl_es_stream_next(&es->streams, b, &r->at)) {
        send_bulk(r);
        return;
    }
    url = sl_es_stream_url(s->config->elasticsearch.nodes.items[r->node],
                           sl_es_item_index(b, &b->items[r->at]));
    sl_es_fill_exchange(s, &r->x, "PUT", url);
    r->x.http.headers = headers;
    r->x.http.n_headers = es->authorization != NULL;
    r->x.done = on_stream;
    sl_exchange_start(&r->x);
    free(url);
}

static void know_stream(struct sl_es *es, const struct request *r)
{
    struct sl_slice name = sl_es_item_index(r->batch, &r->batch->items[r->at]);

    if (sl_es_names_add(&es->streams, name))
        return;
    sl_es_names_clear(&es->streams);
    sl_es_names_add(&es->streams, name);
}

static void on_stream(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct request *r = sl_container_of(x, struct request, x);
    struct sl_sink *s = r->batch->sink;
    struct sl_es *es = s->impl;
    enum sl_es_stream verdict = sl_es_stream_judge(reply);
    struct sl_result result;

    note_node(s, r->node, reply);
    if (verdict == SL_ES_STREAM_UNCHECKED && !es->unchecked_said) {
        es->unchecked_said = true;
        sl_log(s->env->rt->log, SL_LOG_WARN,
               "the credentials may not ask for data streams, so nothing checks that they have "
               "a template",
               "sink", s->config->name, NULL);
    }
    if (verdict == SL_ES_STREAM_THERE || verdict == SL_ES_STREAM_UNCHECKED) {
        know_stream(es, r);
        send_next(r);
        return;
    }
    sl_es_judge_failure(s, reply, &result);
    if (verdict == SL_ES_STREAM_REFUSED) {
        result.outcome = SL_STALL;
        sl_buf_text(&es->reason, SL_ES_SETUP_WORDS);
        result.reason = sl_buf_str(&es->reason);
    }
    finish(r, &result);
}

static void es_submit(struct sl_sink *s, struct sl_batch *b)
{
    struct sl_es *es = s->impl;
    struct request *r = sl_zalloc(sizeof(*r));

    r->batch = b;
    r->node = sl_es_nodes_pick(&es->nodes, sl_now_ms(s->env->rt));
    b->impl = r;
    send_next(r);
}

static void es_cancel(struct sl_sink *s, struct sl_batch *b)
{
    struct request *r = b->impl;

    (void)s;
    sl_exchange_cancel(&r->x);
    free(r);
    b->impl = NULL;
}

const struct sl_sink_type sl_sink_elasticsearch = {
    .name = "elasticsearch",
    .flags = SL_SINK_ITEMS,
    .init = es_init,
    .release = es_release,
    .bound = es_bound,
    .encode = es_encode,
    .seal = es_seal,
    .submit = es_submit,
    .cancel = es_cancel,
    .refresh = es_refresh,
    .probe = sl_es_probe,
};
