/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "route/help.h"

/* Rules that are wrong: each folder of cases/ holds rules.yaml (or a folder `routes`) and, in
 * `expected`, what the operator sees. SLUICE_BLESS=1 writes `expected` anew, for a person to read.
 */

static void run_case(const char *name)
{
    struct box b;
    const char *routes = access("routes", F_OK) == 0 ? "routes" : "rules.yaml";
    char *got = NULL;
    struct sl_buf want;
    size_t n;
    FILE *to = open_memstream(&got, &n);
    FILE *file;

    box_config(&b);
    b.config.routes = (struct sl_strings){&routes, 1};
    b.rules = sl_rules_load(&b.config, b.fields, &b.diags);
    if (b.rules)
        fail_msg("%s: the rules were taken", name);
    sl_diags_sort(&b.diags);
    sl_diags_print(&b.diags, to);
    fclose(to);
    if (getenv("SLUICE_BLESS")) {
        file = fopen("expected", "w");
        fwrite(got, 1, n, file);
        fclose(file);
    }
    sl_buf_init(&want, 1 << 20);
    if (sl_file_read(&want, "expected") != SL_OK)
        fail_msg("%s: no file `expected`; got:\n%s", name, got);
    if (!sl_slice_equal(sl_buf_as_slice(&want), sl_slice(got, n)))
        fail_msg("%s: got:\n%s\nexpected:\n%s", name, got, sl_buf_str(&want));
    sl_buf_release(&want);
    free(got);
    box_release(&b);
}

static void every_case_is_told_as_expected(void **state)
{
    DIR *dir;
    struct dirent *entry;
    size_t n = 0;

    (void)state;
    assert_int_equal(chdir(SLUICE_TESTS_DIR "/unit/route/cases"), 0);
    dir = opendir(".");
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        if (*entry->d_name == '.')
            continue;
        assert_int_equal(chdir(entry->d_name), 0);
        run_case(entry->d_name);
        assert_int_equal(chdir(".."), 0);
        n++;
    }
    closedir(dir);
    assert_true(n >= 60);
}

static char *folder;

static void put(const char *name, const char *text)
{
    char *path = sl_asprintf("%s/%s", folder, name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    free(path);
}

static void unput(const char *name)
{
    char *path = sl_asprintf("%s/%s", folder, name);

    assert_int_equal(remove(path), 0);
    free(path);
}

static void a_folder_is_read_in_byte_order_of_names(void **state)
{
    static const char *const names[] = {"10-b.yml", "2-a.yaml", "B.yaml", "a.yaml"};
    static const char *const others[] = {".hidden.yaml", "a.yaml~", "README.md", "x.yaml.bak"};
    char template[] = "/tmp/sluice-routes-XXXXXX";
    const char *path;
    struct box b;

    (void)state;
    folder = mkdtemp(template);
    assert_non_null(folder);
    path = folder;
    for (size_t i = 4; i-- > 0;) {
        char *text =
            sl_asprintf("rules:\n- { name: %s, continue: true }\n- to: search\n", names[i]);

        put(names[i], text);
        put(others[i], "not: [ rules");
        free(text);
    }
    char *below = sl_asprintf("%s/deep.yaml", folder);
    assert_int_equal(mkdir(below, 0700), 0);
    box_config(&b);
    b.config.routes = (struct sl_strings){&path, 1};
    b.rules = sl_rules_load(&b.config, b.fields, &b.diags);
    sl_diags_print(&b.diags, stderr);
    assert_non_null(b.rules);
    assert_int_equal(sl_rules_count(b.rules), 8);
    for (unsigned i = 0; i < 4; i++) {
        char *unnamed = sl_asprintf("%s:3", names[i]),
             *file = sl_asprintf("%s/%s", folder, names[i]);

        assert_string_equal(sl_rules_info(b.rules, 2 * i).name, names[i]);
        assert_string_equal(sl_rules_info(b.rules, 2 * i + 1).name, unnamed);
        assert_string_equal(sl_rules_info(b.rules, 2 * i).file, file);
        assert_int_equal(sl_rules_info(b.rules, 2 * i).line, 2);
        free(unnamed);
        free(file);
    }
    assert_int_equal(sl_rules_sinks(b.rules), 1U << SEARCH);
    for (size_t i = 0; i < 4; i++) {
        unput(names[i]);
        unput(others[i]);
    }
    remove(below);
    free(below);
    remove(folder);
    box_release(&b);
}

static void files_and_folders_in_the_order_given(void **state)
{
    const char *paths[] = {SLUICE_TESTS_DIR "/unit/route/cases/unknown-sink/rules.yaml",
                           SLUICE_TESTS_DIR "/unit/route/cases/no-such-file/nothing"};
    struct box b;

    (void)state;
    box_config(&b);
    b.config.routes = (struct sl_strings){paths, 2};
    assert_null(sl_rules_load(&b.config, b.fields, &b.diags));
    assert_string_equal(b.diags.items[0].file, paths[0]);
    assert_string_equal(b.diags.items[b.diags.n - 1].file, "sluice.yaml");
    assert_non_null(strstr(b.diags.items[b.diags.n - 1].text, paths[1]));
    box_release(&b);
}

/* ---- looks ---- */

static struct sl_rules_look look(bool whole)
{
    const char *path = folder;
    struct sl_rules_look ret;

    assert_int_equal(sl_rules_look(&(struct sl_strings){&path, 1}, NULL, &ret), whole);
    return ret;
}

static char *path_in(const char *name)
{
    return sl_asprintf("%s/%s", folder, name);
}

static void a_look_sees_every_change(void **state)
{
    char template[] = "/tmp/sluice-looks-XXXXXX", *a, *b, *c;
    struct timespec times[2];
    struct sl_rules_look before, now;
    struct stat st;

    (void)state;
    folder = mkdtemp(template);
    assert_non_null(folder);
    a = path_in("a.yaml"), b = path_in("b.csv"), c = path_in("c.tmp");
    before = look(true);
    put("README", "x");
    put("a.yaml~", "x");
    assert_int_equal(look(true).signature, before.signature);
    put("a.yaml", "one");
    now = look(true);
    assert_int_equal(now.n_files, 1);
    assert_int_not_equal(now.signature, before.signature);
    before = now; /* another file */
    put("b.csv", "two");
    now = look(true);
    assert_int_not_equal(now.signature, before.signature);
    assert_int_equal(look(true).signature, now.signature);
    before = now; /* grown */
    put("b.csv", "three");
    now = look(true);
    assert_int_not_equal(now.signature, before.signature);
    before = now; /* replaced by a file of the same size and time, as an editor or rsync does */
    assert_int_equal(stat(b, &st), 0);
    put("c.tmp", "seven");
    times[0] = st.st_atim, times[1] = st.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, c, times, 0), 0);
    assert_int_equal(rename(c, b), 0);
    now = look(true);
    assert_int_not_equal(now.signature, before.signature);
    before = now; /* two files change their names: the same set of everything but that */
    assert_int_equal(renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE), 0);
    assert_int_not_equal(look(true).signature, before.signature);
    before = look(true); /* gone */
    unput("b.csv");
    now = look(true);
    assert_int_equal(now.n_files, 1);
    assert_int_not_equal(now.signature, before.signature);
    free(a);
    free(b);
    free(c);
    unput("a.yaml"), unput("README"), unput("a.yaml~");
    remove(folder);
}

/* A ConfigMap: the files are links through a link, which is swapped for another. */
static void a_look_goes_through_links(void **state)
{
    char template[] = "/tmp/sluice-links-XXXXXX", *data, *next, *link_path;
    struct sl_rules_look before;

    (void)state;
    folder = mkdtemp(template);
    assert_non_null(folder);
    data = path_in("..data"), next = path_in("..next"), link_path = path_in("a.yaml");
    for (unsigned i = 0; i < 2; i++) {
        char *version = sl_asprintf("%s/..v%u", folder, i), *file = sl_asprintf("..v%u/a.yaml", i);

        assert_int_equal(mkdir(version, 0700), 0);
        put(file, "same");
        free(version);
        free(file);
    }
    assert_int_equal(symlink("..v0", data), 0);
    assert_int_equal(symlink("..data/a.yaml", link_path), 0);
    before = look(true);
    assert_int_equal(before.n_files, 1);
    assert_int_equal(symlink("..v1", next), 0);
    assert_int_equal(rename(next, data), 0);
    assert_int_not_equal(look(true).signature, before.signature);
    before = look(true);
    unput("..v1/a.yaml"); /* half way through a change: the link leads nowhere */
    assert_int_equal(look(false).missing, 1);
    assert_int_not_equal(look(false).signature, before.signature);
    unput("..v0/a.yaml"), unput("a.yaml"), unput("..data"), unput("..v0"), unput("..v1");
    remove(folder);
    before = look(false); /* and the folder itself */
    assert_int_equal(before.n_files, 0);
    free(data);
    free(next);
    free(link_path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_told_as_expected),
        cmocka_unit_test(a_folder_is_read_in_byte_order_of_names),
        cmocka_unit_test(files_and_folders_in_the_order_given),
        cmocka_unit_test(a_look_sees_every_change),
        cmocka_unit_test(a_look_goes_through_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
