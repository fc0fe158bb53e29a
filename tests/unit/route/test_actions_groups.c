/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "route/actions_help.h"

/* Named groups and columns of the rule's conditions, as its templates see them. */

static void named_groups_come_before_fields(void **state)
{
    (void)state;
    CHANGES("  when: { message: { regex: '^Downloaded (?<what>\\w+)(?: (?<n>\\d+))?' } }\n"
            "  set: { event: 'download_{what}', n: '{n}', m: '{n|-}', other: '{host}' }",
            "{" K ",\"message\":\"Downloaded scene 17\",\"what\":\"no\",\"n\":\"no\",\"host\":1}",
            "{" K ",\"message\":\"Downloaded scene 17\",\"what\":\"no\",\"n\":\"17\",\"host\":1,"
            "\"event\":\"download_scene\",\"m\":\"17\",\"other\":1}",
            "{" K ",\"message\":\"Downloaded it\",\"n\":\"no\"}",
            "{" K
            ",\"message\":\"Downloaded it\",\"n\":\"no\",\"event\":\"download_it\",\"m\":\"-\"}");
}

static void the_first_that_holds_gives_its_group(void **state)
{
    (void)state;
    CHANGES("  when: { any: [ { a: { regex: '(?<x>\\d+)' } }, { b: { regex: '(?<x>[a-z]+)(?<y>!)?' "
            "} } ],"
            " not: { c: { regex: '(?<z>q)' } } }\n"
            "  set: { got: '{x}{y|.}{z}' }",
            "{" K ",\"b\":\"bb!\"}", "{" K ",\"b\":\"bb!\",\"got\":\"bb!none\"}",
            "{" K ",\"a\":\"7\",\"b\":\"bb!\",\"z\":1}",
            "{" K ",\"a\":\"7\",\"b\":\"bb!\",\"z\":1,\"got\":\"7!1\"}",
            "{" K ",\"a\":[\"x\",{},\"\\u0035\",\"6\"]}",
            "{" K ",\"a\":[\"x\",{},\"\\u0035\",\"6\"],\"got\":\"5.none\"}");
}

/* Groups are of the record as it was judged; fields of the record as it is by now. */
static void groups_are_those_of_the_record_as_judged(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(
        &b, "rules:\n"
            "- { set: { m: changed }, continue: true }\n"
            "- { when: { m: { regex: '(?<g>.*)' } }, set: { x: '{g}', y: '{m}' }, to: search }\n");
    box_route(&b, "{" K ",\"m\":\"first\"}");
    assert_for(&b, SEARCH, "{" K ",\"m\":\"changed\",\"x\":\"first\",\"y\":\"changed\"}");
    box_release(&b);
}

/* A condition that routing could spare is judged for its group; then a limit is a limit. */
static void a_group_behind_a_limit_is_an_error(void **state)
{
    static const char fuse[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!";
    char *value = sl_asprintf("{" K ",\"x\":1,\"m\":\"%s\"}", fuse);
    struct box b;

    (void)state;
    box_config(&b);
    box_rules(&b, "rules:\n"
                  "- when: { any: [ { x: 1 }, { m: { regex: '^(?<g>a+)+$' } } ] }\n"
                  "  set: { got: '{g}' }\n"
                  "  to: search\n");
    box_route(&b, value);
    assert_int_equal(b.decision.error_rule, 0);
    assert_int_equal(b.decision.sinks, 1U << ARCHIVE);
    box_route(&b, "{" K ",\"x\":1,\"m\":\"aa\"}");
    assert_for(&b, SEARCH, "{" K ",\"x\":1,\"m\":\"aa\",\"got\":\"aa\"}");
    box_release(&b);
    free(value);
}

static void columns_are_names_too(void **state)
{
    char folder[] = "/tmp/sluice-columns-XXXXXX", *path, *rule;
    FILE *file;

    (void)state;
    assert_non_null(mkdtemp(folder));
    path = sl_asprintf("%s/owners.csv", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("service,owner,on call\ntiles,Ada L,1\nmaps,,2\n5,Bob,\n", file);
    fclose(file);
    rule =
        sl_asprintf("  when: { s: { in_table: %s, case: insensitive }, m: { regex: '(?<n>.)' } }\n"
                    "  set: { who: '{owner}', call: '{on call|nobody}', key: '<{n}>' }",
                    path);
    CHANGES(rule, "{" K ",\"s\":\"Tiles\",\"m\":\"x\",\"owner\":1}",
            "{" K ",\"s\":\"Tiles\",\"m\":\"x\",\"owner\":1,\"who\":\"Ada L\",\"call\":\"1\","
            "\"key\":\"<x>\"}",
            "{" K ",\"s\":[\"a\",\"maps\",\"tiles\"],\"m\":\"y\"}",
            "{" K ",\"s\":[\"a\",\"maps\",\"tiles\"],\"m\":\"y\",\"who\":\"\",\"call\":\"2\","
            "\"key\":\"<y>\"}",
            "{" K ",\"s\":5.0,\"m\":\"z\"}",
            "{" K ",\"s\":5.0,\"m\":\"z\",\"who\":\"Bob\",\"call\":\"nobody\",\"key\":\"<z>\"}");
    remove(path);
    remove(folder);
    free(path);
    free(rule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_groups_come_before_fields),
        cmocka_unit_test(the_first_that_holds_gives_its_group),
        cmocka_unit_test(a_group_behind_a_limit_is_an_error),
        cmocka_unit_test(columns_are_names_too),
        cmocka_unit_test(groups_are_those_of_the_record_as_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
