/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of the design that lose or double something: each is a behaviour here (C, D, E, J, K;
 * those about rules are in test_readings_rules.c). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/flow_single.h"

enum { E = 0, S = CUTS_SINK, OTHER = 2, BOTH = 1 << E | 1 << S };

static struct world *world_of(unsigned all_to)
{
    struct world *w = sl_zalloc(sizeof(*w));

    w->plain = true;
    world_init(w, 15); /* every sink may be detached */
    w->all_to = all_to;
    w->size = 100;
    return w;
}

static void end(struct world *w)
{
    world_release(w);
    free(w);
}

static void line_is(const struct world *w, int32_t number, const char *part)
{
    assert_non_null(strstr(w->line[number], part));
}

static const char *entry(size_t sink, const char *rest)
{
    static char text[64];
    char id[7];

    sl_metadata_short_id(position_ids[sink], id);
    snprintf(text, sizeof(text), ";s%s=%s", id, rest);
    return text;
}

/* So many records, as one cut that is on its way to S. */
static void upload(struct world *w, struct sl_partition *p, int records)
{
    for (int i = 0; i < records; i++)
        assert_true(next_message(w, p));
    sl_sink_close_open(w->p.sinks[S], p);
    turn(w);
    assert_int_equal(p->sinks[S].plan.end, p->next);
    assert_true(p->sinks[S].plan.confirmed);
}

/* C: uploaded, no answer, detach: what is sent next is the same cut, and what follows is another.
 */
static void reading_C_a_detach_keeps_the_plan(void **state)
{
    const struct sl_result unknown = {.outcome = SL_AGAIN, .reason = "no answer"};
    struct world *w = world_of(BOTH);
    struct sl_partition *p = partition(w, 0);
    size_t objects;

    (void)state;
    upload(w, p, 2);
    objects = pending_of(w, S);
    assert_true(next_message(w, p));
    sl_flow_detach(&w->p, S);
    assert_int_equal(pending_of(w, S), objects);
    assert_int_equal(p->sinks[S].catch_up, 3); /* the side reader goes on where its queue ends */
    assert_int_equal(p->sinks[S].plan.end, 2);
    while (pending_of(w, S))
        sl_sink_done(take_of(w, S), &unknown);
    for (int i = 0; i < 10; i++) {
        side_message(w);
        fake_advance(&w->fake, 1000);
        turn(w);
    }
    assert_int_equal(pending_of(w, S), objects);
    while (p->sinks[S].plan.first == 0) {
        struct sl_batch *b = take_of(w, S);

        assert_int_equal(b->hold->spans[0]->first, 0);
        assert_int_equal(b->hold->spans[0]->last, 1);
        deliver(b);
        turn(w);
    }
    assert_int_equal(p->sinks[S].plan.first, 2);
    assert_int_equal(sl_partition_position(p, S), 2);
    end(w);
}

/* D: a plan that was recovered is done before the live reader has come so far. */
static void reading_D_a_sink_ahead_of_the_reader_keeps_its_position(void **state)
{
    struct world *w = world_of(1 << S);
    struct sl_partition *p;
    char *line = sl_asprintf("%s", entry(E, "0"));
    char *all = sl_asprintf("%s%s", line, entry(S, "0+2"));

    (void)state;
    p = begin_anew(w, 0, 0, all);
    assert_int_equal(p->next, 0);
    assert_int_equal(p->sinks[S].plan.end, 2);
    turn(w);
    for (int i = 0; i < 4; i++) {
        side_message(w);
        turn(w);
    }
    while (pending_of(w, S))
        deliver(take_of(w, S));
    turn(w);
    assert_int_equal(p->next, 0);
    assert_true(sl_partition_position(p, S) >= 2);
    commit(w);
    assert_int_equal(w->committed[0], 0);
    line_is(w, 0, entry(S, "2"));
    free(line);
    free(all);
    end(w);
}

/* E: from the moment the hand-over is fixed, what is unread is outstanding. */
static void reading_E_what_is_not_read_yet_is_outstanding(void **state)
{
    struct world *w = world_of(BOTH);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    for (int i = 0; i < 3; i++)
        next_message(w, p);
    sl_partition_detach(p, E);
    sl_sink_detach(w->p.sinks[E]);
    sl_partition_hand_over(p, E);
    assert_int_equal(p->sinks[E].from, 3);
    next_message(w, p); /* the live reader gives it */
    assert_int_equal(p->sinks[E].routed, 4);
    sl_sink_close_open(w->p.sinks[E], p);
    turn(w);
    while (pending_of(w, E))
        deliver(take_of(w, E));
    assert_int_equal(sl_partition_position(p, E), 0);
    commit(w);
    line_is(w, 0, entry(E, "0!"));
    end(w);
}

/* J: the last commit says of an outstanding plan what it said. */
static void reading_J_the_last_commit_does_not_extend_a_plan(void **state)
{
    struct world *w = world_of(1 << S);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    upload(w, p, 1);
    next_message(w, p);
    next_message(w, p);
    begin_revoke(w, true);
    turn(w);
    assert_int_equal(p->sinks[S].plan.end, 1);
    fake_advance(&w->fake, 5000);
    assert_true(w->drained);
    commit(w);
    line_is(w, 0, entry(S, "0+1"));
    end_revoke(w, false);
    end(w);
}

/* Where there is none, it adds one for what was open. */
static void reading_J_without_a_plan_it_adds_one(void **state)
{
    struct world *w = world_of(1 << S);
    struct sl_partition *p = partition(w, 0);

    (void)state;
    next_message(w, p);
    next_message(w, p);
    begin_revoke(w, true);
    turn(w);
    fake_advance(&w->fake, 5000);
    commit(w);
    line_is(w, 0, entry(S, "0+2"));
    assert_int_equal(p->sinks[S].plan.end, 2);
    end_revoke(w, false);
    end(w);
}

/* K: S is down with a recorded plan; nobody else waits for it. */
static void reading_K_a_recorded_plan_holds_up_its_own_sink_only(void **state)
{
    const struct sl_result denied = {.outcome = SL_STALL, .status = 401, .reason = "denied"};
    struct world *w = world_of(BOTH);
    struct sl_partition *p;
    char *line = sl_asprintf("%s", entry(E, "2")), *other = sl_asprintf("%s", entry(OTHER, "2"));
    char *all = sl_asprintf("%s%s%s", line, other, entry(S, "0+2"));

    (void)state;
    p = begin_anew(w, 0, 0, all);
    assert_int_equal(p->next, 2);
    turn(w);
    for (int i = 0; i < 4; i++) {
        side_message(w);
        turn(w);
    }
    while (pending_of(w, S))
        sl_sink_done(take_of(w, S), &denied);
    assert_int_equal(sl_sink_state(w->p.sinks[S]), SL_SINK_STALLED);
    for (int i = 0; i < 500; i++) {
        assert_true(next_message(w, p));
        turn(w);
        while (pending_of(w, E))
            deliver(take_of(w, E));
        while (pending_of(w, S)) /* probes */
            sl_sink_done(take_of(w, S), &denied);
        fake_advance(&w->fake, 100);
    }
    assert_true(sl_partition_position(p, E) > 400);
    assert_int_equal(sl_partition_position(p, S), 0);
    assert_int_equal(p->sinks[S].plan.end, 2);
    commit(w);
    line_is(w, 0, "+2");
    free(line);
    free(other);
    free(all);
    end(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_C_a_detach_keeps_the_plan),
        cmocka_unit_test(reading_D_a_sink_ahead_of_the_reader_keeps_its_position),
        cmocka_unit_test(reading_E_what_is_not_read_yet_is_outstanding),
        cmocka_unit_test(reading_J_the_last_commit_does_not_extend_a_plan),
        cmocka_unit_test(reading_J_without_a_plan_it_adds_one),
        cmocka_unit_test(reading_K_a_recorded_plan_holds_up_its_own_sink_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
