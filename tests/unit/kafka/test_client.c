/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/admin.h"
#include "kafka/client.h"
#include "kafka_fixture.h"

static void value_is(const rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    size_t n = sizeof(text);

    assert_int_equal(rd_kafka_conf_get(conf, name, text, &n), RD_KAFKA_CONF_OK);
    assert_string_equal(text, value);
}

static void layers(void **state)
{
    const char *brokers[] = {"a:1", "b:2"};
    struct sl_property client[] = {{"client.id", "mine", 3, 5},
                                   {"socket.timeout.ms", "1000", 4, 5}};
    struct sl_property consumer[] = {{"socket.timeout.ms", "2000", 5, 5}};
    struct sl_source_config source = {
        .brokers = {brokers, 2},
        .group = "g",
        .memory = 64u << 20,
        .client = {client, 2},
        .consumer = {consumer, 1},
    };
    struct sl_error err;
    rd_kafka_conf_t *conf = sl_kafka_conf(&source, SL_KAFKA_CONSUMER, NULL, &err);

    (void)state;
    assert_non_null(conf);
    value_is(conf, "bootstrap.servers", "a:1,b:2");
    value_is(conf, "client.id", "mine");
    value_is(conf, "socket.timeout.ms", "2000");
    value_is(conf, "group.id", "g");
    value_is(conf, "enable.auto.commit", "false");
    value_is(conf, "enable.auto.offset.store", "false");
    value_is(conf, "enable.partition.eof", "true");
    value_is(conf, "check.crcs", "true");
    value_is(conf, "fetch.max.bytes", "4194304");
    value_is(conf, "fetch.message.max.bytes", "262144");
    /* Half for payload, half for the library's 320 bytes a message; an eighth before that. */
    value_is(conf, "queued.max.messages.kbytes", "28672");
    value_is(conf, "queued.min.messages", "91750");
    value_is(conf, "partition.assignment.strategy",
             sl_kafka_at_least(0x020a00ff) ? "cooperative-sticky" : "range,roundrobin");
    rd_kafka_conf_destroy(conf);
    conf = sl_kafka_conf(&source, SL_KAFKA_PRODUCER, NULL, &err);
    value_is(conf, "socket.timeout.ms", "1000");
    value_is(conf, "enable.idempotence", "true");
    value_is(conf, "acks", "-1");
    rd_kafka_conf_destroy(conf);
}

/* Limits follow what the user needs, and the client accepts the whole. */
static void large_records(void **state)
{
    struct sl_property client[] = {{"message.max.bytes", "20000000", 1, 1},
                                   {"receive.message.max.bytes", "2000000", 2, 1}};
    struct sl_source_config source = {.group = "g", .memory = 1, .client = {client, 2}};
    struct sl_error err = {.text = ""};
    rd_kafka_conf_t *conf = sl_kafka_conf(&source, SL_KAFKA_CONSUMER, NULL, &err);
    char text[256];
    rd_kafka_t *rk;

    (void)state;
    assert_non_null(conf);
    value_is(conf, "fetch.max.bytes", "20004096");
    value_is(conf, "receive.message.max.bytes", "20004608");
    value_is(conf, "queued.max.messages.kbytes", "1024");
    value_is(conf, "queued.min.messages", "1000");
    rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
    assert_non_null(rk);
    rd_kafka_destroy(rk);
}

static void bad_properties(void **state)
{
    struct sl_property bad[] = {{"no.such.thing", "1", 7, 9}};
    struct sl_property owned[] = {{"auto.offset.reset", "latest", 8, 3}};
    struct sl_property value[] = {{"session.timeout.ms", "soon", 9, 3}};
    struct sl_source_config source = {.group = "g", .memory = 1, .client = {bad, 1}};
    struct sl_error err;

    (void)state;
    assert_null(sl_kafka_conf(&source, SL_KAFKA_CONSUMER, NULL, &err));
    assert_int_equal(err.code, SL_ECONFIG);
    assert_ptr_equal(err.about, bad[0].name);
    assert_non_null(strstr(err.text, "no.such.thing"));
    source.client.items = owned;
    assert_null(sl_kafka_conf(&source, SL_KAFKA_PRODUCER, NULL, &err));
    assert_ptr_equal(err.about, owned[0].name);
    assert_non_null(strstr(err.text, "source.kafka.start"));
    source.client.items = value;
    assert_null(sl_kafka_conf(&source, SL_KAFKA_CONSUMER, NULL, &err));
    assert_ptr_equal(err.about, value[0].name);
}

static void check_finds_topics(void **state)
{
    struct world *w = *state;
    const char *topics[] = {"logs", "^app-.*"};
    struct sl_config config = {
        .source = {.brokers = {&w->broker, 1},
                   .topics = {topics, 2},
                   .group = "g",
                   .memory = 1u << 20},
        .dead_letter = "app-dead",
    };
    struct sl_error err = {.text = ""};
    struct sl_buf found;

    make_topic(w, "logs", 4);
    make_topic(w, "app-one", 2);
    make_topic(w, "app-two", 2);
    make_topic(w, "app-dead", 1);
    sl_buf_init(&found, 1 << 16);
    assert_int_equal(sl_kafka_check(&config, w->log, 10000, &found, &err), SL_OK);
    assert_non_null(strstr(sl_buf_str(&found), "topic logs has 4 partition(s)"));
    assert_non_null(
        strstr(sl_buf_str(&found), "pattern ^app-.* matches 2 topics with 4 partitions"));
    assert_non_null(strstr(sl_buf_str(&found), "dead-letter topic app-dead has 1 partition(s)"));
    assert_non_null(strstr(sl_buf_str(&found), "group g"));
    topics[0] = "nowhere";
    assert_int_equal(sl_kafka_check(&config, w->log, 10000, &found, &err), SL_EKAFKA);
    assert_non_null(strstr(err.text, "nowhere"));
    sl_buf_release(&found);
}

static void check_says_what_is_wrong(void **state)
{
    char name[100];
    const char *closed = "127.0.0.1:1", *unknown = name, *topic = "logs";
    struct sl_config config = {
        .source = {
            .brokers = {&closed, 1}, .topics = {&topic, 1}, .group = "g", .memory = 1u << 20}};
    struct sl_error err;
    struct sl_buf found;

    (void)state;
    sl_buf_init(&found, 1 << 16);
    assert_int_equal(sl_kafka_check(&config, NULL, 2000, &found, &err), SL_EKAFKA);
    assert_non_null(strstr(err.text, "no connection"));
    assert_non_null(strstr(err.text, "127.0.0.1:1"));
    /* A label over 63 bytes fails in the resolver before anything is asked of the network. */
    snprintf(name, sizeof(name), "%070d.invalid:9092", 0);
    config.source.brokers.items = &unknown;
    assert_int_equal(sl_kafka_check(&config, NULL, 10000, &found, &err), SL_EKAFKA);
    assert_non_null(strstr(err.text, "cannot be resolved"));
    assert_non_null(strstr(err.text, "000.invalid"));
    sl_buf_release(&found);
}

static void creating_a_topic_says_why_not(void **state)
{
    const char *closed = "127.0.0.1:1";
    struct sl_config config = {.source = {.brokers = {&closed, 1}, .memory = 1u << 20}};
    struct sl_error err = {.text = ""};

    (void)state;
    assert_int_equal(sl_kafka_create_topic(&config, NULL, "t", 1, 20000, true, &err), SL_EINVAL);
    assert_non_null(strstr(err.text, "topic t"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers),
        cmocka_unit_test(large_records),
        cmocka_unit_test(bad_properties),
        cmocka_unit_test_setup_teardown(check_finds_topics, world_setup, world_teardown),
        cmocka_unit_test(check_says_what_is_wrong),
        cmocka_unit_test(creating_a_topic_says_why_not),
    };
    return RUN_TESTS("client", tests);
}
