/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "receiver_books.h"

/* receiver --listen 127.0.0.1:PORT [--tls CERT KEY] [--records N] [--delay MS]
 *
 * Elasticsearch, S3 and a webhook in one, that take everything and know what came: so that
 * bench/run measures the router and not a server. A thread a connection, HTTP/1.1.
 *
 *     POST .../_bulk...       Elasticsearch: an item a record, all created
 *     PUT                     S3: an ETag, and the checksum as it came
 *     POST anything else      a webhook
 *     GET /stats[?settle=1]   what has arrived, as JSON; settled: compressed objects are read, too
 *     POST /reset             nothing has
 *     GET, HEAD anything else 200 and {}: probes
 *
 * With --delay each answer to a sink comes so much later. Port 0 lets the kernel choose; "ready
 * PORT" is printed once it listens. */

enum { HEAD_MAX = 64 << 10, BODY_MAX = 1 << 30 };

struct connection {
    int fd;
    SSL *ssl; /* NULL: plain */
    char head[HEAD_MAX + 1];
    size_t got;  /* bytes in head */
    size_t used; /* of those, of requests before */
    char *body;
    size_t n, cap;
};

static SSL_CTX *tls;
static unsigned delay_ms;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- bytes ---- */

static ssize_t get(struct connection *c, char *p, size_t n)
{
    return c->ssl ? SSL_read(c->ssl, p, (int)(n < BODY_MAX ? n : BODY_MAX)) : read(c->fd, p, n);
}

static bool put(struct connection *c, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = c->ssl ? SSL_write(c->ssl, p, (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);

        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* More of what is behind the heads read so far. */
static bool more_head(struct connection *c)
{
    ssize_t k;

    if (c->used > 0) {
        memmove(c->head, c->head + c->used, c->got - c->used);
        c->got -= c->used;
        c->used = 0;
    }
    if (c->got == HEAD_MAX)
        return false;
    k = get(c, c->head + c->got, HEAD_MAX - c->got);
    if (k <= 0)
        return false;
    c->got += (size_t)k;
    return true;
}

static void body_room(struct connection *c, size_t n)
{
    if (c->n + n <= c->cap)
        return;
    c->cap = c->n + n + (1 << 20);
    c->body = realloc(c->body, c->cap);
    if (!c->body)
        fail("a body");
}

/* n bytes of the body: what came with the head, then the rest. */
static bool body_bytes(struct connection *c, size_t n)
{
    size_t have = c->got - c->used < n ? c->got - c->used : n;

    if (n == 0)
        return true;
    if (n > BODY_MAX - c->n)
        return false;
    body_room(c, n);
    memcpy(c->body + c->n, c->head + c->used, have);
    c->used += have;
    c->n += have;
    for (n -= have; n > 0;) {
        ssize_t k = get(c, c->body + c->n, n);

        if (k <= 0)
            return false;
        c->n += (size_t)k;
        n -= (size_t)k;
    }
    return true;
}

/* A line without its end, which stands in c->head until the next call. */
static char *line(struct connection *c)
{
    for (;;) {
        char *begin = c->head + c->used, *end = memmem(begin, c->got - c->used, "\r\n", 2);

        if (end) {
            *end = '\0';
            c->used = (size_t)(end - c->head) + 2;
            return begin;
        }
        if (!more_head(c))
            return NULL;
    }
}

static bool chunks(struct connection *c)
{
    for (;;) {
        char *text = line(c);
        unsigned long n;

        if (!text)
            return false;
        n = strtoul(text, NULL, 16);
        if (!body_bytes(c, n) || !line(c))
            return false;
        if (n == 0)
            return true;
    }
}

/* ---- requests ---- */

struct request {
    char method[16], path[1024], checksum[64];
    size_t length;
    bool chunked, expects, gzip;
};

static bool read_head(struct connection *c, struct request *r)
{
    char *text = line(c), *value;

    *r = (struct request){0};
    if (!text || sscanf(text, "%15s %1023s", r->method, r->path) != 2)
        return false;
    while ((text = line(c)) && *text) {
        value = strchr(text, ':');
        if (!value)
            return false;
        *value++ = '\0';
        value += strspn(value, " ");
        if (strcasecmp(text, "content-length") == 0)
            r->length = strtoull(value, NULL, 10);
        else if (strcasecmp(text, "transfer-encoding") == 0)
            r->chunked = strcasecmp(value, "chunked") == 0;
        else if (strcasecmp(text, "expect") == 0)
            r->expects = true;
        else if (strcasecmp(text, "content-encoding") == 0)
            r->gzip = strcasecmp(value, "gzip") == 0;
        else if (strcasecmp(text, "x-amz-checksum-crc32c") == 0)
            snprintf(r->checksum, sizeof(r->checksum), "%s", value);
    }
    return text != NULL;
}

static bool answer(struct connection *c, int status, const char *headers, const char *body,
                   size_t n)
{
    char head[512];
    int k = snprintf(head, sizeof(head),
                     "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: "
                     "%zu\r\n\r\n",
                     status, status == 200 ? "OK" : "Bad Request", headers, n);

    return put(c, head, (size_t)k) && put(c, body, n);
}

/* An action and a record are two lines. */
static size_t pairs(const char *p, size_t n)
{
    size_t lines = 0;

    for (const char *end = p + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines++;
    return lines / 2;
}

static bool answer_bulk(struct connection *c, size_t items)
{
    static const char head[] = "{\"took\":1,\"errors\":false,\"items\":[",
                      item[] = "{\"create\":{\"status\":201}},";
    size_t n = sizeof(head) - 1 + items * (sizeof(item) - 1) + 2;
    char *text = malloc(n + 1), *to = text;
    bool good;

    if (!text)
        fail("an answer");
    to = mempcpy(to, head, sizeof(head) - 1);
    for (size_t i = 0; i < items; i++)
        to = mempcpy(to, item, sizeof(item) - 1);
    to -= items > 0; /* the last comma */
    to = mempcpy(to, "]}", 2);
    good = answer(c, 200, "", text, (size_t)(to - text));
    free(text);
    return good;
}

static bool bulk(struct connection *c, const struct request *r)
{
    char *plain = c->body;
    size_t n = c->n, items;
    bool good = !r->gzip || books_gunzip(c->body, c->n, &plain, &n);

    if (good) {
        items = pairs(plain, n);
        books_take_plain(BOOKS_ES, plain, n, c->n);
        good = answer_bulk(c, items);
    } else {
        good = answer(c, 400, "", "{}", 2);
    }
    if (r->gzip)
        free(plain);
    return good;
}

static bool object(struct connection *c, const struct request *r)
{
    char headers[160];

    snprintf(headers, sizeof(headers), "ETag: \"0\"\r\n%s%s%s",
             *r->checksum ? "x-amz-checksum-crc32c: " : "", r->checksum,
             *r->checksum ? "\r\n" : "");
    books_take(BOOKS_S3, c->body, c->n);
    return answer(c, 200, headers, "", 0);
}

static bool stats(struct connection *c, bool settle)
{
    char *text;
    size_t n;
    bool good = !settle || books_settle();
    FILE *out = open_memstream(&text, &n);

    if (!out)
        fail("an answer");
    books_print(out);
    fclose(out);
    good = answer(c, good ? 200 : 400, "", text, n);
    free(text);
    return good;
}

static void wait_a_while(void)
{
    const struct timespec t = {delay_ms / 1000, (long)(delay_ms % 1000) * 1000000};

    if (delay_ms)
        nanosleep(&t, NULL);
}

static bool serve(struct connection *c, const struct request *r)
{
    bool posts = strcmp(r->method, "POST") == 0;

    if (posts && strcmp(r->path, "/reset") == 0) {
        books_reset();
        return answer(c, 200, "", "{}", 2);
    }
    if (strncmp(r->path, "/stats", 6) == 0)
        return stats(c, strstr(r->path, "settle=1") != NULL);
    if (strcmp(r->method, "HEAD") == 0)
        return answer(c, 200, "", "", 0);
    if (!posts && strcmp(r->method, "PUT") != 0)
        return answer(c, 200, "", "{}", 2);
    wait_a_while();
    if (!posts)
        return object(c, r);
    if (strstr(r->path, "/_bulk"))
        return bulk(c, r);
    books_take(BOOKS_WEBHOOK, c->body, c->n);
    return answer(c, 200, "", "", 0);
}

static void *converse(void *user)
{
    struct connection *c = user;
    struct request r;

    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_accept(c->ssl) != 1)
            goto out;
    }
    while (read_head(c, &r)) {
        c->n = 0;
        if (r.expects && !put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25))
            break;
        if (r.chunked ? !chunks(c) : !body_bytes(c, r.length))
            break;
        if (!serve(c, &r))
            break;
    }
out:
    SSL_free(c->ssl);
    close(c->fd);
    free(c->body);
    free(c);
    return NULL;
}

/* ---- the beginning ---- */

static int listen_at(const char *where)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[64];
    unsigned port;
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t n = sizeof(at);

    if (sscanf(where, "%63[^:]:%u", host, &port) != 2 ||
        inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        fprintf(stderr, "receiver: --listen wants an address and a port\n");
        exit(2);
    }
    at.sin_port = htons((uint16_t)port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&at, &n))
        fail(where);
    printf("ready %u\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

static void use_tls(const char *certificate, const char *key)
{
    tls = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "receiver: %s and %s are no certificate and its key\n", certificate, key);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    const char *where = NULL;
    size_t records = 0;
    int fd, one = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--listen") == 0 && i + 1 < argc)
            where = argv[++i];
        else if (strcmp(argv[i], "--records") == 0 && i + 1 < argc)
            records = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--delay") == 0 && i + 1 < argc)
            delay_ms = (unsigned)strtoul(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
            use_tls(argv[i + 1], argv[i + 2]);
            i += 2;
        } else
            where = NULL, i = argc;
    }
    if (!where) {
        fprintf(stderr, "usage: receiver --listen ADDRESS:PORT [--tls CERT KEY] [--records N] "
                        "[--delay MS]\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    books_init(records);
    fd = listen_at(where);
    for (;;) {
        struct connection *c = calloc(1, sizeof(*c));
        pthread_t thread;

        if (!c)
            fail("a connection");
        c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        if (c->fd < 0)
            fail("accept");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        if (pthread_create(&thread, NULL, converse, c))
            fail("a thread");
        pthread_detach(thread);
    }
}
