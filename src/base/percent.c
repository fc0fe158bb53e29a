/* SPDX-License-Identifier: Apache-2.0 */
#include "base/percent.h"

static bool kept(char c, const char *keep)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(keep, c));
}

void sl_percent_encode(struct sl_slice text, const char *keep, struct sl_buf *out)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        const char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};

        if (kept((char)c, keep))
            sl_buf_byte(out, (char)c);
        else
            sl_buf_append(out, escaped, sizeof(escaped));
    }
}
