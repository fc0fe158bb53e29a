/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/setup.h"

#include "cli/dlq.h"
#include "cli/show.h"
#include "config/config.h"
#include "config/units.h"
#include "kafka/setup.h"

enum { OPT_CONFIG, OPT_DRY_RUN, OPT_JSON };
enum { OUTPUT_MAX = 4 << 20, TEXT_SHOWN = 1000 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_DRY_RUN] = {"dry-run", 'n', NULL, "show what would be created; create nothing"},
    [OPT_JSON] = {"json", 0, NULL, "one JSON object"},
};
const struct sl_cli_command sl_command_setup = {
    .name = "setup",
    .summary = "creates what is missing: dead-letter topics, state topic",
    .description =
        "Creates the dead-letter topics and the state topic where they are missing, with as many\n"
        "replicas as there are brokers, three at most, and looks at those that are there. What\n"
        "exists is never changed, so that it can be run at any time. `sluice run` creates the "
        "same\n"
        "topics when it starts.\n\n"
        "Index templates, lifecycle policies and bucket rules are not set up by this version.\n\n"
        "Exit status: 0 everything is there, 1 something could not be created, 2 the "
        "configuration\n"
        "is wrong.",
    .example = "sluice setup -c sluice.yaml --dry-run\n"
               "sluice setup -c sluice.yaml",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_setup,
};

static const char *status_name(const struct sl_kafka_topic *t)
{
    static const char *const names[] = {
        [SL_TOPIC_THERE] = "exists",
        [SL_TOPIC_MISSING] = "missing",
        [SL_TOPIC_CREATED] = "created",
        [SL_TOPIC_REFUSED] = "refused",
    };

    return names[t->status];
}

/* What a later version sets up for this sink; NULL: nothing. */
static const char *not_yet(const struct sl_sink_config *s)
{
    switch (s->kind) {
    case SL_SINK_ELASTICSEARCH:
        return "index template and lifecycle policy";
    case SL_SINK_S3:
        return "bucket lifecycle rules";
    case SL_SINK_WEBHOOK:
    case SL_SINK_FILE:
        break;
    }
    return NULL;
}

/* ---- for people ---- */

static void topic_text(const struct sl_kafka_topic *t, bool dry, struct sl_buf *out)
{
    char kept[SL_UNIT_TEXT];

    if (t->status == SL_TOPIC_REFUSED) {
        SL_BUF_LITERAL(out, "refused  ");
        sl_show_text(sl_slice_str(t->why), TEXT_SHOWN, out);
        sl_buf_byte(out, '\n');
        return;
    }
    sl_buf_printf(out, "%-7s  %s %s: %d partition%s, %d replica%s",
                  dry && t->status == SL_TOPIC_MISSING ? "create" : status_name(t),
                  sl_topic_use_name(t->use), t->name, t->partitions, t->partitions == 1 ? "" : "s",
                  t->replication, t->replication == 1 ? "" : "s");
    if (t->compacted)
        SL_BUF_LITERAL(out, ", compacted");
    else if (t->retention_ms > 0)
        sl_buf_printf(out, ", kept %s", sl_duration_text((uint64_t)t->retention_ms, kept));
    sl_buf_byte(out, '\n');
}

static void print_text(const struct sl_kafka_setup *s, const struct sl_config *config, bool dry)
{
    struct sl_buf out;

    sl_buf_init(&out, OUTPUT_MAX);
    for (size_t i = 0; i < s->n; i++)
        if (s->topics[i].use != SL_TOPIC_SOURCE)
            topic_text(&s->topics[i], dry, &out);
    for (size_t i = 0; i < config->n_sinks; i++)
        if (not_yet(&config->sinks[i]))
            sl_buf_printf(&out, "not set up by this version: sink %s: %s\n", config->sinks[i].name,
                          not_yet(&config->sinks[i]));
    if (dry)
        SL_BUF_LITERAL(&out, "nothing was created (--dry-run)\n");
    sl_show_print(&out, stdout);
    for (size_t i = 0; i < s->n_warnings; i++) {
        sl_buf_printf(&out, "sluice setup: warning: %s\n", s->warnings[i]);
        sl_show_print(&out, stderr);
    }
    sl_buf_release(&out);
}

/* ---- for machines ---- */

static void topic_json(const struct sl_kafka_topic *t, struct sl_buf *out)
{
    SL_BUF_LITERAL(out, "{\"topic\":");
    sl_show_string(sl_slice_str(t->name), out);
    sl_buf_printf(out, ",\"use\":\"%s\",\"status\":\"%s\"", sl_topic_use_name(t->use),
                  status_name(t));
    if (t->status == SL_TOPIC_REFUSED) {
        SL_BUF_LITERAL(out, ",\"why\":");
        sl_show_string(sl_slice_str(t->why), out);
    } else if (t->partitions) {
        sl_buf_printf(out, ",\"partitions\":%d,\"replication\":%d", t->partitions, t->replication);
    }
    if (t->min_insync)
        sl_buf_printf(out, ",\"min_insync_replicas\":%d", t->min_insync);
    if (t->max_message_bytes >= 0)
        sl_buf_printf(out, ",\"max_message_bytes\":%lld", (long long)t->max_message_bytes);
    sl_buf_printf(out, ",\"compacted\":%s}", t->compacted ? "true" : "false");
}

static void print_json(const struct sl_kafka_setup *s, const struct sl_config *config, bool dry)
{
    const char *comma = "";
    struct sl_buf out;

    sl_buf_init(&out, OUTPUT_MAX);
    sl_buf_printf(&out, "{\"dry_run\":%s,\"topics\":[", dry ? "true" : "false");
    for (size_t i = 0; i < s->n; i++) {
        sl_buf_text(&out, i ? "," : "");
        topic_json(&s->topics[i], &out);
    }
    SL_BUF_LITERAL(&out, "],\"warnings\":[");
    for (size_t i = 0; i < s->n_warnings; i++) {
        sl_buf_text(&out, i ? "," : "");
        sl_show_string(sl_slice_str(s->warnings[i]), &out);
    }
    SL_BUF_LITERAL(&out, "],\"not_set_up\":[");
    for (size_t i = 0; i < config->n_sinks; i++) {
        const char *what = not_yet(&config->sinks[i]);

        if (!what)
            continue;
        sl_buf_printf(&out, "%s{\"sink\":", comma);
        sl_show_string(sl_slice_str(config->sinks[i].name), &out);
        sl_buf_printf(&out, ",\"what\":\"%s\"}", what);
        comma = ",";
    }
    SL_BUF_LITERAL(&out, "]}\n");
    sl_show_write(&out, stdout);
    sl_buf_release(&out);
}

/* ---- the command ---- */

static int run(const struct sl_config *config, bool dry, bool json)
{
    struct sl_kafka_setup s;
    struct sl_error err = {0};
    int status = SL_EXIT_DONE;

    if (sl_kafka_setup(config, NULL, dry, &s, &err))
        return sl_dlq_failed(&sl_command_setup, &err);
    if (json)
        print_json(&s, config, dry);
    else
        print_text(&s, config, dry);
    for (size_t i = 0; i < s.n; i++)
        if (s.topics[i].use != SL_TOPIC_SOURCE && s.topics[i].status == SL_TOPIC_REFUSED)
            status = SL_EXIT_FAILED;
    sl_kafka_setup_release(&s);
    return status;
}

int sl_cmd_setup(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_config *config;
    int status;

    if (!sl_cli_parse(&sl_command_setup, argc, argv, &args, &status))
        return status;
    config = sl_dlq_config(values[OPT_CONFIG]);
    if (!config)
        return SL_EXIT_USAGE;
    status = run(config, values[OPT_DRY_RUN] != NULL, values[OPT_JSON] != NULL);
    sl_config_free(config);
    return status;
}
