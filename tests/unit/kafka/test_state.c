/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"

#include "kafka/state.h"

/* The state topic against librdkafka's mock. It makes no topic when it is asked to, so that what
 * is said then is tested here; that Kafka makes a compacted one, by an integration test. */

static const char topic[] = "sluice.state";

struct keeper {
    struct world *w;
    struct sl_config config;
    struct sl_property property;
    struct sl_state *st;
    const char *broker;
    bool inside; /* a call is on the stack */

    unsigned puts, answers; /* answered */
    int code;
    char why[512];
    char *values[SL_STATE_GET_MAX]; /* NULL: none */
    size_t n;
};

static void keeper_open(struct keeper *k, struct world *w)
{
    *k = (struct keeper){.w = w, .broker = w->broker};
    k->config.source.brokers = (struct sl_strings){&k->broker, 1};
    k->config.source.group = "sluice";
    k->config.source.memory = 8 << 20;
    k->config.state_topic = topic;
    k->st = sl_state_new(&w->loop, &k->config);
}

static void forget(struct keeper *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->values[i]);
    k->n = 0;
}

/* Handles and pool threads end with the loop: what is left then is a leak. */
static void keeper_close(struct keeper *k)
{
    sl_state_free(k->st);
    forget(k);
}

static void on_put(void *user, int code, const char *why)
{
    struct keeper *k = user;

    assert_false(k->inside);
    k->puts++;
    k->code = code;
    snprintf(k->why, sizeof(k->why), "%s", why);
    assert_true((code == SL_OK) == (*why == '\0'));
}

static void on_got(void *user, int code, const char *why, const struct sl_slice *values, size_t n)
{
    struct keeper *k = user;

    assert_false(k->inside);
    assert_true((code == SL_OK) == (values != NULL));
    forget(k);
    k->answers++;
    k->code = code;
    snprintf(k->why, sizeof(k->why), "%s", why);
    for (size_t i = 0; i < n; i++)
        k->values[k->n++] = values[i].p ? sl_strndup(values[i].p, values[i].n) : NULL;
}

/* "a1" stands for a hash that begins with it. */
static const char *hash_of(const char *begin, char ret[SL_SHA256_HEX + 1])
{
    memset(ret, '0', SL_SHA256_HEX);
    ret[SL_SHA256_HEX] = '\0';
    memcpy(ret, begin, strlen(begin));
    return ret;
}

static void begin_put(struct keeper *k, const char *name, struct sl_slice value)
{
    char hash[SL_SHA256_HEX + 1];

    k->inside = true;
    sl_state_put(k->st, hash_of(name, hash), value, on_put, k);
    memset(hash, 'x', sizeof(hash)); /* borrowed for the call only */
    k->inside = false;
}

static int put(struct keeper *k, const char *name, const char *text)
{
    unsigned before = k->puts;

    begin_put(k, name, sl_slice_str(text));
    UNTIL(k->w, k->puts > before);
    assert_int_equal(k->puts, before + 1);
    return k->code;
}

static void begin_get(struct keeper *k, const char *const *wanted, size_t n)
{
    char hashes[4][SL_SHA256_HEX + 1];
    const char *heads[4];

    for (size_t i = 0; i < n; i++) {
        heads[i] = hash_of(wanted[i], hashes[i]);
        hashes[i][SL_STATE_HEAD] = '\0';
    }
    k->inside = true;
    sl_state_get(k->st, heads, n, on_got, k);
    k->inside = false;
}

static int get(struct keeper *k, const char *const *wanted, size_t n)
{
    unsigned before = k->answers;

    begin_get(k, wanted, n);
    UNTIL(k->w, k->answers > before);
    assert_int_equal(k->answers, before + 1);
    return k->code;
}

static void has(struct keeper *k, const char *name, const char *text)
{
    assert_int_equal(get(k, &name, 1), SL_OK);
    assert_int_equal(k->n, 1);
    if (!text)
        assert_null(k->values[0]);
    else
        assert_string_equal(k->values[0], text);
}

/* A record as somebody else writes it. */
static void write_as_is(struct world *w, int32_t partition, const char *key, struct sl_slice value)
{
    assert_int_equal(rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC(topic),
                                       RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_KEY(key, key ? strlen(key) : 0),
                                       RD_KAFKA_V_VALUE((void *)value.p, value.n),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     0);
    flush(w);
}

static void write_value(struct world *w, int32_t partition, const char *name, const char *text)
{
    char hash[SL_SHA256_HEX + 1];

    write_as_is(w, partition, hash_of(name, hash), sl_slice_str(text));
}

/* ---- tests ---- */

static void what_is_put_is_found_by_another(void **state)
{
    struct world *w = *state;
    const char *const wanted[] = {"c3", "a1", "b2"};
    struct keeper writer, reader;
    struct sl_buf large;

    make_topic(w, topic, 1);
    keeper_open(&writer, w);
    assert_int_equal(put(&writer, "a1", "first"), SL_OK);
    assert_int_equal(put(&writer, "b2", "second"), SL_OK);

    keeper_open(&reader, w);
    assert_int_equal(get(&reader, wanted, 3), SL_OK);
    assert_int_equal(reader.n, 3);
    assert_null(reader.values[0]);
    assert_string_equal(reader.values[1], "first");
    assert_string_equal(reader.values[2], "second");

    sl_buf_init(&large, 900 << 10); /* the largest that a version may be */
    while (large.n < large.max)
        sl_buf_byte(&large, (char)('a' + large.n % 23));
    begin_put(&writer, "d4", sl_buf_as_slice(&large));
    UNTIL(w, writer.puts == 3);
    assert_int_equal(writer.code, SL_OK);
    assert_int_equal(get(&reader, (const char *[]){"d4"}, 1), SL_OK);
    assert_int_equal(strlen(reader.values[0]), large.n);
    assert_memory_equal(reader.values[0], large.p, large.n);
    sl_buf_release(&large);
    keeper_close(&writer);
    keeper_close(&reader);
}

static void a_key_that_is_there_is_not_written_again(void **state)
{
    struct world *w = *state;
    struct keeper k;
    size_t before;

    make_topic(w, topic, 1);
    write_value(w, 0, "e5", "by another");
    keeper_open(&k, w);
    assert_int_equal(put(&k, "a1", "first"), SL_OK);
    has(&k, "e5", "by another");
    watch_requests(w, PRODUCE, 50, 0);
    assert_int_equal(put(&k, "a1", "first"), SL_OK);
    assert_int_equal(put(&k, "e5", "by another"), SL_OK); /* was read */
    assert_int_equal(requests(w, PRODUCE), 0);
    before = requests(w, PRODUCE);
    assert_int_equal(put(&k, "b2", "second"), SL_OK);
    assert_true(requests(w, PRODUCE) > before);
    keeper_close(&k);
}

static void the_newest_value_of_a_key_counts(void **state)
{
    struct world *w = *state;
    struct keeper k;
    char hash[SL_SHA256_HEX + 1];

    make_topic(w, topic, 3);
    write_value(w, 2, "a1", "old");
    write_value(w, 2, "b2", "taken away");
    write_value(w, 1, "c3", "kept");
    write_value(w, 2, "a1", "new");
    write_as_is(w, 2, hash_of("b2", hash), sl_slice(NULL, 0));
    keeper_open(&k, w);
    has(&k, "a1", "new");
    has(&k, "b2", NULL);
    has(&k, "c3", "kept");
    keeper_close(&k);
}

static void what_is_no_version_is_passed_over(void **state)
{
    struct world *w = *state;
    char hash[SL_SHA256_HEX + 1];
    struct keeper k;

    make_topic(w, topic, 1);
    hash_of("a1", hash);
    hash[SL_SHA256_HEX - 1] = '\0'; /* the same head, no hash */
    write_as_is(w, 0, hash, sl_slice_str("short"));
    hash_of("a1", hash);
    hash[20] = 'g';
    write_as_is(w, 0, hash, sl_slice_str("no hexadecimal"));
    write_as_is(w, 0, NULL, sl_slice_str("no key"));
    keeper_open(&k, w);
    has(&k, "a1", NULL);
    write_value(w, 0, "a1", "at last");
    has(&k, "a1", "at last"); /* what is not found is looked for again */
    keeper_close(&k);
}

/* What was read stays at hand: a partition that comes later asks the same. */
static void what_was_read_is_kept(void **state)
{
    struct world *w = *state;
    struct keeper k;

    make_topic(w, topic, 1);
    write_value(w, 0, "a1", "first");
    keeper_open(&k, w);
    has(&k, "a1", "first");
    all_brokers_down(w);
    has(&k, "a1", "first");
    keeper_close(&k);
}

static void questions_that_wait_share_one_read(void **state)
{
    struct world *w = *state;
    const char *const a[] = {"a1"}, *const both[] = {"b2", "c3"};
    struct keeper one, two;

    make_topic(w, topic, 1);
    write_value(w, 0, "a1", "first");
    write_value(w, 0, "b2", "second");
    write_value(w, 0, "c3", "third");
    keeper_open(&one, w);
    two = one;
    watch_requests(w, LIST_OFFSETS, 20, 0);
    begin_get(&one, a, 1);
    begin_get(&two, both, 2);
    UNTIL(w, one.answers && two.answers);
    assert_string_equal(one.values[0], "first");
    assert_string_equal(two.values[0], "second");
    assert_string_equal(two.values[1], "third");
    assert_int_equal(requests(w, LIST_OFFSETS), 2); /* beginning and end, once */
    forget(&two);
    keeper_close(&one);
}

static void without_the_topic_nothing_is_found_and_putting_says_why(void **state)
{
    struct world *w = *state;
    struct keeper k;

    keeper_open(&k, w);
    has(&k, "a1", NULL);
    assert_int_not_equal(put(&k, "a1", "first"), SL_OK);
    assert_non_null(strstr(k.why, "topic sluice.state cannot be created"));
    make_topic(w, topic, 1); /* by an operator */
    assert_int_equal(put(&k, "a1", "first"), SL_OK);
    has(&k, "a1", "first");
    keeper_close(&k);
}

static void a_refused_write_is_told_in_words(void **state)
{
    struct world *w = *state;
    static char large[4000];
    struct keeper k;

    make_topic(w, topic, 1);
    keeper_open(&k, w);
    k.property = (struct sl_property){"message.max.bytes", "2000", 0, 0};
    k.config.source.producer = (struct sl_properties){&k.property, 1};
    memset(large, 'x', sizeof(large));
    begin_put(&k, "a1", sl_slice(large, sizeof(large)));
    UNTIL(w, k.puts == 1);
    assert_int_equal(k.code, SL_EKAFKA);
    assert_non_null(strstr(k.why, "too large"));
    rd_kafka_mock_push_request_errors(w->mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_POLICY_VIOLATION);
    assert_int_equal(put(&k, "b2", "second"), SL_EKAFKA);
    assert_non_null(strstr(k.why, "olicy"));
    assert_int_equal(put(&k, "b2", "second"), SL_OK); /* it is not taken for written */
    has(&k, "b2", "second");
    keeper_close(&k);
}

static void brokers_that_cannot_be_reached_are_told_in_words(void **state)
{
    struct world *w = *state;
    const char *const a[] = {"a1"};
    struct keeper k;
    char broker[100];

    keeper_open(&k, w);
    /* A label over 63 bytes fails in the resolver before anything is asked of the network. */
    snprintf(broker, sizeof(broker), "%070d.invalid:9092", 0);
    k.broker = broker;
    assert_int_equal(get(&k, a, 1), SL_EKAFKA);
    assert_non_null(strstr(k.why, "resolved"));
    assert_int_equal(put(&k, "a1", "first"), SL_EKAFKA);
    assert_non_null(strstr(k.why, "resolved"));
    keeper_close(&k);
}

static void an_end_answers_what_is_under_way(void **state)
{
    struct world *w = *state;
    const char *const a[] = {"a1"};
    struct keeper k;

    make_topic(w, topic, 1);
    for (int turns = 0; turns < 12; turns++) {
        keeper_open(&k, w);
        if (turns % 3 == 2)
            assert_int_equal(put(&k, "b2", "second"), SL_OK); /* the topic is there */
        k.puts = 0;
        begin_put(&k, "a1", sl_slice_str("first"));
        begin_get(&k, a, 1);
        for (int i = 0; i < turns; i++)
            uv_run(&w->loop.uv, UV_RUN_NOWAIT);
        keeper_close(&k);
        assert_int_equal(k.puts, 1);
        assert_int_equal(k.answers, 1);
        UNTIL(w, w->loop.uv.active_reqs.count == 0); /* pool threads ask a cluster that answers */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
        TEST(what_is_put_is_found_by_another),
        TEST(a_key_that_is_there_is_not_written_again),
        TEST(the_newest_value_of_a_key_counts),
        TEST(what_is_no_version_is_passed_over),
        TEST(what_was_read_is_kept),
        TEST(questions_that_wait_share_one_read),
        TEST(without_the_topic_nothing_is_found_and_putting_says_why),
        TEST(a_refused_write_is_told_in_words),
        TEST(brokers_that_cannot_be_reached_are_told_in_words),
        TEST(an_end_answers_what_is_under_way),
    };

    return RUN_TESTS("kafka_state", tests);
}
