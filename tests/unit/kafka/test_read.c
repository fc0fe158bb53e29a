/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"

#include "kafka/read.h"

enum { READ_MS = WAIT_MS, TAKEN_MAX = 64 };

/* What was handed over, as "partition/offset value". */
struct taken {
    char *items[TAKEN_MAX];
    size_t n, room; /* room: of records until `enough` */
};

static bool take(void *user, const struct sl_kafka_record *r)
{
    struct taken *t = user;

    assert_string_equal(r->topic, "logs");
    assert_true(r->cluster_id && r->cluster_id[0]);
    assert_null(r->message.at);
    assert_true(t->n < TAKEN_MAX);
    t->items[t->n++] = sl_asprintf("%d/%lld %.*s", r->partition, (long long)r->message.offset,
                                   (int)strcspn(r->message.value.p, " "), r->message.value.p);
    return t->n < t->room;
}

static void forget(struct taken *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i]);
    t->n = 0;
}

struct reader {
    struct sl_config config;
    struct sl_kafka_read what;
    struct sl_error err;
    struct taken taken;
};

static void reader_init(struct reader *r, struct world *w, const char *topic)
{
    *r = (struct reader){.taken.room = TAKEN_MAX};
    r->config.source.brokers = (struct sl_strings){&w->broker, 1};
    r->config.source.group = "g";
    r->config.source.memory = 8 << 20;
    r->what = (struct sl_kafka_read){
        .config = &r->config,
        .topic = topic,
        .partition = -1,
        .offset = -1,
        .timeout_ms = READ_MS,
    };
}

static int read_last(struct reader *r, uint64_t n)
{
    forget(&r->taken);
    r->what.last = n;
    return sl_kafka_read(&r->what, take, &r->taken, &r->err);
}

static int read_one(struct reader *r, int32_t partition, int64_t offset)
{
    forget(&r->taken);
    r->what.partition = partition;
    r->what.offset = offset;
    return sl_kafka_read(&r->what, take, &r->taken, &r->err);
}

static void has(const struct reader *r, const char *item)
{
    for (size_t i = 0; i < r->taken.n; i++)
        if (!strcmp(r->taken.items[i], item))
            return;
    fail_msg("not read: %s", item);
}

static void one_record_by_its_place(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", 2, 10);
    reader_init(&r, w, "logs");
    assert_int_equal(read_one(&r, 1, 0), SL_OK);
    assert_int_equal(r.taken.n, 1);
    has(&r, "1/0 1:0");
    assert_int_equal(read_one(&r, 0, 9), SL_OK);
    assert_int_equal(r.taken.n, 1);
    has(&r, "0/9 0:9");
    forget(&r.taken);
}

static bool take_whole(void *user, const struct sl_kafka_record *r)
{
    const struct sl_message *m = &r->message;
    size_t *n = user;

    ++*n;
    assert_int_equal(m->timestamp_ms, 1768464000123);
    assert_true(sl_slice_is(m->key, "the key"));
    assert_int_equal(m->n_headers, 2);
    assert_true(sl_slice_is(m->headers[0].name, "a") && sl_slice_is(m->headers[0].value, "1"));
    assert_true(sl_slice_is(m->headers[1].name, "b") && !m->headers[1].value.p);
    assert_null(m->value.p);
    return true;
}

static void all_of_a_record(void **state)
{
    struct world *w = *state;
    struct reader r;
    size_t n = 0;

    make_topic(w, "logs", 1);
    assert_int_equal(rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC("logs"),
                                       RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_KEY("the key", 7),
                                       RD_KAFKA_V_TIMESTAMP(1768464000123),
                                       RD_KAFKA_V_HEADER("a", "1", 1),
                                       RD_KAFKA_V_HEADER("b", NULL, 0), RD_KAFKA_V_END),
                     0);
    flush(w);
    reader_init(&r, w, "logs");
    r.what.last = 1;
    assert_int_equal(sl_kafka_read(&r.what, take_whole, &n, &r.err), SL_OK);
    assert_int_equal(n, 1);
}

/* Each partition gives the same share, but one that has less gives all it has. */
static void the_newest_of_all_partitions(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_topic(w, "logs", 4);
    produce(w, "logs", 0, 10);
    produce(w, "logs", 1, 2);
    produce(w, "logs", 3, 20);
    flush(w);
    reader_init(&r, w, "logs");
    assert_int_equal(read_last(&r, 9), SL_OK);
    assert_int_equal(r.taken.n, 9);
    has(&r, "1/0 1:0");
    has(&r, "1/1 1:1");
    has(&r, "0/7 0:7");
    has(&r, "0/9 0:9");
    has(&r, "3/19 3:19");
    has(&r, "3/17 3:17");
    assert_int_equal(read_last(&r, 1000000), SL_OK);
    assert_int_equal(r.taken.n, 32);
    assert_int_equal(read_last(&r, 1), SL_OK);
    assert_int_equal(r.taken.n, 1);
    r.what.partition = 3;
    assert_int_equal(read_last(&r, 2), SL_OK);
    assert_int_equal(r.taken.n, 2);
    assert_string_equal(r.taken.items[0], "3/18 3:18");
    assert_string_equal(r.taken.items[1], "3/19 3:19");
    r.what.partition = 2;
    assert_int_equal(read_last(&r, 2), SL_OK);
    assert_int_equal(r.taken.n, 0);
    forget(&r.taken);
}

static void enough_is_enough(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", 2, 20);
    reader_init(&r, w, "logs");
    r.taken.room = 3;
    assert_int_equal(read_last(&r, 30), SL_OK);
    assert_int_equal(r.taken.n, 3);
    forget(&r.taken);
}

static void the_group_does_not_notice(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", 2, 5);
    watch_requests(w, JOIN_GROUP, 100, 0);
    watch_requests(w, OFFSET_COMMIT, 100, 0);
    reader_init(&r, w, "logs");
    assert_int_equal(read_last(&r, 100), SL_OK);
    assert_int_equal(r.taken.n, 10);
    assert_int_equal(requests(w, JOIN_GROUP), 0);
    assert_int_equal(requests(w, OFFSET_COMMIT), 0);
    forget(&r.taken);
}

static void what_is_not_there(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", 2, 5);
    make_topic(w, "empty", 1);
    reader_init(&r, w, "log");
    assert_int_equal(read_last(&r, 1), SL_ENOENT);
    assert_string_equal(r.err.text, "there is no topic log; did you mean logs?");
    reader_init(&r, w, "logs");
    assert_int_equal(read_one(&r, 2, 0), SL_ENOENT);
    assert_string_equal(r.err.text, "topic logs has no partition 2: it has 2, from 0");
    assert_int_equal(read_one(&r, 1, 5), SL_ENOENT);
    assert_string_equal(r.err.text,
                        "topic logs, partition 1 holds the offsets 0 to 4; 5 is not there yet");
    reader_init(&r, w, "empty");
    assert_int_equal(read_one(&r, 0, 0), SL_ENOENT);
    assert_string_equal(r.err.text, "topic empty, partition 0 is empty");
    assert_int_equal(r.taken.n, 0);
}

static void what_retention_took(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_topic(w, "logs", 1); /* of which the mock keeps 5 MiB */
    produce_bytes(w, "logs", 0, 30, 400 << 10);
    flush(w);
    reader_init(&r, w, "logs");
    assert_int_equal(read_one(&r, 0, 0), SL_ENOENT);
    assert_non_null(strstr(r.err.text, "; 0 is gone already"));
    r.what.partition = -1;
    r.what.offset = -1;
    assert_int_equal(read_last(&r, 1000), SL_OK);
    assert_true(r.taken.n > 0 && r.taken.n < 30);
    assert_string_equal(r.taken.items[r.taken.n - 1], "0/29 0:29");
    forget(&r.taken);
}

static void nobody_answers(void **state)
{
    struct world *w = *state;
    struct reader r;

    make_full_topic(w, "logs", 1, 1);
    all_brokers_down(w);
    reader_init(&r, w, "logs");
    r.what.timeout_ms = 5000;
    assert_int_equal(read_last(&r, 1), SL_EKAFKA);
    assert_non_null(strstr(r.err.text, "no connection to the broker"));
    all_brokers_up(w);
}

/* ---- everything, and more than once ---- */

struct whole {
    struct taken taken;
    int64_t low[4], high[4];
    size_t bounds, asked, stop_after; /* 0: never */
    int refuse;                       /* what bounds answers */
};

static bool take_whole_topic(void *user, const struct sl_kafka_record *r)
{
    return take(&((struct whole *)user)->taken, r);
}

static int on_bounds(void *user, int32_t partition, int64_t low, int64_t high, struct sl_error *err)
{
    struct whole *w = user;

    assert_int_equal(w->taken.n, 0);
    w->low[partition] = low;
    w->high[partition] = high;
    w->bounds++;
    return w->refuse ? sl_fail(err, w->refuse, "no account") : SL_OK;
}

static bool on_stop(void *user)
{
    struct whole *w = user;

    return w->stop_after && ++w->asked >= w->stop_after;
}

static int read_everything(struct reader *r, struct sl_kafka_reader *by, int64_t from,
                           struct whole *w)
{
    r->what.all = true;
    r->what.from = from;
    r->what.offset = -1;
    r->what.bounds = on_bounds;
    r->what.stop = on_stop;
    forget(&w->taken);
    w->bounds = w->asked = 0;
    return sl_kafka_reader_read(by, &r->what, take_whole_topic, w, &r->err);
}

static void everything_more_than_once(void **state)
{
    struct world *w = *state;
    struct whole whole = {.taken.room = TAKEN_MAX};
    struct sl_kafka_reader *by;
    struct reader r;

    make_topic(w, "logs", 3);
    produce(w, "logs", 0, 10);
    produce(w, "logs", 2, 4);
    flush(w);
    reader_init(&r, w, "logs");
    by = sl_kafka_reader_new(&r.config, NULL, READ_MS, &r.err);
    assert_non_null(by);
    assert_true(sl_kafka_reader_cluster(by)[0]);
    assert_int_equal(read_everything(&r, by, 0, &whole), SL_OK);
    assert_int_equal(whole.taken.n, 14);
    assert_int_equal(whole.bounds, 3);
    assert_int_equal(whole.low[0], 0);
    assert_int_equal(whole.high[0], 10);
    assert_int_equal(whole.high[1], 0);
    assert_int_equal(read_everything(&r, by, 3, &whole), SL_OK);
    assert_int_equal(whole.taken.n, 8);
    r.what.partition = 2;
    assert_int_equal(read_everything(&r, by, 2, &whole), SL_OK);
    assert_int_equal(whole.taken.n, 2);
    assert_string_equal(whole.taken.items[0], "2/2 2:2");
    assert_int_equal(read_everything(&r, by, 100, &whole), SL_OK);
    assert_int_equal(whole.taken.n, 0);
    r.what.topic = "absent";
    assert_int_equal(read_everything(&r, by, 0, &whole), SL_ENOENT);
    sl_kafka_reader_free(by);
    forget(&whole.taken);
}

static void reading_that_is_stopped(void **state)
{
    struct world *w = *state;
    struct whole whole = {.taken.room = TAKEN_MAX, .stop_after = 5};
    struct sl_kafka_reader *by;
    struct reader r;

    make_full_topic(w, "logs", 1, 30);
    reader_init(&r, w, "logs");
    by = sl_kafka_reader_new(&r.config, NULL, READ_MS, &r.err);
    assert_int_equal(read_everything(&r, by, 0, &whole), SL_OK);
    assert_true(whole.taken.n <= 5);
    whole.stop_after = 0;
    whole.refuse = SL_ELIMIT;
    assert_int_equal(read_everything(&r, by, 0, &whole), SL_ELIMIT);
    assert_string_equal(r.err.text, "no account");
    assert_int_equal(whole.taken.n, 0);
    sl_kafka_reader_free(by);
    forget(&whole.taken);
}

static bool count_headers(void *user, const struct sl_kafka_record *r)
{
    *(size_t *)user = r->message.n_headers;
    return true;
}

/* A letter has more than its record: none of them is cut off. */
static void headers_of_a_letter(void **state)
{
    struct world *w = *state;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(SL_HEADERS_MAX + 10);
    struct reader r;
    size_t n = 0;

    make_topic(w, "logs", 1);
    for (int i = 0; i < SL_HEADERS_MAX + 10; i++)
        rd_kafka_header_add(headers, "h", -1, "v", 1);
    assert_int_equal(rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC("logs"),
                                       RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE("x", 1),
                                       RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END),
                     0);
    flush(w);
    reader_init(&r, w, "logs");
    r.what.last = 1;
    assert_int_equal(sl_kafka_read(&r.what, count_headers, &n, &r.err), SL_OK);
    assert_int_equal(n, SL_HEADERS_MAX + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_record_by_its_place, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(all_of_a_record, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_newest_of_all_partitions, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(enough_is_enough, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(the_group_does_not_notice, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_retention_took, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(nobody_answers, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(everything_more_than_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(reading_that_is_stopped, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(headers_of_a_letter, world_setup, world_teardown),
    };

    return RUN_TESTS("kafka read", tests);
}
