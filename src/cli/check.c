/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/check.h"

#include <signal.h>

#include "base/diag.h"
#include "base/json_text.h"
#include "cli/check_connect.h"
#include "cli/check_rules.h"
#include "cli/cli.h"
#include "config/config.h"
#include "kafka/client.h"
#include "sluice/record.h"
#include "sluice/route.h"

enum {
    OPT_CONFIG,
    OPT_JSON,
    OPT_CONNECT,
    OPT_SAMPLE,
    OPT_INPUT,
    OPT_SAMPLE_TOPIC,
    OPT_LAST,
    OUTPUT_MAX = 64 << 20,
    SAMPLE_LAST = 10000,
};

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
    [OPT_CONNECT] = {"connect", 0, NULL, "try every broker and sink too; changes nothing there"},
    [OPT_SAMPLE] = {"sample", 0, "FILE",
                    "judge the rules by these records, too; - is standard input"},
    [OPT_INPUT] = {"input", 0, "FORM", "what a line of FILE is: value (default) or envelope"},
    [OPT_SAMPLE_TOPIC] = {"sample-topic", 0, "TOPIC",
                          "the same by the newest records of TOPIC; with --sample: the topic of "
                          "its lines"},
    [OPT_LAST] = {"last", 0, "N", "how many of the newest records (10000)"},
};
const struct sl_cli_command sl_command_check = {
    .name = "check",
    .summary = "errors and warnings in configuration and rules; changes nothing",
    .description =
        "Shows every error and warning with its file, line and column: also rules that can never\n"
        "match because of those before them, sinks that nothing reaches, regular expressions that\n"
        "meet their limits, and what rules cost that no index can rule out. With a sample of real\n"
        "records also rules that likely never match, and fields that no record has.\n\n"
        "Exit status: 0 all is well (warnings do not count), 2 an error, 1 --connect met a broker\n"
        "or sink that cannot be used, or the sample could not be read.",
    .example = "sluice check -c sluice.yaml\nsluice check -c sluice.yaml --connect\n"
               "sluice check -c sluice.yaml --sample yesterday.ndjson\n"
               "sluice check -c sluice.yaml --sample-topic logs --last 50000",
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
    struct sl_rule_findings rules;
    bool sampled;
    size_t sample_records;
    int sample_status;
};

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

/* The records of a message go together, whatever they take. */
static void check_queues(struct check *c)
{
    const struct sl_config *config = c->config;
    const char *form = NULL;

    for (size_t i = 0; i < config->source.n_decode; i++)
        switch (config->source.decode[i].form) {
        case SL_DECODE_CLOUDWATCH:
            form = "cloudwatch";
            break;
        case SL_DECODE_OTLP_JSON:
            form = form ? form : "otlp_json";
            break;
        default:
            break;
        }
    for (size_t i = 0; form && i < config->n_sinks; i++)
        if (config->sinks[i].queue_bytes < SL_DECODE_BYTES_MAX)
            sl_config_problem(
                config, config->sinks[i].name, 0, SL_WARNING, &c->diags,
                "the queue of sink `%s` (queue.bytes) is smaller than the %d MiB that "
                "one message of %s may come to: the records of a message go together, "
                "and a larger one exceeds the sink's memory",
                config->sinks[i].name, SL_DECODE_BYTES_MAX >> 20, form);
}

/* False: the options are wrong, and *ret_status says so. */
static bool sample_input(const struct check *c, const char *const *values, struct sl_input *ret,
                         int *ret_status)
{
    const char *file = values[OPT_SAMPLE];
    const struct sl_input_options from = {
        .topic = values[OPT_SAMPLE_TOPIC],
        .input = values[OPT_INPUT],
    };
    const struct sl_input_options count = {.topic = "t", .last = values[OPT_LAST]};
    struct sl_input numbers;

    if (!sl_input_parse(&sl_command_check, &count, SAMPLE_LAST, c->config, &numbers, ret_status) ||
        !sl_input_parse(&sl_command_check, &from, file ? 0 : SAMPLE_LAST, c->config, ret,
                        ret_status))
        return false;
    ret->file = file && strcmp(file, "-") != 0 ? file : NULL;
    ret->last = numbers.last;
    ret->progress = true;
    return true;
}

/* What would be ignored without a word. */
static const char *stray_option(const char *const *values)
{
    if (values[OPT_LAST] && !values[OPT_SAMPLE] && !values[OPT_SAMPLE_TOPIC])
        return "--last is about --sample or --sample-topic";
    if (values[OPT_INPUT] && !values[OPT_SAMPLE])
        return "--input is about the lines of --sample";
    return NULL;
}

static void check_rules(struct check *c, const char *const *values)
{
    const bool wanted = values[OPT_SAMPLE] || values[OPT_SAMPLE_TOPIC];
    struct sl_sample sample = {0};
    struct sl_input in;

    if (wanted && !sample_input(c, values, &in, &c->sample_status))
        return;
    if (wanted) {
        c->sampled = true;
        c->sample_status = sl_sample_read(&in, &sample);
        c->sample_records = sample.n;
    }
    sl_check_rules(c->config, wanted ? &sample : NULL, &c->diags, &c->rules);
    sl_sample_release(&sample);
}

static void check_all(struct check *c, const char *const *values)
{
    struct sl_fields *fields = NULL;
    struct sl_rules *rules = NULL;
    struct sl_cli_sinks *sinks = NULL;

    c->config = sl_config_load(c->path, &c->diags);
    if (!c->config)
        goto out;
    c->path = c->config->path;
    check_source(c);
    check_queues(c);
    fields = sl_fields_new();
    rules = sl_rules_load(c->config, fields, &c->diags);
    if (rules)
        c->n_rules = sl_rules_count(rules);
    sinks = sl_cli_sinks_new(c->config, fields, &c->diags);
    if (c->diags.errors == 0)
        check_rules(c, values);
    else if (rules)
        sl_check_unreached(c->config, rules, NULL, &c->diags);
    /* Wrong rules do not keep the brokers from being asked; wrong sinks cannot be. */
    if (sinks && values[OPT_CONNECT]) {
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
    sl_rule_findings_print(&c->rules, stdout);
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
    sl_rule_findings_json(&c->rules, &out);
    if (c->sampled)
        sl_buf_printf(&out, ",\"sample_records\":%zu", c->sample_records);
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
    if (stray_option(values))
        return sl_cli_usage(&sl_command_check, "%s", stray_option(values));
    signal(SIGPIPE, SIG_IGN); /* a destination that hangs up */
    c.path = values[OPT_CONFIG];
    sl_diags_init(&c.diags);
    check_all(&c, values);
    if (c.sample_status == SL_EXIT_USAGE)
        ; /* it has been said what is wrong with the options */
    else if (values[OPT_JSON])
        print_json(&c);
    else
        print_text(&c);
    status = c.diags.errors || c.sample_status == SL_EXIT_USAGE ? SL_EXIT_USAGE
             : c.findings.failed || c.sample_status             ? SL_EXIT_FAILED
                                                                : SL_EXIT_DONE;
    sl_rule_findings_release(&c.rules);
    sl_findings_release(&c.findings);
    sl_config_free(c.config);
    sl_diags_release(&c.diags);
    return status;
}
