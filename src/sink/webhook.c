/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/hash.h"
#include "ops/log.h"
#include "sink/http_policy.h"
#include "sink/webhook_body.h"
#include "sink/webhook_headers.h"
#include "sink/webhook_sign.h"

/* A webhook: a POST for each batch, to one address that a person configured. Bodies:
 * webhook_body.h; signatures: webhook_sign.h; what answers mean: http_policy.h.
 *
 * webhook-id names the set of records that a request holds: a hash over the sink's id, where each
 * record comes from, and the bytes. It needs no memory of earlier attempts, so every retry has the
 * same one, and two records of equal text still have two. The rules' hash is not part of it: a
 * reload between two attempts would make one message look like two. */

enum {
    REPLY_MAX = 1 << 20,
    REASON_MAX = 1024,
    PROBE_TIMEOUT_MS = 10000,
    OWN_HEADERS = 4, /* content type, id, timestamp, signature */
};

struct webhook {
    struct sl_webhook_encoder body;
    struct sl_webhook_keys keys;
    char **headers; /* the configured ones, as lines */
    size_t n_headers;
    bool own_type; /* Content-Type is among them */
    struct sl_buf reason;
    double tokens; /* requests that may start now; never above the burst */
    uint64_t filled_ms;
    struct sl_list probes;
};

struct request {
    struct sl_exchange x;
    struct sl_batch *batch;
};

struct probe {
    struct sl_list node;
    struct sl_exchange x;
    struct sl_sink *sink;
    void (*done)(void *user, const struct sl_result *result);
    void *user;
};

/* ---- life ---- */

static int make_keys(const struct sl_webhook_config *c, struct sl_webhook_keys *ret,
                     struct sl_error *err)
{
    int code = SL_OK;

    ret->n = 0;
    for (size_t i = 0; i < c->n_secrets && !code; i++)
        code = sl_webhook_keys_add(ret, sl_secret_value(c->secrets[i]), err);
    if (code)
        sl_webhook_keys_release(ret);
    return code;
}

static void webhook_refresh(struct sl_sink *s)
{
    const struct sl_webhook_config *c = &s->config->webhook;
    struct webhook *w = s->impl;
    struct sl_webhook_keys keys;
    struct sl_error err = {0};
    char **lines = NULL;
    bool changed = false;

    for (size_t i = 0; i < c->n_secrets; i++)
        changed |= sl_secret_refresh(c->secrets[i]);
    for (size_t i = 0; i < c->n_headers; i++)
        changed |= sl_secret_refresh(c->headers[i].value);
    if (!changed)
        return;
    if (sl_webhook_headers_make(c, &lines, &err) == SL_OK) {
        sl_webhook_headers_free(w->headers, w->n_headers);
        w->headers = lines;
    }
    if (make_keys(c, &keys, &err) == SL_OK) {
        sl_webhook_keys_release(&w->keys);
        w->keys = keys;
    }
    if (err.code)
        sl_log(s->env->rt->log, SL_LOG_WARN, "a changed secret is not usable, the old one stays",
               "sink", s->config->name, "reason", err.text, NULL);
}

static int webhook_init(struct sl_sink *s, struct sl_error *err)
{
    const struct sl_webhook_config *c = &s->config->webhook;
    struct webhook *w = s->impl = sl_zalloc(sizeof(*w));
    int code;

    sl_list_init(&w->probes);
    sl_buf_init(&w->reason, REASON_MAX);
    w->tokens = 1;
    w->filled_ms = sl_now_ms(s->env->rt);
    code = sl_webhook_headers_make(c, &w->headers, err);
    if (code)
        return code;
    w->n_headers = c->n_headers;
    w->own_type = sl_webhook_headers_have(c, "content-type");
    code = make_keys(c, &w->keys, err);
    if (!code)
        code = sl_webhook_body_init(&w->body, c, s->env->fields, err);
    return code;
}

static void webhook_release(struct sl_sink *s)
{
    struct webhook *w = s->impl;

    if (!w)
        return;
    while (!sl_list_empty(&w->probes)) {
        struct probe *p = sl_container_of(w->probes.next, struct probe, node);

        sl_list_remove(&p->node);
        sl_exchange_cancel(&p->x);
        free(p);
    }
    sl_webhook_headers_free(w->headers, w->n_headers);
    sl_webhook_keys_release(&w->keys);
    sl_webhook_body_release(&w->body);
    sl_buf_release(&w->reason);
    free(w);
    s->impl = NULL;
}

/* ---- records ---- */

static size_t webhook_bound(struct sl_sink *s, const struct sl_record *r)
{
    struct webhook *w = s->impl;

    return sl_webhook_body_bound(&w->body, r);
}

static int webhook_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                          struct sl_item *item)
{
    struct webhook *w = s->impl;

    return sl_webhook_body_encode(&w->body, r, &b->data, item);
}

static void webhook_seal(struct sl_sink *s, struct sl_batch *b)
{
    struct webhook *w = s->impl;

    sl_webhook_body_seal(&w->body, b);
}

/* ---- rate ---- */

/* A tenth of a second's worth may start at once, so that coarse timers do not eat the rate. */
static void fill_tokens(struct sl_sink *s)
{
    struct webhook *w = s->impl;
    double rate = s->config->webhook.rate, burst = rate / 10 > 1 ? rate / 10 : 1;
    uint64_t now = sl_now_ms(s->env->rt);

    w->tokens += (double)(now - w->filled_ms) * rate / 1000;
    if (w->tokens > burst)
        w->tokens = burst;
    w->filled_ms = now;
}

static unsigned webhook_wait(struct sl_sink *s)
{
    struct webhook *w = s->impl;
    double rate = s->config->webhook.rate, ms;

    if (rate <= 0)
        return 0;
    fill_tokens(s);
    if (w->tokens >= 1)
        return 0;
    ms = (1 - w->tokens) * 1000 / rate;
    return ms > 3600000 ? 3600000 : (unsigned)ms + 1;
}

/* ---- requests ---- */

static void batch_id(const struct sl_sink *s, const struct sl_batch *b, char ret[SL_WEBHOOK_ID_MAX])
{
    /* Tells a topic that was made anew from the one before. Every attempt is hashed here, on the
     * loop, so it is the fast hash: an id has to hold for one process. */
    const uint64_t bytes = sl_hash(b->data.p, b->data.n);
    uint8_t hash[SL_SHA256_BYTES];
    struct sl_buf text;

    sl_buf_init(&text, SIZE_MAX);
    sl_buf_append(&text, &bytes, sizeof(bytes));
    for (size_t i = 0; i < b->n_items; i++) {
        const struct sl_item *item = &b->items[i];

        sl_buf_append(&text, b->hold->spans[item->span]->partition->place, 8);
        sl_buf_append(&text, &item->offset, sizeof(item->offset));
        sl_buf_append(&text, &item->sub, sizeof(item->sub));
    }
    sl_buf_text(&text, s->config->id);
    sl_sha256(text.p, text.n, hash);
    sl_buf_release(&text);
    sl_webhook_id(hash, ret);
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct request *r = sl_container_of(x, struct request, x);
    struct sl_batch *b = r->batch;
    struct sl_sink *s = b->sink;
    struct webhook *w = s->impl;
    struct sl_buf detail;
    struct sl_result result;

    b->impl = NULL;
    free(r);
    sl_buf_init(&detail, SL_HTTP_REASON_MAX);
    sl_webhook_words(&s->config->webhook, reply->body, &detail);
    sl_http_judge(reply, sl_sink_wall_ms(s), sl_buf_as_slice(&detail), &w->reason, &result);
    sl_buf_release(&detail);
    sl_sink_done(b, &result);
}

static void fill_exchange(struct sl_sink *s, struct sl_exchange *x, const char *method)
{
    const struct sl_webhook_config *c = &s->config->webhook;

    x->rt = s->env->rt;
    x->client = s->env->http;
    x->http = (struct sl_http_request){
        .method = method,
        .url = c->url,
        .timeout_ms = s->config->timeout_ms,
        .tls = &s->config->tls,
        .proxy = s->config->proxy,
        .deny_private = !c->allow_private,
        .https_only = !c->allow_private,
        .max_reply = REPLY_MAX,
    };
}

static void webhook_submit(struct sl_sink *s, struct sl_batch *b)
{
    struct webhook *w = s->impl;
    struct request *r = sl_zalloc(sizeof(*r));
    const char *headers[SL_WEBHOOK_HEADERS_MAX + OWN_HEADERS];
    char id[SL_WEBHOOK_ID_MAX], id_line[80], time_line[80];
    int64_t now = sl_sink_wall_ms(s) / 1000;
    struct sl_buf signature;
    size_t n = 0;

    sl_buf_init(&signature, 4096);
    batch_id(s, b, id);
    snprintf(id_line, sizeof(id_line), "webhook-id: %s", id);
    snprintf(time_line, sizeof(time_line), "webhook-timestamp: %lld", (long long)now);
    if (!w->own_type)
        headers[n++] = w->body.kind == SL_BODY_NDJSON ? "Content-Type: application/x-ndjson"
                                                      : "Content-Type: application/json";
    headers[n++] = id_line;
    headers[n++] = time_line;
    if (w->keys.n > 0) {
        SL_BUF_LITERAL(&signature, "webhook-signature: ");
        sl_webhook_sign(&w->keys, id, now, b->wire.p, b->body.n, &signature);
        headers[n++] = sl_buf_str(&signature);
    }
    for (size_t i = 0; i < w->n_headers; i++)
        headers[n++] = w->headers[i];
    if (s->config->webhook.rate > 0) {
        fill_tokens(s);
        w->tokens -= 1;
    }
    fill_exchange(s, &r->x, "POST");
    r->x.http.headers = headers;
    r->x.http.n_headers = n;
    r->x.http.body = b->body;
    r->x.done = on_reply;
    r->batch = b;
    b->impl = r;
    sl_exchange_start(&r->x);
    sl_buf_release(&signature);
}

static void webhook_cancel(struct sl_sink *s, struct sl_batch *b)
{
    struct request *r = b->impl;

    (void)s;
    sl_exchange_cancel(&r->x);
    free(r);
    b->impl = NULL;
}

/* ---- check --connect ---- */

static void on_probe(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct probe *p = sl_container_of(x, struct probe, x);
    struct sl_sink *s = p->sink;
    struct webhook *w = s->impl;
    void (*done)(void *user, const struct sl_result *result) = p->done;
    void *user = p->user;
    struct sl_result result;

    sl_http_judge(reply, sl_sink_wall_ms(s), (struct sl_slice){NULL, 0}, &w->reason, &result);
    /* HEAD asks nothing of a receiver that was made for POST: whatever it says, it is there. */
    if (reply->result == SL_HTTP_OK) {
        result.outcome = SL_DELIVERED;
        sl_buf_clear(&w->reason);
        sl_buf_printf(&w->reason, "reachable (HEAD answers %d)", reply->status);
        if (reply->status == 401 || reply->status == 403)
            SL_BUF_LITERAL(&w->reason, "; warning: it may not accept the credentials");
        else if (reply->status >= 300 && reply->status < 400)
            SL_BUF_LITERAL(&w->reason, "; warning: redirects are not followed");
    } else if (reply->result == SL_HTTP_DENIED) {
        SL_BUF_LITERAL(&w->reason, " (allow_private: true allows it, and http without TLS)");
    }
    result.reason = sl_buf_str(&w->reason);
    sl_list_remove(&p->node);
    free(p);
    done(user, &result);
}

static void webhook_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *),
                          void *user)
{
    struct webhook *w = s->impl;
    struct probe *p = sl_zalloc(sizeof(*p));

    p->sink = s;
    p->done = done;
    p->user = user;
    sl_list_push(&w->probes, &p->node);
    fill_exchange(s, &p->x, "HEAD");
    p->x.http.headers = (const char *const *)w->headers;
    p->x.http.n_headers = w->n_headers;
    if (p->x.http.timeout_ms > PROBE_TIMEOUT_MS)
        p->x.http.timeout_ms = PROBE_TIMEOUT_MS;
    p->x.done = on_probe;
    sl_exchange_start(&p->x);
}

const struct sl_sink_type sl_sink_webhook = {
    .name = "webhook",
    .flags = SL_SINK_ITEMS,
    .init = webhook_init,
    .release = webhook_release,
    .bound = webhook_bound,
    .encode = webhook_encode,
    .seal = webhook_seal,
    .submit = webhook_submit,
    .cancel = webhook_cancel,
    .wait = webhook_wait,
    .refresh = webhook_refresh,
    .probe = webhook_probe,
};
