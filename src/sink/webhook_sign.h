/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_WEBHOOK_SIGN_H
#define SL_SINK_WEBHOOK_SIGN_H

#include "base/buf.h"
#include "base/error.h"

/* Standard Webhooks (github.com/standard-webhooks/standard-webhooks, specification 1.0.0): a
 * receiver knows a message by webhook-id, its age by webhook-timestamp and its sender by
 * webhook-signature, HMAC-SHA256 over "<id>.<timestamp>.<body>". Several keys give several
 * signatures, so that a secret can be changed without a gap.
 *
 * Signing must not copy the body. HMAC takes one run of bytes, so the body is laid out behind
 * SL_WEBHOOK_ROOM bytes, and each attempt writes the id and its time there, right before the body.
 */

enum {
    SL_WEBHOOK_ROOM = 64,
    SL_WEBHOOK_ID_MAX = 40,
    SL_WEBHOOK_KEYS_MAX = 8,
    SL_WEBHOOK_KEY_BYTES_MAX = 1024,
};

struct sl_webhook_keys {
    struct sl_buf items[SL_WEBHOOK_KEYS_MAX];
    size_t n;
};

/* A secret as configured: "whsec_" and base64, else the bytes themselves. */
int sl_webhook_keys_add(struct sl_webhook_keys *k, const char *secret, struct sl_error *err);
void sl_webhook_keys_release(struct sl_webhook_keys *k);

/* "msg_" and base64url of the first 18 bytes of a SHA-256. */
void sl_webhook_id(const uint8_t hash[32], char ret[SL_WEBHOOK_ID_MAX]);

/* Appends "v1,<base64>" for each key, separated by spaces. `room`: SL_WEBHOOK_ROOM bytes, written
 * to, with body_n bytes of body right behind them. */
void sl_webhook_sign(const struct sl_webhook_keys *k, const char *id, int64_t unix_s, char *room,
                     size_t body_n, struct sl_buf *out);

#endif
