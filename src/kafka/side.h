/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_SIDE_H
#define SL_KAFKA_SIDE_H

#include "net/loop.h"
#include "ops/log.h"
#include "sluice/message.h"
#include "sluice/position.h"

/* The side reader: reads partitions again, from any offset, for a sink that has left the live
 * reader. A second client of the same group that assigns and never joins: brokers refuse its
 * commits (UNKNOWN_MEMBER_ID), which it never makes anyway. Its client is made with the first read
 * and kept until sl_side_free(); while nothing is read it fetches nothing.
 *
 * All callbacks run on the loop thread, never from inside a call below. Messages of a partition
 * come in order, each once; what is fetched for offsets below the asked one is thrown away. After
 * sl_side_read(), _drop() or _stop() nothing comes of what was read before. */

struct sl_side;

struct sl_side_ops {
    /* False: no room. The message is kept, nothing is fetched, and after sl_side_resume() it is
     * offered again. */
    bool (*on_message)(void *user, const struct sl_message *message);
    /* The log ends here: everything below was offered. */
    void (*on_eof)(void *user, struct sl_partition *p, int64_t offset);
    /* The offset asked for is not there any more: the log starts at `low`. Nothing more of the
     * partition comes until it is asked for again. */
    void (*on_out_of_range)(void *user, struct sl_partition *p, int64_t low);
};

/* Makes no client yet. */
struct sl_side *sl_side_new(struct sl_loop *loop, const struct sl_source_config *source,
                            const struct sl_side_ops *ops, void *user);
/* Reads these from these offsets on, instead of what was read before. References are taken. SL_OK,
 * or an error in words: the client cannot be made. */
int sl_side_read(struct sl_side *s, struct sl_partition *const *parts, const int64_t *offsets,
                 size_t n, struct sl_error *err);
void sl_side_drop(struct sl_side *s, struct sl_partition *p); /* no more of this one */
void sl_side_stop(struct sl_side *s);                         /* no more of any */
void sl_side_pause(struct sl_side *s);                        /* both are idempotent */
void sl_side_resume(struct sl_side *s);
bool sl_side_paused(const struct sl_side *s);
bool sl_side_reads(const struct sl_side *s, const struct sl_partition *p);
/* As sl_consumer_free(): nothing is called back any more; the loop must run on until it is gone. */
void sl_side_free(struct sl_side *s);

#endif
