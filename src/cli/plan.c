/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/plan_compare.h"
#include "cli/show.h"
#include "config/config.h"
#include "sluice/lint.h"

enum {
    OPT_CONFIG,
    OPT_AGAINST,
    OPT_TOPIC,
    OPT_LAST,
    OPT_PARTITION,
    OPT_INPUT,
    OPT_JSON,
};
enum { OUTPUT_MAX = 256 << 20, NOTE_NAMES = 5 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_AGAINST] = {"against", 0, "ROUTES",
                     "the new rules: a folder or a file (more files follow)"},
    [OPT_TOPIC] = SL_INPUT_TOPIC,
    [OPT_LAST] = SL_INPUT_LAST,
    [OPT_PARTITION] = SL_INPUT_PARTITION,
    [OPT_INPUT] = SL_INPUT_FORM,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
};
const struct sl_cli_command sl_command_plan = {
    .name = "plan",
    .summary = "what other rules would change, by real records",
    .operands = "[FILE...]",
    .description =
        "Judges records by the rules of the configuration and by new ones, and shows what would\n"
        "change: counts per rule and sink, bytes per sink, and the records that go another way or\n"
        "arrive otherwise, by kinds of change, each with an example. Records come from standard\n"
        "input, one value a line, or from Kafka. Sends nothing, commits nothing.\n\n"
        "Exit status: 0 nothing changes, 3 something does, 2 the configuration or one of the two\n"
        "sets of rules is wrong, 1 records could not be read, or there were none.",
    .example = "sluice plan -c sluice.yaml --against new-routes/ < records.ndjson\n"
               "sluice plan --against new-routes/ --topic logs --last 100000\n"
               "sluice plan --against a.yaml b.yaml --topic logs --last 100000 --json",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_plan,
};

static bool compare_one(void *user, const struct sl_input_record *in)
{
    sl_compare_record(user, in);
    return true;
}

/* ---- what cannot be compared ---- */

/* Names of rules whose decisions hang on time. */
static size_t unrepeatable(const struct sl_rules *r, struct sl_buf *names)
{
    size_t n = 0;

    for (unsigned i = 0; i < sl_rules_count(r); i++) {
        if (sl_rule_repeatable(r, i))
            continue;
        if (n < NOTE_NAMES)
            sl_buf_printf(names, "%s`%s`", names->n ? ", " : "", sl_rules_info(r, i).name);
        n++;
    }
    return n;
}

static void tell_incomparable(const struct sl_compare *p, bool json, struct sl_buf *out)
{
    struct sl_buf names;
    size_t n = 0;

    sl_buf_init(&names, 1 << 16);
    for (int side = 0; side < SL_COMPARE_SIDES; side++) {
        size_t one = unrepeatable(p->side[side]->routing->rules, &names);

        n = one > n ? one : n;
        if (one)
            break; /* mostly the same rules on both sides */
    }
    if (n && json) {
        sl_buf_text(out, ",\"notes\":[");
        sl_buf_text(&names, ": `rate_limit` is judged by the records' own times, one replica");
        sl_show_string(sl_buf_as_slice(&names), out);
        sl_buf_byte(out, ']');
    } else if (n) {
        sl_buf_printf(out,
                      "\nnote: `rate_limit` (%s%s) is judged here by the records' own times and "
                      "for one replica: live it keeps others\n",
                      sl_buf_str(&names), n > NOTE_NAMES ? ", ..." : "");
    }
    sl_buf_release(&names);
}

/* ---- the command ---- */

static int tell(struct sl_compare *p, bool json)
{
    struct sl_buf out;
    int status = p->changed ? SL_EXIT_CHANGES : SL_EXIT_DONE;

    sl_compare_finish(p);
    sl_buf_init(&out, OUTPUT_MAX);
    if (json) {
        sl_compare_json(p, &out);
        tell_incomparable(p, true, &out);
        sl_buf_text(&out, "}\n");
        sl_show_write(&out, stdout);
    } else if (p->records) {
        sl_compare_text(p, &out);
        tell_incomparable(p, false, &out);
        sl_show_print(&out, stdout);
    }
    sl_buf_release(&out);
    if (p->records == 0) {
        fputs("sluice plan: no record came, so nothing was compared\n", stderr);
        status = SL_EXIT_FAILED;
    }
    return fflush(stdout) == 0 ? status : SL_EXIT_FAILED;
}

static int run(const struct sl_strings *against, const struct sl_input *input,
               struct sl_offline_base *base, bool json, struct sl_diags *diags)
{
    struct sl_offline *before = sl_offline_new(base, NULL, diags);
    struct sl_offline *after = sl_offline_new(base, against, diags);
    int status = SL_EXIT_USAGE, read;
    struct sl_compare plan;

    if (!before || !after)
        goto out;
    before->default_ms = after->default_ms = (int64_t)time(NULL) * 1000;
    sl_compare_init(&plan, before, after);
    read = sl_input_each(input, compare_one, &plan, NULL);
    status = tell(&plan, json);
    if (read != SL_EXIT_DONE)
        status = read;
    sl_compare_release(&plan);
out:
    sl_offline_free(before);
    sl_offline_free(after);
    return status;
}

/* What --against names must be there: in the rules' diagnostics it would look like a mistake of
 * sluice.yaml. */
static bool gather_paths(const struct sl_cli_args *args, struct sl_strings *ret)
{
    const char **items = sl_calloc(args->n_operands + 1, sizeof(*items));
    struct stat st;

    *ret = (struct sl_strings){items, 0};
    items[ret->n++] = args->values[OPT_AGAINST];
    for (size_t i = 0; i < args->n_operands; i++)
        items[ret->n++] = args->operands[i];
    for (size_t i = 0; i < ret->n; i++)
        if (stat(items[i], &st) != 0) {
            sl_cli_usage(&sl_command_plan, "%s: %s", items[i], strerror(errno));
            return false;
        }
    return true;
}

static int load_and_run(const char *const *values, const struct sl_strings *against,
                        struct sl_diags *diags)
{
    struct sl_offline_base *base = NULL;
    struct sl_input input;
    int status = SL_EXIT_USAGE;
    struct sl_config *config = sl_config_load(values[OPT_CONFIG], diags);
    const struct sl_input_options from = {
        .topic = values[OPT_TOPIC],
        .input = values[OPT_INPUT],
        .partition = values[OPT_PARTITION],
        .last = values[OPT_LAST],
    };

    if (!config || !sl_input_parse(&sl_command_plan, &from, 0, config, &input, &status))
        goto out;
    input.progress = true;
    base = sl_offline_base_new(config, diags);
    if (base)
        status = run(against, &input, base, values[OPT_JSON] != NULL, diags);
out:
    sl_diags_sort(diags);
    if (diags->errors)
        sl_diags_print(diags, stderr);
    sl_offline_base_free(base);
    sl_config_free(config);
    return status;
}

int sl_cmd_plan(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_strings against = {0};
    struct sl_diags diags;
    int status;

    if (!sl_cli_parse(&sl_command_plan, argc, argv, &args, &status))
        return status;
    if (!values[OPT_AGAINST])
        return sl_cli_usage(&sl_command_plan, "--against names the new rules: a folder or a file");
    sl_diags_init(&diags);
    if (gather_paths(&args, &against))
        status = load_and_run(values, &against, &diags);
    else
        status = SL_EXIT_USAGE;
    sl_diags_release(&diags);
    free(against.items);
    return status;
}
