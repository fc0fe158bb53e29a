/* SPDX-License-Identifier: Apache-2.0 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <signal.h>
#include <sys/prctl.h>

/* librdkafka's mock cluster as a process of its own: a broker for quick tests, for the quickstart
 * without Java and for measuring clients. It is no real broker: it keeps 5 MiB or 100,000 messages
 * a partition and forgets them when it ends.
 *
 *     mockd [--brokers N]
 *
 * prints "ready HOST:PORT,..." and then obeys one command a line from standard input, answering
 * each with "ok" or "error TEXT". It ends when its input ends, so it cannot outlive whoever holds
 * the other end.
 *
 *     topic NAME PARTITIONS              errors APIKEY COUNT CODE      (the next COUNT replies)
 *     down BROKER | up BROKER            clear APIKEY
 *     rtt BROKER MILLISECONDS            leader TOPIC PARTITION BROKER  (-1: none)
 *     coordinator GROUP BROKER           quit
 */

enum { MOCKD_LINE_MAX = 1024, MOCKD_ERRORS_MAX = 1000 };

struct mockd {
    rd_kafka_t *rk;
    rd_kafka_mock_cluster_t *cluster;
};

static const char *code_text(rd_kafka_resp_err_t code)
{
    return code ? rd_kafka_err2str(code) : NULL;
}

static const char *push_errors(struct mockd *m, int api, int count, int code)
{
    rd_kafka_resp_err_t codes[MOCKD_ERRORS_MAX];

    if (count < 1 || count > MOCKD_ERRORS_MAX)
        return "count is not between 1 and 1000";
    for (int i = 0; i < count; i++)
        codes[i] = (rd_kafka_resp_err_t)code;
    rd_kafka_mock_push_request_errors_array(m->cluster, (int16_t)api, (size_t)count, codes);
    return NULL;
}

/* NULL: done. */
static const char *obey(struct mockd *m, const char *line)
{
    char name[256];
    int a, b, c;

    if (sscanf(line, "topic %255s %d", name, &a) == 2)
        return code_text(rd_kafka_mock_topic_create(m->cluster, name, a, 1));
    if (sscanf(line, "down %d", &a) == 1)
        return code_text(rd_kafka_mock_broker_set_down(m->cluster, a));
    if (sscanf(line, "up %d", &a) == 1)
        return code_text(rd_kafka_mock_broker_set_up(m->cluster, a));
    if (sscanf(line, "rtt %d %d", &a, &b) == 2)
        return code_text(rd_kafka_mock_broker_set_rtt(m->cluster, a, b));
    if (sscanf(line, "coordinator %255s %d", name, &a) == 2)
        return code_text(rd_kafka_mock_coordinator_set(m->cluster, "group", name, a));
    if (sscanf(line, "leader %255s %d %d", name, &a, &b) == 3)
        return code_text(rd_kafka_mock_partition_set_leader(m->cluster, name, a, b));
    if (sscanf(line, "errors %d %d %d", &a, &b, &c) == 3)
        return push_errors(m, a, b, c);
    if (sscanf(line, "clear %d", &a) == 1) {
        rd_kafka_mock_clear_request_errors(m->cluster, (int16_t)a);
        return NULL;
    }
    return "unknown command";
}

static void say(const char *word, const char *text)
{
    printf("%s%s%s\n", word, text ? " " : "", text ? text : "");
    fflush(stdout);
}

static int start(struct mockd *m, int brokers)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    /* It warns that the instance which hosts the cluster has no brokers of its own: true, and of no
     * interest. */
    rd_kafka_conf_set(conf, "log_level", "3", why, sizeof why);
    m->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (!m->rk) {
        rd_kafka_conf_destroy(conf);
        fprintf(stderr, "mockd: %s\n", why);
        return -1;
    }
    m->cluster = rd_kafka_mock_cluster_new(m->rk, brokers);
    return m->cluster ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct mockd m = {0};
    int brokers = 1, status = 1;
    char line[MOCKD_LINE_MAX];

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--brokers") == 0 && i + 1 < argc) {
            brokers = (int)strtol(argv[++i], NULL, 10);
        } else {
            fprintf(stderr, "usage: mockd [--brokers N]\n");
            return 2;
        }
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    if (brokers < 1 || brokers > 16 || start(&m, brokers) != 0)
        goto out;
    say("ready", rd_kafka_mock_cluster_bootstraps(m.cluster));
    status = 0;
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\r\n")] = '\0';
        if (strcmp(line, "quit") == 0)
            break;
        const char *why = obey(&m, line);
        say(why ? "error" : "ok", why);
    }
out:
    if (m.cluster)
        rd_kafka_mock_cluster_destroy(m.cluster);
    if (m.rk)
        rd_kafka_destroy(m.rk);
    return status;
}
