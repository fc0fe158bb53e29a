/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/fetch.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/list.h"

struct slot {
    struct sl_list node; /* in the order of their turns */
    struct sl_fetch *fetch;
    struct sl_fetch_piece piece;
    struct sl_archive_request request;
    bool running, here, failed;
    struct sl_buf body, headers; /* of the reply; failed: body is why */
};

struct sl_fetch {
    struct sl_fetch_how how;
    struct sl_list slots;
    unsigned running;
    uint64_t bytes; /* of all slots */
    bool ended;     /* there are no more pieces */
    bool stopped;
    struct sl_timer start; /* nothing is told from inside the call that starts it */
};

static void turn(struct sl_fetch *f);

static void keep(struct sl_buf *to, struct sl_slice bytes)
{
    sl_buf_release(to);
    sl_buf_init(to, bytes.n);
    sl_buf_slice(to, bytes);
}

static void on_done(struct sl_archive_request *r, const struct sl_http_reply *reply,
                    const char *why)
{
    struct slot *s = sl_container_of(r, struct slot, request);

    s->running = false;
    s->here = true;
    s->failed = reply == NULL;
    s->fetch->running--;
    keep(&s->body, reply ? reply->body : sl_slice_str(why));
    if (reply)
        keep(&s->headers, reply->headers);
    turn(s->fetch);
}

static void start(struct slot *s)
{
    s->request = (struct sl_archive_request){.client = s->fetch->how.client,
                                             .trouble = s->fetch->how.trouble,
                                             .object = s->piece.object,
                                             .offset = s->piece.offset,
                                             .length = s->piece.whole ? 0 : s->piece.length,
                                             .max_reply = s->piece.length + SL_S3_REPLY_MAX,
                                             .done = on_done};
    s->running = true;
    s->here = false;
    s->fetch->running++;
    s->fetch->bytes += s->piece.length;
    sl_archive_request_start(&s->request);
}

static void drop(struct slot *s)
{
    if (s->running)
        sl_archive_request_cancel(&s->request);
    s->fetch->running -= s->running;
    s->fetch->bytes -= s->piece.length;
    sl_list_remove(&s->node);
    sl_buf_release(&s->body);
    sl_buf_release(&s->headers);
    free(s);
}

static void drop_all(struct sl_fetch *f)
{
    while (!sl_list_empty(&f->slots))
        drop(sl_container_of(f->slots.next, struct slot, node));
}

static void start_more(struct sl_fetch *f)
{
    while (!f->ended && f->running < f->how.in_flight &&
           (f->bytes < f->how.window || sl_list_empty(&f->slots))) {
        struct sl_fetch_piece piece = {.tag = 0};
        struct slot *s;

        f->ended = !f->how.next(f->how.user, &piece);
        if (f->ended)
            return;
        s = sl_zalloc(sizeof(*s));
        s->fetch = f;
        s->piece = piece;
        sl_list_push(&f->slots, &s->node);
        start(s);
    }
}

/* Hands over what has its turn. */
static void hand_over(struct sl_fetch *f)
{
    while (!f->stopped && !sl_list_empty(&f->slots)) {
        struct slot *s = sl_container_of(f->slots.next, struct slot, node);
        struct sl_http_reply reply = {.result = SL_HTTP_OK, .error = "", .status = 200};
        uint64_t length = s->piece.length;
        bool again;

        if (!s->here)
            return;
        reply.body = sl_buf_as_slice(&s->body);
        reply.headers = sl_buf_as_slice(&s->headers);
        again = f->how.take(f->how.user, &s->piece, s->failed ? NULL : &reply,
                            s->failed ? sl_buf_str(&s->body) : NULL);
        f->bytes -= length;
        if (again) {
            start(s);
        } else {
            f->bytes += s->piece.length; /* drop takes it off */
            drop(s);
        }
    }
}

static void turn(struct sl_fetch *f)
{
    hand_over(f);
    if (!f->stopped)
        start_more(f);
    if (!f->stopped && (!f->ended || !sl_list_empty(&f->slots)))
        return;
    drop_all(f);
    f->how.done(f->how.user);
}

static void on_start(struct sl_timer *t)
{
    turn(sl_container_of(t, struct sl_fetch, start));
}

struct sl_fetch *sl_fetch_new(const struct sl_fetch_how *how)
{
    struct sl_fetch *f = sl_zalloc(sizeof(*f));

    f->how = *how;
    sl_list_init(&f->slots);
    f->start.fire = on_start;
    sl_timer_start(how->client->rt, &f->start, 0);
    return f;
}

void sl_fetch_free(struct sl_fetch *f)
{
    if (!f)
        return;
    sl_timer_stop(f->how.client->rt, &f->start);
    drop_all(f);
    free(f);
}

void sl_fetch_stop(struct sl_fetch *f)
{
    f->stopped = true;
}
