/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"
#include "kafka/producer.h"

struct sender {
    struct world *w;
    struct sl_source_config source;
    struct sl_property properties[4];
    struct sl_producer *p;
    struct sl_letters *letters;
    uint64_t good, bad;
    bool inside; /* put() is on the stack */
};

static void on_done(void *user, int code)
{
    struct sender *s = user;

    assert_false(s->inside);
    if (code)
        s->bad++;
    else
        s->good++;
}

static void sender_open_for(struct sender *s, struct world *w, size_t memory,
                            const char *timeout_ms)
{
    struct sl_error err = {.text = ""};

    memset(s, 0, sizeof(*s));
    s->w = w;
    s->source.brokers = (struct sl_strings){&w->broker, 1};
    s->source.group = "sluice";
    s->source.memory = 64u << 20;
    s->properties[0] = (struct sl_property){"message.timeout.ms", timeout_ms, 0, 0};
    s->source.producer = (struct sl_properties){s->properties, 1};
    s->p = sl_producer_new(&w->loop, &s->source, memory, &err);
    assert_string_equal(err.text, "");
    s->letters = sl_producer_letters(s->p);
}

static void sender_open(struct sender *s, struct world *w, size_t memory)
{
    sender_open_for(s, w, memory, "120000");
}

static int sender_put(struct sender *s, struct sl_slice key, struct sl_slice value,
                      const struct sl_header *headers, size_t n)
{
    struct sl_letter letter = {
        .topic = "logs.dead",
        .key = key,
        .value = value,
        .headers = headers,
        .n_headers = n,
        .sink = "search",
        .rule = "errors",
        .reason = SL_SLICE_LITERAL("mapper_parsing_exception"),
        .status = 400,
        .source_topic = "logs",
        .source_partition = 3,
        .source_offset = 123456789012,
        .source_index = 2,
        .source_ms = 1769860700123,
        .done = on_done,
        .user = s,
    };
    int code;

    s->inside = true;
    code = s->letters->put(s->letters, &letter);
    s->inside = false;
    return code;
}

/* ---- reading them back ---- */

static rd_kafka_message_t *read_one(struct world *w, rd_kafka_t **ret_rk)
{
    rd_kafka_t *rk = outsider(w, "reader");
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_message_t *m = NULL;

    rd_kafka_topic_partition_list_add(list, "logs.dead", 0)->offset = 0;
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (int i = 0; i < WAIT_MS / 100 && !m; i++) {
        m = rd_kafka_consumer_poll(rk, 100);
        if (m && m->err) {
            rd_kafka_message_destroy(m);
            m = NULL;
        }
    }
    assert_non_null(m);
    *ret_rk = rk;
    return m;
}

static void assert_header(const rd_kafka_message_t *m, const char *name, const char *value)
{
    rd_kafka_headers_t *headers;
    const void *p;
    size_t n;

    assert_int_equal(rd_kafka_message_headers(m, &headers), 0);
    if (!value) {
        assert_int_not_equal(rd_kafka_header_get_last(headers, name, &p, &n), 0);
        return;
    }
    assert_int_equal(rd_kafka_header_get_last(headers, name, &p, &n), 0);
    assert_int_equal(n, strlen(value));
    assert_memory_equal(p, value, n);
}

static void close_reader(rd_kafka_t *rk, rd_kafka_message_t *m)
{
    rd_kafka_message_destroy(m);
    rd_kafka_destroy(rk);
}

static void whole_letter(void **state)
{
    struct world *w = *state;
    const struct sl_header headers[] = {{SL_SLICE_LITERAL("trace"), SL_SLICE_LITERAL("a\0b")},
                                        {SL_SLICE_LITERAL("none"), {NULL, 0}}};
    struct sender s;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;
    rd_kafka_headers_t *list;
    const void *p;
    size_t n;

    make_topic(w, "logs.dead", 1);
    sender_open(&s, w, 16u << 20);
    assert_int_equal(
        sender_put(&s, SL_SLICE_LITERAL("k\0y"), SL_SLICE_LITERAL("{\"a\":\0}"), headers, 2),
        SL_OK);
    assert_int_equal(s.good, 0);
    UNTIL(w, s.good == 1);
    m = read_one(w, &rk);
    assert_int_equal(m->key_len, 3);
    assert_memory_equal(m->key, "k\0y", 3);
    assert_int_equal(m->len, 7);
    assert_memory_equal(m->payload, "{\"a\":\0}", 7);
    assert_header(m, "sluice-sink", "search");
    assert_header(m, "sluice-rule", "errors");
    assert_header(m, "sluice-timestamp", "1769860700123");
    assert_header(m, "sluice-reason", "mapper_parsing_exception");
    assert_header(m, "sluice-status", "400");
    assert_header(m, "sluice-topic", "logs");
    assert_header(m, "sluice-partition", "3");
    assert_header(m, "sluice-offset", "123456789012");
    assert_header(m, "sluice-index", "2");
    assert_header(m, "sluice-truncated", NULL);
    rd_kafka_message_headers(m, &list);
    assert_int_equal(rd_kafka_header_get_last(list, "sluice-time", &p, &n), 0);
    assert_int_equal(n, strlen("2026-01-01T00:00:00.000Z"));
    assert_int_equal(((const char *)p)[10], 'T');
    assert_int_equal(rd_kafka_header_get_last(list, "trace", &p, &n), 0);
    assert_int_equal(n, 3);
    assert_int_equal(rd_kafka_header_get_last(list, "none", &p, &n), 0);
    assert_null(p);
    close_reader(rk, m);
    sl_producer_free(s.p);
}

static void nulls_stay_nulls(void **state)
{
    struct world *w = *state;
    struct sender s;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    make_topic(w, "logs.dead", 1);
    sender_open(&s, w, 16u << 20);
    assert_int_equal(sender_put(&s, sl_slice(NULL, 0), sl_slice(NULL, 0), NULL, 0), SL_OK);
    UNTIL(w, s.good == 1);
    m = read_one(w, &rk);
    assert_null(m->key);
    assert_null(m->payload);
    close_reader(rk, m);
    sl_producer_free(s.p);
}

/* The topic says no: again with an empty value, the headers kept. */
static void c14_too_large_for_the_topic(void **state)
{
    struct world *w = *state;
    const struct sl_header headers[] = {{SL_SLICE_LITERAL("trace"), SL_SLICE_LITERAL("abc")}};
    struct sender s;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    make_topic(w, "logs.dead", 1);
    sender_open(&s, w, 16u << 20);
    rd_kafka_mock_push_request_errors(w->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    assert_int_equal(sender_put(&s, SL_SLICE_LITERAL("key"), SL_SLICE_LITERAL("value"), headers, 1),
                     SL_OK);
    UNTIL(w, s.good == 1);
    m = read_one(w, &rk);
    assert_int_equal(m->len, 0);
    assert_non_null(m->payload);
    assert_memory_equal(m->key, "key", 3);
    assert_header(m, "trace", "abc");
    assert_header(m, "sluice-truncated", "value");
    assert_header(m, "sluice-topic", "logs");
    assert_header(m, "sluice-partition", "3");
    assert_header(m, "sluice-offset", "123456789012");
    close_reader(rk, m);
    sl_producer_free(s.p);
}

/* And if it is the headers that are too large, they go as well; the client itself can be the one to
 * say so. */
static void too_large_headers(void **state)
{
    struct world *w = *state;
    char *big = sl_zalloc(17u << 20);
    struct sl_header headers[] = {{SL_SLICE_LITERAL("trace"), {big, 17u << 20}}};
    struct sender s;
    rd_kafka_t *rk;
    rd_kafka_message_t *m;

    make_topic(w, "logs.dead", 1);
    sender_open(&s, w, 16u << 20);
    assert_int_equal(sender_put(&s, SL_SLICE_LITERAL("key"), SL_SLICE_LITERAL("value"), headers, 1),
                     SL_OK);
    UNTIL(w, s.good == 1);
    m = read_one(w, &rk);
    assert_int_equal(m->len, 0);
    assert_header(m, "trace", NULL);
    assert_header(m, "sluice-truncated", "value,headers,key");
    assert_header(m, "sluice-sink", "search");
    close_reader(rk, m);
    sl_producer_free(s.p);
    free(big);
}

static void bounded_in_bytes(void **state)
{
    struct world *w = *state;
    static char value[100000];
    struct sender s;
    int code = SL_OK;
    uint64_t put = 0;

    make_topic(w, "logs.dead", 1);
    sender_open(&s, w, 1u << 20);
    while (put < 100 && (code = sender_put(&s, sl_slice(NULL, 0), sl_slice(value, sizeof(value)),
                                           NULL, 0)) == SL_OK)
        put++;
    assert_int_equal(code, SL_EFULL);
    assert_in_range(put, 8, 10);
    UNTIL(w, s.good == put); /* room again once confirmed */
    assert_int_equal(sender_put(&s, sl_slice(NULL, 0), sl_slice(value, sizeof(value)), NULL, 0),
                     SL_OK);
    UNTIL(w, s.good == put + 1);
    assert_int_equal(s.bad, 0);
    sl_producer_free(s.p);
}

/* As a sink does. */
static void try_again(struct sender *s)
{
    uint64_t answers = s->good + s->bad;

    assert_int_equal(sender_put(s, sl_slice(NULL, 0), SL_SLICE_LITERAL("2"), NULL, 0), SL_OK);
    UNTIL(s->w, s->good + s->bad > answers);
    assert_true(s->bad < 50);
}

/* No broker: the letter is not there, and says so; when they are back the next one goes. */
static void brokers_down(void **state)
{
    struct world *w = *state;
    struct sender s;

    make_topic(w, "logs.dead", 1);
    sender_open_for(&s, w, 16u << 20, "3000");
    while (s.good < 1)
        try_again(&s);
    s.bad = 0;
    all_brokers_down(w);
    assert_int_equal(sender_put(&s, sl_slice(NULL, 0), SL_SLICE_LITERAL("2"), NULL, 0), SL_OK);
    UNTIL(w, s.bad == 1);
    assert_int_equal(s.good, 1);
    all_brokers_up(w);
    while (s.good < 2)
        try_again(&s);
    sl_producer_free(s.p);
}

static void freed_with_letters_under_way(void **state)
{
    struct world *w = *state;
    struct sender s;

    all_brokers_down(w);
    sender_open(&s, w, 16u << 20);
    for (int i = 0; i < 100; i++)
        assert_int_equal(sender_put(&s, SL_SLICE_LITERAL("k"), SL_SLICE_LITERAL("v"), NULL, 0),
                         SL_OK);
    sl_producer_free(s.p);
    assert_int_equal(s.good, 0);
    assert_int_equal(s.bad, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(whole_letter),
        T(nulls_stay_nulls),
        T(c14_too_large_for_the_topic),
        T(too_large_headers),
        T(bounded_in_bytes),
        T(brokers_down),
        T(freed_with_letters_under_way),
    };
    return RUN_TESTS("producer", tests);
}
