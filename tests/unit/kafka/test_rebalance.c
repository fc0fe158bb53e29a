/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <stdatomic.h>

enum { PARTITIONS = 6 };

static bool whole(const struct member *m, size_t n, int32_t partition, int64_t last)
{
    for (size_t i = 0; i < n; i++)
        if (m[i].seen[partition].last == last)
            return true;
    return false;
}

/* One, two, three members, and back to one, while records flow: every offset is seen by somebody,
 * in order within an assignment, and the group ends with everything committed. (The mock refuses
 * every commit while members join, as Kafka does not: so some offsets are read twice here.) */
static void f14_one_two_three_one(void **state)
{
    struct world *w = *state;
    struct member m[3];
    int64_t total = 200;

    make_full_topic(w, "logs", PARTITIONS, 200);
    member_start(&m[0], w, "logs");
    UNTIL(w, m[0].assigned == 6 && m[0].n == 1200);
    member_init(&m[2], w, "logs");
    member_start(&m[1], w, "logs");
    UNTIL(w, m[0].assigned == 3 && m[1].assigned == 3);
    fill(w, "logs", PARTITIONS, 200);
    total += 200;
    member_open(&m[2], NULL, 0);
    UNTIL(w, m[0].assigned == 2 && m[1].assigned == 2 && m[2].assigned == 2);
    fill(w, "logs", PARTITIONS, 200);
    total += 200;
    for (int32_t i = 0; i < PARTITIONS; i++)
        UNTIL(w, whole(m, 3, i, total - 1));
    member_close(&m[1]);
    member_close(&m[2]);
    fill(w, "logs", PARTITIONS, 200);
    total += 200;
    UNTIL(w, m[0].assigned == 6);
    for (int32_t i = 0; i < PARTITIONS; i++)
        UNTIL(w, m[0].seen[i].last == total - 1);
    assert_int_equal(m[0].broken + m[1].broken + m[2].broken, 0);
    assert_int_equal(m[0].lost + m[1].lost + m[2].lost, 0);
    member_close(&m[0]);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(committed(w, "logs", i), total);
}

/* A revoke while the group still takes commits (the mock takes none while members join). */
static void provoke_revoke(struct member *m)
{
    assert_int_equal(rd_kafka_unsubscribe(m->c->rk), 0);
}

static void subscribe_again(struct member *m)
{
    rd_kafka_topic_partition_list_t *list = sl_topics_subscription(m->c);

    assert_int_equal(rd_kafka_subscribe(m->c->rk, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
}

/* What is outstanding at the revoke is not committed; what was drained is, before the partitions
 * go. */
static void f15_revoke_waits_for_the_drain(void **state)
{
    struct world *w = *state;
    struct member a;

    make_full_topic(w, "logs", PARTITIONS, 100);
    member_init(&a, w, "logs");
    a.hold = sl_hold_new(0, false, false);
    a.drain_later = true;
    member_open(&a, NULL, 0);
    UNTIL(w, a.n == 600);
    provoke_revoke(&a);
    UNTIL(w, a.revoking == 6);
    produce(w, "logs", 0, 50); /* nothing of it may be routed any more */
    flush(w);
    look_for_commits(&a);
    assert_int_equal(a.ended, 0);
    assert_int_equal(a.n, 600);
    assert_int_equal(committed(w, "logs", 0), 0); /* the start, and nothing above */
    sl_hold_unref(a.hold);
    a.hold = NULL;
    a.drain_later = false;
    sl_consumer_revoked(a.c);
    assert_int_equal(a.ended, 0); /* never from inside */
    UNTIL(w, a.ended == 6);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(committed(w, "logs", i), 100);
    subscribe_again(&a);
    UNTIL(w, a.assigned == 6 && a.n == 650);
    assert_int_equal(a.lost, 0);
    member_close(&a);
}

/* The drain gave up: the next owner reads again what was not delivered. */
static void f16_undelivered_is_read_again(void **state)
{
    struct world *w = *state;
    struct member a, b;

    make_full_topic(w, "logs", 1, 100);
    member_start(&a, w, "logs");
    UNTIL(w, a.n == 100 && a.seen[0].at->committed == 100);
    a.hold = sl_hold_new(1, false, false);
    produce(w, "logs", 0, 50);
    flush(w);
    UNTIL(w, a.n == 150);
    sl_consumer_close(a.c);
    UNTIL(w, a.closed);
    assert_int_equal(committed(w, "logs", 0), 100);
    sl_hold_unref(a.hold); /* late: changes nothing */
    assert_int_equal(committed(w, "logs", 0), 100);
    sl_consumer_free(a.c);
    member_start(&b, w, "logs");
    UNTIL(w, b.seen[0].last == 149);
    assert_int_equal(b.n, 50);
    member_close(&b);
}

/* Has read 100 records of which a sink holds the first. */
static void start_holding(struct member *m, struct world *w)
{
    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 100);
    flush(w);
    member_init(m, w, "logs");
    m->hold = sl_hold_new(0, false, false);
    member_open(m, NULL, 0);
    UNTIL(w, m->n == 100);
}

/* The broker forgets the member: nothing of the lost assignment is committed, and it joins again.
 */
static void f07_lost_assignment_is_not_committed(void **state)
{
    struct world *w = *state;
    struct member m;

    start_holding(&m, w);
    m.drain_later = true;
    rd_kafka_mock_push_request_errors(w->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    UNTIL(w, m.lost == 2);
    assert_int_equal(m.revoking, 0);
    assert_int_equal(committed(w, "logs", 0), 0);
    sl_hold_unref(m.hold);
    m.hold = NULL;
    m.drain_later = false;
    UNTIL(w, m.assigned == 2 && m.n == 200); /* read again */
    assert_int_equal(m.broken, 0);
    assert_int_equal(m.seen[0].epochs, 2);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 100);
}

/* A parked message goes with its partition and is read again by the next owner, here the same
 * member; and the pause does not stay with the partition. */
static void parked_message_of_a_revoked_partition(void **state)
{
    struct world *w = *state;
    struct member a;

    make_full_topic(w, "logs", 2, 100);
    member_init(&a, w, "logs");
    a.room = 50;
    member_open(&a, NULL, 0);
    UNTIL(w, a.c->parked);
    provoke_revoke(&a);
    UNTIL(w, a.revoking == 2);
    assert_null(a.c->parked);
    UNTIL(w, a.ended == 2);
    a.room = -1;
    sl_consumer_resume(a.c); /* nothing is paused any more, in the library neither */
    subscribe_again(&a);
    UNTIL(w, a.n == 200);
    read_one_more(&a, 2);
    assert_int_equal(a.n, 202);
    assert_int_equal(a.broken, 0);
    provoke_revoke(&a); /* and once more, not paused */
    UNTIL(w, a.ended == 4);
    subscribe_again(&a);
    UNTIL(w, a.assigned == 2);
    fill(w, "logs", 2, 10);
    UNTIL(w, a.n == 222);
    member_close(&a);
}

/* SIGTERM while the start is being looked up and no broker answers any more. */
static void closed_while_looking_up(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    member_init(&m, w, "logs");
    member_open(&m, NULL, 0);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_FETCH, 5, RD_KAFKA_RESP_ERR_UNKNOWN,
                                      RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_UNKNOWN,
                                      RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_UNKNOWN);
    UNTIL(w, m.c->stage == SL_BACKOFF);
    sl_consumer_close(m.c);
    UNTIL(w, m.closed);
    assert_int_equal(m.assigned + m.ended, 0);
    sl_consumer_free(m.c);
}

/* The broker takes no start commit of that generation: the assignment is given back, and comes
 * again with the next generation. */
static void refused_assignment_comes_again(void **state)
{
    struct world *w = *state;
    struct member m;
    size_t joined;

    make_full_topic(w, "logs", 2, 100);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    watch_requests(w, JOIN_GROUP, 100, 0);
    member_init(&m, w, "logs");
    member_open(&m, NULL, 0);
    UNTIL(w, m.c->commit.worst == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    joined = requests(w, JOIN_GROUP);
    rd_kafka_mock_push_request_errors(w->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    UNTIL(w, requests(w, JOIN_GROUP) > joined);
    /* Not for the next generation: some versions need no heartbeat to see that this one is over. */
    rd_kafka_mock_clear_request_errors(w->mock, HEARTBEAT);
    UNTIL(w, m.assigned == 2 && m.n == 200);
    assert_int_equal(m.broken, 0);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 1), 100);
}

/* SIGTERM in the moment in which the assignment is lost, before the loop has heard of it. */
static void closed_while_lost(void **state)
{
    struct world *w = *state;
    struct member m;

    start_holding(&m, w);
    rd_kafka_mock_push_request_errors(w->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    uv_poll_stop(&m.c->inbox.poll); /* deaf until the close, which wakes it */
    uv_idle_stop(&m.c->inbox.idle);
    sl_timer_stop(&w->loop.rt, &m.c->tick);
    UNTIL(w, rd_kafka_assignment_lost(m.c->rk));
    assert_int_equal(m.lost, 0);
    sl_hold_unref(m.hold); /* delivered, but by nobody who may commit it */
    m.hold = NULL;
    sl_consumer_close(m.c);
    UNTIL(w, m.closed);
    assert_int_equal(m.lost, 2);
    assert_int_equal(m.revoking, 0);
    assert_int_equal(committed(w, "logs", 0), 0);
    sl_consumer_free(m.c);
}

/* The broker answers when the test says so. */
static sem_t answer;
static atomic_bool slow, waited_for;

rd_kafka_resp_err_t rd_kafka_committed(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *partitions,
                                       int timeout_ms)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, rd_kafka_topic_partition_list_t *, int);

    *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_committed");
    if (atomic_load(&slow)) {
        atomic_store(&waited_for, true);
        sem_wait(&answer);
    }
    return real(rk, partitions, timeout_ms);
}

/* The look-up may wait for a broker for seconds; a close does not wait for it. */
static void closed_while_a_broker_is_slow(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    assert_int_equal(sem_init(&answer, 0, 0), 0);
    atomic_store(&slow, true);
    member_init(&m, w, "logs");
    member_open(&m, NULL, 0);
    UNTIL(w, m.c->stage == SL_RESOLVING && atomic_load(&waited_for));
    sl_consumer_close(m.c);
    UNTIL(w, m.c->close_stage != SL_CLOSING);
    assert_true(m.c->start_running);
    atomic_store(&slow, false);
    sem_post(&answer);
    UNTIL(w, m.closed);
    sl_consumer_free(m.c);
}

/* Another process has taken our instance id: for good. */
static void f34_fenced_instance_id(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 10);
    member_init(&m, w, "logs");
    m.properties[m.source.consumer.n++] =
        (struct sl_property){"group.instance.id", "router-0", 0, 0};
    m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 10 && m.seen[0].at->committed == 10);
    rd_kafka_mock_push_request_errors(w->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    UNTIL(w, m.fatal);
    assert_non_null(strstr(m.why, "FENCED"));
    sl_consumer_close(m.c);
    UNTIL(w, m.closed);
    assert_int_equal(m.assigned, 0);
    sl_consumer_free(m.c);
}

/* The loop stood still for longer than max.poll.interval.ms: the group went on without us. */
static void f08_loop_stands_still(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    produce(w, "logs", 0, 100);
    flush(w);
    member_init(&m, w, "logs");
    m.properties[m.source.consumer.n++] =
        (struct sl_property){"max.poll.interval.ms", "6000", 0, 0};
    m.hold = sl_hold_new(0, false, false);
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 100);
    uv_poll_stop(&m.c->inbox.poll); /* deaf */
    uv_idle_stop(&m.c->inbox.idle);
    sl_timer_stop(&w->loop.rt, &m.c->tick);
    UNTIL(w, rd_kafka_assignment_lost(m.c->rk));
    sl_hold_unref(m.hold); /* delivered, but by nobody who may commit it */
    m.hold = NULL;
    sl_inbox_start(&m.c->inbox);
    sl_timer_start(&w->loop.rt, &m.c->tick, 1);
    UNTIL(w, m.lost == 1);
    assert_int_equal(m.revoking, 0);
    UNTIL(w, m.assigned == 1 && m.n == 200); /* joined again, and read again */
    UNTIL(w, m.seen[0].at->committed == 100);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void count_handle(uv_handle_t *handle, void *n)
{
    (void)handle;
    ++*(size_t *)n;
}

/* The user may free the consumer from inside on_closed. */
static void freed_when_closed(void **state)
{
    struct world *w = *state;
    struct member m;
    size_t before = 0, handles;

    make_topic(w, "logs", 1);
    uv_walk(&w->loop.uv, count_handle, &before);
    member_init(&m, w, "logs");
    m.free_when_closed = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    sl_consumer_close(m.c);
    UNTIL(w, m.closed);
    UNTIL(w, (handles = 0, uv_walk(&w->loop.uv, count_handle, &handles), handles == before));
    assert_int_equal(w->loop.timers.n, 1); /* the fixture's: none of it fires any more */
}

/* An unknown answer while others arrive: what is delivered after it would only come again, so that
 * epoch ends without waiting for them. */
static void f21_commit_timeout_while_others_arrive(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && at(&m, 0)->committed == 10 && at(&m, 1)->committed == 10);
    m.arrive_later = true;
    all_commits_fail(w, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    produce(w, "logs", 0, 10);
    flush(w);
    UNTIL(w, m.c->stage == SL_ARRIVING);
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.lost == 2);
    assert_int_equal(m.c->stage, SL_ARRIVING);
    assert_int_equal(m.c->n_partitions, 0);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    m.arrive_later = false;
    sl_consumer_arrived(m.c);
    UNTIL(w, m.assigned == 2); /* first the one, then the other */
    fill(w, "logs", 2, 10);
    UNTIL(w, at(&m, 0)->committed == 30 && at(&m, 1)->committed == 30);
    assert_int_equal(m.seen[0].epochs, 2);
    assert_int_equal(m.seen[1].epochs, 2);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(f14_one_two_three_one),
        T(f15_revoke_waits_for_the_drain),
        T(f16_undelivered_is_read_again),
        T(f07_lost_assignment_is_not_committed),
        T(parked_message_of_a_revoked_partition),
        T(f34_fenced_instance_id),
        T(f08_loop_stands_still),
        T(f21_commit_timeout_while_others_arrive),
        T(closed_while_looking_up),
        T(refused_assignment_comes_again),
        T(closed_while_lost),
        T(closed_while_a_broker_is_slow),
        T(freed_when_closed),
    };
    return RUN_TESTS("rebalance", tests);
}
