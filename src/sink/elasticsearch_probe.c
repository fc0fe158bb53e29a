/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "sink/elasticsearch_impl.h"

/* `check --connect`: the cluster's health, which names what is there and changes nothing. */

struct probe {
    struct sl_list node;
    struct sl_exchange x;
    struct sl_sink *sink;
    size_t at; /* node */
    bool second;
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

static void probe_words(struct probe *p, const struct sl_http_reply *reply, struct sl_result *ret)
{
    struct sl_sink *s = p->sink;
    struct sl_es *es = s->impl;
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
    sl_es_judge_failure(s, reply, ret);
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

void sl_es_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *), void *user)
{
    struct sl_es *es = s->impl;
    struct probe *p = sl_zalloc(sizeof(*p));

    p->sink = s;
    p->done = done;
    p->user = user;
    p->at = sl_es_nodes_pick(&es->nodes, sl_now_ms(s->env->rt));
    p->x.done = on_probe;
    sl_list_push(&es->probes, &p->node);
    send_probe(p);
}

void sl_es_probe_cancel(struct sl_es *es)
{
    while (!sl_list_empty(&es->probes)) {
        struct probe *p = sl_container_of(es->probes.next, struct probe, node);

        sl_list_remove(&p->node);
        sl_exchange_cancel(&p->x);
        free(p);
    }
}
