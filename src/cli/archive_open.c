/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/archive.h"
#include "cli/dlq.h"
#include "cli/show.h"
#include "config/config.h"
#include "config/units.h"

enum { TEXT_MAX = 64 * 1024, NAMES_MAX = 512 };

/* ---- what is asked ---- */

static int find_sink(struct sl_archive_open *o, const char *name)
{
    char names[NAMES_MAX] = "";
    size_t n = 0;

    for (size_t i = 0; i < o->config->n_sinks; i++) {
        const struct sl_sink_config *s = &o->config->sinks[i];
        size_t used = strlen(names);

        if (s->kind != SL_SINK_S3)
            continue;
        n++;
        snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", s->name);
        if (!name || !strcmp(s->name, name))
            o->sink = s;
    }
    if (n == 0)
        return sl_cli_usage(o->command, "no sink of the configuration is an archive (type: s3)");
    if (name && !o->sink)
        return sl_cli_usage(o->command, "there is no S3 sink %s; there is: %s", name, names);
    if (!name && n > 1)
        return sl_cli_usage(o->command, "there are several S3 sinks: choose by --sink: %s", names);
    return SL_EXIT_DONE;
}

static int read_time(const char *text, const char *name, int64_t *ret_ns, struct sl_error *err)
{
    int64_t ms;

    if (!text)
        return SL_OK;
    if (sl_dlq_read_time(text, name, sl_dlq_now_ms(), &ms, err) != SL_OK)
        return SL_EINVAL;
    *ret_ns = ms * 1000000;
    return SL_OK;
}

static int read_query(struct sl_archive_open *o, const char *const *values)
{
    struct sl_error err = {0};
    uint64_t n = 0;

    o->query = sl_archive_all();
    o->query.prefix = values[SL_ARCHIVE_OPT_PREFIX];
    o->query.topic = values[SL_ARCHIVE_OPT_TOPIC];
    if (values[SL_ARCHIVE_OPT_PARTITION]) {
        if (!sl_parse_uint(values[SL_ARCHIVE_OPT_PARTITION], &n) || n > INT32_MAX)
            return sl_cli_usage(o->command, "--partition is a number; not %s",
                                values[SL_ARCHIVE_OPT_PARTITION]);
        o->query.partition = (int32_t)n;
    }
    if (read_time(values[SL_ARCHIVE_OPT_FROM], "from", &o->query.from_ns, &err) ||
        read_time(values[SL_ARCHIVE_OPT_TO], "to", &o->query.to_ns, &err))
        return sl_cli_usage(o->command, "%s", err.text);
    if (o->query.from_ns >= o->query.to_ns)
        return sl_cli_usage(o->command, "--from is not before --to: nothing lies between them");
    return SL_EXIT_DONE;
}

/* ---- the runtime ---- */

int sl_archive_open(const struct sl_cli_command *command, const char *const *values,
                    struct sl_archive_open *ret)
{
    struct sl_archive_open *o = ret;
    int status;

    *o = (struct sl_archive_open){.command = command};
    sl_dlq_progress_init(&o->progress, command->name);
    status = read_query(o, values);
    if (status)
        return status;
    o->config = sl_dlq_config(values[SL_ARCHIVE_OPT_CONFIG]);
    if (!o->config)
        return SL_EXIT_USAGE;
    status = find_sink(o, values[SL_ARCHIVE_OPT_SINK]);
    if (status)
        return status;
    o->has_loop = sl_loop_init(&o->loop, NULL, &o->err) == SL_OK;
    o->http = o->has_loop ? sl_http_client_new(&o->loop, &o->err) : NULL;
    if (o->http)
        o->archive = sl_archive_new(o->sink, &o->loop.rt, sl_http_client_http(o->http), &o->err);
    return o->archive ? SL_EXIT_DONE : sl_archive_failed(o);
}

void sl_archive_open_release(struct sl_archive_open *o)
{
    sl_archive_free(o->archive);
    if (o->http)
        sl_http_client_free(o->http);
    if (o->has_loop)
        sl_loop_release(&o->loop);
    sl_config_free(o->config);
}

void sl_archive_on_done(void *user, int code, const struct sl_error *err)
{
    struct sl_archive_open *o = user;

    o->waiting = false;
    o->code = code;
    if (code)
        o->err = *err;
}

int sl_archive_wait(struct sl_archive_open *o)
{
    const struct sl_archive_counts *c = sl_archive_counts(o->archive);
    const char *why;

    o->waiting = true;
    while (o->waiting) {
        uv_run(&o->loop.uv, UV_RUN_ONCE);
        why = sl_archive_trouble(o->archive);
        if (*why)
            sl_dlq_progress(&o->progress, "trying again: %s", why);
        else
            sl_dlq_progress(&o->progress,
                            "%" PRIu64 " objects, %" PRIu64 " requests, %" PRIu64 " MiB read",
                            c->objects, c->list_requests + c->requests,
                            (c->tail_bytes + c->member_bytes) >> 20);
    }
    return o->code;
}

int sl_archive_failed(struct sl_archive_open *o)
{
    sl_dlq_progress_hide(&o->progress);
    return sl_dlq_failed(o->command, &o->err);
}

int sl_archive_find(struct sl_archive_open *o)
{
    sl_archive_list(o->archive, &o->query, sl_archive_on_done, o);
    return sl_archive_wait(o) ? sl_archive_failed(o) : SL_EXIT_DONE;
}

int sl_archive_look(struct sl_archive_open *o)
{
    int status = sl_archive_find(o);

    if (status)
        return status;
    sl_archive_tails(o->archive, sl_archive_on_done, o);
    return sl_archive_wait(o) ? sl_archive_failed(o) : SL_EXIT_DONE;
}

/* ---- what was read ---- */

void sl_archive_bytes(uint64_t n, struct sl_buf *out)
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    double v = (double)n / 1024;
    size_t u = 0;

    if (n < 1024) {
        sl_buf_printf(out, "%" PRIu64 " B", n);
        return;
    }
    for (; v >= 1000 && u + 1 < SL_LENGTH(units); u++)
        v /= 1024;
    sl_buf_printf(out, v < 10 ? "%.2f %s" : v < 100 ? "%.1f %s" : "%.0f %s", v, units[u]);
}

static void count(uint64_t n, const char *one, const char *many, struct sl_buf *out)
{
    sl_show_count(n, out);
    sl_buf_printf(out, " %s", n == 1 ? one : many);
}

void sl_archive_tell_reading(const struct sl_archive_open *o)
{
    const struct sl_archive_counts *c = sl_archive_counts(o->archive);
    uint64_t read = c->tail_bytes + c->member_bytes;
    struct sl_buf out;

    sl_buf_init(&out, TEXT_MAX);
    sl_buf_printf(&out, "sluice %s: read ", o->command->name);
    sl_archive_bytes(read, &out);
    SL_BUF_LITERAL(&out, " of ");
    sl_archive_bytes(c->object_bytes, &out);
    if (c->object_bytes)
        sl_buf_printf(&out, " (%.2f %%)", 100.0 * (double)read / (double)c->object_bytes);
    SL_BUF_LITERAL(&out, " in ");
    count(c->objects, "object", "objects", &out);
    SL_BUF_LITERAL(&out, ": ");
    sl_archive_bytes(c->tail_bytes, &out);
    SL_BUF_LITERAL(&out, " of indexes, and ");
    sl_archive_bytes(c->member_bytes, &out);
    SL_BUF_LITERAL(&out, " of ");
    sl_show_count(c->fetched, &out);
    SL_BUF_LITERAL(&out, " of ");
    count(c->members, "member", "members", &out);
    sl_buf_printf(&out, "; %" PRIu64 " requests and %" PRIu64 " of lists\n", c->requests,
                  c->list_requests);
    if (c->plain + c->damaged) {
        sl_buf_printf(&out, "sluice %s: ", o->command->name);
        count(c->plain, "object has", "objects have", &out);
        SL_BUF_LITERAL(&out, " no index");
        if (c->damaged) {
            SL_BUF_LITERAL(&out, ", ");
            count(c->damaged, "a damaged one", "damaged ones", &out);
        }
        SL_BUF_LITERAL(&out, ": such are read whole\n");
    }
    if (c->other_keys) {
        sl_buf_printf(&out, "sluice %s: ", o->command->name);
        count(c->other_keys, "key", "keys", &out);
        SL_BUF_LITERAL(&out, " passed over that no S3 sink has written\n");
    }
    sl_show_print(&out, stderr);
    sl_buf_release(&out);
}

void sl_archive_reading_json(const struct sl_archive_open *o, struct sl_buf *out)
{
    const struct sl_archive_counts *c = sl_archive_counts(o->archive);

    sl_buf_printf(out,
                  "\"read\":{\"objects\":%" PRIu64 ",\"object_bytes\":%" PRIu64
                  ",\"index_bytes\":%" PRIu64 ",\"member_bytes\":%" PRIu64 ",\"members\":%" PRIu64
                  ",\"members_read\":%" PRIu64 ",\"requests\":%" PRIu64
                  ",\"list_requests\":%" PRIu64 ",\"without_index\":%" PRIu64
                  ",\"damaged_indexes\":%" PRIu64 ",\"other_keys\":%" PRIu64 "}",
                  c->objects, c->object_bytes, c->tail_bytes, c->member_bytes, c->members,
                  c->fetched, c->requests, c->list_requests, c->plain, c->damaged, c->other_keys);
}

void sl_archive_tell_unknown_ids(const struct sl_archive_open *o)
{
    enum sl_archive_format format = sl_archive_format_of(o->archive);

    if (sl_archive_counts(o->archive)->chosen == 0 || format == SL_ARCHIVE_JSON)
        return;
    fprintf(stderr,
            "sluice %s: in lines that are `%s`, not `json`, %smade ids and those inside pieces of "
            "messages cannot be seen\n",
            o->command->name, format == SL_ARCHIVE_RAW ? "raw" : "envelope",
            format == SL_ARCHIVE_RAW ? "ids from headers, " : "");
}

size_t sl_archive_tell_damaged(struct sl_archive_open *o)
{
    struct sl_archive_object *objects;
    size_t n, found = 0;
    struct sl_buf out;

    objects = sl_archive_objects(o->archive, &n);
    sl_buf_init(&out, TEXT_MAX);
    for (size_t i = 0; i < n; i++)
        if (objects[i].state == SL_OBJECT_DAMAGED) {
            sl_buf_printf(&out, "sluice %s: %s: %s\n", o->command->name, objects[i].key,
                          objects[i].wrong);
            sl_show_print(&out, stderr);
            found++;
        }
    sl_buf_release(&out);
    return found;
}
