/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ARCHIVE_WORLD_H
#define TESTS_ARCHIVE_WORLD_H

/* A sink under the real core, with real records and positions; time, pool threads and the network
 * are the test's. Requests are copied when they are submitted, as the real client does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "fake_rules.h"
#include "fake_runtime.h"
#include "ops/metrics.h"
#include "sluice/record.h"
#include "sluice/sink.h"

enum { WORLD_LINES_MAX = 32, WORLD_QUEUE = 16 << 20 };

struct seen_request {
    struct sl_http_request *request; /* NULL: none under way */
    char *method, *url;
    char *lines[WORLD_LINES_MAX];
    size_t n_lines;
    struct sl_slice body; /* the sender's, which must keep it */
};

struct archive_world {
    struct fake_runtime fake;
    struct sl_http http;
    struct seen_request seen;
    unsigned submitted, cancelled;
    bool refuse; /* submit fails */
    struct sl_metrics *metrics;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_sink_env env;
    struct sl_sink_config config;
    struct sl_topic topic;
    uint64_t count;
    struct sl_partition *partition;
    struct sl_sink *sink;
    int64_t offset;
};

static struct archive_world *the_world; /* for the vtable, which has no other way to it */

static inline void world_forget_request(struct archive_world *w)
{
    free(w->seen.method);
    free(w->seen.url);
    for (size_t i = 0; i < w->seen.n_lines; i++)
        free(w->seen.lines[i]);
    w->seen = (struct seen_request){0};
}

static inline int world_submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct archive_world *w = sl_container_of(h, struct archive_world, http);

    if (w->refuse)
        return sl_fail(err, SL_EINVAL, "the URL is malformed");
    assert_null(w->seen.request); /* these sinks send one at a time here */
    world_forget_request(w);
    w->seen.request = r;
    w->seen.method = sl_strdup(r->method);
    w->seen.url = sl_strdup(r->url);
    assert_true(r->n_headers <= WORLD_LINES_MAX);
    for (size_t i = 0; i < r->n_headers; i++)
        w->seen.lines[w->seen.n_lines++] = sl_strdup(r->headers[i]);
    w->seen.body = r->body;
    w->submitted++;
    return SL_OK;
}

static inline void world_cancel(struct sl_http *h, struct sl_http_request *r)
{
    struct archive_world *w = sl_container_of(h, struct archive_world, http);

    assert_ptr_equal(w->seen.request, r);
    w->cancelled++;
    world_forget_request(w);
}

/* The value of a header of the request that was submitted last; "" where it has none. */
static inline const char *world_header(const struct archive_world *w, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < w->seen.n_lines; i++)
        if (strncmp(w->seen.lines[i], name, n) == 0 && strncmp(w->seen.lines[i] + n, ": ", 2) == 0)
            return w->seen.lines[i] + n + 2;
    return "";
}

static inline void world_reply_full(struct archive_world *w, const struct sl_http_reply *reply)
{
    struct sl_http_request *r = w->seen.request;

    assert_non_null(r);
    w->seen.request = NULL;
    r->done(r, reply);
}

static inline void world_reply(struct archive_world *w, int status, const char *headers,
                               const char *body)
{
    const struct sl_http_reply reply = {.result = SL_HTTP_OK,
                                        .error = "",
                                        .status = status,
                                        .headers = sl_slice_str(headers),
                                        .body = sl_slice_str(body)};

    world_reply_full(w, &reply);
}

static inline void world_wake(void *user)
{
    (void)user;
}

static inline void world_init(struct archive_world *w, const char *topic)
{
    memset(w, 0, sizeof(*w));
    the_world = w;
    fake_runtime_init(&w->fake, 7);
    w->http = (struct sl_http){world_submit, world_cancel};
    w->metrics = sl_metrics_new();
    w->fields = sl_fields_new();
    w->env = (struct sl_sink_env){.rt = &w->fake.rt,
                                  .http = &w->http,
                                  .metrics = w->metrics,
                                  .fields = w->fields,
                                  .cluster_id = "cluster-1",
                                  .rules = fake_rules("rules-1", "rule"),
                                  .wake = world_wake};
    w->config = (struct sl_sink_config){.name = "archive",
                                        .id = "archive-id",
                                        .queue_bytes = WORLD_QUEUE,
                                        .batch_bytes = WORLD_QUEUE,
                                        .batch_age_ms = 300000,
                                        .requests = 1,
                                        .timeout_ms = 30000,
                                        .tls = {.verify = true},
                                        .retry_first_ms = 100,
                                        .retry_max_ms = 30000};
    w->topic = (struct sl_topic){.name = sl_strdup(topic), .decode = SL_DECODE_JSON};
    w->topic.consumed_records = w->topic.consumed_bytes = w->topic.decoded_records = &w->count;
}

/* After the configuration is as the test wants it. */
static inline int world_start(struct archive_world *w, struct sl_error *err)
{
    const struct sl_decoder_config decoder = {.fields = w->fields};

    w->sink = sl_sink_new(&w->config, 0, &w->env, err);
    if (!w->sink)
        return err->code;
    w->decoder = sl_decoder_new(&decoder, err);
    assert_non_null(w->decoder);
    sl_fields_compile(w->fields);
    w->partition = sl_partition_new(&w->topic, 3, 1, 1, "cluster-1");
    w->partition->next = w->offset = 42;
    return SL_OK;
}

static inline void world_release(struct archive_world *w)
{
    if (w->sink)
        sl_sink_free(w->sink);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    assert_null(w->seen.request); /* what was under way has been cancelled */
    world_forget_request(w);
    sl_partition_unref(w->partition);
    sl_decoder_free(w->decoder);
    sl_fields_free(w->fields);
    sl_metrics_free(w->metrics);
    free(w->topic.name);
    fake_runtime_release(&w->fake);
    sl_rules_version_unref(w->env.rules);
    memset(w, 0, sizeof(*w));
}

static inline void world_record(struct archive_world *w, const char *value)
{
    struct sl_message m = {.at = w->partition,
                           .offset = w->offset++,
                           .timestamp_ms = 1700000000000,
                           .value = sl_slice_str(value)};
    struct sl_record r;

    sl_decode(w->decoder, &m, &r);
    assert_true(sl_sink_has_room(w->sink, &r));
    sl_sink_append(w->sink, &r, 0);
    sl_partition_advance(w->partition, m.offset, m.timestamp_ms, r.value_crc);
    sl_sink_turn(w->sink);
}

/* A record that was read and routed elsewhere. */
static inline void world_skip(struct archive_world *w, const char *value)
{
    sl_partition_advance(w->partition, w->offset++, 1700000000000,
                         sl_crc32c(0, value, strlen(value)));
}

static inline void world_work(struct archive_world *w)
{
    while (w->fake.n_work)
        fake_run_work(&w->fake);
}

/* Closes what is open and brings it on its way. */
static inline void world_flush(struct archive_world *w)
{
    sl_sink_close_open(w->sink, NULL);
    world_work(w);
}

/* Lets time pass until something is submitted. */
static inline void world_until_request(struct archive_world *w)
{
    for (int i = 0; i < 4000 && !w->seen.request; i++) {
        fake_advance(&w->fake, 100);
        world_work(w);
    }
    assert_non_null(w->seen.request);
}

static inline uint64_t world_metric(struct archive_world *w, const char *name)
{
    return sl_metrics_sum(w->metrics, name, NULL);
}

#endif
