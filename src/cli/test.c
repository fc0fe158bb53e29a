/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/test.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cli/explanation.h"
#include "cli/show.h"
#include "config/config.h"

enum { OPT_CONFIG, OPT_JSON, OPT_JUNIT };
enum { OUTPUT_MAX = 1 << 30, VALUE_SHOWN = 2000, NAMES_SHOWN = 10 };

/* The time of records that have none, and whose test names none. */
static const int64_t default_ms = 1767225600000; /* 2026-01-01T00:00:00Z */

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
    [OPT_JUNIT] = {"junit", 0, "FILE", "write JUnit XML, too"},
};
const struct sl_cli_command sl_command_test = {
    .name = "test",
    .summary = "runs the tests that stand beside the rules",
    .operands = "[FILE...]",
    .description =
        "Runs the `tests:` of all rule files of the configuration, or those of FILE... only, which "
        "may\nbe rule files of the configuration or files of tests alone. Connects to nothing.\n\n"
        "  tests:\n"
        "    - name: an error raises an alert\n"
        "      record: { level: error, service: auth }   # or raw: the bytes as they come\n"
        "      topic: logs                               # and key, headers, time, repeat\n"
        "      expect:\n"
        "        rule: server-logs                       # that decided, or (unmatched)\n"
        "        to: [alerts, search]                    # exactly these, in any order\n"
        "        dropped: false                          # or true, sample, rate_limit\n"
        "        fields: { service: auth, secret: null } # as the first sink gets it\n"
        "        bytes: '{\"level\":\"error\"}'              # what it sends, or { SINK: text }\n\n"
        "Exit status: 0 all passed, 1 some failed, 2 the rules, tests or the configuration are "
        "wrong.",
    .example = "sluice test -c sluice.yaml\nsluice test routes/10-noise.yaml\n"
               "sluice test --junit report.xml",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_test,
};

struct testing {
    struct sl_offline *o;
    struct sl_explanation *e;
    struct sl_rule_tests *tests;
    struct sl_test_result *results;
    size_t failed;
    bool *tried; /* by rule: some test's record was taken by it */
    const char **untested;
    size_t n_untested, n_rules; /* a table's rows count as one */
    struct sl_buf out;
};

/* ---- running ---- */

static void note_tried(struct testing *t)
{
    size_t n;
    const unsigned *matched = sl_matcher_matched(t->o->routing->matcher, &n);

    for (size_t i = 0; i < n; i++)
        t->tried[matched[i]] = true;
}

/* The one that the test names. */
static unsigned expected_rule(const struct testing *t, const struct sl_rule_test *test)
{
    const char *name = test->expected.rule;

    return name ? sl_offline_rule(t->o, name) : SL_RULE_NONE;
}

static void explain(struct testing *t, struct sl_test_result *r)
{
    struct sl_input_record in;

    sl_route_undo(t->o->routing->matcher); /* it is routed once more, and is to end alike */
    sl_verify_input(r->test, t->o->config, &in);
    sl_explanation_make(t->e, &in, SL_RULE_NONE, expected_rule(t, r->test));
    sl_explanation_text(t->e, 6, &t->out);
    r->explanation = sl_buf_take(&t->out);
    sl_explanation_json(t->e, &t->out);
    r->explanation_json = sl_buf_take(&t->out);
}

static void run_tests(struct testing *t)
{
    t->results = sl_calloc(t->tests->n + 1, sizeof(*t->results));
    for (size_t i = 0; i < t->tests->n; i++) {
        struct sl_test_result *r = &t->results[i];

        r->test = &t->tests->items[i];
        sl_verify(t->o, r->test, &r->wrong);
        note_tried(t);
        if (r->wrong.n) {
            t->failed++;
            explain(t, r);
        }
        if (r->test->repeat > 1)
            sl_offline_reset(t->o);
        else
            sl_route_undo(t->o->routing->matcher);
    }
}

/* Rules that no test's record was taken by; a table is one, and tried when one of its rows is. */
static void find_untested(struct testing *t)
{
    const struct sl_rules *rules = t->o->routing->rules;
    unsigned n = (unsigned)sl_rules_count(rules);

    t->untested = sl_calloc(n + 1, sizeof(*t->untested));
    for (unsigned i = 0, next; i < n; i = next) {
        const char *metric = sl_rules_info(rules, i).metric;
        bool tried = t->tried[i];

        for (next = i + 1; next < n && !strcmp(sl_rules_info(rules, next).metric, metric); next++)
            tried |= t->tried[next];
        t->n_rules++;
        if (!tried)
            t->untested[t->n_untested++] = metric;
    }
}

/* ---- for people ---- */

static void print_test(struct testing *t, const struct sl_test_result *r)
{
    sl_buf_printf(&t->out, "%s %s:%u  ", r->wrong.n ? "FAILED" : "ok    ", r->test->file,
                  r->test->line);
    sl_show_text(sl_slice_str(r->test->name), VALUE_SHOWN, &t->out);
    sl_buf_byte(&t->out, '\n');
    for (size_t i = 0; i < r->wrong.n; i++) {
        const struct sl_mismatch *m = &r->wrong.items[i];

        SL_BUF_LITERAL(&t->out, "    ");
        sl_show_text(sl_slice_str(m->what), VALUE_SHOWN, &t->out);
        SL_BUF_LITERAL(&t->out, "\n      expected  ");
        sl_show_text(sl_slice_str(m->expected), VALUE_SHOWN, &t->out);
        SL_BUF_LITERAL(&t->out, "\n      got       ");
        sl_show_text(sl_slice_str(m->got), VALUE_SHOWN, &t->out);
        sl_buf_byte(&t->out, '\n');
    }
    if (r->explanation) {
        SL_BUF_LITERAL(&t->out, "    the record went so:\n");
        sl_buf_text(&t->out, r->explanation);
    }
    sl_show_print(&t->out, stdout);
}

static void print_untested(struct testing *t)
{
    if (t->n_untested == 0)
        return;
    sl_buf_printf(&t->out, "%zu of %zu rules %s no test: ", t->n_untested, t->n_rules,
                  t->n_untested == 1 ? "has" : "have");
    for (size_t i = 0; i < t->n_untested && i < NAMES_SHOWN; i++)
        sl_buf_printf(&t->out, "%s%s", i ? ", " : "", t->untested[i]);
    if (t->n_untested > NAMES_SHOWN)
        sl_buf_printf(&t->out, ", and %zu more", t->n_untested - NAMES_SHOWN);
    sl_buf_byte(&t->out, '\n');
    sl_show_print(&t->out, stdout);
}

static void print_text(struct testing *t)
{
    for (size_t i = 0; i < t->tests->n; i++)
        print_test(t, &t->results[i]);
    if (t->tests->n == 0)
        puts("no tests: write some under `tests:` beside the rules (sluice test --help)");
    else
        printf("%zu passed, %zu failed\n", t->tests->n - t->failed, t->failed);
    print_untested(t);
}

/* ---- for machines ---- */

static void member(struct sl_buf *out, const char *name, const char *text)
{
    sl_buf_printf(out, "\"%s\":", name);
    sl_show_string(sl_slice_str(text), out);
}

static void write_test(const struct sl_test_result *r, struct sl_buf *out)
{
    sl_buf_byte(out, '{');
    member(out, "name", r->test->name);
    sl_buf_byte(out, ',');
    member(out, "file", r->test->file);
    sl_buf_printf(out, ",\"line\":%u,\"passed\":%s", r->test->line, r->wrong.n ? "false" : "true");
    if (r->wrong.n)
        SL_BUF_LITERAL(out, ",\"wrong\":[");
    for (size_t i = 0; i < r->wrong.n; i++) {
        sl_buf_text(out, i ? ",{" : "{");
        member(out, "what", r->wrong.items[i].what);
        sl_buf_byte(out, ',');
        member(out, "expected", r->wrong.items[i].expected);
        sl_buf_byte(out, ',');
        member(out, "got", r->wrong.items[i].got);
        sl_buf_byte(out, '}');
    }
    if (r->wrong.n)
        sl_buf_byte(out, ']');
    if (r->explanation_json)
        sl_buf_printf(out, ",\"explanation\":{%s}", r->explanation_json);
    sl_buf_byte(out, '}');
}

static void print_json(struct testing *t)
{
    struct sl_buf *out = &t->out;

    sl_buf_printf(out, "{\"passed\":%zu,\"failed\":%zu,\"tests\":[", t->tests->n - t->failed,
                  t->failed);
    for (size_t i = 0; i < t->tests->n; i++) {
        if (i)
            sl_buf_byte(out, ',');
        write_test(&t->results[i], out);
    }
    SL_BUF_LITERAL(out, "],\"rules_without_test\":[");
    for (size_t i = 0; i < t->n_untested; i++) {
        if (i)
            sl_buf_byte(out, ',');
        sl_show_string(sl_slice_str(t->untested[i]), out);
    }
    SL_BUF_LITERAL(out, "]}\n");
    sl_show_write(out, stdout);
}

/* ---- the command ---- */

static int report(struct testing *t, const char *const *values)
{
    struct sl_error err = {0};
    int status = t->failed ? SL_EXIT_FAILED : SL_EXIT_DONE;

    if (values[OPT_JSON])
        print_json(t);
    else
        print_text(t);
    if (values[OPT_JUNIT] &&
        sl_junit_write(values[OPT_JUNIT], t->results, t->tests->n, &err) != SL_OK) {
        fprintf(stderr, "sluice test: %s\n", err.text);
        status = SL_EXIT_FAILED;
    }
    return status;
}

static void release(struct testing *t)
{
    for (size_t i = 0; t->results && t->tests && i < t->tests->n; i++) {
        sl_mismatches_release(&t->results[i].wrong);
        free(t->results[i].explanation);
        free(t->results[i].explanation_json);
    }
    free(t->results);
    free(t->tried);
    free(t->untested);
    sl_buf_release(&t->out);
    sl_explanation_free(t->e);
    sl_rule_tests_free(t->tests);
    sl_offline_free(t->o);
}

static int run(struct sl_offline_base *base, const struct sl_config *config,
               const struct sl_cli_args *args, struct sl_diags *diags)
{
    struct testing t = {0};
    const struct sl_strings files = {(const char **)args->operands, args->n_operands};
    int status = SL_EXIT_USAGE;

    sl_buf_init(&t.out, OUTPUT_MAX);
    t.o = sl_offline_new(base, NULL, diags);
    if (t.o)
        t.tests = sl_rule_tests_load(config, t.o->routing->rules, files.n ? &files : NULL, diags);
    if (t.o && t.tests) {
        t.o->default_ms = default_ms;
        t.e = sl_explanation_new(t.o);
        t.tried = sl_calloc(sl_rules_count(t.o->routing->rules) + 1, sizeof(*t.tried));
        run_tests(&t);
        if (files.n == 0)
            find_untested(&t);
        status = report(&t, args->values);
    }
    release(&t);
    return status;
}

int sl_cmd_test(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_offline_base *base = NULL;
    struct sl_config *config;
    struct sl_diags diags;
    int status;

    if (!sl_cli_parse(&sl_command_test, argc, argv, &args, &status))
        return status;
    sl_diags_init(&diags);
    status = SL_EXIT_USAGE;
    config = sl_config_load(values[OPT_CONFIG], &diags);
    if (config)
        base = sl_offline_base_new(config, &diags);
    if (base)
        status = run(base, config, &args, &diags);
    if (diags.errors) {
        sl_diags_sort(&diags);
        sl_diags_print(&diags, stderr);
    }
    sl_offline_base_free(base);
    sl_config_free(config);
    sl_diags_release(&diags);
    return status;
}
