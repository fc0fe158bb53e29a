/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_DEAD_LETTER_H
#define SLUICE_DEAD_LETTER_H

#include "sluice/message.h"

/* What a destination refused for its content, on its way to the dead-letter topic. Everything but
 * the letter itself is borrowed until put() returns. done() is called once, from the loop, never
 * from inside put(): with 0 when Kafka has confirmed the letter on all replicas, and only then may
 * the record's position move; with an error code the letter is not there and must be put again. A
 * letter that the topic refuses for its size is written again, within put's own work, as headers
 * with an empty value. */
struct sl_letter {
    const char *topic;          /* dead-letter topic */
    struct sl_slice key, value; /* the original's */
    const struct sl_header *headers;
    size_t n_headers;
    const char *sink, *rule;
    struct sl_slice reason;
    int status; /* the destination's, 0: none */
    const char *source_topic;
    int32_t source_partition;
    int64_t source_offset;
    uint32_t source_index; /* sub-index of the record in its message */
    int64_t source_ms;     /* Kafka's time of the message, which its id hangs on; -1 unknown */
    void (*done)(void *user, int code);
    void *user;
};

struct sl_letters {
    /* SL_OK: takes it. SL_EFULL: too much is under way, try later. Others: it cannot be sent now.
     */
    int (*put)(struct sl_letters *l, const struct sl_letter *letter);
};

#endif
