/* SPDX-License-Identifier: Apache-2.0 */
/* What is committed never passes a record without an outcome, and everything ends: no pause, drain
 * or queue waits for ever. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/flow_world.h"

static void step(struct world *w)
{
    uint64_t n = chance(w, 1000);

    if (n < 400)
        message(w, n < 200);
    else if (n < 600)
        side_message(w);
    else if (n < 750 && w->fake.n_work)
        fake_run_work(&w->fake);
    else if (n < 850 && w->pending.n)
        answer(w, chance(w, w->pending.n));
    else if (n < 890 && w->n_letters)
        confirm_letter(chance(w, w->n_letters), n < 860 ? SL_EKAFKA : SL_OK);
    else if (n < 980)
        fake_advance(&w->fake, chance(w, 300));
    else if (n < 990 || (w->commit_wanted && n < 999))
        commit(w);
    else if (n < 992)
        w->letters_down = chance(w, 3) == 0;
    else if (n < 995)
        begin_revoke(w, chance(w, 3) == 0);
    check(w);
}

static bool everything_is_read(struct world *w)
{
    if (w->paused)
        return false;
    for (size_t i = 0; i < w->n_assigned; i++) {
        struct sl_partition *p = w->assigned[i];

        if (w->expect[p->number] < OFFSETS)
            return false;
        for (size_t s = 0; s < SINKS; s++)
            if (!sl_partition_attached(p, s))
                return false;
    }
    return true;
}

/* All is read and delivered, and no pause lasts although the sinks that cut by age alone have an
 * hour. */
static void everything_arrives(struct world *w)
{
    for (int paused = 0, i = 0; i < 20000; i++) {
        well(w);
        paused = w->paused ? paused + 1 : 0;
        assert_true(paused < 400); /* the longest Retry-After is five minutes */
        if (everything_is_read(w))
            return;
        for (int k = 0; k < 100; k++) {
            message(w, false);
            side_message(w);
        }
    }
    fail_msg("not everything was read");
}

static void stop(struct world *w)
{
    uint64_t began = w->fake.now_ms;

    sl_pipeline_stop(&w->p);
    assert_true(w->closing);
    for (int i = 0; i < 20 && w->draining; i++)
        well(w);
    assert_false(w->draining);
    begin_revoke(w, true);
    for (int i = 0; i < 20 && w->draining; i++)
        well(w);
    assert_int_equal(w->n_assigned, 0);
    assert_true(w->fake.now_ms - began < w->config.shutdown_ms);
    sl_pipeline_consumer_ops.on_closed(&w->p);
    assert_int_equal(w->stopped, 1);
}

/* Every record had its outcome at every sink that it was meant for. */
static void everything_has_an_outcome(const struct world *w, int k)
{
    struct sl_partition at = {.number = k};

    assert_true(w->committed[k] >= OFFSETS);
    for (int64_t o = 0; o < OFFSETS; o++) {
        struct sl_message m = {.at = &at, .offset = o};

        for (size_t s = 0; s < SINKS; s++)
            if (meant_for(w, &m) >> s & 1)
                assert_true(w->fate[s][k][o] >= DELIVERED);
    }
}

static void random_run(struct world *w, uint64_t seed)
{
    world_init(w, seed);
    for (int i = 0; i < 3000; i++)
        step(w);
    everything_arrives(w);
    stop(w);
    for (size_t i = 0; i < SINKS; i++) {
        assert_true(sl_sink_idle(w->p.sinks[i]));
        assert_int_equal(*w->p.sinks[i]->count.in_flight, 0);
    }
    for (int k = 0; k < PARTITIONS; k++)
        everything_has_an_outcome(w, k);
    world_release(w);
}

static void nothing_is_lost_and_nothing_waits_for_ever(void **state)
{
    struct world *w = sl_zalloc(sizeof(*w));

    (void)state;
    uint64_t spared = 0, detached = 0;

    for (uint64_t seed = 1; seed <= 100; seed++) {
        random_run(w, seed);
        spared += w->repeated;
        for (size_t i = 0; i < SINKS; i++)
            detached += w->sunk[DETACHES][i];
    }
    assert_true(spared > 1000); /* positions beside the offset were of use */
    print_message("%llu times a sink was left behind\n", (unsigned long long)detached);
    assert_true(detached > 20);
    free(w);
}

/* ---- single behaviours ---- */

static struct world *single(unsigned all_to, size_t size)
{
    struct world *w = sl_zalloc(sizeof(*w));

    world_init(w, 8); /* no sink is detached */
    w->all_to = all_to;
    w->size = size;
    return w;
}

static void end(struct world *w)
{
    world_release(w);
    free(w);
}

static void a_pause_ends_with_the_drain_that_emptied_the_queue(void **state)
{
    struct world *w = single(1, 1000);

    (void)state;
    while (!w->paused)
        message(w, false);
    begin_revoke(w, true);
    while (w->fake.n_work || w->pending.n) { /* all in one turn of the loop */
        while (w->fake.n_work)
            fake_run_work(&w->fake);
        if (w->pending.n)
            deliver(fake_take(0));
    }
    fake_advance(&w->fake, 0);
    assert_true(w->drained);
    end_revoke(w, false);
    fake_advance(&w->fake, 0);
    assert_false(w->paused);
    end(w);
}

static void a_large_record_does_not_wait_for_the_age_of_what_is_open(void **state)
{
    struct world *w = single(1, 1000);
    uint64_t taken;

    (void)state;
    w->sinks[0].batch_age_ms = 3600000;
    w->sinks[0].batch_bytes = 1000000;
    for (int i = 0; i < 14; i++)
        assert_true(message(w, false));
    assert_int_equal(w->fake.n_work, 0);
    w->size = 38000;
    taken = w->p.consumed;
    assert_false(message(w, false));
    assert_true(w->paused);
    for (int i = 0; i < 3; i++)
        well(w);
    assert_false(w->paused);
    assert_true(message(w, false));
    assert_int_equal(w->p.consumed, taken + 1);
    end(w);
}

static void a_drain_waits_for_what_is_in_flight_until_its_deadline(void **state)
{
    struct world *w = single(1 | 1 << CUTS_SINK, 100);

    (void)state;
    message(w, false);
    begin_revoke(w, true);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    assert_int_equal(w->pending.n, 1); /* what was open is on its way at once */
    assert_true(w->commit_wanted);
    commit(w);
    assert_int_equal(w->pending.n, 2); /* and the cut with its plan */
    fake_advance(&w->fake, 4000);
    fake_advance(&w->fake, 0);
    assert_false(w->drained);
    fake_advance(&w->fake, 1000);
    assert_true(w->drained);
    end_revoke(w, false);
    end(w);
}

static void a_drain_does_not_wait_for_a_stalled_sink(void **state)
{
    struct world *w = single(1, 100);
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "denied"};

    (void)state;
    message(w, false);
    fake_advance(&w->fake, 1000);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    sl_sink_done(fake_take(0), &denied);
    begin_revoke(w, true);
    fake_advance(&w->fake, 0);
    assert_true(w->drained);
    end_revoke(w, false);
    assert_int_equal(*w->p.sinks[0]->count.let_go, 1);
    assert_true(sl_sink_idle(w->p.sinks[0]));
    for (int32_t i = 0; i < PARTITIONS; i++)
        assert_int_equal(w->committed[i], 0);
    end(w);
}

static void a_lost_assignment_lets_go_of_what_is_not_in_flight(void **state)
{
    struct world *w = single(1, 1000);
    uint64_t in_flight = 0;

    (void)state;
    while (!w->paused)
        message(w, false);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    assert_int_equal(w->pending.n, 3);
    for (size_t i = 0; i < w->pending.n; i++)
        in_flight += w->pending.pending[i]->records;
    begin_revoke(w, true);
    end_revoke(w, true);
    while (w->fake.n_work)
        fake_run_work(&w->fake);
    assert_int_equal(*w->p.sinks[0]->count.in_flight, in_flight);
    assert_true(*w->p.sinks[0]->count.let_go > 0);
    while (w->pending.n)
        deliver(fake_take(0));
    assert_true(sl_sink_idle(w->p.sinks[0]));
    fake_advance(&w->fake, 0);
    assert_false(w->paused);
    end(w);
}

/* ---- catching up ---- */

/* The sink of cuts is left behind at the begin of these partitions, all of which was live. */
static void leave_behind(struct world *w, size_t n, const int64_t *plans)
{
    for (size_t i = 0; i < n; i++) {
        struct sl_sink_position *s = &w->assigned[i]->sinks[CUTS_SINK];

        sl_partition_skip(w->assigned[i], OFFSETS);
        w->expect[w->assigned[i]->number] = OFFSETS;
        s->catch_up = 0;
        s->from = INT64_MAX;
        s->plan = (struct sl_plan){.end = plans[i], .confirmed = true};
    }
    sl_flow_look(&w->p);
}

static void read_until_full(struct world *w)
{
    for (int i = 0; i < 10000 && !w->side.paused; i++) {
        if (!side_message(w))
            fake_advance(&w->fake, 0);
        while (w->fake.n_work)
            fake_run_work(&w->fake);
    }
    assert_true(w->side.paused);
    assert_true(sl_sink_bytes(w->p.sinks[CUTS_SINK]) > w->sinks[CUTS_SINK].queue_bytes / 2);
}

/* Two recorded cuts that do not fit the queue together, and nothing of them can be sent. */
static void what_a_stalled_sink_has_no_room_for_is_not_offered_all_the_time(void **state)
{
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "denied"};
    struct world *w = single(1 << CUTS_SINK, 300);
    unsigned offered = 0;

    (void)state;
    leave_behind(w, 2, (const int64_t[]){250, 350});
    for (int i = 0; i < 10000 && w->pending.n == 0; i++) {
        if (!side_message(w))
            fake_advance(&w->fake, 0);
        while (w->fake.n_work)
            fake_run_work(&w->fake);
    }
    sl_sink_done(fake_take(0), &denied);
    w->side.paused = false;
    read_until_full(w);
    for (int i = 0; i < 100; i++) {
        fake_advance(&w->fake, 10);
        fake_advance(&w->fake, 0);
        offered += !w->side.paused;
        side_message(w);
    }
    assert_in_range(offered, 1, 6);
    end(w);
}

/* What the live reader has open of one partition does not keep another from coming back. */
static void a_hand_over_does_not_wait_for_the_age_of_what_is_open(void **state)
{
    struct world *w = single(1 << CUTS_SINK, 300);
    struct sl_sink_position *s = &w->assigned[2]->sinks[CUTS_SINK];

    (void)state;
    w->sinks[CUTS_SINK].batch_bytes = 1000000;
    while (sl_sink_bytes(w->p.sinks[CUTS_SINK]) < w->sinks[CUTS_SINK].queue_bytes / 16 * 6)
        assert_true(message(w, false));
    sl_sink_close_reader(w->p.sinks[CUTS_SINK], w->assigned[2], false);
    well(w);
    assert_true(sl_sink_bytes(w->p.sinks[CUTS_SINK]) > w->sinks[CUTS_SINK].queue_bytes / 4);
    s->from = INT64_MAX;
    s->catch_up = w->assigned[2]->next;
    w->assigned[2]->log_end = s->catch_up;
    sl_flow_look(&w->p);
    for (int i = 0; i < 5; i++)
        well(w);
    assert_true(sl_partition_attached(w->assigned[2], CUTS_SINK));
    end(w);
}

/* Nobody is behind any more when the partitions in which it was are gone. */
static void what_has_ended_is_not_caught_up_with(void **state)
{
    struct world *w = single(1, 300);

    (void)state;
    sl_flow_detach(&w->p, 0);
    assert_true(w->p.flows[0].detached_ms > 0);
    begin_revoke(w, true);
    for (int i = 0; i < 20 && !w->drained; i++)
        fake_advance(&w->fake, 1000);
    w->closing = true; /* nothing is assigned again */
    end_revoke(w, true);
    assert_int_equal(w->p.flows[0].detached_ms, 0);
    end(w);
}

static void f05_a_stop_that_hangs_is_overdue(void **state)
{
    struct world *w = single(1, 100);

    (void)state;
    w->may_be_overdue = true;
    sl_pipeline_stop(&w->p);
    fake_advance(&w->fake, 9999);
    assert_int_equal(w->stopped, 0);
    fake_advance(&w->fake, 1);
    assert_int_equal(w->stopped, 1);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_nothing_waits_for_ever),
        cmocka_unit_test(a_pause_ends_with_the_drain_that_emptied_the_queue),
        cmocka_unit_test(a_large_record_does_not_wait_for_the_age_of_what_is_open),
        cmocka_unit_test(a_drain_waits_for_what_is_in_flight_until_its_deadline),
        cmocka_unit_test(a_drain_does_not_wait_for_a_stalled_sink),
        cmocka_unit_test(a_lost_assignment_lets_go_of_what_is_not_in_flight),
        cmocka_unit_test(what_a_stalled_sink_has_no_room_for_is_not_offered_all_the_time),
        cmocka_unit_test(a_hand_over_does_not_wait_for_the_age_of_what_is_open),
        cmocka_unit_test(what_has_ended_is_not_caught_up_with),
        cmocka_unit_test(f05_a_stop_that_hangs_is_overdue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
