/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_S3_SIGN_H
#define SL_SINK_S3_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

/* AWS Signature Version 4 in the Authorization header.
 *
 * Why not libcurl's: in 7.88 it hashes streamed bodies as empty, sends no x-amz-content-sha256, and
 * does not encode '=' in paths, which every Hive-style key holds.
 *
 * The rules are those of "Signature Calculations for the Authorization Header: Transferring Payload
 * in a Single Chunk" in the Amazon S3 API reference (docs.aws.amazon.com/AmazonS3/latest/API/
 * sig-v4-header-based-auth.html); the four examples of that page are the unit test. S3 differs from
 * other services in that the path is encoded once and never normalised: the object keys "a//b" and
 * "a/../b" are names like any other. The caller encodes the path with sl_sign_escape(), sends
 * exactly that text in the URL, and hands over the same text here. */

struct sl_sign_header {
    const char *name; /* lower case */
    const char *value;
};

enum { SL_SIGN_HEADERS_MAX = 32, SL_SIGN_TIME_MAX = 17 };

struct sl_sign {
    const char *method;
    const char *path;                     /* escaped; begins with '/' */
    const char *query;                    /* escaped and in byte order; "" for none */
    const struct sl_sign_header *headers; /* those to sign, in any order */
    size_t n_headers;                     /* at most SL_SIGN_HEADERS_MAX */
    const char *payload;                  /* hex SHA-256 of the body, as in x-amz-content-sha256 */
    const char *region, *service;
    const char *access_key, *secret_key;
    const char *time; /* as in x-amz-date */
};

/* Appends the value of the Authorization header. */
void sl_sign(const struct sl_sign *s, struct sl_buf *out);

/* "20130524T000000Z" */
void sl_sign_time(int64_t unix_seconds, char ret[SL_SIGN_TIME_MAX]);

/* Percent-encodes everything outside A-Z a-z 0-9 - . _ ~ with upper-case digits; '/' stays. */
void sl_sign_escape(struct sl_slice text, struct sl_buf *out);

#endif
