/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>

#include "net/http_transfer.h"

/* libcurl's code and what is known of the transfer, in the words of somebody who has to repair it.
 * What matters most to the sinks is whether the request can have been applied: only TIMEOUT and
 * BROKEN leave that open, so a wait that ended before anything was sent is CONNECT. */

struct words {
    char *p;
    size_t n;
};

__attribute__((format(printf, 3, 4))) static enum sl_http_result
say(struct words w, enum sl_http_result result, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(w.p, w.n, format, args);
    va_end(args);
    return result;
}

/* What libcurl knows in detail; its codes' own texts where it says nothing. */
static const char *detail(const struct sl_transfer *t, CURLcode code)
{
    static const char prefix[] = "SSL certificate problem: ";

    if (t->curl_text[0] == '\0')
        return curl_easy_strerror(code);
    if (strncmp(t->curl_text, prefix, sizeof(prefix) - 1) == 0)
        return t->curl_text + sizeof(prefix) - 1;
    return t->curl_text;
}

static bool anything_sent(const struct sl_transfer *t)
{
    long bytes = 0;

    curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &bytes);
    return bytes > 0;
}

static enum sl_http_result no_connection(const struct sl_transfer *t, CURLcode code, struct words w)
{
    const char *peer = *t->proxy ? t->proxy : t->where, *kind = *t->proxy ? "the proxy " : "";
    long os = 0;

    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &os);
    if (t->denied && !t->opened)
        return say(w, SL_HTTP_DENIED, "%s is a private address, which is not allowed here",
                   t->where);
    if (os == ECONNREFUSED)
        return say(w, SL_HTTP_CONNECT, "connection refused by %s%s", kind, peer);
    if (os == EHOSTUNREACH || os == ENETUNREACH || os == ETIMEDOUT || os == EACCES)
        return say(w, SL_HTTP_CONNECT, "%s%s cannot be reached: %s", kind, peer, strerror((int)os));
    return say(w, SL_HTTP_CONNECT, "no connection to %s%s: %s", kind, peer, detail(t, code));
}

static enum sl_http_result too_late(const struct sl_transfer *t, struct words w)
{
    curl_off_t named = 0, connected = 0;
    unsigned limit =
        t->timeout_ms < SL_HTTP_CONNECT_TIMEOUT_MS ? t->timeout_ms : SL_HTTP_CONNECT_TIMEOUT_MS;

    curl_easy_getinfo(t->easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connected);
    if (anything_sent(t))
        return say(w, SL_HTTP_TIMEOUT, "no whole reply from %s within %u ms", t->where,
                   t->timeout_ms);
    if (connected > 0)
        return say(w, SL_HTTP_CONNECT, "%s accepts connections but no TLS handshake within %u ms",
                   t->where, limit);
    if (named == 0)
        return say(w, SL_HTTP_RESOLVE, "no answer within %u ms to what address %s has", limit,
                   t->where);
    return say(w, SL_HTTP_CONNECT, "no connection to %s%s within %u ms",
               *t->proxy ? "the proxy " : "", *t->proxy ? t->proxy : t->where, limit);
}

static enum sl_http_result cut(const struct sl_transfer *t, CURLcode code, struct words w)
{
    const char *alert;
    long through = 0;

    curl_easy_getinfo(t->easy, CURLINFO_HTTP_CONNECTCODE, &through);
    if (*t->proxy && through >= 300)
        return say(w, SL_HTTP_CONNECT, "the proxy %s answered %ld for %s", t->proxy, through,
                   t->where);
    /* With TLS 1.3 a server refuses the client's certificate only after the handshake:
     * "OpenSSL SSL_read: ...:SSL routines::tlsv13 alert certificate required, errno 0" */
    alert = strstr(t->curl_text, "SSL routines::");
    if (alert && strstr(alert, " alert ")) {
        alert += strlen("SSL routines::");
        return say(w, SL_HTTP_TLS, "%s ended TLS: %.*s", t->where, (int)strcspn(alert, ","), alert);
    }
    if (code == CURLE_GOT_NOTHING)
        return say(w, SL_HTTP_BROKEN, "%s closed the connection without a reply", t->where);
    return say(w, SL_HTTP_BROKEN, "the connection to %s was cut: %s", t->where, detail(t, code));
}

static enum sl_http_result unreadable(const struct sl_transfer *t, CURLcode code, struct words w)
{
    if (t->body_full)
        return say(w, SL_HTTP_BROKEN, "the reply of %s is larger than %zu bytes", t->where,
                   t->body.max);
    if (t->head_full)
        return say(w, SL_HTTP_BROKEN, "the headers of the reply of %s are larger than %d bytes",
                   t->where, (int)SL_HTTP_HEADERS_MAX);
    return say(w, SL_HTTP_BROKEN, "the reply of %s cannot be read: %s", t->where, detail(t, code));
}

enum sl_http_result sl_transfer_failure(const struct sl_transfer *t, CURLcode code, char *words,
                                        size_t size)
{
    struct words w = {words, size};

    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return say(w, SL_HTTP_RESOLVE, "the name has no address: %s", t->where);
    case CURLE_COULDNT_RESOLVE_PROXY:
        return say(w, SL_HTTP_RESOLVE, "the name of the proxy has no address: %s", t->proxy);
    case CURLE_ABORTED_BY_CALLBACK: /* on a kept connection */
        return say(w, SL_HTTP_DENIED, "%s is a private address, which is not allowed here",
                   t->where);
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
    case CURLE_PROXY:
        return no_connection(t, code, w);
    case CURLE_OPERATION_TIMEDOUT:
        return too_late(t, w);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return say(w, SL_HTTP_TLS, "certificate is not trusted: %s (%s)", detail(t, code),
                   t->where);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_ENGINE_INITFAILED:
        return say(w, SL_HTTP_TLS, "no TLS with %s: %s", t->where, detail(t, code));
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return cut(t, code, w);
    case CURLE_UNSUPPORTED_PROTOCOL:
        if (!anything_sent(t))
            return say(w, SL_HTTP_DENIED, "only https:// is allowed here");
        return unreadable(t, code, w);
    default:
        return unreadable(t, code, w);
    }
}
