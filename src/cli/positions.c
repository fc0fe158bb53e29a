/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/positions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/show.h"
#include "config/config.h"
#include "record/time.h"

enum { OPT_CONFIG, OPT_SINK, OPT_TO, OPT_TOPIC, OPT_PARTITION, OPT_DRY_RUN, OPT_JSON };
enum { OUTPUT_MAX = 64 << 20, DAY_S = 24 * 3600 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_SINK] = {"sink", 0, "NAME", "set this sink's position (with --to)"},
    [OPT_TO] = {"to", 0, "WHERE", "earliest, latest, an RFC 3339 time, or an offset"},
    [OPT_TOPIC] = {"topic", 0, "T", "this topic only"},
    [OPT_PARTITION] = {"partition", 0, "N", "this partition only (with --topic)"},
    [OPT_DRY_RUN] = {"dry-run", 0, NULL, "show what --to would change, and change nothing"},
    [OPT_JSON] = {"json", 0, NULL, "one JSON object on standard output"},
};
const struct sl_cli_command sl_command_positions = {
    .name = "positions",
    .summary = "where the group and each sink are; sets one sink's position",
    .description =
        "Shows what the group has committed: per partition the offset, and each sink's own\n"
        "position beside it, with its lag.\n\n"
        "With --sink and --to it sets one sink's position, while every replica is stopped. Going\n"
        "back sends the sink those records again: Elasticsearch knows them by their ids, archives\n"
        "and webhooks get them twice. Going forward leaves records out. The other sinks stay "
        "where\n"
        "they are.",
    .example = "sluice positions\n"
               "sluice positions --sink search --to 2026-11-20T00:00:00Z --dry-run\n"
               "sluice positions --sink archive --to 1200 --topic logs --partition 3",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_positions,
};

/* ---- what is there ---- */

int64_t sl_positions_of(const struct sl_positions_part *part, size_t sink)
{
    const struct sl_sink_position *s = &part->p->sinks[sink];

    if (part->group->committed < 0)
        return -1;
    return s->catch_up >= 0 ? s->catch_up : s->from;
}

static void read_parts(struct sl_positions *v)
{
    for (size_t i = 0; i < v->config->n_sinks; i++)
        v->ids[i] = v->config->sinks[i].id;
    v->names = (struct sl_position_names){
        .sink_ids = v->ids, .rules = "", .day = (int64_t)time(NULL) / DAY_S};
    v->topic.name = v->no_name;
    v->parts = sl_calloc(v->group.n, sizeof(*v->parts));
    for (size_t i = 0; i < v->group.n; i++) {
        struct sl_positions_part *part = &v->parts[i];
        const struct sl_group_partition *g = &v->group.parts[i];

        part->group = g;
        part->p = sl_partition_new(&v->topic, g->number, 0, v->config->n_sinks, "");
        part->counts = g->committed >= 0 && sl_metadata_read(part->p, &v->names, g->committed,
                                                             sl_slice_str(g->line), part->is_new);
        if (!part->counts)
            sl_partition_void(part->p, g->committed >= 0 ? g->committed : 0);
    }
}

static void release(struct sl_positions *v)
{
    for (size_t i = 0; v->parts && i < v->group.n; i++)
        sl_partition_unref(v->parts[i].p);
    free(v->parts);
    v->parts = NULL;
    sl_group_release(&v->group);
}

/* ---- setting one ---- */

enum target_kind { TO_NOWHERE, TO_EARLIEST, TO_LATEST, TO_TIME, TO_OFFSET };

struct target {
    size_t sink;
    enum target_kind kind;
    int64_t value; /* ms, or the offset */
    const char *topic;
    int64_t partition; /* -1: all */
};

static bool whole_number(const char *text, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    return *text >= '0' && *text <= '9' && !*end && errno == 0;
}

static int parse_target(const struct sl_config *config, const struct sl_cli_args *args,
                        struct target *ret)
{
    const char *sink = args->values[OPT_SINK], *to = args->values[OPT_TO];
    const char *partition = args->values[OPT_PARTITION];
    const struct sl_cli_command *me = &sl_command_positions;
    int64_t ns;

    *ret = (struct target){.topic = args->values[OPT_TOPIC], .partition = -1};
    if (!sink != !to)
        return sl_cli_usage(me, "--sink and --to go together");
    if (partition && (!ret->topic || !whole_number(partition, &ret->partition)))
        return sl_cli_usage(me, "--partition takes a number, and goes with --topic");
    if (!sink)
        return args->values[OPT_DRY_RUN] ? sl_cli_usage(me, "--dry-run goes with --sink and --to")
                                         : SL_EXIT_DONE;
    while (ret->sink < config->n_sinks && strcmp(config->sinks[ret->sink].name, sink) != 0)
        ret->sink++;
    if (ret->sink == config->n_sinks)
        return sl_cli_usage(me, "there is no sink `%s` in the configuration", sink);
    if (strcmp(to, "earliest") == 0)
        ret->kind = TO_EARLIEST;
    else if (strcmp(to, "latest") == 0)
        ret->kind = TO_LATEST;
    else if (whole_number(to, &ret->value))
        ret->kind = TO_OFFSET;
    else if (sl_time_parse(sl_slice_str(to), NULL, &ns))
        ret->kind = TO_TIME;
    else
        return sl_cli_usage(me, "--to takes earliest, latest, an offset, or a time such as "
                                "2026-11-20T08:00:00Z");
    if (ret->kind == TO_TIME)
        ret->value = ns / 1000000;
    return SL_EXIT_DONE;
}

static bool meant(const struct target *t, const struct sl_group_partition *g)
{
    return (!t->topic || strcmp(t->topic, g->topic) == 0) &&
           (t->partition < 0 || t->partition == g->number);
}

static int64_t wanted(const struct target *t, const struct sl_group_partition *g)
{
    switch (t->kind) {
    case TO_EARLIEST:
        return g->low;
    case TO_LATEST:
        return g->high;
    case TO_TIME:
        return g->at_time;
    case TO_OFFSET:
    case TO_NOWHERE:
    default:
        return t->value;
    }
}

struct changes {
    struct sl_group_change *items;
    char (*lines)[SL_METADATA_MAX];
    size_t n;
};

/* One sink elsewhere, the others where they are, and as the offset the least of all. */
static void change_part(const struct sl_positions *v, const struct target *t,
                        struct sl_positions_part *part, struct changes *c, struct sl_buf *told)
{
    struct sl_sink_position *s = &part->p->sinks[t->sink];
    int64_t before = sl_positions_of(part, t->sink), to = wanted(t, part->group), furthest = 0;
    size_t length;

    for (size_t i = 0; i < v->config->n_sinks; i++)
        if (i != t->sink && sl_positions_of(part, i) > furthest)
            furthest = sl_positions_of(part, i);
    s->plan = (struct sl_plan){0};
    s->catch_up = to < furthest ? to : -1;
    s->from = to < furthest ? INT64_MAX : to;
    part->p->next = 0; /* so that each position is the sink's own */
    length = sl_metadata_write(part->p, &v->names, c->lines[c->n]);
    c->items[c->n] = (struct sl_group_change){.topic = part->group->topic,
                                              .number = part->group->number,
                                              .offset = sl_partition_least(part->p),
                                              .line = length ? c->lines[c->n] : NULL};
    c->n++;
    sl_buf_printf(told, "%s-%" PRId32 "  %s: %" PRId64 " -> %" PRId64 " (%+" PRId64 " records)\n",
                  part->group->topic, part->group->number, v->config->sinks[t->sink].name, before,
                  to, before - to);
}

static int collect(struct sl_positions *v, const struct target *t, struct changes *c,
                   struct sl_buf *told, struct sl_error *err)
{
    for (size_t i = 0; i < v->group.n; i++) {
        const struct sl_group_partition *g = &v->group.parts[i];
        int64_t to = wanted(t, g);

        if (!meant(t, g))
            continue;
        if (*g->why)
            return sl_fail(err, SL_EKAFKA, "%s-%" PRId32 ": %s", g->topic, g->number, g->why);
        if (g->committed < 0) {
            sl_buf_printf(told, "%s-%" PRId32 "  nothing is committed yet: left as it is\n",
                          g->topic, g->number);
            continue;
        }
        if (to < g->low || to > g->high)
            return sl_fail(err, SL_EINVAL,
                           "%s-%" PRId32 ": offset %" PRId64
                           " is not in the log, which has %" PRId64 " to %" PRId64 "%s",
                           g->topic, g->number, to, g->low, g->high,
                           t->kind == TO_OFFSET && !t->topic
                               ? " (--topic and --partition choose one partition)"
                               : "");
        change_part(v, t, &v->parts[i], c, told);
    }
    return c->n > 0 || told->n > 0
               ? SL_OK
               : sl_fail(err, SL_EINVAL, "no such topic or partition is consumed");
}

static int set(struct sl_positions *v, const struct target *t, bool dry, struct sl_buf *told,
               struct sl_error *err)
{
    struct changes c = {.items = sl_calloc(v->group.n, sizeof(*c.items)),
                        .lines = sl_calloc(v->group.n, sizeof(*c.lines))};
    int rc = SL_OK;

    if (v->group.members > 0 && !dry)
        rc = sl_fail(err, SL_EKAFKA,
                     "group %s has %d member%s: stop every replica first (its commits would undo "
                     "this)",
                     v->config->source.group, v->group.members, v->group.members == 1 ? "" : "s");
    if (rc == SL_OK)
        rc = collect(v, t, &c, told, err);
    if (rc == SL_OK && !dry && c.n > 0)
        rc = sl_group_commit(v->config, NULL, c.items, c.n, err);
    if (rc == SL_OK && dry)
        sl_buf_text(told, "(dry run: nothing was changed)\n");
    free(c.items);
    free(c.lines);
    return rc;
}

/* ---- the command ---- */

static int run(const struct sl_config *config, const struct sl_cli_args *args,
               const struct target *t)
{
    struct sl_positions v = {.config = config};
    struct sl_error err = {0};
    struct sl_buf out;
    int rc = sl_group_read(config, NULL, t->kind == TO_TIME ? t->value : -1, &v.group, &err);

    sl_buf_init(&out, OUTPUT_MAX);
    if (rc == SL_OK) {
        read_parts(&v);
        if (t->kind != TO_NOWHERE)
            rc = set(&v, t, args->values[OPT_DRY_RUN] != NULL, &out, &err);
        else if (args->values[OPT_JSON])
            sl_positions_json(&v, &out);
        else
            sl_positions_text(&v, &out);
    }
    if (rc != SL_OK)
        fprintf(stderr, "sluice positions: %s\n", err.text);
    else if (args->values[OPT_JSON] && t->kind == TO_NOWHERE)
        sl_show_write(&out, stdout);
    else
        sl_show_print(&out, stdout);
    sl_buf_release(&out);
    release(&v);
    return rc == SL_OK ? SL_EXIT_DONE : SL_EXIT_FAILED;
}

int sl_cmd_positions(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_config *config;
    struct sl_diags diags;
    struct target t;
    int status;

    if (!sl_cli_parse(&sl_command_positions, argc, argv, &args, &status))
        return status;
    sl_diags_init(&diags);
    config = sl_config_load(args.values[OPT_CONFIG], &diags);
    sl_diags_print(&diags, stderr);
    sl_diags_release(&diags);
    status = config ? parse_target(config, &args, &t) : SL_EXIT_USAGE;
    if (status == SL_EXIT_DONE)
        status = run(config, &args, &t);
    sl_config_free(config);
    return status;
}
