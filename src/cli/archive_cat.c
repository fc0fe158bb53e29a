/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"
#include "cli/archive.h"
#include "cli/archive_line.h"
#include "cli/show.h"
#include "config/units.h"
#include "sluice/record.h"

enum { OPT_WHERE = SL_ARCHIVE_WORDS, OPT_ID, OPT_LIMIT };
enum { OUTPUT_MAX = 64 << 20, SCRATCH_MAX = 16 << 20 };

static const struct sl_cli_option options[] = {
    SL_ARCHIVE_OPTIONS,
    [OPT_WHERE] = {"where", 0, "FIELD=VALUE",
                   "records whose field has this value; may be repeated"},
    [OPT_ID] = {"id", 0, "ID", "records of this correlation id"},
    [OPT_LIMIT] = {"limit", 0, "N", "the first N of them"},
};
const struct sl_cli_command sl_command_archive_cat = {
    .name = "archive cat",
    .summary = "prints archived records",
    .description =
        "Prints records as they are archived, a line each, in the order of topic, partition and\n"
        "offset. By the indexes of the objects only those parts are read that can hold what is\n"
        "asked for; what was read, and of how much, is told at the end.\n\n"
        "FIELD is a path as in rules (user.id, http.status, @level); VALUE is its text.\n"
        "--json prints an object a line: topic, partition, offset (null where the archive does "
        "not\n"
        "tell it), time, and the record.\n\n"
        "Exit status: 0 done, 1 the store could not be read, 2 the configuration is wrong.",
    .example = "sluice archive cat --id 0198c0de-7a3b-7c11-9a44-0242ac120002\n"
               "sluice archive cat --from 2h --topic logs --where service=tile --where status=500\n"
               "sluice archive cat --from 2026-01-31 --to 2026-02-01 --json | jq .record.message",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_archive_cat,
};

struct where {
    unsigned field;
    struct sl_slice value;
    char *path; /* owned */
};

struct cat {
    struct sl_archive_open open;
    struct sl_archive_decoder *decoder;
    struct where *where;
    size_t n_where;
    bool json, judged; /* judged: a line must be decoded to know whether it is wanted */
    uint64_t limit, found;
    struct sl_buf out, scratch;
};

/* ---- what is asked ---- */

static int add_where(struct cat *c, const char *text, struct sl_error *err)
{
    const char *equals = strchr(text, '=');
    struct where *w;

    if (!equals || equals == text)
        return sl_fail(err, SL_EINVAL, "--where is FIELD=VALUE; not %s", text);
    c->where = sl_reallocarray(c->where, c->n_where + 1, sizeof(*c->where));
    w = &c->where[c->n_where++];
    *w = (struct where){.path = sl_strndup(text, (size_t)(equals - text)),
                        .value = sl_slice_str(equals + 1)};
    return sl_archive_decoder_field(c->decoder, w->path, &w->field, err);
}

/* The option may be repeated, and the table of options knows its last value only. */
static int read_where(struct cat *c, int argc, char **argv, struct sl_error *err)
{
    static const char name[] = "--where";
    int code = SL_OK;

    for (int i = 1; !code && i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (!strcmp(argv[i], name) && i + 1 < argc)
            code = add_where(c, argv[++i], err);
        else if (!strncmp(argv[i], name, strlen(name)) && argv[i][strlen(name)] == '=')
            code = add_where(c, argv[i] + strlen(name) + 1, err);
    }
    return code;
}

/* ---- judging ---- */

static bool is(struct cat *c, const struct sl_record *r, unsigned field, struct sl_slice want)
{
    struct sl_value v = sl_record_value(r, field);
    size_t at = 0;
    bool found;

    if (v.type == SL_VALUE_ARRAY) { /* by any element, as in rules */
        const struct sl_value array = v;

        while (sl_value_element(&array, &at, &v))
            if (sl_slice_equal(sl_value_text(&v, &c->scratch), want))
                return true;
        return false;
    }
    found = v.type != SL_VALUE_ABSENT && v.type != SL_VALUE_NULL &&
            sl_slice_equal(sl_value_text(&v, &c->scratch), want);
    sl_buf_reset(&c->scratch, 64 * 1024);
    return found;
}

/* As the sink has it: texts and numbers are ids, and lists are none. */
static bool has_id(struct cat *c, const struct sl_record *r, const char *id)
{
    unsigned field = sl_archive_decoder_correlation(c->decoder);
    const struct sl_value v = sl_record_value(r, field);

    return (v.type == SL_VALUE_STRING || v.type == SL_VALUE_NUMBER) &&
           is(c, r, field, sl_slice_str(id));
}

static bool wanted(struct cat *c, const struct sl_archived *a)
{
    const struct sl_archive_query *q = &c->open.query;

    if (a->timed && (a->record.time_ns < q->from_ns || a->record.time_ns >= q->to_ns))
        return false;
    if (q->id && !has_id(c, &a->record, q->id))
        return false;
    for (size_t i = 0; i < c->n_where; i++)
        if (!is(c, &a->record, c->where[i].field, c->where[i].value))
            return false;
    return true;
}

/* ---- printing ---- */

static void print_json(struct cat *c, const struct sl_archive_line *line,
                       const struct sl_archived *a)
{
    struct sl_buf *out = &c->out;

    SL_BUF_LITERAL(out, "{\"topic\":");
    sl_show_string(sl_slice_str(a->topic), out);
    sl_buf_printf(out, ",\"partition\":%d,\"offset\":", a->partition);
    if (a->offset >= 0)
        sl_buf_printf(out, "%" PRId64, a->offset);
    else
        SL_BUF_LITERAL(out, "null");
    SL_BUF_LITERAL(out, ",\"time\":");
    if (a->timed) {
        sl_buf_byte(out, '"');
        sl_time_rfc3339(a->record.time_ns, out);
        sl_buf_byte(out, '"');
    } else {
        SL_BUF_LITERAL(out, "null");
    }
    SL_BUF_LITERAL(out, ",\"object\":");
    sl_show_string(sl_slice_str(line->object->key), out);
    SL_BUF_LITERAL(out, ",\"record\":");
    sl_record_json(&a->record, false, (struct sl_slice){NULL, 0}, out, NULL);
    SL_BUF_LITERAL(out, "}\n");
}

static bool take(void *user, const struct sl_archive_line *line)
{
    struct cat *c = user;
    struct sl_archived a;

    if (c->judged || c->json) {
        if (!sl_archive_decode(c->decoder, line, &a) || !wanted(c, &a))
            return true;
    }
    c->found++;
    if (c->json) {
        print_json(c, line, &a);
        fwrite(c->out.p, 1, c->out.n, stdout);
        sl_buf_reset(&c->out, 1 << 20);
    } else {
        fwrite(line->text.p, 1, line->text.n, stdout);
        putc('\n', stdout);
    }
    return !ferror(stdout) && (!c->limit || c->found < c->limit);
}

/* ---- the command ---- */

/* A line is told to somebody else than who ends the command. */
static bool take_line(void *user, const struct sl_archive_line *line)
{
    return take(sl_container_of(user, struct cat, open), line);
}

static int run(struct cat *c)
{
    int status = sl_archive_look(&c->open);

    if (status)
        return status;
    sl_archive_lines(c->open.archive, take_line, sl_archive_on_done, &c->open);
    if (sl_archive_wait(&c->open))
        status = sl_archive_failed(&c->open);
    sl_dlq_progress_hide(&c->open.progress);
    if (fflush(stdout) || ferror(stdout))
        status = SL_EXIT_FAILED;
    sl_archive_tell_damaged(&c->open);
    if (!c->found && c->open.query.id)
        sl_archive_tell_unknown_ids(&c->open);
    fprintf(stderr, "sluice archive cat: %" PRIu64 " record%s\n", c->found,
            c->found == 1 ? "" : "s");
    sl_archive_tell_reading(&c->open);
    return status;
}

static int start(struct cat *c, int argc, char **argv, const char *const *values)
{
    struct sl_error err = {0};
    int status = sl_archive_open(&sl_command_archive_cat, values, &c->open);

    if (status)
        return status;
    if (values[OPT_LIMIT] && (!sl_parse_uint(values[OPT_LIMIT], &c->limit) || c->limit == 0))
        return sl_cli_usage(&sl_command_archive_cat, "--limit is a number; not %s",
                            values[OPT_LIMIT]);
    c->json = values[SL_ARCHIVE_OPT_JSON] != NULL;
    c->open.query.id = values[OPT_ID];
    c->decoder = sl_archive_decoder_new(c->open.config, &err);
    if (!c->decoder || read_where(c, argc, argv, &err))
        return sl_cli_usage(&sl_command_archive_cat, "%s", err.text);
    c->judged = c->n_where || c->open.query.id || c->open.query.from_ns != INT64_MIN ||
                c->open.query.to_ns != INT64_MAX;
    return SL_EXIT_DONE;
}

int sl_cmd_archive_cat(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct cat c = {.n_where = 0};
    int status;

    if (!sl_cli_parse(&sl_command_archive_cat, argc, argv, &args, &status))
        return status;
    sl_buf_init(&c.out, OUTPUT_MAX);
    sl_buf_init(&c.scratch, SCRATCH_MAX);
    status = start(&c, argc, argv, values);
    if (!status)
        status = run(&c);
    for (size_t i = 0; i < c.n_where; i++)
        free(c.where[i].path);
    free(c.where);
    sl_buf_release(&c.out);
    sl_buf_release(&c.scratch);
    sl_archive_decoder_free(c.decoder);
    sl_archive_open_release(&c.open);
    return status;
}
