/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rows.h"

#include <unistd.h>

/* Operators on addresses, on tables and on letters of any case; any-of with many operands. */

static void put(const char *name, const char *text)
{
    FILE *to = fopen(name, "w");

    assert_non_null(to);
    fputs(text, to);
    assert_int_equal(fclose(to), 0);
}

static void cidr_takes_networks_and_addresses(void **state)
{
    (void)state;
    CHECK(
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"10.1.2.3\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"11.1.2.3\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"::ffff:10.1.2.3\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"::ffff:a01:203\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"10.1.2.3:80\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\" 10.1.2.3\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"10.1.2.03\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"10.1.2\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":10.1}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":null}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":{}}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"\"}", false},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":\"10.1.2.\\u0033\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":[\"x\",\"10.1.2.3\"]}", true},
        {"{ ip: { cidr: 10.0.0.0/8 } }", "{\"ip\":[\"x\",\"11.1.2.3\"]}", false},
        {"{ ip: { cidr: 10.1.2.3 } }", "{\"ip\":\"10.1.2.3\"}", true},
        {"{ ip: { cidr: 10.1.2.3 } }", "{\"ip\":\"10.1.2.4\"}", false},
        {"{ ip: { cidr: [10.0.0.0/8, '2001:db8::/32'] } }", "{\"ip\":\"2001:DB8::1\"}", true},
        {"{ ip: { cidr: [10.0.0.0/8, '2001:db8::/32'] } }", "{\"ip\":\"10.0.0.1\"}", true},
        {"{ ip: { cidr: [10.0.0.0/8, '2001:db8::/32'] } }", "{\"ip\":\"2001:db9::1\"}", false},
        {"{ ip: { cidr: '::1' } }", "{\"ip\":\"0:0::0:1\"}", true},
        {"{ ip: { cidr: '::/0' } }", "{\"ip\":\"::ffff:1.2.3.4\"}", false},
        {"{ ip: { cidr: '::/0' } }", "{\"ip\":\"fe80::1%eth0\"}", false},
        {"{ ip: { not: { cidr: 10.0.0.0/8 } } }", "{\"ip\":\"11.0.0.1\"}", true},
        {"{ ip: { not: { cidr: 10.0.0.0/8 } } }", "{\"ip\":\"none\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8, not: { cidr: 10.1.0.0/16 } } }", "{\"ip\":\"10.2.0.1\"}", true},
        {"{ ip: { cidr: 10.0.0.0/8, not: { cidr: 10.1.0.0/16 } } }", "{\"ip\":\"10.1.0.1\"}",
         false},
        {"{ ip: { cidr: 10.0.0.0/8, case: insensitive, equal: x } }", "{\"ip\":\"10.1.0.1\"}",
         false});
    assert_false(matches("{ '@raw': { cidr: 0.0.0.0/0 } }", SL_SLICE_LITERAL("1.2.3.4\0")));
    assert_true(matches("{ '@raw': { cidr: 0.0.0.0/0 } }", SL_SLICE_LITERAL("1.2.3.4")));
    assert_false(matches("{ '@raw': { cidr: 0.0.0.0/0 } }", SL_SLICE_LITERAL("1.2.3.\xff")));
}

static void case_folds_ascii_letters(void **state)
{
    (void)state;
    CHECK({"{ a: { equal: Warn, case: insensitive } }", "{\"a\":\"wARN\"}", true},
          {"{ a: { case: insensitive, equal: Warn } }", "{\"a\":\"wARN\"}", true},
          {"{ a: { equal: Warn, case: sensitive } }", "{\"a\":\"warn\"}", false},
          {"{ a: { equal: Warn, case: sensitive } }", "{\"a\":\"Warn\"}", true},
          {"{ a: { equal: [x, Warn], case: insensitive } }", "{\"a\":\"WARN\"}", true},
          {"{ a: { equal: [x, Warn], case: insensitive } }", "{\"a\":\"WARNS\"}", false},
          {"{ a: { equal: 'é', case: insensitive } }", "{\"a\":\"É\"}", false},
          {"{ a: { equal: 'Aé', case: insensitive } }", "{\"a\":\"aé\"}", true},
          {"{ a: { equal: 1E3, case: insensitive } }", "{\"a\":1000}", true},
          {"{ a: { equal: 'TRUE', case: insensitive } }", "{\"a\":true}", true},
          {"{ a: { prefix: AB, case: insensitive } }", "{\"a\":\"abc\"}", true},
          {"{ a: { prefix: AB, case: insensitive } }", "{\"a\":\"a\"}", false},
          {"{ a: { suffix: BC, case: insensitive } }", "{\"a\":\"abc\"}", true},
          {"{ a: { suffix: BC, case: insensitive } }", "{\"a\":\"abcd\"}", false},
          {"{ a: { contains: Out Of, case: insensitive } }", "{\"a\":\"OUT OF memory\"}", true},
          {"{ a: { contains: Out Of, case: insensitive } }", "{\"a\":\"out  of memory\"}", false},
          {"{ a: { contains: '@', case: insensitive } }", "{\"a\":\"`\"}", false},
          {"{ a: { contains: '[', case: insensitive } }", "{\"a\":\"{\"}", false},
          {"{ a: { glob: '/API/*', case: insensitive } }", "{\"a\":\"/api/X\"}", true},
          {"{ a: { glob: '[a-c]?[!X]', case: insensitive } }", "{\"a\":\"Bqy\"}", true},
          {"{ a: { glob: '[a-c]?[!X]', case: insensitive } }", "{\"a\":\"Bqx\"}", false},
          {"{ a: { regex: '^out\\S', case: insensitive } }", "{\"a\":\"OUTx\"}", true},
          {"{ a: { regex: '^out\\S', case: insensitive } }", "{\"a\":\"OUT \"}", false},
          {"{ a: { regex: 'é', case: insensitive } }", "{\"a\":\"É\"}", true},
          {"{ a: { regex: 'É', case: sensitive } }", "{\"a\":\"é\"}", false},
          {"{ a: { prefix: A, suffix: Z, case: insensitive } }", "{\"a\":\"a-z\"}", true},
          {"{ a: { prefix: A, gte: 1, case: insensitive } }", "{\"a\":\"a\"}", false},
          {"{ a: { equal: X, case: insensitive } }", "{\"a\":[\"y\",\"x\"]}", true},
          {"{ a: { equal: 'x\"', case: insensitive } }", "{\"a\":\"X\\u0022\"}", true});
    assert_true(
        matches("{ '@raw': { contains: AB, case: insensitive } }", SL_SLICE_LITERAL("\xff\0ab")));
    assert_true(matches("{ '@raw': { equal: AB, case: insensitive } }", SL_SLICE_LITERAL("aB")));
    assert_false(matches("{ '@raw': { equal: AB, case: insensitive } }", SL_SLICE_LITERAL("aB\0")));
}

static void case_holds_for_what_is_inside(void **state)
{
    (void)state;
    CHECK({"{ a: { not: X, case: insensitive } }", "{\"a\":\"x\"}", false},
          {"{ a: { not: { equal: X }, case: insensitive } }", "{\"a\":\"x\"}", false},
          {"{ a: { any: [ X, { prefix: Y } ], case: insensitive } }", "{\"a\":\"yes\"}", true},
          {"{ a: { all: [ { prefix: Y }, { suffix: S } ], case: insensitive } }", "{\"a\":\"yes\"}",
           true},
          {"{ a: { any: [ X, { prefix: Y, case: sensitive } ], case: insensitive } }",
           "{\"a\":\"yes\"}", false},
          {"{ a: { any: [ X, { prefix: Y, case: sensitive } ], case: insensitive } }",
           "{\"a\":\"x\"}", true},
          {"{ a: { any: [ { equal: X, case: insensitive }, Y ] } }", "{\"a\":\"y\"}", false},
          {"{ a: { equal: X, case: insensitive }, b: Y }", "{\"a\":\"x\",\"b\":\"y\"}", false});
}

/* The test of one rule must not answer for another that asks with or without case. */
static void tests_that_differ_in_case_are_two(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n- { when: { a: X }, to: search }\n"
                  "- { when: { a: { equal: X, case: insensitive } }, to: alerts }\n");
    box_route(&b, "{\"a\":\"x\"}");
    assert_int_equal(b.decision.sinks, 1U << ALERTS);
    box_route(&b, "{\"a\":\"X\"}");
    assert_int_equal(b.decision.sinks, 1U << SEARCH);
    box_release(&b);
}

static void in_table_finds_keys(void **state)
{
    (void)state;
    put("vip.txt", "joe\nAnn\n500\n10.5\n# no\n\xc3\xa9\n");
    put("owners.csv", "service,owner\ntiles,maps\nmail,post\n");
    CHECK({"{ u: { in_table: vip.txt } }", "{\"u\":\"joe\"}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":\"Joe\"}", false},
          {"{ u: { in_table: vip.txt, case: insensitive } }", "{\"u\":\"JOE\"}", true},
          {"{ u: { in_table: vip.txt, case: insensitive } }", "{\"u\":\"ann\"}", true},
          {"{ u: { in_table: vip.txt, case: insensitive } }", "{\"u\":\"annn\"}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":500}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":5e2}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":\"10.50\"}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":10.51}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":\"# no\"}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":\"\\u00e9\"}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":\"\"}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":null}", false},
          {"{ u: { in_table: vip.txt } }", "{}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":[\"x\",\"joe\"]}", true},
          {"{ u: { in_table: vip.txt } }", "{\"u\":[\"x\",\"y\"]}", false},
          {"{ u: { in_table: vip.txt } }", "{\"u\":{\"joe\":1}}", false},
          {"{ u: { not: { in_table: vip.txt } } }", "{\"u\":\"joe\"}", false},
          {"{ u: { not: { in_table: vip.txt } } }", "{}", true},
          {"{ u: { in_table: owners.csv } }", "{\"u\":\"tiles\"}", true},
          {"{ u: { in_table: owners.csv } }", "{\"u\":\"maps\"}", false},
          {"{ u: { in_table: owners.csv } }", "{\"u\":\"service\"}", false},
          {"{ u: { in_table: ./owners.csv, prefix: m } }", "{\"u\":\"mail\"}", true},
          {"{ u: { any: [ { in_table: owners.csv }, { in_table: vip.txt } ] } }", "{\"u\":\"joe\"}",
           true});
    assert_false(matches("{ '@raw': { in_table: vip.txt } }", SL_SLICE_LITERAL("joe\0")));
    assert_true(matches("{ '@raw': { in_table: vip.txt } }", SL_SLICE_LITERAL("joe")));
}

static char *version_of(const char *when)
{
    char *yaml = sl_asprintf("rules: [ { when: %s, to: search } ]\n", when), *hash;

    hash = box_version(yaml);
    free(yaml);
    return hash;
}

static void assert_version(bool same, const char *a, const char *b)
{
    char *x = version_of(a), *y = version_of(b);

    if (same != !strcmp(x, y))
        fail_msg("%s and %s", a, b);
    free(x);
    free(y);
}

static void the_version_covers_tables_and_case(void **state)
{
    char *before, *after;

    (void)state;
    put("v.txt", "a\n");
    put("same.txt", "a\n");
    put("same.csv", "a\n");
    assert_version(true, "{ a: { in_table: v.txt } }", "{ a: { in_table: same.txt } }");
    assert_version(false, "{ a: { in_table: v.txt } }", "{ a: { in_table: same.csv } }");
    assert_version(false, "{ a: { in_table: v.txt } }",
                   "{ a: { in_table: v.txt, case: insensitive } }");
    before = version_of("{ a: { in_table: v.txt } }");
    put("v.txt", "b\n");
    after = version_of("{ a: { in_table: v.txt } }");
    assert_string_not_equal(before, after);
    free(before);
    free(after);
    assert_version(true, "{ a: x }", "{ a: { equal: x, case: sensitive } }");
    assert_version(false, "{ a: x }", "{ a: { equal: x, case: insensitive } }");
    assert_version(true, "{ a: { equal: X, case: insensitive } }",
                   "{ a: { equal: x, case: insensitive } }");
    assert_version(false, "{ a: { regex: '\\s', case: insensitive } }",
                   "{ a: { regex: '\\S', case: insensitive } }");
    assert_version(true, "{ a: { gt: 1, equal: x } }",
                   "{ a: { gt: 1, equal: x, case: sensitive } }");
    assert_version(false, "{ a: { cidr: 10.0.0.0/8 } }", "{ a: { cidr: 10.0.0.0/9 } }");
    assert_version(false, "{ a: { cidr: 10.0.0.0/8 } }", "{ a: { equal: 10.0.0.0/8 } }");
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* An any-of of many operands, which is a hash inside, against the same in parts of few. */
static void any_of_many_is_any_of_few(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 40; round++) {
        struct sl_buf many, few;
        struct box b;

        sl_buf_init(&many, 1 << 20);
        sl_buf_init(&few, 1 << 20);
        for (int i = 0; i < 9 + (int)(next_random(&seed) % 60); i++) {
            static const char *const forms[] = {"'k%u'", "'K%u'", "%u", "%u.0", "'%ue1'"};
            char *one;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            one = sl_asprintf(forms[next_random(&seed) % 5], (unsigned)(next_random(&seed) % 90));
#pragma GCC diagnostic pop
            sl_buf_printf(&many, "%s%s", i ? ", " : "", one);
            sl_buf_printf(&few, "%s{ equal: %s }", i ? ", " : "", one);
            free(one);
        }
        char *yaml = sl_asprintf(
            "rules:\n"
            "- { name: many, when: { a: { equal: [%s]%s } }, to: search, continue: true }\n"
            "- { name: few, when: { a: { any: [%s]%s } }, to: alerts }\n",
            sl_buf_str(&many), round % 2 ? ", case: insensitive" : "", sl_buf_str(&few),
            round % 2 ? ", case: insensitive" : "");

        box_config(&b);
        box_rules(&b, yaml);
        for (int i = 0; i < 300; i++) {
            static const char *const forms[] = {"{\"a\":\"k%u\"}", "{\"a\":%u}", "{\"a\":%u.5}",
                                                "{\"a\":\"%ue1\"}", "{\"a\":[true,\"K%u\"]}"};
            char value[64];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(value, sizeof(value), forms[next_random(&seed) % 5],
                     (unsigned)(next_random(&seed) % 100));
#pragma GCC diagnostic pop
            box_route(&b, value);
            if ((b.decision.sinks >> SEARCH & 1) != (b.decision.sinks >> ALERTS & 1))
                fail_msg("%s under\n%s", value, yaml);
        }
        box_release(&b);
        free(yaml);
        sl_buf_release(&many);
        sl_buf_release(&few);
    }
}

static char folder[] = P_tmpdir "/sluice-test-operators-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const files[] = {"vip.txt", "owners.csv", "v.txt", "same.txt", "same.csv"};

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
        remove(files[i]);
    return chdir("/") == 0 ? rmdir(folder) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cidr_takes_networks_and_addresses),
        cmocka_unit_test(case_folds_ascii_letters),
        cmocka_unit_test(case_holds_for_what_is_inside),
        cmocka_unit_test(tests_that_differ_in_case_are_two),
        cmocka_unit_test(in_table_finds_keys),
        cmocka_unit_test(the_version_covers_tables_and_case),
        cmocka_unit_test(any_of_many_is_any_of_few),
    };

    return cmocka_run_group_tests(tests, enter_folder, remove_folder);
}
