/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"

enum { PARTITIONS = 6 };

static void fill(struct world *w, uint64_t n)
{
    for (int32_t i = 0; i < PARTITIONS; i++)
        produce(w, "logs", i, n);
    flush(w);
}

/* One, two, three members, and back to one, while records flow: every offset is seen by somebody,
 * in order within an assignment, and the group ends with everything committed. */
static void one_two_three_one(void **state)
{
    struct world *w = *state;
    struct member m[3];
    uint64_t total = 0;

    make_topic(w, "logs", PARTITIONS);
    fill(w, 500);
    total = 500;
    member_start(&m[0], w, "logs");
    UNTIL(w, m[0].assigned == 6 && m[0].n == 6 * total);
    member_start(&m[1], w, "logs");
    UNTIL(w, m[0].assigned == 3 && m[1].assigned == 3);
    fill(w, 500);
    total += 500;
    member_start(&m[2], w, "logs");
    UNTIL(w, m[0].assigned == 2 && m[1].assigned == 2 && m[2].assigned == 2);
    fill(w, 500);
    total += 500;
    UNTIL(w, m[0].n + m[1].n + m[2].n >= 6 * total);
    member_close(&m[1]);
    member_close(&m[2]);
    fill(w, 500);
    total += 500;
    UNTIL(w, m[0].assigned == 6);
    for (int32_t i = 0; i < PARTITIONS; i++)
        UNTIL(w, m[0].seen[i].last == (int64_t)total - 1);
    /* Every revoke was drained and committed: nothing was read twice. */
    assert_int_equal(m[0].n + m[1].n + m[2].n, 6 * total);
    assert_int_equal(m[0].broken + m[1].broken + m[2].broken, 0);
    assert_int_equal(m[0].lost + m[1].lost + m[2].lost, 0);
    member_close(&m[0]);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(committed(w, "logs", i), total);
}

/* What is outstanding at the revoke is not committed; what was drained is. */
static void revoke_waits_for_the_drain(void **state)
{
    struct world *w = *state;
    struct member a, b;

    make_topic(w, "logs", PARTITIONS);
    fill(w, 100);
    member_init(&a, w, "logs");
    a.hold = sl_hold_new(0, false);
    a.drain_later = true;
    member_open(&a, NULL, 0);
    UNTIL(w, a.n == 600);
    member_start(&b, w, "logs");
    UNTIL(w, a.revoking == 6);
    turn_for(w, 300);
    assert_int_equal(a.ended, 0);
    assert_int_equal(b.n, 0);
    assert_int_equal(committed(w, "logs", 0), 0); /* the start, and nothing above */
    sl_hold_unref(a.hold);
    a.hold = NULL;
    a.drain_later = false;
    sl_consumer_revoked(a.c);
    UNTIL(w, a.ended == 6);
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(committed(w, "logs", i), 100);
    UNTIL(w, a.assigned == 3 && b.assigned == 3);
    turn_for(w, 300);
    assert_int_equal(a.n + b.n, 600);
    member_close(&a);
    member_close(&b);
}

/* The drain gave up: the next owner reads again what was not delivered. */
static void undelivered_is_read_again(void **state)
{
    struct world *w = *state;
    struct member a, b;

    make_topic(w, "logs", 1);
    produce(w, "logs", 0, 100);
    flush(w);
    member_start(&a, w, "logs");
    UNTIL(w, a.n == 100 && a.seen[0].at->committed == 100);
    a.hold = sl_hold_new(1, false);
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

/* The broker forgets the member: nothing of the lost assignment is committed, and it joins again.
 */
static void lost_assignment_is_not_committed(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 100);
    flush(w);
    member_init(&m, w, "logs");
    m.hold = sl_hold_new(0, false);
    m.drain_later = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 100);
    rd_kafka_mock_push_request_errors(
        w->mock, 12 /* Heartbeat */, 3, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
        RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    UNTIL(w, m.lost == 2);
    assert_int_equal(m.revoking, 0);
    assert_int_equal(committed(w, "logs", 0), 0);
    sl_hold_unref(m.hold);
    m.hold = NULL;
    m.drain_later = false;
    rd_kafka_mock_clear_request_errors(w->mock, 12);
    UNTIL(w, m.assigned == 2 && m.n == 200); /* read again */
    assert_int_equal(m.broken, 0);
    assert_int_equal(m.seen[0].epochs, 2);
    member_close(&m);
    assert_int_equal(committed(w, "logs", 0), 100);
}

/* A parked message goes with its partition, and the pause does not stay with it. */
static void parked_message_of_a_revoked_partition(void **state)
{
    struct world *w = *state;
    struct member a, b;

    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 100);
    produce(w, "logs", 1, 100);
    flush(w);
    member_init(&a, w, "logs");
    a.room = 50;
    member_open(&a, NULL, 0);
    UNTIL(w, a.c->parked);
    member_start(&b, w, "logs");
    UNTIL(w, a.revoking == 2);
    assert_null(a.c->parked);
    UNTIL(w, a.assigned == 1 && b.assigned == 1);
    UNTIL(w, b.n > 0);
    a.room = -1;
    sl_consumer_resume(a.c);
    UNTIL(w, a.n + b.n == 200);
    turn_for(w, 200);
    assert_int_equal(a.n + b.n, 200);
    member_close(&b);
    produce(w, "logs", 0, 100);
    produce(w, "logs", 1, 100);
    flush(w);
    UNTIL(w, a.assigned == 2 && a.n + b.n == 400); /* both are read, paused or not before */
    assert_int_equal(a.broken + b.broken, 0);
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
    rd_kafka_mock_push_request_errors(w->mock, 9 /* OffsetFetch */, 5, RD_KAFKA_RESP_ERR_UNKNOWN,
                                      RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_UNKNOWN,
                                      RD_KAFKA_RESP_ERR_UNKNOWN, RD_KAFKA_RESP_ERR_UNKNOWN);
    UNTIL(w, m.c->stage == SL_BACKOFF);
    sl_consumer_close(m.c);
    UNTIL(w, m.closed);
    assert_int_equal(m.assigned + m.ended, 0);
    sl_consumer_free(m.c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(one_two_three_one),
        T(revoke_waits_for_the_drain),
        T(undelivered_is_read_again),
        T(lost_assignment_is_not_committed),
        T(parked_message_of_a_revoked_partition),
        T(closed_while_looking_up),
    };
    return cmocka_run_group_tests_name("rebalance", tests, NULL, NULL);
}
