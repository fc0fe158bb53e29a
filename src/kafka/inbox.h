/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_INBOX_H
#define SL_KAFKA_INBOX_H

#include <librdkafka/rdkafka.h>

#include "net/loop.h"

/* All events of one client on the loop: messages, rebalances, errors, answers to commits.
 *
 * The library writes to a descriptor when its queue stops being empty, and only then. So who is
 * woken polls until the queue is empty, or asks for another turn (sl_inbox_wake) when it stops
 * before. */

struct sl_inbox {
    struct sl_loop *loop;
    rd_kafka_queue_t *queue;
    int fd; /* eventfd that the queue writes to; -1: not open */
    uv_poll_t poll;
    uv_idle_t idle;
    unsigned open_handles;
    void (*turn)(struct sl_inbox *in); /* set by the user, as `gone` */
    void (*gone)(struct sl_inbox *in); /* after sl_inbox_close(): nothing comes any more */
};

/* Takes over what the client's own queues get. */
int sl_inbox_open(struct sl_inbox *in, struct sl_loop *loop, rd_kafka_t *rk, struct sl_error *err);
void sl_inbox_start(struct sl_inbox *in);
void sl_inbox_wake(struct sl_inbox *in); /* another turn soon */
/* At most `most` events, each to be destroyed by its taker, who answers false to get no more. True
 * when the queue was emptied: only then does its descriptor speak again. */
bool sl_inbox_drain(struct sl_inbox *in, unsigned most,
                    bool (*event)(struct sl_inbox *in, rd_kafka_event_t *ev));
/* `gone` is called later; false: nothing was open, it is not called. */
bool sl_inbox_close(struct sl_inbox *in);
void sl_inbox_release(struct sl_inbox *in); /* after `gone`, before the client is destroyed */

#endif
