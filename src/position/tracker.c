/* SPDX-License-Identifier: Apache-2.0 */
#include "sluice/position.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

static void hash_place(struct sl_partition *p, const char *cluster_id)
{
    uint8_t digest[SL_SHA256_BYTES];
    char *text = sl_asprintf("%s\n%s\n%d", cluster_id, p->topic->name, (int)p->number);

    sl_sha256(text, strlen(text), digest);
    memcpy(p->place, digest, sizeof(p->place));
    free(text);
}

struct sl_partition *sl_partition_new(struct sl_topic *topic, int32_t number, uint64_t epoch,
                                      size_t n_sinks, const char *cluster_id)
{
    struct sl_partition *p = sl_zalloc(sizeof(*p) + n_sinks * sizeof(p->sinks[0]));

    p->topic = topic;
    p->number = number;
    p->epoch = epoch;
    p->refs = 1;
    p->next = p->committed = p->log_end = -1;
    p->n_sinks = n_sinks;
    sl_list_init(&p->crcs);
    for (size_t i = 0; i < n_sinks; i++)
        sl_list_init(&p->sinks[i].spans);
    hash_place(p, cluster_id);
    return p;
}

struct sl_partition *sl_partition_ref(struct sl_partition *p)
{
    p->refs++;
    return p;
}

void sl_partition_unref(struct sl_partition *p)
{
    if (p && --p->refs == 0)
        free(p);
}

int64_t sl_partition_position(const struct sl_partition *p, size_t sink)
{
    const struct sl_sink_position *s = &p->sinks[sink];

    if (!sl_list_empty(&s->spans))
        return sl_container_of(s->spans.next, struct sl_span, node)->first;
    /* A sink that was ahead when the assignment began keeps its own position until the reader is
     * there. */
    return p->next >= 0 && s->from > p->next ? s->from : p->next;
}

int64_t sl_partition_least(const struct sl_partition *p)
{
    int64_t least = p->n_sinks > 0 ? sl_partition_position(p, 0) : p->next;

    for (size_t i = 1; i < p->n_sinks; i++) {
        int64_t position = sl_partition_position(p, i);

        if (position < least)
            least = position;
    }
    return least;
}

bool sl_partition_idle(const struct sl_partition *p)
{
    for (size_t i = 0; i < p->n_sinks; i++)
        if (!sl_list_empty(&p->sinks[i].spans))
            return false;
    return true;
}

static void big_endian(uint8_t *to, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (uint8_t)(v >> 8 * (n - 1 - i));
}

void sl_partition_advance(struct sl_partition *p, int64_t offset, int64_t timestamp_ms,
                          uint32_t value_crc)
{
    struct sl_list *at;

    assert(p->next < 0 || offset >= p->next);
    if (!sl_list_empty(&p->crcs)) {
        /* The value stands in the sum by its own CRC, which record ids need as well: large values
         * are read once. */
        uint8_t bytes[20];

        big_endian(bytes, (uint64_t)offset, 8);
        big_endian(bytes + 8, (uint64_t)timestamp_ms, 8);
        big_endian(bytes + 16, value_crc, 4);
        sl_list_each (at, &p->crcs) {
            struct sl_span *span = sl_container_of(at, struct sl_span, crc_node);

            span->crc = sl_crc32c(span->crc, bytes, sizeof(bytes));
            span->last = offset;
        }
    }
    p->next = offset + 1;
}

void sl_partition_skip(struct sl_partition *p, int64_t next)
{
    if (next > p->next)
        p->next = next;
}

struct sl_hold *sl_hold_new(size_t sink, bool crc)
{
    struct sl_hold *h = sl_zalloc(sizeof(*h));

    h->sink = sink;
    h->refs = 1;
    h->crc = crc;
    return h;
}

struct sl_hold *sl_hold_ref(struct sl_hold *h)
{
    h->refs++;
    return h;
}

void sl_hold_close(struct sl_hold *h)
{
    for (size_t i = 0; i < h->n; i++)
        sl_list_remove(&h->spans[i]->crc_node);
}

void sl_hold_unref(struct sl_hold *h)
{
    if (!h || --h->refs > 0)
        return;
    for (size_t i = 0; i < h->n; i++) {
        struct sl_span *span = h->spans[i];

        sl_list_remove(&span->node);
        sl_list_remove(&span->crc_node);
        sl_partition_unref(span->partition);
        free(span);
    }
    free(h->spans);
    free(h);
}

/* Messages come in runs of one partition, so the span covered last is looked at first. */
static size_t find_span(const struct sl_hold *h, const struct sl_partition *p)
{
    if (h->recent < h->n && h->spans[h->recent]->partition == p)
        return h->recent;
    for (size_t i = 0; i < h->n; i++)
        if (h->spans[i]->partition == p)
            return i;
    return h->n;
}

size_t sl_hold_cover(struct sl_hold *h, struct sl_partition *p, int64_t offset)
{
    struct sl_span *span;

    h->recent = find_span(h, p);
    if (h->recent < h->n) {
        span = h->spans[h->recent];
        if (offset > span->last)
            span->last = offset;
        return h->recent;
    }
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 4;
        h->spans = sl_reallocarray(h->spans, h->cap, sizeof(*h->spans));
    }
    span = sl_zalloc(sizeof(*span));
    *span = (struct sl_span){
        .hold = h, .partition = sl_partition_ref(p), .first = offset, .last = offset};
    assert(sl_list_empty(&p->sinks[h->sink].spans) ||
           sl_container_of(p->sinks[h->sink].spans.prev, struct sl_span, node)->first <= offset);
    sl_list_push(&p->sinks[h->sink].spans, &span->node);
    sl_list_init(&span->crc_node);
    if (h->crc)
        sl_list_push(&p->crcs, &span->crc_node);
    h->spans[h->n] = span;
    return h->n++;
}
