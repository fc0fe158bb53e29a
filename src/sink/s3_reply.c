/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/s3_reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/http_time.h"
#include "sink/http_policy.h"

enum { SKEW_MS = 10 * 60 * 1000 }; /* S3 allows 15 minutes */

/* ---- the error document ---- */

/* The five entities that XML always has. Others stay as they are. */
static size_t entity(struct sl_slice at, char *ret)
{
    static const struct {
        const char *name;
        char c;
    } known[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        size_t n = strlen(known[i].name);

        if (at.n >= n && memcmp(at.p, known[i].name, n) == 0) {
            *ret = known[i].c;
            return n;
        }
    }
    *ret = at.p[0];
    return 1;
}

static void take_element(struct sl_slice error, const char *open, char *ret, size_t max)
{
    struct sl_slice at = sl_slice_after(error, open);
    size_t n = 0;

    while (at.n > 0 && at.p[0] != '<' && n + 1 < max) {
        char c;
        size_t used = entity(at, &c);

        ret[n++] = (unsigned char)c < ' ' || c == 127 ? ' ' : c;
        at.p += used;
        at.n -= used;
    }
    ret[n] = '\0';
}

void sl_s3_error_parse(struct sl_slice body, struct sl_s3_error *ret)
{
    struct sl_slice error = sl_slice_after(body, "<Error");

    take_element(error, "<Code>", ret->code, sizeof(ret->code));
    take_element(error, "<Message>", ret->message, sizeof(ret->message));
}

bool sl_s3_is_listing(struct sl_slice body)
{
    return sl_slice_after(body, "<ListBucketResult").p != NULL;
}

/* ---- codes ---- */

enum group {
    G_NONE,
    G_AGAIN,
    G_THROTTLED,
    G_SKEWED,
    G_CREDENTIALS,
    G_DENIED,
    G_BUCKET,
    G_REGION,
    G_SIZE
};

static const struct {
    const char *code;
    enum group group;
} codes[] = {
    /* passing, whatever the status they come with */
    {"RequestTimeout", G_AGAIN},
    {"IncompleteBody", G_AGAIN},
    {"BadDigest", G_AGAIN},
    {"XAmzContentSHA256Mismatch", G_AGAIN},
    {"XAmzContentChecksumMismatch", G_AGAIN},
    {"OperationAborted", G_AGAIN},
    {"ConditionalRequestConflict", G_AGAIN},
    {"InternalError", G_AGAIN},
    {"SlowDown", G_THROTTLED},
    {"ServiceUnavailable", G_THROTTLED},
    {"RequestLimitExceeded", G_THROTTLED},
    {"Throttling", G_THROTTLED},
    {"ThrottlingException", G_THROTTLED},
    {"TooManyRequests", G_THROTTLED},
    {"BandwidthLimitExceeded", G_THROTTLED},
    {"RequestTimeTooSkewed", G_SKEWED},
    /* an operator must act */
    {"InvalidAccessKeyId", G_CREDENTIALS},
    {"SignatureDoesNotMatch", G_CREDENTIALS},
    {"ExpiredToken", G_CREDENTIALS},
    {"TokenRefreshRequired", G_CREDENTIALS},
    {"InvalidToken", G_CREDENTIALS},
    {"InvalidSecurity", G_CREDENTIALS},
    {"AccessDenied", G_DENIED},
    {"AllAccessDisabled", G_DENIED},
    {"AccountProblem", G_DENIED},
    {"NoSuchBucket", G_BUCKET},
    {"InvalidBucketName", G_BUCKET},
    {"PermanentRedirect", G_REGION},
    {"TemporaryRedirect", G_REGION},
    {"AuthorizationHeaderMalformed", G_REGION},
    {"IllegalLocationConstraintException", G_REGION},
    {"EntityTooLarge", G_SIZE},
};

static enum group by_code(const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(code, codes[i].code) == 0)
            return codes[i].group;
    return G_NONE;
}

static enum group by_status(int status)
{
    switch (status) {
    case 408:
    case 409:
    case 425:
        return G_AGAIN;
    case 429:
    case 503:
        return G_THROTTLED;
    case 401:
        return G_CREDENTIALS;
    case 403:
        return G_DENIED;
    case 404:
        return G_BUCKET;
    case 413:
        return G_SIZE;
    case 501: /* the store lacks a feature, or room: no second try changes that */
    case 507:
        return G_NONE;
    default:
        break;
    }
    if (status >= 300 && status < 400)
        return G_REGION;
    return status >= 500 || status < 200 ? G_AGAIN : G_NONE;
}

/* ---- words ---- */

/* It comes from outside and goes into logs. */
static bool region_name(struct sl_slice region)
{
    for (size_t i = 0; i < region.n; i++)
        if (region.p[i] != '-' && (region.p[i] < 'a' || region.p[i] > 'z') &&
            (region.p[i] < '0' || region.p[i] > '9'))
            return false;
    return region.n > 0 && region.n < 64;
}

static void hint(enum group g, const struct sl_http_reply *reply, const struct sl_s3_config *config,
                 const struct sl_s3_error *error, struct sl_buf *out)
{
    struct sl_slice region = sl_http_header(reply, "x-amz-bucket-region");

    switch (g) {
    case G_CREDENTIALS:
        SL_BUF_LITERAL(out, "; check access_key and secret_key (or the AWS credentials in use)");
        break;
    case G_DENIED:
        SL_BUF_LITERAL(
            out, "; these credentials need s3:PutObject and s3:GetObject on the bucket's objects, "
                 "and s3:ListBucket to be checked");
        break;
    case G_BUCKET:
        sl_buf_printf(out, "; is there a bucket `%s` at this endpoint?", config->bucket);
        break;
    case G_REGION:
        if (region_name(region))
            sl_buf_printf(out, "; the bucket is in region `%.*s`", (int)region.n, region.p);
        else
            SL_BUF_LITERAL(out, "; check region and endpoint");
        break;
    case G_SIZE:
        SL_BUF_LITERAL(out, "; the store takes no object of this size: lower batch.bytes");
        break;
    case G_NONE:
        if (reply->body.n > 0 && !*error->code)
            SL_BUF_LITERAL(out, "; what answers there is no S3 store: check endpoint");
        else if (reply->status == 400)
            SL_BUF_LITERAL(out, "; check region and credentials");
        break;
    case G_AGAIN:
    case G_THROTTLED:
    case G_SKEWED:
    default:
        break;
    }
}

static void say(struct sl_s3_verdict *v, const char *what, const struct sl_http_reply *reply,
                const struct sl_s3_config *config, const struct sl_s3_error *error, enum group g)
{
    struct sl_buf text;

    sl_buf_init(&text, sizeof(v->reason) - 1);
    sl_buf_printf(&text, "%.100s: HTTP %d", what, reply->status);
    if (*error->code) {
        sl_buf_byte(&text, ' ');
        sl_http_text(sl_slice_str(error->code), SL_S3_CODE_MAX, &text);
    }
    hint(g, reply, config, error, &text);
    if (*error->message) {
        SL_BUF_LITERAL(&text, " (");
        sl_http_text(sl_slice_str(error->message), 120, &text);
        sl_buf_byte(&text, ')');
    }
    snprintf(v->reason, sizeof(v->reason), "%.*s", (int)text.n, text.p);
    sl_buf_release(&text);
}

/* No whole reply came. */
static void judge_failure(const struct sl_http_reply *reply, const char *what, int64_t wall_ms,
                          struct sl_s3_verdict *ret)
{
    struct sl_buf words;

    sl_buf_init(&words, sizeof(ret->reason));
    sl_http_judge(reply, wall_ms, (struct sl_slice){NULL, 0}, &words, &ret->result);
    snprintf(ret->reason, sizeof(ret->reason), "%.100s: %s", what, ret->result.reason);
    ret->result.reason = ret->reason;
    sl_buf_release(&words);
}

/* A HEAD has no error document: whether a 403 is about the clock shows only in the Date. */
static bool clock_differs(const struct sl_http_reply *reply, int64_t wall_ms)
{
    int64_t date;

    return sl_http_date(sl_http_header(reply, "Date"), &date) &&
           llabs(date * 1000 - wall_ms) > SKEW_MS;
}

void sl_s3_judge(const struct sl_http_reply *reply, const struct sl_s3_config *config,
                 const char *what, int64_t wall_ms, struct sl_s3_verdict *ret)
{
    struct sl_s3_error error;
    enum group g;

    *ret = (struct sl_s3_verdict){.result = {.outcome = SL_STALL}};
    ret->result.reason = ret->reason;
    if (reply->result != SL_HTTP_OK) {
        judge_failure(reply, what, wall_ms, ret);
        return;
    }
    ret->result.status = reply->status;
    if (reply->status >= 200 && reply->status < 300) {
        ret->result.outcome = SL_DELIVERED;
        return;
    }
    sl_s3_error_parse(reply->body, &error);
    g = by_code(error.code);
    if (g == G_NONE)
        g = by_status(reply->status);
    /* Some stores answer the condition with 304, as if it had been a GET. */
    ret->exists = reply->status == 412 || (reply->status == 304 && !*error.code);
    if (g == G_DENIED && !*error.code && clock_differs(reply, wall_ms))
        g = G_SKEWED;
    ret->skewed = g == G_SKEWED;
    if (g == G_AGAIN || g == G_THROTTLED || g == G_SKEWED)
        ret->result.outcome = SL_AGAIN;
    ret->result.throttled = g == G_THROTTLED;
    ret->result.retry_after_ms = sl_http_retry_after(reply, wall_ms);
    say(ret, what, reply, config, &error, g);
}
