/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_STREAM_H
#define SL_SINK_ELASTICSEARCH_STREAM_H

#include "sink/elasticsearch_names.h"
#include "sluice/sink.h"

/* A data stream exists only where an index template says so. Without one, a bulk request does not
 * fail: the cluster makes an ordinary index of that name, which never rolls over and which bars the
 * data stream afterwards (OpenSearch 2.19 always; Elasticsearch where none of its own templates
 * matches; `require_data_stream` is only known to Elasticsearch 8.13 and later). So before the
 * first records of each name the sink asks for the data stream itself, PUT /_data_stream/<name>.
 * That makes what bulk would have made, is refused where no template matches, and says of an
 * existing one that it exists. Credentials that may not ask (403) go unchecked. */

/* The first item from *at on whose data stream is not known yet; false: none. */
bool sl_es_stream_next(const struct sl_es_names *known, const struct sl_batch *b, size_t *at);
/* The address to ask for the data stream of an item. The caller frees it. */
char *sl_es_stream_url(const char *node, struct sl_slice name);

enum sl_es_stream {
    SL_ES_STREAM_THERE,
    SL_ES_STREAM_UNCHECKED,
    SL_ES_STREAM_REFUSED, /* 400: no template */
    SL_ES_STREAM_FAILED,  /* as any other request can fail */
};
enum sl_es_stream sl_es_stream_judge(const struct sl_http_reply *reply);

#endif
