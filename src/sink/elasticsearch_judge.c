/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/elasticsearch_judge.h"

#include "base/hash.h"
#include "sink/elasticsearch_encode.h"
#include "sink/http_policy.h"

enum { TEXT_MAX = 512, SAMPLES = 64 };

/* ---- indexes that take records ---- */

static uint64_t index_hash(const struct sl_batch *b, size_t i)
{
    struct sl_slice name = sl_es_item_index(b, &b->items[i]);

    return sl_hash(name.p, name.n);
}

static void see(struct sl_es_seen *seen, uint64_t hash, uint64_t now_ms)
{
    size_t i = 0;

    if (seen->last[1].used && seen->last[1].hash == hash)
        i = 1;
    else if (seen->last[0].used && seen->last[0].hash != hash)
        i = !seen->last[1].used || seen->last[1].at_ms <= seen->last[0].at_ms ? 1 : 0;
    seen->last[i].hash = hash;
    seen->last[i].at_ms = now_ms;
    seen->last[i].used = true;
}

static bool other_takes(const struct sl_es_seen *seen, uint64_t hash, uint64_t now_ms)
{
    for (size_t i = 0; i < 2; i++)
        if (seen->last[i].used && seen->last[i].hash != hash &&
            now_ms - seen->last[i].at_ms < SL_ES_SEEN_MS)
            return true;
    return false;
}

/* On the good path a sample will do: what it misses makes a later fault look wider than it is, and
 * the probing of a stalled sink puts that right. */
static void see_sample(struct sl_batch *b, struct sl_es_seen *seen, uint64_t now_ms)
{
    size_t step = b->n_items / SAMPLES + 1;

    for (size_t i = 0; i < b->n_items; i += step)
        see(seen, index_hash(b, i), now_ms);
}

/* ---- one item ---- */

struct judging {
    struct sl_batch *b;
    struct sl_es_seen *seen;
    struct sl_buf *reason; /* the first that is not DELIVERED; a STALL's replaces others */
    struct sl_buf text;
    uint64_t now_ms;
    bool data_stream, throttled, stall;
};

static bool holds(struct sl_slice text, const char *words)
{
    return text.n > 0 && memmem(text.p, text.n, words, strlen(words));
}

static bool shard_limit(const struct sl_es_reply_item *item)
{
    return holds(item->reason, "shards open") || holds(item->reason, "this action would add [");
}

static bool no_stream_template(const struct judging *j, const struct sl_es_reply_item *item)
{
    return holds(item->reason, "no matching index template found for data stream") ||
           (j->data_stream && item->status == 404);
}

/* The block that a full disk brings on: 403 before Elasticsearch 7.7, 429 since, number 12 always.
 * Nobody asks for less there, and no record is to blame. */
static bool disk_full(const struct sl_es_reply_item *item)
{
    return sl_slice_is(item->type, "cluster_block_exception") &&
           (item->status == 429 || holds(item->reason, "/12/"));
}

/* What is said of one index: apart when others take records. */
static enum sl_outcome confined(const struct judging *j, size_t i, enum sl_outcome apart,
                                enum sl_outcome everywhere)
{
    return other_takes(j->seen, index_hash(j->b, i), j->now_ms) ? apart : everywhere;
}

static enum sl_outcome judge_item(struct judging *j, size_t i, const struct sl_es_reply_item *item)
{
    if (disk_full(item))
        return confined(j, i, SL_PARK_ON, SL_STALL);
    switch (item->status) {
    case 200:
    case 201:
    case 409:
        return SL_DELIVERED;
    case 401:
        return SL_STALL;
    case 400:
        if (shard_limit(item) || sl_slice_is(item->type, "illegal_state_exception"))
            return SL_STALL;
        if (sl_slice_is(item->type, "index_closed_exception"))
            return confined(j, i, SL_PARK, SL_STALL);
        return no_stream_template(j, item) ? SL_STALL : SL_REFUSED;
    case 403:
    case 404:
        if (no_stream_template(j, item))
            return SL_STALL;
        return confined(j, i, SL_PARK, SL_STALL);
    case 408:
    case 429:
        return SL_AGAIN;
    case 503:
        return confined(j, i, SL_PARK_ON, SL_AGAIN);
    default:
        return item->status >= 400 && item->status < 500 ? SL_REFUSED : SL_AGAIN;
    }
}

static void note_delivered(void *user, size_t i, const struct sl_es_reply_item *item)
{
    struct judging *j = user;

    if (item->status == 200 || item->status == 201 || item->status == 409)
        see(j->seen, index_hash(j->b, i), j->now_ms);
}

static void settle_item(void *user, size_t i, const struct sl_es_reply_item *reply)
{
    struct judging *j = user;
    struct sl_item *item = &j->b->items[i];
    enum sl_outcome outcome = judge_item(j, i, reply);

    item->outcome = (uint8_t)outcome;
    item->status = reply->status;
    if (outcome == SL_DELIVERED)
        return;
    j->throttled |= reply->status == 429 && outcome == SL_AGAIN;
    sl_buf_clear(&j->text);
    sl_es_reply_text(reply, TEXT_MAX, &j->text);
    if (j->text.n == 0)
        sl_buf_printf(&j->text, "status %u", reply->status);
    /* A text is kept with the record where it can end in a dead letter; once, however often it is
     * tried. */
    if (outcome == SL_REFUSED || (outcome == SL_PARK && !item->reason))
        sl_batch_reason(j->b, item, sl_buf_as_slice(&j->text));
    if (j->reason->n > 0 && (j->stall || outcome != SL_STALL))
        return;
    j->stall = outcome == SL_STALL;
    sl_buf_clear(j->reason);
    sl_http_text(sl_buf_as_slice(&j->text), SL_HTTP_REASON_MAX, j->reason);
    if (j->stall && no_stream_template(j, reply))
        sl_buf_text(j->reason, SL_ES_SETUP_WORDS);
}

/* ---- the answer ---- */

void sl_es_judge(struct sl_batch *b, struct sl_slice body, bool data_stream, uint64_t now_ms,
                 struct sl_es_seen *seen, struct sl_buf *reason, struct sl_result *ret)
{
    struct judging j = {
        .b = b, .seen = seen, .reason = reason, .now_ms = now_ms, .data_stream = data_stream};
    struct sl_es_reply reply;
    const char *why;

    sl_buf_clear(reason);
    *ret = (struct sl_result){.outcome = SL_AGAIN, .status = 200};
    if (sl_es_reply_read(body, b->n_items, NULL, NULL, &reply, &why) != SL_OK) {
        sl_buf_printf(reason, "not the answer to a bulk request of %zu items: %s", b->n_items, why);
    } else if (reply.good == b->n_items) {
        see_sample(b, seen, now_ms);
        ret->outcome = SL_DELIVERED;
    } else {
        sl_buf_init(&j.text, TEXT_MAX);
        /* First who was delivered, for what that says about the others. */
        sl_es_reply_read(body, b->n_items, note_delivered, &j, &reply, &why);
        sl_es_reply_read(body, b->n_items, settle_item, &j, &reply, &why);
        sl_buf_release(&j.text);
        ret->per_item = true;
        ret->outcome = j.stall ? SL_STALL : SL_AGAIN;
        ret->throttled = j.throttled;
    }
    ret->reason = sl_buf_str(reason);
}
