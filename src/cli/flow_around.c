/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/alloc.h"
#include "cli/dlq_letter.h"
#include "cli/flow.h"
#include "config/units.h"
#include "kafka/client.h"
#include "kafka/read.h"
#include "sluice/position.h"
#include "sluice/record.h"

/* The correlation id of a record in Kafka, as its decoder finds it. */

enum { PLACE_MAX = 512, SCRATCH_MAX = 16 << 20 };

struct around {
    const struct sl_config *config;
    struct sl_fields *fields;
    struct sl_decoder *decoder;
    unsigned correlation;
    struct sl_buf scratch;
    uint64_t sub;
    bool any; /* of a message with many records the first that has an id */
    bool tombstone, read;
    size_t records;
    char *id;
};

static char *id_of(struct around *a, size_t i)
{
    struct sl_record r;
    struct sl_value v;
    struct sl_slice text;

    sl_decode_at(a->decoder, i, &r);
    v = sl_record_value(&r, a->correlation);
    sl_buf_clear(&a->scratch);
    if (v.type != SL_VALUE_STRING && v.type != SL_VALUE_NUMBER)
        return NULL;
    text = sl_value_text(&v, &a->scratch);
    return text.n ? sl_strndup(text.p, text.n) : NULL;
}

static bool take(void *user, const struct sl_kafka_record *record)
{
    struct around *a = user;
    struct sl_message m = record->message;
    struct sl_topic topic = {.name = sl_strdup(record->topic)};

    a->read = true;
    a->tombstone = m.value.p == NULL;
    if (!a->tombstone) {
        sl_kafka_decoding(&a->config->source, &topic);
        m.at = sl_partition_new(&topic, record->partition, 0, 0, record->cluster_id);
        a->records = sl_decode_open(a->decoder, &m);
        for (size_t i = a->any ? 0 : a->sub; i < a->records && !a->id; i++) {
            a->id = id_of(a, i);
            if (!a->any)
                break;
        }
        sl_partition_unref(m.at);
    }
    free(topic.name);
    return false;
}

/* TOPIC/PARTITION/OFFSET, and behind it perhaps .SUB */
static bool parse(struct around *a, const char *place, char *copy, struct sl_slice *ret_topic,
                  struct sl_kafka_read *what)
{
    char *slash, *dot;

    if (strlen(place) >= PLACE_MAX)
        return false;
    memcpy(copy, place, strlen(place) + 1);
    slash = strrchr(copy, '/');
    dot = slash ? strchr(slash, '.') : NULL;
    a->any = !dot;
    if (dot) {
        *dot = '\0';
        if (!sl_parse_uint(dot + 1, &a->sub))
            return false;
    }
    return sl_place_parse(copy, ret_topic, &what->partition, &what->offset);
}

static int look(struct around *a, const struct sl_kafka_read *what, const char *place,
                struct sl_error *err)
{
    int code = sl_kafka_read(what, take, a, err);

    if (code || a->id)
        return code;
    if (!a->read)
        return sl_fail(err, SL_ENOENT, "%s: there is no record at this place", place);
    if (a->tombstone)
        return sl_fail(err, SL_ENOENT, "%s: the record has no value (a tombstone)", place);
    if (a->records == 0)
        return sl_fail(err, SL_ENOENT, "%s: the message holds no record (%s)", place,
                       sl_decode_nothing(a->decoder));
    if (!a->any && a->sub >= a->records)
        return sl_fail(err, SL_ENOENT, "%s: the message holds %zu record%s", place, a->records,
                       a->records == 1 ? "" : "s");
    return sl_fail(err, SL_ENOENT,
                   "%s: the record has no correlation id (see source.correlation: fields, headers)",
                   place);
}

int sl_flow_around(const struct sl_config *config, const char *place, char **ret,
                   struct sl_error *err)
{
    struct around a = {.config = config};
    struct sl_decoder_config decoding = {
        .timezone = config->source.timezone,
        .decode = config->source.decode,
        .n_decode = config->source.n_decode,
        .correlation = &config->source.correlation,
    };
    struct sl_kafka_read what = {.config = config};
    struct sl_slice topic;
    char copy[PLACE_MAX], name[PLACE_MAX];
    int code;

    if (!parse(&a, place, copy, &topic, &what))
        return sl_fail(err, SL_EINVAL, "--around is TOPIC/PARTITION/OFFSET; not %.200s", place);
    snprintf(name, sizeof(name), "%.*s", (int)topic.n, topic.p);
    what.topic = name;
    sl_buf_init(&a.scratch, SCRATCH_MAX);
    a.fields = decoding.fields = sl_fields_new();
    a.decoder = sl_decoder_new(&decoding, err);
    code = a.decoder
               ? sl_fields_add(a.fields, SL_SLICE_LITERAL("correlation_id"), &a.correlation, err)
               : SL_ECONFIG;
    if (!code) {
        sl_fields_compile(a.fields);
        code = look(&a, &what, place, err);
    }
    *ret = a.id;
    sl_decoder_free(a.decoder);
    sl_fields_free(a.fields);
    sl_buf_release(&a.scratch);
    return code;
}
