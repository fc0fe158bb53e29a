/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"

#include "kafka/read.h"
#include "kafka/write.h"

enum { POLL_MS = 100, TRIES = WAIT_MS / POLL_MS };

struct answers {
    size_t good, bad;
    char why[256];
};

struct desk {
    struct sl_config config;
    struct sl_property properties[2];
    struct sl_kafka_writer *w;
    struct answers got;
    struct sl_error err;
};

static void on_done(void *user, const char *why)
{
    struct answers *got = user;

    if (why) {
        got->bad++;
        snprintf(got->why, sizeof(got->why), "%s", why);
    } else {
        got->good++;
    }
}

static void open_desk(struct desk *d, struct world *w, const char *timeout_ms)
{
    *d = (struct desk){.properties = {{"message.timeout.ms", timeout_ms, 0, 0},
                                      {"message.max.bytes", "2000", 0, 0}}};
    d->config.source.brokers = (struct sl_strings){&w->broker, 1};
    d->config.source.group = "g";
    d->config.source.memory = 8 << 20;
    d->config.source.producer = (struct sl_properties){d->properties, 2};
    d->w = sl_kafka_writer_new(&d->config, NULL, &d->err);
    if (!d->w)
        fail_msg("%s", d->err.text);
}

static int put(struct desk *d, const char *topic, int32_t partition, struct sl_slice key,
               struct sl_slice value)
{
    static const struct sl_header headers[] = {{SL_SLICE_LITERAL("a"), SL_SLICE_LITERAL("1\0002")},
                                               {SL_SLICE_LITERAL("b"), {NULL, 0}}};
    const struct sl_kafka_write what = {
        .topic = topic,
        .partition = partition,
        .key = key,
        .value = value,
        .headers = headers,
        .n_headers = 2,
        .timestamp_ms = 1769860700123,
        .done = on_done,
        .user = &d->got,
    };

    return sl_kafka_writer_put(d->w, &what, &d->err);
}

static void settle(struct desk *d)
{
    for (int i = 0; i < TRIES && sl_kafka_writer_poll(d->w, POLL_MS); i++)
        ;
    assert_int_equal(sl_kafka_writer_poll(d->w, 0), 0);
}

static bool take(void *user, const struct sl_kafka_record *r)
{
    const struct sl_message *m = &r->message;
    size_t *n = user;

    ++*n;
    assert_int_equal(r->partition, 1);
    assert_int_equal(m->timestamp_ms, 1769860700123);
    assert_int_equal(m->n_headers, 2);
    assert_true(sl_slice_equal(m->headers[0].value, SL_SLICE_LITERAL("1\0002")));
    assert_null(m->headers[1].value.p);
    if (m->offset == 0) { /* a mark: neither key nor value */
        assert_null(m->key.p);
        assert_null(m->value.p);
    } else {
        assert_true(sl_slice_equal(m->key, SL_SLICE_LITERAL("k\0y")));
        assert_true(sl_slice_equal(m->value, SL_SLICE_LITERAL("v\0l")));
    }
    return true;
}

static void what_is_written_is_read(void **state)
{
    const struct sl_slice none = {NULL, 0};
    struct sl_kafka_read what = {.topic = "logs", .partition = -1, .offset = -1, .all = true};
    struct desk d;
    size_t n = 0;

    make_topic(*state, "logs", 2);
    open_desk(&d, *state, "120000");
    assert_int_equal(sl_kafka_writer_partitions(d.w, "logs"), 2);
    assert_int_equal(sl_kafka_writer_partitions(d.w, "others"), 0);
    assert_int_equal(put(&d, "logs", 1, none, none), SL_OK);
    assert_int_equal(d.got.good + d.got.bad, 0);
    settle(&d);
    assert_int_equal(put(&d, "logs", 1, SL_SLICE_LITERAL("k\0y"), SL_SLICE_LITERAL("v\0l")), SL_OK);
    settle(&d);
    assert_int_equal(d.got.good, 2);
    assert_int_equal(d.got.bad, 0);
    sl_kafka_writer_free(d.w);
    what.config = &d.config;
    assert_int_equal(sl_kafka_read(&what, take, &n, &d.err), SL_OK);
    assert_int_equal(n, 2);
}

static void what_cannot_be_written(void **state)
{
    char large[4000] = {0};
    struct desk d;

    make_topic(*state, "logs", 1);
    open_desk(&d, *state, "3000");
    assert_int_equal(put(&d, "logs", 0, SL_SLICE_LITERAL("k"), sl_slice(large, sizeof(large))),
                     SL_EKAFKA);
    assert_non_null(strstr(d.err.text, "too large"));
    assert_int_equal(sl_kafka_writer_poll(d.w, 0), 0);
    assert_int_equal(d.got.good + d.got.bad, 0);
    all_brokers_down(*state);
    assert_int_equal(put(&d, "logs", 0, SL_SLICE_LITERAL("k"), SL_SLICE_LITERAL("v")), SL_OK);
    settle(&d); /* message.timeout.ms */
    assert_int_equal(d.got.bad, 1);
    assert_non_null(strstr(d.got.why, "timed out"));
    sl_kafka_writer_free(d.w);
    all_brokers_up(*state);
}

/* Whoever is still waited for hears of it when the writer goes. */
static void the_writer_goes(void **state)
{
    struct desk d;

    make_topic(*state, "logs", 1);
    open_desk(&d, *state, "120000");
    all_brokers_down(*state);
    assert_int_equal(put(&d, "logs", 0, SL_SLICE_LITERAL("k"), SL_SLICE_LITERAL("v")), SL_OK);
    sl_kafka_writer_free(d.w);
    assert_int_equal(d.got.bad, 1);
    all_brokers_up(*state);
}

static void no_broker(void **state)
{
    struct desk d = {.config.source.memory = 8 << 20};
    const char *nowhere = "127.0.0.1:1";

    (void)state;
    d.config.source.brokers = (struct sl_strings){&nowhere, 1};
    d.config.source.group = "g";
    d.w = sl_kafka_writer_new(&d.config, NULL, &d.err);
    assert_null(d.w);
    assert_non_null(strstr(d.err.text, "no connection to the broker"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_writer_goes, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(no_broker, world_setup, world_teardown),
    };

    return RUN_TESTS("kafka write", tests);
}
