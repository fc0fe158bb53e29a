/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of the design that lose or double something, and are about rules (A, B, F); and what an
 * arrival does without the rules it needs. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/rules_world.h"

static void reload(struct world *w)
{
    sl_reload_now(&w->p);
    run_work(w);
}

static char *entry(size_t sink, const char *rest)
{
    char id[7];

    sl_metadata_short_id(sink_ids[sink], id);
    return sl_asprintf(";s%s=%s", id, rest);
}

/* A line with base 0: both sinks, and one era. */
static char *line_of(const char *items, const char *cuts, const char *rules)
{
    char *a = entry(ITEMS, items), *b = entry(CUTS, cuts);
    char *ret = sl_asprintf("2;b=0%s%s;v0=%.12s", a, b, rules);

    free(a);
    free(b);
    return ret;
}

/* Partition 0 is assigned anew, with this line. */
static struct sl_partition *arrive(struct world *w, const char *line)
{
    struct sl_partition *p = sl_partition_new(&w->topic, 0, 9, SINKS, "cluster");
    struct sl_arrival a = {.p = p, .base = 0, .line = sl_slice_str(line)};

    p->log_start = 0;
    p->log_end = 100;
    p->committed = 0;
    w->arrived = 0;
    w->partitions[0]->ended = true;
    sl_pipeline_consumer_ops.on_arriving(&w->p, &a, 1);
    fake_advance(&w->fake, 0);
    return p;
}

static void arrived(struct world *w, struct sl_partition *p)
{
    fake_advance(&w->fake, 0);
    run_work(w);
    fake_advance(&w->fake, 0);
    assert_int_equal(w->arrived, 1);
    sl_partition_unref(w->partitions[0]);
    w->partitions[0] = p;
    sl_pipeline_consumer_ops.on_assigned(&w->p, &p, 1);
}

/* The version that is live goes into the state topic; its name is returned. The caller frees it. */
static char *record_live(struct world *w)
{
    fake_state_keep(w->p.routing->decisions, sl_buf_as_slice(&w->p.routing->packed));
    return sl_strdup(w->p.routing->decisions);
}

/* A: E is done to 1, S has planned [0, 2) under v1; the restart has v2. */
static void reading_A_the_cut_over_of_a_restart_is_beyond_the_plan(void **state)
{
    struct world *w = world_new("items, cuts");
    char *v1 = record_live(w), *line = line_of("1", "0+2", v1);
    struct sl_partition *p;

    (void)state;
    write_rule(w, "v2", "items");
    reload(w);
    for (size_t i = w->p.versions.n; i > 0; i--) /* as if it had just been started */
        ticks(w, 2);
    assert_int_equal(w->p.versions.n, 0);
    p = arrive(w, line);
    assert_int_equal(w->arrived, 0); /* v1 has to be fetched */
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_int_equal(p->n_eras, 2);
    assert_int_equal(p->eras[0].begin, 0);
    assert_string_equal(((struct sl_routing *)p->eras[0].routing)->decisions, v1);
    assert_int_equal(p->eras[1].begin, 2);
    assert_ptr_equal(p->eras[1].routing, w->p.routing);
    assert_int_equal(p->next, 1);
    assert_int_equal(p->sinks[CUTS].catch_up, 0);
    record(w, 0, "{}"); /* 1: by v1, to items, which it was meant for */
    assert_int_equal(p->sinks[ITEMS].routed, 1);
    free(v1);
    free(line);
    world_free(w);
}

/* B: a plan is recorded beyond where the live reader begins, and rules are reloaded. */
static void reading_B_the_cut_over_of_a_reload_is_beyond_the_plan(void **state)
{
    struct world *w = world_new("items, cuts");
    char *v1 = record_live(w), *line = line_of("0", "0+3", v1);
    struct sl_partition *p = arrive(w, line);

    (void)state;
    arrived(w, p);
    assert_int_equal(p->next, 0);
    write_rule(w, "v2", "items");
    reload(w);
    assert_int_equal(p->n_eras, 2);
    assert_int_equal(p->eras[1].begin, 3);
    free(v1);
    free(line);
    world_free(w);
}

static bool side_record(struct world *w, struct sl_partition *p, int64_t offset)
{
    const struct sl_message m = {
        .at = p, .offset = offset, .catch_up = true, .value = sl_slice_str("{}")};

    return w->side.ops->on_message(w->side.user, &m);
}

/* F: the plan was made under v1; what repeats it under v2 is of v1, and ends where it did. */
static void reading_F_what_repeats_a_plan_is_of_its_own_version(void **state)
{
    struct world *w = world_new("items, cuts");
    char *v1 = record_live(w), *hash = sl_strdup(w->p.routing->version->hash),
         *line = line_of("1", "0+1", v1);
    struct sl_partition *p;

    (void)state;
    write_rule(w, "v2", "cuts");
    reload(w);
    p = arrive(w, line);
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_int_equal(p->eras[1].begin, 1);
    fake_advance(&w->fake, 0);
    assert_int_equal(w->side.n, 1);
    for (int64_t i = 0; i < 3; i++) {
        side_record(w, p, i);
        fake_advance(&w->fake, 0);
    }
    run_work(w);
    assert_int_equal(w->pending.n, 1);
    assert_string_equal(w->pending.pending[0]->rules->hash, hash);
    assert_int_equal(w->pending.pending[0]->hold->spans[0]->first, 0);
    assert_int_equal(w->pending.pending[0]->hold->spans[0]->last, 0);
    free(v1);
    free(hash);
    free(line);
    world_free(w);
}

/* F, where the same rules are live before and after others that gave the sink nothing: a cut lies
 * in one era all the same. */
static void cut_in_three_eras(bool catch_up)
{
    const struct sl_result delivered = {.outcome = SL_DELIVERED, .status = 200, .reason = ""};
    struct world *w = world_new("items, cuts");
    char *v1 = record_live(w), *v2, *line, *all;
    struct sl_partition *p;

    write_rule(w, "v2", "items");
    reload(w);
    v2 = record_live(w);
    write_rule(w, "v1", "items, cuts");
    reload(w);
    line = line_of(catch_up ? "3" : "0", catch_up ? "0!" : "0", v1);
    all = sl_asprintf("%s;v1=%.12s;v2=%.12s", line, v2, v1);
    p = arrive(w, all);
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_int_equal(p->n_eras, 3);
    fake_advance(&w->fake, 0);
    for (int64_t i = 0; i < 3; i++) {
        if (catch_up)
            side_record(w, p, i);
        else
            record(w, 0, "{}");
    }
    sl_sink_close_open(w->p.sinks[CUTS], NULL);
    run_work(w);
    for (int64_t i = 0; i < 3; i += 2) {
        const struct sl_span *span =
            sl_container_of(p->sinks[CUTS].spans.next, struct sl_span, node);

        assert_int_equal(span->first, i);
        assert_int_equal(span->last, i);
        while (w->pending.n > 0)
            sl_sink_done(fake_take(0), &delivered);
        run_work(w);
    }
    free(v1);
    free(v2);
    free(line);
    free(all);
    world_free(w);
}

static void reading_F_no_cut_lies_in_two_eras(void **state)
{
    (void)state;
    cut_in_three_eras(false);
    cut_in_three_eras(true);
}

/* ---- rules that cannot be had ---- */

static void without_its_rules_a_line_is_void(void **state)
{
    struct world *w = world_new("items, cuts");
    char *line = line_of("7", "2+3", "abcdefabcdef");
    struct sl_partition *p = arrive(w, line);

    (void)state;
    fake_state_answer(SL_OK); /* it has no such version */
    arrived(w, p);
    assert_int_equal(p->n_eras, 1);
    assert_int_equal(p->next, 0);
    for (size_t i = 0; i < SINKS; i++) {
        assert_int_equal(sl_partition_position(p, i), 0);
        assert_true(sl_partition_attached(p, i));
        assert_int_equal(p->sinks[i].plan.end, 0);
    }
    assert_int_equal(metric(w, "sluice_positions_void_total", NULL, NULL), 1);
    assert_int_equal(logged(w, "cannot be had"), 1);
    assert_false(p->stopped);
    free(line);
    world_free(w);
}

/* It was taken out while others went on to 11, and comes back with records that are still owed to
 * it; of a compacted topic, too, where it is not left behind the live reader. */
static void a_sink_that_came_back_lacks_no_less(void **state)
{
    (void)state;
    for (int compacted = 0; compacted < 2; compacted++) {
        struct world *w = world_new("items, cuts");
        char *items = entry(ITEMS, "0"), *cuts = entry(CUTS, "-b@fs6");
        char *line = sl_asprintf("2;b=11%s;v-b=%.12s;v-4=abcdefabcdef;u%s", items,
                                 w->p.routing->decisions, cuts + 2);
        struct sl_partition *p = sl_partition_new(&w->topic, 0, 9, SINKS, "cluster");
        struct sl_arrival a = {.p = p, .base = 11, .line = sl_slice_str(line)};

        p->log_start = 0;
        p->log_end = 100;
        p->committed = 11;
        p->compacted = compacted;
        w->partitions[0]->ended = true;
        sl_pipeline_consumer_ops.on_arriving(&w->p, &a, 1);
        fake_advance(&w->fake, 0);
        fake_state_answer(SL_OK); /* it has no such version */
        arrived(w, p);
        assert_int_equal(metric(w, "sluice_positions_void_total", NULL, NULL), 1);
        assert_int_equal(sl_partition_position(p, CUTS), 0);
        assert_int_equal(p->next, 0);
        free(items);
        free(cuts);
        free(line);
        world_free(w);
    }
}

static void past_max_replay_the_partition_stops_and_asks(void **state)
{
    struct world *w = world_new("items, cuts");
    char *line = line_of("7", "2+3", "abcdefabcdef");
    struct sl_partition *p;

    (void)state;
    w->config.source.max_replay = 7;
    p = arrive(w, line);
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_false(p->stopped);
    w->config.source.max_replay = 6;
    p = arrive(w, line);
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_true(p->stopped);
    assert_non_null(strstr(w->stop_reason, "max_replay"));
    free(line);
    world_free(w);
}

static void a_topic_that_cannot_be_read_is_asked_again(void **state)
{
    struct world *w = world_new("items, cuts");
    char *v1 = record_live(w), *line = line_of("1", "0+2", v1);
    struct sl_partition *p;

    (void)state;
    write_rule(w, "v2", "items");
    reload(w);
    ticks(w, 3);
    p = arrive(w, line);
    fake_state_answer(SL_EKAFKA);
    fake_advance(&w->fake, SL_ARRIVE_AGAIN_MS);
    run_work(w);
    assert_int_equal(w->arrived, 0);
    fake_state_answer(SL_OK);
    arrived(w, p);
    assert_int_equal(p->n_eras, 2);
    assert_int_equal(metric(w, "sluice_positions_void_total", NULL, NULL), 0);
    free(v1);
    free(line);
    world_free(w);
}

static void what_ends_while_it_arrives_is_forgotten(void **state)
{
    struct world *w = world_new("items, cuts");
    char *line = line_of("7", "2+3", "abcdefabcdef");
    struct sl_partition *p = arrive(w, line);

    (void)state;
    p->ended = true;
    sl_pipeline_consumer_ops.on_ended(&w->p, &p, 1, true);
    fake_state_answer(SL_OK);
    fake_advance(&w->fake, 5000);
    run_work(w);
    assert_int_equal(w->arrived, 0);
    assert_int_equal(p->refs, 1);
    sl_partition_unref(p);
    free(line);
    world_free(w);
}

/* No record is judged by rules that nobody could have after us. */
static void partitions_wait_until_the_first_rules_are_recorded(void **state)
{
    struct world *w = world_new("items");
    struct sl_partition *p;

    (void)state;
    w->p.arrive.unrecorded = true;
    p = arrive(w, "");
    fake_advance(&w->fake, 100);
    assert_int_equal(w->arrived, 0);
    sl_arriving_recorded(&w->p, 0);
    arrived(w, p);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_A_the_cut_over_of_a_restart_is_beyond_the_plan),
        cmocka_unit_test(reading_B_the_cut_over_of_a_reload_is_beyond_the_plan),
        cmocka_unit_test(reading_F_what_repeats_a_plan_is_of_its_own_version),
        cmocka_unit_test(reading_F_no_cut_lies_in_two_eras),
        cmocka_unit_test(without_its_rules_a_line_is_void),
        cmocka_unit_test(a_sink_that_came_back_lacks_no_less),
        cmocka_unit_test(past_max_replay_the_partition_stops_and_asks),
        cmocka_unit_test(a_topic_that_cannot_be_read_is_asked_again),
        cmocka_unit_test(what_ends_while_it_arrives_is_forgotten),
        cmocka_unit_test(partitions_wait_until_the_first_rules_are_recorded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
