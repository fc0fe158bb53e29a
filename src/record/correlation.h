/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_RECORD_CORRELATION_H
#define SL_RECORD_CORRELATION_H

#include "record/decode.h"

/* The id that one request carries through all services, in one member: correlation_id.
 *
 * It is the first of the configured fields and headers that has one; a field comes before a header
 * of the same place in the lists, headers are known without regard to case, and of several headers
 * of one name the last counts. An id is a text that is not empty, or a number; what is longer than
 * SL_CORRELATION_ID_MAX is none. Under a name that ends in `traceparent` stands a context of W3C
 * Trace Context, of which the trace id is the correlation id; whether or not it is the first to
 * have one, trace_id and span_id are added from it where the record has no trace_id, or that very
 * one. What is not such a context is not looked at further.
 *
 * Where nothing is found and `make` is set, an id is made: a UUID of version 7 (RFC 9562) whose
 * time is the record's and whose other bits are a hash of its place: cluster, topic, partition,
 * offset and sub-index. A replay makes the same, so the archive and Elasticsearch agree.
 *
 * Nothing is overwritten: a record that has correlation_id, or anything below it, keeps it. */

enum { SL_CORRELATION_ID_MAX = 256 };

/* *ret is NULL where nothing is configured. */
int sl_correlation_new(const struct sl_correlation_config *config, struct sl_fields *fields,
                       struct sl_correlation **ret, struct sl_error *err);
void sl_correlation_free(struct sl_correlation *c);

/* Adds to d->found, where SL_CORRELATION_ROOM bytes are free, and to the fields; r->time_ns is
 * settled. */
void sl_correlation_add(const struct sl_correlation *c, struct sl_decoder *d,
                        const struct sl_record *r);
enum { SL_CORRELATION_ROOM = 6 * SL_CORRELATION_ID_MAX + 256 };

/* version-traceid-parentid-flags; the ids are slices of text. */
bool sl_traceparent_read(struct sl_slice text, struct sl_slice *ret_trace,
                         struct sl_slice *ret_span);

enum { SL_UUID_TEXT = 36 };
void sl_correlation_make(const struct sl_record *r, char ret[SL_UUID_TEXT]);

#endif
