/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "sink/elasticsearch_impl.h"
#include "sink/http_policy.h"

enum { AUTH_MAX = 8192 };

static int make_basic(const char *user, const char *password, struct sl_buf *line,
                      struct sl_error *err)
{
    struct sl_buf plain;

    if (strchr(user, ':'))
        return sl_fail(err, SL_ECONFIG, "auth.user: a user name cannot hold `:`");
    sl_buf_init(&plain, AUTH_MAX / 2);
    sl_buf_printf(&plain, "%s:%s", user, password);
    SL_BUF_LITERAL(line, "Authorization: Basic ");
    sl_base64(line, plain.p, plain.n);
    line->full |= plain.full;
    sl_buf_release(&plain);
    return SL_OK;
}

/* An API key comes as the cluster hands it out: encoded, or as "id:key". */
static int make_api_key(const char *key, struct sl_buf *line, struct sl_error *err)
{
    if (!key[0] || !sl_http_header_value_ok(key))
        return sl_fail(err, SL_ECONFIG,
                       "auth.api_key: empty, or holds a line break or control character");
    SL_BUF_LITERAL(line, "Authorization: ApiKey ");
    if (strchr(key, ':'))
        sl_base64(line, key, strlen(key));
    else
        sl_buf_text(line, key);
    return SL_OK;
}

int sl_es_authorization(const struct sl_elasticsearch_config *c, char **ret, struct sl_error *err)
{
    struct sl_buf line;
    int code = SL_OK;

    *ret = NULL;
    if (!c->user && !c->password && !c->api_key)
        return SL_OK;
    if (!c->api_key && (!c->user || !c->password))
        return sl_fail(err, SL_ECONFIG, "auth: `user` and `password` go together");
    sl_buf_init(&line, AUTH_MAX);
    code = c->api_key
               ? make_api_key(sl_secret_value(c->api_key), &line, err)
               : make_basic(sl_secret_value(c->user), sl_secret_value(c->password), &line, err);
    if (!code && line.full)
        code = sl_fail(err, SL_ECONFIG, "auth: the credentials are too long");
    if (!code)
        *ret = sl_buf_take(&line);
    sl_buf_release(&line);
    return code;
}
