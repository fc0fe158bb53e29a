/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_nodes.h"

#include "base/alloc.h"

void sl_es_nodes_init(struct sl_es_nodes *nodes, size_t n)
{
    *nodes = (struct sl_es_nodes){.items = sl_calloc(n, sizeof(*nodes->items)), .n = n};
}

void sl_es_nodes_release(struct sl_es_nodes *nodes)
{
    free(nodes->items);
    *nodes = (struct sl_es_nodes){0};
}

size_t sl_es_nodes_pick(struct sl_es_nodes *nodes, uint64_t now_ms)
{
    size_t best = nodes->next;

    for (size_t k = 0; k < nodes->n; k++) {
        size_t i = (nodes->next + k) % nodes->n;

        if (nodes->items[i].out_until_ms <= now_ms) {
            best = i;
            break;
        }
        if (nodes->items[i].failed_ms < nodes->items[best].failed_ms)
            best = i;
    }
    nodes->next = best + 1 < nodes->n ? best + 1 : 0;
    return best;
}

void sl_es_nodes_good(struct sl_es_nodes *nodes, size_t i)
{
    nodes->items[i] = (struct sl_es_node){0};
}

void sl_es_nodes_bad(struct sl_es_nodes *nodes, size_t i, uint64_t now_ms)
{
    struct sl_es_node *node = &nodes->items[i];
    uint64_t out = SL_ES_NODE_OUT_FIRST_MS;

    node->failed_ms = now_ms;
    if (node->out_until_ms > now_ms)
        return;
    for (unsigned k = 0; k < node->failures && out < SL_ES_NODE_OUT_MAX_MS; k++)
        out *= 2;
    if (out > SL_ES_NODE_OUT_MAX_MS)
        out = SL_ES_NODE_OUT_MAX_MS;
    node->failures++;
    node->out_until_ms = now_ms + out;
}

bool sl_es_nodes_any(const struct sl_es_nodes *nodes, uint64_t now_ms)
{
    for (size_t i = 0; i < nodes->n; i++)
        if (nodes->items[i].out_until_ms <= now_ms)
            return true;
    return false;
}
