/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/search.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "cli/dlq.h"
#include "cli/flow.h"
#include "net/http_client.h"

/* A request's records from Elasticsearch. */

struct asking {
    struct sl_loop loop;
    bool done;
    int code;
    struct sl_error err;
};

static void on_done(void *user, int code, const struct sl_error *err)
{
    struct asking *a = user;

    a->done = true;
    a->code = code;
    if (code)
        a->err = *err;
}

static const struct sl_sink_config *find_sink(const struct sl_flow_ask *ask, int *ret_status)
{
    const struct sl_config *c = ask->config;
    bool archive = false;

    for (size_t i = 0; i < c->n_sinks; i++) {
        const struct sl_sink_config *s = &c->sinks[i];

        archive |= s->kind == SL_SINK_S3;
        if (s->kind == SL_SINK_ELASTICSEARCH && (!ask->sink || !strcmp(s->name, ask->sink)))
            return s;
    }
    if (ask->sink)
        *ret_status =
            sl_cli_usage(&sl_command_flow, "there is no Elasticsearch sink %s", ask->sink);
    else
        *ret_status = sl_cli_usage(&sl_command_flow,
                                   "no sink of the configuration is of type "
                                   "elasticsearch%s",
                                   archive ? "; --archive reads from S3" : "");
    return NULL;
}

static void note_shards(const struct sl_flow_search *s, struct sl_flow *f)
{
    const char *why;
    uint64_t n = sl_flow_search_failed_shards(s, &why);

    if (n)
        f->missing = sl_asprintf("%" PRIu64 " shard%s could not be searched: %s", n,
                                 n == 1 ? "" : "s", *why ? why : "no reason is told");
}

static int search(struct sl_flow_ask *ask, const struct sl_sink_config *sink, struct asking *a,
                  struct sl_http *http)
{
    struct sl_flow_search *s = sl_flow_search_new(sink, &a->loop.rt, http, &a->err);

    if (!s)
        return SL_ECONFIG;
    sl_buf_printf(&ask->where, "in %s of sink %s (%s%s)", sl_flow_search_indexes(s), sink->name,
                  sink->elasticsearch.nodes.items[0],
                  sink->elasticsearch.nodes.n > 1 ? ", ..." : "");
    if (ask->from || ask->to)
        sl_buf_printf(&ask->where, "%s%s%s%s", ask->from ? ", from " : "",
                      ask->from ? ask->from : "", ask->to ? ", to " : "", ask->to ? ask->to : "");
    sl_flow_search_start(s, ask->flow, ask->from_ns, ask->to_ns, on_done, a);
    while (!a->done)
        uv_run(&a->loop.uv, UV_RUN_ONCE);
    if (!a->code)
        note_shards(s, ask->flow);
    sl_flow_search_free(s);
    return a->code;
}

int sl_flow_from_search(struct sl_flow_ask *ask)
{
    struct asking a = {.done = false};
    int status = SL_EXIT_DONE;
    const struct sl_sink_config *sink = find_sink(ask, &status);
    struct sl_http_client *http;
    int code = SL_EIO;

    if (!sink)
        return status;
    if (sl_loop_init(&a.loop, NULL, &a.err) != SL_OK)
        return sl_dlq_failed(&sl_command_flow, &a.err);
    http = sl_http_client_new(&a.loop, &a.err);
    if (http) {
        code = search(ask, sink, &a, sl_http_client_http(http));
        sl_http_client_free(http);
    }
    uv_run(&a.loop.uv, UV_RUN_DEFAULT); /* handles that close */
    sl_loop_release(&a.loop);
    return code ? sl_dlq_failed(&sl_command_flow, &a.err) : SL_EXIT_DONE;
}
