/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/write.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "kafka/ask.h"

enum { CONNECT_MS = 10000, UNDER_WAY_MAX = 16 << 20, RECORD_COST = 256 };

struct sl_kafka_writer {
    rd_kafka_t *rk;
    const struct rd_kafka_metadata *metadata;
    size_t waiting, bytes;
};

struct piece {
    struct sl_kafka_writer *w;
    size_t bytes;
    void (*done)(void *user, const char *why);
    void *user;
};

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    struct piece *p = m->_private;

    (void)rk;
    (void)opaque;
    p->w->waiting--;
    p->w->bytes -= p->bytes;
    p->done(p->user, m->err ? rd_kafka_err2str(m->err) : NULL);
    free(p);
}

struct sl_kafka_writer *sl_kafka_writer_new(const struct sl_config *config, struct sl_log *log,
                                            struct sl_error *err)
{
    struct sl_kafka_writer *w = sl_zalloc(sizeof(*w));
    rd_kafka_conf_t *conf = sl_kafka_conf(&config->source, SL_KAFKA_PRODUCER, log, err);
    char text[256];

    if (!conf)
        goto fail;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    w->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!w->rk) {
        rd_kafka_conf_destroy(conf);
        sl_fail(err, SL_ECONFIG, "Kafka: %s", text);
        goto fail;
    }
    w->metadata = sl_kafka_connect(w->rk, CONNECT_MS, err);
    if (w->metadata)
        return w;
fail:
    sl_kafka_writer_free(w);
    return NULL;
}

void sl_kafka_writer_free(struct sl_kafka_writer *w)
{
    if (!w)
        return;
    if (w->rk && w->waiting) {
        rd_kafka_purge(w->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (w->waiting)
            rd_kafka_poll(w->rk, 100);
    }
    if (w->metadata)
        rd_kafka_metadata_destroy(w->metadata);
    if (w->rk)
        rd_kafka_destroy(w->rk);
    free(w);
}

int sl_kafka_writer_partitions(const struct sl_kafka_writer *w, const char *topic)
{
    const rd_kafka_metadata_topic_t *t = sl_kafka_find_topic(w->metadata, topic);

    return t && !t->err ? t->partition_cnt : 0;
}

static struct piece *new_piece(struct sl_kafka_writer *w, const struct sl_kafka_write *what)
{
    struct piece *p = sl_zalloc(sizeof(*p));

    *p = (struct piece){.w = w,
                        .bytes = RECORD_COST + what->key.n + what->value.n,
                        .done = what->done,
                        .user = what->user};
    for (size_t i = 0; i < what->n_headers; i++)
        p->bytes += what->headers[i].name.n + what->headers[i].value.n;
    return p;
}

static rd_kafka_error_t *produce(struct sl_kafka_writer *w, const struct sl_kafka_write *what,
                                 struct piece *p)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(what->n_headers);
    const struct sl_slice key = what->key, value = what->value;
    rd_kafka_vu_t vu[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = what->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = what->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)key.p, key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value.p, value.n}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP,
         .u.i64 = what->timestamp_ms < 0 ? 0 : what->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = p},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error;

    for (size_t i = 0; i < what->n_headers; i++)
        rd_kafka_header_add(headers, what->headers[i].name.p, (ssize_t)what->headers[i].name.n,
                            what->headers[i].value.p, (ssize_t)what->headers[i].value.n);
    error = rd_kafka_produceva(w->rk, vu, sizeof(vu) / sizeof(vu[0]));
    if (error)
        rd_kafka_headers_destroy(headers); /* taken on success only */
    return error;
}

int sl_kafka_writer_put(struct sl_kafka_writer *w, const struct sl_kafka_write *what,
                        struct sl_error *err)
{
    struct piece *p = new_piece(w, what);
    rd_kafka_error_t *error;
    int code = SL_OK;

    if (w->waiting && w->bytes + p->bytes > UNDER_WAY_MAX) {
        free(p);
        return SL_EFULL;
    }
    error = produce(w, what, p);
    if (!error) {
        w->waiting++;
        w->bytes += p->bytes;
        return SL_OK;
    }
    if (rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        code = SL_EFULL;
    else
        code = sl_fail(err, SL_EKAFKA, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    free(p);
    return code;
}

size_t sl_kafka_writer_poll(struct sl_kafka_writer *w, unsigned timeout_ms)
{
    rd_kafka_poll(w->rk, w->waiting ? (int)timeout_ms : 0);
    return w->waiting;
}
