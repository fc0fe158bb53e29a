/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "route/help.h"
#include "sluice/lint.h"

/* Regexes over the strings that are worst for them. Time is what the test says it is. */

struct clock {
    uint64_t now, step;
};

static uint64_t now(void *user)
{
    struct clock *c = user;

    return c->now += c->step;
}

static void try_all(const char *yaml, uint64_t step, struct box *b, struct sl_regex_trials *ret)
{
    struct clock clock = {.step = step};

    *ret = (struct sl_regex_trials){.now_ms = now, .user = &clock, .until_ms = 1000};
    box_config(b);
    box_rules(b, yaml);
    sl_rules_try_regexes(b->rules, ret);
    ret->user = NULL;
}

/* The size at which the pattern fails, 0: it does not. */
static size_t fails_at(const char *pattern)
{
    struct sl_regex_trials t;
    struct sl_buf yaml;
    struct box b;
    size_t bytes;

    sl_buf_init(&yaml, 4096);
    sl_buf_printf(
        &yaml, "rules:\n- {name: a, when: {x: 1, any: [{y: 2}, {m: {regex: '%s'}}]}, to: search}\n",
        pattern);
    try_all(sl_buf_str(&yaml), 0, &b, &t);
    assert_int_equal(t.patterns, 1);
    assert_int_equal(t.unfinished, 0);
    bytes = t.n ? t.items[0].bytes : 0;
    if (t.n)
        assert_string_equal(sl_rules_info(b.rules, t.items[0].rule).name, "a");
    sl_regex_trials_release(&t);
    sl_buf_release(&yaml);
    box_release(&b);
    return bytes;
}

static void finds(void **state)
{
    (void)state;
    assert_true(fails_at("(a+)+$") > 0);
    assert_true(fails_at("(a+)+$") <= 1100);
    assert_true(fails_at("^(\\w+\\s?)*$") > 0);
    assert_true(fails_at("^user=(\\d+,?)*;$") > 0);
    assert_true(fails_at("([a-z]+)*=") > 0);
    assert_true(fails_at("(?:\\w+,)*END") > 0);
    assert_int_equal(fails_at("a.*b"), 1 << 20); /* from each `a` to the end */
}

static void lets_pass(void **state)
{
    (void)state;
    assert_int_equal(fails_at("timeout|refused"), 0);
    assert_int_equal(fails_at("^Downloaded (\\w+) in [0-9]+ ms$"), 0);
    assert_int_equal(fails_at("status=5[0-9]{2}"), 0);
    assert_int_equal(fails_at(""), 0);
}

static void ends_in_time(void **state)
{
    static const char yaml[] = "rules:\n"
                               "- {name: a, when: {m: {regex: '(a+)+$'}}, to: search}\n"
                               "- {name: b, when: {m: {regex: 'b+c'}}, to: search}\n"
                               "- {name: c, when: {m: {regex: 'd+e'}}, to: search}\n";
    struct sl_regex_trials t;
    struct box b;

    (void)state;
    try_all(yaml, 100, &b, &t); /* ten looks at the clock */
    assert_int_equal(t.patterns, 3);
    assert_int_equal(t.n, 1);
    assert_int_equal(t.unfinished, 2);
    sl_regex_trials_release(&t);
    box_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds),
        cmocka_unit_test(lets_pass),
        cmocka_unit_test(ends_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
