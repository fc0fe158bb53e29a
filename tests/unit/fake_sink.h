/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FAKE_SINK_H
#define TESTS_FAKE_SINK_H

/* Sink types that do what the test says: what is submitted waits in a list until the test answers.
 * A record is encoded as a line of partition, offset and as many bytes as its value has. */
#include <stdio.h>

#include "base/buf.h"
#include "sluice/sink.h"

enum { FAKE_PENDING_MAX = 64 };

struct fake_sinks {
    struct sl_batch *pending[FAKE_PENDING_MAX];
    size_t n;
    unsigned most;
};

static struct fake_sinks *fake_sinks; /* the vtables have no other way to it */

static int fake_init(struct sl_sink *s, struct sl_error *err)
{
    (void)s;
    (void)err;
    return SL_OK;
}

static void fake_release(struct sl_sink *s)
{
    (void)s;
}

static int fake_key(struct sl_sink *s, const struct sl_record *r, struct sl_buf *ret)
{
    (void)s;
    sl_buf_printf(ret, "key=%lld", (long long)(r->message->offset % 5));
    return SL_OK;
}

static size_t fake_bound(struct sl_sink *s, const struct sl_record *r)
{
    (void)s;
    return r->message->value.n + 32;
}

static int fake_encode(struct sl_sink *s, struct sl_batch *b, const struct sl_record *r,
                       struct sl_item *item)
{
    (void)s;
    sl_buf_printf(&b->data, "%d:%lld ", (int)r->message->at->number, (long long)r->message->offset);
    sl_buf_slice(&b->data, r->message->value);
    sl_buf_byte(&b->data, '\n');
    item->verbatim = false;
    return SL_OK;
}

static void fake_seal(struct sl_sink *s, struct sl_batch *b)
{
    (void)s;
    sl_buf_clear(&b->wire);
    sl_buf_append(&b->wire, b->data.p, b->data.n);
    b->body = sl_buf_as_slice(&b->wire);
}

static void fake_submit(struct sl_sink *s, struct sl_batch *b)
{
    (void)s;
    assert_true(b->body.n > 0);
    assert_true(b->records > 0);
    assert_true(fake_sinks->n < FAKE_PENDING_MAX);
    fake_sinks->pending[fake_sinks->n++] = b;
    if (fake_sinks->n > fake_sinks->most)
        fake_sinks->most = (unsigned)fake_sinks->n;
}

static inline struct sl_batch *fake_take(size_t i)
{
    struct sl_batch *b = fake_sinks->pending[i];

    fake_sinks->pending[i] = fake_sinks->pending[--fake_sinks->n];
    return b;
}

static void fake_cancel(struct sl_sink *s, struct sl_batch *b)
{
    (void)s;
    for (size_t i = 0; i < fake_sinks->n; i++)
        if (fake_sinks->pending[i] == b)
            fake_take(i);
}

/* Reads back what a body holds, line by line from *at. */
static inline bool fake_next_line(const struct sl_batch *b, const char **at, int *ret_partition,
                                  int64_t *ret_offset)
{
    const char *end = b->body.p + b->body.n;
    char line[48] = "";
    long long offset;

    if (*at == end)
        return false;
    memcpy(line, *at,
           (size_t)(end - *at) < sizeof(line) - 1 ? (size_t)(end - *at) : sizeof(line) - 1);
    assert_int_equal(sscanf(line, "%d:%lld ", ret_partition, &offset), 2);
    *ret_offset = offset;
    *at = (const char *)memchr(*at, '\n', (size_t)(end - *at)) + 1;
    return true;
}

static const struct sl_sink_type fake_items_type = {
    .name = "fake",
    .flags = SL_SINK_ITEMS,
    .init = fake_init,
    .release = fake_release,
    .bound = fake_bound,
    .encode = fake_encode,
    .seal = fake_seal,
    .submit = fake_submit,
    .cancel = fake_cancel,
};

static const struct sl_sink_type fake_cuts_type = {
    .name = "fake",
    .flags = SL_SINK_CUTS | SL_SINK_KEYED,
    .init = fake_init,
    .release = fake_release,
    .key = fake_key,
    .bound = fake_bound,
    .encode = fake_encode,
    .seal = fake_seal,
    .submit = fake_submit,
    .cancel = fake_cancel,
};

#endif
