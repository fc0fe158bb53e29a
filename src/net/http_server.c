/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/list.h"
#include "net/address.h"
#include "ops/log.h"

enum {
    CONNECTIONS_MAX = 64,
    CONNECTION_SECONDS = 10,      /* without a byte */
    CONNECTION_MEMORY = 32 << 10, /* request line and headers */
    ANSWER_MAX_BYTES = 64 << 20,
};

struct sl_http_server {
    struct sl_loop *loop;
    struct MHD_Daemon *daemon;
    uv_poll_t poll;        /* of the daemon's epoll descriptor */
    struct sl_timer timer; /* when the daemon wants to run again without an event */
    sl_http_handler *handler;
    void *user;
    char address[80];
};

static void arm(struct sl_http_server *s)
{
    MHD_UNSIGNED_LONG_LONG delay;

    if (MHD_get_timeout(s->daemon, &delay) == MHD_YES)
        sl_timer_start(&s->loop->rt, &s->timer, delay);
    else
        sl_timer_stop(&s->loop->rt, &s->timer);
}

static void run(struct sl_http_server *s)
{
    MHD_run(s->daemon);
    arm(s);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(sl_container_of(poll, struct sl_http_server, poll));
}

static void on_timer(struct sl_timer *timer)
{
    run(sl_container_of(timer, struct sl_http_server, timer));
}

static void on_message(void *user, const char *format, va_list args)
{
    struct sl_http_server *s = user;
    char text[512];
    size_t n;

    vsnprintf(text, sizeof(text), format, args);
    for (n = strlen(text); n > 0 && text[n - 1] == '\n'; n--)
        text[n - 1] = '\0';
    sl_log(s->loop->rt.log, SL_LOG_DEBUG, "admin endpoint", "detail", text, NULL);
}

/* Takes the body. */
static enum MHD_Result reply(struct MHD_Connection *connection, struct sl_http_answer *answer)
{
    size_t n = answer->body.n;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(n, sl_buf_take(&answer->body), MHD_RESPMEM_MUST_FREE);
    enum MHD_Result queued;

    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", answer->content_type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    /* The status page brings its script and style with it and reads from here only. */
    MHD_add_response_header(response, "Content-Security-Policy",
                            "default-src 'none'; script-src 'unsafe-inline'; "
                            "style-src 'unsafe-inline'; connect-src 'self'; img-src data:; "
                            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(response, "Allow", "GET, HEAD");
    queued = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

static void refuse(struct sl_http_answer *answer, int status, const char *text)
{
    answer->status = status;
    answer->content_type = "text/plain; charset=utf-8";
    sl_buf_clear(&answer->body);
    sl_buf_text(&answer->body, text);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **seen)
{
    struct sl_http_server *s = user;
    struct sl_http_answer answer = {.content_type = "text/plain; charset=utf-8", .status = 500};
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    enum MHD_Result result;

    (void)version;
    (void)upload;
    if (reads && !*seen) { /* first the headers; the answer comes when the request is whole */
        *seen = s;
        return MHD_YES;
    }
    if (reads && *upload_n > 0) { /* a body with GET means nothing */
        *upload_n = 0;
        return MHD_YES;
    }
    sl_buf_init(&answer.body, ANSWER_MAX_BYTES);
    if (!reads)
        refuse(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD only\n");
    else
        s->handler(s->user, url, &answer);
    if (answer.body.full)
        refuse(&answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "the answer is too large\n");
    result = reply(connection, &answer);
    sl_buf_release(&answer.body);
    return result;
}

static int start(struct sl_http_server *s, const char *listen, struct sl_error *err)
{
    const union MHD_DaemonInfo *info;
    int fd = -1, code = sl_address_listen(listen, &fd, err);

    if (code)
        return code;
    sl_address_of_socket(fd, s->address, sizeof(s->address));
    s->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER,
        on_message, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (!s->daemon) {
        close(fd);
        return sl_fail(err, SL_EIO, "the HTTP server on %s cannot start", listen);
    }
    info = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || uv_poll_init(&s->loop->uv, &s->poll, info->epoll_fd)) {
        MHD_stop_daemon(s->daemon);
        return sl_fail(err, SL_EIO, "the HTTP server on %s cannot be driven by events", listen);
    }
    uv_poll_start(&s->poll, UV_READABLE, on_poll);
    arm(s);
    return SL_OK;
}

struct sl_http_server *sl_http_server_new(struct sl_loop *loop, const char *listen,
                                          sl_http_handler *handler, void *user,
                                          struct sl_error *err)
{
    struct sl_http_server *s = sl_zalloc(sizeof(*s));

    s->loop = loop;
    s->handler = handler;
    s->user = user;
    s->timer.fire = on_timer;
    if (start(s, listen, err)) {
        free(s);
        return NULL;
    }
    return s;
}

static void on_closed(uv_handle_t *handle)
{
    free(sl_container_of(handle, struct sl_http_server, poll));
}

void sl_http_server_free(struct sl_http_server *s)
{
    if (!s)
        return;
    sl_timer_stop(&s->loop->rt, &s->timer);
    uv_poll_stop(&s->poll); /* before its descriptor is closed */
    MHD_stop_daemon(s->daemon);
    uv_close((uv_handle_t *)&s->poll, on_closed);
}

const char *sl_http_server_address(const struct sl_http_server *s)
{
    return s->address;
}
