/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_DECODE_H
#define SL_RECORD_DECODE_H

#include "base/buf.h"
#include "record/json.h"
#include "record/members.h"
#include "record/time.h"
#include "record/unwrap.h"

/* How a message becomes records, in three steps of which each is optional:
 *
 *   unwrap   what stood around the entries on their way is taken off (unwrap.h): pieces, each with
 *            members of the wrapper
 *   form     the text of a piece is one JSON object, or of a text form (form.h), which finds
 * members in it and perhaps an object inside, or of the operator's own patterns meaning  time,
 * level, kind; correlation (correlation.h); enrichment
 *
 * Members are added where the record lacks the name. In a TEXT record only `message` is taken. The
 * names of an OBJECT are not all known after the scan, which notes only what somebody reads, so
 * where there are members its keys are walked once more (names.c): they are few records, since JSON
 * that travels alone has none, and a walk over what is known to be valid is fast. What is left of
 * the members is then scanned like a body, with the same stamp, so that rules see them as fields.
 *
 * A record that some form took out of its line must give the line back: `wrapper` is what stood
 * around the object, which is put back before the first line break or, where there is none, at the
 * end. Where that is not so, or the record has a `wrapper` of its own, it stays TEXT. `wrapper` is
 * a list, outermost first, where both a wrapper and a form need one.
 *
 * The decoder's memory: arrays by field id are never cleared between records: an entry counts only
 * when its stamp is that of the current pass, so a record costs what it holds, not what rules ask
 * for. */

enum {
    SL_ENRICH_MAX = 64,
    SL_TIME_FIELDS = 4,
    SL_LEVEL_FIELDS = 8,
    SL_ENRICH_BYTES_MAX = 1 << 20,
    SL_ENRICH_BESIDE = 64,    /* kind and level */
    SL_TIMESTAMP_ROOM = 64,   /* @timestamp */
    SL_DECODE_KEEP = 1 << 20, /* memory that a giant record may leave behind */
};

struct sl_enrich {
    struct sl_slice value;  /* plain text; the configuration's */
    struct sl_slice member; /* ,"name":"value" */
    unsigned id;
    unsigned above[SL_PATH_SEGMENTS_MAX - 1]; /* a.b of a.b.c, and a */
    unsigned n_above;
    bool is_kind, is_level;
};

struct sl_correlation;
struct sl_patterns;

struct sl_decoder {
    struct sl_fields *fields; /* borrowed */
    struct sl_zone *zone;
    struct sl_enrich enrich[SL_ENRICH_MAX];
    size_t n_enrich;
    struct sl_buf enrich_text;          /* what enrich[].member points into */
    struct sl_correlation *correlation; /* NULL: none */
    struct sl_patterns *patterns;       /* by rule; NULL: no rule has any */
    const struct sl_decode_rule *rules; /* borrowed */
    size_t n_rules;

    /* Fields that every record is asked for. */
    unsigned message, kind, name, value, metric_fields;
    unsigned timestamp_member, wrapper_member;
    unsigned times[SL_TIME_FIELDS], levels[SL_LEVEL_FIELDS];

    /* The message at hand. */
    const struct sl_message *message_at;
    enum sl_decode_form form;
    unsigned rule; /* from 1 */
    uint32_t value_crc;
    const struct sl_wrapper *wrapper; /* NULL: none; else it is open */
    const char *nothing, *refused, *error;
    struct sl_unwrapped *unwrapped; /* NULL: nothing was wrapped so far */

    /* Scratch memory of the current record. */
    struct sl_scan scan;
    size_t cap_values, cap_nodes;
    uint32_t version;         /* of fields, that the arrays fit */
    struct sl_members *found; /* members of the record at hand, and then all that is added to it */
    struct sl_buf around;     /* the member `wrapper`, while it is made */
    struct sl_buf added;      /* what enrichment adds */
    uint64_t added_enrich;    /* which combination `added` holds */
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

/* Neither the field nor anything below it. */
static inline bool sl_decoder_lacks(const struct sl_decoder *d, unsigned id)
{
    return !sl_decoder_has(d, id) && d->scan.marks[id].below != d->scan.stamp;
}

static inline struct sl_value sl_decoder_value(const struct sl_decoder *d, unsigned id)
{
    return sl_decoder_has(d, id) ? d->scan.values[id] : (struct sl_value){.type = SL_VALUE_ABSENT};
}

static inline void sl_decoder_set(struct sl_decoder *d, unsigned id, struct sl_value v)
{
    d->scan.marks[id].stamp = d->scan.stamp;
    d->scan.values[id] = v;
}

static inline void sl_decoder_set_text(struct sl_decoder *d, unsigned id, struct sl_slice text)
{
    sl_decoder_set(d, id,
                   (struct sl_value){.p = text.p, .n = (uint32_t)text.n, .type = SL_VALUE_STRING});
}

/* What a record says of itself (meaning.c). */
enum sl_kind sl_decoder_kind(const struct sl_decoder *d);
enum sl_level sl_decoder_level(const struct sl_decoder *d);
bool sl_decoder_time(const struct sl_decoder *d, int64_t *ret_ns); /* false: nothing that counts */
int64_t sl_kafka_ns(int64_t kafka_ms);                             /* unknown: 1970 */

/* decode.c */
/* What is known of the record at hand beside its fields. */
struct sl_entry {
    struct sl_piece piece;
    struct sl_parsed parsed;
    struct sl_slice before, after; /* an object inside a text: what stands around it */
    bool inside;
    const char *error;
};

bool sl_decoder_scan(struct sl_decoder *d, struct sl_slice text); /* as a new record */
/* Forms leave out what looks like an object: it is none after all, or cannot be one here. */
void sl_decoder_add_words(struct sl_decoder *d, const struct sl_entry *e);

/* decode_record.c: members, and what the record means; object: the scan holds it. Leaves room in
 * d->found for what correlation and enrichment add, so that nothing in it moves. */
void sl_decoder_read(struct sl_decoder *d, struct sl_entry *e, bool object, struct sl_record *r);

/* enrich.c: which of enrichment, kind and level the record lacks; fills kind, level and added,
 * which begins with what stands in d->found. */
int sl_decoder_add_enrich(struct sl_decoder *d, const struct sl_properties *all,
                          struct sl_error *err);
void sl_decoder_enrich(struct sl_decoder *d, struct sl_record *r);

/* names.c: marks the members that the object has itself; returns how many. */
unsigned sl_members_meet(const struct sl_members *m, struct sl_slice object,
                         bool ret_leave[SL_MEMBERS_MAX]);
/* The same for a record that is {"message": text, ...}. */
unsigned sl_members_meet_text(const struct sl_members *m, bool ret_leave[SL_MEMBERS_MAX]);

#endif
