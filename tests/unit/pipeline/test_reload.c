/* SPDX-License-Identifier: Apache-2.0 */
/* When other rules are loaded and what is said of it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "pipeline/rules_world.h"

static const char bad[] = "rules:\n  - name: v2\n    too: items\n";

static void what_two_looks_have_seen_alike_is_loaded(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    ticks(w, 3);
    expect_live(w, "v1");
    assert_int_equal(logged(w, "rules reloaded"), 0);
    write_rule(w, "v2", "items");
    tick(w);
    write_rule(w, "v3", "items"); /* still at it */
    tick(w);
    write_rule(w, "v4", "items");
    tick(w);
    expect_live(w, "v1");
    tick(w);
    expect_live(w, "v4");
    ticks(w, 10);
    assert_int_equal(logged(w, "rules reloaded"), 1);
    assert_true(successful(w));
    world_free(w);
}

static void many_files_are_one_reload(void **state)
{
    struct world *w = world_new("items");
    char name[24], *text;

    (void)state;
    for (int i = 20; i < 60; i++) {
        snprintf(name, sizeof(name), "%d.yaml", i);
        text = sl_asprintf("rules:\n  - { name: more-%d, when: { a: %d }, to: cuts }\n", i, i);
        write_file(w, name, text);
        free(text);
        if (i % 20 == 0)
            tick(w); /* in the middle of it */
    }
    ticks(w, 10);
    assert_int_equal(sl_rules_count(w->p.routing->rules), 41);
    assert_int_equal(logged(w, "rules reloaded"), 1);
    world_free(w);
}

static void a_change_while_it_is_read_is_read_again(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    tick(w);
    fake_advance(&w->fake, 1000);
    fake_run_work(&w->fake); /* the second look; a load is to come */
    assert_int_equal(w->fake.n_work, 1);
    replace_file(w, "10.yaml", bad); /* half of the next change */
    run_work(w);
    expect_live(w, "v1");
    assert_true(successful(w));
    assert_int_equal(logged(w, "10.yaml"), 0);
    write_rule(w, "v3", "items");
    ticks(w, 3);
    expect_live(w, "v3");
    assert_int_equal(logged(w, "rules reloaded"), 1);
    world_free(w);
}

/* A rule file that is a pipe: who fills it can change the other file after that was read. */
static void f55_what_changes_under_the_reader_is_read_again(void **state)
{
    struct world *w = world_new("items");
    char *pipe = path_of(w, "20.yaml");
    pid_t child;

    (void)state;
    write_rule(w, "v2", "items");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    child = fork();
    if (child == 0) {
        FILE *f = fopen(pipe, "w"); /* waits for the reader */

        write_rule(w, "v3", "items");
        fputs("rules:\n  - { name: more, when: { a: 1 }, to: items }\n", f);
        fclose(f);
        _exit(0);
    }
    sl_reload_now(&w->p);
    run_work(w);
    assert_int_equal(waitpid(child, NULL, 0), child);
    expect_live(w, "v1");
    assert_int_equal(logged(w, "rules"), 0);
    unlink(pipe);
    ticks(w, 2);
    expect_live(w, "v3");
    assert_int_equal(logged(w, "rules reloaded"), 1);
    free(pipe);
    world_free(w);
}

static void f55_a_bad_change_changes_nothing_and_says_so_once(void **state)
{
    struct world *w = world_new("items");
    char hash[SL_SHA256_HEX + 1];
    uint64_t when;

    (void)state;
    when = metric(w, "sluice_config_last_reload_success_timestamp_seconds", NULL, NULL);
    snprintf(hash, sizeof(hash), "%s", w->p.routing->version->hash);
    replace_file(w, "10.yaml", bad);
    ticks(w, 2);
    expect_live(w, "v1");
    assert_string_equal(w->p.routing->version->hash, hash);
    assert_false(successful(w));
    assert_int_equal(metric(w, "sluice_config_last_reload_success_timestamp_seconds", NULL, NULL),
                     when);
    assert_true(logged(w, "10.yaml:3:5: ") > 0);
    assert_int_equal(logged(w, "rules were not reloaded"), 1);
    assert_true(noted(w, "was refused: ") && noted(w, "10.yaml:3:5: ") &&
                noted(w, "the rules before it are live"));
    ticks(w, 100); /* it is tried again, in case what is missing is elsewhere, and not told */
    assert_int_equal(logged(w, "rules were not reloaded"), 1);
    sl_reload_now(&w->p); /* who asks is told */
    run_work(w);
    assert_int_equal(logged(w, "rules were not reloaded"), 2);
    ticks(w, 20);
    assert_int_equal(logged(w, "rules were not reloaded"), 2);
    write_rule(w, "v2", "items");
    ticks(w, 2);
    expect_live(w, "v2");
    assert_true(successful(w));
    assert_false(noted(w, "refused"));
    assert_true(metric(w, "sluice_config_last_reload_success_timestamp_seconds", NULL, NULL) >
                when);
    replace_file(w, "10.yaml", bad); /* the same again is news again */
    ticks(w, 3);
    assert_int_equal(logged(w, "rules were not reloaded"), 3);
    world_free(w);
}

static void back_to_what_is_live_is_a_success(void **state)
{
    struct world *w = world_new("items");
    const struct sl_routing *live = w->p.routing;
    char *text = rule_text("v1", "items", 7);

    (void)state;
    replace_file(w, "10.yaml", bad);
    ticks(w, 2);
    assert_false(successful(w));
    replace_file(w, "10.yaml", text);
    ticks(w, 2);
    assert_true(successful(w));
    assert_ptr_equal(w->p.routing, live);
    assert_int_equal(logged(w, "they are what is live"), 1);
    assert_false(noted(w, "refused"));
    free(text);
    world_free(w);
}

static void no_rules_and_no_folder_change_nothing(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    remove_file(w, "10.yaml");
    ticks(w, 2);
    expect_live(w, "v1");
    assert_false(successful(w));
    assert_true(noted(w, "no rules"));
    remove_folder(w->folder);
    ticks(w, 3);
    expect_live(w, "v1");
    assert_false(successful(w));
    assert_int_equal(mkdir(w->folder, 0700), 0);
    write_rule(w, "v2", "items");
    ticks(w, 2);
    expect_live(w, "v2");
    world_free(w);
}

static void a_sink_that_is_not_there_is_an_error(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "nowhere");
    ticks(w, 2);
    expect_live(w, "v1");
    assert_true(noted(w, "nowhere"));
    world_free(w);
}

static void a_name_is_a_change_and_a_comment_is_none(void **state)
{
    struct world *w = world_new("items");
    const struct sl_routing *live = w->p.routing;
    char hash[SL_SHA256_HEX + 1], *text = rule_text("v1", "items", 9);

    (void)state;
    snprintf(hash, sizeof(hash), "%s", live->version->hash);
    replace_file(w, "10.yaml", text);
    ticks(w, 3);
    assert_ptr_equal(w->p.routing, live);
    write_rule(w, "v2", "items");
    record(w, 0, "{}");
    ticks(w, 2);
    expect_live(w, "v2");
    assert_string_equal(w->p.routing->version->hash, hash); /* it decides the same */
    assert_int_equal(w->partitions[0]->n_eras, 1);
    assert_ptr_equal(w->partitions[0]->eras[0].routing, w->p.routing);
    free(text);
    world_free(w);
}

static void a_link_that_is_swapped_is_a_change(void **state)
{
    struct world *w = world_new("items");
    char *old = path_of(w, "..1"), *now = path_of(w, "..2"), *link = path_of(w, "..data"),
         *next = path_of(w, "..next"), *file = path_of(w, "10.yaml"), *text;

    (void)state;
    assert_int_equal(mkdir(old, 0700), 0);
    assert_int_equal(mkdir(now, 0700), 0);
    text = rule_text("v1", "items", 1);
    write_file(w, "..1/10.yaml", text);
    free(text);
    text = rule_text("v2", "items", 1); /* neither size nor name differ */
    write_file(w, "..2/10.yaml", text);
    free(text);
    unlink(file);
    assert_int_equal(symlink("..1", link), 0);
    assert_int_equal(symlink("..data/10.yaml", file), 0);
    ticks(w, 3);
    expect_live(w, "v1");
    assert_int_equal(symlink("..2", next), 0);
    assert_int_equal(rename(next, link), 0);
    ticks(w, 2);
    expect_live(w, "v2");
    assert_int_equal(logged(w, "not reloaded"), 0);
    unlink(link);
    free(old);
    free(now);
    free(link);
    free(next);
    free(file);
    world_free(w);
}

static void tables_are_looked_at_too(void **state)
{
    struct world *w = world_new("items");
    static const char rules[] =
        "rules:\n  - { name: v2, when: { a: { in_table: keys.txt } }, to: items }\n";

    (void)state;
    replace_file(w, "10.yaml", rules);
    ticks(w, 2);
    expect_live(w, "v1");
    assert_true(noted(w, "keys.txt"));
    write_file(w, "keys.txt", "one\n"); /* the live rules do not name it: no look tells */
    ticks(w, 11);
    expect_live(w, "v2");
    ticks(w, 5);
    assert_int_equal(logged(w, "rules reloaded"), 1);
    record(w, 0, "{\"a\":\"two\"}");
    assert_int_equal(metric(w, "sluice_dropped_records_total", "reason", "unmatched"), 1);
    write_file(w, "keys.txt", "one\ntwo\n");
    ticks(w, 2);
    assert_int_equal(logged(w, "rules reloaded"), 2);
    record(w, 0, "{\"a\":\"two\"}");
    assert_int_equal(metric(w, "sluice_dropped_records_total", "reason", "unmatched"), 1);
    assert_int_equal(metric(w, "sluice_rule_records_total", "rule", "v2"), 1);
    world_free(w);
}

/* ---- SIGHUP ---- */

static void who_asks_is_answered_at_once(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    sl_reload_now(&w->p);
    run_work(w);
    expect_live(w, "v2");
    sl_reload_now(&w->p);
    run_work(w);
    assert_int_equal(logged(w, "they are what is live"), 1);
    ticks(w, 10); /* the look after it finds the same, and does not tell */
    assert_int_equal(logged(w, "they are what is live"), 1);
    assert_int_equal(logged(w, "rules reloaded"), 1);
    world_free(w);
}

static void what_is_written_after_a_load_began_is_loaded_as_well(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    sl_reload_now(&w->p);
    sl_reload_now(&w->p);
    fake_run_work(&w->fake);
    expect_live(w, "v2");
    write_rule(w, "v3", "items"); /* before the second is read */
    run_work(w);
    expect_live(w, "v3");
    world_free(w);
}

static void a_changed_configuration_needs_a_restart(void **state)
{
    struct world *w = world_new("items");
    char *path = path_of(w, "sluice.yml~");

    (void)state;
    w->config.path = path;
    write_file(w, "sluice.yml~", "a: 1\n");
    sl_reload_now(&w->p); /* it was not there at the start */
    run_work(w);
    assert_int_equal(logged(w, "needs a restart"), 1);
    free(path);
    world_free(w);
}

static void an_unchanged_configuration_needs_nothing(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    sl_reload_now(&w->p);
    run_work(w);
    assert_int_equal(logged(w, "needs a restart"), 0);
    world_free(w);
}

/* ---- the end ---- */

static void a_load_that_ends_after_the_stop_changes_nothing(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    sl_reload_now(&w->p);
    w->p.phase = SL_PHASE_DRAINING;
    run_work(w);
    expect_live(w, "v1");
    sl_reload_now(&w->p);
    assert_int_equal(w->fake.n_work, 0);
    world_free(w);
}

static void a_look_that_ends_after_the_stop_loads_nothing(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    tick(w);
    fake_advance(&w->fake, 1000);
    w->p.phase = SL_PHASE_DRAINING;
    fake_run_work(&w->fake);
    assert_int_equal(w->fake.n_work, 0);
    world_free(w);
}

static void the_end_waits_for_the_pool_threads(void **state)
{
    struct world *w = world_new("items");

    (void)state;
    write_rule(w, "v2", "items");
    sl_reload_now(&w->p);
    fake_run_work(&w->fake);
    expect_live(w, "v2");
    assert_int_equal(w->fake.n_work, 1); /* the old rules are still to be freed */
    sl_reload_now(&w->p);
    world_free(w); /* looks at what is alive */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_looks_have_seen_alike_is_loaded),
        cmocka_unit_test(many_files_are_one_reload),
        cmocka_unit_test(a_change_while_it_is_read_is_read_again),
        cmocka_unit_test(f55_what_changes_under_the_reader_is_read_again),
        cmocka_unit_test(f55_a_bad_change_changes_nothing_and_says_so_once),
        cmocka_unit_test(back_to_what_is_live_is_a_success),
        cmocka_unit_test(no_rules_and_no_folder_change_nothing),
        cmocka_unit_test(a_sink_that_is_not_there_is_an_error),
        cmocka_unit_test(a_name_is_a_change_and_a_comment_is_none),
        cmocka_unit_test(a_link_that_is_swapped_is_a_change),
        cmocka_unit_test(tables_are_looked_at_too),
        cmocka_unit_test(who_asks_is_answered_at_once),
        cmocka_unit_test(what_is_written_after_a_load_began_is_loaded_as_well),
        cmocka_unit_test(a_changed_configuration_needs_a_restart),
        cmocka_unit_test(an_unchanged_configuration_needs_nothing),
        cmocka_unit_test(a_load_that_ends_after_the_stop_changes_nothing),
        cmocka_unit_test(a_look_that_ends_after_the_stop_loads_nothing),
        cmocka_unit_test(the_end_waits_for_the_pool_threads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
