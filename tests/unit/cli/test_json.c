/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "cli/json_diff.h"
#include "cli/json_look.h"

/* Looking into JSON, and what differs. */

static void found(const char *json, const char *path, const char *expected)
{
    struct sl_slice got = sl_json_find(sl_slice_str(json), sl_slice_str(path));

    if (!expected ? got.p != NULL : !sl_slice_is(got, expected))
        fail_msg("%s in %s: %.*s", path, json, (int)got.n, got.p ? got.p : "");
}

static void paths(void **state)
{
    static const char record[] =
        "{ \"a\" : 1 , \"b\":{\"c\":[10,\"x\",{\"d\":null}],\"c.0\":\"lit\"},"
        "\"b.c\":{\"0\":\"long\"},\"e\":{},\"f\":[],\"q\\\"\":\"}\\\"\",\"\":true}";

    (void)state;
    found(record, "a", "1");
    found(record, "a.b", NULL);
    found(record, "b.c.0", "\"long\""); /* the longest literal first */
    found(record, "b.c.1", "\"x\"");
    found(record, "b.c.2.d", "null");
    found(record, "b.c.3", NULL);
    found(record, "b.c.01", NULL);
    found(record, "b.c.x", NULL);
    found(record, "e", "{}");
    found(record, "e.x", NULL);
    found(record, "f.0", NULL);
    found(record, "q\\\"", "\"}\\\"\"");
    found(record, "", "true");
    found(record, "nothing", NULL);
    found("{}", "a", NULL);
}

static void equal(const char *a, const char *b, bool expected)
{
    if (sl_json_equal(sl_slice_str(a), sl_slice_str(b)) != expected ||
        sl_json_equal(sl_slice_str(b), sl_slice_str(a)) != expected)
        fail_msg("%s and %s", a, b);
}

static void equality(void **state)
{
    (void)state;
    equal("1", "1.0", true);
    equal("1", "\"1\"", false);
    equal("1", "2", false);
    equal("9007199254740993", "9007199254740992", false);
    equal("123456789012345678901234567890", "123456789012345678901234567890", true);
    equal("\"\\u00e9\"", "\"\xc3\xa9\"", true);
    equal("\"a\"", "\"A\"", false);
    equal("true", "true", true);
    equal("true", "false", false);
    equal("null", "null", true);
    equal("null", "\"null\"", false);
    equal("{\"a\":1,\"b\":[1,2]}", "{ \"b\":[1.0, 2], \"a\":1 }", true);
    equal("{\"a\":1}", "{\"a\":1,\"b\":2}", false);
    equal("{\"a\":1}", "{\"b\":1}", false);
    equal("[1,2]", "[2,1]", false);
    equal("[1,2]", "[1,2,3]", false);
    equal("[]", "[]", true);
    equal("{}", "[]", false);
}

static void note(void *user, struct sl_slice path, struct sl_slice before, struct sl_slice after)
{
    sl_buf_printf(user, "%.*s: %.*s -> %.*s\n", (int)path.n, path.p, (int)before.n,
                  before.p ? before.p : "", (int)after.n, after.p ? after.p : "");
}

static void differ(const char *before, const char *after, const char *expected)
{
    struct sl_buf got;

    sl_buf_init(&got, 1 << 20);
    sl_json_diff(sl_slice_str(before), sl_slice_str(after), note, &got);
    assert_string_equal(sl_buf_str(&got), expected);
    sl_buf_release(&got);
}

static void differences(void **state)
{
    (void)state;
    differ("{\"a\":1,\"b\":2}", "{ \"b\": 2, \"a\": 1 }", "");
    differ("{\"a\":1}", "{\"a\":1.0}", "a: 1 -> 1.0\n");
    differ("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":4,\"d\":5}",
           "b: 2 -> \nc: 3 -> 4\nd:  -> 5\n");
    differ("{\"u\":{\"n\":\"x\",\"t\":1}}", "{\"u\":{\"n\":\"y\"},\"u.t\":2}",
           "u.n: \"x\" -> \"y\"\nu.t: 1 -> \nu.t:  -> 2\n");
    differ("{\"a\":{\"b\":1}}", "{\"a\":[1]}", "a: {\"b\":1} -> [1]\n");
    differ("{}", "{\"a\":\"{,\\\"}\"}", "a:  -> \"{,\\\"}\"\n");
    differ("{\"a\":{}}", "{}", "a: {} -> \n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths), cmocka_unit_test(equality),
                                       cmocka_unit_test(differences)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
