/* SPDX-License-Identifier: Apache-2.0 */
/* A reply of an S3 store: status from the first byte, headers up to an empty line, then the body.
 */
#include <stdlib.h>
#include <string.h>

#include "sink/s3_key.h"
#include "sink/s3_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct sl_s3_config config = {.bucket = "logs"};
    const struct sl_s3_identity id = {
        .topic = "t", .first = 1, .last = 2, .hash = "0123456789abcdef"};
    struct sl_http_reply reply = {.result = SL_HTTP_OK};
    struct sl_s3_verdict v;
    const char *text = (const char *)data + 1, *gap;

    if (n < 1)
        return 0;
    n--;
    reply.status = 100 + data[0] * 2;
    gap = memmem(text, n, "\r\n\r\n", 4);
    reply.headers = sl_slice(text, gap ? (size_t)(gap - text) + 2 : n);
    reply.body = gap ? sl_slice(gap + 4, n - (size_t)(gap - text) - 4) : sl_slice(text, 0);
    sl_s3_judge(&reply, &config, "PUT s3://logs/k", 1700000000000, &v);
    check(v.result.outcome == SL_DELIVERED || v.result.outcome == SL_AGAIN ||
          v.result.outcome == SL_STALL);
    check((v.result.outcome == SL_DELIVERED) == (reply.status >= 200 && reply.status < 300));
    check(strlen(v.reason) < SL_S3_REASON_MAX);
    for (const char *c = v.reason; *c; c++)
        check((unsigned char)*c >= ' ' && *c != 127);
    sl_s3_compare(&id, &reply);
    return 0;
}
