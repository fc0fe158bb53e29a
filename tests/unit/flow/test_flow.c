/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "flow/flow.h"

/* What is made of a request's records. Each folder of cases/ holds `id`, `records` (one a line, in
 * the order of their log) and what is shown of them: `terminal` (80 columns), `ascii` (80 columns
 * of a terminal that knows no UTF-8), `colour` (120), `json` and `page.html`; perhaps `origin` and
 * `missing`. SLUICE_BLESS=1 writes
 * these anew, for a person to look at. */

enum { FILE_MAX = 4 << 20 };

static void read_whole(const char *folder, const char *name, struct sl_buf *to)
{
    char *path = sl_asprintf("%s/%s", folder, name);

    sl_buf_clear(to);
    if (sl_file_read(to, path) != SL_OK)
        fail_msg("no file `%s`", path);
    free(path);
}

static void compare(const char *folder, const char *name, struct sl_buf *is)
{
    struct sl_buf expected;

    assert_false(is->full);
    sl_buf_init(&expected, FILE_MAX);
    if (getenv("SLUICE_BLESS")) {
        char *path = sl_asprintf("%s/%s", folder, name);
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        fwrite(is->p, 1, is->n, f);
        fclose(f);
        free(path);
    }
    read_whole(folder, name, &expected);
    if (!sl_slice_equal(sl_buf_as_slice(&expected), sl_buf_as_slice(is)))
        fail_msg("%s/%s is now:\n%s", folder, name, sl_buf_str(is));
    sl_buf_release(&expected);
    sl_buf_clear(is);
}

static char *read_line(const char *folder, const char *name)
{
    char *path = sl_asprintf("%s/%s", folder, name), *line = NULL;
    struct sl_buf text;

    sl_buf_init(&text, FILE_MAX);
    if (sl_file_read(&text, path) == SL_OK)
        line = sl_strndup(text.p, text.n - 1);
    sl_buf_release(&text);
    free(path);
    return line;
}

static struct sl_flow *load(const char *folder, bool backwards)
{
    struct sl_flow *f;
    struct sl_slice lines[64];
    struct sl_buf text;
    size_t n = 0;

    sl_buf_init(&text, FILE_MAX);
    read_whole(folder, "id", &text);
    text.p[text.n - 1] = '\0';
    f = sl_flow_new(text.p);
    read_whole(folder, "records", &text);
    for (char *at = (char *)sl_buf_str(&text), *end; (end = strchr(at, '\n')); at = end + 1)
        lines[n++] = sl_slice(at, (size_t)(end - at));
    for (size_t k = 0; k < n; k++) {
        size_t i = backwards ? n - 1 - k : k;
        struct sl_flow_input in = {
            .json = lines[i],
            .kafka_ms = -1,
            .sequence = i,
            .topic = "logs",
            .partition = 3,
            .offset = (int64_t)(1000 + i),
            .from_ns = INT64_MIN,
            .to_ns = INT64_MAX,
        };

        sl_flow_add(f, &in);
    }
    sl_flow_finish(f);
    f->origin = read_line(folder, "origin");
    f->missing = read_line(folder, "missing");
    sl_buf_release(&text);
    return f;
}

/* Nothing that a terminal obeys but, where colours are asked for, colours. */
static void assert_harmless(const struct sl_buf *b, bool colour)
{
    for (size_t i = 0; i < b->n; i++) {
        unsigned char c = (unsigned char)b->p[i];

        if (c == 0x1b && colour) {
            assert_int_equal(b->p[i + 1], '[');
            i += 2 + strspn(b->p + i + 2, "0123456789;");
            assert_int_equal(b->p[i], 'm');
            continue;
        }
        assert_true(c == '\n' || (c >= 0x20 && c != 0x7f));
        assert_false(c == 0xc2 && (unsigned char)b->p[i + 1] < 0xa0); /* C1 */
        assert_false(c == 0xe2 && (unsigned char)b->p[i + 1] == 0x80 &&
                     (unsigned char)b->p[i + 2] >= 0xaa &&
                     (unsigned char)b->p[i + 2] <= 0xae); /* turns text */
    }
}

static void show(const char *folder, const struct sl_flow *f)
{
    const struct sl_flow_look plain = {80, true, false}, ascii = {80, false, false},
                              colour = {120, true, true};
    struct sl_buf out;

    sl_buf_init(&out, FILE_MAX);
    sl_flow_terminal(f, &plain, &out);
    assert_harmless(&out, false);
    compare(folder, "terminal", &out);
    sl_flow_terminal(f, &ascii, &out);
    assert_harmless(&out, false);
    for (size_t i = 0; i < out.n; i++)
        assert_true((unsigned char)out.p[i] < 0x80);
    compare(folder, "ascii", &out);
    sl_flow_terminal(f, &colour, &out);
    assert_harmless(&out, true);
    compare(folder, "colour", &out);
    sl_flow_json(f, &out);
    compare(folder, "json", &out);
    sl_flow_html(f, &out);
    compare(folder, "page.html", &out);
    sl_buf_release(&out);
}

static void test_cases(void **state)
{
    const char *root = SLUICE_TESTS_DIR "/unit/flow/cases";
    struct dirent **names;
    int n = scandir(root, &names, NULL, alphasort), cases = 0;

    (void)state;
    for (int i = 0; i < n; i++) {
        char *folder = sl_asprintf("%s/%s", root, names[i]->d_name);

        if (names[i]->d_name[0] != '.') {
            struct sl_flow *f = load(folder, false);

            show(folder, f);
            sl_flow_free(f);
            f = load(folder, true); /* the order in which records come is of no matter */
            show(folder, f);
            sl_flow_free(f);
            cases++;
        }
        free(folder);
        free(names[i]);
    }
    free(names);
    assert_true(cases >= 4);
}

/* The README shows what is shown. */
static void test_readme(void **state)
{
    struct sl_buf readme, shown;

    (void)state;
    sl_buf_init(&readme, FILE_MAX);
    sl_buf_init(&shown, FILE_MAX);
    read_whole(SLUICE_ROOT_DIR, "README.md", &readme);
    read_whole(SLUICE_TESTS_DIR "/unit/flow/cases/shop", "terminal", &shown);
    assert_non_null(memmem(readme.p, readme.n, shown.p, shown.n));
    sl_buf_release(&readme);
    sl_buf_release(&shown);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases), cmocka_unit_test(test_readme)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
