/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/dlq_letter.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "sluice/record.h"

enum { NS_PER_MS = 1000000 };
#define OFFSETS_MAX ((int64_t)1 << 32) /* 512 MiB of bits */

/* ---- numbers ---- */

/* Digits from *at on, at most `max`; *at moves behind them. */
static bool digits(struct sl_slice text, size_t *at, int64_t max, int64_t *ret)
{
    int64_t value = 0;
    size_t i = *at;

    for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
        int digit = text.p[i] - '0';

        if (value > (max - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (i == *at)
        return false;
    *at = i;
    *ret = value;
    return true;
}

static bool number(struct sl_slice text, int64_t max, int64_t *ret)
{
    size_t at = 0;

    return digits(text, &at, max, ret) && at == text.n;
}

bool sl_place_parse(const char *text, struct sl_slice *ret_topic, int32_t *ret_partition,
                    int64_t *ret_offset)
{
    const char *offset = strrchr(text, '/'), *partition = offset;
    int64_t p;

    while (partition > text && *--partition != '/')
        ;
    if (!offset || partition <= text || *partition != '/')
        return false;
    if (!number(sl_slice(partition + 1, (size_t)(offset - partition) - 1), INT32_MAX, &p) ||
        !number(sl_slice_str(offset + 1), INT64_MAX, ret_offset))
        return false;
    *ret_topic = sl_slice(text, (size_t)(partition - text));
    *ret_partition = (int32_t)p;
    return true;
}

/* ---- letters ---- */

struct own {
    const struct sl_header *items;
    size_t n;
};

/* The last run of Sluice's own headers; n 0: there is none. */
static struct own own_headers(const struct sl_message *m)
{
    size_t begin = m->n_headers;

    while (begin > 0 && !sl_slice_is(m->headers[begin - 1].name, "sluice-sink"))
        begin--;
    if (begin == 0)
        return (struct own){NULL, 0};
    begin--;
    for (size_t i = begin; i < m->n_headers; i++)
        if (m->headers[i].name.n < 7 || memcmp(m->headers[i].name.p, "sluice-", 7) != 0)
            return (struct own){NULL, 0};
    return (struct own){m->headers + begin, m->n_headers - begin};
}

static struct sl_slice find(struct own own, const char *name)
{
    for (size_t i = 0; i < own.n; i++)
        if (sl_slice_is(own.items[i].name, name))
            return own.items[i].value;
    return (struct sl_slice){NULL, 0};
}

static int64_t find_number(struct own own, const char *name, int64_t max, int64_t otherwise)
{
    int64_t value;

    return number(find(own, name), max, &value) ? value : otherwise;
}

static bool is_mark(const struct sl_message *m)
{
    return !m->key.p && !m->value.p && m->n_headers > 0 &&
           sl_slice_is(m->headers[0].name, SL_MARK_HEADER);
}

/* Anybody may write to the topic: this name is looked up, and perhaps written to. */
static bool is_topic(struct sl_slice name)
{
    enum { TOPIC_MAX = 249 };

    for (size_t i = 0; i < name.n; i++) {
        const char c = name.p[i];

        if ((c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '.' &&
            c != '_' && c != '-')
            return false;
    }
    return name.n > 0 && name.n <= TOPIC_MAX;
}

enum sl_letter_kind sl_dead_letter_read(const struct sl_kafka_record *r, struct sl_dead_letter *ret)
{
    const struct sl_message *m = &r->message;
    const struct own own = own_headers(m);
    const struct sl_slice time = find(own, "sluice-time");
    int64_t ns;

    if (own.n == 0)
        return is_mark(m) ? SL_LETTER_MARK : SL_LETTER_NONE;
    *ret = (struct sl_dead_letter){
        .topic = r->topic,
        .partition = r->partition,
        .offset = m->offset,
        .message = m,
        .n_headers = m->n_headers - own.n,
        .sink = find(own, "sluice-sink"),
        .reason = find(own, "sluice-reason"),
        .rule = find(own, "sluice-rule"),
        .status = (int)find_number(own, "sluice-status", INT32_MAX, 0),
        .source_topic = find(own, "sluice-topic"),
        .source_partition = (int32_t)find_number(own, "sluice-partition", INT32_MAX, -1),
        .source_offset = find_number(own, "sluice-offset", INT64_MAX, -1),
        .source_index = (uint32_t)find_number(own, "sluice-index", UINT32_MAX, 0),
        .source_ms = find_number(own, "sluice-timestamp", INT64_MAX, -1),
        .truncated = find(own, "sluice-truncated"),
    };
    ret->time_ms = time.p && sl_time_from_rfc3339(time, &ns) ? ns / NS_PER_MS : -1;
    if (!ret->sink.p || !is_topic(ret->source_topic) || ret->source_partition < 0 ||
        ret->source_offset < 0)
        return SL_LETTER_NONE;
    return SL_LETTER_DEAD;
}

void sl_dead_letter_place(const struct sl_dead_letter *l, struct sl_buf *out)
{
    sl_buf_printf(out, "%s/%" PRId32 "/%" PRId64, l->topic, l->partition, l->offset);
}

void sl_dead_letter_source(const struct sl_dead_letter *l, struct sl_buf *out)
{
    sl_buf_slice(out, l->source_topic);
    sl_buf_printf(out, "/%" PRId32 "/%" PRId64, l->source_partition, l->source_offset);
}

/* ---- marks ---- */

int sl_redriven_init(struct sl_redriven *r, int32_t partition, int64_t low, int64_t high,
                     struct sl_error *err)
{
    *r = (struct sl_redriven){.partition = partition, .low = low, .high = high};
    if (high - low > OFFSETS_MAX)
        return sl_fail(err, SL_ELIMIT,
                       "partition %" PRId32 " has %" PRId64 " offsets; no account is kept of more "
                       "than %" PRId64,
                       partition, high - low, OFFSETS_MAX);
    r->bits = sl_calloc((size_t)(high - low) / 64 + 1, sizeof(*r->bits));
    return SL_OK;
}

void sl_redriven_release(struct sl_redriven *r)
{
    free(r->bits);
    *r = (struct sl_redriven){0};
}

bool sl_redriven_has(const struct sl_redriven *r, int64_t offset)
{
    uint64_t at = (uint64_t)(offset - r->low);

    return offset >= r->low && offset < r->high && (r->bits[at / 64] >> at % 64 & 1);
}

void sl_redriven_add(struct sl_redriven *r, int64_t first, int64_t last)
{
    if (first < r->low)
        first = r->low;
    if (last >= r->high)
        last = r->high - 1;
    for (; first <= last; first++) {
        uint64_t at = (uint64_t)(first - r->low);

        r->bits[at / 64] |= (uint64_t)1 << at % 64;
    }
}

void sl_redriven_mark(struct sl_redriven *r, const struct sl_kafka_record *mark)
{
    struct sl_slice text = mark->message.headers[0].value;
    int64_t partition, first, last;
    char before = '/';
    size_t at = 0;

    if (!digits(text, &at, INT32_MAX, &partition) || partition != r->partition ||
        mark->partition != r->partition)
        return;
    while (at < text.n && text.p[at++] == before) {
        before = ',';
        if (!digits(text, &at, INT64_MAX, &first))
            return;
        last = first;
        if (at < text.n && text.p[at] == '-' && (at++, !digits(text, &at, INT64_MAX, &last)))
            return;
        if (last >= mark->message.offset)
            last = mark->message.offset - 1;
        sl_redriven_add(r, first, last);
    }
}

void sl_mark_write(int32_t partition, const int64_t *offsets, size_t n, size_t *at,
                   struct sl_buf *out)
{
    enum { ENTRY_MAX = 48 };
    char mark = '/';

    sl_buf_printf(out, "%" PRId32, partition);
    while (*at < n && out->n + ENTRY_MAX <= SL_MARK_TEXT_MAX) {
        int64_t first = offsets[(*at)++], last = first;

        while (*at < n && offsets[*at] <= last + 1)
            last = offsets[(*at)++];
        sl_buf_printf(out, "%c%" PRId64, mark, first);
        if (last > first)
            sl_buf_printf(out, "-%" PRId64, last);
        mark = ',';
    }
}
