/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_stream.h"

#include "base/percent.h"
#include "sink/elasticsearch_encode.h"
#include "sink/elasticsearch_reply.h"

bool sl_es_stream_next(const struct sl_es_names *known, const struct sl_batch *b, size_t *at)
{
    struct sl_slice last = {NULL, 0};

    for (; *at < b->n_items; ++*at) {
        struct sl_slice name = sl_es_item_index(b, &b->items[*at]);

        if (last.p && sl_slice_equal(name, last))
            continue;
        if (!sl_es_names_has(known, name))
            return true;
        last = name;
    }
    return false;
}

char *sl_es_stream_url(const char *node, struct sl_slice name)
{
    struct sl_buf url;

    sl_buf_init(&url, 8192);
    sl_buf_printf(&url, "%s/_data_stream/", node);
    sl_percent_encode(name, "-._", &url);
    return sl_buf_take(&url);
}

enum sl_es_stream sl_es_stream_judge(const struct sl_http_reply *reply)
{
    static const char there[] = "resource_already_exists_exception";
    enum sl_es_stream verdict = SL_ES_STREAM_REFUSED;
    struct sl_buf text;

    if (reply->result != SL_HTTP_OK)
        return SL_ES_STREAM_FAILED;
    if (reply->status == 200 || reply->status == 201)
        return SL_ES_STREAM_THERE;
    if (reply->status == 403)
        return SL_ES_STREAM_UNCHECKED;
    if (reply->status != 400)
        return SL_ES_STREAM_FAILED;
    sl_buf_init(&text, 512);
    if (sl_es_reply_error(reply->body, 256, &text) && text.n >= sizeof(there) - 1 &&
        memcmp(text.p, there, sizeof(there) - 1) == 0)
        verdict = SL_ES_STREAM_THERE;
    sl_buf_release(&text);
    return verdict;
}
