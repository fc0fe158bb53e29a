/* SPDX-License-Identifier: Apache-2.0 */
/* A page of a list and the names in it, from a store that may answer anything. */
#include <stdlib.h>

#include "archive/key_time.h"
#include "archive/listing.h"
#include "sink/s3_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void take(void *user, struct sl_slice key, uint64_t size, bool folder)
{
    static const char template_[] = "kind={@kind}/dt={@timestamp:%Y-%m-%d}/hour={@timestamp:%H}";
    struct sl_key_times t = sl_key_times(template_, key);
    struct sl_s3_named name;

    (void)user;
    (void)size;
    (void)folder;
    if (t.from_ns >= t.to_ns || key.n > SL_LISTING_KEY_MAX)
        abort();
    sl_key_tells_more(template_, key);
    if (sl_s3_object_parse(key, &name) &&
        (name.last < name.first || name.partition < 0 || name.topic.n == 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sl_listing l = {.take = take};
    struct sl_error err = {0};

    sl_buf_init(&l.token, SL_LISTING_TOKEN_MAX);
    sl_listing_parse(sl_slice((const char *)data, n), &l, &err);
    sl_buf_release(&l.token);
    return 0;
}
