/* SPDX-License-Identifier: Apache-2.0 */
#include <librdkafka/rdkafka.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Records at a rate, for delays to be measured behind them:
 *
 *     paced BROKERS TOPIC PARTITIONS RECORDS A_SECOND
 *
 * Each says its number and when it was produced, `seq=0000000000. at=0000000000000000.` (us,
 * CLOCK_REALTIME), as bench/receiver reads them; JSON of about 400 bytes. The producer lingers 1
 * ms, which is in the delay. Ends with 1 when it fell behind its rate by more than a tenth, or
 * something was not taken. */

enum { LINGER_MS = 1, STEP_US = 1000 };

static int64_t now_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static unsigned long failed;

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    (void)opaque;
    failed += m->err != RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_t *producer_new(const char *brokers)
{
    char text[512], linger[16];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk = NULL;

    snprintf(linger, sizeof(linger), "%d", LINGER_MS);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof(text)) ==
            RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "linger.ms", linger, text, sizeof(text)) == RD_KAFKA_CONF_OK &&
        rd_kafka_conf_set(conf, "queue.buffering.max.messages", "1000000", text, sizeof(text)) ==
            RD_KAFKA_CONF_OK)
        rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    if (!rk) {
        fprintf(stderr, "paced: %s\n", text);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

static int make(char *text, size_t room, unsigned long n)
{
    static const char words[] =
        "request served cache miss hit upstream timeout retry connection pool checkout token "
        "session "
        "render tile scene download mosaic footprint catalog index segment flush replica leader";

    return snprintf(
        text, room,
        "{\"timestamp\":\"2026-01-15T12:34:56.789Z\",\"level\":\"info\",\"service\":"
        "\"svc-%03lu\",\"host\":\"ip-10-1-2-3\",\"region\":\"eu-west-1\",\"message\":\"%s "
        "seq=%010lu. at=%016lld.\",\"user_id\":%lu,\"http\":{\"method\":\"GET\",\"status\":200}}",
        n % 200, words, n, (long long)now_us(CLOCK_REALTIME), n * 7919 % 1000000);
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, int32_t partition, unsigned long n)
{
    char text[1024];
    int size = make(text, sizeof(text), n);

    while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, text, (size_t)size, NULL, 0,
                            NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            failed++;
            return;
        }
        rd_kafka_poll(rk, 1);
    }
}

int main(int argc, char **argv)
{
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;

    if (argc != 6) {
        fprintf(stderr, "usage: paced BROKERS TOPIC PARTITIONS RECORDS A_SECOND\n");
        return 2;
    }
    unsigned long partitions = strtoul(argv[3], NULL, 10), records = strtoul(argv[4], NULL, 10);
    double rate = strtod(argv[5], NULL);

    if (partitions == 0 || records == 0 || rate <= 0 || !(rk = producer_new(argv[1])))
        return 2;
    topic = rd_kafka_topic_new(rk, argv[2], NULL);
    int64_t begin = now_us(CLOCK_MONOTONIC);
    for (unsigned long n = 0; n < records;) {
        int64_t spent = now_us(CLOCK_MONOTONIC) - begin;
        unsigned long due = (unsigned long)((double)spent * rate / 1e6) + 1;

        for (; n < due && n < records; n++)
            produce(rk, topic, (int32_t)(n / 16 % partitions), n);
        rd_kafka_poll(rk, 0);
        const struct timespec step = {0, STEP_US * 1000};
        nanosleep(&step, NULL);
    }
    double seconds = (double)(now_us(CLOCK_MONOTONIC) - begin) / 1e6;
    rd_kafka_flush(rk, 10000);
    failed += (unsigned long)rd_kafka_outq_len(rk);
    printf("{\"records\":%lu,\"failed\":%lu,\"rate\":%.0f}\n", records, failed,
           (double)records / seconds);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rk);
    return failed || (double)records / seconds < rate * 0.9 ? 1 : 0;
}
