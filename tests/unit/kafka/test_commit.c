/* SPDX-License-Identifier: Apache-2.0 */
#include "kept_commit.h"
#include "member.h"

#include <dlfcn.h>

/* Commits: when, what, and what their answers mean. */

/* What the library is asked and answers. */
static unsigned sent, answered, most_in_flight;
static bool one_fails; /* of the next answer, the first partition */

rd_kafka_resp_err_t rd_kafka_commit_queue(
    rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *offsets, rd_kafka_queue_t *queue,
    void (*cb)(rd_kafka_t *, rd_kafka_resp_err_t, rd_kafka_topic_partition_list_t *, void *),
    void *opaque)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *,
                                rd_kafka_queue_t *, void *, void *);

    *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_commit_queue");
    sent++;
    if (sent - answered > most_in_flight)
        most_in_flight = sent - answered;
    if (kept.wanted)
        return keep_commit(rk, offsets, queue, cb, opaque);
    return real(rk, offsets, queue, (void *)cb, opaque);
}

static void let_go_of_kept_commit(void)
{
    sent--; /* it is counted already */
    assert_int_equal(rd_kafka_commit_queue(kept.rk, kept.offsets, kept.queue, kept.cb, kept.opaque),
                     0);
    rd_kafka_topic_partition_list_destroy(kept.offsets);
    kept.offsets = NULL;
}

/* The mock fails commits as a whole only. As the library does, the whole gets the error too. */
rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *ev)
{
    rd_kafka_resp_err_t (*real)(rd_kafka_event_t *);

    *(void **)&real = dlsym(RTLD_NEXT, "rd_kafka_event_error");
    if (rd_kafka_event_type(ev) != RD_KAFKA_EVENT_OFFSET_COMMIT)
        return real(ev);
    answered++;
    if (!one_fails || rd_kafka_event_topic_partition_list(ev)->cnt < 2)
        return real(ev);
    one_fails = false;
    rd_kafka_event_topic_partition_list(ev)->elems[0].err = RD_KAFKA_RESP_ERR__TRANSPORT;
    return RD_KAFKA_RESP_ERR__TRANSPORT;
}

/* A commit that fails is repeated, and nothing counts as committed before the broker said so. */
static void refused(void **state, rd_kafka_resp_err_t err)
{
    struct world *w = *state;
    struct member m;

    make_topic(w, "logs", 2);
    produce(w, "logs", 0, 10);
    flush(w);
    member_init(&m, w, "logs");
    m.strict = true; /* this answer leaves no doubt */
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 10 && at(&m, 0)->committed == 10);
    all_commits_fail(w, err);
    fill(w, "logs", 2, 10);
    UNTIL(w, m.n == 30 && m.c->commit.worst == err);
    assert_int_equal(at(&m, 0)->committed, 10);
    assert_int_equal(at(&m, 1)->committed, 0);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    UNTIL(w, at(&m, 0)->committed == 20 && at(&m, 1)->committed == 10);
    assert_int_equal(committed(w, "logs", 0), 20);
    assert_int_equal(m.ended, 0);
    member_close(&m);
}

static void f33_refused_for_now(void **state)
{
    refused(state, RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
}

static void f19_rebalance_in_progress(void **state)
{
    refused(state, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
}

/* The group has gone on without us: all is read again by who is assigned next, here the same. */
static void f18_illegal_generation(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && at(&m, 0)->committed == 10 && at(&m, 1)->committed == 10);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
    fill(w, "logs", 2, 10);
    UNTIL(w, m.lost == 2);
    assert_int_equal(committed(w, "logs", 0), 10);
    UNTIL(w, m.assigned == 2 && m.seen[0].last == 19 && m.seen[1].last == 19);
    UNTIL(w, at(&m, 0)->committed == 20 && at(&m, 1)->committed == 20);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

static void the_line_is_committed(void **state)
{
    struct world *w = *state;
    struct member m;
    char line[SL_METADATA_MAX], expected[SL_METADATA_MAX];
    uint64_t before;

    make_full_topic(w, "logs", 1, 10);
    member_init(&m, w, "logs");
    m.lines = true;
    m.hold = sl_hold_new(0, false, false);
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 10 && m.committed > 0);
    look_for_commits(&m);
    UNTIL(w, !m.c->commit.in_flight);
    assert_int_equal(committed_line(w, "logs", 0, line, sizeof(line)), 0);
    assert_true(sl_metadata_write(at(&m, 0), &names, expected) > 0);
    assert_string_equal(line, expected); /* sink two is 10 ahead */
    before = m.committed;
    sl_hold_unref(m.hold);
    m.hold = NULL;
    UNTIL(w, at(&m, 0)->committed == 10);
    assert_true(m.committed > before);
    member_close(&m);
    assert_int_equal(m.c == NULL, 1);
    member_init(&m, w, "logs"); /* a line that is the same word by word is not written again */
    m.lines = true;
    sent = 0;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    look_for_commits(&m);
    look_for_commits(&m);
    assert_true(m.line_read);
    assert_int_equal(sent, 0);
    assert_int_equal(m.c->counts.plain, 0);
    member_close(&m);
}

static void f22_metadata_too_large(void **state)
{
    struct world *w = *state;
    struct member m;
    char line[SL_METADATA_MAX];

    make_full_topic(w, "logs", 1, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 10 && at(&m, 0)->committed == 10);
    assert_false(sl_part_of(at(&m, 0))->plain);
    rd_kafka_mock_push_request_errors(w->mock, OFFSET_COMMIT, 1,
                                      RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE);
    produce(w, "logs", 0, 10);
    flush(w);
    UNTIL(w, at(&m, 0)->committed == 20);
    assert_true(sl_part_of(at(&m, 0))->plain);
    assert_in_range(sl_consumer_counts(m.c)->plain, 1, 10); /* one, if all came at once */
    committed_line(w, "logs", 0, line, sizeof(line));
    assert_string_equal(line, "");
    assert_int_equal(m.ended, 0);
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
    size_t before;

    make_topic(w, "logs", 1);
    member_start(&m, w, "logs");
    UNTIL(w, m.assigned == 1);
    watch_requests(w, OFFSET_COMMIT, 1, SLOW_MS);
    watch_requests(w, OFFSET_COMMIT, 100, 0);
    assert_in_range(ms_until_commits(&m, 2, &records), SLOW_MS - INACCURACY_MS, WAIT_MS);
    assert_in_range(ms_until_commits(&m, 5, &records), 2 * SL_TICK_MS - INACCURACY_MS, WAIT_MS);
    flush(w);
    UNTIL(w, m.n == records && at(&m, 0)->committed == (int64_t)records);
    before = requests(w, OFFSET_COMMIT);
    for (int i = 0; i < 2; i++) {
        look_for_commits(&m);
        assert_false(m.c->commit.in_flight);
    }
    assert_int_equal(requests(w, OFFSET_COMMIT), before);
    member_close(&m);
}

/* A cut of sink one over all that was read: what a plan is made of. */
static struct sl_hold *cut(struct member *m)
{
    struct sl_hold *h = m->hold;

    m->hold = NULL;
    sl_hold_close(h);
    return h;
}

static void open_cut(struct member *m)
{
    m->hold = sl_hold_new(0, true, false);
    m->hold_all = true;
}

/* While the second since the last commit is never over. */
static bool goes_at_once(struct member *m, struct sl_hold *h)
{
    m->c->commit_ms = sl_now_ms(&m->w->loop.rt);
    return sl_plan_gate(h) == SL_PLAN_GO;
}

/* A plan waits for no second to be over, but for the commit that is under way. */
static void plans_at_once(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_hold *h;
    unsigned was_sent;

    make_topic(w, "logs", 1);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    open_cut(&m);
    fill(w, "logs", 1, 10);
    UNTIL(w, m.n == 10);
    was_sent = sent;
    h = cut(&m);
    assert_int_equal(sl_plan_gate(h), SL_PLAN_PROPOSED);
    most_in_flight = 0;
    sl_consumer_commit_soon(m.c);
    sl_consumer_commit_soon(m.c);
    assert_int_equal(sl_plan_gate(h), SL_PLAN_WAIT);
    UNTIL(w, goes_at_once(&m, h));
    assert_true(sent > was_sent);
    kept.wanted = true;
    sl_hold_unref(h);
    open_cut(&m);
    fill(w, "logs", 1, 10);
    UNTIL(w, m.n == 20 && kept.offsets);
    h = cut(&m);
    assert_int_equal(sl_plan_gate(h), SL_PLAN_PROPOSED);
    sl_consumer_commit_soon(m.c);
    was_sent = sent;
    for (int i = 0; i < 5; i++)
        uv_run(&w->loop.uv, UV_RUN_ONCE);
    assert_int_equal(sent, was_sent);
    assert_int_equal(sl_plan_gate(h), SL_PLAN_WAIT);
    let_go_of_kept_commit();
    UNTIL(w, sl_plan_gate(h) == SL_PLAN_GO);
    assert_true(sent > was_sent); /* what was under way did not carry it */
    assert_int_equal(most_in_flight, 1);
    sl_hold_unref(h);
    UNTIL(w, at(&m, 0)->committed == 20);
    member_close(&m);
}

/* The drain closes the open cut; the last commit carries its plan. */
static void the_last_commit_carries_the_plan(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_hold *h;
    char line[SL_METADATA_MAX];

    make_topic(w, "logs", 1);
    member_init(&m, w, "logs");
    m.lines = m.strict = m.drain_later = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    open_cut(&m);
    fill(w, "logs", 1, 10);
    UNTIL(w, m.n == 10);
    sl_consumer_close(m.c);
    UNTIL(w, m.revoking == 1);
    h = cut(&m);
    assert_int_equal(sl_plan_gate(h), SL_PLAN_PROPOSED);
    sl_consumer_revoked(m.c); /* the drain is over before anybody committed */
    UNTIL(w, m.closed);
    assert_int_equal(committed_line(w, "logs", 0, line, sizeof(line)), 0);
    assert_non_null(strstr(line, "=0+a")); /* 10 long */
    sl_hold_unref(h);
    sl_consumer_free(m.c);
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
    UNTIL(w, m.n == 30 && at(&m, 0)->committed == 10);
    look_for_commits(&m);
    assert_int_equal(committed(w, "logs", 1), 0);
    sl_hold_unref(hold);
    UNTIL(w, at(&m, 1)->committed == 20);
    member_close(&m);
}

static void all_commits_time_out(struct world *w)
{
    all_commits_fail(w, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
}

/* Whether it was applied is not known. Where cuts are recorded the epoch ends: what is outstanding
 * is forgotten, and all begins anew from what is committed, unseen by the group. */
static void f21_commit_timeout_ends_the_epoch(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_partition *old;
    uint64_t before;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && at(&m, 0)->committed == 10 && at(&m, 1)->committed == 10);
    all_commits_time_out(w);
    old = sl_partition_ref(at(&m, 0));
    open_cut(&m);
    produce(w, "logs", 0, 10);
    flush(w);
    UNTIL(w, m.lost == 1); /* not the one that was not in that commit */
    assert_true(old->ended);
    assert_int_equal(m.seen[1].at->epoch, 2);
    assert_int_equal(m.revoking, 0);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    sl_hold_unref(cut(&m)); /* too late: counts for nothing */
    assert_int_equal(old->committed, 10);
    sl_partition_unref(old);
    before = m.seen[0].n;
    UNTIL(w, m.assigned == 2 && at(&m, 0)->next == 20);
    assert_int_equal(m.seen[0].n, before + 10); /* read again */
    fill(w, "logs", 2, 10);
    UNTIL(w, at(&m, 0)->committed == 30 && at(&m, 1)->committed == 20);
    assert_int_equal(m.broken, 0);
    assert_int_equal(m.lost, 1);
    assert_true(sl_consumer_counts(m.c)->unknown >= 1);
    member_close(&m);
}

/* Paused, and a message is parked: both survive it. */
static void f21_commit_timeout_while_paused(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 100);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    m.room = 120;
    m.hold = sl_hold_new(0, false, false);
    member_open(&m, NULL, 0);
    UNTIL(w, m.refused > 0);
    all_commits_time_out(w);
    sl_hold_unref(m.hold); /* so that there is something to commit */
    m.hold = NULL;
    UNTIL(w, m.lost >= 1);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    UNTIL(w, m.assigned == 2);
    assert_true(sl_consumer_paused(m.c));
    nothing_comes(&m);
    m.room = -1;
    sl_consumer_resume(m.c);
    UNTIL(w, m.seen[0].last == 99 && m.seen[1].last == 99);
    read_one_more(&m, 2);
    UNTIL(w, at(&m, 0)->committed == 101 && at(&m, 1)->committed == 101);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* Elsewhere a commit that lands late changes nothing that matters: it is repeated. */
static void f21_commit_timeout_without_cuts(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 10);
    member_start(&m, w, "logs");
    UNTIL(w, m.n == 10 && at(&m, 0)->committed == 10);
    all_commits_time_out(w);
    fill(w, "logs", 1, 10);
    UNTIL(w, m.c->commit.worst == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    UNTIL(w, at(&m, 0)->committed == 20);
    assert_int_equal(m.ended, 0);
    member_close(&m);
}

/* The answer is for each partition: what was taken counts, what is unknown does not. */
static void f21_unknown_for_one_partition(void **state)
{
    struct world *w = *state;
    struct member m;
    struct sl_hold *hold;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && at(&m, 0)->committed == 10 && at(&m, 1)->committed == 10);
    m.hold = hold = sl_hold_new(1, false, false); /* so that one commit is about both */
    m.hold_all = true;
    fill(w, "logs", 2, 10);
    UNTIL(w, m.n == 40);
    m.hold = NULL;
    one_fails = true;
    sl_hold_unref(hold);
    UNTIL(w, m.lost == 1);
    assert_int_equal(m.ended, 1);
    UNTIL(w, m.assigned == 2);
    UNTIL(w, at(&m, 0)->committed == 20 && at(&m, 1)->committed == 20);
    assert_int_equal(m.seen[0].epochs + m.seen[1].epochs, 3);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* An unknown answer while partitions are given back: no second commit follows, and nobody claims
 * that it was taken. */
static void f21_last_commit_times_out(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 1, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = m.drain_later = true;
    m.hold = sl_hold_new(0, false, false);
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 10 && m.committed > 0);
    sl_consumer_close(m.c);
    UNTIL(w, m.revoking == 1 && !m.c->commit.in_flight);
    sl_hold_unref(m.hold);
    m.hold = NULL;
    all_commits_time_out(w);
    sent = 0;
    sl_consumer_revoked(m.c);
    UNTIL(w, m.closed);
    assert_int_equal(sent, 1);
    assert_int_equal(m.ended, 1);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    assert_int_equal(committed(w, "logs", 0), 0);
    sl_consumer_free(m.c);
}

/* The group goes on while partitions wait to begin anew: they are forgotten with it. */
static void f21_revoked_while_it_begins_anew(void **state)
{
    struct world *w = *state;
    struct member m;

    make_full_topic(w, "logs", 2, 10);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.n == 20 && at(&m, 0)->committed == 10 && at(&m, 1)->committed == 10);
    m.arrive_later = true;
    all_commits_time_out(w);
    produce(w, "logs", 0, 10);
    flush(w);
    UNTIL(w, m.c->stage == SL_ARRIVING);
    assert_int_equal(m.c->away->cnt, 1);
    rd_kafka_mock_clear_request_errors(w->mock, OFFSET_COMMIT);
    rd_kafka_unsubscribe(m.c->rk);
    UNTIL(w,
          m.ended == 3); /* the epoch, its successor that never arrived, and the other partition */
    assert_int_equal(m.c->away->cnt, 0);
    m.arrive_later = false;
    rd_kafka_topic_partition_list_t *list = sl_topics_subscription(m.c);
    rd_kafka_subscribe(m.c->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    UNTIL(w, m.assigned == 2);
    fill(w, "logs", 2, 10);
    UNTIL(w, at(&m, 0)->committed == 30 && at(&m, 1)->committed == 20);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

/* The coordinator moves and is away for a while, with commits under way: one at a time, each
 * answered, and never backwards. */
static void f20_coordinator_moves(void **state)
{
    struct world *w = *state;
    struct member m;
    int64_t last = 0;

    make_topic(w, "logs", 1);
    rd_kafka_mock_coordinator_set(w->mock, "group", "sluice", 1);
    member_init(&m, w, "logs");
    m.lines = m.strict = true;
    member_open(&m, NULL, 0);
    UNTIL(w, m.assigned == 1);
    sent = answered = most_in_flight = 0;
    for (int32_t round = 0; round < 4; round++) {
        int64_t now;

        fill(w, "logs", 1, 10);
        UNTIL(w, m.seen[0].last >= (round + 1) * 10 - 1);
        rd_kafka_mock_coordinator_set(w->mock, "group", "sluice", 1 + (round + 1) % 3);
        if (round == 1)
            rd_kafka_mock_broker_set_down(w->mock, 3);
        look_for_commits(&m);
        if (round == 1)
            rd_kafka_mock_broker_set_up(w->mock, 3);
        UNTIL(w, at(&m, 0) && at(&m, 0)->committed >= (round + 1) * 10);
        now = committed(w, "logs", 0);
        assert_true(now >= last);
        last = now;
    }
    assert_int_equal(last, 40);
    assert_int_equal(most_in_flight, 1);
    assert_int_equal(m.broken, 0);
    member_close(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
        T(f33_refused_for_now),
        T(f19_rebalance_in_progress),
        T(f18_illegal_generation),
        T(the_line_is_committed),
        T(f22_metadata_too_large),
        T(bounded_rate),
        T(plans_at_once),
        T(the_last_commit_carries_the_plan),
        T(never_past_a_hold),
        T(f21_commit_timeout_ends_the_epoch),
        T(f21_commit_timeout_while_paused),
        T(f21_commit_timeout_without_cuts),
        T(f21_unknown_for_one_partition),
        T(f21_last_commit_times_out),
        T(f21_revoked_while_it_begins_anew),
        T(f20_coordinator_moves),
    };
    return RUN_TESTS("commit", tests);
}
