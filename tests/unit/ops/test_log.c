/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "ops/log.h"

/* What one call wrote, from after the time on. */
struct written {
    FILE *file;
    struct sl_log *log;
    char text[1 << 18];
};

static struct written w;

static void begin(enum sl_log_level level, enum sl_log_format format)
{
    w.file = tmpfile();
    w.log = sl_log_new(w.file, level, format);
}

static const char *end(void)
{
    size_t n;

    rewind(w.file);
    n = fread(w.text, 1, sizeof(w.text) - 1, w.file);
    w.text[n] = '\0';
    sl_log_free(w.log);
    fclose(w.file);
    return w.text;
}

/* Checks the time and cuts it away. */
static const char *text_line(void)
{
    const char *line = end();
    int year, month, day, hour, minute, second, ms, n = 0;

    assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ %n", &year, &month, &day, &hour,
                            &minute, &second, &ms, &n),
                     7);
    assert_int_equal(n, 25);
    return line + n;
}

static const char *json_line(void)
{
    const char *line = end();

    assert_memory_equal(line, "{\"time\":\"20", 11);
    assert_memory_equal(line + 32, "Z\",", 3);
    return line + 35;
}

static void test_text(void **state)
{
    (void)state;
    begin(SL_LOG_INFO, SL_LOG_TEXT);
    sl_log(w.log, SL_LOG_WARN, "sink stalled", "sink", "search", "reason", "no \"such\" index",
           "none", NULL, "empty", "", "eq", "a=b", "back", "a\\b", NULL);
    assert_string_equal(text_line(),
                        "warn  sink stalled sink=search reason=\"no \\\"such\\\" index\" "
                        "empty=\"\" eq=\"a=b\" back=\"a\\\\b\"\n");
}

static void test_json(void **state)
{
    (void)state;
    begin(SL_LOG_INFO, SL_LOG_AUTO); /* a file is no terminal */
    sl_log(w.log, SL_LOG_ERROR, "sink \"a\" stalled", "sink", "s\\x", "none", NULL, NULL);
    assert_string_equal(
        json_line(),
        "\"level\":\"error\",\"msg\":\"sink \\\"a\\\" stalled\",\"sink\":\"s\\\\x\"}\n");
}

static const char hostile[] = "a\nb\tc\rd\x1b[2J\x7f\xc2\x9bz \xff\xc3 \xe2\x80\xae \xe2\x80\xa8 "
                              "\xc3\xa9\xf0\x9f\x8d\x89";

static void test_c24_hostile_text_is_escaped(void **state)
{
    (void)state;
    begin(SL_LOG_INFO, SL_LOG_TEXT);
    sl_log(w.log, SL_LOG_INFO, hostile, "k", hostile, NULL);
    assert_string_equal(text_line(),
                        "info  a\\nb\\tc\\rd\\u001b[2J\\u007f\\u009bz \\xff\\xc3 \\u202e "
                        "\\u2028 \xc3\xa9\xf0\x9f\x8d\x89 "
                        "k=\"a\\nb\\tc\\rd\\u001b[2J\\u007f\\u009bz \\xff\\xc3 \\u202e "
                        "\\u2028 \xc3\xa9\xf0\x9f\x8d\x89\"\n");
    begin(SL_LOG_INFO, SL_LOG_JSON);
    sl_log(w.log, SL_LOG_INFO, hostile, hostile, "v", NULL);
    assert_string_equal(
        json_line(),
        "\"level\":\"info\",\"msg\":\"a\\nb\\tc\\rd\\u001b[2J\\u007f\\u009bz \\\\xff\\\\xc3 "
        "\\u202e \\u2028 \xc3\xa9\xf0\x9f\x8d\x89\","
        "\"a\\nb\\tc\\rd\\u001b[2J\\u007f\\u009bz \\\\xff\\\\xc3 "
        "\\u202e \\u2028 \xc3\xa9\xf0\x9f\x8d\x89\":\"v\"}\n");
}

static void test_levels(void **state)
{
    (void)state;
    begin(SL_LOG_WARN, SL_LOG_TEXT);
    sl_log(w.log, SL_LOG_INFO, "no", NULL);
    sl_logf(w.log, SL_LOG_DEBUG, "no %d", 1);
    assert_false(sl_log_enabled(w.log, SL_LOG_INFO));
    assert_true(sl_log_enabled(w.log, SL_LOG_WARN));
    assert_false(sl_log_enabled(NULL, SL_LOG_ERROR));
    sl_log(NULL, SL_LOG_ERROR, "nobody", NULL);
    sl_logf(w.log, SL_LOG_ERROR, "formatted %d %s", 42, "\x1b");
    assert_string_equal(text_line(), "error formatted 42 \\u001b\n");
}

static void test_lines_have_a_maximum(void **state)
{
    static char huge[200 << 10];
    const char *line;

    (void)state;
    memset(huge, '\x01', sizeof(huge) - 1); /* six bytes each when escaped */
    begin(SL_LOG_INFO, SL_LOG_JSON);
    sl_log(w.log, SL_LOG_INFO, huge, "a", huge, "b", huge, "c", huge, "last", "small", NULL);
    line = end();
    assert_in_range(strlen(line), 24 << 10, 64 << 10);
    assert_non_null(strstr(line, "...\",\"a\":\""));
    assert_string_equal(strrchr(line, ','), ",\"last\":\"small\"}\n"); /* room was found */
}

static void test_a_memory_stream_takes_lines_too(void **state)
{
    char *text = NULL;
    size_t n = 0;
    FILE *memory = open_memstream(&text, &n);
    struct sl_log *log = sl_log_new(memory, SL_LOG_INFO, SL_LOG_TEXT);

    (void)state;
    sl_log(log, SL_LOG_INFO, "hello", NULL);
    assert_non_null(strstr(text, "info  hello\n"));
    sl_log_free(log);
    fclose(memory);
    free(text);
}

enum { THREADS = 4, LINES = 200 };

static void *write_lines(void *log)
{
    static const char filler[] = "0123456789012345678901234567890123456789";

    for (int i = 0; i < LINES; i++)
        sl_log(log, SL_LOG_INFO, "line", "a", filler, "b", filler, "c", filler, "end", "x", NULL);
    return NULL;
}

static void test_threads_do_not_mix_lines(void **state)
{
    pthread_t threads[THREADS];
    char *line, *rest;
    int lines = 0;

    (void)state;
    begin(SL_LOG_INFO, SL_LOG_TEXT);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_lines, w.log), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    end();
    for (line = strtok_r(w.text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_int_equal(strlen(line), 25 + strlen("info  line") + 3 * 43 + 6);
        lines++;
    }
    assert_int_equal(lines, THREADS * LINES);
}

static void test_due(void **state)
{
    uint64_t last = 0;

    (void)state;
    assert_true(sl_log_due(&last, 0, 1000));
    assert_false(sl_log_due(&last, 0, 1000));
    assert_false(sl_log_due(&last, 999, 1000));
    assert_true(sl_log_due(&last, 1000, 1000));
    assert_false(sl_log_due(&last, 1999, 1000));
    assert_true(sl_log_due(&last, 5000, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_c24_hostile_text_is_escaped),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_lines_have_a_maximum),
        cmocka_unit_test(test_a_memory_stream_takes_lines_too),
        cmocka_unit_test(test_threads_do_not_mix_lines),
        cmocka_unit_test(test_due),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
