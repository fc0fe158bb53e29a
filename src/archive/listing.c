/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/listing.h"

#include <stdlib.h>

#include "sink/s3_reply.h"

/* What stands between <name> and </name>, the first of it in `in`; *ret_rest: what follows. */
static struct sl_slice element(struct sl_slice in, const char *name, struct sl_slice *ret_rest)
{
    char mark[64];
    struct sl_slice begin, end;

    snprintf(mark, sizeof(mark), "<%s>", name);
    begin = sl_slice_after(in, mark);
    snprintf(mark, sizeof(mark), "</%s>", name);
    end = sl_slice_after(begin, mark);
    if (!end.p)
        return (struct sl_slice){NULL, 0};
    if (ret_rest)
        *ret_rest = end;
    return sl_slice(begin.p, (size_t)(end.p - begin.p) - strlen(mark));
}

/* The five entities that XML always has, and characters by number (S3 writes control characters
 * so). */
static bool unescape(struct sl_slice in, struct sl_buf *out)
{
    static const char *const names[] = {"amp;", "lt;", "gt;", "quot;", "apos;"};
    static const char chars[] = "&<>\"'";

    sl_buf_clear(out);
    for (size_t i = 0; i < in.n; i++) {
        size_t left = in.n - i - 1, k = 0;

        if (in.p[i] == '<')
            return false;
        if (in.p[i] != '&') {
            sl_buf_byte(out, in.p[i]);
            continue;
        }
        while (k < 5 &&
               (left < strlen(names[k]) || memcmp(in.p + i + 1, names[k], strlen(names[k])) != 0))
            k++;
        if (k < 5) {
            sl_buf_byte(out, chars[k]);
            i += strlen(names[k]);
        } else {
            const char *end = memchr(in.p + i, ';', left + 1 < 8 ? left + 1 : 8);
            bool hex = left > 2 && in.p[i + 2] == 'x';
            char digits[8] = "";
            unsigned long c;

            if (!end || left < 3 || in.p[i + 1] != '#')
                return false;
            memcpy(digits, in.p + i + 2 + hex, (size_t)(end - in.p) - i - 2 - hex);
            c = strtoul(digits, NULL, hex ? 16 : 10);
            if (c == 0 || c > 127)
                return false;
            sl_buf_byte(out, (char)c);
            i = (size_t)(end - in.p);
        }
    }
    return !out->full;
}

static bool number(struct sl_slice text, uint64_t *ret)
{
    uint64_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || n > UINT64_MAX / 10 - 9)
            return false;
        n = 10 * n + (uint64_t)(text.p[i] - '0');
    }
    *ret = n;
    return text.n > 0;
}

static const char *take_all(struct sl_slice page, bool folders, struct sl_listing *l)
{
    const char *name = folders ? "CommonPrefixes" : "Contents", *wrong = NULL;
    struct sl_buf key;

    sl_buf_init(&key, SL_LISTING_KEY_MAX + 1);
    for (struct sl_slice at = page, one; !wrong && (one = element(at, name, &at)).p;) {
        struct sl_slice text = element(one, folders ? "Prefix" : "Key", NULL);
        uint64_t size = 0;

        if (!text.p || (!folders && !number(element(one, "Size", NULL), &size)))
            wrong = "an entry has no key or no size";
        else if (!unescape(text, &key) || key.n == 0 || key.n > SL_LISTING_KEY_MAX)
            wrong = "a key cannot be read";
        else
            l->take(l->user, sl_buf_as_slice(&key), size, folders);
    }
    sl_buf_release(&key);
    return wrong;
}

int sl_listing_parse(struct sl_slice page, struct sl_listing *l, struct sl_error *err)
{
    struct sl_slice body = sl_slice_after(page, "<ListBucketResult"), token;
    const char *wrong =
        body.p && sl_slice_after(body, "</ListBucketResult>").p ? NULL : "it is no list of objects";

    sl_buf_clear(&l->token);
    if (!wrong)
        wrong = take_all(body, false, l);
    if (!wrong)
        wrong = take_all(body, true, l);
    if (!wrong && sl_slice_is(element(body, "IsTruncated", NULL), "true")) {
        token = element(body, "NextContinuationToken", NULL);
        if (!token.n || !unescape(token, &l->token))
            wrong = "it has a next page and does not say which";
    }
    return wrong ? sl_fail(err, SL_EINVAL, "the store's list cannot be read: %s", wrong) : SL_OK;
}
