/* SPDX-License-Identifier: Apache-2.0 */
#include "position/plan.h"

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
    p->next = p->committed = p->log_start = p->log_end = -1;
    p->n_sinks = n_sinks;
    sl_list_init(&p->crcs);
    for (size_t i = 0; i < n_sinks; i++) {
        sl_list_init(&p->sinks[i].spans);
        sl_list_init(&p->sinks[i].crcs);
        p->sinks[i].catch_up = -1;
    }
    for (size_t i = 0; i < SL_BEHIND_S; i++)
        p->passed[i] = -1;
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
    if (!p || --p->refs > 0)
        return;
    free(p->eras);
    free(p->carried);
    free(p);
}

int64_t sl_partition_position(const struct sl_partition *p, size_t sink)
{
    const struct sl_sink_position *s = &p->sinks[sink];
    int64_t next = p->next;

    /* What neither reader has given to it yet. A sink that is ahead of the live reader keeps its
     * own position; one that is detached has its own reader, and from the moment its hand-over is
     * fixed all that is left of the catch-up is outstanding. */
    if (s->catch_up >= 0)
        next = s->catch_up;
    else if (p->next >= 0 && s->from > p->next)
        next = s->from;
    if (!sl_list_empty(&s->spans)) {
        int64_t first = sl_container_of(s->spans.next, struct sl_span, node)->first;

        if (first < next)
            next = first;
    }
    return s->plan.end > 0 && s->plan.first < next ? s->plan.first : next;
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

/* The value stands in the sum by its own CRC, which record ids need as well: large values are read
 * once. */
static uint32_t sum_one(uint32_t crc, int64_t offset, int64_t timestamp_ms, uint32_t value_crc)
{
    uint8_t bytes[20];

    big_endian(bytes, (uint64_t)offset, 8);
    big_endian(bytes + 8, (uint64_t)timestamp_ms, 8);
    big_endian(bytes + 16, value_crc, 4);
    return sl_crc32c(crc, bytes, sizeof(bytes));
}

static void sum(struct sl_list *crcs, int64_t offset, int64_t timestamp_ms, uint32_t value_crc)
{
    struct sl_list *at;

    sl_list_each (at, crcs) {
        struct sl_span *span = sl_container_of(at, struct sl_span, crc_node);

        span->crc = sum_one(span->crc, offset, timestamp_ms, value_crc);
        span->last = offset;
    }
}

void sl_partition_advance(struct sl_partition *p, int64_t offset, int64_t timestamp_ms,
                          uint32_t value_crc)
{
    assert(p->next < 0 || offset >= p->next);
    sum(&p->crcs, offset, timestamp_ms, value_crc);
    p->next = offset + 1;
}

void sl_partition_caught(struct sl_partition *p, size_t sink, int64_t offset, int64_t timestamp_ms,
                         uint32_t value_crc)
{
    struct sl_sink_position *s = &p->sinks[sink];

    assert(s->catch_up >= 0 && offset >= s->catch_up && offset < s->from);
    if (sl_plan_repeat_end(p, sink) > offset)
        s->plan.read = sum_one(s->catch_up > s->plan.first ? s->plan.read : 0, offset, timestamp_ms,
                               value_crc);
    sum(&s->crcs, offset, timestamp_ms, value_crc);
    sl_partition_caught_skip(p, sink, offset + 1);
}

void sl_partition_skip(struct sl_partition *p, int64_t next)
{
    if (next > p->next)
        p->next = next;
}

void sl_partition_tick(struct sl_partition *p)
{
    memmove(p->passed + 1, p->passed, sizeof(p->passed) - sizeof(p->passed[0]));
    p->passed[0] = p->next;
}

bool sl_partition_behind(const struct sl_partition *p, size_t sink)
{
    int64_t then = p->passed[SL_BEHIND_S - 1];

    if (p->sinks[sink].catch_up >= 0)
        return true;
    if (sl_partition_position(p, sink) >= then)
        return false;
    for (size_t i = 0; i < p->n_sinks; i++)
        if (p->sinks[i].catch_up < 0 && sl_partition_position(p, i) >= then)
            return true;
    return false;
}

struct sl_hold *sl_hold_new(size_t sink, bool crc, bool catch_up)
{
    struct sl_hold *h = sl_zalloc(sizeof(*h));

    h->sink = sink;
    h->refs = 1;
    h->crc = crc;
    h->catch_up = catch_up;
    return h;
}

struct sl_hold *sl_hold_ref(struct sl_hold *h)
{
    h->refs++;
    return h;
}

void sl_hold_close(struct sl_hold *h)
{
    for (size_t i = 0; i < h->n; i++) {
        struct sl_span *span = h->spans[i];
        const struct sl_plan *plan = &span->partition->sinks[h->sink].plan;

        sl_list_remove(&span->crc_node);
        if (!h->closed && h->crc && h->catch_up && plan->end > 0 && span->first == plan->first &&
            sl_plan_repeat_end(span->partition, h->sink) == 0)
            span->last = plan->end - 1;
    }
    h->closed = true;
}

/* Of a sink that was detached before, nothing changes here. One that has been attached again is
 * handed over once more; a span of the live reader, from which only a detach takes back, makes it
 * one. */
static void read_again(struct sl_sink_position *s, int64_t first)
{
    if (s->catch_up < 0 || s->catch_up > first)
        s->catch_up = first;
    if (s->from <= first)
        s->from = INT64_MAX;
}

void sl_hold_let_go(struct sl_hold *h)
{
    h->closed = true;
    for (size_t i = 0; i < h->n; i++) {
        struct sl_span *span = h->spans[i];

        if (span->let_go)
            continue;
        read_again(&span->partition->sinks[h->sink], span->first);
        sl_list_remove(&span->node);
        sl_list_remove(&span->crc_node);
        span->let_go = true;
    }
}

void sl_hold_unref(struct sl_hold *h)
{
    if (!h || --h->refs > 0)
        return;
    for (size_t i = 0; i < h->n; i++) {
        struct sl_span *span = h->spans[i];

        sl_list_remove(&span->node);
        sl_list_remove(&span->crc_node);
        sl_plan_drop_done(span->partition, h->sink);
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

/* Spans of one reader come in ascending order; those of the side reader lie before those of the
 * live one while a hand-over is under way. */
static void insert(struct sl_list *spans, struct sl_span *span)
{
    struct sl_list *at = spans->prev;

    while (at != spans && sl_container_of(at, struct sl_span, node)->first > span->first)
        at = at->prev;
    sl_list_push_front(at, &span->node); /* behind `at`: each node is the head of what follows it */
}

size_t sl_hold_cover(struct sl_hold *h, struct sl_partition *p, int64_t offset)
{
    struct sl_sink_position *s = &p->sinks[h->sink];
    struct sl_span *span;

    h->recent = find_span(h, p);
    if (h->recent < h->n) {
        span = h->spans[h->recent];
        if (offset > span->last)
            span->last = offset;
        span->records++;
        return h->recent;
    }
    if (h->n == h->cap) {
        h->cap = h->cap ? 2 * h->cap : 4;
        h->spans = sl_reallocarray(h->spans, h->cap, sizeof(*h->spans));
    }
    span = sl_zalloc(sizeof(*span));
    *span = (struct sl_span){
        .hold = h, .partition = sl_partition_ref(p), .first = offset, .last = offset, .records = 1};
    if (h->crc && h->catch_up && sl_plan_repeat_end(p, h->sink) > offset) {
        span->first = s->plan.first; /* whatever of it compaction has taken since */
        if (s->catch_up > s->plan.first)
            span->crc = s->plan.read;
    }
    insert(&s->spans, span);
    sl_list_init(&span->crc_node);
    if (h->crc)
        sl_list_push(h->catch_up ? &s->crcs : &p->crcs, &span->crc_node);
    h->spans[h->n] = span;
    return h->n++;
}
