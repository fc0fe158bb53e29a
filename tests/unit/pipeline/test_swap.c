/* SPDX-License-Identifier: Apache-2.0 */
/* The moment in which other rules become live: batches, positions, counters, rules set aside. */
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

static size_t sink_pending(const struct world *w, size_t sink)
{
    size_t n = 0;

    for (size_t i = 0; i < w->pending.n; i++)
        n += w->pending.pending[i]->sink->index == sink;
    return n;
}

static struct sl_batch *pending_of(const struct world *w, size_t sink)
{
    for (size_t i = 0; i < w->pending.n; i++)
        if (w->pending.pending[i]->sink->index == sink)
            return w->pending.pending[i];
    return NULL;
}

/* Its oldest request is answered well. */
static void deliver_to(struct world *w, size_t sink)
{
    const struct sl_result result = {.outcome = SL_DELIVERED, .status = 200, .reason = ""};
    struct sl_batch *b = pending_of(w, sink);

    assert_non_null(b);
    fake_cancel(NULL, b);
    sl_sink_done(b, &result);
}

/* ---- batches ---- */

static void f54_every_batch_has_one_version(void **state)
{
    struct world *w = world_new("items, cuts");

    (void)state;
    for (int i = 0; i < 3; i++)
        record(w, (size_t)i % 2, "{}");
    write_rule(w, "v2", "items, cuts");
    reload(w);
    expect_live(w, "v2");
    for (int i = 0; i < 3; i++)
        record(w, (size_t)i % 2, "{}");
    run_work(w);
    assert_int_equal(sink_pending(w, ITEMS), 1); /* closed by the first record of the other era */
    assert_int_equal(sink_pending(w, CUTS), 3);  /* three objects */
    write_rule(w, "v3", "cuts");                 /* the old one, with its names, is long gone */
    reload(w);
    ticks(w, 10);
    write_rule(w, "v4", "cuts");
    reload(w);
    for (size_t i = 0; i < SINKS; i++)
        sl_sink_close_open(w->p.sinks[i], NULL);
    run_work(w);
    while (w->pending.n > 0) {
        deliver(w); /* note_delivery() compares the versions */
        run_work(w);
    }
    for (size_t k = 0; k < PARTITIONS; k++)
        for (size_t i = 0; i < w->pages[k]; i++)
            for (size_t s = 0; s < SINKS; s++)
                assert_int_equal(w->book[k][i].delivered[s], 1);
    world_free(w);
}

static void archive_objects_have_the_version_of_their_records(void **state)
{
    struct world *w = world_new("cuts");
    char hash[SL_SHA256_HEX + 1];

    (void)state;
    snprintf(hash, sizeof(hash), "%s", w->p.routing->version->hash);
    record(w, 0, "{}");
    write_rule(w, "v2", "cuts, items");
    reload(w);
    record(w, 0, "{}");
    sl_sink_close_open(w->p.sinks[CUTS], NULL);
    run_work(w);
    for (int64_t i = 0; i < 2; i++) { /* one after the other */
        const struct sl_batch *b = pending_of(w, CUTS);

        assert_int_equal(sink_pending(w, CUTS), 1);
        assert_int_equal(b->hold->n, 1);
        assert_int_equal(b->hold->spans[0]->first, i);
        assert_int_equal(b->hold->spans[0]->last, i);
        assert_string_equal(b->rules->hash, i == 0 ? hash : w->p.routing->version->hash);
        deliver_to(w, CUTS);
        run_work(w);
    }
    assert_string_not_equal(hash, w->p.routing->version->hash);
    world_free(w);
}

/* ---- positions ---- */

static const struct sl_routing *judge_of(const struct world *w, int64_t offset)
{
    return sl_partition_era(w->partitions[0], offset)->routing;
}

static void the_line_says_which_rules_judge_what(void **state)
{
    struct world *w = world_new("items, cuts");
    struct sl_partition *at = w->partitions[0], *again;
    char line[SL_METADATA_MAX], first[SL_SHA256_HEX + 1];
    size_t n;

    (void)state;
    snprintf(first, sizeof(first), "%s", w->p.names.rules);
    record(w, 0, "{}");
    sl_sink_close_open(w->p.sinks[ITEMS], NULL);
    run_work(w);
    deliver(w); /* items is one ahead of cuts */
    write_rule(w, "v2", "items");
    reload(w);
    assert_string_not_equal(w->p.names.rules, first);
    assert_int_equal(at->n_eras, 2);
    assert_int_equal(at->eras[1].begin, 1);
    assert_int_equal(w->partitions[1]->n_eras, 1); /* nobody has read it */
    n = sl_metadata_write(at, &w->p.names, line);
    assert_true(n > 0);
    again = sl_partition_new(&w->topic, 0, 2, SINKS, "cluster");
    assert_true(sl_metadata_read(again, &w->p.names, 0, sl_slice(line, n), NULL));
    assert_int_equal(again->n_eras, 2);
    assert_int_equal(strncmp(again->eras[0].rules, first, SL_RULES_HEAD), 0);
    assert_int_equal(strncmp(again->eras[1].rules, w->p.names.rules, SL_RULES_HEAD), 0);
    assert_int_equal(again->eras[1].begin, 1);
    assert_int_equal(again->sinks[ITEMS].from, 1);
    sl_partition_unref(again);
    world_free(w);
}

/* Rules change at once, and yet what some sinks have had is judged for the rest as it was. */
static void what_some_sinks_have_had_is_judged_as_before(void **state)
{
    struct world *w = world_new("items, cuts");
    struct sl_partition *at = w->partitions[0];

    (void)state;
    at->sinks[ITEMS].from = 3;
    write_rule(w, "v2", "items, cuts");
    reload(w);
    expect_live(w, "v2"); /* it decides the same: one era */
    assert_int_equal(at->n_eras, 1);
    write_rule(w, "v3", "items");
    reload(w);
    expect_live(w, "v3");
    assert_int_equal(at->n_eras, 2);
    assert_int_equal(at->eras[1].begin, 3);
    assert_ptr_not_equal(judge_of(w, 2), w->p.routing);
    assert_ptr_equal(judge_of(w, 3), w->p.routing);
    for (int i = 0; i < 4; i++)
        record(w, 0, "{}");
    assert_int_equal(at->sinks[CUTS].routed, 3); /* by v2 */
    assert_int_equal(at->sinks[ITEMS].routed, 1);
    assert_int_equal(*w->p.count.left_out[ITEMS], 3);
    world_free(w);
}

/* v1 is live again while records of v2's era are still to be read. */
static void rules_that_come_back_are_another_era(void **state)
{
    struct world *w = world_new("items, cuts");
    struct sl_partition *at = w->partitions[0];

    (void)state;
    record(w, 0, "{}");
    write_rule(w, "v2", "items");
    reload(w);
    record(w, 0, "{}");
    write_rule(w, "v1", "items, cuts");
    reload(w);
    assert_int_equal(at->n_eras, 3);
    assert_ptr_equal(judge_of(w, 0), w->p.routing);
    assert_ptr_not_equal(judge_of(w, 1), w->p.routing);
    assert_ptr_equal(judge_of(w, 2), w->p.routing);
    record(w, 0, "{}");
    assert_int_equal(at->sinks[CUTS].routed, 2);
    assert_int_equal(at->sinks[ITEMS].routed, 3);
    world_free(w);
}

static void old_rules_go_when_nobody_needs_them(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    record(w, 0, "{}");
    write_rule(w, "v2", "cuts");
    reload(w);
    tick(w);
    assert_int_equal(w->p.versions.n, 1);
    assert_int_equal(w->partitions[0]->n_eras, 2);
    sl_sink_close_open(w->p.sinks[ITEMS], NULL);
    run_work(w);
    deliver(w);
    ticks(w, 2);
    assert_int_equal(w->partitions[0]->n_eras, 1);
    assert_int_equal(w->p.versions.n, 0);
    world_free(w);
}

/* ---- the state topic ---- */

static void a_change_waits_until_it_is_recorded(void **state)
{
    struct world *w = world_new("items");
    const struct sl_routing *live = w->p.routing;

    (void)state;
    w->state.holds = true;
    write_rule(w, "v2", "cuts");
    reload(w);
    assert_ptr_equal(w->p.routing, live);
    assert_non_null(w->p.reload.next);
    assert_true(noted(w, "recorded"));
    fake_advance(&w->fake, SL_VERSIONS_WAIT_MS - 1);
    assert_ptr_equal(w->p.routing, live);
    fake_state_confirm(SL_OK);
    expect_live(w, "v2");
    assert_false(noted(w, "recorded"));
    assert_int_equal(logged(w, "not in the state topic"), 0);
    world_free(w);
}

static void a_state_topic_that_fails_costs_a_warning(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    w->state.holds = true;
    write_rule(w, "v2", "cuts");
    reload(w);
    fake_advance(&w->fake, SL_VERSIONS_WAIT_MS);
    expect_live(w, "v2");
    assert_int_equal(logged(w, "no answer within 10 s"), 1);
    fake_state_confirm(SL_EKAFKA); /* too late to matter */
    assert_int_equal(logged(w, "not in the state topic"), 1);
    write_rule(w, "v3", "items");
    reload(w);
    fake_state_confirm(SL_EKAFKA);
    expect_live(w, "v3");
    assert_int_equal(logged(w, "the broker said no"), 1);
    world_free(w);
}

static void a_change_that_waits_gives_way_to_a_later_one(void **state)
{
    struct world *w = world_new("items");
    const struct sl_routing *live = w->p.routing;

    (void)state;
    w->state.holds = true;
    write_rule(w, "v2", "cuts");
    reload(w);
    write_rule(w, "v3", "items, cuts");
    reload(w);
    write_rule(w, "v1", "items"); /* as before */
    reload(w);
    assert_null(w->p.reload.next);
    fake_state_confirm(SL_OK);
    assert_ptr_equal(w->p.routing, live);
    write_rule(w, "v4", "cuts");
    reload(w);
    write_file(w, "10.yaml", "rules: [");
    reload(w); /* refused: the one before it still comes */
    assert_true(noted(w, "refused"));
    fake_state_confirm(SL_OK);
    expect_live(w, "v4");
    assert_false(successful(w)); /* what lies there now is not what is live */
    assert_true(noted(w, "refused"));
    w->state.holds = false;
    write_rule(w, "v5", "cuts");
    reload(w);
    expect_live(w, "v5");
    assert_true(successful(w));
    assert_false(noted(w, "refused"));
    world_free(w);
}

/* What was refused before it is not what the operator has to look at. */
static void a_good_change_that_waits_ends_what_was_refused(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    w->state.holds = true;
    write_file(w, "10.yaml", "rules: [");
    reload(w);
    assert_true(noted(w, "refused"));
    write_rule(w, "v2", "cuts");
    reload(w);
    expect_live(w, "v1");
    assert_false(noted(w, "refused"));
    assert_false(successful(w)); /* not yet */
    fake_state_confirm(SL_OK);
    expect_live(w, "v2");
    assert_true(successful(w));
    world_free(w);
}

/* ---- counters ---- */

static uint64_t matched(const struct world *w, const char *rule)
{
    return metric(w, "sluice_rule_records_total", "rule", rule);
}

static uint64_t dropped(const struct world *w, const char *rule)
{
    return metric(w, "sluice_dropped_records_total", "rule", rule);
}

static void counts_of_rules_that_are_gone_are_kept(void **state)
{
    struct world *w = world_new("items");
    static const char both[] = "rules:\n"
                               "  - { name: v1, when: { a: 1 }, drop: true }\n"
                               "  - { name: b, when: { a: 2 }, drop: true }\n"
                               "  - { name: c, when: { a: 3 }, to: items }\n";
    static const char one[] = "rules:\n  - { name: v1, when: { a: 1 }, to: items }\n"
                              "  - { name: d, to: items }\n";

    (void)state;
    record(w, 0, "{}");
    replace_file(w, "10.yaml", both);
    reload(w);
    for (int i = 0; i < 5; i++)
        record(w, 0, i < 2 ? "{\"a\":1}" : "{\"a\":2}");
    record(w, 0, "{\"a\":3}");
    record(w, 0, "{\"a\":4}");
    assert_int_equal(matched(w, "v1"), 3);
    assert_int_equal(dropped(w, "v1"), 2);
    assert_int_equal(dropped(w, "b"), 3);
    assert_int_equal(dropped(w, "(unmatched)"), 1);
    replace_file(w, "10.yaml", one);
    reload(w);
    record(w, 0, "{}");
    assert_int_equal(matched(w, "v1"), 3);
    assert_int_equal(dropped(w, "v1"), 2); /* although it no longer drops */
    assert_int_equal(matched(w, "b"), 0);
    assert_int_equal(matched(w, "(removed)"), 4);
    assert_int_equal(dropped(w, "(removed)"), 3);
    assert_int_equal(matched(w, "d"), 1);
    assert_int_equal(matched(w, "(unmatched)"), 1);
    assert_int_equal(metric(w, "sluice_rule_records_total", NULL, NULL), 9);
    /* decoded = dropped + kept */
    assert_int_equal(w->topic_counters[2], metric(w, "sluice_dropped_records_total", NULL, NULL) +
                                               metric(w, "sluice_kept_records_total", NULL, NULL));
    write_rule(w, "e", "items");
    reload(w);
    assert_int_equal(dropped(w, "v1"), 0);
    assert_int_equal(dropped(w, "(removed)"), 5);
    assert_int_equal(matched(w, "(removed)"), 8);
    world_free(w);
}

static void the_version_is_in_metrics_and_in_the_log(void **state)
{
    struct world *w = world_new("items");
    char before[SL_SHA256_HEX + 1];

    (void)state;
    snprintf(before, sizeof(before), "%s", w->p.routing->version->hash);
    assert_int_equal(metric(w, "sluice_rules_info", "hash", before), 1);
    write_rule(w, "v2", "cuts");
    reload(w);
    assert_int_equal(metric(w, "sluice_rules_info", "hash", w->p.routing->version->hash), 1);
    assert_int_equal(metric(w, "sluice_rules_info", NULL, NULL), 1);
    assert_int_equal(logged(w, before), 1);
    assert_int_equal(logged(w, w->p.routing->version->hash), 1);
    world_free(w);
}

/* A second passes, and other rules become live, after the positions were made up and before the
 * consumer takes the partition up. */
static void what_arrives_keeps_its_rules_and_gets_the_live_ones(void **state)
{
    struct world *w = world_new("items");
    struct sl_partition *at = w->partitions[1], *fresh;
    char line[SL_METADATA_MAX], first[SL_SHA256_HEX + 1];
    struct sl_arrival a = {0};

    (void)state;
    snprintf(first, sizeof(first), "%s", w->p.routing->decisions);
    at->sinks[CUTS].from = 2;
    write_rule(w, "v2", "cuts");
    reload(w);
    a.line = sl_slice(line, sl_metadata_write(at, &w->p.names, line));
    fresh = a.p = sl_partition_new(&w->topic, 1, 7, SINKS, "cluster");
    fresh->log_start = fresh->committed = 0;
    fresh->log_end = OFFSETS;
    w->partitions[1] = w->partitions[0];
    sl_pipeline_consumer_ops.on_arriving(&w->p, &a, 1);
    fake_advance(&w->fake, 0);
    assert_int_equal(w->arrived, 1);
    write_rule(w, "v3", "items, cuts");
    reload(w);
    expect_live(w, "v3");
    tick(w);
    w->partitions[1] = fresh;
    sl_pipeline_consumer_ops.on_assigned(&w->p, &fresh, 1);
    assert_non_null(sl_versions_find(&w->p, first));
    assert_string_equal(judging_rule(w, 1), "v1");
    record(w, 1, "{}");
    record(w, 1, "{}");
    assert_string_equal(judging_rule(w, 1), "v3");
    sl_partition_unref(at);
    world_free(w);
}

/* ---- rules set aside ---- */

static const char bombs[] = "rules:\n"
                            "  - { name: bomb, when: { m: { regex: '(a+)+$' } }, to: items }\n"
                            "  - { name: other, when: { n: { regex: '(b+)+$' } }, to: items }\n"
                            "  - { name: rest, to: items }\n";
static const char fuse[] =
    "{\"m\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\"}";
static const char fuse_b[] =
    "{\"n\":\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb!\"}";

static struct world *world_with_bombs(void)
{
    struct world *w = world_new("items");

    replace_file(w, "10.yaml", bombs);
    reload(w);
    expect_live(w, "bomb");
    return w;
}

static void meet_limits(struct world *w, const char *value, int n)
{
    for (int i = 0; i < n; i++)
        record(w, 0, value);
}

static void a_rule_that_keeps_meeting_its_limits_is_set_aside(void **state)
{
    struct world *w = world_with_bombs();
    char hash[SL_SHA256_HEX + 1], decisions[SL_SHA256_HEX + 1];
    struct sl_admin *admin = &w->p.admin;
    struct sl_buf page;
    const char *type;

    (void)state;
    snprintf(hash, sizeof(hash), "%s", w->p.routing->version->hash);
    snprintf(decisions, sizeof(decisions), "%s", w->p.names.rules);
    meet_limits(w, fuse, SL_LIMITS_MOST - 1);
    assert_string_equal(w->p.routing->version->hash, hash);
    assert_int_equal(w->partitions[0]->n_eras, 1);
    assert_int_equal(w->pending.n, 0);
    meet_limits(w, fuse, 1);
    run_work(w);
    assert_int_equal(w->pending.n, 0);
    meet_limits(w, fuse, 1);
    run_work(w);
    assert_int_equal(sink_pending(w, CUTS), 5); /* closed: five objects of the old version */
    assert_string_equal(w->pending.pending[0]->rules->hash, hash);
    assert_string_not_equal(w->p.env.rules->hash, hash);
    assert_string_not_equal(w->p.names.rules, decisions);
    assert_int_equal(w->partitions[0]->eras[1].begin, SL_LIMITS_MOST);
    assert_int_equal(metric(w, "sluice_rules_set_aside", "rule", "bomb"), 1);
    assert_int_equal(metric(w, "sluice_rules_info", "hash", w->p.env.rules->hash), 1);
    assert_int_equal(metric(w, "sluice_rules_info", NULL, NULL), 1);
    assert_int_equal(logged(w, "10.yaml:2"), 1);
    sl_buf_init(&page, 1 << 16);
    assert_int_equal(sl_admin_answer(admin, "/readyz", &type, &page), 200);
    assert_non_null(strstr(sl_buf_str(&page), "bomb"));
    sl_buf_release(&page);
    meet_limits(w, fuse, 3 * SL_LIMITS_MOST);
    assert_int_equal(logged(w, "set aside"), 1);
    world_free(w);
}

static void the_version_tells_which_rules_are_set_aside_and_not_when(void **state)
{
    struct world *w = world_with_bombs();
    char first[SL_SHA256_HEX + 1], one[SL_SHA256_HEX + 1];

    (void)state;
    meet_limits(w, fuse, SL_LIMITS_MOST);
    run_work(w);
    snprintf(one, sizeof(one), "%s", w->p.names.rules);
    meet_limits(w, fuse_b, SL_LIMITS_MOST);
    run_work(w);
    assert_int_equal(w->p.routing->n_aside, 2);
    snprintf(first, sizeof(first), "%s", w->p.names.rules);
    assert_string_not_equal(first, one);
    reload(w); /* which takes them back */
    assert_int_equal(w->p.routing->n_aside, 0);
    assert_int_equal(metric(w, "sluice_rules_set_aside", NULL, NULL), 0);
    assert_int_equal(logged(w, "rules reloaded"), 2);
    meet_limits(w, fuse_b, SL_LIMITS_MOST);
    run_work(w);
    assert_string_not_equal(w->p.names.rules, one);
    meet_limits(w, fuse, SL_LIMITS_MOST);
    run_work(w);
    assert_string_equal(w->p.names.rules, first);
    world_free(w);
}

/* Also by rules that were set aside since. */
static void what_was_judged_by_a_rule_is_judged_by_it_again(void **state)
{
    struct world *w = world_with_bombs();
    struct sl_partition *at = w->partitions[1];
    uint64_t routed;

    (void)state;
    at->sinks[CUTS].from = 2; /* cuts has had what the bomb spoilt: items never gets it */
    meet_limits(w, fuse, SL_LIMITS_MOST);
    run_work(w);
    assert_int_equal(w->p.routing->n_aside, 1);
    routed = at->sinks[CUTS].routed;
    record(w, 1, "{\"m\":\"x\"}"); /* the bomb does not match: rest, to items */
    record(w, 1, "{\"m\":\"x\"}");
    assert_int_equal(at->sinks[ITEMS].routed, 2);
    record(w, 1, "{\"m\":\"x\"}"); /* where it is set aside: to rule_errors */
    assert_int_equal(at->sinks[ITEMS].routed, 2);
    assert_int_equal(at->sinks[CUTS].routed, routed + 1);
    world_free(w);
}

static void two_rules_at_once_are_both_set_aside(void **state)
{
    struct world *w = world_with_bombs();

    (void)state;
    w->state.holds = true;
    meet_limits(w, fuse, SL_LIMITS_MOST);
    run_work(w);
    meet_limits(w, fuse_b, SL_LIMITS_MOST); /* while the first is being recorded */
    run_work(w);
    assert_int_equal(w->p.routing->n_aside, 0);
    fake_state_confirm(SL_OK);
    assert_int_equal(w->p.routing->n_aside, 1);
    run_work(w);
    fake_state_confirm(SL_OK);
    assert_int_equal(w->p.routing->n_aside, 2);
    assert_int_equal(metric(w, "sluice_rules_set_aside", NULL, NULL), 2);
    assert_int_equal(logged(w, "is set aside"), 2);
    world_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f54_every_batch_has_one_version),
        cmocka_unit_test(archive_objects_have_the_version_of_their_records),
        cmocka_unit_test(the_line_says_which_rules_judge_what),
        cmocka_unit_test(what_some_sinks_have_had_is_judged_as_before),
        cmocka_unit_test(rules_that_come_back_are_another_era),
        cmocka_unit_test(old_rules_go_when_nobody_needs_them),
        cmocka_unit_test(a_change_waits_until_it_is_recorded),
        cmocka_unit_test(a_state_topic_that_fails_costs_a_warning),
        cmocka_unit_test(a_change_that_waits_gives_way_to_a_later_one),
        cmocka_unit_test(a_good_change_that_waits_ends_what_was_refused),
        cmocka_unit_test(counts_of_rules_that_are_gone_are_kept),
        cmocka_unit_test(the_version_is_in_metrics_and_in_the_log),
        cmocka_unit_test(what_arrives_keeps_its_rules_and_gets_the_live_ones),
        cmocka_unit_test(a_rule_that_keeps_meeting_its_limits_is_set_aside),
        cmocka_unit_test(the_version_tells_which_rules_are_set_aside_and_not_when),
        cmocka_unit_test(what_was_judged_by_a_rule_is_judged_by_it_again),
        cmocka_unit_test(two_rules_at_once_are_both_set_aside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
