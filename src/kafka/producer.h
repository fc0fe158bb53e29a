/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_KAFKA_PRODUCER_H
#define SL_KAFKA_PRODUCER_H

#include "net/loop.h"
#include "ops/log.h"
#include "sluice/dead_letter.h"

/* The producer of dead letters (and later of rules versions): acks=all, idempotent, bounded to
 * `memory` bytes under way. Delivery reports arrive through the loop. */
struct sl_producer;

struct sl_producer *sl_producer_new(struct sl_loop *loop, const struct sl_source_config *source,
                                    size_t memory, struct sl_error *err);
/* Waits for nothing: every letter under way is done with an error. */
void sl_producer_free(struct sl_producer *p);
struct sl_letters *sl_producer_letters(struct sl_producer *p);

#endif
