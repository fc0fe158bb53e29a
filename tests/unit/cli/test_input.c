/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/input.h"

/* Lines as they come: of every length, ended or not, with anything in them. */

struct seen {
    size_t n, bytes, first, last; /* numbers of lines */
    size_t room;
    char last_text[64];
};

static bool take(void *user, const struct sl_input_record *r)
{
    struct seen *s = user;

    assert_string_equal(r->topic, "logs");
    assert_int_equal(r->message.timestamp_ms, -1);
    assert_int_equal(r->message.offset, (int64_t)r->line - 1);
    assert_false(r->placed);
    if (s->n++ == 0)
        s->first = r->line;
    s->last = r->line;
    s->bytes += r->message.value.n;
    snprintf(s->last_text, sizeof(s->last_text), "%.*s",
             (int)(r->message.value.n < 63 ? r->message.value.n : 63), r->message.value.p);
    return s->n < s->room;
}

/* Parts of a file: a text, or so many of one character. */
struct part {
    const char *text;
    size_t n;
    char c;
};

static int read_parts(const struct part *parts, size_t n_parts, struct seen *s, char *ret_told)
{
    char path[] = "/tmp/sluice-input-XXXXXX";
    const struct sl_input in = {.file = path, .topic = "logs", .command = "test"};
    FILE *to = fdopen(mkstemp(path), "w"), *told = tmpfile();
    int saved = dup(2), status;
    size_t records, n;

    for (size_t i = 0; i < n_parts; i++) {
        char *run = sl_alloc(parts[i].n + 1);

        memset(run, parts[i].c, parts[i].n);
        fwrite(run, 1, parts[i].n, to);
        fputs(parts[i].text ? parts[i].text : "", to);
        free(run);
    }
    fclose(to);
    *s = (struct seen){.room = s->room ? s->room : SIZE_MAX};
    fflush(stderr);
    dup2(fileno(told), 2);
    status = sl_input_each(&in, take, s, &records);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    unlink(path);
    rewind(told);
    n = fread(ret_told, 1, 4095, told);
    ret_told[n] = '\0';
    fclose(told);
    assert_int_equal(records, s->n);
    return status;
}

static void lines_of_any_kind(void **state)
{
    static const struct part parts[] = {
        {"\none\n\n\ntwo\r\n", 0, 0}, {"\n", 3, '\0'}, {"end", 0, 0}};
    char told[4096];
    struct seen s = {0};

    (void)state;
    assert_int_equal(read_parts(parts, 3, &s, told), SL_EXIT_DONE);
    assert_int_equal(s.n, 4);
    assert_int_equal(s.first, 2);
    assert_int_equal(s.last, 7);
    assert_int_equal(s.bytes, 3 + 4 + 3 + 3);
    assert_string_equal(s.last_text, "end");
    assert_string_equal(told, "");
}

/* Their ends fall anywhere in what one read gives. */
static void many_long_lines(void **state)
{
    struct part parts[200];
    char told[4096];
    struct seen s = {0};
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        parts[i] = (struct part){"\n", 1 + i * 997, 'x'};
        bytes += parts[i].n;
    }
    assert_int_equal(read_parts(parts, 200, &s, told), SL_EXIT_DONE);
    assert_int_equal(s.n, 200);
    assert_int_equal(s.bytes, bytes);
}

static void a_line_that_is_too_long(void **state)
{
    static const struct part parts[] = {
        {"before\n", 0, 0},
        {"\n", SL_INPUT_LINE_MAX, 'a'}, /* just not */
        {"\n", 3 * (size_t)SL_INPUT_LINE_MAX, 'b'},
        {"after\n", 0, 0},
        {"", (size_t)SL_INPUT_LINE_MAX + 1, 'c'},
    };
    char told[4096];
    struct seen s = {0};

    (void)state;
    assert_int_equal(read_parts(parts, 5, &s, told), SL_EXIT_FAILED);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.last, 4);
    assert_string_equal(s.last_text, "after");
    assert_int_equal(s.bytes, 6 + SL_INPUT_LINE_MAX + 5);
    assert_non_null(strstr(told, ", line 3: longer than 16 MiB: left out\n"));
    assert_non_null(strstr(told, ", line 5: longer than 16 MiB: left out\n"));
}

static void enough(void **state)
{
    static const struct part parts[] = {{"a\nb\nc\nd", 0, 0}};
    char told[4096];
    struct seen s = {.room = 2};

    (void)state;
    assert_int_equal(read_parts(parts, 1, &s, told), SL_EXIT_DONE);
    assert_int_equal(s.n, 2);
    assert_string_equal(s.last_text, "b");
}

static void no_such_file(void **state)
{
    const struct sl_input in = {.file = "/nowhere/at/all", .topic = "logs", .command = "test"};
    struct seen s = {0};

    (void)state;
    assert_int_equal(sl_input_each(&in, take, &s, NULL), SL_EXIT_FAILED);
    assert_int_equal(s.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_any_kind),
        cmocka_unit_test(many_long_lines),
        cmocka_unit_test(a_line_that_is_too_long),
        cmocka_unit_test(enough),
        cmocka_unit_test(no_such_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
