/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_FLOW_H
#define SL_FLOW_FLOW_H

#include "base/buf.h"
#include "base/error.h"
#include "sluice/record.h"

/* One request's whole path: its records, from every service, in one order.
 *
 * Records come as JSON (what Elasticsearch holds, what the archive holds made JSON again), and are
 * read by the same decoder that routed them, so that wherever they come from, times and levels are
 * the same and the answer is, too. What a service, a message or a duration is called differs from
 * logger to logger: fields.c has the names that are known.
 *
 * Order: by time as recorded; at the same time a span after the one that called it; then by service
 * and instance, and within these as the log had them. A record without a time of its own stands
 * behind the one that precedes it in its partition; where none there has a time, at the beginning.
 *
 * Bars: a record that tells a duration was written when its work was done, so its bar ends at its
 * time. Where no record of a span tells one, the span's first record has a bar up to its last.
 *
 * Clocks: services' clocks differ, and that is shown, never corrected. What contradicts them is
 * causality (skew.c): nothing begins before its caller has, and a called span that is no longer
 * than its caller's ends within it. For each pair of caller and callee that bounds how far the
 * callee's clock may be ahead (an NTP exchange without its packets); what lies outside of the
 * bounds is told. A span begins at its record's time less its duration; where none tells one its
 * first record is taken for its beginning, and what follows from that is said with a doubt.
 * And nothing of a request is written before its id was made, where the id tells when (UUIDv7).
 *
 * Memory: SL_FLOW_RECORDS_MAX records, each with its JSON. */

enum {
    SL_FLOW_RECORDS_MAX = 100000,
    SL_FLOW_BYTES_MAX = 512 << 20, /* of JSON */
    SL_FLOW_SKEW_SERVICES = 256,   /* with more of them clocks are not compared */
    SL_FLOW_GAPS = 6,              /* the longest are named: of 10 ms and a tenth of all at least */
};

struct sl_flow_record {
    int64_t time_ns;
    bool timed;          /* false: it has no time of its own, and stands beside its neighbour */
    int64_t duration_ns; /* -1: unknown */
    int64_t begin_ns, end_ns; /* of its bar; both time_ns: it has none */
    enum sl_level level;
    bool error;
    unsigned service;                                 /* of sl_flow.services */
    char *instance, *message, *span, *parent, *trace; /* NULL: unknown; message never is */
    struct sl_slice json;                             /* the record; owned */

    char *topic; /* NULL: its place is unknown */
    int32_t partition;
    int64_t offset; /* -1: unknown */
    uint32_t sub;
    bool many;
    char *document; /* Elasticsearch: "INDEX/ID", or NULL */

    /* Private. */
    uint64_t origin, sequence; /* where it stood: in which log, and where there */
    unsigned depth;
    const char *head;
};

enum sl_flow_clock { SL_CLOCK_AGREES, SL_CLOCK_ABOUT, SL_CLOCK_AT_LEAST };

struct sl_flow_service {
    char *name;
    size_t records, errors;
    int64_t first_ns, last_ns;
    enum sl_flow_clock clock;
    int64_t ahead_ns;    /* of `against`'s clock; negative: behind */
    int against;         /* a service, or -1: who made the id */
    bool maybe_outlived; /* ahead; or it went on when its caller had ended */
    bool maybe_silent;   /* behind; or its caller wrote nothing before it called */
};

struct sl_flow_gap {
    size_t before, after; /* records */
    int64_t ns;
};

struct sl_flow {
    char *id;
    int64_t id_ns; /* when a UUIDv7 was made; -1: it does not tell */
    struct sl_flow_record *records;
    size_t n_records, cap_records;
    struct sl_flow_service *services; /* in the order of their first records */
    size_t n_services;
    struct sl_flow_gap gaps[SL_FLOW_GAPS]; /* in their order */
    size_t n_gaps, errors;
    int64_t from_ns, to_ns; /* bars included; 0: no record has a time */
    uint64_t total;         /* as many there are; more than n_records: not all are here */
    size_t bytes;

    char *origin;  /* where it was looked, for people: "in ..."; owned; may be NULL */
    char *missing; /* why records may be missing; owned; NULL: all that there are are here */
    struct sl_flow_reader *reader;
};

struct sl_flow_input {
    struct sl_slice json;
    int64_t kafka_ms;          /* the message's; -1: unknown */
    bool untimed;              /* its time is unknown, whatever its fields say */
    uint64_t origin, sequence; /* records of one log: one origin, and in their order */
    const char *topic;         /* NULL: unknown */
    int32_t partition;
    int64_t offset; /* -1: unknown */
    uint32_t sub;
    bool many;
    const char *document;   /* NULL: none */
    bool by_trace;          /* trace_id counts as well as correlation_id */
    int64_t from_ns, to_ns; /* from <= time < to; records without a time always count */
};

struct sl_flow *sl_flow_new(const char *id);
void sl_flow_free(struct sl_flow *f);
/* SL_OK; SL_ENOENT: it is not of this request, or of these times; SL_EFULL: a maximum is reached,
 * and it is counted only. What in holds is copied. */
int sl_flow_add(struct sl_flow *f, const struct sl_flow_input *in);
/* Once, after the last. */
void sl_flow_finish(struct sl_flow *f);

/* The time that a UUIDv7 (RFC 9562) tells, or -1. */
int64_t sl_flow_id_time(const char *id);

/* ---- pictures; each appends, and says by to->full when it was too much ---- */

struct sl_flow_look {
    unsigned width; /* columns */
    bool utf8, colour;
};
void sl_flow_terminal(const struct sl_flow *f, const struct sl_flow_look *look, struct sl_buf *to);
void sl_flow_json(const struct sl_flow *f, struct sl_buf *to);
void sl_flow_html(const struct sl_flow *f, struct sl_buf *to);

#endif
