/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_SINK_ES_BENCH_H
#define TESTS_SINK_ES_BENCH_H

/* The Elasticsearch sink on its own, with two nodes. Include after cmocka. */
#include "http_help.h"
#include "sink/elasticsearch_encode.h"

static const char *node_list[] = {"http://127.0.0.1:9200", "http://127.0.0.2:9200"};

static inline void es_setup(struct bench *t, const char *index)
{
    bench_init(t);
    t->config.kind = SL_SINK_ELASTICSEARCH;
    t->config.elasticsearch = (struct sl_elasticsearch_config){
        .nodes = {node_list, 2}, .index = index, .compression = SL_COMPRESS_NONE};
}

/* Starts the sink as it is set up; an empty batch. */
static inline struct sl_batch *es_batch(struct bench *t)
{
    bench_start(t, &sl_sink_elasticsearch);
    return bench_batch(t);
}

/* The same with one record in it. */
static inline struct sl_batch *es_one(struct bench *t)
{
    struct sl_batch *b = es_batch(t);

    bench_text(t, b, "{}");
    return b;
}

/* Adds a record with the nth value in a field; the index of its item. */
static inline struct sl_slice es_index_of(struct bench *t, struct sl_batch *b, const char *field,
                                          int n)
{
    char value[64];

    snprintf(value, sizeof(value), "{\"%s\":\"n%d\"}", field, n);
    bench_text(t, b, value);
    return sl_es_item_index(b, &b->items[b->n_items - 1]);
}

#endif
