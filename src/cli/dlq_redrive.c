/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_redrive.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cli/show.h"
#include "config/config.h"
#include "config/units.h"

enum { OPT_CONFIG = SL_DLQ_FILTER_WORDS, OPT_LIMIT, OPT_TO_TOPIC, OPT_DRY_RUN, OPT_JSON };
enum { WHY_MAX = 4096 };

static const struct sl_cli_option options[] = {
    SL_DLQ_FILTER_OPTIONS,
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_LIMIT] = {"limit", 0, "N", "at most N letters, the oldest of each partition first"},
    [OPT_TO_TOPIC] = {"to-topic", 0, NULL, "write the records to the topic they came from"},
    [OPT_DRY_RUN] = {"dry-run", 'n', NULL, "show what would be sent where; send nothing"},
    [OPT_JSON] = {"json", 0, NULL, "one JSON object"},
};
const struct sl_cli_command sl_command_dlq_redrive = {
    .name = "dlq redrive",
    .summary = "sends dead letters once more",
    .operands = "[TOPIC/PARTITION/OFFSET...]",
    .description =
        "Each chosen letter (all of them without a filter) becomes the record it was and goes by\n"
        "the current rules to the sink that refused it, to that sink only, and with the same ids.\n"
        "With --to-topic it is written to its topic instead, and `sluice run` routes it: to every\n"
        "sink that its rules choose, also to those that had it before, as a new record. Letters "
        "of\n"
        "an S3 sink go back only so: it takes ranges of the log, and no single records.\n\n"
        "What was delivered is noted in the dead-letter topic and is not sent again: Ctrl-C ends\n"
        "the work at any time, and the same command goes on with what is left. What is refused\n"
        "again stays as it is. Run one redrive at a time.\n\n"
        "Exit status: 0 everything chosen was redriven, 1 something was not, 2 the command line "
        "or\n"
        "the configuration is wrong.",
    .example = "sluice dlq redrive -c sluice.yaml --sink search --dry-run\n"
               "sluice dlq redrive -c sluice.yaml --where 'sink=search reason=\"parse field\"'\n"
               "sluice dlq redrive logs.dead/0/17 logs.dead/0/18\n"
               "sluice dlq redrive --to-topic --topic logs --since 1h",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_dlq_redrive,
};

/* ---- what it prints ---- */

static const char *trouble(const struct sl_redrive *r)
{
    if (r->deliver && sl_deliver_trouble(r->deliver)[0])
        return sl_deliver_trouble(r->deliver);
    if (r->full)
        return "this is as many letters as one run takes";
    return r->stop.asked || r->scan.stopped ? "stopped" : "";
}

static void print_json(struct sl_redrive *r)
{
    struct sl_buf *out = &r->samples;

    sl_buf_clear(out);
    sl_buf_printf(out, "{\"dry_run\":%s,\"letters\":%" PRIu64 ",", r->dry ? "true" : "false",
                  sl_report_letters(&r->report));
    sl_report_json(&r->report, out);
    SL_BUF_LITERAL(out, ",\"stopped\":");
    if (trouble(r)[0])
        sl_show_string(sl_slice_str(trouble(r)), out);
    else
        SL_BUF_LITERAL(out, "null");
    SL_BUF_LITERAL(out, "}\n");
    sl_show_write(out, stdout);
}

static void print_text(struct sl_redrive *r)
{
    struct sl_buf out;

    sl_buf_init(&out, SL_DLQ_OUTPUT_MAX);
    if (sl_report_letters(&r->report) == 0)
        SL_BUF_LITERAL(&out, "no letter is left to redrive\n");
    sl_report_text(&r->report, r->dry, &out);
    if (r->dry && r->samples.n) {
        SL_BUF_LITERAL(&out, "\nFor example:\n");
        sl_buf_slice(&out, sl_buf_as_slice(&r->samples));
    }
    sl_show_print(&out, stdout);
    sl_buf_release(&out);
}

static void complain(const struct sl_redrive *r)
{
    struct sl_buf text;

    sl_buf_init(&text, WHY_MAX);
    if (r->marks.failed)
        sl_buf_printf(&text,
                      "sluice dlq redrive: what was delivered could not be noted (%s): another "
                      "redrive sends some letters once more, under the same ids\n",
                      r->marks.why);
    if (trouble(r)[0])
        sl_buf_printf(&text, "sluice dlq redrive: %s; the same command goes on with what is left\n",
                      trouble(r));
    sl_show_print(&text, stderr);
    sl_buf_release(&text);
}

static int conclude(struct sl_redrive *r)
{
    const bool whole = sl_report_letters(&r->report) == r->report.total[SL_FATE_REDRIVEN];

    sl_dlq_progress_hide(&r->scan.progress);
    if (r->json)
        print_json(r);
    else
        print_text(r);
    complain(r);
    if (r->dry)
        return trouble(r)[0] ? SL_EXIT_FAILED : SL_EXIT_DONE;
    return whole && !r->marks.failed && !trouble(r)[0] ? SL_EXIT_DONE : SL_EXIT_FAILED;
}

/* ---- the command ---- */

static int make_deliver(struct sl_redrive *r)
{
    const struct sl_deliver_ops ops = {
        .settled = sl_redrive_settled, .stop = sl_redrive_stop, .user = r};
    struct sl_diags diags;

    sl_diags_init(&diags);
    r->deliver = sl_deliver_new(r->config, sl_kafka_reader_cluster(r->scan.reader), &ops, &diags);
    if (!r->deliver) {
        sl_diags_sort(&diags);
        sl_diags_print(&diags, stderr);
    }
    sl_diags_release(&diags);
    return r->deliver ? SL_OK : SL_ECONFIG;
}

static int redrive(struct sl_redrive *r)
{
    struct sl_error err = {0};
    int code, status = SL_EXIT_DONE;

    code = sl_dlq_scan_open(r->config, sl_command_dlq_redrive.name, NULL, r, &r->scan, &err);
    if (!code && (!r->dry || r->to_topic)) {
        r->writer = sl_kafka_writer_new(r->config, NULL, &err);
        code = r->writer ? SL_OK : SL_EKAFKA;
    }
    if (code)
        return sl_dlq_failed(&sl_command_dlq_redrive, &err);
    if (!r->to_topic && make_deliver(r))
        return SL_EXIT_USAGE;
    sl_marks_init(&r->marks, r->writer);
    sl_dlq_stop_init(&r->stop);
    r->stoppable = true;
    r->scan.stop = sl_redrive_stop;
    code = sl_dlq_scan_letters(&r->scan, sl_redrive_take, r, &err);
    sl_redrive_finish(r);
    if (code)
        status = sl_dlq_failed(&sl_command_dlq_redrive, &err);
    code = conclude(r);
    return status ? status : code;
}

static void release(struct sl_redrive *r)
{
    sl_deliver_free(r->deliver);
    sl_kafka_writer_free(r->writer);
    sl_kafka_reader_free(r->sources);
    sl_marks_release(&r->marks);
    sl_copies_release(&r->copies);
    sl_report_release(&r->report);
    sl_dlq_scan_release(&r->scan);
    sl_dlq_filter_release(&r->filter);
    sl_buf_release(&r->why);
    sl_buf_release(&r->samples);
    if (r->stoppable)
        sl_dlq_stop_release(&r->stop);
}

int sl_cmd_dlq_redrive(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_redrive r = {.limit = UINT64_MAX};
    struct sl_config *config;
    struct sl_error err = {0};
    int status = SL_EXIT_USAGE;

    if (!sl_cli_parse(&sl_command_dlq_redrive, argc, argv, &args, &status))
        return status;
    if (values[OPT_LIMIT] && (!sl_parse_uint(values[OPT_LIMIT], &r.limit) || r.limit == 0))
        return sl_cli_usage(&sl_command_dlq_redrive, "--limit is a number from 1; not %s",
                            values[OPT_LIMIT]);
    if (sl_dlq_filter_parse(values, args.operands, args.n_operands, sl_dlq_now_ms(), &r.filter,
                            &err))
        return sl_cli_usage(&sl_command_dlq_redrive, "%s", err.text);
    sl_buf_init(&r.why, WHY_MAX);
    sl_buf_init(&r.samples, SL_DLQ_OUTPUT_MAX);
    r.to_topic = values[OPT_TO_TOPIC] != NULL;
    r.dry = values[OPT_DRY_RUN] != NULL;
    r.json = values[OPT_JSON] != NULL;
    config = sl_dlq_config(values[OPT_CONFIG]);
    r.config = config;
    status = config ? redrive(&r) : SL_EXIT_USAGE;
    release(&r);
    sl_config_free(config);
    return status;
}
