/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

#include <time.h>
#include <unistd.h>

#include "base/fold.h"
#include "base/sanitized.h"
#include "route/keys.h"
#include "route/table.h"

/* Tables of `in_table`: files in a folder of the test's own. */

static char folder[] = P_tmpdir "/sluice-test-table-XXXXXX";

static char *in_folder(const char *name)
{
    return sl_asprintf("%s/%s", folder, name);
}

static void write_file(const char *name, struct sl_slice content)
{
    char *path = in_folder(name);
    FILE *to = fopen(path, "w");

    assert_non_null(to);
    assert_int_equal(fwrite(content.p ? content.p : "", 1, content.n, to), content.n);
    assert_int_equal(fclose(to), 0);
    free(path);
}

struct world {
    struct sl_config config;
    struct sl_diags diags;
    struct sl_rule_file file;
    struct sl_rule_set set;
};

static void begin(struct world *w)
{
    *w = (struct world){0};
    sl_diags_init(&w->diags);
    w->file.path = in_folder("rules.yaml");
    w->set = (struct sl_rule_set){.config = &w->config, .diags = &w->diags, .file = &w->file};
}

static void release(struct world *w)
{
    for (size_t i = 0; i < w->set.n_tables; i++)
        sl_table_free(w->set.tables[i]);
    free(w->set.tables);
    free(w->file.path);
    sl_diags_release(&w->diags);
}

static const struct sl_table *get(struct world *w, const char *name)
{
    struct sl_yaml_node at = {.type = SL_YAML_SCALAR, .line = 3, .column = 5};

    at.text = name;
    at.n = strlen(name);
    return sl_table_get(&w->set, &at);
}

static const struct sl_table *good(struct world *w, const char *name, const char *content)
{
    const struct sl_table *t;

    begin(w);
    write_file(name, sl_slice_str(content));
    t = get(w, name);
    if (!t) {
        sl_diags_print(&w->diags, stderr);
        fail_msg("%s", content);
    }
    return t;
}

static int64_t find_n(const struct sl_table *t, struct sl_slice text, bool fold)
{
    struct sl_scalar s = {.value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false},
                          .text = text};

    return sl_table_find(t, &s, fold);
}

static int64_t find(const struct sl_table *t, const char *text)
{
    return find_n(t, sl_slice_str(text), false);
}

static void assert_cell(const struct sl_table *t, const char *key, const char *column,
                        const char *want)
{
    int64_t row = find(t, key);
    int at = sl_table_column(t, sl_slice_str(column));

    assert_true(row >= 0 && at >= 0);
    if (!sl_slice_is(sl_table_cell(t, row, at), want))
        fail_msg("%s of %s is %.*s", column, key, (int)sl_table_cell(t, row, at).n,
                 sl_table_cell(t, row, at).p);
}

static void text_files_have_one_key_a_line(void **state)
{
    struct world w;
    const struct sl_table *t =
        good(&w, "keys.txt",
             "\xef\xbb\xbf# comment\none\n\n  two words \r\n   \n#no\na#b\none\n\xc3\xa9");

    (void)state;
    assert_int_equal(sl_table_rows(t), 4);
    assert_int_equal(find(t, "one"), 0);
    assert_int_equal(find(t, "two words"), 1);
    assert_int_equal(find(t, "a#b"), 2);
    assert_int_equal(find(t, "\xc3\xa9"), 3);
    assert_int_equal(find(t, "# comment"), -1);
    assert_int_equal(find(t, "#no"), -1);
    assert_int_equal(find(t, ""), -1);
    assert_int_equal(find(t, "One"), -1);
    assert_int_equal(find(t, "on"), -1);
    assert_int_equal(find(t, "ones"), -1);
    assert_int_equal(sl_table_column(t, SL_SLICE_LITERAL("one")), -1);
    release(&w);
}

static void csv_files_have_named_columns(void **state)
{
    struct world w;
    const struct sl_table *t = good(&w, "owners.csv",
                                    "service,owner,\"pager, of\"\r\n"
                                    "tiles,maps,\"+1 \"\"555\"\"\"\n"
                                    "\"a,b\",,x\n"
                                    "500,five,hundred\n"
                                    "tiles,maps,\"+1 \"\"555\"\"\"\n"
                                    "#x,y,z\n");

    (void)state;
    assert_int_equal(sl_table_rows(t), 4);
    assert_cell(t, "tiles", "owner", "maps");
    assert_cell(t, "tiles", "pager, of", "+1 \"555\"");
    assert_cell(t, "a,b", "owner", "");
    assert_cell(t, "a,b", "pager, of", "x");
    assert_cell(t, "#x", "owner", "y");
    assert_cell(t, "500.0", "pager, of", "hundred");
    assert_int_equal(sl_table_column(t, SL_SLICE_LITERAL("service")), -1);
    assert_int_equal(sl_table_column(t, SL_SLICE_LITERAL("Owner")), -1);
    assert_int_equal(find(t, "service"), -1);
    release(&w);
}

static void numbers_of_equal_value_are_the_same_key(void **state)
{
    struct world w;
    const struct sl_table *t =
        good(&w, "n.txt", "500\n1e3\n-0.0\nx\n9007199254740993\n007\n18446744073709551616\n");

    (void)state;
    assert_int_equal(find(t, "500.0"), 0);
    assert_int_equal(find(t, "5e2"), 0);
    assert_int_equal(find(t, "1000"), 1);
    assert_int_equal(find(t, "0"), 2);
    assert_int_equal(find(t, "0.0"), 2);
    assert_int_equal(find(t, "500.5"), -1);
    assert_int_equal(find(t, "9007199254740993"), 4);
    assert_int_equal(find(t, "9007199254740992"), -1);
    assert_int_equal(find(t, "007"), 5);
    assert_int_equal(find(t, "7"), -1);
    assert_int_equal(find(t, "18446744073709551616"), 6);
    assert_int_equal(find(t, " 500"), -1);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("1E3"), true), 1);
    release(&w);
}

static void insensitive_look_ups_find_the_first(void **state)
{
    struct world w;
    const struct sl_table *t =
        good(&w, "fold.csv", "k,v\nHost-A,1\nhost-a,2\nhost-b,3\n\xc3\x89,4\n");

    (void)state;
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("HOST-A"), true), 0);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("host-a"), true), 0);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("host-a"), false), 1);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("HOST-A"), false), -1);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("Host-B"), true), 2);
    assert_int_equal(find_n(t, SL_SLICE_LITERAL("\xc3\xa9"), true), -1);
    release(&w);
}

static void a_table_is_read_once_a_set(void **state)
{
    struct world w;
    const struct sl_table *t = good(&w, "once.txt", "a\n");
    char *path = in_folder("once.txt"), hash[SL_SHA256_HEX + 1];
    uint8_t sum[SL_SHA256_BYTES];

    (void)state;
    write_file("once.txt", SL_SLICE_LITERAL("b\n"));
    assert_ptr_equal(get(&w, "once.txt"), t);
    assert_ptr_equal(get(&w, path), t);
    assert_int_equal(w.set.n_tables, 1);
    assert_string_equal(sl_table_path(t), path);
    sl_sha256("a\n", 2, sum);
    sl_hex(sum, sizeof(sum), hash);
    assert_string_equal(sl_table_hash(t), hash);
    free(path);
    release(&w);
}

static void assert_bad(const char *name, struct sl_slice content, const char *says, unsigned line,
                       unsigned column, size_t problems)
{
    struct world w;

    begin(&w);
    write_file(name, content);
    if (get(&w, name))
        fail_msg("%.*s was taken", (int)content.n, content.p);
    if (w.diags.errors != problems || !strstr(w.diags.items[0].text, says) ||
        w.diags.items[0].line != line || w.diags.items[0].column != column) {
        sl_diags_print(&w.diags, stderr);
        fail_msg("expected %zu at %u:%u: %s", problems, line, column, says);
    }
    assert_null(get(&w, name)); /* said once */
    assert_int_equal(w.diags.errors, problems);
    release(&w);
}

static void what_is_wrong_is_shown_at_its_row(void **state)
{
    struct sl_buf many;

    (void)state;
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\na,1\n\nb,2\na,3\n"), "other cells: line 2", 5, 1, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\n5,1\n5.0,2\n"), "other cells: line 2", 3, 1, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\na,1,2\nb\n"), "3 cells where the header has 2", 2, 5,
               2);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\na\n"), "1 cell where the header has 2", 2, 1, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\n,1\n"), "without a key", 2, 1, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v,v\na,1,1\n"), "a second column `v`", 1, 5, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,,v\n"), "without a name", 1, 3, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("k,v\na,\"1\n"), "", 2, 3, 1);
    assert_bad("a.csv", SL_SLICE_LITERAL("\n\n"), "no header", 0, 0, 1);
    assert_bad("a.txt", SL_SLICE_LITERAL("ok\n\xc3\xa9\xff\n"), "not UTF-8", 2, 2, 1);
    assert_bad("a.txt", SL_SLICE_LITERAL("ok\nx\0y\n"), "a NUL byte", 2, 2, 1);
    assert_bad("a.txt", sl_slice("", 0), "the file is empty", 3, 5, 1);
    sl_buf_init(&many, 1 << 20);
    for (int i = 0; i < 1000; i++)
        SL_BUF_LITERAL(&many, "\xff\n");
    assert_bad("a.txt", sl_buf_as_slice(&many), "not UTF-8", 1, 1, 21); /* and that it ended */
    sl_buf_release(&many);
}

static void what_is_no_file_is_shown_at_its_name(void **state)
{
    static const struct {
        const char *name, *says;
    } bad[] = {{"none.txt", "No such file"}, {".", "a folder"}, {"/dev/null", "no file"}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct world w;

        begin(&w);
        assert_null(get(&w, bad[i].name));
        assert_int_equal(w.diags.errors, 1);
        assert_non_null(strstr(w.diags.items[0].text, bad[i].says));
        assert_int_equal(w.diags.items[0].line, 3);
        release(&w);
    }
}

static void a_table_larger_than_the_limit_is_refused(void **state)
{
    char *path = in_folder("large.txt");
    struct world w;

    (void)state;
    write_file("large.txt", SL_SLICE_LITERAL("a"));
    assert_int_equal(truncate(path, SL_TABLE_BYTES_MAX + 1), 0);
    begin(&w);
    assert_null(get(&w, "large.txt"));
    assert_non_null(strstr(w.diags.items[0].text, "larger than 64 MiB"));
    release(&w);
    free(path);
}

static void a_table_of_too_many_rows_is_refused(void **state)
{
    struct sl_buf content;
    struct world w;

    (void)state;
    if (SL_SANITIZED)
        skip();
    sl_buf_init(&content, SL_TABLE_BYTES_MAX);
    for (unsigned i = 0; i <= SL_KEYS_MAX; i++)
        sl_buf_printf(&content, "%x.\n", i);
    begin(&w);
    write_file("large.txt", sl_buf_as_slice(&content));
    assert_null(get(&w, "large.txt"));
    assert_non_null(strstr(w.diags.items[0].text, "at most 4000000 rows"));
    assert_int_equal(w.diags.items[0].line, SL_KEYS_MAX + 1);
    release(&w);
    sl_buf_release(&content);
}

/* Links are tables of their own. */
static void all_tables_together_have_a_limit(void **state)
{
    struct sl_buf content;
    struct world w;
    char *path, name[16], *link_path;
    size_t n = 0;

    (void)state;
    if (SL_SANITIZED)
        skip();
    path = in_folder("wide.txt");
    sl_buf_init(&content, SL_TABLE_BYTES_MAX);
    for (unsigned i = 0; i < 60000; i++)
        sl_buf_printf(&content, "%01000u\n", i);
    write_file("wide.txt", sl_buf_as_slice(&content));
    sl_buf_release(&content);
    begin(&w);
    do {
        snprintf(name, sizeof(name), "link-%zu", n++);
        link_path = in_folder(name);
        assert_int_equal(symlink(path, link_path), 0);
        free(link_path);
    } while (get(&w, name));
    assert_true(n >= 3 && n <= 6);
    assert_int_equal(w.diags.errors, 1);
    assert_non_null(strstr(w.diags.items[0].text, "more than 256 MiB of memory"));
    free(path);
    release(&w);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A quarter of the keys are numbers. The bounds are wide: sanitizers and busy machines. */
static void a_million_rows_are_small_and_quick(void **state)
{
    enum { ROWS = SL_SANITIZED ? 50000 : 1000000 };
    struct sl_buf content;
    const struct sl_table *t;
    struct world w;
    double before, loaded, looked;

    (void)state;
    sl_buf_init(&content, SL_TABLE_BYTES_MAX);
    SL_BUF_LITERAL(&content, "host,owner,zone\n");
    for (unsigned i = 0; i < ROWS; i++)
        sl_buf_printf(&content, i % 4 ? "host-%u.example.com,team-%u,z\n" : "%u,team-%u,z\n", i,
                      i % 100);
    begin(&w);
    write_file("million.csv", sl_buf_as_slice(&content));
    sl_buf_release(&content);
    before = seconds();
    t = get(&w, "million.csv");
    loaded = seconds();
    assert_non_null(t);
    assert_int_equal(sl_table_rows(t), ROWS);
    assert_true(sl_table_memory(t) < (size_t)ROWS * 60);
    for (unsigned i = 0; i < ROWS; i++) {
        char key[40];
        int n = snprintf(key, sizeof(key), i % 4 ? "host-%u.example.com" : "%u.0", i);
        int64_t row = find_n(t, sl_slice(key, (size_t)n), false);

        assert_int_equal(row, i);
        key[0] = 'x';
        assert_int_equal(find_n(t, sl_slice(key, (size_t)n), false), -1);
    }
    looked = seconds();
    print_message("loaded in %.2f s, %d look-ups in %.2f s, %zu MiB\n", loaded - before, 2 * ROWS,
                  looked - loaded, sl_table_memory(t) >> 20);
    assert_true(loaded - before < 20);
    assert_true(looked - loaded < 20);
    release(&w);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static const char *random_key(uint64_t *seed, char room[32])
{
    static const char *const forms[] = {"%u",   "%u.0", "%ue0", "k%u",  "K%u",
                                        "k%u ", "-%u",  "0%u",  "%u00", "%ue2"};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(room, 32, forms[next_random(seed) % 10], (unsigned)(next_random(seed) % 40));
#pragma GCC diagnostic pop
    return room;
}

/* Against one comparison after the other, as `equal` of few operands makes them. */
static void the_same_as_one_after_the_other(void **state)
{
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 300; round++) {
        size_t n = next_random(&seed) % 60;
        struct sl_keys *keys = sl_keys_new(next_random(&seed) % 3 ? n : 0);
        char texts[60][32], room[32];

        for (size_t i = 0; i < n; i++) {
            struct sl_slice cells[2] = {sl_slice_str(random_key(&seed, texts[i])),
                                        sl_slice_str(texts[i])};

            assert_true(sl_keys_add(keys, cells, 2));
        }
        sl_keys_shrink(keys);
        for (size_t i = 0; i < n; i++)
            assert_true(sl_slice_is(sl_keys_cell(keys, i, 1), texts[i]));
        for (int i = 0; i < 200; i++) {
            struct sl_slice text = sl_slice_str(random_key(&seed, room));
            struct sl_scalar s = {.value = {text.p, (uint32_t)text.n, SL_VALUE_STRING, false},
                                  .text = text};
            bool fold = next_random(&seed) % 2;
            struct sl_number number = sl_number_of(text);
            int64_t want = -1;

            for (size_t k = n; k-- > 0;)
                if (fold ? !strcasecmp(texts[k], room) : !strcmp(texts[k], room))
                    want = (int64_t)k;
            for (size_t k = 0; k < n && want < 0; k++) {
                struct sl_number other = sl_number_of(sl_slice_str(texts[k]));

                if (number.is && other.is && sl_number_compare(&number, &other) == 0)
                    want = (int64_t)k;
            }
            assert_int_equal(sl_keys_find(keys, &s, fold), want);
        }
        sl_keys_free(keys);
    }
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char *command = sl_asprintf("rm -rf %s", folder);
    int rc = system(command);

    (void)state;
    free(command);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_files_have_one_key_a_line),
        cmocka_unit_test(csv_files_have_named_columns),
        cmocka_unit_test(numbers_of_equal_value_are_the_same_key),
        cmocka_unit_test(insensitive_look_ups_find_the_first),
        cmocka_unit_test(a_table_is_read_once_a_set),
        cmocka_unit_test(what_is_wrong_is_shown_at_its_row),
        cmocka_unit_test(what_is_no_file_is_shown_at_its_name),
        cmocka_unit_test(a_table_larger_than_the_limit_is_refused),
        cmocka_unit_test(a_table_of_too_many_rows_is_refused),
        cmocka_unit_test(all_tables_together_have_a_limit),
        cmocka_unit_test(a_million_rows_are_small_and_quick),
        cmocka_unit_test(the_same_as_one_after_the_other),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
