/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "cli/check.h"
#include "cli/cli.h"
#include "cli/dlq.h"
#include "cli/explain.h"
#include "cli/flow.h"
#include "cli/plan.h"
#include "cli/positions.h"
#include "cli/setup.h"
#include "cli/test.h"

/* What commands print. Each folder of cases/ holds `command` (one command line; @FILE is a
 * temporary file that is shown afterwards), the files it works on, perhaps `stdin`, and `expected`:
 * standard output, then standard error and the exit status where there is something to tell.
 * SLUICE_BLESS=1 writes `expected` anew, for a person to read. */

static const struct sl_cli_command *const commands[] = {
    &sl_command_test,      &sl_command_explain, &sl_command_check, &sl_command_plan,
    &sl_command_positions, &sl_command_dlq,     &sl_command_setup, &sl_command_flow};

enum { WORDS_MAX = 32, OUTPUT_MAX = 4 << 20 };

static void read_whole(const char *path, struct sl_buf *to)
{
    if (sl_file_read(to, path) != SL_OK)
        fail_msg("no file `%s`", path);
}

/* What is measured is no two times the same: `  17 ns` and `"ns":17.0` become N. */
static void mask_times(struct sl_buf *b)
{
    struct sl_buf out;
    const char *text = sl_buf_str(b);
    size_t digits;

    sl_buf_init(&out, OUTPUT_MAX);
    while (*text) {
        const bool field = strncmp(text, "\"ns\":", 5) == 0;
        const char *at = field ? text + 5 : text + strspn(text, " ");

        digits = strspn(at, "0123456789.");
        if (digits && (field || (at > text && strncmp(at + digits, " ns", 3) == 0))) {
            sl_buf_text(&out, field ? "\"ns\":N" : "  N");
            text = at + digits;
        } else {
            sl_buf_append(&out, text, at > text && !field ? (size_t)(at - text) : 1);
            text += at > text && !field ? (size_t)(at - text) : 1;
        }
    }
    sl_buf_clear(b);
    sl_buf_append(b, out.p, out.n);
    sl_buf_release(&out);
}

/* Redirects fd to a file for as long as the command runs. */
struct redirect {
    int fd, saved;
    FILE *to;
};

static struct redirect redirect(int fd, FILE *to)
{
    struct redirect r = {fd, dup(fd), to};

    dup2(fileno(to), fd);
    return r;
}

static void restore(struct redirect *r, const char *title, struct sl_buf *ret)
{
    char part[4096];
    size_t n;

    dup2(r->saved, r->fd);
    close(r->saved);
    rewind(r->to);
    while (ret && (n = fread(part, 1, sizeof(part), r->to)) > 0) {
        if (title)
            sl_buf_printf(ret, "--- %s\n", title);
        title = NULL;
        sl_buf_append(ret, part, n);
    }
    fclose(r->to);
}

/* Each line is a JSON value by another parser's word. */
static void check_json(struct sl_buf *lines)
{
    const char *at = sl_buf_str(lines);

    while (*at) {
        size_t n = strcspn(at, "\n");
        json_error_t why;
        json_t *value = json_loadb(at, n, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &why);

        if (!value)
            fail_msg("%s: %.*s", why.text, (int)n, at);
        json_decref(value);
        at += n + (at[n] == '\n');
    }
}

static int run_words(char **words, int n, struct sl_buf *ret)
{
    FILE *in = fopen(access("stdin", F_OK) == 0 ? "stdin" : "/dev/null", "r");
    struct redirect from = redirect(0, in), out, err;
    int status = -1;

    fflush(stdout);
    out = redirect(1, tmpfile());
    err = redirect(2, tmpfile());
    for (size_t i = 0; i < SL_LENGTH(commands); i++)
        if (!strcmp(commands[i]->name, words[0]))
            status = commands[i]->run(n, words);
    fflush(stdout);
    fflush(stderr);
    restore(&out, NULL, ret);
    for (int i = 1; i < n; i++)
        if (!strcmp(words[i], "--json"))
            check_json(ret);
    restore(&err, "standard error", ret);
    restore(&from, NULL, NULL);
    return status;
}

static void run_command(struct sl_buf *ret)
{
    char path[] = "/tmp/sluice-case-XXXXXX", *words[WORDS_MAX], *at, *text;
    struct sl_buf line;
    int n = 0, status, fd = mkstemp(path);

    assert_true(fd >= 0);
    sl_buf_init(&line, 4096);
    read_whole("command", &line);
    text = at = sl_buf_take(&line);
    for (char *word; (word = strsep(&at, " \n"));)
        if (*word && n < WORDS_MAX)
            words[n++] = strcmp(word, "@FILE") == 0 ? path : word;
    status = run_words(words, n, ret);
    if (lseek(fd, 0, SEEK_END) > 0) {
        sl_buf_text(ret, "--- file\n");
        read_whole(path, ret);
    }
    if (status)
        sl_buf_printf(ret, "--- status %d\n", status);
    close(fd);
    unlink(path);
    free(text);
}

static void run_case(const char *name)
{
    struct sl_buf got, want;

    sl_buf_init(&got, OUTPUT_MAX);
    sl_buf_init(&want, OUTPUT_MAX);
    run_command(&got);
    mask_times(&got);
    if (getenv("SLUICE_BLESS")) {
        FILE *file = fopen("expected", "w");

        fwrite(got.p, 1, got.n, file);
        fclose(file);
    }
    read_whole("expected", &want);
    if (!sl_slice_equal(sl_buf_as_slice(&want), sl_buf_as_slice(&got)))
        fail_msg("%s: got:\n%s\nexpected:\n%s", name, sl_buf_str(&got), sl_buf_str(&want));
    sl_buf_release(&want);
    sl_buf_release(&got);
}

static void every_case_prints_what_is_expected(void **state)
{
    const char *only = getenv("SLUICE_CASE");
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;

    (void)state;
    assert_int_equal(chdir(SLUICE_TESTS_DIR "/unit/cli/cases"), 0);
    dir = opendir(".");
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (*entry->d_name == '.' || (only && strcmp(only, entry->d_name) != 0) ||
            chdir(entry->d_name) != 0)
            continue;
        run_case(entry->d_name);
        assert_int_equal(chdir(".."), 0);
        n++;
    }
    closedir(dir);
    assert_true(only || n >= 20);
}

/* Each of them has one, too. */
static void the_shipped_rules_pass_their_own_tests(void **state)
{
    char command[] = "test", option[] = "-c", path[] = SLUICE_TESTS_DIR "/unit/cli/shipped.yaml";
    char *words[] = {command, option, path, NULL};
    struct sl_buf got;

    (void)state;
    sl_buf_init(&got, OUTPUT_MAX);
    if (run_words(words, 3, &got) != SL_EXIT_DONE ||
        !strstr(sl_buf_str(&got), " passed, 0 failed") || strstr(sl_buf_str(&got), "no test"))
        fail_msg("%s", sl_buf_str(&got));
    sl_buf_release(&got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_shipped_rules_pass_their_own_tests),
        cmocka_unit_test(every_case_prints_what_is_expected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
