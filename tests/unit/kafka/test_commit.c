/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka_fixture.h"

enum { OFFSET_COMMIT = 8 };

/* A commit that fails is repeated, and nothing counts as committed before the broker said so. */
static void refused(void **state, rd_kafka_resp_err_t err)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 10);
    flush(w);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 10 && m.seen[0].at->committed == 10);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 2, err, err);
    produce(w, "logs", 0, 10);
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.n == 30 && m.c->commit.worst == err);
    assert_int_equal(m.seen[0].at->committed, 10);
    assert_int_equal(m.seen[1].at->committed, 0);
    UNTIL(w, m.seen[0].at->committed == 20 && m.seen[1].at->committed == 10);
    assert_int_equal(committed(w, "logs", 0), 20);
    member_close(&m);
}

static void refused_for_now(void **state)
{
    refused(state, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
}

static void metadata_too_large(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 1);
    produce(w, "logs", 0, 10);
    flush(w);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 10 && m.seen[0].at->committed == 10);
    assert_false(sl_part_of(m.seen[0].at)->plain);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    produce(w, "logs", 0, 10);
    flush(w);
    UNTIL(w, m.seen[0].at->committed == 20);
    assert_true(sl_part_of(m.seen[0].at)->plain);
    member_close(&m);
}

/* At most one a second, one in flight, and none where nothing changed. */
static void bounded_rate(void **state)
{
    struct world *w = *state;
    struct member m;
    uint64_t commits = 0, begin;
    int64_t before = 0;

    make_topic(w, "logs", 1);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 1);
    begin = uv_hrtime();
    while (uv_hrtime() - begin < 3500000000u) {
        produce(w, "logs", 0, 1);
        uv_run(&w->loop.uv, UV_RUN_ONCE);
        commits += m.seen[0].at->committed != before;
        before = m.seen[0].at->committed;
    }
    assert_in_range(commits, 1, 4);
    flush(w);
    UNTIL(w, m.seen[0].at->committed == (int64_t)m.n && m.n == m.seen[0].n);
    turn_for(w, 300);
    UNTIL(w, m.seen[0].at->committed == m.seen[0].last + 1);
    begin = uv_hrtime();
    while (uv_hrtime() - begin < 2200000000u) {
        uv_run(&w->loop.uv, UV_RUN_ONCE);
        assert_false(m.c->commit.in_flight);
    }
    member_close(&m);
}

/* Never past what a sink still holds, whichever partition and sink it is. */
static void never_past_a_hold(void **state)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 2);
    m.hold = sl_hold_new(1, false);
    m.hold_all = true;
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.seen[1].n == 10);
    struct sl_hold *hold = m.hold;
    m.hold = NULL;
    produce(w, "logs", 0, 10);
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.n == 30 && m.seen[0].at->committed == 10);
    turn_for(w, 1200);
    assert_int_equal(committed(w, "logs", 1), 0);
    sl_hold_unref(hold);
    UNTIL(w, m.seen[1].at->committed == 20);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(refused_for_now),
        T(metadata_too_large),
        T(bounded_rate),
        T(never_past_a_hold),
    };
    return RUN_TESTS("commit", tests);
}
