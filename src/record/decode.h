/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_DECODE_H
#define SL_RECORD_DECODE_H

#include "base/buf.h"
#include "record/json.h"
#include "record/time.h"

/* The decoder's memory. Arrays by field id are never cleared between records: an entry counts only
 * when its stamp is that of the current pass, so a record costs what it holds, not what rules ask
 * for. */

enum { SL_ENRICH_MAX = 64, SL_TIME_FIELDS = 4, SL_LEVEL_FIELDS = 7 };

struct sl_enrich {
    struct sl_slice value;  /* plain text; the configuration's */
    struct sl_slice member; /* ,"name":"value" */
    unsigned id;
    unsigned above[SL_PATH_SEGMENTS_MAX - 1]; /* a.b of a.b.c, and a */
    unsigned n_above;
    bool is_kind, is_level;
};

struct sl_decoder {
    struct sl_fields *fields; /* borrowed */
    struct sl_zone *zone;
    struct sl_enrich enrich[SL_ENRICH_MAX];
    size_t n_enrich;
    struct sl_buf members; /* what enrich[].member points into */

    /* Fields that every record is asked for. */
    unsigned message, kind, name, value, metric_fields;
    unsigned timestamp_member;
    unsigned times[SL_TIME_FIELDS], levels[SL_LEVEL_FIELDS];

    /* Scratch memory of the current record. */
    struct sl_scan scan;
    size_t cap_values, cap_nodes;
    uint32_t version; /* of fields, that the arrays fit */
    struct sl_buf added;
    uint64_t added_enrich; /* which combination `added` holds */
    int added_kind, added_level;
    char partition_text[16], offset_text[24], time_text[40];
};

/* The next pass: what was found before is forgotten, and the arrays fit the fields as they are. */
void sl_decoder_begin(struct sl_decoder *d);

/* Whether the record has the field, also where its value counts as absent (a number out of range).
 */
static inline bool sl_decoder_has(const struct sl_decoder *d, unsigned id)
{
    return d->scan.marks[id].stamp == d->scan.stamp;
}

static inline struct sl_value sl_decoder_value(const struct sl_decoder *d, unsigned id)
{
    return sl_decoder_has(d, id) ? d->scan.values[id] : (struct sl_value){.type = SL_VALUE_ABSENT};
}

/* What a record says of itself (meaning.c). */
enum sl_kind sl_decoder_kind(const struct sl_decoder *d);
enum sl_level sl_decoder_level(const struct sl_decoder *d);
int64_t sl_decoder_time(const struct sl_decoder *d, int64_t kafka_ms);

#endif
