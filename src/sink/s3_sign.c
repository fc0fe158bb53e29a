/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/s3_sign.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/percent.h"

enum { CANONICAL_MAX = 64 * 1024, SCOPE_MAX = 512 };

void sl_sign_time(int64_t unix_seconds, char ret[SL_SIGN_TIME_MAX])
{
    time_t t = (time_t)unix_seconds;
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(ret, SL_SIGN_TIME_MAX, "%Y%m%dT%H%M%SZ", &tm);
}

void sl_sign_escape(struct sl_slice text, struct sl_buf *out)
{
    sl_percent_encode(text, "-._~/", out);
}

/* The order of the headers by name; few enough for insertion. */
static size_t sort(const struct sl_sign *s, const struct sl_sign_header *ret[SL_SIGN_HEADERS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_headers && i < SL_SIGN_HEADERS_MAX; i++) {
        size_t k = n++;

        for (; k > 0 && strcmp(ret[k - 1]->name, s->headers[i].name) > 0; k--)
            ret[k] = ret[k - 1];
        ret[k] = &s->headers[i];
    }
    return n;
}

/* Without blanks at the ends, and runs of them inside as one. */
static void append_value(struct sl_buf *out, const char *value)
{
    bool blank = false, begun = false;

    for (; *value; value++) {
        if (*value == ' ' || *value == '\t') {
            blank = true;
            continue;
        }
        if (blank && begun)
            sl_buf_byte(out, ' ');
        sl_buf_byte(out, *value);
        blank = false;
        begun = true;
    }
}

static void append_names(struct sl_buf *out, const struct sl_sign_header *const *sorted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            sl_buf_byte(out, ';');
        sl_buf_text(out, sorted[i]->name);
    }
}

static void canonical_request(const struct sl_sign *s, const struct sl_sign_header *const *sorted,
                              size_t n, struct sl_buf *out)
{
    sl_buf_printf(out, "%s\n%s\n%s\n", s->method, s->path, s->query);
    for (size_t i = 0; i < n; i++) {
        sl_buf_text(out, sorted[i]->name);
        sl_buf_byte(out, ':');
        append_value(out, sorted[i]->value);
        sl_buf_byte(out, '\n');
    }
    sl_buf_byte(out, '\n');
    append_names(out, sorted, n);
    sl_buf_printf(out, "\n%s", s->payload);
}

/* The key is derived step by step: secret, date, region, service, "aws4_request". */
static void signing_key(const struct sl_sign *s, uint8_t ret[SL_SHA256_BYTES])
{
    const struct sl_slice steps[] = {sl_slice(s->time, 8), sl_slice_str(s->region),
                                     sl_slice_str(s->service), SL_SLICE_LITERAL("aws4_request")};
    struct sl_buf first;
    struct sl_slice key;

    sl_buf_init(&first, CANONICAL_MAX);
    sl_buf_printf(&first, "AWS4%s", s->secret_key);
    key = sl_buf_as_slice(&first);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint8_t next[SL_SHA256_BYTES];

        sl_hmac_sha256(key, steps[i], next);
        memcpy(ret, next, SL_SHA256_BYTES);
        key = sl_slice((const char *)ret, SL_SHA256_BYTES);
    }
    if (first.p)
        explicit_bzero(first.p, first.n);
    sl_buf_release(&first);
}

void sl_sign(const struct sl_sign *s, struct sl_buf *out)
{
    const struct sl_sign_header *sorted[SL_SIGN_HEADERS_MAX];
    size_t n = sort(s, sorted);
    uint8_t hash[SL_SHA256_BYTES], key[SL_SHA256_BYTES];
    char hex[SL_SHA256_HEX + 1], scope[SCOPE_MAX];
    struct sl_buf text;

    sl_buf_init(&text, CANONICAL_MAX);
    canonical_request(s, sorted, n, &text);
    sl_sha256(text.p, text.n, hash);
    sl_hex(hash, sizeof(hash), hex);
    snprintf(scope, sizeof(scope), "%.8s/%s/%s/aws4_request", s->time, s->region, s->service);

    sl_buf_clear(&text);
    sl_buf_printf(&text, "AWS4-HMAC-SHA256\n%s\n%s\n%s", s->time, scope, hex);
    signing_key(s, key);
    sl_hmac_sha256(sl_slice((const char *)key, sizeof(key)), sl_buf_as_slice(&text), hash);
    sl_hex(hash, sizeof(hash), hex);
    explicit_bzero(key, sizeof(key));
    sl_buf_release(&text);

    sl_buf_printf(out, "AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=", s->access_key, scope);
    append_names(out, sorted, n);
    sl_buf_printf(out, ",Signature=%s", hex);
}
