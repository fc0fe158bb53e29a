/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_FLOW_SEARCH_H
#define SL_FLOW_SEARCH_H

#include "flow/flow.h"
#include "sluice/http.h"
#include "sluice/runtime.h"

/* One request's records from Elasticsearch or OpenSearch, through the nodes, credentials and TLS of
 * the sink that wrote them.
 *
 * Whether correlation_id is a keyword or text with a keyword beside it depends on the index's
 * template, or that it has none, so both are asked, and trace_id likewise. Text is matched by
 * words; that finds more, and what is not of the request is left out here.
 *
 * Nearly every request fits one page. For another a scroll begins anew: one consistent view, which
 * all of Elasticsearch 7 to 9 and OpenSearch 1 to 3 have (points in time are spelled differently,
 * and older ones have none). */

enum { SL_FLOW_PAGE = 1000, SL_FLOW_PAGE_BYTES_MAX = 256 << 20 };

struct sl_flow_search;

/* sink: of kind ELASTICSEARCH; borrowed, as rt and http are. NULL: the credentials cannot be used.
 */
struct sl_flow_search *sl_flow_search_new(const struct sl_sink_config *sink, struct sl_runtime *rt,
                                          struct sl_http *http, struct sl_error *err);
void sl_flow_search_free(struct sl_flow_search *s); /* cancels what is under way */

/* Adds to f what is found, and ends later, on the loop, with `done`. */
void sl_flow_search_start(struct sl_flow_search *s, struct sl_flow *f, int64_t from_ns,
                          int64_t to_ns,
                          void (*done)(void *user, int code, const struct sl_error *err),
                          void *user);
const char *sl_flow_search_indexes(const struct sl_flow_search *s); /* the pattern */
/* After it: parts of indexes that could not be searched, and a word of why. */
uint64_t sl_flow_search_failed_shards(const struct sl_flow_search *s, const char **ret_why);

#endif
