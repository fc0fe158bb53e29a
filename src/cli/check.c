/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check.h"

#include <signal.h>

#include "base/diag.h"
#include "base/json_text.h"
#include "cli/check_connect.h"
#include "cli/cli.h"
#include "config/config.h"
#include "kafka/client.h"
#include "sluice/record.h"
#include "sluice/route.h"

enum { OPT_CONFIG, OPT_JSON, OPT_CONNECT, OUTPUT_MAX = 64 << 20 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
    [OPT_CONNECT] = {"connect", 0, NULL, "try every broker and sink too; changes nothing there"},
};
const struct sl_cli_command sl_command_check = {
    .name = "check",
    .summary = "errors and warnings in configuration and rules; changes nothing",
    .description = "Shows every error and warning with its file, line and column. Exit status: 0 "
                   "all is well\n(warnings do not count), 2 an error, 1 --connect met a broker or "
                   "sink that cannot be used.",
    .example = "sluice check -c sluice.yaml\nsluice check -c sluice.yaml --connect",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_check,
};

struct check {
    const char *path;
    struct sl_diags diags;
    struct sl_config *config;
    size_t n_rules;
    bool connected;
    struct sl_findings findings;
};

/* A sink that no rule names and nothing falls to is a mistake more often than a plan. */
static void warn_unreached(struct check *c, const struct sl_rules *rules)
{
    const struct sl_config *config = c->config;
    uint64_t reached = sl_rules_sinks(rules) | config->unmatched.sinks | config->rule_errors.sinks;

    for (size_t i = 0; i < config->n_sinks; i++)
        if (!(reached >> i & 1))
            sl_config_problem(config, config->sinks[i].name, 0, SL_WARNING, &c->diags,
                              "nothing reaches sink `%s`: no rule names it", config->sinks[i].name);
}

/* What only the source's stages can say of its values. */
static void check_source(struct check *c)
{
    const struct sl_config *config = c->config;
    const struct sl_properties *enrich = &config->enrich;
    struct sl_fields *fields = sl_fields_new();
    struct sl_decoder_config decoding = {.fields = fields, .timezone = config->source.timezone};
    struct sl_error err = {0};
    struct sl_decoder *decoder = sl_decoder_new(&decoding, &err);

    if (!decoder)
        sl_config_problem(config, config->source.timezone, 0, SL_PROBLEM, &c->diags, "%s",
                          err.text);
    for (size_t i = 0; i < enrich->n; i++)
        if (sl_enrich_check(enrich, i, &err) != SL_OK)
            sl_config_problem(config, enrich->items[i].name, 0, SL_PROBLEM, &c->diags, "%s",
                              err.text);
    sl_kafka_check_properties(config, &c->diags);
    sl_decoder_free(decoder);
    sl_fields_free(fields);
}

static void check_all(struct check *c, bool connect)
{
    struct sl_fields *fields = NULL;
    struct sl_rules *rules = NULL;
    struct sl_cli_sinks *sinks = NULL;

    c->config = sl_config_load(c->path, &c->diags);
    if (!c->config)
        goto out;
    c->path = c->config->path;
    check_source(c);
    fields = sl_fields_new();
    rules = sl_rules_load(c->config, fields, &c->diags);
    if (rules) {
        c->n_rules = sl_rules_count(rules);
        warn_unreached(c, rules);
    }
    sinks = sl_cli_sinks_new(c->config, fields, &c->diags);
    /* Wrong rules do not keep the brokers from being asked; wrong sinks cannot be. */
    if (sinks && connect) {
        sl_check_connect(sinks, &c->findings);
        c->connected = true;
    }
out:
    sl_diags_sort(&c->diags);
    sl_cli_sinks_free(sinks);
    if (rules)
        sl_rules_free(rules);
    if (fields)
        sl_fields_free(fields);
}

static void print_text(const struct check *c)
{
    size_t warnings = 0;

    for (size_t i = 0; i < c->diags.n; i++)
        warnings += c->diags.items[i].severity == SL_WARNING;
    sl_diags_print(&c->diags, stdout);
    for (size_t i = 0; i < c->findings.n; i++) {
        const struct sl_finding *f = &c->findings.items[i];

        printf("%s: %s", f->target, f->ok ? "" : "FAILED: ");
        sl_print_line(f->text, stdout);
    }
    if (c->diags.errors)
        printf("%s%s%zu error%s, %zu warning%s\n", c->path ? c->path : "", c->path ? ": " : "",
               c->diags.errors, c->diags.errors == 1 ? "" : "s", warnings,
               warnings == 1 ? "" : "s");
    else
        printf("%s: in order: %zu sink%s, %zu rule%s, %zu warning%s\n", c->path, c->config->n_sinks,
               c->config->n_sinks == 1 ? "" : "s", c->n_rules, c->n_rules == 1 ? "" : "s", warnings,
               warnings == 1 ? "" : "s");
    if (c->findings.failed)
        printf("%zu of the connections failed\n", c->findings.failed);
}

static void print_json(const struct check *c)
{
    struct sl_buf out;

    sl_buf_init(&out, OUTPUT_MAX);
    sl_buf_printf(&out, "{\"ok\":%s,\"errors\":%zu,\"diagnostics\":",
                  c->diags.errors || c->findings.failed ? "false" : "true", c->diags.errors);
    sl_diags_json(&c->diags, &out);
    if (c->connected) {
        SL_BUF_LITERAL(&out, ",\"connections\":[");
        for (size_t i = 0; i < c->findings.n; i++) {
            const struct sl_finding *f = &c->findings.items[i];

            sl_buf_text(&out, i ? ",{\"target\":" : "{\"target\":");
            sl_json_text(&out, f->target);
            sl_buf_printf(&out, ",\"ok\":%s,\"text\":", f->ok ? "true" : "false");
            SL_BUF_LITERAL(&out, "\"");
            sl_json_escape(sl_slice_str(f->text), &out); /* a destination's own words */
            SL_BUF_LITERAL(&out, "\"}");
        }
        sl_buf_byte(&out, ']');
    }
    SL_BUF_LITERAL(&out, "}\n");
    fwrite(out.p, 1, out.n, stdout);
    sl_buf_release(&out);
}

int sl_cmd_check(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct check c = {0};
    int status;

    if (!sl_cli_parse(&sl_command_check, argc, argv, &args, &status))
        return status;
    signal(SIGPIPE, SIG_IGN); /* a destination that hangs up */
    c.path = values[OPT_CONFIG];
    sl_diags_init(&c.diags);
    check_all(&c, values[OPT_CONNECT] != NULL);
    if (values[OPT_JSON])
        print_json(&c);
    else
        print_text(&c);
    status = c.diags.errors ? SL_EXIT_USAGE : c.findings.failed ? SL_EXIT_FAILED : SL_EXIT_DONE;
    sl_findings_release(&c.findings);
    sl_config_free(c.config);
    sl_diags_release(&c.diags);
    return status;
}
