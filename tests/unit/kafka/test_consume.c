/* SPDX-License-Identifier: Apache-2.0 */
#include "damage.h"
#include "member.h"

#include <dlfcn.h>

/* Partitions that the library was told to resume. What one that was not paused does wrong then
 * shows nowhere else: the repeated records are dropped. */
static size_t resumed;

rd_kafka_resp_err_t rd_kafka_resume_partitions(rd_kafka_t *rk,
                                               rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, rd_kafka_topic_partition_list_t *);

    *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_resume_partitions");
    resumed += (size_t)partitions->cnt;
    return real(rk, partitions);
}

static void assert_ready(struct member *m, bool ready, const char *text)
{
    char words[512];

    assert_int_equal(sl_consumer_ready(m->c, words, sizeof(words)), ready);
    if (!strstr(words, text))
        fail_msg("`%s` does not say `%s`", words, text);
}

static void everything_in_order(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 6, 5000);
    member_start(&m, w, "logs");
    assert_ready(&m, false, "joining the group");
    UNTIL(w, m.n == 30000);
    assert_ready(&m, true, "assigned 6 partitions");
    UNTIL(w, sl_consumer_partitions(m.c, &(size_t){0})[0]->committed == 5000);
    for (int32_t i = 0; i < 6; i++) {
        assert_int_equal(m.seen[i].last, 4999);
        assert_int_equal(m.seen[i].at->log_end, 5000);
    }
    assert_int_equal(m.broken, 0);
    assert_int_equal(m.topics, 1);
    member_close(&m);
    for (int32_t i = 0; i < 6; i++)
        assert_int_equal(committed(w, "logs", i), 5000);
}

/* Room for a few messages at a time: each refusal parks one and pauses all. */
static void back_pressure(void **state)
{
    struct world *w = *state;
    struct member m;
    uint64_t refused;

    make_full_topic(w, "logs", 4, 3000);
    member_init(&m, w, "logs");
    m.room = 0;
    member_open(&m, NULL, 0);
    for (int round = 0; round < 12; round++) {
        UNTIL(w, sl_consumer_paused(m.c));
        refused = m.refused;
        assert_true(refused > 0);
        for (int i = 0; i < 5; i++)
            uv_run(&w->loop.uv, UV_RUN_ONCE);
        assert_int_equal(m.refused, refused); /* not offered again before there is room */
        m.room = 777;
        sl_consumer_resume(m.c);
        UNTIL(w, m.room == 0);
        assert_int_equal(m.broken, 0);
    }
    m.room = -1;
    sl_consumer_resume(m.c);
    UNTIL(w, m.n == 12000);
    read_one_more(&m, 4);
    assert_int_equal(m.n, 12004);
    assert_int_equal(m.broken, 0);
    assert_false(sl_consumer_paused(m.c));
    member_close(&m);
}

/* A pause of the user's own, with nothing parked, and both calls twice. */
static void pause_and_resume_are_idempotent(void **state)
{
    struct world *w = *state;
    struct member m;

    resumed = 0;
    make_topic(w, "logs", 2);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 2);
    sl_consumer_resume(m.c); /* never paused: must not rewind */
    fill(w, "logs", 2, 1000);
    UNTIL(w, m.n == 2000);
    assert_int_equal(resumed, 0);
    sl_consumer_pause(m.c);
    sl_consumer_pause(m.c);
    produce(w, "logs", 0, 1000);
    flush(w);
    nothing_comes(&m);
    sl_consumer_resume(m.c);
    sl_consumer_resume(m.c);
    UNTIL(w, m.n == 3000);
    sl_consumer_resume(m.c);
    read_one_more(&m, 2);
    assert_int_equal(m.n, 3002);
    assert_int_equal(resumed, 2);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* Messages that come although everything should be paused: the library is resumed behind our back
 * while one message is parked. They are dropped, and read again after it, in order. */
static void nothing_overtakes_the_parked_message(void **state)
{
    struct world *w = *state;
    struct member m;
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(3);
    bool rewound = false;

    make_topic(w, "logs", 3);
    for (int32_t i = 0; i < 3; i++) {
        produce(w, "logs", i, 2000);
        rd_kafka_topic_partition_list_add(all, "logs", i);
    }
    flush(w);
    member_init(&m, w, "logs");
    m.room = 100;
    member_open(&m, NULL, 0);
    UNTIL(w, sl_consumer_paused(m.c) && m.c->parked);
    rd_kafka_resume_partitions(m.c->rk, all);
    UNTIL(w, sl_part_of(m.seen[0].at)->rewind && sl_part_of(m.seen[1].at)->rewind &&
                 sl_part_of(m.seen[2].at)->rewind);
    rewound = true;
    assert_int_equal(m.n, 100);
    rd_kafka_pause_partitions(m.c->rk, all);
    m.room = -1;
    sl_consumer_resume(m.c);
    UNTIL(w, m.n == 6000);
    read_one_more(&m, 3);
    assert_int_equal(m.n, 6003);
    assert_int_equal(m.broken, 0);
    assert_true(rewound);
    rd_kafka_topic_partition_list_destroy(all);
    member_close(&m);
}

/* Partitions that come while paused stay paused, and are read after the resume. */
static void assigned_while_paused(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 3, 500);
    member_init(&m, w, "logs");
    member_open(&m, NULL, 0);
    sl_consumer_pause(m.c);
    UNTIL(w, m.assigned == 3);
    nothing_comes(&m);
    assert_int_equal(m.n, 0);
    sl_consumer_resume(m.c);
    UNTIL(w, m.n == 1500);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void c11_headers_keys_and_tombstones(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    for (int i = 0; i < 10; i++)
        assert_int_equal(rd_kafka_producev(w->producer, RD_KAFKA_V_TOPIC("logs"),
                                           RD_KAFKA_V_PARTITION(0), RD_KAFKA_V_VALUE(NULL, 0),
                                           RD_KAFKA_V_HEADER("a", "1", 1),
                                           RD_KAFKA_V_HEADER("b", NULL, 0), RD_KAFKA_V_END),
                         0);
    produce(w, "logs", 0, 10);
    flush(w);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 20);
    assert_int_equal(m.headers, 20);
    member_close(&m);
}

/* A record far above every fetch limit still comes. */
static void a_large_record(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    produce_bytes(w, "logs", 0, 3, 900000);
    produce(w, "logs", 0, 10);
    flush(w);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 13);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* The library goes on behind a batch whose checksum is wrong; its records must not be lost. */
static void f27_damage_on_the_wire(void **state)
{
    struct world *w = *state;
    struct member m;

    produce_damaged(w);
    atomic_store(&damage, 2);
    member_start(&m, w, "logs");
    UNTIL(w, m.seen[0].last == 209);
    assert_int_equal(atomic_load(&damage), 0);
    assert_int_equal(m.seen[0].n, 210);
    assert_int_equal(m.broken, 0);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 210);
}

/* Damage in the log itself: the partition stops in front of it, and the others go on. */
static void f27_damage_that_stays(void **state)
{
    struct world *w = *state;
    struct member m;

    produce_damaged(w);
    atomic_store(&damage, 1 << 30);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 2 && m.seen[0].at->stopped);
    UNTIL(w, m.seen[1].n == 100);
    assert_ready(&m, false, "cannot be read from offset 100 on");
    assert_int_equal(m.seen[0].last, 99);
    assert_false(m.fatal);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 100);
}

/* The library is left with a paused partition that nobody paused: it is begun again, once. */
static void f31_nothing_comes_although_the_log_goes_on(void **state)
{
    struct world *w = *state;
    struct member m;
    rd_kafka_topic_partition_list_t *one = rd_kafka_topic_partition_list_new(1);

    make_full_topic(w, "logs", 2, 100);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 200);
    rd_kafka_topic_partition_list_add(one, "logs", 0);
    rd_kafka_pause_partitions(m.c->rk, one); /* behind our back */
    fill(w, "logs", 2, 10);
    UNTIL(w, m.seen[1].n == 110);
    m.c->bounds_ms = 0; /* tells that the log goes on */
    UNTIL(w, m.seen[0].at->log_end == 110);
    assert_int_equal(m.seen[0].n, 100);
    m.c->strand_ms = 0;
    UNTIL(w, m.seen[0].n == 110);
    assert_int_equal(sl_consumer_counts(m.c)->stirred, 1);
    assert_int_equal(m.broken, 0);
    rd_kafka_topic_partition_list_destroy(one);
    member_close(&m);
}

/* What does not come for another reason is left alone, and stirred once only: here the pause is the
 * user's, and then the log's end is a claim. */
static void stirred_once_and_not_when_paused(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 100);
    m.c->strand_ms = 0;
    sl_consumer_pause(m.c);
    m.seen[0].at->log_end = 1000;
    look_for_commits(&m);
    look_for_commits(&m);
    assert_int_equal(m.c->counts.stirred, 0);
    sl_consumer_resume(m.c);
    look_for_commits(&m);
    look_for_commits(&m);
    look_for_commits(&m);
    assert_int_equal(m.c->counts.stirred, 1);
    read_one_more(&m, 1);
    assert_int_equal(m.n, 101);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void excluded_topics(void **state)
{
    static const char *const excluded[] = {"app.dead", "app.state"};
    struct world *w = *state;
    struct member m;

    make_topic(w, "app.one", 1);
    make_topic(w, "app.two", 1);
    make_topic(w, "app.dead", 1);
    make_topic(w, "app.state", 1);
    make_topic(w, "__app.x", 1);
    make_topic(w, "appxdead", 1); /* the dot is a dot */
    produce(w, "app.one", 0, 10);
    produce(w, "app.dead", 0, 10);
    produce(w, "app.state", 0, 10);
    produce(w, "__app.x", 0, 10);
    flush(w);
    member_init(&m, w, "^.*app.*");
    m.many_topics = true;
    member_open(&m, excluded, 2);
    UNTIL(w, m.assigned == 3 && m.n == 10);
    produce(w, "app.one", 0, 1); /* everybody's first records lie there since before the join */
    UNTIL(w, m.n > 10 && m.seen[0].last == 10);
    assert_int_equal(m.topics, 3);
    assert_int_equal(m.n, 11);
    assert_null(sl_consumer_find(m.c, "app.dead", 0));
    assert_null(sl_consumer_find(m.c, "app.state", 0));
    assert_null(sl_consumer_find(m.c, "__app.x", 0));
    assert_non_null(sl_consumer_find(m.c, "appxdead", 0));
    member_close(&m);
}

static void decode_forms(void **state)
{
    struct world *w = *state;
    struct sl_decode_rule rules[] = {{.topic = "a", .form = SL_DECODE_JSON},
                                     {.topic = "^a.*", .form = SL_DECODE_TEXT}};
    struct member m;

    member_init(&m, w, "a");
    m.source.decode = rules;
    m.source.n_decode = 2;
    member_open(&m, NULL, 0);
    assert_int_equal(sl_topics_get(m.c, "a")->topic.decode, SL_DECODE_JSON);
    assert_int_equal(sl_topics_get(m.c, "ab")->topic.decode, SL_DECODE_TEXT);
    assert_int_equal(sl_topics_get(m.c, "b")->topic.decode, SL_DECODE_AUTO);
    assert_ptr_equal(sl_topics_get(m.c, "b"), sl_topics_get(m.c, "b"));
    member_close(&m);
}

static void f06_closed_before_anything_was_assigned(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 3);
    watch_requests(w, JOIN_GROUP, 10, 0);
    member_start(&m, w, "logs");
    UNTIL(w, requests(w, JOIN_GROUP) > 0);
    assert_int_equal(m.assigned, 0);
    member_close(&m);
    assert_int_equal(m.revoking, 0);
}

static void closed_without_any_broker(void **state)
{
    struct world *w = *state;
    struct member m;

    all_brokers_down(w);
    member_start(&m, w, "logs");
    UNTIL(w, m.c->trouble[0]);
    assert_ready(&m, false, "no broker answers");
    member_close(&m);
}

/* Giving up in the middle of everything: no callback, no message lost track of, nothing leaks. */
static void freed_without_close(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 1000);
    flush(w);
    member_init(&m, w, "logs");
    m.room = 10;
    member_open(&m, NULL, 0);
    UNTIL(w, m.c->parked);
    sl_consumer_free(m.c);
    assert_int_equal(m.ended, 0);
    assert_false(m.closed);
}

static void f25_brokers_go_and_come(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 3, 1000);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 3000);
    all_brokers_down(w);
    UNTIL(w, m.c->trouble[0]);
    assert_ready(&m, false, "no broker answers");
    all_brokers_up(w);
    fill(w, "logs", 3, 1000);
    UNTIL(w, m.seen[0].last == 1999 && m.seen[1].last == 1999 && m.seen[2].last == 1999);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* Leaders move while records flow. */
static void f24_leader_change(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    member_start(&m, w, "logs");
    for (int32_t round = 0; round < 4; round++) {
        UNTIL(w, m.n == 200u * (uint64_t)(round + 1));
        rd_kafka_mock_partition_set_leader(w->mock, "logs", 0, 1 + round % 3);
        rd_kafka_mock_partition_set_leader(w->mock, "logs", 1, 1 + (round + 1) % 3);
        if (round < 3)
            fill(w, "logs", 2, 100);
    }
    assert_int_equal(m.broken + m.ended, 0);
    assert_int_equal(m.n, 800);
    member_close(&m);
}

/* Half-open: the broker takes what is sent and answers nothing for longer than a request may take.
 */
static void f26_broker_that_answers_no_more(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 100);
    member_init(&m, w, "logs");
    m.properties[m.source.consumer.n++] = (struct sl_property){"socket.timeout.ms", "1000", 0, 0};
    member_open(&m, NULL, 0);
    UNTIL(w, m.seen[0].last == 99);
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(w->mock, broker, 4000);
    UNTIL(w, m.c->error_logged_ms != 0);
    for (int32_t broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(w->mock, broker, 0);
    fill(w, "logs", 1, 100);
    UNTIL(w, m.seen[0].last == 199);
    assert_int_equal(m.broken, 0);
    assert_false(m.fatal);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(everything_in_order),
        T(back_pressure),
        T(pause_and_resume_are_idempotent),
        T(nothing_overtakes_the_parked_message),
        T(assigned_while_paused),
        T(c11_headers_keys_and_tombstones),
        T(a_large_record),
        T(f27_damage_on_the_wire),
        T(f27_damage_that_stays),
        T(f31_nothing_comes_although_the_log_goes_on),
        T(stirred_once_and_not_when_paused),
        T(f24_leader_change),
        T(f26_broker_that_answers_no_more),
        T(excluded_topics),
        T(decode_forms),
        T(f06_closed_before_anything_was_assigned),
        T(closed_without_any_broker),
        T(freed_without_close),
        T(f25_brokers_go_and_come),
    };
    return RUN_TESTS("consume", tests);
}
