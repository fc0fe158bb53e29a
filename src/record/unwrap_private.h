/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_UNWRAP_PRIVATE_H
#define SL_RECORD_UNWRAP_PRIVATE_H

#include "base/inflate.h"
#include "record/json.h"
#include "record/unwrap.h"
#include "sluice/record.h"

/* What the wrappers share. A document is checked whole by the record scanner before anything walks
 * it, so walking needs no checks; one walk finds where the pieces are, and each piece is then taken
 * apart by its place. A message thus costs what it holds, and no byte of it is read more than a few
 * times: only what its pieces share comes in each of them, and that product is bounded. */

enum {
    SL_PIECES_MAX = 1000000, /* of one message */
    SL_CLOUDWATCH_MAX = SL_DECODE_BYTES_MAX,
    /* What pieces share comes in each of them. Together that may be so many times what the document
     * has, or so much, whichever is more. */
    SL_UNWRAP_SHARED_RATIO = 64,
    SL_UNWRAP_SHARED_FREE = 64 << 20,
    SL_UNWRAP_TEXT_MAX = 1 << 30, /* of one piece: no message is larger */
    SL_UNWRAP_KEEP = 1 << 20,     /* scratch that is kept for the next message */
    SL_PIECES_KEEP = SL_UNWRAP_KEEP / 16,
    SL_ATTRIBUTES_MAX = 1024, /* of one list, all levels together */
};

enum sl_unwrap_field { /* members of a document, found by the scan */
                       SL_DOCKER_LOG,
                       SL_DOCKER_STREAM,
                       SL_DOCKER_TIME,
                       SL_DOCKER_ATTRS,
                       SL_CLOUDWATCH_TYPE,
                       SL_CLOUDWATCH_OWNER,
                       SL_CLOUDWATCH_GROUP,
                       SL_CLOUDWATCH_STREAM,
                       SL_CLOUDWATCH_FILTERS,
                       SL_CLOUDWATCH_EVENTS,
                       SL_CLOUDWATCH_DATA,
                       SL_OTLP_RESOURCES,
                       SL_UNWRAP_FIELDS
};

struct sl_piece_place {
    uint32_t at, n;  /* in the document */
    uint32_t shared; /* OTLP: which scope it is of */
};

struct sl_otlp;

struct sl_unwrapped {
    /* The document, and whether it is good. */
    struct sl_fields *fields;
    struct sl_scan scan;
    unsigned ids[SL_UNWRAP_FIELDS];
    struct sl_slice document; /* the object that was found valid */
    struct sl_piece_place *pieces;
    size_t n, cap;
    size_t shared; /* bytes that come in each of some pieces, once for each of these */

    struct sl_inflater *inflater;            /* made when the first gzip comes */
    struct sl_buf decoded, inflated;         /* out of base64, out of gzip */
    struct sl_buf text, wrapper;             /* of the last piece */
    struct sl_slice head, stream, time, tag; /* cri: of the line */
    int64_t time_ns;                         /* cri, docker */
    struct sl_otlp *otlp;
};

/* ---- the document ---- */

/* Whether the value is one valid JSON object, which is then the document; else *ret_why. */
bool sl_unwrap_check(struct sl_unwrapped *u, struct sl_slice value, const char **ret_why);
/* A member of it; ABSENT where it has none, or null. */
struct sl_value sl_unwrap_member(const struct sl_unwrapped *u, enum sl_unwrap_field field);
/* Another piece; false when there are too many. */
bool sl_unwrap_add(struct sl_unwrapped *u, struct sl_slice piece, uint32_t shared);
static inline struct sl_slice sl_unwrap_piece(const struct sl_unwrapped *u, size_t i)
{
    return sl_slice(u->document.p + u->pieces[i].at, u->pieces[i].n);
}

/* ---- values of a checked document ---- */

/* A string with its quotes: JSON as it stands. */
static inline struct sl_slice sl_json_whole(const struct sl_value *v)
{
    return v->type == SL_VALUE_STRING ? sl_slice(v->p - 1, (size_t)v->n + 2) : sl_slice(v->p, v->n);
}
/* An unescaped string, in u->text where it needed that. */
struct sl_slice sl_unwrap_text(struct sl_unwrapped *u, const struct sl_value *v);
/* A number or a string of digits: protobuf's JSON has 64-bit integers as strings. */
bool sl_unwrap_int(const struct sl_value *v, int64_t *ret);
/* Adds a value as it stands; an absent one, null and the empty string are not added. */
void sl_unwrap_keep(struct sl_members *members, const char *name, const struct sl_value *v);
/* Whether members of an object in the text could be in the way of the wrapper's. */
static inline bool sl_unwrap_inner(struct sl_slice text)
{
    return text.n > 0 && memchr(text.p, '{', text.n);
}
/* Appends `raw` without a value (of a string: without what is between its quotes) to u->wrapper;
 * `left` stands there instead. */
void sl_unwrap_around(struct sl_unwrapped *u, struct sl_slice raw, const struct sl_value *v,
                      const char *left);
/* Whether n pieces may share so many bytes each, beside those before; counts them. */
bool sl_unwrap_shared(struct sl_unwrapped *u, size_t n, size_t bytes);

/* Walks the members of an object, and the objects of an array. */
struct sl_object_walk {
    const char *p, *end;
    char room[SL_JSON_KEY_ROOM];
};
void sl_object_begin(struct sl_object_walk *w, struct sl_slice object);
bool sl_object_next(struct sl_object_walk *w, struct sl_slice *ret_name, struct sl_value *ret);

/* The first member's name of what may be an object, for `auto`; p == NULL: none. */
struct sl_slice sl_first_name(struct sl_slice value);

/* What Lambda writes itself, and how its runtimes lead a line (unwrap_lambda.c). */
void sl_lambda_line(struct sl_slice text, struct sl_members *members, enum sl_level *ret_level);

/* ---- OTLP's values (unwrap_otlp_value.c) ---- */

/* The scratch of one list: which names its objects have, so that none is written twice. */
struct sl_otlp_names;
struct sl_otlp_names *sl_otlp_names_new(void);
void sl_otlp_names_free(struct sl_otlp_names *x);
/* An AnyValue as JSON, and a list of KeyValue as one JSON object. False when something was left
 * out. */
bool sl_otlp_value(struct sl_otlp_names *x, const struct sl_value *any, struct sl_buf *out);
bool sl_otlp_attributes(struct sl_otlp_names *x, const struct sl_value *list, struct sl_buf *out);
/* A member of an object; ABSENT where it has none, or null. */
struct sl_value sl_object_member(struct sl_slice object, const char *name);

struct sl_otlp *sl_otlp_new(void);
void sl_otlp_free(struct sl_otlp *o);
void sl_otlp_shrink(struct sl_otlp *o);

#endif
