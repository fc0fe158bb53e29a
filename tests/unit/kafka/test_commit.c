/* SPDX-License-Identifier: Apache-2.0 */
#include "member.h"

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
    fill(w, "logs", 2, 10);
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

    make_full_topic(w, "logs", 1, 10);
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

/* One record after the other comes, so that there always is something to commit. */
static bool commits_seen(struct member *m, size_t n, uint64_t *records)
{
    if (m->n == *records) {
        produce(m->w, "logs", 0, 1);
        ++*records;
    }
    return requests(m->w, OFFSET_COMMIT) >= n;
}

static uint64_t ms_until_commits(struct member *m, size_t n, uint64_t *records)
{
    uint64_t begin = uv_hrtime();

    UNTIL(m->w, commits_seen(m, n, records));
    return (uv_hrtime() - begin) / 1000000;
}

/* At most one a second, one in flight, and none where nothing changed. What is measured is the
 * least time that commits take: a slow machine only makes it longer. */
static void bounded_rate(void **state)
{
    enum { SLOW_MS = 3500, INACCURACY_MS = 20 };
    struct world *w = *state;
    struct member m;
    uint64_t records = 0;
    size_t sent;

    make_topic(w, "logs", 1);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 1);
    watch_requests(w, OFFSET_COMMIT, 1, SLOW_MS);
    watch_requests(w, OFFSET_COMMIT, 100, 0);
    assert_in_range(ms_until_commits(&m, 2, &records), SLOW_MS - INACCURACY_MS, WAIT_MS);
    assert_in_range(ms_until_commits(&m, 5, &records), 2 * SL_TICK_MS - INACCURACY_MS, WAIT_MS);
    flush(w);
    UNTIL(w, m.n == records && m.seen[0].at->committed == (int64_t)records);
    sent = requests(w, OFFSET_COMMIT);
    for (int i = 0; i < 2; i++) {
        look_for_commits(&m);
        assert_false(m.c->commit.in_flight);
    }
    assert_int_equal(requests(w, OFFSET_COMMIT), sent);
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
    m.hold = sl_hold_new(1, false, false);
    m.hold_all = true;
    produce(w, "logs", 1, 10);
    flush(w);
    UNTIL(w, m.seen[1].n == 10);
    struct sl_hold *hold = m.hold;
    m.hold = NULL;
    fill(w, "logs", 2, 10);
    UNTIL(w, m.n == 30 && m.seen[0].at->committed == 10);
    look_for_commits(&m);
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
