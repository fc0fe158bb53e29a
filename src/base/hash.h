/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_BASE_HASH_H
#define SL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum { SL_SHA256_BYTES = 32, SL_SHA256_HEX = 64 };

/* CRC-32C (Castagnoli; RFC 3720 appendix B.4). Starts at 0, goes on from an earlier result. */
uint32_t sl_crc32c(uint32_t crc, const void *p, size_t n);

/* For hash tables; and, being XXH3 without a seed and so the same everywhere, for `sample`. */
uint64_t sl_hash(const void *p, size_t n);

void sl_sha256(const void *p, size_t n, uint8_t ret[SL_SHA256_BYTES]);
void sl_hmac_sha256(struct sl_slice key, struct sl_slice data, uint8_t ret[SL_SHA256_BYTES]);
void sl_hex(const uint8_t *p, size_t n, char *ret); /* 2 n lower-case digits and a NUL */

/* RFC 4648: base64 (section 4, padded) and base64url (section 5, without padding). */
void sl_base64(struct sl_buf *out, const void *p, size_t n);
void sl_base64url(struct sl_buf *out, const void *p, size_t n);
int sl_base64_decode(struct sl_slice text, struct sl_buf *out); /* SL_EINVAL; padding required */

#endif
