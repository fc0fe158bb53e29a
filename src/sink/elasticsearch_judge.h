/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_JUDGE_H
#define SL_SINK_ELASTICSEARCH_JUDGE_H

#include "sink/elasticsearch_reply.h"
#include "sluice/sink.h"

/* What the items of a bulk answer mean (reliability, section 3; design, section 3.6). The status
 * decides, for types' names differ between Elasticsearch and OpenSearch and between versions:
 *
 *   200 201 409    DELIVERED (409: `create` with an id of ours, so the record is there)
 *   401            STALL
 *   403 404        PARK when confined to some indexes, else STALL
 *   408 429 5xx    AGAIN; 429 also asks for less
 *   503            PARK_ON when confined to some indexes, else AGAIN
 *   other 4xx      REFUSED: mapping conflicts, documents too large, names that are not valid
 *
 * Some errors overrule it, because there the status says nothing about the record:
 *
 *   limit of shards, illegal state, data stream without a template    STALL
 *   index closed (400)                                                as 403
 *   read-only for want of disk (403, 429)                             PARK_ON or STALL
 *
 * Confined means that the cluster takes records for other indexes: an item for another index was
 * delivered in this answer or within the last five minutes. One remembers two indexes for that,
 * since of two different ones at least one is another. */

#define SL_ES_SETUP_WORDS " (data streams need an index template: run `sluice setup`)"

enum { SL_ES_SEEN_MS = 5 * 60 * 1000 };

struct sl_es_seen {
    struct {
        uint64_t hash, at_ms;
        bool used;
    } last[2];
};

/* Reads the body of a 200 and judges the batch; unreadable or of the wrong length is AGAIN for the
 * whole. ret->reason points into `reason`, which is cleared first. */
void sl_es_judge(struct sl_batch *b, struct sl_slice body, bool data_stream, uint64_t now_ms,
                 struct sl_es_seen *seen, struct sl_buf *reason, struct sl_result *ret);

#endif
