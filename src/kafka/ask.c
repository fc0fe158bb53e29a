/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/ask.h"

#include <stdio.h>
#include <string.h>

#include "kafka/client.h"

enum { STEP_MS = 100 };

rd_kafka_t *sl_kafka_open(const struct sl_config *config, enum sl_kafka_role role,
                          struct sl_log *log, struct sl_error *err)
{
    rd_kafka_conf_t *conf = sl_kafka_conf(&config->source, role, log, err);
    rd_kafka_t *rk;
    char text[256];

    if (!conf)
        return NULL;
    rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_ERROR);
    rk = rd_kafka_new(role == SL_KAFKA_CONSUMER ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, text,
                      sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        sl_fail(err, SL_ECONFIG, "Kafka: %s", text);
    }
    return rk;
}

/* How much an error tells; what follows from another ("all brokers are down") tells least. */
static int weight(rd_kafka_resp_err_t err)
{
    switch ((int)err) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return 5;
    case RD_KAFKA_RESP_ERR__SSL:
        return 4;
    case RD_KAFKA_RESP_ERR__RESOLVE:
        return 3;
    case RD_KAFKA_RESP_ERR__TRANSPORT:
        return 2;
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
        return 0;
    default:
        return 1;
    }
}

static const char *advice(int weight_of)
{
    switch (weight_of) {
    case 5:
        return "the broker refuses the credentials (source.kafka.client: sasl.*)";
    case 4:
        return "TLS with the broker failed (source.kafka.client: security.protocol, ssl.*)";
    case 3:
        return "the broker's name cannot be resolved (source.kafka.brokers)";
    case 2:
        return "no connection to the broker: is it running, is the port right, does it expect TLS?";
    default:
        return "no broker answered in time";
    }
}

/* The client's errors arrive on its main queue, each naming its broker. */
void sl_kafka_collect(rd_kafka_queue_t *queue, struct sl_kafka_trouble *t)
{
    rd_kafka_event_t *ev;

    while ((ev = rd_kafka_queue_poll(queue, 0))) {
        if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR &&
            weight(rd_kafka_event_error(ev)) > t->weight) {
            t->weight = weight(rd_kafka_event_error(ev));
            snprintf(t->text, sizeof(t->text), "%s", rd_kafka_event_error_string(ev));
        }
        rd_kafka_event_destroy(ev);
    }
}

int sl_kafka_fail(struct sl_error *err, const struct sl_kafka_trouble *t, rd_kafka_resp_err_t code)
{
    if (t->text[0])
        return sl_fail(err, SL_EKAFKA, "%s: %s", advice(t->weight), t->text);
    return sl_fail(err, SL_EKAFKA, "%s: %s", advice(0), rd_kafka_err2str(code));
}

/* In short steps, so that a refusal is seen as soon as it comes. */
const struct rd_kafka_metadata *sl_kafka_connect(rd_kafka_t *rk, unsigned timeout_ms,
                                                 struct sl_error *err)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    struct sl_kafka_trouble t = {0, ""};

    for (unsigned spent = 0; spent < timeout_ms; spent += STEP_MS * 5) {
        code = rd_kafka_metadata(rk, 1, NULL, &metadata, STEP_MS * 5);
        sl_kafka_collect(queue, &t);
        if (!code || t.weight >= 3)
            break;
    }
    if (code)
        sl_kafka_fail(err, &t, code);
    rd_kafka_queue_destroy(queue);
    return metadata;
}

const rd_kafka_metadata_topic_t *sl_kafka_find_topic(const struct rd_kafka_metadata *m,
                                                     const char *name)
{
    for (int i = 0; i < m->topic_cnt; i++)
        if (strcmp(m->topics[i].topic, name) == 0)
            return &m->topics[i];
    return NULL;
}

bool sl_kafka_own_topic(const struct sl_config *config, const char *topic)
{
    bool is = strncmp(topic, "__", 2) == 0 ||
              (config->dead_letter && strcmp(topic, config->dead_letter) == 0) ||
              (config->state_topic && strcmp(topic, config->state_topic) == 0);

    for (size_t i = 0; i < config->n_sinks; i++)
        is = is ||
             (config->sinks[i].dead_letter && strcmp(topic, config->sinks[i].dead_letter) == 0);
    return is;
}
