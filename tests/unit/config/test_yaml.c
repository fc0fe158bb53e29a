/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "config/mask.h"
#include "config/yaml.h"

static struct sl_diags diags;

static struct sl_yaml *parse(const char *text)
{
    sl_diags_init(&diags);
    return sl_yaml_parse("t.yaml", sl_slice_str(text), &diags);
}

static struct sl_yaml *parse_good(const char *text)
{
    struct sl_yaml *y = parse(text);

    assert_non_null(y);
    assert_int_equal(diags.errors, 0);
    return y;
}

static void done(struct sl_yaml *y)
{
    sl_yaml_free(y);
    sl_diags_release(&diags);
}

static void assert_place(const struct sl_yaml_node *node, unsigned line, unsigned column)
{
    assert_non_null(node);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void assert_one_error(const char *text, unsigned line, unsigned column, const char *words)
{
    struct sl_yaml *y = parse(text);

    assert_int_equal(diags.errors, 1);
    assert_int_equal(diags.items[0].line, line);
    assert_int_equal(diags.items[0].column, column);
    if (!strstr(diags.items[0].text, words))
        fail_msg("`%s` does not say `%s`", diags.items[0].text, words);
    done(y);
}

static void every_node_knows_its_place(void **state)
{
    struct sl_yaml *y = parse("# comment\n"
                              "\xc3\xa4: { b: [1, \"two\", 'three'],\n"
                              "     c: | \n"
                              "}\n");
    (void)state;
    assert_null(y); /* a block scalar does not stand in a flow mapping */
    assert_int_equal(diags.errors, 1);
    done(y);

    y = parse_good("# comment\n"
                   "\xc3\xa4\xc3\xa4: { b: [1, \"two\", 'three'], c: }\n"
                   "text: |\n"
                   "  one\n"
                   "  two\n"
                   "folded:\n"
                   "  - plain over\n"
                   "    two lines\n");
    const struct sl_yaml_node *root = sl_yaml_root(y),
                              *node = sl_yaml_get(root, "\xc3\xa4\xc3\xa4");

    assert_int_equal(root->n_children, 3);
    assert_int_equal(node->type, SL_YAML_MAPPING);
    assert_int_equal(node->key_line, 2);
    assert_int_equal(node->key_column, 1);
    assert_place(node, 2, 5); /* columns are characters, not bytes */
    assert_int_equal(sl_yaml_get(node, "c")->type, SL_YAML_NULL);
    assert_place(sl_yaml_get(node, "c"), 2, 31);
    node = sl_yaml_get(node, "b");
    assert_int_equal(node->n_children, 3);
    assert_place(&node->children[0], 2, 11);
    assert_false(node->children[0].quoted);
    assert_place(&node->children[1], 2, 14);
    assert_string_equal(node->children[1].text, "two");
    assert_true(node->children[1].quoted);
    assert_place(&node->children[2], 2, 21);
    assert_null(node->children[0].key);
    node = sl_yaml_get(root, "text");
    assert_string_equal(node->text, "one\ntwo\n");
    assert_true(node->quoted);
    node = &sl_yaml_get(root, "folded")->children[0];
    assert_string_equal(node->text, "plain over two lines");
    assert_place(node, 7, 5);
    assert_null(sl_yaml_get(root, "nothing"));
    assert_null(sl_yaml_get(node, "text"));
    done(y);
}

static void only_plain_words_are_null(void **state)
{
    struct sl_yaml *y = parse_good("[~, null, NULL, '', 'null', nul, !!str null]");
    const struct sl_yaml_node *root = sl_yaml_root(y);

    (void)state;
    assert_int_equal(root->n_children, 7);
    for (size_t i = 0; i < 7; i++)
        assert_int_equal(root->children[i].type, i < 3 ? SL_YAML_NULL : SL_YAML_SCALAR);
    done(y);
}

static void an_empty_document_has_no_root(void **state)
{
    static const char *const empty[] = {"",      "\n\n", "# only a comment\n",
                                        "---\n", "~\n",  "\xef\xbb\xbf"};

    (void)state;
    for (size_t i = 0; i < sizeof(empty) / sizeof(*empty); i++) {
        struct sl_yaml *y = parse_good(empty[i]);

        assert_null(sl_yaml_root(y));
        done(y);
    }
}

static void a_byte_order_mark_moves_no_column(void **state)
{
    struct sl_yaml *y = parse_good("\xef\xbb\xbf"
                                   "a: b\n");

    (void)state;
    assert_place(sl_yaml_get(sl_yaml_root(y), "a"), 1, 4);
    assert_int_equal(sl_yaml_content(y).n, 5);
    done(y);
}

static void aliases_share_and_merges_copy(void **state)
{
    struct sl_yaml *y = parse_good("base: &b { a: 1, c: 2 }\n"
                                   "more: &m { c: 4, d: 5 }\n"
                                   "same: *b\n"
                                   "one: { <<: *b, a: own }\n"
                                   "two: { x: 0, <<: [*b, *m] }\n"
                                   "name: &n key\n"
                                   "*n : v\n");
    const struct sl_yaml_node *root = sl_yaml_root(y), *node;

    (void)state;
    node = sl_yaml_get(root, "same");
    assert_ptr_equal(node->children, sl_yaml_get(root, "base")->children);
    assert_int_equal(node->key_line, 3);
    node = sl_yaml_get(root, "one");
    assert_int_equal(node->n_children, 2);
    assert_string_equal(sl_yaml_get(node, "a")->text, "own");
    assert_string_equal(sl_yaml_get(node, "c")->text, "2");
    node = sl_yaml_get(root, "two");
    assert_int_equal(node->n_children, 4);
    assert_string_equal(sl_yaml_get(node, "c")->text, "2"); /* the first that is merged wins */
    assert_string_equal(sl_yaml_get(node, "d")->text, "5");
    assert_string_equal(sl_yaml_get(root, "key")->text, "v");
    done(y);
}

static void a_duplicate_key_leaves_the_first(void **state)
{
    struct sl_yaml *y = parse("a: 1\nb: 2\na: 3\na: 4\n");
    const struct sl_yaml_node *root;

    (void)state;
    assert_non_null(y);
    root = sl_yaml_root(y);
    assert_int_equal(diags.errors, 2);
    assert_int_equal(diags.items[0].line, 3);
    assert_int_equal(diags.items[1].line, 4);
    assert_int_equal(root->n_children, 2);
    assert_string_equal(root->children[0].text, "1");
    assert_string_equal(root->children[1].text, "2");
    done(y);
}

static void wrong_files_say_where(void **state)
{
    (void)state;
    assert_one_error("a: 1\n\tb: 2\n", 2, 1, "tab");
    assert_one_error("a:\n  \tb: 2\n", 2, 3, "tab");
    assert_one_error("a: [1,\n  2\n", 1, 4, "not closed");
    assert_one_error("a: b: c\n", 1, 5, "not valid YAML");
    assert_one_error("[~, , !!str null]\n", 1, 5, "not valid YAML");
    assert_one_error("a: *x\n", 1, 4, "no anchor");
    assert_one_error("a: &x [*x]\n", 1, 8, "no anchor");
    assert_one_error("a: 1\n---\nb: 1\n", 2, 1, "second document");
    assert_one_error("? {a: b}\n: c\n", 1, 3, "key must be");
    assert_one_error("a: !x b\n", 1, 7, "tags");
    assert_one_error("'': b\n", 1, 1, "empty key");
    assert_one_error("a: \xff\n", 1, 4, "UTF-8");
    assert_one_error("\xc3\xa4: \xed\xa0\x80\n", 1, 4, "UTF-8");
    assert_one_error("a: {<<: 1}\n", 1, 9, "<<");
}

static void a_nul_byte_is_refused(void **state)
{
    struct sl_yaml *y;

    (void)state;
    sl_diags_init(&diags);
    y = sl_yaml_parse("t.yaml", SL_SLICE_LITERAL("a: 1\nb: x\0y\n"), &diags);
    assert_null(y);
    assert_int_equal(diags.items[0].line, 2);
    assert_int_equal(diags.items[0].column, 5);
    done(y);
}

static void depth_is_bounded(void **state)
{
    for (unsigned depth = SL_YAML_DEPTH_MAX; depth <= SL_YAML_DEPTH_MAX + 1; depth++) {
        char *text = sl_zalloc(2 * depth + 1);
        struct sl_yaml *y;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        y = parse(text);
        assert_int_equal(diags.errors, depth > SL_YAML_DEPTH_MAX);
        assert_true((y != NULL) == (depth <= SL_YAML_DEPTH_MAX));
        done(y);
        free(text);
    }
    (void)state;
}

/* Each anchor adds one level to the one before. */
static void c34_depth_through_aliases_is_bounded(void **state)
{
    (void)state;
    for (unsigned levels = SL_YAML_DEPTH_MAX - 2; levels <= SL_YAML_DEPTH_MAX; levels++) {
        struct sl_buf text;
        struct sl_yaml *y;

        sl_buf_init(&text, 1 << 16);
        sl_buf_text(&text, "- &a0 [x]\n");
        for (unsigned i = 1; i < levels; i++)
            sl_buf_printf(&text, "- &a%u [*a%u]\n", i, i - 1);
        y = parse(sl_buf_str(&text));
        assert_true((y != NULL) == (levels < SL_YAML_DEPTH_MAX));
        if (!y)
            assert_non_null(strstr(diags.items[0].text, "nested deeper"));
        done(y);
        sl_buf_release(&text);
    }
}

static void anchors_and_merges_are_bounded(void **state)
{
    struct sl_buf text;
    struct sl_yaml *y;

    (void)state;
    sl_buf_init(&text, 4 << 20);
    for (unsigned i = 0; i <= SL_YAML_ANCHORS_MAX; i++)
        sl_buf_printf(&text, "- &a%u x\n", i);
    y = parse(sl_buf_str(&text));
    assert_null(y);
    assert_non_null(strstr(diags.items[0].text, "anchors"));
    done(y);

    sl_buf_clear(&text);
    sl_buf_text(&text, "b: &b {");
    for (unsigned i = 0; i < 900; i++)
        sl_buf_printf(&text, "k%u: 1,", i);
    sl_buf_text(&text, "}\n");
    for (unsigned i = 0; i < 200; i++)
        sl_buf_printf(&text, "m%u: {<<: *b}\n", i);
    y = parse(sl_buf_str(&text));
    assert_null(y);
    assert_non_null(strstr(diags.items[0].text, "merged"));
    done(y);
    sl_buf_release(&text);
}

static struct sl_yaml *parse_hiding(const char *text)
{
    sl_diags_init(&diags);
    return sl_yaml_parse_hiding("t.yaml", sl_slice_str(text), sl_mask_secret_key, &diags);
}

/* The source line that an error at this node of the root shows. */
static void assert_shown(const char *text, const char *key, const char *expected)
{
    struct sl_yaml *y = parse_hiding(text);

    assert_non_null(y);
    sl_yaml_error(y, sl_yaml_get(sl_yaml_root(y), key), true, SL_PROBLEM, &diags, "x");
    assert_string_equal(diags.items[diags.n - 1].source, expected);
    done(y);
}

static void secrets_are_hidden_in_source_lines(void **state)
{
    (void)state;
    assert_shown("password: hunter2 # why\n", "password", "password: ******* # why");
    assert_shown("Sasl.Password: 'h\xc3\xbcnter2'\n", "Sasl.Password", "Sasl.Password: '*******'");
    assert_shown("headers: { a: hunter2, b: [x, \"y\"] }\n", "headers",
                 "headers: { a: *******, b: [*, \"*\"] }");
    assert_shown("a: { api_key: \"${KEY}\", token: \"x${A:-dflt}y${file:/run/s}\" }\n", "a",
                 "a: { api_key: \"${KEY}\", token: \"*${A:-****}*${file:/run/s}\" }");
    assert_shown("url: http://me:hunter2@host/p?x=a@b\n", "url",
                 "url: http://**********@host/p?x=a@b");
    assert_shown("keys: { key: value }\n", "keys", "keys: { key: value }");
    assert_shown("password: ${UNCLOSED\n", "password", "password: **********");
}

static void secrets_are_hidden_in_files_that_do_not_parse(void **state)
{
    static const char *const wrong[] = {
        "password: hunter2: x\n",
        "password:\n  hunter2: x: y\n",
        "auth:\n  password: |\n    fine\n   hunter2\n  b: [\n",
        "a: { 'password' : hunter2, b: x: y }\n",
        "headers:\n  x-a: hunter2\n  x-b: hunter2: c: d\n",
        "a:\n - secret: [hunter2\n",
        "a: { token: hunter2\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct sl_yaml *y = parse_hiding(wrong[i]);

        assert_null(y);
        assert_true(diags.n > 0);
        for (size_t j = 0; j < diags.n; j++) {
            assert_true(!diags.items[j].source || !strstr(diags.items[j].source, "hunter2"));
            assert_null(strstr(diags.items[j].text, "hunter2"));
        }
        done(y);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_its_place),
        cmocka_unit_test(only_plain_words_are_null),
        cmocka_unit_test(an_empty_document_has_no_root),
        cmocka_unit_test(a_byte_order_mark_moves_no_column),
        cmocka_unit_test(aliases_share_and_merges_copy),
        cmocka_unit_test(a_duplicate_key_leaves_the_first),
        cmocka_unit_test(wrong_files_say_where),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(c34_depth_through_aliases_is_bounded),
        cmocka_unit_test(anchors_and_merges_are_bounded),
        cmocka_unit_test(secrets_are_hidden_in_source_lines),
        cmocka_unit_test(secrets_are_hidden_in_files_that_do_not_parse),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
