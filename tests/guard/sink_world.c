/* SPDX-License-Identifier: Apache-2.0 */
#include "sink_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/secret.h"
#include "fake_rules.h"

enum { RECORDS = 1000 /* a batch */ };

static int take_request(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct sink_world *w = sl_container_of(h, struct sink_world, http);

    if (w->n_pending == sizeof(w->pending) / sizeof(w->pending[0]))
        return sl_fail(err, SL_EINVAL, "more requests than there may be");
    w->pending[w->n_pending++] = r;
    return SL_OK;
}

static void cancel_request(struct sl_http *h, struct sl_http_request *r)
{
    struct sink_world *w = sl_container_of(h, struct sink_world, http);

    for (size_t i = 0; i < w->n_pending; i++)
        if (w->pending[i] == r)
            w->pending[i] = w->pending[--w->n_pending];
}

static void wake(void *user)
{
    (void)user;
}

static void make_reply(struct sink_world *w)
{
    sl_buf_init(&w->reply, 1 << 20);
    if (w->config.kind != SL_SINK_ELASTICSEARCH)
        return;
    sl_buf_text(&w->reply, "{\"took\":7,\"errors\":false,\"items\":[");
    for (int i = 0; i < RECORDS; i++)
        sl_buf_printf(&w->reply, "%s{\"create\":{\"status\":201}}", i ? "," : "");
    sl_buf_text(&w->reply, "]}");
}

static struct sl_secret *secret(const char *text)
{
    struct sl_error err = {0};

    return sl_secret_new(sl_slice_str(text), "/", &err);
}

/* False: there is no such type. */
static bool configure(struct sl_sink_config *c, const char *type)
{
    static const char *nodes[] = {"http://127.0.0.1:9200"};

    *c = (struct sl_sink_config){.name = "out",
                                 .id = "out",
                                 .queue_bytes = 256 << 20,
                                 .batch_bytes = 64 << 20,
                                 .batch_records = RECORDS,
                                 .batch_age_ms = 300000,
                                 .requests = 4,
                                 .timeout_ms = 30000,
                                 .retry_first_ms = 100,
                                 .retry_max_ms = 30000};
    if (strcmp(type, "elasticsearch") == 0) {
        c->kind = SL_SINK_ELASTICSEARCH;
        c->elasticsearch = (struct sl_elasticsearch_config){
            .nodes = {nodes, 1}, .index = "logs-{service}", .compression = SL_COMPRESS_NONE};
    } else if (strcmp(type, "webhook") == 0) {
        c->kind = SL_SINK_WEBHOOK;
        c->webhook =
            (struct sl_webhook_config){.url = "http://127.0.0.1:80/", .allow_private = true};
    } else if (strcmp(type, "file") == 0) {
        c->kind = SL_SINK_FILE;
        c->file = (struct sl_file_config){.path = "/dev/null", .format = SL_ARCHIVE_JSON};
    } else if (strcmp(type, "s3") == 0) {
        c->kind = SL_SINK_S3;
        c->batch_records = 0; /* objects end by size and age alone */
        c->batch_bytes = 128 << 20;
        c->s3 = (struct sl_s3_config){.bucket = "logs",
                                      .region = "eu-west-1",
                                      .endpoint = "http://127.0.0.1:9000",
                                      .key = "service={service}",
                                      .access_key = secret("AKID"),
                                      .secret_key = secret("SECRET"),
                                      .format = SL_ARCHIVE_JSON,
                                      .compression = SL_COMPRESS_GZIP,
                                      .open_objects = 1000};
    } else {
        return false;
    }
    return true;
}

int sink_world_init(struct sink_world *w, const char *type, struct sl_partition *at,
                    struct sl_fields *fields)
{
    static struct sl_error err;

    *w = (struct sink_world){.at = at, .http = {take_request, cancel_request}};
    fake_runtime_init(&w->fake, 7);
    w->metrics = sl_metrics_new();
    w->env = (struct sl_sink_env){.rt = &w->fake.rt,
                                  .http = &w->http,
                                  .metrics = w->metrics,
                                  .fields = fields,
                                  .cluster_id = "cluster",
                                  .rules = fake_rules("rules", "rule"),
                                  .wake = wake};
    if (!configure(&w->config, type)) {
        w->why = "there is no such type of sink";
        return -1;
    }
    make_reply(w);
    w->sink = sl_sink_new(&w->config, 0, &w->env, &err);
    w->why = err.text;
    return w->sink ? 0 : -1;
}

static void answer(struct sink_world *w)
{
    const struct sl_http_reply reply = {.result = SL_HTTP_OK,
                                        .error = "",
                                        .status = 200,
                                        .headers = sl_slice_str(""),
                                        .body = sl_buf_as_slice(&w->reply)};
    struct sl_http_request *r = w->pending[--w->n_pending];

    r->done(r, &reply);
}

void sink_world_take(struct sink_world *w, const struct sl_record *r)
{
    const struct sl_message *m = r->message;

    if (!sl_sink_has_room(w->sink, r)) {
        fprintf(stderr, "guard: the sink has no room: %s\n", sl_sink_reason(w->sink));
        exit(1);
    }
    sl_sink_append(w->sink, r, 0);
    sl_partition_advance(w->at, m->offset, m->timestamp_ms, r->value_crc);
    sl_sink_turn(w->sink);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    while (w->n_pending)
        answer(w);
}

void sink_world_end(struct sink_world *w, size_t count)
{
    uint64_t wanted = w->config.kind == SL_SINK_S3 ? 0 : count / RECORDS * RECORDS;
    uint64_t delivered = sl_metrics_sum(w->metrics, "sluice_delivered_records_total", NULL);

    if (delivered == wanted)
        return;
    fprintf(stderr, "guard: %llu of %llu records were delivered: %s\n",
            (unsigned long long)delivered, (unsigned long long)wanted, sl_sink_reason(w->sink));
    exit(1);
}

void sink_world_release(struct sink_world *w)
{
    sl_sink_free(w->sink);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    if (w->config.kind == SL_SINK_S3) {
        sl_secret_free(w->config.s3.access_key);
        sl_secret_free(w->config.s3.secret_key);
    }
    sl_rules_version_unref(w->env.rules);
    sl_metrics_free(w->metrics);
    sl_buf_release(&w->reply);
    fake_runtime_release(&w->fake);
}
