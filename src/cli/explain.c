/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/explain.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cli/explanation.h"
#include "cli/show.h"
#include "config/config.h"

enum {
    OPT_CONFIG,
    OPT_RULE,
    OPT_TOPIC,
    OPT_INPUT,
    OPT_PARTITION,
    OPT_OFFSET,
    OPT_LAST,
    OPT_JSON,
};
enum { OUTPUT_MAX = 256 << 20, RECORD_SHOWN = 240, ADDED_SHOWN = 2000 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_RULE] = {"rule", 0, "NAME", "why does this rule not take the record?"},
    [OPT_TOPIC] = SL_INPUT_TOPIC,
    [OPT_INPUT] = SL_INPUT_FORM,
    [OPT_PARTITION] = SL_INPUT_PARTITION,
    [OPT_OFFSET] = SL_INPUT_OFFSET,
    [OPT_LAST] = SL_INPUT_LAST,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object a record"},
};
const struct sl_cli_command sl_command_explain = {
    .name = "explain",
    .summary = "which rule took each record, and each condition's verdict",
    .description =
        "Reads records, one value a line from standard input or from Kafka, and shows for each "
        "its\ntime, kind and level, what decoding found in it (+), the rules that could have "
        "matched, what\neach condition asked, what the record had there, what rules changed, and "
        "what each sink would\nget. Sends nothing, commits nothing.\n\n"
        "The marks: \u2713 holds, \u2717 does not, ! could not be judged within its limits.\n\n"
        "Exit status: 0 done, 1 records that could not be read, 2 the configuration is wrong.",
    .example = "echo '{\"level\":\"error\",\"service\":\"auth\"}' | sluice explain -c sluice.yaml\n"
               "sluice explain --rule errors < records.ndjson\n"
               "sluice explain --topic logs --partition 0 --offset 4711\n"
               "sluice explain --topic logs --last 5 --json\n"
               "kcat -C -J -t logs -c 10 | sluice explain --input envelope",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_explain,
};

struct explain {
    struct sl_offline *o;
    struct sl_explanation *e;
    unsigned only;
    bool json;
    struct sl_buf out;
    size_t records;
};

/* ---- one record ---- */

static void write_head(struct explain *x, const struct sl_input_record *in)
{
    const struct sl_record *r = &x->o->record;
    char place[512];

    sl_offline_place(x->o, in, place, sizeof(place));
    if (x->records > 1)
        sl_buf_byte(&x->out, '\n');
    sl_buf_printf(&x->out, "%s", place);
    if (!in->placed)
        sl_buf_printf(&x->out, "  topic %s", in->topic);
    if (x->o->nothing) {
        sl_buf_printf(&x->out, "  %s: no record, so no rule sees it, and no sink\n", x->o->nothing);
        return;
    }
    if (!in->message.value.p) {
        SL_BUF_LITERAL(&x->out, "  a tombstone: no value, so no rule sees it, and no sink\n");
        return;
    }
    SL_BUF_LITERAL(&x->out, "  ");
    sl_time_rfc3339(r->time_ns, &x->out);
    sl_buf_printf(&x->out, "  %s%s%s\n", sl_kind_name(r->kind), r->level ? "  " : "",
                  sl_level_name(r->level));
    SL_BUF_LITERAL(&x->out, "  ");
    sl_show_text(r->raw, RECORD_SHOWN, &x->out);
    sl_buf_byte(&x->out, '\n');
    if (sl_record_added(r).n) {
        SL_BUF_LITERAL(&x->out, "  + ");
        sl_show_text(sl_record_added(r), ADDED_SHOWN, &x->out);
        sl_buf_byte(&x->out, '\n');
    }
    if (r->parse_error)
        sl_buf_printf(&x->out, "  read as text: %s\n", r->parse_error);
}

static void write_json_head(struct explain *x, const struct sl_input_record *in)
{
    const struct sl_record *r = &x->o->record;
    struct sl_buf *out = &x->out;

    if (in->line)
        sl_buf_printf(out, "{\"line\":%zu,\"topic\":", in->line);
    else
        SL_BUF_LITERAL(out, "{\"topic\":");
    sl_show_string(sl_slice_str(in->topic), out);
    if (in->placed)
        sl_buf_printf(out, ",\"partition\":%d,\"offset\":%lld", in->partition,
                      (long long)in->message.offset);
    if (x->o->nothing) {
        SL_BUF_LITERAL(out, ",\"nothing\":");
        sl_show_string(sl_slice_str(x->o->nothing), out);
        SL_BUF_LITERAL(out, "}\n");
        return;
    }
    if (!in->message.value.p) {
        SL_BUF_LITERAL(out, ",\"tombstone\":true}\n");
        return;
    }
    if (r->many)
        sl_buf_printf(out, ",\"index\":%u", r->sub);
    SL_BUF_LITERAL(out, ",\"timestamp\":\"");
    sl_time_rfc3339(r->time_ns, out);
    sl_buf_printf(out, "\",\"kind\":\"%s\"", sl_kind_name(r->kind));
    if (r->level)
        sl_buf_printf(out, ",\"level\":\"%s\"", sl_level_name(r->level));
    if (r->parse_error) {
        SL_BUF_LITERAL(out, ",\"parse_error\":");
        sl_show_string(sl_slice_str(r->parse_error), out);
    }
    SL_BUF_LITERAL(out, ",\"value\":");
    sl_show_string(r->raw, out);
    SL_BUF_LITERAL(out, ",\"record\":");
    sl_record_json(r, true, sl_slice("", 0), out, NULL);
    sl_buf_byte(out, ',');
    sl_explanation_json(x->e, out);
    SL_BUF_LITERAL(out, "}\n");
}

static bool explain_one(struct explain *x, const struct sl_input_record *in, bool judged)
{
    x->records++;
    if (x->json) {
        write_json_head(x, in);
        sl_show_write(&x->out, stdout);
    } else {
        write_head(x, in);
        if (judged)
            sl_explanation_text(x->e, 2, &x->out);
        sl_show_print(&x->out, stdout);
    }
    return fflush(stdout) == 0 && !ferror(stdout);
}

/* Each record of a message; one that holds none is shown as such. */
static bool explain_all(void *user, const struct sl_input_record *message)
{
    struct sl_input_record in = *message;
    struct explain *x = user;

    for (;; in.sub++) {
        bool judged = sl_explanation_make(x->e, &in, x->only, SL_RULE_NONE);

        if (!judged && in.sub > 0)
            return true;
        if (!explain_one(x, &in, judged))
            return false;
        if (!judged)
            return true;
    }
}

/* ---- the command ---- */

static bool find_rule(struct explain *x, const char *name)
{
    const struct sl_rules *rules = x->o->routing->rules;
    size_t n = sl_rules_count(rules);
    const char **names, *near;

    x->only = SL_RULE_NONE;
    if (!name)
        return true;
    names = sl_calloc(n + 1, sizeof(*names));
    for (unsigned i = 0; i < n; i++)
        names[i] = sl_rules_info(rules, i).name;
    x->only = sl_offline_rule(x->o, name);
    near = x->only == SL_RULE_NONE ? sl_nearest(name, names, n) : NULL;
    if (near)
        sl_cli_usage(&sl_command_explain, "no rule is named %s; did you mean %s?", name, near);
    else if (x->only == SL_RULE_NONE)
        sl_cli_usage(&sl_command_explain, "no rule is named %s", name);
    free(names);
    return x->only != SL_RULE_NONE;
}

static int run(const char *const *values, const struct sl_input *input,
               struct sl_offline_base *base, struct sl_diags *diags)
{
    struct explain x = {.json = values[OPT_JSON] != NULL};
    int status = SL_EXIT_USAGE;

    x.o = sl_offline_new(base, NULL, diags);
    if (!x.o || !find_rule(&x, values[OPT_RULE]))
        goto out;
    x.o->default_ms = (int64_t)time(NULL) * 1000;
    x.e = sl_explanation_new(x.o);
    sl_buf_init(&x.out, OUTPUT_MAX);
    status = sl_input_each(input, explain_all, &x, NULL);
    if (x.records == 0 && status == SL_EXIT_DONE)
        fputs("sluice explain: no record came, so there is nothing to explain\n", stderr);
    sl_buf_release(&x.out);
out:
    sl_explanation_free(x.e);
    sl_offline_free(x.o);
    return status;
}

int sl_cmd_explain(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_offline_base *base = NULL;
    struct sl_config *config;
    struct sl_input input;
    struct sl_diags diags;
    int status;

    if (!sl_cli_parse(&sl_command_explain, argc, argv, &args, &status))
        return status;
    sl_diags_init(&diags);
    status = SL_EXIT_USAGE;
    config = sl_config_load(values[OPT_CONFIG], &diags);
    if (!config)
        goto out;
    const struct sl_input_options from = {
        .topic = values[OPT_TOPIC],
        .input = values[OPT_INPUT],
        .partition = values[OPT_PARTITION],
        .offset = values[OPT_OFFSET],
        .last = values[OPT_LAST],
    };
    if (!sl_input_parse(&sl_command_explain, &from, 0, config, &input, &status))
        goto out;
    base = sl_offline_base_new(config, &diags);
    if (base)
        status = run(values, &input, base, &diags);
    sl_diags_sort(&diags);
out:
    if (diags.errors)
        sl_diags_print(&diags, stderr);
    sl_offline_base_free(base);
    sl_config_free(config);
    sl_diags_release(&diags);
    return status;
}
