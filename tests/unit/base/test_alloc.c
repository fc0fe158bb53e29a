/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

const char *__asan_default_options(void);

const char *__asan_default_options(void) /* as without it */
{
    return "allocator_may_return_null=1";
}

static volatile size_t huge = SIZE_MAX / 4;

static void alloc(void)
{
    (void)!sl_alloc(huge);
}

static void calloc_(void)
{
    (void)!sl_calloc(huge, 1);
}

static void calloc_overflow(void)
{
    (void)!sl_calloc(huge, 8);
}

static void zalloc(void)
{
    (void)!sl_zalloc(huge);
}

static void realloc_(void)
{
    (void)!sl_realloc(sl_alloc(10), huge);
}

static void reallocarray_(void)
{
    (void)!sl_reallocarray(NULL, huge, 1);
}

static void reallocarray_overflow(void)
{
    (void)!sl_reallocarray(NULL, huge, 8);
}

/* In a process of its own: it ends at once, with a status and a line that say why. */
static void ends(void (*allocates)(void))
{
    char text[256] = "";
    int out[2], status;
    ssize_t n;
    pid_t pid;

    assert_int_equal(pipe(out), 0);
    pid = fork();
    if (pid == 0) {
        dup2(out[1], STDERR_FILENO);
        allocates();
        _exit(0);
    }
    close(out[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    n = read(out[0], text, sizeof(text) - 1);
    close(out[0]);
    assert_true(n > 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    assert_non_null(strstr(text, "out of memory"));
}

static void f09_no_memory_ends_the_process(void **state)
{
    static void (*const all[])(void) = {alloc,    calloc_,       calloc_overflow,      zalloc,
                                        realloc_, reallocarray_, reallocarray_overflow};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        ends(all[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f09_no_memory_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
