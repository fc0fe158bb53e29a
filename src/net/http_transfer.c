/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_transfer.h"

#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/address.h"

enum { KEPT_BYTES = 64 << 10 }; /* of reply buffers, from one use to the next */

struct sl_transfer *sl_transfer_new(void)
{
    struct sl_transfer *t = sl_zalloc(sizeof(*t));

    sl_list_init(&t->link);
    sl_buf_init(&t->head, SL_HTTP_HEADERS_MAX);
    sl_buf_init(&t->body, 0);
    t->easy = curl_easy_init();
    if (!t->easy)
        abort(); /* out of memory, as in base/alloc.h */
    return t;
}

void sl_transfer_free(struct sl_transfer *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    sl_buf_release(&t->head);
    sl_buf_release(&t->body);
    free(t);
}

/* ---- what libcurl calls; never the request's callback ---- */

static size_t on_body(char *p, size_t size, size_t n, void *user)
{
    struct sl_transfer *t = user;

    sl_buf_append(&t->body, p, size * n);
    t->body_full = t->body.full;
    return t->body_full ? 0 : size * n;
}

/* A status line begins a reply anew (after 100, or a proxy's answer), so what is kept is the last
 * one's. Trailers are left out: nobody may bring a Retry-After after the fact. */
static size_t on_header(char *p, size_t size, size_t n, void *user)
{
    struct sl_transfer *t = user;
    size_t whole = size * n, length = whole;

    while (length > 0 && (p[length - 1] == '\n' || p[length - 1] == '\r'))
        length--;
    if (length >= 5 && memcmp(p, "HTTP/", 5) == 0 && t->body.n == 0) {
        sl_buf_clear(&t->head);
        t->head_done = false;
    } else if (length == 0) {
        t->head_done = true;
    } else if (!t->head_done) {
        sl_buf_append(&t->head, p, length);
        SL_BUF_LITERAL(&t->head, "\r\n");
    }
    t->head_full = t->head.full;
    return t->head_full ? 0 : whole;
}

/* The address that is really connected to, so that a name which changes its address between a check
 * and its use (DNS rebinding) gains nothing. The proxy is the operator's choice and may be private.
 */
static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct sl_transfer *t = user;
    bool refuse = t->request->deny_private &&
                  (*t->proxy ? t->target_private : sl_address_private(&address->addr));

    (void)purpose;
    if (refuse) {
        t->denied++;
        return CURL_SOCKET_BAD;
    }
    t->opened++;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Kept connections open no socket: another sink may have opened this one, without the check. */
static int on_connected(void *user, char *remote_ip, char *local_ip, int remote_port,
                        int local_port)
{
    struct sl_transfer *t = user;

    (void)local_ip;
    (void)remote_port;
    (void)local_port;
    if (!t->request->deny_private || *t->proxy || !sl_address_text_private(remote_ip))
        return CURL_PREREQFUNC_OK;
    t->denied++;
    return CURL_PREREQFUNC_ABORT;
}

/* ---- a request into options ---- */

static bool has_name(const char *line, const char *name)
{
    size_t n = strlen(name);

    return strncasecmp(line, name, n) == 0 && line[n] == ':';
}

static void add_header(struct sl_transfer *t, const char *line)
{
    struct curl_slist *all = curl_slist_append(t->headers, line);

    if (!all)
        abort();
    t->headers = all;
}

static int add_headers(struct sl_transfer *t, const struct sl_http_request *r, bool sends,
                       struct sl_error *err)
{
    bool typed = false;

    for (size_t i = 0; i < r->n_headers; i++) {
        const char *line = r->headers[i], *colon = strchr(line, ':');

        if (!colon || colon == line || strpbrk(line, "\r\n") || has_name(line, "transfer-encoding"))
            return sl_fail(err, SL_EINVAL, "not a header that can be sent: %.*s",
                           colon ? (int)(colon - line) : 40, line);
        typed = typed || has_name(line, "content-type");
        if (has_name(line, "content-length"))
            continue; /* libcurl counts the body itself */
        if (colon[1 + strspn(colon + 1, " \t")]) {
            add_header(t, line);
        } else { /* "Name:" would remove a header, "Name;" sends it empty */
            char *empty = sl_asprintf("%.*s;", (int)(colon - line), line);

            add_header(t, empty);
            free(empty);
        }
    }
    add_header(t, "Expect:"); /* never wait for 100 Continue */
    if (sends && !typed)
        add_header(t, "Content-Type:"); /* libcurl would claim that it is a form */
    return SL_OK;
}

/* host:port of a URL, without what must not be shown (user, password, path). */
static bool place(const char *url, unsigned flags, char *ret, size_t size, CURLU *parts)
{
    char *host = NULL, *port = NULL;
    bool ok = curl_url_set(parts, CURLUPART_URL, url, flags) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;

    if (ok)
        snprintf(ret, size, "%s:%s", host, port);
    curl_free(host);
    curl_free(port);
    return ok;
}

static int read_places(struct sl_transfer *t, const struct sl_http_request *r, struct sl_error *err)
{
    CURLU *url = curl_url(), *proxy = curl_url();
    char *host = NULL, *scheme = NULL;
    int code = SL_OK;

    t->proxy[0] = '\0';
    if (!place(r->url, CURLU_PATH_AS_IS, t->where, sizeof(t->where), url) ||
        curl_url_get(url, CURLUPART_HOST, &host, 0) ||
        curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
        (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)) {
        code = sl_fail(err, SL_EINVAL, "not an http:// or https:// URL");
        goto out;
    }
    t->target_private = strcasecmp(host, "localhost") == 0 || sl_address_text_private(host);
    if (r->proxy && !place(r->proxy, CURLU_DEFAULT_SCHEME | CURLU_NON_SUPPORT_SCHEME, t->proxy,
                           sizeof(t->proxy), proxy))
        code = sl_fail(err, SL_EINVAL, "the proxy is not a URL with a port");
out:
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(url);
    curl_url_cleanup(proxy);
    return code;
}

/* A failing option is not skipped: it could be the one that checks a certificate. */
static bool set_connection(struct sl_transfer *t, const struct sl_http_request *r)
{
    CURL *e = t->easy;
    bool bad = false;

    bad |= curl_easy_setopt(e, CURLOPT_PRIVATE, t) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->curl_text) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_URL, r->url) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, r->https_only ? "https" : "http,https") !=
           CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    /* "" and not NULL: NULL would ask the environment. */
    bad |= curl_easy_setopt(e, CURLOPT_PROXY, r->proxy ? r->proxy : "") != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_NOPROXY, "") != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)SL_HTTP_CONNECT_TIMEOUT_MS) !=
           CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_connected) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_PREREQDATA, t) != CURLE_OK;
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A cancelled request must not wait for the resolver's thread: the loop would stand still. */
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) != CURLE_OK;
    /* A changed bundle is noticed soon; certificates and keys are read for each connection. */
    bad |= curl_easy_setopt(e, CURLOPT_CA_CACHE_TIMEOUT, 30L) != CURLE_OK;
#endif
    return !bad;
}

static bool set_tls(struct sl_transfer *t, const struct sl_http_tls *tls)
{
    CURL *e = t->easy;
    bool verify = !tls || tls->verify, bad = false;

    bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) != CURLE_OK;
    if (tls && tls->ca) /* only these: the system's own would let others sign too */
        bad |= curl_easy_setopt(e, CURLOPT_CAINFO, tls->ca) != CURLE_OK ||
               curl_easy_setopt(e, CURLOPT_CAPATH, NULL) != CURLE_OK;
    if (tls && tls->cert)
        bad |= curl_easy_setopt(e, CURLOPT_SSLCERT, tls->cert) != CURLE_OK;
    if (tls && tls->key)
        bad |= curl_easy_setopt(e, CURLOPT_SSLKEY, tls->key) != CURLE_OK;
    return !bad;
}

static bool set_exchange(struct sl_transfer *t, const struct sl_http_request *r, bool sends)
{
    CURL *e = t->easy;
    bool bad = false, large = r->body.n >= SL_HTTP_LARGE_BODY;

    if (strcmp(r->method, "HEAD") == 0) {
        bad |= curl_easy_setopt(e, CURLOPT_NOBODY, 1L) != CURLE_OK;
    } else if (sends) {
        bad |= curl_easy_setopt(e, CURLOPT_POST, 1L) != CURLE_OK;
        bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.n) != CURLE_OK;
        bad |= curl_easy_setopt(e, CURLOPT_POSTFIELDS, r->body.n ? r->body.p : "") != CURLE_OK;
        bad |= curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE,
                                large ? (long)SL_HTTP_UPLOAD_BUFFER_LARGE
                                      : (long)SL_HTTP_UPLOAD_BUFFER) != CURLE_OK;
    }
    if (strcmp(r->method, "HEAD") != 0)
        bad |= curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, t) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK;
    bad |= curl_easy_setopt(e, CURLOPT_HEADERDATA, t) != CURLE_OK;
    return !bad;
}

static int check_method(const struct sl_http_request *r, bool *ret_sends, struct sl_error *err)
{
    static const char *const methods[] = {"GET", "HEAD", "PUT", "POST", "DELETE"};
    bool known = false;

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        known = known || strcmp(r->method, methods[i]) == 0;
    if (!known || (strcmp(r->method, "HEAD") == 0 && r->body.n > 0))
        return sl_fail(err, SL_EINVAL, "not a method that is sent so: %s", r->method);
    /* PUT and POST say "Content-Length: 0" where they bring nothing. */
    *ret_sends = r->body.n > 0 || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0;
    return SL_OK;
}

int sl_transfer_begin(struct sl_transfer *t, struct sl_http_request *r, struct sl_error *err)
{
    bool sends = false;
    int code = check_method(r, &sends, err);

    if (!code)
        code = read_places(t, r, err);
    if (!code)
        code = add_headers(t, r, sends, err);
    if (code)
        goto out;
    t->timeout_ms = r->timeout_ms ? r->timeout_ms : SL_HTTP_TIMEOUT_MS;
    t->body.max = r->max_reply;
    t->request = r;
    t->large = r->body.n >= SL_HTTP_LARGE_BODY;
    if (!set_connection(t, r) || !set_tls(t, r->tls) || !set_exchange(t, r, sends))
        code = sl_fail(err, SL_EINVAL, "libcurl refuses what the request needs (%s)", t->where);
out:
    if (code)
        sl_transfer_end(t);
    return code;
}

bool sl_transfer_end(struct sl_transfer *t)
{
    bool keep = !t->large;

    /* The request may be gone by now: its callback has been called. */
    t->request = NULL;
    t->large = false;
    curl_easy_reset(t->easy);
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    sl_buf_clear(&t->head);
    sl_buf_clear(&t->body);
    if (t->body.cap > KEPT_BYTES)
        sl_buf_release(&t->body);
    t->head_done = t->head_full = t->body_full = t->target_private = false;
    t->denied = t->opened = 0;
    t->curl_text[0] = '\0';
    return keep;
}

void sl_transfer_reply(struct sl_transfer *t, CURLcode code, char *words, size_t size,
                       struct sl_http_reply *ret)
{
    curl_off_t micros = 0;
    long status = 0;

    words[0] = '\0';
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &micros);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    *ret = (struct sl_http_reply){.error = words, .seconds = (double)micros / 1e6};
    /* libcurl takes a connection that ends amid the headers, or after 100 Continue, for a reply. */
    if (code == CURLE_OK && (!t->head_done || status < 200))
        code = CURLE_PARTIAL_FILE;
    if (code != CURLE_OK) {
        ret->result = sl_transfer_failure(t, code, words, size);
        return;
    }
    ret->result = SL_HTTP_OK;
    ret->status = (int)status;
    ret->body = sl_buf_as_slice(&t->body);
    ret->headers = sl_buf_as_slice(&t->head);
}
