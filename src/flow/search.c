/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/search.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/percent.h"
#include "flow/parts.h"
#include "sink/elasticsearch_impl.h"

enum {
    PATTERN_MAX = 2048,
    BODY_MAX = 64 << 10,
    WHY_MAX = 1024,
    NODE_TRIES = 8,
    /* What a record's id is made of (record/id.c). */
    ID_TEXT = 27,
    ID_TEXT_MANY = 32,
    ID_BYTES = 20,
};
#define SCROLL_KEPT "1m"

struct sl_flow_search {
    const struct sl_sink_config *sink;
    struct sl_runtime *rt;
    struct sl_http *http;
    struct sl_es_nodes nodes;
    char *authorization;
    struct sl_buf pattern, body, url, why;
    struct sl_exchange x;
    bool waiting, scrolling, closing;
    size_t node, tries;
    char *scroll; /* its id, as JSON text in quotes */
    uint64_t failed_shards, found;

    struct sl_flow *flow;
    int64_t from_ns, to_ns;
    void (*done)(void *user, int code, const struct sl_error *err);
    void *user;
};

struct sl_flow_search *sl_flow_search_new(const struct sl_sink_config *sink, struct sl_runtime *rt,
                                          struct sl_http *http, struct sl_error *err)
{
    struct sl_flow_search *s = sl_zalloc(sizeof(*s));

    s->sink = sink;
    s->rt = rt;
    s->http = http;
    sl_buf_init(&s->pattern, PATTERN_MAX);
    sl_buf_init(&s->body, BODY_MAX);
    sl_buf_init(&s->url, 2 * BODY_MAX);
    sl_buf_init(&s->why, WHY_MAX);
    sl_es_nodes_init(&s->nodes, sink->elasticsearch.nodes.n);
    sl_es_index_pattern(&sink->elasticsearch, &s->pattern);
    if (sl_es_authorization(&sink->elasticsearch, &s->authorization, err) != SL_OK) {
        sl_flow_search_free(s);
        return NULL;
    }
    return s;
}

void sl_flow_search_free(struct sl_flow_search *s)
{
    if (!s)
        return;
    if (s->waiting)
        sl_exchange_cancel(&s->x);
    sl_es_nodes_release(&s->nodes);
    sl_buf_release(&s->pattern);
    sl_buf_release(&s->body);
    sl_buf_release(&s->url);
    sl_buf_release(&s->why);
    free(s->authorization);
    free(s->scroll);
    free(s);
}

const char *sl_flow_search_indexes(const struct sl_flow_search *s)
{
    return sl_buf_str((struct sl_buf *)&s->pattern);
}

uint64_t sl_flow_search_failed_shards(const struct sl_flow_search *s, const char **ret_why)
{
    *ret_why = sl_buf_str((struct sl_buf *)&s->why);
    return s->failed_shards;
}

/* ---- what is asked ---- */

static void wanted_by(struct sl_buf *to, const char *field, const char *id)
{
    sl_buf_printf(to, "{\"term\":{\"%s.keyword\":\"", field);
    sl_json_escape(sl_slice_str(id), to);
    sl_buf_printf(to, "\"}},{\"match\":{\"%s\":{\"operator\":\"and\",\"lenient\":true,\"query\":\"",
                  field);
    sl_json_escape(sl_slice_str(id), to);
    SL_BUF_LITERAL(to, "\"}}}");
}

/* In whole ms, and so a little more than what is wanted: records are judged here once more. */
static void within(struct sl_buf *to, int64_t from_ns, int64_t to_ns)
{
    if (from_ns == INT64_MIN && to_ns == INT64_MAX)
        return;
    SL_BUF_LITERAL(to, ",\"filter\":[{\"range\":{\"@timestamp\":{\"format\":\"epoch_millis\"");
    if (from_ns != INT64_MIN)
        sl_buf_printf(to, ",\"gte\":%" PRId64, from_ns / 1000000);
    if (to_ns != INT64_MAX)
        sl_buf_printf(to, ",\"lte\":%" PRId64, to_ns / 1000000 + 1);
    SL_BUF_LITERAL(to, "}}}]");
}

static void make_query(struct sl_flow_search *s)
{
    struct sl_buf *to = &s->body;

    sl_buf_clear(to);
    sl_buf_printf(to,
                  "{\"size\":%d,\"track_total_hits\":true,\"sort\":[{\"@timestamp\":{\"order\":"
                  "\"asc\",\"unmapped_type\":\"date\"}}],\"query\":{\"bool\":{"
                  "\"minimum_should_match\":1,\"should\":[",
                  SL_FLOW_PAGE);
    wanted_by(to, "correlation_id", s->flow->id);
    sl_buf_byte(to, ',');
    wanted_by(to, "trace_id", s->flow->id);
    sl_buf_byte(to, ']');
    within(to, s->from_ns, s->to_ns);
    SL_BUF_LITERAL(to, "}}}");
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply);

static void ask(struct sl_flow_search *s)
{
    const char *headers[] = {"Content-Type: application/json", s->authorization};
    const char *node = s->sink->elasticsearch.nodes.items[s->node];

    sl_buf_clear(&s->url);
    sl_buf_text(&s->url, node);
    if (s->scroll) {
        SL_BUF_LITERAL(&s->url, "/_search/scroll");
    } else {
        sl_buf_byte(&s->url, '/');
        sl_percent_encode(sl_buf_as_slice(&s->pattern), "-._*,", &s->url);
        SL_BUF_LITERAL(&s->url, "/_search?ignore_unavailable=true&allow_no_indices=true");
        sl_buf_text(&s->url, s->scrolling ? "&scroll=" SCROLL_KEPT : "");
    }
    s->x = (struct sl_exchange){.rt = s->rt, .client = s->http, .done = on_reply};
    s->x.http = (struct sl_http_request){
        .method = s->closing ? "DELETE" : "POST",
        .url = sl_buf_str(&s->url),
        .headers = headers,
        .n_headers = s->authorization ? 2 : 1,
        .body = sl_buf_as_slice(&s->body),
        .timeout_ms = s->sink->timeout_ms,
        .tls = &s->sink->tls,
        .proxy = s->sink->proxy,
        .max_reply = SL_FLOW_PAGE_BYTES_MAX,
    };
    s->waiting = true;
    sl_exchange_start(&s->x);
}

static void ask_first(struct sl_flow_search *s)
{
    s->node = sl_es_nodes_pick(&s->nodes, sl_now_ms(s->rt));
    s->tries++;
    make_query(s);
    ask(s);
}

void sl_flow_search_start(struct sl_flow_search *s, struct sl_flow *f, int64_t from_ns,
                          int64_t to_ns,
                          void (*done)(void *user, int code, const struct sl_error *err),
                          void *user)
{
    s->flow = f;
    s->from_ns = from_ns;
    s->to_ns = to_ns;
    s->done = done;
    s->user = user;
    ask_first(s);
}

/* ---- what comes ---- */

/* Place and offset stand in the ids that Sluice makes. */
static bool read_id(struct sl_slice id, struct sl_flow_input *in)
{
    char text[ID_TEXT_MANY];
    struct sl_buf bytes;
    bool good = false;
    uint64_t numbers[3] = {0};

    if (id.n != ID_TEXT && id.n != ID_TEXT_MANY)
        return false;
    memset(text, '=', sizeof(text));
    for (size_t i = 0; i < id.n; i++)
        text[i] = id.p[i] == '-' ? '+' : id.p[i] == '_' ? '/' : id.p[i];
    sl_buf_init(&bytes, ID_TEXT_MANY);
    if (sl_base64_decode(sl_slice(text, (id.n + 3) / 4 * 4), &bytes) == SL_OK &&
        bytes.n >= ID_BYTES) {
        for (size_t i = 0; i < 16; i++)
            numbers[i / 8] = numbers[i / 8] << 8 | (uint8_t)bytes.p[i];
        for (size_t i = ID_BYTES; i < bytes.n; i++)
            numbers[2] = numbers[2] << 8 | (uint8_t)bytes.p[i];
        good = numbers[1] <= INT64_MAX;
        in->origin = numbers[0];
        in->offset = (int64_t)numbers[1];
        in->sequence = numbers[1];
        in->sub = (uint32_t)numbers[2];
        in->many = id.n == ID_TEXT_MANY;
    }
    sl_buf_release(&bytes);
    return good;
}

static int add(struct sl_flow_search *s, struct sl_slice hit)
{
    struct sl_flow_input in = {
        .offset = -1, .kafka_ms = -1, .by_trace = true, .from_ns = s->from_ns, .to_ns = s->to_ns};
    struct sl_slice index = {0}, id = {0};
    char *document;
    int code;

    if (!sl_part_member(hit, "_source", &in.json))
        return SL_ENOENT;
    if (sl_part_member(hit, "_index", &index))
        index = sl_part_string(index);
    if (sl_part_member(hit, "_id", &id))
        id = sl_part_string(id);
    if (!read_id(id, &in)) { /* not Sluice's: one log, in the order of arrival */
        in.sequence = s->found;
    }
    s->found++;
    document =
        sl_asprintf("%.*s/%.*s", (int)index.n, index.n ? index.p : "", (int)id.n, id.n ? id.p : "");
    in.document = document;
    code = sl_flow_add(s->flow, &in);
    free(document);
    return code;
}

static void end(struct sl_flow_search *s, int code, const struct sl_error *err)
{
    s->done(s->user, code, err);
}

/* The scroll is given back; whether that succeeds is of no matter. */
static void close_scroll(struct sl_flow_search *s)
{
    if (!s->scroll) {
        end(s, SL_OK, NULL);
        return;
    }
    s->closing = true;
    sl_buf_clear(&s->body);
    sl_buf_printf(&s->body, "{\"scroll_id\":[%s]}", s->scroll);
    ask(s);
}

static void note_shards(struct sl_flow_search *s, struct sl_slice body)
{
    struct sl_slice shards, failed, reasons, reason;
    uint64_t n = 0;
    size_t at = 0;

    if (!sl_part_member(body, "_shards", &shards) || !sl_part_member(shards, "failed", &failed))
        return;
    for (size_t i = 0; i < failed.n && failed.p[i] >= '0' && failed.p[i] <= '9' && n < UINT32_MAX;
         i++)
        n = n * 10 + (uint64_t)(failed.p[i] - '0');
    if (n <= s->failed_shards)
        return;
    s->failed_shards = n;
    sl_buf_clear(&s->why);
    if (sl_part_member(shards, "failures", &reasons) && sl_part_element(reasons, &at, &reason) &&
        sl_part_member(reason, "reason", &reason) && sl_part_member(reason, "reason", &reason))
        sl_http_text(sl_part_string(reason), SL_HTTP_REASON_MAX, &s->why);
}

/* *ret_full: a whole page, behind which there may be more. */
static bool take_page(struct sl_flow_search *s, struct sl_slice body, size_t *ret_hits)
{
    struct sl_slice hits, list, hit;
    size_t at = 0, n = 0;

    if (!sl_part_member(body, "hits", &hits) || !sl_part_member(hits, "hits", &list))
        return false;
    while (sl_part_element(list, &at, &hit))
        n++;
    *ret_hits = n;
    if (!s->scrolling && n == SL_FLOW_PAGE)
        return true; /* taken again, by the scroll */
    for (at = 0; sl_part_element(list, &at, &hit);)
        if (add(s, hit) == SL_EFULL) {
            *ret_hits = 0;
            break;
        }
    return true;
}

static bool note_scroll(struct sl_flow_search *s, struct sl_slice body)
{
    struct sl_slice id;

    if (!sl_part_member(body, "_scroll_id", &id) || !sl_part_string(id).p)
        return false;
    free(s->scroll);
    s->scroll = sl_strndup(id.p, id.n);
    sl_buf_clear(&s->body);
    sl_buf_printf(&s->body, "{\"scroll\":\"" SCROLL_KEPT "\",\"scroll_id\":%s}", s->scroll);
    return !s->body.full;
}

static void fail(struct sl_flow_search *s, const struct sl_http_reply *reply)
{
    struct sl_error err = {0};
    struct sl_result result;
    struct sl_buf detail, reason;

    sl_buf_init(&detail, 2 * SL_HTTP_REASON_MAX);
    sl_buf_init(&reason, WHY_MAX);
    if (reply->result == SL_HTTP_OK)
        sl_es_error_words(&s->sink->elasticsearch, s->authorization, reply->body, &detail);
    sl_http_judge(reply, 0, sl_buf_as_slice(&detail), &reason, &result);
    sl_fail(&err, SL_EIO, "sink %s: %.200s: %.250s", s->sink->name,
            s->sink->elasticsearch.nodes.items[s->node],
            result.outcome == SL_DELIVERED ? "not the answer to a search" : result.reason);
    sl_buf_release(&detail);
    sl_buf_release(&reason);
    end(s, SL_EIO, &err);
}

static void on_reply(struct sl_exchange *x, const struct sl_http_reply *reply)
{
    struct sl_flow_search *s = sl_container_of(x, struct sl_flow_search, x);
    size_t hits;

    s->waiting = false;
    if (s->closing) {
        end(s, SL_OK, NULL);
        return;
    }
    if (sl_es_node_failed(reply)) {
        sl_es_nodes_bad(&s->nodes, s->node, sl_now_ms(s->rt));
        if (!s->scroll && s->tries < s->nodes.n && s->tries < NODE_TRIES)
            ask_first(s);
        else
            fail(s, reply);
        return;
    }
    sl_es_nodes_good(&s->nodes, s->node);
    if (reply->status != 200 || !take_page(s, reply->body, &hits)) {
        fail(s, reply);
        return;
    }
    note_shards(s, reply->body);
    if (!s->scrolling && hits == SL_FLOW_PAGE) {
        s->scrolling = true;
        make_query(s);
        ask(s);
    } else if (s->scrolling && !note_scroll(s, reply->body) && hits) {
        fail(s, reply); /* it cannot be asked for the rest */
    } else if (s->scrolling && hits) {
        ask(s);
    } else {
        close_scroll(s);
    }
}
