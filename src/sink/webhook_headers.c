/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/webhook_headers.h"

#include <strings.h>

#include "base/alloc.h"
#include "sink/http_policy.h"
#include "sink/webhook_sign.h"

enum { LINE_MAX_BYTES = 16384 };

void sl_webhook_headers_free(char **lines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(lines[i]);
    free(lines);
}

static bool reserved(const char *name)
{
    static const char *const names[] = {
        "webhook-id",        "webhook-timestamp", "webhook-signature", "content-length",
        "transfer-encoding", "connection",        "content-encoding",  "expect"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcasecmp(name, names[i]) == 0)
            return true;
    return false;
}

static int make_header(const struct sl_webhook_header *h, char **ret, struct sl_error *err)
{
    const char *value = sl_secret_value(h->value);

    if (!sl_http_header_name_ok(h->name))
        return sl_fail(err, SL_ECONFIG, "headers: `%s` is not the name of a header", h->name);
    if (reserved(h->name))
        return sl_fail(err, SL_ECONFIG, "headers: `%s` is set by sluice itself", h->name);
    if (!sl_http_header_value_ok(value))
        return sl_fail(err, SL_ECONFIG,
                       "headers: the value of `%s` holds a line break or control character",
                       h->name);
    if (strlen(h->name) + strlen(value) > LINE_MAX_BYTES)
        return sl_fail(err, SL_ECONFIG, "headers: `%s` is longer than %d bytes", h->name,
                       LINE_MAX_BYTES);
    *ret = sl_asprintf("%s: %s", h->name, value);
    return SL_OK;
}

int sl_webhook_headers_make(const struct sl_webhook_config *c, char ***ret, struct sl_error *err)
{
    char **lines;
    int code = SL_OK;

    if (c->n_headers > SL_WEBHOOK_HEADERS_MAX)
        return sl_fail(err, SL_ECONFIG, "headers: more than %d", SL_WEBHOOK_HEADERS_MAX);
    lines = sl_calloc(c->n_headers + 1, sizeof(*lines));
    for (size_t i = 0; i < c->n_headers && !code; i++)
        code = make_header(&c->headers[i], &lines[i], err);
    if (code)
        sl_webhook_headers_free(lines, c->n_headers);
    else
        *ret = lines;
    return code;
}

bool sl_webhook_headers_have(const struct sl_webhook_config *c, const char *name)
{
    for (size_t i = 0; i < c->n_headers; i++)
        if (strcasecmp(c->headers[i].name, name) == 0)
            return true;
    return false;
}

void sl_webhook_words(const struct sl_webhook_config *c, struct sl_slice body, struct sl_buf *out)
{
    const char *secrets[2 * SL_WEBHOOK_HEADERS_MAX + SL_WEBHOOK_KEYS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < c->n_headers; i++) {
        const char *value = sl_secret_value(c->headers[i].value), *space = strrchr(value, ' ');

        secrets[n++] = value;
        if (space)
            secrets[n++] = space + 1;
    }
    for (size_t i = 0; i < c->n_secrets; i++)
        secrets[n++] = sl_secret_value(c->secrets[i]);
    sl_http_excerpt(body, secrets, n, out);
}
