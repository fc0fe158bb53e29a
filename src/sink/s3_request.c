/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/s3_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/http_time.h"

enum { LINES_MAX = SL_S3_CALL_HEADERS_MAX + 8, TEXT_MAX = 64 * 1024 };

static const char empty_payload[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/* ---- where the bucket is ---- */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Clients leave the scheme's own port out of Host, and the signature covers Host. */
static char *host_header(const char *authority, size_t n, bool tls)
{
    const char *port = tls ? ":443" : ":80";
    size_t k = strlen(port);

    if (n > k && memcmp(authority + n - k, port, k) == 0)
        n -= k;
    return sl_strndup(authority, n);
}

static int address_endpoint(struct sl_s3_client *s3, struct sl_error *err)
{
    const char *endpoint = s3->config->s3.endpoint, *authority, *path;
    bool tls = starts(endpoint, "https://");
    struct sl_buf root;

    if (!tls && !starts(endpoint, "http://"))
        return sl_fail(err, SL_ECONFIG, "endpoint must begin with http:// or https://");
    authority = endpoint + (tls ? 8 : 7);
    path = authority + strcspn(authority, "/?#");
    if (path == authority || *path == '?' || *path == '#' ||
        memchr(authority, '@', (size_t)(path - authority)))
        return sl_fail(err, SL_ECONFIG, "endpoint must be like http://host:port");
    s3->origin = sl_strndup(endpoint, (size_t)(path - endpoint));
    s3->host = host_header(authority, (size_t)(path - authority), tls);
    sl_buf_init(&root, TEXT_MAX);
    sl_buf_text(&root, path);
    while (root.n > 0 && root.p[root.n - 1] == '/')
        root.n--;
    sl_buf_byte(&root, '/');
    sl_sign_escape(sl_slice_str(s3->config->s3.bucket), &root);
    sl_buf_byte(&root, '/');
    s3->root = sl_buf_take(&root);
    return SL_OK;
}

static void address_aws(struct sl_s3_client *s3)
{
    const char *bucket = s3->config->s3.bucket;
    const char *suffix = starts(s3->region, "cn-") ? ".cn" : "";

    if (strchr(bucket, '.')) {
        s3->host = sl_asprintf("s3.%s.amazonaws.com%s", s3->region, suffix);
        s3->root = sl_asprintf("/%s/", bucket);
    } else {
        s3->host = sl_asprintf("%s.s3.%s.amazonaws.com%s", bucket, s3->region, suffix);
        s3->root = sl_strdup("/");
    }
    s3->origin = sl_asprintf("https://%s", s3->host);
}

static int address(struct sl_s3_client *s3, struct sl_error *err)
{
    const char *bucket = s3->config->s3.bucket;

    s3->region =
        s3->config->s3.region && *s3->config->s3.region ? s3->config->s3.region : "us-east-1";
    if (!bucket || !*bucket || strchr(bucket, '/'))
        return sl_fail(err, SL_ECONFIG, "bucket must be the name of a bucket");
    if (s3->config->s3.endpoint)
        return address_endpoint(s3, err);
    address_aws(s3);
    return SL_OK;
}

int sl_s3_client_init(struct sl_s3_client *c, const struct sl_sink_config *config,
                      struct sl_runtime *rt, struct sl_http *http, struct sl_error *err)
{
    *c = (struct sl_s3_client){.config = config, .rt = rt, .http = http};
    if (!config->s3.access_key != !config->s3.secret_key)
        return sl_fail(err, SL_ECONFIG, "access_key and secret_key are needed together");
    c->credentials = sl_credentials_new(&config->s3, NULL);
    return address(c, err);
}

void sl_s3_client_release(struct sl_s3_client *c)
{
    sl_credentials_free(c->credentials);
    free(c->origin);
    free(c->host);
    free(c->root);
    *c = (struct sl_s3_client){.config = NULL};
}

/* ---- one request ---- */

struct lines {
    struct sl_sign_header signed_[SL_SIGN_HEADERS_MAX];
    size_t n_signed;
    char *lines[LINES_MAX];
    size_t n;
};

static void add_line(struct lines *l, const char *name, const char *value)
{
    if (l->n < LINES_MAX)
        l->lines[l->n++] = sl_asprintf("%s: %s", name, value);
}

static void add_signed(struct lines *l, const char *name, const char *value)
{
    l->signed_[l->n_signed++] = (struct sl_sign_header){name, value};
    add_line(l, name, value);
}

static void sign(struct sl_s3_client *s3, const struct sl_s3_call *call, const char *path,
                 const struct sl_credentials *credentials, int64_t unix_seconds, struct lines *l)
{
    const char *payload = call->payload ? call->payload : empty_payload;
    char time[SL_SIGN_TIME_MAX];
    struct sl_buf authorization;

    sl_sign_time(unix_seconds, time);
    add_signed(l, "host", s3->host);
    add_signed(l, "x-amz-content-sha256", payload);
    add_signed(l, "x-amz-date", time);
    if (*credentials->session_token)
        add_signed(l, "x-amz-security-token", credentials->session_token);
    for (size_t i = 0; i < call->n_headers && i < SL_S3_CALL_HEADERS_MAX; i++)
        add_signed(l, call->headers[i].name, call->headers[i].value);
    if (call->if_none_match)
        add_line(l, "if-none-match", "*");

    const struct sl_sign s = {.method = call->method,
                              .path = path,
                              .query = call->query ? call->query : "",
                              .headers = l->signed_,
                              .n_headers = l->n_signed,
                              .payload = payload,
                              .region = s3->region,
                              .service = "s3",
                              .access_key = credentials->access_key,
                              .secret_key = credentials->secret_key,
                              .time = time};
    sl_buf_init(&authorization, TEXT_MAX);
    sl_sign(&s, &authorization);
    add_line(l, "authorization", sl_buf_str(&authorization));
    sl_buf_release(&authorization);
}

static char *object_path(const struct sl_s3_client *s3, struct sl_slice object)
{
    struct sl_buf path;

    sl_buf_init(&path, TEXT_MAX);
    sl_buf_text(&path, s3->root);
    if (object.p)
        sl_sign_escape(object, &path);
    else if (path.n > 1) /* the bucket itself, path-style: /bucket */
        path.n--;
    return sl_buf_take(&path);
}

int64_t sl_s3_wall_ms(const struct sl_s3_client *c)
{
    return sl_wall_ms(c->rt) + c->clock_offset_ms;
}

bool sl_s3_set_clock(struct sl_s3_client *c, const struct sl_http_reply *reply)
{
    int64_t date;

    if (!sl_http_date(sl_http_header(reply, "Date"), &date))
        return false;
    c->clock_offset_ms = date * 1000 - sl_wall_ms(c->rt);
    return true;
}

void sl_s3_call(struct sl_s3_client *c, const struct sl_s3_call *call, struct sl_exchange *x,
                void (*done)(struct sl_exchange *x, const struct sl_http_reply *reply))
{
    const struct sl_credentials *credentials;
    struct lines l = {.n = 0};
    struct sl_error err = {0};
    char *path, *url;

    *x = (struct sl_exchange){.rt = c->rt, .client = c->http, .done = done};
    if (sl_credentials_get(c->credentials, &credentials, &err) != SL_OK) {
        sl_exchange_refuse(x, SL_HTTP_DENIED, err.text);
        return;
    }
    path = object_path(c, call->object);
    url = sl_asprintf("%s%s%s%s", c->origin, path, call->query ? "?" : "",
                      call->query ? call->query : "");
    sign(c, call, path, credentials, sl_s3_wall_ms(c) / 1000, &l);
    x->http =
        (struct sl_http_request){.method = call->method,
                                 .url = url,
                                 .headers = (const char *const *)l.lines,
                                 .n_headers = l.n,
                                 .body = call->body,
                                 .timeout_ms = c->config->timeout_ms,
                                 .tls = &c->config->tls,
                                 .proxy = c->config->proxy,
                                 .https_only = starts(c->origin, "https://"),
                                 .max_reply = call->max_reply ? call->max_reply : SL_S3_REPLY_MAX};
    sl_exchange_start(x);
    for (size_t i = 0; i < l.n; i++)
        free(l.lines[i]);
    free(path);
    free(url);
}
