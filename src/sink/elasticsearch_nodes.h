/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_NODES_H
#define SL_SINK_ELASTICSEARCH_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which node of a cluster takes the next request: round robin over those that answer. A node that
 * cannot be reached is out for a time that doubles from 1 s to 60 s. When all are out, the one
 * whose failure is longest ago is tried: somebody must find out that the cluster is back, and
 * pacing the attempts is the retry's business, not this one's. */
enum { SL_ES_NODE_OUT_FIRST_MS = 1000, SL_ES_NODE_OUT_MAX_MS = 60000 };

struct sl_es_node {
    unsigned failures;
    uint64_t failed_ms, out_until_ms;
};

struct sl_es_nodes {
    struct sl_es_node *items;
    size_t n, next;
};

void sl_es_nodes_init(struct sl_es_nodes *nodes, size_t n);
void sl_es_nodes_release(struct sl_es_nodes *nodes);
size_t sl_es_nodes_pick(struct sl_es_nodes *nodes, uint64_t now_ms);
void sl_es_nodes_good(struct sl_es_nodes *nodes, size_t i);
/* Several requests may fail by one and the same fault: while the node is out that counts once. */
void sl_es_nodes_bad(struct sl_es_nodes *nodes, size_t i, uint64_t now_ms);
bool sl_es_nodes_any(const struct sl_es_nodes *nodes, uint64_t now_ms); /* some node is in */

#endif
