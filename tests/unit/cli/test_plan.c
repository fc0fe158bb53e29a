/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/plan_compare.h"
#include "config/config.h"

/* Old and new rules over a stream: what is counted, and that what is kept has a bound. */

static char folder[] = P_tmpdir "/sluice-test-plan-XXXXXX";

struct pair {
    struct sl_config *config;
    struct sl_diags diags;
    struct sl_offline_base *base;
    struct sl_offline *before, *after;
    struct sl_compare plan;
    size_t lines;
};

static void write_rules(const char *name, const char *word, unsigned n)
{
    FILE *to = fopen(name, "w");

    assert_non_null(to);
    fputs("rules:\n", to);
    for (unsigned i = 0; i < n; i++)
        fprintf(to, "- { name: %s%u, when: { n: %u }, to: out }\n", word, i, i);
    fclose(to);
}

static void open_pair(struct pair *p)
{
    const char *routes = "new.yaml";
    FILE *to = fopen("sluice.yaml", "w");

    assert_non_null(to);
    fputs(
        "source:\n"
        "  kafka: { brokers: [127.0.0.1:9092], topics: [logs], group: g }\n"
        "routes: old.yaml\n"
        "unmatched: out\n"
        "sinks: { out: { type: file, path: /dev/null }, more: { type: file, path: /dev/null } }\n",
        to);
    fclose(to);
    *p = (struct pair){0};
    sl_diags_init(&p->diags);
    p->config = sl_config_load("sluice.yaml", &p->diags);
    assert_non_null(p->config);
    p->base = sl_offline_base_new(p->config, &p->diags);
    assert_non_null(p->base);
    p->before = sl_offline_new(p->base, NULL, &p->diags);
    p->after = sl_offline_new(p->base, &(struct sl_strings){&routes, 1}, &p->diags);
    assert_true(p->before && p->after);
    sl_compare_init(&p->plan, p->before, p->after);
}

static void close_pair(struct pair *p)
{
    sl_compare_release(&p->plan);
    sl_offline_free(p->before);
    sl_offline_free(p->after);
    sl_offline_base_free(p->base);
    sl_config_free(p->config);
    sl_diags_release(&p->diags);
}

static void feed(struct pair *p, const char *value)
{
    const struct sl_input_record in = {
        .topic = "logs",
        .cluster_id = "",
        .message = {.timestamp_ms = 1767225600000, .value = sl_slice_str(value)},
        .line = ++p->lines,
    };

    sl_compare_record(&p->plan, &in);
}

static void classes_have_a_bound(void **state)
{
    enum { RULES = SL_COMPARE_CLASSES_MAX + 100 };
    char value[64];
    struct pair p;

    (void)state;
    write_rules("old.yaml", "a", RULES);
    write_rules("new.yaml", "b", RULES);
    open_pair(&p);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < RULES; i++) {
            snprintf(value, sizeof(value), "{\"n\":%u}", i);
            feed(&p, value);
        }
    feed(&p, "{\"n\":7}");
    sl_compare_finish(&p.plan);
    assert_int_equal(p.plan.records, 2 * RULES + 1);
    assert_int_equal(p.plan.changed, 2 * RULES + 1);
    assert_int_equal(p.plan.n_classes, SL_COMPARE_CLASSES_MAX);
    assert_int_equal(p.plan.others, 200);
    assert_int_equal(p.plan.classes[0].records, 3);
    assert_string_equal(p.plan.classes[0].value, "{\"n\":7}");
    assert_string_equal(p.plan.classes[0].place, "line 8");
    assert_int_equal(p.plan.classes[1].records, 2);
    assert_string_equal(p.plan.classes[1].place, "line 1"); /* then in the order met */
    close_pair(&p);
}

/* A record that comes to one sink by both sets counts the bytes it has there. */
static void bytes_of_a_sink(void **state)
{
    FILE *to;
    struct pair p;

    (void)state;
    write_rules("old.yaml", "a", 1);
    to = fopen("new.yaml", "w");
    assert_non_null(to);
    fputs("rules:\n- { name: a0, when: { n: 0 }, set: { k: vvv }, to: [out, more] }\n", to);
    fclose(to);
    open_pair(&p);
    feed(&p, "{\"n\":0}");
    feed(&p, "{\"n\":1}");
    sl_compare_finish(&p.plan);
    assert_int_equal(p.plan.records, 2);
    assert_int_equal(p.plan.changed, 1);
    assert_int_equal(p.plan.classes[0].change.bytes, 1);
    assert_int_equal(p.plan.sinks[0].records[SL_COMPARE_BEFORE], 2);
    assert_int_equal(p.plan.sinks[0].bytes[SL_COMPARE_AFTER] -
                         p.plan.sinks[0].bytes[SL_COMPARE_BEFORE],
                     sizeof(",\"k\":\"vvv\"") - 1);
    assert_int_equal(p.plan.sinks[1].records[SL_COMPARE_BEFORE], 0);
    assert_int_equal(p.plan.sinks[1].records[SL_COMPARE_AFTER], 1);
    assert_int_equal(p.plan.sinks[1].bytes[SL_COMPARE_BEFORE], 0);
    assert_non_null(strstr(p.plan.classes[0].differences, "out: k: (missing) -> \"vvv\""));
    close_pair(&p);
}

static int into_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int out_of_folder(void **state)
{
    (void)state;
    unlink("sluice.yaml");
    unlink("old.yaml");
    unlink("new.yaml");
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_have_a_bound),
        cmocka_unit_test(bytes_of_a_sink),
    };

    return cmocka_run_group_tests(tests, into_folder, out_of_folder);
}
