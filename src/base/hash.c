/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <isa-l/crc.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"

uint32_t sl_crc32c(uint32_t crc, const void *p, size_t n)
{
    const unsigned char *at = p;

    /* ISA-L takes int lengths and neither inverts its start value nor its result. */
    crc = ~crc;
    while (n > 0) {
        int part = n > (1u << 30) ? (int)(1u << 30) : (int)n;

        crc = crc32_iscsi((unsigned char *)at, part, crc);
        at += part;
        n -= (size_t)part;
    }
    return ~crc;
}

uint64_t sl_hash(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

void sl_sha256(const void *p, size_t n, uint8_t ret[SL_SHA256_BYTES])
{
    EVP_Digest(p, n, ret, NULL, EVP_sha256(), NULL);
}

void sl_hmac_sha256(struct sl_slice key, struct sl_slice data, uint8_t ret[SL_SHA256_BYTES])
{
    unsigned int n = SL_SHA256_BYTES;

    HMAC(EVP_sha256(), key.p ? key.p : "", (int)key.n,
         (const unsigned char *)(data.p ? data.p : ""), data.n, ret, &n);
}

void sl_hex(const uint8_t *p, size_t n, char *ret)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        *ret++ = digits[p[i] >> 4];
        *ret++ = digits[p[i] & 15];
    }
    *ret = '\0';
}

static void encode(struct sl_buf *out, const uint8_t *p, size_t n, const char *digits, bool pad)
{
    size_t full = n / 3 * 4, rest = n % 3;
    char *at = sl_buf_reserve(out, full + (rest ? (pad ? 4 : rest + 1) : 0));

    if (!at)
        return;
    char *begin = at;
    for (; n >= 3; n -= 3, p += 3) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];

        *at++ = digits[v >> 18];
        *at++ = digits[v >> 12 & 63];
        *at++ = digits[v >> 6 & 63];
        *at++ = digits[v & 63];
    }
    if (rest) {
        uint32_t v = (uint32_t)p[0] << 16 | (rest == 2 ? (uint32_t)p[1] << 8 : 0);

        *at++ = digits[v >> 18];
        *at++ = digits[v >> 12 & 63];
        if (rest == 2)
            *at++ = digits[v >> 6 & 63];
        else if (pad)
            *at++ = '=';
        if (pad)
            *at++ = '=';
    }
    out->n += (size_t)(at - begin);
}

void sl_base64(struct sl_buf *out, const void *p, size_t n)
{
    encode(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void sl_base64url(struct sl_buf *out, const void *p, size_t n)
{
    encode(out, p, n, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int sl_base64_decode(struct sl_slice text, struct sl_buf *out)
{
    size_t begin = out->n, n = text.n;

    if (n % 4)
        return SL_EINVAL;
    for (size_t i = 0; i < n; i += 4) {
        int pad = i + 4 < n ? 0 : (text.p[i + 3] == '=') + (text.p[i + 2] == '=');
        uint32_t v = 0;

        for (int k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : digit(text.p[i + (size_t)k]);

            if (d < 0) {
                sl_buf_truncate(out, begin);
                return SL_EINVAL;
            }
            v = v << 6 | (uint32_t)d;
        }
        char bytes[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        sl_buf_append(out, bytes, (size_t)(3 - pad));
    }
    return out->full ? SL_EFULL : SL_OK;
}
