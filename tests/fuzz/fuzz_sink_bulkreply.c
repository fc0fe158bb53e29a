/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "sink/elasticsearch_reply.h"
#include "fuzz.h"

/* The first byte is the number of items that were sent, the rest is the answer. What the reader
 * takes must hold together; whatever it refuses must have a reason. */

struct seen {
    size_t n, good;
};

static void note(void *user, size_t index, const struct sl_es_reply_item *item)
{
    struct seen *s = user;
    struct sl_buf text;

    if (index != s->n || item->status < 100 || item->status > 599)
        abort();
    s->n++;
    s->good += item->status == 200 || item->status == 201 || item->status == 409;
    sl_buf_init(&text, 512);
    sl_es_reply_text(item, 512, &text);
    if (text.full)
        abort();
    sl_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_es_reply reply;
    struct seen seen = {0};
    const char *why;
    struct sl_buf text;

    if (size == 0)
        return 0;
    struct sl_slice body = sl_slice((const char *)data + 1, size - 1);
    int code = sl_es_reply_read(body, data[0], note, &seen, &reply, &why);

    if ((code == SL_OK) != (why == NULL) || seen.n > data[0])
        abort();
    if (code == SL_OK && (seen.n != data[0] || reply.items != seen.n || reply.good != seen.good))
        abort();
    sl_buf_init(&text, 512);
    sl_es_reply_error(body, 512, &text);
    sl_buf_release(&text);
    return 0;
}
