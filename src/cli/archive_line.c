/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/archive_line.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "cli/envelope.h"
#include "kafka/client.h"
#include "sluice/position.h"
#include "sluice/record.h"

struct place {
    struct sl_topic topic;
    struct sl_partition *partition; /* of no assignment: what decoding needs of one */
};

struct sl_archive_decoder {
    const struct sl_config *config;
    struct sl_correlation_config correlation_config;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    struct sl_envelope *envelope;
    unsigned correlation;
    bool compiled;
    struct place own;  /* of the line's topic */
    struct place json; /* for lines that are records as JSON */
    struct sl_message message;
};

struct sl_archive_decoder *sl_archive_decoder_new(const struct sl_config *config,
                                                  struct sl_error *err)
{
    struct sl_archive_decoder *d = sl_zalloc(sizeof(*d));
    struct sl_decoder_config decoding = {
        .timezone = config->source.timezone,
        .decode = config->source.decode,
        .n_decode = config->source.n_decode,
        .correlation = &d->correlation_config,
    };

    d->config = config;
    d->correlation_config = config->source.correlation;
    d->correlation_config.make = false; /* of the cluster and the message, which are not here */
    d->fields = decoding.fields = sl_fields_new();
    d->envelope = sl_envelope_new();
    d->decoder = sl_decoder_new(&decoding, err);
    if (!d->decoder ||
        sl_fields_add(d->fields, SL_SLICE_LITERAL("correlation_id"), &d->correlation, err)) {
        sl_archive_decoder_free(d);
        return NULL;
    }
    return d;
}

static void leave(struct place *p)
{
    sl_partition_unref(p->partition);
    free(p->topic.name);
    *p = (struct place){.partition = NULL};
}

void sl_archive_decoder_free(struct sl_archive_decoder *d)
{
    if (!d)
        return;
    leave(&d->own);
    leave(&d->json);
    sl_decoder_free(d->decoder);
    sl_fields_free(d->fields);
    sl_envelope_free(d->envelope);
    free(d);
}

int sl_archive_decoder_field(struct sl_archive_decoder *d, const char *path, unsigned *ret_id,
                             struct sl_error *err)
{
    return sl_fields_add(d->fields, sl_slice_str(path), ret_id, err);
}

unsigned sl_archive_decoder_correlation(const struct sl_archive_decoder *d)
{
    return d->correlation;
}

/* ---- one line ---- */

static void go_to(struct sl_archive_decoder *d, struct place *p, struct sl_slice topic,
                  int32_t number)
{
    if (p->partition && p->partition->number == number && sl_slice_is(topic, p->topic.name))
        return;
    leave(p);
    p->topic.name = sl_strndup(topic.p, topic.n);
    if (p == &d->json)
        p->topic.decode = SL_DECODE_JSON;
    else
        sl_kafka_decoding(&d->config->source, &p->topic);
    p->partition = sl_partition_new(&p->topic, number, 0, 0, "");
}

static bool open_envelope(struct sl_archive_decoder *d, const struct sl_archive_line *line,
                          struct sl_archived *ret)
{
    struct sl_input_record in = {.topic = "", .message = {.timestamp_ms = -1}};
    struct sl_error err = {0};

    if (sl_envelope_read(d->envelope, line->text, &in, &err) != SL_OK)
        return false;
    d->message = in.message;
    if (in.placed)
        ret->offset = in.message.offset;
    ret->many = in.piece;
    ret->sub = (uint32_t)in.index;
    return d->message.value.p != NULL;
}

bool sl_archive_decode(struct sl_archive_decoder *d, const struct sl_archive_line *line,
                       struct sl_archived *ret)
{
    const struct sl_s3_named *name = &line->object->name;
    struct place *place = line->format == SL_ARCHIVE_JSON ? &d->json : &d->own;

    if (!d->compiled)
        sl_fields_compile(d->fields);
    d->compiled = true;
    go_to(d, place, name->topic, name->partition);
    *ret = (struct sl_archived){
        .topic = place->topic.name, .partition = name->partition, .offset = line->offset};
    d->message = (struct sl_message){.timestamp_ms = -1, .value = line->text};
    if (line->format == SL_ARCHIVE_ENVELOPE && !open_envelope(d, line, ret))
        return false;
    d->message.at = place->partition;
    if (ret->offset >= 0)
        d->message.offset = ret->offset;
    sl_decode(d->decoder, &d->message, &ret->record);
    /* Kafka's time was the record's where the line tells none that counts, or another since a rule
     * changed it: what is known then are the bounds. */
    ret->timed = ret->record.time_ns != 0 && ret->record.time_ns >= line->least_ns &&
                 ret->record.time_ns <= line->greatest_ns;
    return true;
}
