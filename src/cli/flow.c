/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/flow.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/dlq.h"
#include "cli/show.h"
#include "config/config.h"
#include "config/units.h"

enum { OPT_CONFIG, OPT_AROUND, OPT_ARCHIVE, OPT_SINK, OPT_FROM, OPT_TO, OPT_JSON, OPT_HTML };
enum { OUTPUT_MAX = 1 << 30, WHERE_MAX = 8192, WIDTH = 80, ID_MAX_BYTES = 1024 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_AROUND] = {"around", 0, "TOPIC/PARTITION/OFFSET",
                    "the request of this record, which is read from Kafka"},
    [OPT_ARCHIVE] = {"archive", 0, NULL, "from S3 alone, not from Elasticsearch"},
    [OPT_SINK] = {"sink", 0, "NAME", "from this sink (the first that is of the kind)"},
    [OPT_FROM] = {"from", 0, "TIME",
                  "records at or after it: 2h (ago), 2026-01-31, 2026-01-31T12:00:00Z"},
    [OPT_TO] = {"to", 0, "TIME", "records before it"},
    [OPT_JSON] = {"json", 0, NULL, "one JSON object"},
    [OPT_HTML] = {"html", 0, "FILE",
                  "a page, whole in itself, into this file (-: standard output)"},
};
const struct sl_cli_command sl_command_flow = {
    .name = "flow",
    .summary = "one request's whole path across services",
    .operands = "ID",
    .description =
        "Shows every record with this correlation id, in the order of time: when it was written,\n"
        "by which service, how long it took where it says so, its level and its message. Errors\n"
        "stand out, times in which nobody wrote are named, and where a callee's records "
        "contradict\n"
        "its caller's, the clock that is off is told; times are always shown as recorded.\n\n"
        "Records come from Elasticsearch, where those with this trace_id count as well, or with\n"
        "--archive from the objects in S3, of which only those parts are read that can hold the\n"
        "correlation id. The time in an id that is a UUIDv7 narrows "
        "that:\n"
        "from an hour before to a day after it, unless --from or --to say otherwise; where that\n"
        "finds nothing, everything is looked through.\n\n"
        "Exit status: 0 done, 1 there is no such id, or not all could be read (what could is "
        "shown),\n"
        "2 the command line or the configuration is wrong.",
    .example = "sluice flow 0198c0de-7a3b-7c11-9a44-0242ac120002\n"
               "sluice flow --around logs/3/120417\n"
               "sluice flow --archive --from 2026-01-31 --to 2026-02-01 order-4711\n"
               "sluice flow --html flow.html 0198c0de-7a3b-7c11-9a44-0242ac120002\n"
               "sluice flow --json 0198c0de-7a3b-7c11-9a44-0242ac120002 | jq '.services'",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_flow,
};

/* ---- what is shown ---- */

/* Whether the environment's language is written in UTF-8; as setlocale() reads it. */
static bool speaks_utf8(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < SL_LENGTH(names); i++) {
        const char *value = getenv(names[i]);

        if (value && *value)
            return strcasestr(value, "utf-8") || strcasestr(value, "utf8");
    }
    return false;
}

static struct sl_flow_look look_at(FILE *to)
{
    const char *no_colour = getenv("NO_COLOR"), *columns = getenv("COLUMNS");
    bool terminal = isatty(fileno(to));
    struct sl_flow_look look = {.width = WIDTH, .utf8 = speaks_utf8()};
    struct winsize size;
    uint64_t n;

    look.colour = terminal && !(no_colour && *no_colour);
    if (terminal && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        look.width = size.ws_col;
    else if (columns && sl_parse_uint(columns, &n) && n > 0 && n < 10000)
        look.width = (unsigned)n;
    return look;
}

/* A file that cannot be written whole is an error and not half a page. */
static int write_page(const struct sl_flow *f, const char *path)
{
    FILE *to = strcmp(path, "-") ? fopen(path, "we") : stdout;
    struct sl_error err = {0};
    struct sl_buf page;
    bool bad = !to;

    sl_buf_init(&page, OUTPUT_MAX);
    if (to) {
        sl_flow_html(f, &page);
        bad = page.full || fwrite(page.p, 1, page.n, to) != page.n || fflush(to);
        if (page.full)
            errno = EFBIG;
    }
    if (bad)
        sl_fail(&err, SL_EIO, "%s: %s", path, strerror(errno));
    if (to && to != stdout && fclose(to) && !bad)
        bad = sl_fail(&err, SL_EIO, "%s: %s", path, strerror(errno));
    sl_buf_release(&page);
    return bad ? sl_dlq_failed(&sl_command_flow, &err) : SL_EXIT_DONE;
}

static int show(const struct sl_flow *f, const char *const *values)
{
    int status = SL_EXIT_DONE;
    struct sl_buf out;

    if (values[OPT_HTML]) {
        status = write_page(f, values[OPT_HTML]);
        if (status || !values[OPT_JSON])
            return status;
    }
    sl_buf_init(&out, OUTPUT_MAX);
    if (values[OPT_JSON]) {
        sl_flow_json(f, &out);
    } else {
        struct sl_flow_look look = look_at(stdout);

        sl_flow_terminal(f, &look, &out);
    }
    if (out.full) {
        fprintf(stderr, "sluice flow: more than %d MiB to show\n", OUTPUT_MAX >> 20);
        status = SL_EXIT_FAILED;
    } else {
        sl_show_write(&out, stdout); /* what is a record's in it has been made harmless */
        if (fflush(stdout) || ferror(stdout))
            status = SL_EXIT_FAILED;
    }
    sl_buf_release(&out);
    return status;
}

/* ---- the command ---- */

static int read_time(const char *text, const char *name, int64_t *ret_ns)
{
    struct sl_error err = {0};
    int64_t ms;

    if (!text)
        return SL_EXIT_DONE;
    if (sl_dlq_read_time(text, name, sl_dlq_now_ms(), &ms, &err) != SL_OK)
        return sl_cli_usage(&sl_command_flow, "%s", err.text);
    *ret_ns = ms * 1000000;
    return SL_EXIT_DONE;
}

static int find_id(struct sl_flow_ask *ask, const struct sl_cli_args *args, char **ret)
{
    const char *around = args->values[OPT_AROUND];
    struct sl_error err = {0};
    char *id = NULL;

    if (!around) {
        *ret = sl_strdup(args->operands[0]);
        return SL_EXIT_DONE;
    }
    if (sl_flow_around(ask->config, around, &id, &err) == SL_EINVAL)
        return sl_cli_usage(&sl_command_flow, "%s", err.text);
    if (!id)
        return sl_dlq_failed(&sl_command_flow, &err);
    fprintf(stderr, "sluice flow: %s: ", around);
    sl_print_line(id, stderr);
    *ret = id;
    return SL_EXIT_DONE;
}

static int not_found(struct sl_flow_ask *ask, bool archive)
{
    struct sl_buf text;

    sl_buf_init(&text, WHERE_MAX);
    SL_BUF_LITERAL(&text, "sluice flow: no record with correlation id ");
    sl_show_text(sl_slice_str(ask->flow->id), ID_MAX_BYTES, &text);
    SL_BUF_LITERAL(&text, "; looked ");
    sl_buf_slice(&text, sl_buf_as_slice(&ask->where));
    sl_buf_text(&text, archive ? "; a trace_id that is no correlation id is found by "
                                 "Elasticsearch alone\n"
                               : "\n");
    sl_show_print(&text, stderr);
    sl_buf_release(&text);
    return SL_EXIT_FAILED;
}

static int run(struct sl_flow_ask *ask, const char *id, const char *const *values)
{
    int status;

    ask->flow = sl_flow_new(id);
    status = values[OPT_ARCHIVE] ? sl_flow_from_archive(ask) : sl_flow_from_search(ask);
    if (status)
        return status;
    sl_flow_finish(ask->flow);
    ask->flow->origin = sl_strdup(sl_buf_str(&ask->where));
    status = ask->flow->n_records ? show(ask->flow, values)
                                  : not_found(ask, values[OPT_ARCHIVE] != NULL);
    if (!ask->flow->missing)
        return status;
    fprintf(stderr, "sluice flow: records may be missing: ");
    sl_print_line(ask->flow->missing, stderr);
    return SL_EXIT_FAILED;
}

int sl_cmd_flow(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_flow_ask ask = {.from_ns = INT64_MIN, .to_ns = INT64_MAX};
    char *id = NULL;
    int status;

    if (!sl_cli_parse(&sl_command_flow, argc, argv, &args, &status))
        return status;
    if (args.n_operands + (values[OPT_AROUND] != NULL) != 1 ||
        (args.n_operands && !*args.operands[0]))
        return sl_cli_usage(&sl_command_flow,
                            "which request? ID, or --around TOPIC/PARTITION/OFFSET");
    status = read_time(values[OPT_FROM], "from", &ask.from_ns);
    if (!status)
        status = read_time(values[OPT_TO], "to", &ask.to_ns);
    if (!status && ask.from_ns >= ask.to_ns)
        status =
            sl_cli_usage(&sl_command_flow, "--from is not before --to: nothing lies between them");
    if (status)
        return status;
    ask.config_path = values[OPT_CONFIG];
    ask.sink = values[OPT_SINK];
    ask.from = values[OPT_FROM];
    ask.to = values[OPT_TO];
    ask.config = sl_dlq_config(ask.config_path);
    if (!ask.config)
        return SL_EXIT_USAGE;
    sl_buf_init(&ask.where, WHERE_MAX);
    status = find_id(&ask, &args, &id);
    if (!status)
        status = run(&ask, id, values);
    free(id);
    sl_flow_free(ask.flow);
    sl_buf_release(&ask.where);
    sl_config_free(ask.config);
    return status;
}
