/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq.h"

#include <time.h>

#include "base/diag.h"
#include "cli/show.h"
#include "config/config.h"

enum { REASON_SHOWN = 120 };

static const struct sl_cli_command *const commands[] = {
    &sl_command_dlq_list,
    &sl_command_dlq_show,
    &sl_command_dlq_redrive,

};

const struct sl_cli_command sl_command_dlq = {
    .name = "dlq",
    .summary = "dead letters: list, show, redrive",
    .operands = "list|show|redrive [OPTIONS]",
    .description =
        "What a destination refused for its content stands in the dead-letter topic.\n\n"
        "  list      counts letters by sink, rule, status and reason, and shows the newest\n"
        "  show      one letter: the record and why it was refused\n"
        "  redrive   sends letters once more: to the sink that refused them, or to their topic\n\n"
        "`sluice dlq list --help` explains one of them.",
    .example = "sluice dlq list -c sluice.yaml --since 1d\n"
               "sluice dlq show -c sluice.yaml logs.dead/0/17\n"
               "sluice dlq redrive -c sluice.yaml --sink search --dry-run",
    .run = sl_cmd_dlq,
};

int sl_cmd_dlq(int argc, char **argv)
{
    const char *names[SL_LENGTH(commands)], *near;
    const char *values[1]; /* of no option: for --help */
    struct sl_cli_args args = {.values = values};
    int status;

    for (size_t i = 0; i < SL_LENGTH(commands); i++) {
        names[i] = commands[i]->name + 4;
        if (argc > 1 && !strcmp(argv[1], names[i]))
            return commands[i]->run(argc - 1, argv + 1);
    }
    if (argc > 1 && argv[1][0] == '-' && !sl_cli_parse(&sl_command_dlq, argc, argv, &args, &status))
        return status;
    if (argc < 2 || argv[1][0] == '-')
        return sl_cli_usage(&sl_command_dlq, "list, show or redrive?");
    near = sl_nearest(argv[1], names, SL_LENGTH(names));
    return sl_cli_usage(&sl_command_dlq, "there is no dlq %s; did you mean %s?", argv[1],
                        near ? near : "list, show or redrive");
}

/* ---- shared ---- */

struct sl_config *sl_dlq_config(const char *path)
{
    struct sl_config *config;
    struct sl_diags diags;

    sl_diags_init(&diags);
    config = sl_config_load(path, &diags);
    if (!config) {
        sl_diags_sort(&diags);
        sl_diags_print(&diags, stderr);
    }
    sl_diags_release(&diags);
    return config;
}

int64_t sl_dlq_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int sl_dlq_failed(const struct sl_cli_command *command, const struct sl_error *err)
{
    struct sl_buf text;

    sl_buf_init(&text, 4096);
    sl_buf_printf(&text, "sluice %s: %s\n", command->name, err->text);
    sl_show_print(&text, stderr);
    sl_buf_release(&text);
    return err->code == SL_ECONFIG ? SL_EXIT_USAGE : SL_EXIT_FAILED;
}

static void member(const char *name, struct sl_slice text, struct sl_buf *out)
{
    sl_buf_printf(out, ",\"%s\":", name);
    if (text.p)
        sl_show_string(text, out);
    else
        SL_BUF_LITERAL(out, "null");
}

static void time_member(const char *name, int64_t ms, struct sl_buf *out)
{
    sl_buf_printf(out, ",\"%s\":", name);
    if (ms >= 0)
        sl_buf_byte(out, '"');
    if (ms >= 0)
        sl_dlq_time(ms, out);
    sl_buf_text(out, ms >= 0 ? "\"" : "null");
}

void sl_dlq_letter_json(const struct sl_dead_letter *l, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "\"letter\":\"");
    sl_dead_letter_place(l, out);
    sl_buf_byte(out, '"');
    member("sink", l->sink, out);
    member("reason", l->reason, out);
    sl_buf_printf(out, ",\"status\":%d", l->status);
    member("rule", l->rule, out);
    time_member("time", l->time_ms, out);
    member("topic", l->source_topic, out);
    sl_buf_printf(out, ",\"partition\":%d,\"offset\":%lld,\"index\":%u", l->source_partition,
                  (long long)l->source_offset, l->source_index);
    time_member("timestamp", l->source_ms, out);
    if (l->truncated.p)
        member("truncated", l->truncated, out);
}

void sl_dlq_letter_line(const struct sl_dead_letter *l, struct sl_buf *out)
{
    sl_dead_letter_place(l, out);
    SL_BUF_LITERAL(out, "  ");
    sl_dlq_time(l->time_ms, out);
    SL_BUF_LITERAL(out, "  ");
    sl_show_text(l->sink, REASON_SHOWN, out);
    if (l->status)
        sl_buf_printf(out, " %d", l->status);
    SL_BUF_LITERAL(out, "  from ");
    sl_dead_letter_source(l, out);
    SL_BUF_LITERAL(out, "  ");
    sl_show_text(l->reason, REASON_SHOWN, out);
    sl_buf_byte(out, '\n');
}
