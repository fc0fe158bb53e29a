/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/inflate.h"
#include "fuzz.h"

/* Any bytes as gzip. The first byte chooses the room. What must hold: the bounds; what fails leaves
 * nothing behind; two of what is good one after the other give the same twice. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sl_inflater *z;
    static struct sl_buf out, twice;
    struct sl_slice in;
    const char *why;
    size_t n;
    int rc;

    if (size == 0)
        return 0;
    if (!z) {
        z = sl_inflater_new();
        sl_buf_init(&twice, 128 << 20);
    }
    in = sl_slice((const char *)data + 1, size - 1);
    out.max = (size_t)1 << (data[0] % 25);
    out.n = 0;
    rc = sl_inflate(z, in, &out, &why);
    n = out.n;
    CHECK((rc == SL_OK) == !why && (rc == SL_OK || n == 0));
    CHECK(n <= out.max && n <= in.n * SL_INFLATE_RATIO + SL_INFLATE_FREE);
    sl_buf_clear(&twice);
    sl_buf_slice(&twice, in);
    sl_buf_slice(&twice, in);
    sl_buf_release(&out);
    if (rc != SL_OK || n > 1 << 20)
        return 0;
    out.max = 4 << 20;
    CHECK(sl_inflate(z, sl_buf_as_slice(&twice), &out, &why) == SL_OK && out.n == 2 * n);
    CHECK(n == 0 || memcmp(out.p, out.p + n, n) == 0);
    sl_buf_release(&out);
    return 0;
}
