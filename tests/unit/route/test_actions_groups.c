/* SPDX-License-Identifier: Apache-2.0 */
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_groups_come_before_fields),
        cmocka_unit_test(the_first_that_holds_gives_its_group),
        cmocka_unit_test(groups_are_those_of_the_record_as_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
