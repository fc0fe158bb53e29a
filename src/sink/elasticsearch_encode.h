/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_SINK_ELASTICSEARCH_ENCODE_H
#define SL_SINK_ELASTICSEARCH_ENCODE_H

#include "sink/elasticsearch_names.h"
#include "sluice/sink.h"
#include "sluice/template.h"

/* Records as the lines of a bulk request:
 *
 *   {"create":{"_index":"sluice-web-2026.01.31","_id":"..."}}
 *   {"message":"...","@timestamp":"..."}
 *
 * Where a record goes is its index name. It is made of record fields, which strangers may write.
 * The template bounds its bytes; here the number of names is bounded, since each new index costs
 * the cluster shards for ever. A sink takes SL_ES_NAMES_MAX distinct names an hour; records of
 * further ones go to one overflow index: the template's text up to its first field and "overflow";
 * for data streams type-overflow-namespace, with "default" where the namespace is not fixed. They
 * are counted in sluice_index_overflow_total{sink}. Which hour a record falls into is the clock's,
 * so a repeat after a crash may go elsewhere (design, section 3.3 excepts the overflow index).
 */

enum {
    SL_ES_NAME_BYTES_MAX = 255,
    SL_ES_TYPE_BYTES_MAX = 50,
    SL_ES_NAMES_MS = 60 * 60 * 1000,
};

struct sl_es_encoder {
    struct sl_runtime *rt;
    struct sl_template *index, *overflow; /* or a data stream: */
    const char *type;
    struct sl_template *dataset, *namespace_;
    bool namespace_fixed;
    struct sl_es_names names; /* of this hour */
    uint64_t names_until_ms;
    uint64_t *overflowed; /* metric */
    uint64_t uncounted;   /* where it points without metrics */
};

/* Adds the templates' fields. May be left half made on error: release accepts it. */
int sl_es_encoder_init(struct sl_es_encoder *e, const struct sl_sink_config *config,
                       const struct sl_sink_env *env, struct sl_error *err);
void sl_es_encoder_release(struct sl_es_encoder *e);
size_t sl_es_encoder_bound(const struct sl_record *r);
/* SL_OK or SL_EFULL. Sets item->body, ->verbatim and ->value_n. */
int sl_es_encode(struct sl_es_encoder *e, const struct sl_record *r, struct sl_buf *out,
                 struct sl_item *item);

/* A pattern of all the indexes or data streams that the sink writes: what their names begin with,
 * and `*`. The overflow's are among them. */
void sl_es_index_pattern(const struct sl_elasticsearch_config *c, struct sl_buf *out);

/* The index name in an encoded record. */
struct sl_slice sl_es_item_index(const struct sl_batch *b, const struct sl_item *item);

#endif
