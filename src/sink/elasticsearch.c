/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/hash.h"
#include "ops/log.h"
#include "sink/compress.h"
#include "sink/elasticsearch_encode.h"
#include "sink/elasticsearch_judge.h"
#include "sink/elasticsearch_nodes.h"
#include "sink/http_policy.h"

/* Elasticsearch and OpenSearch: bulk requests of `create` actions with deterministic ids, so that
 * sending again after an unknown outcome is always safe. Records: elasticsearch_encode.h; answers:
 * elasticsearch_reply.h and elasticsearch_judge.h; nodes: elasticsearch_nodes.h. */

#define BULK_PATH                                                                                  \
    "/_bulk?filter_path=took,errors,items.*.status,items.*.error.type,items.*.error.reason"
#define HEALTH_PATH "/_cluster/health?timeout=0s&filter_path=cluster_name,status"

enum {
    REPLY_MAX =
        16 << 20, /* and REPLY_ITEM_MAX for each item: an error's reason may quote a value */
    REPLY_ITEM_MAX = 1024,
    REPLY_LIMIT = 64 << 20,
    AUTH_MAX = 8192,
    REASON_MAX = 1024,
};

struct es {
    struct sl_es_encoder encoder;
    struct sl_es_nodes nodes;
    char **bulk_urls, **health_urls;
    char *authorization; /* header line, or NULL */
    struct sl_es_seen seen;
    struct sl_buf reason;
    struct sl_list probes;
};

struct request {
    struct sl_exchange x;
    struct sl_batch *batch;
    size_t node;
};

struct probe {
    struct sl_list node;
    struct sl_exchange x;
    struct sl_sink *sink;
    size_t at; /* node */
    bool second;
    void (*done)(void *user, const struct sl_result *result);
    void *user;
};

/* ---- credentials ---- */

static int make_basic(const char *user, const char *password, struct sl_buf *line,
                      struct sl_error *err)
{
    struct sl_buf plain;

    if (strchr(user, ':'))
        return sl_fail(err, SL_ECONFIG, "auth.user: a user name cannot hold `:`");
    sl_buf_init(&plain, AUTH_MAX / 2);
    sl_buf_printf(&plain, "%s:%s", user, password);
    SL_BUF_LITERAL(line, "Authorization: Basic ");
    sl_base64(line, plain.p, plain.n);
    line->full |= plain.full;
    sl_buf_release(&plain);
    return SL_OK;
}

/* An API key comes as the cluster hands it out: encoded, or as "id:key". */
static int make_api_key(const char *key, struct sl_buf *line, struct sl_error *err)
{
    if (!key[0] || !sl_http_header_value_ok(key))
        return sl_fail(err, SL_ECONFIG,
                       "auth.api_key: empty, or holds a line break or control character");
    SL_BUF_LITERAL(line, "Authorization: ApiKey ");
    if (strchr(key, ':'))
        sl_base64(line, key, strlen(key));
    else
        sl_buf_text(line, key);
    return SL_OK;
}

static int make_authorization(const struct sl_elasticsearch_config *c, char **ret,
                              struct sl_error *err)
{
    struct sl_buf line;
    int code = SL_OK;

    *ret = NULL;
    if (!c->user && !c->password && !c->api_key)
        return SL_OK;
    if (!c->api_key && (!c->user || !c->password))
        return sl_fail(err, SL_ECONFIG, "auth: `user` and `password` go together");
    sl_buf_init(&line, AUTH_MAX);
    code = c->api_key
               ? make_api_key(sl_secret_value(c->api_key), &line, err)
               : make_basic(sl_secret_value(c->user), sl_secret_value(c->password), &line, err);
    if (!code && line.full)
        code = sl_fail(err, SL_ECONFIG, "auth: the credentials are too long");
    if (!code)
        *ret = sl_buf_take(&line);
    sl_buf_release(&line);
    return code;
}

static void es_refresh(struct sl_sink *s)
{
    const struct sl_elasticsearch_config *c = &s->config->elasticsearch;
    struct es *es = s->impl;
    struct sl_error err = {0};
    char *line;
    bool changed = c->user && sl_secret_refresh(c->user);

    changed |= c->password && sl_secret_refresh(c->password);
    changed |= c->api_key && sl_secret_refresh(c->api_key);
    if (!changed)
        return;
    if (make_authorization(c, &line, &err) != SL_OK) {
        sl_log(s->env->rt->log, SL_LOG_WARN,
               "changed credentials are not usable, the old ones stay", "sink", s->config->name,
               "reason", err.text, NULL);
        return;
    }
    free(es->authorization);
    es->authorization = line;
}

/* ---- life ---- */

static int es_init(struct sl_sink *s, struct sl_error *err)
{
    const struct sl_elasticsearch_config *c = &s->config->elasticsearch;
    struct es *es = s->impl = sl_zalloc(sizeof(*es));
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
    code = make_authorization(c, &es->authorization, err);
    if (!code)
        code = sl_es_encoder_init(&es->encoder, s->config, s->env, err);
    return code;
}

static void es_release(struct sl_sink *s)
{
    struct es *es = s->impl;

    if (!es)
        return;
    while (!sl_list_empty(&es->probes)) {
        struct probe *p = sl_container_of(es->probes.next, struct probe, node);

        sl_list_remove(&p->node);
        sl_exchange_cancel(&p->x);
        free(p);
    }
    for (size_t i = 0; i < es->nodes.n; i++) {
        free(es->bulk_urls[i]);
        free(es->health_urls[i]);
    }
    free(es->bulk_urls);
    free(es->health_urls);
    free(es->authorization);
    sl_es_nodes_release(&es->nodes);
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
    struct es *es = s->impl;

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

static void whole_error(const struct sl_http_reply *reply, struct sl_buf *out)
{
    if (!sl_es_reply_error(reply->body, SL_HTTP_REASON_MAX, out))
        sl_http_excerpt(reply->body, NULL, 0, out);
}

/* A node that nobody reaches, or that says of itself that it has nothing behind it. */
static bool node_failed(const struct sl_http_reply *reply)
{
    return reply->result != SL_HTTP_OK || reply->status == 502 || reply->status == 503 ||
           reply->status == 504;
}

static void judge_failure(struct sl_sink *s, const struct sl_http_reply *reply,
                          struct sl_result *ret)
{
    struct es *es = s->impl;
    struct sl_buf detail;

    sl_buf_init(&detail, 2 * SL_HTTP_REASON_MAX);
    if (reply->result == SL_HTTP_OK)
        whole_error(reply, &detail);
    sl_http_judge(reply, sl_sink_wall_ms(s), sl_buf_as_slice(&detail), &es->reason, ret);
    sl_buf_release(&detail);
    /* Only 200 carries item statuses; a 2xx without them has confirmed nothing. */
    if (ret->outcome == SL_DELIVERED)
        ret->outcome = SL_AGAIN;
    /* One node's certificate may be wrong while the others' are right. */
    if (reply->result == SL_HTTP_TLS && sl_es_nodes_any(&es->nodes, sl_now_ms(s->env->rt)))
        ret->outcome = SL_AGAIN;
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct request *r = sl_container_of(x, struct request, x);
    struct sl_batch *b = r->batch;
    struct sl_sink *s = b->sink;
    struct es *es = s->impl;
    uint64_t now = sl_now_ms(s->env->rt);
    struct sl_result result;

    if (node_failed(reply))
        sl_es_nodes_bad(&es->nodes, r->node, now);
    else
        sl_es_nodes_good(&es->nodes, r->node);
    b->impl = NULL;
    free(r);
    if (reply->result == SL_HTTP_OK && reply->status == 200)
        sl_es_judge(b, reply->body, !s->config->elasticsearch.index, now, &es->seen, &es->reason,
                    &result);
    else
        judge_failure(s, reply, &result);
    sl_sink_done(b, &result);
}

static void fill_exchange(struct sl_sink *s, struct sl_exchange *x, const char *method,
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
    };
}

static void es_submit(struct sl_sink *s, struct sl_batch *b)
{
    struct es *es = s->impl;
    struct request *r = sl_zalloc(sizeof(*r));
    const char *headers[3] = {"Content-Type: application/x-ndjson"};
    size_t n = 1, reply_max = (size_t)REPLY_MAX + REPLY_ITEM_MAX * b->n_items;

    r->batch = b;
    r->node = sl_es_nodes_pick(&es->nodes, sl_now_ms(s->env->rt));
    if (compressed(b))
        headers[n++] = "Content-Encoding: gzip";
    if (es->authorization)
        headers[n++] = es->authorization;
    fill_exchange(s, &r->x, "POST", es->bulk_urls[r->node]);
    r->x.http.headers = headers;
    r->x.http.n_headers = n;
    r->x.http.body = b->body;
    r->x.http.max_reply = reply_max < REPLY_LIMIT ? reply_max : REPLY_LIMIT;
    r->x.done = on_reply;
    b->impl = r;
    sl_exchange_start(&r->x);
}

static void es_cancel(struct sl_sink *s, struct sl_batch *b)
{
    struct request *r = b->impl;

    (void)s;
    sl_exchange_cancel(&r->x);
    free(r);
    b->impl = NULL;
}

/* ---- check --connect ---- */

static void send_probe(struct probe *p)
{
    struct sl_sink *s = p->sink;
    struct es *es = s->impl;
    const char *headers[2] = {"Content-Type: application/x-ndjson", es->authorization};

    fill_exchange(s, &p->x, p->second ? "POST" : "GET",
                  p->second ? es->bulk_urls[p->at] : es->health_urls[p->at]);
    p->x.http.headers = p->second ? headers : headers + 1;
    p->x.http.n_headers = (size_t)p->second + (es->authorization != NULL);
    p->x.http.max_reply = 1 << 20;
    sl_exchange_start(&p->x);
}

static void probe_words(struct probe *p, const struct sl_http_reply *reply, struct sl_result *ret)
{
    struct sl_sink *s = p->sink;
    struct es *es = s->impl;
    const char *node = s->config->elasticsearch.nodes.items[p->at];
    bool taken = reply->result == SL_HTTP_OK && reply->status == (p->second ? 400 : 200);
    char *first;

    if (taken) {
        *ret = (struct sl_result){.outcome = SL_DELIVERED, .status = reply->status};
        sl_buf_clear(&es->reason);
        sl_buf_printf(&es->reason, "%s: ", node);
        if (p->second)
            SL_BUF_LITERAL(&es->reason, "takes bulk requests (its health may not be read)");
        else
            sl_http_excerpt(reply->body, NULL, 0, &es->reason);
        ret->reason = sl_buf_str(&es->reason);
        return;
    }
    judge_failure(s, reply, ret);
    if (ret->outcome == SL_DELIVERED)
        ret->outcome = SL_STALL;
    first = sl_strdup(ret->reason);
    sl_buf_clear(&es->reason);
    sl_buf_printf(&es->reason, "%s: %s", node, first);
    if (reply->result == SL_HTTP_BROKEN || reply->result == SL_HTTP_TLS)
        SL_BUF_LITERAL(&es->reason,
                       " (is this the HTTP port, usually 9200, and is http or https right?)");
    else if (reply->result == SL_HTTP_OK && (reply->status == 401 || reply->status == 403))
        SL_BUF_LITERAL(&es->reason, " (see auth: user and password, or api_key)");
    else if (reply->result == SL_HTTP_OK && (reply->status == 404 || reply->status == 405))
        SL_BUF_LITERAL(&es->reason, " (is this an Elasticsearch or OpenSearch address?)");
    ret->reason = sl_buf_str(&es->reason);
    free(first);
}

static void on_probe(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct probe *p = sl_container_of(x, struct probe, x);
    void (*done)(void *user, const struct sl_result *result) = p->done;
    void *user = p->user;
    struct sl_result result;

    /* A key that may only write cannot read the health. An empty bulk request changes nothing and
     * is refused as empty (400) only where the credentials pass. */
    if (!p->second && reply->result == SL_HTTP_OK && reply->status == 403) {
        p->second = true;
        send_probe(p);
        return;
    }
    probe_words(p, reply, &result);
    sl_list_remove(&p->node);
    free(p);
    done(user, &result);
}

static void es_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                     void *user)
{
    struct es *es = s->impl;
    struct probe *p = sl_zalloc(sizeof(*p));

    p->sink = s;
    p->done = done;
    p->user = user;
    p->at = sl_es_nodes_pick(&es->nodes, sl_now_ms(s->env->rt));
    p->x.done = on_probe;
    sl_list_push(&es->probes, &p->node);
    send_probe(p);
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
    .probe = es_probe,
};
