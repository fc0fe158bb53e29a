/* SPDX-License-Identifier: Apache-2.0 */
#include "kafka/inbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/list.h"
#include "ops/log.h"

int sl_inbox_open(struct sl_inbox *in, struct sl_loop *loop, rd_kafka_t *rk, struct sl_error *err)
{
    const uint64_t one = 1;
    rd_kafka_queue_t *own;

    in->loop = loop;
    in->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (in->fd < 0)
        return sl_fail(err, SL_EIO, "eventfd: %s", strerror(errno));
    rd_kafka_poll_set_consumer(rk);
    /* A queue of ours: closing forwards the client's queue to it, which cannot be forwarded to
     * itself. */
    in->queue = rd_kafka_queue_new(rk);
    own = rd_kafka_queue_get_consumer(rk);
    rd_kafka_queue_forward(own, in->queue);
    rd_kafka_queue_destroy(own);
    rd_kafka_queue_io_event_enable(in->queue, in->fd, &one, sizeof(one));
    uv_poll_init(&loop->uv, &in->poll, in->fd);
    uv_idle_init(&loop->uv, &in->idle);
    in->poll.data = in->idle.data = in;
    in->open_handles = 2;
    return SL_OK;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct sl_inbox *in = poll->data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(in->fd, &count, sizeof(count)) < 0 && errno != EAGAIN && errno != EINTR)
        sl_log(in->loop->rt.log, SL_LOG_ERROR, "eventfd", "reason", strerror(errno), NULL);
    in->turn(in);
}

static void on_idle(uv_idle_t *idle)
{
    struct sl_inbox *in = idle->data;

    uv_idle_stop(idle);
    in->turn(in);
}

void sl_inbox_start(struct sl_inbox *in)
{
    uv_poll_start(&in->poll, UV_READABLE, on_readable);
    sl_inbox_wake(in); /* the queue may have filled before anybody watched */
}

void sl_inbox_wake(struct sl_inbox *in)
{
    uv_idle_start(&in->idle, on_idle);
}

bool sl_inbox_drain(struct sl_inbox *in, unsigned most,
                    bool (*event)(struct sl_inbox *in, rd_kafka_event_t *ev))
{
    for (unsigned i = 0; i < most; i++) {
        rd_kafka_event_t *ev = rd_kafka_queue_poll(in->queue, 0);

        if (!ev)
            return true;
        if (!event(in, ev))
            return false;
    }
    return false;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct sl_inbox *in = handle->data;

    if (--in->open_handles == 0)
        in->gone(in);
}

bool sl_inbox_close(struct sl_inbox *in)
{
    if (in->queue)
        rd_kafka_queue_io_event_enable(in->queue, -1, NULL, 0);
    if (!in->open_handles)
        return false;
    uv_close((uv_handle_t *)&in->poll, on_handle_closed);
    uv_close((uv_handle_t *)&in->idle, on_handle_closed);
    return true;
}

void sl_inbox_release(struct sl_inbox *in)
{
    if (in->queue)
        rd_kafka_queue_destroy(in->queue);
    if (in->fd >= 0)
        close(in->fd);
    in->queue = NULL;
    in->fd = -1;
}
