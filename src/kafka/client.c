/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

#include "base/alloc.h"
#include "base/buf.h"

enum {
    CONF_TEXT_MAX = 64 * 1024,
    FETCH_BYTES = 4 << 20, /* one answer: keeps what a held fetch buffer can pin small */
    PARTITION_FETCH_BYTES = 256 << 10, /* librdkafka raises it by itself for a larger record */
    QUEUED_KBYTES_MAX = 2097151,       /* the library's own limit */
    QUEUED_MESSAGES_MIN = 1000,
    QUEUED_MESSAGES_MAX = 10000000, /* likewise */
    MESSAGE_OVERHEAD = 320, /* what the library keeps for one queued message beside its payload */
    RECORD_OVERHEAD = 4 * 1024,
};

bool sl_kafka_at_least(int version)
{
    return rd_kafka_version() >= version;
}

/* Called from librdkafka's threads; the log is the handle's opaque. */
static void on_log(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    struct sl_log *log = rk ? rd_kafka_opaque(rk) : NULL;
    enum sl_log_level to = SL_LOG_DEBUG;

    if (level <= LOG_CRIT)
        to = SL_LOG_ERROR;
    else if (level <= LOG_WARNING)
        to = SL_LOG_WARN;
    else if (level <= LOG_INFO)
        to = SL_LOG_INFO;
    if (log && sl_log_enabled(log, to))
        sl_log(log, to, "Kafka client", "facility", facility, "text", text, NULL);
}

/* A property of our own making: a failure is a mistake of ours or a value that the user's own
 * limits contradict. */
static int set(rd_kafka_conf_t *conf, const char *name, const char *value, struct sl_error *err)
{
    char text[256];

    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) == RD_KAFKA_CONF_OK)
        return SL_OK;
    return sl_fail(err, SL_ECONFIG, "Kafka property %s: %s", name, text);
}

static int set_number(rd_kafka_conf_t *conf, const char *name, size_t value, struct sl_error *err)
{
    char text[24];

    snprintf(text, sizeof(text), "%zu", value);
    return set(conf, name, text, err);
}

static size_t get_number(const rd_kafka_conf_t *conf, const char *name)
{
    char text[64];
    size_t n = sizeof(text);

    if (rd_kafka_conf_get(conf, name, text, &n) != RD_KAFKA_CONF_OK)
        return 0;
    return (size_t)strtoull(text, NULL, 10);
}

/* One property of the user's; text: why it cannot be, where it cannot. librdkafka's own words quote
 * the value, which may be a secret at the wrong place. */
static rd_kafka_conf_res_t set_property(rd_kafka_conf_t *conf, const struct sl_property *p,
                                        bool quotable, char *text, size_t room)
{
    const char *instead = sl_config_owned_property(p->name);
    rd_kafka_conf_res_t got;

    if (instead) {
        snprintf(text, room, "it belongs to Sluice: %s", instead);
        return RD_KAFKA_CONF_INVALID;
    }
    got = rd_kafka_conf_set(conf, p->name, p->value, text, room);
    if (got == RD_KAFKA_CONF_INVALID && !quotable)
        snprintf(text, room, "librdkafka refuses the value");
    else if (got != RD_KAFKA_CONF_OK)
        text[strcspn(text, "\n")] = '\0'; /* some of its words end a line */
    return got;
}

static int overlay(rd_kafka_conf_t *conf, const struct sl_properties *properties,
                   struct sl_error *err)
{
    for (size_t i = 0; i < properties->n; i++) {
        const struct sl_property *p = &properties->items[i];
        char text[256];

        if (set_property(conf, p, false, text, sizeof(text)) == RD_KAFKA_CONF_OK)
            continue;
        if (err)
            err->about = p->name;
        return sl_fail(err, SL_ECONFIG, "Kafka property `%s`: %s", p->name, text);
    }
    return SL_OK;
}

static void unknown_property(const struct sl_config *config, const struct sl_property *p,
                             rd_kafka_conf_t *conf, struct sl_diags *diags)
{
    const char **names, **dump, *near;
    size_t n;

    dump = rd_kafka_conf_dump(conf, &n); /* names and values in turn */
    names = sl_calloc(n / 2 + 1, sizeof(*names));
    for (size_t i = 0; i < n / 2; i++)
        names[i] = dump[2 * i];
    near = sl_nearest(p->name, names, n / 2);
    sl_config_problem(config, p->name, 0, SL_PROBLEM, diags,
                      near ? "librdkafka knows no property `%s`; did you mean `%s`?"
                           : "librdkafka knows no property `%s`",
                      p->name, near);
    free(names);
    rd_kafka_conf_dump_free(dump, n);
}

void sl_kafka_check_properties(const struct sl_config *config, struct sl_diags *diags)
{
    const struct sl_source_config *s = &config->source;
    const struct sl_properties *const all[] = {&s->client, &s->consumer, &s->producer};
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    for (size_t i = 0; i < 3; i++)
        for (size_t k = 0; k < all[i]->n; k++) {
            const struct sl_property *p = &all[i]->items[k];
            char text[256];
            rd_kafka_conf_res_t got =
                set_property(conf, p, sl_config_quotable(config, p->value), text, sizeof(text));

            if (got == RD_KAFKA_CONF_UNKNOWN)
                unknown_property(config, p, conf, diags);
            else if (got != RD_KAFKA_CONF_OK)
                sl_config_problem(config, p->value, 0, SL_PROBLEM, diags, "`%s`: %s", p->name,
                                  text);
        }
    rd_kafka_conf_destroy(conf);
}

static int set_brokers(rd_kafka_conf_t *conf, const struct sl_strings *brokers,
                       struct sl_error *err)
{
    struct sl_buf text;
    int code = SL_OK;

    sl_buf_init(&text, CONF_TEXT_MAX);
    for (size_t i = 0; i < brokers->n; i++)
        sl_buf_printf(&text, "%s%s", i ? "," : "", brokers->items[i]);
    if (text.full)
        code = sl_fail(err, SL_ELIMIT, "source.kafka.brokers is too long");
    else if (text.n)
        code = set(conf, "bootstrap.servers", sl_buf_str(&text), err);
    sl_buf_release(&text);
    return code;
}

/* The limits that hold fetched data within source.kafka.memory.
 *
 * The client counts payload only, but keeps MESSAGE_OVERHEAD for each message as well, which is
 * more than the payload of many logs: half of the budget is for each, by its own limit. It looks
 * before it fetches, so that an answer of each broker may come on top: an eighth is left for that.
 *
 * fetch.queue.backoff.ms (2.2 and later): without it a fetch that met a full queue is looked at
 * again only after a second, which caps the rate at one queue a second. */
static int set_limits(rd_kafka_conf_t *conf, const struct sl_source_config *source,
                      struct sl_log *log, struct sl_error *err)
{
    size_t half = (source->memory - source->memory / 8) / 2;
    size_t kbytes = half / 1024, messages = half / MESSAGE_OVERHEAD;
    size_t record = get_number(conf, "message.max.bytes") + RECORD_OVERHEAD;
    size_t fetch = record > FETCH_BYTES ? record : FETCH_BYTES;
    char text[256];
    int code = SL_OK;

    if (kbytes < 1024)
        kbytes = 1024;
    if (kbytes > QUEUED_KBYTES_MAX)
        kbytes = QUEUED_KBYTES_MAX;
    if (messages < QUEUED_MESSAGES_MIN)
        messages = QUEUED_MESSAGES_MIN;
    if (messages > QUEUED_MESSAGES_MAX)
        messages = QUEUED_MESSAGES_MAX;
    if (get_number(conf, "receive.message.max.bytes") < fetch + 512)
        code = set_number(conf, "receive.message.max.bytes", fetch + 512, err);
    if (!code)
        code = set_number(conf, "fetch.max.bytes", fetch, err);
    if (!code)
        code = set_number(conf, "fetch.message.max.bytes", PARTITION_FETCH_BYTES, err);
    if (!code)
        code = set_number(conf, "queued.max.messages.kbytes", kbytes, err);
    if (!code)
        code = set_number(conf, "queued.min.messages", messages, err);
    if (!code && rd_kafka_conf_set(conf, "fetch.queue.backoff.ms", "5", text, sizeof(text)) !=
                     RD_KAFKA_CONF_OK)
        sl_logf(log, SL_LOG_INFO,
                "librdkafka %s has no fetch.queue.backoff.ms (2.2 and later have it): fetchers "
                "that met "
                "a full queue are woken by small requests instead",
                rd_kafka_version_str());
    return code;
}

static int set_consumer(rd_kafka_conf_t *conf, const struct sl_source_config *source,
                        struct sl_log *log, struct sl_error *err)
{
    static const char *const fixed[][2] = {
        {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "error"},  {"enable.partition.eof", "true"},
        {"check.crcs", "true"},
    };
    int code = SL_OK;

    if (source->group)
        code = set(conf, "group.id", source->group, err);
    for (size_t i = 0; !code && i < sizeof(fixed) / sizeof(fixed[0]); i++)
        code = set(conf, fixed[i][0], fixed[i][1], err);
    /* Below 2.10 a commit during a cooperative rebalance loses the assignment (librdkafka #4059).
     */
    if (!code)
        code = set(conf, "partition.assignment.strategy",
                   sl_kafka_at_least(0x020a00ff) ? "cooperative-sticky" : "range,roundrobin", err);
    if (!code)
        code = set_limits(conf, source, log, err);
    return code;
}

static int set_producer(rd_kafka_conf_t *conf, struct sl_error *err)
{
    int code = set(conf, "acks", "all", err);

    if (!code)
        code = set(conf, "enable.idempotence", "true", err);
    return code;
}

/* What a user may change: good values for a router. */
static int set_defaults(rd_kafka_conf_t *conf, enum sl_kafka_role role, struct sl_error *err)
{
    static const char *const producer[][2] = {
        {"linger.ms", "5"},
        {"message.timeout.ms", "30000"},   /* the sink asks again, with its own patience */
        {"message.max.bytes", "16777216"}, /* the topic decides what is too large, not the client */
        /* Small, so that a batch the broker finds too large holds one letter, the one to blame. */
        {"batch.size", "65536"},
    };
    int code = set(conf, "client.id", "sluice", err);

    if (!code)
        code = set(conf, "log.connection.close", "false", err);
    for (size_t i = 0;
         role == SL_KAFKA_PRODUCER && !code && i < sizeof(producer) / sizeof(producer[0]); i++)
        code = set(conf, producer[i][0], producer[i][1], err);
    return code;
}

rd_kafka_conf_t *sl_kafka_conf(const struct sl_source_config *source, enum sl_kafka_role role,
                               struct sl_log *log, struct sl_error *err)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    int code = set_defaults(conf, role, err);

    if (!code)
        code = set_brokers(conf, &source->brokers, err);
    if (!code)
        code = overlay(conf, &source->client, err);
    if (!code)
        code =
            overlay(conf, role == SL_KAFKA_CONSUMER ? &source->consumer : &source->producer, err);
    if (!code)
        code = role == SL_KAFKA_CONSUMER ? set_consumer(conf, source, log, err)
                                         : set_producer(conf, err);
    if (code) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_opaque(conf, log);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

/* ---- messages ---- */

size_t sl_kafka_headers(const rd_kafka_message_t *m, struct sl_header *ret, size_t max)
{
    rd_kafka_headers_t *headers;
    size_t n = 0;

    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (n < max) {
        const char *name;
        const void *value;
        size_t size;

        if (rd_kafka_header_get_all(headers, n, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        ret[n++] = (struct sl_header){sl_slice_str(name), sl_slice(value, size)};
    }
    return n;
}

void sl_kafka_message(const rd_kafka_message_t *m, struct sl_header *headers,
                      struct sl_message *ret)
{
    rd_kafka_timestamp_type_t kind;

    *ret = (struct sl_message){
        .offset = m->offset,
        .timestamp_ms = rd_kafka_message_timestamp(m, &kind),
        .key = sl_slice(m->key, m->key_len),
        .value = sl_slice(m->payload, m->len),
        .headers = headers,
        .n_headers = sl_kafka_headers(m, headers, SL_HEADERS_MAX),
    };
    if (kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
        ret->timestamp_ms = -1;
}

void sl_kafka_seek(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list, struct sl_log *log)
{
    rd_kafka_error_t *error = rd_kafka_seek_partitions(rk, list, 0);

    if (error) {
        sl_log(log, SL_LOG_WARN, "seek failed", "reason", rd_kafka_error_string(error), NULL);
        rd_kafka_error_destroy(error);
    }
    rd_kafka_topic_partition_list_destroy(list);
}
