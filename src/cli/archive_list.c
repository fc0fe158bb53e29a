/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "cli/archive.h"
#include "cli/show.h"
#include "sluice/record.h"

enum { OPT_ID = SL_ARCHIVE_WORDS };
enum { OUTPUT_MAX = 1 << 30 };

static const struct sl_cli_option options[] = {
    SL_ARCHIVE_OPTIONS,
    [OPT_ID] = {"id", 0, "ID", "objects that may hold records of this correlation id"},
};
const struct sl_cli_command sl_command_archive_list = {
    .name = "archive list",
    .summary = "lists archive objects: offsets, records, times, bytes",
    .description =
        "Lists the objects of an S3 sink by topic, partition and offset, with what their indexes\n"
        "tell. Nothing but lists and the ends of objects is read.\n\n"
        "Exit status: 0 done, 1 the store could not be read, 2 the configuration is wrong.",
    .example = "sluice archive list -c sluice.yaml\n"
               "sluice archive list --topic logs --partition 3 --from 2026-01-31 --to 2026-02-01\n"
               "sluice archive list --json | jq -r '.objects[].key'",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_archive_list,
};

/* The index tells more than the name: objects none of whose members is of that time or id are left
 * out. */
static bool shown(const struct sl_archive_object *o)
{
    return o->state != SL_OBJECT_INDEXED || o->chosen > 0;
}

static void times(const struct sl_archive_object *o, const char *between, struct sl_buf *out)
{
    sl_time_rfc3339(o->least_ns, out);
    sl_buf_text(out, between);
    sl_time_rfc3339(o->greatest_ns, out);
}

static void show_text(const struct sl_archive_object *o, struct sl_buf *out)
{
    sl_buf_printf(out, "%.*s/%d  %" PRId64 "..%" PRId64 "  ", (int)o->name.topic.n, o->name.topic.p,
                  o->name.partition, o->name.first, o->name.last);
    if (o->state == SL_OBJECT_INDEXED) {
        sl_show_count(o->records, out);
        sl_buf_text(out, o->records == 1 ? " record  " : " records  ");
        times(o, " .. ", out);
    } else {
        sl_buf_text(out, o->state == SL_OBJECT_PLAIN ? "no index" : "damaged index");
    }
    SL_BUF_LITERAL(out, "  ");
    sl_archive_bytes(o->size, out);
    sl_buf_printf(out, "  %s\n", o->key);
}

static void show_json(const struct sl_archive_object *o, struct sl_buf *out)
{
    static const char *const states[] = {"listed", "indexed", "plain", "damaged"};

    SL_BUF_LITERAL(out, "{\"topic\":");
    sl_show_string(o->name.topic, out);
    sl_buf_printf(out,
                  ",\"partition\":%d,\"first\":%" PRId64 ",\"last\":%" PRId64 ",\"bytes\":%" PRIu64,
                  o->name.partition, o->name.first, o->name.last, o->size);
    sl_buf_printf(out, ",\"index\":\"%s\"", states[o->state]);
    if (o->state == SL_OBJECT_INDEXED) {
        sl_buf_printf(out,
                      ",\"records\":%" PRIu64 ",\"members\":%u,\"raw_bytes\":%" PRIu64
                      ",\"index_bytes\":%" PRIu64 ",\"from\":\"",
                      o->records, o->members, o->raw, o->index_size);
        times(o, "\",\"to\":\"", out);
        sl_buf_byte(out, '"');
    }
    SL_BUF_LITERAL(out, ",\"key\":");
    sl_show_string(sl_slice_str(o->key), out);
    sl_buf_byte(out, '}');
}

static void show(struct sl_archive_open *o, bool json)
{
    struct sl_archive_object *objects;
    const char *comma = "";
    struct sl_buf out;
    size_t n;

    objects = sl_archive_objects(o->archive, &n);
    sl_buf_init(&out, OUTPUT_MAX);
    if (json)
        SL_BUF_LITERAL(&out, "{\"objects\":[");
    for (size_t i = 0; i < n; i++) {
        if (!shown(&objects[i]))
            continue;
        if (json) {
            sl_buf_text(&out, comma);
            show_json(&objects[i], &out);
            sl_show_write(&out, stdout);
            comma = ",";
        } else {
            show_text(&objects[i], &out);
            sl_show_print(&out, stdout);
        }
    }
    if (json) {
        SL_BUF_LITERAL(&out, "],");
        sl_archive_reading_json(o, &out);
        SL_BUF_LITERAL(&out, "}\n");
        sl_show_write(&out, stdout);
    }
    sl_buf_release(&out);
}

int sl_cmd_archive_list(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_archive_open o = {0};
    int status;

    if (!sl_cli_parse(&sl_command_archive_list, argc, argv, &args, &status))
        return status;
    status = sl_archive_open(&sl_command_archive_list, values, &o);
    o.query.id = values[OPT_ID];
    if (!status)
        status = sl_archive_look(&o);
    if (!status) {
        sl_dlq_progress_hide(&o.progress);
        show(&o, values[SL_ARCHIVE_OPT_JSON] != NULL);
        sl_archive_tell_damaged(&o);
        sl_archive_tell_reading(&o);
    }
    sl_archive_open_release(&o);
    return status;
}
