/* SPDX-License-Identifier: Apache-2.0 */
#include "route/csv.h"
#include "route/help.h"

/* What a text reads as: cells in [], rows by /, errors as !line:column. */
static char *read_all(const char *text, size_t n)
{
    struct sl_csv *c = sl_csv_new(sl_slice(text, n));
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    struct sl_buf out;
    size_t n_cells;
    int code;

    sl_buf_init(&out, 16 << 20);
    while ((code = sl_csv_next(c, &cells, &n_cells, &err)) != 0) {
        if (code < 0) {
            sl_buf_printf(&out, "!%u:%u", err.line, err.column);
            assert_true(*err.text);
        }
        for (size_t i = 0; code > 0 && i < n_cells; i++)
            sl_buf_printf(&out, "[%.*s]", (int)cells[i].text.n, cells[i].text.p);
        sl_buf_byte(&out, '/');
    }
    sl_csv_free(c);
    return sl_buf_take(&out);
}

#define READS(text, want)                                                                          \
    do {                                                                                           \
        char *copy = sl_strndup(text, sizeof(text) - 1);                                           \
        char *got = read_all(copy, sizeof(text) - 1);                                              \
        assert_string_equal(got, want);                                                            \
        free(got);                                                                                 \
        free(copy);                                                                                \
    } while (0)

static void cells_and_rows(void **state)
{
    (void)state;
    READS("", "");
    READS("a,b\nc,d\n", "[a][b]/[c][d]/");
    READS("a,b\nc,d", "[a][b]/[c][d]/");
    READS("a,b\r\nc,d\r\n", "[a][b]/[c][d]/");
    READS("a,b\r", "[a][b]/");
    READS("\"a\"\r", "[a]/");
    READS(",\n", "[][]/");
    READS("a,", "[a][]/");
    READS(" a , b \n", "[ a ][ b ]/");
    READS("\xef\xbb\xbf"
          "a,b\n",
          "[a][b]/");
    READS("\xef\xbb\xbf", "");
    READS("\n\r\n  \t\na\n\n\nb\n\n", "[a]/[b]/");
    READS("Zo\xc3\xab,\xe2\x82\xac\n", "[Zo\xc3\xab][\xe2\x82\xac]/");
}

static void quotes(void **state)
{
    (void)state;
    READS("\"a,b\",c\n", "[a,b][c]/");
    READS("\"a\nb\",c\nd\n", "[a\nb][c]/[d]/");
    READS("\"a\r\nb\"\r\n", "[a\r\nb]/");
    READS("\"say \"\"no\"\"\",x\n", "[say \"no\"][x]/");
    READS("\"\"\"\"", "[\"]/");
    READS("\"\"\"\",\"\"\"\"\"\",\"a\"\"b\",\"\",z", "[\"][\"\"][a\"b][][z]/");
    READS("a\"b,5\"\n", "[a\"b][5\"]/"); /* a quote that does not begin a cell is a character */
    READS("\"\",\"\"\n", "[][]/");
}

static void mistakes_are_placed_and_reading_goes_on(void **state)
{
    (void)state;
    READS("a,\"b\nc,d\ne,f\n", "!1:3/[c][d]/[e][f]/");
    READS("a,\"b\nc,\"x\"\ne,f\n", "!1:3/[c][x]/[e][f]/");
    READS("a,\"b\" ,c\nd\n", "!1:6/[d]/");
    READS("\"a\nb\" c,d\ne\n", "!1:1/[b\" c][d]/[e]/");
    READS("x\na\0b,c\nd\n", "[x]/!2:2/[d]/");
    READS("\"a\0\"\nd\n", "!1:3/[d]/");
    READS("ok,\xe9t\xe9\nd\n", "!1:4/[d]/");
    READS("\xc3\xa9,\xe9\nd\n", "!1:3/[d]/");
    READS("\"\xff\"\nd\n", "!1:2/[d]/");
    READS("a\rb\rc\nd\n", "!1:2/[d]/");
    READS("\"", "!1:1/");
    READS("a\n\"b\"\"", "[a]/!2:1/");
}

static void places_count_characters(void **state)
{
    const char *text = "n,\"Zo\xc3\xab\n\xc3\xab\",\xc3\xab\xc3\xab,z\n\nq,\"a\"\"\"";
    struct sl_csv *c = sl_csv_new(sl_slice_str(text));
    static const unsigned want[][2] = {{1, 1}, {1, 3}, {2, 4}, {2, 7}};
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    size_t n;

    (void)state;
    assert_int_equal(sl_csv_next(c, &cells, &n, &err), 1);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(cells[i].line, want[i][0]);
        assert_int_equal(cells[i].column, want[i][1]);
    }
    assert_true(cells[1].quoted && !cells[2].quoted);
    assert_memory_equal(text + cells[1].begin, "\"Zo\xc3\xab\n\xc3\xab\"",
                        cells[1].end - cells[1].begin);
    assert_int_equal(cells[3].end - cells[3].begin, 1);
    assert_int_equal(text[cells[3].begin], 'z');
    assert_int_equal(sl_csv_next(c, &cells, &n, &err), 1);
    assert_int_equal(cells[0].line, 4);
    assert_int_equal(cells[1].column, 3);
    assert_int_equal(cells[1].end - cells[1].begin, 5);
    assert_int_equal(sl_csv_next(c, &cells, &n, &err), 0);
    assert_int_equal(sl_csv_next(c, &cells, &n, &err), 0);
    sl_csv_free(c);
}

static void an_unclosed_quote_says_where_it_began(void **state)
{
    struct sl_csv *c = sl_csv_new(SL_SLICE_LITERAL("a\nb,\"c\nd,\"e\"\n"));
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    size_t n;

    (void)state;
    assert_int_equal(sl_csv_next(c, &cells, &n, &err), 1);
    assert_true(sl_csv_next(c, &cells, &n, &err) < 0);
    assert_int_equal(err.line, 2);
    assert_non_null(strstr(err.text, "not closed"));
    assert_non_null(strstr(err.text, "line 3"));
    sl_csv_free(c);
}

static size_t rows_of(struct sl_slice content, size_t *ret_errors)
{
    struct sl_csv *c = sl_csv_new(content);
    const struct sl_csv_cell *cells;
    struct sl_error err = {0};
    size_t n, rows = 0;
    int code;

    *ret_errors = 0;
    while ((code = sl_csv_next(c, &cells, &n, &err)) != 0) {
        rows += code > 0;
        *ret_errors += code < 0;
    }
    sl_csv_free(c);
    return rows;
}

/* Lines that leave a quote open however one begins to read them: going back to each would read the
 * file as many times as it has lines. */
static void quotes_that_never_close_are_read_a_bounded_number_of_times(void **state)
{
    struct sl_buf text;
    size_t errors, rows;

    (void)state;
    sl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < 4000; i++)
        sl_buf_printf(&text, "a%0200d\",\"\"\"x\n", 0);
    rows = rows_of(sl_buf_as_slice(&text), &errors);
    assert_int_equal(rows, 0);
    assert_in_range(errors, 16, 32);
    sl_buf_release(&text);
}

static void a_row_has_a_maximum(void **state)
{
    struct sl_buf text;
    size_t errors;

    (void)state;
    sl_buf_init(&text, 32 << 20);
    for (size_t i = 0; i < 4095; i++)
        sl_buf_byte(&text, ',');
    SL_BUF_LITERAL(&text, "\nok\n");
    assert_int_equal(rows_of(sl_buf_as_slice(&text), &errors), 2);
    assert_int_equal(errors, 0);
    sl_buf_clear(&text);
    for (size_t i = 0; i < 4096; i++)
        sl_buf_byte(&text, ',');
    SL_BUF_LITERAL(&text, "\nok\n");
    assert_int_equal(rows_of(sl_buf_as_slice(&text), &errors), 1);
    assert_int_equal(errors, 1);
    sl_buf_clear(&text);
    sl_buf_byte(&text, '"');
    for (size_t i = 0; i < 1 << 20; i++)
        sl_buf_byte(&text, 'x');
    SL_BUF_LITERAL(&text, "\"\nok\n");
    assert_int_equal(rows_of(sl_buf_as_slice(&text), &errors), 1);
    assert_int_equal(errors, 1);
    sl_buf_release(&text);
}

static void a_million_rows_cost_one_row(void **state)
{
    struct sl_buf text;
    size_t errors;

    (void)state;
    sl_buf_init(&text, 64 << 20);
    for (size_t i = 0; i < 1000000; i++)
        sl_buf_printf(&text, "name-%zu,\"a \"\"b\"\"\",%zu,search archive\n", i, i);
    assert_int_equal(rows_of(sl_buf_as_slice(&text), &errors), 1000000);
    assert_int_equal(errors, 0);
    sl_buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_and_rows),
        cmocka_unit_test(quotes),
        cmocka_unit_test(mistakes_are_placed_and_reading_goes_on),
        cmocka_unit_test(places_count_characters),
        cmocka_unit_test(an_unclosed_quote_says_where_it_began),
        cmocka_unit_test(quotes_that_never_close_are_read_a_bounded_number_of_times),
        cmocka_unit_test(a_row_has_a_maximum),
        cmocka_unit_test(a_million_rows_cost_one_row),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
