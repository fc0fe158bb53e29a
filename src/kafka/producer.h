/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_PRODUCER_H
#define SL_KAFKA_PRODUCER_H

#include "net/loop.h"
#include "base/error.h"
#include "ops/log.h"
#include "sluice/dead_letter.h"

/* The producer of dead letters and of rules versions: acks=all, idempotent, bounded to
 * `memory` bytes under way. Delivery reports arrive through the loop. */
struct sl_producer;

struct sl_producer *sl_producer_new(struct sl_loop *loop, const struct sl_source_config *source,
                                    size_t memory, struct sl_error *err);
/* Waits for nothing: every letter under way is done with an error. */
void sl_producer_free(struct sl_producer *p);
struct sl_letters *sl_producer_letters(struct sl_producer *p);

/* A record that is no letter. SL_OK: written() is called once, later, from the loop: with SL_OK
 * when all in-sync replicas have it; else it is to be written again, and `why` is Kafka's word. */
typedef void (*sl_written_fn)(void *user, int code, const char *why);
int sl_producer_write(struct sl_producer *p, const char *topic, struct sl_slice key,
                      struct sl_slice value, sl_written_fn written, void *user,
                      struct sl_error *err);

#endif
