/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/dlq.h"
#include "cli/show.h"
#include "config/config.h"
#include "config/units.h"

enum { OPT_CONFIG = SL_DLQ_FILTER_WORDS, OPT_BY, OPT_LIMIT, OPT_JSON };
enum { LIMIT = 10, LIMIT_MAX = 100000 };

static const struct sl_cli_option options[] = {
    SL_DLQ_FILTER_OPTIONS,
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_BY] = {"by", 0, "LIST", "count by sink, rule, status, reason, topic, day, hour"},
    [OPT_LIMIT] = {"limit", 0, "N", "show the newest N letters one by one (10; 0: none)"},
    [OPT_JSON] = {"json", 0, NULL, "one JSON object"},
};
const struct sl_cli_command sl_command_dlq_list = {
    .name = "dlq list",
    .summary = "counts dead letters, and shows the newest",
    .description =
        "Reads the dead-letter topics of the configuration and counts the letters that have not\n"
        "been redriven. Reasons count as one where only numbers and what stands in quotes differ.\n"
        "Changes nothing.\n\n"
        "Exit status: 0 done, 1 the letters could not be read, 2 the configuration is wrong.",
    .example = "sluice dlq list -c sluice.yaml\n"
               "sluice dlq list --sink search --reason mapper --since 2h --limit 50\n"
               "sluice dlq list --by sink,hour --limit 0\n"
               "sluice dlq list --json | jq -r '.letters[].letter'",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_dlq_list,
};

/* The newest, oldest first; written as they will be shown. */
struct newest {
    struct one {
        int64_t ms;
        char *text;
    } * items;
    size_t n, max;
};

struct list {
    struct sl_dlq_filter filter;
    struct sl_dlq_groups groups;
    struct sl_dlq_scan scan;
    struct newest newest;
    bool json;
    struct sl_buf out;
};

/* ---- the newest ---- */

static char *write_letter(const struct sl_dead_letter *l, bool json)
{
    struct sl_buf text;

    sl_buf_init(&text, SL_DLQ_OUTPUT_MAX);
    if (json) {
        sl_buf_byte(&text, '{');
        sl_dlq_letter_json(l, &text);
        sl_buf_byte(&text, '}');
    } else {
        sl_dlq_letter_line(l, &text);
    }
    return sl_buf_take(&text);
}

/* Letters come nearly in their order, so the search from the end is short. */
static void keep(struct newest *k, const struct sl_dead_letter *l, bool json)
{
    size_t at = k->n;

    while (at > 0 && k->items[at - 1].ms > l->time_ms)
        at--;
    if (k->max == 0 || (k->n == k->max && at == 0))
        return;
    if (k->n == k->max) { /* the oldest goes, and those before `at` move up */
        free(k->items[0].text);
        memmove(k->items, k->items + 1, --at * sizeof(*k->items));
        k->items[at] = (struct one){l->time_ms, write_letter(l, json)};
        return;
    }
    memmove(k->items + at + 1, k->items + at, (k->n - at) * sizeof(*k->items));
    k->items[at] = (struct one){l->time_ms, write_letter(l, json)};
    k->n++;
}

static bool take(void *user, const struct sl_dead_letter *l)
{
    struct list *list = user;

    if (!sl_dlq_filter_takes(&list->filter, l))
        return true;
    sl_dlq_groups_add(&list->groups, l);
    keep(&list->newest, l, list->json);
    return true;
}

/* ---- showing ---- */

static void sum_up(struct list *list)
{
    struct sl_buf *out = &list->out;

    for (size_t i = 0; i < list->scan.n; i++) {
        const struct sl_dlq_topic *t = &list->scan.topics[i];

        if (!t->exists)
            continue;
        sl_buf_printf(out, "%s: ", t->name);
        sl_show_count(t->letters - t->redriven, out);
        sl_buf_text(out, t->letters - t->redriven == 1 ? " letter waits, " : " letters wait, ");
        sl_show_count(t->redriven, out);
        sl_buf_text(out, t->redriven == 1 ? " has been redriven" : " have been redriven");
        if (t->others)
            sl_buf_printf(out, "; %" PRIu64 " of its records are no letters", t->others);
        sl_buf_byte(out, '\n');
    }
}

static void show_text(struct list *list)
{
    struct sl_buf *out = &list->out;
    const struct newest *k = &list->newest;

    sl_dlq_groups_text(&list->groups, out);
    if (list->groups.letters)
        sl_buf_byte(out, '\n');
    if (k->n && k->n < list->groups.letters)
        sl_buf_printf(out, "The newest %zu:\n", k->n);
    for (size_t i = k->n; i > 0; i--)
        sl_buf_text(out, k->items[i - 1].text);
    if (k->n)
        sl_buf_byte(out, '\n');
    sum_up(list);
    sl_show_print(out, stdout);
}

static void show_json(struct list *list)
{
    struct sl_buf *out = &list->out;
    const char *comma = "";

    SL_BUF_LITERAL(out, "{\"topics\":[");
    for (size_t i = 0; i < list->scan.n; i++) {
        const struct sl_dlq_topic *t = &list->scan.topics[i];

        if (!t->exists)
            continue;
        sl_buf_printf(out, "%s{\"topic\":", comma);
        sl_show_string(sl_slice_str(t->name), out);
        sl_buf_printf(out,
                      ",\"waiting\":%" PRIu64 ",\"redriven\":%" PRIu64 ",\"others\":%" PRIu64 "}",
                      t->letters - t->redriven, t->redriven, t->others);
        comma = ",";
    }
    SL_BUF_LITERAL(out, "],\"groups\":");
    sl_dlq_groups_json(&list->groups, out);
    SL_BUF_LITERAL(out, ",\"letters\":[");
    for (size_t i = list->newest.n; i > 0; i--) {
        sl_buf_text(out, i < list->newest.n ? "," : "");
        sl_buf_text(out, list->newest.items[i - 1].text);
    }
    SL_BUF_LITERAL(out, "]}\n");
    sl_show_write(out, stdout);
}

/* ---- the command ---- */

static int read_limit(const char *text, size_t *ret)
{
    uint64_t n = LIMIT;

    if (text && (!sl_parse_uint(text, &n) || n > LIMIT_MAX))
        return sl_cli_usage(&sl_command_dlq_list, "--limit is a number up to %d; not %s", LIMIT_MAX,
                            text);
    *ret = n;
    return SL_EXIT_DONE;
}

static int run(struct list *list, const struct sl_config *config)
{
    struct sl_error err = {0};
    int code;

    code = sl_dlq_scan_open(config, sl_command_dlq_list.name, NULL, NULL, &list->scan, &err);
    if (!code)
        code = sl_dlq_scan_letters(&list->scan, take, list, &err);
    if (code)
        return sl_dlq_failed(&sl_command_dlq_list, &err);
    sl_dlq_groups_sort(&list->groups);
    if (list->json)
        show_json(list);
    else
        show_text(list);
    return SL_EXIT_DONE;
}

int sl_cmd_dlq_list(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_config *config = NULL;
    struct sl_error err = {0};
    struct list list = {0};
    int status = SL_EXIT_USAGE;

    if (!sl_cli_parse(&sl_command_dlq_list, argc, argv, &args, &status))
        return status;
    status = read_limit(values[OPT_LIMIT], &list.newest.max);
    if (status)
        return status;
    status = SL_EXIT_USAGE;
    if (sl_dlq_filter_parse(values, NULL, 0, sl_dlq_now_ms(), &list.filter, &err) ||
        sl_dlq_groups_init(&list.groups, values[OPT_BY], &err)) {
        sl_cli_usage(&sl_command_dlq_list, "%s", err.text);
        goto out;
    }
    config = sl_dlq_config(values[OPT_CONFIG]);
    if (!config)
        goto out;
    list.json = values[OPT_JSON] != NULL;
    list.newest.items = sl_calloc(list.newest.max + 1, sizeof(*list.newest.items));
    sl_buf_init(&list.out, SL_DLQ_OUTPUT_MAX);
    status = run(&list, config);
    sl_buf_release(&list.out);
out:
    for (size_t i = 0; i < list.newest.n; i++)
        free(list.newest.items[i].text);
    free(list.newest.items);
    sl_dlq_scan_release(&list.scan);
    sl_dlq_groups_release(&list.groups);
    sl_dlq_filter_release(&list.filter);
    sl_config_free(config);
    return status;
}
