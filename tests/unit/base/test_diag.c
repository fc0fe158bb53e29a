/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/diag.h"

static struct sl_diags diags;

static char *printed(void)
{
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    sl_diags_print(&diags, to);
    fclose(to);
    return text;
}

static void assert_printed(const char *expected)
{
    char *text = printed();

    assert_string_equal(text, expected);
    free(text);
    sl_diags_release(&diags);
}

static void a_line_and_a_caret(void **state)
{
    struct sl_slice content = SL_SLICE_LITERAL("one\ntwo: 2\r\nthree");

    (void)state;
    sl_diags_init(&diags);
    sl_diags_add(&diags, SL_PROBLEM, "a.yaml", content, 2, 6, "bad %s", "number");
    sl_diags_add(&diags, SL_WARNING, "a.yaml", content, 3, 1, "hm");
    sl_diags_add(&diags, SL_PROBLEM, "a.yaml", content, 9, 1, "past the end");
    sl_diags_add(&diags, SL_PROBLEM, "b.yaml", sl_slice(NULL, 0), 0, 0, "cannot be read");
    sl_diags_add(&diags, SL_PROBLEM, NULL, sl_slice(NULL, 0), 0, 0, "no file");
    assert_int_equal(diags.errors, 4);
    assert_printed("a.yaml:2:6: error: bad number\n"
                   "     2 | two: 2\n"
                   "       |      ^\n"
                   "a.yaml:3:1: warning: hm\n"
                   "     3 | three\n"
                   "       | ^\n"
                   "a.yaml:9:1: error: past the end\n"
                   "b.yaml: error: cannot be read\n"
                   "error: no file\n");
}

static void the_caret_counts_characters_and_keeps_tabs(void **state)
{
    (void)state;
    sl_diags_init(&diags);
    sl_diags_add(&diags, SL_PROBLEM, "a", SL_SLICE_LITERAL("\t\xc3\xa4\xe2\x82\xac x"), 1, 5,
                 "here");
    assert_printed("a:1:5: error: here\n"
                   "     1 | \t\xc3\xa4\xe2\x82\xac x\n"
                   "       | \t   ^\n");
}

static void control_characters_do_not_reach_a_terminal(void **state)
{
    (void)state;
    sl_diags_init(&diags);
    sl_diags_add(&diags, SL_PROBLEM, "a",
                 SL_SLICE_LITERAL("a\x1b[31m\x7f\xc2\x9b"
                                  "b\xc3\x9b"),
                 1, 1, "key \x1b[2J\nforged: line");
    assert_printed("a:1:1: error: key ?[2J?forged: line\n"
                   "     1 | a?[31m??b\xc3\x9b\n"
                   "       | ^\n");
}

static void a_long_line_is_cut(void **state)
{
    char line[2000];

    (void)state;
    memset(line, 'x', sizeof(line));
    sl_diags_init(&diags);
    sl_diags_add(&diags, SL_PROBLEM, "a", sl_slice(line, sizeof(line)), 1, 1900, "far");
    assert_int_equal(strlen(diags.items[0].source), 400);
    sl_diags_release(&diags);
}

static void sorted_by_file_line_and_column(void **state)
{
    static const struct {
        const char *file;
        unsigned line, column;
        const char *text;
    } in[] = {{"b", 5, 1, "3"}, {"b", 2, 9, "2"}, {"a", 1, 1, "5"},
              {"b", 2, 3, "1"}, {"b", 5, 1, "4"}, {"a", 1, 2, "6"}};

    (void)state;
    sl_diags_init(&diags);
    for (size_t i = 0; i < sizeof(in) / sizeof(*in); i++)
        sl_diags_add(&diags, SL_PROBLEM, in[i].file, sl_slice(NULL, 0), in[i].line, in[i].column,
                     "%s", in[i].text);
    sl_diags_sort(&diags);
    for (size_t i = 0; i < diags.n; i++)
        assert_int_equal(diags.items[i].text[0], '1' + (int)i);
    sl_diags_release(&diags);
    sl_diags_sort(&diags); /* nothing */
}

static void past_the_maximum_only_the_count_goes_on(void **state)
{
    char *text;

    (void)state;
    sl_diags_init(&diags);
    for (unsigned i = 0; i < SL_DIAGS_MAX + 5; i++)
        sl_diags_add(&diags, SL_PROBLEM, "a", sl_slice(NULL, 0), i + 1, 0, "x");
    assert_int_equal(diags.n, SL_DIAGS_MAX);
    assert_int_equal(diags.errors, SL_DIAGS_MAX + 5);
    text = printed();
    assert_non_null(strstr(text, "1005 errors in all"));
    free(text);
    sl_diags_release(&diags);
}

static void as_json(void **state)
{
    struct sl_buf out;

    (void)state;
    sl_diags_init(&diags);
    sl_buf_init(&out, 4096);
    sl_diags_json(&diags, &out);
    assert_string_equal(sl_buf_str(&out), "[]");
    sl_buf_clear(&out);
    sl_diags_add(&diags, SL_WARNING, "a\"b", sl_slice(NULL, 0), 1, 2, "x\ty");
    sl_diags_add(&diags, SL_PROBLEM, NULL, sl_slice(NULL, 0), 0, 0, "z");
    sl_diags_json(&diags, &out);
    assert_string_equal(sl_buf_str(&out),
                        "[{\"severity\":\"warning\",\"file\":\"a\\\"b\",\"line\":1,\"column\":2,"
                        "\"text\":\"x\\u0009y\"},{\"severity\":\"error\",\"file\":\"\",\"line\":0,"
                        "\"column\":0,\"text\":\"z\"}]");
    sl_buf_release(&out);
    sl_diags_release(&diags);
}

static void the_nearest_word_is_meant(void **state)
{
    static const char *const words[] = {"topics", "topic", "group", "id", "compression", "on"};
    static const struct {
        const char *word, *expected;
    } cases[] = {
        {"topcis", "topics"}, /* two letters changed places */
        {"topi", "topic"},    {"gruop", "group"},   {"comprssoin", "compression"},
        {"idd", "id"},        {"frobnicate", NULL}, {"x", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *near = sl_nearest(cases[i].word, words, sizeof(words) / sizeof(*words));

        if (!near != !cases[i].expected || (near && strcmp(near, cases[i].expected)))
            fail_msg("`%s` gives %s", cases[i].word, near ? near : "nothing");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_and_a_caret),
        cmocka_unit_test(the_caret_counts_characters_and_keeps_tabs),
        cmocka_unit_test(control_characters_do_not_reach_a_terminal),
        cmocka_unit_test(a_long_line_is_cut),
        cmocka_unit_test(sorted_by_file_line_and_column),
        cmocka_unit_test(past_the_maximum_only_the_count_goes_on),
        cmocka_unit_test(as_json),
        cmocka_unit_test(the_nearest_word_is_meant),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
