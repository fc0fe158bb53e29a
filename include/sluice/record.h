/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_RECORD_H
#define SLUICE_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/slice.h"
#include "sluice/message.h"

/* A record: one log entry as rules and sinks see it. Implemented in record/.
 *
 * The record is a view. Its fields are slices of the message's own bytes, found by one pass that
 * validates the whole JSON value and builds no tree. Which fields are found is fixed beforehand:
 * rules, templates and sinks add the paths they read to one struct sl_fields and get a small id for
 * each; the scanner fills an array indexed by id. Names that begin with @ (@topic, @timestamp,
 * @headers.x ...) are paths like any other and get ids too. */

enum sl_value_type {
    SL_VALUE_ABSENT, /* not there; a number beyond 64 bits counts as not there, but p is its text */
    SL_VALUE_NULL,
    SL_VALUE_FALSE,
    SL_VALUE_TRUE,
    SL_VALUE_NUMBER,
    SL_VALUE_STRING,
    SL_VALUE_OBJECT,
    SL_VALUE_ARRAY,
};

/* The JSON text of a value. A string comes without its quotes and, where `escaped`, with its
 * escapes: sl_value_text() undoes them. Without `escaped` the bytes are the text; those that are
 * made from the message (@raw, @key, headers, the message of a TEXT record, enrichment) may then
 * hold quotes, control characters and invalid UTF-8: into JSON only through sl_json_escape(). */
struct sl_value {
    const char *p;
    uint32_t n;
    uint8_t type; /* enum sl_value_type */
    bool escaped; /* STRING: holds backslash escapes */
};

/* ---- fields ---- */

struct sl_fields;

enum { SL_FIELDS_MAX = 65535, SL_PATH_SEGMENTS_MAX = 8, SL_PATH_BYTES_MAX = 512 };

struct sl_fields *sl_fields_new(void);
void sl_fields_free(struct sl_fields *f);
/* The same paths with the same ids, not compiled: what is added to it later the other does not see.
 */
struct sl_fields *sl_fields_clone(const struct sl_fields *f);
/* The id of a path, which is added when it is new; ids count from 0 and never change. SL_EINVAL for
 * an empty path or segment, too many segments, or an @name that does not exist. */
int sl_fields_add(struct sl_fields *f, struct sl_slice path, unsigned *ret_id,
                  struct sl_error *err);
size_t sl_fields_count(const struct sl_fields *f);
const char *sl_fields_name(const struct sl_fields *f, unsigned id);
/* Builds the scanner's table; after the last add and before the next decode. May be called again.
 */
void sl_fields_compile(struct sl_fields *f);

/* ---- records ---- */

enum sl_form { SL_FORM_OBJECT, SL_FORM_TEXT };
enum sl_kind { SL_KIND_SERVER, SL_KIND_METRIC };
enum sl_level {
    SL_LEVEL_NONE,
    SL_LEVEL_TRACE,
    SL_LEVEL_DEBUG,
    SL_LEVEL_INFO,
    SL_LEVEL_WARN,
    SL_LEVEL_ERROR,
    SL_LEVEL_FATAL
};

struct sl_record {
    const struct sl_message *message;
    enum sl_form form;
    const char *parse_error; /* why it is not of the form it should be; static text, or NULL */
    const char *refused; /* no sink can take it: each that it is routed to makes it a dead letter
                            with this reason and status 413; static text, or NULL */
    uint32_t sub;        /* which of the message's records, from 0 */
    bool many;           /* the message holds many records */
    int64_t time_ns;     /* @timestamp, ns since 1970 */
    enum sl_kind kind;
    enum sl_level level;
    uint32_t value_crc; /* CRC-32C of the message's value */
    bool changed;       /* a rule changed it (sluice/change.h): body is not the message's */
    bool lost;          /* changed: something that the message holds is not in body, or another */

    /* Slices of the message, or of the decoder's scratch. */
    struct sl_slice text; /* TEXT: the text */
    struct sl_slice raw;  /* the original bytes: the message's value, or of many its own piece */

    /* Private to record/. */
    struct sl_decoder *decoder;
    struct sl_value *values; /* by field id */
    struct sl_slice body;    /* OBJECT: from '{' to '}', inclusive */
    bool breaks;             /* OBJECT: body holds CR or LF between tokens */
    bool empty;              /* OBJECT: has no member */
    bool has_timestamp;      /* body or added has a member "@timestamp" */
    bool base64;             /* changed: "message_base64" in body is the text that `message` was */
    struct sl_slice added;   /* members to splice in, each led by a comma: what forms and wrappers
                                found, correlation, kind, level, enrichment */
};

/* Counts changes in what decoders make of the same bytes: a stored rules version of another count
 * decides otherwise. */
enum { SL_DECODERS_VERSION = 1 };

struct sl_decoder;
struct sl_decoder_config {
    struct sl_fields *fields;            /* borrowed */
    const struct sl_properties *enrich;  /* borrowed; NULL for none */
    const char *timezone;                /* for times without one; NULL is UTC */
    const struct sl_decode_rule *decode; /* borrowed; what sl_topic.rule counts in */
    size_t n_decode;
    const struct sl_correlation_config *correlation; /* borrowed; NULL: no correlation ids */
};

/* Adds the fields it needs itself (times, kind, level, enrichment, correlation) to config->fields.
 */
struct sl_decoder *sl_decoder_new(const struct sl_decoder_config *config, struct sl_error *err);
void sl_decoder_free(struct sl_decoder *d);
/* Whether sl_decoder_new() would take enrich->items[at] beside those before it. */
int sl_enrich_check(const struct sl_properties *enrich, size_t at, struct sl_error *err);

/* A message is opened, and holds n records: 1 for nearly all; 0 when there is nothing to route (a
 * control message), and sl_decode_nothing() says why. message->value.p must not be NULL (tombstones
 * are the caller's). How it is decoded comes from message->at->topic (decode, rule). The message is
 * borrowed until the next open. */
size_t sl_decode_open(struct sl_decoder *d, const struct sl_message *message);
const char *sl_decode_nothing(const struct sl_decoder *d); /* static text */
/* What one message may inflate to. */
enum { SL_DECODE_BYTES_MAX = 32 << 20 };
/* What the records of the message that is open come from: bytes in all, inflated, and what they
 * share counted for each of them. */
size_t sl_decode_bytes(const struct sl_decoder *d);
/* Record i of the message, in any order, and again; always the same. Never fails: what does not
 * parse is a TEXT record with parse_error. The record borrows the message and the decoder's scratch
 * memory until the next at or open. */
void sl_decode_at(struct sl_decoder *d, size_t i, struct sl_record *ret);
/* Both, for those who have one record by construction: the first, and where there is none, the
 * value as it is. */
void sl_decode(struct sl_decoder *d, const struct sl_message *message, struct sl_record *ret);

/* Field by id: from the message for plain paths, made on demand for @names (in the decoder's
 * scratch). */
struct sl_value sl_record_value(const struct sl_record *r, unsigned id);

/* ---- values ---- */

/* The text of a value: a string unescaped (into scratch when needed), a number or literal as
 * spelled, an object or array as its JSON bytes; absent and null give p == NULL. Valid until
 * scratch changes. */
struct sl_slice sl_value_text(const struct sl_value *v, struct sl_buf *scratch);
/* A number: a NUMBER, or a STRING that wholly is one. False where it is none or beyond 64 bits /
 * double. Integers compare exactly: when *ret_is_int, *ret_int holds it (and *ret the nearest
 * double). */
bool sl_value_number(const struct sl_value *v, double *ret, bool *ret_is_int, int64_t *ret_int);
/* Walks the elements of an ARRAY: *at is 0 at first; false at the end. */
bool sl_value_element(const struct sl_value *array, size_t *at, struct sl_value *ret);

/* ---- output ---- */

/* The record as one JSON object without line breaks: an OBJECT's own bytes with additions spliced
 * in before its closing brace, anything else {"message": "<text>", ...}. Invalid UTF-8 in text is
 * replaced by U+FFFD and the original kept as "message_base64". `more`: further members, each led
 * by a comma ("" for none). timestamp: add "@timestamp" where the object has none. *ret_verbatim
 * (may be NULL) says that the value's bytes stand unchanged in the output from its start on, all
 * but the final '}'. out->full when it did not fit. */
void sl_record_json(const struct sl_record *r, bool timestamp, struct sl_slice more,
                    struct sl_buf *out, bool *ret_verbatim);
/* The value as it travels: the record's original bytes, or, where a rule changed it, its JSON. */
struct sl_slice sl_record_raw(const struct sl_record *r);
/* What decoding has added, for people: members as in JSON, `"a":1,"b":2`; n 0: nothing. */
static inline struct sl_slice sl_record_added(const struct sl_record *r)
{
    return r->added.n ? sl_slice(r->added.p + 1, r->added.n - 1) : r->added;
}
/* Upper bound of what sl_record_json writes, without `more`. */
size_t sl_record_json_bound(const struct sl_record *r);

/* {"topic","partition","offset","timestamp","key","headers","value"} in one line, and "index"
 * behind the offset where the message holds many records: timestamp is Kafka's, in ms; key, header
 * values and value are strings, or {"base64": "..."} where not UTF-8, or null; headers is an array
 * of [name, value]. */
void sl_record_envelope(const struct sl_record *r, struct sl_buf *out);
size_t sl_record_envelope_bound(const struct sl_record *r);

/* The deterministic id (interface.md, "Ids"), base64url of place, offset, sub and CRC-32C over
 * timestamp, key and value: 27 characters, or 32 when the message holds many records. */
enum { SL_RECORD_ID_MAX = 40 };
size_t sl_record_id(const struct sl_record *r, char ret[SL_RECORD_ID_MAX]);

/* JSON string escaping without the quotes; invalid UTF-8 becomes U+FFFD. True when it was all
 * valid. */
bool sl_json_escape(struct sl_slice text, struct sl_buf *out);
/* "2026-01-31T12:34:56.789Z"; ns and us digits only where they are not 0. */
void sl_time_rfc3339(int64_t ns, struct sl_buf *out);
/* The other way; a space for the T and a missing offset (UTC) are accepted. Only 1970 to 2261. */
bool sl_time_from_rfc3339(struct sl_slice text, int64_t *ret_ns);
const char *sl_kind_name(enum sl_kind k);
const char *sl_level_name(enum sl_level l); /* NONE is "" */

#endif
