/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/http_transfer.h"

enum {
    FREE_TRANSFERS_MAX = 32,
    IDLE_CONNECTIONS_MAX = 64,
};

struct sl_http_client {
    struct sl_http http;
    struct sl_loop *loop;
    CURLM *multi;
    struct sl_timer timer; /* what libcurl asked to be woken for */
    struct sl_list active; /* struct sl_transfer */
    struct sl_list unused;
    size_t n_unused;
    struct sl_list sockets; /* struct watched */
    bool *gone;             /* set while a callback runs: it may free the client */
};

/* A socket of libcurl's that libuv watches. It outlives the client until libuv has closed the
 * handle. */
struct watched {
    struct sl_list link;
    uv_poll_t poll;
    curl_socket_t fd;
    struct sl_http_client *client;
};

static void transfer_put(struct sl_http_client *c, struct sl_transfer *t)
{
    if (!sl_transfer_end(t) || c->n_unused >= FREE_TRANSFERS_MAX) {
        sl_transfer_free(t);
        return;
    }
    sl_list_push_front(&c->unused, &t->link);
    c->n_unused++;
}

static struct sl_transfer *transfer_get(struct sl_http_client *c)
{
    struct sl_transfer *t;

    if (sl_list_empty(&c->unused))
        return sl_transfer_new();
    t = sl_container_of(c->unused.next, struct sl_transfer, link);
    sl_list_remove(&t->link);
    c->n_unused--;
    return t;
}

/* ---- ends of transfers ---- */

/* Hands the reply over. False: the callback freed the client. */
static bool finish(struct sl_http_client *c, struct sl_transfer *t, CURLcode code)
{
    struct sl_http_request *r = t->request;
    struct sl_http_reply reply;
    char words[640];
    bool gone = false;

    sl_transfer_reply(t, code, words, sizeof(words), &reply);
    curl_multi_remove_handle(c->multi, t->easy);
    sl_list_remove(&t->link);
    r->impl = NULL;
    c->gone = &gone;
    r->done(r, &reply); /* from here r may be no more */
    if (gone) {
        sl_transfer_free(t);
        return false;
    }
    c->gone = NULL;
    transfer_put(c, t);
    return true;
}

/* Always after libcurl was called, whatever it says of running transfers: the last one can end with
 * none running and its message waiting. */
static void drain(struct sl_http_client *c)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(c->multi, &left))) {
        struct sl_transfer *t = NULL;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        if (!finish(c, t, code))
            return;
    }
}

/* ---- libcurl on libuv ---- */

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct watched *w = sl_container_of(poll, struct watched, poll);
    struct sl_http_client *c = w->client;
    int flags = 0, running;

    if (status < 0)
        flags |= CURL_CSELECT_ERR;
    if (events & UV_READABLE)
        flags |= CURL_CSELECT_IN;
    if (events & UV_WRITABLE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(c->multi, w->fd, flags, &running);
    drain(c);
}

static void on_timer(struct sl_timer *timer)
{
    struct sl_http_client *c = sl_container_of(timer, struct sl_http_client, timer);
    int running;

    curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    drain(c);
}

/* May be called from inside curl_multi_add_handle(), so nothing but the timer is touched. */
static int set_timer(CURLM *multi, long timeout_ms, void *user)
{
    struct sl_http_client *c = user;

    (void)multi;
    if (timeout_ms < 0)
        sl_timer_stop(&c->loop->rt, &c->timer);
    else
        sl_timer_start(&c->loop->rt, &c->timer, (uint64_t)timeout_ms);
    return 0;
}

static void free_watched(uv_handle_t *handle)
{
    free(sl_container_of(handle, struct watched, poll));
}

static void unwatch(struct watched *w)
{
    sl_list_remove(&w->link);
    uv_poll_stop(&w->poll);
    uv_close((uv_handle_t *)&w->poll, free_watched);
}

static struct watched *watch(struct sl_http_client *c, curl_socket_t fd)
{
    struct watched *w = sl_zalloc(sizeof(*w));

    if (uv_poll_init_socket(&c->loop->uv, &w->poll, fd)) {
        free(w);
        return NULL;
    }
    w->fd = fd;
    w->client = c;
    sl_list_push(&c->sockets, &w->link);
    curl_multi_assign(c->multi, fd, w);
    return w;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    struct sl_http_client *c = user;
    struct watched *w = socket_user;
    int events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w)
            unwatch(w);
        curl_multi_assign(c->multi, fd, NULL);
        return 0;
    }
    if (!w)
        w = watch(c, fd);
    if (!w)
        return -1;
    if (what & CURL_POLL_IN)
        events |= UV_READABLE;
    if (what & CURL_POLL_OUT)
        events |= UV_WRITABLE;
    return uv_poll_start(&w->poll, events, on_poll) ? -1 : 0;
}

/* ---- struct sl_http ---- */

static int submit(struct sl_http *h, struct sl_http_request *r, struct sl_error *err)
{
    struct sl_http_client *c = sl_container_of(h, struct sl_http_client, http);
    struct sl_transfer *t = transfer_get(c);
    CURLMcode added;
    int code = sl_transfer_begin(t, r, err);

    if (!code) {
        added = curl_multi_add_handle(c->multi, t->easy);
        if (added != CURLM_OK)
            code = sl_fail(err, SL_EIO, "the request cannot start: %s", curl_multi_strerror(added));
    }
    if (code) {
        transfer_put(c, t);
        return code;
    }
    sl_list_push(&c->active, &t->link);
    r->impl = t;
    return SL_OK;
}

static void cancel(struct sl_http *h, struct sl_http_request *r)
{
    struct sl_http_client *c = sl_container_of(h, struct sl_http_client, http);
    struct sl_transfer *t = r->impl;

    if (!t)
        return;
    r->impl = NULL;
    sl_list_remove(&t->link);
    curl_multi_remove_handle(c->multi, t->easy);
    transfer_put(c, t);
}

/* ---- life ---- */

static bool set_multi(struct sl_http_client *c)
{
    bool bad = false;

    bad |= curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK;
    bad |= curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c) != CURLM_OK;
    bad |= curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK;
    bad |= curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c) != CURLM_OK;
    bad |=
        curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)IDLE_CONNECTIONS_MAX) != CURLM_OK;
    bad |= curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) != CURLM_OK;
    return !bad;
}

struct sl_http_client *sl_http_client_new(struct sl_loop *loop, struct sl_error *err)
{
    struct sl_http_client *c;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        sl_fail(err, SL_EIO, "libcurl cannot start");
        return NULL;
    }
    /* A peer that closes while TLS writes must not end the program. */
    signal(SIGPIPE, SIG_IGN);
    c = sl_zalloc(sizeof(*c));
    c->http = (struct sl_http){.submit = submit, .cancel = cancel};
    c->loop = loop;
    c->timer.fire = on_timer;
    sl_list_init(&c->active);
    sl_list_init(&c->unused);
    sl_list_init(&c->sockets);
    c->multi = curl_multi_init();
    if (!c->multi || !set_multi(c)) {
        sl_fail(err, SL_EIO, "libcurl cannot be driven by events");
        sl_http_client_free(c);
        return NULL;
    }
    return c;
}

static void free_transfers(struct sl_http_client *c, struct sl_list *list)
{
    struct sl_list *at, *after;

    sl_list_each_safe (at, after, list) {
        struct sl_transfer *t = sl_container_of(at, struct sl_transfer, link);

        if (t->request) {
            t->request->impl = NULL;
            curl_multi_remove_handle(c->multi, t->easy);
        }
        sl_list_remove(at);
        sl_transfer_free(t);
    }
}

void sl_http_client_free(struct sl_http_client *c)
{
    struct sl_list *at, *after;

    if (!c)
        return;
    if (c->gone)
        *c->gone = true;
    free_transfers(c, &c->active);
    free_transfers(c, &c->unused);
    curl_multi_cleanup(c->multi);
    sl_list_each_safe (at, after, &c->sockets)
        unwatch(sl_container_of(at, struct watched, link));
    sl_timer_stop(&c->loop->rt, &c->timer);
    free(c);
    /* No curl_global_cleanup(): a resolver's thread may still be on its way (CURLOPT_QUICK_EXIT).
     */
}

struct sl_http *sl_http_client_http(struct sl_http_client *c)
{
    return &c->http;
}
