/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/http_policy.h"

#include "base/http_time.h"
#include "base/utf8.h"

/* ---- Retry-After ---- */

unsigned sl_http_retry_after(const struct sl_http_reply *reply, int64_t wall_ms)
{
    struct sl_slice value = sl_http_header(reply, "Retry-After");
    int64_t s = 0, ms;
    size_t i = 0;

    while (i < value.n && value.p[i] >= '0' && value.p[i] <= '9') {
        if (s <= SL_HTTP_RETRY_AFTER_MAX_MS)
            s = 10 * s + (value.p[i] - '0');
        i++;
    }
    if (i > 0 && i == value.n)
        ms = 1000 * s;
    else if (value.n > 0 && sl_http_date(value, &s))
        ms = 1000 * s - wall_ms;
    else
        return 0;
    if (ms <= 0)
        return 0;
    return ms > SL_HTTP_RETRY_AFTER_MAX_MS ? SL_HTTP_RETRY_AFTER_MAX_MS : (unsigned)ms;
}

/* ---- the table ---- */

struct line {
    int status;
    enum sl_outcome outcome;
    bool throttled;
    const char *words;
};

static const struct line lines[] = {
    {400, SL_SPLIT, false, "the destination refuses the request"},
    {401, SL_STALL, false, "the credentials are missing, wrong or expired"},
    {402, SL_STALL, false, "the destination wants to be paid first"},
    {403, SL_STALL, false, "the credentials do not allow this, or something on the way forbids it"},
    {404, SL_STALL, false, "nothing takes records at this address"},
    {405, SL_STALL, false, "what is at this address does not take records"},
    {406, SL_STALL, false, "the destination does not answer such requests"},
    {407, SL_STALL, false, "the proxy wants credentials"},
    {408, SL_AGAIN, false, "the destination waited too long for the request"},
    {410, SL_STALL, false, "the destination says that this address is closed for good"},
    {413, SL_SPLIT, false, "too large for the destination"},
    {415, SL_STALL, false, "the destination does not take content of this type"},
    {422, SL_SPLIT, false, "the destination refuses the content"},
    {425, SL_AGAIN, false, "the destination does not take early requests"},
    {426, SL_STALL, false, "the destination wants another protocol"},
    {429, SL_AGAIN, true, "the destination asks for fewer requests"},
    {502, SL_AGAIN, true, "a gateway on the way cannot reach the destination"},
    {503, SL_AGAIN, true, "the destination is not available"},
    {504, SL_AGAIN, true, "a gateway on the way got no answer in time"},
};

static struct line judge_status(int status)
{
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (lines[i].status == status)
            return lines[i];
    if (status >= 200 && status < 300)
        return (struct line){status, SL_DELIVERED, false, ""};
    if (status >= 300 && status < 400)
        return (struct line){
            status, SL_STALL, false,
            "a redirect, and redirects are not followed: configure the address it leads to"};
    if (status >= 400 && status < 500)
        return (struct line){status, SL_SPLIT, false, "the destination refuses the request"};
    if (status >= 500 && status < 600)
        return (struct line){status, SL_AGAIN, false, "the destination failed"};
    return (struct line){status, SL_AGAIN, false, "not a status that ends a request"};
}

/* The client says in words what went wrong; `words` is what can be done about it. */
static struct line judge_result(enum sl_http_result result)
{
    switch (result) {
    case SL_HTTP_TLS:
        return (struct line){0, SL_STALL, false, " (see tls.ca, tls.cert and the address)"};
    case SL_HTTP_DENIED:
        return (struct line){0, SL_STALL, false, ""};
    case SL_HTTP_OK:
    case SL_HTTP_RESOLVE:
    case SL_HTTP_CONNECT:
    case SL_HTTP_TIMEOUT:
    case SL_HTTP_BROKEN:
        break;
    }
    return (struct line){0, SL_AGAIN, false, ""};
}

void sl_http_judge(const struct sl_http_reply *reply, int64_t wall_ms, struct sl_slice detail,
                   struct sl_buf *reason, struct sl_result *ret)
{
    bool ok = reply->result == SL_HTTP_OK;
    struct line line = ok ? judge_status(reply->status) : judge_result(reply->result);

    sl_buf_clear(reason);
    if (!ok) {
        sl_http_text(sl_slice_str(reply->error && *reply->error ? reply->error : "no reply"),
                     SL_HTTP_REASON_MAX, reason);
        sl_buf_text(reason, line.words);
    } else if (line.outcome != SL_DELIVERED) {
        sl_buf_printf(reason, "HTTP %d: %s%s", reply->status, line.words, detail.n ? ": " : "");
        sl_http_text(detail, SL_HTTP_REASON_MAX, reason);
    }
    *ret = (struct sl_result){
        .outcome = line.outcome,
        .throttled = line.throttled,
        .status = ok ? reply->status : 0,
        .retry_after_ms = ok && line.outcome == SL_AGAIN ? sl_http_retry_after(reply, wall_ms) : 0,
        .reason = sl_buf_str(reason),
    };
}

/* ---- texts ---- */

bool sl_http_tells_secret(struct sl_slice body, const char *const *secrets, size_t n_secrets)
{
    for (size_t k = 0; k < n_secrets; k++)
        if (secrets[k] && secrets[k][0] &&
            memmem(body.p ? body.p : "", body.n, secrets[k], strlen(secrets[k])))
            return true;
    return false;
}

void sl_http_text(struct sl_slice text, size_t max, struct sl_buf *out)
{
    size_t begin = out->n, i = 0;

    while (i < text.n) {
        uint32_t c = 0;
        size_t n = sl_utf8_char(text.p + i, text.n - i, &c);
        bool blank = n == 0 || c <= 0x20 || (c >= 0x7f && c < 0xa0);

        if (out->n - begin + (blank ? 1 : n) > max)
            break;
        if (!blank)
            sl_buf_append(out, text.p + i, n);
        else if (out->n > begin && out->p[out->n - 1] != ' ')
            sl_buf_byte(out, ' ');
        i += n ? n : 1;
    }
    while (out->n > begin && out->p[out->n - 1] == ' ')
        out->n--;
}

void sl_http_excerpt(struct sl_slice body, const char *const *secrets, size_t n_secrets,
                     struct sl_buf *out)
{
    if (!sl_http_tells_secret(body, secrets, n_secrets))
        sl_http_text(body, SL_HTTP_EXCERPT_MAX, out);
}

bool sl_http_header_value_ok(const char *value)
{
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return false;
    return true;
}

bool sl_http_header_name_ok(const char *name)
{
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    return name[0] && strspn(name, token) == strlen(name);
}

/* ---- one request ---- */

static void on_reply(struct sl_http_request *r, const struct sl_http_reply *reply)
{
    struct sl_exchange *x = sl_container_of(r, struct sl_exchange, http);

    x->done(x, reply);
}

static void on_refused(struct sl_timer *t)
{
    struct sl_exchange *x = sl_container_of(t, struct sl_exchange, refused);
    char error[sizeof(x->error)];
    struct sl_http_reply reply = {.result = x->refusal, .error = error};

    memcpy(error, x->error, sizeof(error));
    x->waiting = false;
    x->done(x, &reply);
}

void sl_exchange_refuse(struct sl_exchange *x, enum sl_http_result result, const char *why)
{
    x->waiting = true;
    x->refusal = result;
    snprintf(x->error, sizeof(x->error), "%s", why);
    x->refused.fire = on_refused;
    sl_timer_start(x->rt, &x->refused, 0);
}

void sl_exchange_start(struct sl_exchange *x)
{
    struct sl_error err = {0};

    x->waiting = false;
    x->http.done = on_reply;
    if (x->client->submit(x->client, &x->http, &err) != SL_OK)
        sl_exchange_refuse(x, SL_HTTP_CONNECT, err.text);
}

void sl_exchange_cancel(struct sl_exchange *x)
{
    if (x->waiting)
        sl_timer_stop(x->rt, &x->refused);
    else
        x->client->cancel(x->client, &x->http);
    x->waiting = false;
}
