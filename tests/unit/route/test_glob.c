/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "route/glob.h"

static bool match(const char *pattern, const char *text)
{
    struct sl_error err = {0};
    size_t at;

    if (sl_glob_check(sl_slice_str(pattern), &at, &err) != SL_OK)
        fail_msg("%s: %s", pattern, err.text);
    return sl_glob_match(sl_slice_str(pattern), sl_slice_str(text), false);
}

static void stars(void **state)
{
    (void)state;
    assert_true(match("", ""));
    assert_false(match("", "a"));
    assert_true(match("*", ""));
    assert_true(match("*", "a/b"));
    assert_true(match("a*", "a"));
    assert_false(match("a*", "ba"));
    assert_true(match("*b", "ab"));
    assert_false(match("*b", "ba"));
    assert_true(match("a*b*c", "axxbyybzzc"));
    assert_false(match("a*b*c", "axxbyybzz"));
    assert_true(match("*aab", "aaaab"));
    assert_true(match("**a**", "bab"));
    assert_false(match("abc", "abcd"));
    assert_false(match("abcd", "abc"));
}

static void characters_are_utf8(void **state)
{
    (void)state;
    assert_true(match("?", "\xc3\xa9"));
    assert_false(match("??", "\xc3\xa9"));
    assert_true(match("?", "\xff"));
    assert_true(match("[\xc3\xa0-\xc3\xbf]x", "\xc3\xa9x"));
    assert_false(match("[\xc3\xa0-\xc3\xbf]x", "\xc3\x80x"));
    assert_true(match("*\xc3\xa9", "\xc3\xc3\xa9"));
    assert_false(match("?", ""));
    assert_false(match("[!a]", ""));
}

static void classes(void **state)
{
    (void)state;
    assert_true(match("[abc]", "b"));
    assert_false(match("[abc]", "d"));
    assert_true(match("[a-cx-z]", "y"));
    assert_false(match("[a-cx-z]", "m"));
    assert_true(match("[!a-c]", "d"));
    assert_false(match("[^a-c]", "b"));
    assert_true(match("[]a]", "]"));
    assert_true(match("[!]a]", "b"));
    assert_false(match("[!]a]", "]"));
    assert_true(match("[a-]", "-"));
    assert_true(match("[-a]", "-"));
    assert_true(match("[\\]]", "]"));
    assert_true(match("[\\\\-a]", "]"));
    assert_false(match("[a-c]", "-"));
    assert_true(match("x[0-9]*", "x1abc"));
    assert_true(match("*[0-9]", "ab12"));
}

static void a_backslash_takes_the_next_as_it_is(void **state)
{
    (void)state;
    assert_true(match("\\*", "*"));
    assert_false(match("\\*", "a"));
    assert_true(match("a\\?\\[", "a?["));
    assert_true(match("\\\\", "\\"));
    assert_true(match("\\\xc3\xa9", "\xc3\xa9"));
}

static void bad_patterns_say_where(void **state)
{
    static const struct {
        const char *pattern;
        size_t at;
    } bad[] = {{"ab[c", 2},  {"[", 0},    {"[]", 0},    {"[!]", 0},    {"ab\\", 2},
               {"[z-a]", 1}, {"[a\\", 0}, {"[a-\\", 0}, {"x[ab-a]", 3}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct sl_error err = {0};
        size_t at = 99;

        assert_int_equal(sl_glob_check(sl_slice_str(bad[i].pattern), &at, &err), SL_EINVAL);
        assert_int_equal(at, bad[i].at);
        assert_true(err.text[0]);
    }
}

static bool match_folded(const char *pattern, const char *text)
{
    char *folded = sl_strdup(pattern);
    size_t n = strlen(pattern), at;
    struct sl_error err = {0};
    bool found;

    sl_glob_fold(folded, n);
    assert_int_equal(sl_glob_check(sl_slice(folded, n), &at, &err), SL_OK);
    found = sl_glob_match(sl_slice(folded, n), sl_slice_str(text), true);
    /* Folded or not, a pattern means the same. */
    assert_int_equal(sl_glob_match(sl_slice_str(pattern), sl_slice_str(text), true), found);
    free(folded);
    return found;
}

static void letters_of_any_case(void **state)
{
    (void)state;
    assert_true(match_folded("/API/*.JS", "/api/x.js"));
    assert_true(match_folded("/api/*.js", "/API/X.Js"));
    assert_false(match_folded("@[[]`", "`{@["));
    assert_true(match_folded("[a-c]", "B"));
    assert_true(match_folded("[A-C]", "b"));
    assert_true(match_folded("[Z-a]", "z"));
    assert_true(match_folded("[Z-a]", "A"));
    assert_true(match_folded("[Z-a]", "_"));
    assert_false(match_folded("[Z-a]", "b"));
    assert_false(match_folded("[!a-c]", "B"));
    assert_true(match_folded("[!a-c]", "D"));
    assert_true(match_folded("\\\\[A]\\[B", "\\a[b"));
    assert_true(match_folded("\\A\\*B", "a*b"));
    assert_false(match_folded("\\A\\*B", "axb"));
    assert_true(match_folded("[]X]y[^]Z]", "xYa"));
    assert_false(match_folded("[]X]y[^]Z]", "xYz"));
    assert_false(match_folded("\xc3\x89", "\xc3\xa9"));
    assert_true(match_folded("\xc3\xa9[\xc3\xa0-\xc3\xbf]A", "\xc3\xa9\xc3\xa9"
                                                             "a"));
    assert_false(match_folded("K", "\xe2\x84\xaa")); /* KELVIN SIGN */
}

/* What a matcher that tries every way takes hours for. */
static void many_stars_stay_cheap(void **state)
{
    char *text = sl_alloc(100000);

    (void)state;
    memset(text, 'a', 100000);
    assert_false(
        sl_glob_match(SL_SLICE_LITERAL("*a*a*a*a*a*a*a*a*a*a*a*b"), sl_slice(text, 100000), false));
    assert_true(
        sl_glob_match(SL_SLICE_LITERAL("*a*a*a*a*a*a*a*a*a*a*a*a"), sl_slice(text, 100000), false));
    free(text);
}

/* Each part behind a star is tried at every place. */
static void parts_behind_stars_are_bounded(void **state)
{
    char pattern[SL_GLOB_MAX + 1];
    struct sl_error err = {0};
    size_t at = 0;

    (void)state;
    memset(pattern, 'a', sizeof(pattern));
    assert_int_equal(sl_glob_check(sl_slice(pattern, SL_GLOB_MAX), &at, &err), SL_OK);
    assert_int_equal(sl_glob_check(sl_slice(pattern, SL_GLOB_MAX + 1), &at, &err), SL_ELIMIT);
    pattern[1000] = '*';
    assert_int_equal(sl_glob_check(sl_slice(pattern, 1000 + 1 + SL_GLOB_PART_MAX), &at, &err),
                     SL_OK);
    pattern[1001 + SL_GLOB_PART_MAX] = '*';
    assert_int_equal(sl_glob_check(sl_slice(pattern, 1002 + 2 * SL_GLOB_PART_MAX), &at, &err),
                     SL_OK);
    pattern[1001 + SL_GLOB_PART_MAX] = 'a';
    assert_int_equal(sl_glob_check(sl_slice(pattern, 1002 + SL_GLOB_PART_MAX), &at, &err),
                     SL_ELIMIT);
    assert_int_equal(at, 1000);
}

/* Places are left out where the part cannot begin. */
static void what_follows_a_star_is_found_wherever_it_is(void **state)
{
    (void)state;
    assert_true(match("*\xc3\xa9x", "\xc3\xa8\xc3\xa9\xc3\xa9x"));
    assert_false(match("*\xc3\xa9x", "\xc3\xa8\xc3\xa9\xc3\xa9"));
    assert_true(match("*ab*ab", "xaabyaab"));
    assert_false(match("*ab*ab", "xaabyaa"));
    assert_true(match("*\\*b", "**a*b"));
    assert_true(match("*?b", "aab"));
    assert_true(match("*[b-c]d", "abcd"));
    assert_true(match("*ab", "\xff\xc3"
                             "ab"));
    assert_true(match("**ab**", "xab"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars),
        cmocka_unit_test(characters_are_utf8),
        cmocka_unit_test(classes),
        cmocka_unit_test(a_backslash_takes_the_next_as_it_is),
        cmocka_unit_test(bad_patterns_say_where),
        cmocka_unit_test(letters_of_any_case),
        cmocka_unit_test(many_stars_stay_cheap),
        cmocka_unit_test(parts_behind_stars_are_bounded),
        cmocka_unit_test(what_follows_a_star_is_found_wherever_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
