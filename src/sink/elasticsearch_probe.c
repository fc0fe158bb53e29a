/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>

#include "base/alloc.h"
#include "sink/elasticsearch_impl.h"

/* `check --connect`: asks each node for the cluster's health, which names what is there and changes
 * nothing. The sink would take records when one node answers well; what is wrong with the others is
 * said all the same. */

enum { WORDS_MAX = 4096, NAME_MAX_BYTES = 100 };

struct probe {
    struct sl_list node;
    struct sl_exchange x;
    struct sl_sink *sink;
    size_t at;               /* node asked */
    bool second;             /* by an empty bulk request */
    struct sl_result result; /* the best so far */
    struct sl_buf words;     /* one part a node */
    void (*done)(void *user, const struct sl_result *result);
    void *user;
};

static void send_probe(struct probe *p)
{
    struct sl_sink *s = p->sink;
    struct sl_es *es = s->impl;
    const char *headers[2] = {"Content-Type: application/x-ndjson", es->authorization};

    sl_es_fill_exchange(s, &p->x, p->second ? "POST" : "GET",
                        p->second ? es->bulk_urls[p->at] : es->health_urls[p->at]);
    p->x.http.headers = p->second ? headers : headers + 1;
    p->x.http.n_headers = (size_t)p->second + (es->authorization != NULL);
    sl_exchange_start(&p->x);
}

/* What a cluster would say; false when it is none that answers. */
static bool good_words(struct probe *p, const struct sl_http_reply *reply)
{
    json_t *root = json_loadb(reply->body.p ? reply->body.p : "", reply->body.n, 0, NULL);
    const char *name = json_string_value(json_object_get(root, "cluster_name"));
    const char *status = json_string_value(json_object_get(root, "status"));
    bool good = p->second ? json_object_get(root, "error") != NULL : status != NULL;

    if (good && p->second) {
        SL_BUF_LITERAL(&p->words, "takes bulk requests (may not read the cluster's health)");
    } else if (good) {
        SL_BUF_LITERAL(&p->words, "cluster ");
        sl_http_text(sl_slice_str(name ? name : "(unnamed)"), NAME_MAX_BYTES, &p->words);
        SL_BUF_LITERAL(&p->words, " is ");
        sl_http_text(sl_slice_str(status), NAME_MAX_BYTES, &p->words);
    }
    json_decref(root);
    return good;
}

static void bad_words(struct probe *p, const struct sl_http_reply *reply, const char *reason)
{
    bool ok = reply->result == SL_HTTP_OK;

    sl_buf_text(&p->words, reason);
    if (reply->result == SL_HTTP_BROKEN || reply->result == SL_HTTP_TLS)
        SL_BUF_LITERAL(&p->words,
                       " (is this the HTTP port, usually 9200, and is http or https right?)");
    else if (ok && (reply->status == 401 || reply->status == 403))
        SL_BUF_LITERAL(&p->words, " (see auth: user and password, or api_key)");
    else if (ok && reply->status < 500 && reply->status != 429)
        SL_BUF_LITERAL(&p->words, " (is this an Elasticsearch or OpenSearch address?)");
}

static void judge_node(struct probe *p, const struct sl_http_reply *reply)
{
    const char *node = p->sink->config->elasticsearch.nodes.items[p->at];
    struct sl_result result;

    sl_buf_printf(&p->words, "%s%.200s: ", p->words.n > 0 ? "; " : "", node);
    if (reply->result == SL_HTTP_OK && reply->status == (p->second ? 400 : 200) &&
        good_words(p, reply)) {
        result = (struct sl_result){.outcome = SL_DELIVERED, .status = reply->status};
    } else {
        sl_es_judge_failure(p->sink, reply, &result);
        bad_words(p, reply, result.reason);
    }
    if (p->at == 0 || result.outcome == SL_DELIVERED)
        p->result = result;
}

static void on_probe(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct probe *p = sl_container_of(x, struct probe, x);

    /* A key that may only write cannot read the health. An empty bulk request changes nothing and
     * is refused as empty (400) only where the credentials pass. */
    if (!p->second && reply->result == SL_HTTP_OK && reply->status == 403) {
        p->second = true;
        send_probe(p);
        return;
    }
    judge_node(p, reply);
    p->second = false;
    if (++p->at < p->sink->config->elasticsearch.nodes.n) {
        send_probe(p);
        return;
    }
    p->result.reason = sl_buf_str(&p->words);
    sl_list_remove(&p->node);
    p->done(p->user, &p->result);
    sl_buf_release(&p->words);
    free(p);
}

void sl_es_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *), void *user)
{
    struct sl_es *es = s->impl;
    struct probe *p = sl_zalloc(sizeof(*p));

    p->sink = s;
    p->done = done;
    p->user = user;
    p->x.done = on_probe;
    sl_buf_init(&p->words, WORDS_MAX);
    sl_list_push(&es->probes, &p->node);
    send_probe(p);
}

void sl_es_probe_cancel(struct sl_es *es)
{
    while (!sl_list_empty(&es->probes)) {
        struct probe *p = sl_container_of(es->probes.next, struct probe, node);

        sl_list_remove(&p->node);
        sl_exchange_cancel(&p->x);
        sl_buf_release(&p->words);
        free(p);
    }
}
