/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "cli/positions.h"
#include "cli/show.h"

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t lag(const struct sl_positions_part *part, size_t sink)
{
    int64_t position = sl_positions_of(part, sink);

    return position >= 0 && part->group->high >= 0 ? most(part->group->high - position, 0) : -1;
}

/* As the last commit left it; how the sink is now, a running replica's status page tells. */
static const char *state(const struct sl_positions_part *part, size_t sink)
{
    const struct sl_sink_position *s = &part->p->sinks[sink];
    int64_t position = sl_positions_of(part, sink);

    if (part->group->committed < 0)
        return "not read yet";
    if (part->group->low >= 0 && position >= 0 && position < part->group->low)
        return "expired";
    if (part->counts && part->is_new[sink])
        return "new";
    if (!part->counts)
        return "with the group";
    if (s->plan.end > 0)
        return "uploading";
    return s->catch_up >= 0 ? "behind" : "live";
}

/* ---- for people ---- */

static void number(struct sl_buf *out, int64_t v, size_t width)
{
    size_t begin = out->n;

    if (v < 0)
        sl_buf_text(out, "-");
    else
        sl_show_count((uint64_t)v, out);
    sl_show_pad(out, begin, width);
}

static void cell(struct sl_buf *out, const char *text, size_t width)
{
    size_t begin = out->n;

    sl_buf_text(out, text);
    sl_show_pad(out, begin, width);
}

static size_t widest_name(const struct sl_positions *v)
{
    size_t width = 4;

    for (size_t i = 0; i < v->config->n_sinks; i++) {
        size_t n = sl_show_width(sl_slice_str(v->config->sinks[i].name));

        width = n > width ? n : width;
    }
    return width + 2;
}

static void part_head(const struct sl_positions_part *part, struct sl_buf *out)
{
    const struct sl_group_partition *g = part->group;

    sl_buf_printf(out, "\n%s-%" PRId32 "  committed ", g->topic, g->number);
    number(out, g->committed, 0);
    sl_buf_text(out, "log ");
    number(out, g->low, 0);
    sl_buf_text(out, "to ");
    number(out, g->high, 0);
    sl_buf_byte(out, '\n');
    if (*g->why)
        sl_buf_printf(out, "  could not be looked up: %s\n", g->why);
    else if (g->committed >= 0 && !part->counts)
        sl_buf_text(out, g->line
                             ? "  the note beside the offset does not belong to it (the offset "
                               "was set by hand): every sink goes on at the offset\n"
                             : "  no note beside the offset: every sink goes on at the offset\n");
}

static void part_text(const struct sl_positions *v, const struct sl_positions_part *part,
                      struct sl_buf *out)
{
    size_t width = widest_name(v);

    part_head(part, out);
    if (part->group->committed < 0)
        return;
    sl_buf_text(out, "  ");
    cell(out, "sink", width);
    sl_buf_text(out, "position        lag             state\n");
    for (size_t s = 0; s < v->config->n_sinks; s++) {
        const struct sl_plan *plan = &part->p->sinks[s].plan;

        sl_buf_text(out, "  ");
        cell(out, v->config->sinks[s].name, width);
        number(out, sl_positions_of(part, s), 16);
        number(out, lag(part, s), 16);
        sl_buf_text(out, state(part, s));
        if (plan->end > 0)
            sl_buf_printf(out, " %" PRId64 " to %" PRId64, plan->first, plan->end - 1);
        sl_buf_byte(out, '\n');
    }
    for (size_t i = 0; i < part->p->n_carried; i++)
        sl_buf_printf(out, "  (a sink that is not in this configuration: %s at %" PRId64 ")\n",
                      part->p->carried[i].id, part->p->carried[i].position);
}

void sl_positions_text(const struct sl_positions *v, struct sl_buf *out)
{
    sl_buf_printf(out, "group %s: %s, %d member%s\n", v->config->source.group, v->group.state,
                  v->group.members, v->group.members == 1 ? "" : "s");
    for (size_t i = 0; i < v->group.n; i++)
        part_text(v, &v->parts[i], out);
    if (v->group.n > 1)
        sl_buf_text(out, "\nall partitions\n");
    for (size_t s = 0; v->group.n > 1 && s < v->config->n_sinks; s++) {
        int64_t all = 0;

        for (size_t i = 0; i < v->group.n; i++)
            all += most(lag(&v->parts[i], s), 0);
        sl_buf_text(out, "  ");
        cell(out, v->config->sinks[s].name, widest_name(v));
        sl_buf_text(out, "lag ");
        number(out, all, 0);
        sl_buf_byte(out, '\n');
    }
}

/* ---- for machines ---- */

static json_t *sink_json(const struct sl_positions *v, const struct sl_positions_part *part,
                         size_t s)
{
    const struct sl_plan *plan = &part->p->sinks[s].plan;
    json_t *o = json_pack("{ss ss sI sI ss}", "name", v->config->sinks[s].name, "id",
                          v->config->sinks[s].id, "position", (json_int_t)sl_positions_of(part, s),
                          "lag", (json_int_t)lag(part, s), "state", state(part, s));

    if (plan->end > 0)
        json_object_set_new(o, "plan",
                            json_pack("{sI sI}", "first", (json_int_t)plan->first, "last",
                                      (json_int_t)plan->end - 1));
    return o;
}

static json_t *part_json(const struct sl_positions *v, const struct sl_positions_part *part)
{
    const struct sl_group_partition *g = part->group;
    json_t *o = json_pack("{ss si sI sI sI sb}", "topic", g->topic, "partition", (int)g->number,
                          "committed", (json_int_t)g->committed, "log_start", (json_int_t)g->low,
                          "log_end", (json_int_t)g->high, "own_positions", part->counts);
    json_t *sinks = json_array(), *rules = json_array(), *unknown = json_array();

    for (size_t s = 0; s < v->config->n_sinks; s++)
        json_array_append_new(sinks, sink_json(v, part, s));
    for (size_t i = 0; i < part->p->n_eras; i++)
        json_array_append_new(rules,
                              json_pack("{sI ss}", "from", (json_int_t)part->p->eras[i].begin,
                                        "hash", part->p->eras[i].rules));
    for (size_t i = 0; i < part->p->n_carried; i++)
        json_array_append_new(unknown,
                              json_pack("{ss sI}", "id", part->p->carried[i].id, "position",
                                        (json_int_t)part->p->carried[i].position));
    json_object_set_new(o, "sinks", sinks);
    json_object_set_new(o, "rules", rules);
    json_object_set_new(o, "unknown", unknown);
    if (*g->why)
        json_object_set_new(o, "error", json_string(g->why));
    return o;
}

void sl_positions_json(const struct sl_positions *v, struct sl_buf *out)
{
    json_t *o = json_pack("{ss ss si}", "group", v->config->source.group, "state", v->group.state,
                          "members", v->group.members);
    json_t *parts = json_array();
    char *text;

    for (size_t i = 0; i < v->group.n; i++)
        json_array_append_new(parts, part_json(v, &v->parts[i]));
    json_object_set_new(o, "partitions", parts);
    text = json_dumps(o, JSON_COMPACT);
    sl_buf_printf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(o);
}
