/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <dirent.h>
#include <errno.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "config/config.h"

/* Each folder of cases/ holds a sluice.yaml (or, on purpose, none) and `expected`: exactly what is
 * printed about it. To make a new one: write the sluice.yaml, run this test with SLUICE_UPDATE=1,
 * and read what it wrote into `expected` as a stranger would. */

static const char folder[] = SLUICE_TESTS_DIR "/unit/config/cases";

enum { CASES_LEAST = 40 };

static char *diagnose(const char *path, bool *ret_loaded, size_t *ret_errors)
{
    struct sl_diags diags;
    struct sl_config *config;
    char *text = NULL;
    size_t n = 0;
    FILE *to = open_memstream(&text, &n);

    sl_diags_init(&diags);
    config = sl_config_load(path, &diags);
    sl_diags_print(&diags, to);
    fclose(to);
    *ret_loaded = config != NULL;
    *ret_errors = diags.errors;
    sl_config_free(config);
    sl_diags_release(&diags);
    return text;
}

static char *read_expected(void)
{
    struct sl_buf buf;

    sl_buf_init(&buf, 1 << 20);
    assert_int_equal(sl_file_read(&buf, "expected"), SL_OK);
    return sl_buf_take(&buf);
}

static void write_expected(const char *text)
{
    FILE *to = fopen("expected", "w");

    assert_non_null(to);
    fputs(text, to);
    fclose(to);
}

/* True when the case holds. */
static bool run_case(const char *name)
{
    char *path = sl_asprintf("%s/%s", folder, name), *got, *expected;
    bool loaded, same;
    size_t errors;

    assert_int_equal(chdir(path), 0);
    free(path);
    got = diagnose("sluice.yaml", &loaded, &errors);
    assert_int_equal(loaded, errors == 0);
    if (getenv("SLUICE_UPDATE"))
        write_expected(got);
    expected = read_expected();
    same = !strcmp(got, expected);
    if (!same)
        print_error("case %s\n--- expected\n%s--- got\n%s", name, expected, got);
    /* What these files hold as secrets is written hunter2 everywhere. */
    if (strstr(got, "hunter2")) {
        print_error("case %s shows a secret\n", name);
        same = false;
    }
    free(expected);
    free(got);
    return same;
}

static void cases(void **state)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    unsigned n = 0, wrong = 0;

    (void)state;
    assert_non_null(dir);
    setenv("CASE_SET", "from-environment", 1);
    setenv("CASE_EMPTY", "", 1);
    setenv("CASE_SIZE", "a lot", 1);
    unsetenv("CASE_UNSET");
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    while ((entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        wrong += !run_case(entry->d_name);
    }
    closedir(dir);
    assert_int_equal(wrong, 0);
    assert_true(n >= CASES_LEAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
