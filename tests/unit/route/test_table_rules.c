/* SPDX-License-Identifier: Apache-2.0 */
#include "route/help.h"

/* Rule tables mean what the same rules in YAML mean. */

static struct sl_rules *load(struct box *b, const char *name, const char *text)
{
    struct sl_rules *r =
        sl_rules_load_text(&b->config, name, sl_slice_str(text), b->fields, &b->diags);

    if (!r) {
        sl_diags_print(&b->diags, stderr);
        fail_msg("%s", text);
    }
    return r;
}

static void same(const char *csv, const char *yaml)
{
    struct box b;
    struct sl_rules *table, *rules;

    box_config(&b);
    table = load(&b, "t.csv", csv);
    rules = load(&b, "r.yaml", yaml);
    if (strcmp(sl_rules_version(table)->hash, sl_rules_version(rules)->hash) != 0)
        fail_msg("not the same version:\n%s\n%s", csv, yaml);
    assert_int_equal(sl_rules_count(table), sl_rules_count(rules));
    assert_int_equal(sl_rules_sinks(table), sl_rules_sinks(rules));
    sl_rules_free(table);
    sl_rules_free(rules);
    box_release(&b);
}

static void cells_are_the_conditions_of_yaml(void **state)
{
    (void)state;
    same("service,to\na,search\n", "rules: [{ when: { service: a }, to: search }]");
    same("service,to\na | b c | d,search alerts\n",
         "rules: [{ when: { service: [a, b c, d] }, to: [search, alerts] }]");
    same("service =,to\na|b,search\n", "rules: [{ when: { service: a|b }, to: search }]");
    same("service !=,to\na | b,search\n",
         "rules: [{ when: { service: { not: [a, b] } }, to: search }]");
    same("service !=,to\na,search\n", "rules: [{ when: { service: { not: a } }, to: search }]");
    same("m ~,n !~,to\na | b,^x,search\n",
         "rules: [{ when: { m: { regex: 'a | b' }, n: { not: { regex: ^x } } }, to: search }]");
    same("p *,q prefix,r suffix,s contains,to\n/a*,b,c,d,search\n",
         "rules: [{ when: { p: { glob: /a* }, q: { prefix: b }, r: { suffix: c }, s: { contains: "
         "d } }, to: search }]");
    same("a <,b <=,c >,d >=,to\n1,2.5,-3,4e2,search\n",
         "rules: [{ when: { a: { lt: 1 }, b: { lte: 2.5 }, c: { gt: -3 }, d: { gte: 4e2 } }, to: "
         "search }]");
    same("ip cidr,to\n10.0.0.0/8 | ::1,search\n",
         "rules: [{ when: { ip: { cidr: [10.0.0.0/8, '::1'] } }, to: search }]");
    same("a exists,b exists,to\nTRUE,false,search\n",
         "rules: [{ when: { a: { exists: true }, b: { exists: false } }, to: search }]");
}

/* One element of an array has to satisfy what a row says of one field. */
static void columns_of_one_field_are_one_mapping(void **state)
{
    (void)state;
    same("n >=,x,n <,n !=,to\n1,2,5,3,search\n",
         "rules: [{ when: { n: { gte: 1, lt: 5, not: 3 }, x: 2 }, to: search }]");
    same("n >=,x,n <,to\n,2,5,search\n", "rules: [{ when: { n: { lt: 5 }, x: 2 }, to: search }]");
}

static void an_empty_cell_is_any(void **state)
{
    (void)state;
    same("a,b ~,c >,to,drop,continue\n,,,search,,\n1,,,,true,\n,x,,search,,TRUE\n,,3,,FALSE,true\n"
         "\"\",,,alerts,,\n",
         "rules:\n- to: search\n- { when: { a: 1 }, drop: true }\n"
         "- { when: { b: { regex: x } }, to: search, continue: true }\n"
         "- { when: { c: { gt: 3 } }, continue: true }\n- to: alerts\n");
}

static void columns_named_like_actions(void **state)
{
    (void)state;
    same(".name,.to,to\na,b,search\n", "rules: [{ when: { name: a, to: b }, to: search }]");
    same("name,.name ~,to\nx,a,search\n",
         "rules: [{ name: x, when: { name: { regex: a } }, to: search }]");
    same("first name,last name prefix,to\na,b,search\n",
         "rules: [{ when: { first name: a, last name: { prefix: b } }, to: search }]");
    same("created at,log suffix =,to\na,b,search\n",
         "rules: [{ when: { created at: a, log suffix: b }, to: search }]");
}

static void quotes_bom_and_line_ends_do_not_show(void **state)
{
    (void)state;
    same("\xef\xbb\xbf\"a\", b ~ ,to\r\n\"x,y\",\"say \"\"no\"\"\r\nnow\", search \r\n\r\n",
         "rules: [{ when: { a: 'x,y', b: { regex: \"say \\\"no\\\"\\r\\nnow\" } }, to: search }]");
}

static void rows_have_names_lines_and_one_metric(void **state)
{
    struct box b;
    struct sl_rule_info info;

    (void)state;
    box_config(&b);
    b.rules = load(&b, "routes/t.csv",
                   "name,service,to\nfirst,a,search\n\n,\"b\nc\",search\n spaced ,d,alerts\n");
    assert_int_equal(sl_rules_count(b.rules), 3);
    info = sl_rules_info(b.rules, 0);
    assert_string_equal(info.name, "first");
    assert_string_equal(info.metric, "t.csv");
    assert_int_equal(info.line, 2);
    info = sl_rules_info(b.rules, 1);
    assert_string_equal(info.name, "t.csv:4");
    assert_string_equal(info.metric, "t.csv");
    info = sl_rules_info(b.rules, 2);
    assert_string_equal(info.name, " spaced");
    assert_int_equal(info.line, 6);
    assert_int_equal(sl_rules_sinks(b.rules), 1U << SEARCH | 1U << ALERTS);
    box_release(&b);
}

static void rows_route(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.rules = load(&b, "t.csv",
                   "name,service,message ~,status >=,status <,to,drop,continue\n"
                   "noise,probe | ping,,,,,TRUE,\n"
                   "count,,,,,alerts,,TRUE\n"
                   "errors,tile,\"time ?out|refused{2,3}\",500,600,search alerts,,\n");
    b.decoder = sl_decoder_new(&(struct sl_decoder_config){.fields = b.fields}, NULL);
    sl_fields_compile(b.fields);
    b.matcher = sl_matcher_new(b.rules, &(struct sl_matcher_config){.fields = b.fields});
    box_route(&b, "{\"service\":\"ping\"}");
    assert_int_equal(b.decision.dropped_by, 0);
    box_route(&b, "{\"service\":\"tile\",\"message\":\"timeout\",\"status\":\"503\"}");
    assert_int_equal(b.decision.n, 2);
    assert_int_equal(b.decision.chosen[0].sink, ALERTS);
    assert_int_equal(b.decision.chosen[0].rule, 1);
    assert_int_equal(b.decision.chosen[1].sink, SEARCH);
    assert_int_equal(b.decision.chosen[1].rule, 2);
    box_route(&b, "{\"service\":\"tile\",\"message\":\"timeout\",\"status\":[499,600]}");
    assert_int_equal(b.decision.n, 1);
    box_release(&b);
}

static void what_a_spreadsheet_hides_is_a_warning(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.rules = load(&b, "t.csv",
                   "a,b *,c ~,to\nx , , ,search\n y,,,search\n\" z \",,p | q,search\n"
                   ",/a* | /b*,,search\n,/c* | /d*,,search\n");
    assert_int_equal(b.diags.errors, 0);
    assert_int_equal(b.diags.n, 2);
    assert_non_null(strstr(b.diags.items[0].text, "blanks"));
    assert_int_equal(b.diags.items[0].line, 2);
    assert_int_equal(b.diags.items[0].column, 1);
    assert_non_null(strstr(b.diags.items[1].text, "a row each"));
    assert_int_equal(b.diags.items[1].line, 5);
    assert_int_equal(b.diags.items[1].column, 2);
    box_release(&b);
}

static void what_only_yaml_has_is_a_warning(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.rules = load(&b, "t.csv",
                   "name,service,redact,.sample,to\nx,a,email,b,search\n#y,b,,,search\n"
                   "#z,c,,,search\n");
    assert_int_equal(b.diags.errors, 0);
    assert_int_equal(b.diags.n, 2);
    assert_non_null(strstr(b.diags.items[0].text, "a field named `redact`"));
    assert_int_equal(b.diags.items[0].column, 14);
    assert_non_null(strstr(b.diags.items[1].text, "no comments"));
    assert_int_equal(b.diags.items[1].line, 3);
    box_release(&b);
    box_config(&b);
    b.rules = load(&b, "t.csv", "service,.redact,to\n\"#a\",email,search\nb,#c,search\n");
    assert_int_equal(b.diags.n, 0);
    box_release(&b);
}

/* ---- many ---- */

static struct sl_rules *many(struct box *b, size_t rows)
{
    struct sl_buf text;
    struct sl_rules *r;

    sl_buf_init(&text, 128 << 20);
    SL_BUF_LITERAL(&text, "name,service,status >=,to\n");
    for (size_t i = 0; i < rows; i++)
        sl_buf_printf(&text, "r%zu,service-%zu,%zu,search\n", i, i % 1000, i);
    r = sl_rules_load_text(&b->config, "t.csv", sl_buf_as_slice(&text), b->fields, &b->diags);
    sl_buf_release(&text);
    return r;
}

static void as_many_rows_as_rules_may_be(void **state)
{
    struct box b;

    (void)state;
    box_config(&b);
    b.rules = many(&b, 20000);
    assert_non_null(b.rules);
    assert_int_equal(sl_rules_count(b.rules), 20000);
    assert_string_equal(sl_rules_info(b.rules, 19999).name, "r19999");
    box_release(&b);
}

static void every_bad_row_is_told_up_to_the_bound(void **state)
{
    struct box b;
    struct sl_buf text;

    (void)state;
    box_config(&b);
    sl_buf_init(&text, 1 << 20);
    SL_BUF_LITERAL(&text, "service,to\n");
    for (size_t i = 0; i < 3000; i++)
        sl_buf_text(&text, i % 2 ? "a,serach\n" : "a,search,\n");
    assert_null(sl_rules_load_text(&b.config, "t.csv", sl_buf_as_slice(&text), b.fields, &b.diags));
    assert_int_equal(b.diags.errors, 3000);
    assert_int_equal(b.diags.n, SL_DIAGS_MAX);
    for (unsigned i = 0; i < b.diags.n; i++)
        assert_int_equal(b.diags.items[i].line, i + 2);
    sl_buf_release(&text);
    box_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_the_conditions_of_yaml),
        cmocka_unit_test(columns_of_one_field_are_one_mapping),
        cmocka_unit_test(an_empty_cell_is_any),
        cmocka_unit_test(columns_named_like_actions),
        cmocka_unit_test(quotes_bom_and_line_ends_do_not_show),
        cmocka_unit_test(rows_have_names_lines_and_one_metric),
        cmocka_unit_test(rows_route),
        cmocka_unit_test(what_a_spreadsheet_hides_is_a_warning),
        cmocka_unit_test(what_only_yaml_has_is_a_warning),
        cmocka_unit_test(as_many_rows_as_rules_may_be),
        cmocka_unit_test(every_bad_row_is_told_up_to_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
