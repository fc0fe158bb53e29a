/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "cli/dlq.h"
#include "cli/show.h"
#include "config/config.h"
#include "kafka/client.h"
#include "sluice/position.h"
#include "sluice/record.h"

enum { OPT_CONFIG, OPT_JSON, OPT_RAW };
enum { VALUE_SHOWN = 1 << 20, TEXT_SHOWN = 4096 };

static const struct sl_cli_option options[] = {
    [OPT_CONFIG] = SL_CLI_CONFIG,
    [OPT_JSON] = {"json", 0, NULL, "one JSON object; what is no UTF-8 stands in base64"},
    [OPT_RAW] = {"raw", 0, NULL, "the record only, byte for byte"},
};
const struct sl_cli_command sl_command_dlq_show = {
    .name = "dlq show",
    .summary = "one dead letter: the record, and why it was refused",
    .operands = "TOPIC/PARTITION/OFFSET",
    .description =
        "The place is the letter's own, as `sluice dlq list` shows it. Changes nothing.\n\n"
        "Exit status: 0 done, 1 there is no such letter, 2 the command line or the\n"
        "configuration is wrong.",
    .example = "sluice dlq show -c sluice.yaml logs.dead/0/17\n"
               "sluice dlq show --raw logs.dead/0/17 | sluice explain\n"
               "sluice dlq show --json logs.dead/0/17 | jq .value",
    .options = options,
    .n_options = SL_LENGTH(options),
    .run = sl_cmd_dlq_show,
};

struct show {
    const struct sl_config *config;
    struct sl_buf record; /* of a message that holds many, the one that was refused */
    bool json, raw;
    struct sl_buf out;
    struct sl_error err; /* of the record */
    bool found;
    struct sl_redriven redriven;
    int64_t offset;
};

/* ---- what is shown ---- */

static void bytes_json(struct sl_slice bytes, struct sl_buf *out)
{
    const size_t begin = out->n;

    if (!bytes.p) {
        SL_BUF_LITERAL(out, "null");
        return;
    }
    sl_buf_byte(out, '"');
    if (!sl_json_escape(bytes, out)) {
        sl_buf_truncate(out, begin);
        SL_BUF_LITERAL(out, "{\"base64\":\"");
        sl_base64(out, bytes.p, bytes.n);
        SL_BUF_LITERAL(out, "\"}");
    } else {
        sl_buf_byte(out, '"');
    }
}

/* The letter holds the message; of one that holds many records, this is the one that was refused.
 */
static void find_record(struct show *s, const struct sl_dead_letter *l)
{
    struct sl_topic topic = {.name = sl_strndup(l->source_topic.p, l->source_topic.n)};
    struct sl_partition *at = sl_partition_new(&topic, l->source_partition, 0, 0, "");
    struct sl_fields *fields = sl_fields_new();
    const struct sl_decoder_config decoding = {.fields = fields,
                                               .timezone = s->config->source.timezone,
                                               .decode = s->config->source.decode,
                                               .n_decode = s->config->source.n_decode};
    struct sl_decoder *decoder = sl_decoder_new(&decoding, NULL);
    struct sl_message m = *l->message;
    struct sl_record r;

    sl_kafka_decoding(&s->config->source, &topic);
    sl_fields_compile(fields);
    m.at = at;
    m.timestamp_ms = l->source_ms;
    if (decoder && m.value.p && l->source_index < sl_decode_open(decoder, &m)) {
        sl_decode_at(decoder, l->source_index, &r);
        if (r.many)
            sl_buf_slice(&s->record, r.raw);
    }
    sl_decoder_free(decoder);
    sl_fields_free(fields);
    sl_partition_unref(at);
    free(topic.name);
}

static void write_json(const struct sl_dead_letter *l, struct sl_slice record, struct sl_buf *out)
{
    const struct sl_message *m = l->message;

    sl_buf_byte(out, '{');
    sl_dlq_letter_json(l, out);
    SL_BUF_LITERAL(out, ",\"key\":");
    bytes_json(m->key, out);
    SL_BUF_LITERAL(out, ",\"headers\":[");
    for (size_t i = 0; i < l->n_headers; i++) {
        sl_buf_text(out, i ? ",[" : "[");
        sl_show_string(m->headers[i].name, out);
        sl_buf_byte(out, ',');
        bytes_json(m->headers[i].value, out);
        sl_buf_byte(out, ']');
    }
    SL_BUF_LITERAL(out, "],\"value\":");
    bytes_json(m->value, out);
    if (record.n) {
        SL_BUF_LITERAL(out, ",\"record\":");
        bytes_json(record, out);
    }
}

static void write_text(const struct sl_dead_letter *l, struct sl_slice record, struct sl_buf *out)
{
    const struct sl_message *m = l->message;

    sl_dead_letter_place(l, out);
    SL_BUF_LITERAL(out, "  refused by ");
    sl_show_text(l->sink, TEXT_SHOWN, out);
    if (l->status)
        sl_buf_printf(out, " with status %d", l->status);
    SL_BUF_LITERAL(out, ", ");
    sl_dlq_time(l->time_ms, out);
    SL_BUF_LITERAL(out, "\n  ");
    sl_show_text(l->reason, TEXT_SHOWN, out);
    SL_BUF_LITERAL(out, "\n\n  rule      ");
    sl_show_text(l->rule.p ? l->rule : SL_SLICE_LITERAL("unknown"), TEXT_SHOWN, out);
    SL_BUF_LITERAL(out, "\n  record    ");
    sl_dead_letter_source(l, out);
    if (l->source_index || record.n)
        sl_buf_printf(out, ", number %u of the message", l->source_index);
    if (l->source_ms >= 0) {
        SL_BUF_LITERAL(out, ", ");
        sl_dlq_time(l->source_ms, out);
    }
    SL_BUF_LITERAL(out, "\n  key       ");
    sl_show_text(m->key.p ? m->key : SL_SLICE_LITERAL("(none)"), TEXT_SHOWN, out);
    sl_buf_byte(out, '\n');
    for (size_t i = 0; i < l->n_headers; i++) {
        sl_buf_text(out, i ? "            " : "  headers   ");
        sl_show_text(m->headers[i].name, TEXT_SHOWN, out);
        SL_BUF_LITERAL(out, ": ");
        sl_show_text(m->headers[i].value, TEXT_SHOWN, out);
        sl_buf_byte(out, '\n');
    }
    if (l->truncated.p) {
        SL_BUF_LITERAL(out, "  left out  ");
        sl_show_text(l->truncated, TEXT_SHOWN, out);
        SL_BUF_LITERAL(out, ": too large for the dead-letter topic\n");
    }
    SL_BUF_LITERAL(out, "  value     ");
    sl_show_count(m->value.n, out);
    sl_buf_text(out, record.n ? " bytes, of which the record\n" : " bytes\n");
    sl_show_text(record.n ? record : m->value, VALUE_SHOWN, out);
    sl_buf_byte(out, '\n');
}

static bool take(void *user, const struct sl_kafka_record *r)
{
    struct show *s = user;
    struct sl_dead_letter l;

    switch (sl_dead_letter_read(r, &l)) {
    case SL_LETTER_MARK:
        sl_fail(&s->err, SL_ENOENT,
                "this is no letter but a mark: it says which letters have been redriven");
        break;
    case SL_LETTER_NONE:
        sl_fail(&s->err, SL_ENOENT, "this record is no dead letter of Sluice's");
        break;
    case SL_LETTER_DEAD:
        s->found = true;
        find_record(s, &l);
        if (s->raw)
            sl_buf_slice(&s->out, s->record.n ? sl_buf_as_slice(&s->record) : r->message.value);
        else if (s->json)
            write_json(&l, sl_buf_as_slice(&s->record), &s->out);
        else
            write_text(&l, sl_buf_as_slice(&s->record), &s->out);
        break;
    }
    return false;
}

/* ---- whether it has been redriven ---- */

static int on_bounds(void *user, int32_t partition, int64_t low, int64_t high, struct sl_error *err)
{
    struct show *s = user;

    (void)low;
    (void)high;
    return sl_redriven_init(&s->redriven, partition, s->offset, s->offset + 1, err);
}

static bool take_mark(void *user, const struct sl_kafka_record *r)
{
    struct show *s = user;
    struct sl_dead_letter l;

    if (sl_dead_letter_read(r, &l) == SL_LETTER_MARK)
        sl_redriven_mark(&s->redriven, r);
    return !sl_redriven_has(&s->redriven, s->offset);
}

static int find_mark(struct show *s, struct sl_kafka_reader *reader, struct sl_kafka_read *what,
                     struct sl_error *err)
{
    what->offset = -1;
    what->all = true;
    what->from = s->offset + 1;
    what->bounds = on_bounds;
    return sl_kafka_reader_read(reader, what, take_mark, s, err);
}

/* ---- the command ---- */

static int run(struct show *s, const struct sl_config *config, struct sl_kafka_read *what)
{
    struct sl_error err = {0};
    struct sl_kafka_reader *reader = sl_kafka_reader_new(config, NULL, 0, &err);
    int code = SL_EKAFKA;
    bool done;

    if (reader)
        code = sl_kafka_reader_read(reader, what, take, s, &err);
    if (!code && !s->found)
        code = sl_fail(&err, s->err.code, "%s/%d/%lld: %s", what->topic, what->partition,
                       (long long)what->offset, s->err.text);
    if (!code && !s->raw)
        code = find_mark(s, reader, what, &err);
    sl_kafka_reader_free(reader);
    if (code)
        return sl_dlq_failed(&sl_command_dlq_show, &err);
    done = !s->raw && sl_redriven_has(&s->redriven, s->offset);
    if (s->json)
        sl_buf_printf(&s->out, ",\"redriven\":%s}\n", done ? "true" : "false");
    else if (done)
        SL_BUF_LITERAL(&s->out, "\nThis letter has been redriven.\n");
    if (s->raw || s->json)
        sl_show_write(&s->out, stdout);
    else
        sl_show_print(&s->out, stdout);
    return SL_EXIT_DONE;
}

int sl_cmd_dlq_show(int argc, char **argv)
{
    const char *values[SL_LENGTH(options)];
    struct sl_cli_args args = {.values = values};
    struct sl_dlq_filter place = {0};
    struct sl_config *config = NULL;
    struct sl_kafka_read what = {0};
    struct sl_error err = {0};
    struct show s = {0};
    char topic[256];
    int status = SL_EXIT_USAGE;

    if (!sl_cli_parse(&sl_command_dlq_show, argc, argv, &args, &status))
        return status;
    if (args.n_operands != 1)
        return sl_cli_usage(&sl_command_dlq_show, "which letter? TOPIC/PARTITION/OFFSET");
    if (sl_dlq_filter_parse((const char *[SL_DLQ_FILTER_WORDS]){NULL}, args.operands, 1, 0, &place,
                            &err))
        return sl_cli_usage(&sl_command_dlq_show, "%s", err.text);
    config = sl_dlq_config(values[OPT_CONFIG]);
    if (!config)
        goto out;
    snprintf(topic, sizeof(topic), "%.*s", (int)place.places[0].topic.n, place.places[0].topic.p);
    what = (struct sl_kafka_read){
        .topic = topic,
        .partition = place.places[0].partition,
        .offset = place.places[0].offset,
    };
    s.json = values[OPT_JSON] != NULL;
    s.raw = values[OPT_RAW] != NULL && !s.json;
    s.config = config;
    s.offset = what.offset;
    sl_buf_init(&s.record, SL_DLQ_OUTPUT_MAX);
    sl_buf_init(&s.out, SL_DLQ_OUTPUT_MAX);
    status = run(&s, config, &what);
    sl_buf_release(&s.out);
    sl_buf_release(&s.record);
out:
    sl_redriven_release(&s.redriven);
    sl_dlq_filter_release(&place);
    sl_config_free(config);
    return status;
}
