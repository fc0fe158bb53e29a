/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/cli.h"

static const struct sl_cli_option options[] = {
    SL_CLI_CONFIG,
    {"json", 'j', NULL, "for machines"},
    {"topic", 0, "NAME", "which decoder"},
};
static const struct sl_cli_command command = {
    .name = "explain",
    .summary = "why",
    .operands = "[FILE...]",
    .example = "sluice explain < values\nsluice explain --json",
    .options = options,
    .n_options = SL_LENGTH(options),
};

/* ---- what a call prints ---- */

static char printed[2][1 << 14];

static int capture(int (*call)(void *user), void *user)
{
    FILE *files[2] = {tmpfile(), tmpfile()};
    int saved[2], status;

    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        saved[i] = dup(i + 1);
        dup2(fileno(files[i]), i + 1);
    }
    status = call(user);
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 2; i++) {
        size_t n;

        dup2(saved[i], i + 1);
        close(saved[i]);
        rewind(files[i]);
        n = fread(printed[i], 1, sizeof(printed[i]) - 1, files[i]);
        printed[i][n] = '\0';
        fclose(files[i]);
    }
    return status;
}

/* ---- options ---- */

struct parse {
    char *argv[8];
    int argc;
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args;
    bool go;
    int status;
};

static int parse_call(void *user)
{
    struct parse *p = user;

    p->status = -1;
    p->go = sl_cli_parse(&command, p->argc, p->argv, &p->args, &p->status);
    return p->status;
}

static struct parse parse(const char *const *words)
{
    static char copies[8][64];
    struct parse p = {.argc = 0};

    snprintf(copies[0], sizeof(copies[0]), "explain");
    p.argv[p.argc++] = copies[0];
    for (; *words; words++, p.argc++) {
        snprintf(copies[p.argc], sizeof(copies[0]), "%s", *words);
        p.argv[p.argc] = copies[p.argc];
    }
    p.args.values = p.values;
    capture(parse_call, &p);
    return p;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_every_way_to_write_an_option(void **state)
{
    const char *const *ways[] = {WORDS("-c", "x"), WORDS("-cx"), WORDS("--config", "x"),
                                 WORDS("--config=x"), WORDS("-c", "y", "-jcx")};

    (void)state;
    for (size_t i = 0; i < SL_LENGTH(ways); i++) {
        struct parse p = parse(ways[i]);

        assert_true(p.go);
        assert_string_equal(p.values[0], "x");
        assert_null(p.values[2]);
        assert_int_equal(p.args.n_operands, 0);
    }
}

static void test_operands(void **state)
{
    struct parse p = parse(WORDS("a", "--json", "-", "--topic", "--json", "--", "-c"));

    (void)state;
    assert_true(p.go);
    assert_string_equal(p.values[1], "");
    assert_string_equal(p.values[2], "--json");
    assert_null(p.values[0]);
    assert_int_equal(p.args.n_operands, 3);
    assert_string_equal(p.args.operands[0], "a");
    assert_string_equal(p.args.operands[1], "-");
    assert_string_equal(p.args.operands[2], "-c");
}

static void mistake(const char *const *words, const char *expect)
{
    struct parse p = parse(words);

    assert_false(p.go);
    assert_int_equal(p.status, SL_EXIT_USAGE);
    assert_string_equal(printed[0], "");
    if (!strstr(printed[1], expect))
        fail_msg("expected %s in: %s", expect, printed[1]);
    assert_non_null(strstr(printed[1], "sluice explain --help"));
}

static void test_mistakes_are_explained(void **state)
{
    (void)state;
    mistake(WORDS("--jsno"), "unknown option --jsno; did you mean --json?");
    mistake(WORDS("--confg=x"), "unknown option --confg; did you mean --config?");
    mistake(WORDS("--zebra"), "unknown option --zebra\n");
    mistake(WORDS("-q"), "unknown option -q");
    mistake(WORDS("-c"), "--config needs a value: FILE");
    mistake(WORDS("--topic"), "--topic needs a value: NAME");
    mistake(WORDS("--json=yes"), "--json takes no value");
}

static void test_help_shows_options_and_example(void **state)
{
    const char *const *ways[] = {WORDS("--help"), WORDS("-h"), WORDS("--json", "-jh", "--nope")};

    (void)state;
    for (size_t i = 0; i < SL_LENGTH(ways); i++) {
        struct parse p = parse(ways[i]);

        assert_false(p.go);
        assert_int_equal(p.status, SL_EXIT_DONE);
        assert_string_equal(printed[1], "");
        assert_non_null(strstr(printed[0], "Usage: sluice explain [OPTIONS] [FILE...]\n"));
        assert_non_null(strstr(printed[0], "  -c, --config FILE "));
        assert_non_null(strstr(printed[0], "      --topic NAME        which decoder\n"));
        assert_non_null(
            strstr(printed[0], "Example:\n  sluice explain < values\n  sluice explain --json\n"));
    }
}

/* ---- commands ---- */

static int ran(int argc, char **argv)
{
    printf("ran %s %d\n", argv[0], argc);
    return SL_EXIT_CHANGES;
}

static int explain(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    int status;

    return sl_cli_parse(&command, argc, argv, &args, &status) ? SL_EXIT_DONE : status;
}

static const struct sl_cli_command *const commands[] = {
    &(const struct sl_cli_command){.name = "run", .summary = "runs", .run = ran},
    &(const struct sl_cli_command){.name = "explain", .summary = "why", .run = explain},
    &sl_command_version,
    &(const struct sl_cli_command){.name = "top"},
};

static int main_call(void *user)
{
    struct parse *p = user;

    return sl_cli_main(commands, SL_LENGTH(commands), p->argc, p->argv);
}

static int run_main(const char *const *words)
{
    static char copies[8][64];
    struct parse p = {.argc = 1};

    for (; *words; words++, p.argc++) {
        snprintf(copies[p.argc], sizeof(copies[0]), "%s", *words);
        p.argv[p.argc] = copies[p.argc];
    }
    return capture(main_call, &p);
}

static void test_commands_run_with_their_own_arguments(void **state)
{
    (void)state;
    assert_int_equal(run_main(WORDS("run", "a", "b")), SL_EXIT_CHANGES);
    assert_string_equal(printed[0], "ran run 3\n");
}

static int onto_a_full_disk(void *user)
{
    const int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY);
    int status;

    dup2(full, STDOUT_FILENO);
    status = main_call(user);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(full);
    fflush(stdout); /* what had no room */
    clearerr(stdout);
    return status;
}

static void test_output_that_is_lost_is_a_failure(void **state)
{
    char word[] = "version";
    struct parse p = {.argc = 2, .argv = {NULL, word}};

    (void)state;
    assert_int_equal(capture(onto_a_full_disk, &p), SL_EXIT_FAILED);
    assert_non_null(strstr(printed[1], "standard output: No space left"));
}

static int with_no_input(void *user)
{
    const int saved = dup(STDIN_FILENO);
    int status;

    close(STDIN_FILENO);
    status = main_call(user);
    if (fcntl(STDIN_FILENO, F_GETFD) < 0)
        status = -1;
    dup2(saved, STDIN_FILENO);
    close(saved);
    return status;
}

static void test_a_closed_descriptor_is_not_given_away(void **state)
{
    char word[] = "version";
    struct parse p = {.argc = 2, .argv = {NULL, word}};

    (void)state;
    assert_int_equal(capture(with_no_input, &p), SL_EXIT_DONE);
}

static void test_unknown_commands_name_the_nearest(void **state)
{
    (void)state;
    assert_int_equal(run_main(WORDS("explan")), SL_EXIT_USAGE);
    assert_non_null(strstr(printed[1], "unknown command explan; did you mean explain?"));
    assert_int_equal(run_main(WORDS("tap")), SL_EXIT_USAGE);
    assert_null(strstr(printed[1], "did you mean top")); /* that one is not there yet */
    assert_int_equal(run_main(WORDS("top", "--help")), SL_EXIT_USAGE);
    assert_non_null(strstr(printed[1], "top is not available in this version"));
    assert_int_equal(run_main((const char *const[]){NULL}), SL_EXIT_USAGE);
    assert_string_equal(printed[0], "");
}

static void test_help_of_all(void **state)
{
    const char *const *ways[] = {WORDS("--help"), WORDS("-h"), WORDS("help")};

    (void)state;
    for (size_t i = 0; i < SL_LENGTH(ways); i++) {
        assert_int_equal(run_main(ways[i]), SL_EXIT_DONE);
        assert_non_null(strstr(printed[0], "\n  run "));
        assert_null(strstr(printed[0], "\n  top "));
        assert_non_null(strstr(printed[0], "Example:"));
    }
    assert_int_equal(run_main(WORDS("help", "explain")), SL_EXIT_DONE);
    assert_non_null(strstr(printed[0], "Usage: sluice explain"));
}

static void test_version_names_every_library(void **state)
{
    static const char *const libraries[] = {"librdkafka", "libcurl", "libuv",   "libmicrohttpd",
                                            "libfyaml",   "PCRE2",   "jansson", "OpenSSL",
                                            "zstd",       "ISA-L",   "xxHash"};

    (void)state;
    assert_int_equal(run_main(WORDS("--version")), SL_EXIT_DONE);
    assert_memory_equal(printed[0], "sluice " SLUICE_VERSION "\n", 8 + strlen(SLUICE_VERSION));
    for (size_t i = 0; i < SL_LENGTH(libraries); i++) {
        const char *at = strstr(printed[0], libraries[i]);

        assert_non_null(at);
        assert_true(isdigit((unsigned char)at[15]));
    }
    assert_int_equal(run_main(WORDS("version", "--json")), SL_EXIT_DONE);
    assert_ptr_equal(
        strstr(printed[0], "{\"sluice\":\"" SLUICE_VERSION "\",\"libraries\":{\"librd"),
        printed[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_way_to_write_an_option),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_mistakes_are_explained),
        cmocka_unit_test(test_help_shows_options_and_example),
        cmocka_unit_test(test_commands_run_with_their_own_arguments),
        cmocka_unit_test(test_output_that_is_lost_is_a_failure),
        cmocka_unit_test(test_a_closed_descriptor_is_not_given_away),
        cmocka_unit_test(test_unknown_commands_name_the_nearest),
        cmocka_unit_test(test_help_of_all),
        cmocka_unit_test(test_version_names_every_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
