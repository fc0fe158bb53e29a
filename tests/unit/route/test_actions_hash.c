/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

/* The version of the rules covers what actions do, and not how it is written. */

static char *hash_of(const char *actions)
{
    char *yaml = sl_asprintf("rules:\n- name: r\n  to: search\n%s\n", actions), *hash;

    hash = box_version(yaml);
    free(yaml);
    return hash;
}

static void compare(bool same, const char *a, const char *b)
{
    char *first = hash_of(a), *second = hash_of(b);

    if (same != !strcmp(first, second))
        fail_msg("%s\n%s\nhave %s hash", a, b, same ? "not the same" : "the same");
    free(first);
    free(second);
}

static void formatting_is_no_change(void **state)
{
    static const char *const same[][2] = {
        {"  sample: 10%", "  sample: '0.1'"},
        {"  sample: 0.1", "  sample: { keep: 10.0% }"},
        {"  sample: { keep: 1%, by: id }", "  sample:\n    by: \"id\"\n    keep: 0.01"},
        {"  rate_limit: { records: 5, per: 60s, burst: 5 }",
         "  rate_limit:\n    per: 1m\n    records: 5"},
        {"  set: { a: text, b: 'x {c}' }", "  set:\n    a: 'text'\n    b: \"x {c}\""},
        {"  set: { a: null }", "  set: { a: ~ }"},
        {"  remove: a", "  remove: ['a']"},
        {"  rename: { a: b }", "  rename:\n    'a': \"b\""},
        {"  parse: { m: '(?<a>\\d)' }", "  parse:\n    m:\n      - \"(?<a>\\\\d)\""},
        {"  parse: { m: '(?<a>x)' }", "  parse: { m: { regex: ['(?<a>x)'] } }"},
        {"  set: { a: b }\n  remove: c", "  remove: c # first\n  set: { a: b }"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        compare(true, same[i][0], same[i][1]);
}

static void every_detail_counts(void **state)
{
    static const char *const all[] = {
        "",
        "  sample: 10%",
        "  sample: 10.001%",
        "  sample: { keep: 10%, by: id }",
        "  sample: { keep: 10%, by: user }",
        "  rate_limit: { records: 5, per: 1s }",
        "  rate_limit: { records: 6, per: 1s }",
        "  rate_limit: { records: 5, per: 2s }",
        "  rate_limit: { records: 5, per: 1s, burst: 6 }",
        "  rate_limit: { records: 5, per: 1s, by: id }",
        "  set: { a: b }",
        "  set: { a: '{b}' }",
        "  set: { a: '{b|c}' }",
        "  set: { b: b }",
        "  set: { a: 5 }",
        "  set: { a: 5.0 }",
        "  set: { a: '5' }",
        "  set: { a: true }",
        "  set: { a: 'true' }",
        "  set: { a: null }",
        "  set: { a: 'null' }",
        "  set: { a: b, c: d }",
        "  set: { c: d, a: b }", /* another order of what is added */
        "  rename: { a: b }",
        "  rename: { b: a }",
        "  rename: { a: c }",
        "  remove: a",
        "  remove: [a, b]",
        "  parse: { a: '(?<b>x)' }",
        "  parse: { a: '(?<c>x)' }",
        "  parse: { b: '(?<b>x)' }",
        "  parse: { a: ['(?<b>x)', '(?<c>x)'] }",
        "  parse: { a: ['(?<c>x)', '(?<b>x)'] }",
        "  parse: { a: { regex: '(?<b>x)', into: h } }",
        "  parse: { a: { regex: '(?<b>x)', into: i } }",
        "  redact: { detect: email }",
        "  redact: { detect: email, fields: a }",
        "  redact: { regex: email }",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        for (size_t k = 0; k < i; k++)
            compare(false, all[i], all[k]);
}

/* Positions of rules without actions outlive this version of the program. */
static void rules_without_actions_keep_their_hash(void **state)
{
    char *hash = hash_of("  when: { x: 1, y: { glob: 'z*' } }");

    (void)state;
    assert_string_equal(hash, "753547b3b9bcc82df1909b1ad41f0a354fc9f55b9f011e46f3cb0bb6569decac");
    free(hash);
}

static void what_holds_back_is_read_by_the_rules(void **state)
{
    static const char *const fields[] = {"a", "b", "c", "d"};
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- { to: search, when: { a: 1 }, set: { x: '{d}' }, parse: { d: '(?<e>.)' } }\n"
                  "- { to: search, sample: { keep: 1%, by: b } }\n"
                  "- { to: search, rate_limit: { records: 1, per: 1s, by: c } }\n");
    for (unsigned i = 0; i < 4; i++) {
        unsigned id;

        assert_int_equal(sl_fields_add(b.fields, sl_slice_str(fields[i]), &id, NULL), SL_OK);
        assert_int_equal(sl_rules_read(b.rules, id), i < 3);
    }
    box_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formatting_is_no_change),
        cmocka_unit_test(every_detail_counts),
        cmocka_unit_test(rules_without_actions_keep_their_hash),
        cmocka_unit_test(what_holds_back_is_read_by_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
