/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_NAMES_H
#define SL_SINK_ELASTICSEARCH_NAMES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A bounded set of index names, by hash: asked once a record, and never grows. */
enum { SL_ES_NAMES_MAX = 1000 };

struct sl_es_names {
    uint64_t *slots; /* open addressing; 0 is free */
    size_t n;
};

void sl_es_names_init(struct sl_es_names *s);
void sl_es_names_release(struct sl_es_names *s);
void sl_es_names_clear(struct sl_es_names *s);
bool sl_es_names_has(const struct sl_es_names *s, struct sl_slice name);
/* True when it is in the set, or now is; false when there is no room. */
bool sl_es_names_add(struct sl_es_names *s, struct sl_slice name);

#endif
