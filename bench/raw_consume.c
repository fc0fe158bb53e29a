/* SPDX-License-Identifier: Apache-2.0 */
#include <librdkafka/rdkafka.h>

#include <inttypes.h>
#include <stdbool.h>
#include <sys/resource.h>

/* The floor: librdkafka reads a topic and nothing is done with the records. With the fetch sizes
 * that were measured best, and queue limits that are not reached (below 2.2 a full queue rests for
 * a second).
 *
 *     raw_consume BROKERS TOPIC RECORDS
 *
 * prints one JSON object: records, bytes, seconds from the first record to the last, CPU seconds of
 * the whole process, peak memory in bytes. */

enum { BATCH = 4096, PARTITIONS_MAX = 1024, IDLE_MS = 20000 };

struct totals {
    int64_t records, bytes;
    double first, last;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static rd_kafka_t *consumer_new(const char *brokers)
{
    static const char *const settings[][2] = {{"group.id", "raw_consume"},
                                              {"enable.auto.commit", "false"},
                                              {"auto.offset.reset", "earliest"},
                                              {"fetch.max.bytes", "4194304"},
                                              {"fetch.message.max.bytes", "262144"},
                                              {"queued.min.messages", "10000000"},
                                              {"queued.max.messages.kbytes", "1048576"}};
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_t *rk = NULL;

    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why) != RD_KAFKA_CONF_OK)
        goto out;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) !=
            RD_KAFKA_CONF_OK)
            goto out;
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof why);
out:
    if (!rk) {
        fprintf(stderr, "raw_consume: %s\n", why);
        rd_kafka_conf_destroy(conf);
    }
    return rk;
}

/* Every partition from its beginning; without joining a group. */
static int assign_all(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, topic, NULL);
    rd_kafka_topic_partition_list_t *list = NULL;
    int status = -1;

    if (!handle ||
        rd_kafka_metadata(rk, 0, handle, &metadata, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        metadata->topic_cnt != 1)
        goto out;
    list = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
    for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
        rd_kafka_topic_partition_list_add(list, topic, metadata->topics[0].partitions[i].id)
            ->offset = RD_KAFKA_OFFSET_BEGINNING;
    status = rd_kafka_assign(rk, list) == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
out:
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    if (metadata)
        rd_kafka_metadata_destroy(metadata);
    if (handle)
        rd_kafka_topic_destroy(handle);
    return status;
}

static void count(struct totals *t, rd_kafka_message_t **batch, ssize_t n)
{
    for (ssize_t i = 0; i < n; i++) {
        if (!batch[i]->err) {
            t->records++;
            t->bytes += (int64_t)batch[i]->len;
        }
        rd_kafka_message_destroy(batch[i]);
    }
    if (n > 0) {
        t->last = now();
        if (t->first == 0)
            t->first = t->last;
    }
}

int main(int argc, char **argv)
{
    static rd_kafka_message_t *batch[BATCH];
    struct totals t = {0};
    struct rusage usage;
    rd_kafka_queue_t *queue = NULL;
    rd_kafka_t *rk = NULL;
    int status = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: raw_consume BROKERS TOPIC RECORDS\n");
        return 2;
    }
    int64_t wanted = strtoll(argv[3], NULL, 10);

    rk = consumer_new(argv[1]);
    if (!rk || assign_all(rk, argv[2]) != 0)
        goto out;
    queue = rd_kafka_queue_get_consumer(rk);
    double heard = now();
    while (t.records < wanted && now() - heard < IDLE_MS / 1e3) {
        ssize_t n = rd_kafka_consume_batch_queue(queue, 5, batch, BATCH);

        count(&t, batch, n);
        if (n > 0)
            heard = now();
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"records\":%" PRId64 ",\"bytes\":%" PRId64
           ",\"seconds\":%.4f,\"cpu\":%.4f,\"rss\":%ld}\n",
           t.records, t.bytes, t.last - t.first,
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
           usage.ru_maxrss * 1024);
    status = t.records >= wanted ? 0 : 1;
out:
    if (queue)
        rd_kafka_queue_destroy(queue);
    if (rk) {
        rd_kafka_consumer_close(rk);
        rd_kafka_destroy(rk);
    }
    return status;
}
