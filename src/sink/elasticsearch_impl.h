/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_IMPL_H
#define SL_SINK_ELASTICSEARCH_IMPL_H

#include "sink/elasticsearch_encode.h"
#include "sink/elasticsearch_judge.h"
#include "sink/elasticsearch_nodes.h"
#include "sink/elasticsearch_stream.h"
#include "sink/http_policy.h"

/* The inside of an Elasticsearch sink, shared by elasticsearch.c, _auth.c and _probe.c; and
 * what who asks the cluster (flow/search.c) shares with it. */

struct sl_es {
    struct sl_es_encoder encoder;
    struct sl_es_nodes nodes;
    char **bulk_urls, **health_urls;
    char *authorization;        /* header line, or NULL */
    struct sl_es_names streams; /* data streams that exist */
    bool unchecked_said;
    struct sl_es_seen seen;
    struct sl_buf reason;
    struct sl_list probes;
};

/* The Authorization line, or NULL where none is configured. */
int sl_es_authorization(const struct sl_elasticsearch_config *c, char **ret, struct sl_error *err);

/* What the cluster says about a request that failed, for a person; nothing where it would tell a
 * secret. */
void sl_es_error_words(const struct sl_elasticsearch_config *c, const char *authorization,
                       struct sl_slice body, struct sl_buf *out);
/* A node that nobody reaches, or that says of itself that it has nothing behind it. */
bool sl_es_node_failed(const struct sl_http_reply *reply);

/* Fills what every request to a cluster has in common. */
void sl_es_fill_exchange(struct sl_sink *s, struct sl_exchange *x, const char *method,
                         const char *url);
/* A request that failed as a whole; the reason stands in es->reason. */
void sl_es_judge_failure(struct sl_sink *s, const struct sl_http_reply *reply,
                         struct sl_result *ret);

void sl_es_probe(struct sl_sink *s, void (*done)(void *user, const struct sl_result *), void *user);
void sl_es_probe_cancel(struct sl_es *es);

#endif
