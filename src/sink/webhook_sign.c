/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/webhook_sign.h"

#include "base/hash.h"

static int decode(const char *text, struct sl_buf *out)
{
    struct sl_buf padded;
    int code;

    /* Some services leave the padding away. */
    sl_buf_init(&padded, 2 * SL_WEBHOOK_KEY_BYTES_MAX);
    sl_buf_text(&padded, text);
    while (padded.n % 4 && !padded.full)
        sl_buf_byte(&padded, '=');
    code = padded.full ? SL_EINVAL : sl_base64_decode(sl_buf_as_slice(&padded), out);
    sl_buf_release(&padded);
    return code;
}

int sl_webhook_keys_add(struct sl_webhook_keys *k, const char *secret, struct sl_error *err)
{
    struct sl_buf *key = &k->items[k->n];
    int code = SL_OK;

    if (k->n == SL_WEBHOOK_KEYS_MAX)
        return sl_fail(err, SL_ECONFIG, "secret: more than %d", SL_WEBHOOK_KEYS_MAX);
    sl_buf_init(key, SL_WEBHOOK_KEY_BYTES_MAX);
    if (strncmp(secret, "whsec_", 6) == 0)
        code = decode(secret + 6, key);
    else
        sl_buf_text(key, secret);
    if (code || key->full)
        code = sl_fail(err, SL_ECONFIG,
                       "secret: what follows `whsec_` is not base64, or it is too long");
    else if (key->n == 0)
        code = sl_fail(err, SL_ECONFIG, "secret: it is empty");
    if (code)
        sl_buf_release(key);
    else
        k->n++;
    return code;
}

void sl_webhook_keys_release(struct sl_webhook_keys *k)
{
    for (size_t i = 0; i < k->n; i++) {
        explicit_bzero(k->items[i].p, k->items[i].n);
        sl_buf_release(&k->items[i]);
    }
    k->n = 0;
}

void sl_webhook_id(const uint8_t hash[32], char ret[SL_WEBHOOK_ID_MAX])
{
    struct sl_buf text;

    sl_buf_init(&text, SL_WEBHOOK_ID_MAX - 1);
    SL_BUF_LITERAL(&text, "msg_");
    sl_base64url(&text, hash, 18);
    memcpy(ret, text.p, text.n);
    ret[text.n] = '\0';
    sl_buf_release(&text);
}

void sl_webhook_sign(const struct sl_webhook_keys *k, const char *id, int64_t unix_s, char *room,
                     size_t body_n, struct sl_buf *out)
{
    char head[SL_WEBHOOK_ROOM + 1];
    int n = snprintf(head, sizeof(head), "%s.%lld.", id, (long long)unix_s);
    char *begin = room + SL_WEBHOOK_ROOM - n;
    uint8_t mac[SL_SHA256_BYTES];

    memcpy(begin, head, (size_t)n);
    for (size_t i = 0; i < k->n; i++) {
        sl_hmac_sha256(sl_buf_as_slice(&k->items[i]), sl_slice(begin, (size_t)n + body_n), mac);
        sl_buf_text(out, i ? " v1," : "v1,");
        sl_base64(out, mac, sizeof(mac));
    }
}
