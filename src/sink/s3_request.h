/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_REQUEST_H
#define SL_SINK_S3_REQUEST_H

#include "sink/http_policy.h"
#include "sink/s3_credentials.h"
#include "sink/s3_sign.h"
#include "sluice/sink.h"

/* A client of one bucket, of the sink and of the archive's reader: where it is, and signed
 * requests.
 *
 * Addressing: with `endpoint`, path-style under it; else virtual-hosted at AWS, but path-style
 * again for a bucket with dots, whose name no wildcard certificate covers.
 *
 * Every body is hashed: over plain HTTP the signature must cover it, and over TLS some bucket
 * policies want it. It is done once, on the pool thread that compresses. */

struct sl_s3_client {
    const struct sl_sink_config *config; /* borrowed */
    struct sl_runtime *rt;
    struct sl_http *http;
    struct sl_credential_chain *credentials;
    char *origin; /* scheme://host[:port] */
    char *host;   /* as the Host header has it */
    char *root;   /* escaped path before the object's key, ends with '/' */
    const char *region;
    int64_t clock_offset_ms; /* what the store's clock is ahead of ours, once it has complained */
};

/* Reads and sends nothing. On an error it is still to be released. */
int sl_s3_client_init(struct sl_s3_client *c, const struct sl_sink_config *config,
                      struct sl_runtime *rt, struct sl_http *http, struct sl_error *err);
void sl_s3_client_release(struct sl_s3_client *c);

struct sl_s3_call {
    const char *method;
    struct sl_slice object;               /* its key; p == NULL: the bucket itself */
    const char *query;                    /* escaped and in byte order; NULL: none */
    const struct sl_sign_header *headers; /* signed; besides host, date, token, payload hash */
    size_t n_headers;
    bool if_none_match;
    struct sl_slice body;
    const char *payload; /* hex SHA-256 of body; NULL: it is empty */
    size_t max_reply;    /* 0: SL_S3_REPLY_MAX */
};

enum { SL_S3_CALL_HEADERS_MAX = 16, SL_S3_REPLY_MAX = 64 * 1024 };

/* Signs and starts; sets all of x. Without usable credentials nothing is sent and the answer is
 * SL_HTTP_DENIED. */
void sl_s3_call(struct sl_s3_client *c, const struct sl_s3_call *call, struct sl_exchange *x,
                void (*done)(struct sl_exchange *x, const struct sl_http_reply *reply));

/* The time as the store has it. */
int64_t sl_s3_wall_ms(const struct sl_s3_client *c);
/* Takes the store's clock from a reply's Date; false when it has none. */
bool sl_s3_set_clock(struct sl_s3_client *c, const struct sl_http_reply *reply);

#endif
