/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "kafka/consumer_private.h"
#include "kafka/errors.h"

enum {
    LOG_EVERY_MS = 10000,
    TROUBLE_MS =
        30000, /* the client repeats what lasts within 10 s; nothing says when it is over */
};

void sl_health_trouble(struct sl_consumer *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(c->trouble, sizeof(c->trouble), format, args);
    va_end(args);
    c->trouble_ms = sl_now_ms(c->rt);
    if (sl_log_due(&c->error_logged_ms, c->trouble_ms, LOG_EVERY_MS))
        sl_log(c->log, SL_LOG_WARN, "Kafka trouble", "reason", c->trouble, NULL);
}

void sl_health_good(struct sl_consumer *c)
{
    c->trouble[0] = 0;
}

bool sl_health_troubled(const struct sl_consumer *c)
{
    return c->trouble[0] && sl_now_ms(c->rt) - c->trouble_ms < TROUBLE_MS;
}

static void partition_error(struct sl_consumer *c, struct sl_part *part, rd_kafka_resp_err_t err,
                            int64_t offset, const char *text)
{
    if (err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        sl_part_eof(c, part, offset);
    } else if (sl_kafka_out_of_range(err)) {
        if (!part->p->stopped)
            part->check = true;
    } else if (sl_kafka_unreadable(err)) {
        sl_part_unreadable(c, part, text);
    }
}

void sl_health_event(struct sl_consumer *c, rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
    rd_kafka_topic_partition_t *at = rd_kafka_event_topic_partition(ev);
    struct sl_partition *p = at ? sl_consumer_find(c, at->topic, at->partition) : NULL;
    char text[512];

    if (rd_kafka_event_error_is_fatal(ev)) {
        rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(c->rk, text, sizeof(text));
        char reason[640];

        snprintf(reason, sizeof(reason), "%s: %s", rd_kafka_err2name(fatal), text);
        sl_consumer_fatal(c, reason);
    } else {
        if (at && !p && sl_kafka_out_of_range(err))
            sl_again_broken(c, at);
        if (p)
            partition_error(c, sl_part_of(p), err, at->offset, rd_kafka_event_error_string(ev));
        if (sl_kafka_lasting(err))
            sl_health_trouble(c, "%s: %s", sl_kafka_words(err), rd_kafka_event_error_string(ev));
        else if (err != RD_KAFKA_RESP_ERR__PARTITION_EOF &&
                 sl_log_due(&c->error_logged_ms, sl_now_ms(c->rt), LOG_EVERY_MS))
            sl_log(c->log, SL_LOG_WARN, "Kafka error", "reason", sl_kafka_words(err), "text",
                   rd_kafka_event_error_string(ev), NULL);
    }
    if (at)
        rd_kafka_topic_partition_destroy(at);
}

static bool stopped_text(const struct sl_consumer *c, char *ret, size_t n)
{
    size_t stopped = 0;
    const struct sl_partition *one = NULL;

    for (size_t i = 0; i < c->n_partitions; i++)
        if (c->partitions[i]->stopped) {
            stopped++;
            one = one ? one : c->partitions[i];
        }
    if (one)
        snprintf(ret, n, "%zu of %zu partitions stopped, %s-%d: %s", stopped, c->n_partitions,
                 one->topic->name, (int)one->number, sl_part_of(one)->why);
    return stopped > 0;
}

bool sl_consumer_ready(const struct sl_consumer *c, char *ret, size_t n)
{
    bool joined = false;

    if (c->close_stage != SL_OPEN) {
        snprintf(ret, n, "closing");
    } else if (c->fatal) {
        snprintf(ret, n, "stopped for good: %s", c->trouble);
    } else if (stopped_text(c, ret, n)) {
        return false;
    } else if (sl_health_troubled(c)) {
        snprintf(ret, n, "%s", c->trouble);
    } else if (c->n_partitions) {
        snprintf(ret, n, "assigned %zu partitions", c->n_partitions);
        return true;
    } else if (c->stage != SL_STEADY) {
        snprintf(ret, n, "looking up where to start");
    } else {
        char *id = rd_kafka_memberid(c->rk); /* given by the group's coordinator */

        joined = id && id[0];
        rd_kafka_mem_free(c->rk, id);
        snprintf(ret, n, joined ? "waiting in the group" : "joining the group");
    }
    return joined;
}
