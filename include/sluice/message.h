/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLUICE_MESSAGE_H
#define SLUICE_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "sluice/config.h"

struct sl_partition; /* sluice/position.h */

/* One topic of the source; made once by whoever reads it, lives until the end of the program. */
struct sl_topic {
    char *name;
    enum sl_decode_form decode;
    unsigned rule; /* of source.decode that says so, from 1; 0: none does */
    uint64_t *consumed_records, *consumed_bytes,
        *decoded_records; /* metrics; set by the pipeline */
};

struct sl_header {
    struct sl_slice name, value; /* value.p == NULL: a null value */
};

/* One Kafka message. Everything is borrowed from the client for the duration of the call that hands
 * it over: who wants to keep bytes copies them (a kept message would pin a whole fetch buffer). */
struct sl_message {
    struct sl_partition *at;
    bool catch_up; /* read by the side reader, for a sink that catches up (position.h) */
    int64_t offset;
    int64_t timestamp_ms;  /* Kafka's: create or append time; -1 unknown */
    struct sl_slice key;   /* p == NULL: no key */
    struct sl_slice value; /* p == NULL: tombstone */
    const struct sl_header *headers;
    size_t n_headers;
};

enum { SL_HEADERS_MAX = 256 }; /* further headers of a message are not seen by rules */

#endif
