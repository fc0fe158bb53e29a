/* SPDX-License-Identifier: Apache-2.0 */
#include "route/rows.h"

static void equal_compares_text_and_numbers(void **state)
{
    (void)state;
    CHECK({"{ a: x }", "{\"a\":\"x\"}", true}, {"{ a: x }", "{\"a\":\"X\"}", false},
          {"{ a: x }", "{\"a\":\"xx\"}", false}, {"{ a: x }", "{\"b\":\"x\"}", false},
          {"{ a: 500 }", "{\"a\":500}", true}, {"{ a: 500 }", "{\"a\":\"500\"}", true},
          {"{ a: '500' }", "{\"a\":500}", true}, {"{ a: 500 }", "{\"a\":500.0}", true},
          {"{ a: 500 }", "{\"a\":5e2}", true}, {"{ a: 500.0 }", "{\"a\":\"5e2\"}", true},
          {"{ a: 500 }", "{\"a\":500.5}", false}, {"{ a: 500 }", "{\"a\":\"500 \"}", false},
          {"{ a: 500 }", "{\"a\":\"0500\"}", false}, {"{ a: 0 }", "{\"a\":-0.0}", true},
          {"{ a: 9007199254740993 }", "{\"a\":9007199254740992}", false},
          {"{ a: 9007199254740993 }", "{\"a\":9007199254740993}", true},
          {"{ a: '' }", "{\"a\":\"\"}", true}, {"{ a: '' }", "{\"a\":0}", false},
          {"{ a: '' }", "{}", false}, {"{ a: { equal: x } }", "{\"a\":\"x\"}", true},
          {"{ a: { equal: [x, y] } }", "{\"a\":\"y\"}", true});
}

static void equal_takes_booleans_as_words(void **state)
{
    (void)state;
    CHECK({"{ a: true }", "{\"a\":true}", true}, {"{ a: true }", "{\"a\":\"true\"}", true},
          {"{ a: true }", "{\"a\":false}", false}, {"{ a: true }", "{\"a\":1}", false},
          {"{ a: false }", "{\"a\":false}", true}, {"{ a: false }", "{}", false},
          {"{ a: 'true' }", "{\"a\":true}", true}, {"{ a: 'null' }", "{\"a\":null}", false},
          {"{ a: 'null' }", "{\"a\":\"null\"}", true});
}

static void a_list_is_any_of(void **state)
{
    (void)state;
    CHECK({"{ a: [x, y] }", "{\"a\":\"x\"}", true}, {"{ a: [x, y] }", "{\"a\":\"y\"}", true},
          {"{ a: [x, y] }", "{\"a\":\"z\"}", false}, {"{ a: [x, 7] }", "{\"a\":7.0}", true},
          {"{ a: [x] }", "{\"a\":null}", false});
}

static void escapes_are_undone_before_comparing(void **state)
{
    (void)state;
    CHECK(
        {"{ a: 'x\"y' }", "{\"a\":\"x\\\"y\"}", true},
        {"{ a: 'x\\y' }", "{\"a\":\"x\\\\y\"}", true},
        {"{ a: '\xc3\xa9' }", "{\"a\":\"\\u00e9\"}", true},
        {"{ a: '\xf0\x9f\x98\x80' }", "{\"a\":\"\\ud83d\\ude00\"}", true},
        {"{ a: 500 }", "{\"a\":\"5\\u00300\"}", true},
        {"{ a: { gte: 500 } }", "{\"a\":\"5\\u00300\"}", true},
        {"{ a: { regex: '^b$' } }", "{\"a\":\"\\u0062\"}", true},
        {"{ a: \"l\\nm\" }", "{\"a\":\"l\\nm\"}", true},
        {"{ a: { contains: '\xc3\xa9' }, b: { prefix: '/' } }",
         "{\"a\":\"<\\u00e9>\",\"b\":\"\\/x\"}", true},
        {"{ a: [ 'q\"' ], b: [ 'r\"' ] }", "{\"a\":[\"p\\\"\",\"q\\\"\"],\"b\":\"r\\\"\"}", true});
}

static void order_needs_numbers(void **state)
{
    (void)state;
    CHECK({"{ a: { gte: 10 } }", "{\"a\":10}", true}, {"{ a: { gte: 10 } }", "{\"a\":9.99}", false},
          {"{ a: { gt: 10 } }", "{\"a\":10}", false}, {"{ a: { gt: 10 } }", "{\"a\":10.5}", true},
          {"{ a: { lt: 10 } }", "{\"a\":-1}", true}, {"{ a: { lt: 10 } }", "{\"a\":10}", false},
          {"{ a: { lte: 10 } }", "{\"a\":10}", true}, {"{ a: { lte: 10 } }", "{\"a\":11}", false},
          {"{ a: { gte: 10 } }", "{\"a\":\"10\"}", true},
          {"{ a: { gte: 10 } }", "{\"a\":\"9\"}", false},
          {"{ a: { gte: 10 } }", "{\"a\":\"10ms\"}", false},
          {"{ a: { gte: 10 } }", "{\"a\":\" 10\"}", false},
          {"{ a: { gte: 10 } }", "{\"a\":\"\"}", false},
          {"{ a: { gte: 10 } }", "{\"a\":true}", false},
          {"{ a: { gte: 10 } }", "{\"a\":{}}", false}, {"{ a: { gte: 10 } }", "{}", false},
          {"{ a: { lt: 10 } }", "{}", false}, {"{ a: { lt: 10 } }", "{\"a\":null}", false},
          {"{ a: { gte: 1, lt: 5 } }", "{\"a\":4.5}", true},
          {"{ a: { gte: 1, lt: 5 } }", "{\"a\":5}", false},
          {"{ a: { gt: 9007199254740992 } }", "{\"a\":9007199254740993}", true},
          {"{ a: { lt: 1e3 } }", "{\"a\":999}", true},
          {"{ a: { gte: '-2.5' } }", "{\"a\":-2.5}", true});
}

static void text_operators(void **state)
{
    (void)state;
    CHECK({"{ a: { prefix: ab } }", "{\"a\":\"abc\"}", true},
          {"{ a: { prefix: ab } }", "{\"a\":\"ab\"}", true},
          {"{ a: { prefix: ab } }", "{\"a\":\"a\"}", false},
          {"{ a: { prefix: ab } }", "{\"a\":\"xab\"}", false},
          {"{ a: { suffix: bc } }", "{\"a\":\"abc\"}", true},
          {"{ a: { suffix: bc } }", "{\"a\":\"abcd\"}", false},
          {"{ a: { suffix: bc } }", "{\"a\":\"c\"}", false},
          {"{ a: { contains: bc } }", "{\"a\":\"abcd\"}", true},
          {"{ a: { contains: bc } }", "{\"a\":\"bdc\"}", false},
          {"{ a: { contains: '' } }", "{\"a\":\"\"}", true},
          {"{ a: { contains: '' } }", "{}", false}, {"{ a: { prefix: 5 } }", "{\"a\":503}", true},
          {"{ a: { prefix: tr } }", "{\"a\":true}", true},
          {"{ a: { contains: x } }", "{\"a\":{\"x\":1}}", false},
          {"{ a: { prefix: Ab } }", "{\"a\":\"ab\"}", false},
          {"{ a: { prefix: a, suffix: c } }", "{\"a\":\"abc\"}", true},
          {"{ a: { prefix: a, suffix: c } }", "{\"a\":\"ab\"}", false});
}

static void glob_is_whole_value(void **state)
{
    (void)state;
    CHECK({"{ a: { glob: '/health*' } }", "{\"a\":\"/health/live\"}", true},
          {"{ a: { glob: '/health*' } }", "{\"a\":\"x/health\"}", false},
          {"{ a: { glob: '*.js' } }", "{\"a\":\"a/b.js\"}", true},
          {"{ a: { glob: '*.js' } }", "{\"a\":\"a.jsx\"}", false},
          {"{ a: { glob: '5?[0-9]' } }", "{\"a\":503}", true},
          {"{ a: { glob: '5?[0-9]' } }", "{\"a\":50}", false},
          {"{ a: { glob: '*' } }", "{}", false});
}

static void regex_is_unanchored_and_survives_bad_bytes(void **state)
{
    (void)state;
    CHECK({"{ a: { regex: 'b+' } }", "{\"a\":\"abbc\"}", true},
          {"{ a: { regex: '^b' } }", "{\"a\":\"ab\"}", false},
          {"{ a: { regex: '(?i)WARN' } }", "{\"a\":\"a warning\"}", true},
          {"{ a: { regex: 'B' } }", "{\"a\":\"b\"}", false},
          {"{ a: { regex: '^5\\d\\d$' } }", "{\"a\":503}", true},
          {"{ a: { regex: '^.$' } }", "{\"a\":\"\xc3\xa9\"}", true},
          {"{ a: { regex: '.' } }", "{\"a\":\"\"}", false},
          {"{ a: { regex: '' } }", "{\"a\":\"\"}", true}, {"{ a: { regex: '.' } }", "{}", false});
    assert_true(matches("{ '@raw': { regex: 'ab' } }", SL_SLICE_LITERAL("\xff\xfe ab")));
    assert_false(matches("{ '@raw': { regex: '\\x{ff}' } }", SL_SLICE_LITERAL("\xff")));
    assert_true(matches("{ '@raw': { regex: 'b$' } }", SL_SLICE_LITERAL("a\0b")));
    assert_true(matches("{ '@raw': { suffix: b, contains: a } }", SL_SLICE_LITERAL("a\0b")));
}

static void exists_takes_null_as_missing(void **state)
{
    (void)state;
    CHECK({"{ a: { exists: true } }", "{\"a\":1}", true},
          {"{ a: { exists: true } }", "{\"a\":\"\"}", true},
          {"{ a: { exists: true } }", "{\"a\":false}", true},
          {"{ a: { exists: true } }", "{\"a\":{}}", true},
          {"{ a: { exists: true } }", "{\"a\":[]}", true},
          {"{ a: { exists: true } }", "{\"a\":null}", false},
          {"{ a: { exists: true } }", "{}", false},
          {"{ a: { exists: false } }", "{\"a\":null}", true},
          {"{ a: { exists: false } }", "{}", true},
          {"{ a: { exists: false } }", "{\"a\":0}", false},
          {"{ a.b: { exists: true } }", "{\"a\":{\"b\":1}}", true},
          {"{ a.b: { exists: true } }", "{\"a.b\":1}", true},
          {"{ a: { exists: true, lt: 5 } }", "{\"a\":4}", true},
          {"{ a: { exists: false, lt: 5 } }", "{\"a\":4}", false});
}

static void not_is_satisfied_by_a_missing_field(void **state)
{
    (void)state;
    CHECK({"{ a: { not: x } }", "{\"a\":\"y\"}", true},
          {"{ a: { not: x } }", "{\"a\":\"x\"}", false}, {"{ a: { not: x } }", "{}", true},
          {"{ a: { not: x } }", "{\"a\":null}", true},
          {"{ a: { not: [x, y] } }", "{\"a\":\"y\"}", false},
          {"{ a: { not: [x, y] } }", "{\"a\":\"z\"}", true},
          {"{ a: { not: { gte: 5 } } }", "{\"a\":\"text\"}", true},
          {"{ a: { not: { gte: 5 } } }", "{\"a\":5}", false},
          {"{ a: { not: { gte: 1, lt: 5 } } }", "{\"a\":7}", true},
          {"{ a: { not: { not: x } } }", "{\"a\":\"x\"}", true},
          {"{ a: { exists: true, not: x } }", "{}", false}, {"{ not: { a: x } }", "{}", true},
          {"{ not: { a: x, b: y } }", "{\"a\":\"x\",\"b\":\"z\"}", true},
          {"{ not: { a: x, b: y } }", "{\"a\":\"x\",\"b\":\"y\"}", false});
}

static void an_array_matches_by_any_element(void **state)
{
    (void)state;
    CHECK({"{ a: x }", "{\"a\":[\"y\",\"x\"]}", true}, {"{ a: x }", "{\"a\":[\"y\"]}", false},
          {"{ a: x }", "{\"a\":[]}", false}, {"{ a: x }", "{\"a\":[[\"x\"]]}", false},
          {"{ a: { gte: 5 } }", "{\"a\":[1,\"7\"]}", true},
          {"{ a: { not: x } }", "{\"a\":[\"y\",\"x\"]}", false},
          {"{ a: { not: x } }", "{\"a\":[\"y\"]}", true}, {"{ a: { not: x } }", "{\"a\":[]}", true},
          {"{ a: { regex: '^q' } }", "{\"a\":[null,{},\"qu\"]}", true},
          {"{ a: { gte: 1, lt: 5 } }", "{\"a\":[0,9]}", false},
          {"{ a: { gte: 1, lt: 5 } }", "{\"a\":[0,3,9]}", true},
          {"{ a: { all: [ { gte: 1 }, { lt: 5 } ] } }", "{\"a\":[0,9]}", true},
          {"{ a: { all: [ x, y ] } }", "{\"a\":[\"y\",\"x\"]}", true},
          {"{ a: { all: [ x, y ] } }", "{\"a\":[\"y\",\"z\"]}", false},
          {"{ a: { equal: 'null' } }", "{\"a\":[null]}", false});
}

static void all_and_any_combine(void **state)
{
    (void)state;
    CHECK({"{ a: { any: [ x, { prefix: y } ] } }", "{\"a\":\"yes\"}", true},
          {"{ a: { any: [ x, { prefix: y } ] } }", "{\"a\":\"no\"}", false},
          {"{ any: [ { a: x }, { b: y } ] }", "{\"b\":\"y\"}", true},
          {"{ any: [ { a: x }, { b: y } ] }", "{\"b\":\"x\"}", false},
          {"{ all: [ { a: x }, { b: y } ] }", "{\"a\":\"x\",\"b\":\"y\"}", true},
          {"{ all: [ { a: x }, { b: y } ] }", "{\"b\":\"y\"}", false},
          {"{ c: 1, any: [ { a: x }, { not: { b: y } } ] }", "{\"c\":1,\"b\":\"n\"}", true},
          {"{ c: 1, any: [ { a: x }, { not: { b: y } } ] }", "{\"c\":2,\"b\":\"n\"}", false},
          {"{ a: { all: [ { not: x }, { any: [ y, z ] } ] } }", "{\"a\":\"z\"}", true});
}

static void names_with_an_at_sign(void **state)
{
    (void)state;
    CHECK({"{ '@topic': logs }", "{}", true}, {"{ '@topic': { glob: 'l*' } }", "plain text", true},
          {"{ '@kind': server }", "{\"a\":1}", true},
          {"{ '@kind': metric }", "{\"kind\":\"metric\"}", true},
          {"{ '@parse_error': { exists: true } }", "{\"a\":", true},
          {"{ '@parse_error': { exists: true } }", "{\"a\":1}", false},
          {"{ '@level': error }", "{\"level\":\"ERROR\"}", true},
          {"{ '@key': { exists: false } }", "{}", true},
          {"{ '@raw': { prefix: 'GET ' }, '@topic': logs, '@partition': 0 }", "GET / 200", true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_compares_text_and_numbers),
        cmocka_unit_test(equal_takes_booleans_as_words),
        cmocka_unit_test(a_list_is_any_of),
        cmocka_unit_test(escapes_are_undone_before_comparing),
        cmocka_unit_test(order_needs_numbers),
        cmocka_unit_test(text_operators),
        cmocka_unit_test(glob_is_whole_value),
        cmocka_unit_test(regex_is_unanchored_and_survives_bad_bytes),
        cmocka_unit_test(exists_takes_null_as_missing),
        cmocka_unit_test(not_is_satisfied_by_a_missing_field),
        cmocka_unit_test(an_array_matches_by_any_element),
        cmocka_unit_test(all_and_any_combine),
        cmocka_unit_test(names_with_an_at_sign),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
